"""The page of an export that takes longer: how far it is, giving it up, and its file."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response, StreamingResponse

from app.errors import NotFound
from app.export import CSV_TYPE, XLSX_TYPE
from app.finance.export import KIND
from app.finance.export_job import part_place
from app.finance.lists import LISTS
from app.finance.page import PageRoute, Refusal, Visitor, acted, own_form, reading, shown, visit
from app.jobs import store
from app.jobs.tables import export_file, job
from app.security import decrypt_bytes

router = APIRouter(prefix="/finance/exports", route_class=PageRoute, include_in_schema=False)
RUNNING: Final = ("queued", "running")


async def _job(visitor: Visitor, connection: AsyncConnection, shown_id: str) -> Any:
    """The visitor's own export; NotFound for anybody else's."""
    mine = (
        (job.c.job_id == store.parsed_id(shown_id))
        & (job.c.kind == KIND)
        & (job.c.subject == visitor.principal.subject)
    )
    row = (await connection.execute(select(job).where(mine))).mappings().first()
    if row is None:
        raise NotFound("not_found")
    return row


@router.get("/{job_id}")
async def get_export(request: Request, job_id: str) -> Response:
    """How far an export is."""
    return await _page(await visit(request), job_id)


async def _page(visitor: Visitor, job_id: str, refusal: Refusal | None = None) -> Response:
    row = await reading(visitor, lambda connection: _job(visitor, connection, job_id))
    return shown(
        visitor,
        "export.html",
        refusal=refusal,
        job_id=job_id,
        job=row,
        title=LISTS[row["options"]["list"]].title,
        running=row["state"] in RUNNING,
    )


@router.get("/{job_id}/file")
async def get_file(request: Request, job_id: str) -> Response:
    """The file of an export that is done."""
    visitor = await visit(request)
    row = await reading(visitor, lambda connection: _job(visitor, connection, job_id))
    if await reading(visitor, partial(_part, number=row["job_id"], part_no=0)) is None:
        raise NotFound("not_found")
    form = row["options"]["form"]
    headers = {"Content-Disposition": f'attachment; filename="{row["options"]["list"]}-{job_id}.{form}"'}
    kind = f"{CSV_TYPE}; charset=utf-8" if form == "csv" else XLSX_TYPE
    return StreamingResponse(_content(visitor, row["job_id"]), media_type=kind, headers=headers)


async def _content(visitor: Visitor, number: int) -> AsyncIterator[bytes]:
    part_no = 0
    while (sealed := await reading(visitor, partial(_part, number=number, part_no=part_no))) is not None:
        yield decrypt_bytes(visitor.service.keys, sealed, associated=part_place(number, part_no))
        part_no += 1


async def _part(connection: AsyncConnection, *, number: int, part_no: int) -> bytes | None:
    mine = (export_file.c.job_id == number) & (export_file.c.part_no == part_no)
    found: bytes | None = await connection.scalar(select(export_file.c.content).where(mine))
    return found


@router.post("/{job_id}/cancel")
async def post_cancel(request: Request, job_id: str) -> Response:
    """Give an export up."""
    visitor = await visit(request)
    form = await own_form(visitor)

    async def act(connection: AsyncConnection) -> None:
        row = await _job(visitor, connection, job_id)
        await store.locked(connection, row["job_id"], *RUNNING)
        await store.end(connection, row["job_id"], "cancelled")

    return await acted(
        visitor,
        form,
        act,
        location=f"/finance/exports/{job_id}",
        notice="notice.export.cancelled",
        show=lambda refusal: _page(visitor, job_id, refusal),
    )
