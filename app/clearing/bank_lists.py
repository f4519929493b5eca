"""The lists of what goes to the bank and comes back: payment batches, and the rows of the bank's files."""

from datetime import date
from typing import Final, Literal

from msgspec.structs import asdict
from sqlalchemy import not_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.ids import RECEIPT, number_of
from app.clearing import bank_receipt, in_batch, order_list, payment_batch
from app.clearing.bank_receipt import ReceiptRowAnswer, Result
from app.clearing.lists import Typed, equal
from app.clearing.payment_batch import PaymentBatchRow
from app.clearing.tables import bank_receipt_row as receipt_table
from app.clearing.tables import payment_batch as batch_table
from app.service.columns import ListColumn, columns_of
from app.service.lists import DeclaredList, Filters, Rows, Selected
from app.service.security import OFFICE_READERS
from app.service.wire import AreaCode, Code

BatchState = Literal["draft", "approved", "sent", "answered", "cancelled"]


class PaymentBatchFilters(Filters, frozen=True):
    """The payment batches of an area, in a state, with this in their document numbers. ``asked``: those with a row of
    which one person said that the bank will not answer it, or all others."""

    area_code: AreaCode | None = None
    state: BatchState | None = None
    document_number: Typed | None = None
    asked: bool | None = None


class ReceiptFilters(Filters, frozen=True):
    """The rows of a receipt, with a result. ``open``: those that somebody has to look at, or all others."""

    receipt_id: Code | None = None
    result: Result | None = None
    open: bool | None = None


async def _payment_batches(connection: AsyncConnection, wanted: PaymentBatchFilters, day: date) -> Rows:
    found = select(batch_table, batch_table.c.batch_id.label("payment_batch_id"))
    if wanted.document_number is not None:
        found = found.where(order_list.has_number(batch_table.c.document_number, wanted.document_number))
    if wanted.asked is not None:
        found = found.where(in_batch.asked() if wanted.asked else not_(in_batch.asked()))
    return await equal(connection, found, batch_table, asdict(wanted) | {"document_number": None, "asked": None})


async def _receipt_rows(connection: AsyncConnection, wanted: ReceiptFilters, day: date) -> Rows:
    filters = asdict(wanted)
    if wanted.receipt_id is not None:
        filters["receipt_id"] = number_of(RECEIPT, wanted.receipt_id)
    found = select(receipt_table)
    if (looked_for := filters.pop("open")) is not None:
        found = found.where(bank_receipt.waits() if looked_for else not_(bank_receipt.waits()))
    return await equal(connection, found, receipt_table, filters)


_BATCHES: Final[Selected[PaymentBatchFilters, PaymentBatchRow, int]] = Selected(
    query=_payment_batches,
    order=(batch_table.c.batch_id,),
    newest_first=True,
    answer=lambda row, day, service: payment_batch.listed(row),
)
_RECEIPT_ROWS: Final[Selected[ReceiptFilters, ReceiptRowAnswer, tuple[int, int]]] = Selected(
    query=_receipt_rows,
    order=(receipt_table.c.receipt_id, receipt_table.c.row_no),
    newest_first=True,
    answer=lambda row, day, service: bank_receipt.row_answer(row),
)
PAYMENT_BATCHES: Final = DeclaredList(
    name="payment-batches",
    title={"zh": "付款批次", "en": "Payment batches"},
    about="Payment batches, newest first.",
    scopes=OFFICE_READERS,
    filters=PaymentBatchFilters,
    row=PaymentBatchRow,
    columns=columns_of(
        PaymentBatchRow,
        own=(
            ListColumn("payment_batch_id", "text", {"zh": "付款批次号", "en": "Payment batch"}),
            ListColumn("control_sum", "money", {"zh": "控制总额", "en": "Control sum"}),
            ListColumn("answered_on", "date", {"zh": "回盘日期", "en": "Answered on"}),
        ),
    ),
    position=int,
    read=_BATCHES.read,
    selected=_BATCHES,
)
RECEIPT_ROWS: Final = DeclaredList(
    name="bank-receipts",
    title={"zh": "银行回盘明细", "en": "Rows of bank receipts"},
    about="What the bank's files said, row by row, newest first; ``open=true`` is what waits to be looked at.",
    scopes=OFFICE_READERS,
    filters=ReceiptFilters,
    row=ReceiptRowAnswer,
    columns=columns_of(
        ReceiptRowAnswer,
        own=(
            ListColumn("receipt_id", "text", {"zh": "回盘文件号", "en": "Receipt"}),
            ListColumn("row", "count", {"zh": "行", "en": "Row"}),
            ListColumn("result", "text", {"zh": "结果", "en": "Result"}),
            ListColumn("order_id", "text", {"zh": "单号", "en": "Order"}),
            ListColumn("proposed", "text", {"zh": "可能的单号", "en": "Proposed"}),
            ListColumn("bank_reference", "text", {"zh": "银行流水号", "en": "Bank reference"}),
            ListColumn("end_to_end_id", "text", {"zh": "业务参考号", "en": "Our reference"}),
            ListColumn("value_on", "date", {"zh": "交易日期", "en": "Value day"}),
            ListColumn("closed_on", "date", {"zh": "处理日期", "en": "Looked at on"}),
        ),
    ),
    position=tuple[int, int],
    read=_RECEIPT_ROWS.read,
    selected=_RECEIPT_ROWS,
)
