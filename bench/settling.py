"""What a settlement of 20 lines costs over HTTP, beside two yardsticks on the same server, in one run.

Run: python -m bench.settling [seconds] [rounds] [settlements] [workers]. The yardsticks are pgbench with two SQL files
of ``bench/yardsticks`` that are never tuned: ``lean.sql`` (the least that a settlement must write) and
``entry_write.sql`` (the service's write function as it was on 2026-11-30). Rounds are interleaved, medians are printed,
and ``build/bench-settling.json`` has every reading. µs are processor time per settlement of the service and of
PostgreSQL; sealing is off meanwhile and is measured at the end. With a number of settlements the database is filled up
to it first.
"""

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

import asyncpg
import httpx

from app.config import Settings
from app.database import embedded
from app.database.engine import open_database
from app.ledger.seal import seal
from bench import cpu
from bench.bills import body
from tests.conftest import ADMIN_TOKEN, migrated_database, start_service
from tests.world import id_number

CLIENTS = (1, 16, 64)
WORKERS = 2
PGBENCH_TRIES = 3
"""A machine that stands still for a whole round leaves pgbench without a transaction."""
PERSONS = 4000
FOLDER = Path(__file__).parent
FAR = 10**9
"""By how much the ids of copied settlements are beyond those that are settled."""
ONE_PERSON = 64
"""Clients that settle bills of one and the same person."""
ONE_PERSONS_BILLS = {"one outpatient": True, "one inpatient": False}
"""What is measured of one person, and whether the bills are an outpatient's."""

PREPARED = """
CREATE SEQUENCE bench_number CACHE 50;
CREATE UNLOGGED TABLE bench_document AS
SELECT json_build_object('lines', repeat('x', 2000)) AS document;
"""
LEAN = (
    "\\set person random(1, 4000)\n"
    "SELECT lean.settle('P' || :person, 'k' || n.number, d.document) FROM bench_document d, "
    "(SELECT nextval('bench_number') AS number) n;"
)
LEAN_ONE = LEAN.replace("random(1, 4000)", "1")
FROZEN_NAME = "entry_write"
FROZEN = (
    "SELECT frozen.entry_write({row}::frozen.new_entry, t.transfers, t.accumulators, 'bench-key-' || n.number, '\\x00')"
    " FROM frozen.template t, (SELECT nextval('bench_number') AS number) n;"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """One round: what ran, by how many clients; settlements per second; processor µs per settlement, of the service,
    of PostgreSQL and of the load generator."""

    what: str
    clients: int
    rate: float
    service_us: float
    postgres_us: float
    client_us: float

    @property
    def needed_us(self) -> float:
        """What a settlement costs whoever makes it: the service, or pgbench in its place, and PostgreSQL."""
        return self.postgres_us + (self.service_us or self.client_us)


@dataclass(frozen=True, slots=True)
class Bench:
    """A server, a service on it, and the process ids of both."""

    server: embedded.Server
    url: str
    port: int
    service: int
    postgres: int

    def pgbench(self, what: str, script: Path, clients: int, seconds: int) -> Reading:
        """One round of a yardstick."""
        for _ in range(PGBENCH_TRIES):
            before = cpu.seconds(self.postgres), cpu.of_children()
            rate = pgbench(self.server.binaries, self.url, script, clients, seconds)
            after = cpu.seconds(self.postgres), cpu.of_children()
            if rate:
                break
        else:
            raise SystemExit(f"pgbench did nothing in {PGBENCH_TRIES} rounds of {seconds} s")
        used = [1e6 * (end - start) / (rate * seconds) for start, end in zip(before, after, strict=True)]
        return Reading(what, clients, rate, 0.0, *used)

    def http(self, what: str, clients: int, seconds: int) -> Reading:
        """One round over HTTP."""
        before = cpu.seconds(self.service), cpu.seconds(self.postgres), time.process_time()
        load = over_http(
            self.port,
            clients,
            seconds,
            one_person=what in ONE_PERSONS_BILLS,
            outpatient=ONE_PERSONS_BILLS.get(what, False),
        )
        settled, took = asyncio.run(load)
        after = cpu.seconds(self.service), cpu.seconds(self.postgres), time.process_time()
        used = [1e6 * (end - start) / settled for start, end in zip(before, after, strict=True)]
        return Reading(what, clients, settled / took, *used)


def frozen_row(names: list[str], *, known: Sequence[str] | None = None) -> str:
    """The frozen function's entry, from its template with fresh ids. ``known``: the template's attributes, where an
    entry of today is made of it; what it doesn't have is null."""
    fresh = {
        "settlement_id": "nextval('frozen.settlement_id')",
        "person_id": "'PGB' || n.number",
        "visit_id": "'PGB' || n.number",
        "document": "t.document",
    }
    had = {name: f"(t.e).{name}" for name in known or names}
    return f"ROW({', '.join(fresh.get(name) or had.get(name, 'NULL') for name in names)})"


async def prepare(url: str, base_url: str) -> None:
    """Catalogue, hospital, persons, one settlement; the yardsticks."""
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
    await connection.execute(PREPARED)
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
    for name in ("lean", "entry_write"):
        await connection.execute((FOLDER / f"yardsticks/{name}.sql").read_text(encoding="utf-8"))
    await connection.close()


def pgbench(binaries: Path, url: str, script: Path, clients: int, seconds: int) -> float:
    """Transactions per second of a script, 0 when it did none."""
    options = "-c onestop.reach=all -c onestop.subject=bench -c onestop.request_id=bench"
    threads = str(min(2, clients))
    command = [str(binaries / "pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-j", threads]
    command += ["-T", str(seconds), "-f", str(script), url]
    done = subprocess.run(command, env=os.environ | {"PGOPTIONS": options}, capture_output=True, text=True, check=True)
    line = next((line for line in done.stdout.splitlines() if line.startswith("tps")), None)
    return 0.0 if line is None else float(line.split()[2])


async def over_http(
    port: int, clients: int, seconds: int, *, one_person: bool = False, outpatient: bool = False
) -> tuple[int, float]:
    """Settlements done and seconds taken, with keep-alive connections, by a client that does as little as it can."""
    end, done, visit = perf_counter() + seconds, [0], secrets.token_hex(4)
    bill = body(person="$person", visit="$visit", outpatient=outpatient)

    async def one(client: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        number = client
        while perf_counter() < end:
            name = f"{visit}-{number}"
            person = "PBENCH1" if one_person else f"PBENCH{number % PERSONS + 1}"
            content = bill.replace(b"$person", person.encode()).replace(b"$visit", name.encode())
            writer.write(
                "POST /v1/settlements HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
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
            number += clients
        writer.close()

    started = perf_counter()
    await asyncio.gather(*(one(client) for client in range(clients)))
    return done[0], perf_counter() - started


def rounds(bench: Bench, folder: Path, seconds: int, times: int) -> list[Reading]:
    """Every reading, interleaved."""
    names = asyncio.run(attributes(bench.url))
    (folder / "lean.sql").write_text(LEAN, encoding="utf-8")
    (folder / "lean_one.sql").write_text(LEAN_ONE, encoding="utf-8")
    (folder / "write.sql").write_text(FROZEN.format(row=frozen_row(names)), encoding="utf-8")
    readings = []
    for _ in range(times):
        for clients in CLIENTS:
            readings.append(bench.pgbench("lean", folder / "lean.sql", clients, seconds))
            readings.append(bench.pgbench(FROZEN_NAME, folder / "write.sql", clients, seconds))
            readings.append(bench.http("http", clients, seconds))
        readings.append(bench.pgbench("lean, one row", folder / "lean_one.sql", ONE_PERSON, seconds))
        readings += [bench.http(what, ONE_PERSON, seconds) for what in ONE_PERSONS_BILLS]
    return readings


async def sealing(bench: Bench) -> float:
    """Processor µs of PostgreSQL for sealing one settlement, once all of them wait."""
    connection = await asyncpg.connect(bench.url)
    settled = await connection.fetchval("SELECT count(*) FROM settlement")
    await connection.close()
    database = await open_database(bench.url, Settings(pool_size=1, hot_pool_size=1))
    try:
        before = cpu.seconds(bench.postgres)
        await seal(database)
        return float(1e6 * (cpu.seconds(bench.postgres) - before) / settled)
    finally:
        await database.close()


TITLES: Final = (
    "clients",
    "per second",
    "service µs",
    "postgres µs",
    "client µs",
    "to lean",
    "to frozen",
    "µs to lean",
)


def report(readings: list[Reading], sealed: float, sizes: dict[str, float]) -> None:
    """The medians as a table, and everything as a file. ``µs to lean`` is the ratio of what they cost processors, which
    other work on the machine doesn't change as it changes rates."""
    lines = [f"{'':16}" + "".join(f"{title:>12}" for title in TITLES)]
    medians: dict[tuple[str, int], Reading] = {}
    for what, clients in dict.fromkeys((one.what, one.clients) for one in readings):
        of = [astuple(one)[2:] for one in readings if (one.what, one.clients) == (what, clients)]
        one = medians[what, clients] = Reading(what, clients, *(median(values) for values in zip(*of, strict=True)))
        numbers = [f"{clients}", *(f"{number:.0f}" for number in astuple(one)[2:])]
        if one.service_us:
            besides = ("lean, one row",) if what in ONE_PERSONS_BILLS else ("lean", FROZEN_NAME)
            beside = [medians[other, clients] for other in besides]
            ratios = [f"{one.rate / other.rate:.2f}" for other in beside]
            numbers += [*(*ratios, "")[:2], f"{beside[0].needed_us / one.needed_us:.2f}"]
        lines.append(f"{what:16}" + "".join(f"{number:>12}" for number in numbers))
    size, parts = sum(sizes.values()), ", ".join(f"{name} {part:.0f}" for name, part in sizes.items())
    lines.append(f"sealing: {sealed:.0f} µs of PostgreSQL per settlement")
    lines += [f"disk: {size:.0f} bytes per settlement ({parts})", ""]
    sys.stdout.write("\n".join(lines))
    out = FOLDER.parent / "build"
    out.mkdir(exist_ok=True)
    kept = {"readings": [asdict(one) for one in readings], "sealing_us": sealed, "bytes": size, "bytes_of": sizes}
    (out / "bench-settling.json").write_text(json.dumps(kept, indent=1), encoding="utf-8")


def main() -> None:
    """Measure in turn and print."""
    usual = ["5", "3", "0", str(WORKERS)]
    seconds, times, settlements, workers = (int(word) for word in (sys.argv[1:5] + usual[len(sys.argv) - 1 :])[:4])
    folder = Path(tempfile.mkdtemp(prefix="onestop-bench-"))
    folder.chmod(0o755)
    with embedded.start(folder / "data") as server:
        url = asyncio.run(migrated_database(server.url))
        secret = {"ONESTOP_SECRET_KEY": "ab" * 32, "ONESTOP_SEAL_SECONDS": "86400"}
        service, base_url = start_service(url, folder, workers=workers, **secret)
        try:
            asyncio.run(prepare(url, base_url))
            asyncio.run(fill(url, settlements))
            port = int(base_url.rsplit(":", 1)[1])
            asyncio.run(over_http(port, 16, 2))
            asyncio.run(analyzed(url))  # a table that was empty when a plan was made is read from end to end
            postmaster = int(next((folder / "data").rglob("postmaster.pid")).read_text().split()[0])
            bench = Bench(server, url, port, service.pid, postmaster)
            readings = rounds(bench, folder, seconds, times)
            sizes = asyncio.run(bytes_each(url))
            report(readings, asyncio.run(sealing(bench)), sizes)
        finally:
            service.terminate()
            service.wait(30)
    shutil.rmtree(folder, ignore_errors=True)


async def analyzed(url: str) -> None:
    """Have the planner look at the tables, as autovacuum does within a minute."""
    connection = await asyncpg.connect(url)
    await connection.execute("ANALYZE")
    await connection.close()


async def bytes_each(url: str) -> dict[str, float]:
    """Bytes on disk per settlement that settling writes, before sealing, by table and its indexes; documents apart."""
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(
        """SELECT name, pg_table_size(name::regclass) - coalesce(pg_total_relation_size(nullif(reltoastrelid, 0)), 0),
                  pg_indexes_size(name::regclass), coalesce(pg_total_relation_size(nullif(reltoastrelid, 0)), 0)
             FROM unnest($1::text[]) name JOIN pg_class ON oid = name::regclass""",
        ("settlement", "settled_visit", "transfer", "person_year", "idempotency"),
    )
    settled: int = await connection.fetchval("SELECT count(*) FROM settlement")
    await connection.close()
    found = {}
    for name, table, indexes, apart in rows:
        found |= {name: table / settled, f"{name}'s indexes": indexes / settled}
        if name == "settlement":
            found["documents"] = apart / settled
    return found


async def fill(url: str, number: int) -> None:
    """Copies of the first settlement and of what belongs to it, each of a person of its own, up to a number."""
    fresh = {
        "settlement_id": f"s.settlement_id + {FAR} + g",
        "transfer_id": "nextval('transfer_id')",
        "person_id": "'PFULL' || g",
        "visit_id": "'FULL' || g",
    }
    connection = await asyncpg.connect(url)
    for table in ("settlement", "settled_visit", "transfer"):
        names = [
            row["attname"]
            for row in await connection.fetch(
                "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0", table
            )
        ]
        values = ", ".join(fresh.get(name, f"s.{name}") for name in names)
        await connection.execute(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table} s, generate_series(1, $1) g"
            " WHERE s.settlement_id = (SELECT settlement_id FROM settlement WHERE person_id = 'PBENCH' LIMIT 1)",
            number,
        )
    await connection.execute(
        "INSERT INTO person_year SELECT 'PFULL' || g, s.benefit_year, s.entries, s.accumulators FROM person_year s,"
        " generate_series(1, $1) g WHERE s.person_id = 'PBENCH'",
        number,
    )
    await connection.close()


async def attributes(url: str) -> list[str]:
    """The attributes of the frozen function's entry, in order."""
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'frozen.new_entry'::regclass ORDER BY attnum"
    )
    await connection.close()
    return [row["attname"] for row in rows]


if __name__ == "__main__":
    main()
