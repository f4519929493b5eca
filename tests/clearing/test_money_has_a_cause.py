"""Money is dated after its cause, expected where it was posted, and stands still where the law says so."""

import secrets
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from tests.clearing.office import Office, office

pytestmark = pytest.mark.thorough

WHY = {"reason": "更正"}


@pytest.fixture
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office on 20 May 2018, whose books are proven when a test has ended."""
    async with office(database_server) as opened:
        yield opened
        await opened.balanced()


@pytest.fixture
async def owner(desk: Office) -> AsyncIterator[Any]:
    """A connection to the office's database as its owner."""
    opened = await asyncpg.connect(desk.url)
    yield opened
    await opened.close()


def paid(amount: str, day: str) -> dict[str, str]:
    """A payment of a day."""
    return {"amount": amount, "paid_on": day, "bank_reference": secrets.token_hex(6)}


def returned(amount: str, day: str) -> dict[str, str]:
    """A return of a day."""
    return {"amount": amount, "returned_on": day, "bank_reference": secrets.token_hex(6)} | WHY


def owed(bill: dict[str, Any]) -> Decimal:
    """What the basic fund owes of a bill; yuan."""
    return Decimal(next(one["amount"] for one in bill["payables"] if one["fund"] == "390100"))


async def rate(desk: Office, **query: Any) -> dict[str, Any]:
    """The basic fund's payout figures."""
    rows = (await desk.get("/payout-rates", fund="390100", **{"year": 2018} | query))["data"]
    found: dict[str, Any] = rows[0]
    return found


# ---------------------------------------------------------------- before its cause


async def test_a_return_is_not_dated_before_its_payment(desk: Office, owner: Any) -> None:
    """On no day has more come back of an order than was paid by it; the figures of 31 December stay right."""
    await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-12-20")
    order = await desk.sent(await desk.ordered(await desk.approved("2018-05"), deposit_rate="0.0000"))
    path = f"/disbursements/{order['disbursement_id']}"
    await desk.at("2019-01-10")
    await desk.do("li", f"{path}/payments", paid("500.00", "2018-12-28"))
    await desk.do("li", f"{path}/payments", paid("450.00", "2019-01-05"))
    for amount, day in (("100.00", "2018-12-27"), ("500.01", "2018-12-28"), ("500.01", "2019-01-04")):
        assert await desk.refused("li", f"{path}/returns", returned(amount, day)) == (422, "return_before_payment")
    await desk.do("li", f"{path}/returns", returned("300.00", "2019-01-06"))
    assert await desk.refused("li", f"{path}/returns", returned("500.01", "2018-12-30")) == (
        422,
        "return_before_payment",
    )
    assert (await rate(desk, as_of="2018-12-31"))["disbursed"] == "500.00"
    with pytest.raises(asyncpg.RestrictViolationError):
        await owner.execute(
            """INSERT INTO bank_movement (bank_reference, kind, disbursement_id, amount, value_on, reason, subject,
              request_id)
               SELECT 'X', 'return', disbursement_id, 50001, '2018-12-30', 'x', 'li', 'r' FROM disbursement"""
        )


async def test_money_paid_again_is_not_dated_before_it_came_back(desk: Office) -> None:
    """On no day has an order paid more than its amount: what came back in January wasn't paid again in December."""
    await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-12-20")
    order = await desk.sent(await desk.ordered(await desk.approved("2018-05"), deposit_rate="0.0000"))
    path = f"/disbursements/{order['disbursement_id']}"
    await desk.do("li", f"{path}/payments", paid("950.00", "2018-12-20"))
    await desk.at("2019-01-10")
    await desk.do("li", f"{path}/returns", returned("950.00", "2019-01-05"))
    assert await desk.refused("li", f"{path}/payments", paid("950.00", "2018-12-31")) == (422, "payment_before_return")
    assert (await desk.do("li", f"{path}/payments", paid("950.00", "2019-01-06")))["state"] == "paid"


async def test_a_prepayment_comes_back_after_it_went(desk: Office) -> None:
    """The same of prepayments."""
    body = {"hospital_code": desk.world.township, "area_code": "530100", "fund": "390100", "amount": "100.00"}
    path = f"/prepayments/{(await desk.do('li', '/prepayments', body | {'year': 2018}))['prepayment_id']}"
    await desk.do("wang", f"{path}/approval")
    await desk.do("li", f"{path}/sending")
    await desk.at("2018-05-25")
    await desk.do("li", f"{path}/payments", paid("100.00", "2018-05-24"))
    assert await desk.refused("li", f"{path}/returns", returned("1.00", "2018-05-23")) == (422, "return_before_payment")
    assert await desk.refused("li", f"{path}/payments", paid("1.00", "2018-05-19")) == (409, "invalid_move")
    assert (await desk.do("li", f"{path}/returns", returned("1.00", "2018-05-24")))["state"] == "paid"


async def test_a_patient_balance_is_not_closed_before_it_was_opened(desk: Office) -> None:
    """A day before the correction that opened it is refused."""
    bill = await desk.settled("1000.00", "2018-05-10")
    await desk.do(None, f"/settlements/{bill['settlement_id']}/reversal", WHY)
    (balance,) = (await desk.get("/patient-balances"))["data"]
    path = f"/patient-balances/{balance['balance_id']}/closing"
    state = "refunded" if balance["direction"] == "refund" else "collected"
    body = {"state": state, "paid_on": "2001-01-01", "reference": "Q1"}
    assert await desk.refused(None, path, body) == (422, "before_opening")
    assert (await desk.do(None, path, body | {"paid_on": "2018-05-20"}))["state"] == state


# ---------------------------------------------------------------- expected and projected


async def test_a_month_that_had_nothing_last_year_is_expected_to_come_back_to_nothing(desk: Office) -> None:
    """A negative month is expected to be made good where the fund has a last year, though not in that month."""
    await desk.at("2018-07-20")
    july = owed(await desk.settled("1000.00", "2018-07-10"))
    days = {"admitted_on": "2019-02-10", "discharged_on": "2019-02-10"}
    await desk.at("2019-02-20")
    bill = await desk.settled("500.00", "2019-02-10", **days)
    await desk.at("2019-03-20")
    await desk.do(None, f"/settlements/{bill['settlement_id']}/reversal", WHY)
    assert Decimal((await rate(desk, year=2019, as_of="2019-03-20"))["expected"]) == july + owed(bill)


async def test_a_deduction_is_as_late_as_the_posting_that_it_cuts(desk: Office) -> None:
    """Of 950.00 of May that July's statement swept, 30.00 are deducted: 920.00 were declared late."""
    bill = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-08-02")
    statement = await desk.declared("2018-07")
    body = {"settlement_id": bill["settlement_id"], "fund": "390100", "amount": "30.00", "reason_code": "A03"} | WHY
    made = await desk.do("li", f"/clearing/statements/{statement['statement_id']}/deductions", body)
    await desk.do("hospital", f"/clearing/deductions/{made['deduction_id']}/acceptance")
    assert (await rate(desk, as_of="2018-08-02"))["late_declared"] == "920.00"


async def test_expected_follows_the_month_of_the_posting(desk: Office) -> None:
    """A March bill of last year that May's statement swept is expected in March, not in May."""
    await desk.at("2018-06-05")
    await desk.settled("1000.00", "2018-06-02")
    await desk.at("2018-09-05")
    swept = await desk.declared("2018-08")
    assert swept["amount"] != "0.00"
    assert (await rate(desk, as_of="2018-09-05"))["late_declared"] == "950.00"
    assert (await rate(desk, as_of="2018-07-05"))["late_declared"] == "950.00"
    assert (await rate(desk, as_of="2018-06-30"))["late_declared"] == "0.00"
    await desk.at("2019-01-20")
    await desk.settled("100.00", "2019-01-10", admitted_on="2019-01-10", discharged_on="2019-01-10")
    await desk.at("2019-06-20")
    first = await desk.declared("2019-05")
    assert first["statement_id"]
    figures = await rate(desk, year=2019, as_of="2019-06-20")
    assert (figures["projection"], figures["expected"]) == ("last_year", "950.00")
    await desk.at("2019-07-20")
    await desk.declared("2019-06")
    assert (await rate(desk, year=2019, as_of="2019-07-20"))["expected"] == "0.00"


async def test_projected_ratio_stands_still_after_31_december(desk: Office) -> None:
    """What was still unpaid on 31 December and paid later changes the final figures only."""
    await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-12-20")
    order = await desk.sent(await desk.ordered(await desk.approved("2018-05"), deposit_rate="0.0000"))
    still = ("projected_ratio", "scheduled", "expected", "incurred_ratio", "disbursed", "required")
    at_end = await rate(desk, as_of="2018-12-31")
    await desk.at("2019-02-10")
    await desk.paid(order, "2019-02-01")
    for day in ("2019-01-01", "2019-01-31", "2019-02-10"):
        later = await rate(desk, as_of=day)
        assert {name: later[name] for name in still} == {name: at_end[name] for name in still}
    assert (await rate(desk, as_of="2019-02-10"))["final_ratio"] == "1.0000"


async def test_rows_by_period_show_no_carried_part_as_overdue(desk: Office) -> None:
    """The month whose order took another's negative net is paid whole."""
    bill = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    await desk.paid(
        await desk.sent(await desk.ordered(await desk.approved("2018-05"), deposit_rate="0.0000")), "2018-06-05"
    )
    await desk.do(None, f"/settlements/{bill['settlement_id']}/reversal", WHY)
    await desk.at("2018-07-05")
    await desk.ordered(await desk.approved("2018-06"))
    await desk.settled("2000.00", "2018-07-04")
    await desk.at("2018-08-05")
    order = await desk.sent(await desk.ordered(await desk.approved("2018-07"), deposit_rate="0.0000"))
    await desk.paid(order, "2018-08-05")
    rows = (await desk.get("/payout-rates", year=2018, as_of="2018-09-30", fund="390100", group_by="fund,period"))[
        "data"
    ]
    assert {row["period"]: row["overdue"] for row in rows} == dict.fromkeys(("2018-05", "2018-06", "2018-07"), "0.00")


async def test_a_deposit_on_a_past_year_is_as_the_plan_says(desk: Office) -> None:
    """After 31 December the legal figures stand still: the plan's deposit is withheld and refused by no floor."""
    await desk.settled("1000.00", "2018-05-10")
    await desk.at("2019-01-10")
    order = await desk.ordered(await desk.approved("2018-12"))
    assert (order["fiscal_year"], order["deposit"], order["amount"]) == (2018, "47.50", "902.50")


# ---------------------------------------------------------------- recoveries and registry


async def test_a_recovery_gives_no_deduction_back(desk: Office) -> None:
    """The hospital keeps what it was owed and the fund asks the liable party: what was deducted stays deducted."""
    bill = await desk.settled("1000.00", "2018-05-10", work_injury="undeterminable")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    claim = {"settlement_id": bill["settlement_id"], "fund": "390100", "amount": "50.00"}
    claim |= {"reason_code": "A03", "reason": "x"}
    made = await desk.do("li", f"/clearing/statements/{statement['statement_id']}/deductions", claim)
    path = f"/clearing/deductions/{made['deduction_id']}"
    await desk.do("hospital", f"{path}/acceptance")
    body = WHY | {"document": "工伤认定书 1 号"}
    await desk.do(None, f"/settlements/{bill['settlement_id']}/recovery", body)
    assert ((await desk.get(path))["upheld"], (await desk.get(path))["given_back"]) == ("50.00", "0.00")
    book = await desk.get("/ledger/trial-balance")
    payable = [one for one in book["accounts"] if "/fund:390100/payable/" in one["account"]]
    assert [one["balance"] for one in payable] == ["-900.00"]


async def test_a_person_put_without_an_end_keeps_the_end_of_their_insurance(desk: Office) -> None:
    """Leaving ``insured_until`` out says nothing about it: an insurance that ended isn't revived."""
    person = f"P{secrets.token_hex(4).upper()}"
    body = {"name": "王某", "area_code": "530127", "insurance_type": "390", "identities": []}
    body |= {"id_number": desk.world.id_number}
    other = await desk.client.put(
        f"/v1/persons/{person}", json=body | {"insured_from": "2017-01-01", "insured_until": "2018-01-01"}
    )
    if other.status_code != 200:  # the id number is the world's own person's
        person = desk.world.person
        body["identities"] = [{"class": "registered_poor", "from": "2016-01-01"}]
        body |= {"name": "李某"}
        ended = await desk.client.put(
            f"/v1/persons/{person}", json=body | {"insured_from": "2017-01-01", "insured_until": "2018-01-01"}
        )
        assert ended.status_code == 200, ended.text
    again = await desk.client.put(f"/v1/persons/{person}", json=body | {"insured_from": "2017-01-01"})
    assert again.status_code == 200, again.text
    assert again.json()["insured_until"] == "2018-01-01"


# ---------------------------------------------------------------- appeals


async def test_an_exception_that_waits_can_be_replaced(desk: Office) -> None:
    """Every draft has a way out: a second exception replaces the one that nobody approved."""
    await desk.settled("1000.00", "2018-05-10")
    await desk.at("2019-01-10")
    body = {"area_code": "530100", "fund": "390100"}
    first = await desk.do("li", "/fiscal-years/2018/exceptions", body | {"reason": "一"})
    second = await desk.do("wang", "/fiscal-years/2018/exceptions", body | {"reason": "二"})
    assert first["exception_id"] != second["exception_id"]
    assert await desk.refused("wang", f"/exceptions/{first['exception_id']}/approval") == (409, "invalid_move")
    assert (await desk.do("li", f"/exceptions/{second['exception_id']}/approval"))["state"] == "approved"
    assert await desk.refused("li", "/fiscal-years/2018/exceptions", body | {"reason": "三"}) == (
        409,
        "exception_exists",
    )
