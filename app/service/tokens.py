"""Tokens: issued by an admin, shown once, stored as a digest, revoked for good."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.errors import NotFound
from app.basics.ids import TOKEN, number_of, shown_id
from app.service.http import caller_of, encoded, open_request, service_of
from app.service.idempotency import once
from app.service.openapi import body, gives
from app.service.problem import read_body
from app.service.security import Scope, new_token, require_unrestricted_admin
from app.service.tables import token, user_session
from app.service.wire import AreaCode, Code, Instant, Reference, decode

router = APIRouter(prefix="/v1", tags=["tokens"])


class TokenRequest(Struct, forbid_unknown_fields=True):
    """The body of ``POST /v1/tokens``. No hospital and no area: unrestricted."""

    subject: Reference
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=6)]
    hospital_code: Code | None = None
    area_code: AreaCode | None = None
    funds: Annotated[list[Code], Meta(max_length=20)] | None = None
    expires_at: Instant | None = None


class TokenAnswer(Struct):
    """A new token; the text is never shown again."""

    token_id: str
    token: str


@router.post("/tokens", openapi_extra=body(TokenRequest, keyed=True), responses=gives(201, TokenAnswer))
async def post_token(request: Request) -> Response:
    """Issue a token."""
    caller, service = await caller_of(request), service_of(request)
    require_unrestricted_admin(caller.principal)
    wanted = decode(await read_body(request, service.settings.max_body_bytes), TokenRequest)

    async def act(connection: AsyncConnection) -> tuple[int, bytes]:
        issued = await issue(connection, wanted, created_by=caller.principal.subject, request_id=caller.request_id)
        return 201, encoded(issued)

    return await once(request, caller, wanted, act)


@router.delete("/tokens/{token_id}", status_code=204)
async def delete_token(request: Request, token_id: str) -> Response:
    """Revoke a token, at once and for good."""
    caller, service = await caller_of(request), service_of(request)
    require_unrestricted_admin(caller.principal)
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        await revoke(connection, token_id, revoked_by=caller.principal.subject)
    return Response(status_code=204)


async def issue(connection: AsyncConnection, wanted: TokenRequest, *, created_by: str, request_id: str) -> TokenAnswer:
    """Store a new token's digest. Says nothing about who may do so."""
    text, digest = new_token()
    statement = insert(token).values(
        digest=digest,
        subject=wanted.subject,
        scopes=list(wanted.scopes),
        hospital_code=wanted.hospital_code,
        area_code=wanted.area_code,
        funds=wanted.funds,
        expires_at=wanted.expires_at,
        created_by=created_by,
        request_id=request_id,
    )
    token_id = (await connection.execute(statement.returning(token.c.token_id))).scalar_one()
    return TokenAnswer(shown_id(TOKEN, token_id), text)


async def revoke(connection: AsyncConnection, token_id: str, *, revoked_by: str) -> None:
    """Revoke a token by its shown id; NotFound when there is none. Revoking twice changes nothing."""
    number = number_of(TOKEN, token_id)
    known = (await connection.execute(select(token.c.revoked_at).where(token.c.token_id == number))).first()
    if known is None:
        raise NotFound("not_found")
    if known.revoked_at is None:
        statement = update(token).where(token.c.token_id == number)
        await connection.execute(statement.values(revoked_at=func.clock_timestamp(), revoked_by=revoked_by))


async def listed(connection: AsyncConnection) -> list[tuple[str, str, list[str], str | None, datetime | None]]:
    """All tokens but those behind logins to the pages: shown id, subject, scopes, hospital or area, when revoked."""
    behind = select(user_session.c.token_id)
    rows = await connection.execute(select(token).where(token.c.token_id.not_in(behind)).order_by(token.c.token_id))
    return [
        (shown_id(TOKEN, row.token_id), row.subject, row.scopes, row.hospital_code or row.area_code, row.revoked_at)
        for row in rows
    ]
