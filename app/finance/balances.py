"""What corrections leave between patients and hospitals, and closing it."""

from collections.abc import Mapping
from typing import Any, Final, get_args

from fastapi import APIRouter, Request
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.money import yuan
from app.finance.listing import chosen, listed
from app.finance.page import PageRoute, Refusal, Visitor, reading, shown, stepped, struct_of, visit
from app.finance.registered import hospital_names
from app.service.caller import Service
from app.service.security import MONEY_READERS
from app.settlement import balance
from app.settlement.balance import BalanceClosingRequest
from app.settlement.tables import patient_balance as table

router = APIRouter(prefix="/finance/balances", route_class=PageRoute, include_in_schema=False)
STATES: Final = get_args(balance.BalanceState)
COLUMNS: Final = {
    "balance": table.c.balance_id,
    "hospital": table.c.hospital_code,
    "amount": table.c.amount,
    "opened": table.c.opened_at,
    "state": table.c.state,
}


async def _asked(service: Service, connection: AsyncConnection, query: Mapping[str, str]) -> Select[Any]:
    filters = {"state": chosen(query, "state", STATES), "hospital_code": chosen(query, "hospital_code")}
    return select(table).where(*(table.c[name] == value for name, value in filters.items() if value is not None))


@router.get("")
async def get_balances(request: Request) -> Response:
    """The balances."""
    return await _page(await visit(request, *MONEY_READERS))


async def _page(visitor: Visitor, refusal: Refusal | None = None) -> Response:
    query = visitor.request.query_params

    async def read(connection: AsyncConnection) -> dict[str, Any]:
        wanted = await _asked(visitor.service, connection, query)
        key = table.c.balance_id
        listing = await listed(
            query, connection, wanted, columns=COLUMNS, default="-balance", key=key, sums=("amount",)
        )
        return {
            "listing": listing,
            "rows": [balance.answer_of(balance.balance_of(row)) for row in listing.rows],  # type: ignore[arg-type]
            "names": await hospital_names(connection, [row["hospital_code"] for row in listing.rows]),
            "total": yuan(listing.sums["amount"]),
            "states": STATES,
            "closings": {way: sorted(ends) for way, ends in balance.CLOSINGS.items()},
        }

    return shown(visitor, "balances.html", refusal=refusal, **await reading(visitor, read))


@router.post("/{balance_id}/close")
async def post_close(request: Request, balance_id: str) -> Response:
    """Close an open balance."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> Any:
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
