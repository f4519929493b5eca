"""A batch from its files to its results: spread by person, computed bucket by bucket, collected in the input's order.

Everything unfinished lies in a folder beside the results, whose name appears last. A later run of the same input under
the same law goes on with what is finished there; of anything else the folder is emptied first.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import pyarrow.ipc as ipc
from msgspec import Struct

from app import ENGINE_VERSION
from app.batch.bucket import BucketTask, Finished, compute_bucket, finished, state_files
from app.batch.collect import Checksum, bounds_of, write_results
from app.batch.law import book_of, law_digest, records_of
from app.batch.measure import Meter
from app.batch.source import Rejected, checked, opened, parts_of
from app.batch.spread import Spread, refuse_twins, spread_part
from app.batch.state import FILES, spread_start, write_state
from app.batch.workers import LawNamed, computed
from app.version import VERSION

FORM: Final = 2
"""Of what lies in the folder of unfinished things."""
BUCKET_ROWS: Final = 500_000
BUCKET_LINES: Final = 1_500_000
MOST_BUCKETS: Final = 400
IDS_AT_ONCE: Final = 1_000_000
SAMPLED: Final = 20_000
UNFINISHED: Final = ".unfinished"
Progress = Callable[[str, int, int], None]
"""Told of a stage: what it is, how many rows are done, of how many."""


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """What is to be computed, and where to."""

    source: Path
    out: Path
    law: LawNamed
    workers: int
    start: Path | None = None
    years_out: Path | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What the last line of a run says."""

    bills: int
    persons: int
    faults: int
    seconds: float
    cpu_micros: float
    peak_mib: float
    sha256: str

    def __str__(self) -> str:
        return (
            f"bills={self.bills} persons={self.persons} faults={self.faults} seconds={self.seconds:.2f} "
            f"cpu_us_per_bill={self.cpu_micros:.1f} peak_mib={self.peak_mib:.0f} sha256={self.sha256}"
        )


class Spreading(Struct, frozen=True):
    """The note that all rows lie in their buckets: how many rows each part has, and what was learnt on the way."""

    rows: list[int]
    buckets: int
    bounds: list[str]


def run(order: BatchOrder, progress: Progress) -> Report:
    """Compute a batch. Rejected when an input can't be used; then nothing of this run is left."""
    meter = Meter()
    try:
        parts = parts_of(order.source)
        if order.out.resolve() == order.source.resolve():
            raise Rejected(f"{order.out.name}：结果不能写到输入的名字上。")
        law = replace(order.law, digest=law_digest(book_of(order.law.packs, order.law.extra),
                                                   records_of(order.law.figures)))  # fmt: skip
        rows = [checked(path) for path in parts]
        with unfinished(order.out) as folder:
            try:
                notes, digest = _computed(replace(order, law=law), folder, parts, rows, progress)
            except Rejected:
                shutil.rmtree(folder)
                raise
            shutil.rmtree(folder)
    finally:
        meter.stop()
    bills = sum(rows)
    return Report(
        bills,
        sum(note.persons for note in notes),
        sum(note.faults for note in notes),
        meter.seconds,
        1e6 * meter.cpu_seconds / max(1, bills),
        meter.peak_mib,
        digest,
    )


def _computed(
    order: BatchOrder, folder: Path, parts: list[Path], rows: list[int], progress: Progress
) -> tuple[list[Finished], str]:
    """All stages, each going on where a former run stopped; then the results get their name."""
    total = sum(rows)
    _keep_if_same(folder, _identity(order, parts, progress, total))
    spreading = spread_all(folder, parts, rows, progress)
    years = None if order.start is None else _start(folder, order.start, spreading.buckets)
    task = BucketTask(folder, [path.name for path in parts], years, order.years_out is not None)
    notes = _buckets(task, spreading.buckets, order, progress, total)
    results = folder / "results"
    results.mkdir(exist_ok=True)
    checksum = Checksum(folder, spreading.bounds)
    files = [(results / path.name, count) for path, count in zip(parts, spreading.rows, strict=True)]
    done = 0
    for count in write_results(folder, spreading.buckets, files, checksum):
        done += count
        progress("汇总", done, total)
    digest = checksum.hexdigest()
    if order.years_out is not None:
        made = folder / "handed-on"
        made.mkdir(exist_ok=True)
        write_state([state_files(folder, number) for number in range(spreading.buckets)], made)
        put(made, order.years_out)
    put(files[0][0] if order.source.is_file() else results, order.out)
    return notes, digest


@contextmanager
def unfinished(out: Path) -> Iterator[Path]:
    """The folder of unfinished things, for one process at a time."""
    folder = out.with_name(out.name + UNFINISHED)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Rejected(f"{out.name}：另一个进程正在写这个结果。") from None
        yield folder


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "lock":
            path.unlink()


def _identity(order: BatchOrder, parts: list[Path], progress: Progress, total: int) -> str:
    """The digest of all that decides what a run comes to: input, start, law and version."""
    digest = hashlib.sha256()
    given = [FORM, VERSION, ENGINE_VERSION, order.law.digest, order.years_out is not None]
    digest.update(json.dumps(given).encode())
    for path in parts:
        progress("校验", 0, total)
        _digest_file(digest, path)
    for name in FILES if order.start is not None else ():
        file = order.start / f"{name}.parquet" if order.start is not None else Path()
        if file.exists():
            _digest_file(digest, file)
        elif name != "visits":
            raise Rejected(f"--start：{file.name}：没有这个文件。")
    return digest.hexdigest()


def _digest_file(digest: "hashlib._Hash", path: Path) -> None:
    with path.open("rb") as file:
        digest.update(f"{path.name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())


def _keep_if_same(folder: Path, identity: str) -> None:
    """Empty the folder unless it belongs to the same run."""
    note = folder / "identity"
    if note.exists() and note.read_text() == identity:
        return
    _empty(folder)
    note.write_text(identity)


def spread_all(folder: Path, parts: list[Path], rows: list[int], progress: Progress) -> Spreading:
    """Spread all rows by person, once."""
    note = folder / "spread.json"
    if note.exists():
        return msgspec.json.decode(note.read_bytes(), type=Spreading)
    for path in folder.glob("*.arrow"):
        path.unlink()
    total = sum(rows)
    buckets = min(MOST_BUCKETS, 1 + max(total // BUCKET_ROWS, _lines(parts) // BUCKET_LINES))
    persons = Spread(folder, "person", buckets)
    ids = Spread(folder, "id", min(MOST_BUCKETS, 1 + total // IDS_AT_ONCE))
    done = 0
    with (folder / "order.bin").open("wb") as order:
        for number, path in enumerate(parts):
            for count in spread_part(path, number, (persons, ids), order):
                done += count
                progress("读取", done, total)
    persons.flush()
    ids.flush()
    names = [path.name for path in parts]
    refuse_twins(folder, ids.buckets, names)
    found = Spreading(rows, buckets, bounds_of(_sample(folder, ids.buckets, total), total))
    for path in folder.glob("id-*.arrow"):
        path.unlink()
    note.write_bytes(msgspec.json.encode(found))
    return found


def _lines(parts: list[Path]) -> int:
    """How many lines all bills have, as the files say."""
    total = 0
    for path in parts:
        with opened(path) as file:
            groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
            columns = [group.column(number) for group in groups for number in range(group.num_columns)]
            total += sum(column.num_values for column in columns if column.path_in_schema.endswith(".line_no"))
    return total


def _sample(folder: Path, buckets: int, total: int) -> list[str]:
    """Some ids, evenly taken."""
    step = max(1, total // SAMPLED)
    sample: list[str] = []
    for path in sorted(folder.glob("id-*.arrow"))[:buckets]:
        size = path.stat().st_size
        with path.open("rb") as file:
            while file.tell() < size:
                for batch in ipc.open_stream(file):
                    sample += batch.column("bill_id")[::step].to_pylist()
    return sample


def _start(folder: Path, start: Path, buckets: int) -> "ipc.Schema":
    """Spread what the run starts with; again each time, as it is small."""
    for path in folder.glob("start-*.arrow"):
        path.unlink()
    return spread_start(start, folder, buckets)


def _buckets(task: BucketTask, buckets: int, order: BatchOrder, progress: Progress, total: int) -> list[Finished]:
    """The notes of all buckets, those that aren't finished computed now."""
    notes = [note for number in range(buckets) if (note := finished(task.folder, number)) is not None]
    waiting = [number for number in range(buckets) if finished(task.folder, number) is None]
    done = sum(note.bills for note in notes)
    progress("计算", done, total)
    for note in computed(partial(compute_bucket, task), waiting, order.law, order.workers):
        notes.append(note)
        done += note.bills
        progress("计算", done, total)
    return notes


def put(made: Path, name: Path) -> None:
    """Give something its name, in the place of what had it before."""
    name.parent.mkdir(parents=True, exist_ok=True)
    former = name.with_name(name.name + ".former")
    if name.is_dir():
        os.replace(name, former)
    try:
        os.replace(made, name)
    except OSError:
        shutil.move(str(made), str(name))
    if former.is_dir():
        shutil.rmtree(former)
