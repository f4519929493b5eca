"""Connections that reports can't take from the cashier's window."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from app.basics.errors import Unavailable
from app.config import Settings
from app.database.engine import Database, open_database, ordinary_share


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Pools of two connections, for which nobody waits long."""
    opened = await open_database(database_url, Settings(pool_size=2, hot_pool_size=2, pool_timeout=0.2))
    yield opened
    await opened.close()


async def test_reports_leave_a_connection_to_settling(database: Database) -> None:
    """While ordinary work has all that it may have, further is told to come again, and settling goes on."""
    async with AsyncExitStack() as held:
        await held.enter_async_context(database.hot())
        await held.enter_async_context(database.transaction())
        for ordinary in (database.hot, database.transaction):
            with pytest.raises(Unavailable) as refused:
                async with ordinary():
                    raise AssertionError("the last connection was given away")
            assert (refused.value.code, refused.value.headers) == ("busy", {"Retry-After": "2"})
        async with database.hot(reserved=True) as settling, database.transaction(reserved=True) as door:
            assert await settling.fetchval("SELECT 1") == 1
            assert (await door.exec_driver_sql("SELECT 1")).scalar_one() == 1
    async with database.hot() as again:
        assert await again.fetchval("SELECT 1") == 1


@pytest.mark.parametrize(("size", "ordinary"), [(1, 1), (2, 1), (4, 3), (8, 6), (20, 15)])
def test_a_quarter_is_kept(size: int, ordinary: int) -> None:
    """Of one connection nothing can be kept, of more a quarter, rounded down, and one at least."""
    assert ordinary_share(size) == ordinary
