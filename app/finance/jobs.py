"""Jobs: imports and exports, how far they are, accepting and giving up."""

from typing import Final

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.ids import JOB, number_of
from app.finance.list_page import ListPage, list_shown
from app.finance.page import Move, PageRoute, Refusal, Visitor, stepped, visit
from app.jobs import store
from app.jobs.api import CANCELLABLE
from app.jobs.lists import JOBS
from app.registry import catalogue_import

router = APIRouter(prefix="/finance/jobs", route_class=PageRoute, include_in_schema=False)
PAGE: Final = ListPage(
    declared=JOBS,
    address="/finance/jobs",
    members=("job_id", "kind", "received_at", "due_on", "done", "total", "subject", "state"),
    key="job_id",
    template="jobs.html",
)


@router.get("")
async def get_jobs(request: Request) -> Response:
    """The jobs."""
    return await _page(await visit(request, *JOBS.scopes))


async def _page(visitor: Visitor, refusal: Refusal | None = None) -> Response:
    return await list_shown(visitor, PAGE, refusal, cancellable=CANCELLABLE[:3])


async def _act(request: Request, notice: str, move: Move, *scopes: str) -> Response:
    return await stepped(
        request,
        move,
        *scopes,
        location="/finance/jobs",
        notice=f"notice.job.{notice}",
        show=lambda visitor, refusal: _page(visitor, refusal),
    )


@router.post("/{job_id}/accept")
async def post_accept(request: Request, job_id: str) -> Response:
    """Write what a proposed catalogue import has shown."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> None:
        row = await store.locked(connection, number_of(JOB, job_id), "proposed")
        await catalogue_import.accept(connection, visitor.caller, row)
        await store.end(connection, row.job_id, "done")

    return await _act(request, "accepted", move, "registry")


@router.post("/{job_id}/cancel")
async def post_cancel(request: Request, job_id: str) -> Response:
    """Give a job up."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> None:
        row = await store.locked(connection, number_of(JOB, job_id), *CANCELLABLE)
        await store.end(connection, row.job_id, "cancelled")

    return await _act(request, "cancelled", move, "registry")
