"""The routes of the ledger. They translate; the ledger is only read here."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.basics.areas import pooling_area
from app.ledger import book
from app.ledger.book import ACCOUNTS, ENTRIES, TrialBalanceAnswer
from app.service.caller import Caller, Service
from app.service.http import answer, caller_of, service_of
from app.service.lists import add_route
from app.service.openapi import gives
from app.service.security import OFFICE_READERS, require

router = APIRouter(prefix="/v1/ledger", tags=["ledger"])
Area = Annotated[str | None, Query(pattern="^[0-9]{6}$")]


@router.get("/trial-balance", responses=gives(200, TrialBalanceAnswer))
async def get_trial_balance(
    request: Request, as_of: date | None = None, area_code: Area = None, fund: str | None = None
) -> Response:
    """What was posted to every account until a business day (today without one): the two sums are equal."""
    caller, service = await _reader(request)
    area = None if area_code is None else pooling_area(area_code)
    return answer(await book.trial_balance(service, caller, as_of=as_of, area_code=area, fund=fund))


add_route(router, "/entries", ENTRIES)
add_route(router, "/accounts", ACCOUNTS)


async def _reader(request: Request) -> tuple[Caller, Service]:
    caller = await caller_of(request)
    require(caller.principal, *OFFICE_READERS)
    return caller, service_of(request)
