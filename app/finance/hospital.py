"""A hospital: who it is, its money by fund and by month of a year, what is overdue by step, and its lists."""

from fastapi import APIRouter, Request
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.money import yuan
from app.clearing.moves import business_now, today
from app.clearing.overdue import overdue
from app.clearing.payout_base import FUND, PERIOD, Wanted
from app.clearing.payout_rate import own_area, paying_area, payout_rates
from app.finance.made_of import stages_of
from app.finance.page import Contents, PageRoute, Visitor, reading, shown, visit
from app.registry.hospitals import read_hospital
from app.service.security import MONEY_READERS

router = APIRouter(prefix="/finance/hospitals", route_class=PageRoute, include_in_schema=False)


@router.get("/{code}")
async def get_hospital(request: Request, code: str) -> Response:
    """A hospital, with what the funds of the visitor's area owe it."""
    visitor = await visit(request, *MONEY_READERS)
    found = await read_hospital(visitor.service, visitor.caller, code, None)
    figures = await reading(visitor, lambda connection: _figures(visitor, connection, code))
    return shown(visitor, "hospital.html", figures, hospital=found)


async def _figures(visitor: Visitor, connection: AsyncConnection, code: str) -> Contents:
    now = today(await business_now(visitor.service, connection))
    typed = visitor.request.query_params.get("year", "")
    year = int(typed) if typed.isascii() and typed.isdecimal() and 2000 <= int(typed[:4]) <= 2199 else now.year
    area = await paying_area(connection, own_area(visitor.caller))
    wanted = Wanted(year=year, as_of=now, area_code=area, hospital_code=code, group_by=(PERIOD, FUND))
    rows = await payout_rates(visitor.service, connection, wanted, visitor.principal.funds)
    late = await overdue(connection, visitor.service.book, replace(wanted, group_by=(FUND,)))
    query = {"year": str(year), "hospital_code": code}
    return {
        "year": year,
        "years": range(now.year, now.year - 5, -1),
        "rates": rows,
        "as_of": now,
        "query_of": query,
        "stages": stages_of(late, query),
        "whole": yuan(sum(one.amount for one in late)),
    }
