"""The routes of auditing statements: samples, deductions, appeals, decisions. They translate, nothing more."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Query, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.clearing import audit, deduction
from app.clearing.audit import AuditAnswer, SampleAnswer, SampleRecord, SampleRequest
from app.clearing.deduction import AppealRequest, DecisionRequest, DeductionAnswer, DeductionRequest, State
from app.clearing.moves import STATEMENT, number_of
from app.context import Caller, Service
from app.http import PAGE_DEFAULT, PAGE_MOST, answer, caller_of, once, service_of
from app.openapi import KEYED, body, gives
from app.problem import read_body
from app.security import require
from app.wire import decode

router = APIRouter(prefix="/v1/clearing", tags=["clearing"])
READERS: Final = ("finance", "hospital", "auditor")
AUDITORS: Final = ("finance", "auditor")
T = TypeVar("T")


@router.post(
    "/statements/{statement_id}/deductions",
    openapi_extra=body(DeductionRequest, keyed=True),
    responses=gives(201, DeductionAnswer),
)
async def post_deduction(request: Request, statement_id: str) -> Response:
    """Propose to deduct from a fund's payable of a settlement (finance). The hospital may appeal until ``appeal_by``; no appeal in
    time is agreement."""
    caller, service, wanted = await _asked(request, DeductionRequest, "finance")
    return await _once(
        request, caller, wanted, 201, lambda connection: deduction.propose(service, caller, connection, statement_id, wanted)
    )


@router.post("/deductions/{deduction_id}/acceptance", openapi_extra=KEYED, responses=gives(200, DeductionAnswer))
async def post_acceptance(request: Request, deduction_id: str) -> Response:
    """The hospital agrees: the fund owes it that much less."""
    caller, service = await caller_of(request), service_of(request)
    require(caller.principal, "hospital")
    return await _once(
        request, caller, None, 200, lambda connection: deduction.accept(service, caller, connection, deduction_id)
    )


@router.post(
    "/deductions/{deduction_id}/appeal",
    openapi_extra=body(AppealRequest, keyed=True),
    responses=gives(200, DeductionAnswer),
)
async def post_appeal(request: Request, deduction_id: str) -> Response:
    """The hospital disagrees, until ``appeal_by``."""
    caller, service, wanted = await _asked(request, AppealRequest, "hospital")
    return await _once(
        request, caller, wanted, 200, lambda connection: deduction.appeal(service, caller, connection, deduction_id, wanted)
    )


@router.post(
    "/deductions/{deduction_id}/decision",
    openapi_extra=body(DecisionRequest, keyed=True),
    responses=gives(200, DeductionAnswer),
)
async def post_decision(request: Request, deduction_id: str) -> Response:
    """Decide an appeal (finance, neither who proposed nor who appealed). ``amount`` is what is deducted after all."""
    caller, service, wanted = await _asked(request, DecisionRequest, "finance")
    return await _once(
        request, caller, wanted, 200, lambda connection: deduction.decide(service, caller, connection, deduction_id, wanted)
    )


@router.get("/deductions", responses=gives(200, DeductionAnswer, listed=True))
async def list_deductions(
    request: Request,
    state: State | None = None,
    statement_id: str | None = None,
    hospital_code: str | None = None,
    fund: str | None = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MOST)] = PAGE_DEFAULT,
    cursor: str | None = None,
) -> Response:
    """Deductions, newest first, in their state of today."""
    caller, service = await _reader(request, *READERS)
    filters: dict[str, Any] = {
        "statement_id": None if statement_id is None else number_of(statement_id, STATEMENT),
        "hospital_code": hospital_code,
        "fund": fund,
    }
    return answer(await deduction.listed(service, caller, state=state, filters=filters, limit=limit, cursor=cursor))


@router.get("/deductions/{deduction_id}", responses=gives(200, DeductionAnswer))
async def get_deduction(request: Request, deduction_id: str) -> Response:
    """A deduction in its state of today."""
    caller, service = await _reader(request, *READERS)
    return answer(await deduction.read(service, caller, deduction_id))


@router.post(
    "/statements/{statement_id}/samples",
    openapi_extra=body(SampleRequest, keyed=True),
    responses=gives(201, SampleAnswer),
)
async def post_sample(request: Request, statement_id: str) -> Response:
    """Draw settlements of a statement for an audit. The seed is kept: with it anybody can draw the same ones again."""
    caller, service, wanted = await _asked(request, SampleRequest, "finance")
    return await _once(
        request, caller, wanted, 201, lambda connection: audit.sample(service, caller, connection, statement_id, wanted)
    )


@router.get("/statements/{statement_id}/samples", responses=gives(200, SampleRecord, listed=True))
async def list_samples(request: Request, statement_id: str) -> Response:
    """The drawings from a statement with their seeds, oldest first."""
    caller, service = await _reader(request, *AUDITORS)
    return answer(await audit.samples(service, caller, statement_id))


@router.post("/statements/{statement_id}/audit", openapi_extra=KEYED, responses=gives(200, AuditAnswer))
async def post_audit(request: Request, statement_id: str) -> Response:
    """End the audit of a statement (finance), once every deduction is accepted or decided, or not appealed in time."""
    caller, service = await caller_of(request), service_of(request)
    require(caller.principal, "finance")
    return await _once(
        request, caller, None, 200, lambda connection: audit.finish(service, caller, connection, statement_id)
    )


async def _asked(request: Request, type_: type[T], *scopes: str) -> tuple[Caller, Service, T]:
    caller, service = await caller_of(request), service_of(request)
    require(caller.principal, *scopes)
    return caller, service, decode(await read_body(request, service.settings.max_body_bytes), type_)


async def _once(
    request: Request,
    caller: Caller,
    asked: object,
    status: int,
    act: Callable[[AsyncConnection], Awaitable[bytes]],
) -> Response:
    async def acted(connection: AsyncConnection) -> tuple[int, bytes]:
        return status, await act(connection)

    return await once(request, caller, asked, acted)


async def _reader(request: Request, *scopes: str) -> tuple[Caller, Service]:
    caller = await caller_of(request)
    require(caller.principal, *scopes)
    return caller, service_of(request)
