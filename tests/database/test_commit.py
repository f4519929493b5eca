"""The moment between asking for a commit and its answer: nobody knows whether it was done, and nobody is told that."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.database import embedded
from tests.conftest import ADMIN_TOKEN, migrated_database, start_service
from tests.world import World, key

pytestmark = pytest.mark.thorough


@dataclass
class Waiting:
    """A service whose server waits for a standby that doesn't exist, when told so."""

    client: httpx.AsyncClient
    owner: Any
    world: World

    async def standby(self, name: str) -> None:
        """The standby that commits wait for; none when empty."""
        await self.owner.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
        await self.owner.execute("SELECT pg_reload_conf()")
        await asyncio.sleep(0.5)

    async def committing(self) -> int:
        """The backend that waits in its commit."""
        for _ in range(200):
            found = await self.owner.fetchval("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' LIMIT 1")
            if found is not None:
                return int(found)
            await asyncio.sleep(0.05)
        raise AssertionError("no commit waits")

    async def converges(self, sent: dict[str, Any], with_key: dict[str, str]) -> None:
        """What was done without anybody knowing is answered again, once."""
        await self.standby("")
        again = await self.client.post("/v1/settlements", json=sent, headers=with_key)
        assert again.status_code == 201, again.text
        found = (await self.client.get("/v1/settlements", params={"visit_id": sent["visit_id"]})).json()["data"]
        assert [one["settlement_id"] for one in found] == [again.json()["settlement_id"]]


@pytest.fixture(scope="module")
async def waiting() -> AsyncIterator[Waiting]:
    """A server, a service and a world of their own."""
    with tempfile.TemporaryDirectory(prefix="onestop-commit-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with embedded.start(folder / "data") as server:
            url = await migrated_database(server.url)
            limits = {"ONESTOP_SECRET_KEY": "ab" * 32, "ONESTOP_STATEMENT_TIMEOUT": "2"}
            process, base_url = start_service(url, folder, **limits)
            headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Accept-Language": "en"}
            owner = await asyncpg.connect(url)
            try:
                async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=60) as client:
                    yield Waiting(client, owner, await World(client).build())
            finally:
                await owner.close()
                process.terminate()
                process.wait(30)


def is_unknown(answer: httpx.Response) -> None:
    """503 that says so and when to come again."""
    told = answer.json()
    assert (answer.status_code, told["code"], told["outcome_unknown"]) == (503, "outcome_unknown", True), answer.text
    assert answer.headers["Retry-After"]
    assert told["retryable"] is True


async def test_a_standby_that_does_not_answer_in_time_leaves_the_outcome_unknown(waiting: Waiting) -> None:
    """The service waits as long as a statement may take, then closes the connection and says that it doesn't know."""
    sent, with_key = waiting.world.bill("100.00"), key()
    await waiting.standby("nobody")
    is_unknown(await waiting.client.post("/v1/settlements", json=sent, headers=with_key))
    await waiting.converges(sent, with_key)


@pytest.mark.parametrize("end", ["pg_terminate_backend", "pg_cancel_backend"])
async def test_a_commit_that_is_ended_leaves_the_outcome_unknown(waiting: Waiting, end: str) -> None:
    """The backend is ended, or told to wait for the standby no longer: PostgreSQL then says *done* with a warning, and
    the service neither that it was done nor that it wasn't."""
    sent, with_key = waiting.world.bill("200.00"), key()
    await waiting.standby("nobody")
    asked = asyncio.create_task(waiting.client.post("/v1/settlements", json=sent, headers=with_key))
    await waiting.owner.execute(f"SELECT {end}($1)", await waiting.committing())
    is_unknown(await asked)
    await waiting.converges(sent, with_key)


async def test_what_is_written_by_the_other_pool_is_held_to_the_same(waiting: Waiting) -> None:
    """A token is issued while the standby is away: unknown, and nothing else is promised."""
    await waiting.standby("nobody")
    body = {"subject": "zhou", "scopes": ["finance"]}
    is_unknown(await waiting.client.post("/v1/tokens", json=body, headers=key()))
    await waiting.standby("")
