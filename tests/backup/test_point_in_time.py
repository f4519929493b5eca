"""The recipe for a base backup with an archive of the WAL (docs/operators.md), as an operator follows it."""

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import asyncpg
import pytest

from app.backup.programs import login
from app.backup.restore import noted, resumed
from app.config import Settings
from app.database import embedded
from app.database.schema import migrate
from tests.conftest import roomy_memory

pytestmark = pytest.mark.thorough

WRITTEN = "INSERT INTO area (area_code, name, subject, request_id) VALUES ($1, 'x', 'x', 'r')"
CONFIGURED = """
restore_command = 'cp {wal}/%f %p'
recovery_target_time = '{until}'
recovery_target_action = 'promote'
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that an unprivileged database user can reach, with one for the WAL that it can write."""
    with tempfile.TemporaryDirectory(prefix="onestop-recovery-", dir=roomy_memory()) as made:
        Path(made).chmod(0o755)
        (Path(made) / "wal").mkdir(0o777)
        (Path(made) / "wal").chmod(0o777)
        yield Path(made)


async def _worked(url: str) -> datetime:
    """Work until an instant, which is returned, and after it; the WAL of both is archived."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(WRITTEN, "530100")
        until: datetime = await connection.fetchval("SELECT clock_timestamp()")
        await asyncio.sleep(0.1)
        await connection.execute(WRITTEN, "532600")
        last = await connection.fetchval("SELECT pg_walfile_name(pg_switch_wal())")
        for _ in range(200):
            if (await connection.fetchval("SELECT last_archived_wal FROM pg_stat_archiver") or "") >= last:
                return until
            await asyncio.sleep(0.1)
        raise AssertionError("the WAL was not archived")
    finally:
        await connection.close()


async def _areas(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        return [row[0] for row in await connection.fetch("SELECT area_code FROM area ORDER BY 1")]
    finally:
        await connection.close()


def test_a_database_comes_back_as_of_an_instant(folder: Path) -> None:
    """What was written before the instant is there, what was written after it isn't, and ``recovered`` proves it."""
    wal, live, later = folder / "wal", folder / "live", folder / "later"
    options = {"archive_mode": "on", "archive_command": f"cp %p {wal}/%f", "wal_compression": "off"}
    with embedded.start(live, options=options) as server:
        asyncio.run(migrate(server.url))
        place = login(server.url)
        later.mkdir()
        base = [
            str(embedded.programs() / "pg_basebackup"),
            "--checkpoint=fast",
            "--no-sync",
            f"--pgdata={later / 'pg'}",
        ]
        subprocess.run([*base, f"--dbname={place.url}"], env=dict(place.environment), check=True, timeout=60)
        until = asyncio.run(_worked(server.url))
        password, owner = live / "pg.password", live.stat()
        shutil.copy(password, later)
    with (later / "pg/postgresql.auto.conf").open("a") as configuration:
        configuration.write(CONFIGURED.format(wal=wal, until=until.isoformat()))
    (later / "pg/recovery.signal").touch()
    for path in (later, *later.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    with embedded.start(later) as server:
        for _ in range(100):
            if not asyncio.run(_recovering(server.url)):
                break
            time.sleep(0.1)
        assert asyncio.run(_areas(server.url)) == ["530100"]
        asyncio.run(noted(server.url, until))
        assert asyncio.run(resumed(server.url, Settings())).whole


async def _recovering(url: str) -> bool:
    connection = await asyncpg.connect(url)
    try:
        recovering: bool = await connection.fetchval("SELECT pg_is_in_recovery()")
        return recovering
    finally:
        await connection.close()
