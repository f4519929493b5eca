"""Jobs: imports and exports, how far they are, accepting and giving up."""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.days import shown_instant
from app.basics.ids import JOB, number_of
from app.exports.job import KIND
from app.finance.listing import Sorting, chosen, listed
from app.finance.page import Contents, Move, PageRoute, Refusal, Visitor, reading, shown, stepped, visit
from app.jobs import store
from app.jobs.api import CANCELLABLE
from app.jobs.tables import job as table
from app.registry import catalogue_import
from app.service.lists import Rows
from app.service.security import REGISTRY_READERS

router = APIRouter(prefix="/finance/jobs", route_class=PageRoute, include_in_schema=False)
STATES: Final = ("queued", "running", "proposed", "done", "failed", "cancelled")
SORTING: Final = Sorting(
    columns={
        "job": table.c.job_id,
        "kind": table.c.kind,
        "state": table.c.state,
        "received": table.c.received_at,
        "due": table.c.due_on,
    },
    default="-job",
    key=table.c.job_id,
)


def jobs_asked(visitor: Visitor, query: Mapping[str, str]) -> Rows:
    """The jobs that the address's filters ask for; of exports one's own."""
    own = (table.c.kind != KIND) | (table.c.subject == visitor.principal.subject)
    wanted = select(table).where(
        own if visitor.may("registry", "auditor") else table.c.subject == visitor.principal.subject
    )
    state = chosen(query, "state", STATES)
    return wanted if state is None else wanted.where(table.c.state == state)


@router.get("")
async def get_jobs(request: Request) -> Response:
    """The jobs."""
    return await _page(await visit(request, *REGISTRY_READERS))


async def _page(visitor: Visitor, refusal: Refusal | None = None) -> Response:
    query = visitor.request.query_params

    async def read(connection: AsyncConnection) -> Contents:
        listing = await listed(query, connection, jobs_asked(visitor, query), SORTING)
        return {"listing": listing, "states": STATES, "shown_instant": shown_instant, "cancellable": CANCELLABLE[:3]}

    return shown(visitor, "jobs.html", await reading(visitor, read), refusal=refusal)


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
        await store.end(connection, row["job_id"], "done")

    return await _act(request, "accepted", move, "registry")


@router.post("/{job_id}/cancel")
async def post_cancel(request: Request, job_id: str) -> Response:
    """Give a job up."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> None:
        row = await store.locked(connection, number_of(JOB, job_id), *CANCELLABLE)
        await store.end(connection, row["job_id"], "cancelled")

    return await _act(request, "cancelled", move, "registry")
