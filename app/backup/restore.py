"""Restoring a backup into an empty database, and what has to be done before anybody works with what was restored.

What happened after the backup is lost here, and not elsewhere: the bank paid, hospitals were told ids. So ids go on far
behind those that may have been given, nothing is sent until the bank was checked, and what was due to be erased is."""

import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine

from app.backup import archive
from app.backup.archive import Manifest
from app.backup.programs import BackupFailed, ended, login, program
from app.config import Settings
from app.database.engine import open_database, plain_url
from app.database.present import work_as_owner
from app.database.schema import SCHEMA_VERSION, migrate
from app.jobs import store as jobs
from app.ledger import proof, seal
from app.ledger.proof import CheckResult
from app.ledger.seal import Verified
from app.nhsa import retention as nhsa_retention
from app.service import retention
from app.service.caller import Service
from app.service.key_check import refuse_other
from app.service.security import Keys, derive_keys
from app.tiers.policy import PolicyBook

ID_BLOCK: Final = 10_000_000

_EMPTY: Final = """
SELECT NOT EXISTS (
  SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
     AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = c.oid AND e.deptype = 'e'))"""
# Business time is the manual clock's where one was ever set.
_RESUME: Final = """
SET search_path = public;
SET row_security = on;
SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, coalesce(last_value, 0) + {block})
  FROM pg_sequences WHERE schemaname = 'public';
INSERT INTO restoration (data_until, last_settled_at, restored_on)
SELECT '{until}'::timestamptz, (SELECT max(settled_at) FROM settlement),
       (coalesce((SELECT now FROM business_clock), clock_timestamp()) AT TIME ZONE 'Asia/Shanghai')::date;
"""
_LAST: Final = "SELECT last_settled_at FROM restoration ORDER BY restoration_id DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Resumed:
    """What holds of a restored database: its last settlement, each invariant, the seals."""

    last_settled_at: datetime | None
    checked: Sequence[CheckResult]
    verified: Verified

    @property
    def whole(self) -> bool:
        """Whether everything holds."""
        return not self.verified.findings and not any(result.count for result in self.checked)


def readable(path: Path, keys: Keys | None) -> Manifest:
    """What a backup holds, once it is known that it is whole, that this release reads it, and that the keys are those
    that it was written with (None: without them). BackupFailed or ValueError; nothing was changed then."""
    manifest = archive.read(path)
    if manifest.schema_version > SCHEMA_VERSION:
        raise BackupFailed(f"备份来自更新的版本（{manifest.release}）。请用该版本或更新的版本恢复。")
    if keys is not None:
        refuse_other({bytes.fromhex(value) for value in manifest.key_checks}, keys)
    return manifest


async def refuse_used(url: str) -> None:
    """BackupFailed unless nothing is in the database yet."""
    connection = await asyncpg.connect(plain_url(url))
    try:
        if not await connection.fetchval(_EMPTY):
            raise BackupFailed("目标数据库不是空的，没有改动。请恢复到新的空数据库，或换一个 --data-dir。")
    finally:
        await connection.close()


async def with_roles(url: str) -> None:
    """See that the cluster has the four roles. The login makes them, or has them already."""

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(plain_url(url))

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(work_as_owner)
    finally:
        await engine.dispose()


def restored(url: str, path: Path, manifest: Manifest) -> None:
    """Bring everything into an empty database in one transaction: tables, rows, ids moved on, the restoration noted.
    BackupFailed, with nothing changed, when any of it fails. Functions and privileges come by migrating."""
    place = login(url)
    command = [program("psql"), "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--file=-"]
    command += ["--output=/dev/null", f"--dbname={place.url}"]
    with tempfile.TemporaryFile() as said:
        writing = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=said, env=dict(place.environment))
        try:
            assert writing.stdin is not None
            with suppress(BrokenPipeError), writing.stdin as script:  # what psql says tells why it ended
                script.write(b"BEGIN;\nSET LOCAL ROLE onestop_owner;\n")
                with archive.script(path, "--schema=public", "--no-owner", "--no-privileges") as lines:
                    shutil.copyfileobj(lines, script, archive.PIECE)
                script.write(_RESUME.format(block=ID_BLOCK, until=manifest.taken_at.isoformat()).encode())
                script.write(b"COMMIT;\n")
            ended(writing, said)
        finally:
            writing.kill()  # without its COMMIT everything is rolled back
            writing.wait()


async def noted(url: str, until: datetime) -> None:
    """Do to a database that was recovered by other means, whole up to an instant, what ``restored`` does in the end."""
    connection = await asyncpg.connect(plain_url(url))
    try:
        async with connection.transaction():
            await connection.execute(_RESUME.format(block=ID_BLOCK, until=until.isoformat()))
    finally:
        await connection.close()


async def resumed(url: str, settings: Settings) -> Resumed:
    """Bring a restored database to this release, erase what is due, seal what was not sealed yet, and prove it all."""
    await migrate(url)
    database = await open_database(url, settings)
    try:
        # Erasing needs no key: it takes keys away.
        service = Service(settings, database, PolicyBook({}), derive_keys(secrets.token_bytes(32)), False)
        while await nhsa_retention.erase(service) >= nhsa_retention.ERASE_ROWS:
            pass
        while await retention.purge(service) >= retention.PURGE_ROWS:
            pass
        while await jobs.expire_rows(service) >= jobs.EXPIRE_ROWS:
            pass
        await jobs.drop_results(service)
        await seal.seal(database, everything=True)
        async with database.transaction() as connection:
            checked = await proof.check_all(connection)
            verified = await seal.verify(connection)
            last = (await connection.exec_driver_sql(_LAST)).scalar()
    finally:
        await database.close()
    return Resumed(last, checked, verified)
