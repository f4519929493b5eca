"""Exports as jobs: rows per second and the peak memory of the job's process, for lists of growing length.

Run: python -m bench.exports [rows ...]. Memory has to stay where it is while the rows grow tenfold.
"""

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import asyncpg

from app.database import embedded
from tests.clearing.office import Office, office
from tests.world import id_number

ROWS = (10_000, 100_000)
YEARS = 25_000


async def fill(desk: Office, rows: int) -> None:
    """That many person-years to readjudicate, in all."""
    owner = await asyncpg.connect(desk.url)
    for number in range(-(-rows // YEARS)):
        body = {
            "name": "甲",
            "id_number": id_number(),
            "area_code": "530127",
            "insurance_type": "390",
            "identities": [],
        }
        await desk.world.put(f"/v1/persons/P{number}", body)
        years = min(YEARS, rows - number * YEARS)
        statement = """INSERT INTO readjudication_candidate (person_id, benefit_year, reason, subject, request_id)
                       SELECT $1, y, 'person_changed', 'bench', 'bench' FROM generate_series(1, $2) y
                         ON CONFLICT DO NOTHING"""
        await owner.execute(statement, f"P{number}", years)
    await owner.close()


def peak_mib(job_id: str) -> int:
    """The most memory that the process of this job has held so far."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().split(b"\0")
            environment = (path / "environ").read_bytes()
            if words[1:4] == [b"-m", b"app.serving.job", job_id.encode()] and os.environb[b"BENCH"] in environment:
                line = next(line for line in (path / "status").read_text().splitlines() if line.startswith("VmHWM"))
                return int(line.split()[1]) // 1024
        except (OSError, StopIteration):
            continue
    return 0


async def exported(desk: Office, form: str) -> tuple[float, int, dict[str, Any], int]:
    """Seconds until the job's end, its peak memory in MiB, the job, the file's size."""
    started, peak = perf_counter(), 0
    job_id = (await desk.do("li", "/exports", {"list": "readjudication-candidates", "format": form}))["job_id"]
    while True:
        peak = max(peak, peak_mib(job_id.removeprefix("job_")))
        job = await desk.get(f"/jobs/{job_id}", "li")
        if job["state"] not in ("queued", "running"):
            assert job["state"] == "done", job
            result = await desk.client.get(f"/v1/jobs/{job_id}/result", headers=desk.tokens["li"])
            return perf_counter() - started, peak, job, len(result.content)
        await asyncio.sleep(0.05)


def main(sizes: list[int]) -> None:
    """Each size in both formats, on a database of its own."""
    os.environ["BENCH"] = f"bench-{os.getpid()}"
    folder = Path(tempfile.mkdtemp(prefix="onestop-bench-"))
    folder.chmod(0o755)
    try:
        with embedded.start(folder / "data", options={}) as server:
            asyncio.run(measure(server.url, sizes))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def measure(server: str, sizes: list[int]) -> None:
    """Print what each export took."""
    async with office(server) as desk:
        for rows in sizes:
            await fill(desk, rows)
            for form in ("csv", "xlsx"):
                seconds, peak, job, size = await exported(desk, form)
                speed = f"{seconds:6.1f} s {job['total'] / seconds:7.0f} rows/s"
                sys.stdout.write(f"{job['total']:7} rows {form:4} {speed} {size // 1024:6} KiB, peak {peak} MiB\n")


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]] or list(ROWS))
