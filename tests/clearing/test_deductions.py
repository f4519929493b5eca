"""Auditing a statement over real HTTP on real PostgreSQL: samples, deductions, appeals, decisions, and what they do to
the money."""

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.clearing.office import Office, office

pytestmark = pytest.mark.thorough


@pytest.fixture
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office on 20 May 2018."""
    async with office(database_server) as opened:
        yield opened
        await opened.balanced()


@pytest.fixture
async def owner(desk: Office) -> AsyncIterator[Any]:
    """A connection to the office's database as its owner."""
    opened = await asyncpg.connect(desk.url)
    yield opened
    await opened.close()


async def claimed(
    desk: Office, statement: dict[str, Any], settled: dict[str, Any], amount: str = "100.00", **body: Any
) -> dict[str, Any]:
    """A deduction proposed by ``li``."""
    wanted = claim(settled, amount, **body)
    return await desk.do("li", f"/clearing/statements/{statement['statement_id']}/deductions", wanted)


def claim(settled: dict[str, Any], amount: str = "100.00", **body: Any) -> dict[str, Any]:
    """What an auditor asks for."""
    return {
        "settlement_id": settled["settlement_id"],
        "fund": "390100",
        "amount": amount,
        "reason_code": "A03",
        "reason": "超适应症用药",
    } | body


async def part(desk: Office, statement: dict[str, Any], fund: str = "390100") -> dict[str, Any]:
    """One fund's part of a statement as it stands."""
    shown = await desk.get(f"/clearing/statements/{statement['statement_id']}")
    found: dict[str, Any] = next(item for item in shown["funds"] if item["fund"] == fund)
    return found


async def posted(owner: Any, event: str = "deduction") -> list[tuple[Any, ...]]:
    """Debit, credit, fen, clearing type, fiscal year and cause of the transfers of an event."""
    rows = await owner.fetch(
        """SELECT split_part(d.path, '/', 3), split_part(c.path, '/', 3), t.amount, t.clr_type, t.fiscal_year, t.cause
             FROM transfer t JOIN account d ON d.account_id = t.debit_account
               JOIN account c ON c.account_id = t.credit_account
            WHERE t.event = $1 ORDER BY t.transfer_id""",
        event,
    )
    return [tuple(row) for row in rows]


async def test_an_accepted_deduction_reduces_what_is_ordered_and_never_moves_to_the_patient(
    desk: Office, owner: Any
) -> None:
    """The hospital accepts; its payable falls by the amount, the order with it, and the settlement stays as it was."""
    settled = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    made = await claimed(desk, statement, settled, "50.00", line_no=1)
    assert (made["state"], made["amount"], made["upheld"], made["line_no"]) == ("proposed", "50.00", None, 1)
    assert (made["proposed_on"], made["appeal_by"], made["subject"]) == ("2018-06-05", "2018-06-20", "li")
    path = f"/clearing/deductions/{made['deduction_id']}"
    assert await posted(owner) == []
    approval = f"/clearing/statements/{statement['statement_id']}/approval"
    assert await desk.refused("wang", approval, {}) == (409, "deductions_open")
    assert await desk.refused("li", f"{path}/acceptance") == (403, "forbidden_scope")
    assert await desk.refused("wang", f"{path}/decision", {"outcome": "upheld", "reason": "x"}) == (409, "invalid_move")
    done = await desk.do("hospital", f"{path}/acceptance")
    assert (done["state"], done["upheld"]) == ("accepted", "50.00")
    assert await desk.refused("hospital", f"{path}/acceptance") == (409, "invalid_move")
    assert await desk.refused("hospital", f"{path}/appeal", {"reason": "x"}) == (409, "invalid_move")
    assert await posted(owner) == [("payable", "expense", 5000, "21", 2018, made["deduction_id"])]
    assert [(await part(desk, statement))[name] for name in ("amount", "deductions", "payable")] == [
        "950.00",
        "50.00",
        "900.00",
    ]
    await desk.do("wang", approval, {})
    assert (await desk.ordered(statement))["gross"] == "900.00"
    same = await desk.get(f"/settlements/{settled['settlement_id']}")
    assert same["portions"] == settled["portions"]
    assert (await desk.get("/patient-balances"))["data"] == []
    await desk.balanced()


async def test_an_appeal_is_decided_by_a_third_person(desk: Office, owner: Any) -> None:
    """Upheld, reduced and dismissed deduct all, a part and nothing; who proposed or appealed can't decide, nobody
    twice."""
    settled = await desk.settled("2000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    made = [await claimed(desk, statement, settled, amount) for amount in ("100.00", "200.00", "300.00")]
    paths = [f"/clearing/deductions/{one['deduction_id']}" for one in made]
    await desk.hire("both", scopes=["hospital", "finance"], area_code="530100")
    for path in paths[:2]:
        appealed = await desk.do("hospital", f"{path}/appeal", {"reason": "有医嘱"})
        assert (appealed["state"], appealed["appeal_reason"], appealed["appealed_by"]) == (
            "appealed",
            "有医嘱",
            "hospital",
        )
    await desk.do("both", f"{paths[2]}/appeal", {"reason": "有医嘱"})
    assert await desk.refused("hospital", f"{paths[0]}/appeal", {"reason": "again"}) == (409, "invalid_move")
    assert await desk.refused("li", f"{paths[0]}/appeal", {"reason": "x"}) == (403, "forbidden_scope")

    def decision(outcome: str, **body: Any) -> dict[str, Any]:
        return {"outcome": outcome, "reason": "复核"} | body

    assert await desk.refused("li", f"{paths[0]}/decision", decision("dismissed")) == (403, "maker_is_checker")
    assert await desk.refused("both", f"{paths[2]}/decision", decision("dismissed")) == (403, "maker_is_checker")
    assert await desk.refused("hospital", f"{paths[0]}/decision", decision("dismissed")) == (403, "forbidden_scope")
    for body, code in (
        (decision("reduced"), "missing"),
        (decision("reduced", amount="0.00"), "reduced_amount"),
        (decision("reduced", amount="200.00"), "reduced_amount"),
        (decision("upheld", amount="199.99"), "decision_amount"),
        (decision("dismissed", amount="1.00"), "decision_amount"),
        (decision("perhaps"), "not_in_list"),
    ):
        assert await desk.refused("wang", f"{paths[1]}/decision", body) == (422, code)
    assert await posted(owner) == []
    outcomes = [decision("upheld"), decision("reduced", amount="80.50"), decision("dismissed", amount="0.00")]
    decided = [await desk.do("wang", f"{path}/decision", body) for path, body in zip(paths, outcomes, strict=True)]
    assert [one["upheld"] for one in decided] == ["100.00", "80.50", "0.00"]
    assert {(one["state"], one["decided_by"]) for one in decided} == {("decided", "wang")}
    assert await desk.refused("wang", f"{paths[0]}/decision", outcomes[0]) == (409, "invalid_move")
    assert [row[2] for row in await posted(owner)] == [10000, 8050]
    assert (await part(desk, statement))["deductions"] == "180.50"
    await desk.balanced()


async def test_without_an_appeal_in_time_a_deduction_stands(desk: Office, owner: Any) -> None:
    """After the appeal days it shows as accepted, an appeal is too late, and the approval or the end of the audit books
    it."""
    settled = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    made = await claimed(desk, statement, settled, "50.00")
    path, audit = (
        f"/clearing/deductions/{made['deduction_id']}",
        f"/clearing/statements/{statement['statement_id']}/audit",
    )
    await desk.at("2018-06-20")
    assert (await desk.get(path))["state"] == "proposed"
    left = await desk.send("wang", audit)
    assert (left.status_code, left.json()["code"], left.json()["deductions"]) == (
        409,
        "deductions_open",
        [made["deduction_id"]],
    )
    await desk.at("2018-06-21T00:00:01+08:00")
    shown = await desk.get(path, "hospital")
    assert (shown["state"], shown["upheld"]) == ("accepted", "50.00")
    assert [one["deduction_id"] for one in (await desk.get("/clearing/deductions", state="accepted"))["data"]] == [
        made["deduction_id"]
    ]
    assert (await desk.get("/clearing/deductions", state="proposed"))["data"] == []
    assert await desk.refused("hospital", f"{path}/appeal", {"reason": "x"}) == (409, "appeal_too_late")
    assert await posted(owner) == []
    await desk.hire("civil", scopes=["finance"], funds=["610100"])
    assert await desk.refused("civil", audit) == (403, "statement_needs_all_funds")
    ended = await desk.do("wang", audit)
    assert (ended["state"], ended["deductions"], ended["deducted"]) == ("audited", 1, "50.00")
    assert await desk.refused("wang", audit) == (409, "invalid_move")
    assert [row[2] for row in await posted(owner)] == [5000]
    more = await claimed(desk, statement, settled, "10.00", fund="610100")
    await desk.at("2018-07-10")
    await desk.do("wang", f"/clearing/statements/{statement['statement_id']}/approval", {})
    assert [row[2] for row in await posted(owner)] == [5000, 1000]
    assert (await desk.get(f"/clearing/deductions/{more['deduction_id']}"))["state"] == "accepted"
    await desk.balanced()


async def test_what_can_not_be_deducted_is_refused_with_every_fault(desk: Office, owner: Any) -> None:
    """More than is owed, nothing, a line or a fund that isn't there, a stranger's or reversed bill, an approved
    fund."""
    settled = await desk.settled("1000.00", "2018-05-10")
    reversed_ = await desk.settled("500.00", "2018-05-11")
    reversal = await desk.do(None, f"/settlements/{reversed_['settlement_id']}/reversal", {"reason": "x"})
    await desk.at("2018-06-02")
    later = await desk.settled("100.00", "2018-06-01")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    path = f"/clearing/statements/{statement['statement_id']}/deductions"
    first = await claimed(desk, statement, settled, "900.00")
    await claimed(desk, statement, settled, "60.00")  # the first is only proposed, it has taken nothing
    await desk.do("hospital", f"/clearing/deductions/{first['deduction_id']}/acceptance")
    answer = await desk.send("li", path, claim(settled, "50.01", line_no=9))
    assert answer.status_code == 422, answer.text
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [
        ("/amount", "deduction_exceeds_payable"),
        ("/line_no", "line_unknown"),
    ]
    assert "50.00" in answer.json()["errors"][0]["message"]
    for wanted, expected in (
        (claim(settled, "0.00"), (422, "amount_zero")),
        (claim(settled, "1.00", fund="390200"), (422, "settlement_not_in_statement")),
        (claim(settled, "1.00", fund="1"), (422, "not_in_list")),
        (claim(later, "1.00"), (422, "settlement_not_in_statement")),
        (claim(reversal, "1.00"), (422, "settlement_not_in_statement")),
        (claim({"settlement_id": "set_999999"}, "1.00"), (422, "settlement_not_in_statement")),
        (claim({"settlement_id": "nonsense"}, "1.00"), (422, "settlement_not_in_statement")),
        (claim(reversed_, "1.00"), (409, "already_reversed")),
        (claim(settled, "1.00") | {"reason": ""}, (422, "text_too_short")),
    ):
        assert await desk.refused("li", path, wanted) == expected
    await desk.hire("elsewhere", scopes=["finance"], area_code="530300")
    await desk.hire("civil", scopes=["finance"], funds=["610100"])
    assert await desk.refused("elsewhere", path, claim(settled, "1.00")) == (404, "not_found")
    assert await desk.refused("civil", path, claim(settled, "1.00")) == (404, "not_found")
    assert await desk.refused("hospital", path, claim(settled, "1.00")) == (403, "forbidden_scope")
    approval = f"/clearing/statements/{statement['statement_id']}/approval"
    await desk.do("wang", approval, {"funds": ["610100"]})
    assert await desk.refused("li", path, claim(settled, "1.00", fund="610100")) == (409, "invalid_move")
    assert await owner.fetchval("SELECT count(*) FROM deduction") == 2
    assert [row[2] for row in await posted(owner)] == [90000]


async def test_a_reversal_takes_upheld_deductions_back_and_ends_open_ones(desk: Office, owner: Any) -> None:
    """The hospital isn't charged twice: what was deducted of the reversed bill returns to its payable, open ones
    lapse."""
    settled, other = await desk.settled("1000.00", "2018-05-10"), await desk.settled("700.00", "2018-05-11")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    made = [await claimed(desk, statement, settled, amount) for amount in ("50.00", "60.00", "70.00")]
    kept = await claimed(desk, statement, other, "80.00")
    paths = [f"/clearing/deductions/{one['deduction_id']}" for one in [*made, kept]]
    for path in (paths[0], paths[3]):
        await desk.do("hospital", f"{path}/acceptance")
    await desk.do("hospital", f"{paths[1]}/appeal", {"reason": "x"})
    await desk.do(None, f"/settlements/{settled['settlement_id']}/reversal", {"reason": "x", "cascade": True})
    assert [(row[0], row[1], row[2], row[5]) for row in await posted(owner, "deduction_reversed")] == [
        ("expense", "payable", 5000, made[0]["deduction_id"])
    ]
    states = [(await desk.get(path))["state"] for path in paths]
    assert states == ["accepted", "lapsed", "lapsed", "accepted"]
    assert [(await desk.get(path))["upheld"] for path in paths] == ["50.00", "0.00", "0.00", "80.00"]
    assert await desk.refused("wang", f"{paths[1]}/decision", {"outcome": "upheld", "reason": "x"}) == (
        409,
        "invalid_move",
    )
    owed = await owner.fetchval(
        """SELECT sum(CASE WHEN c.kind = 'payable' THEN t.amount ELSE -t.amount END) FROM transfer t
             JOIN account c ON c.account_id = t.credit_account WHERE t.fund = '390100'"""
    )
    basic = next(one["amount"] for one in other["payables"] if one["fund"] == "390100")
    assert owed == int(basic.replace(".", "")) - 8000
    await desk.balanced()


async def test_the_database_posts_a_deduction_only_as_it_was_upheld_and_once(desk: Office, owner: Any) -> None:
    """Whoever asks as the service's role: no other amount, no undecided deduction, no second posting, no decision of
    one's own."""
    settled = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    made = [await claimed(desk, statement, settled, "50.00") for _ in range(2)]
    await desk.do("hospital", f"/clearing/deductions/{made[0]['deduction_id']}/acceptance")
    transfer = await _as_posted(owner)
    for changes, error in (
        ({"amount": 5001}, asyncpg.InsufficientPrivilegeError),
        ({"cause": made[1]["deduction_id"]}, asyncpg.InsufficientPrivilegeError),
        ({"fund": "610100"}, asyncpg.InsufficientPrivilegeError),
        ({"event": "payment"}, asyncpg.InsufficientPrivilegeError),
        ({}, asyncpg.UniqueViolationError),
    ):
        with pytest.raises(error):
            await _posted_by_the_service(owner, desk, transfer | changes)
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute("UPDATE deduction SET state = 'appealed', decided_by = 'li' WHERE state = 'proposed'")
    with pytest.raises(asyncpg.RestrictViolationError):
        await owner.execute("UPDATE deduction SET amount = 1")


async def _as_posted(owner: Any) -> dict[str, Any]:
    row = await owner.fetchrow(
        """SELECT t.event, d.path AS debit, c.path AS credit, t.amount, t.settlement_id, t.area_code, t.fund, t.tier,
          t.hospital_code,
                  t.hospital_area, t.clr_type, t.business_date::text, t.benefit_year, t.fiscal_year, t.statement_id,
                    t.cause
             FROM transfer t JOIN account d ON d.account_id = t.debit_account
               JOIN account c ON c.account_id = t.credit_account
            WHERE t.event = 'deduction'"""
    )
    return dict(row)


async def _posted_by_the_service(owner: Any, desk: Office, transfer: dict[str, Any]) -> None:
    async with owner.transaction():
        await owner.execute("SET LOCAL ROLE onestop_app")
        await owner.execute(
            """SELECT set_config('onestop.reach', 'hospital', true), set_config('onestop.hospital', $1, true),
                      set_config('onestop.subject', 'hospital', true), set_config('onestop.request_id', 'r', true)""",
            desk.world.township,
        )
        await owner.execute("SELECT transfers_post($1::jsonb)", json.dumps([transfer]))


async def test_after_the_year_is_closed_a_deduction_falls_into_the_year_it_is_made(desk: Office, owner: Any) -> None:
    """A hospital's acceptance heeds a closing that the hospital itself doesn't see."""
    settled = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    await desk.at("2019-04-01")
    made = await claimed(desk, statement, settled, "50.00")
    unpaid = {"cash": "0.00", "offset": "0.00"}
    figures = [{"fund": one["fund"], "payable": one["amount"]} | unpaid for one in settled["payables"]]
    await owner.execute(
        """INSERT INTO fiscal_year_closing (area_code, year, closed_on, figures, subject, request_id)
           VALUES ('530100', 2018, '2019-03-31', $1, 'li', 'r')""",
        json.dumps(figures),
    )
    await desk.do("hospital", f"/clearing/deductions/{made['deduction_id']}/acceptance")
    assert [row[4] for row in await posted(owner)] == [2019]


async def test_a_deduction_of_a_line_stands_when_the_liable_party_is_asked(desk: Office) -> None:
    """A recovery leaves the hospital what it was owed, less what was deducted, of a line as of the whole."""
    settled = await desk.settled("1000.00", "2018-05-10", work_injury="undeterminable")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    made = [
        await claimed(desk, statement, settled, "50.00", line_no=1),
        await claimed(desk, statement, settled, "20.00"),
    ]
    for one in made:
        await desk.do("hospital", f"/clearing/deductions/{one['deduction_id']}/acceptance")
    body = {"reason": "认定为工伤", "document": "工伤认定书 1 号", "cascade": True}
    await desk.do(None, f"/settlements/{settled['settlement_id']}/recovery", body)
    stand = [await desk.get(f"/clearing/deductions/{one['deduction_id']}") for one in made]
    assert [(one["upheld"], one["given_back"]) for one in stand] == [("50.00", "0.00"), ("20.00", "0.00")]


async def test_the_owner_of_one_fund_sees_what_was_deducted_of_their_part_only(desk: Office) -> None:
    """The answer to their approval has their fund's part; who acts for all funds sees every part."""
    settled = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    made = await claimed(desk, statement, settled, "50.00")
    await desk.do("hospital", f"/clearing/deductions/{made['deduction_id']}/acceptance")
    await desk.hire("civil", scopes=["finance"], funds=["610100"])
    approved = await desk.do("civil", f"/clearing/statements/{statement['statement_id']}/approval", {})
    assert {one["fund"]: one["deducted"] for one in approved["parts"]} == {"610100": "0.00"}
    assert {one["fund"] for one in approved["funds"]} == {"610100"}
    whole = await desk.get(f"/clearing/statements/{statement['statement_id']}", "li")
    assert {one["fund"]: one["deducted"] for one in whole["parts"]} == {"390100": "50.00", "610100": "0.00"}
    basic = next(one for one in whole["funds"] if one["fund"] == "390100")
    assert (basic["deductions"], basic["payable"], basic["approved_by"]) == ("50.00", "900.00", None)


async def test_a_sample_can_be_drawn_again_by_anybody(desk: Office) -> None:
    """The same seed draws the same settlements, by the stated method; the seed is kept, and made up where none is
    given."""
    settled = [await desk.settled("100.00", "2018-05-10") for _ in range(5)]
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    path = f"/clearing/statements/{statement['statement_id']}/samples"
    three = await desk.do("li", path, {"size": 3, "seed": "2018-06"})
    drawn = [one["settlement_id"] for one in three["settlements"]]
    ids = [one["settlement_id"] for one in settled]
    expected = sorted(ids, key=lambda one: hashlib.sha256(f"2018-06:{one}".encode()).digest())
    assert drawn == expected[:3]
    assert (three["population"], three["size"], three["method"]) == (
        5,
        3,
        "ascending SHA-256 of '<seed>:<settlement_id>'",
    )
    half = await desk.do("wang", path, {"rate": "0.5000", "seed": "2018-06"})
    assert half["settlements"] == three["settlements"]
    all_ = await desk.do("li", path, {"size": 100})
    assert (all_["size"], sorted(one["settlement_id"] for one in all_["settlements"])) == (5, sorted(ids))
    again = await desk.do("li", path, {"size": 5, "seed": all_["seed"]})
    assert again["settlements"] == all_["settlements"]
    amounts = {one["settlement_id"]: one["fund_total"] for one in settled}
    assert all(one["fund_total"] == amounts[one["settlement_id"]] for one in all_["settlements"])
    kept = (await desk.get(path))["data"]
    assert [(one["seed"], one["size"], one["subject"]) for one in kept][:2] == [
        ("2018-06", 3, "li"),
        ("2018-06", 3, "wang"),
    ]
    for body in ({}, {"size": 1, "rate": "0.5000"}):
        assert await desk.refused("li", path, body) == (422, "size_or_rate")
    assert await desk.refused("li", path, {"size": 0}) == (422, "number_out_of_range")
    assert await desk.refused("hospital", path, {"size": 1}) == (403, "forbidden_scope")
    assert await desk.refused("li", "/clearing/statements/stm_999/samples", {"size": 1}) == (404, "not_found")


async def test_deductions_are_listed_for_those_they_concern(desk: Office) -> None:
    """By statement, hospital, fund and state, newest first, page by page; another hospital sees none."""
    settled = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    made = [await claimed(desk, statement, settled, amount) for amount in ("1.00", "2.00", "3.00")]
    await desk.hire("stranger", scopes=["hospital"], hospital_code=desk.world.county)
    assert (await desk.get("/clearing/deductions", "stranger"))["data"] == []
    answer = await desk.client.get(
        f"/v1/clearing/deductions/{made[0]['deduction_id']}", headers=desk.tokens["stranger"]
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    query = {
        "statement_id": statement["statement_id"],
        "hospital_code": desk.world.township,
        "fund": "390100",
        "limit": 2,
    }
    first = await desk.get("/clearing/deductions", "hospital", **query)
    assert [one["amount"] for one in first["data"]] == ["3.00", "2.00"]
    rest = await desk.get("/clearing/deductions", "hospital", cursor=first["next_cursor"], **query)
    assert ([one["amount"] for one in rest["data"]], rest["has_more"]) == (["1.00"], False)
    assert (await desk.get("/clearing/deductions", fund="610100"))["data"] == []
