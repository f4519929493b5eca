"""What faults are done to: ``onestop serve`` with two workers and its own PostgreSQL, and who starts it again.

``Ground`` finds the processes by what they are. Its watchman does what systemd or Kubernetes do with the shipped files:
it starts the service again when its first process has ended, and nothing else.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx

from app.database.embedded import running_logins
from tests.conftest import ADMIN_TOKEN, ROOT, free_port
from tests.service.test_always_there import command_of, workers_of
from tests.service.test_operations import children

WORKERS: Final = 2
RESTART_SECONDS: Final = 0.5  # RestartSec of deploy/systemd/onestop.service
START_SECONDS: Final = 120.0
DISK: Final = "700m"
HEADERS: Final = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Accept-Language": "en"}


class NotHere(Exception):
    """This machine doesn't allow the fault; the text says why."""


async def until(check: Callable[[], Awaitable[bool]], seconds: float) -> None:
    """Wait until something is so; TimeoutError."""
    deadline = time.monotonic() + seconds
    while not await check():
        if time.monotonic() > deadline:
            raise TimeoutError
        await asyncio.sleep(0.05)


@dataclass
class Ground:
    """A running service with its folder. ``small_disk``: why its disk can't be filled, empty when it can."""

    folder: Path
    port: int
    small_disk: str
    process: subprocess.Popen[bytes] | None = None
    kept: bool = True
    begun: int = 0
    client: httpx.AsyncClient = field(init=False)

    @property
    def base_url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        """The folder of its database."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the service says."""
        return self.folder / "log"

    def begin(self) -> None:
        """Start the service."""
        own = {"ONESTOP_DATABASE_URL", "ONESTOP_SECRET_KEY"}
        variables = {name: value for name, value in os.environ.items() if name not in own}
        variables |= {"ONESTOP_ADMIN_TOKEN": ADMIN_TOKEN, "ONESTOP_LOG_LEVEL": "warning", "ONESTOP_RATE_LIMIT": "0"}
        variables |= {"ONESTOP_SEAL_SECONDS": "2", "TMPDIR": str(self.folder / "tmp")}
        command = [sys.executable, "-m", "app.cli", "serve", "--port", str(self.port)]
        command += ["--workers", str(WORKERS), "--data-dir", str(self.data)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=variables, cwd=ROOT, stderr=log)
        self.begun += 1

    async def watch(self) -> None:
        """Start the service again whenever it has ended."""
        while True:
            await asyncio.sleep(RESTART_SECONDS)
            if self.kept and self.service.poll() is not None:
                self.begin()

    @property
    def service(self) -> subprocess.Popen[bytes]:
        """Its first process."""
        assert self.process is not None
        return self.process

    def workers(self) -> list[int]:
        """Its worker processes that live."""
        return workers_of(self.service.pid)

    def jobs(self) -> list[int]:
        """The processes of its jobs."""
        return [pid for pid in children(self.service.pid) if b"app.serving.job" in command_of(pid)]

    def supervisor(self) -> int:
        """The process that looks after the database."""
        return self._one(pid for pid in children(self.service.pid) if b"embedded.py" in command_of(pid))

    def postmaster(self) -> int:
        """The first process of the database."""
        return int((self.data / "pg/postmaster.pid").read_text().split()[0])

    def backends(self) -> list[int]:
        """The processes of the database that serve the service."""
        return [pid for pid in children(self.postmaster()) if b": onestop_app " in command_of(pid)]

    def elected(self) -> int:
        """The worker that seals and watches."""
        shown = (self.folder / "tmp").glob("onestop-metrics-*/elected_*.prom")
        return self._one(pid for path in shown if (pid := int(path.stem.rpartition("_")[2])) in self.workers())

    @staticmethod
    def _one(found: Iterator[int]) -> int:
        pid = next(found, None)
        if pid is None:
            raise ProcessLookupError
        return pid

    @asynccontextmanager
    async def owner(self) -> AsyncIterator[Any]:
        """A connection as the database's superuser, once there is one."""
        connection = await self._connected()
        try:
            yield connection
        finally:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await connection.close(timeout=2)

    async def _connected(self) -> Any:
        deadline = time.monotonic() + START_SECONDS
        while True:
            logins = running_logins(self.data)
            try:
                if logins is not None:
                    return await asyncpg.connect(logins.owner, timeout=5)
            except (asyncpg.PostgresError, OSError, TimeoutError):
                pass
            assert time.monotonic() < deadline, "the database doesn't come back"
            await asyncio.sleep(0.1)

    def owner_url(self) -> str:
        """The URL of the superuser."""
        logins = running_logins(self.data)
        assert logins is not None
        return logins.owner

    async def is_whole(self) -> bool:
        """Whether all workers live and the service says that it can settle."""
        if len(self.workers()) < WORKERS:
            return False
        try:
            async with httpx.AsyncClient(timeout=2) as fresh:
                return (await fresh.get(f"{self.base_url}/readyz")).status_code == 200
        except httpx.HTTPError:
            return False

    async def until_whole(self, seconds: float) -> None:
        """Wait until it is; TimeoutError."""
        await until(self.is_whole, seconds)

    def said(self) -> str:
        """The last that service and database said."""
        logs = (self.log, self.data / "pg.log")
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in logs if path.exists())


@asynccontextmanager
async def ground() -> AsyncIterator[Ground]:
    """A service on a new database, ready, for as long as the context lasts."""
    folder = Path(tempfile.mkdtemp(prefix="onestop-faults-"))
    folder.chmod(0o755)
    (folder / "tmp").mkdir()
    (folder / "data").mkdir(0o700)
    with _disk(folder / "data") as why_not:
        made = Ground(folder, free_port(), why_not)
        watchman = None
        try:
            made.begin()
            await made.until_whole(START_SECONDS)
            watchman = asyncio.create_task(made.watch())
            async with httpx.AsyncClient(verify=False, base_url=made.base_url, headers=HEADERS, timeout=30) as client:
                made.client = client
                yield made
        finally:
            if watchman is not None:
                watchman.cancel()
            await asyncio.to_thread(_ended, made)
    shutil.rmtree(folder, ignore_errors=True)


def _ended(made: Ground) -> None:
    """See that nothing of the service is left."""
    below = children(made.service.pid)
    made.service.terminate()
    try:
        made.service.wait(60)
    except subprocess.TimeoutExpired:
        made.service.kill()
        made.service.wait()
    for pid in below:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    deadline = time.monotonic() + 60
    while any(str(made.data).encode() in command_of(pid) for pid in below) and time.monotonic() < deadline:
        time.sleep(0.1)


@contextmanager
def _disk(folder: Path) -> Iterator[str]:
    """A small file system of its own in a folder. Gives why there is none, empty when there is."""
    why_not = "only root can mount a small disk"
    if os.geteuid() == 0 and sys.platform == "linux":
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "onestop-faults", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        why_not = f"a small disk can't be mounted: {done.stderr.strip()}" if done.returncode else ""
    try:
        yield why_not
    finally:
        for _ in range(0 if why_not else 50):
            if subprocess.run(["umount", str(folder)], capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.1)
