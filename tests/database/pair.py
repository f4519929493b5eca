"""A primary and a standby that confirms every commit, two real servers, with a service that finds the one that writes.

The standby is begun from a base backup while nothing is written; from then on commits wait for it.
"""

import asyncio
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import httpx

from app.backup.programs import login
from app.database import embedded
from app.database.embedded import Server
from tests.conftest import ADMIN_TOKEN, APP_PASSWORD, migrated_database, start_service
from tests.service.test_operations import children

OPTIONS: Final = {"max_connections": "60", "shared_buffers": "64MB"}
STATEMENT_SECONDS: Final = 2
ATTACHED: Final = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'sync'"


@dataclass
class Pair:
    """Both servers. What ``Load`` needs of a service is here too."""

    primary: Server
    standby: subprocess.Popen[bytes]
    standby_run: Path
    name: str
    base_url: str = ""
    client: httpx.AsyncClient = field(init=False)

    @property
    def app_url(self) -> str:
        """The service's login on whichever of the two takes writes."""
        hosts = f"{self.primary.socket_dir},{self.standby_run}"
        return f"postgresql://onestop_app:{APP_PASSWORD}@/{self.name}?host={hosts}&target_session_attrs=primary"

    def owner_url(self) -> str:
        """The superuser's login on the standby."""
        return self._url(self.standby_run)

    def _url(self, place: Path) -> str:
        password = urlsplit(self.primary.url).password
        return f"postgresql://onestop:{password}@/{self.name}?host={place}"

    @asynccontextmanager
    async def owner(self) -> AsyncIterator[Any]:
        """A connection as the superuser of the standby."""
        connection = await asyncpg.connect(self.owner_url())
        try:
            yield connection
        finally:
            await connection.close()

    @asynccontextmanager
    async def primary_owner(self) -> AsyncIterator[Any]:
        """A connection as the superuser of the primary."""
        connection = await asyncpg.connect(self._url(self.primary.socket_dir))
        try:
            yield connection
        finally:
            with suppress(asyncpg.PostgresError, OSError):
                await connection.close(timeout=2)

    async def confirmed(self) -> None:
        """Let every commit wait for the standby, once it follows."""
        async with self.primary_owner() as owner:
            await owner.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            await owner.execute("SELECT pg_reload_conf()")
            deadline = time.monotonic() + 60
            while not await owner.fetchval(ATTACHED):
                assert time.monotonic() < deadline, "the standby doesn't follow"
                await asyncio.sleep(0.1)

    def freeze(self) -> None:
        """Stop the standby where it is."""
        self._signal(signal.SIGSTOP, self.standby.pid, *children(self.standby.pid))

    def thaw(self) -> None:
        """Let the standby go on."""
        self._signal(signal.SIGCONT, *children(self.standby.pid), self.standby.pid)

    def kill_primary(self) -> None:
        """The primary and what looks after it end at once, as with their machine."""
        supervisor = self.primary._supervisor.pid
        everything = [supervisor, *children(supervisor)]
        self._signal(signal.SIGSTOP, *everything)
        self._signal(signal.SIGKILL, *everything)

    async def promote(self) -> None:
        """Make the standby the one that takes writes."""
        async with self.owner() as owner:
            assert await owner.fetchval("SELECT pg_promote()")

    @staticmethod
    def _signal(number: signal.Signals, *pids: int) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


@contextmanager
def _following(server: Server, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A standby of this server in a folder, with its socket in ``run``."""
    owner = server.socket_dir.stat()
    folder.mkdir(0o700)
    (folder / "run").mkdir(0o700)
    place = login(server.url)
    base = [f"{server.binaries}/pg_basebackup", "--checkpoint=fast", "--no-sync", "--write-recovery-conf"]
    base += [f"--pgdata={folder / 'pg'}", f"--dbname={place.url}"]
    subprocess.run(base, env=dict(place.environment), check=True, timeout=120, capture_output=True)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    fixed = {"listen_addresses": "", "port": "5432", "unix_socket_directories": str(folder / "run")}
    settings = [word for name, value in (OPTIONS | fixed).items() for word in ("-c", f"{name}={value}")]
    command = [f"{server.binaries}/postgres", "-D", str(folder / "pg"), *settings]
    user = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **user)
    try:
        yield process
    finally:
        for pid in (process.pid, *children(process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        process.send_signal(signal.SIGQUIT)
        process.wait(60)


@asynccontextmanager
async def pair() -> AsyncIterator[Pair]:
    """Primary, standby and service, for as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="onestop-pair-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        folder.chmod(0o755)
        with embedded.start(folder / "primary", options=OPTIONS) as server:
            name = urlsplit(await migrated_database(server.url)).path.removeprefix("/")
            with _following(server, folder / "standby") as standby:
                both = Pair(server, standby, folder / "standby/run", name)
                await both.confirmed()
                async with _served(both, folder):
                    yield both


@asynccontextmanager
async def _served(both: Pair, folder: Path) -> AsyncIterator[None]:
    limits = {"ONESTOP_DATABASE_URL": both.app_url, "ONESTOP_STATEMENT_TIMEOUT": str(STATEMENT_SECONDS)}
    process, both.base_url = await asyncio.to_thread(
        start_service, "", folder / "none", ONESTOP_SECRET_KEY="ab" * 32, ONESTOP_CLOCK="real", **limits
    )
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Accept-Language": "en"}
    try:
        async with httpx.AsyncClient(verify=False, base_url=both.base_url, headers=headers, timeout=30) as both.client:
            yield
    finally:
        process.terminate()
        process.wait(30)
