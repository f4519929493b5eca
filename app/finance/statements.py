"""Statements as a list: what each hospital declared for a month."""

from collections.abc import Mapping
from typing import Any, Final, get_args

from fastapi import APIRouter, Request
from sqlalchemy import ColumnElement, Select, literal_column
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.money import yuan
from app.clearing.api import State
from app.clearing.statement import row_of, statements_where
from app.clearing.tables import statement
from app.finance.listing import chosen, listed
from app.finance.page import PageRoute, reading, shown, visit
from app.finance.registered import hospital_names
from app.service.security import MONEY_READERS

router = APIRouter(prefix="/finance", route_class=PageRoute, include_in_schema=False)
STATES: Final = get_args(State)
AMOUNT: Final[ColumnElement[int]] = literal_column("amount")
COLUMNS: Final = {
    "statement": statement.c.statement_id,
    "hospital": statement.c.hospital_code,
    "period": statement.c.period,
    "area": statement.c.area_code,
    "amount": AMOUNT,
    "pay_by": statement.c.pay_by,
    "state": statement.c.state,
}


def statements_asked(query: Mapping[str, str]) -> Select[Any]:
    """The statements that the address's filters ask for."""
    filters = {name: chosen(query, name) for name in ("period", "hospital_code", "area_code")}
    return statements_where(filters | {"state": chosen(query, "state", STATES)})


@router.get("/statements")
async def get_statements(request: Request) -> Response:
    """The list of statements."""
    visitor = await visit(request, *MONEY_READERS)

    async def read(connection: AsyncConnection) -> dict[str, Any]:
        wanted = statements_asked(request.query_params)
        listing = await listed(
            request.query_params,
            connection,
            wanted,
            columns=COLUMNS,
            default="-statement",
            key=statement.c.statement_id,
            sums=("amount",),
        )
        return {
            "listing": listing,
            "statements": [row_of(row) for row in listing.rows],
            "names": await hospital_names(connection, [row["hospital_code"] for row in listing.rows]),
            "total": yuan(listing.sums["amount"]),
            "states": STATES,
        }

    return shown(visitor, "statements.html", **await reading(visitor, read))
