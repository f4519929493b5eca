"""What counts as a crash of a job: a process that ended by itself without a result, not a restart of the service."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from app.config import Settings
from app.database.engine import open_database
from app.jobs import store
from app.service.caller import Service
from app.service.security import derive_keys
from app.tiers.policy import PolicyBook
from tests.conftest import migrated_database, of_app

QUEUED = """INSERT INTO job (kind, options, area_code, file_digest, subject, request_id, received_at)
            VALUES ('poverty_list', '{}', '530100', '', 'test', 'test', now())"""


@pytest.fixture
async def service(database_server: str) -> AsyncIterator[tuple[Service, Any]]:
    """The parts of a service over a database in which one job waits, and a connection of the owner."""
    url = await migrated_database(database_server)
    owner = await asyncpg.connect(url)
    await owner.execute(QUEUED)
    database = await open_database(of_app(url), Settings(pool_size=2, hot_pool_size=2))
    yield Service(Settings(), database, PolicyBook({}), derive_keys(bytes(32)), False), owner
    await database.close()
    await owner.close()


async def _claimed(service: Service) -> tuple[int, int]:
    claimed = await store.claim(service)
    assert claimed is not None
    return claimed


async def test_restarts_never_make_a_job_fail(service: tuple[Service, Any]) -> None:
    """However often it is given back in good order, it waits to be carried on, and has not crashed."""
    parts, owner = service
    for _ in range(2 * store.MAX_CRASHES):
        await store.release(parts, *await _claimed(parts), crashed=False)
    row = await owner.fetchrow("SELECT state, attempts, crashes FROM job")
    assert tuple(row) == ("queued", 2 * store.MAX_CRASHES, 0)


@pytest.mark.parametrize("seen", [True, False], ids=["seen by its worker", "found by its lease"])
async def test_three_crashes_end_a_job(service: tuple[Service, Any], seen: bool) -> None:
    """A process that ends by itself, and one whose whole machine is gone so that its lease ends, count alike."""
    parts, owner = service
    for _ in range(store.MAX_CRASHES):
        claimed = await _claimed(parts)
        if seen:
            await store.release(parts, *claimed, crashed=True)
        else:
            await owner.execute("UPDATE job SET lease_until = clock_timestamp() - interval '1 second'")
    assert await store.claim(parts) is None
    row = await owner.fetchrow("SELECT state, crashes, faults FROM job")
    assert (row["state"], row["crashes"], "job_crashed" in row["faults"]) == ("failed", store.MAX_CRASHES, True)
