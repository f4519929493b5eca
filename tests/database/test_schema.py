"""The database's schema: models and migrations are one, and the roles hold."""

from importlib import import_module
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from app.database.engine import METADATA
from app.database.schema import MIGRATIONS, head, migrate, revision
from app.settlement.rows import NewEntry
from tests.conftest import new_database

for path in sorted((Path(__file__).parent.parent.parent / "app").glob("*/tables.py")):
    import_module(f"app.{path.parent.name}.tables")  # the models of every domain, whoever uses them


async def test_models_equal_migrations(database_url: str) -> None:
    """Alembic finds nothing to change between the migrated database and the tables in the code."""

    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
        return [difference for difference in compare_metadata(context, METADATA) if "index" not in difference[0]]

    async def connect() -> Any:
        return await asyncpg.connect(database_url)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
        assert await connection.run_sync(revision) == head()
    await engine.dispose()


async def test_migrating_twice_changes_nothing(database_url: str) -> None:
    """A database at the head stays as it is."""
    assert await migrate(database_url) == head()


async def test_a_second_database_of_the_cluster_shares_the_roles(database_server: str) -> None:
    """Roles belong to the whole cluster; the next database's migration accepts them."""
    url = await new_database(database_server)
    assert await migrate(url) == head()


def test_every_migration_bounds_its_wait_for_locks() -> None:
    """Each migration sets a lock timeout, and the template does."""
    files = [*MIGRATIONS.glob("versions/*.py"), MIGRATIONS / "script.py.mako"]
    assert len(files) >= 2
    assert all("SET LOCAL lock_timeout" in path.read_text() for path in files)


async def test_the_row_to_write_is_the_databases_type(connection: asyncpg.Connection) -> None:
    """The fields of NewEntry are the attributes of new_entry, in order."""
    names = await connection.fetch(
        """SELECT attname FROM pg_attribute WHERE attrelid = 'new_entry'::regclass ORDER BY attnum"""
    )
    assert tuple(row["attname"] for row in names) == NewEntry.__struct_fields__


async def test_no_role_of_the_application_owns_a_table(connection: asyncpg.Connection) -> None:
    """Neither role owns a table, and the service's role can't write settlements or the ledger itself."""
    owned = await connection.fetchval(
        "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
        " WHERE r.rolname IN ('onestop_app', 'onestop_settler') AND c.relkind IN ('r', 'v', 'S')"
    )
    assert owned == 0
    await connection.execute("SET ROLE onestop_app")
    for statement in (
        "INSERT INTO account (path) VALUES ('x')",
        "DELETE FROM person",
        "UPDATE person_year SET entries = 0",
        "SELECT nextval('settlement_id')",
        "CREATE TABLE x ()",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.execute("RESET ROLE")


async def test_nothing_is_seen_without_a_request(connection: asyncpg.Connection) -> None:
    """As the service's role and before a request was opened, row-level security shows no settlement and no person."""
    await connection.execute("SET ROLE onestop_app")
    for table in ("settlement", "transfer", "person"):
        assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
    await connection.execute("RESET ROLE")
