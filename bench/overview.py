"""How long figures take over 1,000,000 postings: payout rates, overview, monthly report, trial balance, lists.

Run: python -m bench.overview [postings] [rounds] [part of a name]. A database of that size is filled once by SQL into
the real tables (``overview.sql``, about two minutes) and kept in the folder for temporary files until the tables are
changed. Every figure is asked for over HTTP, one client, one worker; medians are printed, in milliseconds: until the
answer was there, and of the processor, of the service and of PostgreSQL.
"""

import asyncio
import hashlib
import re
import secrets
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

import asyncpg
import httpx

from app.database import embedded
from app.database.schema import let_in, migrate
from bench import cpu
from bench.settling import prepare
from tests.conftest import ADMIN_TOKEN, APP_PASSWORD, ROOT, database_named, start_service

LAST: Final = "2019-12-20"
HOSPITALS: Final = 20
FUNDS: Final = 5
NAME: Final = "bench_overview"
PASSWORD: Final = "a-password-of-the-bench"  # of a database that is there for an hour
HELD: Final = """
INSERT INTO election (holder, held_until) VALUES (gen_random_uuid(), clock_timestamp() + interval '1 day')
ON CONFLICT (only_row) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until"""
"""Nobody seals and proves meanwhile: a million postings that were never sealed take a quarter of an hour."""
FILLED: Final = "SELECT to_regclass('bench_filled') IS NOT NULL"
SUMMED: Final = "SELECT to_regproc('statement_summed') IS NOT NULL"
ROLLED: Final = "SELECT to_regproc('postings_roll') IS NOT NULL"
UNSUMMED: Final = """
SELECT (SELECT count(*) FROM transfer) - coalesce(sum(postings), 0) FROM posting_sum WHERE grain = 'day'"""
"""Figures of sums that miss what they should have summed are quick and wrong."""
_COLUMNS: Final = (
    "SELECT attname FROM pg_attribute WHERE attrelid = 'settlement'::regclass AND attnum > 0 AND NOT "
    "attisdropped AND attgenerated = '' ORDER BY attnum"
)
FRESH: Final = {
    "settlement_id": "b.settlement_id",
    "person_id": "'PM' || b.n",
    "visit_id": "'VM' || b.n",
    "hospital_code": "b.hospital_code",
    "medical_type": "b.medical_type",
    "benefit_year": "extract(year FROM b.day)",
    "entry_no": "1",
    "admitted_on": "b.day",
    "discharged_on": "b.day",
    "settled_at": "(b.day + time '09:00') AT TIME ZONE 'Asia/Shanghai'",
    "recorded_at": "(b.day + time '09:00') AT TIME ZONE 'Asia/Shanghai'",
    "document": f"CASE WHEN b.day > date '{LAST}' - 30 THEN s.document ELSE '{{}}' END",
}
PATHS: Final[Mapping[str, str]] = {
    "payout rates": "/v1/payout-rates?year=2019",
    "payout rates, by hospital": "/v1/payout-rates?year=2019&group_by=hospital_code",
    "payout rates, by month": "/v1/payout-rates?year=2019&group_by=fund,period",
    "overview": "/finance?year=2019",
    "monthly report": "/v1/reports/monthly?period=2019-11&area_code=530100",
    "trial balance": "/v1/ledger/trial-balance",
    "entries of an account": "/v1/ledger/entries?account=area:530100/fund:390100/payable/hospital:BH1",
    "entries of expenses": "/v1/ledger/entries?account=area:530100/fund:390100/expense",
    "page of a statement": "/finance/statements/{statement}",
    "statement": "/v1/clearing/statements/{statement}",
    "postings of a statement": "/v1/clearing/statements/{statement}/items",
    "list of settlements": "/v1/settlements",
    "settlements of a hospital": "/v1/settlements?hospital_code=BH1",
    "settlements of a day": "/v1/settlements?from=2019-12-03&to=2019-12-03",
    "settlements of a person": "/v1/settlements?person_id=PM{person}",
    "reversed settlements": "/v1/settlements?status=reversed",
    "page of settlements": "/finance/settlements",
    "page of orders": "/finance/orders",
    "page of statements": "/finance/statements",
    "list of statements": "/v1/clearing/statements",
    "list of orders": "/v1/disbursements",
    "page of months": "/finance/months?period=2019-11",
    "what waits": "/finance/waiting",
    "page of a hospital": "/finance/hospitals/BH1",
}


async def filled(server: embedded.Server, postings: int) -> str:
    """The URL of a database with so many postings, filled now if it isn't there yet."""
    url = database_named(server.url, NAME)
    root = await asyncpg.connect(server.url)
    if await root.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", NAME):
        connection = await asyncpg.connect(url)
        done = await connection.fetchval(FILLED)
        await connection.close()
        if done:
            await root.close()
            return url
        await root.execute(f"DROP DATABASE {NAME} WITH (FORCE)")
    await root.execute(f"CREATE DATABASE {NAME}")
    await root.close()
    await migrate(url)
    await let_in(url, APP_PASSWORD)
    process, base_url = start_service(url, Path(tempfile.mkdtemp()), ONESTOP_CLOCK="manual:2018-07-02T10:00:00+08:00")
    try:
        await prepare(url, base_url)
    finally:
        process.terminate()
        process.wait(30)
    await _fill(url, postings)
    return url


async def _fill(url: str, postings: int) -> None:
    connection = await asyncpg.connect(url)
    names = [row[0] for row in await connection.fetch(_COLUMNS)]
    values = ", ".join(FRESH.get(name, f"s.{name}") for name in names)
    words = {
        "hospitals": str(HOSPITALS),
        "settlements": str(postings // FUNDS),
        "last": LAST,
        "columns": ", ".join(names),
        "values": values,
    }
    started = perf_counter()
    script = (ROOT / "bench" / "overview.sql").read_text(encoding="utf-8")
    for statement in filter(str.strip, re.sub(r"--[^\n]*", "", script).split(";\n")):
        await connection.execute(re.sub(r"\$([a-z]+)", lambda found: words[found[1]], statement), timeout=3600)
    if await connection.fetchval(SUMMED):
        await connection.execute("SELECT statement_summed(statement_id) FROM statement", timeout=3600)
    await connection.execute("VACUUM ANALYZE", timeout=3600)
    await connection.close()
    print(f"filled in {perf_counter() - started:.0f} s")  # noqa: T201


async def _settings(url: str) -> tuple[str, int]:
    """The statement that is looked at, and how long it took to roll the sums up, ms (0: nothing to do)."""
    connection = await asyncpg.connect(url)
    await connection.execute(HELD)
    started, took = perf_counter(), 0
    if await connection.fetchval(ROLLED):
        await connection.execute("SELECT postings_roll()", timeout=3600)
        took = round((perf_counter() - started) * 1000)
        missed = await connection.fetchval(UNSUMMED, timeout=600)
        assert missed == 0, f"{missed} postings are in no sum"
        await connection.execute("VACUUM ANALYZE posting_sum", timeout=600)
    found = await connection.fetchval(
        "SELECT statement_id FROM statement WHERE hospital_code = 'BH1' AND period = '2019-10'"
    )
    await connection.close()
    return f"stm_{found}", took


async def logged_in(client: httpx.AsyncClient) -> None:
    """A session of a finance officer, in the client's cookies."""
    name = f"li{secrets.token_hex(4)}"
    body = {"name": name, "password": PASSWORD, "scopes": ["finance"], "area_code": "530100"}
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Idempotency-Key": secrets.token_hex(16)}
    answer = await client.post("/v1/users", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    await _form(client, "/finance/login", name=name, password=PASSWORD)
    chosen = PASSWORD + "-2"
    await _form(client, "/finance/password", old=PASSWORD, new=chosen, again=chosen)


async def _form(client: httpx.AsyncClient, path: str, **fields: str) -> None:
    page = (await client.get(path)).text
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None, page
    origin = {"Origin": str(client.base_url).rstrip("/")}
    answer = await client.post(path, data=fields | {"csrf": found[1]}, headers=origin)
    assert answer.status_code == 303, answer.text


async def _token(client: httpx.AsyncClient) -> dict[str, str]:
    body = {"subject": f"bench-{secrets.token_hex(4)}", "scopes": ["finance"], "area_code": "530100"}
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Idempotency-Key": secrets.token_hex(16)}
    answer = await client.post("/v1/tokens", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def measured(
    base_url: str, statement: str, postings: int, rounds: int, only: str, processes: tuple[int, int]
) -> None:
    """Print status and medians of every answer, ms: until it was there, processor of the service and of PostgreSQL."""
    async with httpx.AsyncClient(base_url=base_url, timeout=600) as client:
        await logged_in(client)
        headers = await _token(client)
        for name, path in PATHS.items():
            if only not in name:
                continue
            address = path.replace("{statement}", statement).replace("{person}", str(postings // FUNDS - 5))
            times, used, status = [], [], "none"
            for _ in range(rounds):
                before = cpu.seconds(processes[0]), cpu.seconds(processes[1])
                started = perf_counter()
                with suppress(httpx.HTTPError):  # an answer that takes too long is cut off
                    answer = await client.get(address, headers=headers if path.startswith("/v1") else {})
                    status = str(answer.status_code)
                times.append((perf_counter() - started) * 1000)
                after = cpu.seconds(processes[0]), cpu.seconds(processes[1])
                used.append([1000 * (end - start) for start, end in zip(before, after, strict=True)])
                if times[-1] > 5_000:
                    break
            service, postgres = (median(one[part] for one in used) for part in (0, 1))
            print(f"{name:28} {status} {median(times):9.0f} {service:9.0f} {postgres:9.0f}", flush=True)  # noqa: T201


def main() -> None:
    """The benchmark on a database that is kept."""
    postings = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    only = sys.argv[3] if len(sys.argv) > 3 else ""
    tables = "".join(path.read_text() for path in sorted((ROOT / "app/database/sql/tables").glob("*.sql")))
    version = hashlib.sha256((tables + (ROOT / "bench/overview.sql").read_text()).encode()).hexdigest()[:8]
    folder = Path(tempfile.gettempdir()) / f"onestop-bench-overview-{postings}-{version}"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    with embedded.start(folder / "data") as server:
        url = asyncio.run(filled(server, postings))
        statement, rolled = asyncio.run(_settings(url))
        postgres = int((folder / "data" / "pg" / "postmaster.pid").read_text().split()[0])
        print(f"{postings} postings; rolled up in {rolled} ms")  # noqa: T201
        process, base_url = start_service(url, Path(tempfile.mkdtemp()), ONESTOP_CLOCK=f"manual:{LAST}T10:00:00+08:00")
        try:
            asyncio.run(measured(base_url, statement, postings, rounds, only, (process.pid, postgres)))
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    main()
