"""The present SQL: what ``sql/`` says of functions, triggers, row security and privileges, applied whole.

``sql/tables/`` is the baseline that migration 0001 makes; every later change of a table is a migration of its own. All
else in ``sql/`` is taken away and given again each time a database is migrated, so that a function, trigger, policy or
grant that left the folder leaves the database too.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text

SQL: Final = Path(__file__).parent / "sql"
TABLES: Final = ("service", "people", "registry", "settlement", "ledger", "jobs", "clearing", "readjudication", "nhsa")
FUNCTIONS: Final = ("service", "history", "registry", "settlement", "ledger", "clearing", "nhsa")
RULES: Final = (
    *("moves", "service", "people", "registry", "settlement", "ledger", "jobs", "clearing", "readjudication", "nhsa"),
)


def work_as_owner(connection: Connection) -> None:
    """See that the roles are there, and work as ``onestop_owner`` until the transaction ends."""
    _run(connection, SQL / "roles.sql")
    connection.execute(text("SET LOCAL ROLE onestop_owner"))


def create_tables(connection: Connection) -> None:
    """Make the baseline's tables, types, sequences and indexes in an empty schema."""
    for domain in TABLES:
        _run(connection, SQL / "tables" / f"{domain}.sql")


def present() -> Iterator[Path]:
    """The files that make up the present, in the order in which they are applied."""
    yield SQL / "clear.sql"
    for domain in FUNCTIONS:
        yield from sorted((SQL / "functions" / domain).glob("*.sql"))
    for domain in RULES:
        yield SQL / "rules" / f"{domain}.sql"
    yield SQL / "close.sql"


def apply_present(connection: Connection) -> None:
    """Make functions, triggers, row security and privileges what ``sql/`` says, in the connection's transaction."""
    for path in present():
        _run(connection, path)


def _run(connection: Connection, path: Path) -> None:
    """Run a file of several statements; an error of it names the file."""
    driver = connection.connection.dbapi_connection
    assert driver is not None
    script = path.read_text(encoding="utf-8")
    try:
        driver.run_async(lambda raw: raw.execute(script))
    except Exception as error:
        error.add_note(f"in {path.relative_to(SQL)}")
        raise
