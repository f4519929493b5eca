"""What every page needs: who looks, forms that nobody else can send, refusals shown where they happened, headers."""

import ipaddress
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeVar
from urllib.parse import parse_qsl, quote

import msgspec
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.basics.errors import Fault, Forbidden, Language, NotFound, OnestopError, Refused, Unauthorized
from app.finance import kept_form, session
from app.finance.look import link, said, template
from app.finance.navigation import ENTRIES, FURTHER
from app.finance.registered import area_names
from app.finance.second_factor import PROVEN_FOR
from app.finance.typing_in import understood
from app.finance.waiting import Waiting, waiting
from app.service.audit import asked_by
from app.service.caller import Caller, Keyed, Service
from app.service.http import count_request, open_request, principal_of, service_of
from app.service.idempotency import remembered, request_hash
from app.service.messages import HEADING, fault_text, summary
from app.service.problem import too_large
from app.service.security import ADMIN, Principal, require, sign
from app.service.wire import decode

SESSION_COOKIE: Final = "onestop_session"
LANGUAGE_COOKIE: Final = "onestop_language"
NOTICE_COOKIE: Final = "onestop_notice"
LOGIN_COOKIE: Final = "onestop_login"
LOGIN_PURPOSE: Final = "login"
KEYS_COOKIE: Final = "onestop_keys"
LOGIN: Final = "/finance/login"
PASSWORD: Final = "/finance/password"
SECOND_FACTOR: Final = "/finance/second-factor"
PROVEN_STEPS: Final = frozenset({"approve", "send"})
"""The steps before which a second factor is asked for, by the last word of their address."""
MAX_FORM_BYTES: Final = 256 * 1024
MAX_FIELDS: Final = 1000
AS_TYPED: Final = frozenset({"password", "old", "new", "again"})
LOGGER: Final = logging.getLogger("onestop")

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "style-src-attr 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
PAGE_SENTENCES: Final = {
    code: f"problem.{code}"
    for code in (
        *("internal_error", "forbidden_scope", "not_found", "form_not_ours"),
        *("idempotency_key_reused", "idempotency_in_progress"),
        *("invalid_cursor", "token_invalid", "token_expired", "token_has_ended", "token_needs_end"),
        *("all_funds_needed", "statement_needs_all_funds", "maker_is_checker", "roles_may_not_meet"),
        *("body_too_large", "malformed_form", "malformed_request", "unsupported_file_type", "unsupported_media_type"),
        *("missing", "wrong_type", "text_format", "invalid_parameter", "date_out_of_range", "unknown_field"),
        *("export_needs_office", "export_too_long", "unknown_hospital"),
    )
}
"""What the API says of tokens, keys, fields and addresses, a page says in its reader's words."""
T = TypeVar("T")


class Elsewhere(Exception):
    """The reader has to go to another page first."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


class Query(dict[str, str]):
    """The parameters of an address; one that isn't there is empty."""

    def __missing__(self, name: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a form was not accepted, with what was typed in."""

    sentences: list[str]
    status: int
    form: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)
    """What the error tells beside its sentences: of a year that can't be closed, what is unpaid."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at a page, in which language, with the token that the page's forms must send back."""

    request: Request
    service: Service
    caller: Caller
    csrf: str
    proven_at: datetime | None = None
    """When the session last proved its second factor, real time."""
    waits: Sequence[Waiting] | None = None
    """What waits, for the menu; None for a step, or for a part of a page."""
    area_names: Mapping[str, str] = field(default_factory=dict)
    """What areas are called, by code."""

    @property
    def principal(self) -> Principal:
        """Whose roles count."""
        return self.caller.principal

    @property
    def waiting(self) -> int:
        """How many things wait for them, for the menu."""
        return sum(one.mine for one in self.waits or ())

    def may(self, *scopes: str) -> bool:
        """Whether the visitor has one of the scopes."""
        return ADMIN in self.principal.scopes or not self.principal.scopes.isdisjoint(scopes)

    def may_for_all(self, *scopes: str) -> bool:
        """Whether the visitor has one of the scopes, for every fund."""
        return self.principal.funds is None and self.may(*scopes)

    def funds(self, posted: Iterable[str] = ()) -> list[str]:
        """The funds that the visitor acts for: those of today's packs, and of what is shown, whose pack may be gone."""
        mine = self.principal.funds
        return [one for one in dict.fromkeys((*self.service.book.funds, *posted)) if mine is None or one in mine]


# ---------------------------------------------------------------- who looks


def language_of(request: Request) -> Language:
    """The reader's language: Chinese unless English was switched on."""
    return "en" if request.cookies.get(LANGUAGE_COOKIE) == "en" else "zh"


async def visit(request: Request, *scopes: str, changing_password: bool = False) -> Visitor:
    """The visitor of a page for these scopes. Who is not logged in, or has to choose a password first, goes
    elsewhere."""
    service, cookie = service_of(request), request.cookies.get(SESSION_COOKIE, "")
    if not cookie:
        raise Unauthorized("session_ended")
    async with service.database.transaction() as connection:
        row = await session.current(service, connection, cookie)
    principal = principal_of(row)
    count_request(request, f"token {principal.token_id}")
    request.state.subject = principal.subject
    caller = Caller(principal, request.state.request_id, language_of(request))
    asked_by(caller)
    visitor = Visitor(request, service, caller, session.csrf_of(service.keys, cookie), row["proven_at"])
    whole = request.method == "GET" and "hx-request" not in request.headers

    async def frame(connection: AsyncConnection) -> tuple[Sequence[Waiting] | None, Mapping[str, str]]:
        return await waiting(connection, principal) if whole else None, await area_names(connection)

    waits, names = await reading(visitor, frame)
    visitor = replace(visitor, waits=waits, area_names=names)
    request.state.visitor = visitor  # an error's page has their menu too
    if row["must_change"] and not changing_password:
        raise Elsewhere(PASSWORD)
    if scopes:
        require(principal, *scopes)
    return visitor


async def reading(visitor: Visitor, read: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """What a read gives, in one transaction that reaches what the visitor may see."""
    async with visitor.service.database.transaction() as connection:
        await open_request(visitor.service, connection, visitor.caller)
        return await read(connection)


# ---------------------------------------------------------------- forms


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form, all but passwords stripped. TooLarge above ``MAX_FORM_BYTES``."""
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_FORM_BYTES:
            raise too_large(MAX_FORM_BYTES)
    try:
        pairs = parse_qsl(content.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise Forbidden("form_not_ours") from None
    return {name: value if name in AS_TYPED else value.replace("\x00", "").strip() for name, value in pairs}


async def own_form(visitor: Visitor) -> dict[str, str]:
    """The fields of a form that this visitor's page sent, Forbidden ``form_not_ours`` otherwise."""
    form = await form_of(visitor.request)
    cookie = visitor.request.cookies.get(SESSION_COOKIE, "")
    if not from_here(visitor.request) or not session.csrf_matches(visitor.service.keys, cookie, form.get("csrf", "")):
        raise Forbidden("form_not_ours")
    return form


def from_here(request: Request) -> bool:
    """Whether the browser says that one of our pages sent this, where it says anything."""
    return request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")


def new_key() -> str:
    """A form's key: sent twice, it acts once."""
    return f"form-{secrets.token_urlsafe(18)}"


def struct_of(form: Mapping[str, str], type_: type[T], *names: str) -> T:
    """A service's request from the fields of a form; empty ones are left out. Refused with every fault, as for the
    API."""
    wanted = {name: form[name] for name in names if form.get(name)}
    return decode(msgspec.json.encode(wanted), type_)


def form_keyed(visitor: Visitor, form: Mapping[str, str]) -> Keyed:
    """The key under which a form acts once; Forbidden ``form_not_ours`` without one that a page made."""
    key = form.get("key", "")
    if not key.startswith("form-") or not 20 <= len(key) <= 64:
        raise Forbidden("form_not_ours")
    kept = {name: value for name, value in form.items() if name not in ("csrf", "key")}
    return Keyed(key, request_hash(visitor.request, kept))


async def acted(
    visitor: Visitor,
    form: Mapping[str, str],
    act: Callable[[AsyncConnection], Awaitable[object]],
    *,
    location: str,
    notice: str,
    show: Callable[[Refusal], Awaitable[Response]],
) -> Response:
    """Act once per form, in one transaction, and go on to ``location`` with a notice; a refusal is shown by
    ``show``."""

    if form.get(kept_form.RESUMED):
        visitor.request.state.page = location.partition("?")[0]
        return await show(Refusal([said(visitor.caller.language, "resume.again")], 200, form))

    async def written(connection: AsyncConnection) -> tuple[int, bytes]:
        await act(connection)
        return 303, b"{}"

    try:
        await remembered(visitor.service, visitor.caller, form_keyed(visitor, form), written)
    except OnestopError as error:
        if error.status >= 500 or error.status == 404:
            raise
        visitor.request.state.page = location.partition("?")[0]
        visitor.request.state.rejections = [fault.code for fault in error.faults] or [error.code]
        return await show(Refusal(sentences_of(error, visitor.caller.language), error.status, form, error.extra))
    return gone_to(location, notice)


Move = Callable[["Visitor", AsyncConnection, dict[str, str]], Awaitable[object]]
"""A step: who takes it, in which transaction, with which fields. What it returns nobody looks at."""


async def stepped(
    request: Request,
    move: Move,
    *scopes: str,
    location: str,
    notice: str,
    show: Callable[[Visitor, Refusal], Awaitable[Response]],
) -> Response:
    """Take a step that a form asked for, as ``acted`` does, for a visitor with one of the scopes."""
    visitor = await visit(request, *scopes)
    form = await own_form(visitor)
    check_proven(visitor, location)
    return await acted(
        visitor,
        form,
        lambda connection: move(visitor, connection, understood(form)),
        location=location,
        notice=notice,
        show=lambda refusal: show(visitor, refusal),
    )


def check_proven(visitor: Visitor, location: str) -> None:
    """Send who takes a step of ``PROVEN_STEPS`` and has not proved their second factor in the last minutes to where
    they can; they come back to the page, where nothing has changed."""
    if visitor.request.url.path.rpartition("/")[2] not in PROVEN_STEPS:
        return
    proven = visitor.proven_at is not None and visitor.proven_at > datetime.now(UTC) - PROVEN_FOR
    if visitor.service.settings.asks_second_factor and not proven:
        raise Elsewhere(link(SECOND_FACTOR, {}, next=location))


def sentences_of(error: OnestopError, language: Language) -> list[str]:
    """What an error says to a reader of a page: each of its faults once. What the API says of tokens, keys and
    cursors, a page says of logins, forms and pages."""
    if error.faults:
        return list(dict.fromkeys(_fault_sentence(fault, language) for fault in error.faults))
    if error.code in PAGE_SENTENCES:
        return [said(language, PAGE_SENTENCES[error.code], **error.values)]
    return [summary(error.code, error.values, 0, language)]


def _fault_sentence(fault: Fault, language: Language) -> str:
    if fault.code in PAGE_SENTENCES and HEADING not in fault.values:  # of a file's cell the place is said too
        return said(language, PAGE_SENTENCES[fault.code], **fault.values)
    return fault_text(fault, language)


def gone_to(location: str, notice: str | None = None) -> Response:
    """On to another page, which shows the notice once."""
    response = RedirectResponse(location, 303)
    if notice is not None:
        response.set_cookie(NOTICE_COOKIE, notice, max_age=60, path="/finance", httponly=True, samesite="lax")
    return response


# ---------------------------------------------------------------- showing


Contents = Mapping[str, object]
"""What a page's template is given, by the names that it uses."""


def shown(
    visitor: Visitor,
    name: str,
    contents: Contents | None = None,
    *,
    status: int = 200,
    refusal: Refusal | None = None,
    **further: object,
) -> Response:
    """A page for a visitor: its template with these contents."""
    notice = visitor.request.cookies.get(NOTICE_COOKIE)
    response = _rendered(
        visitor.request,
        name,
        refusal.status if refusal else status,
        {"visitor": visitor, "notice": notice, "refusal": refusal, **(contents or {}), **further},
    )
    if notice is not None:
        response.delete_cookie(NOTICE_COOKIE, path="/finance")
    return response


def _rendered(request: Request, name: str, status: int, contents: Contents) -> Response:
    language = language_of(request)
    query = Query(request.query_params)
    path = getattr(request.state, "page", request.url.path)  # after a refused step: the page that shows it
    content = template(name).render(
        {
            "language": language,
            "t": partial(said, language),
            "path": path,
            "query": query,
            "here": partial(link, path, query),
            "new_key": new_key,
            "navigation": ENTRIES,
            "further": FURTHER,
            "keys_off": request.cookies.get(KEYS_COOKIE) == "off",
            "here_in": _entry(request.url.path),
            "visitor": getattr(request.state, "visitor", None),
            "notice": None,
            "refusal": None,
            **contents,
        }
    )
    return HTMLResponse(content, status)


def _entry(path: str) -> str:
    """The menu's entry that a page belongs to."""
    found = [address for _, address, _ in ENTRIES if path == address or path.startswith(f"{address}/")]
    return max(found, key=len, default="")


def shown_to_anyone(request: Request, name: str, *, status: int = 200, **contents: object) -> Response:
    """A page for somebody who is not logged in."""
    return _rendered(request, name, status, contents)


def secure(request: Request) -> bool:
    """Whether cookies are for TLS only: always, except over plain HTTP to this very machine."""
    if request.url.scheme == "https":
        return True
    host = request.url.hostname or ""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


class PageRoute(APIRoute):
    """A route whose refusals are pages, and whose answers bear the headers of pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[object, object, Response]]:
        """The handler with our errors turned to pages."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                response: Response = await inner(request)
            except Elsewhere as other:
                response = RedirectResponse(other.location, 303)
            except RequestValidationError:
                response = problem_page(request, NotFound("not_found"))
            except OnestopError as error:
                response = await _refused(request, error)
            except Exception as error:
                response = _defect(request, error)
            _complete(request, response.headers)
            return response

        return handle


def _defect(request: Request, error: Exception) -> Response:
    """A defect: logged under the request's id, shown as a page that names it and nothing of the error."""
    request_id = str(getattr(request.state, "request_id", ""))
    fields = {"fields": {"request_id": request_id}}
    LOGGER.error(
        "unexpected error in request %s; report it with its traceback", request_id, exc_info=error, extra=fields
    )
    return problem_page(request, OnestopError("internal_error"))


async def _login_again(request: Request) -> Response | None:
    """The login page with the form that was sent after its session had ended; None where there is none to keep."""
    if request.method != "POST" or not kept_form.is_kept(request) or request.url.path.startswith((LOGIN, PASSWORD)):
        return None
    service = service_of(request)
    async with service.database.transaction() as connection:
        owner = await session.owner(connection, request.cookies.get(SESSION_COOKIE, ""))
    if owner is None or not from_here(request):
        return None
    try:
        fields = await form_of(request)
    except OnestopError:
        return None
    form = kept_form.kept(service.keys, link(request.url.path, request.query_params), fields, owner)
    return login_page(request, "/finance", Refusal([said(language_of(request), "resume.ended")], 401), kept=form)


def login_page(request: Request, wanted: str, refusal: Refusal | None, *, kept: str = "") -> Response:
    """The form to log in with, bound to this browser by a cookie of its own, so that nobody else can log somebody in
    as himself. ``kept``: a form to come back to."""
    bound = request.cookies.get(LOGIN_COOKIE) or secrets.token_urlsafe(18)
    csrf = sign(service_of(request).keys, LOGIN_PURPOSE, bound[:64].encode())
    status = refusal.status if refusal else 200
    contents = {"refusal": refusal, "wanted": wanted, "csrf": csrf, "kept": kept}
    response = shown_to_anyone(request, "login.html", status=status, **contents)
    response.set_cookie(LOGIN_COOKIE, bound[:64], path=LOGIN, httponly=True, samesite="strict", secure=secure(request))
    return response


async def _refused(request: Request, error: OnestopError) -> Response:
    if isinstance(error, Unauthorized) and error.code == "session_ended":
        again = await _login_again(request)
        if again is not None:
            return again
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        location = f"{LOGIN}?next={quote(wanted, safe='')}" if request.method == "GET" else LOGIN
        if "hx-request" in request.headers:
            return Response(status_code=204, headers={"HX-Redirect": location})
        return RedirectResponse(location, 303)
    return problem_page(request, error)


def problem_page(request: Request, error: OnestopError) -> Response:
    """An error as a page of its own."""
    request.state.rejections = [fault.code for fault in error.faults] or [error.code]
    status = 422 if isinstance(error, Refused) else error.status
    sentences = sentences_of(error, language_of(request))
    request_id = str(getattr(request.state, "request_id", ""))
    response = _rendered(request, "problem.html", status, {"sentences": sentences, "request_id": request_id})
    response.headers.update(error.headers)
    return response


def _complete(request: Request, headers: MutableHeaders) -> None:
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    if request.url.scheme == "https":
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
