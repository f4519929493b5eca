"""Settlements as a list, newest first, page by page from the cursor: as fast with millions as with ten."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.finance.list_page import beside, narrowed_by
from app.finance.listing import PAGE_ROWS
from app.finance.page import PageRoute, reading, shown, visit
from app.service.lists import Asked, cursor_of, position_of
from app.settlement.lists import SETTLEMENTS

router = APIRouter(prefix="/finance", route_class=PageRoute, include_in_schema=False)
MEMBERS: Final = (
    *("settlement_id", "settled_at", "hospital_code", "visit_id", "person_id"),
    *("total", "fund_total", "portions.patient", "status"),
)


@router.get("/settlements")
async def get_settlements(request: Request) -> Response:
    """The list of settlements and their corrections."""
    visitor = await visit(request, *SETTLEMENTS.scopes)
    service = visitor.service
    after = position_of(service, request.query_params.get("cursor") or None, SETTLEMENTS.position)
    narrowed = await reading(visitor, lambda connection: narrowed_by(visitor, connection, SETTLEMENTS))
    page = await SETTLEMENTS.read(Asked(service, visitor.caller, narrowed.filters, after, PAGE_ROWS))

    known = {column.path: column for column in SETTLEMENTS.columns}
    return shown(
        visitor,
        "settlements.html",
        await reading(visitor, lambda connection: beside(visitor, connection, SETTLEMENTS, page.rows)),
        declared=SETTLEMENTS,
        columns=[known[name] for name in MEMBERS],
        rows=page.rows,
        misread=narrowed.misread,
        alike=narrowed.alike,
        next_cursor=cursor_of(service, page.last),
    )
