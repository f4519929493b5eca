"""Runs of readjudication: the dry run, its approval by another, how far it is posted, its person-years."""

from typing import Final

import msgspec
from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.errors import NotFound
from app.clearing.api import ReasonRequest
from app.clearing.machine import Act, acting
from app.finance.history import moves_of
from app.finance.list_page import ListPage, list_shown
from app.finance.page import Contents, Move, PageRoute, Refusal, Visitor, reading, shown, stepped, struct_of, visit
from app.readjudication import run as runs
from app.readjudication.answer import shown as run_shown
from app.readjudication.lists import RUNS, YEARS
from app.readjudication.run import ReadjudicationRunRequest
from app.service.audit import noted
from app.service.security import OFFICE_READERS
from app.service.wire import decode

router = APIRouter(prefix="/finance/readjudications", route_class=PageRoute, include_in_schema=False)
PATH: Final = "/finance/readjudications"
PAGE: Final = ListPage(
    declared=RUNS,
    address=PATH,
    members=(
        *("readjudication_id", "area_code", "year", "source", "reason", "fund_total", "created_by", "created_on"),
        "state",
    ),
    key="readjudication_id",
    template="readjudications.html",
)
ROWS: Final = ListPage(
    declared=YEARS,
    address=f"{PATH}/rows",
    members=(
        *("person_id", "year", "result", "bills", "fund_total", "portions.patient", "patient_owes", "outcome"),
        *("changed_since", "posted_fund_total", "posted_patient", "reason"),
    ),
    key="person_id",
    saved=False,
)


@router.get("")
async def get_runs(request: Request) -> Response:
    """The runs."""
    return await _list(await visit(request, *RUNS.scopes))


async def _list(visitor: Visitor, refusal: Refusal | None = None) -> Response:
    return await list_shown(visitor, PAGE, refusal)


@router.post("")
async def post_run(request: Request) -> Response:
    """Have a dry run computed."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        names = ("reason", "source", "area_code")
        sent: dict[str, object] = {name: form[name] for name in names if form.get(name)}
        if year := form.get("year"):
            sent["year"] = int(year) if year.isascii() and year.isdecimal() and len(year) == 4 else 0
        wanted = decode(msgspec.json.encode(sent), ReadjudicationRunRequest)
        return await runs.make(await acting(visitor.service, connection, visitor.caller), wanted)

    return await stepped(
        request,
        move,
        "finance",
        location=PATH,
        notice="notice.readjudication.made",
        show=lambda visitor, refusal: _list(visitor, refusal),
    )


@router.get("/rows")
async def get_rows(request: Request) -> Response:
    """The person-years of a run."""
    visitor = await visit(request, *YEARS.scopes)
    if not visitor.request.query_params.get("readjudication_id"):
        raise NotFound("not_found")
    return await list_shown(visitor, ROWS)


@router.get("/{readjudication_id}")
async def get_run(request: Request, readjudication_id: str) -> Response:
    """A run."""
    return await _page(await visit(request, *OFFICE_READERS), readjudication_id)


async def _page(visitor: Visitor, readjudication_id: str, refusal: Refusal | None = None) -> Response:
    async def read(connection: AsyncConnection) -> Contents:
        found = await run_shown(connection, await runs.read(connection, readjudication_id))
        noted().saw(found.biggest)
        own = found.created_by == visitor.principal.subject
        return {"run": found, "own": own, "events": await moves_of(connection, readjudication_id)}

    return shown(visitor, "readjudication_run.html", await reading(visitor, read), refusal=refusal)


async def _act(request: Request, readjudication_id: str, notice: str, move: Move) -> Response:
    return await stepped(
        request,
        move,
        "finance",
        location=f"{PATH}/{readjudication_id}",
        notice=f"notice.readjudication.{notice}",
        show=lambda visitor, refusal: _page(visitor, readjudication_id, refusal),
    )


async def _doing(visitor: Visitor, connection: AsyncConnection) -> Act:
    return await acting(visitor.service, connection, visitor.caller)


@router.post("/{readjudication_id}/approve")
async def post_approve(request: Request, readjudication_id: str) -> Response:
    """Approve what another had computed."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        return await runs.approve(await _doing(visitor, connection), readjudication_id)

    return await _act(request, readjudication_id, "approved", move)


@router.post("/{readjudication_id}/resume")
async def post_resume(request: Request, readjudication_id: str) -> Response:
    """Go on posting a stopped run."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        return await runs.resume(await _doing(visitor, connection), readjudication_id)

    return await _act(request, readjudication_id, "resumed", move)


@router.post("/{readjudication_id}/stop")
async def post_stop(request: Request, readjudication_id: str) -> Response:
    """Stop posting."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        reason = struct_of(form, ReasonRequest, "reason").reason
        return await runs.stop(await _doing(visitor, connection), readjudication_id, reason)

    return await _act(request, readjudication_id, "stopped", move)


@router.post("/{readjudication_id}/cancel")
async def post_cancel(request: Request, readjudication_id: str) -> Response:
    """Give up a dry run, or the rest of a stopped run."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        reason = struct_of(form, ReasonRequest, "reason").reason
        return await runs.cancel(await _doing(visitor, connection), readjudication_id, reason)

    return await _act(request, readjudication_id, "cancelled", move)
