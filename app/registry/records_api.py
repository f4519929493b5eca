"""The routes of areas, chronic registrations and family-doctor contracts. They translate, nothing more."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.registry import area_records, enrolments
from app.registry.area_records import AreaAnswer, AreaRecordRequest
from app.registry.enrolments import (
    DoctorContractAnswer,
    DoctorContractRequest,
    RegistrationAnswer,
    RegistrationRequest,
)
from app.service.caller import Caller, Service
from app.service.http import answer, caller_of, service_of, tagged
from app.service.openapi import body, gives
from app.service.problem import read_body
from app.service.security import PERSON_READERS, require
from app.service.wire import decode

router = APIRouter(prefix="/v1", tags=["registry"])


async def _admitted(request: Request, *scopes: str) -> tuple[Service, Caller]:
    caller = await caller_of(request)
    require(caller.principal, *scopes)
    return service_of(request), caller


@router.put("/areas/{area_code}", openapi_extra=body(AreaRecordRequest, matched=True), responses=gives(200, AreaAnswer))
async def put_area(request: Request, area_code: str) -> Response:
    """Bring an area's record to the state wanted: who pools its funds (``pooling_area``), which pack rules it, the name
    of its dictionary for the national interface, and figures of its own (``incomes``). It counts for the areas below it
    that say nothing themselves."""
    service, caller = await _admitted(request, "registry")
    wanted = decode(await read_body(request, service.settings.max_body_bytes), AreaRecordRequest)
    return answer(await area_records.put_area(service, caller, area_code, wanted))


@router.get("/areas/{area_code}", responses=gives(200, AreaAnswer, versioned=True))
async def get_area(request: Request, area_code: str) -> Response:
    """An area's own record."""
    return tagged(await area_records.read_area(service_of(request), await caller_of(request), area_code))


@router.put(
    "/persons/{person_id}/chronic-registrations/{disease_code}",
    openapi_extra=body(RegistrationRequest, matched=True),
    responses=gives(200, RegistrationAnswer),
)
async def put_registration(request: Request, person_id: str, disease_code: str) -> Response:
    """Bring a person's registration for a chronic disease to the state wanted: one interval, or ``periods``."""
    service, caller = await _admitted(request, "registry")
    wanted = decode(await read_body(request, service.settings.max_body_bytes), RegistrationRequest)
    return answer(await enrolments.put_registration(service, caller, person_id, disease_code, wanted))


@router.get(
    "/persons/{person_id}/chronic-registrations/{disease_code}",
    responses=gives(200, RegistrationAnswer, versioned=True),
)
async def get_registration(request: Request, person_id: str, disease_code: str) -> Response:
    """A person's registration for a chronic disease."""
    service, caller = await _admitted(request, *PERSON_READERS)
    return tagged(await enrolments.read_registration(service, caller, person_id, disease_code))


@router.get("/persons/{person_id}/chronic-registrations", responses=gives(200, RegistrationAnswer, listed=True))
async def get_registrations(request: Request, person_id: str) -> Response:
    """All of a person's registrations for chronic diseases, by disease, on one page."""
    service, caller = await _admitted(request, *PERSON_READERS)
    shown = await enrolments.registrations(service, caller, person_id)
    return answer({"data": shown, "has_more": False, "next_cursor": None})


@router.put(
    "/family-doctor/contracts/{contract_id}",
    openapi_extra=body(DoctorContractRequest, matched=True),
    responses=gives(200, DoctorContractAnswer),
)
async def put_doctor_contract(request: Request, contract_id: str) -> Response:
    """Make a person's contract with a family doctor, or correct it. A person has one contract at a time."""
    service, caller = await _admitted(request, "registry")
    wanted = decode(await read_body(request, service.settings.max_body_bytes), DoctorContractRequest)
    return answer(await enrolments.put_doctor_contract(service, caller, contract_id, wanted))


@router.get("/family-doctor/contracts/{contract_id}", responses=gives(200, DoctorContractAnswer, versioned=True))
async def get_doctor_contract(request: Request, contract_id: str) -> Response:
    """A person's contract with a family doctor."""
    service, caller = await _admitted(request, *PERSON_READERS)
    return tagged(await enrolments.read_doctor_contract(service, caller, contract_id))
