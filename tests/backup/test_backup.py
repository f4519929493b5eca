"""A backup is whole, of one instant, and is read back before it gets its name."""

import asyncio
import json
import os
import stat
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from app.backup import archive
from app.backup.programs import BackupFailed, login
from app.backup.take import take
from tests.clearing.office import Office, office
from tests.conftest import SECRET, of_app
from tests.served import commanded


@pytest.fixture(scope="module")
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office with a settled bill."""
    async with office(database_server) as opened:
        await opened.settled("1000.00", "2018-05-10")
        yield opened


async def backup_login(desk: Office) -> str:
    """The URL of onestop_backup."""
    connection = await asyncpg.connect(desk.url)
    await connection.execute("ALTER ROLE onestop_backup PASSWORD 'of-the-tests'")
    await connection.close()
    return of_app(desk.url).replace("onestop_app", "onestop_backup")


async def test_the_command_writes_a_file_that_anybody_can_open(desk: Office, tmp_path: Path) -> None:
    """As onestop_backup, beside the service: the file is its owner's alone, says what it holds, has the secret's check
    value and not the secret; the database knows of it."""
    path = tmp_path / "today.backup"
    environment = os.environ | {"ONESTOP_OWNER_DATABASE_URL": await backup_login(desk)}
    done = await asyncio.to_thread(commanded, ("backup", str(path)), environment)
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["today.backup"]
    with zipfile.ZipFile(path) as opened:
        assert opened.namelist() == ["database.dump", "manifest.json"]
        told = json.loads(opened.read("manifest.json"))
    assert (told["rows"]["settlement"], told["last_settled_at"][:10]) == (1, "2018-05-20")
    assert SECRET.encode() not in path.read_bytes()
    owner = await asyncpg.connect(desk.url)
    try:
        assert told["key_checks"] == [row[0] for row in await owner.fetch("SELECT encode(value, 'hex') FROM key_check")]
        assert await owner.fetchval("SELECT encode(dump_sha256, 'hex') FROM backup") == told["dump_sha256"]
    finally:
        await owner.close()
    with pytest.raises(BackupFailed, match="已存在"):
        await asyncio.to_thread(take, desk.url, path)


async def test_a_login_that_does_not_see_every_row_takes_no_backup(desk: Office, tmp_path: Path) -> None:
    """The service's own login would leave out what row-level security hides; no file is left."""
    with pytest.raises(BackupFailed, match="onestop_backup"):
        await asyncio.to_thread(take, of_app(desk.url), tmp_path / "x.backup")
    assert list(tmp_path.iterdir()) == []


def test_a_program_is_told_no_password_that_others_could_see() -> None:
    """The password is in its environment and not in its arguments; nothing of our settings is."""
    place = login("postgresql+asyncpg://onestop_backup:p%40ss@db.example:5433/onestop?sslmode=require")
    assert place.url == "postgresql://onestop_backup@db.example:5433/onestop?sslmode=require"
    assert place.environment["PGPASSWORD"] == "p@ss"
    assert not any(name.startswith("ONESTOP_") for name in place.environment)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
async def test_a_file_that_was_cut_off_or_changed_is_refused(desk: Office, tmp_path: Path, share: float) -> None:
    """Of a backup that lacks its end, and of one with another byte in its middle, nothing is taken."""
    path = tmp_path / "whole.backup"
    await asyncio.to_thread(take, desk.url, path)
    whole = path.read_bytes()
    for wrong in (whole[: int(len(whole) * share)], whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:]):
        path.write_bytes(wrong)
        with pytest.raises(BackupFailed, match="不是完整的备份文件"):
            archive.read(path)
