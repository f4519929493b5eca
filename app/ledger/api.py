"""The routes of the ledger. They translate; the ledger is only read here."""

from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.basics.areas import pooling_area
from app.ledger import book
from app.ledger.book import AccountAnswer, LedgerEntryAnswer, TrialBalanceAnswer
from app.service.caller import Caller, Service
from app.service.http import PAGE_DEFAULT, PAGE_MOST, answer, caller_of, service_of
from app.service.openapi import gives
from app.service.security import require

router = APIRouter(prefix="/v1/ledger", tags=["ledger"])
READERS: Final = ("finance", "auditor")
MAX_PATH: Final = 200
Limit = Annotated[int, Query(ge=1, le=PAGE_MOST)]
Area = Annotated[str | None, Query(pattern="^[0-9]{6}$")]


@router.get("/trial-balance", responses=gives(200, TrialBalanceAnswer))
async def get_trial_balance(
    request: Request, as_of: date | None = None, area_code: Area = None, fund: str | None = None
) -> Response:
    """What was posted to every account until a business day (today without one): the two sums are equal."""
    caller, service = await _reader(request)
    area = None if area_code is None else pooling_area(area_code)
    return answer(await book.trial_balance(service, caller, as_of=as_of, area_code=area, fund=fund))


@router.get("/entries", responses=gives(200, LedgerEntryAnswer, listed=True))
async def get_entries(
    request: Request,
    account: Annotated[str, Query(max_length=MAX_PATH)],
    as_of: date | None = None,
    limit: Limit = PAGE_DEFAULT,
    cursor: str | None = None,
) -> Response:
    """The history of an account until a business day, oldest first, with its balance behind each entry."""
    caller, service = await _reader(request)
    return answer(await book.entries(service, caller, account=account, as_of=as_of, limit=limit, cursor=cursor))


@router.get("/accounts", responses=gives(200, AccountAnswer, listed=True))
async def get_accounts(
    request: Request,
    prefix: Annotated[str, Query(max_length=MAX_PATH)] = "",
    limit: Limit = PAGE_DEFAULT,
    cursor: str | None = None,
) -> Response:
    """The chart of accounts, by path."""
    caller, service = await _reader(request)
    return answer(await book.accounts(service, caller, prefix=prefix, limit=limit, cursor=cursor))


async def _reader(request: Request) -> tuple[Caller, Service]:
    caller = await caller_of(request)
    require(caller.principal, *READERS)
    return caller, service_of(request)
