"""What every route needs: the caller, the idempotency key, typed answers, remembered answers, pages."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from hashlib import sha256
from time import monotonic
from typing import Any, Final, cast

import msgspec
from fastapi import Request
from sqlalchemy import RowMapping, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.errors import Conflict, Fault, Malformed, NotFound, Refused, Unacceptable, Unauthorized
from app.database.engine import HotConnection
from app.service import metrics
from app.service.caller import Caller, Service
from app.service.messages import language_of
from app.service.security import Principal, bearer, decrypt, encrypt, is_admin_token, sign, token_digest, verify
from app.service.tables import idempotency, token

JSON_TYPE: Final = "application/json"
KEY_PATTERN: Final = re.compile(r"\A[A-Za-z0-9_-]{16,255}\Z")
ADMIN_SUBJECT: Final = "admin"
MAX_CACHED_TOKENS: Final = 10_000
PAGE_DEFAULT: Final = 20
PAGE_MOST: Final = 100

_encoder: Final = msgspec.json.Encoder()
_OPEN: Final = text(
    "SELECT * FROM request_open(:token_id, :subject, :request_id, :reach, :hospital, :area, :key, :hash, :wait)"
)
_OPEN_HOT: Final = "SELECT * FROM request_open($1, $2, $3, $4, $5, $6, $7, $8, $9)"


def service_of(request: Request) -> Service:
    """The service's parts, put there by the lifespan."""
    return cast(Service, request.app.state.service)


def encoded(body: object) -> bytes:
    """An answer's JSON."""
    return _encoder.encode(body)


def answer(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(body if isinstance(body, bytes) else encoded(body), status, headers, JSON_TYPE)


async def caller_of(request: Request, *, browser: bool = False) -> Caller:
    """Who asks; ``browser`` as in ``security.bearer``. Unauthorized without a valid token. A token is looked up at most once in ``token_cache_seconds`` and checked
    again by the database in the request's own transaction, so that a revoked one is refused at once."""
    service = service_of(request)
    if request.method == "GET" and "\x00" in request.scope["path"]:
        raise NotFound("not_found")
    if b"%00" in request.scope["query_string"]:
        raise Refused([Fault("/query", "nul_character")])
    presented = bearer(request.headers.get("authorization"), browser=browser)
    if is_admin_token(presented, service.settings.admin_token):
        principal = Principal(0, ADMIN_SUBJECT, frozenset({"admin"}), None, None, None, None)
    else:
        principal = await _principal(service, token_digest(presented))
    state = request.state
    state.subject = principal.subject
    return Caller(principal, state.request_id, language_of(request.headers.get("accept-language")))


async def _principal(service: Service, digest: bytes) -> Principal:
    cached = service.tokens.get(digest)
    if cached is not None and monotonic() - cached[0] < service.settings.token_cache_seconds:
        return _unexpired(cached[1])
    async with service.database.transaction() as connection:
        row = (await connection.execute(select(token).where(token.c.digest == digest))).mappings().first()
    if row is None or row["revoked_at"] is not None:
        raise Unauthorized("token_invalid", headers={"WWW-Authenticate": "Bearer"})
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
        expires_at=row["expires_at"],
    )


def idempotency_key(request: Request) -> str:
    """The request's ``Idempotency-Key``; Malformed when it is missing or has the wrong form."""
    key = request.headers.get("idempotency-key")
    if key is None:
        raise Malformed("idempotency_key_missing")
    if KEY_PATTERN.match(key) is None:
        raise Malformed("idempotency_key_invalid")
    return key


def request_hash(request: Request, body: object) -> bytes:
    """What a key stands for: method, path and the decoded body in canonical form, so that spacing and order don't matter."""
    canonical = msgspec.json.encode(body, order="deterministic")
    return sha256(f"{request.method} {request.url.path}\n".encode() + canonical).digest()


async def open_request(
    service: Service, connection: AsyncConnection, caller: Caller, *, key: str | None = None, hash_: bytes | None = None
) -> RowMapping:
    """Set what this transaction may reach and look the key up. Raises for an ended token, a reused key, a twin in flight."""
    names = ("token_id", "subject", "request_id", "reach", "hospital", "area", "key", "hash", "wait")
    values = caller.opening(key, hash_, service.settings.idempotency_wait)
    row = (await connection.execute(_OPEN, dict(zip(names, values, strict=True)))).mappings().one()
    check_opened(row["state"], keyed=key is not None)
    return row


def check_opened(state: str, *, keyed: bool = True) -> None:
    """Raise for what ``request_open`` found: an ended token, a key used for something else, a twin in flight."""
    match state:
        case "token_ended":
            raise Unauthorized("token_invalid", headers={"WWW-Authenticate": "Bearer"})
        case "reused":
            metrics.observe_idempotency("reused")
            raise Unacceptable("idempotency_key_reused")
        case "in_progress":
            metrics.observe_idempotency("in_progress")
            raise Conflict("idempotency_in_progress", headers={"Retry-After": "1"})
        case "not_found":
            raise NotFound("not_found")
        case "replayed" | "new" if keyed:
            metrics.observe_idempotency("replayed" if state == "replayed" else "new")


async def check_context(service: Service, connection: HotConnection, caller: Caller) -> None:
    """``open_request`` for a read on the hot pool."""
    row = await connection.fetchrow(_OPEN_HOT, *caller.opening(None, None, 0))
    check_opened(row["state"], keyed=False)


async def once(
    request: Request, caller: Caller, body: object, act: Callable[[AsyncConnection], Awaitable[tuple[int, bytes]]]
) -> Response:
    """Run a writing POST once per key, as ``remembered`` does, and answer it."""
    key, hash_ = idempotency_key(request), request_hash(request, body)
    status, content, replayed = await remembered(service_of(request), caller, key, hash_, act)
    return answer(content, status, {"Idempotency-Replayed": "true"} if replayed else None)


async def remembered(
    service: Service,
    caller: Caller,
    key: str,
    hash_: bytes,
    act: Callable[[AsyncConnection], Awaitable[tuple[int, bytes]]],
) -> tuple[int, bytes, bool]:
    """Act once per key, in one transaction, and remember the answer (encrypted) beside what it wrote. Status, content, and
    whether it is the answer of an earlier time."""
    associated = f"idempotency {caller.principal.subject} {key}".encode()
    async with service.database.transaction() as connection:
        opened = await open_request(service, connection, caller, key=key, hash_=hash_)
        if opened["state"] == "replayed":
            stored = decrypt(service.keys, opened["body"], associated=associated).encode()
            return opened["status"], stored, True
        status, content = await act(connection)
        await connection.execute(
            insert(idempotency).values(
                subject=caller.principal.subject,
                key=key,
                request_hash=hash_,
                status=status,
                body=encrypt(service.keys, content.decode(), associated=associated),
                request_id=caller.request_id,
            )
        )
    return status, content, False


def page(service: Service, rows: list[Any], limit: int, shown: list[Any], cursor_of: Callable[[Any], object]) -> bytes:
    """One page of a list; ``rows`` hold one more than the limit when there are more."""
    next_cursor = cursor_behind(service, rows, limit, cursor_of)
    return encoded({"data": shown[:limit], "has_more": next_cursor is not None, "next_cursor": next_cursor})


def cursor_behind(service: Service, rows: list[Any], limit: int, cursor_of: Callable[[Any], object]) -> str | None:
    """The cursor of the next page, None when there is none."""
    if len(rows) <= limit:
        return None
    return sign(service.keys, "cursor", msgspec.json.encode(cursor_of(rows[limit - 1])))


def read_cursor(service: Service, cursor: str | None, type_: type[Any]) -> Any:
    """The position that a cursor stands for, None without one; Refused when it isn't one of ours."""
    if cursor is None:
        return None
    try:
        return msgspec.json.decode(verify(service.keys, "cursor", cursor), type=type_)
    except (ValueError, msgspec.MsgspecError):
        raise Refused([Fault("/query/cursor", "invalid_cursor")]) from None
