"""What waits for me: my next steps with their lists, what waits for others, and the days until which an area has to
act."""

from itertools import groupby
from typing import Final

from fastapi import APIRouter, Request
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.money import fen, yuan
from app.clearing.due import DueAnswer, due_of
from app.clearing.payout_rate import own_area
from app.finance.listing import chosen
from app.finance.look import link
from app.finance.page import Contents, PageRoute, Visitor, reading, shown, visit
from app.finance.registered import paying_areas
from app.finance.waiting import waiting
from app.service.security import REGISTRY_READERS

router = APIRouter(prefix="/finance/waiting", route_class=PageRoute, include_in_schema=False)
SCOPES: Final = REGISTRY_READERS
LISTS: Final = {
    "declare": "/finance/statements",
    "approve": "/finance/statements",
    "order": "/finance/statements",
    "pay": "/finance/orders",
    "report": "/finance/reports",
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
    due = (await due_of(visitor.service, connection, area)).data if calendar and area else []
    return {
        "mine": [one for one in found if one.mine],
        "others": [one for one in found if one.others],
        "areas": areas,
        "area": area,
        "days": days_of(due),
    }


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
