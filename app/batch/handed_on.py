"""What the persons of a bucket bring along from an earlier run and hand on to a later one, column by column.

Whoever brings along something that columns don't tell, such as an episode of two visits, goes through ``chain.py``, and
so does whoever has a further bill of a visit that was settled before.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.batch.alike import Bills, alone, bills_of, numbered_visits, whole_persons
from app.batch.chain import Law
from app.batch.columns import EPISODE, TEXT, VISIT, YEAR_KEYS
from app.batch.many import MOST, Answers, Whole
from app.batch.ready import numbers
from app.batch.results import empty_results
from app.batch.source import rejected
from app.batch.spread import read_bucket
from app.batch.state import ROW, in_order, start_chains, tables_of, with_row, years_schema
from app.batch.waves import FEW, YEARS, SideBySide, Waves, person_years, side_by_side
from app.tiers.model import INPATIENT

_PERSON: Final = "person_id"
_OF_STAY: Final = (_PERSON, "hospital_code", "visit_id", "benefit_year")
_OF_BILL: Final = ("hospital_code", "visit_id", "settle_seq", "medical_type", "hospital_level")


@dataclass(frozen=True, slots=True)
class Brought:
    """The rows of ``years``, ``episodes`` and ``visits`` that the persons of a bucket bring along."""

    years: pa.Table
    episodes: pa.Table
    visits: pa.Table

    @property
    def tables(self) -> dict[str, pa.Table]:
        """All three by name."""
        return {"years": self.years, "episodes": self.episodes, "visits": self.visits}

    def of(self, persons: pa.Array, *, others: bool = False) -> "Brought":
        """The rows of some persons, or of all others."""
        chosen = []
        for table in self.tables.values():
            wanted = pc.is_in(table.column(_PERSON), value_set=persons)
            chosen.append(table.filter(pc.invert(wanted) if others else wanted))
        return Brought(*chosen)


def nothing_brought() -> Brought:
    """What persons bring along of whom nothing was settled before."""
    return Brought(*(schema.empty_table() for schema in (years_schema(()), EPISODE, VISIT)))


def brought(folder: Path, bucket: int, years: pa.Schema) -> Brought:
    """What was spread for a bucket. Rejected when a person has a year twice."""
    schemas = {"years": with_row(years), "episodes": EPISODE, "visits": VISIT}
    found = [read_bucket(folder, f"start-{name}", bucket, schema).combine_chunks() for name, schema in schemas.items()]
    _refuse_twice(found[0])
    return Brought(found[0].drop_columns([ROW]), *found[1:])


def _refuse_twice(years: pa.Table) -> None:
    keys = [name for name, _ in YEAR_KEYS]
    twice = _repeated(years, keys)
    if len(twice):
        rows = years.join(twice.slice(0, 1).select(keys), keys, join_type="left semi")
        row, year = pc.max(rows.column(ROW)).as_py(), twice.column("benefit_year")[0].as_py()
        raise rejected("years.parquet", "benefit_year", row, f"同一参保人的 {year} 年有两行。")


def _repeated(table: pa.Table, names: list[str]) -> pa.Table:
    counted = table.group_by(names).aggregate([([], "count_all")])
    return counted.filter(pc.greater(counted.column("count_all"), 1))


def odd_persons(found: Brought) -> pa.Array:
    """The persons who bring along what columns don't tell: an episode of several visits, a stay of which one file knows
    nothing or which stands there twice, or a year of more than can be computed together."""
    odd = [_repeated(found.episodes, list(_OF_STAY)).column(_PERSON)]
    odd.append(_repeated(found.visits, [*_OF_STAY[:3], "settle_seq"]).column(_PERSON))
    for table in (found.episodes, found.visits):
        odd.append(table.filter(pc.invert(_of_itself(table))).column(_PERSON))
    stays = found.visits.filter(pc.equal(found.visits.column("medical_type"), INPATIENT))
    odd.append(
        stays.select(_OF_STAY)
        .join(found.episodes.select(_OF_STAY), list(_OF_STAY), join_type="left anti")
        .column(_PERSON)
    )
    for name in found.years.schema.names[len(YEAR_KEYS) :]:
        odd.append(found.years.filter(pc.greater(found.years.column(name), MOST)).column(_PERSON))
    return pa.chunked_array([chunk for column in odd for chunk in column.chunks], TEXT).unique()


def _of_itself(table: pa.Table) -> pa.Array:
    """The rows whose episode is their own visit alone, plainly named."""
    hospital, episode = table.column("hospital_code"), table.column("episode")
    own = pc.binary_join_element_wise(hospital, table.column("visit_id"), "/")
    single = pc.equal(pc.list_value_length(episode), 1)
    first = pc.list_element(pc.if_else(single, episode, pa.scalar([""], pa.list_(TEXT))), 0)
    plain = pc.invert(pc.match_substring_regex(hospital, "[/ ]"))
    return pc.and_(pc.and_(single, plain), pc.equal(first, own))


@dataclass(frozen=True, slots=True)
class GoneOn:
    """Bills computed after what their persons brought along; ``plain`` is that of those who went by columns."""

    bills: Bills
    computed: SideBySide
    plain: Brought


def gone_on(table: pa.Table, law: Law, found: Brought, few: int = FEW) -> GoneOn:
    """Compute the bills of a bucket after what their persons bring along; its rows are sorted by person and order."""
    bills = bills_of(table, law)
    odd = pc.is_in(table.column(_PERSON).combine_chunks(), value_set=odd_persons(found))
    apart = alone(bills) | odd.to_numpy(zero_copy_only=False) | _met_before(bills, found)
    ids = pa.array([bills.who.words[code] for code in np.unique(bills.person[apart]).tolist()], TEXT)
    in_chains = pa.concat_arrays([ids, odd_persons(found)])
    plain = found.of(in_chains, others=True)
    waves = Waves(bills, empty_results(len(table)), few)
    _begin(waves, plain)
    return GoneOn(bills, side_by_side(waves, law, apart, start_chains(found.of(in_chains).tables)), plain)


def _met_before(bills: Bills, found: Brought) -> Answers:
    """The rows of persons one of whose visits was settled before."""
    known = np.concatenate([_visits_among(bills, table) for table in (found.episodes, found.visits)])
    ours = numbered_visits(bills, bills.person, bills.texts["hospital_code"].codes, bills.visit.codes)
    return whole_persons(bills, np.isin(ours, known))


def _visits_among(bills: Bills, table: pa.Table) -> Whole:
    """The numbers of the visits of a table whose person, hospital and visit id stand among those of the bills."""
    words = (bills.who.words, bills.texts["hospital_code"].words, bills.visit.words)
    person, hospital, visit = (
        _codes(table.column(name), among) for name, among in zip(_OF_STAY[:3], words, strict=True)
    )
    there = (person >= 0) & (hospital >= 0) & (visit >= 0)
    return numbered_visits(bills, person[there], hospital[there], visit[there])


def _codes(column: pa.ChunkedArray, words: list[str | None]) -> Whole:
    """The number of each text among the words, -1 where it isn't one of them."""
    return numbers(pc.index_in(column, value_set=pa.array(words[:-1], TEXT)).combine_chunks(), -1)


def _begin(waves: Waves, plain: Brought) -> None:
    """Let the years and stays count that the persons bring along."""
    slots = _slots(waves, plain.years)
    kept = slots >= 0
    for name in plain.years.schema.names[len(YEAR_KEYS) :] if len(plain.years) else ():
        waves.year.setdefault(name, waves.nothing())[slots[kept]] = _whole(plain.years, name)[kept]
    slots = _slots(waves, plain.episodes)
    np.add.at(waves.stays, slots[slots >= 0], 1)
    hospital, level = (waves.bills.texts[name] for name in ("hospital_code", "hospital_level"))
    here = _codes(plain.episodes.column("hospital_code"), hospital.words)
    found = _places(waves.places, slots * len(hospital.words) + here)
    np.add.at(waves.stays_here, found[(slots >= 0) & (here >= 0) & (found >= 0)], 1)
    stays = plain.visits.filter(pc.equal(plain.visits.column("medical_type"), INPATIENT))
    stays = stays.group_by([*_OF_STAY, "hospital_level"]).aggregate([])
    slots = _slots(waves, stays)
    known = {word: code for code, word in enumerate(level.words[:-1])}
    at = np.array([known.get(one, -1) for one in stays.column("hospital_level").to_pylist()], np.int64)
    kept = (slots >= 0) & (at >= 0)
    np.add.at(waves.stays_level, (slots * len(level.words) + at)[kept], 1)


def _slots(waves: Waves, table: pa.Table) -> Whole:
    """Which of the bills' person-years each row is of, -1 for none."""
    person, year = _codes(table.column(_PERSON), waves.bills.who.words), _whole(table, "benefit_year")
    known = (person >= 0) & (year >= 0) & (year < YEARS)
    return _places(waves.slots, np.where(known, person_years(person, year % YEARS), -1))


def _places(sorted_: Whole, wanted: Whole) -> Whole:
    """Where numbers stand among sorted ones, -1 where they don't."""
    if not len(sorted_):
        return np.full(len(wanted), -1)
    places = np.minimum(np.searchsorted(sorted_, wanted), len(sorted_) - 1)
    return np.where(sorted_[places] == wanted, places, -1)


def _whole(table: pa.Table, name: str) -> Whole:
    return numbers(table.column(name).combine_chunks())


# ---------------------------------------------------------------- what is handed on


def handed_on(gone: GoneOn) -> dict[str, pa.Table]:
    """What the persons of a bucket hand on: what they brought along, and what became of it."""
    settled = np.flatnonzero((gone.computed.results.fault < 0) & ~gone.computed.apart)
    made = {"years": _years(gone, settled), "episodes": _episodes(gone, settled), "visits": _visits(gone, settled)}
    by = {"years": [(_PERSON, "ascending"), ("benefit_year", "ascending")]}
    tables = {}
    for name, chained in tables_of(gone.computed.chains).items():
        whole = pa.concat_tables([chained, *made[name]], promote_options="default")
        whole = whole.take(pc.sort_indices(whole, sort_keys=by.get(name, [(_PERSON, "ascending")])))
        tables[name] = _filled(whole) if name == "years" else whole
    return tables


def _filled(years: pa.Table) -> pa.Table:
    """Years with 0 for a counter that only others have."""
    columns = [pc.fill_null(column, 0) if pa.types.is_int64(column.type) else column for column in years.columns]
    names = years.schema.names
    return pa.table(columns, names=names).select(years_schema(in_order(names[len(YEAR_KEYS) :])).names)


def _years(gone: GoneOn, settled: Whole) -> list[pa.Table]:
    """The years of the bills that were settled, and those that none of them changed."""
    waves = gone.computed.waves
    slots = np.unique(waves.slot[settled])
    person, year = np.divmod(waves.slots[slots], YEARS)
    amounts = [pa.array(amounts[slots]) for amounts in waves.year.values()]
    made = pa.table([_texts(gone.bills.who.words, person), pa.array(year), *amounts],
                    schema=years_schema(tuple(waves.year)))  # fmt: skip
    unchanged = ~np.isin(_slots(waves, gone.plain.years), slots)
    return [gone.plain.years.filter(pa.array(unchanged)), made]


def _texts(words: list[str | None], codes: Whole) -> pa.Array:
    return pa.array(words, TEXT).take(pa.array(codes))


def _episodes(gone: GoneOn, settled: Whole) -> list[pa.Table]:
    """An episode for each stay that was settled, its own visit alone."""
    rows = settled[gone.computed.waves.inpatient[settled]]
    table = gone.bills.table.take(rows)
    columns = [table.column(name) for name in _OF_STAY[:3]]
    deductible = pa.array(gone.computed.results.amounts["deductible"][rows])
    made = [*columns, pa.array(gone.bills.year[rows]), _own_episodes(table), deductible]
    return [gone.plain.episodes, pa.table(made, schema=EPISODE)]


def _own_episodes(table: pa.Table) -> pa.Array:
    hospital, visit = (table.column(name).combine_chunks() for name in ("hospital_code", "visit_id"))
    return pa.ListArray.from_arrays(
        pa.array(range(len(table) + 1), pa.int32()), pc.binary_join_element_wise(hospital, visit, "/")
    )


def _visits(gone: GoneOn, settled: Whole) -> list[pa.Table]:
    table = gone.bills.table.take(settled)
    columns = [table.column(name) for name in (_PERSON, *_OF_BILL)]
    made = [*columns, pa.array(gone.bills.year[settled]), _own_episodes(table)]
    return [gone.plain.visits, pa.table(made, schema=VISIT)]
