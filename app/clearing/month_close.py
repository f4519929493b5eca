"""Closing a month and opening it again (docs/specification/clearing.md, section 2). What a closed month refuses stands
in ``app/clearing/month.py``.

Closing keeps the month's figures as they are then, and says what is still open; it stops nothing that is open.
Reopening is by another person, keeps the row and says why in the record.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final, Literal

import msgspec
from msgspec import Struct, structs
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.areas import pooling_area
from app.basics.days import next_month
from app.basics.errors import Conflict, Fault, Forbidden, Refused
from app.basics.money import yuan
from app.clearing.due import Open, open_of
from app.clearing.moves import (
    Event,
    Row,
    StoredRow,
    business_now,
    check_move,
    may_pay,
    record,
    today,
    written_by,
)
from app.clearing.tables import fiscal_month
from app.database.locks import Lock, hold
from app.service.caller import Caller, Service
from app.service.second_person import by_another
from app.service.wire import AreaCode, Reason

Mode = Literal["soft", "hard"]
State = Literal["open", "soft", "hard"]
_AWAITED: Final = text("SELECT postings_awaited(:area)")
_FIGURES: Final = text("SELECT * FROM month_figures(:area, :period)")


class MonthClosingRequest(Struct, forbid_unknown_fields=True):
    """Close a month of an area: ``soft`` for payments and returns, ``hard`` for declarations too. Without ``area_code``
    the token's own area."""

    mode: Mode
    area_code: AreaCode | None = None


class MonthReopeningRequest(Struct, forbid_unknown_fields=True):
    """Open a closed month again, by another person than who closed it."""

    reason: Reason
    area_code: AreaCode | None = None


class MonthFigure(Struct):
    """A month's postings of a kind, as they were when it was closed. ``amount`` yuan: what goes back to the fund's
    expense (a reversal, a deduction) is negative, all else as it was posted."""

    hospital_code: str
    fund: str
    event: str
    tier: str
    clr_type: str
    postings: int
    amount: str


class FigureTotal(Struct):
    """The month's postings of a fund and event; yuan, signed as in ``Figure``."""

    fund: str
    event: str
    postings: int
    amount: str


class MonthAnswer(Struct):
    """A month of an area that is or was closed, its totals as of the closing, and what was open then."""

    area_code: str
    period: str
    state: State
    closed_by: str
    closed_on: date
    reopened_by: str | None
    reopened_on: date | None
    totals: list[FigureTotal]
    open: Open


class MonthFiguresAnswer(Struct):
    """Every figure that was kept when a month was closed."""

    area_code: str
    period: str
    state: State
    data: list[MonthFigure]


class _Kept(Struct):
    """What is stored; amounts in fen."""

    figures: list[tuple[str, str, str, str, str, int, int]]
    open: Open


async def close(
    service: Service, connection: AsyncConnection, caller: Caller, wanted: MonthClosingRequest, period: str
) -> MonthAnswer:
    """Close an ended month. Conflict ``period_not_ended``, ``already_closed``; Forbidden ``all_funds_needed``."""
    area = _whole(caller, wanted.area_code)
    await hold(connection, Lock.AREA_MONTH, area)
    now = await business_now(service, connection)
    day = today(now)
    if day < next_month(period):
        raise Conflict("period_not_ended", values={"period": period})
    row = await _row(connection, area, period)
    if row is not None and (row["state"] == "hard" or row["state"] == wanted.mode):
        raise Conflict("already_closed", extra={"state": row["state"]})
    await connection.execute(_AWAITED, {"area": area})
    kept = await _kept(service, connection, area, period, day)
    values = {
        "state": wanted.mode,
        "figures": msgspec.to_builtins(kept),
        "closed_by": caller.principal.subject,
        "closed_on": day,
        "reopened_by": None,
        "reopened_on": None,
    } | written_by(caller)
    if row is None:
        await connection.execute(insert(fiscal_month).values({"area_code": area, "period": period} | values))
    else:
        await _change(connection, area, period, values)
    await record(
        connection, caller, now, {"area_code": area}, Event(object_id=month_id(area, period), move=wanted.mode)
    )
    return _answer({"area_code": area, "period": period} | values, kept, caller.principal.funds)


async def reopen(
    service: Service, connection: AsyncConnection, caller: Caller, wanted: MonthReopeningRequest, period: str
) -> MonthAnswer:
    """Open a closed month. Conflict ``invalid_move`` when it isn't closed, Forbidden ``maker_is_checker`` for who
    closed it."""
    area = _whole(caller, wanted.area_code)
    await hold(connection, Lock.AREA_MONTH, area)
    row = await _row(connection, area, period)
    check_move("open" if row is None else row["state"], ("soft", "hard"), "open")
    assert row is not None
    await by_another(connection, caller, row["closed_by"])
    now = await business_now(service, connection)
    values = {"state": "open", "reopened_by": caller.principal.subject, "reopened_on": today(now)} | written_by(caller)
    await _change(connection, area, period, values)
    shown = month_id(area, period)
    await record(connection, caller, now, row, Event(object_id=shown, move="reopened", reason=wanted.reason))
    return _answer(row | values, msgspec.convert(row["figures"], _Kept), caller.principal.funds)


async def rows_of(
    connection: AsyncConnection, area_code: str | None, after: tuple[str, str] | None, limit: int
) -> list[StoredRow]:
    """Rows of the months within reach that are or were closed, newest first, behind a month of an area."""
    columns = fiscal_month.c
    wanted = select(fiscal_month).order_by(columns.period.desc(), columns.area_code).limit(limit)
    if area_code is not None:
        wanted = wanted.where(columns.area_code == pooling_area(area_code))
    if after is not None:
        period, area = after
        wanted = wanted.where((columns.period < period) | ((columns.period == period) & (columns.area_code > area)))
    return [dict(row) for row in (await connection.execute(wanted)).mappings()]


def answer_of(row: Row, funds: frozenset[str] | None) -> MonthAnswer:
    """A month as it is answered to somebody who sees these funds (None: all)."""
    return _answer(row, msgspec.convert(row["figures"], _Kept), funds)


async def figures_of(
    connection: AsyncConnection, caller: Caller, area_code: str | None, period: str
) -> MonthFiguresAnswer | None:
    """Every figure of a month as it was when it was closed; None when it never was."""
    area = _area(caller, area_code)
    row = await _row(connection, area, period)
    if row is None:
        return None
    funds = caller.principal.funds
    kept = msgspec.convert(row["figures"], _Kept).figures
    data = [MonthFigure(*figure[:6], yuan(figure[6])) for figure in kept if funds is None or figure[1] in funds]
    return MonthFiguresAnswer(area, period, row["state"], data)


def month_id(area: str, period: str) -> str:
    """The id of a month in clearing's record."""
    return f"month_{area}_{period}"


def _whole(caller: Caller, area_code: str | None) -> str:
    """The area, for who answers for all of its funds."""
    if caller.principal.funds is not None:
        raise Forbidden("all_funds_needed")
    return _area(caller, area_code)


def _area(caller: Caller, area_code: str | None) -> str:
    wanted = area_code or caller.principal.area_code
    if wanted is None:
        raise Refused([Fault("/area_code", "missing")])
    area = pooling_area(wanted)
    may_pay(caller, area)
    return area


async def _row(connection: AsyncConnection, area: str, period: str) -> StoredRow | None:
    wanted = select(fiscal_month).where(fiscal_month.c.area_code == area, fiscal_month.c.period == period)
    row = (await connection.execute(wanted)).mappings().first()
    return None if row is None else dict(row)


async def _change(connection: AsyncConnection, area: str, period: str, values: Row) -> None:
    mine = (fiscal_month.c.area_code == area) & (fiscal_month.c.period == period)
    await connection.execute(fiscal_month.update().where(mine).values(**values))


async def _kept(service: Service, connection: AsyncConnection, area: str, period: str, day: date) -> _Kept:
    rows = (await connection.execute(_FIGURES, {"area": area, "period": period})).all()
    return _Kept([tuple(row) for row in rows], await open_of(service, connection, area, period, day))


def _answer(row: Row, kept: _Kept, funds: frozenset[str] | None) -> MonthAnswer:
    same = ("area_code", "period", "state", "closed_by", "closed_on", "reopened_by", "reopened_on")
    return MonthAnswer(
        **{name: row[name] for name in same}, totals=_totals(kept.figures, funds), open=_seen(kept.open, funds)
    )


def _seen(kept: Open, funds: frozenset[str] | None) -> Open:
    """What was open, to somebody who sees these funds: without the orders of others, and without the sums over all."""
    if funds is None:
        return kept
    seen = {None, *funds}
    named = {
        kind: [structs.replace(one, amount=one.amount if one.fund else None) for one in items if one.fund in seen]
        for kind, items in kept.named.items()
    }
    return structs.replace(kept, named=named)


def _totals(
    figures: Sequence[tuple[str, str, str, str, str, int, int]], funds: frozenset[str] | None
) -> list[FigureTotal]:
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for _, fund, event, _, _, postings, amount in figures:
        if funds is None or fund in funds:
            before = sums.get((fund, event), (0, 0))
            sums[fund, event] = (before[0] + postings, before[1] + amount)
    return [FigureTotal(*key, count, yuan(amount)) for key, (count, amount) in sorted(sums.items())]
