"""One bucket of persons computed: its rows sorted into chains, what they come to written down in the rows' order.

A bucket is finished when its note is there; what a broken run left of an unfinished one is written over.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from msgspec import Struct

from app.batch.chain import Law
from app.batch.columns import RESULT, SPREAD, TEXT
from app.batch.handed_on import brought, gone_on, handed_on, nothing_brought
from app.batch.results import BucketResults
from app.batch.spread import PACKED, bucket_file, read_bucket, refuse_shared_orders
from app.batch.waves import computed

SLICE: Final = 1024
"""Bills that are Python objects together."""
READ_AT_ONCE: Final = 2048


class Finished(Struct, frozen=True):
    """The note of a bucket: how many bills and persons it has, and how many bills were refused."""

    bills: int
    persons: int
    faults: int


@dataclass(frozen=True, slots=True)
class BucketTask:
    """What the buckets of a run have in common: where they lie, whether they start with something, and whether they
    hand something on. ``files`` are the names of the parts."""

    folder: Path
    files: list[str]
    years: pa.Schema | None
    hands_on: bool


def note_file(folder: Path, number: int) -> Path:
    """Where the note of a finished bucket stands."""
    return folder / f"finished-{number:05d}.json"


def finished(folder: Path, number: int) -> Finished | None:
    """The note of a bucket, None of one that isn't finished."""
    path = note_file(folder, number)
    return msgspec.json.decode(path.read_bytes(), type=Finished) if path.exists() else None


def state_files(folder: Path, number: int) -> dict[str, Path]:
    """Where a bucket leaves what its persons hand on."""
    return {name: folder / f"{name}-{number:05d}.parquet" for name in ("years", "episodes", "visits")}


def compute_bucket(task: BucketTask, number: int, law: Law) -> Finished:
    """Compute a bucket and write what it comes to. Rejected when two bills of a person have one place in its order."""
    table, order = sorted_bucket(task, number)
    if task.years is None and not task.hands_on:
        results = computed(table, law)
    else:
        gone = gone_on(
            table, law, nothing_brought() if task.years is None else brought(task.folder, number, task.years)
        )
        results = gone.computed.results
        for name, made in handed_on(gone).items() if task.hands_on else ():
            pq.write_table(made, state_files(task.folder, number)[name], compression="zstd")
    _write_results(result_rows(table, results).take(pc.sort_indices(order)), bucket_file(task.folder, "result", number))
    persons = pc.count_distinct(table.column("person_id")).as_py()
    note = Finished(len(table), persons, int((results.fault >= 0).sum()))
    _replace(note_file(task.folder, number), msgspec.json.encode(note))
    return note


def result_rows(table: pa.Table, results: BucketResults) -> pa.RecordBatch:
    """Rows of ``RESULT``."""
    refused = results.fault >= 0
    words = pa.array(results.words, TEXT)
    named = [words.take(pa.array(codes, mask=codes < 0)) for codes in (results.version, results.fault)]
    amounts = [pa.array(amounts, mask=refused) for amounts in results.amounts.values()]
    return pa.record_batch([table.column("bill_id").combine_chunks(), *amounts, *named], schema=RESULT)


def sorted_bucket(task: BucketTask, number: int) -> tuple[pa.Table, pa.Array]:
    """The rows of a bucket in the order of the chains, and where each stood before. Rejected when two bills of a person
    have one place."""
    table = read_bucket(task.folder, "person", number, SPREAD)
    order = pc.sort_indices(table, sort_keys=[("person_id", "ascending"), ("settle_order", "ascending")])
    table = table.take(order)
    refuse_shared_orders(table, task.files)
    return table, order


def _write_results(results: pa.RecordBatch, path: Path) -> None:
    with path.open("wb") as file, pa.ipc.new_stream(file, RESULT, options=PACKED) as writer:
        for start in range(0, len(results), READ_AT_ONCE):
            writer.write_batch(results.slice(start, READ_AT_ONCE))


def _replace(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all."""
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
