"""Settling over real HTTP on real PostgreSQL."""

import asyncio
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.database import embedded
from app.database.schema import let_in, migrate
from tests.conftest import ADMIN_TOKEN, APP_PASSWORD, TokenFactory, start_service
from tests.service.test_operations import ready_with
from tests.world import World, key


@pytest.fixture
async def world(client: httpx.AsyncClient) -> World:
    """A registered poor person, three hospitals and four items of its own."""
    return await World(client).build()


async def test_the_contracts_example_settles_to_its_amounts(world: World) -> None:
    """The bill in docs/specification/api.md, section 3, gives the six amounts and payables printed there."""
    answer = await world.settled(world.bill())
    assert answer["portions"] == {
        "basic": "23.75",
        "serious_illness": "0.00",
        "medical_assistance": "0.88",
        "safety_net": "0.00",
        "supplement": "0.00",
        "hospital": "0.00",
        "patient": "0.37",
    }
    assert answer["fund_total"] == "24.63"
    assert answer["payables"] == [
        {"fund": "390100", "tier": "basic", "amount": "23.75"},
        {"fund": "610100", "tier": "medical_assistance", "amount": "0.88"},
    ]
    assert answer["kind"] == "settlement"
    assert answer["status"] == "settled"
    assert answer["benefit_class"] == "registered_poor"
    assert answer["policy"]["version"] == "four-guarantees"
    assert [step["step"] for step in answer["trace"]] == list(range(1, len(answer["trace"]) + 1))
    assert all(step["formula"] for step in answer["trace"])


async def test_a_settlement_reads_back_as_it_was_answered(world: World) -> None:
    """Reading by id and by visit gives the very answer of the settling."""
    bill = world.bill("12000.00")
    answer = await world.settled(bill)
    by_id = await world.client.get(f"/v1/settlements/{answer['settlement_id']}")
    path = f"/v1/settlements/by-visit/{bill['hospital_code']}/{bill['visit_id']}/1"
    by_visit = await world.client.get(path)
    assert by_id.json() == answer
    assert by_visit.json() == answer


async def test_a_quote_gives_the_same_amounts_and_leaves_nothing(world: World) -> None:
    """A quote computes with the same engine; the year stays empty; the settlement then accepts the quote."""
    bill = world.bill("8000.00")
    quote = (await world.client.post("/v1/quotes", json=bill)).json()
    assert (await world.year())["own_total"] == "0.00"
    answer = await world.settled(
        bill | {"quote_id": quote["quote_id"], "expected_patient": quote["portions"]["patient"]}
    )
    same = ("portions", "scope", "payables", "year_to_date", "digest", "result_digest", "trace", "lines")
    assert {name: answer[name] for name in same} == {name: quote[name] for name in same}


async def test_an_unexpected_amount_settles_nothing_and_names_what_changed(world: World) -> None:
    """When another bill came between, the quote's amount no longer holds and the answer says why."""
    bill = world.bill("9000.00")
    quote = (await world.client.post("/v1/quotes", json=bill)).json()
    await world.settled(world.bill("70000.00", hospital_code=world.province))
    answer = await world.settle(bill | {"quote_id": quote["quote_id"]})
    assert answer.status_code == 409
    assert answer.json()["code"] == "quote_mismatch"
    assert answer.json()["changed"] == ["year_to_date"]
    alone = await world.settle(bill | {"expected_patient": "1.00"})
    assert alone.json()["code"] == "quote_mismatch"
    forged = await world.settle(bill | {"quote_id": quote["quote_id"][:-4] + "AAAA"})
    assert forged.json()["code"] == "quote_invalid"


async def test_a_repeated_request_is_answered_again_and_settles_once(world: World) -> None:
    """The same key and bill answer the first result, marked as a replay; another body under the key is refused."""
    bill, header = world.bill("300.00"), key()
    first = await world.client.post("/v1/settlements", json=bill, headers=header)
    again = await world.client.post("/v1/settlements", json=dict(reversed(bill.items())), headers=header)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    other = await world.client.post("/v1/settlements", json=bill | {"visit_id": "other"}, headers=header)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_client_may_prefer_a_small_answer(world: World) -> None:
    """With ``Prefer: return=minimal`` all is answered but summary, trace and lines, also in a quote and a replay; each
    answer says that it heeds it."""
    bill, header, minimal = world.bill("300.00"), key(), {"Prefer": "respond-async, Return=Minimal; wait=1"}
    explained, applied = {"summary", "trace", "lines"}, "Preference-Applied"
    quoted = await world.client.post("/v1/quotes", json=bill, headers=minimal)
    whole = (await world.client.post("/v1/quotes", json=bill)).json()
    assert (quoted.headers[applied], whole.keys() - quoted.json().keys()) == ("return=minimal", explained)
    bill["quote_id"] = quoted.json()["quote_id"]
    first = await world.client.post("/v1/settlements", json=bill, headers=header | minimal)
    assert (first.status_code, first.headers[applied]) == (201, "return=minimal")
    again = await world.client.post("/v1/settlements", json=bill, headers=header | minimal)
    assert (again.json(), again.headers[applied]) == (first.json(), "return=minimal")
    for other in ("return=representation, return=minimal", "return", "minimal"):
        replay = await world.client.post("/v1/settlements", json=bill, headers=header | {"Prefer": other})
        assert applied not in replay.headers
        assert {name: value for name, value in replay.json().items() if name not in explained} == first.json()
        assert explained <= replay.json().keys()


async def test_a_replay_answers_as_of_then(world: World) -> None:
    """After a reversal the replay of the settling still answers the settled bill."""
    bill, header = world.bill("300.00"), key()
    first = await world.client.post("/v1/settlements", json=bill, headers=header)
    await world.client.post(
        f"/v1/settlements/{first.json()['settlement_id']}/reversal", json={"reason": "录入错误"}, headers=key()
    )
    again = await world.client.post("/v1/settlements", json=bill, headers=header)
    assert again.json() == first.json()
    now = await world.client.get(f"/v1/settlements/{first.json()['settlement_id']}")
    assert now.json()["status"] == "reversed"


async def test_a_refused_request_leaves_its_key_free(world: World) -> None:
    """A refusal is not remembered: the corrected bill may use the same key."""
    header = key()
    wrong = await world.client.post("/v1/settlements", json=world.bill("25.00", total="26.00"), headers=header)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "total_mismatch")
    right = await world.client.post("/v1/settlements", json=world.bill(), headers=header)
    assert right.status_code == 201


@pytest.mark.parametrize(
    ("headers", "code"), [({}, "idempotency_key_missing"), ({"Idempotency-Key": "short"}, "idempotency_key_invalid")]
)
async def test_a_write_needs_a_key(world: World, headers: dict[str, str], code: str) -> None:
    """Without a key, or with one of the wrong form, nothing is settled."""
    answer = await world.client.post("/v1/settlements", json=world.bill(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_a_bill_settles_once_for_ever(world: World) -> None:
    """The same hospital, visit and sequence is a conflict that says where the settlement is, even after a reversal."""
    bill = world.bill()
    first = await world.settled(bill)
    again = await world.settle(bill)
    assert (again.status_code, again.json()["code"]) == (409, "already_settled")
    assert again.headers["Location"] == f"/v1/settlements/{first['settlement_id']}"
    await world.client.post(f"/v1/settlements/{first['settlement_id']}/reversal", json={"reason": "x"}, headers=key())
    assert (await world.settle(bill)).json()["code"] == "already_settled"
    assert (await world.settle(bill | {"settle_seq": 2})).status_code == 201


async def test_identical_requests_at_once_settle_once(world: World, connection: asyncpg.Connection) -> None:
    """Sixteen twins in flight give one settlement and equal answers."""
    bill, header = world.bill("5000.00"), key()
    twins = [world.client.post("/v1/settlements", json=bill, headers=header) for _ in range(16)]
    answers = await asyncio.gather(*twins)
    done = [answer for answer in answers if answer.status_code == 201]
    assert len(done) >= 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert all(answer.json() == done[0].json() for answer in done)
    count = await connection.fetchval("SELECT count(*) FROM settlement WHERE visit_id = $1", bill["visit_id"])
    assert count == 1


async def test_sixty_four_bills_of_one_person_at_once_give_the_serial_result(
    world: World, connection: asyncpg.Connection
) -> None:
    """However they interleave, each bill starts where another ended and no cap is passed."""
    bills = [world.bill("9000.00", hospital_code=world.province) for _ in range(64)]
    answers = await asyncio.gather(*(world.settle(bill) for bill in bills))
    assert [answer.status_code for answer in answers] == [201] * 64
    rows = await connection.fetch(
        "SELECT entry_no, document FROM settlement WHERE person_id = $1 ORDER BY entry_no", world.person
    )
    assert [row["entry_no"] for row in rows] == list(range(1, 65))
    by_after = {str(answer.json()["year_to_date"]["after"]) for answer in answers}
    starts = {str(answer.json()["year_to_date"]["before"]) for answer in answers}
    assert len(starts - by_after) == 1
    year = await world.year()
    assert year["basic_paid"] == "60000.00"
    assert Decimal(year["own_total"]) == sum(Decimal(answer.json()["portions"]["patient"]) for answer in answers)


async def test_a_reversal_restores_the_year_and_the_ledger(world: World, connection: asyncpg.Connection) -> None:
    """Reversing the last settlement gives back every accumulator and every fen that the funds owed."""
    await world.settled(world.bill("30000.00", hospital_code=world.county))
    before = await world.year()
    last = await world.settled(world.bill("80000.00", hospital_code=world.province))
    answer = await world.client.post(
        f"/v1/settlements/{last['settlement_id']}/reversal", json={"reason": "重复结算"}, headers=key()
    )
    assert answer.status_code == 201, answer.text
    reversal = answer.json()
    assert reversal["kind"] == "reversal"
    assert reversal["of_settlement_id"] == last["settlement_id"]
    assert reversal["adjustments"] == []
    assert {k: Decimal(v) for k, v in reversal["portions"].items()} == {
        k: -Decimal(v) for k, v in last["portions"].items()
    }
    assert reversal["total"] == "-80000.00"
    assert await world.year() == before
    owed = await connection.fetchval(
        """SELECT coalesce(sum(CASE WHEN a.path LIKE '%/payable/%' THEN t.amount ELSE -t.amount END), 0)
             FROM transfer t JOIN account a ON a.account_id = t.credit_account WHERE t.hospital_code = $1""",
        world.province,
    )
    assert owed == 0


async def test_an_earlier_settlement_is_not_reversed_while_later_ones_stand(world: World, token: TokenFactory) -> None:
    """The refusal lists the caller's own later settlements and counts the others."""
    first = await world.settled(world.bill())
    second = await world.settled(world.bill())
    await world.settled(world.bill(hospital_code=world.county))
    header = await token(scopes=["hospital"], hospital_code=world.township)
    answer = await world.client.post(
        f"/v1/settlements/{first['settlement_id']}/reversal", json={"reason": "x"}, headers=key() | header
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "later_settlements_exist")
    assert answer.json()["later"] == [second["settlement_id"]]
    assert answer.json()["others"] == 1


async def test_a_settlement_is_reversed_once(world: World) -> None:
    """A second reversal, and a reversal of a reversal, are conflicts."""
    first = await world.settled(world.bill())
    path = f"/v1/settlements/{first['settlement_id']}/reversal"
    header = key()
    done = await world.client.post(path, json={"reason": "x"}, headers=header)
    replay = await world.client.post(path, json={"reason": "x"}, headers=header)
    assert replay.json() == done.json()
    again = await world.client.post(path, json={"reason": "x"}, headers=key())
    assert (again.status_code, again.json()["code"]) == (409, "already_reversed")
    path = f"/v1/settlements/{done.json()['settlement_id']}/reversal"
    assert (await world.client.post(path, json={"reason": "x"}, headers=key())).json()["code"] == "not_a_settlement"


async def test_lists_page_newest_first_with_corrections(world: World) -> None:
    """The list has settlements and reversals, newest first, leaves trace and lines out, and filters by status."""
    ids = [(await world.settled(world.bill()))["settlement_id"] for _ in range(5)]
    reversal = await world.client.post(f"/v1/settlements/{ids[-1]}/reversal", json={"reason": "x"}, headers=key())
    seen: list[str] = []
    parameters: dict[str, Any] = {"person_id": world.person, "limit": 2}
    while True:
        page = (await world.client.get("/v1/settlements", params=parameters)).json()
        assert all("trace" not in item and "lines" not in item for item in page["data"])
        seen += [item["settlement_id"] for item in page["data"]]
        if not page["has_more"]:
            break
        parameters["cursor"] = page["next_cursor"]
    assert seen == [reversal.json()["settlement_id"], *reversed(ids)]
    filtered = await world.client.get("/v1/settlements", params={"person_id": world.person, "status": "reversed"})
    assert [item["settlement_id"] for item in filtered.json()["data"]] == [ids[-1]]
    bad = await world.client.get("/v1/settlements", params={"cursor": "nonsense"})
    assert bad.json()["code"] == "invalid_cursor"


async def test_childbirth_package_owes_the_hospital_the_whole_sum(world: World) -> None:
    """At a township hospital the fund owes 1,200 for a 900 bill; the patient pays nothing."""
    answer = await world.settled(
        world.bill("900.00", medical_type="52", delivery_mode="vaginal", lines=[world.line("900.00")])
    )
    assert answer["portions"]["patient"] == "0.00"
    assert answer["payable_adjustment"] == "300.00"
    assert answer["payables"] == [{"fund": "390100", "tier": "basic", "amount": "1200.00"}]
    assert answer["fund_total"] == "900.00"


async def test_outpatient_bills_count_apart(world: World) -> None:
    """Ordinary outpatient care fills its own cap only; chronic care fills the basic cap."""
    day = {"admitted_on": "2018-05-02", "discharged_on": "2018-05-02"}
    ordinary = await world.settled(world.bill("100.00", medical_type="11", **day))
    assert ordinary["portions"]["basic"] == "50.00"
    chronic = await world.settled(world.bill("100.00", medical_type="14", disease_code="M03900", **day))
    assert chronic["portions"]["basic"] == "80.00"
    year = await world.year()
    assert (year["outpatient_paid"], year["basic_paid"], year["inpatient_count"]) == ("50.00", "80.00", 0)


async def test_an_undeterminable_work_injury_is_marked_recoverable(world: World) -> None:
    """It settles under the ordinary rules and is marked."""
    assert (await world.settled(world.bill(work_injury="undeterminable")))["recoverable"] is True


async def test_an_interim_bill_consumes_the_deductible_once(world: World) -> None:
    """The second bill of a stay, and a transfer's bill, find the episode's deductible already paid."""
    stay = {"hospital_code": world.county, "interim": True}
    first = world.bill("400.00", **stay, discharged_on="2018-05-06")
    one = await world.settled(first)
    lines = [world.line("2000.00", day="2018-05-07")]
    second = first | {"settle_seq": 2, "admitted_on": "2018-05-07", "discharged_on": "2018-05-12", "interim": False}
    two = await world.settled(second | {"lines": lines, "total": "2000.00"})
    assert one["year_to_date"]["after"]["deductible_paid"] == "400.00"
    assert two["year_to_date"]["after"]["deductible_paid"] == "500.00"
    moved = world.bill(
        "5000.00",
        hospital_code=world.province,
        admitted_on="2018-05-12",
        discharged_on="2018-05-20",
        lines=[world.line("5000.00", day="2018-05-13")],
        transfer_from={"hospital_code": world.county, "visit_id": first["visit_id"]},
    )
    three = await world.settled(moved)
    assert three["year_to_date"]["after"]["deductible_paid"] == "1000.00"
    assert three["year_to_date"]["after"]["inpatient_count"] == 1


async def test_unusual_dates_are_accepted_with_warnings(world: World) -> None:
    """Overlapping stays and settling out of date order are worth a look, not a refusal."""
    await world.settled(world.bill())
    answer = await world.settled(
        world.bill(admitted_on="2018-05-01", discharged_on="2018-05-10", lines=[world.line("25.00", day="2018-05-03")])
    )
    assert {warning["code"] for warning in answer["warnings"]} == {"overlapping_stay", "out_of_date_order"}


async def test_a_claim_in_cash_needs_finance_and_is_owed_to_the_person(
    world: World, token: TokenFactory, connection: asyncpg.Connection
) -> None:
    """``paid_by: patient`` is for finance; the funds then owe the person."""
    bill = world.bill(paid_by="patient")
    refused = await world.settle(bill, **await token(scopes=["hospital"], hospital_code=world.township))
    assert (refused.status_code, refused.json()["code"]) == (403, "paid_by_needs_finance")
    answer = await world.settle(bill, **await token(scopes=["finance"]))
    assert answer.status_code == 201
    paths = await connection.fetch(
        "SELECT path FROM claim c JOIN account a ON a.path LIKE '%/payable/claim:clm_' || c.claim_id WHERE "
        "c.person_id = $1",
        world.person,
    )
    assert len(paths) == 2


async def test_a_hospital_sees_only_its_own(world: World, token: TokenFactory) -> None:
    """Another hospital's settlement does not exist for a hospital: not to read, list, reverse, or settle."""
    answer = await world.settled(world.bill())
    other = await token(scopes=["hospital"], hospital_code=world.county)
    path = f"/v1/settlements/{answer['settlement_id']}"
    assert (await world.client.get(path, headers=other)).status_code == 404
    listed = await world.client.get("/v1/settlements", params={"person_id": world.person}, headers=other)
    assert listed.json()["data"] == []
    reversal = await world.client.post(f"{path}/reversal", json={"reason": "x"}, headers=other | key())
    assert reversal.status_code == 404
    assert (await world.settle(world.bill(), **other)).status_code == 404


async def test_an_area_sees_its_own_persons_bills(world: World, token: TokenFactory) -> None:
    """Finance of the paying area reads a settlement; finance of another area does not."""
    path = f"/v1/settlements/{(await world.settled(world.bill()))['settlement_id']}"
    assert (
        await world.client.get(path, headers=await token(scopes=["finance"], area_code="530100"))
    ).status_code == 200
    assert (
        await world.client.get(path, headers=await token(scopes=["finance"], area_code="532600"))
    ).status_code == 404


async def test_a_revoked_token_is_refused_at_once(world: World, client: httpx.AsyncClient) -> None:
    """Revoking works on the next request, although tokens are cached."""
    issued = await client.post("/v1/tokens", json={"subject": "a", "scopes": ["hospital"]}, headers=key())
    header = {"Authorization": f"Bearer {issued.json()['token']}"}
    assert (await client.get("/v1/settlements", headers=header)).status_code == 200
    assert (await client.delete(f"/v1/tokens/{issued.json()['token_id']}")).status_code == 204
    assert (await client.get("/v1/settlements", headers=header)).status_code == 401


async def test_settlement_and_ledger_rows_cannot_be_changed(world: World, connection: asyncpg.Connection) -> None:
    """Even the owner of the database can't update, delete or truncate them."""
    await world.settled(world.bill())
    for statement in (
        "UPDATE settlement SET patient = 0 WHERE false OR true",
        "DELETE FROM settlement",
        "TRUNCATE settlement CASCADE",
        "UPDATE transfer SET amount = 1",
        "DELETE FROM transfer",
        "DELETE FROM account",
    ):
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await connection.execute(statement)


async def test_the_database_refuses_amounts_that_do_not_add_up(world: World, connection: asyncpg.Connection) -> None:
    """Conservation is a constraint: a copied row with one fen more is refused."""
    settlement_id = int((await world.settled(world.bill()))["settlement_id"].removeprefix("set_"))
    for column in ("patient", "own_expense", "total"):
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                f"""INSERT INTO settlement SELECT (jsonb_populate_record(s, jsonb_build_object(
                      'settlement_id', -1, 'entry_no', 999, '{column}', s.{column} + 1))).*
                    FROM settlement s WHERE settlement_id = $1""",
                settlement_id,
            )


async def test_accumulators_equal_the_fold_over_the_year(world: World, connection: asyncpg.Connection) -> None:
    """The stored accumulators are the sum of what each entry changed."""
    for amount in ("700.00", "40000.00", "9000.00"):
        last = await world.settled(world.bill(amount, hospital_code=world.county))
    await world.client.post(f"/v1/settlements/{last['settlement_id']}/reversal", json={"reason": "x"}, headers=key())
    differences = await connection.fetch(
        """SELECT k, v FROM person_year y, jsonb_each_text(y.accumulators) AS a(k, v)
            WHERE y.person_id = $1 AND v::bigint <> (
              SELECT coalesce(sum((s.delta ->> k)::bigint), 0) FROM settlement s
               WHERE s.person_id = y.person_id AND s.benefit_year = y.benefit_year)""",
        world.person,
    )
    assert differences == []


async def test_the_slip_is_a_page_with_the_patients_share(world: World) -> None:
    """The slip is HTML and shows the patient's portion and the settlement's id."""
    answer = await world.settled(world.bill("12345.67"))
    slip = await world.client.get(f"/v1/settlements/{answer['settlement_id']}/slip", headers={"Accept": "text/html"})
    assert slip.status_code == 200
    assert slip.headers["content-type"].startswith("text/html")
    assert answer["settlement_id"] in slip.text
    assert answer["portions"]["patient"] in slip.text.replace(",", "")


async def test_the_clock_moves_forward_only(client: httpx.AsyncClient) -> None:
    """The manual clock can be moved forward by an admin and never back."""
    now = (await client.get("/v1/clock")).json()["now"]
    same = await client.put("/v1/clock", json={"now": now})
    assert same.status_code == 200
    back = await client.put("/v1/clock", json={"now": "2000-01-01T00:00:00+08:00"})
    assert (back.status_code, back.json()["code"]) == (409, "clock_backwards")


async def test_a_twin_that_stays_in_flight_is_told_to_come_back(world: World, connection: asyncpg.Connection) -> None:
    """While another request holds the key, the twin waits two seconds and gets 409 with Retry-After; later it
    settles."""
    header, bill = key(), world.bill()
    lock = f"admin {header['Idempotency-Key']}"
    await connection.execute("SELECT pg_advisory_lock(lock_key('idempotency_key', $1))", lock)
    waiting = await world.client.post("/v1/settlements", json=bill, headers=header)
    await connection.execute("SELECT pg_advisory_unlock(lock_key('idempotency_key', $1))", lock)
    assert (waiting.status_code, waiting.json()["code"]) == (409, "idempotency_in_progress")
    assert int(waiting.headers["Retry-After"]) >= 1
    assert (await world.client.post("/v1/settlements", json=bill, headers=header)).status_code == 201


async def test_a_busy_person_is_503_and_leaves_nothing(database_url: str, connection: asyncpg.Connection) -> None:
    """When the person's lock can't be had in time, nothing is written and the same key works later."""
    settings = {"ONESTOP_PERSON_LOCK_TIMEOUT": "0.3"}
    with tempfile.TemporaryDirectory() as folder:
        process, base_url = start_service(database_url, Path(folder), **settings)
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        try:
            async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=30) as client:
                world = await World(client).build()
                header, bill = key(), world.bill()
                await connection.execute("SELECT pg_advisory_lock(lock_key('person', $1))", world.person)
                busy = await client.post("/v1/settlements", json=bill, headers=header)
                await connection.execute("SELECT pg_advisory_unlock(lock_key('person', $1))", world.person)
                assert (busy.status_code, busy.json()["code"]) == (503, "busy")
                assert busy.json()["retryable"] is True
                assert "Retry-After" in busy.headers
                assert (await client.post("/v1/settlements", json=bill, headers=header)).status_code == 201
        finally:
            process.terminate()
            process.wait(30)


async def test_a_quote_expires_after_half_an_hour_of_business_time(world: World) -> None:
    """An old quote settles nothing and says that it is old."""
    bill = world.bill()
    quote = (await world.client.post("/v1/quotes", json=bill)).json()
    now = datetime.fromisoformat((await world.client.get("/v1/clock")).json()["now"])
    moved = await world.client.put("/v1/clock", json={"now": (now + timedelta(minutes=30)).isoformat()})
    assert moved.status_code == 200
    answer = await world.settle(bill | {"quote_id": quote["quote_id"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "quote_expired")


@pytest.mark.thorough
async def test_readyz_says_when_the_database_is_gone() -> None:
    """Without its database the service is alive and not ready; settling answers 503 and works again afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="onestop-gone-"))
    folder.chmod(0o755)
    try:
        server = embedded.start(folder / "data")
        await migrate(server.url)
        await let_in(server.url, APP_PASSWORD)
        process, base_url = start_service(server.url, folder, ONESTOP_SECRET_KEY="ef" * 32, ONESTOP_POOL_TIMEOUT="2")
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=30) as client:
            world = await World(client).build()
            server.stop()
            assert (await client.get("/livez")).status_code == 200
            await ready_with(client, 503)
            header, bill = key(), world.bill()
            gone = await client.post("/v1/settlements", json=bill, headers=header)
            assert (gone.status_code, gone.json()["code"]) == (503, "database_unavailable")
            with embedded.start(folder / "data"):
                assert (await client.post("/v1/settlements", json=bill, headers=header)).status_code == 201
                process.terminate()
                assert process.wait(30) == 0
    finally:
        process.kill()
        shutil.rmtree(folder, ignore_errors=True)


async def test_a_person_opens_the_slip_in_a_browser(world: World, token: TokenFactory) -> None:
    """The slip asks a browser for the token as a password; no other route takes one."""
    path = f"/v1/settlements/{(await world.settled(world.bill()))['settlement_id']}"
    text = (await token(scopes=["hospital"], hospital_code=world.township))["Authorization"].split()[1]
    async with httpx.AsyncClient(verify=False, base_url=world.client.base_url) as browser:
        asked = await browser.get(f"{path}/slip")
        assert (asked.status_code, asked.headers["WWW-Authenticate"]) == (401, 'Basic realm="onestop"')
        assert (await browser.get(f"{path}/slip", auth=("anyone", text))).status_code == 200
        assert (await browser.get(f"{path}/slip", auth=("anyone", "wrong"))).status_code == 401
        assert (await browser.get(path, auth=("anyone", text))).status_code == 401


async def test_real_time_is_the_default_and_cannot_be_moved(database_url: str) -> None:
    """Without a manual clock a bill is settled now, and moving the clock is a conflict."""
    with tempfile.TemporaryDirectory() as folder:
        process, base_url = start_service(database_url, Path(folder), ONESTOP_CLOCK="real")
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        try:
            async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=30) as client:
                world = await World(client).build()
                settled_at = datetime.fromisoformat((await world.settled(world.bill()))["settled_at"])
                assert abs(datetime.now(UTC) - settled_at) < timedelta(minutes=1)
                moved = await client.put("/v1/clock", json={"now": "2999-01-01T00:00:00+08:00"})
                assert (moved.status_code, moved.json()["code"]) == (409, "clock_is_real")
        finally:
            process.terminate()
            process.wait(30)
