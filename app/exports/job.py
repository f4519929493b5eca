"""An export as a job: for a list that is too long to be waited for. Its file is kept, encrypted, for its asker and
some days."""

from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict, Language, NotFound, OnestopError
from app.exports.file import MOST_ROWS, Export, Format, export_of, write_list
from app.jobs import store
from app.jobs.asker import Asker, asker_of, caller_of_run
from app.jobs.kinds import EXPORT
from app.jobs.row import Job
from app.jobs.store import NewJob, Run
from app.policies import shipped_book
from app.service import clock
from app.service.caller import Caller, Service
from app.service.export import CSV_TYPE, XLSX_TYPE
from app.service.sheet import FileFault

KIND: Final = EXPORT
MEDIA_TYPES: Final[dict[Format, str]] = {"xlsx": XLSX_TYPE, "csv": f"{CSV_TYPE}; charset=utf-8"}


class ExportOptions(Struct, frozen=True, omit_defaults=True):
    """What a job exports; ``asker`` isn't shown. In its asker's ``language``, Chinese where none is said."""

    list: str
    format: Format
    filters: dict[str, Any]
    asker: Asker
    columns: tuple[str, ...] = ()
    language: Language = "zh"


async def queue(service: Service, connection: AsyncConnection, caller: Caller, export: Export) -> int:
    """Queue an export; the job's id. The caller isn't a hospital: a job belongs to an area, or to all of them."""
    asker = asker_of(caller.principal)
    options = ExportOptions(export.name, export.format, export.given, asker, export.members, caller.language)
    stored = msgspec.to_builtins(options)
    new = NewJob(
        kind=KIND,
        options=stored,
        area_code=caller.principal.area_code or "",
        file_digest=sha256(msgspec.json.encode(stored, order="deterministic")).digest(),
        received_at=await clock.now(connection, manual=service.manual_clock),
    )
    return await store.add_job(service, connection, caller, new)


async def run(service: Service, run_: Run) -> None:
    """Write the list as its asker would read it, then keep the file. Refused, or out of the asker's reach by now:
    failed."""
    options = msgspec.convert(run_.options, ExportOptions)
    service = replace(service, book=shipped_book(service.settings.policy_dir))

    async def told(count: int) -> None:
        await store.progress(service, run_, count)

    try:
        with TemporaryDirectory(prefix="onestop-export-") as folder:
            path = Path(folder) / "file"
            export = export_of(
                options.list, options.format, options.filters, pointer="/filters", members=options.columns
            )
            caller = replace(caller_of_run(run_), language=options.language)
            await write_list(service, caller, export, path, most=MOST_ROWS, told=told)
            await store.finish_with_file(service, run_, path)
    except OnestopError as error:
        if error.retryable:
            raise
        await store.finish(service, run_, "failed", faults=[FileFault(error.code, values=dict(error.values))])


# ---------------------------------------------------------------- what is shown of it, to whom


def options_of(job: Job) -> ExportOptions:
    """An export's options."""
    return msgspec.convert(job.options, ExportOptions)


async def result(service: Service, caller: Caller, job: Job) -> tuple[str, str, AsyncIterator[bytes]]:
    """The finished file's name, type and content. Conflict ``result_not_ready``, NotFound ``result_expired``."""
    if job.state != "done":
        raise Conflict("result_not_ready")
    options = options_of(job)
    parts = store.file_parts(service, caller, job.job_id)
    first = await anext(parts, None)
    if first is None:
        raise NotFound("result_expired")
    name = f"{options.list}-{job.shown}.{options.format}"
    return name, MEDIA_TYPES[options.format], _behind(first, parts)


async def _behind(first: bytes, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for part in parts:
        yield part
