"""The one machine that moves payments: approve, send, record a payment or a return, cancel; the same for every kind.

A kind says what is special of it in a ``Paying``: what its moves post and which children they look at. The machine
checks who acts and whether the table has the move (``payment.py``), keeps the bank's references and days, and writes
the move down."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Table, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import NotFound
from app.basics.ids import number_of
from app.clearing import bank, bank_check
from app.clearing.bank import Banked, PaymentRequest, ReturnRequest
from app.clearing.in_batch import check_free
from app.clearing.month import check_open
from app.clearing.moves import Event, business_now, locked, may_pay, record, today
from app.clearing.payment import Paid, Payment, PaymentKind, PaymentState, PaymentStep, check_step, typed
from app.clearing.posting import Posting, post
from app.database.locks import Lock, hold
from app.service.caller import Caller, Service
from app.service.second_person import by_another

P = TypeVar("P", bound=Payment)
B = TypeVar("B", bound=Paid)
Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Act:
    """Who does something now, in which transaction."""

    service: Service
    connection: AsyncConnection
    caller: Caller
    now: datetime

    @property
    def day(self) -> date:
        """The business day."""
        return today(self.now)

    @property
    def subject(self) -> str:
        """Whose name it bears."""
        return self.caller.principal.subject


async def acting(service: Service, connection: AsyncConnection, caller: Caller) -> Act:
    """An act at the business instant of this transaction."""
    return Act(service, connection, caller, await business_now(service, connection))


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked(Generic[P]):
    """A kind of payment that two people make: what its draft is, and what its approval and cancellation do.

    ``approving`` looks at the children, posts, and gives the columns that the approval writes; ``cancelling`` the same
    of a cancellation. Both raise before anything is written when a child stands in the way. ``before`` takes, by the
    payment's number, what an approval has to lock before the payment itself."""

    kind: PaymentKind
    prefix: str
    table: Table
    row: type[P]
    approving: Callable[[Act, P], Awaitable[Values]]
    cancelling: Callable[[Act, P], Awaitable[None]]
    before: Callable[[Act, int], Awaitable[None]] | None = None

    def read(self, row: Mapping[Any, Any]) -> P:
        """A row of the table, typed."""
        return typed(row, self.row)

    def shown(self, row: P) -> str:
        """The id as it is shown."""
        return f"{self.prefix}{self.number(row)}"

    def number(self, row: P) -> int:
        """The number of a row."""
        number: int = getattr(row, next(iter(self.table.primary_key.columns)).name)
        return number

    def of(self, row: P) -> bank.Of:
        """What a movement of the bank, or a row of a payment batch, names it by."""
        return bank.Of(next(iter(self.table.primary_key.columns)).name, self.number(row))


@dataclass(frozen=True, slots=True, kw_only=True)
class Paying(Checked[B]):
    """A kind of payment that the bank carries out. ``sending`` and ``banked`` are the postings of those moves;
    ``values`` are the columns that a movement of the bank writes; ``returnable`` is what can still come back."""

    sending: Callable[[Act, B], Awaitable[Sequence[Posting]]]
    banked: Callable[[B, Banked], Sequence[Posting]]
    values: Callable[[B, Banked], Values]
    returnable: Callable[[B], int]


async def opened(act: Act, kind: Checked[P], shown: str) -> P:
    """A payment, locked, when its area is the caller's to pay for; NotFound otherwise.

    Payments of one fund and area move one after the other: each looks at what the others hold back, carry and take.
    That lock comes before any statement's."""
    columns = kind.table.c
    number = number_of(kind.prefix, shown)
    key = next(iter(kind.table.primary_key.columns))
    unlocked = select(columns.area_code, columns.fund).where(key == number)
    found = (await act.connection.execute(unlocked)).first()
    if found is None:
        raise NotFound("not_found")
    may_pay(act.caller, found.area_code)
    await lock_payments(act.connection, found.area_code, found.fund)
    return kind.read(await locked(act.connection, kind.table, number))


async def lock_payments(connection: AsyncConnection, area_code: str, fund: str) -> None:
    """Keep everybody else from moving payments of a fund and area until this transaction ends."""
    await hold(connection, Lock.ORDER, f"{area_code} {fund}")


async def approve(act: Act, kind: Checked[P], shown: str) -> P:
    """Approve a draft made by another. Forbidden ``maker_is_checker``, Conflict ``invalid_move``."""
    if kind.before is not None:
        await kind.before(act, number_of(kind.prefix, shown))
    row = await opened(act, kind, shown)
    await by_another(act.connection, act.caller, row.subject)
    check_step(kind.kind, row.state, PaymentStep.APPROVAL)
    values = await kind.approving(act, row)
    signed = {"state": PaymentState.APPROVED, "approved_by": act.subject, "approved_on": act.day}
    return await moved(act, kind, row, {**signed, **values}, move="approved", amount=row.amount)


async def send(act: Act, kind: Paying[B], shown: str) -> B:
    """Give an approved payment to the bank. Conflict ``bank_check_pending`` after a restoration."""
    row = await opened(act, kind, shown)
    check_step(kind.kind, row.state, PaymentStep.SENDING)
    await bank_check.check(act.connection, row.area_code, row.fund)
    await post(act.connection, await kind.sending(act, row))
    values = {"state": PaymentState.SENT, "sent_by": act.subject, "sent_on": act.day}
    return await moved(act, kind, row, values, move="sent", amount=row.amount)


async def pay(act: Act, kind: Paying[B], shown: str, wanted: PaymentRequest, *, answered: bool = False) -> B:
    """Record what the bank paid, whole or part; ``answered``: by the bank's file, which alone pays what stands in a
    payment batch. Refused ``payment_exceeds_order``, ``before_sending``, ``payment_before_return``; Conflict
    ``bank_reference_used``, ``month_closed``, ``in_payment_batch``."""
    row = await opened(act, kind, shown)
    if not answered:
        await check_free(act.connection, kind.of(row))
    check_step(kind.kind, row.state, PaymentStep.PAYMENT, possible=row.payable > 0)
    return await _banked(act, kind, row, bank.payment(wanted), row.payable)


async def give_back(act: Act, kind: Paying[B], shown: str, wanted: ReturnRequest, *, answered: bool = False) -> B:
    """Record what came back; ``answered`` as of ``pay``. Refused ``return_exceeds_payment``,
    ``return_before_payment``; Conflict ``in_payment_batch``."""
    row = await opened(act, kind, shown)
    if not answered:
        await check_free(act.connection, kind.of(row))
    # Of what is paid because nothing was to pay, nothing can come back: that is said of the amount, below.
    check_step(kind.kind, row.state, PaymentStep.RETURN, possible=row.paid > 0 or row.state == PaymentState.PAID)
    return await _banked(act, kind, row, bank.returned(wanted), kind.returnable(row))


async def _banked(act: Act, kind: Paying[B], row: B, movement: Banked, most: int) -> B:
    of = kind.of(row)
    known = await bank.movements_of(act.connection, of)
    owed = row.amount if row.paid + movement.amount <= row.amount else None
    first = row.since(PaymentStep.PAYMENT if movement.kind == bank.PAYMENT else PaymentStep.RETURN)
    if movement.kind == bank.PAYMENT and await bank_check.paid_while_lost(act.connection, movement.day, first):
        first = movement.day
    bank.check(movement, known, most=most, amount=owed, first=first, today=act.day)
    await check_open(act.connection, row.area_code, movement.day)
    await bank.keep(act.connection, act.caller, of, movement)
    await post(act.connection, kind.banked(row, movement))
    return await moved(
        act, kind, row, kind.values(row, movement), move=movement.kind, reason=movement.reason, amount=movement.amount
    )


async def cancel(act: Act, kind: Checked[P], shown: str, reason: str) -> P:
    """Cancel a payment of which nothing is paid: what it held back, took off and carried is free again."""
    row = await opened(act, kind, shown)
    check_step(kind.kind, row.state, PaymentStep.CANCELLATION)
    await check_free(act.connection, kind.of(row))
    await kind.cancelling(act, row)
    values = {"state": PaymentState.CANCELLED, "cancelled_on": act.day}
    return await moved(act, kind, row, values, move="cancelled", reason=reason, amount=row.amount)


async def moved(
    act: Act,
    kind: Checked[P],
    row: P,
    values: Values,
    *,
    move: str,
    reason: str | None = None,
    amount: int | None = None,
) -> P:
    """The row after a move that was written down."""
    key = next(iter(kind.table.primary_key.columns))
    changed = update(kind.table).where(key == kind.number(row)).values(**values).returning(*kind.table.c)
    after = (await act.connection.execute(changed)).mappings().one()
    await record(
        act.connection,
        act.caller,
        act.now,
        after,
        Event(object_id=kind.shown(row), move=move, reason=reason, amount=amount),
    )
    return kind.read(after)
