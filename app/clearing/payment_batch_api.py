"""The routes of payment batches and of the bank's answers. They translate, nothing more."""

import asyncio
from typing import Annotated, Final, cast

from fastapi import APIRouter, Path, Request
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.clearing import bank_file, bank_receipt, payment_batch
from app.clearing.api import ReasonRequest, opened, reading, writing
from app.clearing.bank_columns import bank_columns
from app.clearing.bank_lists import PAYMENT_BATCHES, RECEIPT_ROWS
from app.clearing.bank_receipt import ReceiptAnswer, ReceiptRowAnswer
from app.clearing.document_number import NumberRequest, number_batch
from app.clearing.machine import Act, acting
from app.clearing.payment_api import done, sent
from app.clearing.payment_batch import (
    BatchItem,
    NotExecutedRequest,
    PaymentBatch,
    PaymentBatchAnswer,
    PaymentBatchRequest,
)
from app.clearing.payment_file import FileFormat, Instruction, PaymentFile, pain001, sheet
from app.registry.hospital_facts import BankAccount
from app.service.caller import Caller, Service
from app.service.export import CSV_TYPE, XLSX_TYPE
from app.service.http import answer, open_request
from app.service.lists import add_route
from app.service.openapi import KEYED, body, gives, takes_file
from app.service.security import OFFICE_READERS
from app.service.upload import FILE_TYPES, received

router = APIRouter(prefix="/v1", tags=["payment-batches"])
BATCH: Final = gives(200, PaymentBatchAnswer)
XML_TYPE: Final = "application/xml"
TYPES: Final[dict[FileFormat, tuple[str, str]]] = {
    "pain001": (XML_TYPE, "xml"),
    "xlsx": (XLSX_TYPE, "xlsx"),
    "csv": (f"{CSV_TYPE}; charset=utf-8", "csv"),
}
RowNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]
RECEIPT_TYPES: Final = (*FILE_TYPES, XML_TYPE, "text/xml")


@router.post(
    "/payment-batches", openapi_extra=body(PaymentBatchRequest, keyed=True), responses=gives(201, PaymentBatchAnswer)
)
async def post_batch(request: Request) -> Response:
    """Gather sent orders and claims of one paying area, to be paid from one account by one file."""
    wanted = await sent(request, PaymentBatchRequest)
    return await done(request, wanted, lambda act: payment_batch.draft(act, wanted), 201)


add_route(router, "/payment-batches", PAYMENT_BATCHES)


@router.get("/payment-batches/{batch_id}", responses=BATCH)
async def get_batch(request: Request, batch_id: str) -> Response:
    """A payment batch with its rows."""
    caller, service = await opened(request, *OFFICE_READERS)
    return answer(await reading(caller, service, lambda connection: payment_batch.shown_batch(connection, batch_id)))


@router.post("/payment-batches/{batch_id}/approval", openapi_extra=KEYED, responses=BATCH)
async def post_approval(request: Request, batch_id: str) -> Response:
    """Approve a draft made by another subject: the amounts are fixed."""
    return await done(request, None, lambda act: payment_batch.approve(act, batch_id))


@router.post("/payment-batches/{batch_id}/cancellation", openapi_extra=body(ReasonRequest, keyed=True), responses=BATCH)
async def post_cancellation(request: Request, batch_id: str) -> Response:
    """Cancel a batch that the bank hasn't got: its orders and claims are free again."""
    wanted = await sent(request, ReasonRequest)
    return await done(request, wanted, lambda act: payment_batch.cancel(act, batch_id, wanted.reason))


@router.post(
    "/payment-batches/{batch_id}/not-executed", openapi_extra=body(NotExecutedRequest, keyed=True), responses=BATCH
)
async def post_not_executed(request: Request, batch_id: str) -> Response:
    """Say of a row that the bank will not answer it; it ends when a second person says the same."""
    wanted = await sent(request, NotExecutedRequest)
    return await done(request, wanted, lambda act: payment_batch.not_executed(act, batch_id, wanted))


@router.post(
    "/payment-batches/{batch_id}/document-number", openapi_extra=body(NumberRequest, keyed=True), responses=BATCH
)
async def post_number(request: Request, batch_id: str) -> Response:
    """Give a batch the office's own document number, change it or take it away, until its file is given out."""
    wanted = await sent(request, NumberRequest)
    return await done(request, wanted, lambda act: number_batch(act, batch_id, wanted))


@router.get(
    "/payment-batches/{batch_id}/file",
    responses={200: {"description": "OK", "content": {XML_TYPE: {}, XLSX_TYPE: {}, CSV_TYPE: {}}}},
)
async def get_file(request: Request, batch_id: str, format: FileFormat = "pain001") -> Response:
    """The file for the bank: ISO 20022 pain.001.001.09, or XLSX or CSV in the bank's columns. The first one sends the
    batch; each further one is a resend, which its name and the header ``Payment-File: resend`` say."""
    caller, service = await opened(request, "finance")
    return await file_given_out(service, caller, batch_id, format)


async def file_given_out(service: Service, caller: Caller, batch_id: str, format: FileFormat) -> Response:
    """A batch's file, written down as given out."""
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        act = await acting(service, connection, caller)
        batch, items = await payment_batch.given_out(act, batch_id)
        made = await _file(act, batch, items)
    columns = bank_columns(service.settings.bank_columns).payment
    content = pain001(made) if format == "pain001" else sheet(made, format, columns)
    type_, ending = TYPES[format]
    again = "" if batch.files == 1 else f"-resend-{batch.files - 1}"
    headers = {
        "Content-Disposition": f'attachment; filename="{batch.shown}{again}.{ending}"',
        "Payment-File": "resend" if again else "first",
    }
    return Response(content, media_type=type_, headers=headers)


async def _file(act: Act, batch: PaymentBatch, items: list[BatchItem]) -> PaymentFile:
    assert batch.sent_on is not None
    instructions = [
        Instruction(
            end_to_end_id=item.end_to_end_id,
            order_id=item.order_id,
            payee=cast(BankAccount, await payment_batch.payee_of(act, item)),
            amount=item.amount,
            remark=f"拨付 {item.order_id}",
        )
        for item in items
    ]
    return PaymentFile(
        batch_id=batch.shown,
        made_at=act.now,
        pay_on=batch.sent_on,
        paying=batch.paying_account,
        instructions=instructions,
    )


@router.post("/bank-receipts", openapi_extra=takes_file(RECEIPT_TYPES), responses=gives(200, ReceiptAnswer))
async def post_receipt(request: Request) -> Response:
    """Upload the bank's answer: camt.053, camt.054, or XLSX or CSV in the bank's columns; each row has its result. A
    file that can't be read whole books nothing."""
    caller, service = await opened(request, "finance")
    async with received(request, service.settings.max_body_bytes, RECEIPT_TYPES) as upload:
        columns = bank_columns(service.settings.bank_columns)
        format_, rows = await asyncio.to_thread(bank_file.read, upload.path, columns)

        async def act(connection: AsyncConnection) -> Struct:
            return await bank_receipt.receive(await acting(service, connection, caller), format_, upload.digest, rows)

        return await writing(request, caller, upload.digest.hex(), 200, act)


add_route(router, "/bank-receipts", RECEIPT_ROWS)


@router.get("/bank-receipts/{receipt_id}", responses=gives(200, ReceiptAnswer))
async def get_receipt(request: Request, receipt_id: str) -> Response:
    """A receipt with the result of each row."""
    caller, service = await opened(request, *OFFICE_READERS)
    return answer(await reading(caller, service, lambda connection: bank_receipt.receipt_of(connection, receipt_id)))


@router.post(
    "/bank-receipts/{receipt_id}/rows/{row_no}/closing",
    openapi_extra=body(ReasonRequest, keyed=True),
    responses=gives(200, ReceiptRowAnswer),
)
async def post_closing(request: Request, receipt_id: str, row_no: RowNumber) -> Response:
    """Close a row that matched nothing, with what was found out about it. Nothing is booked by that."""
    wanted = await sent(request, ReasonRequest)
    return await done(request, wanted, lambda act: bank_receipt.close(act, receipt_id, row_no, wanted.reason))
