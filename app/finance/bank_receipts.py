"""The bank's answers: uploaded, with a result per row; what matches no order waits here until somebody closes it."""

import asyncio
from typing import Final

import msgspec
from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.ids import RECEIPT, number_of
from app.clearing import bank_file, bank_receipt
from app.clearing.api import ReasonRequest
from app.clearing.bank_columns import bank_columns
from app.clearing.bank_lists import RECEIPT_ROWS
from app.clearing.machine import acting
from app.clearing.payment_batch_api import RECEIPT_TYPES, RowNumber
from app.finance.following import following
from app.finance.history import moves_of
from app.finance.list_page import ListPage, list_shown
from app.finance.page import Contents, PageRoute, Refusal, Visitor, gone_to, reading, shown, stepped, struct_of, visit
from app.finance.uploads import once_uploaded, own_upload, refusing

router = APIRouter(prefix="/finance/bank-receipts", route_class=PageRoute, include_in_schema=False)
PATH: Final = "/finance/bank-receipts"
PAGE: Final = ListPage(
    declared=RECEIPT_ROWS,
    address=PATH,
    members=("receipt_id", "row", "order_id", "proposed", "bank_reference", "amount", "value_on", "reason", "result"),
    key="receipt_id",
    template="bank_receipts.html",
)


@router.get("")
async def get_receipts(request: Request) -> Response:
    """The rows of the bank's answers."""
    return await _list(await visit(request, *RECEIPT_ROWS.scopes))


async def _list(visitor: Visitor, refusal: Refusal | None = None) -> Response:
    return await list_shown(visitor, PAGE, refusal, worklist=bank_receipt.WORKLIST)


@router.post("")
async def post_receipt(request: Request) -> Response:
    """Book the bank's file, and show what became of its rows."""
    visitor = await visit(request, "finance")

    async def booked(fields: dict[str, str]) -> Response:
        async with own_upload(visitor, visitor.service.settings.max_body_bytes, RECEIPT_TYPES) as upload:
            columns = bank_columns(visitor.service.settings.bank_columns)
            format_, rows = await asyncio.to_thread(bank_file.read, upload.path, columns)

            async def act(connection: AsyncConnection) -> tuple[int, bytes]:
                at = await acting(visitor.service, connection, visitor.caller)
                found = await bank_receipt.receive(at, format_, upload.digest, rows)
                return 303, msgspec.json.encode(found.receipt_id)

            receipt_id = msgspec.json.decode(await once_uploaded(visitor, upload, act), type=str)
        return gone_to(f"{PATH}/{receipt_id}", "notice.receipt.booked")

    return await refusing(visitor, {}, booked, lambda refusal: _list(visitor, refusal))


@router.get("/{receipt_id}")
async def get_receipt(request: Request, receipt_id: str) -> Response:
    """A file of the bank's answer with the result of each row, and who did what with it."""
    return await _page(await visit(request, *RECEIPT_ROWS.scopes), receipt_id)


async def _page(visitor: Visitor, receipt_id: str, refusal: Refusal | None = None) -> Response:
    async def read(connection: AsyncConnection) -> Contents:
        found = await bank_receipt.receipt_of(connection, receipt_id)
        return {
            "receipt": found,
            "events": await moves_of(connection, found.receipt_id),
            "following": await following(visitor, connection, PATH, number_of(RECEIPT, receipt_id)),
        }

    contents = await reading(visitor, read)
    return shown(visitor, "bank_receipt.html", contents, refusal=refusal, worklist=bank_receipt.WORKLIST)


@router.post("/{receipt_id}/rows/{row_no}/close")
async def post_close(request: Request, receipt_id: str, row_no: RowNumber) -> Response:
    """Close a row that matched nothing, with what was found out about it."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        reason = struct_of({"reason": form.get(f"reason_{row_no}", "")}, ReasonRequest, "reason").reason
        at = await acting(visitor.service, connection, visitor.caller)
        return await bank_receipt.close(at, receipt_id, row_no, reason)

    return await stepped(
        request,
        move,
        "finance",
        location=f"{PATH}/{receipt_id}",
        notice="notice.receipt.closed",
        show=lambda visitor, refusal: _page(visitor, receipt_id, refusal),
    )
