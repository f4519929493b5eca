"""Speed doesn't slip away unseen: ratios within one run, with room for a busy machine. ``make bench`` measures."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from time import perf_counter, process_time
from typing import Final

import asyncpg
import pytest

from app.policies import shipped_book
from app.service.wire import decode
from app.settlement.bill import BillRequest, core_bill
from app.settlement.document import Inputs, document_of, encoded, encoded_inputs, results_of
from app.tiers.model import CatalogueEntry, Episode, Facts, empty_year
from app.tiers.waterfall import compute
from bench.bills import body
from bench.settling import FROZEN, frozen_row
from tests.conftest import drop_database, migrated_database

CONTENT: Final = body()
FACTS: Final = Facts("PBENCH", "530127", "registered_poor", "HBENCH", 3, "province", "530100")
YARDSTICK: Final = Path(__file__).parents[2] / "bench/yardsticks/entry_write.sql"
ROUNDS: Final = 7
MOST: Final = {"decode": 3.0, "fen and days": 3.0, "engine": 8.0}
"""How many times ``json.loads`` of the bill each part may take; on a quiet machine it is 1.3, 0.9 and 3.4."""


def least(part: Callable[[], object]) -> float:
    """The least processor time of a call, seconds: what a busy machine adds is left out."""
    times = []
    for _ in range(ROUNDS):
        started = process_time()
        for _ in range(50):
            part()
        times.append(process_time() - started)
    return min(times)


def test_a_bill_is_computed_in_a_few_times_what_reading_its_json_takes() -> None:
    """Decoding, converting and computing 20 lines with their trace, each beside ``json.loads`` of the same bytes."""
    request = decode(CONTENT, BillRequest)
    bill = core_bill(request)
    policy = shipped_book().on(bill.discharged_on, "530127")
    ceilings = (None, None, 100_000_000)
    catalogue = {
        f"XBENCH{number}": [CatalogueEntry(f"XBENCH{number}", "B", 1000, ceilings, False, date(2017, 1, 1), None)]
        for number in range(10)
    }
    reading = least(lambda: json.loads(CONTENT))
    ratios = {
        "decode": least(lambda: decode(CONTENT, BillRequest)) / reading,
        "fen and days": least(lambda: core_bill(request)) / reading,
        "engine": least(lambda: compute(bill, catalogue, FACTS, empty_year(), Episode(), policy)) / reading,
    }
    assert {name: ratio for name, ratio in ratios.items() if ratio > MOST[name]} == {}
    computed = compute(bill, catalogue, FACTS, empty_year(), Episode(), policy)
    outcome = computed.outcome
    inputs = Inputs("0" * 64, bill.discharged_on, computed.entries, FACTS, empty_year(), Episode(), request)
    kept = document_of(encoded_inputs(inputs), encoded(results_of(outcome)), outcome.lines, outcome.trace)
    assert len(encoded(kept)) < 2 * len(CONTENT)


@pytest.mark.damages("writes one settlement of a person-year again and again")
async def test_writing_costs_no_more_than_it_did(database_server: str) -> None:
    """The write function beside itself as it was on 2026-11-30, on the same rows, in turn: the least time of a call."""
    url = await migrated_database(database_server)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(YARDSTICK.read_text(encoding="utf-8"))
        await connection.execute(
            "CREATE SEQUENCE bench_number; SET onestop.reach = 'all'; SET onestop.subject = 'bench'"
        )
        await connection.execute("SET onestop.request_id = 'bench'")
        then = await attributes(connection, "frozen.new_entry")
        frozen = FROZEN.format(row=frozen_row(then))
        row = frozen_row(await attributes(connection, "new_entry"), known=then)
        now = FROZEN.format(row=row).replace("t.transfers", "t.transfers::text::new_transfer[]")
        now = now.replace("frozen.template", "kept.template").replace("frozen.", "").replace("kept.", "frozen.")
        times: dict[str, list[float]] = {frozen: [], now: []}
        for _ in range(60):
            for statement, found in times.items():
                started = perf_counter()
                await connection.execute(statement)
                found.append(perf_counter() - started)
        assert min(times[now]) < 1.5 * min(times[frozen])
    finally:
        await connection.close()
        await drop_database(url)


async def attributes(connection: asyncpg.Connection, name: str) -> list[str]:
    """The attributes of a composite type, in their order."""
    rows = await connection.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass ORDER BY attnum", name
    )
    return [row["attname"] for row in rows]
