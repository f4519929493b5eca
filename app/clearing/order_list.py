"""Orders, prepayments and releases as they are read: one by its id, lists newest first."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, RowMapping, Select, Table, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import NotFound
from app.basics.ids import DISBURSEMENT, PREPAYMENT, STATEMENT, number_of
from app.clearing import deposit, order, prepayment
from app.clearing.deposit import RELEASES
from app.clearing.moves import business_now, pooling_area_of, today
from app.clearing.order import ORDERS, OrderAnswer
from app.clearing.prepayment import PREPAYMENTS, PrepaymentAnswer
from app.clearing.tables import deposit_release, disbursement
from app.clearing.tables import prepayment as prepayment_table
from app.service.caller import Service
from app.service.http import page, read_cursor

ENDED: Final = ("cancelled", "carried_forward")


async def orders(
    service: Service,
    connection: AsyncConnection,
    *,
    filters: Mapping[str, Any],
    overdue: bool | None,
    limit: int,
    cursor: str | None,
) -> bytes:
    """A page of the orders within reach."""
    day = today(await business_now(service, connection))
    filters = dict(filters)
    wanted = await orders_where(connection, day, statement_id=filters.pop("statement_id"), overdue=overdue)
    return await _page(
        service,
        connection,
        disbursement,
        wanted,
        filters,
        limit,
        cursor,
        lambda row: order.answer_of(ORDERS.read(row), day),
    )


async def orders_where(
    connection: AsyncConnection,
    day: date,
    *,
    statement_id: str | None = None,
    overdue: bool | None = None,
    **equal: Any,
) -> Select[Any]:
    """The orders within reach that are of a statement, late on a day or not, and have these values. None is no
    condition."""
    wanted = select(disbursement)
    if overdue is not None:
        wanted = wanted.where(late(day) if overdue else ~late(day))
    if statement_id is not None:
        wanted = wanted.where(disbursement.c.statement_id == number_of(STATEMENT, statement_id))
    return await _equal(connection, wanted, disbursement, equal)


def late(day: date) -> ColumnElement[bool]:
    """Whether an order is not paid in full although its day has passed."""
    columns = disbursement.c
    return (columns.due_on < day) & (columns.paid < columns.amount) & columns.state.not_in(ENDED)


async def order_of(service: Service, connection: AsyncConnection, shown: str) -> OrderAnswer:
    """An order within reach."""
    row = await _one(connection, disbursement, number_of(DISBURSEMENT, shown))
    return order.answer_of(ORDERS.read(row), today(await business_now(service, connection)))


async def prepayments(
    service: Service, connection: AsyncConnection, *, filters: Mapping[str, Any], limit: int, cursor: str | None
) -> bytes:
    """A page of the prepayments within reach."""
    wanted = select(prepayment_table)
    return await _page(service, connection, prepayment_table, wanted, filters, limit, cursor, _prepaid)


async def prepayment_of(connection: AsyncConnection, shown: str) -> PrepaymentAnswer:
    """A prepayment within reach."""
    return _prepaid(await _one(connection, prepayment_table, number_of(PREPAYMENT, shown)))


def _prepaid(row: RowMapping) -> PrepaymentAnswer:
    return prepayment.answer_of(PREPAYMENTS.read(row))


async def releases(
    service: Service, connection: AsyncConnection, *, filters: Mapping[str, Any], limit: int, cursor: str | None
) -> bytes:
    """A page of the releases within reach, each with its order."""
    joined = deposit_release.outerjoin(disbursement, disbursement.c.release_id == deposit_release.c.release_id)
    wanted = select(deposit_release, disbursement.c.disbursement_id).select_from(joined)

    def shown(row: Any) -> Any:
        return deposit.answer_of(RELEASES.read(row), row["disbursement_id"])

    return await _page(service, connection, deposit_release, wanted, filters, limit, cursor, shown)


async def _one(connection: AsyncConnection, table: Table, number: int) -> Any:
    wanted = select(table).where(next(iter(table.primary_key.columns)) == number)
    row = (await connection.execute(wanted)).mappings().first()
    if row is None:
        raise NotFound("not_found")
    return row


async def _page(
    service: Service,
    connection: AsyncConnection,
    table: Table,
    wanted: Select[Any],
    filters: Mapping[str, Any],
    limit: int,
    cursor: str | None,
    shown: Callable[[Any], Any],
) -> bytes:
    after = read_cursor(service, cursor, tuple[datetime, int])
    key = next(iter(table.primary_key.columns))
    recorded = table.c.recorded_at
    wanted = wanted.order_by(recorded.desc(), key.desc()).limit(limit + 1)
    wanted = await _equal(connection, wanted, table, filters)
    if after is not None:
        wanted = wanted.where(tuple_(recorded, key) < after)
    rows = list((await connection.execute(wanted)).mappings().all())
    return page(
        service, rows, limit, [shown(row) for row in rows[:limit]], lambda row: (row["recorded_at"], row[key.name])
    )


async def _equal(
    connection: AsyncConnection, wanted: Select[Any], table: Table, values: Mapping[str, Any]
) -> Select[Any]:
    """With the columns equal to these values; a county is read as its pooling area."""
    for name, value in values.items():
        if value is not None:
            value = await pooling_area_of(connection, value) if name == "area_code" else value
            wanted = wanted.where(table.c[name] == value)
    return wanted
