"""What waits for me: my next steps with their lists, what waits for others, and the days until which an area has to
act."""

from datetime import date
from itertools import groupby
from typing import Final

from fastapi import APIRouter, Request
from msgspec import Struct
from sqlalchemy import func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.areas import area_prefix
from app.basics.money import fen, yuan
from app.clearing.due import DueAnswer, due_of
from app.clearing.payout_base import Wanted
from app.clearing.payout_query import required_of
from app.clearing.payout_rate import own_area
from app.finance.listing import chosen
from app.finance.look import link
from app.finance.overview import open_years
from app.finance.page import Contents, PageRoute, Visitor, reading, shown, visit
from app.finance.registered import paying_areas
from app.finance.waiting import waiting
from app.jobs.tables import job
from app.service.security import REGISTRY_READERS

router = APIRouter(prefix="/finance/waiting", route_class=PageRoute, include_in_schema=False)
SCOPES: Final = REGISTRY_READERS
LISTED: Final = ("queued", "running", "failed")
"""The states of a list's import in which its rows aren't matched yet."""
LISTS: Final = {
    "declare": "/finance/statements",
    "approve": "/finance/statements",
    "order": "/finance/statements",
    "pay": "/finance/orders",
    "report": "/finance/reports",
    "list": "/finance/lists",
    "year": "/finance",
}


class DueDay(Struct):
    """What an area has to do by a day, of one kind: how many things, of how much money, and where they are found."""

    due_on: str
    act: str
    period: str
    overdue: bool
    count: int
    amount: str | None
    href: str


@router.get("")
async def get_waiting(request: Request) -> Response:
    """What waits."""
    visitor = await visit(request, *SCOPES)
    return shown(visitor, "waiting.html", await reading(visitor, lambda connection: _read(visitor, connection)))


async def _read(visitor: Visitor, connection: AsyncConnection) -> Contents:
    areas = await paying_areas(connection)
    area = chosen(visitor.request.query_params, "area_code", areas) or own_area(visitor.caller)
    area = area or (areas[0] if areas else None)
    found = await waiting(connection, visitor.principal) if visitor.waits is None else visitor.waits
    calendar = visitor.may("finance", "auditor") and area in areas and area is not None
    days = await _days(visitor, connection, area) if calendar and area else []
    return {
        "mine": [one for one in found if one.mine],
        "others": [one for one in found if one.others],
        "areas": areas,
        "area": area,
        "days": days,
    }


async def _days(visitor: Visitor, connection: AsyncConnection, area: str) -> list[DueDay]:
    """The calendar of an area: what its hospitals and funds have to do, its lists, its years."""
    found = await due_of(visitor.service, connection, area)
    further = await _further(visitor, connection, area, found.as_of)
    return sorted(days_of(found.data) + further, key=lambda one: one.due_on)


async def _further(visitor: Visitor, connection: AsyncConnection, area: str, day: date) -> list[DueDay]:
    """The received lists whose rows aren't matched yet, and what the years need that aren't closed."""
    columns = job.c
    theirs = columns.area_code.startswith(area_prefix(area)) | (columns.area_code == "")
    open_ = (columns.due_on.is_not(None), columns.state.in_(LISTED), theirs)
    lists = select(columns.due_on, func.count()).where(*open_).group_by(columns.due_on)
    years = open_years(area).subquery().c.fiscal_year
    rows = (await connection.execute(union_all(lists, select(func.make_date(years, 12, 31), literal(0))))).all()
    return [
        *await _years(visitor, connection, area, day, {row[0].year for row in rows if not row[1]}),
        *(DueDay(one.isoformat(), "list", "–", one < day, count, None, LISTS["list"]) for one, count in rows if count),
    ]


async def _years(
    visitor: Visitor, connection: AsyncConnection, area: str, day: date, unclosed: set[int]
) -> list[DueDay]:
    """What must be paid until 31 December for the required rate, of each year that isn't closed; of how many funds."""
    found = []
    for year in sorted({*unclosed, day.year}):
        wanted = Wanted(year=year, as_of=day, area_code=area)
        if short := (await required_of(connection, visitor.service.book, wanted)).values():
            href = link(LISTS["year"], {"year": year, "area_code": area})
            found.append(
                DueDay(f"{year}-12-31", "year", str(year), year < day.year, len(short), yuan(sum(short)), href)
            )
    return found


def days_of(due: list[DueAnswer]) -> list[DueDay]:
    """The calendar: by day, kind and month."""
    found = []
    ordered = sorted(due, key=lambda one: (one.due_on, one.act, one.period))
    for (day, act, period), group in groupby(ordered, key=lambda one: (one.due_on, one.act, one.period)):
        items = list(group)
        amounts = [fen(one.amount) for one in items if one.amount is not None]
        href = LISTS[act] if act == "report" else link(LISTS[act], {"period": period})
        amount = yuan(sum(amounts)) if amounts else None
        found.append(DueDay(day.isoformat(), act, period, items[0].overdue, len(items), amount, href))
    return found
