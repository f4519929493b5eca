"""Lists as files, with the page's filters: at once when they are short; a longer one by a job, with its progress."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

import msgspec
from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, RedirectResponse, Response, StreamingResponse

from app.basics.errors import NotFound, TooLarge
from app.basics.ids import JOB, shown_id
from app.exports import job
from app.exports.file import DIRECT_ROWS, Export, Format, export_of, write_list
from app.exports.job import MEDIA_TYPES
from app.exports.lists import LISTS
from app.finance.list_page import meant
from app.finance.page import PageRoute, Refusal, Visitor, acted, own_form, reading, shown, visit
from app.jobs import store
from app.jobs.asker import own_job
from app.jobs.row import job_of
from app.jobs.tables import job as table
from app.service.lists import typed_filters

router = APIRouter(prefix="/finance/exports", route_class=PageRoute, include_in_schema=False)
RUNNING: Final = ("queued", "running")


@router.get("/{name}")
async def get_export(request: Request, name: str) -> Response:
    """A list as a file; the page of a job that writes it when it is long, except for a hospital, which owns no jobs."""
    if name not in LISTS:
        raise NotFound("not_found")
    visitor = await visit(request, *LISTS[name].scopes)
    format_: Format = "csv" if request.query_params.get("format") == "csv" else "xlsx"
    asked = {member for one in request.query_params.getlist("columns") for member in one.split(",")}
    members = [one.path for one in LISTS[name].columns if one.path in asked]
    given = await reading(visitor, lambda connection: _filters(connection, name, request.query_params))
    export = export_of(name, format_, given, pointer="/query", members=members)
    try:
        path = await _file(visitor, export)
    except TooLarge:
        if visitor.principal.hospital_code is not None:
            raise
        return RedirectResponse(f"/finance/exports/jobs/{await _queued(visitor, export)}", 303)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{format_}"'}
    return FileResponse(
        path, headers=headers, media_type=MEDIA_TYPES[format_], background=BackgroundTask(os.unlink, path)
    )


async def _filters(connection: AsyncConnection, name: str, query: Mapping[str, str]) -> dict[str, object]:
    """The page's filters that the list has as well, as the page understands them; a ticked box is true."""
    given = {
        one.encode_name: await meant(connection, one, query[one.encode_name])
        for one in msgspec.structs.fields(LISTS[name].filters)
        if query.get(one.encode_name)
    }
    if given.get("overdue"):
        given["overdue"] = "true"
    return typed_filters(LISTS[name], given)


async def _file(visitor: Visitor, export: Export) -> Path:
    with NamedTemporaryFile(prefix="onestop-export-", delete=False) as file:
        path = Path(file.name)
    try:
        await write_list(visitor.service, visitor.caller, export, path, most=DIRECT_ROWS)
    except BaseException:
        await asyncio.to_thread(path.unlink)
        raise
    return path


async def _queued(visitor: Visitor, export: Export) -> str:
    """The job that writes the list: one that the visitor has waiting or running already, else a new one."""

    async def queue(connection: AsyncConnection) -> int:
        own = (table.c.kind == job.KIND) & (table.c.subject == visitor.principal.subject) & table.c.state.in_(RUNNING)
        for row in (await connection.execute(select(table).where(own))).mappings():
            found = job_of(row)
            options = job.options_of(found)
            asked = (export.name, export.format, export.given, export.members, visitor.caller.language)
            if (options.list, options.format, options.filters, options.columns, options.language) == asked:
                return found.job_id
        return await job.queue(visitor.service, connection, visitor.caller, export)

    return shown_id(JOB, await reading(visitor, queue))


# ---------------------------------------------------------------- the job of a long one


@router.get("/jobs/{job_id}")
async def get_job(request: Request, job_id: str) -> Response:
    """How far a job is."""
    return await _page(await visit(request), job_id)


async def _page(visitor: Visitor, job_id: str, refusal: Refusal | None = None) -> Response:
    row = await reading(visitor, lambda connection: own_job(visitor.caller, connection, job_id, job.KIND))
    title = LISTS[job.options_of(row).list].title[visitor.caller.language]
    running = row.state in RUNNING
    return shown(visitor, "export.html", refusal=refusal, job_id=job_id, job=row, title=title, running=running)


@router.get("/jobs/{job_id}/file")
async def get_file(request: Request, job_id: str) -> Response:
    """The file of a job that is done."""
    visitor = await visit(request)
    row = await reading(visitor, lambda connection: own_job(visitor.caller, connection, job_id, job.KIND))
    name, kind, content = await job.result(visitor.service, visitor.caller, row)
    return StreamingResponse(
        content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@router.post("/jobs/{job_id}/cancel")
async def post_cancel(request: Request, job_id: str) -> Response:
    """Give a job up."""
    visitor = await visit(request)
    form = await own_form(visitor)

    async def act(connection: AsyncConnection) -> None:
        row = await own_job(visitor.caller, connection, job_id, job.KIND)
        await store.locked(connection, row.job_id, *RUNNING)
        await store.end(connection, row.job_id, "cancelled")

    return await acted(
        visitor,
        form,
        act,
        location=f"/finance/exports/jobs/{job_id}",
        notice="notice.export.cancelled",
        show=lambda refusal: _page(visitor, job_id, refusal),
    )
