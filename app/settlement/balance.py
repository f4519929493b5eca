"""What corrections leave between a patient and a hospital, and how it is closed. Amounts in fen, negative: to the
patient."""

from datetime import date, datetime
from typing import Final, Literal

from msgspec import Struct
from sqlalchemy import RowMapping, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import shanghai_day, shown_instant
from app.basics.errors import Conflict, Fault, NotFound, Refused
from app.basics.ids import BALANCE, SETTLEMENT, number_of, shown_id
from app.basics.money import yuan
from app.service import clock
from app.service.caller import Caller, Service
from app.service.http import encoded
from app.service.security import require
from app.service.wire import Day, Reference
from app.settlement.tables import patient_balance

ClosedState = Literal["refunded", "collected", "waived"]
Direction = Literal["refund", "collect"]
BalanceState = Literal["open", "refunded", "collected", "waived"]
CLOSINGS: Final[dict[Direction, frozenset[str]]] = {
    "refund": frozenset({"refunded"}),
    "collect": frozenset({"collected", "waived"}),
}


class Balance(Struct, frozen=True):
    """A patient's balance as it is stored."""

    balance_id: int
    settlement_id: int
    person_id: str
    hospital_code: str
    amount: int
    state: BalanceState
    opened_at: datetime
    paid_on: date | None
    reference: str | None

    @property
    def direction(self) -> Direction:
        """Who is owed: a refund is the patient's, what is collected the hospital's."""
        return "refund" if self.amount < 0 else "collect"


class BalanceAnswer(Struct):
    """A patient's balance. ``amount`` in yuan: negative is owed to the patient (``refund``), positive by the patient
    (``collect``)."""

    balance_id: str
    settlement_id: str
    person_id: str
    hospital_code: str
    amount: str
    direction: Direction
    state: BalanceState
    opened_at: str
    paid_on: str | None
    reference: str | None


class BalanceClosingRequest(Struct, forbid_unknown_fields=True):
    """How a balance was closed, with day and reference of the payment unless it is waived."""

    state: ClosedState
    paid_on: Day | None = None
    reference: Reference | None = None


async def close(
    service: Service, caller: Caller, connection: AsyncConnection, balance_id: str, wanted: BalanceClosingRequest
) -> bytes:
    """Close an open balance. Conflict ``invalid_move`` when it is closed, or can't be closed in this way."""
    require(caller.principal, "hospital", "finance")
    mine = patient_balance.c.balance_id == number_of(BALANCE, balance_id)
    # Locked, so that two closings at once are one closing and one conflict.
    row = (await connection.execute(select(patient_balance).where(mine).with_for_update())).mappings().first()
    if row is None:
        raise NotFound("not_found")
    balance = balance_of(row)
    today = shanghai_day(await clock.now(connection, manual=service.manual_clock))
    _refuse_payment(wanted, shanghai_day(balance.opened_at), today)
    if balance.state != "open" or wanted.state not in CLOSINGS[balance.direction]:
        raise Conflict("invalid_move")
    values = {
        "state": wanted.state,
        "paid_on": wanted.paid_on,
        "reference": wanted.reference,
        "closed_by": caller.principal.subject,
        "closed_request_id": caller.request_id,
        "closed_at": func.clock_timestamp(),
    }
    closed = update(patient_balance).where(mine).values(values).returning(*patient_balance.c)
    return encoded(answer_of(balance_of((await connection.execute(closed)).mappings().one())))


def _refuse_payment(wanted: BalanceClosingRequest, opened_on: date, today: date) -> None:
    """Refuse a payment without day or reference, or dated before what it pays came about or after today."""
    faults = []
    if wanted.state != "waived":
        faults += [Fault(f"/{name}", "missing") for name in ("paid_on", "reference") if getattr(wanted, name) is None]
    if wanted.paid_on is not None and wanted.paid_on > today:
        faults.append(Fault("/paid_on", "in_the_future"))
    elif wanted.paid_on is not None and wanted.paid_on < opened_on:
        faults.append(Fault("/paid_on", "before_opening", {"opened_on": opened_on.isoformat()}))
    if faults:
        raise Refused(faults)


def balance_of(row: RowMapping) -> Balance:
    """A row of ``patient_balance``."""
    return Balance(*(row[name] for name in Balance.__struct_fields__))


def answer_of(balance: Balance) -> BalanceAnswer:
    """A balance as the API shows it."""
    return BalanceAnswer(
        balance_id=shown_id(BALANCE, balance.balance_id),
        settlement_id=shown_id(SETTLEMENT, balance.settlement_id),
        person_id=balance.person_id,
        hospital_code=balance.hospital_code,
        amount=yuan(balance.amount),
        direction=balance.direction,
        state=balance.state,
        opened_at=shown_instant(balance.opened_at),
        paid_on=None if balance.paid_on is None else balance.paid_on.isoformat(),
        reference=balance.reference,
    )
