"""Prepayments to hospitals: drafted, approved by another, sent, paid, taken off orders, returned."""

from typing import Final

import msgspec
from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.errors import Fault, Refused
from app.basics.ids import PREPAYMENT, number_of
from app.clearing import bank, pinned, prepayment
from app.clearing.lists import PREPAYMENTS as LIST
from app.clearing.machine import acting
from app.clearing.moves import business_now, today
from app.clearing.order_list import prepayment_row
from app.clearing.payment import PaymentKind, PaymentState
from app.clearing.prepayment import PREPAYMENTS, PrepaymentRequest
from app.finance.following import following
from app.finance.history import moves_of
from app.finance.list_page import ListPage, list_shown
from app.finance.page import Contents, PageRoute, Refusal, Visitor, reading, shown, stepped, visit
from app.finance.payment_steps import Pages, add_steps, steps_for
from app.finance.registered import every_hospital, hospital_names, hospital_typed, paying_areas
from app.service.security import MONEY_READERS
from app.service.wire import decode

router = APIRouter(prefix="/finance/prepayments", route_class=PageRoute, include_in_schema=False)
PAGE: Final = ListPage(
    declared=LIST,
    address="/finance/prepayments",
    members=("prepayment_id", "hospital_code", "year", "fund", "amount", "paid", "outstanding", "state"),
    key="prepayment_id",
    live=lambda rows: rows.c.state != "cancelled",
    template="prepayments.html",
    batch=("approve", "send", "pay"),
)


@router.get("")
async def get_prepayments(request: Request) -> Response:
    """The prepayments."""
    return await _list(await visit(request, *LIST.scopes))


async def _list(visitor: Visitor, refusal: Refusal | None = None) -> Response:
    async def read(connection: AsyncConnection) -> Contents:
        return {"hospitals": await every_hospital(connection), "areas": await paying_areas(connection)}

    return await list_shown(visitor, PAGE, refusal, funds=visitor.funds(), **await reading(visitor, read))


@router.post("")
async def post_prepayment(request: Request) -> Response:
    """Draft a prepayment."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        year = form.get("year", "")
        if not (year.isascii() and year.isdecimal() and len(year) == 4):
            raise Refused([Fault("/year", "invalid_parameter", {"parameter": "year"})])
        names = ("hospital_code", "area_code", "fund", "amount")
        meant = await hospital_typed(connection, form)
        sent = {name: meant.get(name, "") for name in names} | {"year": int(year)}
        wanted = decode(msgspec.json.encode(sent), PrepaymentRequest)
        act = await acting(visitor.service, connection, visitor.caller)
        return await prepayment.make(act, wanted)

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
    async def read(connection: AsyncConnection) -> Contents:
        row = await prepayment_row(connection, shown_id)
        found, current = prepayment.answer_of(row), await pinned.is_current(connection, row)
        names = await hospital_names(connection, [found.hospital_code])
        return {
            "prepayment": found,
            "hospital": names.get(found.hospital_code, found.hospital_code),
            "movements": await bank.movements(connection, shown_id, number_of(PREPAYMENT, shown_id)),
            "events": await moves_of(connection, shown_id),
            "today": today(await business_now(visitor.service, connection)),
            "changed": row.state is PaymentState.APPROVED and not current,
            "following": await following(visitor, connection, "/finance/prepayments", row.prepayment_id),
            "steps": steps_for(visitor, PaymentKind.PREPAYMENT, row.state, row.subject, account_is_current=current),
        }

    return shown(visitor, "prepayment.html", await reading(visitor, read), refusal=refusal)


async def _again(visitor: Visitor, shown_id: str, refusal: Refusal) -> Response:
    return await _page(visitor, shown_id, refusal)


add_steps(router, Pages("/finance/prepayments", "prepayment", PREPAYMENTS, _again))
