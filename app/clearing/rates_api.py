"""The routes of payout rates, of closing a year and of exceptions from the floor. They translate, nothing more."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.clearing import year as fiscal_year
from app.clearing.api import opened, reading, writing
from app.clearing.payout_base import FUND
from app.clearing.payout_rate import RateAnswer, RateFilters, rates_of
from app.clearing.year import ClosingAnswer, ClosingRequest, ExceptionAnswer, ExceptionRequest
from app.service.http import QueryDay, answer
from app.service.openapi import KEYED, body, gives
from app.service.problem import read_body
from app.service.security import MONEY_READERS
from app.service.wire import decode

router = APIRouter(prefix="/v1", tags=["payout rates"])
Area = Annotated[str | None, Query(pattern=r"^[0-9]{6}$")]
Year = Annotated[int, Path(ge=1900, le=2199)]
EXCEPTION: Final = gives(200, ExceptionAnswer)


class RatesAnswer(Struct):
    """Payout figures, ordered by fund, area, hospital and month."""

    data: list[RateAnswer]


class ClosingsAnswer(Struct):
    """Closed years."""

    data: list[ClosingAnswer]


class ExceptionsAnswer(Struct):
    """Exceptions from the floor."""

    data: list[ExceptionAnswer]


@router.get("/payout-rates", responses=gives(200, RatesAnswer))
async def get_payout_rates(
    request: Request,
    year: Annotated[int, Query(ge=1900, le=2199)],
    as_of: QueryDay = None,
    fund: str | None = None,
    area_code: Area = None,
    hospital_code: str | None = None,
    group_by: str = FUND,
) -> Response:
    """What the funds owe for a fiscal year and how much of it is paid, as of a business day (today by default).
    ``group_by`` is a list of fund, area_code, hospital_code and period with commas; by fund alone, every fund has a
    row. A county is read as its pooling area, a province as all of its areas. A token of an area reads its own unless
    it names another."""
    caller, service = await opened(request, *MONEY_READERS)
    asked = RateFilters(year, as_of, fund, area_code, hospital_code, group_by)

    async def read(connection: AsyncConnection) -> RatesAnswer:
        return RatesAnswer(await rates_of(service, connection, caller, asked))

    return answer(await reading(caller, service, read))


# ---------------------------------------------------------------- closing


@router.post(
    "/fiscal-years/{year}/closing", openapi_extra=body(ClosingRequest, keyed=True), responses=gives(201, ClosingAnswer)
)
async def post_closing(request: Request, year: Year) -> Response:
    """Close an ended fiscal year of an area. Below the floor of a fund bound by one it needs an approved exception."""
    caller, service = await opened(request, "finance")
    wanted = decode(await read_body(request, service.settings.max_body_bytes), ClosingRequest)
    return await writing(
        request, caller, wanted, 201, lambda connection: fiscal_year.close(service, connection, caller, year, wanted)
    )


@router.get("/fiscal-years/{year}/closing", responses=gives(200, ClosingsAnswer))
async def get_closings(request: Request, year: Year, area_code: Area = None) -> Response:
    """The areas that closed a year, with the payout figures of its 31 December."""
    caller, service = await opened(request, "finance", "auditor")

    async def read(connection: AsyncConnection) -> ClosingsAnswer:
        return ClosingsAnswer(await fiscal_year.closings(connection, caller.principal.funds, [year], area_code))

    return answer(await reading(caller, service, read))


# ---------------------------------------------------------------- exceptions


@router.post(
    "/fiscal-years/{year}/exceptions",
    openapi_extra=body(ExceptionRequest, keyed=True),
    responses=gives(201, ExceptionAnswer),
)
async def post_exception(request: Request, year: Year) -> Response:
    """Draft an exception from a fund's floor. It counts when another subject has approved it."""
    caller, service = await opened(request, "finance")
    wanted = decode(await read_body(request, service.settings.max_body_bytes), ExceptionRequest)
    return await writing(
        request,
        caller,
        wanted,
        201,
        lambda connection: fiscal_year.make_exception(service, connection, caller, year, wanted),
    )


@router.get("/fiscal-years/{year}/exceptions", responses=gives(200, ExceptionsAnswer))
async def get_exceptions(request: Request, year: Year, area_code: Area = None) -> Response:
    """The exceptions of a year, oldest first."""
    caller, service = await opened(request, "finance", "auditor")

    async def read(connection: AsyncConnection) -> ExceptionsAnswer:
        return ExceptionsAnswer(await fiscal_year.exceptions(connection, [year], area_code))

    return answer(await reading(caller, service, read))


@router.post("/exceptions/{exception_id}/approval", openapi_extra=KEYED, responses=EXCEPTION)
async def post_exception_approval(request: Request, exception_id: str) -> Response:
    """Approve an exception drafted by another subject."""
    caller, service = await opened(request, "finance")
    return await writing(
        request,
        caller,
        None,
        200,
        lambda connection: fiscal_year.approve_exception(service, connection, caller, exception_id),
    )
