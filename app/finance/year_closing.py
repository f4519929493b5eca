"""Before a fiscal year is closed for good: its area, its year, and by fund what is unpaid on its 31 December."""

from datetime import date
from typing import Final

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.money import fen, yuan
from app.clearing.payout_base import Wanted
from app.clearing.payout_rate import RateAnswer, payout_rates
from app.finance.listing import chosen
from app.finance.page import Contents, Elsewhere, PageRoute, reading, shown, visit
from app.finance.registered import paying_areas

router = APIRouter(prefix="/finance/closings", route_class=PageRoute, include_in_schema=False)
CLOSINGS: Final = "/finance/closings"


@router.get("/year")
async def get_year(request: Request) -> Response:
    """What the closing of a year leaves unpaid, to be confirmed; back to the closings without a year and an area."""
    visitor = await visit(request, "finance")
    year = chosen(request.query_params, "year") or ""
    if not (year.isascii() and year.isdecimal() and len(year) == 4 and year > "1900"):
        raise Elsewhere(CLOSINGS)

    async def read(connection: AsyncConnection) -> Contents:
        area = chosen(request.query_params, "area_code", await paying_areas(connection))
        if area is None:
            raise Elsewhere(CLOSINGS)
        asked = Wanted(year=int(year), as_of=date(int(year), 12, 31), area_code=area)
        rates = await payout_rates(visitor.service, connection, asked, visitor.principal.funds)
        return {"area": area, "rates": [(one, _unpaid(one)) for one in rates]}

    return shown(visitor, "year_closing.html", await reading(visitor, read), year=year)


def _unpaid(rate: RateAnswer) -> str:
    """What is payable and not paid out, withheld deposits included; yuan."""
    return yuan(fen(rate.payable) - fen(rate.disbursed))
