"""The dry run: find the person-years that are touched, compute each again from what is stored, keep what would change.

Some person-years make a transaction; after a crash it goes on behind the last that was kept. It locks no person and
writes nothing but its own rows: settling goes on meanwhile.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from app.basics.areas import area_prefix
from app.basics.errors import Forbidden, NotFound, OnestopError, Refused
from app.database.engine import HotConnection, HotRecord
from app.jobs.store import Run
from app.readjudication.change import (
    AMOUNTS,
    COVERED,
    NO_CHANGE,
    PORTIONS,
    DryRun,
    FundChange,
    YearChange,
    change_of,
    standing_digest,
)
from app.readjudication.run import ReadjudicationRun, RunState
from app.service.caller import Caller, Service
from app.settlement.correction import read_part
from app.settlement.readjudication import looked_at
from app.settlement.rows import YearPart

AT_ONCE: Final = 100
"""Person-years in one transaction."""
REFUSALS: Final = (Refused, Forbidden, NotFound)
"""What is wrong with one person-year and not with the run."""
_STATE: Final = "SELECT state FROM readjudication_run WHERE run_id = $1 FOR SHARE"
_LAST: Final = """
SELECT person_id, benefit_year FROM readjudication_row WHERE run_id = $1
 ORDER BY person_id DESC, benefit_year DESC LIMIT 1"""
_WORKLIST: Final = """
SELECT c.person_id, c.benefit_year FROM readjudication_candidate c JOIN person p USING (person_id)
 WHERE starts_with(p.area_code, $1) AND ($2::smallint IS NULL OR c.benefit_year = $2)
   AND (c.person_id, c.benefit_year) > ($3, $4::smallint)
 ORDER BY c.person_id, c.benefit_year LIMIT $5"""
_ALL: Final = """
SELECT y.person_id, y.benefit_year FROM person_year y JOIN person p USING (person_id)
 WHERE starts_with(p.area_code, $1) AND ($2::smallint IS NULL OR y.benefit_year = $2)
   AND (y.person_id, y.benefit_year) > ($3, $4::smallint) {}
 ORDER BY y.person_id, y.benefit_year LIMIT $5"""
# Rather one too many: what comes out as before is told to be unchanged.
_UNDER_OTHER_LAW: Final = """
   AND EXISTS (SELECT FROM settlement s
                WHERE s.person_id = y.person_id AND s.benefit_year = y.benefit_year AND s.kind = 'settlement'
                  AND (s.policy_digest <> ALL ($6::text[]) OR EXISTS (
                    SELECT FROM (SELECT f.area_code, f.recorded_at, f.superseded_at FROM area_figure f
                           UNION ALL SELECT a.area_code, a.recorded_at, a.superseded_at FROM area a) known
                     WHERE known.area_code IN (
                             p.area_code, left(p.area_code, 4) || '00', left(p.area_code, 2) || '0000')
                       AND greatest(known.recorded_at, known.superseded_at) > s.recorded_at)))"""
_KEEP: Final = f"""
INSERT INTO readjudication_row (run_id, person_id, benefit_year, result, fault, before_digest, {", ".join(AMOUNTS)})
VALUES ($1, $2, $3, $4, $5, $6, {", ".join(f"${number}" for number in range(7, 7 + len(AMOUNTS)))})"""
_COVERED: Final = """
SELECT EXISTS (SELECT FROM readjudication_row
                WHERE run_id = $1 AND person_id = $2 AND benefit_year = ANY ($3::smallint[]))"""
_RESULTS: Final = ("changed", "unchanged", "refused")
_COUNTS: Final = tuple(name for name in DryRun.__struct_fields__ if name not in ("portions", "funds"))
_TOTALS: Final = f"""
SELECT count(*) AS person_years, count(DISTINCT person_id) AS persons, coalesce(sum(bills), 0) AS bills,
       {", ".join(f"count(*) FILTER (WHERE result = '{name}') AS {name}" for name in _RESULTS)},
       count(DISTINCT person_id) FILTER (WHERE patient_owes > 0) AS patients_owe,
       coalesce(sum(patient_owes), 0) AS patient_owes,
       count(DISTINCT person_id) FILTER (WHERE patient_owes > patient) AS patients_get,
       coalesce(sum(patient_owes - patient), 0) AS patient_gets,
       {", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in PORTIONS)}
  FROM readjudication_row WHERE run_id = $1"""
_FUNDS: Final = """
SELECT f.key AS fund, coalesce(sum(f.value::bigint) FILTER (WHERE f.value::bigint > 0), 0) AS increase,
       coalesce(sum(f.value::bigint) FILTER (WHERE f.value::bigint < 0), 0) AS decrease
  FROM readjudication_row r, jsonb_each_text(r.funds) f WHERE r.run_id = $1 GROUP BY f.key ORDER BY f.key"""


async def compute(service: Service, job: Run, run: ReadjudicationRun) -> DryRun | None:
    """Keep a row for each person-year that is touched, and tell what they come to. None when the run was cancelled
    meanwhile; JobLost as of every job."""
    while True:
        async with job.transaction(service) as connection:
            if await connection.fetchval(_STATE, run.run_id) != RunState.COMPUTING:
                return None
            after = await connection.fetchrow(_LAST, run.run_id)
            years = await _touched(service, connection, run, ("", 0) if after is None else tuple(after))
            for year in years:
                await connection.execute(_KEEP, *await _looked_at(service, connection, job.caller, run, *year))
            if not years:
                return await _totals(connection, run.run_id)
            await connection.execute("UPDATE job SET done = done + $2 WHERE job_id = $1", job.job_id, len(years))


async def _touched(
    service: Service, connection: HotConnection, run: ReadjudicationRun, after: tuple[object, ...]
) -> Sequence[HotRecord]:
    """The next person-years behind a person's year."""
    prefix = area_prefix(run.area_code) if run.area_code else ""
    values: list[object] = [prefix, run.benefit_year, *after, AT_ONCE]
    statement = _WORKLIST if run.source == "worklist" else _ALL.format("")
    if run.source == "policy":
        statement = _ALL.format(_UNDER_OTHER_LAW)
        values.append([pack.digest for pack in service.book.packs.values()])
    found: list[HotRecord] = await connection.fetch(statement, *values)
    return found


async def _looked_at(
    service: Service, connection: HotConnection, caller: Caller, run: ReadjudicationRun, person_id: str, year: int
) -> tuple[object, ...]:
    """The row of a person-year. One that a split stay links to an earlier year of the run is computed and posted with
    that one, and changes nothing more."""
    key = (run.run_id, person_id, year)
    try:
        found = await read_part(service, connection, caller, None, YearPart(person_id=person_id, year=year))
        again = await looked_at(service, connection, found)
    except REFUSALS as error:
        return (*key, "refused", code_of(error), None, *NO_CHANGE.columns())
    linked = [other for other in found.years if other < year]
    if linked and await connection.fetchval(_COVERED, *key[:2], linked):
        return (*key, "unchanged", None, COVERED, *NO_CHANGE.columns())
    result = "changed" if again.changed else "unchanged"
    return (*key, result, None, standing_digest(found), *change_of(again.changed).columns())


def code_of(error: OnestopError) -> str:
    """Why a person-year can't be computed: the code of its first fault."""
    return error.faults[0].code if error.faults else error.code


async def _totals(connection: HotConnection, run_id: int) -> DryRun:
    """What the rows of a run come to."""
    row = await connection.fetchrow(_TOTALS, run_id)
    funds = {
        one["fund"]: FundChange(int(one["increase"]), int(one["decrease"]))
        for one in await connection.fetch(_FUNDS, run_id)
    }
    counts = {name: int(row[name]) for name in _COUNTS}
    return DryRun(**counts, funds=funds, portions={name: int(row[name]) for name in PORTIONS})


def kept_change(row: HotRecord) -> YearChange:
    """What the dry run kept of a person-year."""
    return YearChange(
        bills=row["bills"],
        portions={name: row[name] for name in PORTIONS},
        funds=msgspec.json.decode(row["funds"], type=dict[str, int]),
        patient_owes=row["patient_owes"],
    )
