"""Employees' insurance from the bill to the bank: the pooled fund and large sums are funds like the others."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.ledger.proof import CHECKS
from tests.clearing.office import Office, office
from tests.clearing.test_reconciliation import compared, rows_of, told, totals_of, with_totals
from tests.employees import LARGE, POOLED, packs_with_employees
from tests.world import World


@pytest.fixture
async def desk(database_server: str, tmp_path: Path) -> AsyncIterator[Office]:
    """An office whose service has a pack of employees' insurance beside the shipped ones, and an employee."""
    async with office(database_server, ONESTOP_POLICY_DIR=packs_with_employees(tmp_path)) as opened:
        employee = World(opened.client, tag=opened.world.tag, id_number=opened.world.id_number)
        await employee.build([], insurance_type="310")
        yield opened
        await opened.balanced()


async def employed(desk: Office, amount: str, **changes: Any) -> dict[str, Any]:
    """An employee's settled bill of 10 May."""
    return await desk.settled(amount, "2018-05-10", insurance_type="310", **changes)


def by_fund(rows: list[dict[str, Any]], name: str) -> dict[str, str]:
    """A member of rows by their fund, without those that are nothing."""
    return {row["fund"]: row[name] for row in rows if row[name] not in ("0.00", None)}


async def test_an_employees_bill_goes_from_both_funds_to_the_bank(desk: Office) -> None:
    """4,000.00: the pooled fund 2,000.00 to its cap, large sums half of the rest; a deduction of 50.00; every yuan of
    both funds is declared, compared, ordered, paid and shown, and the residents' funds have none of it."""
    settled = await employed(desk, "4000.00")
    owed = {POOLED: "2000.00", LARGE: "1000.00"}
    assert {one["fund"]: one["amount"] for one in settled["payables"]} == owed
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    assert by_fund(statement["funds"], "amount") == owed
    assert (await with_totals(desk, statement, totals_of(statement), who="hospital"))["result"] == "matched"
    assert (await compared(desk, statement, rows_of(settled)))["result"] == "matched"
    wrong = [(settled["settlement_id"], "职工统筹", "2000.00"), (settled["settlement_id"], "职工大额", "1000.01")]
    differing = await compared(desk, statement, wrong)
    assert told(differing) == [("amount_mismatch", settled["settlement_id"], LARGE, "1000.00", "1000.01")]
    assert (await compared(desk, statement, rows_of(settled)))["result"] == "matched"
    body = {"settlement_id": settled["settlement_id"], "amount": "50.00", "reason_code": "A03", "reason": "超适应症"}
    path = f"/clearing/statements/{statement['statement_id']}"
    made = await desk.do("li", f"{path}/deductions", body | {"fund": LARGE})
    await desk.do("hospital", f"/clearing/deductions/{made['deduction_id']}/acceptance")
    await desk.do("wang", f"{path}/approval", {})
    await desk.at("2018-06-20")
    paid = {}
    for fund in owed:
        order = await desk.sent(await desk.ordered(statement, fund))
        assert (await desk.paid(order, "2018-06-20"))["state"] == "paid"
        paid[fund] = Decimal(order["amount"]) + Decimal(order["deposit"])
    assert paid == {POOLED: Decimal("2000.00"), LARGE: Decimal("950.00")}
    rates = (await desk.get("/payout-rates", year=2018, as_of="2018-06-30"))["data"]
    assert by_fund(rates, "payable") == {POOLED: "2000.00", LARGE: "950.00"}
    assert [row["fund"] for row in rates] == ["390100", "390200", "620101", "610100", "640100", POOLED, LARGE]
    own = (await desk.get("/payout-rates", year=2018, fund=POOLED))["data"]
    assert [row["incurred"] for row in own] == ["2000.00"]


async def test_an_employee_who_paid_has_a_claim_on_each_fund(desk: Office) -> None:
    """What the funds owe a person is a claim per fund; its slip names the fund."""
    await desk.hire("sun", scopes=["finance"])
    bill = desk.world.bill("4000.00", paid_by="patient", insurance_type="310")
    settled = await desk.do("sun", "/settlements", bill)
    claims = {one["fund"]: one for one in (await desk.get("/claims", "sun"))["data"]}
    assert {fund: one["amount"] for fund, one in claims.items()} == {POOLED: "2000.00", LARGE: "1000.00"}
    assert claims[POOLED]["settlement_id"] == settled["settlement_id"]
    slip = await desk.client.get(f"/v1/claims/{claims[LARGE]['claim_id']}/slip", headers=desk.tokens["sun"])
    assert slip.status_code == 200, slip.text


async def test_the_pooled_fund_can_pay_before(desk: Office) -> None:
    """A fund that a pack brings can prepay; what no dictionary knows can't."""
    body = {"hospital_code": desk.world.township, "area_code": "530100", "year": 2018, "amount": "500.00"}
    assert (await desk.do("li", "/prepayments", body | {"fund": POOLED}))["fund"] == POOLED
    assert await desk.refused("li", "/prepayments", body | {"fund": "123456"}) == (422, "not_in_list")


async def test_who_acts_for_the_pooled_fund_alone_sees_its_part_and_no_other(desk: Office) -> None:
    """A token can be given for any fund of the country."""
    await employed(desk, "4000.00")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    await desk.hire("zhao", scopes=["finance"], funds=[POOLED])
    seen = await desk.get(f"/clearing/statements/{statement['statement_id']}", "zhao")
    assert by_fund(seen["funds"], "amount") == {POOLED: "2000.00"}


async def test_a_year_is_closed_by_who_acts_for_every_fund_there_may_be(desk: Office) -> None:
    """Not by a token that names those of today's packs, since another may have been posted to; the closed year has the
    employees' figures."""
    await employed(desk, "4000.00")
    named = ["390100", "390200", "620101", "610100", "640100", POOLED, LARGE]
    await desk.hire("zhao", scopes=["finance"], funds=named)
    await desk.at("2019-01-05")
    body = {"area_code": "530100"}
    assert await desk.refused("zhao", "/fiscal-years/2018/closing", body) == (403, "all_funds_needed")
    closed = await desk.do("li", "/fiscal-years/2018/closing", body)
    assert by_fund(closed["figures"], "payable") == {POOLED: "2000.00", LARGE: "1000.00"}
    owner = await asyncpg.connect(desk.url)
    try:
        assert await owner.fetch(CHECKS["closed_year"]) == []
        lost = CHECKS["closed_year"].replace("c.figures)", "c.figures - 5)")  # as if the pooled fund weren't among them
        assert [tuple(row) for row in await owner.fetch(lost)] == [(f"530100 2018 {POOLED} payable", 0, 200_000)]
    finally:
        await owner.close()
