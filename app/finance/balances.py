"""What corrections leave between patients and hospitals, and closing it."""

from typing import Final

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.finance.list_page import ListPage, list_shown
from app.finance.page import PageRoute, Refusal, Visitor, stepped, struct_of, visit
from app.settlement import balance
from app.settlement.balance import BalanceClosingRequest
from app.settlement.lists import BALANCES

router = APIRouter(prefix="/finance/balances", route_class=PageRoute, include_in_schema=False)
PAGE: Final = ListPage(
    declared=BALANCES,
    address="/finance/balances",
    members=("balance_id", "hospital_code", "settlement_id", "person_id", "amount", "direction", "opened_at", "state"),
    key="balance_id",
    template="balances.html",
)


@router.get("")
async def get_balances(request: Request) -> Response:
    """The balances."""
    return await _page(await visit(request, *BALANCES.scopes))


async def _page(visitor: Visitor, refusal: Refusal | None = None) -> Response:
    closings = {way: sorted(ends) for way, ends in balance.CLOSINGS.items()}
    return await list_shown(visitor, PAGE, refusal, closings=closings)


@router.post("/{balance_id}/close")
async def post_close(request: Request, balance_id: str) -> Response:
    """Close an open balance."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        wanted = struct_of(form, BalanceClosingRequest, "state", "paid_on", "reference")
        return await balance.close(visitor.service, visitor.caller, connection, balance_id, wanted)

    return await stepped(
        request,
        move,
        "finance",
        "hospital",
        location="/finance/balances",
        notice="notice.balance.closed",
        show=lambda visitor, refusal: _page(visitor, refusal),
    )
