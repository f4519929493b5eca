"""What a run hands on to the next one: person-years, episodes and visits, as Parquet in a folder.

``years.parquet`` and ``episodes.parquet`` say what the law needs; ``visits.parquet``, which may be absent, says besides
which bills of a visit were settled, and at which level.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.batch.chain import Chain, Taken, stay
from app.batch.columns import EPISODE, VISIT, YEAR_AMOUNTS, YEAR_KEYS
from app.batch.sent import named_visit
from app.batch.source import AT_ONCE, Rejected, opened, rejected
from app.batch.spread import Spread, bucket_numbers
from app.tiers.episode import visit_name
from app.tiers.model import ACCUMULATORS, INPATIENT

FILES: Final = ("years", "episodes", "visits")
SCHEMAS: Final = {"episodes": EPISODE, "visits": VISIT}
ROW: Final = "row"
NEEDED_YEAR: Final = (*(name for name, _ in YEAR_KEYS), *ACCUMULATORS)


def spread_start(folder: Path, into: Path, buckets: int) -> pa.Schema:
    """Spread what a folder hands on by person. Rejected when it can't be used; the answer is the schema of years."""
    years = YEARS
    for name in FILES:
        path = folder / f"{name}.parquet"
        if name == "visits" and not path.exists():
            continue
        spread = Spread(into, f"start-{name}", buckets)
        with opened(path) as file:
            schema = _schema(name, file.schema_arrow, path.name)
            start = 0
            for batch in file.iter_batches(batch_size=AT_ONCE, columns=schema.names):
                normal = _normal(batch, schema, path.name, start)
                numbers = bucket_numbers(normal.column("person_id"), buckets)
                if name == "years":
                    rows = pa.array(range(start, start + len(batch)), pa.int64())
                    normal = pa.record_batch([*normal.columns, rows], schema=with_row(schema))
                spread.add(normal, numbers)
                start += len(batch)
        spread.flush()
        years = schema if name == "years" else years
    return years


def years_schema(names: Sequence[str]) -> pa.Schema:
    """The columns of years with these accumulators."""
    return pa.schema([*YEAR_KEYS, *((name, pa.int64()) for name in names)])


YEARS: Final = years_schema(YEAR_AMOUNTS)


def with_row(years: pa.Schema) -> pa.Schema:
    """Years with where each stood in its file, from 0."""
    return years.append(pa.field(ROW, pa.int64()))


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Accumulators as they stand in a file: those that all have, then the packs' own."""
    return (*YEAR_AMOUNTS, *sorted(set(names) - set(YEAR_AMOUNTS)))


def _schema(name: str, found: pa.Schema, file: str) -> pa.Schema:
    """The columns to read of a file: of years every accumulator and counter."""
    wanted = SCHEMAS.get(name)
    needed = NEEDED_YEAR if wanted is None else wanted.names
    for column in needed:
        if column not in found.names:
            raise Rejected(f"{file}：列 {column}：缺少这一列（第 1 行起）。")
    if wanted is not None:
        return wanted
    counters = [column for column in found.names if column not in dict(YEAR_KEYS)]
    for column in counters:
        if not pa.types.is_integer(found.field(column).type):
            raise rejected(file, column, 0, f"应是 int64，这里是 {found.field(column).type}。")
    return years_schema(counters)


def _normal(batch: pa.RecordBatch, schema: pa.Schema, file: str, start: int) -> pa.RecordBatch:
    columns = []
    for field in schema:
        column = batch.column(field.name)
        floating = pa.types.is_floating(column.type)
        try:
            column = column.cast(field.type)
        except pa.ArrowException:
            floating = True
        if floating:
            raise rejected(
                file, field.name, start, f"应是 {field.type}，这里是 {batch.schema.field(field.name).type}。"
            )
        wrong = pc.is_null(column)
        if pa.types.is_integer(field.type):
            wrong = pc.or_(wrong, pc.fill_null(pc.less(column, 0), False))
        place = pc.index(wrong, value=True).as_py()
        if place >= 0:
            raise rejected(file, field.name, start + place, "缺少值，或为负。")
        columns.append(column)
    return pa.record_batch(columns, schema=schema)


def start_chains(tables: Mapping[str, pa.Table]) -> dict[str, Chain]:
    """What persons start with, from their rows of each file."""
    chains: dict[str, Chain] = {}
    for row in tables["years"].to_pylist():
        chain = chains.setdefault(row.pop("person_id"), Chain())
        chain.years[row.pop("benefit_year")] = row
    for row in tables["visits"].to_pylist():
        chain = chains.setdefault(row["person_id"], Chain())
        visit = visit_name(row["hospital_code"], row["visit_id"])
        episode = tuple(visit_name(*named_visit(item)) for item in row["episode"])
        taken = Taken(row["medical_type"], row["hospital_level"], row["benefit_year"], episode)
        keep_taken(chain, visit, row["settle_seq"], taken)
    for row in tables["episodes"].to_pylist():
        chain = chains.setdefault(row["person_id"], Chain())
        visit = visit_name(row["hospital_code"], row["visit_id"])
        episode = tuple(visit_name(*named_visit(item)) for item in row["episode"]) or (visit,)
        number, year = len(chain.stays), row["benefit_year"]
        chain.stays.append(stay(number, visit, INPATIENT, year, row["deductible"], episode, 0))
    return chains


def keep_taken(chain: Chain, visit: str, seq: int, taken: Taken) -> None:
    """Note a bill that was settled in an earlier run; what its episode paid stands in ``episodes.parquet``."""
    chain.settled[visit, seq] = taken
    if taken.medical_type in ("21", "52"):
        number = len(chain.stays)
        chain.stays.append(stay(number, visit, taken.medical_type, taken.benefit_year, 0, taken.episode, taken.level))


def tables_of(chains: Mapping[str, Chain]) -> dict[str, pa.Table]:
    """What the persons of a bucket hand on."""
    rows = sorted(chains.items())
    years = [
        {"person_id": person, "benefit_year": year} | chain.years[year]
        for person, chain in rows
        for year in sorted(chain.years)
    ]
    names = in_order(name for row in years for name in row if name not in dict(YEAR_KEYS))
    schema = years_schema(names)
    filled = [dict.fromkeys(names, 0) | row for row in years]
    return {
        "years": pa.Table.from_pylist(filled, schema),
        "episodes": pa.Table.from_pylist([row for person, chain in rows for row in _episodes(person, chain)], EPISODE),
        "visits": pa.Table.from_pylist([row for person, chain in rows for row in _visits(person, chain)], VISIT),
    }


def _episodes(person: str, chain: Chain) -> Iterator[dict[str, object]]:
    """A row for each inpatient visit and benefit year."""
    paid: dict[tuple[str, int], int] = {}
    longest: dict[tuple[str, int], tuple[str, ...]] = {}
    for one in chain.stays:
        if one.medical_type == INPATIENT:
            key = (one.visit, one.benefit_year)
            paid[key] = paid.get(key, 0) + one.deductible
            longest[key] = max(longest.get(key, ()), one.episode, key=len)
    for (visit, year), deductible in paid.items():
        hospital, _, visit_id = visit.partition(" ")
        episode = [item.replace(" ", "/", 1) for item in longest[visit, year]]
        yield dict(zip(EPISODE.names, (person, hospital, visit_id, year, episode, deductible), strict=True))


def _visits(person: str, chain: Chain) -> Iterator[dict[str, object]]:
    for (visit, seq), taken in chain.settled.items():
        hospital, _, visit_id = visit.partition(" ")
        episode = [item.replace(" ", "/", 1) for item in taken.episode]
        values = (person, hospital, visit_id, seq, taken.medical_type, taken.level, taken.benefit_year, episode)
        yield dict(zip(VISIT.names, values, strict=True))


def write_state(tables: list[dict[str, Path]], folder: Path) -> None:
    """Put the buckets' rows together; a counter that only some have is 0 for the others."""
    for name in FILES:
        files = [paths[name] for paths in tables]
        schema = _union([pq.read_schema(path) for path in files]) if name == "years" else SCHEMAS[name]
        with pq.ParquetWriter(folder / f"{name}.parquet", schema, compression="zstd") as writer:
            for path in files:
                table = pq.read_table(path)
                missing = [column for column in schema.names if column not in table.schema.names]
                for column in missing:
                    table = table.append_column(column, pa.repeat(pa.scalar(0, pa.int64()), len(table)))
                writer.write_table(table.select(schema.names))


def _union(schemas: list[pa.Schema]) -> pa.Schema:
    return years_schema(in_order(name for schema in schemas for name in schema.names[len(YEAR_KEYS) :]))
