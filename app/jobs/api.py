"""The routes of jobs: how far one is, what became of each row, the result as a workbook, and what a person decides of
it."""

import os
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query, Request
from msgspec import Raw, Struct
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response, StreamingResponse

from app.basics.days import shown_instant
from app.basics.errors import Conflict
from app.basics.ids import JOB, number_of
from app.jobs import store, workbook
from app.jobs.kinds import Form, JobKind, JobKinds
from app.jobs.outcome import RowAnswer, shown_row
from app.jobs.row import Job
from app.service.caller import Caller, Service
from app.service.export import CSV_TYPE
from app.service.http import (
    PAGE_DEFAULT,
    PAGE_MOST,
    answer,
    caller_of,
    check_context,
    encoded,
    service_of,
)
from app.service.idempotency import once
from app.service.lists import cursor_of, page_of, position_of
from app.service.messages import text as message_text
from app.service.openapi import KEYED, gives
from app.service.security import JOB_ASKERS, JOB_READERS, require
from app.service.sheet import FileFault
from app.service.upload import XLSX_TYPE

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
FILES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "OK",
        "content": {type_: {} for type_ in (XLSX_TYPE, CSV_TYPE, "application/json", "text/html")},
    }
}
HIDDEN: Final = "asker"  # of an export or a batch: which token it acts with
CANCELLABLE: Final = ("queued", "running", "proposed", "failed", "cancelled")


class FaultAnswer(Struct):
    """Why the file was refused; row and column where they are known."""

    row: int | None
    column: str | None
    code: str
    message: str


class JobAnswer(Struct):
    """A job: its state, how far its phase is (rows; ``total`` is known when the file was read), and
    in ``summary``, at its end, rows by outcome."""

    job_id: str
    kind: str
    state: str
    phase: str
    done: int
    total: int | None
    options: dict[str, Any]
    summary: dict[str, int]
    faults: list[FaultAnswer]
    due_on: date | None
    subject: str
    received_at: str
    ended_at: str | None


class JobPage(JobAnswer):
    """A job with a page of its rows, and, of a simulation that is done, its answer."""

    rows: list[RowAnswer]
    has_more: bool
    next_cursor: str | None
    result: Raw | None = None


@router.get("/{job_id}", responses=gives(200, JobPage))
async def get_job(
    request: Request,
    job_id: str,
    outcome: str | None = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MOST)] = PAGE_DEFAULT,
    cursor: str | None = None,
) -> Response:
    """A job, and a page of its rows in the order of the file, of one outcome when one is given."""
    caller, service = await _asker(request)
    after = position_of(service, cursor, int) or 0
    async with service.database.hot() as connection:
        await check_context(service, connection, caller)
        job = await store.read(connection, number_of(JOB, job_id))
        check_reach(request, caller, job, *JOB_READERS)
        rows = await store.read_rows(connection, job.job_id, outcome=outcome, after=after, limit=limit + 1)
    page = page_of(rows, limit, lambda row: shown_row(row, caller.language), lambda row: row.row_no)
    shown = {
        "rows": page.rows,
        "has_more": page.last is not None,
        "next_cursor": cursor_of(service, page.last),
        "result": None if (answered := _kind(request, job).answered) is None else await answered(service, caller, job),
    }
    return answer(_job(job, caller.language) | shown)


@router.get("/{job_id}/result", responses=FILES)
async def get_result(request: Request, job_id: str, outcome: str | None = None, format: Form | None = None) -> Response:
    """Of an import every row's outcome as a workbook; of an export its file; of a simulation its answer, as JSON, as a
    workbook or as a report with pictures."""
    caller, service = await _asker(request)
    async with service.database.hot() as connection:
        await check_context(service, connection, caller)
        job = await store.read(connection, number_of(JOB, job_id))
    check_reach(request, caller, job, *JOB_READERS)
    formed = _kind(request, job).formed
    if formed is not None:
        return as_file(*await formed(service, caller, job, format or "json"))
    return await result_file(request, service, caller, job, outcome)


def as_file(name: str, type_: str, content: AsyncIterator[bytes]) -> Response:
    """A file to be kept under its name."""
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(content, headers=disposition, media_type=type_)


async def result_file(request: Request, service: Service, caller: Caller, job: Job, outcome: str | None) -> Response:
    """The file of a job that the caller may see: what its kind makes, else its rows as a workbook."""
    result = _kind(request, job).result
    if result is not None:
        return as_file(*await result(service, caller, job))
    with NamedTemporaryFile(prefix="onestop-result-", suffix=".xlsx", delete=False) as file:
        path = Path(file.name)
    try:
        await workbook.made(caller, job.job_id, outcome, path)
    except BaseException:
        os.unlink(path)
        raise
    headers = {"Content-Disposition": f'attachment; filename="{job.shown}.xlsx"'}
    return FileResponse(path, headers=headers, media_type=XLSX_TYPE, background=BackgroundTask(path.unlink))


@router.post("/{job_id}/acceptance", openapi_extra=KEYED, responses=gives(200, JobAnswer))
async def post_acceptance(request: Request, job_id: str) -> Response:
    """Write what a proposed catalogue import has shown, whole. Refused while a row is at fault, and when the
    catalogue has changed since: then send the file again."""
    caller = await caller_of(request)
    require(caller.principal, "registry")

    async def act(connection: AsyncConnection) -> tuple[int, bytes]:
        job = await store.locked(connection, number_of(JOB, job_id), "proposed")
        accept = _kind(request, job).accept
        if accept is None:
            raise Conflict("job_state")
        await accept(connection, caller, job)
        job = await store.end(connection, job.job_id, "done")
        return 200, encoded(_job(job, caller.language))

    return await once(request, caller, None, act)


@router.post("/{job_id}/cancellation", openapi_extra=KEYED, responses=gives(200, JobAnswer))
async def post_cancellation(request: Request, job_id: str) -> Response:
    """Give a job up: one that waits, runs (rows applied so far stay), awaits its acceptance or has failed. An export or
    a batch by whoever asked for it."""
    caller = await caller_of(request)
    require(caller.principal, *JOB_ASKERS)

    async def act(connection: AsyncConnection) -> tuple[int, bytes]:
        job = await store.locked(connection, number_of(JOB, job_id), *CANCELLABLE)
        check_reach(request, caller, job, "registry")
        job = await store.end(connection, job.job_id, "cancelled")
        return 200, encoded(_job(job, caller.language))

    return await once(request, caller, None, act)


async def _asker(request: Request) -> tuple[Caller, Service]:
    caller = await caller_of(request)
    require(caller.principal, *JOB_ASKERS)
    return caller, service_of(request)


def _kind(request: Request, job: Job) -> JobKind:
    kinds: JobKinds = request.app.state.job_kinds
    return kinds[job.kind]


def check_reach(request: Request, caller: Caller, job: Job, *scopes: str) -> None:
    """An export or a batch is its asker's alone; another job is for who has one of the scopes."""
    check_mine = _kind(request, job).check_mine
    if check_mine is not None:
        check_mine(caller, job)
    else:
        require(caller.principal, *scopes)


def _job(job: Job, language: str) -> dict[str, object]:
    """A job as it is shown."""
    shown = JobAnswer(
        job_id=job.shown,
        kind=job.kind,
        state=job.state,
        phase=job.phase,
        done=job.done,
        total=job.total,
        options={name: value for name, value in job.options.items() if name != HIDDEN},
        summary=job.summary,
        faults=[_fault(fault, language) for fault in job.faults],
        due_on=job.due_on,
        subject=job.subject,
        received_at=shown_instant(job.received_at),
        ended_at=None if job.ended_at is None else shown_instant(job.ended_at),
    )
    return msgspec.structs.asdict(shown)


def _fault(fault: FileFault, language: str) -> FaultAnswer:
    return FaultAnswer(fault.row, fault.column, fault.code, fault_sentence(fault, language))


def fault_sentence(fault: FileFault, language: str) -> str:
    """Why a file was refused, in words."""
    return message_text(fault.code, fault.values, language)
