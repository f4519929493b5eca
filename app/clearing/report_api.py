"""The routes of the monthly report. They translate, nothing more."""

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.days import as_period
from app.clearing import report
from app.clearing.report import AreaRequest, DueReports, MonthlyReport
from app.clearing.report_sheet import workbook
from app.service.caller import Caller, Service
from app.service.http import answer, caller_of, service_of
from app.service.idempotency import once
from app.service.openapi import body, gives
from app.service.problem import read_body
from app.service.security import require
from app.service.upload import XLSX_TYPE
from app.service.wire import decode

router = APIRouter(prefix="/v1/reports/monthly", tags=["clearing"])
Area = Annotated[str, Query(pattern="^[0-9]{6}$")]

_JSON_OR_XLSX: Final[dict[int | str, dict[str, Any]]] = gives(200, MonthlyReport)
_JSON_OR_XLSX[200]["content"][XLSX_TYPE] = {}


@router.get("", responses=_JSON_OR_XLSX)
async def get_report(request: Request, period: str, area_code: Area) -> Response:
    """The report of a month: a draft of the present figures until it is submitted, then what was submitted. A workbook
    when ``Accept`` asks for one."""
    caller = await caller_of(request)
    require(caller.principal, "finance", "auditor")
    shown = await report.read(
        service_of(request), caller, area_code=area_code, period=as_period(period, "/query/period")
    )
    if XLSX_TYPE not in request.headers.get("accept", ""):
        return answer(shown)
    headers = {"Content-Disposition": f'attachment; filename="{shown.report_id}.xlsx"'}
    return Response(await asyncio.to_thread(workbook, shown, service_of(request).book.classes), 200, headers, XLSX_TYPE)


@router.get("/due", responses=gives(200, DueReports))
async def get_due_reports(request: Request, area_code: Area) -> Response:
    """The ended months whose report isn't signed off, with their due days; ``overdue`` where the day is over."""
    caller = await caller_of(request)
    require(caller.principal, "finance", "auditor")
    return answer(await report.due(service_of(request), caller, area_code=area_code))


@router.post("/{period}/submission", openapi_extra=body(AreaRequest, keyed=True), responses=gives(201, MonthlyReport))
async def post_submission(request: Request, period: str) -> Response:
    """Submit the report of an ended month; its figures are kept as they are now."""
    caller, service, wanted = await _officer(request)
    month = as_period(period, "/path/period")

    async def act(connection: AsyncConnection) -> tuple[int, bytes]:
        return 201, await report.submit(service, caller, connection, period=month, area_code=wanted.area_code)

    return await once(request, caller, wanted, act)


@router.post("/{period}/approval", openapi_extra=body(AreaRequest, keyed=True), responses=gives(200, MonthlyReport))
async def post_approval(request: Request, period: str) -> Response:
    """Sign a submitted report off, by another subject than who submitted it."""
    caller, service, wanted = await _officer(request)
    month = as_period(period, "/path/period")

    async def act(connection: AsyncConnection) -> tuple[int, bytes]:
        return 200, await report.approve(service, caller, connection, period=month, area_code=wanted.area_code)

    return await once(request, caller, wanted, act)


async def _officer(request: Request) -> tuple[Caller, Service, AreaRequest]:
    caller, service = await caller_of(request), service_of(request)
    require(caller.principal, "finance")
    return caller, service, decode(await read_body(request, service.settings.max_body_bytes), AreaRequest)
