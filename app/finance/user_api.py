"""The routes of users: who may log in to the pages. They translate, nothing more."""

from typing import Literal, TypeVar

from fastapi import APIRouter, Request
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.text import subject_form
from app.finance import second_factor, session, user
from app.finance.user import Password, UserAnswer, UserRequest
from app.service.caller import Caller, Service
from app.service.http import caller_of, encoded, service_of
from app.service.idempotency import once
from app.service.openapi import KEYED, body, gives
from app.service.problem import read_body
from app.service.security import blind_index, require_unrestricted_admin
from app.service.wire import decode

router = APIRouter(prefix="/v1", tags=["users"])

T = TypeVar("T")


class PasswordRequest(Struct, forbid_unknown_fields=True):
    """A password for the user's next login, which has to be changed then."""

    password: Password


W = TypeVar("W", UserRequest, PasswordRequest)


class NamedUser(Struct):
    """Whom it was done to."""

    name: str


class FactorReset(Struct):
    """Whose second factor, and whether another administrator has still to ask for its reset."""

    name: str
    state: Literal["pending", "reset"]


async def _admin(request: Request) -> tuple[Caller, Service]:
    caller = await caller_of(request)
    require_unrestricted_admin(caller.principal)
    return caller, service_of(request)


async def _sent(request: Request, service: Service, type_: type[T]) -> T:
    return decode(await read_body(request, service.settings.max_body_bytes), type_)


def _unguessable(service: Service, wanted: W) -> W:
    """The body as its key remembers it: with a keyed digest for the password, which a plain hash would let be
    guessed."""
    return replace(wanted, password=blind_index(service.keys, wanted.password).hex())


@router.post("/users", openapi_extra=body(UserRequest, keyed=True), responses=gives(201, UserAnswer))
async def post_user(request: Request) -> Response:
    """Add somebody who may log in to the pages; scopes, area and funds as those of a token."""
    caller, service = await _admin(request)
    wanted = await _sent(request, service, UserRequest)

    async def act(connection: AsyncConnection) -> tuple[int, bytes]:
        signed = {"created_by": caller.principal.subject, "request_id": caller.request_id}
        made = await user.add(connection, None, wanted, strict=service.settings.production, **signed)
        return 201, encoded(made)

    return await once(request, caller, _unguessable(service, wanted), act)


@router.post("/users/{name}/password", openapi_extra=body(PasswordRequest, keyed=True), responses=gives(200, NamedUser))
async def post_password(request: Request, name: str) -> Response:
    """Give a user a new password for one login; ends the user's sessions and enables them."""
    caller, service = await _admin(request)
    name = subject_form(name)
    wanted = await _sent(request, service, PasswordRequest)

    async def act(connection: AsyncConnection) -> tuple[int, bytes]:
        await user.reset(connection, name, wanted.password, strict=service.settings.production)
        await session.end(connection, name)
        return 200, encoded(NamedUser(name))

    return await once(request, caller, _unguessable(service, wanted), act)


@router.post("/users/{name}/second-factor-reset", openapi_extra=KEYED, responses=gives(200, FactorReset))
async def post_second_factor_reset(request: Request, name: str) -> Response:
    """Let a user begin a new second factor: the first administrator asks for it, another one's request does it and ends
    the user's sessions."""
    caller, _ = await _admin(request)
    name = subject_form(name)

    async def act(connection: AsyncConnection) -> tuple[int, bytes]:
        done = await second_factor.reset(connection, caller, name)
        if done:
            await session.end(connection, name)
        return 200, encoded(FactorReset(name, "reset" if done else "pending"))

    return await once(request, caller, None, act)


@router.post("/users/{name}/disabling", openapi_extra=KEYED, responses=gives(200, NamedUser))
async def post_disabling(request: Request, name: str) -> Response:
    """Disable a login and end its sessions. Past actions keep the user's name."""
    caller, _ = await _admin(request)
    name = subject_form(name)

    async def act(connection: AsyncConnection) -> tuple[int, bytes]:
        await user.disable(connection, name)
        await session.end(connection, name)
        return 200, encoded(NamedUser(name))

    return await once(request, caller, None, act)
