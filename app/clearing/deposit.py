"""Quality deposits 质量保证金 at the year's final settlement: what is released is ordered and paid, the rest is a
deduction."""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from sqlalchemy import RowMapping, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import iso, period_of
from app.basics.errors import Conflict, Fault, NotFound, Refused
from app.basics.ids import DISBURSEMENT, RELEASE, shown_id
from app.basics.money import rate, rate_text, share, yuan
from app.clearing import carry
from app.clearing.machine import Act, Checked, Values, lock_payments
from app.clearing.moves import Event, may_pay, pooling_area_of, record, written_by
from app.clearing.net import net_of
from app.clearing.order import ORDERS, insert_order
from app.clearing.payment import Order, PaymentKind, PaymentState, Release
from app.clearing.plan import fund_faults, plan_on
from app.clearing.posting import Cause, post, posting, purse_of
from app.clearing.tables import deposit_release, disbursement
from app.registry import hospital_account
from app.registry.tables import hospital
from app.service.wire import AreaCode, Code, Rate, Reason

MOST_UNRELEASED: Final = 500
_BALANCE: Final = text(
    """SELECT coalesce(sum(CASE WHEN t.credit_account = a.account_id THEN t.amount ELSE -t.amount END), 0)
         FROM account a JOIN transfer t ON a.account_id IN (t.debit_account, t.credit_account)
        WHERE a.path = :path AND t.fiscal_year = :year AND t.hospital_code = :hospital AND t.area_code = :area"""
)


class ReleaseRequest(Struct, forbid_unknown_fields=True):
    """Settle a year's deposits of a hospital, area and fund by what the assessment gave: 1 releases all."""

    hospital_code: Code
    area_code: AreaCode
    fund: Code
    year: int
    assessed_ratio: Rate
    reason: Reason


class ReleaseAnswer(Struct):
    """A release: of the ``deposit`` held, ``amount`` is released and ``forfeited`` deducted; yuan. ``disbursement_id``
    is the order that pays it, once approved."""

    release_id: str
    state: str
    hospital_code: str
    area_code: str
    fund: str
    year: int
    deposit: str
    assessed_ratio: str
    amount: str
    forfeited: str
    reason: str
    disbursement_id: str | None
    created_by: str
    created_on: str
    approved_by: str | None
    approved_on: str | None


async def make(act: Act, wanted: ReleaseRequest) -> ReleaseAnswer:
    """Draft the release of an ended year's deposits. Conflict ``period_not_ended``, ``already_released``,
    ``no_deposit``."""
    connection, caller = act.connection, act.caller
    area = await pooling_area_of(connection, wanted.area_code)
    may_pay(caller, area)
    if caller.principal.funds is not None and wanted.fund not in caller.principal.funds:
        raise NotFound("not_found")
    place = (
        await connection.execute(select(hospital.c.area_code).where(hospital.c.code == wanted.hospital_code))
    ).scalar_one_or_none()
    faults = []
    if place is None:
        faults.append(Fault("/hospital_code", "unknown_hospital"))
    faults += fund_faults(act.service.book, wanted.fund, "/fund")
    if faults:
        raise Refused(faults)
    if wanted.year >= act.day.year:
        raise Conflict("period_not_ended", values={"period": str(wanted.year)})
    owner = {
        "hospital_code": wanted.hospital_code,
        "hospital_area": place or "",
        "area_code": area,
        "fund": wanted.fund,
    }
    await lock_payments(connection, area, wanted.fund)
    await _refuse_second(connection, owner, wanted.year)
    deposit = await held(connection, owner, wanted.year)
    if deposit <= 0:
        raise Conflict("no_deposit")
    ratio = rate(wanted.assessed_ratio)
    values = owner | {
        "year": wanted.year,
        "deposit": deposit,
        "assessed_ratio": ratio,
        "amount": share(deposit, ratio),
        "reason": wanted.reason,
        "created_on": act.day,
    }
    made = insert(deposit_release).values(values | written_by(caller)).returning(*deposit_release.c)
    row = RELEASES.read((await connection.execute(made)).mappings().one())
    shown = RELEASES.shown(row)
    await record(
        connection,
        caller,
        act.now,
        owner,
        Event(object_id=shown, move="draft", reason=wanted.reason, amount=row.amount),
    )
    return answer_of(row, None)


async def _refuse_second(connection: AsyncConnection, owner: Mapping[str, str], year: int) -> None:
    """One draft at a time: what is withheld after an approved release can be released by a further one."""
    columns = deposit_release.c
    same = [columns[name] == owner[name] for name in ("hospital_code", "area_code", "fund")]
    wanted = select(columns.release_id).where(*same, columns.year == year, columns.state == PaymentState.DRAFT)
    found = (await connection.execute(wanted)).scalar()
    if found is not None:
        raise Conflict("already_released", extra={"release_id": shown_id(RELEASE, found)})


async def held(connection: AsyncConnection, owner: Mapping[str, str], year: int) -> int:
    """The deposit of a year that is withheld from a hospital by a fund now, fen."""
    purse = purse_of(owner, year)
    values = {"path": purse.deposit, "year": year, "hospital": purse.hospital_code, "area": purse.area_code}
    return int((await connection.execute(_BALANCE, values)).scalar_one())


async def unreleased(connection: AsyncConnection, *, before: int) -> Sequence[RowMapping]:
    """What approved orders of the fiscal years before this one hold back and nothing has released, by hospital, area,
    fund and year; ``amount`` in fen. A draft says what is held to the fen (``held``)."""
    columns = disbursement.c
    by = (columns.hospital_code, columns.area_code, columns.fund, columns.fiscal_year)
    withheld = (columns.approved_by.is_not(None), columns.state != PaymentState.CANCELLED, columns.deposit > 0)
    wanted = select(*by, func.sum(columns.deposit).label("amount")).where(
        *withheld, columns.released_by.is_(None), columns.fiscal_year < before
    )
    return (await connection.execute(wanted.group_by(*by).order_by(*by).limit(MOST_UNRELEASED))).mappings().all()


# ---------------------------------------------------------------- moving


async def _approving(act: Act, row: Release) -> Values:
    """What is released is due again and gets an approved order, the rest is deducted.

    Conflict ``deposit_changed`` when orders have withheld or given back deposit since the draft.
    """
    if await held(act.connection, row.owner, row.fiscal_year) != row.deposit:
        raise Conflict("deposit_changed")
    purse = purse_of(row.owner, row.fiscal_year)
    cause = Cause(RELEASES.shown(row), act.day)
    lost = row.deposit - row.amount
    events = (("deposit_released", purse.payable, row.amount), ("deposit_forfeited", purse.expense, lost))
    await post(
        act.connection,
        [posting(purse, event, debit=purse.deposit, credit=to, amount=n, cause=cause) for event, to, n in events],
    )
    await _mark_released(act.connection, row)
    if row.amount:
        await _order(act, row)
    return {}


async def _mark_released(connection: AsyncConnection, row: Release) -> None:
    """The orders whose deposits are gone by this: they can't be cancelled any more."""
    columns = disbursement.c
    same = [columns[name] == row.owner[name] for name in ("hospital_code", "area_code", "fund")]
    withheld = (columns.approved_by.is_not(None), columns.state != PaymentState.CANCELLED, columns.deposit > 0)
    mine = (*same, *withheld, columns.fiscal_year == row.fiscal_year, columns.released_by.is_(None))
    await connection.execute(update(disbursement).where(*mine).values(released_by=row.release_id))


async def _order(act: Act, row: Release) -> None:
    """The order that pays what was released, less what the hospital owes from carried months; if it owes as much, it is
    carried itself. Its two people are those of the release."""
    taken = await carry.carriers(act.connection, row.owner)
    net = net_of(gross=row.amount, carried=sum(one.owed_back for one in taken), deposit_rate=0, prepaid=0)
    period = period_of(act.day)
    columns = row.owner | {
        "release_id": row.release_id,
        "fiscal_year": row.fiscal_year,
        "period": period,
        "state": PaymentState.CARRIED_FORWARD if net.is_carried else PaymentState.APPROVED,
        "due_on": plan_on(act.service.book, row.area_code, act.day).pay_by(period),
        "created_on": act.day,
        "account_change_id": await hospital_account.current(act.connection, row.hospital_code),
        "approved_by": act.subject,
        "approved_on": act.day,
        "subject": row.subject,
        "request_id": act.caller.request_id,
    }
    order: Order = await insert_order(act, net, columns)
    await carry.take(act.connection, taken, order.disbursement_id)
    cause = Cause(ORDERS.shown(order), act.day)
    await post(act.connection, carry.postings(order, carry.debts(taken), cause))


async def _cancelling(act: Act, row: Release) -> None:
    """A draft has moved nothing."""


RELEASES: Final = Checked(
    kind=PaymentKind.RELEASE,
    prefix=RELEASE,
    table=deposit_release,
    row=Release,
    approving=_approving,
    cancelling=_cancelling,
)


# ---------------------------------------------------------------- showing


async def shown(connection: AsyncConnection, row: Release) -> ReleaseAnswer:
    """A release with its order."""
    wanted = select(disbursement.c.disbursement_id).where(disbursement.c.release_id == row.release_id)
    return answer_of(row, (await connection.execute(wanted)).scalar())


def answer_of(row: Release, disbursement_id: int | None) -> ReleaseAnswer:
    """A release as it is shown."""
    return ReleaseAnswer(
        release_id=RELEASES.shown(row),
        state=row.state.value,
        hospital_code=row.hospital_code,
        area_code=row.area_code,
        fund=row.fund,
        year=row.fiscal_year,
        deposit=yuan(row.deposit),
        assessed_ratio=rate_text(row.assessed_ratio),
        amount=yuan(row.amount),
        forfeited=yuan(row.deposit - row.amount),
        reason=row.reason,
        disbursement_id=None if disbursement_id is None else shown_id(DISBURSEMENT, disbursement_id),
        created_by=row.subject,
        created_on=row.created_on.isoformat(),
        approved_by=row.approved_by,
        approved_on=iso(row.approved_on),
    )
