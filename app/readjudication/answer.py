"""Runs and their rows as they are shown: yuan, ids with their prefix."""

from typing import Final

from msgspec import Struct
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import iso
from app.basics.ids import JOB, SETTLEMENT, shown_id
from app.basics.money import yuan
from app.readjudication.change import PORTIONS, DryRun
from app.readjudication.run import ReadjudicationRun
from app.settlement.answer import PortionsAnswer

BIGGEST: Final = 10
_ROWS: Final = f"""
SELECT r.*, o.outcome, o.changed_since, o.adjustments, o.fault AS refusal, o.fund_total AS posted_fund_total,
       o.patient AS posted_patient
  FROM readjudication_row r LEFT JOIN readjudication_outcome o USING (run_id, person_id, benefit_year)
 WHERE r.run_id = :run AND r.result = 'changed'
 ORDER BY abs(r.fund_total) + abs(r.patient) DESC, r.person_id, r.benefit_year LIMIT {BIGGEST}"""
_BIGGEST: Final = text(_ROWS)
_PROGRESS: Final = text("""
SELECT count(*) FILTER (WHERE outcome = 'posted') AS posted, count(*) FILTER (WHERE outcome = 'unchanged') AS unchanged,
       count(*) FILTER (WHERE outcome = 'refused') AS refused, count(*) FILTER (WHERE changed_since) AS changed_since,
       coalesce(sum(fund_total), 0)::bigint AS fund_total, coalesce(sum(patient), 0)::bigint AS patient
  FROM readjudication_outcome WHERE run_id = :run""")
_JOB: Final = text("SELECT state FROM job WHERE job_id = :job")


class FundChangeAnswer(Struct):
    """What a fund would owe more for some person-years (``increase``), less for others, and together; yuan."""

    fund: str
    increase: str
    decrease: str
    difference: str


class DryRunAnswer(Struct):
    """What a dry run found: person-years that were looked at, how many change, don't, can't be computed; settlements
    that change; the differences of the portions and of what each fund owes; the patients who would bear more of a
    settlement, and those who would bear less. Yuan."""

    person_years: int
    persons: int
    changed: int
    unchanged: int
    refused: int
    bills: int
    portions: PortionsAnswer
    fund_total: str
    funds: list[FundChangeAnswer]
    patients_owe: int
    patient_owes: str
    patients_get: int
    patient_gets: str


class PostingAnswer(Struct):
    """What was posted so far: person-years with adjustments, without any (nothing was left to change), that were
    refused; ``changed_since``: those of them that came out otherwise than in the dry run; how many are left; the
    differences, yuan."""

    posted: int
    unchanged: int
    refused: int
    changed_since: int
    left: int
    fund_total: str
    patient: str


class ReadjudicatedYear(Struct):
    """A person-year of a run: what the dry run found, differences in yuan, and what became of it. ``reason``: why it
    can't be computed or posted. ``changed_since``: it was posted with other amounts than the dry run had, or it stood
    otherwise by then. ``adjustments``: the entries that were written."""

    person_id: str
    year: int
    result: str
    bills: int
    portions: PortionsAnswer
    fund_total: str
    patient_owes: str
    outcome: str | None
    changed_since: bool | None
    posted_fund_total: str | None
    posted_patient: str | None
    reason: str | None
    adjustments: list[str]


class ReadjudicationRunAnswer(Struct):
    """A run of readjudication. ``area_code`` null: every area. ``job_state`` is that of its last job: one that has
    failed or was cancelled does nothing more, stop the run then and resume it. ``biggest``: the person-years that
    change most."""

    readjudication_id: str
    state: str
    area_code: str | None
    year: int | None
    source: str
    reason: str
    dry_run: DryRunAnswer | None
    posting: PostingAnswer | None
    biggest: list[ReadjudicatedYear]
    job_id: str | None
    job_state: str | None
    created_by: str
    created_on: str
    approved_by: str | None
    approved_on: str | None
    ended_on: str | None


class ListedRun(Struct):
    """A run in a list; ``fund_total``: by how much the dry run found the funds to owe more or less, yuan."""

    readjudication_id: str
    area_code: str | None
    year: int | None
    source: str
    reason: str
    fund_total: str | None
    created_by: str
    created_on: str
    approved_by: str | None
    approved_on: str | None
    state: str


async def shown(connection: AsyncConnection, run: ReadjudicationRun) -> ReadjudicationRunAnswer:
    """A run with what its dry run found and how far it is posted."""
    dry_run = run.summary
    posting, biggest, job_state = None, [], None
    if dry_run is not None:
        biggest = [year_of(row) for row in (await connection.execute(_BIGGEST, {"run": run.run_id})).mappings()]
    if dry_run is not None and run.approved_by is not None:
        posting = _posting(dry_run, (await connection.execute(_PROGRESS, {"run": run.run_id})).mappings().one())
    if run.job_id is not None:
        job_state = (await connection.execute(_JOB, {"job": run.job_id})).scalar_one_or_none()
    return ReadjudicationRunAnswer(
        readjudication_id=run.shown,
        state=run.state.value,
        area_code=run.area_code or None,
        year=run.benefit_year,
        source=run.source,
        reason=run.reason,
        dry_run=None if dry_run is None else _dry_run(dry_run),
        posting=posting,
        biggest=biggest,
        job_id=None if run.job_id is None else shown_id(JOB, run.job_id),
        job_state=job_state,
        created_by=run.subject,
        created_on=run.created_on.isoformat(),
        approved_by=run.approved_by,
        approved_on=iso(run.approved_on),
        ended_on=iso(run.ended_on),
    )


def listed(run: ReadjudicationRun) -> ListedRun:
    """A run as a list shows it."""
    return ListedRun(
        readjudication_id=run.shown,
        area_code=run.area_code or None,
        year=run.benefit_year,
        source=run.source,
        reason=run.reason,
        fund_total=None if run.fund_total is None else yuan(run.fund_total),
        created_by=run.subject,
        created_on=run.created_on.isoformat(),
        approved_by=run.approved_by,
        approved_on=iso(run.approved_on),
        state=run.state.value,
    )


def year_of(row: RowMapping) -> ReadjudicatedYear:
    """A row of a run with its outcome, where it has one."""
    posted = row["posted_fund_total"] is not None
    return ReadjudicatedYear(
        person_id=row["person_id"],
        year=row["benefit_year"],
        result=row["result"],
        bills=row["bills"],
        portions=PortionsAnswer(**{name: yuan(row[name]) for name in PORTIONS}),
        fund_total=yuan(row["fund_total"]),
        patient_owes=yuan(row["patient_owes"]),
        outcome=row["outcome"],
        changed_since=row["changed_since"],
        posted_fund_total=yuan(row["posted_fund_total"]) if posted else None,
        posted_patient=yuan(row["posted_patient"]) if posted else None,
        reason=row["refusal"] or (None if posted else row["fault"]),
        adjustments=[shown_id(SETTLEMENT, number) for number in row["adjustments"] or ()],
    )


def _dry_run(found: DryRun) -> DryRunAnswer:
    counts = {
        name: getattr(found, name)
        for name in (
            "person_years",
            "persons",
            "changed",
            "unchanged",
            "refused",
            "bills",
            "patients_owe",
            "patients_get",
        )
    }
    funds = [
        FundChangeAnswer(fund, yuan(one.increase), yuan(one.decrease), yuan(one.increase + one.decrease))
        for fund, one in sorted(found.funds.items())
    ]
    return DryRunAnswer(
        **counts,
        portions=PortionsAnswer(**{name: yuan(found.portions[name]) for name in PORTIONS}),
        fund_total=yuan(found.fund_total),
        funds=funds,
        patient_owes=yuan(found.patient_owes),
        patient_gets=yuan(found.patient_gets),
    )


def _posting(dry_run: DryRun, row: RowMapping) -> PostingAnswer:
    done = row["posted"] + row["unchanged"] + row["refused"]
    return PostingAnswer(
        posted=row["posted"],
        unchanged=row["unchanged"],
        refused=row["refused"],
        changed_since=row["changed_since"],
        left=dry_run.person_years - done,
        fund_total=yuan(row["fund_total"]),
        patient=yuan(row["patient"]),
    )
