"""The bank's answers: uploaded, with a result per row; what matches no order waits here."""

import asyncio
from typing import Final

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.clearing import bank_file, bank_receipt
from app.clearing.bank_columns import bank_columns
from app.clearing.lists import RECEIPT_ROWS
from app.clearing.machine import acting
from app.clearing.payment_batch_api import RECEIPT_TYPES
from app.finance.list_page import ListPage, list_shown
from app.finance.page import PageRoute, gone_to, visit
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
    return await list_shown(await visit(request, *RECEIPT_ROWS.scopes), PAGE)


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
                await bank_receipt.receive(at, format_, upload.digest, rows)
                return 303, b"{}"

            await once_uploaded(visitor, upload, act)
        return gone_to(PATH, "notice.receipt.booked")

    return await refusing(visitor, {}, booked, lambda refusal: list_shown(visitor, PAGE, refusal))
