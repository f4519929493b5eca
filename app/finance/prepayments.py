"""Prepayments to hospitals: drafted, approved by another, sent, paid, taken off orders, returned."""

from collections.abc import Mapping
from typing import Any, Final, get_args

import msgspec
from fastapi import APIRouter, Request
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.errors import Fault, Refused
from app.basics.ids import PREPAYMENT, number_of
from app.basics.money import yuan
from app.clearing import bank, prepayment
from app.clearing.api import ReasonRequest
from app.clearing.bank import PaymentRequest, ReturnRequest
from app.clearing.disbursement_api import PrepaymentState
from app.clearing.moves import business_now, today
from app.clearing.order_list import prepayment_of
from app.clearing.plan import FUNDS
from app.clearing.prepayment import PrepaymentRequest
from app.clearing.tables import prepayment as table
from app.finance.history import moves_of
from app.finance.listing import chosen, listed
from app.finance.page import Move, PageRoute, Refusal, Visitor, reading, shown, stepped, struct_of, visit
from app.finance.registered import hospital_names
from app.service.caller import Service
from app.service.security import MONEY_READERS
from app.service.wire import decode

router = APIRouter(prefix="/finance/prepayments", route_class=PageRoute, include_in_schema=False)
STATES: Final = get_args(PrepaymentState)
COLUMNS: Final = {
    "prepayment": table.c.prepayment_id,
    "hospital": table.c.hospital_code,
    "year": table.c.year,
    "fund": table.c.fund,
    "amount": table.c.amount,
    "state": table.c.state,
}
STEPS: Final = {
    "draft": ("approve", "cancel"),
    "approved": ("send", "cancel"),
    "sent": ("pay", "cancel"),
    "part_paid": ("pay", "return"),
    "paid": ("return",),
}
"""What a page offers in a state; the service decides whether it may be done."""


async def _asked(service: Service, connection: AsyncConnection, query: Mapping[str, str]) -> Select[Any]:
    filters = {"state": chosen(query, "state", STATES), "fund": chosen(query, "fund", FUNDS)}
    filters["hospital_code"] = chosen(query, "hospital_code")
    return select(table).where(*(table.c[name] == value for name, value in filters.items() if value is not None))


@router.get("")
async def get_prepayments(request: Request) -> Response:
    """The prepayments."""
    return await _list(await visit(request, *MONEY_READERS))


async def _list(visitor: Visitor, refusal: Refusal | None = None) -> Response:
    query = visitor.request.query_params

    async def read(connection: AsyncConnection) -> dict[str, Any]:
        wanted = await _asked(visitor.service, connection, query)
        key = table.c.prepayment_id
        sums = ("amount", "paid")
        listing = await listed(query, connection, wanted, columns=COLUMNS, default="-prepayment", key=key, sums=sums)
        return {
            "listing": listing,
            "rows": [prepayment.answer_of(row) for row in listing.rows],
            "names": await hospital_names(connection, [row["hospital_code"] for row in listing.rows]),
            "sums": {name: yuan(value) for name, value in listing.sums.items()},
            "states": STATES,
            "funds": FUNDS,
        }

    return shown(visitor, "prepayments.html", refusal=refusal, **await reading(visitor, read))


@router.post("")
async def post_prepayment(request: Request) -> Response:
    """Draft a prepayment."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> Any:
        year = form.get("year", "")
        if not (year.isascii() and year.isdecimal() and len(year) == 4):
            raise Refused([Fault("/year", "invalid_parameter", {"parameter": "year"})])
        names = ("hospital_code", "area_code", "fund", "amount")
        sent = {name: form.get(name, "") for name in names} | {"year": int(year)}
        wanted = decode(msgspec.json.encode(sent), PrepaymentRequest)
        return await prepayment.make(visitor.service, connection, visitor.caller, wanted)

    return await stepped(
        request,
        move,
        "finance",
        location="/finance/prepayments",
        notice="notice.prepayment.made",
        show=lambda visitor, refusal: _list(visitor, refusal),
    )


@router.get("/{prepayment_id}")
async def get_prepayment(request: Request, prepayment_id: str) -> Response:
    """A prepayment."""
    return await _page(await visit(request, *MONEY_READERS), prepayment_id)


async def _page(visitor: Visitor, shown_id: str, refusal: Refusal | None = None) -> Response:
    async def read(connection: AsyncConnection) -> dict[str, Any]:
        found = await prepayment_of(connection, shown_id)
        names = await hospital_names(connection, [found.hospital_code])
        steps = STEPS.get(found.state, ()) if visitor.may("finance") else ()
        own = found.created_by == visitor.principal.subject
        return {
            "prepayment": found,
            "hospital": names.get(found.hospital_code, found.hospital_code),
            "movements": await bank.movements(connection, shown_id, number_of(PREPAYMENT, shown_id)),
            "events": await moves_of(connection, shown_id),
            "today": today(await business_now(visitor.service, connection)),
            "steps": tuple("second" if own and step == "approve" else step for step in steps),
        }

    return shown(visitor, "prepayment.html", refusal=refusal, **await reading(visitor, read))


async def _act(request: Request, shown_id: str, notice: str, move: Move) -> Response:
    return await stepped(
        request,
        move,
        "finance",
        location=f"/finance/prepayments/{shown_id}",
        notice=f"notice.prepayment.{notice}",
        show=lambda visitor, refusal: _page(visitor, shown_id, refusal),
    )


@router.post("/{prepayment_id}/approve")
async def post_approve(request: Request, prepayment_id: str) -> Response:
    """Approve a draft of somebody else."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> Any:
        return await prepayment.approve(visitor.service, connection, visitor.caller, prepayment_id)

    return await _act(request, prepayment_id, "approved", move)


@router.post("/{prepayment_id}/send")
async def post_send(request: Request, prepayment_id: str) -> Response:
    """Give it to the bank."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> Any:
        return await prepayment.send(visitor.service, connection, visitor.caller, prepayment_id)

    return await _act(request, prepayment_id, "sent", move)


@router.post("/{prepayment_id}/pay")
async def post_pay(request: Request, prepayment_id: str) -> Response:
    """Record a payment."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> Any:
        wanted = struct_of(form, PaymentRequest, "amount", "paid_on", "bank_reference")
        return await bank.pay_prepayment(visitor.service, connection, visitor.caller, prepayment_id, wanted)

    return await _act(request, prepayment_id, "payment", move)


@router.post("/{prepayment_id}/return")
async def post_return(request: Request, prepayment_id: str) -> Response:
    """Record money that came back."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> Any:
        wanted = struct_of(form, ReturnRequest, "amount", "returned_on", "bank_reference", "reason")
        return await bank.return_prepayment(visitor.service, connection, visitor.caller, prepayment_id, wanted)

    return await _act(request, prepayment_id, "return", move)


@router.post("/{prepayment_id}/cancel")
async def post_cancel(request: Request, prepayment_id: str) -> Response:
    """Cancel one that was not paid."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> Any:
        reason = struct_of(form, ReasonRequest, "reason").reason
        return await prepayment.cancel(visitor.service, connection, visitor.caller, prepayment_id, reason)

    return await _act(request, prepayment_id, "cancelled", move)
