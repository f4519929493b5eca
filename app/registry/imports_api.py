"""The routes of imports and of the worklists beside them. They translate, nothing more."""

from typing import Literal

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.ids import JOB, shown_id
from app.registry import catalogue_import, item_code_import, poverty_list
from app.registry.catalogue_import import CatalogueOptions
from app.registry.item_code_import import ItemCodeOptions
from app.registry.lists import CANDIDATES, RECEIVED_LISTS, UNINSURED_POOR, UNKNOWN_CODES
from app.registry.poverty_list import ListKind, ListOptions
from app.service.http import QueryDay, caller_of, encoded, service_of
from app.service.idempotency import once
from app.service.lists import add_route
from app.service.openapi import gives, takes_file
from app.service.security import require
from app.service.upload import received

router = APIRouter(prefix="/v1", tags=["registry"])


class QueuedAnswer(Struct):
    """A job that waits to be run."""

    job_id: str
    state: str


@router.post("/registry/imports", openapi_extra=takes_file(), responses=gives(202, QueuedAnswer))
async def post_list(
    request: Request, kind: ListKind = "list", area_code: str | None = None, received_on: QueryDay = None
) -> Response:
    """Import a poverty list (``list``), a list of exits (``exit``) or of corrections 清退 (``correction``): CSV or
    XLSX, with the columns id_number 身份证号 and class 人员类别, and name 姓名, birth_date 出生日期, from 认定日期,
    exited_on 退出日期, until 清退日期 where they are known. ``GET /v1/jobs/{job_id}`` shows how far it is and what
    became of each row."""
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
    effective_on: QueryDay = None,
    hospital_code: str | None = None,
) -> Response:
    """Compare a catalogue file (CSV or XLSX; item_code 医疗目录编码, name 项目名称, kind 项目种类, class 甲乙丙类,
    first_pay_ratio 先行自付比例, ceiling_1 一级最高限价 …, restricted 限制使用, valid_from 生效日期, valid_until
    失效日期) with what is stored. The job is then proposed: its rows are the difference, and ``POST
    /v1/jobs/{job_id}/acceptance`` writes it. A ``complete`` file ends what it doesn't name on ``effective_on``; such
    rows are numbered behind those of the file.

    With ``kind`` hospital_codes: the codes of a hospital's own (``hospital_code``; columns hospital_item_code
    院内项目编码, item_code 医疗目录编码, valid_from 生效日期), applied at once."""
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


add_route(router, "/catalogue/unknown-codes", UNKNOWN_CODES)
add_route(router, "/registry/lists", RECEIVED_LISTS)
add_route(router, "/registry/readjudication-candidates", CANDIDATES)
add_route(router, "/registry/uninsured-poor", UNINSURED_POOR)


def _located(response: Response) -> Response:
    response.headers["Location"] = f"/v1/jobs/{msgspec.json.decode(response.body)['job_id']}"
    return response
