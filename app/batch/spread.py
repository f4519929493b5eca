"""Rows on disk, spread over files by a hash: all bills of a person in one bucket, all bills of one id in another.

A bucket's file is a row of Arrow streams, appended to whenever enough rows wait. Which bucket a row went to is kept, so
that the results come back in the order of the input.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final
from zlib import crc32

import pyarrow as pa
import pyarrow.compute as pc

from app.batch.columns import PLACE, SPREAD, TEXT
from app.batch.source import batches, rejected

WAITING: Final = 48 << 20
"""Bytes that wait before they are written."""
PACKED: Final = pa.ipc.IpcWriteOptions(compression="lz4")
"""How rows lie on the disk between two stages."""
ID: Final = pa.schema([("bill_id", TEXT), *PLACE])


def bucket_of(text: str, buckets: int) -> int:
    """The bucket of a key: the same on every machine."""
    return crc32(text.encode()) % buckets


def bucket_numbers(keys: pa.Array, buckets: int) -> pa.Array:
    """The bucket of each key of an array."""
    if buckets == 1:
        return pa.repeat(pa.scalar(0, pa.int16()), len(keys))
    coded = keys.dictionary_encode()
    numbers = pa.array([bucket_of(key, buckets) for key in coded.dictionary.to_pylist()], pa.int16())
    return numbers.take(coded.indices)


class Spread:
    """Files of rows, one per bucket, that are appended to."""

    def __init__(self, folder: Path, name: str, buckets: int) -> None:
        self._folder, self._name, self.buckets = folder, name, buckets
        self._waiting: dict[int, list[pa.RecordBatch]] = {}
        self._bytes = 0

    def add(self, batch: pa.RecordBatch, numbers: pa.Array) -> None:
        """Put each row into the bucket of its number."""
        order = pc.sort_indices(numbers)
        sorted_, counts = batch.take(order), pc.value_counts(numbers)
        start = 0
        for number, count in sorted((item["values"].as_py(), item["counts"].as_py()) for item in counts):
            self._waiting.setdefault(number, []).append(sorted_.slice(start, count))
            start += count
        self._bytes += sorted_.nbytes
        if self._bytes > WAITING:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        for number, waiting in self._waiting.items():
            table = pa.Table.from_batches(waiting).combine_chunks()
            with (
                bucket_file(self._folder, self._name, number).open("ab") as file,
                pa.ipc.new_stream(file, table.schema, options=PACKED) as writer,
            ):
                writer.write_table(table)
        self._waiting.clear()
        self._bytes = 0


def bucket_file(folder: Path, name: str, number: int) -> Path:
    """The file of a bucket."""
    return folder / f"{name}-{number:05d}.arrow"


def read_bucket(folder: Path, name: str, number: int, schema: pa.Schema) -> pa.Table:
    """All rows of a bucket in the order in which they were added."""
    path = bucket_file(folder, name, number)
    return pa.Table.from_batches(list(_streams(path)) if path.exists() else [], schema)


def _streams(path: Path) -> Iterator[pa.RecordBatch]:
    size = path.stat().st_size
    with path.open("rb") as file:
        while file.tell() < size:
            yield from pa.ipc.open_stream(file)


def spread_part(path: Path, part: int, into: tuple[Spread, Spread], order: BinaryIO) -> Iterator[int]:
    """Spread the rows of a part by person, and its ids by id; the bucket of each row goes to ``order``. Yields how many
    rows are done."""
    persons, ids = into
    for start, batch in batches(path):
        count = len(batch)
        place = [pa.repeat(pa.scalar(part, pa.int32()), count), pa.array(range(start, start + count), pa.int64())]
        numbers = bucket_numbers(batch.column("person_id"), persons.buckets)
        persons.add(pa.record_batch([*batch.columns, *place], schema=SPREAD), numbers)
        named = pa.record_batch([batch.column("bill_id"), *place], schema=ID)
        ids.add(named, bucket_numbers(named.column("bill_id"), ids.buckets))
        order.write(numbers.cast(pa.int16()).buffers()[1].to_pybytes()[: 2 * count])
        yield count


def refuse_twins(folder: Path, buckets: int, files: list[str]) -> None:
    """Rejected when two rows have one ``bill_id``."""
    for number in range(buckets):
        table = read_bucket(folder, "id", number, ID)
        counted = table.group_by("bill_id").aggregate([([], "count_all")])
        twice = counted.filter(pc.greater(counted.column("count_all"), 1))
        if len(twice):
            bill = pc.min(twice.column("bill_id")).as_py()
            places = table.filter(pc.equal(table.column("bill_id"), bill)).sort_by(
                [("part", "ascending"), ("row", "ascending")]
            )
            first, second = (places.slice(at, 1).to_pylist()[0] for at in (0, 1))
            where = f"{files[first['part']]} 第 {first['row'] + 1} 行"
            raise rejected(files[second["part"]], "bill_id", second["row"], f"和 {where}重复。", bill)


def refuse_shared_orders(table: pa.Table, files: list[str]) -> None:
    """Rejected when a person, whose bills are sorted by it, has one ``settle_order`` twice."""
    if len(table) < 2:
        return
    persons, orders = (table.column(name).combine_chunks() for name in ("person_id", "settle_order"))
    same = pc.and_(
        pc.equal(persons.slice(0, len(table) - 1), persons.slice(1)),
        pc.equal(orders.slice(0, len(table) - 1), orders.slice(1)),
    )
    place = pc.index(same, value=True).as_py()
    if place >= 0:
        row = table.slice(place + 1, 1).select(["part", "row", "bill_id"]).to_pylist()[0]
        raise rejected(
            files[row["part"]], "settle_order", row["row"], "同一参保人的两张账单顺序号相同。", row["bill_id"]
        )
