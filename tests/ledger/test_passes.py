"""The proof in passes, as the elected process makes it."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.config import Settings
from app.database.engine import open_database
from app.ledger.passes import ProofPasses
from app.ledger.proof import CHECKS
from tests.clearing.office import Office, office
from tests.conftest import of_app


@pytest.fixture
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office with a bill."""
    async with office(database_server, "2018-05-20T10:00:00+08:00") as opened:
        await opened.settled("1000.00", "2018-05-20")
        yield opened


async def passed(connection: AsyncConnection, passes: ProofPasses) -> list[str]:
    """The invariants of a pass that has no time."""
    return [result.check for result in await passes.go_on(connection, most=0)]


@pytest.mark.damages("changes a person's year behind the service")
async def test_the_first_pass_proves_everything_and_later_ones_go_round(desk: Office) -> None:
    """A pass without time proves the one invariant that was longest not proven; what breaks is found when its turn
    comes, and stays known until it is proven again."""
    database = await open_database(of_app(desk.url), Settings(pool_size=1, hot_pool_size=1))
    owner = await asyncpg.connect(desk.url)
    passes = ProofPasses(60)
    try:
        async with database.transaction() as connection:
            assert await passed(connection, passes) == list(CHECKS)
        assert not [one for one in passes.found.values() if one.count]
        await owner.execute("UPDATE person_year SET entries = entries + 1")
        for _ in range(2):
            for name in CHECKS:
                async with database.transaction() as connection:
                    assert await passed(connection, passes) == [name]
            assert passes.found["year_to_date"].count == 1
    finally:
        await owner.close()
        await database.close()


@pytest.mark.damages("changes a person's year behind the service")
async def test_an_invariant_that_takes_too_long_hides_no_other(
    desk: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said that it isn't proven; the others are, in the same pass and in later ones."""
    slow = "SELECT 'pst_1' AS place, 0 AS expected, 1 AS found FROM pg_sleep(5) s WHERE s::text <> ''"
    monkeypatch.setitem(CHECKS, "slow", slow)
    database = await open_database(of_app(desk.url), Settings(pool_size=1, hot_pool_size=1))
    owner = await asyncpg.connect(desk.url)
    passes = ProofPasses(2)
    try:
        await owner.execute("UPDATE person_year SET entries = entries + 1")
        for _ in range(3):
            async with database.transaction() as connection:
                await passes.go_on(connection, most=60)
                assert await connection.scalar(text("SELECT 1")) == 1
        assert passes.found["year_to_date"].count == 1
        assert set(passes.found) == set(CHECKS) - {"slow"}
        assert caplog.text.count("invariant slow is not proven within 2 seconds") == 3
    finally:
        await owner.close()
        await database.close()
