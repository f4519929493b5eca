"""Orders, prepayments and releases as they are read: one by its id, lists newest first."""

from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, RowMapping, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import NotFound
from app.basics.ids import DISBURSEMENT, PREPAYMENT, RELEASE, STATEMENT, number_of
from app.basics.text import document_form
from app.clearing import order, prepayment
from app.clearing.deposit import RELEASES
from app.clearing.moves import Row, business_now, pooling_area_of, today
from app.clearing.order import ORDERS, OrderAnswer
from app.clearing.payment import Order, Prepayment, Release
from app.clearing.prepayment import PREPAYMENTS, PrepaymentAnswer
from app.clearing.tables import deposit_release, disbursement
from app.clearing.tables import prepayment as prepayment_table
from app.service.caller import Service
from app.service.lists import Rows

ENDED: Final = ("cancelled", "carried_forward")


async def orders_where(
    connection: AsyncConnection,
    day: date,
    *,
    statement_id: str | None = None,
    document_number: str | None = None,
    overdue: bool | None = None,
    **equal: object,
) -> Rows:
    """The orders within reach that are of a statement, late on a day or not, have this in their document number, and
    have these values. None is no condition."""
    wanted = select(disbursement)
    if overdue is not None:
        wanted = wanted.where(late(day) if overdue else ~late(day))
    if statement_id is not None:
        wanted = wanted.where(disbursement.c.statement_id == number_of(STATEMENT, statement_id))
    if document_number is not None:
        wanted = wanted.where(has_number(disbursement.c.document_number, document_number))
    return await _equal(connection, wanted, disbursement, equal)


async def prepayments_where(connection: AsyncConnection, equal: Row) -> Rows:
    """The prepayments within reach that have these values. None is no condition."""
    return await _equal(connection, select(prepayment_table), prepayment_table, equal)


def has_number(column: ColumnElement[str | None], typed: str) -> ColumnElement[bool]:
    """Whether a document number has what was typed as a part."""
    return column.contains(document_form(typed), autoescape=True)


def late(day: date) -> ColumnElement[bool]:
    """Whether an order is not paid in full although its day has passed."""
    columns = disbursement.c
    return (columns.due_on < day) & (columns.paid < columns.amount) & columns.state.not_in(ENDED)


async def order_row(connection: AsyncConnection, shown: str) -> Order:
    """An order within reach, as it is stored."""
    return ORDERS.read(await _one(connection, disbursement, number_of(DISBURSEMENT, shown)))


async def order_of(service: Service, connection: AsyncConnection, shown: str) -> OrderAnswer:
    """An order within reach."""
    return order.answer_of(await order_row(connection, shown), today(await business_now(service, connection)))


async def prepayment_row(connection: AsyncConnection, shown: str) -> Prepayment:
    """A prepayment within reach, as it is stored."""
    return PREPAYMENTS.read(await _one(connection, prepayment_table, number_of(PREPAYMENT, shown)))


async def prepayment_of(connection: AsyncConnection, shown: str) -> PrepaymentAnswer:
    """A prepayment within reach."""
    return prepayment.answer_of(await prepayment_row(connection, shown))


async def release_row(connection: AsyncConnection, shown: str) -> Release:
    """A deposit release within reach, as it is stored."""
    return RELEASES.read(await _one(connection, deposit_release, number_of(RELEASE, shown)))


def _prepaid(row: RowMapping) -> PrepaymentAnswer:
    return prepayment.answer_of(PREPAYMENTS.read(row))


async def _one(connection: AsyncConnection, table: Table, number: int) -> Any:
    wanted = select(table).where(next(iter(table.primary_key.columns)) == number)
    row = (await connection.execute(wanted)).mappings().first()
    if row is None:
        raise NotFound("not_found")
    return row


async def _equal(connection: AsyncConnection, wanted: Rows, table: Table, values: Row) -> Rows:
    """With the columns equal to these values; a county is read as its pooling area."""
    for name, value in values.items():
        if value is not None:
            value = await pooling_area_of(connection, value) if name == "area_code" else value
            wanted = wanted.where(table.c[name] == value)
    return wanted
