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
from app.clearing.disbursement_api import PrepaymentState
from app.clearing.machine import acting
from app.clearing.moves import business_now, today
from app.clearing.order_list import prepayment_of
from app.clearing.payment import Kind
from app.clearing.plan import FUNDS
from app.clearing.prepayment import PREPAYMENTS, PrepaymentRequest
from app.clearing.tables import prepayment as table
from app.finance.history import moves_of
from app.finance.listing import chosen, listed
from app.finance.page import PageRoute, Refusal, Visitor, reading, shown, stepped, visit
from app.finance.payment_steps import Pages, add_steps, steps_for
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
            "rows": [prepayment.answer_of(PREPAYMENTS.read(row)) for row in listing.rows],
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
    async def read(connection: AsyncConnection) -> dict[str, Any]:
        found = await prepayment_of(connection, shown_id)
        names = await hospital_names(connection, [found.hospital_code])
        return {
            "prepayment": found,
            "hospital": names.get(found.hospital_code, found.hospital_code),
            "movements": await bank.movements(connection, shown_id, number_of(PREPAYMENT, shown_id)),
            "events": await moves_of(connection, shown_id),
            "today": today(await business_now(visitor.service, connection)),
            "steps": steps_for(visitor, Kind.PREPAYMENT, found.state, found.created_by),
        }

    return shown(visitor, "prepayment.html", refusal=refusal, **await reading(visitor, read))


async def _again(visitor: Visitor, shown_id: str, refusal: Refusal) -> Response:
    return await _page(visitor, shown_id, refusal)


add_steps(router, Pages("/finance/prepayments", "prepayment", PREPAYMENTS, _again))
