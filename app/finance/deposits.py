"""Quality deposits at the year's final settlement: what is held, drafted by one, approved by another with every figure
before their eyes."""

from typing import Final

import msgspec
from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.errors import Fault, Refused
from app.basics.money import yuan
from app.clearing import deposit, machine
from app.clearing.api import ReasonRequest
from app.clearing.deposit import RELEASES, ReleaseRequest
from app.clearing.lists import RELEASES as LIST
from app.clearing.machine import acting
from app.clearing.moves import business_now, today
from app.clearing.order_list import release_row
from app.clearing.payment import PaymentState
from app.finance.following import following
from app.finance.history import moves_of
from app.finance.list_page import ListPage, list_shown
from app.finance.page import Contents, Move, PageRoute, Refusal, Visitor, reading, shown, stepped, struct_of, visit
from app.finance.registered import every_hospital, hospital_names, hospital_typed, paying_areas
from app.service.security import MONEY_READERS
from app.service.wire import decode

router = APIRouter(prefix="/finance/deposits", route_class=PageRoute, include_in_schema=False)
PATH: Final = "/finance/deposits"
PAGE: Final = ListPage(
    declared=LIST,
    address=PATH,
    members=(
        *("release_id", "hospital_code", "year", "fund", "deposit", "assessed_ratio", "amount", "forfeited"),
        *("disbursement_id", "state"),
    ),
    key="release_id",
    live=lambda rows: rows.c.state != "cancelled",
    template="deposits.html",
)


@router.get("")
async def get_releases(request: Request) -> Response:
    """The releases, and what is held of ended years."""
    return await _list(await visit(request, *LIST.scopes))


async def _list(visitor: Visitor, refusal: Refusal | None = None) -> Response:
    async def read(connection: AsyncConnection) -> Contents:
        day = today(await business_now(visitor.service, connection))
        found = await deposit.unreleased(connection, before=day.year) if visitor.may("finance") else []
        funds = visitor.funds(row["fund"] for row in found)
        seen = [row for row in found if row["fund"] in funds]
        return {
            "funds": funds,
            "held": [{**row, "amount": yuan(int(row["amount"]))} for row in seen],
            "held_names": await hospital_names(connection, [row["hospital_code"] for row in seen]),
            "hospitals": await every_hospital(connection),
            "areas": await paying_areas(connection),
            "last_year": day.year - 1,
        }

    return await list_shown(visitor, PAGE, refusal, **await reading(visitor, read))


@router.post("")
async def post_release(request: Request) -> Response:
    """Draft the release of a year's deposits."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        year = form.get("year", "")
        if not (year.isascii() and year.isdecimal() and len(year) == 4):
            raise Refused([Fault("/year", "invalid_parameter", {"parameter": "year"})])
        names = ("hospital_code", "area_code", "fund", "assessed_ratio", "reason")
        meant = await hospital_typed(connection, form)
        sent = {name: meant.get(name, "") for name in names} | {"year": int(year)}
        wanted = decode(msgspec.json.encode(sent), ReleaseRequest)
        return await deposit.make(await acting(visitor.service, connection, visitor.caller), wanted)

    return await stepped(request, move, "finance", location=PATH, notice="notice.release.made", show=_list)


@router.get("/{release_id}")
async def get_release(request: Request, release_id: str) -> Response:
    """A release."""
    return await _page(await visit(request, *MONEY_READERS), release_id)


async def _page(visitor: Visitor, release_id: str, refusal: Refusal | None = None) -> Response:
    async def read(connection: AsyncConnection) -> Contents:
        row = await release_row(connection, release_id)
        release = await deposit.shown(connection, row)
        names = await hospital_names(connection, [release.hospital_code])
        return {
            "release": release,
            "hospital": names.get(release.hospital_code, release.hospital_code),
            "events": await moves_of(connection, release_id),
            "following": await following(visitor, connection, PATH, row.release_id),
            "steps": _steps(visitor, row.state, row.subject),
        }

    visitor.request.state.page = f"{PATH}/{release_id}"
    return shown(visitor, "deposit.html", await reading(visitor, read), refusal=refusal)


def _steps(visitor: Visitor, state: PaymentState, made_by: str) -> tuple[str, ...]:
    if not visitor.may("finance") or state != PaymentState.DRAFT:
        return ()
    return ("second" if made_by == visitor.principal.subject else "approve", "cancel")


async def _act(request: Request, release_id: str, notice: str, move: Move) -> Response:
    return await stepped(
        request,
        move,
        "finance",
        location=f"{PATH}/{release_id}",
        notice=f"notice.release.{notice}",
        show=lambda visitor, refusal: _page(visitor, release_id, refusal),
    )


@router.post("/{release_id}/approve")
async def post_approve(request: Request, release_id: str) -> Response:
    """Approve somebody else's draft: what is released gets its order, the rest is a deduction."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        act = await acting(visitor.service, connection, visitor.caller)
        return await machine.approve(act, RELEASES, release_id)

    return await _act(request, release_id, "approved", move)


@router.post("/{release_id}/cancel")
async def post_cancel(request: Request, release_id: str) -> Response:
    """Cancel a draft."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        reason = struct_of(form, ReasonRequest, "reason").reason
        act = await acting(visitor.service, connection, visitor.caller)
        return await machine.cancel(act, RELEASES, release_id, reason)

    return await _act(request, release_id, "cancelled", move)
