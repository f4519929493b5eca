"""What setting a slip as PDF costs by the number of its lines: ``python -m bench.slip [LINES ...]``, each in a new
process."""

import multiprocessing
import resource
import sys
import time
from typing import Any

import msgspec

from app.demo.bill import example
from app.demo.compute import OfflineBill, computed_offline
from app.policies import shipped_book
from app.service.wire import decode
from app.settlement.slip import Names, contents
from app.settlement.slip_pdf import TEMPLATE, document_of
from app.settlement.typesetting import pdf
from tests.settlement.test_slip import row_of

LINES = (50, 500, 2000, 10_000)


def measure(lines: int) -> None:
    """Set the demo's bill with its lines repeated; print the second of two settings, fonts being read by then."""
    book = shipped_book()
    one = computed_offline(decode(msgspec.json.encode(example()), OfflineBill), book)
    found: dict[str, Any] = contents(
        row_of(one), Names("滇禾县人民医院", "张永福", "530127********9959"), book.packs["yunnan"]
    )
    given = found["lines"]
    pdf(TEMPLATE, *document_of(found))
    document = document_of(found | {"lines": [given[number % len(given)] for number in range(lines)]})
    began, used = time.perf_counter(), time.process_time()
    content = pdf(TEMPLATE, *document)
    elapsed, cpu = time.perf_counter() - began, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    times = f"{cpu * 1000:7.0f} ms of one processor {elapsed * 1000:7.0f} ms in all"
    sys.stdout.write(f"{lines:6} lines {times} {len(content) // 1024:5} KiB, peak {peak} MiB\n")


if __name__ == "__main__":
    for asked in map(int, sys.argv[1:] or map(str, LINES)):
        process = multiprocessing.get_context("spawn").Process(target=measure, args=(asked,))
        process.start()
        process.join()
