"""A poverty list matched with insured persons: rows per second and peak memory, the first time and again, and settling
beside it.

Run: python -m bench.registry [rows] [persons] [catalogue entries]. Yardstick of the same run: COPY of the same rows
into a table without indexes.
"""

import asyncio
import csv
import io
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import asyncpg
import httpx

from app.database import embedded
from app.registry.facts import name_and_birth
from app.service.security import birth_date, blind_index, derive_keys
from bench.bills import body
from bench.settling import prepare
from tests.conftest import ADMIN_TOKEN, migrated_database, start_service
from tests.world import ID_WEIGHTS, key

SECRET = "ab" * 32


def number_of(place: int) -> str:
    """The id number of the person at a place: different for a million of them."""
    text = f"530127{1940 + place % 70}{1 + place // 70 % 12:02d}{1 + place // 840 % 28:02d}{place // 23520 % 1000:03d}"
    return text + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(text, ID_WEIGHTS, strict=True)) % 11]


def content_of(rows: int) -> bytes:
    """The list as CSV."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("身份证号", "姓名", "人员类别", "认定日期"))
    writer.writerows((number_of(place), f"某{place}", "建档立卡", "2016-01-01") for place in range(rows))
    return text.getvalue().encode()


async def fill(url: str, persons: int) -> None:
    """Persons with the indexes that the service's key makes; names and numbers themselves are left empty."""
    keys = derive_keys(bytes.fromhex(SECRET))
    connection = await asyncpg.connect(url)
    for start in range(0, persons, 50_000):
        records = []
        for place in range(start, min(start + 50_000, persons)):
            number = number_of(place)
            named = name_and_birth(f"某{place}", birth_date(number))
            row = (
                f"P{place:07d}",
                b"",
                b"",
                blind_index(keys, number),
                blind_index(keys, named),
                "530127",
                "390",
                "b",
                "b",
            )
            records.append(row)
        columns = (
            "person_id name id_number id_number_index name_birth_index area_code insurance_type subject request_id"
        )
        await connection.copy_records_to_table("person", records=records, columns=columns.split())
    await connection.execute("ANALYZE person")
    await connection.close()


async def copied(url: str, rows: int) -> float:
    """Seconds of the yardstick."""
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE yardstick (number text, name text, class text, day text)")
    records = [(number_of(place), f"某{place}", "建档立卡", "2016-01-01") for place in range(rows)]
    started = perf_counter()
    await connection.copy_records_to_table("yardstick", records=records)
    seconds = perf_counter() - started
    await connection.execute("DROP TABLE yardstick")
    await connection.close()
    return seconds


def peak_mib() -> int:
    """The most memory that the process of the running job has held so far."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if b"app.serving.job" in (path / "cmdline").read_bytes():
                line = next(line for line in (path / "status").read_text().splitlines() if line.startswith("VmHWM"))
                return int(line.split()[1]) // 1024
        except (OSError, StopIteration):
            continue
    return 0


def catalogue_of(entries: int, price: str) -> bytes:
    """A catalogue as CSV."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("item_code", "name", "kind", "class", "first_pay_ratio", "ceiling_1", "valid_from"))
    writer.writerows(
        (f"XC{place:07d}", f"项目{place}", "药品", "乙", "0.1", price, "2018-01-01") for place in range(entries)
    )
    return text.getvalue().encode()


async def imported(client: httpx.AsyncClient, content: bytes, path: str) -> tuple[float, int, dict[str, Any]]:
    """Seconds from sending to the end, the peak memory of the job's process in MiB, the job."""
    started, peak = perf_counter(), 0
    headers = key() | {"Content-Type": "text/csv"}
    answer = await client.post(path, content=content, headers=headers)
    assert answer.status_code == 202, answer.text
    while True:
        peak = max(peak, peak_mib())
        job = (await client.get(answer.headers["Location"], params={"limit": 1})).json()
        if job["state"] not in ("queued", "running"):
            assert job["state"] in ("done", "proposed"), job
            return perf_counter() - started, peak, job
        await asyncio.sleep(0.25)


async def settling(client: httpx.AsyncClient, stop: asyncio.Event) -> list[float]:
    """Seconds per settlement, one after the other, until told to stop."""
    times = []
    while not stop.is_set():
        content = body(person="PBENCH", visit=f"R{len(times)}-{perf_counter()}")
        started = perf_counter()
        answer = await client.post(
            "/v1/settlements", content=content, headers=key() | {"Content-Type": "application/json"}
        )
        assert answer.status_code == 201, answer.text
        times.append(perf_counter() - started)
        await asyncio.sleep(0.05)
    return times


def told(times: list[float]) -> str:
    """Median, 99th percentile, longest."""
    ordered = sorted(times)
    return (
        f"median {median(ordered) * 1000:.0f} ms, p99 {ordered[len(ordered) * 99 // 100] * 1000:.0f} ms, "
        f"most {ordered[-1] * 1000:.0f} ms"
    )


async def measure(url: str, base_url: str, rows: int, persons: int, entries: int) -> None:
    """Fill, measure both ways, print."""
    await prepare(url, base_url)
    await fill(url, persons)
    yardstick = await copied(url, rows)
    content = content_of(rows)
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=300) as client:
        stop = asyncio.Event()
        alone = asyncio.create_task(settling(client, stop))
        await asyncio.sleep(5)
        stop.set()
        sys.stdout.write(f"settling alone                {told(await alone)}\n")
        sys.stdout.write(f"COPY (yardstick)              {yardstick:7.1f} s\n")
        for name in ("list, all new", "list, all known"):
            stop = asyncio.Event()
            beside = asyncio.create_task(settling(client, stop))
            seconds, peak, job = await imported(client, content, "/v1/registry/imports?area_code=530000")
            stop.set()
            sys.stdout.write(
                f"{name:28}  {seconds:7.1f} s  ratio {seconds / yardstick:5.1f}  {rows / seconds:7.0f} "
                f"rows/s  {peak} MiB  {job['summary']}\n"
            )
            sys.stdout.write(f"  settling beside it          {told(await beside)}\n")
        for name, price in (("catalogue, all new", "50"), ("catalogue, all changed", "60")):
            seconds, peak, job = await imported(client, catalogue_of(entries, price), "/v1/catalogue/imports")
            started = perf_counter()
            accepted = await client.post(f"/v1/jobs/{job['job_id']}/acceptance", headers=key())
            assert accepted.status_code == 200, accepted.text
            written = perf_counter() - started
            sys.stdout.write(
                f"{name:28}  {seconds:7.1f} s, accepted in {written:.1f} s  {peak} MiB  {job['summary']}\n"
            )


def main() -> None:
    """Sizes from the command line."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    persons = int(sys.argv[2]) if len(sys.argv) > 2 else rows
    entries = int(sys.argv[3]) if len(sys.argv) > 3 else max(1, rows // 5)
    folder = Path(tempfile.mkdtemp(prefix="onestop-bench-"))
    folder.chmod(0o755)
    with embedded.start(folder / "data") as server:
        url = asyncio.run(migrated_database(server.url))
        service, base_url = start_service(url, folder, ONESTOP_SECRET_KEY=SECRET)
        try:
            asyncio.run(measure(url, base_url, rows, persons, entries))
        finally:
            service.terminate()
            service.wait(30)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
