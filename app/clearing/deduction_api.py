"""The routes of auditing statements: samples, deductions, appeals, decisions. They translate, nothing more."""

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.clearing import audit, deduction, deduction_proposal
from app.clearing.api import opened, reading, writing
from app.clearing.audit import AuditAnswer, SampleAnswer, SampleRecord, SampleRequest
from app.clearing.deduction import AppealRequest, DecisionRequest
from app.clearing.deduction_proposal import DeductionRequest
from app.clearing.deduction_row import DeductionAnswer
from app.clearing.lists import DEDUCTIONS
from app.service.caller import Caller, Service
from app.service.http import answer
from app.service.lists import add_route
from app.service.openapi import KEYED, body, gives
from app.service.problem import read_body
from app.service.security import PERSON_READERS, Scope
from app.service.wire import decode

router = APIRouter(prefix="/v1/clearing", tags=["clearing"])
AUDITORS: Final = ("finance", "auditor")
ANSWERERS: Final[tuple[Scope, ...]] = ("hospital", "registry")


@router.post(
    "/statements/{statement_id}/deductions",
    openapi_extra=body(DeductionRequest, keyed=True),
    responses=gives(201, DeductionAnswer),
)
async def post_deduction(request: Request, statement_id: str) -> Response:
    """Propose to deduct from a fund's payable of a settlement (finance). The hospital may appeal until ``appeal_by``;
    no appeal in time is agreement."""
    caller, service, wanted = await _asked(request, DeductionRequest, "finance")
    return await writing(
        request,
        caller,
        wanted,
        201,
        lambda connection: deduction_proposal.propose(service, connection, caller, statement_id, wanted),
    )


@router.post("/deductions/{deduction_id}/acceptance", openapi_extra=KEYED, responses=gives(200, DeductionAnswer))
async def post_acceptance(request: Request, deduction_id: str) -> Response:
    """The hospital agrees, or for a person's claim the registering office: the fund owes that much less."""
    caller, service = await opened(request, *ANSWERERS)
    return await writing(
        request, caller, None, 200, lambda connection: deduction.accept(service, connection, caller, deduction_id)
    )


@router.post(
    "/deductions/{deduction_id}/appeal",
    openapi_extra=body(AppealRequest, keyed=True),
    responses=gives(200, DeductionAnswer),
)
async def post_appeal(request: Request, deduction_id: str) -> Response:
    """The hospital disagrees, or for a person's claim the registering office, until ``appeal_by``."""
    caller, service, wanted = await _asked(request, AppealRequest, *ANSWERERS)
    return await writing(
        request,
        caller,
        wanted,
        200,
        lambda connection: deduction.appeal(service, connection, caller, deduction_id, wanted),
    )


@router.post(
    "/deductions/{deduction_id}/decision",
    openapi_extra=body(DecisionRequest, keyed=True),
    responses=gives(200, DeductionAnswer),
)
async def post_decision(request: Request, deduction_id: str) -> Response:
    """Decide an appeal (finance, neither who proposed nor who appealed). ``amount`` is what is deducted after all."""
    caller, service, wanted = await _asked(request, DecisionRequest, "finance")
    return await writing(
        request,
        caller,
        wanted,
        200,
        lambda connection: deduction.decide(service, connection, caller, deduction_id, wanted),
    )


add_route(router, "/deductions", DEDUCTIONS)


@router.get("/deductions/{deduction_id}", responses=gives(200, DeductionAnswer))
async def get_deduction(request: Request, deduction_id: str) -> Response:
    """A deduction in its state of today."""
    caller, service = await opened(request, *PERSON_READERS)
    return answer(await reading(caller, service, lambda connection: deduction.read(service, connection, deduction_id)))


@router.post(
    "/statements/{statement_id}/samples",
    openapi_extra=body(SampleRequest, keyed=True),
    responses=gives(201, SampleAnswer),
)
async def post_sample(request: Request, statement_id: str) -> Response:
    """Draw settlements of a statement for an audit. The seed is kept: with it anybody can draw the same ones again."""
    caller, service, wanted = await _asked(request, SampleRequest, "finance")
    return await writing(
        request, caller, wanted, 201, lambda connection: audit.sample(service, connection, caller, statement_id, wanted)
    )


@router.get("/statements/{statement_id}/samples", responses=gives(200, SampleRecord, listed=True))
async def list_samples(request: Request, statement_id: str) -> Response:
    """The drawings from a statement with their seeds, oldest first."""
    caller, service = await opened(request, *AUDITORS)
    drawn = await reading(caller, service, lambda connection: audit.samples(connection, statement_id))
    return answer({"data": drawn, "has_more": False, "next_cursor": None})


@router.post("/statements/{statement_id}/audit", openapi_extra=KEYED, responses=gives(200, AuditAnswer))
async def post_audit(request: Request, statement_id: str) -> Response:
    """End the audit of a statement (finance), once every deduction is accepted or decided, or not appealed in time."""
    caller, service = await opened(request, "finance")
    return await writing(
        request, caller, None, 200, lambda connection: audit.finish(service, connection, caller, statement_id)
    )


async def _asked(request: Request, type_: type[Any], *scopes: Scope) -> tuple[Caller, Service, Any]:
    caller, service = await opened(request, *scopes)
    return caller, service, decode(await read_body(request, service.settings.max_body_bytes), type_)
