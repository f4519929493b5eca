"""The present SQL: a database is what ``app/database/sql/`` says, whatever stood in it before; and who may serve on
it."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from app.database.locks import Lock
from app.database.present import SQL, TABLES, present
from app.database.schema import SCHEMA_VERSION, SchemaUnfit, check, head, migrate
from tests.conftest import new_database
from tests.database.schema_shape import shape

DISTURBED = (
    "CREATE OR REPLACE FUNCTION holds_on(since date, until date, day date) RETURNS boolean LANGUAGE sql AS "
    "'SELECT true'",
    "CREATE FUNCTION holds_on(since date, until date) RETURNS boolean LANGUAGE sql AS 'SELECT false'",
    "CREATE FUNCTION forgotten() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER forgotten BEFORE INSERT ON token FOR EACH ROW EXECUTE FUNCTION forgotten()",
    "DROP FUNCTION statement_fill",
    "DROP FUNCTION only_withdrawn CASCADE",
    "ALTER FUNCTION entry_write OWNER TO onestop_owner",
    "ALTER FUNCTION entry_write RESET search_path",
    "GRANT EXECUTE ON FUNCTION entry_write, person_stays TO PUBLIC",
    "REVOKE EXECUTE ON FUNCTION reaches FROM onestop_app",
    "DROP TRIGGER settlement_immutable ON settlement",
    "ALTER TABLE transfer DISABLE TRIGGER transfer_immutable",
    "TRUNCATE state_move",
    "INSERT INTO state_move VALUES ('statement', 'settled', 'declared')",
    "DROP POLICY person_reach ON person",
    "ALTER POLICY settlement_reach ON settlement USING (true)",
    "CREATE POLICY forgotten ON transfer FOR SELECT TO onestop_app USING (true)",
    "ALTER TABLE nhsa_visit DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE person NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE health_probe FORCE ROW LEVEL SECURITY",
    "DROP POLICY owner ON settlement",
    "GRANT UPDATE ON person TO onestop_backup",
    "ALTER TABLE health_probe ENABLE ROW LEVEL SECURITY",
    "GRANT DELETE ON settlement TO onestop_app",
    "GRANT UPDATE (amount) ON transfer TO onestop_settler",
    "GRANT SELECT ON person TO PUBLIC",
    "REVOKE INSERT ON person FROM onestop_app",
    "GRANT USAGE ON SEQUENCE settlement_id TO onestop_app",
    "GRANT CREATE ON SCHEMA public TO onestop_app, onestop_settler",
)


@pytest.fixture
async def migrated(database_server: str) -> AsyncIterator[tuple[str, asyncpg.Connection]]:
    """A migrated database of its own: its URL and a connection as its owner."""
    url = await new_database(database_server)
    await migrate(url)
    opened = await asyncpg.connect(url)
    await opened.execute("SET ROLE onestop_owner")
    yield url, opened
    await opened.close()


async def test_a_migrated_database_is_a_fresh_one(migrated: tuple[str, asyncpg.Connection]) -> None:
    """Functions, triggers, policies, grants and moves that are other, surplus or missing are as in a fresh database
    afterwards."""
    url, connection = migrated
    fresh = await shape(connection)
    for statement in DISTURBED:
        before = await shape(connection)
        await connection.execute(statement)
        assert await shape(connection) != before, statement
    await migrate(url)
    assert await shape(connection) == fresh


async def test_what_failed_leaves_the_database_as_it_was(migrated: tuple[str, asyncpg.Connection]) -> None:
    """When the SQL can't be applied whole, nothing of it is."""
    url, connection = migrated
    await connection.execute("CREATE VIEW in_the_way AS SELECT holds_on(NULL, NULL, CURRENT_DATE)")
    before = await shape(connection)
    with pytest.raises(Exception, match="holds_on"):
        await migrate(url)
    assert await shape(connection) == before


def test_every_file_of_sql_is_used() -> None:
    """No SQL file is forgotten: it is a table of the baseline, or applied as the present, once."""
    applied = [SQL / "roles.sql", *present(), *(SQL / "tables" / f"{domain}.sql" for domain in TABLES)]
    assert len(applied) == len(set(applied))
    assert set(applied) == set(SQL.rglob("*.sql"))


@pytest.mark.parametrize("path", sorted((SQL / "functions").rglob("*.sql")), ids=lambda path: path.stem)
def test_a_function_stands_in_the_file_of_its_name(path: Path) -> None:
    """A function's file has that function alone, and says at its head what it is for and who calls it."""
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"^CREATE FUNCTION (\w+)", text, re.MULTILINE) == [path.stem]
    assert re.match(r"(-- .+\n)*-- Called (by|at) .+\n(-- .+\n)*CREATE FUNCTION", text)


async def test_no_function_is_everybodys(migrated: tuple[str, asyncpg.Connection]) -> None:
    """Each function says which role may call it; PUBLIC may call none."""
    _, connection = migrated
    assert not [line for line in await shape(connection) if line.startswith("grant function") and "| PUBLIC |" in line]


async def test_a_database_without_schema_is_refused_with_the_remedy(database_server: str) -> None:
    """Serving on a database that was never migrated ends with one line that says what to run."""
    url = await new_database(database_server)
    with pytest.raises(SchemaUnfit, match=r"^[^\n]*run `onestop migrate`$"):
        await check(url)


async def test_an_earlier_schema_is_refused_until_it_is_migrated(migrated: tuple[str, asyncpg.Connection]) -> None:
    """Code doesn't serve on a schema below the one that it needs; migrating mends that."""
    url, connection = migrated
    await connection.execute("ALTER TABLE schema_state DROP CONSTRAINT schema_state_order")
    await connection.execute("UPDATE schema_state SET schema_version = $1", SCHEMA_VERSION - 1)
    with pytest.raises(SchemaUnfit, match="run `onestop migrate`"):
        await check(url)
    await migrate(url)
    await check(url)


async def test_a_later_schema_is_left_alone(migrated: tuple[str, asyncpg.Connection]) -> None:
    """What a later release made is never taken back by an earlier one, which serves on it as long as it may."""
    url, connection = migrated
    await connection.execute("UPDATE schema_state SET schema_version = $1", SCHEMA_VERSION + 1)
    await connection.execute("CREATE FUNCTION of_the_later_release() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    before = await shape(connection)
    assert await migrate(url) == head()
    await check(url)
    assert await shape(connection) == before


async def test_code_that_is_too_old_is_refused(migrated: tuple[str, asyncpg.Connection]) -> None:
    """Code below the oldest that works on the database neither migrates nor serves, and says which it needs."""
    url, connection = migrated
    version = SCHEMA_VERSION + 2
    await connection.execute("UPDATE schema_state SET schema_version = $1, oldest_code = $1", version)
    for refused in (check, migrate):
        with pytest.raises(SchemaUnfit, match=rf"^[^\n]*schema version {version} or later[^\n]*$"):
            await refused(url)


async def test_locks_are_the_same_in_sql_and_python(connection: asyncpg.Connection) -> None:
    """Every advisory lock has one name and one number on both sides, and a name that nobody has locks nothing
    silently."""
    text = (SQL / "functions/service/lock_key.sql").read_text(encoding="utf-8")
    numbers = dict(re.findall(r"WHEN '(\w+)' THEN (\d+)", text))
    assert {name: Lock[name.upper()].value for name in numbers} == {
        name: int(number) for name, number in numbers.items()
    }
    assert len(Lock.__members__) == len({lock.value for lock in Lock})
    for name, number in numbers.items():
        wanted = await connection.fetchval("SELECT hashtextextended('x', $1)", int(number))
        assert await connection.fetchval("SELECT lock_key($1, 'x')", name) == wanted
    with pytest.raises(asyncpg.NullValueNotAllowedError):
        await connection.fetchval("SELECT lock_key('persn', 'x')")


def test_locks_have_one_home() -> None:
    """No module but locks takes an advisory lock by a number of its own, and no SQL but lock_key names one."""
    root = SQL.parent.parent
    python = {
        path.relative_to(root).as_posix() for path in root.rglob("*.py") if "hashtextextended" in path.read_text()
    }
    sql = {path.stem for path in SQL.rglob("*.sql") if "hashtextextended" in path.read_text()}
    assert (python, sql) == ({"database/locks.py"}, {"lock_key"})
