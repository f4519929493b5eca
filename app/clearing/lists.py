"""The lists of clearing: statements and their postings, comparisons, differences, deductions, orders, prepayments,
releases, rates."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from msgspec import Meta
from msgspec.structs import asdict
from sqlalchemy import RowMapping, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.ids import CLAIM, RECONCILIATION, STATEMENT, number_of
from app.clearing import (
    deduction,
    deduction_row,
    deposit,
    difference,
    month_close,
    order,
    order_list,
    payout_rate,
    prepayment,
    reconciliation,
)
from app.clearing import statement as statements
from app.clearing.deposit import ReleaseAnswer
from app.clearing.difference import DifferenceAnswer
from app.clearing.month_close import MonthAnswer
from app.clearing.moves import Row, StoredRow, pooling_area_of
from app.clearing.order import OrderAnswer
from app.clearing.payment import typed
from app.clearing.payout_rate import RateAnswer, RateFilters
from app.clearing.prepayment import PrepaymentAnswer
from app.clearing.reconciliation import ReconciliationSummary
from app.clearing.statement import ItemAnswer, StatementRow
from app.clearing.statement_row import Difference, DifferenceState
from app.clearing.statement_row import read as read_statement
from app.clearing.tables import deduction as deduction_table
from app.clearing.tables import deposit_release, disbursement
from app.clearing.tables import difference as difference_table
from app.clearing.tables import prepayment as prepayment_table
from app.clearing.tables import reconciliation as reconciliation_table
from app.clearing.tables import statement as statement_table
from app.service.columns import ListColumn, columns_of
from app.service.http import open_request
from app.service.lists import Asked, DeclaredList, Filters, Page, Rows, Selected, page_of
from app.service.security import MONEY_READERS, OFFICE_READERS, PERSON_READERS
from app.service.wire import AreaCode, Code

StatementState = Literal["declared", "reconciled", "audited", "approved", "settled", "withdrawn"]
OrderState = Literal["draft", "approved", "sent", "paid", "part_paid", "returned", "cancelled", "carried_forward"]
PrepaymentState = Literal["draft", "approved", "sent", "paid", "part_paid", "offset", "returned", "cancelled"]
Typed = Annotated[str, Meta(max_length=60)]
Year = Annotated[int, Meta(ge=2000, le=2100)]
Recorded = tuple[datetime, int]


class StatementFilters(Filters, frozen=True):
    """The statements of a hospital, an area, a month, in a state."""

    hospital_code: Code | None = None
    area_code: AreaCode | None = None
    period: Code | None = None
    state: StatementState | None = None


class ItemFilters(Filters, frozen=True):
    """The postings of one statement, of a fund."""

    statement_id: Code
    fund: Code | None = None


class OrderFilters(Filters, frozen=True):
    """``document_number``: a part of it. ``overdue``: not paid in full by their day, or all others."""

    period: Code | None = None
    fund: Code | None = None
    hospital_code: Code | None = None
    area_code: AreaCode | None = None
    statement_id: Code | None = None
    state: OrderState | None = None
    document_number: Typed | None = None
    overdue: bool | None = None


class ReleaseFilters(Filters, frozen=True):
    """The releases of a hospital, an area (a county is read as its pooling area), a fund, a year."""

    hospital_code: Code | None = None
    area_code: AreaCode | None = None
    fund: Code | None = None
    year: Year | None = None


class PrepaymentFilters(ReleaseFilters, frozen=True):
    """The same of prepayments, and their state."""

    state: PrepaymentState | None = None


class ReconciliationFilters(Filters, frozen=True):
    """The comparisons of a statement."""

    statement_id: Code | None = None


class DifferenceFilters(Filters, frozen=True):
    """The differences of a state, a hospital, an area, a fund, a statement, a comparison."""

    state: DifferenceState | None = None
    hospital_code: Code | None = None
    area_code: AreaCode | None = None
    fund: Code | None = None
    statement_id: Code | None = None
    reconciliation_id: Code | None = None


class DeductionFilters(Filters, frozen=True):
    """The deductions in a state of today, of a statement, a claim, a hospital, a fund."""

    state: deduction_row.State | None = None
    statement_id: Code | None = None
    claim_id: Code | None = None
    hospital_code: Code | None = None
    fund: Code | None = None


class MonthFilters(Filters, frozen=True):
    """The months of an area; a county is read as its pooling area."""

    area_code: Annotated[str, Meta(pattern="^[0-9]{6}$")] | None = None


# ---------------------------------------------------------------- what is selected

Query = Callable[[AsyncConnection, Any, date], Awaitable[Rows]]


def _of(table: Table) -> Query:
    """The rows of a table whose columns equal the filters; shown ids are numbers there, a county is its pooling
    area."""

    async def query(connection: AsyncConnection, wanted: Filters, day: date) -> Rows:
        return await equal(connection, select(table), table, asdict(wanted))

    return query


async def equal(connection: AsyncConnection, found: Rows, table: Table, values: Row) -> Rows:
    """Those of a table's rows whose columns equal the values that aren't None."""
    for name, value in values.items():
        if value is not None:
            found = found.where(table.c[name] == await _stored(connection, table, name, value))
    return found


async def _stored(connection: AsyncConnection, table: Table, name: str, value: Any) -> Any:
    """A filter's value as its column holds it; NotFound for an id of another form."""
    match name:
        case "statement_id":
            return number_of(STATEMENT, value)
        case "reconciliation_id":
            return number_of(RECONCILIATION, value)
        case "area_code" if table in (disbursement, prepayment_table, deposit_release):
            return await pooling_area_of(connection, value)
    return value


async def _statements(connection: AsyncConnection, wanted: StatementFilters, day: date) -> Rows:
    return statements.statements_where(asdict(wanted))


async def _orders(connection: AsyncConnection, wanted: OrderFilters, day: date) -> Rows:
    return await order_list.orders_where(connection, day, **asdict(wanted))


async def _prepayments(connection: AsyncConnection, wanted: PrepaymentFilters, day: date) -> Rows:
    return await order_list.prepayments_where(connection, asdict(wanted))


async def _releases(connection: AsyncConnection, wanted: ReleaseFilters, day: date) -> Rows:
    joined = deposit_release.outerjoin(disbursement, disbursement.c.release_id == deposit_release.c.release_id)
    found = select(deposit_release, disbursement.c.disbursement_id).select_from(joined)
    return await equal(connection, found, deposit_release, asdict(wanted))


async def _deductions(connection: AsyncConnection, wanted: DeductionFilters, day: date) -> Rows:
    filters = asdict(wanted)
    if wanted.statement_id is not None:
        filters["statement_id"] = number_of(STATEMENT, wanted.statement_id)
    if wanted.claim_id is not None:
        filters["claim_id"] = number_of(CLAIM, wanted.claim_id)
    state = filters.pop("state")
    return deduction.deductions_where(day, state, filters)


_STATEMENTS: Final[Selected[StatementFilters, StatementRow, Recorded]] = Selected(
    query=_statements,
    order=(statement_table.c.recorded_at, statement_table.c.statement_id),
    newest_first=True,
    answer=lambda row, day, service: statements.row_of(row),
)
_ORDERS: Final[Selected[OrderFilters, OrderAnswer, Recorded]] = Selected(
    query=_orders,
    order=(disbursement.c.recorded_at, disbursement.c.disbursement_id),
    newest_first=True,
    answer=lambda row, day, service: order.answer_of(order.ORDERS.read(row), day),
)
_PREPAYMENTS: Final[Selected[PrepaymentFilters, PrepaymentAnswer, Recorded]] = Selected(
    query=_prepayments,
    order=(prepayment_table.c.recorded_at, prepayment_table.c.prepayment_id),
    newest_first=True,
    answer=lambda row, day, service: prepayment.answer_of(prepayment.PREPAYMENTS.read(row)),
)
_RELEASES: Final[Selected[ReleaseFilters, ReleaseAnswer, Recorded]] = Selected(
    query=_releases,
    order=(deposit_release.c.recorded_at, deposit_release.c.release_id),
    newest_first=True,
    answer=lambda row, day, service: deposit.answer_of(deposit.RELEASES.read(row), row["disbursement_id"]),
)
_DEDUCTIONS: Final[Selected[DeductionFilters, deduction_row.DeductionAnswer, int]] = Selected(
    query=_deductions,
    order=(deduction_table.c.deduction_id,),
    newest_first=True,
    answer=lambda row, day, service: deduction_row.answer_of(typed(row, deduction_row.Deduction), day),
)
_DIFFERENCES: Final[Selected[DifferenceFilters, DifferenceAnswer, int]] = Selected(
    query=_of(difference_table),
    order=(difference_table.c.difference_id,),
    newest_first=False,
    answer=lambda row, day, service: difference.answer_of(typed(row, Difference), day),
)
_RECONCILIATIONS: Final[Selected[ReconciliationFilters, ReconciliationSummary, int]] = Selected(
    query=_of(reconciliation_table),
    order=(reconciliation_table.c.reconciliation_id,),
    newest_first=True,
    answer=lambda row, day, service: reconciliation.summary_of(_named(row)),
)


def _named(row: RowMapping) -> StoredRow:
    return {str(name): value for name, value in row.items()}


# ---------------------------------------------------------------- what is read in another way


async def _items(asked: Asked[ItemFilters, int]) -> Page[ItemAnswer, int]:
    async with asked.service.database.transaction() as connection:
        await open_request(asked.service, connection, asked.caller)
        of = await read_statement(connection, asked.filters.statement_id)
        rows = await statements.item_rows(
            connection, of.statement_id, asked.filters.fund, after=asked.after or 0, limit=asked.limit + 1
        )
    return page_of(rows, asked.limit, statements.item_of, lambda row: int(row["transfer_id"]))


async def _months(asked: Asked[MonthFilters, tuple[str, str]]) -> Page[MonthAnswer, tuple[str, str]]:
    async with asked.service.database.transaction() as connection:
        await open_request(asked.service, connection, asked.caller)
        rows = await month_close.rows_of(connection, asked.filters.area_code, asked.after, asked.limit + 1)
    funds = asked.caller.principal.funds
    return page_of(
        rows,
        asked.limit,
        lambda row: month_close.answer_of(row, funds),
        lambda row: (str(row["period"]), str(row["area_code"])),
    )


async def _rates(asked: Asked[RateFilters, str]) -> Page[RateAnswer, str]:
    """All of them at once: there are as many as there are groups."""
    async with asked.service.database.transaction() as connection:
        await open_request(asked.service, connection, asked.caller)
        rows = await payout_rate.rates_of(asked.service, connection, asked.caller, asked.filters)
    return Page(rows, None)


# ---------------------------------------------------------------- the lists

STATEMENTS: Final = DeclaredList(
    name="statements",
    title={"zh": "月度结算申报表", "en": "Monthly statements"},
    about="Statements, newest first.",
    scopes=MONEY_READERS,
    filters=StatementFilters,
    row=StatementRow,
    columns=columns_of(StatementRow),
    position=tuple[datetime, int],
    read=_STATEMENTS.read,
    selected=_STATEMENTS,
)
ITEMS: Final = DeclaredList(
    name="statement-items",
    title={"zh": "申报明细", "en": "Postings of a statement"},
    about="The postings that a statement declares.",
    scopes=MONEY_READERS,
    filters=ItemFilters,
    row=ItemAnswer,
    columns=columns_of(ItemAnswer),
    position=int,
    read=_items,
)
ORDERS: Final = DeclaredList(
    name="disbursements",
    title={"zh": "拨付单", "en": "Orders"},
    about="Orders, newest first; ``overdue`` those not paid in full by their day.",
    scopes=MONEY_READERS,
    filters=OrderFilters,
    row=OrderAnswer,
    columns=columns_of(OrderAnswer, without=("others",)),
    position=tuple[datetime, int],
    read=_ORDERS.read,
    selected=_ORDERS,
)
PREPAYMENTS: Final = DeclaredList(
    name="prepayments",
    title={"zh": "预付单", "en": "Prepayments"},
    about="Prepayments, newest first.",
    scopes=MONEY_READERS,
    filters=PrepaymentFilters,
    row=PrepaymentAnswer,
    columns=columns_of(PrepaymentAnswer),
    position=tuple[datetime, int],
    read=_PREPAYMENTS.read,
    selected=_PREPAYMENTS,
)
RELEASES: Final = DeclaredList(
    name="deposit-releases",
    title={"zh": "质量保证金清算", "en": "Deposit releases"},
    about="Releases, newest first.",
    scopes=MONEY_READERS,
    filters=ReleaseFilters,
    row=ReleaseAnswer,
    columns=columns_of(ReleaseAnswer),
    position=tuple[datetime, int],
    read=_RELEASES.read,
    selected=_RELEASES,
)
RECONCILIATIONS: Final = DeclaredList(
    name="reconciliations",
    title={"zh": "对账", "en": "Reconciliations"},
    about="Comparisons, newest first, of one statement when it is named, without their differences.",
    scopes=MONEY_READERS,
    filters=ReconciliationFilters,
    row=ReconciliationSummary,
    columns=columns_of(ReconciliationSummary),
    position=int,
    read=_RECONCILIATIONS.read,
    selected=_RECONCILIATIONS,
)
DIFFERENCES: Final = DeclaredList(
    name="differences",
    title={"zh": "对账差异", "en": "Differences"},
    about="Differences, oldest first, with their age in days.",
    scopes=MONEY_READERS,
    filters=DifferenceFilters,
    row=DifferenceAnswer,
    columns=columns_of(DifferenceAnswer),
    position=int,
    read=_DIFFERENCES.read,
    selected=_DIFFERENCES,
)
DEDUCTIONS: Final = DeclaredList(
    name="deductions",
    title={"zh": "审核扣款", "en": "Deductions"},
    about="Deductions, newest first, in their state of today.",
    scopes=PERSON_READERS,
    filters=DeductionFilters,
    row=deduction_row.DeductionAnswer,
    columns=columns_of(deduction_row.DeductionAnswer),
    position=int,
    read=_DEDUCTIONS.read,
    selected=_DEDUCTIONS,
)
MONTHS: Final = DeclaredList(
    name="fiscal-months",
    title={"zh": "月份关账", "en": "Closed months"},
    about="Months that are or were closed, newest first. A month that isn't in the list is open.",
    scopes=OFFICE_READERS,
    filters=MonthFilters,
    row=MonthAnswer,
    columns=(),
    position=tuple[str, str],
    read=_months,
)
RATES: Final = DeclaredList(
    name="payout-rates",
    title={"zh": "拨付率", "en": "Payout rates"},
    about="What the funds owe for a fiscal year and how much of it is paid.",
    scopes=MONEY_READERS,
    filters=RateFilters,
    row=RateAnswer,
    columns=columns_of(
        RateAnswer, own=(ListColumn("overdue", "money", {"zh": "逾期未付", "en": "Overdue"}),)
    ),  # an order's ``overdue`` is yes or no
    position=str,
    read=_rates,
)
