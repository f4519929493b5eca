"""Jobs: imports and exports, how far they are, what became of each row, accepting and giving up."""

from typing import Final

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.ids import JOB, number_of
from app.finance.list_page import ListPage, list_shown
from app.finance.listing import PAGE_ROWS, chosen
from app.finance.page import Move, PageRoute, Refusal, Visitor, gone_to, shown, stepped, visit
from app.jobs import store
from app.jobs.api import CANCELLABLE, check_reach, fault_sentence, result_file
from app.jobs.kinds import BATCH, EXPORT, READJUDICATION, SIMULATION
from app.jobs.lists import JOBS
from app.jobs.outcome import shown_row
from app.jobs.row import Job
from app.registry import catalogue_import
from app.service.http import check_context
from app.service.security import JOB_READERS

router = APIRouter(prefix="/finance/jobs", route_class=PageRoute, include_in_schema=False)
PAGE: Final = ListPage(
    declared=JOBS,
    address="/finance/jobs",
    members=("job_id", "kind", "received_at", "due_on", "done", "total", "subject", "state"),
    key="job_id",
    template="jobs.html",
)
PAGES_OF_THEIR_OWN: Final = {
    EXPORT: "/finance/exports/jobs",
    BATCH: "/finance/batches",
    SIMULATION: "/finance/simulations",
}
RUNNING: Final = ("queued", "running")
LAST_ROW: Final = 2**31 - 1


@router.get("")
async def get_jobs(request: Request) -> Response:
    """The jobs."""
    return await list_shown(await visit(request, *JOBS.scopes), PAGE)


@router.get("/{job_id}")
async def get_job(request: Request, job_id: str) -> Response:
    """A job: how far it is, and its rows of an outcome in the order of the file."""
    visitor = await visit(request, *JOBS.scopes)
    job = await _job(visitor, job_id)
    if job.kind in PAGES_OF_THEIR_OWN:
        return gone_to(f"{PAGES_OF_THEIR_OWN[job.kind]}/{job_id}")
    if job.kind == READJUDICATION:
        return gone_to(f"/finance/readjudications/{job.options['readjudication_id']}")
    return await _job_page(visitor, job)


async def _job(visitor: Visitor, job_id: str) -> Job:
    async with visitor.service.database.hot() as connection:
        await check_context(visitor.service, connection, visitor.caller)
        job = await store.read(connection, number_of(JOB, job_id))
    check_reach(visitor.request, visitor.caller, job, *JOB_READERS)
    return job


async def _job_page(visitor: Visitor, job: Job, refusal: Refusal | None = None) -> Response:
    query, language = visitor.request.query_params, visitor.caller.language
    outcome, after = chosen(query, "outcome"), chosen(query, "after")
    first = int(after) if after is not None and after.isascii() and after.isdecimal() else 0
    async with visitor.service.database.hot() as connection:
        await check_context(visitor.service, connection, visitor.caller)
        found = await store.read_rows(
            connection, job.job_id, outcome=outcome, after=min(first, LAST_ROW), limit=PAGE_ROWS + 1
        )
    visitor.request.state.page = f"{PAGE.address}/{job.shown}"
    return shown(
        visitor,
        "job.html",
        refusal=refusal,
        job=job,
        rows=[shown_row(row, language) for row in found[:PAGE_ROWS]],
        next_after=found[PAGE_ROWS - 1].row_no if len(found) > PAGE_ROWS else None,
        running=job.state in RUNNING,
        faults=[fault_sentence(fault, language) for fault in job.faults],
        cancellable=CANCELLABLE[:3],
    )


@router.get("/{job_id}/file")
async def get_file(request: Request, job_id: str) -> Response:
    """Every row's outcome as a workbook, of one outcome where the address names it."""
    visitor = await visit(request, *JOBS.scopes)
    outcome = chosen(request.query_params, "outcome")
    return await result_file(request, visitor.service, visitor.caller, await _job(visitor, job_id), outcome)


async def _act(request: Request, job_id: str, notice: str, move: Move) -> Response:
    async def again(visitor: Visitor, refusal: Refusal) -> Response:
        return await _job_page(visitor, await _job(visitor, job_id), refusal)

    return await stepped(
        request,
        move,
        "registry",
        location=f"{PAGE.address}/{job_id}",
        notice=f"notice.job.{notice}",
        show=again,
    )


@router.post("/{job_id}/accept")
async def post_accept(request: Request, job_id: str) -> Response:
    """Write what a proposed catalogue import has shown."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> None:
        row = await store.locked(connection, number_of(JOB, job_id), "proposed")
        await catalogue_import.accept(connection, visitor.caller, row)
        await store.end(connection, row.job_id, "done")

    return await _act(request, job_id, "accepted", move)


@router.post("/{job_id}/cancel")
async def post_cancel(request: Request, job_id: str) -> Response:
    """Give a job up."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> None:
        row = await store.locked(connection, number_of(JOB, job_id), *CANCELLABLE)
        await store.end(connection, row.job_id, "cancelled")

    return await _act(request, job_id, "cancelled", move)
