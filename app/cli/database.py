"""The database that a command works on: the configured one, the running embedded one, or one started for it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final, NoReturn

import asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import OnestopError
from app.cli.config import folder_of, with_place
from app.cli.output import fail
from app.config import Settings
from app.database.embedded import EmbeddedBusy, EmbeddedFailed, EmbeddedUnavailable, running_logins
from app.database.engine import Database, open_database
from app.database.schema import SchemaUnfit
from app.service.messages import fault_text
from app.service.messages import text as message_text
from app.serving.server import Reachable, owned, prepare, reachable

CANNOT_RUN: Final = (EmbeddedBusy, EmbeddedFailed, EmbeddedUnavailable, SchemaUnfit)
UNREACHABLE: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, SQLAlchemyError)


def check_there(settings: Settings, folder: Path) -> None:
    """Leave if the embedded database was never made: what only reads would find an empty one in order."""
    configured = settings.database_url or settings.owner_database_url
    if configured is None and not (folder / "pg").exists():
        fail(f"{folder} 里没有数据库：请检查 --data-dir 或 ONESTOP_DATA_DIR，或者设置 ONESTOP_DATABASE_URL")


@contextmanager
def owner_of(settings: Settings, folder: Path, *, there: bool = False) -> Iterator[str]:
    """The URL of a login that sees everything: the configured owner's (or the backup's), that of the running embedded
    database, or of one started for it; ``there``: it has to have been made before. SchemaUnfit where only the
    service's login is known."""
    if there:
        check_there(settings, folder)
    beside = running_logins(folder) if settings.database_url is None and settings.owner_database_url is None else None
    with owned(settings, folder) if beside is None else nullcontext(beside.owner) as url:
        yield url


def unreachable(error: Exception) -> NoReturn:
    """Say that the database can't be used, and why, without a traceback."""
    fail(f"数据库不可用，请检查 ONESTOP_DATABASE_URL、网络和登录角色的权限：{error}")


def _said(error: OnestopError) -> str:
    """What a refusal says: each fault in a line after its place, or its one message."""
    lines = [f"{fault.pointer}：{fault_text(fault, 'zh')}" for fault in error.faults]
    return "\n".join(lines) or message_text(error.code, error.values, "zh")


def with_database(
    data_dir: Path | None, act: Callable[[AsyncConnection], Awaitable[None]], *, there: bool = False
) -> None:
    """Run one transaction on the configured database, on the running embedded one, or on one started for it; ``there``:
    it has to have been made before."""
    if there:
        settings = with_place(data_dir)
        check_there(settings, folder_of(settings, data_dir))

    async def in_transaction(database: Database) -> None:
        async with database.transaction() as connection:
            await act(connection)

    with_open_database(data_dir, in_transaction)


def with_open_database(data_dir: Path | None, act: Callable[[Database], Awaitable[None]]) -> None:
    """Do something with the configured database, with the running embedded one, or with one started for it."""
    settings = with_place(data_dir)

    async def run(place: Reachable) -> None:
        await prepare(settings, place, folder)
        database = await open_database(place.url, settings)
        try:
            await act(database)
        finally:
            await database.close()

    folder = folder_of(settings, data_dir)
    beside = None if settings.database_url is not None else running_logins(folder)
    try:
        with reachable(settings, folder) if beside is None else nullcontext(Reachable(beside.app)) as place:
            asyncio.run(run(place))
    except OnestopError as error:
        fail(_said(error))
    except (*CANNOT_RUN, ValueError) as error:
        fail(str(error))
    except UNREACHABLE as error:
        unreachable(error)
