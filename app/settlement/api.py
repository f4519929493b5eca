"""The routes of settling. They translate; what a bill costs is decided elsewhere."""

from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from msgspec import Meta, Struct
from starlette.responses import HTMLResponse, Response

from app.context import Caller, Service
from app.errors import NotFound
from app.http import (
    PAGE_DEFAULT,
    PAGE_MOST,
    answer,
    caller_of,
    check_context,
    idempotency_key,
    page,
    read_cursor,
    request_hash,
    service_of,
)
from app.openapi import body, gives
from app.problem import read_body
from app.security import require
from app.settlement import correction, store
from app.settlement import service as settling
from app.settlement.answer import SettlementAnswer, read_id
from app.settlement.bill import BillRequest
from app.settlement.reading import answer_of_computation, answer_of_row
from app.settlement.service import Settled
from app.settlement.slip import slip_html
from app.wire import decode

router = APIRouter(prefix="/v1", tags=["settling"])
READERS: Final = ("hospital", "finance", "auditor")
REPLAYED: Final = {"Idempotency-Replayed": "true"}


class ReversalRequest(Struct, forbid_unknown_fields=True):
    """The body of a reversal."""

    reason: Annotated[str, Meta(min_length=1, max_length=500)]
    cascade: bool = False


@router.post("/quotes", openapi_extra=body(BillRequest), responses=gives(200, SettlementAnswer))
async def post_quote(request: Request) -> Response:
    """Compute a bill without settling it: the same engine, the same answer, and a quote id good for 30 minutes."""
    caller, service = await caller_of(request), service_of(request)
    bill = decode(await read_body(request, service.settings.max_body_bytes), BillRequest)
    computation, quote_id, expires = await settling.quote(service, caller, bill)
    return answer(answer_of_computation(computation, quote_id=quote_id, expires=expires, language=caller.language))


@router.post("/settlements", openapi_extra=body(BillRequest, keyed=True), responses=gives(201, SettlementAnswer))
async def post_settlement(request: Request) -> Response:
    """Settle a bill once."""
    caller, service = await caller_of(request), service_of(request)
    key = idempotency_key(request)
    bill = decode(await read_body(request, service.settings.max_body_bytes), BillRequest)
    settled = await settling.settle(service, caller, bill, key=key, request_hash=request_hash(request, bill))
    if settled.computation is None:
        return await _replayed(service, caller, settled)
    shown = answer_of_computation(settled.computation, quote_id=None, expires=None, language=caller.language)
    return answer(shown, 201)


@router.post(
    "/settlements/{settlement_id}/reversal",
    openapi_extra=body(ReversalRequest, keyed=True),
    responses=gives(201, SettlementAnswer),
)
async def post_reversal(request: Request, settlement_id: str) -> Response:
    """Take back a whole settlement by a new one with all amounts negative."""
    caller, service = await caller_of(request), service_of(request)
    key = idempotency_key(request)
    wanted = decode(await read_body(request, service.settings.max_body_bytes), ReversalRequest)
    settled = await correction.reverse(
        service,
        caller,
        _inside_id(settlement_id),
        wanted.reason,
        key=key,
        request_hash=request_hash(request, wanted),
    )
    if settled.replayed:
        return await _replayed(service, caller, settled)
    return answer(answer_of_row(await _row(service, caller, settled.settlement_id), detail=True), 201)


@router.get("/settlements", responses=gives(200, SettlementAnswer, listed=True))
async def list_settlements(
    request: Request,
    hospital_code: str | None = None,
    person_id: str | None = None,
    visit_id: str | None = None,
    from_: Annotated[date | None, Query(alias="from")] = None,
    to: date | None = None,
    status: Literal["settled", "adjusted", "reversed"] | None = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MOST)] = PAGE_DEFAULT,
    cursor: str | None = None,
) -> Response:
    """Settlements and their corrections, newest first, without trace and lines. ``from`` and ``to`` are days of settling,
    both included."""
    caller, service = await caller_of(request), service_of(request)
    require(caller.principal, *READERS)
    after = read_cursor(service, cursor, tuple[datetime, int]) or (None, None)
    async with service.database.hot() as connection:
        await check_context(service, connection, caller)
        rows = await store.read_list(
            connection, hospital_code, person_id, visit_id, from_, to, status, *after, limit + 1
        )
    shown = [answer_of_row(row, detail=False) for row in rows[:limit]]
    return answer(page(service, rows, limit, shown, lambda row: (row["recorded_at"], row["settlement_id"])))


@router.get("/settlements/{settlement_id}", responses=gives(200, SettlementAnswer))
async def get_settlement(request: Request, settlement_id: str) -> Response:
    """One settlement with its explanation."""
    caller, service = await caller_of(request), service_of(request)
    require(caller.principal, *READERS)
    row = await _row(service, caller, _inside_id(settlement_id))
    return answer(answer_of_row(row, detail=True, language=caller.language))


@router.get("/settlements/by-visit/{hospital_code}/{visit_id}/{settle_seq}", responses=gives(200, SettlementAnswer))
async def get_by_visit(request: Request, hospital_code: str, visit_id: str, settle_seq: int) -> Response:
    """The look-up for an unknown outcome: the settlement of a visit's bill, with its derived status."""
    caller, service = await caller_of(request), service_of(request)
    require(caller.principal, *READERS)
    if not 0 < settle_seq < 2**31:
        raise NotFound("not_found")
    async with service.database.hot() as connection:
        await check_context(service, connection, caller)
        row = await store.read_visit(connection, hospital_code, visit_id, settle_seq)
    if row is None:
        raise NotFound("not_found")
    return answer(answer_of_row(row, detail=True, language=caller.language))


@router.get("/settlements/{settlement_id}/slip", response_class=HTMLResponse)
async def get_slip(request: Request, settlement_id: str) -> Response:
    """The 结算单 that the patient signs, as HTML. A browser may send the token as the password of HTTP Basic."""
    caller, service = await caller_of(request, browser=True), service_of(request)
    require(caller.principal, *READERS)
    row = await _row(service, caller, _inside_id(settlement_id))
    return HTMLResponse(await slip_html(service, caller, row))


def _inside_id(text: str) -> int:
    settlement_id = read_id(text)
    if settlement_id is None:
        raise NotFound("not_found")
    return settlement_id


async def _row(service: Service, caller: Caller, settlement_id: int) -> Any:
    async with service.database.hot() as connection:
        await check_context(service, connection, caller)
        row = await store.read_one(connection, settlement_id)
    if row is None:
        raise NotFound("not_found")
    return row


async def _replayed(service: Service, caller: Caller, settled: Settled) -> Response:
    """The answer of then: a settlement is shown as settled, whatever became of it since."""
    row = await _row(service, caller, settled.settlement_id)
    shown = answer_of_row(row, detail=True, status="settled", language=caller.language)
    return answer(shown, 201, REPLAYED)
