"""The buckets' results in the order of the input, and their checksum over all rows sorted by ``bill_id``."""

import hashlib
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.batch.columns import RESULT, TEXT
from app.batch.spread import Spread, bucket_file, read_bucket

WINDOW: Final = 65_536
"""Rows that are put together at once; also the rows of a row group."""
SORTED_AT_ONCE: Final = 400_000
LINE: Final = pa.schema([("bill_id", TEXT), ("line", TEXT)])


class Bucketed:
    """The results of a bucket, taken from the front."""

    def __init__(self, path: Path) -> None:
        self._reader = pa.ipc.open_stream(pa.OSFile(str(path)))
        self._left: list[pa.RecordBatch] = []
        self._count = 0

    def take(self, count: int) -> list[pa.RecordBatch]:
        """The next rows."""
        while self._count < count:
            batch = self._reader.read_next_batch()
            self._left.append(batch)
            self._count += len(batch)
        taken = []
        while count:
            batch = self._left[0]
            taken.append(batch.slice(0, count))
            if len(batch) > count:
                self._left[0] = batch.slice(count)
            else:
                self._left.pop(0)
            count -= len(taken[-1])
            self._count -= len(taken[-1])
        return taken


def write_results(folder: Path, buckets: int, parts: list[tuple[Path, int]], checksum: "Checksum") -> Iterator[int]:
    """Write each part's results, of so many rows, to its file. Yields how many rows are done."""
    opened: dict[int, Bucketed] = {}
    with (folder / "order.bin").open("rb") as order:
        for path, count in parts:
            with pq.ParquetWriter(path, RESULT, compression="zstd") as writer:
                for start in range(0, count, WINDOW):
                    rows = min(WINDOW, count - start)
                    numbers = pa.Array.from_buffers(pa.int16(), rows, [None, pa.py_buffer(order.read(2 * rows))])
                    table = _in_order(folder, numbers, opened)
                    writer.write_table(table)
                    checksum.add(table)
                    yield rows


def _in_order(folder: Path, numbers: pa.Array, opened: dict[int, Bucketed]) -> pa.Table:
    """The next results of the buckets of these numbers, one for each."""
    found: list[pa.RecordBatch] = []
    counts = {item["values"].as_py(): item["counts"].as_py() for item in pc.value_counts(numbers)}
    for number in sorted(counts):
        if number not in opened:
            opened[number] = Bucketed(bucket_file(folder, "result", number))
        found += opened[number].take(counts[number])
    back = pc.sort_indices(pc.sort_indices(numbers))
    return pa.Table.from_batches(found, RESULT).take(back)


class Checksum:
    """SHA-256 over all rows sorted by the bytes of ``bill_id``. Rows are spread over ranges of ids, and each range is
    sorted by itself."""

    def __init__(self, folder: Path, bounds: list[str]) -> None:
        self._folder, self._bounds = folder, bounds
        self._spread = Spread(folder, "sum", len(bounds) + 1)

    def add(self, table: pa.Table) -> None:
        """Let rows count."""
        ids = table.column("bill_id").combine_chunks()
        columns = [table.column(name).combine_chunks().cast(TEXT) for name in RESULT.names]
        lines = pc.binary_join_element_wise(*columns, "\t", null_handling="replace", null_replacement="")
        batch = pa.record_batch([ids, lines], schema=LINE)
        if self._bounds:
            ranges = [bisect_right(self._bounds, bill_id) for bill_id in ids.to_pylist()]
            self._spread.add(batch, pa.array(ranges, pa.int16()))
        else:
            self._spread.add(batch, pa.repeat(pa.scalar(0, pa.int16()), len(batch)))

    def hexdigest(self) -> str:
        """The checksum of all rows."""
        self._spread.flush()
        digest = hashlib.sha256()
        for number in range(len(self._bounds) + 1):
            table = read_bucket(self._folder, "sum", number, LINE)
            lines = table.take(pc.sort_indices(table.column("bill_id"))).column("line")
            for chunk in lines.chunks:
                if len(chunk):
                    digest.update(("\n".join(chunk.to_pylist()) + "\n").encode())
            bucket_file(self._folder, "sum", number).unlink(missing_ok=True)
        return digest.hexdigest()


def bounds_of(sample: list[str], rows: int) -> list[str]:
    """Ids that divide the rows into ranges of some ``SORTED_AT_ONCE``, by a sample of them."""
    ranges = min(1 + rows // SORTED_AT_ONCE, len(sample))
    ordered = sorted(sample)
    return sorted({ordered[len(ordered) * number // ranges] for number in range(1, ranges)})
