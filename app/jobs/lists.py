"""The list of jobs: imports and exports, how far they are. It has a page; the API gives a job by its id."""

from datetime import date
from typing import Final, Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import shown_instant
from app.jobs.kinds import PRIVATE
from app.jobs.row import job_of
from app.jobs.tables import job
from app.service.caller import Caller, Service
from app.service.columns import ListColumn, columns_of
from app.service.lists import DeclaredList, Filters, Rows, Selected
from app.service.security import ADMIN, JOB_READERS, REGISTRY_READERS

State = Literal["queued", "running", "proposed", "done", "failed", "cancelled"]


class JobFilters(Filters, frozen=True):
    """The jobs in a state."""

    state: State | None = None


class ListedJob(Struct):
    """A job in a list; ``total`` is known when its file was read."""

    job_id: str
    kind: str
    received_at: str
    due_on: date | None
    done: int
    total: int | None
    subject: str
    state: str


async def _jobs(connection: AsyncConnection, wanted: JobFilters, day: date) -> Rows:
    found = select(job)
    return found if wanted.state is None else found.where(job.c.state == wanted.state)


def _of_caller(caller: Caller) -> ColumnElement[bool]:
    """One's own; of others' those that aren't private, for who may read jobs."""
    own = job.c.subject == caller.principal.subject
    only_own = caller.principal.scopes.isdisjoint({ADMIN, *JOB_READERS})
    return own if only_own else own | job.c.kind.not_in(PRIVATE)


def _listed(row: RowMapping, day: date, service: Service) -> ListedJob:
    of = job_of(row)
    received_at = shown_instant(of.received_at)
    return ListedJob(of.shown, of.kind, received_at, of.due_on, of.done, of.total, of.subject, of.state)


_SELECTED: Final[Selected[JobFilters, ListedJob, int]] = Selected(
    query=_jobs, order=(job.c.job_id,), newest_first=True, answer=_listed, within=_of_caller
)
JOBS: Final = DeclaredList(
    name="jobs",
    title={"zh": "导入导出任务", "en": "Jobs"},
    about="Imports and exports, newest first; of exports one's own.",
    scopes=REGISTRY_READERS,
    filters=JobFilters,
    row=ListedJob,
    columns=columns_of(
        ListedJob,
        own=(
            ListColumn("total", "count", {"zh": "总行数", "en": "Rows in all"}),
            ListColumn("due_on", "date", {"zh": "截止日", "en": "Due by"}),
        ),
    ),
    position=int,
    read=_SELECTED.read,
    selected=_SELECTED,
)
