"""What the registry has to look after: lists due, person-years to compute again, the uninsured poor, unknown codes."""

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.finance.page import PageRoute, shown, visit
from app.registry import worklists
from app.registry.imports_api import READERS

router = APIRouter(prefix="/finance/lists", route_class=PageRoute, include_in_schema=False)
MOST_SHOWN: Final = 50


@router.get("")
async def get_lists(request: Request) -> Response:
    """The beginning of each list; the whole one by the API."""
    visitor = await visit(request, *READERS)
    service, caller = visitor.service, visitor.caller
    _, received = await worklists.lists(service, caller, overdue=None, before=None, limit=MOST_SHOWN)
    _, candidates = await worklists.candidates(service, caller, after=None, limit=MOST_SHOWN)
    _, uninsured = await worklists.uninsured_poor(service, caller, after=None, limit=MOST_SHOWN)
    _, unknown = await worklists.unknown_codes(service, caller, since=None, until=None, skip=0, limit=MOST_SHOWN)
    context: dict[str, Any] = {
        "received": received[:MOST_SHOWN],
        "candidates": candidates[:MOST_SHOWN],
        "uninsured": uninsured[:MOST_SHOWN],
        "unknown": unknown[:MOST_SHOWN],
        "most": MOST_SHOWN,
    }
    return shown(visitor, "lists.html", **context)
