"""The monthly report due by the 25th: which are due, one with its figures, submitting, signing off, as a workbook."""

import asyncio

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.days import as_period
from app.basics.names import MEDICAL_TYPE_NAMES
from app.clearing import report
from app.clearing.payout_rate import own_area
from app.clearing.report_sheet import workbook
from app.finance.listing import chosen
from app.finance.page import Move, PageRoute, Refusal, Visitor, reading, shown, stepped, visit
from app.finance.registered import paying_areas
from app.service.export import XLSX_TYPE
from app.service.security import OFFICE_READERS

router = APIRouter(prefix="/finance/reports", route_class=PageRoute, include_in_schema=False)


@router.get("")
async def get_reports(request: Request) -> Response:
    """The reports of an area that are due or late, and those that were signed off."""
    visitor = await visit(request, *OFFICE_READERS)
    areas = await reading(visitor, paying_areas)
    area = chosen(request.query_params, "area_code", areas) or own_area(visitor.caller) or (areas[0] if areas else None)
    due = [] if area is None else (await report.due(visitor.service, visitor.caller, area_code=area)).data
    signed = [] if area is None else await report.signed(visitor.service, visitor.caller, area_code=area)
    return shown(visitor, "reports.html", areas=areas, area=area, due=due, signed=signed)


@router.get("/{area}/{period}")
async def get_report(request: Request, area: str, period: str) -> Response:
    """The report of a month."""
    return await _page(await visit(request, *OFFICE_READERS), area, period)


async def _page(visitor: Visitor, area: str, period: str, refusal: Refusal | None = None) -> Response:
    month = as_period(period, "/path/period")
    found = await report.read(visitor.service, visitor.caller, area_code=area, period=month)
    own = found.submitted_by == visitor.principal.subject
    language = visitor.caller.language
    return shown(
        visitor,
        "report.html",
        refusal=refusal,
        report=found,
        own=own,
        class_names=visitor.service.book.class_names(language),
        medical_types=MEDICAL_TYPE_NAMES[language],
    )


@router.get("/{area}/{period}/file")
async def get_file(request: Request, area: str, period: str) -> Response:
    """The report as a workbook."""
    visitor = await visit(request, *OFFICE_READERS)
    month = as_period(period, "/path/period")
    found = await report.read(visitor.service, visitor.caller, area_code=area, period=month)
    headers = {"Content-Disposition": f'attachment; filename="{found.report_id}.xlsx"'}
    return Response(await asyncio.to_thread(workbook, found, visitor.service.book.classes), 200, headers, XLSX_TYPE)


async def _act(request: Request, area: str, period: str, notice: str, move: Move) -> Response:
    return await stepped(
        request,
        move,
        "finance",
        location=f"/finance/reports/{area}/{period}",
        notice=f"notice.report.{notice}",
        show=lambda visitor, refusal: _page(visitor, area, period, refusal),
    )


@router.post("/{area}/{period}/submit")
async def post_submit(request: Request, area: str, period: str) -> Response:
    """Submit the report of an ended month."""
    month = as_period(period, "/path/period")

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        return await report.submit(visitor.service, visitor.caller, connection, period=month, area_code=area)

    return await _act(request, area, month, "submitted", move)


@router.post("/{area}/{period}/approve")
async def post_approve(request: Request, area: str, period: str) -> Response:
    """Sign off a report that somebody else submitted."""
    month = as_period(period, "/path/period")

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        return await report.approve(visitor.service, visitor.caller, connection, period=month, area_code=area)

    return await _act(request, area, month, "approved", move)
