"""The schema: bringing a database to this release's, and whether this code and a database's schema fit each other.

The database says which schema it has (``schema_version``) and the oldest code that still works on it (``oldest_code``),
both as this module counts them. A release that changes a migration or ``sql/`` raises ``SCHEMA_VERSION``; it raises
``OLDEST_CODE`` to the first version whose code works on what it leaves.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.database.engine import APP_ROLE, UNNAMED, one_connection, plain_url, sqlstate
from app.database.locks import Lock
from app.database.present import apply_present, work_as_owner

_ROOT: Final = Path(__file__).parent.parent
MIGRATIONS: Final = next(path for path in (_ROOT.parent / "migrations", _ROOT / "_migrations") if path.is_dir())

SCHEMA_VERSION: Final = 1
OLDEST_CODE: Final = 1

MIGRATION_TRIES: Final = 20
MIGRATION_PAUSE: Final = 1.0  # seconds, in which waiting requests come through
_IN_THE_WAY: Final = ("55P03", "40P01")  # lock timeout, deadlock
# Every request reads its token first. So none begins any more, those in flight end, and the other tables, which they
# would lock in an order of their own, are free.
_GATE: Final = text("LOCK TABLE token IN ACCESS EXCLUSIVE MODE")
_STATE: Final = text("SELECT schema_version, oldest_code FROM schema_state")
_HAS_STATE: Final = text("SELECT to_regclass('public.schema_state') IS NOT NULL")
_KEEP_STATE: Final = text("""
INSERT INTO schema_state (schema_version, oldest_code) VALUES (:schema_version, :oldest_code)
ON CONFLICT (only_row) DO UPDATE
SET schema_version = excluded.schema_version, oldest_code = excluded.oldest_code, applied_at = clock_timestamp()""")


# What would let the service's login do more than the service may.
_FAULTS: Final = text("""
SELECT unnest(array_remove(ARRAY[
  CASE WHEN r.rolname <> :app THEN 'is not ' || :app END,
  CASE WHEN r.rolsuper THEN 'is a superuser' END,
  CASE WHEN r.rolbypassrls THEN 'passes row-level security' END,
  CASE WHEN r.rolcreaterole OR r.rolcreatedb OR r.rolreplication THEN 'may create roles, databases or replicas' END,
  CASE WHEN EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid) THEN 'is a member of another role' END,
  CASE WHEN EXISTS (SELECT FROM pg_shdepend d WHERE d.refobjid = r.oid AND d.deptype = 'o'
                       AND d.refclassid = 'pg_authid'::regclass)
       THEN 'owns a database, tables or functions' END], NULL)) FROM pg_roles r WHERE r.rolname = session_user""")
_REMEDY: Final = "let ONESTOP_DATABASE_URL log in as onestop_app (docs/operators.md, A database of your own)"
LOGGER: Final = logging.getLogger("onestop.database")


class SchemaUnfit(RuntimeError):
    """This code can't serve on the database as it is; the text says what to do."""


def head() -> str:
    """The revision that this release's migrations lead to."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def revision(connection: Connection) -> str | None:
    """The revision that a database is at."""
    return MigrationContext.configure(connection).get_current_revision()


def misfit(connection: Connection) -> str | None:
    """Why this code can't serve on the database, in one line; None when it can."""
    stored = _stored(connection)
    if stored is None:
        return "the database has no schema of onestop: run `onestop migrate`"
    version, oldest = stored
    if oldest > SCHEMA_VERSION:
        return (
            f"the database needs code of schema version {oldest} or later, this is {SCHEMA_VERSION}: run "
            "a later release"
        )
    if version < SCHEMA_VERSION:
        return (
            f"the database is at schema version {version}, this release needs {SCHEMA_VERSION}: run `onestop migrate`"
        )
    return None


async def migrate(url: str) -> str:
    """Bring a database to this release's schema and say its revision. The login of the URL is onestop_owner, a member
    of it, or a superuser.

    Two at once: the second waits. What a service beside it holds for too long is tried again some times. A schema of a
    later release is left as it is. SchemaUnfit when this code is too old for it.
    """
    for tries_left in reversed(range(MIGRATION_TRIES)):
        try:
            await _within(url, _upgrade)
            break
        except Exception as error:
            if sqlstate(error) not in _IN_THE_WAY or not tries_left:
                raise
            LOGGER.warning("the migration has to wait for transactions that hold tables, and is tried again")
            await asyncio.sleep(MIGRATION_PAUSE)
    return head()


async def let_in(url: str, password: str) -> None:
    """Give the service's login its password, as the login of the URL. The password is made of plain characters."""
    connection = await asyncpg.connect(plain_url(url))
    try:
        await connection.execute(f"ALTER ROLE {APP_ROLE} PASSWORD '{password}'")
    finally:
        await connection.close()


async def check(url: str, *, strict: bool = False) -> None:
    """SchemaUnfit when this code can't serve on the database as it is, or, if ``strict``, as this login; otherwise a
    login that may do more than the service is only warned of. Changes nothing."""

    def looked(connection: Connection) -> None:
        _check(connection)
        faults = [str(fault) for fault in connection.scalars(_FAULTS, {"app": APP_ROLE})]
        if faults:
            wrong = f"the login of ONESTOP_DATABASE_URL {', '.join(faults)}: {_REMEDY}"
            if strict:
                raise SchemaUnfit(wrong)
            LOGGER.warning("%s", wrong)

    await _within(url, looked)


async def _within(url: str, act: Callable[[Connection], None]) -> None:
    engine = create_async_engine("postgresql+asyncpg://", connect_args={"async_creator_fn": _connector(url), **UNNAMED})
    try:
        async with engine.begin() as connection:
            await connection.run_sync(act)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": Lock.MIGRATION})
    stored = _stored(connection)
    if stored is None or stored[0] <= SCHEMA_VERSION:
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        work_as_owner(connection)
        if stored is not None:
            connection.execute(_GATE)
        command.upgrade(_config(connection), "head")
        apply_present(connection)
        connection.execute(_KEEP_STATE, {"schema_version": SCHEMA_VERSION, "oldest_code": OLDEST_CODE})
    _check(connection)


def _check(connection: Connection) -> None:
    wrong = misfit(connection)
    if wrong is not None:
        raise SchemaUnfit(wrong)


def _stored(connection: Connection) -> tuple[int, int] | None:
    """The database's schema version and the oldest code that works on it; None before its first migration."""
    if not connection.scalar(_HAS_STATE):
        return None
    row = connection.execute(_STATE).one()
    return row.schema_version, row.oldest_code


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def _connector(url: str) -> Any:
    async def connect() -> Any:
        return await one_connection(url)

    return connect
