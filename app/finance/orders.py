"""Orders as a list: by month, fund, hospital, state; what is unpaid by its age."""

from datetime import date, timedelta
from typing import Final

from fastapi import APIRouter, Request
from sqlalchemy import ColumnElement, FromClause, func
from starlette.responses import Response

from app.clearing.lists import ORDERS
from app.clearing.order_list import ENDED
from app.finance.list_page import ListPage, get_list
from app.finance.listing import Columns
from app.finance.page import PageRoute

router = APIRouter(prefix="/finance", route_class=PageRoute, include_in_schema=False)
AGES: Final = (("not_due", None, 0), ("30", 0, 30), ("90", 30, 90), ("more", 90, None))
"""What is unpaid by days behind its day: more than the first, at most the second."""


def _ages(rows: FromClause, day: date) -> Columns:
    """What is unpaid of the orders by how late it is."""
    unpaid = func.greatest(0, rows.c.amount - rows.c.paid)
    sums: dict[str, ColumnElement[object]] = {}
    for name, more, most in AGES:
        condition = _live(rows)
        if more is not None:
            condition = condition & (rows.c.due_on < day - timedelta(days=more))
        if most is not None:
            condition = condition & (rows.c.due_on >= day - timedelta(days=most))
        sums[f"age_{name}"] = func.sum(unpaid).filter(condition)
    return sums


def _live(rows: FromClause) -> ColumnElement[bool]:
    """Whether an order is to be paid: not cancelled, not taken over by a later one."""
    return rows.c.state.not_in(ENDED)


PAGE: Final = ListPage(
    declared=ORDERS,
    address="/finance/orders",
    members=("disbursement_id", "hospital_code", "period", "fund", "amount", "paid", "due_on", "state"),
    key="disbursement_id",
    further=_ages,
    live=_live,
    template="orders.html",
    batch=("approve", "send", "pay"),
)


@router.get("/orders")
async def get_orders(request: Request) -> Response:
    """The list of orders."""
    return await get_list(request, PAGE)
