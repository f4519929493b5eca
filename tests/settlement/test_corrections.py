"""Corrections over real HTTP on real PostgreSQL: cascade, refunds, readjudication, recovery, balances, replay."""

import asyncio
import json
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.policies import SHIPPED
from tests.conftest import ADMIN_TOKEN, TokenFactory, start_service
from tests.world import World, key

PORTIONS = ("basic", "serious_illness", "supplement", "medical_assistance", "safety_net", "hospital", "patient")


@pytest.fixture
async def world(client: httpx.AsyncClient) -> World:
    """An ordinary resident: big bills at the provincial hospital spend the yearly rooms one after the other."""
    return await World(client).build(identities=[])


def big(world: World, amount: str = "50000.00", **changes: Any) -> dict[str, Any]:
    """A bill at the provincial hospital."""
    return world.bill(amount, hospital_code=world.province, **changes)


async def correct(
    world: World, settlement: dict[str, Any], what: str, headers: dict[str, str] | None = None, **body: Any
) -> httpx.Response:
    """POST a correction of a settlement with a fresh key."""
    path = f"/v1/settlements/{settlement['settlement_id']}/{what}"
    return await world.client.post(path, json={"reason": "更正"} | body, headers=key() | (headers or {}))


async def corrected(world: World, settlement: dict[str, Any], what: str, **body: Any) -> dict[str, Any]:
    """POST a correction that must be accepted."""
    answer = await correct(world, settlement, what, **body)
    assert answer.status_code == 201, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def balances(world: World, **query: Any) -> list[dict[str, Any]]:
    """The patient's balances of this world."""
    answer = await world.client.get("/v1/patient-balances", params={"limit": 100} | query)
    assert answer.status_code == 200, answer.text
    return [item for item in answer.json()["data"] if item["person_id"] == world.person]


def amounts(answer: dict[str, Any]) -> dict[str, Decimal]:
    """Portions as numbers."""
    return {name: Decimal(text) for name, text in answer["portions"].items()}


def plus(*answers: dict[str, Any]) -> dict[str, Decimal]:
    """The sum of several entries' portions."""
    return {name: sum((amounts(answer)[name] for answer in answers), Decimal(0)) for name in PORTIONS}


# ---------------------------------------------------------------- cascade


async def test_a_cascade_leaves_what_would_be_without_the_reversed_bill(world: World) -> None:
    """Each later settlement is adjusted to what it would have been, and so are the year and the ledger."""
    first, second, third = [await world.settled(big(world)) for _ in range(3)]
    answer = await corrected(world, first, "reversal", cascade=True)
    assert [item["of_settlement_id"] for item in answer["adjustments"]] == [
        second["settlement_id"],
        third["settlement_id"],
    ]
    alone = await World(world.client).build(identities=[])
    expected = [await alone.settled(big(alone)) for _ in range(2)]
    for before, adjustment, wanted in zip((second, third), answer["adjustments"], expected, strict=True):
        assert adjustment["kind"] == "adjustment"
        assert plus(before, adjustment) == amounts(wanted)
        assert sum(amounts(adjustment).values()) == 0
    assert await world.year() == await alone.year()
    assert (await world.client.get(f"/v1/settlements/{second['settlement_id']}")).json()["status"] == "adjusted"


async def test_the_entries_of_a_cascade_read_back_as_answered(world: World) -> None:
    """A replay of the key and a later GET give the reversal with its adjustments again."""
    first, _ = [await world.settled(big(world)) for _ in range(2)]
    path, body, header = f"/v1/settlements/{first['settlement_id']}/reversal", {"reason": "x", "cascade": True}, key()
    answer = await world.client.post(path, json=body, headers=header)
    again = await world.client.post(path, json=body, headers=header)
    assert (again.status_code, again.json()) == (201, answer.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    read = await world.client.get(f"/v1/settlements/{answer.json()['settlement_id']}")
    assert read.json() == answer.json()
    other = await world.client.post(path, json=body | {"reason": "y"}, headers=header)
    assert other.json()["code"] == "idempotency_key_reused"


async def test_later_settlements_stop_a_correction_without_cascade(world: World, token: TokenFactory) -> None:
    """The caller's own later settlements are listed, those of others only counted; nothing changes."""
    first = await world.settled(world.bill("1000.00"))
    own = await world.settled(world.bill("1000.00"))
    await world.settled(big(world))
    before = await world.year()
    hospital = await token(scopes=["hospital"], hospital_code=world.township)
    for what, body in (("reversal", {}), ("refunds", {"lines": [{"line_no": 1, "quantity": "1"}]})):
        answer = await correct(world, first, what, hospital, **body)
        assert (answer.status_code, answer.json()["code"]) == (409, "later_settlements_exist")
        assert (answer.json()["later"], answer.json()["others"]) == ([own["settlement_id"]], 1)
    assert await world.year() == before


async def test_a_cascade_through_another_hospital_needs_finance(world: World, token: TokenFactory) -> None:
    """A hospital is refused and nothing changes; with finance it is done, and the hospital sees only its own part."""
    first = await world.settled(world.bill("30000.00"))
    own = await world.settled(world.bill("30000.00"))
    await world.settled(big(world))
    before = await world.year()
    hospital = await token(scopes=["hospital"], hospital_code=world.township)
    refused = await correct(world, first, "reversal", hospital, cascade=True)
    assert (refused.status_code, refused.json()["code"]) == (403, "cascade_needs_finance")
    assert await world.year() == before
    both = await token(scopes=["hospital", "finance"], hospital_code=world.township)
    answer = await correct(world, first, "reversal", both, cascade=True)
    assert answer.status_code == 201, answer.text
    assert {item["of_settlement_id"] for item in answer.json()["adjustments"]} <= {own["settlement_id"]}
    assert await balances(world, hospital_code=world.province)


# ---------------------------------------------------------------- refunds


async def test_a_refund_runs_the_waterfall_again(world: World) -> None:
    """Two of five units taken back: the entry carries the difference to a bill of three, lines and scope included."""
    line = world.line("4999.95", quantity="5", unit_price="999.99")
    settled = await world.settled(world.bill(lines=[line], total="4999.95"))
    answer = await corrected(world, settled, "refunds", lines=[{"line_no": 1, "quantity": "2"}])
    assert (answer["kind"], answer["total"], answer["adjustments"]) == ("adjustment", "-1999.98", [])
    alone = await World(world.client).build(identities=[])
    three = world.line("2999.97", quantity="3", unit_price="999.99") | {"item_code": alone.item("A")}
    expected = await alone.settled(alone.bill(lines=[three], total="2999.97"))
    assert plus(settled, answer) == amounts(expected)
    differences = {change["tier"]: change["difference"] for change in answer["comparison"]}
    assert (differences["basic"], differences["patient"]) == (
        answer["portions"]["basic"],
        answer["portions"]["patient"],
    )
    assert all(change["sentence"] for change in answer["comparison"])
    assert answer["lines"] == [
        {"line_no": 1, "class": "A", "own_expense": "0.00", "over_limit": "0.00", "first_pay": "0.00",
         "in_scope": "-1999.98", "note": None}
    ]  # fmt: skip
    assert await world.year() == await alone.year()


async def test_refunds_of_a_line_add_up_and_end_at_nothing(world: World) -> None:
    """One third at a time a line of 100.00 comes to 66.67, 33.33 and 0; then the settlement can still be reversed."""
    line = world.line("100.00", quantity="3", unit_price="33.333333")
    settled = await world.settled(world.bill(lines=[line, world.line("50.00", line_no=2)], total="150.00"))
    third = [{"line_no": 1, "quantity": "1"}]
    totals = [(await corrected(world, settled, "refunds", lines=third))["total"] for _ in range(3)]
    assert totals == ["-33.33", "-33.34", "-33.33"]
    more = await correct(world, settled, "refunds", lines=third)
    assert (more.status_code, more.json()["code"]) == (422, "refund_exceeds_line")
    reversal = await corrected(world, settled, "reversal")
    assert reversal["total"] == "-50.00"
    assert all(Decimal(str(value)) == 0 for name, value in (await world.year()).items() if name != "room")


async def test_every_fault_of_a_refund_is_named_and_nothing_changes(world: World) -> None:
    """Unknown lines, lines named twice, too much, nothing and less than nothing: all in one answer."""
    lines = [world.line("10.00"), world.line("20.00", line_no=2), world.line("30.00", line_no=3)]
    settled = await world.settled(world.bill(lines=lines, total="60.00"))
    before = await world.year()
    wanted = [
        {"line_no": 1, "quantity": "1.5"},
        {"line_no": 1, "quantity": "1"},
        {"line_no": 9, "quantity": "1"},
        {"line_no": 2, "quantity": "0"},
        {"line_no": 3, "quantity": "-1"},
    ]
    answer = await correct(world, settled, "refunds", lines=wanted)
    assert answer.status_code == 422
    assert [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]] == [
        ("/lines/0/quantity", "refund_exceeds_line"),
        ("/lines/1/line_no", "duplicate_line_no"),
        ("/lines/2/line_no", "refund_line_unknown"),
        ("/lines/3/quantity", "quantity_zero"),
        ("/lines/4/quantity", "negative_quantity"),
    ]
    assert await world.year() == before


async def test_a_refund_with_cascade_adjusts_what_came_later(world: World) -> None:
    """Less spent in the first bill leaves less for serious illness in the second; answered as its consequence."""
    line = world.line("50000.00", quantity="2", unit_price="25000")
    first = await world.settled(big(world, lines=[line]))
    second = await world.settled(big(world))
    answer = await corrected(world, first, "refunds", lines=[{"line_no": 1, "quantity": "1"}], cascade=True)
    assert [item["of_settlement_id"] for item in answer["adjustments"]] == [second["settlement_id"]]
    assert Decimal(answer["adjustments"][0]["portions"]["serious_illness"]) < 0


# ---------------------------------------------------------------- readjudication


async def poor_since(world: World, day: str | None) -> None:
    """Correct the person's identities: registered poor since a day, or not at all."""
    identities = [] if day is None else [{"class": "registered_poor", "from": day}]
    person = (await world.client.get(f"/v1/persons/{world.person}")).json()
    body = {"name": person["name"], "area_code": person["area_code"], "insurance_type": "390", "identities": identities}
    await world.put(f"/v1/persons/{world.person}", body | {"id_number": world.id_number})


async def test_an_identity_that_arrives_late_is_applied_by_readjudication(world: World) -> None:
    """The dry run shows per settlement before, after and difference; doing it writes just that; twice changes
    nothing."""
    first = await world.settled(world.bill("20000.00"))
    outpatient = await world.settled(
        world.bill(
            medical_type="11",
            admitted_on="2018-06-01",
            discharged_on="2018-06-01",
            lines=[world.line("25.00", day="2018-06-01")],
        )
    )
    await poor_since(world, "2016-01-01")
    path = f"/v1/persons/{world.person}/years/2018/readjudication"
    year = await world.year()
    dry = await world.client.post(path, json={"reason": "名单晚到", "dry_run": True})
    assert dry.status_code == 200, dry.text
    assert "adjustments" not in dry.json()
    change = dry.json()["changes"][0]
    assert change["settlement_id"] == first["settlement_id"]
    assert change["benefit_class"] == {"before": "ordinary", "after": "registered_poor"}
    assert change["before"] == first["portions"]
    assert {name: Decimal(change["after"][name]) - Decimal(change["before"][name]) for name in PORTIONS} == {
        name: Decimal(text) for name, text in change["difference"].items()
    }
    assert Decimal(change["difference"]["patient"]) < 0
    assert await world.year() == year
    done = await world.client.post(path, json={"reason": "名单晚到", "dry_run": False}, headers=key())
    assert done.status_code == 201, done.text
    assert done.json()["changes"] == dry.json()["changes"]
    assert [item["of_settlement_id"] for item in done.json()["adjustments"]] == [
        first["settlement_id"],
        outpatient["settlement_id"],
    ]
    assert done.json()["adjustments"][0]["portions"] == change["difference"]
    poor = await World(world.client).build()
    expected = await poor.settled(poor.bill("20000.00"))
    assert change["after"] == expected["portions"]
    again = await world.client.post(path, json={"reason": "名单晚到"})
    assert again.json()["changes"] == []


async def test_readjudication_needs_finance_a_key_and_a_known_person(world: World, token: TokenFactory) -> None:
    """A hospital is refused, writing needs a key, a person that nobody knows is not found, a year without bills is
    empty."""
    path = f"/v1/persons/{world.person}/years/2018/readjudication"
    hospital = await token(scopes=["hospital"], hospital_code=world.township)
    refused = await world.client.post(path, json={"reason": "x"}, headers=hospital)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden_scope")
    keyless = await world.client.post(path, json={"reason": "x", "dry_run": False})
    assert (keyless.status_code, keyless.json()["code"]) == (400, "idempotency_key_missing")
    unknown = await world.client.post("/v1/persons/nobody/years/2018/readjudication", json={"reason": "x"})
    assert unknown.status_code == 404
    elsewhere = await token(scopes=["finance"], area_code="532600")
    other = await world.client.post(path, json={"reason": "x"}, headers=elsewhere)
    assert other.status_code == 404
    empty = await world.client.post(path, json={"reason": "x", "dry_run": False}, headers=key())
    assert (empty.status_code, empty.json()["changes"], empty.json()["adjustments"]) == (201, [], [])


async def test_what_a_patient_would_owe_by_a_readjudication_starts_waived(world: World) -> None:
    """An identity that turns out wrong makes the bill dearer; nobody may ask the patient for it."""
    await poor_since(world, "2016-01-01")
    await world.settled(world.bill("20000.00"))
    await poor_since(world, None)
    path = f"/v1/persons/{world.person}/years/2018/readjudication"
    done = await world.client.post(path, json={"reason": "清退", "dry_run": False}, headers=key())
    difference = done.json()["changes"][0]["difference"]["patient"]
    assert Decimal(difference) > 0
    assert [(item["amount"], item["state"]) for item in await balances(world)] == [(difference, "waived")]


async def test_corrected_law_is_applied_and_the_former_law_is_kept(world: World, database_url: str) -> None:
    """A service with a corrected pack readjudicates; what was settled under the former text still replays under it."""
    settled = await world.settled(world.bill("20000.00"))
    with tempfile.TemporaryDirectory() as folder:
        former = (SHIPPED / "yunnan.yaml").read_text()
        row = 'class: standard, from: 2017-11-03, value: {1: "0.85"'
        assert former.count(row) == 1
        (Path(folder) / "yunnan.yaml").write_text(former.replace(row, row.replace("0.85", "0.80")))
        process, base_url = start_service(database_url, Path(folder), ONESTOP_POLICY_DIR=folder)
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=60) as client:
            path = f"/v1/persons/{world.person}/years/2018/readjudication"
            done = await client.post(path, json={"reason": "文件更正", "dry_run": False}, headers=key())
            replays = [
                await client.post(f"/v1/settlements/{entry['settlement_id']}/replay")
                for entry in (settled, done.json()["adjustments"][0])
            ]
        process.terminate()
        process.wait(30)
    # (20000 − 200) × 0.85 = 16830.00 becomes × 0.80 = 15840.00
    assert done.json()["changes"][0]["difference"]["basic"] == "-990.00"
    assert done.json()["adjustments"][0]["policy"]["digest"] != settled["policy"]["digest"]
    for replay in replays:
        assert (replay.json()["digest_matches"], replay.json()["result_matches"]) == (True, True), replay.text
    # The first service, which never loaded the corrected pack, replays the adjustment from the kept text.
    replay = await world.client.post(f"/v1/settlements/{done.json()['adjustments'][0]['settlement_id']}/replay")
    assert replay.json()["result_matches"] is True


# ---------------------------------------------------------------- recovery, balances


async def test_a_recovery_reverses_and_asks_the_liable_party(world: World, connection: asyncpg.Connection) -> None:
    """The funds' expense is taken back, the hospital keeps what it is owed, the funds have a receivable instead."""
    settled = await world.settled(world.bill("20000.00", work_injury="undeterminable"))
    ordinary = await world.settled(world.bill("100.00", work_injury="none", settle_seq=1))
    refused = await correct(world, ordinary, "recovery", document="工伤认定书 1 号")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_recoverable")
    answer = await corrected(world, settled, "recovery", document="工伤认定书 1 号", cascade=True)
    assert answer["kind"] == "reversal"
    assert answer["receivable"] == {"amount": settled["fund_total"], "document": "工伤认定书 1 号"}
    sums = await connection.fetch(
        """SELECT split_part(a.path, '/', 3) AS part,
                  sum(CASE WHEN t.debit_account = a.account_id THEN t.amount ELSE -t.amount END) AS balance
             FROM transfer t JOIN settlement s USING (settlement_id) JOIN account a
               ON a.account_id IN (t.debit_account, t.credit_account)
            WHERE s.visit_id = $1 GROUP BY 1""",
        settled["visit_id"],
    )
    fund_total = int(Decimal(settled["fund_total"]) * 100)
    assert {row["part"]: int(row["balance"]) for row in sums} == {
        "expense": 0,
        "payable": -fund_total,
        "receivable": fund_total,
    }


async def test_a_balance_is_closed_once_and_in_its_direction(world: World, token: TokenFactory) -> None:
    """What is owed to the patient is refunded, with day and reference, by the hospital that owes it; then it is
    closed."""
    settled = await world.settled(world.bill("1000.00"))
    await corrected(world, settled, "reversal")
    (balance,) = await balances(world, state="open")
    assert balance["amount"] == f"-{settled['portions']['patient']}"
    path = f"/v1/patient-balances/{balance['balance_id']}/closing"
    stranger = await token(scopes=["hospital"], hospital_code=world.county)
    hospital = await token(scopes=["hospital"], hospital_code=world.township)

    async def close(headers: dict[str, str], **body: Any) -> tuple[int, str]:
        answer = await world.client.post(path, json=body, headers=headers | key())
        return answer.status_code, answer.json().get("code") or answer.json()["state"]

    paid = {"paid_on": "2027-06-30", "reference": "T0001"}
    assert await close(stranger, state="refunded", **paid) == (404, "not_found")
    assert await close(hospital, state="collected", **paid) == (409, "invalid_move")
    assert await close(hospital, state="refunded") == (422, "missing")
    assert await close(hospital, state="refunded", **paid | {"paid_on": "2027-07-01"}) == (422, "in_the_future")
    assert await close(hospital, state="refunded", **paid) == (200, "refunded")
    assert await close(hospital, state="refunded", **paid) == (409, "invalid_move")
    assert await balances(world, state="open") == []


async def test_more_through_another_hospitals_correction_is_waived_through_ones_own_it_is_open(world: World) -> None:
    """The second hospital's patient owes nothing for the first one's mistake; the first one's own later bill may
    ask."""
    first = await world.settled(big(world, "25000.00"))
    same = await world.settled(big(world, "25000.00"))
    other = await world.settled(world.bill("25000.00", hospital_code=world.county))
    await corrected(world, first, "reversal", cascade=True)
    states = {}
    for item in await balances(world):
        entry = (await world.client.get(f"/v1/settlements/{item['settlement_id']}")).json()
        if Decimal(item["amount"]) > 0:
            states[entry["of_settlement_id"]] = item["state"]
    assert states == {same["settlement_id"]: "open", other["settlement_id"]: "waived"}


# ---------------------------------------------------------------- replay, database


async def test_every_kind_of_entry_replays_and_a_forged_one_does_not(
    world: World, connection: asyncpg.Connection
) -> None:
    """Settlement, adjustment and reversal give their results again; a changed input or amount is found."""
    line = world.line("50000.00", quantity="2", unit_price="25000")
    first = await world.settled(big(world, lines=[line]))
    second = await world.settled(big(world))
    refund = await corrected(world, first, "refunds", lines=[{"line_no": 1, "quantity": "1"}], cascade=True)
    reversal = await corrected(world, second, "reversal")

    async def replayed(entry: dict[str, Any]) -> tuple[bool, bool]:
        answer = await world.client.post(f"/v1/settlements/{entry['settlement_id']}/replay")
        assert answer.status_code == 200, answer.text
        assert answer.json()["engine_then"] == answer.json()["engine_now"]
        return answer.json()["digest_matches"], answer.json()["result_matches"]

    for entry in (first, second, refund, refund["adjustments"][0], reversal):
        assert await replayed(entry) == (True, True)
    number = int(first["settlement_id"].removeprefix("set_"))
    text = await connection.fetchval("SELECT document::text FROM settlement WHERE settlement_id = $1", number)
    document = json.loads(text)
    document["inputs"]["facts"]["benefit_class"] = "destitute"
    async with connection.transaction():
        await connection.execute("ALTER TABLE settlement DISABLE TRIGGER settlement_immutable")
        forged = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        await connection.execute("UPDATE settlement SET document = $2 WHERE settlement_id = $1", number, forged)
        await connection.execute("ALTER TABLE settlement ENABLE TRIGGER settlement_immutable")
    assert await replayed(first) == (False, False)


async def test_after_a_reversal_the_visit_is_settled_again_with_the_next_number(world: World) -> None:
    """The second attempt pays the episode's deductible anew, since the first one's was given back."""
    bill = world.bill("5000.00")
    first = await world.settled(bill)
    await corrected(world, first, "reversal")
    second = await world.settled(bill | {"settle_seq": 2})
    assert second["portions"] == first["portions"]
    assert second["warnings"] == []


async def test_days_of_a_visit_settled_twice_are_warned_of(world: World) -> None:
    """An interim bill's successor starts the day after; one that covers its days again is accepted with a warning."""
    interim = world.bill("3000.00", interim=True, discharged_on="2018-05-06")
    await world.settled(interim)
    lines = [world.line("800.00", day="2018-05-08")]
    rest = interim | {"settle_seq": 2, "interim": False, "admitted_on": "2018-05-07", "discharged_on": "2018-05-12"}
    assert (await world.settled(rest | {"lines": lines, "total": "800.00"}))["warnings"] == []
    again = rest | {"settle_seq": 3, "admitted_on": "2018-05-05", "lines": lines, "total": "800.00"}
    assert [item["code"] for item in (await world.settled(again))["warnings"]] == ["visit_days_settled_before"]


async def test_a_correction_never_reaches_into_another_year(world: World) -> None:
    """A stay transferred over new year keeps the deductible that it had been spared, whatever becomes of the first
    part."""
    first = await world.settled(
        world.bill(
            "5000.00",
            admitted_on="2018-12-20",
            discharged_on="2018-12-28",
            lines=[world.line("5000.00", day="2018-12-21")],
        )
    )
    source = {"hospital_code": first["hospital_code"], "visit_id": first["visit_id"]}
    line = world.line("5000.00", quantity="2", unit_price="2500", day="2019-01-03")
    second = await world.settled(
        big(
            world,
            admitted_on="2018-12-28",
            discharged_on="2019-01-05",
            transfer_from=source,
            lines=[line],
            total="5000.00",
        )
    )
    await corrected(world, first, "reversal")
    path = f"/v1/persons/{world.person}/years/2019/readjudication"
    assert (await world.client.post(path, json={"reason": "x"})).json()["changes"] == []
    refund = await corrected(world, second, "refunds", lines=[{"line_no": 1, "quantity": "1"}])
    # (5000 − (1000 − 200)) × 0.60 = 2520.00; (2500 − 800) × 0.60 = 1020.00
    assert (second["portions"]["basic"], refund["portions"]["basic"]) == ("2520.00", "-1500.00")


async def test_the_database_refuses_to_adjust_what_is_reversed(world: World, connection: asyncpg.Connection) -> None:
    """Whatever the service does, no adjustment of a reversed settlement and no second reversal can be written."""
    settled = await world.settled(world.bill("1000.00"))
    await corrected(world, settled, "reversal")
    number = int(settled["settlement_id"].removeprefix("set_"))
    for kind in ("adjustment", "reversal"):
        row = """SELECT entry_write(jsonb_populate_record(NULL::new_entry, to_jsonb(s) || jsonb_build_object(
                   'settlement_id', s.settlement_id + 1000000000, 'kind', $2::text, 'of_settlement_id', s.settlement_id,
                   'entry_no', 3, 'balance_state', 'open')), '{}', '{}', NULL, NULL)
                   FROM settlement s WHERE s.settlement_id = $1"""
        await connection.execute(
            "SELECT set_config('onestop.reach', 'all', false), set_config('onestop.subject', 'x', false)"
        )
        await connection.execute("SELECT set_config('onestop.request_id', 'x', false)")
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await connection.execute(row, number, kind)


async def test_corrections_at_once_are_one_after_the_other(world: World) -> None:
    """Of eight reversals of one settlement one succeeds; bills settled meanwhile end up as if it had never been
    there."""
    first = await world.settled(big(world, "25000.00"))
    attempts = [correct(world, first, "reversal", cascade=True) for _ in range(8)]
    bills = [world.settle(big(world, "25000.00")) for _ in range(4)]
    answers = await asyncio.gather(*attempts, *bills)
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [201] * 5 + [409] * 7
    alone = await World(world.client).build(identities=[])
    for _ in range(4):
        await alone.settled(big(alone, "25000.00"))
    assert await world.year() == await alone.year()


async def test_every_entry_has_a_slip(world: World) -> None:
    """Adjustment and reversal print with their title, reason and differences."""
    line = world.line("50000.00", quantity="2", unit_price="25000")
    settled = await world.settled(big(world, lines=[line]))
    refund = await corrected(world, settled, "refunds", lines=[{"line_no": 1, "quantity": "1"}])
    reversal = await corrected(world, settled, "reversal")
    for entry, title in ((refund, "结算单（调整单）"), (reversal, "结算单（撤销单）")):
        page = await world.client.get(f"/v1/settlements/{entry['settlement_id']}/slip")
        assert page.status_code == 200
        for expected in (title, "更正", entry["portions"]["patient"]):
            assert expected in page.text
        for change in entry.get("comparison", []):
            assert change["sentence"] in page.text


# ---------------------------------------------------------------- quotes


async def mismatch(client: httpx.AsyncClient, bill: dict[str, Any], quote: dict[str, Any]) -> list[str]:
    """What a settling under a quote that no longer holds says has changed."""
    answer = await client.post("/v1/settlements", json=bill | {"quote_id": quote["quote_id"]}, headers=key())
    assert (answer.status_code, answer.json()["code"]) == (409, "quote_mismatch"), answer.text
    changed: list[str] = answer.json()["changed"]
    return changed


async def test_a_quote_that_no_longer_holds_names_person_and_lines(world: World) -> None:
    """An identity that arrives after the quote, and another line than was quoted, are named; nothing is settled."""
    bill = world.bill("20000.00")
    quote = (await world.client.post("/v1/quotes", json=bill)).json()
    dearer = bill | {"lines": [world.line("20000.00"), world.line("500.00", kind="C", line_no=2)], "total": "20500.00"}
    assert await mismatch(world.client, dearer, quote) == ["lines"]
    await poor_since(world, "2016-01-01")
    assert await mismatch(world.client, bill, quote) == ["person"]
    assert (await world.year())["own_total"] == "0.00"


async def test_a_quote_that_no_longer_holds_names_the_policy(world: World, database_url: str) -> None:
    """A service with a corrected pack and the same secret refuses the former one's quote because of the policy."""
    bill = world.bill("20000.00")
    former = (SHIPPED / "yunnan.yaml").read_text()
    row = 'class: standard, from: 2017-11-03, value: {1: "0.85"'
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    answers: list[Any] = []
    for rate in ("0.85", "0.80"):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "yunnan.yaml").write_text(former.replace(row, row.replace("0.85", rate)))
            process, base_url = start_service(database_url, Path(folder), ONESTOP_POLICY_DIR=folder)
            async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=60) as client:
                if not answers:
                    answers.append((await client.post("/v1/quotes", json=bill)).json())
                else:
                    answers.append(await mismatch(client, bill, answers[0]))
            process.terminate()
            process.wait(30)
    assert answers[1] == ["policy"]


async def test_a_corrected_deductible_of_an_earlier_year_is_told_to_the_later_one(client: httpx.AsyncClient) -> None:
    """A later year's stay of the episode used the deductible: the reversal warns, and that person-year stands on the
    worklist with the amount at stake. A correction without a deductible, or without such a stay, says nothing."""
    world = await World(client).build()
    days = {"admitted_on": "2018-12-20", "discharged_on": "2018-12-28"}
    line = world.line("12000.00", day="2018-12-20", quantity="2", unit_price="6000.00")
    first = await world.settled(world.bill("12000.00", **days, hospital_code=world.county, lines=[line]))
    path = f"/v1/settlements/{first['settlement_id']}"
    later = {"admitted_on": "2018-12-28", "discharged_on": "2019-01-10", "hospital_code": world.province}
    source = {"hospital_code": world.county, "visit_id": first["visit_id"]}
    line = world.line("30000.00", day="2019-01-02")
    second = await world.settled(world.bill("30000.00", **later, transfer_from=source, lines=[line]))
    deductible = first["year_to_date"]["after"]["deductible_paid"]
    assert deductible != "0.00"
    body = {"lines": [{"line_no": 1, "quantity": "1"}], "reason": "退药"}
    refunded = await client.post(f"{path}/refunds", json=body, headers=key())
    assert refunded.json()["warnings"] == [], refunded.text  # half the bill has the same deductible
    undone = await client.post(f"{path}/reversal", json={"reason": "录入错误"}, headers=key())
    assert undone.status_code == 201, undone.text
    assert [one["code"] for one in undone.json()["warnings"]] == ["later_year_affected"]
    (row,) = await on_worklist(client, world.person)
    assert (row["year"], row["reason"], row["amount"]) == (2019, "earlier_year_corrected", deductible)
    gone = await client.post(f"/v1/settlements/{second['settlement_id']}/reversal", json={"reason": "x"}, headers=key())
    assert gone.json()["warnings"] == []


async def on_worklist(client: httpx.AsyncClient, person_id: str) -> list[dict[str, Any]]:
    """A person's rows of the readjudication worklist."""
    found: list[dict[str, Any]] = []
    path: str | None = "/v1/registry/readjudication-candidates?limit=100"
    while path:
        page = (await client.get(path)).json()
        found += [row for row in page["data"] if row["person_id"] == person_id]
        cursor = page["next_cursor"]
        path = f"/v1/registry/readjudication-candidates?limit=100&cursor={cursor}" if cursor else None
    return found
