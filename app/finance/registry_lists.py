"""What the registry has to look after: lists due, person-years to compute again, the uninsured poor, unknown codes."""

from typing import Final

from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.responses import Response

from app.finance.page import PageRoute, Visitor, shown, visit
from app.registry.lists import CANDIDATES, RECEIVED_LISTS, UNINSURED_POOR, UNKNOWN_CODES
from app.service.audit import noted
from app.service.lists import AnyList, Asked
from app.service.security import REGISTRY_READERS

router = APIRouter(prefix="/finance/lists", route_class=PageRoute, include_in_schema=False)
MOST_SHOWN: Final = 50


@router.get("")
async def get_lists(request: Request) -> Response:
    """The beginning of each list; the whole one by the API."""
    visitor = await visit(request, *REGISTRY_READERS)
    return shown(
        visitor,
        "lists.html",
        received=await _beginning(visitor, RECEIVED_LISTS),
        candidates=await _beginning(visitor, CANDIDATES),
        uninsured=await _beginning(visitor, UNINSURED_POOR),
        unknown=await _beginning(visitor, UNKNOWN_CODES),
        most=MOST_SHOWN,
    )


async def _beginning(visitor: Visitor, one: AnyList) -> list[Struct]:
    rows: list[Struct] = (await one.read(Asked(visitor.service, visitor.caller, one.filters(), None, MOST_SHOWN))).rows
    noted().saw(rows)
    return rows
