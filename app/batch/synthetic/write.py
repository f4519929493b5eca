"""A synthetic year as files: a part for so many blocks, each made by one process, the same whoever makes it."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from app.batch.measure import Meter
from app.batch.run import Progress, put, unfinished
from app.batch.synthetic.bills import BLOCK, Year, block_of
from app.batch.synthetic.figures import FILE
from app.batch.synthetic.items import Catalogue, catalogue
from app.batch.synthetic.world import InventedWorld, world_of
from app.batch.workers import computed

FORM: Final = 1
"""Of what is drawn and how it is written: raised when the same seed comes to other bytes."""
PART_BLOCKS: Final = 32
PART_LINES: Final = 20_000_000
"""About the most lines of a part."""
BILLS_A_PERSON: Final = 2


@dataclass(frozen=True, slots=True)
class Made:
    """What the last line of a run says."""

    bills: int
    persons: int
    seconds: float
    cpu_micros: float
    peak_mib: float
    disk_mib: float
    sha256: str

    def __str__(self) -> str:
        return (
            f"bills={self.bills} persons={self.persons} seconds={self.seconds:.2f} "
            f"cpu_us_per_bill={self.cpu_micros:.1f} peak_mib={self.peak_mib:.0f} "
            f"disk_mib={self.disk_mib:.0f} sha256={self.sha256}"
        )


class WrittenPart(Struct, frozen=True):
    """The note of a finished part."""

    name: str
    bills: int
    persons: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a worker needs beside the year: the areas that it finds the world of."""

    areas: tuple[str, ...]

    def found(self) -> tuple[InventedWorld, Catalogue]:
        """The world and the catalogue."""
        return world_of(self.areas), catalogue()


def part_blocks(year: Year) -> int:
    """How many blocks a part has."""
    if year.lines is None:
        return PART_BLOCKS
    return max(1, min(PART_BLOCKS, PART_LINES // (BILLS_A_PERSON * BLOCK * year.lines)))


def write_year(year: Year, out: Path, workers: int, progress: Progress) -> Made:
    """Write a year to ``out``: a file, or a folder of parts when there is more than one. A run that was stopped goes on
    with the parts that are finished."""
    meter = Meter()
    try:
        with unfinished(out) as folder:
            parts = list(_parts(year, folder, workers, progress))
            disk = sum((folder / part.name).stat().st_size for part in parts)
            if len(parts) == 1:
                put(folder / parts[0].name, out)
            else:
                made = folder / "made"
                made.mkdir(exist_ok=True)
                for part in parts:
                    (folder / part.name).replace(made / part.name)
                put(made, out)
            shutil.rmtree(folder)
    finally:
        meter.stop()
    bills = sum(part.bills for part in parts)
    persons = sum(part.persons for part in parts)
    micros = 1e6 * meter.cpu_seconds / max(1, bills)
    return Made(bills, persons, meter.seconds, micros, meter.peak_mib, disk / (1 << 20), digest_of(parts))


def digest_of(parts: list[WrittenPart]) -> str:
    """The digest of a year: that of its only file, or of what ``sha256sum *`` says of its parts."""
    if len(parts) == 1:
        return parts[0].sha256
    said = "".join(f"{part.sha256}  {part.name}\n" for part in parts)
    return hashlib.sha256(said.encode()).hexdigest()


def _parts(year: Year, folder: Path, workers: int, progress: Progress) -> Iterator[WrittenPart]:
    """All parts in their order; those that aren't finished are made now."""
    _keep_if_same(folder, year)
    each = part_blocks(year)
    number = max(1, -(-year.blocks // each))
    waiting = [part for part in range(number) if not _note(folder, part).exists()]
    done = number - len(waiting)
    progress("生成", done, number)
    for _ in computed(partial(make_part, year, folder, each), waiting, Surroundings(year.areas), workers):
        done += 1
        progress("生成", done, number)
    for part in range(number):
        yield msgspec.json.decode(_note(folder, part).read_bytes(), type=WrittenPart)


def _keep_if_same(folder: Path, year: Year) -> None:
    """Empty the folder unless it belongs to the same year."""
    figures = hashlib.sha256(FILE.read_bytes()).hexdigest()
    identity = json.dumps([FORM, part_blocks(year), pa.__version__, figures, *astuple(year)])
    note = folder / "year.json"
    if note.exists() and note.read_text() == identity:
        return
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "lock":
            path.unlink()
    note.write_text(identity)


def _note(folder: Path, part: int) -> Path:
    return folder / f"part-{part:05d}.json"


def make_part(year: Year, folder: Path, each: int, part: int, around: tuple[InventedWorld, Catalogue]) -> WrittenPart:
    """Write one part, of ``each`` blocks, and its note."""
    name = f"part-{part:05d}.parquet"
    path = folder / f"{name}.new"
    bills = persons = 0
    writer = None
    for block in range(part * each, min(year.blocks, (part + 1) * each)):
        drawn = block_of(year, block, *around)
        if writer is None:
            writer = pq.ParquetWriter(path, drawn.rows.schema, **_written_as(drawn.rows.schema))
        writer.write_batch(drawn.rows)
        bills, persons = bills + len(drawn.rows), persons + drawn.persons
    assert writer is not None
    writer.close()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    path.replace(folder / name)
    note = WrittenPart(name, bills, persons, digest)
    _note(folder, part).write_bytes(msgspec.json.encode(note))
    return note


def _written_as(schema: pa.Schema) -> dict[str, object]:
    """How columns are written: only those with few values by a dictionary. Within lines pyarrow can't read back what
    it has as a dictionary, so there it is texts."""
    few = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    few += [
        f"lines.list.element.{field.name}"
        for column in schema
        if pa.types.is_list(column.type)
        for field in column.type.value_type
        if pa.types.is_string(field.type)
    ]
    return {"compression": "zstd", "compression_level": 1, "use_dictionary": few, "write_statistics": False}
