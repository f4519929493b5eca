"""A task that is told to end ends, whatever becomes of its connection meanwhile."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.config import Settings
from app.database.engine import Database, open_database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The pools of a process."""
    opened = await open_database(database_url, Settings(pool_size=2, hot_pool_size=2))
    yield opened
    await opened.close()


@pytest.mark.parametrize("way", ["hot", "transaction"])
async def test_a_cancelled_transaction_whose_connection_is_lost_is_cancelled(
    database: Database, database_url: str, way: str
) -> None:
    """Taking back fails, because the server has ended the connection. The task isn't told of that, it would go on."""
    begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        async with database.hot() if way == "hot" else database.transaction() as connection:
            raw = connection if way == "hot" else (await connection.get_raw_connection()).driver_connection
            begun.set_result(await raw.fetchval("SELECT pg_backend_pid()"))
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    owner = await asyncpg.connect(database_url)
    try:
        assert await owner.fetchval("SELECT pg_terminate_backend($1, 5000)", await begun)
    finally:
        await owner.close()
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.wait([task], timeout=30)
    assert task.cancelled()
