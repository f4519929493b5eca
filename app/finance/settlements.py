"""Settlements as a list, newest first, page by page from either end: as fast with millions as with ten."""

from typing import Final

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.finance import saved_views
from app.finance.list_page import ListPage, Narrowed, beside, narrowed_by, with_columns
from app.finance.listing import PAGE_ROWS
from app.finance.page import Contents, PageRoute, Visitor, reading, shown, visit
from app.service.lists import Asked, cursor_of, position_of
from app.settlement.lists import SETTLEMENTS, Settled, SettledRows, SettlementFilters, settled_rows

router = APIRouter(prefix="/finance", route_class=PageRoute, include_in_schema=False)
PAGE: Final = ListPage(
    declared=SETTLEMENTS,
    address="/finance/settlements",
    members=(
        *("settlement_id", "settled_at", "hospital_code", "visit_id", "person_id"),
        *("total", "fund_total", "portions.patient", "status"),
    ),
    key="settlement_id",
    template="settlements.html",
)


@router.get("/settlements")
async def get_settlements(request: Request) -> Response:
    """The list of settlements and their corrections."""
    visitor = await visit(request, *SETTLEMENTS.scopes)
    page = with_columns(visitor, PAGE)
    narrowed = await reading(visitor, lambda connection: narrowed_by(visitor, connection, SETTLEMENTS))
    found = await _rows(visitor, narrowed)

    async def read(connection: AsyncConnection) -> Contents:
        return {
            "views": await saved_views.of_page(connection, page.address),
            "view_query": saved_views.kept_query(request.query_params, SETTLEMENTS.filters),
            **await beside(visitor, connection, SETTLEMENTS, found.rows),
        }

    return shown(
        visitor,
        page.template,
        await reading(visitor, read),
        page=page,
        rows=found.rows,
        sortable=(),
        sums={},
        misread=narrowed.misread,
        alike=narrowed.alike,
        newer=cursor_of(visitor.service, found.newer),
        older=cursor_of(visitor.service, found.older),
    )


async def _rows(visitor: Visitor, narrowed: Narrowed[SettlementFilters]) -> SettledRows:
    """What the address asks for: behind ``cursor``, before ``before``, the last ones with ``end``, else the first."""
    query = visitor.request.query_params
    cursor, before = query.get("cursor"), query.get("before")
    after = position_of(visitor.service, cursor or before or None, SETTLEMENTS.position)
    asked: Asked[SettlementFilters, Settled] = Asked(
        visitor.service, visitor.caller, narrowed.filters, after, PAGE_ROWS
    )
    return await settled_rows(asked, back=not cursor and bool(before or query.get("end")))
