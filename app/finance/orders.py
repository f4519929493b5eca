"""Orders as a list: by month, fund, hospital, state; what is unpaid by its age."""

from datetime import date, timedelta
from typing import Final

from fastapi import APIRouter, Request
from sqlalchemy import ColumnElement, FromClause, func
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.clearing.lists import ORDERS
from app.clearing.moves import business_now, today
from app.clearing.order import ORDERS as orders
from app.clearing.order_list import ENDED
from app.clearing.order_paper import MOST_ROWS, request_pdf
from app.clearing.tables import disbursement
from app.finance.list_page import ListPage, get_list, narrowed_by
from app.finance.listing import Columns
from app.finance.page import PageRoute, reading, visit
from app.settlement.slip_pdf import PDF_TYPE

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


@router.get("/orders/request.pdf")
async def get_payment_request(request: Request) -> Response:
    """The request for the money of the orders that the filters find and that aren't paid, on paper."""
    visitor = await visit(request, *ORDERS.scopes)

    async def read(connection: AsyncConnection) -> bytes:
        day = today(await business_now(visitor.service, connection))
        narrowed = await narrowed_by(visitor, connection, ORDERS)
        assert ORDERS.selected is not None
        wanted = await ORDERS.selected.rows(connection, visitor.caller, narrowed.filters, day)
        wanted = wanted.where(_live(disbursement), disbursement.c.amount > disbursement.c.paid)
        wanted = wanted.order_by(disbursement.c.fund, disbursement.c.hospital_code, disbursement.c.disbursement_id)
        rows = [orders.read(row) for row in (await connection.execute(wanted.limit(MOST_ROWS))).mappings()]
        return await request_pdf(visitor.service, visitor.caller, connection, rows)

    headers = {"Content-Disposition": 'inline; filename="request.pdf"'}
    return Response(await reading(visitor, read), 200, headers, PDF_TYPE)


@router.get("/orders")
async def get_orders(request: Request) -> Response:
    """The list of orders."""
    return await get_list(request, PAGE)
