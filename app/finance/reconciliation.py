"""Differences between statements and hospitals' figures: which are open, how old, and resolving one."""

from typing import Final

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.clearing import difference
from app.clearing.api import ReasonRequest
from app.clearing.lists import DIFFERENCES
from app.finance.list_page import ListPage, list_shown
from app.finance.page import Move, PageRoute, Refusal, Visitor, stepped, struct_of, visit

router = APIRouter(prefix="/finance/reconciliation", route_class=PageRoute, include_in_schema=False)
PAGE: Final = ListPage(
    declared=DIFFERENCES,
    address="/finance/reconciliation",
    members=(
        *("difference_id", "hospital_code", "type", "statement_id", "settlement_id", "fund"),
        *("ours", "theirs", "age_days", "state"),
    ),
    key="difference_id",
    template="reconciliation.html",
)


@router.get("")
async def get_differences(request: Request) -> Response:
    """The differences."""
    return await _page(await visit(request, *DIFFERENCES.scopes))


async def _page(visitor: Visitor, refusal: Refusal | None = None) -> Response:
    return await list_shown(visitor, PAGE, refusal)


@router.post("/{difference_id}/resolve")
async def post_resolve(request: Request, difference_id: str) -> Response:
    """Resolve an open difference."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        reason = struct_of(form, ReasonRequest, "reason").reason
        return await difference.resolve(visitor.service, connection, visitor.caller, difference_id, reason=reason)

    step: Move = move
    return await stepped(
        request,
        step,
        "finance",
        location="/finance/reconciliation",
        notice="notice.difference.resolved",
        show=lambda visitor, refusal: _page(visitor, refusal),
    )
