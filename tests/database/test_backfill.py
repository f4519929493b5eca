"""A backfill changes every row that needs it, or the migration fails."""

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.database.backfill import RowsMissed, backfill
from tests.conftest import migrated_database

PERSON = (
    "INSERT INTO person (person_id, name, id_number, id_number_index, area_code, insurance_type, subject, request_id)"
    " VALUES ('{}', '\\x00', '\\x00', '\\x0{}', '530100', '390', 'x', 'x')"
)


async def test_a_backfill_changes_all_rows_or_fails(database_server: str) -> None:
    """As the owner, who has lost their policy: every row is changed all the same; one that is kept back is an error."""
    url = await migrated_database(database_server)
    engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))

    def act(connection: Connection) -> None:
        for number in (1, 2):
            connection.execute(text(PERSON.format(f"p{number}", number)))
        connection.execute(text("DROP POLICY owner ON person"))
        connection.execute(text("SET LOCAL ROLE onestop_owner"))
        where = "area_code = '530100'"
        assert connection.execute(text(f"UPDATE person SET area_code = '532600' WHERE {where}")).rowcount == 0
        assert backfill(connection, "person", setting="area_code = '532600'", where=where) == 2
        assert backfill(connection, "person", setting="area_code = '532600'", where=where) == 0
        connection.execute(text("CREATE RULE none AS ON UPDATE TO person DO INSTEAD NOTHING"))
        with pytest.raises(RowsMissed, match="0 of 2"):
            backfill(connection, "person", setting="area_code = '530100'", where="area_code = '532600'")

    async with engine.connect() as connection, connection.begin() as begun:
        await connection.run_sync(act)
        await begun.rollback()
    await engine.dispose()
