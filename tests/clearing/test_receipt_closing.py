"""What the bank's file said and matched nothing: looked at by somebody, and closed with a reason."""

from typing import Any, Final

import asyncpg
import pytest

from tests.clearing.bank import Booking, camt053
from tests.clearing.office import Office
from tests.clearing.test_payment_batches import XML, at_bank, desk, sent_orders, state
from tests.world import key

__all__ = ["desk"]
WHY: Final = {"reason": "他行来款，与拨付无关"}


@pytest.fixture(scope="module")
async def staffed(desk: Office) -> Office:
    """The same office with somebody of one fund, an auditor and somebody of another prefecture."""
    await desk.hire("sun", scopes=["finance"], funds=["610100"], area_code="530100")
    await desk.hire("zheng", scopes=["finance"], area_code="530100")
    await desk.hire("shen", scopes=["auditor"])
    return desk


async def received(desk: Office, bookings: list[Booking], who: str = "li") -> dict[str, Any]:
    """The receipt of a file of the bank."""
    content = camt053(bookings, desk.day)
    answer = await desk.client.post("/v1/bank-receipts", content=content, headers=key() | desk.tokens[who] | XML)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def closing(receipt: dict[str, Any], row: int) -> str:
    """Where a row is closed."""
    return f"/bank-receipts/{receipt['receipt_id']}/rows/{row}/closing"


async def test_what_matches_nothing_is_closed_with_a_reason(staffed: Office) -> None:
    """It leaves the worklist, says who closed it and why, moves no money, and stands in the record of its moves; a
    second closing is refused, and so is that of a row that was booked."""
    (order,) = await sent_orders(staffed, count=1)
    batch, _ = await at_bank(staffed, [order])
    ours = f"{batch['payment_batch_id']}-1"
    receipt = await received(
        staffed,
        [Booking("R1", "7.77", "somebody else's"), Booking("R2", "1.00", ours), Booking("R3", order["amount"], ours)],
    )
    shown = receipt["receipt_id"]
    assert [row["result"] for row in receipt["rows"]] == ["unknown", "amount_differs", "paid"]
    waiting = await staffed.get("/bank-receipts", "wang", open="true", receipt_id=shown)
    assert {row["row"] for row in waiting["data"]} == {1, 2}
    before = await state(staffed, order)
    done = await staffed.do("wang", closing(receipt, 1), WHY)
    assert (done["closed_by"], done["closed_on"], done["closing_reason"]) == ("wang", staffed.day, WHY["reason"])
    assert await staffed.refused("wang", closing(receipt, 1), WHY) == (409, "invalid_move")
    assert await staffed.refused("wang", closing(receipt, 3), WHY) == (409, "invalid_move")
    assert await staffed.refused("wang", closing(receipt, 4), WHY) == (404, "not_found")
    assert (await staffed.refused("wang", closing(receipt, 2), {"reason": ""}))[0] == 422
    waiting = await staffed.get("/bank-receipts", "wang", open="true", receipt_id=shown)
    assert {row["row"] for row in waiting["data"]} == {2}
    whole = await staffed.get(f"/bank-receipts/{shown}", "li")
    assert [row["closing_reason"] for row in whole["rows"]] == [WHY["reason"], None, None]
    rest = await staffed.get("/bank-receipts", "li", open="false", receipt_id=shown)
    assert {row["row"] for row in rest["data"]} == {1, 3}
    assert await state(staffed, order) == before
    owner = await asyncpg.connect(staffed.url)
    events = await owner.fetch(
        "SELECT move, subject, reason, amount FROM clearing_event WHERE object_id = $1 ORDER BY event_id", shown
    )
    with pytest.raises(asyncpg.RestrictViolationError):
        await owner.execute("UPDATE bank_receipt_row SET closing_reason = 'another' WHERE closed_by IS NOT NULL")
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute(
            "UPDATE bank_receipt_row SET closed_by = 'x', closed_on = '2018-05-01', closing_reason = 'x'"
            " WHERE result = 'paid' AND closed_by IS NULL"
        )
    with pytest.raises(asyncpg.RestrictViolationError):
        await owner.execute("UPDATE bank_receipt_row SET amount = amount + 1 WHERE closed_by IS NULL")
    await owner.close()
    closed = ("row_closed", "wang", f"#1 {WHY['reason']}", 777)
    assert [tuple(one) for one in events[1:]] == [closed]
    await staffed.balanced()


async def test_only_who_pays_for_the_area_closes_a_row(staffed: Office) -> None:
    """Not an auditor, not the hospital, not somebody of another prefecture or of another fund; the same key closes
    once."""
    (order,) = await sent_orders(staffed, count=1)
    batch, _ = await at_bank(staffed, [order])
    receipt = await received(
        staffed, [Booking("Q1", "1.00", f"{batch['payment_batch_id']}-1"), Booking("Q2", "5.00", None)], "zheng"
    )
    for row in (1, 2):
        path = closing(receipt, row)
        for who in ("shen", "hospital"):
            assert await staffed.refused(who, path, WHY) == (403, "forbidden_scope")
        for who in ("elsewhere", "sun"):
            assert await staffed.refused(who, path, WHY) == (404, "not_found")
        once = key() | staffed.tokens["wang"]
        for _ in range(2):
            answer = await staffed.client.post(f"/v1{path}", json=WHY, headers=once)
            assert (answer.status_code, answer.json()["closed_by"]) == (200, "wang")


async def test_a_row_of_a_fund_that_one_no_longer_acts_for_is_not_there(staffed: Office) -> None:
    """Whoever received the file and acts for another fund alone since closes none of its rows of an order."""
    (order,) = await sent_orders(staffed, count=1)
    batch, _ = await at_bank(staffed, [order])
    receipt = await received(staffed, [Booking("F1", "1.00", f"{batch['payment_batch_id']}-1")], "zheng")
    before = staffed.tokens["zheng"]
    await staffed.hire("zheng", scopes=["finance"], area_code="530100", funds=["610100"])
    assert await staffed.refused("zheng", closing(receipt, 1), WHY) == (404, "not_found")
    staffed.tokens["zheng"] = before
    assert (await staffed.do("zheng", closing(receipt, 1), WHY))["closed_by"] == "zheng"
