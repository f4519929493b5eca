"""Tokens: issued by an admin, shown once, stored as a digest, revoked for good."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Request
from msgspec import UNSET, Meta, Struct, UnsetType, json
from sqlalchemy import bindparam, cast, func, select, text
from sqlalchemy.dialects.postgresql import INTERVAL
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.days import shown_instant
from app.basics.errors import Conflict, Fault, NotFound, Refused
from app.basics.ids import TOKEN, number_of, shown_id
from app.service.caller import Service
from app.service.http import ADMIN_SUBJECT, caller_of, encoded, open_request, service_of
from app.service.idempotency import once
from app.service.lists import add_route
from app.service.openapi import body, gives
from app.service.problem import read_body
from app.service.rights import check_rights
from app.service.security import Scope, admin_token_digest, new_token, require_unrestricted_admin
from app.service.subjects import admitted, keep_apart
from app.service.tables import TEXTS, token, user_session
from app.service.token_list import TOKENS
from app.service.wire import AreaCode, Code, Instant, Reference, decode
from app.tiers.policy import PolicyBook

router = APIRouter(prefix="/v1", tags=["tokens"])
LIFE: Final = timedelta(days=365)
WARNED: Final = timedelta(days=30)
"""How long before a token's end it is said."""
_ROTATE: Final = text("SELECT * FROM token_rotate(:token_id, :digest, :overlap, :life, :by, :request_id)").bindparams(
    bindparam("overlap", type_=INTERVAL()), bindparam("life", type_=INTERVAL())
)


class TokenRequest(Struct, forbid_unknown_fields=True):
    """The body of ``POST /v1/tokens``. No hospital and no area: unrestricted. Without ``expires_at`` a token lives for
    365 days of real time; null is no end, for a token of the scope ``hospital`` alone."""

    subject: Reference
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=6)]
    hospital_code: Code | None = None
    area_code: AreaCode | None = None
    funds: Annotated[list[Code], Meta(max_length=20)] | None = None
    expires_at: Instant | UnsetType | None = UNSET


class TokenAnswer(Struct):
    """A new token; the text is shown once: null in the answer to a repeated request."""

    token_id: str
    token: str | None


class RotationRequest(Struct, forbid_unknown_fields=True):
    """The body of a rotation: for how many hours the former token goes on beside the new one."""

    overlap_hours: Annotated[int, Meta(ge=0, le=720)]


class RotationAnswer(Struct):
    """The token that takes another's place. Its text is shown once, as a new one's. ``former_until`` is when the former
    one ends, ``expires_at`` when this one does, null for never."""

    token_id: str
    token: str | None
    expires_at: str | None
    former_until: str


@router.post("/tokens", openapi_extra=body(TokenRequest, keyed=True), responses=gives(201, TokenAnswer))
async def post_token(request: Request) -> Response:
    """Issue a token."""
    caller, service = await caller_of(request), service_of(request)
    require_unrestricted_admin(caller.principal)
    wanted = decode(await read_body(request, service.settings.max_body_bytes), TokenRequest)

    async def act(connection: AsyncConnection) -> tuple[int, bytes]:
        signed = {"created_by": caller.principal.subject, "request_id": caller.request_id}
        issued = await issue(connection, None, wanted, strict=service.settings.production, **signed)
        return 201, encoded(issued)

    return await once(request, caller, wanted, act, kept=without_text)


@router.post(
    "/tokens/{token_id}/rotation",
    openapi_extra=body(RotationRequest, keyed=True),
    responses=gives(201, RotationAnswer),
)
async def post_rotation(request: Request, token_id: str) -> Response:
    """Put another token with the same rights in a token's place. The former one goes on for the overlap, so that the
    systems that use it can be changed one after the other."""
    caller, service = await caller_of(request), service_of(request)
    if shown_id(TOKEN, caller.principal.token_id) != token_id:  # everybody may replace their own
        require_unrestricted_admin(caller.principal)
    wanted = decode(await read_body(request, service.settings.max_body_bytes), RotationRequest)

    async def act(connection: AsyncConnection) -> tuple[int, bytes]:
        signed = {"by": caller.principal.subject, "request_id": caller.request_id}
        strict = service.settings.production
        return 201, encoded(await rotate(connection, token_id, wanted, strict=strict, **signed))

    return await once(request, caller, wanted, act, kept=without_text)


add_route(router, "/tokens", TOKENS)


def without_text(content: bytes) -> bytes:
    """An answer as it is kept: a token's text is nowhere."""
    return encoded({**json.decode(content), "token": None})


@router.delete("/tokens/{token_id}", status_code=204)
async def delete_token(request: Request, token_id: str) -> Response:
    """Revoke a token, at once and for good."""
    caller, service = await caller_of(request), service_of(request)
    require_unrestricted_admin(caller.principal)
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        await revoke(connection, token_id, revoked_by=caller.principal.subject)
    return Response(status_code=204)


async def issue(
    connection: AsyncConnection,
    book: PolicyBook | None,
    wanted: TokenRequest,
    *,
    created_by: str,
    request_id: str,
    strict: bool,
) -> TokenAnswer:
    """Store a new token's digest. Says nothing about who may do so. Conflict ``subject_looks_alike``, and where
    ``strict`` ``roles_may_not_meet``; Refused for funds that aren't there, and with a book for such places."""
    await check_rights(
        connection, book, hospital_code=wanted.hospital_code, area_code=wanted.area_code, funds=wanted.funds
    )
    text_, digest = new_token()
    expires_at = wanted.expires_at
    if isinstance(expires_at, UnsetType):
        expires_at = datetime.now(UTC) + LIFE
    elif expires_at is None and set(wanted.scopes) != {"hospital"}:
        raise Refused([Fault("/expires_at", "token_needs_end")])
    rights = (cast(list(wanted.scopes), TEXTS), wanted.hospital_code, wanted.area_code, cast(wanted.funds, TEXTS))
    subject = await admitted(connection, wanted.subject, wanted.scopes, strict=strict)
    issued = func.token_issue(digest, subject, *rights, expires_at, created_by, request_id, strict)
    token_id = (await connection.execute(select(issued))).scalar_one()
    return TokenAnswer(shown_id(TOKEN, token_id), text_)


async def rotate(
    connection: AsyncConnection, token_id: str, wanted: RotationRequest, *, by: str, request_id: str, strict: bool
) -> RotationAnswer:
    """Issue a token with another's rights, which ends after the overlap. NotFound when there is none; Conflict
    ``token_has_ended`` when it has ended or was replaced before, and where ``strict`` ``roles_may_not_meet``."""
    number = await _known(connection, token_id)
    held = (await connection.execute(select(token.c.subject, token.c.scopes).where(token.c.token_id == number))).one()
    await keep_apart(connection, held.subject, held.scopes, strict=strict)
    text_, digest = new_token()
    values = {"token_id": number, "digest": digest, "overlap": timedelta(hours=wanted.overlap_hours), "life": LIFE}
    row = (await connection.execute(_ROTATE, values | {"by": by, "request_id": request_id})).first()
    if row is None:
        raise Conflict("token_has_ended")
    end = None if row.expires_at is None else shown_instant(row.expires_at)
    return RotationAnswer(shown_id(TOKEN, row.token_id), text_, end, shown_instant(row.former_until))


async def kept_admin(connection: AsyncConnection, service: Service) -> int:
    """The number of the administrator's token of the environment, 0 without one. What is stored of it tells nothing
    without the secret: people choose such a token themselves."""
    named = service.settings.admin_token
    if named is None or not named.get_secret_value():
        return 0
    digest = admin_token_digest(service.keys, named.get_secret_value())
    number: int = (await connection.execute(select(func.token_admin(digest, ADMIN_SUBJECT)))).scalar_one()
    return number


async def _known(connection: AsyncConnection, token_id: str) -> int:
    number = number_of(TOKEN, token_id)
    if (await connection.execute(select(token.c.token_id).where(token.c.token_id == number))).first() is None:
        raise NotFound("not_found")
    return number


async def revoke(connection: AsyncConnection, token_id: str, *, revoked_by: str) -> None:
    """Revoke a token by its shown id; NotFound when there is none. Revoking twice changes nothing."""
    await connection.execute(select(func.token_end(await _known(connection, token_id), revoked_by)))


class TokenListed(Struct):
    """A token as the command lists it: times as they are stored, None for what hasn't happened or never will."""

    token_id: str
    subject: str
    scopes: list[str]
    where: str | None
    last_used_at: datetime | None
    ends_at: datetime | None
    revoked_at: datetime | None


async def listed(connection: AsyncConnection) -> list[TokenListed]:
    """All tokens but those behind logins to the pages."""
    behind = select(user_session.c.token_id)
    rows = await connection.execute(select(token).where(token.c.token_id.not_in(behind)).order_by(token.c.token_id))
    return [
        TokenListed(
            token_id=shown_id(TOKEN, row.token_id),
            subject=row.subject,
            scopes=row.scopes,
            where=row.hospital_code or row.area_code,
            last_used_at=row.last_used_at,
            ends_at=min((end for end in (row.expires_at, row.replaced_until) if end is not None), default=None),
            revoked_at=row.revoked_at,
        )
        for row in rows
    ]


async def ending(connection: AsyncConnection) -> int:
    """How many tokens end within ``WARNED`` that were used in that time before, and that no other has replaced. Logins
    to the pages are none of them."""
    now = func.clock_timestamp()
    mine = token.c.revoked_at.is_(None) & token.c.replaced_until.is_(None)
    soon = token.c.expires_at.between(now, now + WARNED) & (token.c.last_used_at > now - WARNED)
    behind = select(user_session.c.token_id)
    wanted = select(func.count()).select_from(token).where(mine, soon, token.c.token_id.not_in(behind))
    number: int = (await connection.execute(wanted)).scalar_one()
    return number
