"""The routes of imports and of the worklists beside them. They translate, nothing more."""

from datetime import date
from typing import Annotated, Final, Literal

import msgspec
from fastapi import APIRouter, Query, Request
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.ids import JOB, shown_id
from app.registry import catalogue_import, item_code_import, poverty_list, worklists
from app.registry.catalogue_import import CatalogueOptions
from app.registry.item_code_import import ItemCodeOptions
from app.registry.poverty_list import ListKind, ListOptions
from app.registry.worklists import CandidateAnswer, ListAnswer, UninsuredAnswer, UnknownCodeAnswer
from app.service.caller import Caller, Service
from app.service.http import PAGE_DEFAULT, PAGE_MOST, answer, caller_of, encoded, once, page, read_cursor, service_of
from app.service.openapi import gives, takes_file
from app.service.security import require
from app.service.upload import received

router = APIRouter(prefix="/v1", tags=["registry"])
READERS: Final = ("registry", "finance", "auditor")
Limit = Annotated[int, Query(ge=1, le=PAGE_MOST)]


class QueuedAnswer(Struct):
    """A job that waits to be run."""

    job_id: str
    state: str


@router.post("/registry/imports", openapi_extra=takes_file(), responses=gives(202, QueuedAnswer))
async def post_list(
    request: Request, kind: ListKind = "list", area_code: str | None = None, received_on: date | None = None
) -> Response:
    """Import a poverty list (``list``), a list of exits (``exit``) or of corrections 清退 (``correction``): CSV or XLSX, with
    the columns id_number 身份证号 and class 人员类别, and name 姓名, birth_date 出生日期, from 认定日期, exited_on 退出日期,
    until 清退日期 where they are known. ``GET /v1/jobs/{job_id}`` shows how far it is and what became of each row."""
    caller, service = await caller_of(request), service_of(request)
    require(caller.principal, "registry")
    async with received(request, service.settings.max_import_bytes) as upload:
        options = upload.options(ListOptions)

        async def act(connection: AsyncConnection) -> tuple[int, bytes]:
            job_id = await poverty_list.queue(service, connection, caller, upload, options)
            return 202, encoded(QueuedAnswer(shown_id(JOB, job_id), "queued"))

        return _located(await once(request, caller, [upload.digest.hex(), options], act))


@router.post("/catalogue/imports", openapi_extra=takes_file(), responses=gives(202, QueuedAnswer))
async def post_catalogue(
    request: Request,
    kind: Literal["catalogue", "hospital_codes"] = "catalogue",
    complete: Literal["true", "false"] = "false",
    effective_on: date | None = None,
    hospital_code: str | None = None,
) -> Response:
    """Compare a catalogue file (CSV or XLSX; item_code 医疗目录编码, name 项目名称, kind 项目种类, class 甲乙丙类, first_pay_ratio
    先行自付比例, ceiling_1 一级最高限价 …, restricted 限制使用, valid_from 生效日期, valid_until 失效日期) with what is stored. The job
    is then proposed: its rows are the difference, and ``POST /v1/jobs/{job_id}/acceptance`` writes it. A ``complete`` file
    ends what it doesn't name on ``effective_on``; such rows are numbered behind those of the file.

    With ``kind`` hospital_codes: the codes of a hospital's own (``hospital_code``; columns hospital_item_code 院内项目编码, item_code
    医疗目录编码, valid_from 生效日期), applied at once."""
    caller, service = await caller_of(request), service_of(request)
    require(caller.principal, "registry")
    async with received(request, service.settings.max_import_bytes) as upload:
        own = upload.fields.get("kind") == item_code_import.KIND
        codes = upload.options(ItemCodeOptions) if own else None
        catalogue = None if own else upload.options(CatalogueOptions)

        async def act(connection: AsyncConnection) -> tuple[int, bytes]:
            if codes is not None:
                job_id = await item_code_import.queue(service, connection, caller, upload, codes)
            else:
                job_id = await catalogue_import.queue(
                    service, connection, caller, upload, catalogue or CatalogueOptions()
                )
            return 202, encoded(QueuedAnswer(shown_id(JOB, job_id), "queued"))

        return _located(await once(request, caller, [upload.digest.hex(), codes or catalogue], act))


@router.get("/catalogue/unknown-codes", responses=gives(200, UnknownCodeAnswer, listed=True))
async def get_unknown_codes(
    request: Request,
    from_: Annotated[date | None, Query(alias="from")] = None,
    to: date | None = None,
    limit: Limit = PAGE_DEFAULT,
    cursor: str | None = None,
) -> Response:
    """Codes of settled bills that no catalogue version has, not even now, by the money they cost patients, most first.
    ``from`` and ``to`` are days of settling, both included."""
    caller, service = await _reader(request)
    skip = read_cursor(service, cursor, int) or 0
    rows, shown = await worklists.unknown_codes(service, caller, since=from_, until=to, skip=skip, limit=limit)
    return answer(page(service, list(rows), limit, shown, lambda row: skip + limit))


def _located(response: Response) -> Response:
    response.headers["Location"] = f"/v1/jobs/{msgspec.json.decode(response.body)['job_id']}"
    return response


@router.get("/registry/lists", responses=gives(200, ListAnswer, listed=True))
async def get_lists(
    request: Request, overdue: bool | None = None, limit: Limit = PAGE_DEFAULT, cursor: str | None = None
) -> Response:
    """Received lists with their due day and completion, newest first. A refused file stays open until a corrected one was
    sent and its own job is cancelled."""
    caller, service = await _reader(request)
    before = read_cursor(service, cursor, int)
    rows, shown = await worklists.lists(service, caller, overdue=overdue, before=before, limit=limit)
    return answer(page(service, list(rows), limit, shown, lambda row: row["job_id"]))


@router.get("/registry/readjudication-candidates", responses=gives(200, CandidateAnswer, listed=True))
async def get_candidates(request: Request, limit: Limit = PAGE_DEFAULT, cursor: str | None = None) -> Response:
    """Person-years that were settled before a fact that concerns them was known."""
    caller, service = await _reader(request)
    after = read_cursor(service, cursor, tuple[str, int])
    rows, shown = await worklists.candidates(service, caller, after=after, limit=limit)
    return answer(page(service, list(rows), limit, shown, lambda row: [row["person_id"], row["benefit_year"]]))


@router.get("/registry/uninsured-poor", responses=gives(200, UninsuredAnswer, listed=True))
async def get_uninsured(request: Request, limit: Limit = PAGE_DEFAULT, cursor: str | None = None) -> Response:
    """Registered poor persons whom no insurance covers today, with the premium subsidy due for them where it is known."""
    caller, service = await _reader(request)
    after = read_cursor(service, cursor, str)
    rows, shown = await worklists.uninsured_poor(service, caller, after=after, limit=limit)
    return answer(page(service, list(rows), limit, shown, lambda row: row["person_id"]))


async def _reader(request: Request) -> tuple[Caller, Service]:
    caller = await caller_of(request)
    require(caller.principal, *READERS)
    return caller, service_of(request)
