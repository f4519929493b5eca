"""After a restoration nothing is sent until two people have looked at the bank: what was paid after the backup isn't
here, and would be paid again.

A check covers the areas and funds that its maker reaches, and whoever approves it reaches all of them. It holds for the
newest restoration only. Without a restoration there is nothing to check."""

from datetime import date
from typing import Final, NamedTuple

from msgspec import Struct
from sqlalchemy import ColumnElement, RowMapping, and_, func, insert, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.areas import area_prefix
from app.basics.days import iso, shanghai_day, shown_instant
from app.basics.errors import Conflict, Fault, NotFound, Refused
from app.basics.ids import BANK_CHECK, number_of, shown_id
from app.clearing.moves import Row, business_now, check_move, locked, move, today, written_by
from app.clearing.tables import bank_check
from app.service.caller import Caller, Service
from app.service.second_person import by_another
from app.service.security import Principal
from app.service.tables import restoration

DRAFT: Final = "draft"
APPROVED: Final = "approved"
MOST_SHOWN: Final = 200


class BankCheckRequest(Struct, forbid_unknown_fields=True):
    """Until the end of which day the bank's statement was looked through."""

    checked_until: date


class BankCheckAnswer(Struct):
    """A check, and what it covers: the areas whose codes begin so (none: all), and the funds (null: all)."""

    bank_check_id: str
    checked_until: str
    area_prefix: str
    funds: list[str] | None
    state: str
    subject: str
    approved_by: str | None
    approved_on: str | None


class BankChecksAnswer(Struct):
    """Whether something of what the caller reaches isn't covered by one approved check, what was restored last, and
    the checks made since, oldest first. ``since``: the first day of which the bank may have paid what isn't here."""

    pending: bool
    since: str | None
    data_until: str | None
    last_settled_at: str | None
    restored_on: str | None
    data: list[BankCheckAnswer]


class _Cover(NamedTuple):
    """What somebody reaches, or a check covers: areas by the beginning of their codes, funds (None: all)."""

    area_prefix: str
    funds: frozenset[str] | None

    def has(self, other: "_Cover") -> bool:
        """Whether all of the other is in it."""
        funds = self.funds is None or (other.funds is not None and other.funds <= self.funds)
        return other.area_prefix.startswith(self.area_prefix) and funds


async def check(connection: AsyncConnection, area_code: str, fund: str) -> None:
    """Conflict ``bank_check_pending`` when the bank wasn't checked for the area and fund since the last restoration."""
    if (await connection.execute(select(func.bank_check_pending(area_code, fund)))).scalar_one():
        last = await _last(connection)
        assert last is not None  # nothing is pending without a restoration
        since = await _since(connection, last, _Cover(area_code, frozenset({fund})))
        raise Conflict("bank_check_pending", values={"since": since})


async def paid_while_lost(connection: AsyncConnection, day: date, sent_on: date | None) -> bool:
    """Whether the bank may have paid on a day what was sent again later, since a restoration lost the first sending."""
    if sent_on is None or day >= sent_on:
        return False
    lost: bool = (await connection.execute(select(func.paid_while_lost(day, sent_on)))).scalar_one()
    return lost


async def enter(
    service: Service, connection: AsyncConnection, caller: Caller, wanted: BankCheckRequest
) -> BankCheckAnswer:
    """Enter that the bank was checked. Conflict ``bank_check_not_needed``; Refused ``bank_check_too_early`` before the
    day of the restoration, ``in_the_future`` after today."""
    last = await _last(connection)
    if last is None:
        raise Conflict("bank_check_not_needed")
    if wanted.checked_until < last["restored_on"]:
        values = {"restored_on": last["restored_on"].isoformat()}
        raise Refused([Fault("/checked_until", "bank_check_too_early", values)])
    if wanted.checked_until > today(await business_now(service, connection)):
        raise Refused([Fault("/checked_until", "in_the_future")])
    mine = _reached(caller)
    values = {
        "restoration_id": last["restoration_id"],
        "checked_until": wanted.checked_until,
        "area_prefix": mine.area_prefix,
        "funds": None if mine.funds is None else sorted(mine.funds),
    } | written_by(caller)
    made = await connection.execute(insert(bank_check).values(values).returning(*bank_check.c))
    return _answer(made.mappings().one())


async def approve(service: Service, connection: AsyncConnection, caller: Caller, shown: str) -> BankCheckAnswer:
    """Let a check hold, by another subject who reaches all that it covers (NotFound otherwise). Conflict
    ``invalid_move`` when it holds already, ``bank_check_not_needed`` when the database was restored again since."""
    row = await locked(connection, bank_check, number_of(BANK_CHECK, shown))
    if not _reached(caller).has(_covered(row["area_prefix"], row["funds"])):
        raise NotFound("not_found")
    await by_another(connection, caller, row["subject"])
    check_move(row["state"], (DRAFT,), APPROVED)
    last = await _last(connection)
    if last is None or last["restoration_id"] != row["restoration_id"]:
        raise Conflict("bank_check_not_needed")
    day = today(await business_now(service, connection))
    await move(connection, bank_check, row, state=APPROVED, approved_by=caller.principal.subject, approved_on=day)
    return _answer(row)


def waits_for(principal: Principal) -> ColumnElement[bool]:
    """Which checks somebody may have to approve: of the newest restoration, with no more than they reach."""
    columns = bank_check.c
    newest = select(func.max(restoration.c.restoration_id)).scalar_subquery()
    prefix = "" if principal.area_code is None else area_prefix(principal.area_code)
    funds = true() if principal.funds is None else columns.funds.contained_by(sorted(principal.funds))
    return and_(columns.restoration_id == newest, func.starts_with(columns.area_prefix, prefix), funds)


def reaches(caller: Caller, check: BankCheckAnswer) -> bool:
    """Whether somebody reaches all that a check covers, and so may approve another's."""
    return _reached(caller).has(_covered(check.area_prefix, check.funds))


async def state_of(connection: AsyncConnection, caller: Caller) -> BankChecksAnswer:
    """What is known of the last restoration and its checks."""
    last = await _last(connection)
    if last is None:
        return BankChecksAnswer(False, None, None, None, None, [])
    of_it = select(bank_check).where(bank_check.c.restoration_id == last["restoration_id"])
    found = await connection.execute(of_it.order_by(bank_check.c.check_id).limit(MOST_SHOWN))
    rows = found.mappings().all()
    holding = [_covered(row["area_prefix"], row["funds"]) for row in rows if row["state"] == APPROVED]
    settled = last["last_settled_at"]
    return BankChecksAnswer(
        pending=not any(one.has(_reached(caller)) for one in holding),
        since=await _since(connection, last, _reached(caller)),
        data_until=shown_instant(last["data_until"]),
        last_settled_at=None if settled is None else shown_instant(settled),
        restored_on=last["restored_on"].isoformat(),
        data=[_answer(row) for row in rows],
    )


async def _last(connection: AsyncConnection) -> RowMapping | None:
    newest = select(restoration).order_by(restoration.c.restoration_id.desc()).limit(1)
    return (await connection.execute(newest)).mappings().first()


async def _since(connection: AsyncConnection, last: RowMapping, cover: _Cover) -> str:
    """The day from which the bank has to be looked at: of the earliest data restored since a check of all that held."""
    columns = bank_check.c
    all_funds = columns.funds.is_(None)
    funds = all_funds if cover.funds is None else or_(all_funds, columns.funds.contains(sorted(cover.funds)))
    held = select(func.coalesce(func.max(columns.restoration_id), 0)).where(
        columns.state == APPROVED, func.starts_with(cover.area_prefix, columns.area_prefix), funds
    )
    since = restoration.c.restoration_id > held.scalar_subquery()
    earliest = (await connection.execute(select(func.min(restoration.c.data_until)).where(since))).scalar()
    return shanghai_day(earliest or last["data_until"]).isoformat()


def _reached(caller: Caller) -> _Cover:
    return _covered(caller.reach[2], caller.principal.funds)


def _covered(prefix: str, funds: list[str] | frozenset[str] | None) -> _Cover:
    return _Cover(prefix, None if funds is None else frozenset(funds))


def _answer(row: Row) -> BankCheckAnswer:
    return BankCheckAnswer(
        bank_check_id=shown_id(BANK_CHECK, row["check_id"]),
        checked_until=row["checked_until"].isoformat(),
        area_prefix=row["area_prefix"],
        funds=row["funds"],
        state=row["state"],
        subject=row["subject"],
        approved_by=row["approved_by"],
        approved_on=iso(row["approved_on"]),
    )
