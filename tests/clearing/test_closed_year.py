"""What is decided about a year after it was closed, over real HTTP."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.clearing.office import Office, office

pytestmark = pytest.mark.thorough

AREA, FUND = "530100", "390100"


@pytest.fixture
async def december(database_server: str) -> AsyncIterator[Office]:
    """An office in December 2018."""
    async with office(database_server, start="2018-12-20T10:00:00+08:00") as opened:
        yield opened
        await opened.balanced()


async def rates(opened: Office, year: int) -> dict[str, Any]:
    """The fund's payout figures of a year as of today."""
    answer = await opened.get("/payout-rates", year=year, fund=FUND, area_code=AREA)
    row: dict[str, Any] = answer["data"][0]
    return row


async def closed(opened: Office) -> None:
    """2018 closed, with an exception because nothing was paid."""
    body = {"area_code": AREA, "fund": FUND, "reason": "尚未拨付"}
    exception = await opened.do("li", "/fiscal-years/2018/exceptions", body)
    await opened.do("wang", f"/exceptions/{exception['exception_id']}/approval")
    await opened.do("li", "/fiscal-years/2018/closing", {"area_code": AREA})


async def test_a_deduction_decided_after_its_year_was_closed_is_taken_off_that_years_order(december: Office) -> None:
    """It is booked in the present year, which carries it over to the closed one: both years' hospital accounts come to
    nothing."""
    settled = await december.settled("900.00", "2018-12-19")
    await december.at("2019-01-05")
    statement = await december.declared("2018-12")
    body = {
        "settlement_id": settled["settlement_id"],
        "fund": FUND,
        "amount": "100.00",
        "reason_code": "R01",
        "reason": "超量",
    }
    path = f"/clearing/statements/{statement['statement_id']}"
    deduction = await december.do("li", f"{path}/deductions", body)
    await closed(december)
    await december.do("hospital", f"/clearing/deductions/{deduction['deduction_id']}/acceptance")
    approved = await december.do("wang", f"{path}/approval", {})
    order = await december.ordered(approved, deposit_rate="0.0000")
    basic = Decimal(settled["portions"]["basic"])
    assert (order["fiscal_year"], Decimal(order["amount"])) == (2018, basic - 100)
    await december.paid(await december.sent(order), "2019-01-05")
    old, new = await rates(december, 2018), await rates(december, 2019)
    assert Decimal(old["final_paid"]) == Decimal(old["final_payable"]) == basic
    assert (new["deductions"], new["payable"], new["disbursed"]) == ("100.00", "-100.00", "-100.00")
    account = f"area:{AREA}/fund:{FUND}/carry/hospital:{december.world.township}"
    entries = await december.get("/ledger/entries", account=account)
    assert [entry["event"] for entry in entries["data"]] == ["carried", "carried"]
    await december.balanced()


async def test_cancelling_such_an_order_takes_the_deduction_back_to_the_present_year(december: Office) -> None:
    """Nothing is left on the carry account, and a new order finds the same deduction."""
    settled = await december.settled("900.00", "2018-12-19")
    await december.at("2019-01-05")
    statement = await december.declared("2018-12")
    body = {
        "settlement_id": settled["settlement_id"],
        "fund": FUND,
        "amount": "100.00",
        "reason_code": "R01",
        "reason": "超量",
    }
    path = f"/clearing/statements/{statement['statement_id']}"
    deduction = await december.do("li", f"{path}/deductions", body)
    await closed(december)
    await december.do("hospital", f"/clearing/deductions/{deduction['deduction_id']}/acceptance")
    approved = await december.do("wang", f"{path}/approval", {})
    order = await december.ordered(approved, deposit_rate="0.0000")
    await december.do("wang", f"/disbursements/{order['disbursement_id']}/approval")
    await december.do("li", f"/disbursements/{order['disbursement_id']}/cancellation", {"reason": "重做"})
    assert (await rates(december, 2019))["disbursed"] == "0.00"
    again = await december.ordered(approved, deposit_rate="0.0000")
    assert again["amount"] == order["amount"]
    await december.balanced()
