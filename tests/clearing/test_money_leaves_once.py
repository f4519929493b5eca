"""Money leaves a fund once: withdrawals, deductions, refunds, releases and cancellations look at everything that hangs
on them."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from tests.clearing.office import Office, office

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


async def paid_out(desk: Office, fund: str = "390100") -> Decimal:
    """What left a fund's bank account, less what came back; yuan."""
    book = await desk.get("/ledger/trial-balance")
    cash = [one for one in book["accounts"] if one["account"].endswith(f"fund:{fund}/cash")]
    return -sum((Decimal(one["balance"]) for one in cash), Decimal(0))


async def part_of(desk: Office, statement: dict[str, Any], fund: str = "390100") -> dict[str, Any]:
    """A fund's part of a statement as it stands."""
    found = await desk.get(f"/clearing/statements/{statement['statement_id']}")
    part: dict[str, Any] = next(one for one in found["parts"] if one["fund"] == fund)
    return part


async def claimed(desk: Office, statement: dict[str, Any], bill: dict[str, Any], amount: str, **more: Any) -> str:
    """The path of a deduction that ``li`` proposed."""
    body = {"settlement_id": bill["settlement_id"], "fund": "390100", "amount": amount}
    body |= {"reason_code": "A03", "reason": "超适应症用药"} | more
    made = await desk.do("li", f"/clearing/statements/{statement['statement_id']}/deductions", body)
    return f"/clearing/deductions/{made['deduction_id']}"


async def whole(desk: Office, statement: dict[str, Any], fund: str = "390100", **body: Any) -> dict[str, Any]:
    """A fund's part ordered, approved, sent and paid today."""
    order = await desk.sent(await desk.ordered(statement, fund, **body))
    return await desk.paid(order, desk.day)


async def refunded(desk: Office, bill: dict[str, Any], line_no: int = 1, quantity: str = "1") -> dict[str, Any]:
    """Units of a line taken back."""
    body = WHY | {"lines": [{"line_no": line_no, "quantity": quantity}]}
    return await desk.do(None, f"/settlements/{bill['settlement_id']}/refunds", body)


# ---------------------------------------------------------------- withdrawals


async def test_a_statement_is_withdrawn_only_while_every_part_is_untouched(desk: Office) -> None:
    """One fund approved, ordered, paid: from the first step on the withdrawal is refused and names the part and why."""
    await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    path = f"/clearing/statements/{statement['statement_id']}"
    assert {part["state"] for part in statement["parts"]} == {"declared"}
    await desk.do("wang", f"{path}/approval", {"funds": ["390100"]})

    async def kept(state: str) -> None:
        for who in ("hospital", "li"):
            answer = await desk.send(who, f"{path}/withdrawal", WHY)
            assert (answer.status_code, answer.json()["code"]) == (409, "parts_in_progress")
            (part,) = answer.json()["parts"]
            assert (part["fund"], part["fiscal_year"], part["state"]) == ("390100", 2018, state)
            assert part["reason"]
        assert (await desk.get(path))["state"] == "declared"

    await kept("approved")
    order = await desk.ordered(statement, deposit_rate="0.0000")
    await kept("ordered")
    order = await desk.sent(order)
    await desk.paid(order, "2018-06-05")
    await kept("settled")
    await desk.do("wang", f"{path}/approval", {})
    await kept_by_all(desk, path)
    assert await paid_out(desk) == Decimal("950.00")


async def kept_by_all(desk: Office, path: str) -> None:
    """Every part stands in the way once all are approved."""
    answer = await desk.send("li", f"{path}/withdrawal", WHY)
    assert (answer.status_code, len(answer.json()["parts"])) == (409, len((await desk.get(path))["parts"]))


async def test_a_withdrawal_is_the_hospitals_or_of_finance_for_all_funds(desk: Office) -> None:
    """An officer of one fund can't take back what other funds are to pay."""
    await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    path = f"/clearing/statements/{(await desk.declared('2018-05'))['statement_id']}/withdrawal"
    await desk.hire("civil", scopes=["finance"], funds=["610100"])
    await desk.hire("both", scopes=["finance"], funds=["390100", "610100"])
    assert await desk.refused("civil", path, WHY) == (403, "statement_needs_all_funds")
    assert (await desk.do("both", path, WHY))["state"] == "withdrawn"


async def test_nothing_hangs_on_a_withdrawn_statement(desk: Office, owner: Any) -> None:
    """No approval, order, deduction or comparison after a withdrawal; the database refuses them too."""
    bill = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    path = f"/clearing/statements/{statement['statement_id']}"
    await desk.do("hospital", f"{path}/withdrawal", WHY)
    order = {"statement_id": statement["statement_id"], "fund": "390100"}
    assert await desk.refused("wang", f"{path}/approval", {}) == (409, "invalid_move")
    assert await desk.refused("li", "/disbursements", order) == (409, "statement_not_approved")
    claim = {"settlement_id": bill["settlement_id"], "fund": "390100", "amount": "1.00"}
    claim |= {"reason_code": "A03", "reason": "x"}
    assert await desk.refused("li", f"{path}/deductions", claim) == (409, "invalid_move")
    number = int(statement["statement_id"].removeprefix("stm_"))
    for command in (
        "UPDATE statement_part SET approved_by = 'wang', approved_on = '2018-06-05' WHERE statement_id = $1",
        """INSERT INTO deduction (statement_id, part_id, settlement_id, fund, fiscal_year, amount, reason_code, reason,
             proposed_on, appeal_by, hospital_code, hospital_area, area_code, subject, request_id)
           SELECT p.statement_id, p.part_id, s.settlement_id, p.fund, p.fiscal_year, 1, 'x', 'x', '2018-06-05',
             '2018-06-20',
                  p.hospital_code, p.hospital_area, p.area_code, 'li', 'r'
             FROM statement_part p, settlement s WHERE p.statement_id = $1 LIMIT 1""",
        """INSERT INTO disbursement (statement_id, part_id, hospital_code, hospital_area, area_code, fund,
          fiscal_year, period,
             gross, deposit_rate, deposit, offset_amount, carried, amount, due_on, created_on, subject, request_id)
           SELECT p.statement_id, p.part_id, p.hospital_code, p.hospital_area, p.area_code, p.fund, p.fiscal_year,
             '2018-05',
                  p.amount, 0, 0, 0, 0, p.amount, '2018-06-25', '2018-06-05', 'li', 'r'
             FROM statement_part p WHERE p.statement_id = $1 LIMIT 1""",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            await owner.execute(command, number)


async def test_the_database_withdraws_no_statement_with_a_touched_part(desk: Office, owner: Any) -> None:
    """Whoever writes: with an approved part the statement can't be called withdrawn, and no state is anybody's to
    write."""
    await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    path = f"/clearing/statements/{statement['statement_id']}/approval"
    await desk.do("wang", path, {"funds": ["390100"]})
    for command in (
        "UPDATE statement SET withdrawn_on = '2018-06-05'",
        "UPDATE statement SET state = 'withdrawn'",
        "UPDATE statement SET state = 'settled'",
        "UPDATE statement_part SET state = 'settled'",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            await owner.execute(command)


async def test_a_reconciled_statement_is_withdrawn_with_its_comparison(desk: Office) -> None:
    """A comparison touches no part: the statement goes, its postings join the next one, and are paid once."""
    bill = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    totals = [{"fund": one["fund"], "count": one["count"], "amount": one["amount"]} for one in statement["funds"]]
    matched = {"statement_id": statement["statement_id"], "totals": totals}
    assert (await desk.do("li", "/clearing/reconciliations", matched))["result"] == "matched"
    path = f"/clearing/statements/{statement['statement_id']}"
    assert {one["state"] for one in (await desk.get(path))["parts"]} == {"reconciled"}
    assert (await desk.do("li", f"{path}/withdrawal", WHY))["state"] == "withdrawn"
    again = await desk.approved("2018-05")
    assert again["amount"] == bill["fund_total"]
    await whole(desk, again, deposit_rate="0.0000")
    assert await paid_out(desk) == Decimal("950.00")


# ---------------------------------------------------------------- deductions and withdrawals


async def test_a_deduction_keeps_its_statement(desk: Office) -> None:
    """Proposed or upheld it stands in the way of a withdrawal; dismissed it doesn't."""
    bill = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    withdrawal = f"/clearing/statements/{statement['statement_id']}/withdrawal"
    first, second = [await claimed(desk, statement, bill, amount) for amount in ("50.00", "60.00")]
    assert await desk.refused("hospital", withdrawal, WHY) == (409, "parts_in_progress")
    for path in (first, second):
        await desk.do("hospital", f"{path}/appeal", WHY)
        await desk.do("wang", f"{path}/decision", WHY | {"outcome": "dismissed"})
    assert (await desk.do("hospital", withdrawal, WHY))["state"] == "withdrawn"
    again = await desk.declared("2018-05")
    path = await claimed(desk, again, bill, "50.00")
    await desk.do("hospital", f"{path}/acceptance")
    answer = await desk.send("hospital", f"/clearing/statements/{again['statement_id']}/withdrawal", WHY)
    (part,) = answer.json()["parts"]
    assert (answer.json()["code"], part["fund"], part["state"]) == ("parts_in_progress", "390100", "declared")
    await desk.do("wang", f"/clearing/statements/{again['statement_id']}/approval", {})
    await whole(desk, again, deposit_rate="0.0000")
    assert await paid_out(desk) == Decimal("900.00")


async def test_what_was_given_back_before_a_withdrawal_is_not_paid_on_top(desk: Office) -> None:
    """Deducted, refunded, given back, withdrawn, declared again: nothing is owed and nothing is paid."""
    bill, other = await desk.settled("1000.00", "2018-05-10"), await desk.settled("100.00", "2018-05-11")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    path = await claimed(desk, statement, bill, "950.00")
    await desk.do("hospital", f"{path}/acceptance")
    await desk.do(None, f"/settlements/{bill['settlement_id']}/reversal", WHY | {"cascade": True})
    await desk.do("hospital", f"/clearing/statements/{statement['statement_id']}/withdrawal", WHY)
    await desk.at("2018-07-05")
    again = await desk.approved("2018-06")
    owed = next(one["amount"] for one in other["payables"] if one["fund"] == "390100")
    part = await part_of(desk, again)
    assert (part["amount"], part["deducted"]) == (owed, "0.00")
    await whole(desk, again, deposit_rate="0.0000")
    assert await paid_out(desk) == Decimal(owed)


# ---------------------------------------------------------------- deductions and corrections


@pytest.mark.parametrize("order", ["deducted first", "refunded first", "accepted after"])
async def test_a_bill_deducted_and_refunded_nets_nothing(desk: Office, order: str) -> None:
    """Whole deduction and whole refund, in whatever order they come: the fund takes back what it owed, once."""
    bill = await desk.settled("1000.00", "2018-05-10")
    if order == "refunded first":
        await refunded(desk, bill)
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    if order == "refunded first":
        body = {"settlement_id": bill["settlement_id"], "fund": "390100", "amount": "0.01"}
        body |= {"reason_code": "A03", "reason": "x"}
        path = f"/clearing/statements/{statement['statement_id']}/deductions"
        assert await desk.refused("li", path, body) == (422, "deduction_exceeds_payable")
        return
    path = await claimed(desk, statement, bill, "950.00")
    if order == "accepted after":
        await refunded(desk, bill)
        done = await desk.do("hospital", f"{path}/acceptance")
        assert (done["amount"], done["upheld"]) == ("950.00", "0.00")
    else:
        assert (await desk.do("hospital", f"{path}/acceptance"))["upheld"] == "950.00"
        await refunded(desk, bill)
    await desk.do("wang", f"/clearing/statements/{statement['statement_id']}/approval", {})
    await desk.ordered(statement, deposit_rate="0.0000")
    await desk.settled("500.00", "2018-06-04")
    await desk.at("2018-07-05")
    june = await desk.approved("2018-06")
    late = await desk.ordered(june, deposit_rate="0.0000")
    for one in (await desk.get("/disbursements", fund="390100"))["data"]:
        if one["state"] == "draft":
            sent_ = await desk.sent(one)
            if sent_["state"] == "sent":
                await desk.paid(sent_, desk.day)
    carried = -Decimal(late["amount"]) if late["state"] == "carried_forward" else Decimal(0)
    assert await paid_out(desk) - carried == Decimal("475.00")


async def test_a_line_deducted_and_refunded_is_taken_back_once(desk: Office) -> None:
    """The refund of a deducted line gives its deduction back; another line's deduction stays."""
    lines = [desk.world.line("600.00", day="2018-05-10"), desk.world.line("400.00", line_no=2, day="2018-05-10")]
    bill = await desk.settled("1000.00", "2018-05-10", lines=lines)
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    first = await claimed(desk, statement, bill, "100.00", line_no=1)
    second = await claimed(desk, statement, bill, "50.00", line_no=2)
    for path in (first, second):
        await desk.do("hospital", f"{path}/acceptance")
    adjusted = await refunded(desk, bill, line_no=1)
    assert ((await desk.get(first))["given_back"], (await desk.get(second))["given_back"]) == ("100.00", "0.00")
    left = Decimal("950.00") + sum(Decimal(one["amount"]) for one in adjusted["payables"] if one["fund"] == "390100")
    await desk.do("wang", f"/clearing/statements/{statement['statement_id']}/approval", {})
    may = await desk.sent(await desk.ordered(statement, deposit_rate="0.0000"))
    assert may["amount"] == "800.00"
    await desk.paid(may, "2018-06-05")
    await desk.settled("1000.00", "2018-06-04")
    await desk.at("2018-07-05")
    await whole(desk, await desk.approved("2018-06"), deposit_rate="0.0000")
    assert await paid_out(desk) == left - 50 + Decimal("950.00")


async def test_a_line_is_deducted_at_most_what_its_refund_would_take(desk: Office) -> None:
    """More on a line than the fund pays for it is refused, and what other deductions took of the line counts."""
    lines = [desk.world.line("600.00", day="2018-05-10"), desk.world.line("400.00", line_no=2, day="2018-05-10")]
    bill = await desk.settled("1000.00", "2018-05-10", lines=lines)
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    path = f"/clearing/statements/{statement['statement_id']}/deductions"
    body = {"settlement_id": bill["settlement_id"], "fund": "390100", "line_no": 2, "reason_code": "A", "reason": "x"}
    too_much = await desk.send("li", path, body | {"amount": "900.00"})
    assert (too_much.status_code, too_much.json()["errors"][0]["code"]) == (422, "deduction_exceeds_payable")
    most = (
        Decimal(too_much.json()["errors"][0]["values"]["payable"]) if "values" in too_much.json()["errors"][0] else None
    )
    assert most is None or most <= Decimal("400.00")
    first = await claimed(desk, statement, bill, "300.00", line_no=2)
    await desk.do("hospital", f"{first}/acceptance")
    assert await desk.refused("li", path, body | {"amount": "300.00"}) == (422, "deduction_exceeds_payable")


async def test_reversing_what_was_refunded_to_nothing_moves_nothing(desk: Office) -> None:
    """Deducted whole, refunded whole, then reversed: the reversal gives nothing back a second time."""
    bill = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    path = await claimed(desk, statement, bill, "950.00")
    await desk.do("hospital", f"{path}/acceptance")
    await refunded(desk, bill)
    before = await desk.get("/ledger/trial-balance")
    await desk.do(None, f"/settlements/{bill['settlement_id']}/reversal", WHY)
    after = await desk.get("/ledger/trial-balance")
    assert [one["balance"] for one in before["accounts"]] == [one["balance"] for one in after["accounts"]]
    deduction = await desk.get(path)
    assert (deduction["upheld"], deduction["given_back"]) == ("950.00", "950.00")


async def test_a_cascade_gives_back_what_it_makes_excessive(desk: Office) -> None:
    """Reversing an earlier bill makes a later one's funds owe less; its deduction is given back as far as it is
    more."""
    first = await desk.settled("1000.00", "2018-05-10")
    later = await desk.settled("200.00", "2018-05-11")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    owed = next(one["amount"] for one in later["payables"] if one["fund"] == "390100")
    path = await claimed(desk, statement, later, owed)
    await desk.do("hospital", f"{path}/acceptance")
    answer = await desk.do(None, f"/settlements/{first['settlement_id']}/reversal", WHY | {"cascade": True})
    change = sum(
        Decimal(one["amount"])
        for entry in answer["adjustments"]
        for one in entry["payables"]
        if one["fund"] == "390100"
    )
    assert (await desk.get(path))["given_back"] == f"{max(Decimal(0), -change):.2f}"


async def test_the_database_books_no_deduction_above_what_is_owed(desk: Office, owner: Any) -> None:
    """Whoever writes: upheld deductions of a settlement and fund never exceed what its postings add up to."""
    bill = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    await claimed(desk, statement, bill, "950.00")
    await refunded(desk, bill)
    with pytest.raises(asyncpg.RestrictViolationError):
        await owner.execute("UPDATE deduction SET state = 'accepted', upheld = amount")


# ---------------------------------------------------------------- releases and cancellations


async def withheld(desk: Office, period: str, day: str, amount: str = "1000.00") -> dict[str, Any]:
    """A month ordered less its deposit and paid; the clock stands on ``day``."""
    await desk.at(day)
    order = await desk.sent(await desk.ordered(await desk.approved(period)))
    return await desk.paid(order, day)


def release(desk: Office, ratio: str = "1.0000") -> dict[str, Any]:
    """The release of the township's deposits of 2018."""
    body = {"hospital_code": desk.world.township, "area_code": "530100", "fund": "390100", "year": 2018}
    return body | {"assessed_ratio": ratio, "reason": "年度考核"}


async def test_an_order_whose_deposit_was_released_is_not_cancelled(desk: Office) -> None:
    """Its deposit has gone to the hospital: made again, the order would pay that part a second time."""
    await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    order = await desk.sent(await desk.ordered(await desk.approved("2018-05")))
    await desk.at("2019-01-15")
    made = await desk.do("li", "/deposit-releases", release(desk))
    released = await desk.do("wang", f"/deposit-releases/{made['release_id']}/approval")
    path = f"/disbursements/{order['disbursement_id']}"
    assert await desk.refused("li", f"{path}/cancellation", WHY) == (409, "deposit_released")
    await desk.paid(order, "2019-01-15")
    back = {"amount": order["amount"], "returned_on": "2019-01-15", "bank_reference": "R1"} | WHY
    await desk.do("li", f"{path}/returns", back)
    assert await desk.refused("li", f"{path}/cancellation", WHY) == (409, "deposit_released")
    await desk.paid(order, "2019-01-15")
    await desk.do("li", f"/disbursements/{released['disbursement_id']}/sending")
    paid = {"amount": "47.50", "paid_on": "2019-01-15", "bank_reference": secrets.token_hex(4)}
    await desk.do("li", f"/disbursements/{released['disbursement_id']}/payments", paid)
    assert await paid_out(desk) == Decimal("950.00")


async def test_a_drafted_release_can_be_cancelled_and_made_anew(desk: Office) -> None:
    """When another order withholds more meanwhile, the draft no longer fits; it has a way out and a second one takes
    all."""
    await desk.settled("1000.00", "2018-05-10")
    await withheld(desk, "2018-05", "2018-06-05")
    await desk.settled("1000.00", "2018-06-04")
    await desk.at("2019-01-15")
    made = await desk.do("li", "/deposit-releases", release(desk))
    assert await desk.refused("li", "/deposit-releases", release(desk)) == (409, "already_released")
    await withheld(desk, "2018-06", "2019-01-15")
    path = f"/deposit-releases/{made['release_id']}"
    assert await desk.refused("wang", f"{path}/approval") == (409, "deposit_changed")
    cancelled = await desk.do("wang", f"{path}/cancellation", WHY)
    assert cancelled["state"] == "cancelled"
    assert await desk.refused("li", f"{path}/cancellation", WHY) == (409, "invalid_move")
    again = await desk.do("li", "/deposit-releases", release(desk))
    assert again["deposit"] == "95.00"
    assert (await desk.do("wang", f"/deposit-releases/{again['release_id']}/approval"))["amount"] == "95.00"


async def test_what_is_withheld_after_a_release_can_be_released(desk: Office) -> None:
    """A second release of the same year takes what a later order withheld, and only that."""
    await desk.settled("1000.00", "2018-05-10")
    await withheld(desk, "2018-05", "2018-06-05")
    await desk.settled("1000.00", "2018-06-04")
    await desk.at("2019-01-15")
    first = await desk.do("li", "/deposit-releases", release(desk))
    await desk.do("wang", f"/deposit-releases/{first['release_id']}/approval")
    assert await desk.refused("li", "/deposit-releases", release(desk)) == (409, "no_deposit")
    await withheld(desk, "2018-06", "2019-01-16")
    second = await desk.do("li", "/deposit-releases", release(desk, "0.5000"))
    assert (second["deposit"], second["amount"], second["forfeited"]) == ("47.50", "23.75", "23.75")
    approved = await desk.do("wang", f"/deposit-releases/{second['release_id']}/approval")
    assert approved["disbursement_id"] is not None
    advice = await desk.get(f"/disbursements/{approved['disbursement_id']}/remittance-advice")
    assert sum(Decimal(one["unpaid"]) for one in advice["settlements"]) == Decimal("23.75")


async def test_a_release_takes_carried_amounts_off_first(desk: Office) -> None:
    """The hospital owes 40.00 from a negative month: the release pays what is left, or is itself carried forward."""
    bill = await desk.settled("1000.00", "2018-05-10")
    await withheld(desk, "2018-05", "2018-06-05")
    half = [desk.world.line("42.10", day="2018-06-04")]
    small = await desk.settled("42.10", "2018-06-04", lines=half)
    assert small["fund_total"]
    assert bill
    await withheld(desk, "2018-06", "2018-07-05")
    await desk.do(None, f"/settlements/{small['settlement_id']}/reversal", WHY)
    await desk.at("2018-08-05")
    carried = await desk.ordered(await desk.approved("2018-07"))
    assert carried["state"] == "carried_forward"
    await desk.at("2019-01-15")
    made = await desk.do("li", "/deposit-releases", release(desk))
    approved = await desk.do("wang", f"/deposit-releases/{made['release_id']}/approval")
    order = await desk.get(f"/disbursements/{approved['disbursement_id']}")
    assert order["carried"] == carried["amount"].removeprefix("-")
    assert Decimal(order["amount"]) == Decimal(order["gross"]) - Decimal(order["carried"])
    assert (await desk.get(f"/disbursements/{carried['disbursement_id']}"))["taken_by"] == order["disbursement_id"]


# ---------------------------------------------------------------- prepayments


async def prepaid(desk: Office, amount: str, day: str = "2018-05-20") -> str:
    """The path of a prepayment that was approved, sent and paid."""
    body = {"hospital_code": desk.world.township, "area_code": "530100", "fund": "390100", "amount": amount}
    path = f"/prepayments/{(await desk.do('li', '/prepayments', body | {'year': 2018}))['prepayment_id']}"
    await desk.do("wang", f"{path}/approval")
    await desk.do("li", f"{path}/sending")
    payment = {"amount": amount, "paid_on": day, "bank_reference": secrets.token_hex(4)}
    await desk.do("li", f"{path}/payments", payment)
    return path


async def test_a_prepayments_state_follows_its_money(desk: Office) -> None:
    """Taken whole by an order and returned in part; when the order is cancelled it is paid again, and can be given
    back."""
    await desk.settled("1000.00", "2018-05-10")
    path = await prepaid(desk, "1000.00")
    await desk.at("2018-06-05")
    statement = await desk.approved("2018-05")
    order = await desk.ordered(statement, deposit_rate="0.0000")
    assert (order["offset"], order["amount"]) == ("950.00", "0.00")
    back = {"amount": "50.00", "returned_on": "2018-06-05", "bank_reference": "R1"} | WHY
    assert (await desk.do("li", f"{path}/returns", back))["state"] == "paid"
    await desk.do("li", f"/disbursements/{order['disbursement_id']}/cancellation", WHY)
    found = await desk.get(path)
    assert (found["state"], found["outstanding"]) == ("paid", "950.00")
    order = await desk.ordered(statement, deposit_rate="0.0000")
    order = await desk.do("wang", f"/disbursements/{order['disbursement_id']}/approval")
    assert (order["state"], (await desk.get(path))["state"]) == ("paid", "offset")


async def test_what_was_sent_is_paid_as_it_was_sent_whatever_is_corrected_since(desk: Office) -> None:
    """A bill refunded while its order is at the bank leaves the order as it is; the next month's part carries it."""
    bill = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    order = await desk.sent(await desk.ordered(await desk.approved("2018-05")))
    await refunded(desk, bill)
    paid = await desk.paid(order, desk.day)
    assert (paid["state"], paid["paid"]) == ("paid", order["amount"])
    await desk.at("2018-07-05")
    carried = await desk.ordered(await desk.approved("2018-06"))
    assert (carried["state"], carried["gross"]) == ("carried_forward", "-950.00")
    assert await paid_out(desk) == Decimal(order["amount"])


async def test_a_return_on_an_order_that_paid_nothing_is_refused(desk: Office) -> None:
    """An order of amount 0 is paid by its approval; nothing can come back of it."""
    await desk.settled("1000.00", "2018-05-10")
    await prepaid(desk, "2000.00")
    await desk.at("2018-06-05")
    order = await desk.ordered(await desk.approved("2018-05"))
    order = await desk.do("wang", f"/disbursements/{order['disbursement_id']}/approval")
    assert (order["state"], order["amount"]) == ("paid", "0.00")
    back = {"amount": "1.00", "returned_on": "2018-06-05", "bank_reference": "R1"} | WHY
    path = f"/disbursements/{order['disbursement_id']}/returns"
    assert await desk.refused("li", path, back) == (422, "return_exceeds_payment")


# ---------------------------------------------------------------- carried


async def test_what_is_carried_can_be_repaid_by_a_second_person(desk: Office) -> None:
    """Money from the hospital reduces what is carried: the next order is smaller by the rest only, and nothing
    re-opens."""
    bill = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    await whole(desk, await desk.approved("2018-05"), deposit_rate="0.0000")
    await desk.do(None, f"/settlements/{bill['settlement_id']}/reversal", WHY)
    await desk.at("2018-07-05")
    carried = await desk.ordered(await desk.approved("2018-06"))
    assert (carried["state"], carried["amount"]) == ("carried_forward", "-950.00")
    path = f"/carries/{carried['disbursement_id']}/repayments"
    money = {"amount": "150.00", "paid_on": "2018-07-05", "bank_reference": "C1"}
    assert await desk.refused("li", path, money) == (403, "maker_is_checker")
    assert await desk.refused("wang", path, money | {"amount": "950.01"}) == (422, "repayment_exceeds_carried")
    assert await desk.refused("wang", path, money | {"paid_on": "2018-07-06"}) == (422, "in_the_future")
    assert await desk.refused("wang", path, money | {"paid_on": "2018-07-04"}) == (422, "before_carrying")
    repaid = await desk.do("wang", path, money)
    assert (repaid["state"], repaid["repaid"], repaid["amount"]) == ("carried_forward", "150.00", "-950.00")
    assert await desk.refused("wang", path, money) == (409, "bank_reference_used")
    assert await paid_out(desk) == Decimal("800.00")
    await desk.settled("2000.00", "2018-07-04")
    await desk.at("2018-08-05")
    order = await desk.ordered(await desk.approved("2018-07"), deposit_rate="0.0000")
    assert (order["gross"], order["carried"], order["amount"]) == ("1900.00", "800.00", "1100.00")
    late = money | {"amount": "1.00", "bank_reference": "C2", "paid_on": "2018-08-05"}
    assert await desk.refused("wang", path, late) == (409, "invalid_move")
    assert await desk.refused("wang", f"/carries/{order['disbursement_id']}/repayments", late) == (409, "invalid_move")
    await desk.paid(await desk.sent(order), "2018-08-05")
    assert await paid_out(desk) == Decimal("1900.00")


async def test_a_deposit_that_would_leave_nothing_is_not_withheld(desk: Office) -> None:
    """Gross 950.00 with 910.00 carried leaves 40.00, less than the deposit: no deposit, the 40.00 are paid."""
    bill = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    await whole(desk, await desk.approved("2018-05"), deposit_rate="0.0000")
    await desk.do(None, f"/settlements/{bill['settlement_id']}/reversal", WHY)
    await desk.at("2018-07-05")
    carried = await desk.ordered(await desk.approved("2018-06"))
    money = {"amount": "40.00", "paid_on": "2018-07-05", "bank_reference": "C1"}
    await desk.do("wang", f"/carries/{carried['disbursement_id']}/repayments", money)
    await desk.settled("1000.00", "2018-07-04")
    await desk.at("2018-08-05")
    order = await desk.ordered(await desk.approved("2018-07"))
    assert (order["gross"], order["carried"], order["deposit"], order["instant"], order["amount"]) == (
        "950.00",
        "910.00",
        "0.00",
        "0.00",
        "40.00",
    )


async def test_a_part_of_nothing_is_settled_when_its_order_is_asked_for(desk: Office) -> None:
    """Gross 0 by deduction: settled, not carried forward; the statement with it when every part is."""
    bill = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    path = await claimed(desk, statement, bill, "950.00")
    await desk.do("hospital", f"{path}/acceptance")
    await desk.do("wang", f"/clearing/statements/{statement['statement_id']}/approval", {})
    assert (await part_of(desk, statement))["state"] == "approved"
    await desk.ordered(statement)
    part = await part_of(desk, statement)
    assert (part["amount"], part["deducted"], part["state"]) == ("950.00", "950.00", "settled")


async def test_a_statements_state_is_that_of_its_least_advanced_part(desk: Office) -> None:
    """One part paid and the other only declared: declared; both approved: approved; both paid: settled; a return:
    approved."""
    await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    path = f"/clearing/statements/{statement['statement_id']}"
    others = [part["fund"] for part in statement["parts"] if part["fund"] != "390100"]
    await desk.do("wang", f"{path}/approval", {"funds": ["390100"]})
    order = await whole(desk, statement, deposit_rate="0.0000")
    assert (await desk.get(path))["state"] == "declared"
    await desk.do("wang", f"{path}/audit")
    assert (await desk.get(path))["state"] == "audited"
    assert (await part_of(desk, statement))["state"] == "settled"
    await desk.do("wang", f"{path}/approval", {})
    assert (await desk.get(path))["state"] == "approved"
    for fund in others:
        await whole(desk, statement, fund, deposit_rate="0.0000")
    assert (await desk.get(path))["state"] == "settled"
    back = {"amount": order["amount"], "returned_on": "2018-06-05", "bank_reference": "R1"} | WHY
    await desk.do("li", f"/disbursements/{order['disbursement_id']}/returns", back)
    assert (await desk.get(path))["state"] == "approved"
    assert (await part_of(desk, statement))["state"] == "ordered"
    await desk.do("li", f"/disbursements/{order['disbursement_id']}/cancellation", WHY)
    assert (await part_of(desk, statement))["state"] == "approved"


# ---------------------------------------------------------------- at once


async def test_what_is_tried_at_once_is_done_once(desk: Office) -> None:
    """Approving and withdrawing, ordering, paying: of requests that exclude each other one is accepted, whoever is
    first."""
    bill = await desk.settled("1000.00", "2018-05-10")
    await desk.at("2018-06-05")
    statement = await desk.declared("2018-05")
    path = f"/clearing/statements/{statement['statement_id']}"
    tries = [desk.send("wang", f"{path}/approval", {}), desk.send("hospital", f"{path}/withdrawal", WHY)]
    first = sorted(answer.status_code for answer in await asyncio.gather(*tries))
    assert first == [200, 409]
    if (await desk.get(path))["state"] == "withdrawn":
        statement = await desk.approved("2018-05")
    body = {"statement_id": statement["statement_id"], "fund": "390100", "deposit_rate": "0.0000"}
    made = await asyncio.gather(*(desk.send("li", "/disbursements", body) for _ in range(4)))
    assert sorted(answer.status_code for answer in made) == [201, 409, 409, 409]
    order = await desk.sent(next(answer.json() for answer in made if answer.is_success))
    money = [{"amount": "950.00", "paid_on": "2018-06-05", "bank_reference": f"T{number}"} for number in range(4)]
    step = f"/disbursements/{order['disbursement_id']}"
    tries = [desk.send("li", f"{step}/payments", one) for one in money]
    paid = await asyncio.gather(*tries, desk.send("wang", f"{step}/cancellation", WHY))
    assert sum(answer.is_success for answer in paid) == 1
    assert all(answer.status_code < 500 for answer in paid)
    correction = desk.send(None, f"/settlements/{bill['settlement_id']}/reversal", WHY)
    assert (await correction).is_success
