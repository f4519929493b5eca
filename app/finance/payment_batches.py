"""Payment batches: made of ticked orders, approved by another, given to the bank as a file."""

from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.ids import PAYMENT_BATCH, number_of, read_id
from app.clearing import payment_batch
from app.clearing.api import ReasonRequest
from app.clearing.bank_lists import PAYMENT_BATCHES
from app.clearing.claim import CLAIMS
from app.clearing.claim_list import CLAIM_LIST
from app.clearing.document_number import number_batch
from app.clearing.lists import ORDERS as ORDER_LIST
from app.clearing.machine import Paying, acting
from app.clearing.moves import business_now, today
from app.clearing.order import ORDERS
from app.clearing.order_paper import batch_pdf
from app.clearing.payment import Claim, Order
from app.clearing.payment_batch import AWAITED, MOST_ORDERS, NotExecutedRequest, PaymentBatchRequest
from app.clearing.payment_batch_api import TYPES, file_given_out
from app.clearing.tables import payment_batch as table
from app.finance.following import following
from app.finance.history import moves_of
from app.finance.list_page import ListPage, get_list, narrowed_by
from app.finance.numbering import number_in
from app.finance.page import (
    Contents,
    Move,
    PageRoute,
    Refusal,
    Visitor,
    check_proven,
    own_form,
    reading,
    shown,
    stepped,
    struct_of,
    visit,
)
from app.service.lists import AnyList
from app.service.security import OFFICE_READERS
from app.service.wire import decode
from app.settlement.slip_pdf import PDF_TYPE

router = APIRouter(prefix="/finance/payment-batches", route_class=PageRoute, include_in_schema=False)
PATH: Final = "/finance/payment-batches"
PAGE: Final = ListPage(
    declared=PAYMENT_BATCHES,
    address=PATH,
    members=(
        "payment_batch_id",
        "document_number",
        "area_code",
        "control_sum",
        "created_by",
        "created_on",
        "sent_on",
        "state",
    ),
    key="payment_batch_id",
)
B = TypeVar("B", Order, Claim)


class ToPay(Struct, frozen=True):
    """What shall stand in a batch: an order or a claim, and what the bank would be asked to pay of it; fen."""

    id: str
    fund: str
    amount: int


ACCOUNT: Final = ("bank_name", "account_name", "account_number")


@router.get("")
async def get_batches(request: Request) -> Response:
    """The payment batches."""
    return await get_list(request, PAGE)


@router.get("/new")
async def get_new(request: Request) -> Response:
    """The form that makes a batch of the ticked orders."""
    return await _new(await visit(request, "finance"))


async def _new(visitor: Visitor, refusal: Refusal | None = None) -> Response:
    typed = (refusal.form if refusal else {}).get("ids", "").split()
    ids = (typed or visitor.request.query_params.getlist("id"))[:MOST_ORDERS]

    async def read(connection: AsyncConnection) -> Contents:
        query = visitor.request.query_params
        every = not ids and bool(query.get("all"))
        wanted = None if every else ids
        found: list[ToPay] = []
        if not every or query.get("of") == "orders":
            found += await _to_pay(visitor, connection, ORDER_LIST, ORDERS, wanted)
        if not every or query.get("of") == "claims":
            found += await _to_pay(visitor, connection, CLAIM_LIST, CLAIMS, wanted)
        return {
            "ids": [row.id for row in found] if every else ids,
            "rows": found[:MOST_ORDERS],
            "too_many": len(found) > MOST_ORDERS,
            "sum": sum(row.amount for row in found),
            "account": await _last_account(connection) or {},
        }

    return shown(visitor, "payment_batch_new.html", await reading(visitor, read), refusal=refusal)


async def _to_pay(
    visitor: Visitor, connection: AsyncConnection, declared: AnyList, kind: Paying[B], ids: Sequence[str] | None
) -> list[ToPay]:
    """The orders or claims of these ids; without ids those that the address's filters find and the bank may pay: at
    most one more than a batch may have."""
    key = next(iter(kind.table.primary_key.columns))
    assert declared.selected is not None
    filters = (await narrowed_by(visitor, connection, declared)).filters if ids is None else declared.filters()
    day = today(await business_now(visitor.service, connection))
    wanted = await declared.selected.rows(connection, visitor.caller, filters, day)
    if ids is None:
        wanted = wanted.where(kind.table.c.state.in_(AWAITED))
    else:
        wanted = wanted.where(key.in_([number for one in ids if (number := read_id(kind.prefix, one)) is not None]))
    rows = (await connection.execute(wanted.order_by(key).limit(MOST_ORDERS + 1))).mappings()
    payments = [kind.read(row) for row in rows]
    return [ToPay(kind.shown(one), one.fund, one.payable) for one in payments if ids is not None or one.payable > 0]


async def _last_account(connection: AsyncConnection) -> dict[str, str] | None:
    """The account that was paid from last: most offices have one."""
    wanted = select(table.c.paying_account).order_by(table.c.batch_id.desc()).limit(1)
    found: dict[str, str] | None = (await connection.execute(wanted)).scalar_one_or_none()
    return found


@router.post("/new")
async def post_new(request: Request) -> Response:
    """Draft the batch."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        account = {name: form.get(name, "") for name in ACCOUNT}
        sent = {"order_ids": form.get("ids", "").split(), "paying_account": account}
        wanted = decode(msgspec.json.encode(sent), PaymentBatchRequest)
        return await payment_batch.draft(await acting(visitor.service, connection, visitor.caller), wanted)

    return await stepped(
        request,
        move,
        "finance",
        location=PATH,
        notice="notice.payment_batch.made",
        show=lambda v, refusal: _new(v, refusal),
    )


@router.get("/{batch_id}")
async def get_batch(request: Request, batch_id: str) -> Response:
    """A payment batch."""
    return await _page(await visit(request, *OFFICE_READERS), batch_id)


async def _page(visitor: Visitor, batch_id: str, refusal: Refusal | None = None) -> Response:
    async def read(connection: AsyncConnection) -> Contents:
        found = await payment_batch.shown_batch(connection, batch_id)
        own = found.created_by == visitor.principal.subject
        return {
            "batch": found,
            "own": own,
            "events": await moves_of(connection, batch_id),
            "formats": TYPES,
            "following": await following(visitor, connection, PATH, number_of(PAYMENT_BATCH, batch_id)),
        }

    return shown(visitor, "payment_batch.html", await reading(visitor, read), refusal=refusal)


async def _act(request: Request, batch_id: str, notice: str, move: Move) -> Response:
    return await stepped(
        request,
        move,
        "finance",
        location=f"{PATH}/{batch_id}",
        notice="notice.numbered" if notice == "numbered" else f"notice.payment_batch.{notice}",
        show=lambda visitor, refusal: _page(visitor, batch_id, refusal),
    )


@router.post("/{batch_id}/approve")
async def post_approve(request: Request, batch_id: str) -> Response:
    """Approve a batch that another drafted."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        return await payment_batch.approve(await acting(visitor.service, connection, visitor.caller), batch_id)

    return await _act(request, batch_id, "approved", move)


@router.post("/{batch_id}/cancel")
async def post_cancel(request: Request, batch_id: str) -> Response:
    """Cancel a batch that the bank hasn't got."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        reason = struct_of(form, ReasonRequest, "reason").reason
        return await payment_batch.cancel(await acting(visitor.service, connection, visitor.caller), batch_id, reason)

    return await _act(request, batch_id, "cancelled", move)


@router.post("/{batch_id}/not-executed")
async def post_not_executed(request: Request, batch_id: str) -> Response:
    """Say that the bank will not answer a row; a second person confirms it."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        wanted = struct_of(form, NotExecutedRequest, "order_id", "reason")
        return await payment_batch.not_executed(
            await acting(visitor.service, connection, visitor.caller), batch_id, wanted
        )

    return await _act(request, batch_id, "not_executed", move)


@router.post("/{batch_id}/number")
async def post_number(request: Request, batch_id: str) -> Response:
    """Give the batch its document number."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        act = await acting(visitor.service, connection, visitor.caller)
        return await number_batch(act, batch_id, number_in(form))

    return await _act(request, batch_id, "numbered", move)


@router.get("/{batch_id}/request.pdf")
async def get_payment_request(request: Request, batch_id: str) -> Response:
    """The request for the money of the batch, on paper, under its document number."""
    visitor = await visit(request, *OFFICE_READERS)
    content = await reading(
        visitor, lambda connection: batch_pdf(visitor.service, visitor.caller, connection, batch_id)
    )
    return Response(content, 200, {"Content-Disposition": f'inline; filename="{batch_id}.pdf"'}, PDF_TYPE)


@router.post("/{batch_id}/send")
async def post_send(request: Request, batch_id: str) -> Response:
    """Give the file out, which sends the batch the first time."""
    visitor = await visit(request, "finance")
    form = await own_form(visitor)
    check_proven(visitor, f"{PATH}/{batch_id}")
    wanted = form.get("format", "")
    return await file_given_out(
        visitor.service, visitor.caller, batch_id, next((one for one in TYPES if one == wanted), "pain001")
    )
