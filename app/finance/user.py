"""People who log in: their names, passwords and roles. A user's name is the subject of what they do, their roles are a
token's.

Passwords are argon2id hashes, and none that is tried first (``zxcvbn`` knows thirty thousand leaked ones). Real time.
"""

import asyncio
from functools import cache
from typing import Annotated, Final

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from msgspec import Meta, Struct
from sqlalchemy import RowMapping, cast, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from zxcvbn import zxcvbn

from app.basics.errors import Conflict, Fault, NotFound, Refused, Unauthorized
from app.basics.text import subject_form
from app.finance import attempts
from app.service.audit import noted
from app.service.caller import Service
from app.service.rights import check_rights
from app.service.security import Scope
from app.service.subjects import admitted, keep_apart
from app.service.tables import TEXTS, app_user, second_factor
from app.service.wire import AreaCode, Code, Reference
from app.tiers.policy import PolicyBook

MOST_JUDGED: Final = 72
"""So many characters of a password are judged: it takes longer than their number."""
UNCOMMON: Final = 2
MOST_LISTED: Final = 1000
HASHES_AT_ONCE: Final = 2
"""Each takes 64 MiB and a core for some 50 ms."""

Password = Annotated[str, Meta(min_length=12, max_length=200)]
_hasher: Final = PasswordHasher()
_hashing: Final = asyncio.Semaphore(HASHES_AT_ONCE)


class UserRequest(Struct, forbid_unknown_fields=True):
    """Somebody who may log in to the pages. The password is for the first login only and has to be changed then."""

    name: Reference
    password: Password
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=6)]
    hospital_code: Code | None = None
    area_code: AreaCode | None = None
    funds: Annotated[list[Code], Meta(max_length=20)] | None = None


class UserAnswer(Struct):
    """A user; never the password."""

    name: str
    scopes: list[str]
    hospital_code: str | None
    area_code: str | None
    funds: list[str] | None


class ListedUser(Struct):
    """A user as the administrator's page lists them. ``factor``: what there is of a second factor, and whether its
    reset was asked for, by whom."""

    name: str
    scopes: list[str]
    hospital_code: str | None
    area_code: str | None
    funds: list[str] | None
    created_by: str
    disabled: bool
    first_login: bool
    has_factor: bool
    reset_by: str | None


async def listed(connection: AsyncConnection) -> list[ListedUser]:
    """All users by name, at most ``MOST_LISTED``; those who may still log in first."""
    factor = app_user.outerjoin(second_factor, second_factor.c.name == app_user.c.name)
    wanted = select(app_user, second_factor.c.confirmed_at, second_factor.c.reset_by).select_from(factor)
    ordered = wanted.order_by(app_user.c.disabled_at.is_not(None), app_user.c.name).limit(MOST_LISTED)
    return [
        ListedUser(
            name=row.name,
            scopes=row.scopes,
            hospital_code=row.hospital_code,
            area_code=row.area_code,
            funds=row.funds,
            created_by=row.created_by,
            disabled=row.disabled_at is not None,
            first_login=row.must_change,
            has_factor=row.confirmed_at is not None,
            reset_by=row.reset_by,
        )
        for row in await connection.execute(ordered)
    ]


async def add(
    connection: AsyncConnection,
    book: PolicyBook | None,
    wanted: UserRequest,
    *,
    created_by: str,
    request_id: str,
    strict: bool,
) -> UserAnswer:
    """Add a user. Conflict ``user_exists``, ``subject_looks_alike``, where ``strict`` ``roles_may_not_meet``; Refused
    for funds that there aren't, and with a book for a hospital or an area. Says nothing about who may do so."""
    await check_rights(
        connection, book, hospital_code=wanted.hospital_code, area_code=wanted.area_code, funds=wanted.funds
    )
    name = await admitted(connection, wanted.name, wanted.scopes, strict=strict)
    if await _row(connection, name) is not None:
        raise Conflict("user_exists")
    _check_uncommon("/password", wanted.password, wanted.name)
    rights = (cast(list(wanted.scopes), TEXTS), wanted.hospital_code, wanted.area_code, cast(wanted.funds, TEXTS))
    added = func.user_add(name, await _hashed(wanted.password), *rights, created_by, request_id, strict)
    await connection.execute(select(added))
    return UserAnswer(name, list(wanted.scopes), wanted.hospital_code, wanted.area_code, wanted.funds)


async def reset(connection: AsyncConnection, name: str, password: str, *, strict: bool) -> None:
    """Give a user a password for the next login, and let them in again; NotFound without such a user. Conflict
    ``roles_may_not_meet`` where ``strict`` and the subject of somebody disabled got other roles meanwhile."""
    row = await _row(connection, name)
    if row is None:
        raise NotFound("not_found")
    if row["disabled_at"] is not None:
        await keep_apart(connection, name, row["scopes"], strict=strict)
    _check_uncommon("/password", password, name)
    values = {"password_hash": await _hashed(password), "must_change": True}
    await connection.execute(update(app_user).where(app_user.c.name == name).values(values | {"disabled_at": None}))


async def disable(connection: AsyncConnection, name: str) -> None:
    """Disable a login; NotFound without such a user. Past actions keep the user's name."""
    if await _row(connection, name) is None:
        raise NotFound("not_found")
    await connection.execute(update(app_user).where(app_user.c.name == name).values(disabled_at=func.clock_timestamp()))


async def checked(service: Service, *, name: str, password: str, origin: str) -> RowMapping:
    """The row of the user with this password. Unauthorized ``login_failed`` for a wrong one, an unknown name or a
    disabled user alike; TooMany ``too_many_logins`` after too many failures from there."""
    name = subject_form(name)
    async with service.database.transaction() as connection:
        found = await _found(connection, name)
        pause = await attempts.begin(connection, service.keys, name, origin)
    await asyncio.sleep(pause)
    if found is not None:  # what is no user's name may be a password in the wrong box
        noted().subject = name
    right = await _verified(password, _nobodys() if found is None else found["password_hash"])
    if found is None or not right or found["disabled_at"] is not None:
        raise Unauthorized("login_failed")
    async with service.database.transaction() as connection:
        await attempts.succeeded(connection, service.keys, name, origin)
    return found


async def _found(connection: AsyncConnection, name: str) -> RowMapping | None:
    """The user of this name, their row held so that attempts of the name are counted one after the other."""
    wanted = select(app_user).where(app_user.c.name == name).with_for_update()
    return (await connection.execute(wanted)).mappings().first()


def _check_uncommon(pointer: str, password: str, name: str) -> None:
    """Refused ``password_common`` for a password among those that are tried first: leaked ones, names, patterns."""
    if zxcvbn(password[:MOST_JUDGED], user_inputs=[name])["score"] < UNCOMMON:
        raise Refused([Fault(pointer, "password_common")])


async def choose_password(connection: AsyncConnection, name: str, *, old: str, new: str) -> None:
    """Replace a user's password, ``checked`` just before, by one that they chose. Conflict ``password_unchanged``."""
    if old == new:
        raise Conflict("password_unchanged")
    _check_uncommon("/new", new, name)
    values = {"password_hash": await _hashed(new), "must_change": False}
    await connection.execute(update(app_user).where(app_user.c.name == name).values(values))


async def _row(connection: AsyncConnection, name: str) -> RowMapping | None:
    return (await connection.execute(select(app_user).where(app_user.c.name == name))).mappings().first()


@cache
def _nobodys() -> str:
    """What a password is compared with when the name is unknown, so that it takes as long."""
    return _hasher.hash("nobody's password")


async def _hashed(password: str) -> str:
    async with _hashing:
        return await asyncio.to_thread(_hasher.hash, password)


async def _verified(password: str, hash_: str) -> bool:
    async with _hashing:
        try:
            return await asyncio.to_thread(_hasher.verify, hash_, password)
        except VerificationError:
            return False
