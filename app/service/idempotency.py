"""A writing request takes effect once: its key, what the key stands for, the answer kept beside what was written.

The key is looked up when the transaction opens (``request_open``) and held until it ends: of two requests at once
the second waits, then finds the answer of the first. Answers are kept encrypted. The key of a settlement is stored
by the database's ``entry_write``, with the settlement's id instead of an answer.
"""

import re
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Final

import msgspec
from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.errors import Conflict, Malformed, NotFound, Unacceptable
from app.database.engine import HotConnection
from app.service import metrics
from app.service.audit import because
from app.service.caller import Caller, Keyed, OpenState, Service
from app.service.http import OPEN, answer, refuse_ended, service_of
from app.service.security import decrypt, encrypt

REPLAYED: Final = {"Idempotency-Replayed": "true"}
"""The header of an answer that was given before."""
_KEY: Final = re.compile(r"\A[A-Za-z0-9_-]{16,255}\Z")
_REMEMBER: Final = """
INSERT INTO idempotency (subject, key, request_hash, status, body, request_id) VALUES ($1, $2, $3, $4, $5, $6)"""

Act = Callable[[AsyncConnection], Awaitable[tuple[int, bytes]]]
"""What a writing request does in its transaction; returns the answer's status and body."""


def keyed_by(request: Request, body: object) -> Keyed:
    """The request's ``Idempotency-Key`` with the hash of what it asks for; Malformed without one of the right form."""
    return Keyed(idempotency_key(request), request_hash(request, body))


def idempotency_key(request: Request) -> str:
    """The request's ``Idempotency-Key``; Malformed when it is missing or has a wrong form."""
    key = request.headers.get("idempotency-key")
    if key is None:
        raise Malformed("idempotency_key_missing")
    if _KEY.match(key) is None:
        raise Malformed("idempotency_key_invalid")
    return key


def request_hash(request: Request, body: object) -> bytes:
    """What a key stands for: method, path and decoded body. Spacing and order of the JSON text don't matter."""
    because(body)
    canonical = msgspec.json.encode(body, order="deterministic")
    return sha256(f"{request.method} {request.url.path}\n".encode() + canonical).digest()


def check_opened(state: OpenState, keyed: Keyed | None) -> None:
    """Raise for what the database found at the opening: an ended token, a key used otherwise, a twin in flight."""
    refuse_ended(state)
    if state == OpenState.NOT_FOUND:
        raise NotFound("not_found")
    if keyed is None:
        return
    metrics.observe_idempotency(state)
    if state == OpenState.REUSED:
        raise Unacceptable("idempotency_key_reused")
    if state == OpenState.IN_PROGRESS:
        raise Conflict("idempotency_in_progress", headers={"Retry-After": "1"})


async def once(
    request: Request, caller: Caller, body: object, act: Act, *, kept: Callable[[bytes], bytes] | None = None
) -> Response:
    """Run a writing POST once per key, as ``remembered`` does, and answer it."""
    status, content, replayed = await remembered(service_of(request), caller, keyed_by(request, body), act, kept=kept)
    return answer(content, status, REPLAYED if replayed else None)


async def remembered(
    service: Service, caller: Caller, keyed: Keyed, act: Act, *, kept: Callable[[bytes], bytes] | None = None
) -> tuple[int, bytes, bool]:
    """Act once per key, in one transaction, and remember the answer beside what it wrote: as ``kept`` makes it, where
    an answer holds what may be shown only once.

    Returns status, content, and whether it is the answer of an earlier time.
    """
    async with service.database.transaction() as connection:
        opening = caller.opening(keyed, service.settings.idempotency_wait)
        opened = (await connection.exec_driver_sql(OPEN, opening)).mappings().one()
        state = OpenState(opened["state"])
        check_opened(state, keyed)
        if state == OpenState.REPLAYED:
            return opened["status"], remembered_body(service, caller, keyed, opened["body"]), True
        status, content = await act(connection)
        stored = content if kept is None else kept(content)
        await connection.exec_driver_sql(_REMEMBER, _row(service, caller, keyed, status, stored))
    return status, content, False


async def remember(
    service: Service, connection: HotConnection, caller: Caller, keyed: Keyed, status: int, content: bytes
) -> None:
    """Keep the answer of a key beside what was written on a connection of the hot pool."""
    await connection.execute(_REMEMBER, *_row(service, caller, keyed, status, content))


def remembered_body(service: Service, caller: Caller, keyed: Keyed, stored: bytes) -> bytes:
    """The answer that was kept under a key."""
    return decrypt(service.keys, stored, associated=_place(caller, keyed)).encode()


def _row(service: Service, caller: Caller, keyed: Keyed, status: int, content: bytes) -> tuple[object, ...]:
    body = encrypt(service.keys, content.decode(), associated=_place(caller, keyed))
    return caller.principal.subject, keyed.key, keyed.request_hash, status, body, caller.request_id


def _place(caller: Caller, keyed: Keyed) -> bytes:
    """Where an encrypted answer belongs, so that it can't be read in the place of another."""
    return f"idempotency {caller.principal.subject} {keyed.key}".encode()
