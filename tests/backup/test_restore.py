"""What a backup holds can be worked with again, and nothing that happened after it is done twice."""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.backup.archive import Manifest
from app.backup.programs import BackupFailed
from app.backup.restore import ID_BLOCK, noted, readable, refuse_used, restored, resumed, with_roles
from app.backup.take import take
from app.config import Settings
from app.service.security import derive_keys
from tests.clearing.office import Office, office
from tests.conftest import (
    ADMIN_TOKEN,
    APP_PASSWORD,
    SECRET,
    drop_database,
    new_database,
    of_app,
    roomy_memory,
    start_service,
)
from tests.database.schema_shape import shape
from tests.served import commanded
from tests.world import key

KEYS = derive_keys(bytes.fromhex(SECRET))
NUMBERS = "SELECT (SELECT max(settlement_id) FROM settlement), (SELECT max(transfer_id) FROM transfer)"


@pytest.fixture(scope="module")
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office on 5 June 2018 with an order that is approved and not sent."""
    async with office(database_server) as opened:
        await opened.settled("1000.00", "2018-05-10")
        await opened.at("2018-06-05")
        order = await opened.ordered(await opened.approved("2018-05"))
        await opened.do("wang", f"/disbursements/{order['disbursement_id']}/approval")
        yield opened


@pytest.fixture(scope="module")
async def saved(desk: Office) -> AsyncIterator[tuple[Path, Manifest]]:
    """A backup of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.backup"
        yield path, await asyncio.to_thread(take, desk.url, path)


@pytest.fixture
async def empty(database_server: str) -> AsyncIterator[str]:
    """An empty database."""
    url = await new_database(database_server)
    yield url
    await drop_database(url)


async def test_ids_go_on_behind_those_that_may_have_been_given(
    saved: tuple[Path, Manifest], empty: str, desk: Office
) -> None:
    """Restored as it was with every privilege, proven, its ids ten million further on, the restoration noted."""
    path, manifest = saved
    assert readable(path, KEYS) == manifest
    await refuse_used(empty)
    await with_roles(empty)
    await asyncio.to_thread(restored, empty, path, manifest)
    found = await resumed(empty, Settings())
    assert found.whole, found
    before, after = await asyncpg.connect(desk.url), await asyncpg.connect(empty)
    try:
        assert await after.fetchrow(NUMBERS) == await before.fetchrow(NUMBERS)
        assert await shape(after) == await shape(before)
        given = "SELECT nextval('settlement_id'), nextval(pg_get_serial_sequence('disbursement', 'disbursement_id'))"
        assert all(number > ID_BLOCK for number in await after.fetchrow(given))
        row = await after.fetchrow("SELECT data_until, last_settled_at, restored_on::text FROM restoration")
        assert tuple(row) == (manifest.taken_at, manifest.last_settled_at, "2018-06-05")
        assert found.last_settled_at == manifest.last_settled_at
    finally:
        await before.close()
        await after.close()
    with pytest.raises(BackupFailed, match="不是空的"):
        await refuse_used(empty)


async def test_the_owner_restores_without_being_a_superuser(empty: str, saved: tuple[Path, Manifest]) -> None:
    """As onestop_owner, whose database it is; and what was recovered by other means is noted by the same login, its ids
    moved on once more."""
    path, manifest = saved
    connection = await asyncpg.connect(empty)
    try:
        await connection.execute(f"ALTER ROLE onestop_owner PASSWORD '{APP_PASSWORD}'")
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f"ALTER DATABASE {name} OWNER TO onestop_owner")
        owner = of_app(empty).replace("onestop_app", "onestop_owner")
        await with_roles(owner)
        await asyncio.to_thread(restored, owner, path, manifest)
        await noted(owner, datetime(2026, 1, 2, tzinfo=UTC))
        assert (await resumed(owner, Settings())).whole
        assert await connection.fetchval("SELECT nextval('transfer_id')") > 2 * ID_BLOCK
        assert await connection.fetchval("SELECT count(*) FROM restoration") == 2
    finally:
        await connection.close()


async def test_another_secret_is_refused_before_anything_is_written(saved: tuple[Path, Manifest]) -> None:
    """A backup is restored with its own secret, or explicitly without."""
    path, manifest = saved
    with pytest.raises(ValueError, match="another secret"):
        readable(path, derive_keys(b"x" * 32))
    assert readable(path, None) == manifest


async def test_a_restoration_that_fails_leaves_nothing(empty: str, saved: tuple[Path, Manifest]) -> None:
    """What breaks at the end of a restoration takes everything back: the database is as empty as before."""
    path, manifest = saved
    await with_roles(empty)
    connection = await asyncpg.connect(empty)
    await connection.execute(
        "CREATE TYPE zz AS (a int); CREATE FUNCTION reaches_fund(text) RETURNS boolean LANGUAGE sql AS 'SELECT true'"
    )
    try:
        with pytest.raises(BackupFailed, match="reaches_fund"):
            await asyncio.to_thread(restored, empty, path, manifest)
        await refuse_used(empty)
    finally:
        await connection.close()


# ---------------------------------------------------------------- the command, after a backup under load


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that an unprivileged database user can reach."""
    with tempfile.TemporaryDirectory(prefix="onestop-restore-", dir=roomy_memory()) as made:
        Path(made).chmod(0o755)
        yield Path(made)


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``onestop`` with these words."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("ONESTOP_")} | environment
    return commanded(words, variables)


@pytest.mark.thorough
async def test_a_backup_under_load_serves_again(desk: Office, folder: Path) -> None:
    """Taken while bills are settled, restored into an empty folder by the command: every invariant holds, the service
    goes on with new ids, and the approved order is sent only when two people have checked the bank."""
    path, data = folder / "busy.backup", folder / "data"

    async def settling() -> None:
        while not path.exists():
            await desk.settled("100.00", "2018-06-05")

    load = asyncio.gather(*(settling() for _ in range(2)))
    await asyncio.to_thread(take, desk.url, path)
    await load
    done = await asyncio.to_thread(run, "restore", str(path), "--data-dir", str(data), ONESTOP_SECRET_KEY=SECRET)
    assert done.returncode == 0, done.stderr
    assert "不符" not in done.stdout
    process, url = start_service("", data, ONESTOP_SECRET_KEY=SECRET, ONESTOP_CLOCK="manual:2018-06-05T10:00:00+08:00")
    try:
        await _gone_on(url, desk)
    finally:
        process.terminate()
        process.wait(30)


async def _gone_on(url: str, desk: Office) -> None:
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    async with httpx.AsyncClient(verify=False, base_url=url, headers=headers, timeout=60) as client:

        async def post(who: str, path: str, body: Any = None) -> httpx.Response:
            return await client.post(f"/v1{path}", json=body, headers=key() | desk.tokens[who])

        bill = desk.world.bill("50.00", lines=[desk.world.line("50.00")])
        settled = await client.post("/v1/settlements", json=bill, headers=key())
        assert settled.status_code == 201, settled.text
        assert int(settled.json()["settlement_id"].removeprefix("set_")) > ID_BLOCK
        assert (await post("li", "/disbursements/dis_1/sending")).json()["code"] == "bank_check_pending"
        made = await post("li", "/bank-checks", {"checked_until": "2018-06-05"})
        assert made.status_code == 201, made.text
        await post("wang", f"/bank-checks/{made.json()['bank_check_id']}/approval")
        assert (await post("li", "/disbursements/dis_1/sending")).json()["state"] == "sent"
