"""The secret of a database: a wrong or lost one starts nothing, and changes nothing."""

import asyncio
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from app.config import Settings
from app.database.engine import open_database
from app.policies import shipped_book
from app.service import key_check
from app.service.caller import Service
from app.service.retention import purge
from app.service.security import derive_keys
from tests.conftest import ADMIN_TOKEN, ROOT, free_port, migrated_database, of_app, start_service
from tests.world import World, key


def served(url: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """What ``onestop serve`` says that doesn't start."""
    variables = os.environ | {"ONESTOP_DATABASE_URL": url, "ONESTOP_ADMIN_TOKEN": ADMIN_TOKEN} | environment
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(free_port())]
    return subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
async def url(database_server: str) -> str:
    """A migrated database of its own."""
    return await migrated_database(database_server)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the database's user may enter."""
    made = Path(tempfile.mkdtemp(prefix="onestop-keys-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_another_secret_starts_nothing_and_writes_nothing(url: str, folder: Path) -> None:
    """A database says by a check value that it was written with another secret, and the message what to do."""
    keys, other = derive_keys(b"k" * 32), derive_keys(b"o" * 32, [b"k" * 32])
    asyncio.run(key_check.note(of_app(url), keys))
    refused = served(of_app(url), ONESTOP_SECRET_KEY="cd" * 32, ONESTOP_DATA_DIR=str(folder))
    assert refused.returncode == 1, refused.stderr
    assert "another secret" in refused.stdout + refused.stderr
    assert "ONESTOP_FORMER_SECRETS" in refused.stdout + refused.stderr
    assert asyncio.run(key_check.known(url)) == {keys.current.check}
    asyncio.run(key_check.note(of_app(url), other))  # a replaced secret beside the former one
    with pytest.raises(ValueError, match="another secret"):
        asyncio.run(key_check.note(of_app(url), keys))
    assert asyncio.run(key_check.known(url)) == {keys.current.check, other.current.check}


async def test_of_two_that_begin_at_once_with_different_secrets_one_is_refused(url: str) -> None:
    """A new database takes one secret."""
    both = (key_check.note(of_app(url), derive_keys(bytes([one]) * 32)) for one in (1, 2))
    answers = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(one) for one in answers if one is not None) == [ValueError]
    assert len(await key_check.known(url)) == 1


@pytest.mark.thorough
def test_a_lost_secret_starts_nothing_and_migrates_nothing(folder: Path) -> None:
    """Without the secret.key that a folder's database was written with, it stays as it is, and no other is made."""
    data = folder / "data"
    process, _ = start_service("", data)
    process.terminate()
    assert process.wait(60) == 0
    (data / "secret.key").rename(folder / "kept")
    before = (data / "pg/PG_VERSION").stat().st_mtime
    lost = served("", ONESTOP_DATA_DIR=str(data))
    assert lost.returncode == 1, lost.stderr
    assert "secret.key" in lost.stdout + lost.stderr
    assert not (data / "secret.key").exists()
    assert (data / "pg/PG_VERSION").stat().st_mtime == before
    (folder / "kept").rename(data / "secret.key")
    process, _ = start_service("", data)
    process.terminate()
    assert process.wait(60) == 0


async def test_answers_are_purged_when_they_were_kept_long_enough(url: str, folder: Path) -> None:
    """After 30 days of real time a remembered answer is gone, and never before."""
    process, base_url = start_service(url, folder)
    owner = await asyncpg.connect(url)
    database = await open_database(of_app(url), Settings())
    try:
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=60) as client:
            world = await World(client).build()
            again, bill = key(), world.bill()
            assert (await client.post("/v1/settlements", json=bill, headers=again)).status_code == 201
            body = {"subject": f"purged-{secrets.token_hex(4)}", "scopes": ["auditor"]}
            assert (await client.post("/v1/tokens", json=body, headers=key())).status_code == 201
            service = Service(Settings(), database, shipped_book(None), derive_keys(b"k" * 32), False)
            assert await purge(service) == 0
            kept = await owner.fetchval("SELECT count(*) FROM idempotency")
            await owner.execute("UPDATE idempotency SET recorded_at = recorded_at - interval '29 days'")
            assert await purge(service) == 0
            await owner.execute("UPDATE idempotency SET recorded_at = recorded_at - interval '2 days'")
            assert await purge(service) == kept
            twice = await client.post("/v1/settlements", json=bill, headers=again)
            assert (twice.status_code, twice.json()["code"]) == (409, "already_settled")
    finally:
        await database.close()
        await owner.close()
        process.terminate()
        process.wait(30)
