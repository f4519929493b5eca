"""Simulations of reforms over stored settlements: asking for one, how far it is, what came of it, as pictures, tables
and files."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import msgspec
from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.days import shown_instant
from app.basics.errors import NotFound, OnestopError
from app.basics.money import percent_text
from app.batch.simulation_answer import Simulation
from app.batch.simulation_report import bars, change, word
from app.finance.page import (
    PageRoute,
    Refusal,
    Visitor,
    acted,
    own_form,
    reading,
    shown,
    stepped,
    visit,
)
from app.finance.typing_in import understood
from app.jobs import store
from app.jobs.api import as_file, fault_sentence
from app.jobs.asker import own_job
from app.jobs.kinds import SIMULATION, Form
from app.jobs.row import Job, job_of
from app.jobs.tables import job as table
from app.reform.job import formed, simulation_of
from app.reform.request import SimulationRequest, check, queue
from app.service.wire import decode

router = APIRouter(prefix="/finance/simulations", route_class=PageRoute, include_in_schema=False)
PATH: Final = "/finance/simulations"
MOST_SHOWN: Final = 20
RUNNING: Final = ("queued", "running")
FIELDS: Final = {"pack": "pack", "reform": "reform", "from": "from_on", "to": "to_on", "budget": "amount_budget"}
"""The members of a request, and the fields of the form that have them."""


@dataclass(frozen=True, slots=True)
class CellList:
    """The cells of one kind, and the lengths of their two bars."""

    by: str
    rows: list[tuple[object, tuple[int, int]]]


@router.get("")
async def get_simulations(request: Request) -> Response:
    """One's own simulations, and the form for a new one."""
    return await _list(await visit(request, "finance"))


async def _list(visitor: Visitor, refusal: Refusal | None = None) -> Response:
    async def read(connection: AsyncConnection) -> list[Job]:
        own = (table.c.kind == SIMULATION) & (table.c.subject == visitor.principal.subject)
        wanted = select(table).where(own).order_by(table.c.job_id.desc()).limit(MOST_SHOWN)
        return [job_of(row) for row in (await connection.execute(wanted)).mappings()]

    rows = [(job, shown_instant(job.received_at)[:16].replace("T", " ")) for job in await reading(visitor, read)]
    packs = visitor.service.book.packs.values()
    return shown(visitor, "simulations.html", refusal=refusal, rows=rows, packs=packs)


@router.post("")
async def post_simulation(request: Request) -> Response:
    """Have a reform simulated. What is wrong with it is said above the form, line by line."""
    visitor = await visit(request, "finance")
    form = await own_form(visitor)
    found: SimulationRequest | OnestopError
    try:
        found = _wanted(understood(form))
        await check(visitor.service, visitor.caller, found)
    except OnestopError as error:
        found = error

    async def act(connection: AsyncConnection) -> object:
        if isinstance(found, OnestopError):
            raise found
        return await queue(visitor.service, connection, visitor.caller, found)

    return await acted(
        visitor,
        form,
        act,
        location=PATH,
        notice="notice.simulation.queued",
        show=lambda refusal: _list(visitor, refusal),
    )


def _wanted(form: dict[str, str]) -> SimulationRequest:
    sent = {member: form[field].replace("\r\n", "\n") for member, field in FIELDS.items() if form.get(field)}
    return decode(msgspec.json.encode(sent), SimulationRequest)


@router.get("/{job_id}")
async def get_simulation(request: Request, job_id: str) -> Response:
    """How far a simulation is, and what came of it."""
    return await _page(await visit(request, "finance"), job_id)


async def _page(visitor: Visitor, job_id: str, refusal: Refusal | None = None) -> Response:
    job = await reading(visitor, lambda connection: own_job(visitor.caller, connection, job_id, SIMULATION))
    language, answer = visitor.caller.language, None
    with suppress(NotFound):  # it was kept for its time
        answer = await simulation_of(visitor.service, visitor.caller, job) if job.state == "done" else None
    return shown(
        visitor,
        "simulation.html",
        refusal=refusal,
        job=job,
        running=job.state in RUNNING,
        faults=[fault_sentence(fault, language) for fault in job.faults],
        answer=answer,
        lists=[] if answer is None else _lists(answer),
        bars=bars,
        change=change,
        part=lambda share: "–" if share is None else percent_text(share),
        word=lambda by, key: "–" if key is None else word(by, key, language, visitor.service.book.classes),
    )


def _lists(answer: Simulation) -> list[CellList]:
    """The cells by kind, in the order of the answer."""
    kinds = dict.fromkeys(cell.by for cell in answer.cells)
    found = {by: [cell for cell in answer.cells if cell.by == by] for by in kinds}
    return [CellList(by, list(zip(cells, bars(cells), strict=True))) for by, cells in found.items()]


@router.get("/{job_id}/file")
async def get_file(request: Request, job_id: str) -> Response:
    """The answer as JSON, as a workbook or as a report."""
    visitor = await visit(request, "finance")
    job = await reading(visitor, lambda connection: own_job(visitor.caller, connection, job_id, SIMULATION))
    forms: dict[str, Form] = {"json": "json", "html": "html"}
    form = forms.get(request.query_params.get("format", ""), "xlsx")
    return as_file(*await formed(visitor.service, visitor.caller, job, form))


@router.post("/{job_id}/cancel")
async def post_cancel(request: Request, job_id: str) -> Response:
    """Give a simulation up."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> None:
        row = await own_job(visitor.caller, connection, job_id, SIMULATION)
        await store.locked(connection, row.job_id, *RUNNING)
        await store.end(connection, row.job_id, "cancelled")

    return await stepped(
        request,
        move,
        "finance",
        location=f"{PATH}/{job_id}",
        notice="notice.simulation.cancelled",
        show=lambda visitor, refusal: _page(visitor, job_id, refusal),
    )
