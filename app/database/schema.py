"""The schema: bringing a database to this release's with Alembic."""

from pathlib import Path
from typing import Any, Final

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.database.engine import plain_url

_HERE: Final = Path(__file__).parent
MIGRATIONS: Final = next(
    path for path in (_HERE.parent.parent / "migrations", _HERE.parent / "_migrations") if path.is_dir()
)
MIGRATION_LOCK: Final = 7203_0001


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def head() -> str:
    """The revision that this release needs."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def revision(connection: Connection) -> str | None:
    """The revision that a database is at."""
    return MigrationContext.configure(connection).get_current_revision()


async def migrate(url: str) -> str:
    """Bring a database to the head, as the login of the URL (which becomes the owner). Two at once: the second waits."""
    engine = create_async_engine("postgresql+asyncpg://", async_creator=_connector(url))
    try:
        async with engine.begin() as connection:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
            await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()
    return head()


def _upgrade(connection: Connection) -> None:
    command.upgrade(_config(connection), "head")


def execute_script(connection: Connection, script: str) -> None:
    """Run an SQL script of several statements in the connection's transaction (for migrations)."""
    driver = connection.connection.dbapi_connection
    assert driver is not None
    driver.run_async(lambda raw: raw.execute(script))


def _connector(url: str) -> Any:
    async def connect() -> Any:
        return await asyncpg.connect(plain_url(url))

    return connect
