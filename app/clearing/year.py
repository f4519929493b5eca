"""Closing a fiscal year: not below the floor, unless two people signed an exception (docs/specification/clearing.md,
section 7).

Closing freezes payout figures, never accumulators: what is settled or corrected later falls into the current fiscal
year.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import RowMapping, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict, Fault, Forbidden, NotFound, Refused
from app.basics.ids import EXCEPTION, STATEMENT, number_of, shown_id
from app.basics.money import yuan
from app.clearing.moves import (
    Event,
    StoredRow,
    business_now,
    check_move,
    locked,
    may_pay,
    move,
    pooling_area_of,
    record,
    today,
    written_by,
)
from app.clearing.payout_base import Wanted
from app.clearing.payout_query import Figures, payout_figures
from app.clearing.payout_rate import payout_rates
from app.clearing.plan import plan_on
from app.clearing.tables import fiscal_year_closing, payout_exception
from app.database.locks import Lock, hold
from app.service.caller import Caller, Service
from app.service.second_person import by_another
from app.service.wire import AreaCode, Code, Reason

MOST_UNPAID: Final = 1000

_UNPAID: Final = text("""
SELECT coalesce(i.statement_id, t.statement_id) AS statement_id,
       substring(CASE WHEN c.kind = 'payable' THEN c.party ELSE d.party END FROM '^claim:(.*)') AS claim_id,
         t.hospital_code,
       sum(CASE WHEN t.event IN ('deposit_withheld', 'deposit_returned', 'deposit_released') THEN 0
                WHEN t.event = 'deposit_forfeited' THEN -t.amount
                ELSE CASE WHEN c.kind = 'payable' THEN t.amount ELSE -t.amount END END)::bigint AS amount
  FROM transfer t JOIN account d ON d.account_id = t.debit_account JOIN account c ON c.account_id = t.credit_account
  LEFT JOIN statement_item i ON i.transfer_id = t.transfer_id AND NOT i.withdrawn
 WHERE t.fiscal_year = :year AND t.area_code = :area AND t.fund = :fund AND t.business_date <= :day
   AND (('payable' IN (c.kind, d.kind) AND (c.party ~ '^(hospital|claim):' OR d.party ~ '^(hospital|claim):'))
     OR t.event = 'deposit_forfeited')
 GROUP BY 1, 2, 3 HAVING sum(CASE WHEN t.event IN ('deposit_withheld', 'deposit_returned', 'deposit_released') THEN 0
                               WHEN t.event = 'deposit_forfeited' THEN -t.amount
                               ELSE CASE WHEN c.kind = 'payable' THEN t.amount ELSE -t.amount END END) > 0
 ORDER BY 4 DESC, 1, 2 LIMIT :most""")


class ClosingRequest(Struct, forbid_unknown_fields=True):
    """Close a fiscal year of a paying area."""

    area_code: AreaCode


class ExceptionRequest(Struct, forbid_unknown_fields=True):
    """Why a fund may end a year below its floor."""

    area_code: AreaCode
    fund: Code
    reason: Reason


class ClosingAnswer(Struct):
    """A closed fiscal year and the payout figures of its 31 December, as they were when it was closed."""

    area_code: str
    year: int
    state: str
    closed_on: date
    closed_by: str
    figures: list[StoredRow]


class ExceptionAnswer(Struct):
    """An exception from a fund's floor in a year; it counts when another person approved it."""

    exception_id: str
    state: str
    area_code: str
    fund: str
    year: int
    reason: str
    created_by: str
    created_on: date
    approved_by: str | None
    approved_on: date | None


# ---------------------------------------------------------------- closing


async def close(
    service: Service, connection: AsyncConnection, caller: Caller, year: int, wanted: ClosingRequest
) -> ClosingAnswer:
    """Close an ended year for good. Conflict ``period_not_ended``, ``already_closed``, or ``payout_below_floor`` with
    the funds bound by a floor that miss it: ``shortfall``, and in ``unpaid`` what each statement lacked on 31 December,
    its withheld deposit included. Forbidden ``all_funds_needed`` for a token of some funds."""
    area = await pooling_area_of(connection, wanted.area_code)
    may_pay(caller, area)
    if caller.principal.funds is not None:
        raise Forbidden("all_funds_needed")
    now = await business_now(service, connection)
    if today(now).year <= year:
        raise Conflict("period_not_ended")
    await _hold_year(connection, area)
    await _refuse_closed(connection, area, year)
    last = date(year, 12, 31)
    asked = Wanted(year=year, as_of=last, area_code=area)
    await _check_floors(service, connection, area, asked)
    figures = msgspec.to_builtins(await payout_rates(service, connection, asked))
    values = {"area_code": area, "year": year, "closed_on": today(now), "figures": figures} | written_by(caller)
    await connection.execute(insert(fiscal_year_closing).values(values))
    await record(connection, caller, now, values, Event(object_id=f"year_{area}_{year}", move="closed"))
    return ClosingAnswer(area, year, "closed", today(now), caller.principal.subject, figures)


async def _hold_year(connection: AsyncConnection, area: str) -> None:
    """Nothing is posted into the year, nor dated into its months, while it is being closed. In the order in which those
    who date something take the two locks."""
    await hold(connection, Lock.AREA_MONTH, area)
    await hold(connection, Lock.AREA_YEAR, area)


async def _refuse_closed(connection: AsyncConnection, area: str, year: int) -> None:
    columns = fiscal_year_closing.c
    wanted = select(columns.closed_on).where(columns.area_code == area, columns.year == year)
    closed_on = (await connection.execute(wanted)).scalar()
    if closed_on is not None:
        raise Conflict("already_closed", extra={"closed_on": closed_on.isoformat()})


async def _check_floors(service: Service, connection: AsyncConnection, area: str, asked: Wanted) -> None:
    """Every statutory fund reaches its floor or has an approved exception."""
    floors = plan_on(service.book, area, asked.as_of).floors
    columns = payout_exception.c
    approved = select(columns.fund).where(
        columns.area_code == area, columns.year == asked.year, columns.state == "approved"
    )
    excepted = set((await connection.execute(approved)).scalars())
    rows = await payout_figures(connection, service.book, asked)
    below = [row for row in rows if row.fund in floors and row.fund not in excepted and row.required > 0]
    if below:
        funds = [await _shortfall(connection, area, asked, row) for row in below]
        shortfall = {part["fund"]: part["shortfall"] for part in funds}
        unpaid = [item for part in funds for item in part["unpaid"]]
        raise Conflict("payout_below_floor", extra={"funds": funds, "shortfall": shortfall, "unpaid": unpaid})


async def _shortfall(connection: AsyncConnection, area: str, asked: Wanted, row: Figures) -> StoredRow:
    values = {"year": asked.year, "area": area, "fund": row.fund, "day": asked.as_of, "most": MOST_UNPAID}
    unpaid = (await connection.execute(_UNPAID, values)).mappings().all()
    return {
        "fund": row.fund,
        "shortfall": yuan(row.required),
        "unpaid": [
            {
                "statement_id": None if item["statement_id"] is None else shown_id(STATEMENT, item["statement_id"]),
                "claim_id": item["claim_id"],
                "fund": row.fund,
                "hospital_code": item["hospital_code"],
                "amount": yuan(item["amount"]),
            }
            for item in unpaid
        ],
    }


async def closings(
    connection: AsyncConnection, funds: Collection[str] | None, years: Collection[int], area_code: str | None
) -> list[ClosingAnswer]:
    """The areas that closed these years, of those that may be seen, with the figures of these funds (None: of all); the
    latest year first."""
    columns = fiscal_year_closing.c
    wanted = select(fiscal_year_closing).where(columns.year.in_(years)).order_by(columns.year.desc(), columns.area_code)
    if area_code is not None:
        wanted = wanted.where(columns.area_code == await pooling_area_of(connection, area_code))
    rows = (await connection.execute(wanted)).mappings().all()
    return [
        ClosingAnswer(
            row["area_code"], row["year"], "closed", row["closed_on"], row["subject"], _seen(row["figures"], funds)
        )
        for row in rows
    ]


def _seen(figures: list[StoredRow], funds: Collection[str] | None) -> list[StoredRow]:
    return [one for one in figures if funds is None or one["fund"] in funds]


# ---------------------------------------------------------------- exceptions


async def make_exception(
    service: Service, connection: AsyncConnection, caller: Caller, year: int, wanted: ExceptionRequest
) -> ExceptionAnswer:
    """Draft an exception; it replaces a draft that waits. Refused ``fund_without_floor``; Conflict
    ``exception_exists``, ``already_closed``, or ``year_not_begun``."""
    area = await pooling_area_of(connection, wanted.area_code)
    may_pay(caller, area)
    if caller.principal.funds is not None and wanted.fund not in caller.principal.funds:
        raise NotFound("not_found")
    now = await business_now(service, connection)
    if today(now).year < year:
        raise Conflict("year_not_begun")
    if wanted.fund not in plan_on(service.book, area, date(year, 12, 31)).floors:
        raise Refused([Fault("/fund", "fund_without_floor")])
    await _hold_year(connection, area)
    await _refuse_closed(connection, area, year)
    await _replace_draft(connection, caller, now, area, wanted.fund, year)
    values = {"area_code": area, "fund": wanted.fund, "year": year, "reason": wanted.reason, "created_on": today(now)}
    made = insert(payout_exception).values(values | written_by(caller)).returning(*payout_exception.c)
    row = (await connection.execute(made)).mappings().one()
    shown = shown_id(EXCEPTION, row["exception_id"])
    await record(connection, caller, now, dict(row), Event(object_id=shown, move="draft", reason=wanted.reason))
    return _answer_of(row)


async def _replace_draft(
    connection: AsyncConnection, caller: Caller, now: datetime, area: str, fund: str, year: int
) -> None:
    """Cancel a draft that nobody approved: a further one replaces it. Conflict ``exception_exists`` when one is
    approved."""
    columns = payout_exception.c
    same = (columns.area_code == area, columns.fund == fund, columns.year == year, columns.state != "cancelled")
    found = (await connection.execute(select(payout_exception).where(*same).with_for_update())).mappings().first()
    if found is None:
        return
    shown = shown_id(EXCEPTION, found["exception_id"])
    if found["state"] == "approved":
        raise Conflict("exception_exists", extra={"exception_id": shown})
    await move(connection, payout_exception, dict(found), state="cancelled")
    await record(connection, caller, now, dict(found), Event(object_id=shown, move="cancelled", reason="replaced"))


async def approve_exception(
    service: Service, connection: AsyncConnection, caller: Caller, shown: str
) -> ExceptionAnswer:
    """Approve a draft made by another. Forbidden ``maker_is_checker``, Conflict ``invalid_move``."""
    row = await locked(connection, payout_exception, number_of(EXCEPTION, shown))
    may_pay(caller, row["area_code"])
    await by_another(connection, caller, row["subject"])
    check_move(row["state"], ("draft",), "approved")
    now = await business_now(service, connection)
    signed = {"approved_by": caller.principal.subject, "approved_on": today(now)}
    await move(connection, payout_exception, row, state="approved", **signed)
    await record(connection, caller, now, dict(row), Event(object_id=shown, move="approved"))
    return _answer_of({**row, "state": "approved", **signed})


async def exceptions(
    connection: AsyncConnection, years: Collection[int], area_code: str | None
) -> list[ExceptionAnswer]:
    """The exceptions of these years, of those that may be seen: the latest year first, in it the oldest."""
    columns = payout_exception.c
    wanted = select(payout_exception).where(columns.year.in_(years))
    wanted = wanted.order_by(columns.year.desc(), columns.exception_id)
    if area_code is not None:
        wanted = wanted.where(columns.area_code == await pooling_area_of(connection, area_code))
    rows: Sequence[RowMapping] = (await connection.execute(wanted)).mappings().all()
    return [_answer_of(row) for row in rows]


def _answer_of(row: Any) -> ExceptionAnswer:
    return ExceptionAnswer(
        exception_id=shown_id(EXCEPTION, row["exception_id"]),
        state=row["state"],
        area_code=row["area_code"],
        fund=row["fund"],
        year=row["year"],
        reason=row["reason"],
        created_by=row["subject"],
        created_on=row["created_on"],
        approved_by=row["approved_by"],
        approved_on=row["approved_on"],
    )
