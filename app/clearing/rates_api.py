"""The routes of payout rates, of closing a year and of exceptions from the floor. They translate, nothing more."""

from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from msgspec import Struct
from starlette.responses import Response

from app.areas import pooling_area
from app.clearing.moves import business_now, today
from app.clearing.payout_query import FUND, GROUPS, Wanted
from app.clearing.payout_rate import RateAnswer, payout_rates
from app.clearing.plan import FUNDS
from app.errors import Fault, Refused
from app.http import answer, caller_of, open_request, service_of
from app.openapi import gives
from app.security import require

router = APIRouter(prefix="/v1", tags=["clearing"])
READERS: Final = ("finance", "hospital", "auditor")
Year = Annotated[int, Query(ge=1900, le=2199)]
Area = Annotated[str | None, Query(pattern=r"^[0-9]{6}$")]


class RatesAnswer(Struct):
    """Payout figures, ordered by fund, area, hospital and month."""

    data: list[RateAnswer]


@router.get("/payout-rates", responses=gives(200, RatesAnswer))
async def get_payout_rates(
    request: Request,
    year: Year,
    as_of: date | None = None,
    fund: str | None = None,
    area_code: Area = None,
    hospital_code: str | None = None,
    group_by: str = FUND,
) -> Response:
    """What the funds owe for a fiscal year and how much of it is paid, as of a business day (today by default). ``group_by``
    is a list of fund, area_code, hospital_code and period with commas; by fund alone, every fund has a row. A county is
    read as its pooling area."""
    caller, service = await caller_of(request), service_of(request)
    require(caller.principal, *READERS)
    groups = _groups(group_by)
    if fund is not None and fund not in FUNDS:
        raise Refused([Fault("/query/fund", "not_in_list", {"allowed": ", ".join(FUNDS)})])
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        wanted = Wanted(
            year=year,
            as_of=as_of or today(await business_now(service, connection)),
            fund=fund,
            area_code=area_code if area_code is None or area_code.endswith("0000") else pooling_area(area_code),
            hospital_code=hospital_code,
            group_by=groups,
        )
        return answer(RatesAnswer(await payout_rates(service, connection, wanted)))


def _groups(text: str) -> tuple[str, ...]:
    groups = tuple(text.split(","))
    if not set(groups) <= set(GROUPS):
        raise Refused([Fault("/query/group_by", "not_in_list", {"allowed": ", ".join(GROUPS)})])
    return groups
