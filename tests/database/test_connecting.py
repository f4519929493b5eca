"""How the service connects: behind a real PgBouncer, by TLS, with a password of any signs, from a file that changes."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest

from app.basics.errors import Unavailable
from app.config import Settings
from app.database.engine import open_database
from tests.conftest import ADMIN_TOKEN, migrated_database, of_app, start_service
from tests.database.pgbouncer import PASSWORD, needs_pgbouncer, pgbouncer
from tests.service.test_operations import metric
from tests.world import World


@needs_pgbouncer
@pytest.mark.thorough
@pytest.mark.parametrize("mode", ["session", "transaction"])
async def test_the_service_works_behind_pgbouncer(database_server: str, mode: str) -> None:
    """By TLS, with @ in its password, it settles at once for many, and shows the money from one elected process, though
    the pooler has fewer connections than it in the mode of transactions."""
    url = await migrated_database(database_server)
    few = mode == "transaction"
    with pgbouncer(url, mode, size=3 if few else 20) as pooled, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "password"
        file.write_text(PASSWORD + "\n")
        given = {"ONESTOP_DATABASE_PASSWORD_FILE": str(file), "ONESTOP_DATABASE_URL": pooled}
        if not few:
            given = {"ONESTOP_DATABASE_URL": pooled.replace("@", f":{quote(PASSWORD, safe='@:')}@", 1)}
        settings = given | {"ONESTOP_DATABASE_POOLER": mode, "ONESTOP_OBSERVE_SECONDS": "1"}
        process, base_url = await asyncio.to_thread(start_service, url, Path(folder), **settings)
        try:
            headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Accept-Language": "en"}
            async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=60) as client:
                world = await World(client).build()
                settled = await asyncio.gather(*(world.settle(world.bill()) for _ in range(24)))
                assert {answer.status_code for answer in settled} == {201}, [answer.text for answer in settled]
                seen = (await client.get("/metrics")).text
                assert metric(seen, "onestop_gathered_total", '"done"') > 0
                assert metric(seen, "onestop_gathered_total", '"failed"') == 0
                assert (await client.get("/v1/settlements")).status_code == 200
                assert await _shown(client)
        finally:
            process.terminate()
            assert process.wait(30) == 0


async def _shown(client: httpx.AsyncClient) -> bool:
    for _ in range(100):
        metrics = (await client.get("/metrics")).text
        if "onestop_elected_timestamp_seconds" in metrics:
            assert "onestop_uncaught_errors_total 0.0" in metrics
            return True
        await asyncio.sleep(0.1)
    return False


async def test_a_changed_password_is_picked_up(database_server: str, tmp_path: Path) -> None:
    """While the file is behind the database a request waits for the database; once it is right, the next one works."""
    url = await migrated_database(database_server)
    owner: Any = await asyncpg.connect(database_server)
    file = tmp_path / "password"
    try:
        await owner.execute("CREATE ROLE changing LOGIN PASSWORD 'first' IN ROLE onestop_app")
        login = of_app(url).replace("onestop_app:of-the-tests@", "changing@")
        file.write_text("first\n")
        database = await open_database(login, Settings(database_password_file=file, pool_size=2, hot_pool_size=2))
        await _both_work(database)
        await owner.execute("ALTER ROLE changing PASSWORD 's@cond/%'")
        await owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'changing'")
        with pytest.raises(Unavailable):
            await _both_work(database)
        file.write_text("s@cond/%\n")
        await _both_work(database)
        await database.close()
    finally:
        await owner.execute(f"DROP DATABASE {url.partition('?')[0].rpartition('/')[2]} WITH (FORCE)")
        await owner.execute("DROP ROLE IF EXISTS changing")
        await owner.close()


async def _both_work(database: Any) -> None:
    async with database.transaction() as connection:
        await connection.exec_driver_sql("SELECT 1")
    async with database.hot() as connection:
        await connection.execute("SELECT 1")


@pytest.mark.parametrize("name", ["InternalClientError", "ProtocolError"])
async def test_what_the_driver_says_of_itself_can_be_repeated(database_url: str, name: str) -> None:
    """An error of asyncpg's own inside a transaction is 503, as a connection that is lost."""
    database = await open_database(of_app(database_url), Settings(pool_size=1, hot_pool_size=1))
    error = getattr(asyncpg.exceptions, name)("got result for unknown protocol state")
    for opened in (database.hot, database.transaction):
        with pytest.raises(Unavailable):
            await _failing(opened, error)
    await database.close()


async def _failing(opened: Any, error: Exception) -> None:
    async with opened():
        raise error


async def test_a_standby_that_only_reads_is_waited_for(database_url: str) -> None:
    """What can't be written because the database only reads is 503: another may be the primary soon."""
    database = await open_database(of_app(database_url), Settings(pool_size=1, hot_pool_size=1))
    with pytest.raises(Unavailable):
        await _writing_where_nothing_can_be_written(database)
    await database.close()


async def _writing_where_nothing_can_be_written(database: Any) -> None:
    async with database.hot() as connection:
        await connection.execute("SET LOCAL transaction_read_only = on")
        await connection.execute("UPDATE business_clock SET now = now")


async def test_every_transaction_is_read_committed(database_server: str) -> None:
    """Whatever isolation database or login have for a default."""
    url = await migrated_database(database_server)
    owner: Any = await asyncpg.connect(url)
    name = url.partition("?")[0].rpartition("/")[2]
    await owner.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    await owner.close()
    database = await open_database(of_app(url), Settings(pool_size=1, hot_pool_size=1))
    asked = "SELECT current_setting('transaction_isolation'), current_setting('default_transaction_isolation')"
    async with database.hot() as hot, database.transaction() as connection:
        for row in (await hot.fetchrow(asked), (await connection.exec_driver_sql(asked)).one()):
            assert tuple(row) == ("read committed", "serializable")
    await database.close()
