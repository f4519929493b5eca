"""Closing months and fiscal years of an area, and exceptions from the floor with their second signature."""

from typing import Final

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.days import as_period
from app.clearing import month_close
from app.clearing import year as fiscal_year
from app.clearing.month_close import MonthClosingRequest, MonthReopeningRequest
from app.clearing.moves import business_now, today
from app.clearing.payout_rate import own_area
from app.clearing.year import ClosingRequest, ExceptionRequest
from app.finance.listing import chosen
from app.finance.page import Contents, Move, PageRoute, Refusal, Visitor, reading, shown, stepped, struct_of, visit
from app.finance.registered import hospital_names, paying_areas
from app.service.http import PAGE_MOST
from app.service.security import OFFICE_READERS

router = APIRouter(prefix="/finance/closings", route_class=PageRoute, include_in_schema=False)
MODES: Final = ("soft", "hard")
YEARS_SHOWN: Final = 5


@router.get("")
async def get_closings(request: Request) -> Response:
    """Months and years that are or were closed."""
    return await _page(await visit(request, *OFFICE_READERS))


async def _page(visitor: Visitor, refusal: Refusal | None = None) -> Response:
    async def read(connection: AsyncConnection) -> Contents:
        now = today(await business_now(visitor.service, connection))
        area = chosen(visitor.request.query_params, "area_code") or own_area(visitor.caller)
        seen = visitor.principal.funds
        months = await month_close.rows_of(connection, area, None, PAGE_MOST)
        years = range(now.year, now.year - YEARS_SHOWN, -1)
        return {
            "months": [month_close.answer_of(row, seen) for row in months],
            "closings": await fiscal_year.closings(connection, seen, years, area),
            "exceptions": await fiscal_year.exceptions(connection, years, area),
            "areas": await paying_areas(connection),
            "area": area,
            "names": await hospital_names(connection, _hospitals(refusal)),
            "years": years,
            "funds": visitor.funds(),
            "modes": MODES,
        }

    return shown(visitor, "closings.html", await reading(visitor, read), refusal=refusal)


def _hospitals(refusal: Refusal | None) -> list[str]:
    """The hospitals of the list of what is unpaid, where a year couldn't be closed because of it."""
    unpaid = refusal.extra.get("unpaid") if refusal else None
    return [str(one["hospital_code"]) for one in unpaid] if isinstance(unpaid, list) else []


async def _act(request: Request, notice: str, move: Move) -> Response:
    return await stepped(
        request,
        move,
        "finance",
        location="/finance/closings",
        notice=f"notice.{notice}",
        show=lambda visitor, refusal: _page(visitor, refusal),
    )


@router.post("/month")
async def post_month(request: Request) -> Response:
    """Close a month."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        wanted = struct_of(form, MonthClosingRequest, "mode", "area_code")
        period = as_period(form.get("period", ""), "/period")
        return await month_close.close(visitor.service, connection, visitor.caller, wanted, period)

    return await _act(request, "month.closed", move)


@router.post("/month/reopen")
async def post_month_reopen(request: Request) -> Response:
    """Open a closed month again."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        wanted = struct_of(form, MonthReopeningRequest, "reason", "area_code")
        period = as_period(form.get("period", ""), "/period")
        return await month_close.reopen(visitor.service, connection, visitor.caller, wanted, period)

    return await _act(request, "month.reopened", move)


def _year(form: dict[str, str]) -> int:
    text = form.get("year", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) == 4 else 0


@router.post("/year")
async def post_year(request: Request) -> Response:
    """Close a fiscal year."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        wanted = struct_of(form, ClosingRequest, "area_code")
        return await fiscal_year.close(visitor.service, connection, visitor.caller, _year(form), wanted)

    return await _act(request, "year.closed", move)


@router.post("/exception")
async def post_exception(request: Request) -> Response:
    """Draft an exception from a fund's floor."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        wanted = struct_of(form, ExceptionRequest, "area_code", "fund", "reason")
        return await fiscal_year.make_exception(visitor.service, connection, visitor.caller, _year(form), wanted)

    return await _act(request, "exception.made", move)


@router.post("/exception/{exception_id}/approve")
async def post_exception_approve(request: Request, exception_id: str) -> Response:
    """Approve an exception of somebody else."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        return await fiscal_year.approve_exception(visitor.service, connection, visitor.caller, exception_id)

    return await _act(request, "exception.approved", move)
