"""Disbursement orders as a list: by month, fund, hospital, state; what is unpaid by its age."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final, get_args

from fastapi import APIRouter, Request
from sqlalchemy import ColumnElement, FromClause, Select, func
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.money import yuan
from app.clearing.disbursement_api import OrderState
from app.clearing.moves import business_now, today
from app.clearing.order import ORDERS, answer_of
from app.clearing.order_list import ENDED, orders_where
from app.clearing.plan import FUNDS
from app.clearing.tables import disbursement
from app.finance.listing import chosen, listed
from app.finance.page import PageRoute, reading, shown, visit
from app.finance.registered import hospital_names
from app.service.security import MONEY_READERS

router = APIRouter(prefix="/finance", route_class=PageRoute, include_in_schema=False)
STATES: Final = get_args(OrderState)
COLUMNS: Final = {
    "order": disbursement.c.disbursement_id,
    "hospital": disbursement.c.hospital_code,
    "period": disbursement.c.period,
    "fund": disbursement.c.fund,
    "amount": disbursement.c.amount,
    "paid": disbursement.c.paid,
    "due": disbursement.c.due_on,
    "state": disbursement.c.state,
}
AGES: Final = (("not_due", None, 0), ("30", 0, 30), ("90", 30, 90), ("more", 90, None))
"""What is unpaid by days behind its day: more than the first, at most the second."""


async def orders_asked(connection: AsyncConnection, query: Mapping[str, str], day: date) -> Select[Any]:
    """The orders that the address's filters ask for."""
    return await orders_where(
        connection,
        day,
        statement_id=chosen(query, "statement_id"),
        overdue=True if chosen(query, "overdue") else None,
        period=chosen(query, "period"),
        fund=chosen(query, "fund", FUNDS),
        hospital_code=chosen(query, "hospital_code"),
        area_code=chosen(query, "area_code"),
        state=chosen(query, "state", STATES),
    )


@router.get("/orders")
async def get_orders(request: Request) -> Response:
    """The list of orders."""
    visitor = await visit(request, *MONEY_READERS)

    async def read(connection: AsyncConnection) -> dict[str, Any]:
        day = today(await business_now(visitor.service, connection))
        wanted = await orders_asked(connection, request.query_params, day)
        listing = await listed(
            request.query_params,
            connection,
            wanted,
            columns=COLUMNS,
            default="-order",
            key=disbursement.c.disbursement_id,
            sums=("amount", "paid"),
            further=lambda rows: _ages(rows, day),
        )
        return {
            "listing": listing,
            "orders": [answer_of(ORDERS.read(row), day) for row in listing.rows],
            "names": await hospital_names(connection, [row["hospital_code"] for row in listing.rows]),
            "ages": {name: yuan(listing.sums[f"age_{name}"]) for name, _, _ in AGES},
            "sums": {name: yuan(value) for name, value in listing.sums.items()},
            "funds": FUNDS,
            "states": STATES,
        }

    return shown(visitor, "orders.html", **await reading(visitor, read))


def _ages(rows: FromClause, day: date) -> Mapping[str, ColumnElement[Any]]:
    """What is unpaid of the orders by how late it is."""
    unpaid = func.greatest(0, rows.c.amount - rows.c.paid)
    sums: dict[str, ColumnElement[Any]] = {}
    for name, more, most in AGES:
        condition: ColumnElement[bool] = rows.c.state.not_in(ENDED)
        if more is not None:
            condition = condition & (rows.c.due_on < day - timedelta(days=more))
        if most is not None:
            condition = condition & (rows.c.due_on >= day - timedelta(days=most))
        sums[f"age_{name}"] = func.sum(unpaid).filter(condition)
    return sums
