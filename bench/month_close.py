"""Closing a month over HTTP, against the bare SQL aggregate over the same rows on the same server.

Run: python -m bench.month_close [settlements]. Rounds are interleaved, medians are printed. Settlements of 300
hospitals, each with two postings, are made inside the database; a third as many of the next month lie behind them.
Goal: ratio at most 2.
"""

import asyncio
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import asyncpg
import httpx

from app.database import embedded
from bench.settling import prepare
from tests.conftest import ADMIN_TOKEN, migrated_database, start_service

ROUNDS = 5
HOSPITALS = 300
SETTLED = """
INSERT INTO settlement ({names})
SELECT {values} FROM (SELECT * FROM settlement ORDER BY settlement_id LIMIT 1) s, generate_series(1, $1) n"""
ACCOUNTS = """
INSERT INTO account (path)
SELECT format('area:530100/fund:%s/payable/hospital:BH%s', f, h) FROM unnest(ARRAY['390100', '610100']) f,
  generate_series(1, $1) h
ON CONFLICT DO NOTHING"""
POSTED = """
INSERT INTO transfer (event, settlement_id, debit_account, credit_account, amount, area_code, fund, tier,
  hospital_code, hospital_area,
                      clr_type, business_date, period, benefit_year, fiscal_year, subject, request_id)
SELECT 'settlement', s.settlement_id, d.account_id, c.account_id, 1 + hashint8(s.settlement_id) % 5000 + 5000,
  '530100', f.fund, f.tier,
       s.hospital_code, '530127', CASE s.settlement_id % 4 WHEN 0 THEN '11' WHEN 1 THEN '14' ELSE '21' END, x.day,
       to_char(x.day, 'YYYY-MM'), 2018, 2018, 'bench', 'bench'
  FROM settlement s
 CROSS JOIN (VALUES ('390100', 'basic'), ('610100', 'medical_assistance')) f(fund, tier)
 CROSS JOIN LATERAL (SELECT (s.settled_at AT TIME ZONE 'Asia/Shanghai')::date AS day) x
  JOIN account d ON d.path = format('area:530100/fund:%s/expense', f.fund)
  JOIN account c ON c.path = format('area:530100/fund:%s/payable/hospital:%s', f.fund, s.hospital_code)
 WHERE s.hospital_code LIKE 'BH%' ORDER BY s.settlement_id"""
BARE = """
SELECT hospital_code, fund, event, tier, clr_type, count(*), sum(amount) FROM transfer
 WHERE area_code = '530100' AND period = '2018-05' GROUP BY 1, 2, 3, 4, 5"""


async def fill(url: str, settlements: int) -> None:
    """May's settlements day by day, a third of them again in June, their postings, as the database's owner."""
    connection = await asyncpg.connect(url)
    await connection.execute("SET session_replication_role = replica")
    names = [row[0] for row in await connection.fetch(_COLUMNS)]
    whole = settlements + settlements // 3
    fresh = {
        "settlement_id": "nextval('settlement_id')",
        "person_id": "'PM' || n",
        "visit_id": "'VM' || n",
        "hospital_code": f"'BH' || (1 + n % {HOSPITALS})",
        "settled_at": f"timestamptz '2018-05-01T09:00:00+08:00' + (n - 1) * 31 / {settlements} * interval '1 day'",
        "document": "'{}'",
    }
    values = ", ".join(fresh.get(name, f"s.{name}") for name in names)
    await connection.execute(SETTLED.format(names=", ".join(names), values=values), whole, timeout=3600)
    await connection.execute(ACCOUNTS, HOSPITALS)
    await connection.execute(
        "INSERT INTO account (path) VALUES ('area:530100/fund:610100/expense') ON CONFLICT DO NOTHING"
    )
    await connection.execute(POSTED, timeout=3600)
    await connection.execute("VACUUM ANALYZE transfer", timeout=3600)
    await connection.close()


_COLUMNS = (
    "SELECT attname FROM pg_attribute WHERE attrelid = 'settlement'::regclass AND attnum > 0 AND NOT "
    "attisdropped ORDER BY attnum"
)


async def hired(client: httpx.AsyncClient, name: str) -> dict[str, str]:
    """A finance officer's headers."""
    body = {"subject": name, "scopes": ["finance"], "area_code": "530100"}
    answer = await client.post("/v1/tokens", json=body, headers={"Idempotency-Key": secrets.token_hex(16)})
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def moved(
    client: httpx.AsyncClient, officer: dict[str, str], act: str, body: dict[str, str]
) -> tuple[float, int]:
    """Seconds of a move of May, and how many settlements' postings its answer counts."""
    started = perf_counter()
    headers = officer | {"Idempotency-Key": secrets.token_hex(16)}
    answer = await client.post(f"/v1/fiscal-months/2018-05/{act}", json=body, headers=headers)
    assert answer.is_success, answer.text
    return perf_counter() - started, sum(total["postings"] for total in answer.json()["totals"])


async def bare(connection: asyncpg.Connection) -> tuple[float, int]:
    """Seconds of the yardstick, and how many postings it counts."""
    started = perf_counter()
    rows = await connection.fetch(BARE, timeout=600)
    return perf_counter() - started, sum(row["count"] for row in rows)


async def measure(url: str, base_url: str, settlements: int) -> None:
    """Fill, then the two in turn, and print."""
    await prepare(url, base_url)
    await fill(url, settlements)
    connection = await asyncpg.connect(url, server_settings={"jit": "off"})
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=600) as client:
        closer, opener = await hired(client, "li"), await hired(client, "wang")
        await bare(connection)
        yardstick, closings = [], []
        for _ in range(ROUNDS):
            seconds, expected = await bare(connection)
            yardstick.append(seconds)
            seconds, counted = await moved(client, closer, "closing", {"mode": "soft"})
            closings.append(seconds)
            assert counted == expected >= 2 * settlements, (counted, expected)
            await moved(client, opener, "reopening", {"reason": "bench"})
    await connection.close()
    print(f"{settlements} settlements, {expected} postings of the month")  # noqa: T201
    for name, times in (("bare aggregate (yardstick)", yardstick), ("closing over HTTP", closings)):
        spread = ", ".join(f"{seconds * 1000:.0f}" for seconds in sorted(times))
        print(f"{name:28} {median(times) * 1000:8.0f} ms  [{spread}]")  # noqa: T201
    print(f"ratio                        {median(closings) / median(yardstick):8.2f}")  # noqa: T201


def main() -> None:
    """The benchmark on an embedded database of its own."""
    settlements = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    folder = Path(tempfile.mkdtemp(prefix="onestop-bench-"))
    folder.chmod(0o755)
    # Nobody looks at the figures and nobody seals while it is measured.
    quiet = {"ONESTOP_SEAL_SECONDS": "86400", "ONESTOP_CHECK_SECONDS": "86400", "ONESTOP_OBSERVE_SECONDS": "86400"}
    try:
        with embedded.start(folder / "data") as server:
            url = asyncio.run(migrated_database(server.url))
            process, base_url = start_service(url, folder, ONESTOP_CLOCK="manual:2018-07-02T10:00:00+08:00", **quiet)
            try:
                asyncio.run(measure(url, base_url, settlements))
            finally:
                process.terminate()
                process.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
