"""What every route needs: who asks, what a transaction of theirs may reach, answers, pages of lists."""

import re
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import Annotated, Final, cast

import msgspec
from fastapi import Query, Request
from sqlalchemy import RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.errors import Fault, NotFound, Refused, Unauthorized, Unavailable
from app.database.engine import RETRY_SECONDS, HotConnection
from app.service.audit import asked_by
from app.service.caller import Caller, OpenState, Service
from app.service.conditions import HEADER, tag_of, tags_of
from app.service.messages import language_of
from app.service.metrics import rate_limited
from app.service.security import Principal, bearer, is_admin_token, token_digest
from app.service.tables import token

JSON_TYPE: Final = "application/json"
ADMIN_SUBJECT: Final = "admin"
MAX_CACHED_TOKENS: Final = 10_000
USED_EVERY: Final = timedelta(hours=1)
PAGE_DEFAULT: Final = 20
PAGE_MOST: Final = 100

QueryDay = Annotated[date | None, Query(ge=date(2, 1, 1), le=date(9998, 12, 31))]
"""A day that a query may name: any but those at the edge of the calendar, which have no instant in every zone."""

_encoder: Final = msgspec.json.Encoder()
# Quoting, settling and reversing have a queue instead: the cashier's window is never told to come again in a minute.
UNLIMITED: Final = re.compile(r"/v1/(quotes|settlements|settlements/[^/]+/reversal)")
OPEN: Final = "SELECT * FROM request_open($1, $2, $3, $4, $5, $6, $7, $8, $9)"


def service_of(request: Request) -> Service:
    """The service's parts, put there by the lifespan. Unavailable as long as the database was away since the start."""
    service = cast(Service, request.app.state.service)
    if not service.prepared:
        raise Unavailable("database_unavailable", headers={"Retry-After": RETRY_SECONDS})
    return service


def encoded(body: object) -> bytes:
    """An answer's JSON."""
    return _encoder.encode(body)


def answer(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(body if isinstance(body, bytes) else encoded(body), status, headers, JSON_TYPE)


def tagged(body: object) -> Response:
    """The answer of a read, with the tag that a PUT can send back with ``If-Match``."""
    return answer(body, headers={"ETag": tag_of(body)})


async def caller_of(request: Request, *, browser: bool = False) -> Caller:
    """Who asks; ``browser`` as in ``security.bearer``. Unauthorized without a valid token.

    A token is looked up at most once in ``token_cache_seconds``, and checked again by the database in the request's own
    transaction, so that a revoked one is refused at once.
    """
    service = service_of(request)
    if request.method == "GET" and "\x00" in request.scope["path"]:
        raise NotFound("not_found")
    if b"%00" in request.scope["query_string"]:
        raise Refused([Fault("/query", "nul_character")])
    try:
        presented = bearer(request.headers.get("authorization"), browser=browser)
        if is_admin_token(presented, service.settings.admin_token):
            principal = Principal(service.admin_token_id, ADMIN_SUBJECT, frozenset({"admin"}), None, None, None, None)
        else:
            principal = await _principal(service, token_digest(presented))
    except Unauthorized:
        count_stranger(request)
        raise
    if request.method != "POST" or UNLIMITED.fullmatch(request.scope["path"]) is None:
        count_request(request, f"token {principal.token_id}")
    state = request.state
    state.subject = principal.subject
    language = language_of(request.headers.get("accept-language"))
    caller = Caller(principal, state.request_id, language, tags_of(request.headers.getlist(HEADER)))
    asked_by(caller)
    return caller


def count_request(request: Request, who: str) -> None:
    """Count a request of somebody; TooMany when they ask too often. The answer says what is left to them."""
    allowance = service_of(request).rates.spent(who)
    if allowance is not None:
        request.state.allowance = allowance
        if allowance.left < 0:
            rate_limited.inc()
        allowance.check()


def count_stranger(request: Request) -> None:
    """Count a request of nobody known by its address, as ``count_request``. Who is known isn't held to what others do
    from the same address."""
    count_request(request, f"address {request.client.host if request.client else ''}")


async def _principal(service: Service, digest: bytes) -> Principal:
    cached = service.tokens.get(digest)
    if cached is not None and monotonic() - cached[0] < service.settings.token_cache_seconds:
        return _unexpired(cached[1])
    async with service.database.transaction(reserved=True) as connection:
        row = (await connection.execute(select(token).where(token.c.digest == digest))).mappings().first()
        if row is None or row["revoked_at"] is not None:
            raise Unauthorized("token_invalid", headers={"WWW-Authenticate": "Bearer"})
        if row["last_used_at"] is None or row["last_used_at"] < datetime.now(UTC) - USED_EVERY:
            await connection.execute(select(func.token_used(row["token_id"])))
    principal = principal_of(row)
    if len(service.tokens) >= MAX_CACHED_TOKENS:
        service.tokens.clear()
    service.tokens[digest] = (monotonic(), principal)
    return _unexpired(principal)


def _unexpired(principal: Principal) -> Principal:
    """The principal, unless its token has ended by real time."""
    if principal.expires_at is not None and principal.expires_at <= datetime.now(UTC):
        raise Unauthorized("token_expired", headers={"WWW-Authenticate": "Bearer"})
    return principal


def principal_of(row: RowMapping) -> Principal:
    """The principal of a token's row."""
    return Principal(
        token_id=row["token_id"],
        subject=row["subject"],
        scopes=frozenset(row["scopes"]),
        hospital_code=row["hospital_code"],
        area_code=row["area_code"],
        funds=None if row["funds"] is None else frozenset(row["funds"]),
        expires_at=min((end for end in (row["expires_at"], row["replaced_until"]) if end is not None), default=None),
    )


async def open_request(service: Service, connection: AsyncConnection, caller: Caller) -> None:
    """Set what this transaction may reach. Unauthorized for a token that has ended."""
    row = (await connection.exec_driver_sql(OPEN, caller.opening())).mappings().one()
    refuse_ended(row["state"])


async def check_context(service: Service, connection: HotConnection, caller: Caller) -> None:
    """``open_request`` for a read on the hot pool."""
    row = await connection.fetchrow(OPEN, *caller.opening())
    refuse_ended(row["state"])


def refuse_ended(state: str) -> None:
    """Unauthorized when ``request_open`` found that the token has ended."""
    if state == OpenState.TOKEN_ENDED:
        raise Unauthorized("token_invalid", headers={"WWW-Authenticate": "Bearer"})
