"""Accounts: who may log in to the pages, and the tokens of other systems; added, given a new password, disabled,
replaced, revoked. For administrators without hospital, area and funds."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.errors import OnestopError
from app.basics.funds import NATIONAL_FUNDS
from app.basics.text import subject_form
from app.finance import second_factor, session, user
from app.finance.listing import chosen
from app.finance.page import (
    Contents,
    Move,
    PageRoute,
    Refusal,
    Visitor,
    acted,
    form_keyed,
    own_form,
    reading,
    sentences_of,
    shown,
    visit,
)
from app.finance.registered import every_hospital, hospital_typed
from app.finance.typing_in import understood
from app.finance.user import UserRequest
from app.finance.user_api import PasswordRequest
from app.service import tokens
from app.service.idempotency import remembered
from app.service.lists import Asked
from app.service.security import ADMIN, SCOPES, blind_index, require_unrestricted_admin
from app.service.token_list import TOKENS, TokenFilters
from app.service.tokens import RotationRequest, TokenAnswer, TokenRequest
from app.service.wire import decode

router = APIRouter(prefix="/finance/users", route_class=PageRoute, include_in_schema=False)
PATH: Final = "/finance/users"
TOKENS_SHOWN: Final = 50
MOST_DIGITS: Final = 3


async def _admin(request: Request) -> Visitor:
    visitor = await visit(request, ADMIN)
    require_unrestricted_admin(visitor.principal)
    return visitor


@router.get("")
async def get_users(request: Request) -> Response:
    """The users and the tokens."""
    return await _page(await _admin(request))


async def _page(visitor: Visitor, refusal: Refusal | None = None, **further: object) -> Response:
    query = visitor.request.query_params
    after = chosen(query, "after") or ""
    asked = Asked(
        visitor.service,
        visitor.caller,
        TokenFilters(subject=chosen(query, "subject")),
        int(after) if after.isascii() and after.isdecimal() else None,
        TOKENS_SHOWN,
    )
    found = await TOKENS.read(asked)

    async def read(connection: AsyncConnection) -> Contents:
        return {"users": await user.listed(connection), "hospitals": await every_hospital(connection)}

    visitor.request.state.page = PATH
    funds = visitor.service.book.funds
    contents = {"tokens": found.rows, "last": found.last, "scopes": SCOPES, "funds": funds, "issued": None}
    return shown(visitor, "users.html", {**await reading(visitor, read), **contents, **further}, refusal=refusal)


async def _rights(connection: AsyncConnection, typed: Mapping[str, str]) -> dict[str, object]:
    """Roles and reach as a form says them: a box for each role and each fund, a hospital by name or code."""
    form = await hospital_typed(connection, typed)
    values: dict[str, object] = {"scopes": [scope for scope in SCOPES if form.get(f"scope_{scope}")]}
    values |= {name: form[name] for name in ("hospital_code", "area_code") if form.get(name)}
    funds = [fund for fund in NATIONAL_FUNDS if form.get(f"fund_{fund}")]
    return values | ({"funds": funds} if funds else {})


async def _act(request: Request, notice: str, move: Move) -> Response:
    """Take a step once per form. The form is remembered with a keyed digest for a password, which a plain hash would
    let be guessed, and shown again without it."""
    visitor = await _admin(request)
    form = await own_form(visitor)
    kept = {name: value for name, value in form.items() if name != "password"}
    if "password" in form:
        kept["digest"] = blind_index(visitor.service.keys, form["password"]).hex()
    return await acted(
        visitor,
        kept,
        lambda connection: move(visitor, connection, form),
        location=PATH,
        notice=f"notice.user.{notice}",
        show=lambda refusal: _page(visitor, refusal),
    )


# ---------------------------------------------------------------- users


@router.post("")
async def post_user(request: Request) -> Response:
    """Add somebody who may log in."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        sent = {"name": form.get("name", ""), "password": form.get("password", "")} | await _rights(connection, form)
        wanted = decode(msgspec.json.encode(sent), UserRequest)
        strict, caller = visitor.service.settings.production, visitor.caller
        signed = {"created_by": caller.principal.subject, "request_id": caller.request_id}
        return await user.add(connection, None, wanted, strict=strict, **signed)

    return await _act(request, "added", move)


@router.post("/{name}/password")
async def post_password(request: Request, name: str) -> Response:
    """Give a user a new password for one login; ends their sessions and enables them."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> None:
        wanted = decode(msgspec.json.encode({"password": form.get("password", "")}), PasswordRequest)
        known = subject_form(name)
        await user.reset(connection, known, wanted.password, strict=visitor.service.settings.production)
        await session.end(connection, known)

    return await _act(request, "password", move)


@router.post("/{name}/disable")
async def post_disable(request: Request, name: str) -> Response:
    """Disable a login and end its sessions."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> None:
        known = subject_form(name)
        await user.disable(connection, known)
        await session.end(connection, known)

    return await _act(request, "disabled", move)


@router.post("/{name}/second-factor")
async def post_second_factor(request: Request, name: str) -> Response:
    """Ask for a new second factor of a user, or do what another administrator asked for."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> None:
        known = subject_form(name)
        done = await second_factor.reset(connection, visitor.caller, known)
        if done:
            await session.end(connection, known)

    return await _act(request, "factor", move)


# ---------------------------------------------------------------- tokens


@router.post("/tokens")
async def post_token(request: Request) -> Response:
    """Issue a token for another system; its text is on this page once."""

    async def issue(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> Struct:
        sent = {"subject": form.get("subject", "")} | await _rights(connection, form)
        if ends := form.get("expires_on"):
            sent["expires_at"] = f"{ends}T00:00:00+08:00"
        wanted = decode(msgspec.json.encode(sent), TokenRequest)
        strict, caller = visitor.service.settings.production, visitor.caller
        signed = {"created_by": caller.principal.subject, "request_id": caller.request_id}
        return await tokens.issue(connection, None, wanted, strict=strict, **signed)

    return await _issued(request, issue)


@router.post("/tokens/{token_id}/rotate")
async def post_rotate(request: Request, token_id: str) -> Response:
    """Put a new token in another's place, which goes on for some hours."""

    async def issue(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> Struct:
        hours = form.get("overlap_hours", "")
        whole = int(hours) if hours.isascii() and hours.isdecimal() and len(hours) <= MOST_DIGITS else hours
        wanted = decode(msgspec.json.encode({"overlap_hours": whole}), RotationRequest)
        strict, caller = visitor.service.settings.production, visitor.caller
        signed = {"by": caller.principal.subject, "request_id": caller.request_id}
        return await tokens.rotate(connection, token_id, wanted, strict=strict, **signed)

    return await _issued(request, issue)


async def _issued(
    request: Request, issue: Callable[[Visitor, AsyncConnection, dict[str, str]], Awaitable[Struct]]
) -> Response:
    """The page with the new token's text; the same form again shows it without."""
    visitor = await _admin(request)
    form = await own_form(visitor)

    async def act(connection: AsyncConnection) -> tuple[int, bytes]:
        return 200, msgspec.json.encode(await issue(visitor, connection, understood(form)))

    try:
        keyed = form_keyed(visitor, form)
        _, content, _ = await remembered(visitor.service, visitor.caller, keyed, act, kept=tokens.without_text)
    except OnestopError as error:
        if error.status >= 500 or error.status == 404 or error.code == "form_not_ours":
            raise
        visitor.request.state.rejections = [fault.code for fault in error.faults] or [error.code]
        return await _page(visitor, Refusal(sentences_of(error, visitor.caller.language), error.status, form))
    return await _page(visitor, issued=msgspec.json.decode(content, type=TokenAnswer))


@router.post("/tokens/{token_id}/revoke")
async def post_revoke(request: Request, token_id: str) -> Response:
    """Revoke a token, at once and for good."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> None:
        await tokens.revoke(connection, token_id, revoked_by=visitor.principal.subject)

    return await _act(request, "revoked", move)
