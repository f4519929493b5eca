"""The routes of hospitals: facts by date, how they sign at the national door, their own item codes. They translate."""

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.registry import hospital_gateway, hospitals
from app.registry.hospital_facts import (
    AskedChange,
    GatewayAnswer,
    GatewayRequest,
    HospitalAnswer,
    HospitalRequest,
    ItemCodeAnswer,
    ItemCodeRequest,
)
from app.registry.lists import HOSPITALS
from app.service.http import QueryDay, answer, caller_of, encoded, service_of, tagged
from app.service.idempotency import once
from app.service.lists import add_route
from app.service.openapi import KEYED, body, gives
from app.service.problem import read_body
from app.service.security import REGISTRY_READERS, require
from app.service.wire import decode

router = APIRouter(prefix="/v1", tags=["registry"])


@router.put(
    "/hospitals/{code}", openapi_extra=body(HospitalRequest, matched=True), responses=gives(200, HospitalAnswer)
)
async def put_hospital(request: Request, code: str) -> Response:
    """Create a hospital, or change it: level, rank and area hold from ``valid_from`` on (without one ever since for a
    new hospital, else from today), until the next change that is known. Bills take what holds on the admission day.
    ``contracts`` are the periods of its designated-provider contract 定点协议: where there are any, it settles bills
    admitted in them only."""
    caller, service = await caller_of(request), service_of(request)
    require(caller.principal, "registry")
    wanted = decode(await read_body(request, service.settings.max_body_bytes), HospitalRequest)
    return answer(await hospitals.put_hospital(service, caller, code, wanted))


@router.get("/hospitals/{code}", responses=gives(200, HospitalAnswer, versioned=True))
async def get_hospital(request: Request, code: str, on: QueryDay = None) -> Response:
    """A hospital as it is on a day (today without one). Only itself and its area see its bank account, masked."""
    return tagged(await hospitals.read_hospital(service_of(request), await caller_of(request), code, on))


add_route(router, "/hospitals", HOSPITALS)


@router.put(
    "/hospitals/{code}/gateway", openapi_extra=body(GatewayRequest, matched=True), responses=gives(200, GatewayAnswer)
)
async def put_gateway(request: Request, code: str) -> Response:
    """Say how the hospital's system signs at the national door. The first time it holds at once. Later it is a change,
    ``gateway_change``, that waits for another subject's approval; until then what held before holds. The secret is
    stored encrypted and never answered."""
    caller, service = await caller_of(request), service_of(request)
    require(caller.principal, "registry")
    wanted = decode(await read_body(request, service.settings.max_body_bytes), GatewayRequest)
    return answer(await hospital_gateway.put_gateway(service, caller, code, wanted))


@router.get("/hospitals/{code}/gateway", responses=gives(200, GatewayAnswer, versioned=True))
async def get_gateway(request: Request, code: str) -> Response:
    """How the hospital's system signs, without its secret, and the change that waits."""
    caller, service = await caller_of(request), service_of(request)
    require(caller.principal, *REGISTRY_READERS)
    return tagged(await hospital_gateway.read_gateway(service, caller, code))


@router.post("/gateway-changes/{gateway_change_id}/approval", openapi_extra=KEYED, responses=gives(200, AskedChange))
async def post_gateway_change_approval(request: Request, gateway_change_id: str) -> Response:
    """Approve how a hospital signs, which another subject asked for. From then on its former secret is refused."""
    caller, service = await caller_of(request), service_of(request)
    require(caller.principal, "registry", "finance")

    async def act(connection: AsyncConnection) -> tuple[int, bytes]:
        return 200, encoded(await hospital_gateway.approve(service, connection, caller, gateway_change_id))

    return await once(request, caller, None, act)


@router.put(
    "/hospitals/{code}/item-codes/{hospital_item_code}",
    openapi_extra=body(ItemCodeRequest, matched=True),
    responses=gives(200, ItemCodeAnswer),
)
async def put_item_code(request: Request, code: str, hospital_item_code: str) -> Response:
    """Say which catalogue item a code of the hospital's own means from a day on (ever since without one), until the
    next change that is known. ``POST /v1/catalogue/imports`` takes them from a file."""
    caller, service = await caller_of(request), service_of(request)
    require(caller.principal, "registry")
    wanted = decode(await read_body(request, service.settings.max_body_bytes), ItemCodeRequest)
    return answer(await hospitals.put_item_code(service, caller, code, hospital_item_code, wanted))


@router.get("/hospitals/{code}/item-codes/{hospital_item_code}", responses=gives(200, ItemCodeAnswer, versioned=True))
async def get_item_code(request: Request, code: str, hospital_item_code: str, on: QueryDay = None) -> Response:
    """Which catalogue item a code of the hospital's own means on a day (today without one)."""
    caller, service = await caller_of(request), service_of(request)
    return tagged(await hospitals.read_item_code(service, caller, code, hospital_item_code, on))
