"""Logging in and out, changing the password, switching the language."""

import secrets
from typing import Final

from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.responses import Response

from app.basics.errors import Fault, Forbidden, OnestopError, Refused
from app.basics.text import folded
from app.finance import kept_form, session, user
from app.finance.page import (
    LANGUAGE_COOKIE,
    LOGIN,
    LOGIN_COOKIE,
    LOGIN_PURPOSE,
    PASSWORD,
    SESSION_COOKIE,
    PageRoute,
    Refusal,
    Visitor,
    form_of,
    from_here,
    gone_to,
    language_of,
    login_page,
    own_form,
    secure,
    sentences_of,
    shown,
    shown_to_anyone,
    struct_of,
    visit,
)
from app.finance.user import Password
from app.service.http import service_of
from app.service.security import verify

router = APIRouter(prefix="/finance", route_class=PageRoute, include_in_schema=False)
HOME: Final = "/finance"
LANGUAGE_SECONDS: Final = 365 * 24 * 3600


class NewPassword(Struct, forbid_unknown_fields=True):
    """The form of a password's change."""

    old: str
    new: Password
    again: str


def safe_next(wanted: str | None) -> str:
    """Where to go after the login: one of our pages, nowhere else."""
    if wanted is None or not wanted.startswith(HOME) or "\\" in wanted or any(ord(one) < 33 for one in wanted):
        return HOME
    rest = wanted[len(HOME) :]
    return wanted if rest == "" or rest[0] in "/?" else HOME


@router.get("/login")
async def get_login(request: Request, next: str | None = None) -> Response:
    """The form to log in with."""
    return login_page(request, safe_next(next), None)


@router.post("/login")
async def post_login(request: Request) -> Response:
    """Begin a session."""
    service, form = service_of(request), await form_of(request)
    wanted = safe_next(form.get("next"))
    try:
        _check_bound(request, form)
        name, password = folded(form.get("name", ""))[:64], form.get("password", "")[:200]
        row = await user.checked(service, name=name, password=password, origin=origin_of(request))
    except OnestopError as error:
        if error.status >= 500:
            raise
        typed = {"name": form.get("name", "")}
        refusal = Refusal(sentences_of(error, language_of(request)), error.status, typed)
        return login_page(request, wanted, refusal, kept=form.get("kept", ""))
    async with service.database.transaction() as connection:
        text = await session.begin(service, connection, row, request.state.request_id)
    request.state.subject = row["name"]
    back = kept_form.kept_of(service.keys, form.get("kept", ""), row["name"])
    if back is not None and not row["must_change"]:
        csrf = session.csrf_of(service.keys, text)
        response = shown_to_anyone(request, "resume.html", form=back, csrf=csrf)
    else:
        response = gone_to(PASSWORD if row["must_change"] else wanted)
    response.delete_cookie(LOGIN_COOKIE, path=LOGIN)
    response.set_cookie(SESSION_COOKIE, text, path=HOME, httponly=True, samesite="lax", secure=secure(request))
    return response


def _check_bound(request: Request, form: dict[str, str]) -> None:
    try:
        bound = verify(service_of(request).keys, LOGIN_PURPOSE, form.get("csrf", "")).decode()
    except ValueError:
        raise Forbidden("form_not_ours") from None
    if not from_here(request) or not secrets.compare_digest(bound, request.cookies.get(LOGIN_COOKIE, "")):
        raise Forbidden("form_not_ours")


@router.post("/logout")
async def post_logout(request: Request) -> Response:
    """End the session."""
    visitor = await visit(request, changing_password=True)
    await own_form(visitor)
    async with visitor.service.database.transaction() as connection:
        await session.end(connection, visitor.principal.subject, token_id=visitor.principal.token_id)
    response = gone_to(LOGIN)
    response.delete_cookie(SESSION_COOKIE, path=HOME)
    return response


@router.get("/password")
async def get_password(request: Request) -> Response:
    """The form to change the password with."""
    return shown(await visit(request, changing_password=True), "password.html")


@router.post("/password")
async def post_password(request: Request) -> Response:
    """Change the password. Every session of the user ends but a new one, which begins here."""
    visitor = await visit(request, changing_password=True)
    form = await own_form(visitor)
    try:
        text = await _changed(visitor, form)
    except OnestopError as error:
        if error.status >= 500:
            raise
        return shown(visitor, "password.html", refusal=Refusal(sentences_of(error, visitor.caller.language), 422))
    response = gone_to(HOME, "notice.password_changed")
    response.set_cookie(SESSION_COOKIE, text, path=HOME, httponly=True, samesite="lax", secure=secure(request))
    return response


async def _changed(visitor: Visitor, form: dict[str, str]) -> str:
    wanted = struct_of(form, NewPassword, "old", "new", "again")
    if wanted.new != wanted.again:
        raise Refused([Fault("/again", "passwords_differ")])
    service, name = visitor.service, visitor.principal.subject
    row = await user.checked(service, name=name, password=wanted.old, origin=origin_of(visitor.request))
    async with service.database.transaction() as connection:
        await user.choose_password(connection, name, old=wanted.old, new=wanted.new)
        await session.end(connection, name)
        return await session.begin(service, connection, row, visitor.caller.request_id)


def origin_of(request: Request) -> str:
    """Where a request comes from; behind a proxy on this machine, what it says."""
    return request.client.host if request.client else ""


@router.get("/language/{language}")
async def get_language(request: Request, language: str, next: str | None = None) -> Response:
    """Switch the language of the pages for this browser."""
    response = gone_to(safe_next(next))
    if language in ("zh", "en"):
        response.set_cookie(
            LANGUAGE_COOKIE, language, max_age=LANGUAGE_SECONDS, path=HOME, samesite="lax", secure=secure(request)
        )
    return response
