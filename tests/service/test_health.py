"""``/readyz`` tells the truth: 503 only when the instance can't settle, and an answer within a second always."""

import asyncio
import os
import signal
import tempfile
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import asyncpg
import httpx
import pytest
from prometheus_client import REGISTRY

from app.basics.days import SHANGHAI
from app.basics.errors import Unavailable
from app.config import Settings
from app.database import embedded
from app.database.engine import open_database
from app.database.schema import let_in, migrate
from app.policies import shipped_book
from app.service import clock, key_check
from app.service.caller import Service
from app.service.health import STALE_SECONDS, Health
from app.service.security import derive_keys
from tests.conftest import APP_PASSWORD, migrated_database, of_app, start_service
from tests.service.test_operations import children, ready_with


async def test_a_policy_gap_is_only_worth_a_look(database_server: str) -> None:
    """A day without a policy leaves the instance ready, and is told as degraded."""
    url = await migrated_database(database_server)
    settings = Settings()
    database = await open_database(url, settings)
    try:
        async with database.transaction() as connection:
            await clock.start_manual(connection, datetime(2010, 1, 1, tzinfo=SHANGHAI))
        health = Health(Service(settings, database, shipped_book(), derive_keys(b"s" * 32), True), [])
        assert not health.is_ready()
        await health.loop().turn(lambda: None)
        report = health.report()
    finally:
        await database.close()
    assert report.ready
    assert report.degraded == {"policy yunnan": "policy_gap", "policy wenshan": "policy_gap"}


async def test_a_probe_that_is_told_to_end_ends(database_server: str) -> None:
    """A service that stops while a probe waits for the database isn't held up by it."""
    url = await migrated_database(database_server)
    database = await open_database(of_app(url), Settings())
    owner = await asyncpg.connect(url)
    try:
        health = Health(Service(Settings(), database, shipped_book(), derive_keys(b"s" * 32), False), [])
        async with owner.transaction():
            await owner.execute("LOCK TABLE health_probe")
            probing = asyncio.create_task(health.loop().run())
            await asyncio.sleep(0.5)
            probing.cancel()
            ended, _ = await asyncio.wait([probing], timeout=5)
        assert probing in ended
        assert probing.cancelled()
    finally:
        await owner.close()
        await database.close()


async def test_another_secret_is_not_ready(database_server: str) -> None:
    """Once the database is written with a secret that this instance doesn't have, it can't settle, and says so."""
    url = await migrated_database(database_server)
    database = await open_database(of_app(url), Settings())
    try:
        keys = derive_keys(b"s" * 32)
        health = Health(Service(Settings(), database, shipped_book(), keys, False), [])
        await key_check.note(of_app(url), keys)
        await health.loop().turn(lambda: None)
        assert health.report().ready
        async with database.transaction() as connection:
            await key_check.forget_former(connection, derive_keys(b"t" * 32))
        await health.loop().turn(lambda: None)
        assert "another secret" in health.report().checks["key"]
        assert not health.is_ready()
    finally:
        await database.close()


async def test_reports_that_take_every_connection_leave_the_instance_ready(database_server: str) -> None:
    """What keeps only reports from the database keeps nobody from settling, so /readyz stays 200."""
    settings = Settings(pool_size=2, hot_pool_size=2, pool_timeout=0.3)
    database = await open_database(of_app(await migrated_database(database_server)), settings)
    try:
        health = Health(Service(settings, database, shipped_book(), derive_keys(b"s" * 32), False), [])
        async with database.transaction():
            await health.loop().turn(lambda: None)
            assert health.is_ready()
            assert database.in_use() == {"ordinary": (1, 2), "hot": (0, 2)}
            with pytest.raises(Unavailable):
                async with database.transaction():
                    pass
        before = shown("onestop_pool_timeouts_total")
        await health.loop().turn(lambda: None)
        assert shown("onestop_pool_timeouts_total") == before + 1
        assert shown("onestop_pool_connections", pool="ordinary", kind="most") == 2
        assert shown("onestop_pool_connections", pool="ordinary", kind="used") == 0
    finally:
        await database.close()


def shown(name: str, **labels: str) -> float:
    """A sample of this process."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_an_old_report_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found more than ten seconds ago says nothing about now."""
    database = await open_database("postgresql://nobody@127.0.0.1:1/none", Settings())
    health = Health(Service(Settings(), database, shipped_book(), derive_keys(b"s" * 32), True), [])
    await health.loop().turn(lambda: None)
    assert health.report().checks == {"database": "database_unavailable"}
    later = time.monotonic() + STALE_SECONDS + 1
    monkeypatch.setattr("app.service.health.time.monotonic", lambda: later)
    assert list(health.report().checks) == ["probe"]
    await database.close()


@pytest.mark.thorough
async def test_a_frozen_database_does_not_freeze_the_answer() -> None:
    """While no process of the database moves, /readyz says 503 at once, and 200 again soon after."""
    with tempfile.TemporaryDirectory(prefix="onestop-frozen-") as folder:
        Path(folder).chmod(0o755)
        with embedded.start(Path(folder) / "data") as server:
            await migrate(server.url)
            await let_in(server.url, APP_PASSWORD)
            process, base_url = start_service(server.url, Path(folder), ONESTOP_SECRET_KEY="ef" * 32)
            frozen: list[int] = []
            try:
                async with httpx.AsyncClient(verify=False, base_url=base_url, timeout=5) as client:
                    postmaster = int((Path(folder) / "data/pg/postmaster.pid").read_text().split()[0])
                    frozen = [postmaster, *children(postmaster)]
                    _signal(frozen, signal.SIGSTOP)
                    answer = await ready_with(client, 503)
                    assert "hasn't answered" in answer.json()["checks"]["probe"]
                    assert (await client.get("/livez")).status_code == 200
                    _signal(frozen, signal.SIGCONT)
                    await ready_with(client, 200)
            finally:
                _signal(frozen, signal.SIGCONT)
                process.terminate()
                assert process.wait(120) == 0


def _signal(processes: list[int], number: signal.Signals) -> None:
    """Send a signal to processes; one of the database's may have ended since it was seen."""
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
