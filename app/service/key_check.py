"""Whether the secret is the one that a database was written with, by check values that the database keeps.

There is a value for each secret that something in the database may still be written with: that in use, and former ones
until everything is written anew. A value tells nothing of its secret. Nothing here needs the database to be migrated.
"""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.engine import one_connection
from app.service.security import Keys

_THERE: Final = "SELECT to_regclass('public.key_check') IS NOT NULL"
_KNOWN: Final = "SELECT value FROM key_check"
_KEEP: Final = text("INSERT INTO key_check (value) VALUES (:value) ON CONFLICT DO NOTHING")
_FORGET: Final = text("DELETE FROM key_check WHERE value <> :value")
REMEDY: Final = (
    "Give the secret that it was written with (ONESTOP_SECRET_KEY, ONESTOP_SECRET_KEY_FILE, or secret.key in the data "
    "folder). To replace a secret, name the former one in ONESTOP_FORMER_SECRETS. Nothing was changed."
)


async def known(url: str) -> set[bytes]:
    """The check values of a database; none of one that nobody served on yet."""
    connection = await one_connection(url)
    try:
        async with connection.transaction():
            if not await connection.fetchval(_THERE):
                return set()
            return {row["value"] for row in await connection.fetch(_KNOWN)}
    finally:
        await connection.close()


def refuse_other(values: set[bytes], keys: Keys) -> None:
    """ValueError, with the remedy, when the database was written with a secret that isn't among these."""
    if not _are_of(values, keys):
        raise ValueError(f"The database was written with another secret. {REMEDY}")


async def fits(connection: AsyncConnection, keys: Keys) -> bool:
    """Whether these secrets read all that the database was written with, just now."""
    return _are_of({row.value for row in await connection.execute(text(_KNOWN))}, keys)


def _are_of(values: set[bytes], keys: Keys) -> bool:
    return values <= {one.check for one in (keys.current, *keys.older)}


async def note(url: str, keys: Keys) -> None:
    """Keep the check value of the secret in use. ValueError as ``refuse_other``: of two that start on a new database
    with different secrets one is refused."""
    connection = await one_connection(url)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE key_check IN SHARE ROW EXCLUSIVE MODE")
            values = {row["value"] for row in await connection.fetch(_KNOWN)}
            refuse_other(values, keys)
            if keys.current.check not in values:
                await connection.execute("INSERT INTO key_check (value) VALUES ($1)", keys.current.check)
    finally:
        await connection.close()


async def forget_former(connection: AsyncConnection, keys: Keys) -> None:
    """Keep the check value of the secret in use alone: everything is written with it."""
    for statement in (_KEEP, _FORGET):
        await connection.execute(statement, {"value": keys.current.check})
