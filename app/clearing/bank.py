"""What the bank confirms: payments and returns of orders and prepayments. A bank reference is used once, for ever.

Postings bear the bank's day, so that a payment of 31 December that is recorded in January counts where it belongs.
"""

from datetime import date, datetime
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Table, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict, Fault, Refused
from app.basics.ids import DISBURSEMENT, PREPAYMENT
from app.basics.money import fen, yuan
from app.clearing import order, prepayment
from app.clearing.month import check_open
from app.clearing.moves import business_now, check_move, move, record, today, written_by
from app.clearing.order import OrderAnswer, commitment
from app.clearing.posting import post, posting, purse_of
from app.clearing.prepayment import PrepaymentAnswer
from app.clearing.tables import bank_movement, disbursement
from app.clearing.tables import prepayment as prepayment_table
from app.service.caller import Caller, Service
from app.service.wire import Code, Day, Money, Name

AWAITING: Final = ("sent", "part_paid", "returned")


class PaymentRequest(Struct, forbid_unknown_fields=True):
    """The bank paid this much on this day; yuan."""

    amount: Money
    paid_on: Day
    bank_reference: Code


class ReturnRequest(Struct, forbid_unknown_fields=True):
    """The bank gave this much back on this day, and why; yuan."""

    amount: Money
    returned_on: Day
    bank_reference: Code
    reason: Name


async def pay_order(
    service: Service, connection: AsyncConnection, caller: Caller, shown: str, wanted: PaymentRequest
) -> OrderAnswer:
    """Record a payment of an order, whole or part. Refused ``payment_exceeds_order``, Conflict ``bank_reference_used``."""
    row = await order.opened(connection, caller, shown)
    check_move(row, AWAITING, "paid")
    now = await business_now(service, connection)
    amount = fen(wanted.amount)
    _check(amount, row["amount"] - row["paid"], "payment_exceeds_order", "/paid_on", wanted.paid_on, row, today(now))
    await check_open(connection, row["area_code"], wanted.paid_on)
    await _reference(connection, caller, "payment", wanted.bank_reference, amount, wanted.paid_on, row)
    purse = purse_of(row, row["fiscal_year"])
    of: dict[str, Any] = {"amount": amount, "day": wanted.paid_on, "cause": shown, "statement_id": row["statement_id"]}
    paid = posting(purse, "payment", debit=purse.payable, credit=purse.cash, **of)
    await post(connection, [paid, commitment(row, "order_settled", amount, wanted.paid_on)])
    total = row["paid"] + amount
    state = "paid" if total == row["amount"] else "part_paid"
    await _moved(
        connection,
        caller,
        disbursement,
        row,
        now,
        shown,
        "payment",
        amount,
        state=state,
        paid=total,
        paid_on=wanted.paid_on,
    )
    await order.settle_statement(connection, row)
    return order.answer_of(row, today(now))


async def return_order(
    service: Service, connection: AsyncConnection, caller: Caller, shown: str, wanted: ReturnRequest
) -> OrderAnswer:
    """Record that the bank gave back what an order had paid, whole or part; that much is due again."""
    row = await order.opened(connection, caller, shown)
    check_move(row, ("paid", "part_paid"), "returned")
    now = await business_now(service, connection)
    amount = fen(wanted.amount)
    _check(amount, row["paid"], "return_exceeds_payment", "/returned_on", wanted.returned_on, row, today(now))
    await check_open(connection, row["area_code"], wanted.returned_on)
    await _reference(
        connection, caller, "return", wanted.bank_reference, amount, wanted.returned_on, row, wanted.reason
    )
    purse = purse_of(row, row["fiscal_year"])
    of: dict[str, Any] = {
        "amount": amount,
        "day": wanted.returned_on,
        "cause": shown,
        "statement_id": row["statement_id"],
    }
    back = posting(purse, "payment_returned", debit=purse.cash, credit=purse.payable, **of)
    await post(connection, [back, commitment(row, "order_sent", amount, wanted.returned_on)])
    left = row["paid"] - amount
    state = "part_paid" if left else "returned"
    await _moved(
        connection, caller, disbursement, row, now, shown, "return", amount, wanted.reason, state=state, paid=left
    )
    await order.settle_statement(connection, row)
    return order.answer_of(row, today(now))


async def pay_prepayment(
    service: Service, connection: AsyncConnection, caller: Caller, shown: str, wanted: PaymentRequest
) -> PrepaymentAnswer:
    """Record a payment of a prepayment, whole or part."""
    row = await prepayment.opened(connection, caller, shown)
    check_move(row, ("sent", "part_paid"), "paid")
    now = await business_now(service, connection)
    amount = fen(wanted.amount)
    _check(amount, row["amount"] - row["paid"], "payment_exceeds_order", "/paid_on", wanted.paid_on, row, today(now))
    await check_open(connection, row["area_code"], wanted.paid_on)
    await _reference(connection, caller, "payment", wanted.bank_reference, amount, wanted.paid_on, row)
    purse = purse_of(row, row["year"])
    of: dict[str, Any] = {"amount": amount, "day": wanted.paid_on, "cause": shown}
    await post(connection, [posting(purse, "prepayment", debit=purse.prepaid, credit=purse.cash, **of)])
    total = row["paid"] + amount
    state = "paid" if total == row["amount"] else "part_paid"
    await _moved(connection, caller, prepayment_table, row, now, shown, "payment", amount, state=state, paid=total)
    return prepayment.answer_of(row)


async def return_prepayment(
    service: Service, connection: AsyncConnection, caller: Caller, shown: str, wanted: ReturnRequest
) -> PrepaymentAnswer:
    """Record that the hospital, or the bank, gave back what no order has taken."""
    row = await prepayment.opened(connection, caller, shown)
    check_move(row, ("paid", "part_paid"), "returned")
    now = await business_now(service, connection)
    amount = fen(wanted.amount)
    outstanding = row["paid"] - row["offset_amount"] - row["returned"]
    _check(amount, outstanding, "return_exceeds_payment", "/returned_on", wanted.returned_on, row, today(now))
    await check_open(connection, row["area_code"], wanted.returned_on)
    await _reference(
        connection, caller, "return", wanted.bank_reference, amount, wanted.returned_on, row, wanted.reason
    )
    purse = purse_of(row, row["year"])
    of: dict[str, Any] = {"amount": amount, "day": wanted.returned_on, "cause": shown}
    await post(connection, [posting(purse, "prepayment_returned", debit=purse.cash, credit=purse.prepaid, **of)])
    state = "returned" if amount == outstanding else row["state"]
    returned = row["returned"] + amount
    await _moved(
        connection,
        caller,
        prepayment_table,
        row,
        now,
        shown,
        "return",
        amount,
        wanted.reason,
        state=state,
        returned=returned,
    )
    return prepayment.answer_of(row)


def _check(amount: int, most: int, exceeds: str, pointer: str, day: date, row: dict[str, Any], now: date) -> None:
    """Every fault of a bank's movement: nothing, more than there is, a day before it was sent or after today."""
    faults = []
    if amount == 0:
        faults.append(Fault("/amount", "amount_not_positive"))
    elif amount > most:
        faults.append(Fault("/amount", exceeds, {"most": yuan(most)}))
    if day > now:
        faults.append(Fault(pointer, "in_the_future"))
    elif day < row["sent_on"]:
        faults.append(Fault(pointer, "before_sending", {"sent_on": row["sent_on"].isoformat()}))
    if faults:
        raise Refused(faults)


async def _reference(
    connection: AsyncConnection,
    caller: Caller,
    kind: str,
    reference: str,
    amount: int,
    day: date,
    row: dict[str, Any],
    reason: str | None = None,
) -> None:
    """Use a bank reference up. Conflict ``bank_reference_used``, also when another request is just using it."""
    statement = insert(bank_movement).values(
        bank_reference=reference,
        kind=kind,
        disbursement_id=row.get("disbursement_id"),
        prepayment_id=row.get("prepayment_id"),
        amount=amount,
        value_on=day,
        reason=reason,
        **written_by(caller),
    )
    made = await connection.execute(statement.on_conflict_do_nothing().returning(bank_movement.c.bank_reference))
    if made.first() is None:
        raise Conflict("bank_reference_used")


async def _moved(
    connection: AsyncConnection,
    caller: Caller,
    table: Table,
    row: dict[str, Any],
    now: datetime,
    shown: str,
    what: str,
    amount: int,
    reason: str | None = None,
    **values: Any,
) -> None:
    await move(connection, table, row, **values)
    await record(connection, caller, now, row, object_id=shown, move=what, reason=reason, amount=amount)


class MovementAnswer(Struct):
    """What the bank confirmed; ``kind`` payment or return, ``amount`` yuan."""

    kind: str
    amount: str
    value_on: str
    bank_reference: str
    reason: str | None
    recorded_by: str


async def movements(connection: AsyncConnection, shown: str, number: int) -> list[MovementAnswer]:
    """The bank's movements of an order or a prepayment, oldest first."""
    of = bank_movement.c.disbursement_id if shown.startswith(DISBURSEMENT) else bank_movement.c.prepayment_id
    assert shown.startswith((DISBURSEMENT, PREPAYMENT))
    wanted = select(bank_movement).where(of == number).order_by(bank_movement.c.recorded_at)
    return [
        MovementAnswer(
            row["kind"],
            yuan(row["amount"]),
            row["value_on"].isoformat(),
            row["bank_reference"],
            row["reason"],
            row["subject"],
        )
        for row in (await connection.execute(wanted)).mappings()
    ]
