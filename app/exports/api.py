"""The routes of exports: a list as a file, at once or by a job. They translate, nothing more."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response, StreamingResponse

from app.basics.errors import Fault, Forbidden, NotFound, Refused
from app.basics.ids import JOB, shown_id
from app.exports import job
from app.exports.file import DIRECT_ROWS, Export, Format, export_of, write_list
from app.exports.job import MEDIA_TYPES
from app.exports.lists import LISTS
from app.service.caller import Caller, Service
from app.service.export import CSV_TYPE, XLSX_TYPE
from app.service.http import answer, caller_of, encoded, service_of
from app.service.idempotency import once
from app.service.lists import typed_filters
from app.service.openapi import body, gives
from app.service.problem import read_body
from app.service.security import require
from app.service.wire import decode

router = APIRouter(prefix="/v1/exports", tags=["exports"])
FORMAT: Final = "format"
COLUMNS: Final = "columns"
CHUNK_BYTES: Final = 256 * 1024


class ExportRequest(Struct, forbid_unknown_fields=True):
    """A list by its name, what narrows it by the names of its page's query, and the members that become columns, all
    without any."""

    list: str
    format: Format = "xlsx"
    filters: dict[str, Any] = {}
    columns: tuple[str, ...] = ()


class ExportListAnswer(Struct):
    """A list that can be exported."""

    list: str
    title: str
    filters: tuple[str, ...]
    columns: tuple[str, ...]


class ExportListsAnswer(Struct):
    """The lists that the caller may export."""

    data: list[ExportListAnswer]


class ExportJobAnswer(Struct):
    """A job that waits to be run."""

    job_id: str
    state: str


@router.get("", responses=gives(200, ExportListsAnswer))
async def get_lists(request: Request) -> Response:
    """The lists that the caller may export, with their filters."""
    caller = await _reader_of(request)
    scopes = caller.principal.scopes
    shown = [
        ExportListAnswer(
            name,
            one.title[caller.language],
            tuple(field.encode_name for field in msgspec.structs.fields(one.filters)),
            tuple(column.path for column in one.columns),
        )
        for name, one in LISTS.items()
        if "admin" in scopes or not scopes.isdisjoint(one.scopes)
    ]
    return answer(ExportListsAnswer(shown))


@router.get("/{list}", responses={200: {"description": "OK", "content": {XLSX_TYPE: {}, CSV_TYPE: {}}}})
async def get_export(request: Request, list: str, format: Format = "xlsx", columns: str = "") -> Response:
    """A list as a file for people, at most 20,000 rows; a longer one is 413 ``export_too_long``, to be had by a job.
    Further query parameters are the filters of the list's page, ``GET /v1/exports`` names them and the members that
    ``columns`` can choose, with commas between them. The header names the filters, the last row has the sums; amounts
    and days are numbers and days, states and kinds are words in the language of ``Accept-Language``, codes are texts
    with their names beside them."""
    caller, service = await _reader_of(request), service_of(request)
    _check_reader(caller, list, NotFound("not_found"))
    own = (FORMAT, COLUMNS)
    filters = typed_filters(LISTS[list], {name: text for name, text in request.query_params.items() if name not in own})
    members = [name for name in columns.split(",") if name]
    export = export_of(list, format, filters, pointer="/query", members=members)
    content = await _written(service, caller, export)
    headers = {"Content-Disposition": f'attachment; filename="{list}.{format}"'}
    return StreamingResponse(_chunks(content), headers=headers, media_type=MEDIA_TYPES[format])


@router.post("", openapi_extra=body(ExportRequest, keyed=True), responses=gives(202, ExportJobAnswer))
async def post_export(request: Request) -> Response:
    """Export a list of up to a million rows by a job. ``GET /v1/jobs/{job_id}`` counts the rows written,
    ``…/cancellation`` gives it up, ``…/result`` is the file, for whoever asked for it and for some days. Not for a
    hospital's token: ``export_needs_office``."""
    caller, service = await _reader_of(request), service_of(request)
    wanted = decode(await read_body(request, service.settings.max_body_bytes), ExportRequest)
    _check_reader(caller, wanted.list, Refused([Fault("/list", "not_in_list", {"allowed": ", ".join(LISTS)})]))
    if caller.principal.hospital_code is not None:
        raise Forbidden("export_needs_office")
    export = export_of(wanted.list, wanted.format, wanted.filters, pointer="/filters", members=wanted.columns)

    async def act(connection: AsyncConnection) -> tuple[int, bytes]:
        job_id = await job.queue(service, connection, caller, export)
        return 202, encoded(ExportJobAnswer(shown_id(JOB, job_id), "queued"))

    response = await once(request, caller, wanted, act)
    response.headers["Location"] = f"/v1/jobs/{msgspec.json.decode(response.body)['job_id']}"
    return response


async def _reader_of(request: Request) -> Caller:
    """The caller, who reads Chinese unless they say otherwise: these files are for people of the office."""
    caller = await caller_of(request)
    return caller if "accept-language" in request.headers else replace(caller, language="zh")


def _check_reader(caller: Caller, name: str, unknown: Exception) -> None:
    if name not in LISTS:
        raise unknown
    require(caller.principal, *LISTS[name].scopes)


async def _written(service: Service, caller: Caller, export: Export) -> IO[bytes]:
    """The finished file, open and without a name any more: nothing is left behind when the reader goes away."""
    with TemporaryDirectory(prefix="onestop-export-") as folder:
        path = Path(folder) / "file"
        await write_list(service, caller, export, path, most=DIRECT_ROWS)
        return await asyncio.to_thread(path.open, "rb")


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk
