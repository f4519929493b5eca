"""What the bank confirms: payments, returns, and repayments of what was carried. A bank reference is used once, for
ever.

Postings bear the bank's day, so that a payment of 31 December that is recorded in January counts where it belongs.
Money is never dated before its cause: the database refuses it too (``movement_guarded``). Amounts are fen."""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import accumulate
from typing import Final, NamedTuple

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict, Fault, Refused
from app.basics.ids import CLAIM, DISBURSEMENT, PREPAYMENT
from app.basics.money import fen, yuan
from app.clearing.moves import written_by
from app.clearing.tables import bank_movement
from app.service.caller import Caller
from app.service.wire import Day, Money, Reason, Reference

PAYMENT: Final = "payment"
RETURN: Final = "return"
REPAYMENT: Final = "repayment"


class PaymentRequest(Struct, forbid_unknown_fields=True):
    """The bank paid this much on this day; yuan."""

    amount: Money
    paid_on: Day
    bank_reference: Reference


class ReturnRequest(Struct, forbid_unknown_fields=True):
    """The bank gave this much back on this day, and why; yuan."""

    amount: Money
    returned_on: Day
    bank_reference: Reference
    reason: Reason


class MovementAnswer(Struct):
    """What the bank confirmed; ``kind`` payment, return or repayment, ``amount`` yuan."""

    kind: str
    amount: str
    value_on: str
    bank_reference: str
    reason: str | None
    recorded_by: str


class Banked(Struct, frozen=True):
    """A movement of the bank: its kind, positive amount and day."""

    kind: str
    amount: int
    day: date
    reference: str
    reason: str | None = None

    @property
    def signed(self) -> int:
        """The amount as it changes what has been paid."""
        return self.amount if self.kind == PAYMENT else -self.amount


class Of(NamedTuple):
    """What a movement pays: the name of the column that names it, and its number."""

    column: str
    number: int


def payment(wanted: PaymentRequest) -> Banked:
    """The movement of a payment."""
    return Banked(PAYMENT, fen(wanted.amount), wanted.paid_on, wanted.bank_reference)


def returned(wanted: ReturnRequest) -> Banked:
    """The movement of a return."""
    return Banked(RETURN, fen(wanted.amount), wanted.returned_on, wanted.bank_reference, wanted.reason)


def check(
    movement: Banked, known: Sequence[Banked], *, most: int, amount: int | None, first: date | None, today: date
) -> None:
    """Refuse every fault of a payment or return: nothing, more than ``most``, a day before ``first`` (its sending),
    after today, or one on which what was paid by then would be less than nothing or more than ``amount``. That is None
    where more than is owed is paid: it comes back, whatever the day."""
    pointer, exceeds = (
        ("/paid_on", "payment_exceeds_order")
        if movement.kind == PAYMENT
        else ("/returned_on", "return_exceeds_payment")
    )
    faults = []
    if movement.amount == 0:
        faults.append(Fault("/amount", "amount_not_positive"))
    elif movement.amount > most:
        faults.append(Fault("/amount", exceeds, {"most": yuan(most)}))
    if movement.day > today:
        faults.append(Fault(pointer, "in_the_future"))
    elif first is not None and movement.day < first:
        faults.append(Fault(pointer, "before_sending", {"sent_on": first.isoformat()}))
    elif not faults and not in_order(known, movement, amount):
        faults.append(Fault(pointer, "payment_before_return" if movement.kind == PAYMENT else "return_before_payment"))
    if faults:
        raise Refused(faults)


def in_order(known: Iterable[Banked], movement: Banked, amount: int | None) -> bool:
    """Whether from a movement's day on, at the end of every day, what was paid, less what came back, is neither
    negative nor, by a payment, more than ``amount``. Days before it are history: a claim's amount may have been more
    then."""
    days: dict[date, int] = {}
    for one in [*known, movement]:
        days[one.day] = days.get(one.day, 0) + one.signed
    order = sorted(days)
    sums = dict(zip(order, accumulate(days[day] for day in order), strict=True))
    later = [paid for day, paid in sums.items() if day >= movement.day]
    most = amount if movement.kind == PAYMENT else None
    return all(paid >= 0 and (most is None or paid <= most) for paid in later)


async def keep(connection: AsyncConnection, caller: Caller, of: Of, movement: Banked) -> None:
    """Write a movement down and use its reference up. Conflict ``bank_reference_used``, also when another request is
    just using it."""
    values = {
        "bank_reference": movement.reference,
        "kind": movement.kind,
        of.column: of.number,
        "amount": movement.amount,
        "value_on": movement.day,
        "reason": movement.reason,
    }
    made = insert(bank_movement).values(values | written_by(caller)).on_conflict_do_nothing()
    if (await connection.execute(made.returning(bank_movement.c.bank_reference))).first() is None:
        raise Conflict("bank_reference_used")


async def movements_of(connection: AsyncConnection, of: Of) -> list[Banked]:
    """Payments and returns of an object, in the order in which they were recorded."""
    columns = bank_movement.c
    wanted = select(columns.kind, columns.amount, columns.value_on, columns.bank_reference, columns.reason)
    rows = await connection.execute(
        wanted.where(columns[of.column] == of.number, columns.kind != REPAYMENT).order_by(columns.recorded_at)
    )
    return [Banked(*row) for row in rows]


async def movements(connection: AsyncConnection, shown: str, number: int) -> list[MovementAnswer]:
    """The bank's movements of an order, a prepayment or a claim, oldest first."""
    columns = bank_movement.c
    kinds = {DISBURSEMENT: columns.disbursement_id, PREPAYMENT: columns.prepayment_id, CLAIM: columns.claim_id}
    of = kinds[shown[:4]]
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
