"""What a service takes: memory of each worker and connections to PostgreSQL, after settlements by many clients.

Run: python -m bench.capacity [seconds]. Memory is what a process has alone and its part of what it shares (PSS), in MB;
in it is all that the clients left behind. Says nothing of speed.
"""

import asyncio
import re
import shutil
import sys
import tempfile
from pathlib import Path

import asyncpg

from app.config import Settings
from app.database import embedded
from bench.settling import over_http, prepare
from tests.conftest import migrated_database, start_service
from tests.service.test_always_there import forking_of, workers_of

WORKERS = (2, 4)
CLIENTS = 64


def proportional_mb(pid: int) -> float:
    """A process's memory in MB: its own, and its part of what it shares with others."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    found = re.search(r"^Pss:\s+([0-9]+) kB", text, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


async def connections(url: str) -> int:
    """How many connections the service has open."""
    connection = await asyncpg.connect(url)
    count: int = await connection.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'onestop_app' AND datname = current_database()"
    )
    await connection.close()
    return count


def measured(url: str, folder: Path, workers: int, seconds: int) -> str:
    """A line of the table."""
    secret = {"ONESTOP_SECRET_KEY": "ab" * 32, "ONESTOP_SEAL_SECONDS": "86400"}
    service, base_url = start_service(url, folder, workers=workers, **secret)
    try:
        asyncio.run(prepare(url, base_url))
        settled, _ = asyncio.run(over_http(int(base_url.rsplit(":", 1)[1]), CLIENTS, seconds))
        sizes = [proportional_mb(pid) for pid in workers_of(service.pid)]
        above = proportional_mb(service.pid) + proportional_mb(forking_of(service.pid))
        opened = asyncio.run(connections(url))
    finally:
        service.terminate()
        service.wait(30)
    most = workers * (Settings().pool_size + Settings().hot_pool_size)
    each = f"{min(sizes):.0f}–{max(sizes):.0f}"
    return f"{workers:>7}{settled:>13}{each:>15}{above:>11.0f}{opened:>14}{most:>14}"


def main() -> None:
    """Measure each number of workers on a database of its own, and print."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    folder = Path(tempfile.mkdtemp(prefix="onestop-bench-"))
    folder.chmod(0o755)
    sys.stdout.write("workers  settlements  MB per worker  MB above  connections  at the most\n")
    with embedded.start(folder / "data") as server:
        for workers in WORKERS:
            url = asyncio.run(migrated_database(server.url))
            sys.stdout.write(measured(url, folder, workers, seconds) + "\n")
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
