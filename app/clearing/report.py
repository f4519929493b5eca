"""The monthly report 月报 of a paying area (seed clause 三(五)): a draft computed live, submitted, signed off by
another person.

What is submitted is kept as it was and shown from then on, whatever is corrected later; corrections show in the next
months."""

from collections.abc import Collection
from datetime import date
from typing import Final, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.areas import pooling_area
from app.basics.days import following, last_day, next_month, period_of
from app.basics.errors import Conflict, Fault, Forbidden, Refused
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
from app.clearing.report_figures import Benefits, Coverage, Enrolment, benefits, enrolment_and_coverage
from app.clearing.tables import monthly_report
from app.database.locks import Lock, hold
from app.ledger.rollup import EVER, SINCE
from app.service.caller import Caller, Service
from app.service.http import encoded, open_request
from app.service.second_person import by_another
from app.service.wire import AreaCode

DUE_DAY: Final = "report.due_day"
State = Literal["draft", "submitted", "approved"]
_FIRST_MONTH: Final = text(
    f"SELECT min(p.period) FROM posted({SINCE}, CAST(:ever AS date), CAST(:ever AS date)) p WHERE p.area_code = :area"
)


class AreaRequest(Struct, forbid_unknown_fields=True):
    """Whose report is meant; a county is read as its pooling area."""

    area_code: AreaCode


class MonthlyReport(Struct):
    """A report with its state. ``overdue``: not signed off, and its due day is over. ``enrolment`` counts the last
    day's persons."""

    report_id: str
    area_code: str
    period: str
    state: State
    due_on: date
    overdue: bool
    submitted_on: date | None
    submitted_by: str | None
    approved_on: date | None
    approved_by: str | None
    enrolment: Enrolment
    coverage: Coverage
    month: Benefits
    year_to_date: Benefits


class Content(Struct):
    """What is kept of a report once it was submitted."""

    enrolment: Enrolment
    coverage: Coverage
    month: Benefits
    year_to_date: Benefits


class DueReport(Struct):
    """A month whose report isn't signed off yet, and whether it is too late for that."""

    report_id: str
    area_code: str
    period: str
    state: State
    due_on: date
    overdue: bool
    submitted_on: date | None


class DueReports(Struct):
    """The ended months that miss their sign-off, the oldest first."""

    data: list[DueReport]


async def read(service: Service, caller: Caller, *, area_code: str, period: str) -> MonthlyReport:
    """The report as it was submitted, else as it would be now."""
    area = reached(caller, area_code)
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        day = today(await business_now(service, connection))
        row = await _row(connection, area, period)
        if row is None:
            content = await _content(service, connection, area, period, day)
            row = {"state": "draft", "due_on": due_on(service, area, period)}
        else:
            content = _seen(msgspec.convert(row["content"], Content), caller.principal.funds)
    return _shown(area, period, row, content, day)


def _seen(content: Content, funds: Collection[str] | None) -> Content:
    """What was kept, with what these funds owe (None: all of them)."""
    if funds is not None:
        for months in (content.month, content.year_to_date):
            months.funds = [one for one in months.funds if one.fund in funds]
    return content


async def submit(
    service: Service, caller: Caller, connection: AsyncConnection, *, period: str, area_code: str
) -> bytes:
    """Keep the figures of an ended month. Conflict ``period_not_ended``, ``already_submitted``."""
    area = _whole(caller, area_code)
    now = await business_now(service, connection)
    day = today(now)
    if day <= last_day(period):
        raise Conflict("period_not_ended")
    # The row's key makes two submissions at once one submission and one conflict, after which this one finds the row.
    await hold(connection, Lock.MONTHLY_REPORT, area + period)
    if await _row(connection, area, period) is not None:
        raise Conflict("already_submitted")
    content = await _content(service, connection, area, period, day)
    row = {"area_code": area, "period": period, "due_on": due_on(service, area, period), "submitted_on": day}
    row |= {"state": "submitted", "content": msgspec.to_builtins(content)} | written_by(caller)
    await connection.execute(insert(monthly_report).values(row))
    await record(connection, caller, now, row, Event(object_id=report_id(area, period), move="submitted"))
    return encoded(_shown(area, period, row, content, day))


async def approve(
    service: Service, caller: Caller, connection: AsyncConnection, *, period: str, area_code: str
) -> bytes:
    """Sign a submitted report off, by another subject. Conflict ``invalid_move``, Forbidden ``maker_is_checker``."""
    area = _whole(caller, area_code)
    now = await business_now(service, connection)
    row = await _row(connection, area, period, locked=True)
    check_move("draft" if row is None else row["state"], ("submitted",), "approved")
    assert row is not None
    await by_another(connection, caller, row["subject"])
    signed = {"state": "approved", "approved_by": caller.principal.subject, "approved_on": today(now)}
    mine = (monthly_report.c.area_code == area) & (monthly_report.c.period == period)
    await connection.execute(update(monthly_report).where(mine).values(signed))
    await record(connection, caller, now, row, Event(object_id=report_id(area, period), move="approved"))
    return encoded(_shown(area, period, row | signed, msgspec.convert(row["content"], Content), today(now)))


async def due(service: Service, caller: Caller, *, area_code: str) -> DueReports:
    """The area's ended months, from its first posting on, whose report isn't signed off."""
    area = reached(caller, area_code)
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        day = today(await business_now(service, connection))
        return DueReports(await due_reports(service, connection, area, day))


async def due_reports(service: Service, connection: AsyncConnection, area: str, day: date) -> list[DueReport]:
    """What ``due`` lists, within a transaction of the caller's."""
    first = (await connection.execute(_FIRST_MONTH, {"area": area, "ever": EVER})).scalar_one()
    kept = select(monthly_report).where(monthly_report.c.area_code == area)
    rows = {row["period"]: dict(row) for row in (await connection.execute(kept)).mappings()}
    found = []
    for period in [] if first is None else ended_months(first, day):
        row: Row = rows.get(period, {})
        if row.get("state") != "approved":
            last = row.get("due_on") or due_on(service, area, period)
            state, submitted = row.get("state", "draft"), row.get("submitted_on")
            found.append(DueReport(report_id(area, period), area, period, state, last, day > last, submitted))
    return found


async def signed(service: Service, caller: Caller, *, area_code: str) -> list[DueReport]:
    """The area's reports that were signed off, newest month first."""
    area = reached(caller, area_code)
    columns = monthly_report.c
    wanted = select(monthly_report).where(columns.area_code == area, columns.state == "approved")
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        rows = (await connection.execute(wanted.order_by(columns.period.desc()))).mappings().all()
    return [
        DueReport(
            report_id(area, row["period"]), area, row["period"], "approved", row["due_on"], False, row["submitted_on"]
        )
        for row in rows
    ]


def ended_months(first: str, day: date) -> list[str]:
    """The months from ``first`` on that have ended by a day."""
    months = []
    while last_day(first) < day:
        months.append(first)
        first = period_of(next_month(first))
    return months


def due_on(service: Service, area: str, period: str) -> date:
    """The day of the following month by which the area's report is due, as its pack has it on the month's last day."""
    return following(period, service.book.on(last_day(period), area).figure(DUE_DAY, {}).known)


def report_id(area: str, period: str) -> str:
    """The id of a report."""
    return f"rep_{area}_{period}"


def reached(caller: Caller, area_code: str) -> str:
    """The pooling area meant, NotFound when it isn't the caller's."""
    area = pooling_area(area_code)
    may_pay(caller, area)
    return area


def _whole(caller: Caller, area_code: str) -> str:
    """``reached``, for who answers for the whole report: a token of some funds sees only a part of it."""
    if caller.principal.funds is not None:
        raise Forbidden("all_funds_needed")
    return reached(caller, area_code)


async def _row(connection: AsyncConnection, area: str, period: str, *, locked: bool = False) -> StoredRow | None:
    wanted = select(monthly_report).where(monthly_report.c.area_code == area, monthly_report.c.period == period)
    # Locked, so that of two sign-offs at once the second finds the first.
    row = (await connection.execute(wanted.with_for_update() if locked else wanted)).mappings().first()
    return None if row is None else dict(row)


async def _content(service: Service, connection: AsyncConnection, area: str, period: str, day: date) -> Content:
    if period_of(day) < period:
        raise Refused([Fault("/query/period", "in_the_future")])
    counted = min(last_day(period), day)
    precedence = service.book.on(counted, area).version.precedence
    enrolment, coverage = await enrolment_and_coverage(connection, area, counted, precedence)
    month = await benefits(connection, area, since=period, until=period)
    year = await benefits(connection, area, since=f"{period[:4]}-01", until=period)
    return Content(enrolment, coverage, month, year)


def _shown(area: str, period: str, row: Row, content: Content, day: date) -> MonthlyReport:
    submitted = row.get("submitted_on")
    return MonthlyReport(
        report_id=report_id(area, period),
        area_code=area,
        period=period,
        state=row["state"],
        due_on=row["due_on"],
        overdue=row["state"] != "approved" and day > row["due_on"],
        submitted_on=submitted,
        submitted_by=row["subject"] if submitted is not None else None,
        approved_on=row.get("approved_on"),
        approved_by=row.get("approved_by"),
        enrolment=content.enrolment,
        coverage=content.coverage,
        month=content.month,
        year_to_date=content.year_to_date,
    )
