"""Settlements as a list, newest first, page by page from the cursor: as fast with millions as with ten."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.finance.listing import PAGE_ROWS, chosen
from app.finance.page import PageRoute, reading, shown, visit
from app.finance.registered import hospital_names
from app.service.http import check_context, cursor_behind, read_cursor
from app.service.security import MONEY_READERS
from app.settlement import store
from app.settlement.reading import answer_of_row

router = APIRouter(prefix="/finance", route_class=PageRoute, include_in_schema=False)
STATUSES: Final = ("settled", "adjusted", "reversed")


@router.get("/settlements")
async def get_settlements(request: Request) -> Response:
    """The list of settlements and their corrections."""
    visitor = await visit(request, *MONEY_READERS)
    service = visitor.service
    after = read_cursor(service, chosen_text(request, "cursor"), tuple[datetime, int]) or (None, None)
    filters = (
        *(chosen(request.query_params, name) for name in ("hospital_code", "person_id", "visit_id")),
        _day(request.query_params, "from"),
        _day(request.query_params, "to"),
    )
    async with service.database.hot() as connection:
        await check_context(service, connection, visitor.caller)
        status = chosen(request.query_params, "status", STATUSES)
        rows = await store.read_list(connection, *filters, status, *after, PAGE_ROWS + 1)
    found = [answer_of_row(row, detail=False) for row in rows[:PAGE_ROWS]]

    async def names(connection: AsyncConnection) -> dict[str | None, str]:
        return await hospital_names(connection, [one.hospital_code for one in found])

    context: dict[str, Any] = {
        "settlements": found,
        "names": await reading(visitor, names),
        "next_cursor": cursor_behind(service, rows, PAGE_ROWS, lambda row: (row.recorded_at, row.settlement_id)),
        "statuses": STATUSES,
    }
    return shown(visitor, "settlements.html", **context)


def chosen_text(request: Request, name: str) -> str | None:
    """A parameter of the address that may be long, None when it is empty."""
    return request.query_params.get(name) or None


def _day(query: Mapping[str, str], name: str) -> date | None:
    try:
        return date.fromisoformat(query.get(name, ""))
    except ValueError:
        return None
