"""The routes of closing months and of what is due. They translate, nothing more."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from app.basics.areas import pooling_area
from app.basics.days import as_period
from app.basics.errors import NotFound
from app.clearing import month_close
from app.clearing.api import opened, reading, writing
from app.clearing.due import DueListAnswer, due_of
from app.clearing.lists import MONTHS
from app.clearing.month_close import (
    MonthAnswer,
    MonthClosingRequest,
    MonthFiguresAnswer,
    MonthReopeningRequest,
)
from app.clearing.moves import may_pay
from app.service.http import answer
from app.service.lists import add_route
from app.service.openapi import body, gives
from app.service.problem import read_body
from app.service.wire import decode

router = APIRouter(prefix="/v1", tags=["clearing"])
Period = Annotated[str, Path(max_length=10)]
Area = Annotated[str, Query(pattern="^[0-9]{6}$")]
OptionalArea = Annotated[str | None, Query(pattern="^[0-9]{6}$")]


@router.post(
    "/fiscal-months/{period}/closing",
    openapi_extra=body(MonthClosingRequest, keyed=True),
    responses=gives(201, MonthAnswer),
)
async def post_closing(request: Request, period: Period) -> Response:
    """Close an ended month of an area. ``soft``: no payment or return is dated into it any more; ``hard``: its
    statements are neither declared nor withdrawn either, what is posted late joins the next one. Answers what is still
    open."""
    caller, service = await opened(request, "finance")
    wanted = decode(await read_body(request, service.settings.max_body_bytes), MonthClosingRequest)
    month = as_period(period, "/path/period")
    return await writing(
        request, caller, wanted, 201, lambda connection: month_close.close(service, connection, caller, wanted, month)
    )


@router.post(
    "/fiscal-months/{period}/reopening",
    openapi_extra=body(MonthReopeningRequest, keyed=True),
    responses=gives(200, MonthAnswer),
)
async def post_reopening(request: Request, period: Period) -> Response:
    """Open a closed month again, by another person than who closed it."""
    caller, service = await opened(request, "finance")
    wanted = decode(await read_body(request, service.settings.max_body_bytes), MonthReopeningRequest)
    month = as_period(period, "/path/period")
    return await writing(
        request, caller, wanted, 200, lambda connection: month_close.reopen(service, connection, caller, wanted, month)
    )


add_route(router, "/fiscal-months", MONTHS)


@router.get("/fiscal-months/{period}", responses=gives(200, MonthFiguresAnswer))
async def get_month(request: Request, period: Period, area_code: OptionalArea = None) -> Response:
    """The figures that were kept when a month was closed: by hospital, fund, event, tier and clearing type."""
    caller, service = await opened(request, "finance", "auditor")
    month = as_period(period, "/path/period")
    found = await reading(
        caller, service, lambda connection: month_close.figures_of(connection, caller, area_code, month)
    )
    if found is None:
        raise NotFound("not_found")
    return answer(found)


@router.get("/clearing/due", responses=gives(200, DueListAnswer))
async def get_due(request: Request, area_code: Area) -> Response:
    """What is to be declared, approved, ordered, paid and reported, by which day, and what is late."""
    caller, service = await opened(request, "finance", "auditor")
    area = pooling_area(area_code)
    may_pay(caller, area)
    return answer(await reading(caller, service, lambda connection: due_of(service, connection, area)))
