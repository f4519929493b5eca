"""Prepayments 预付金: money a fund gives a hospital before it is earned, taken off the next orders of the same year.

draft → approved → sent → paid → offset | returned, by the machine of all payments. Once it is sent its state follows
its money, which the database sees to (``prepayment_derived``). Amounts are fen."""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import iso
from app.basics.errors import Fault, NotFound, Refused
from app.basics.ids import PREPAYMENT
from app.basics.money import fen, yuan
from app.clearing import pinned
from app.clearing.bank import PAYMENT, Banked
from app.clearing.machine import Act, Paying, Values
from app.clearing.moves import Event, may_pay, pooling_area_of, record, written_by
from app.clearing.payment import PaymentKind, Prepayment
from app.clearing.plan import fund_faults
from app.clearing.posting import Cause, Posting, posting, purse_of
from app.clearing.tables import prepayment, prepayment_offset
from app.registry.tables import hospital
from app.service.wire import AreaCode, Code, Money

YEARS_AHEAD: Final = 1
FIRST_YEAR: Final = 2000


class PrepaymentRequest(Struct, forbid_unknown_fields=True):
    """Prepay a hospital from a fund for a year; yuan."""

    hospital_code: Code
    area_code: AreaCode
    fund: Code
    amount: Money
    year: int


class PrepaymentAnswer(Struct):
    """A prepayment. ``outstanding`` = paid − offset − returned: what orders still take off. Yuan."""

    prepayment_id: str
    state: str
    hospital_code: str
    area_code: str
    fund: str
    year: int
    amount: str
    paid: str
    offset: str
    returned: str
    outstanding: str
    created_by: str
    created_on: str
    approved_by: str | None
    approved_on: str | None
    sent_by: str | None
    sent_on: str | None


async def make(act: Act, wanted: PrepaymentRequest) -> PrepaymentAnswer:
    """Draft a prepayment."""
    connection, caller = act.connection, act.caller
    area = await pooling_area_of(connection, wanted.area_code)
    may_pay(caller, area)
    if caller.principal.funds is not None and wanted.fund not in caller.principal.funds:
        raise NotFound("not_found")
    mine = select(hospital.c.area_code).where(hospital.c.code == wanted.hospital_code)
    place = (await connection.execute(mine)).scalar_one_or_none()
    faults = []
    if place is None:
        faults.append(Fault("/hospital_code", "unknown_hospital"))
    faults += fund_faults(act.service.book, wanted.fund, "/fund")
    if fen(wanted.amount) == 0:
        faults.append(Fault("/amount", "amount_not_positive"))
    if not FIRST_YEAR <= wanted.year <= act.day.year + YEARS_AHEAD:
        faults.append(Fault("/year", "year_out_of_range"))
    if faults:
        raise Refused(faults)
    values = {
        "hospital_code": wanted.hospital_code,
        "hospital_area": place,
        "area_code": area,
        "fund": wanted.fund,
        "year": wanted.year,
        "amount": fen(wanted.amount),
        "created_on": act.day,
    }
    made = insert(prepayment).values(values | written_by(caller)).returning(*prepayment.c)
    row = PREPAYMENTS.read((await connection.execute(made)).mappings().one())
    shown = PREPAYMENTS.shown(row)
    await record(connection, caller, act.now, row.owner, Event(object_id=shown, move="draft", amount=row.amount))
    return answer_of(row)


# ---------------------------------------------------------------- moving


async def _approving(act: Act, row: Prepayment) -> Values:
    return await pinned.pin(act, row)


async def _cancelling(act: Act, row: Prepayment) -> None:
    """Nothing hangs on a prepayment that was not paid."""


async def _sending(act: Act, row: Prepayment) -> list[Posting]:
    """Conflict ``payee_account_changed`` when the account is another than the approved one."""
    await pinned.check(act, row)
    return []


def _banked(row: Prepayment, movement: Banked) -> list[Posting]:
    purse, cause = purse_of(row.owner, row.fiscal_year), Cause(PREPAYMENTS.shown(row), movement.day)
    if movement.kind == PAYMENT:
        event, debit, credit = "prepayment", purse.prepaid, purse.cash
    else:
        event, debit, credit = "prepayment_returned", purse.cash, purse.prepaid
    return [posting(purse, event, debit=debit, credit=credit, amount=movement.amount, cause=cause)]


def _values(row: Prepayment, movement: Banked) -> Values:
    if movement.kind == PAYMENT:
        return {"paid": row.paid + movement.amount}
    return {"returned": row.returned + movement.amount}


PREPAYMENTS: Final = Paying(
    kind=PaymentKind.PREPAYMENT,
    prefix=PREPAYMENT,
    table=prepayment,
    row=Prepayment,
    approving=_approving,
    cancelling=_cancelling,
    sending=_sending,
    banked=_banked,
    values=_values,
    returnable=lambda row: row.outstanding,
)


# ---------------------------------------------------------------- taken off orders


async def outstanding(connection: AsyncConnection, owner: Mapping[str, str], year: int) -> list[Prepayment]:
    """The prepayments of a year of which no order has taken all, locked, the oldest first."""
    columns = prepayment.c
    same = [columns[name] == owner[name] for name in ("hospital_code", "area_code", "fund")]
    left = (columns.year == year, columns.paid > columns.offset_amount + columns.returned)
    wanted = select(prepayment).where(*same, *left).order_by(columns.prepayment_id).with_for_update()
    return [PREPAYMENTS.read(row) for row in (await connection.execute(wanted)).mappings()]


def split(prepaid: Sequence[Prepayment], amount: int) -> list[tuple[int, int]]:
    """How much of which prepayment makes up an amount, the first ones first."""
    taken = []
    for one in prepaid:
        part = min(amount, one.outstanding)
        if part:
            taken.append((one.prepayment_id, part))
            amount -= part
    return taken


async def reserve(connection: AsyncConnection, disbursement_id: int, offsets: Sequence[tuple[int, int]]) -> None:
    """Keep what an order takes from being taken by another. Negative amounts give it back."""
    for prepayment_id, amount in offsets:
        values = {"prepayment_id": prepayment_id, "disbursement_id": disbursement_id, "amount": amount}
        await connection.execute(insert(prepayment_offset).values(values))


async def release(connection: AsyncConnection, disbursement_id: int) -> None:
    """Give back what a cancelled order had taken."""
    columns = prepayment_offset.c
    wanted = select(columns.prepayment_id, func.sum(columns.amount)).where(columns.disbursement_id == disbursement_id)
    rows = (await connection.execute(wanted.group_by(columns.prepayment_id))).all()
    await reserve(connection, disbursement_id, [(number, -int(amount)) for number, amount in rows if amount])


def answer_of(row: Prepayment) -> PrepaymentAnswer:
    """A prepayment as it is shown."""
    return PrepaymentAnswer(
        prepayment_id=PREPAYMENTS.shown(row),
        state=row.state.value,
        hospital_code=row.hospital_code,
        area_code=row.area_code,
        fund=row.fund,
        year=row.fiscal_year,
        amount=yuan(row.amount),
        paid=yuan(row.paid),
        offset=yuan(row.offset_amount),
        returned=yuan(row.returned),
        outstanding=yuan(row.outstanding),
        created_by=row.subject,
        created_on=row.created_on.isoformat(),
        approved_by=row.approved_by,
        approved_on=iso(row.approved_on),
        sent_by=row.sent_by,
        sent_on=iso(row.sent_on),
    )
