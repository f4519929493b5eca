"""Closing months: what is dated into them stands still, and what is due by which day."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.clearing.plan import plan_on
from app.policies import shipped_book
from tests.clearing.office import Office, office
from tests.employees import LARGE, POOLED, packs_with_employees

pytestmark = pytest.mark.thorough

SOFT: dict[str, Any] = {"area_code": "530100", "mode": "soft"}
HARD: dict[str, Any] = {"area_code": "530127", "mode": "hard"}


@pytest.fixture
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office on 20 May 2018 with two bills settled."""
    async with office(database_server) as opened:
        await opened.settled("1000.00", "2018-05-10")
        await opened.settled("300.00", "2018-05-11")
        yield opened
        await opened.balanced()


def closing(period: str) -> str:
    """The path that closes a month."""
    return f"/fiscal-months/{period}/closing"


async def test_a_closed_month_keeps_its_figures_and_says_what_is_open(desk: Office) -> None:
    """Closing answers the month's sums and the hospital that hasn't declared; the figures stay as they were."""
    assert await desk.refused("li", closing("2018-05"), SOFT) == (409, "period_not_ended")
    await desk.at("2018-06-05")
    closed = await desk.do("li", closing("2018-05"), SOFT)
    assert (closed["area_code"], closed["state"], closed["closed_by"], closed["closed_on"]) == (
        "530100",
        "soft",
        "li",
        "2018-06-05",
    )
    basic = next(total for total in closed["totals"] if total["fund"] == "390100")
    assert basic == {"fund": "390100", "event": "settlement", "postings": 2, "amount": "1235.00"}
    assert closed["open"]["undeclared"] == 1
    assert closed["open"]["named"]["undeclared"] == [{"hospital_code": desk.world.township}]
    assert await desk.refused("li", closing("2018-05"), SOFT) == (409, "already_closed")
    await desk.approved("2018-05")
    kept = await desk.get("/fiscal-months/2018-05", area_code="530100")
    assert {(row["event"], row["clr_type"]) for row in kept["data"]} == {("settlement", "21")}
    hard = await desk.do("wang", closing("2018-05"), HARD)
    assert (hard["state"], hard["open"]["undeclared"], hard["closed_by"]) == ("hard", 0, "wang")
    for mode in (SOFT, HARD):
        assert await desk.refused("li", closing("2018-05"), mode) == (409, "already_closed")
    (listed,) = (await desk.get("/fiscal-months", area_code="530100"))["data"]
    assert listed["state"] == "hard"
    await desk.balanced()


async def test_no_money_is_dated_into_a_closed_month(desk: Office) -> None:
    """A payment or return of a day in a closed month is refused; another person opens it again, and it is taken."""
    await desk.at("2018-06-05")
    order = await desk.sent(await desk.ordered(await desk.approved("2018-05")))
    await desk.at("2018-07-02")
    await desk.do("li", closing("2018-06"), SOFT)
    path = f"/disbursements/{order['disbursement_id']}"
    payment = {"amount": order["amount"], "paid_on": "2018-06-25", "bank_reference": secrets.token_hex(8)}
    assert await desk.refused("li", f"{path}/payments", payment) == (409, "month_closed")
    assert await desk.refused("li", "/fiscal-months/2018-06/reopening", {"reason": "x"}) == (422, "missing")
    wanted = {"area_code": "530100", "reason": "银行回单迟到"}
    assert await desk.refused("li", "/fiscal-months/2018-06/reopening", wanted) == (403, "maker_is_checker")
    assert await desk.refused(None, "/fiscal-months/2018-05/reopening", wanted) == (409, "invalid_move")
    opened = await desk.do("wang", "/fiscal-months/2018-06/reopening", wanted)
    assert (opened["state"], opened["closed_by"], opened["reopened_by"]) == ("open", "li", "wang")
    assert (await desk.do("li", f"{path}/payments", payment))["state"] == "paid"
    again = await desk.do("li", closing("2018-06"), SOFT)
    assert (again["state"], again["reopened_by"]) == ("soft", None)
    back = {"amount": "1.00", "returned_on": "2018-06-30", "bank_reference": secrets.token_hex(8), "reason": "退回"}
    assert await desk.refused("li", f"{path}/returns", back) == (409, "month_closed")
    assert (await desk.do("li", f"{path}/returns", back | {"returned_on": "2018-07-01"}))["state"] == "part_paid"
    await desk.balanced()


async def test_a_month_closed_hard_is_declared_no_more(desk: Office) -> None:
    """Not declared, not withdrawn, by the hospital neither; what it had joins the next statement."""
    await desk.at("2018-06-05")
    june = await desk.settled("200.00", "2018-06-03")
    await desk.do("li", closing("2018-05"), HARD)
    wanted = {"hospital_code": desk.world.township, "period": "2018-05"}
    for who in ("li", "hospital"):
        assert await desk.refused(who, "/clearing/statements", wanted) == (409, "month_closed")
    await desk.at("2018-07-02")
    statement = await desk.declared("2018-06")
    assert statement["count"] == 3
    assert june["settlement_id"] in {
        item["settlement_id"]
        for item in (await desk.get(f"/clearing/statements/{statement['statement_id']}/items"))["data"]
    }
    await desk.do("li", closing("2018-06"), HARD)
    path = f"/clearing/statements/{statement['statement_id']}/withdrawal"
    assert await desk.refused("li", path, {"reason": "x"}) == (409, "month_closed")
    await desk.balanced()


async def test_closing_and_paying_at_once_never_both_succeed_wrongly(desk: Office) -> None:
    """Of a closing and payments into the month, whichever is first wins: the kept figures hold exactly what was
    accepted."""
    await desk.at("2018-06-05")
    order = await desk.sent(await desk.ordered(await desk.approved("2018-05")))
    await desk.at("2018-07-02")
    path = f"/disbursements/{order['disbursement_id']}/payments"

    async def pay() -> int:
        body = {"amount": "1.00", "paid_on": "2018-06-20", "bank_reference": secrets.token_hex(8)}
        return (await desk.send("li", path, body)).status_code

    *paid, closed = await asyncio.gather(*(pay() for _ in range(8)), desk.send("wang", closing("2018-06"), SOFT))
    assert closed.status_code == 201, closed.text
    assert set(paid) <= {200, 201, 409}
    counted = [total for total in closed.json()["totals"] if total["event"] == "payment"]
    accepted = sum(status != 409 for status in paid)
    assert [total["postings"] for total in counted] == ([accepted] if accepted else [])


async def test_who_may_close(desk: Office) -> None:
    """Finance of the area and of all its funds; a fund's owner, another area, a hospital and an auditor don't."""
    await desk.hire("zhao", scopes=["finance"], funds=["610100"])
    await desk.hire("elsewhere", scopes=["finance"], area_code="532600")
    await desk.hire("here", scopes=["finance"], area_code="530100")
    await desk.hire("audit", scopes=["auditor"], area_code="530100")
    await desk.at("2018-06-05")
    assert await desk.refused("zhao", closing("2018-05"), SOFT) == (403, "all_funds_needed")
    assert await desk.refused("elsewhere", closing("2018-05"), SOFT) == (404, "not_found")
    assert await desk.refused("hospital", closing("2018-05"), SOFT) == (403, "forbidden_scope")
    assert await desk.refused("audit", closing("2018-05"), SOFT) == (403, "forbidden_scope")
    assert await desk.refused("li", closing("2018-5"), SOFT) == (422, "period_format")
    assert await desk.refused("li", closing("2018-05"), {"mode": "firm", "area_code": "530100"}) == (422, "not_in_list")
    assert (await desk.do("here", closing("2018-05"), {"mode": "soft"}))["area_code"] == "530100"
    seen = (await desk.get("/fiscal-months", who="zhao"))["data"]
    assert [total["fund"] for total in seen[0]["totals"]] == ["610100"]
    assert (await desk.get("/fiscal-months", who="elsewhere"))["data"] == []
    assert len((await desk.get("/fiscal-months", who="audit"))["data"]) == 1


async def test_what_is_due_is_a_list(desk: Office) -> None:
    """Declaring by the 10th, approving, ordering and paying by the 25th, the report by the 25th; late ones say so."""

    async def due() -> list[tuple[str, str, str, bool]]:
        answer = await desk.get("/clearing/due", area_code="530127")
        assert answer["area_code"] == "530100"
        return [(item["act"], item["period"], item["due_on"], item["overdue"]) for item in answer["data"]]

    assert await due() == []
    await desk.at("2018-06-05")
    report = ("report", "2018-05", "2018-06-25", False)
    assert await due() == [("declare", "2018-05", "2018-06-10", False), report]
    await desk.at("2018-06-11")
    assert await due() == [("declare", "2018-05", "2018-06-10", True), report]
    statement = await desk.declared("2018-05")
    assert await due() == [("approve", "2018-05", "2018-06-25", False), report]
    await desk.do("wang", f"/clearing/statements/{statement['statement_id']}/approval", {})
    funds = len(statement["funds"])
    assert await due() == [("order", "2018-05", "2018-06-25", False)] * funds + [report]
    order = await desk.sent(await desk.ordered(statement))
    await desk.at("2018-06-26")
    late = await due()
    assert sorted(late) == sorted(
        [("order", "2018-05", "2018-06-25", True)] * (funds - 1)
        + [("pay", "2018-05", "2018-06-25", True), ("report", "2018-05", "2018-06-25", True)]
    )
    await desk.paid(order, "2018-06-26")
    assert "pay" not in {item[0] for item in await due()}
    refused = await desk.client.get("/v1/clearing/due")
    assert refused.status_code == 422


async def test_the_database_lets_nobody_past_the_moves(desk: Office) -> None:
    """A closed month's row can't be removed, nor opened by who closed it, whoever asks the database."""
    await desk.at("2018-06-05")
    await desk.do("li", closing("2018-05"), SOFT)
    owner = await asyncpg.connect(desk.url)
    try:
        for statement in (
            "DELETE FROM fiscal_month",
            "UPDATE fiscal_month SET period = '2018-04'",
            "UPDATE fiscal_month SET state = 'open', reopened_by = 'li'",
        ):
            with pytest.raises(asyncpg.PostgresError):
                await owner.execute(statement)
    finally:
        await owner.close()


def test_a_pay_by_day_on_a_holiday_stays_unless_the_pack_moves_it() -> None:
    """25 August 2018 is a Saturday. As shipped it stays; with next_working_day it is Monday; holidays and worked
    weekends count."""
    shipped = plan_on(shipped_book(None), "530100", date(2018, 7, 31))
    moving = replace(shipped, next_working_day=True)
    assert (shipped.pay_by("2018-07"), moving.pay_by("2018-07")) == (date(2018, 8, 25), date(2018, 8, 27))
    worked = replace(moving, workdays=moving.workdays | {date(2018, 8, 25)})
    assert worked.pay_by("2018-07") == date(2018, 8, 25)
    # 1 to 7 October are free, 29 and 30 September worked.
    assert [moving.works(date(2018, 9, day)) for day in (28, 29, 30)] == [True, True, True]
    assert replace(moving, pay_by_day=1).pay_by("2018-09") == date(2018, 10, 8)
    assert not any(moving.works(date(2018, 2, day)) for day in range(15, 22))


def test_a_residents_fund_has_the_floor_of_the_residents_pack(tmp_path: Path) -> None:
    """Whatever an employees' pack says of a fund that it shares with residents; of its own funds it says the floor."""
    folder = Path(packs_with_employees(tmp_path))
    text = (folder / "employees.yaml").read_text(encoding="utf-8")
    row = 'rows:\n      - {from: 2018-01-01, value: "0.4", status: assumed, source: {document: d, clause: "1"}}\n'
    text = text.replace(f'serious_illness: "{LARGE}"', f'serious_illness: "{LARGE}", medical_assistance: "390100"')
    text += f"  disbursement.min_payout_ratio:\n    title: 比例\n    unit: rate\n    {row}"
    (folder / "employees.yaml").write_text(text, encoding="utf-8")
    shipped, both = (plan_on(shipped_book(one), "530100", date(2018, 7, 31)).floors for one in (None, folder))
    assert both == {**shipped, POOLED: 4000, LARGE: 4000}
