"""Posting: what was approved, person-year by person-year, each by the correction of a single readjudication.

A person-year is one transaction: its adjustments and its outcome, whose key is unique, are committed together. So
whatever ends a process, and however many processes work on a run, no person-year is corrected twice and none is
forgotten. It is computed again under the person's lock: what is posted is what is right then, and the outcome says
whether that differs from the dry run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from app.basics.errors import OnestopError
from app.database.engine import HotConnection, HotRecord
from app.jobs.store import Run
from app.readjudication.change import AMOUNTS, COVERED, NO_CHANGE, YearChange, change_of, standing_digest
from app.readjudication.computing import REFUSALS, code_of, kept_change
from app.readjudication.run import ReadjudicationRun, RunState
from app.service.caller import Keyed, Service
from app.settlement.correction import read_part
from app.settlement.readjudication import looked_at, posted
from app.settlement.rows import YearPart

AT_ONCE: Final = 200
"""Person-years that are looked up together."""
_STATE: Final = "SELECT state FROM readjudication_run WHERE run_id = $1 FOR SHARE"
_LEFT: Final = f"""
SELECT person_id, benefit_year, before_digest, {", ".join(AMOUNTS)} FROM readjudication_row r
 WHERE run_id = $1 AND (person_id, benefit_year) > ($2, $3::smallint)
   AND NOT EXISTS (SELECT FROM readjudication_outcome o
                    WHERE o.run_id = r.run_id AND o.person_id = r.person_id AND o.benefit_year = r.benefit_year)
 ORDER BY person_id, benefit_year LIMIT $4"""
_TOTAL: Final = """
UPDATE job SET done = 0, phase = 'applying', total =
  (SELECT count(*) FROM readjudication_row WHERE run_id = $2)
  - (SELECT count(*) FROM readjudication_outcome WHERE run_id = $2) WHERE job_id = $1"""
_HAS_OUTCOME: Final = """
SELECT true FROM readjudication_outcome WHERE run_id = $1 AND person_id = $2 AND benefit_year = $3"""
_NAMES: Final = ("run_id", "person_id", "benefit_year", "outcome", "fault", "changed_since", *AMOUNTS, "adjustments")
_KEEP: Final = f"""
INSERT INTO readjudication_outcome ({", ".join(_NAMES)}, subject, request_id)
VALUES ({", ".join(f"${number}" for number in range(1, len(_NAMES) + 3))})"""
_DONE: Final = "UPDATE job SET done = done + 1 WHERE job_id = $1 AND done < total"
_POSTED: Final = "SELECT coalesce(sum(fund_total), 0)::bigint FROM readjudication_outcome WHERE run_id = $1"


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a person-year: what was posted, and whether that isn't what the dry run had found."""

    change: YearChange
    changed_since: bool
    adjustments: Sequence[int] = ()
    fault: str | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        if self.fault is not None:
            return "refused"
        return "posted" if self.adjustments else "unchanged"


async def post(service: Service, job: Run, run: ReadjudicationRun) -> int | None:
    """Post what is left of a run; what the funds owe more or less by all of it, fen. None when it was stopped
    meanwhile. ``job.caller`` is on whose behalf; the error of a token that has ended ends it too."""
    async with job.transaction(service) as connection:
        await connection.execute(_TOTAL, job.job_id, run.run_id)
    after: tuple[object, ...] = ("", 0)
    while True:
        async with job.transaction(service) as connection:
            rows = await connection.fetch(_LEFT, run.run_id, *after, AT_ONCE)
            if not rows:
                total: int = await connection.fetchval(_POSTED, run.run_id)
                return total
        for row in rows:
            if not await _post_one(service, job, run, row):
                return None
        after = (rows[-1]["person_id"], rows[-1]["benefit_year"])


async def _post_one(service: Service, job: Run, run: ReadjudicationRun, row: HotRecord) -> bool:
    """Correct a person-year and keep its outcome; False when the run was stopped."""
    try:
        async with job.transaction(service) as connection:
            if await connection.fetchval(_STATE, run.run_id) != RunState.RUNNING:
                return False
            outcome = await _corrected(service, connection, job, run, row)
            if outcome is not None:
                await _keep(connection, job, run, row, outcome)
    except REFUSALS as error:
        return await _refused(service, job, run, row, error)
    return True


async def _corrected(
    service: Service, connection: HotConnection, job: Run, run: ReadjudicationRun, row: HotRecord
) -> _Outcome | None:
    """Correct a person-year under the person's lock; None when another process did meanwhile."""
    person_id, year = row["person_id"], row["benefit_year"]
    name = f"{run.shown}.{person_id}.{year}"  # with a dot: no client can send it
    keyed = Keyed(name, sha256(name.encode()).digest())
    found = await read_part(service, connection, job.caller, keyed, YearPart(person_id=person_id, year=year))
    if await connection.fetchval(_HAS_OUTCOME, run.run_id, person_id, year):
        return None
    again = await looked_at(service, connection, found)
    entries = await posted(service, connection, job.caller, again, reason=run.reason)
    change = change_of(again.changed)
    before = row["before_digest"]
    differs = change != kept_change(row) or (before != COVERED and standing_digest(found) != before)
    return _Outcome(change, differs, [item.row.settlement_id for item in entries])


async def _refused(service: Service, job: Run, run: ReadjudicationRun, row: HotRecord, error: OnestopError) -> bool:
    """Keep why a person-year can't be corrected, after what was begun of it was rolled back."""
    async with job.transaction(service) as connection:
        if await connection.fetchval(_STATE, run.run_id) != RunState.RUNNING:
            return False
        if not await connection.fetchval(_HAS_OUTCOME, run.run_id, row["person_id"], row["benefit_year"]):
            differs = row["before_digest"] is not None
            await _keep(connection, job, run, row, _Outcome(NO_CHANGE, differs, fault=code_of(error)))
    return True


async def _keep(connection: HotConnection, job: Run, run: ReadjudicationRun, row: HotRecord, outcome: _Outcome) -> None:
    """Write an outcome down. Its key is unique: a second one for the person-year ends the transaction."""
    await connection.execute(
        _KEEP,
        *(run.run_id, row["person_id"], row["benefit_year"], outcome.name, outcome.fault, outcome.changed_since),
        *outcome.change.columns(),
        list(outcome.adjustments),
        *(job.caller.principal.subject, job.caller.request_id),
    )
    await connection.execute(_DONE, job.job_id)
