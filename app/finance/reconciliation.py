"""Differences between statements and hospitals' figures: which are open, how old, and resolving one."""

from collections.abc import Mapping
from typing import Any, Final, get_args

from fastapi import APIRouter, Request
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.clearing import difference
from app.clearing.api import ReasonRequest
from app.clearing.moves import business_now, today
from app.clearing.plan import FUNDS
from app.clearing.tables import difference as table
from app.finance.listing import chosen, listed
from app.finance.page import Move, PageRoute, Refusal, Visitor, reading, shown, stepped, struct_of, visit
from app.finance.registered import hospital_names
from app.service.security import MONEY_READERS

router = APIRouter(prefix="/finance/reconciliation", route_class=PageRoute, include_in_schema=False)
STATES: Final = get_args(difference.DifferenceState)
COLUMNS: Final = {
    "difference": table.c.difference_id,
    "hospital": table.c.hospital_code,
    "fund": table.c.fund,
    "ours": table.c.ours,
    "theirs": table.c.theirs,
    "opened": table.c.opened_on,
    "state": table.c.state,
}


def differences_asked(query: Mapping[str, str]) -> Select[Any]:
    """The differences that the address's filters ask for."""
    filters = {"state": chosen(query, "state", STATES), "fund": chosen(query, "fund", FUNDS)}
    filters["hospital_code"] = chosen(query, "hospital_code")
    conditions = [table.c[name] == value for name, value in filters.items() if value is not None]
    return select(table).where(*conditions)


@router.get("")
async def get_differences(request: Request) -> Response:
    """The differences."""
    return await _page(await visit(request, *MONEY_READERS))


async def _page(visitor: Visitor, refusal: Refusal | None = None) -> Response:
    query = visitor.request.query_params

    async def read(connection: AsyncConnection) -> dict[str, Any]:
        day = today(await business_now(visitor.service, connection))
        wanted = differences_asked(query)
        listing = await listed(query, connection, wanted, columns=COLUMNS, default="opened", key=table.c.difference_id)
        return {
            "listing": listing,
            "rows": [difference.shown(dict(row), day) for row in listing.rows],
            "names": await hospital_names(connection, [row["hospital_code"] for row in listing.rows]),
            "states": STATES,
            "funds": FUNDS,
        }

    return shown(visitor, "reconciliation.html", refusal=refusal, **await reading(visitor, read))


@router.post("/{difference_id}/resolve")
async def post_resolve(request: Request, difference_id: str) -> Response:
    """Resolve an open difference."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> Any:
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
