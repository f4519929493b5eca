"""Taking a backup of a database that is being worked on: everything in it is of one instant."""

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any, Final

import asyncpg

from app.backup import archive
from app.backup.archive import Contents, Manifest
from app.backup.programs import BackupFailed, login
from app.database.engine import plain_url
from app.version import VERSION

# Who sees every row: row-level security hides them from all others, and would leave them out of a dump.
_SEES_ALL: Final = """
SELECT rolsuper OR rolbypassrls OR pg_has_role('onestop_owner', 'USAGE') OR pg_has_role('onestop_backup', 'USAGE')
  FROM pg_roles WHERE rolname = current_user"""
_SCHEMA: Final = "SELECT to_regclass('public.schema_state') IS NOT NULL"
_TABLES: Final = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
_TAKEN: Final = "INSERT INTO backup (taken_at, dump_bytes, dump_sha256) VALUES ($1, $2, decode($3, 'hex'))"


def take(url: str, path: Path) -> Manifest:
    """Write a backup of a database to a new file, read it back, and note in the database that it was taken.

    The login is a superuser, onestop_owner or onestop_backup. Only its owner may read the file. BackupFailed, without a
    file, when it exists already, the login doesn't see every row, or what is read back isn't what was there.
    """
    if path.exists():
        raise BackupFailed(f"{path} 已存在，不会被覆盖。请换一个文件名。")
    folder = path.absolute().parent
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=folder)  # mkstemp: 0600
    except OSError as error:
        raise BackupFailed(f"不能写入 {folder}：{error.strerror}。") from None
    os.close(handle)
    draft = Path(name)
    try:
        manifest = asyncio.run(_written(url, draft))
        _finished(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return manifest


async def _written(url: str, draft: Path) -> Manifest:
    """Dump, read back and note, while the snapshot is kept."""
    connection = await asyncpg.connect(plain_url(url))
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            contents = await _contents(connection)
            snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
            manifest = await asyncio.to_thread(archive.write, draft, login(url), snapshot, contents)
        await asyncio.to_thread(_read_back, draft, manifest)
        await connection.execute(_TAKEN, manifest.taken_at, manifest.dump_bytes, manifest.dump_sha256)
    finally:
        await connection.close()
    return manifest


async def _contents(connection: Any) -> Contents:
    if not await connection.fetchval(_SCHEMA):
        raise BackupFailed("该数据库中没有 onestop 的数据。请检查 ONESTOP_OWNER_DATABASE_URL 或 --data-dir。")
    if not await connection.fetchval(_SEES_ALL):
        raise BackupFailed(
            "该登录角色看不到全部数据。请让 ONESTOP_OWNER_DATABASE_URL 以 onestop_backup 或 onestop_owner 登录。"
        )
    tables = [row[0] for row in await connection.fetch(_TABLES)]
    counts = ", ".join(f'(SELECT count(*) FROM public."{table}")' for table in tables)
    return Contents(
        taken_at=await connection.fetchval("SELECT now()"),
        release=VERSION,
        schema_version=await connection.fetchval("SELECT schema_version FROM schema_state"),
        key_checks=[row[0] for row in await connection.fetch("SELECT encode(value, 'hex') FROM key_check ORDER BY 1")],
        last_settled_at=await connection.fetchval("SELECT max(settled_at) FROM settlement"),
        rows=dict(zip(tables, await connection.fetchrow(f"SELECT {counts}"), strict=True)),
    )


def _read_back(draft: Path, manifest: Manifest) -> None:
    """BackupFailed unless the file holds, row by row, what the snapshot did."""
    archive.read(draft)
    found = archive.counted(draft)
    wrong = [name for name, rows in manifest.rows.items() if found.get(name, 0) != rows]
    if wrong:
        raise BackupFailed(f"读回核对不符，备份没有写出：{', '.join(wrong)}。请重试，并检查磁盘。")


def _finished(draft: Path, path: Path) -> None:
    """Let the file appear under its name, durably."""
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    draft.rename(path)
    folder = os.open(path.absolute().parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
