"""People who log in: their names, passwords and roles. A user's name is the subject of what they do, their roles are a
token's.

Passwords are argon2id hashes. A login counts as failed until it has succeeded, so that many at once are counted too:
after ``MOST_FAILURES`` in a row the name is locked for a while, after ``MOST_FROM_ORIGIN`` the place they come from.
Real time.
"""

import asyncio
from datetime import timedelta
from functools import cache
from typing import Annotated, Final

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from msgspec import Meta, Struct
from sqlalchemy import RowMapping, cast, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict, NotFound, TooMany, Unauthorized
from app.service.audit import noted
from app.service.caller import Service
from app.service.security import Scope, blind_index
from app.service.tables import TEXTS, app_user, failed_login
from app.service.wire import AreaCode, Code, Reference

MOST_FAILURES: Final = 5
MOST_FROM_ORIGIN: Final = 50
LOCKED: Final = timedelta(minutes=15)
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


async def add(connection: AsyncConnection, wanted: UserRequest, *, created_by: str, request_id: str) -> UserAnswer:
    """Add a user. Conflict ``user_exists``. Says nothing about who may do so."""
    if await _row(connection, wanted.name) is not None:
        raise Conflict("user_exists")
    rights = (cast(list(wanted.scopes), TEXTS), wanted.hospital_code, wanted.area_code, cast(wanted.funds, TEXTS))
    added = func.user_add(wanted.name, await _hashed(wanted.password), *rights, created_by, request_id)
    await connection.execute(select(added))
    return UserAnswer(wanted.name, list(wanted.scopes), wanted.hospital_code, wanted.area_code, wanted.funds)


async def reset(connection: AsyncConnection, name: str, password: str) -> None:
    """Give a user a password for the next login, and let them in again; NotFound without such a user."""
    if await _row(connection, name) is None:
        raise NotFound("not_found")
    values = {"password_hash": await _hashed(password), "must_change": True, "failures": 0, "locked_until": None}
    await connection.execute(update(app_user).where(app_user.c.name == name).values(values | {"disabled_at": None}))


async def disable(connection: AsyncConnection, name: str) -> None:
    """Disable a login; NotFound without such a user. Past actions keep the user's name."""
    if await _row(connection, name) is None:
        raise NotFound("not_found")
    await connection.execute(update(app_user).where(app_user.c.name == name).values(disabled_at=func.clock_timestamp()))


async def checked(service: Service, *, name: str, password: str, origin: str) -> RowMapping:
    """The row of the user with this password. Unauthorized ``login_failed`` for a wrong one, an unknown name, a locked
    or a disabled user alike; TooMany ``too_many_logins`` when the origin had too many failures."""
    place = blind_index(service.keys, origin)
    async with service.database.transaction() as connection:
        attempt, found = await _begin(connection, name, place)
    if found is not None:  # what is no user's name may be a password in the wrong box
        noted().subject = name
    right = await _verified(password, _nobodys() if found is None else found["password_hash"])
    if found is None or not right or not found["open"]:
        raise Unauthorized("login_failed")
    async with service.database.transaction() as connection:
        await connection.execute(delete(failed_login).where(failed_login.c.failed_login_id == attempt))
        await connection.execute(update(app_user).where(app_user.c.name == name).values(failures=0, locked_until=None))
    return found


async def _begin(connection: AsyncConnection, name: str, place: bytes) -> tuple[int, RowMapping | None]:
    """Count the attempt as failed, for the place and the name; the attempt's number, and the user with ``open``."""
    now = func.clock_timestamp()
    await connection.execute(delete(failed_login).where(failed_login.c.at < now - LOCKED))
    recent = select(func.count()).where(failed_login.c.origin == place)
    if (await connection.execute(recent)).scalar_one() >= MOST_FROM_ORIGIN:
        raise TooMany("too_many_logins", headers={"Retry-After": str(int(LOCKED.total_seconds()))})
    made = insert(failed_login).values(origin=place).returning(failed_login.c.failed_login_id)
    attempt = (await connection.execute(made)).scalar_one()
    is_open = app_user.c.disabled_at.is_(None) & (func.coalesce(app_user.c.locked_until, now) <= now)
    mine = app_user.c.name == name
    found = (await connection.execute(select(app_user, is_open.label("open")).where(mine).with_for_update())).mappings()
    row = found.first()
    if row is not None and row["open"]:
        last = row["failures"] + 1 >= MOST_FAILURES
        counted = {"failures": 0, "locked_until": now + LOCKED} if last else {"failures": row["failures"] + 1}
        await connection.execute(update(app_user).where(mine).values(counted))
    return attempt, row


async def choose_password(connection: AsyncConnection, name: str, *, old: str, new: str) -> None:
    """Replace a user's password, ``checked`` just before, by one that they chose. Conflict ``password_unchanged``."""
    if old == new:
        raise Conflict("password_unchanged")
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
