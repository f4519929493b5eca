"""The lists of readjudication: runs, and the person-years of one."""

from datetime import date
from typing import Final, Literal

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.readjudication.answer import ListedRun, ReadjudicatedYear, listed, year_of
from app.readjudication.run import read as read_run
from app.readjudication.run import run_of
from app.readjudication.tables import readjudication_outcome, readjudication_row, readjudication_run
from app.service.columns import ListColumn, columns_of
from app.service.lists import DeclaredList, Filters, Rows, Selected
from app.service.security import OFFICE_READERS
from app.service.wire import Code

RunName = Literal["computing", "computed", "approved", "running", "stopped", "done", "cancelled"]
YearResult = Literal["changed", "unchanged", "refused"]
YearOutcome = Literal["posted", "unchanged", "refused"]


class RunFilters(Filters, frozen=True):
    """The runs in a state."""

    state: RunName | None = None


class YearFilters(Filters, frozen=True):
    """The person-years of a run; with a result of the dry run, with an outcome, of a person, or only those that came
    out otherwise than in the dry run, or not otherwise."""

    readjudication_id: Code
    result: YearResult | None = None
    outcome: YearOutcome | None = None
    person_id: Code | None = None
    changed_since: bool | None = None


async def _runs(connection: AsyncConnection, wanted: RunFilters, day: date) -> Rows:
    found = select(readjudication_run, readjudication_run.c.run_id.label("readjudication_id"))
    return found if wanted.state is None else found.where(readjudication_run.c.state == wanted.state)


async def _years(connection: AsyncConnection, wanted: YearFilters, day: date) -> Rows:
    of = await read_run(connection, wanted.readjudication_id)
    row, outcome = readjudication_row.c, readjudication_outcome.c
    same = and_(*(row[name] == outcome[name] for name in ("run_id", "person_id", "benefit_year")))
    found = (
        select(
            readjudication_row,
            row.benefit_year.label("year"),
            outcome.outcome,
            outcome.changed_since,
            outcome.adjustments,
            outcome.fault.label("refusal"),
            outcome.fund_total.label("posted_fund_total"),
            outcome.patient.label("posted_patient"),
        )
        .select_from(readjudication_row.outerjoin(readjudication_outcome, same))
        .where(row.run_id == of.run_id)
    )
    for column, value in (
        (row.result, wanted.result),
        (outcome.outcome, wanted.outcome),
        (row.person_id, wanted.person_id),
        (outcome.changed_since, wanted.changed_since),
    ):
        if value is not None:
            found = found.where(column == value)
    return found


_RUNS: Final[Selected[RunFilters, ListedRun, int]] = Selected(
    query=_runs,
    order=(readjudication_run.c.run_id,),
    newest_first=True,
    answer=lambda row, day, service: listed(run_of(row)),
)
_YEARS: Final[Selected[YearFilters, ReadjudicatedYear, tuple[int, str, int]]] = Selected(
    query=_years,
    order=(readjudication_row.c.run_id, readjudication_row.c.person_id, readjudication_row.c.benefit_year),
    newest_first=False,
    answer=lambda row, day, service: year_of(row),
)
RUNS: Final = DeclaredList(
    name="readjudications",
    title={"zh": "批量重新核算", "en": "Readjudications"},
    about="Runs of readjudication, newest first.",
    scopes=OFFICE_READERS,
    filters=RunFilters,
    row=ListedRun,
    columns=columns_of(
        ListedRun, own=(ListColumn("fund_total", "money", {"zh": "基金支付变化", "en": "Funds' difference"}, False),)
    ),
    position=int,
    read=_RUNS.read,
    selected=_RUNS,
)
YEARS: Final = DeclaredList(
    name="readjudication-rows",
    title={"zh": "批量重新核算明细", "en": "Readjudicated person-years"},
    about="""The person-years of a run, by person: what the dry run found of each, and what became of it. Amounts are
    differences.""",
    scopes=OFFICE_READERS,
    filters=YearFilters,
    row=ReadjudicatedYear,
    columns=columns_of(
        ReadjudicatedYear,
        own=(
            ListColumn("fund_total", "money", {"zh": "基金支付变化", "en": "Funds' difference"}),
            ListColumn("result", "text", {"zh": "试算结果", "en": "Dry run"}),
            ListColumn("outcome", "text", {"zh": "入账结果", "en": "Posting"}),
        ),
    ),
    position=tuple[int, str, int],
    read=_YEARS.read,
    selected=_YEARS,
)
