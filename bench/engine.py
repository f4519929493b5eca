"""The engine with its trace on a 20-line bill, against ``json.loads`` of the same bill. Run: python -m bench.engine"""

import json
import sys
from collections.abc import Callable
from datetime import date
from statistics import median
from time import process_time

from app.policies import shipped_book
from app.service.wire import decode
from app.settlement.answer import shown_trace
from app.settlement.bill import BillRequest, core_bill
from app.tiers.model import CatalogueEntry, Episode, Facts, empty_year
from app.tiers.waterfall import compute
from bench.bills import body

ROUNDS = 25
CALLS = 200


def main() -> None:
    """Interleave the parts with the yardstick and print medians and ratios."""
    content = body()
    request = decode(content, BillRequest)
    bill = core_bill(request)
    policy = shipped_book().on(bill.discharged_on, "530127")
    facts = Facts("PBENCH", "530127", "registered_poor", "HBENCH", 3, "province", "530100")
    ceilings = (None, None, 100_000_000)
    catalogue = {
        f"XBENCH{number}": [CatalogueEntry(f"XBENCH{number}", "B", 1000, ceilings, False, date(2017, 1, 1), None)]
        for number in range(10)
    }
    outcome = compute(bill, catalogue, facts, empty_year(), Episode(), policy).outcome
    parts: dict[str, Callable[[], object]] = {
        "json.loads (yardstick)": lambda: json.loads(content),
        "decode and check the bytes": lambda: decode(content, BillRequest),
        "to fen and days": lambda: core_bill(request),
        "engine with trace": lambda: compute(bill, catalogue, facts, empty_year(), Episode(), policy),
        "sentences of the trace": lambda: shown_trace(outcome.trace),
    }
    times: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(ROUNDS):
        for name, part in parts.items():
            started = process_time()
            for _ in range(CALLS):
                part()
            times[name].append((process_time() - started) / CALLS)
    yardstick = median(times["json.loads (yardstick)"])
    for name, values in times.items():
        sys.stdout.write(f"{name:28} {median(values) * 1e6:8.1f} µs  ratio {median(values) / yardstick:5.2f}\n")


if __name__ == "__main__":
    main()
