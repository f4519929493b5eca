"""Settlements per second over HTTP, against pgbench running the same write function on the same server, in one run.

Run: python -m bench.settling [seconds]. Rounds are interleaved, medians are printed. pgbench takes its arguments from
a table of the database, so nothing but the function and its commit is measured: it is the limit, not a rival.
"""

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import asyncpg
import httpx

from app.database import embedded
from bench.bills import body
from tests.conftest import ADMIN_TOKEN, migrated_database, start_service
from tests.world import id_number

ROUNDS = 3
CLIENTS = 16
WORKERS = 2
PERSONS = 4000

TEMPLATE = """
CREATE UNLOGGED TABLE bench_template AS
SELECT s, (SELECT array_agg(ROW(d.path, c.path, t.amount, t.fund, t.tier, t.event, t.clr_type)::new_transfer)
             FROM transfer t JOIN account d ON d.account_id = t.debit_account
             JOIN account c ON c.account_id = t.credit_account WHERE t.settlement_id = s.settlement_id) AS transfers,
       y.accumulators
  FROM settlement s JOIN person_year y USING (person_id, benefit_year) LIMIT 1;
CREATE SEQUENCE bench_number CACHE 50;
"""


def columns(names: list[str]) -> str:
    """The template's columns with fresh ids."""
    fresh = {
        "settlement_id": "nextval('settlement_id')",
        "person_id": "'PGB' || n.number",
        "visit_id": "'PGB' || n.number",
        "entry_no": "1",
        "balance_state": "NULL",
    }
    return ", ".join(fresh.get(name, f"(t.s).{name}") for name in names)


async def prepare(url: str, base_url: str) -> None:
    """Catalogue, hospital, persons; one settlement as pgbench's template."""
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Idempotency-Key": secrets.token_hex(16)}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=60) as client:
        await client.put(
            "/v1/hospitals/HBENCH", json={"name": "甲", "level": 3, "rank": "province", "area_code": "530127"}
        )
        for number in range(10):
            item = {
                "name": "项目",
                "kind": "drug",
                "class": "B",
                "first_pay_ratio": "0.1",
                "ceilings": {"3": "100"},
                "restricted": False,
                "valid_from": "2017-01-01",
            }
            await client.put(f"/v1/catalogue/XBENCH{number}", json=item)
        person = {"name": "李某", "id_number": id_number(), "area_code": "530127", "insurance_type": "390"}
        person["identities"] = [{"class": "registered_poor", "from": "2016-01-01"}]  # type: ignore[assignment]
        await client.put("/v1/persons/PBENCH", json=person)
        answer = await client.post("/v1/settlements", content=body(), headers={"Content-Type": "application/json"})
        assert answer.status_code == 201, answer.text
    connection = await asyncpg.connect(url)
    await connection.execute(TEMPLATE)
    await connection.execute(
        f"""INSERT INTO person SELECT 'PBENCH' || g, name, id_number, decode(md5('PBENCH' || g), 'hex'), area_code,
              insurance_type, insured_from, insured_until, subject, request_id FROM person, generate_series(1,
                {PERSONS}) g
             WHERE person_id = 'PBENCH';
            INSERT INTO identity (person_id, class, valid_from, subject, request_id)
            SELECT 'PBENCH' || g, 'registered_poor', '2016-01-01', 'bench', 'bench' FROM generate_series(1,
              {PERSONS}) g;
            ANALYZE"""
    )
    await connection.close()


def pgbench(binaries: Path, url: str, script: Path, seconds: int) -> float:
    """Transactions per second of the write function alone."""
    options = "-c onestop.reach=all -c onestop.subject=bench -c onestop.request_id=bench"
    command = [
        str(binaries / "pgbench"),
        "-n",
        "-M",
        "prepared",
        "-c",
        str(CLIENTS),
        "-j",
        "2",
        "-T",
        str(seconds),
        "-f",
        str(script),
        url,
    ]
    done = subprocess.run(command, env=os.environ | {"PGOPTIONS": options}, capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("tps"))
    return float(line.split()[2])


async def over_http(port: int, seconds: int, visit: str) -> float:
    """Settlements per second with keep-alive connections, by a client that does as little as it can."""
    end, done = perf_counter() + seconds, [0]

    async def one(client: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        number = client
        while perf_counter() < end:
            name = f"{visit}-{number}"
            content = body(person=f"PBENCH{number % PERSONS + 1}", visit=name)
            writer.write(
                "POST /v1/settlements HTTP/1.1\r\nHost: b\r\nContent-Type: "
                f"application/json\r\nIdempotency-Key: bench-key-{name}-x\r\n"
                f"Authorization: Bearer {ADMIN_TOKEN}\r\nContent-Length: {len(content)}\r\n\r\n".encode()
                + content
            )
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 201"), head
            length = next(
                int(row.split(b":")[1]) for row in head.lower().split(b"\r\n") if row.startswith(b"content-length")
            )
            await reader.readexactly(length)
            done[0] += 1
            number += CLIENTS
        writer.close()

    started = perf_counter()
    await asyncio.gather(*(one(client) for client in range(CLIENTS)))
    return done[0] / (perf_counter() - started)


def main() -> None:
    """Measure both in turn and print the ratio."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    folder = Path(tempfile.mkdtemp(prefix="onestop-bench-"))
    folder.chmod(0o755)
    with embedded.start(folder / "data") as server:
        url = asyncio.run(migrated_database(server.url))
        service, base_url = start_service(url, folder, workers=WORKERS, ONESTOP_SECRET_KEY="ab" * 32)
        try:
            asyncio.run(prepare(url, base_url))
            names = asyncio.run(attributes(url))
            script = folder / "write.sql"
            script.write_text(
                f"SELECT entry_write(ROW({columns(names)})::new_entry, t.transfers, t.accumulators,"
                " 'bench-key-' || n.number, '\\x00') FROM bench_template t, (SELECT nextval('bench_number') "
                "AS number) n;"
            )
            rates: dict[str, list[float]] = {"pgbench": [], "http": []}
            for number in range(ROUNDS):
                rates["pgbench"].append(pgbench(server.binaries, url, script, seconds))
                rates["http"].append(asyncio.run(over_http(int(base_url.rsplit(":", 1)[1]), seconds, f"V{number}")))
        finally:
            service.terminate()
            service.wait(30)
    shutil.rmtree(folder, ignore_errors=True)
    for name, values in rates.items():
        sys.stdout.write(
            f"{name:8} {median(values):8.0f} per second  {json.dumps([round(value) for value in values])}\n"
        )
    sys.stdout.write(f"ratio    {median(rates['http']) / median(rates['pgbench']):8.2f}\n")


async def attributes(url: str) -> list[str]:
    """The attributes of the written row, in order."""
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'new_entry'::regclass ORDER BY attnum"
    )
    await connection.close()
    return [row["attname"] for row in rows]


if __name__ == "__main__":
    main()
