"""Quality deposits 质量保证金 at the year's final settlement: what is released is ordered and paid, the rest is a deduction."""

from typing import Any, Final

from msgspec import Struct
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict, Fault, NotFound, Refused
from app.basics.ids import DISBURSEMENT, RELEASE, number_of, shown_id
from app.basics.money import rate, rate_text, share, yuan
from app.clearing.moves import (
    business_now,
    by_another,
    check_move,
    locked,
    may_pay,
    move,
    owner_of,
    pooling_area_of,
    record,
    today,
    written_by,
)
from app.clearing.plan import FUNDS, period_of, plan_on
from app.clearing.posting import post, posting, purse_of
from app.clearing.tables import deposit_release, disbursement
from app.database.locks import Lock, hold
from app.registry.tables import hospital
from app.service.caller import Caller, Service
from app.service.wire import AreaCode, Code, Name, Rate

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
    reason: Name


class ReleaseAnswer(Struct):
    """A release: of the ``deposit`` held, ``amount`` is released and ``forfeited`` deducted; yuan. ``disbursement_id`` is the
    order that pays it, once approved."""

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


async def make(service: Service, connection: AsyncConnection, caller: Caller, wanted: ReleaseRequest) -> ReleaseAnswer:
    """Draft the release of an ended year's deposits. Conflict ``period_not_ended``, ``already_released``, ``no_deposit``."""
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
    if wanted.fund not in FUNDS:
        faults.append(Fault("/fund", "not_in_list", {"allowed": "、".join(FUNDS)}))
    if faults:
        raise Refused(faults)
    now = await business_now(service, connection)
    if wanted.year >= today(now).year:
        raise Conflict("period_not_ended", values={"period": str(wanted.year)})
    owner = {
        "hospital_code": wanted.hospital_code,
        "hospital_area": place or "",
        "area_code": area,
        "fund": wanted.fund,
    }
    name = f"{wanted.hospital_code} {area} {wanted.fund} {wanted.year}"
    await hold(connection, Lock.DEPOSIT_RELEASE, name)
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
        "created_on": today(now),
    }
    made = insert(deposit_release).values(values | written_by(caller)).returning(*deposit_release.c)
    row = dict((await connection.execute(made)).mappings().one())
    shown = shown_id(RELEASE, row["release_id"])
    await record(
        connection, caller, now, row, object_id=shown, move="draft", reason=wanted.reason, amount=row["amount"]
    )
    return answer_of(row, None)


async def _refuse_second(connection: AsyncConnection, owner: dict[str, str], year: int) -> None:
    columns = deposit_release.c
    same = [columns[name] == owner[name] for name in ("hospital_code", "area_code", "fund")]
    wanted = select(columns.release_id).where(*same, columns.year == year, columns.state != "cancelled")
    found = (await connection.execute(wanted)).scalar()
    if found is not None:
        raise Conflict("already_released", extra={"release_id": shown_id(RELEASE, found)})


async def held(connection: AsyncConnection, owner: dict[str, str], year: int) -> int:
    """The deposit of a year that is withheld from a hospital by a fund now, fen."""
    purse = purse_of(owner, year)
    values = {"path": purse.deposit, "year": year, "hospital": purse.hospital_code, "area": purse.area_code}
    return int((await connection.execute(_BALANCE, values)).scalar_one())


async def approve(service: Service, connection: AsyncConnection, caller: Caller, shown: str) -> ReleaseAnswer:
    """Approve a release made by another: what is released is due again and gets an approved order, the rest is deducted.

    Conflict ``deposit_changed`` when orders have withheld or given back deposit since the draft.
    """
    row = await locked(connection, deposit_release, number_of(RELEASE, shown))
    may_pay(caller, row["area_code"])
    by_another(caller, row["subject"])
    check_move(row, ("draft",), "approved")
    now = await business_now(service, connection)
    day = today(now)
    if await held(connection, row, row["year"]) != row["deposit"]:
        raise Conflict("deposit_changed")
    purse = purse_of(row, row["year"])
    of: dict[str, Any] = {"debit": purse.deposit, "day": day, "cause": shown}
    released = posting(purse, "deposit_released", credit=purse.payable, amount=row["amount"], **of)
    rest = row["deposit"] - row["amount"]
    await post(connection, [released, posting(purse, "deposit_forfeited", credit=purse.expense, amount=rest, **of)])
    await move(
        connection, deposit_release, row, state="approved", approved_by=caller.principal.subject, approved_on=day
    )
    await record(connection, caller, now, row, object_id=shown, move="approved", amount=row["amount"])
    return answer_of(row, await _order(service, connection, caller, row, day) if row["amount"] else None)


async def _order(service: Service, connection: AsyncConnection, caller: Caller, row: dict[str, Any], day: Any) -> int:
    """The order that pays what was released. Its two people are those of the release."""
    plan = plan_on(service.book, row["area_code"], day)
    values = owner_of(row) | {
        "release_id": row["release_id"],
        "fund": row["fund"],
        "fiscal_year": row["year"],
        "period": period_of(day),
        "gross": row["amount"],
        "deposit_rate": 0,
        "deposit": 0,
        "offset_amount": 0,
        "carried": 0,
        "amount": row["amount"],
        "state": "approved",
        "due_on": plan.pay_by(period_of(day)),
        "created_on": day,
        "approved_by": caller.principal.subject,
        "approved_on": day,
        "subject": row["subject"],
        "request_id": caller.request_id,
    }
    made = insert(disbursement).values(values).returning(disbursement.c.disbursement_id)
    number: int = (await connection.execute(made)).scalar_one()
    return number


def answer_of(row: Any, disbursement_id: int | None) -> ReleaseAnswer:
    """A release as it is shown."""
    return ReleaseAnswer(
        release_id=shown_id(RELEASE, row["release_id"]),
        state=row["state"],
        hospital_code=row["hospital_code"],
        area_code=row["area_code"],
        fund=row["fund"],
        year=row["year"],
        deposit=yuan(row["deposit"]),
        assessed_ratio=rate_text(row["assessed_ratio"]),
        amount=yuan(row["amount"]),
        forfeited=yuan(row["deposit"] - row["amount"]),
        reason=row["reason"],
        disbursement_id=None if disbursement_id is None else shown_id(DISBURSEMENT, disbursement_id),
        created_by=row["subject"],
        created_on=row["created_on"].isoformat(),
        approved_by=row["approved_by"],
        approved_on=None if row["approved_on"] is None else row["approved_on"].isoformat(),
    )
