"""The routes of the registry: hospitals, persons, the catalogue, and a person's year. They translate, nothing more."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.registry import service as registry
from app.registry.facts import (
    CatalogueAnswer,
    CatalogueRequest,
    PersonAnswer,
    PersonRequest,
)
from app.service.caller import Caller, Service
from app.service.http import QueryDay, answer, caller_of, service_of, tagged
from app.service.openapi import body, gives
from app.service.problem import read_body
from app.service.security import PERSON_READERS, require
from app.service.wire import decode

router = APIRouter(prefix="/v1", tags=["registry"])


async def _registrar(request: Request) -> tuple[Caller, Service]:
    caller = await caller_of(request)
    require(caller.principal, "registry")
    return caller, service_of(request)


async def _person_reader(request: Request) -> tuple[Caller, Service]:
    caller = await caller_of(request)
    require(caller.principal, *PERSON_READERS)
    return caller, service_of(request)


@router.put("/persons/{person_id}", openapi_extra=body(PersonRequest, matched=True), responses=gives(200, PersonAnswer))
async def put_person(request: Request, person_id: str) -> Response:
    """Bring a person to the state wanted. Identities that differ are corrected, and what was known before is kept.
    ``person_id`` is the fund's own number, never the id number."""
    caller, service = await _registrar(request)
    wanted = decode(await read_body(request, service.settings.max_body_bytes), PersonRequest)
    return answer(await registry.put_person(service, caller, person_id, wanted))


@router.get("/persons/{person_id}", responses=gives(200, PersonAnswer, versioned=True))
async def get_person(
    request: Request, person_id: str, purpose: Annotated[str | None, Query(min_length=2, max_length=200)] = None
) -> Response:
    """A person with the identities that hold as we know it now; the id number is masked. With a ``purpose``, which the
    audit log keeps, registry, finance and auditors are answered it whole. A hospital's reads of persons whom it neither
    quoted, settled nor identified within 30 days are limited: 429 ``person_reads_exceeded``."""
    caller, service = await _person_reader(request)
    shown = await registry.read_person(service, caller, person_id, purpose=purpose)
    return answer(shown) if purpose is not None else tagged(shown)


@router.put(
    "/catalogue/{item_code}", openapi_extra=body(CatalogueRequest, matched=True), responses=gives(200, CatalogueAnswer)
)
async def put_catalogue_entry(request: Request, item_code: str) -> Response:
    """Store the version of a catalogue entry that begins on ``valid_from``, for everybody, or with an area's token for
    that area. The same content again changes nothing; other content replaces that version, which stays in the
    history."""
    caller, service = await _registrar(request)
    wanted = decode(await read_body(request, service.settings.max_body_bytes), CatalogueRequest)
    return answer(await registry.put_catalogue_entry(service, caller, item_code, wanted))


@router.get("/catalogue/{item_code}", responses=gives(200, CatalogueAnswer, versioned=True))
async def get_catalogue_entry(
    request: Request,
    item_code: str,
    on: QueryDay = None,
    area_code: Annotated[str | None, Query(pattern=r"^[0-9]{6}$")] = None,
) -> Response:
    """The version of a catalogue entry that is valid on a day (today without one) in an area (the caller's without
    one): the area's own, else the province's, else everybody's."""
    caller, service = await caller_of(request), service_of(request)
    return tagged(await registry.read_catalogue_entry(service, caller, item_code, on, area_code))
