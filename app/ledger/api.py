"""The routes of the ledger. They translate; the ledger is only read here."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.areas import pooling_area
from app.ledger import book, seal_finding
from app.ledger.book import ACCOUNTS, ENTRIES, TrialBalanceAnswer
from app.ledger.seal_finding import AcknowledgementAnswer, AcknowledgementRequest
from app.ledger.seal_finding_list import SEAL_FINDINGS
from app.service.caller import Caller, Service
from app.service.http import QueryDay, answer, caller_of, encoded, service_of
from app.service.idempotency import once
from app.service.lists import add_route
from app.service.openapi import KEYED, body, gives
from app.service.problem import read_body
from app.service.security import OFFICE_READERS, require, require_unrestricted_admin
from app.service.wire import decode

router = APIRouter(prefix="/v1/ledger", tags=["ledger"])
Area = Annotated[str | None, Query(pattern="^[0-9]{6}$")]


@router.get("/trial-balance", responses=gives(200, TrialBalanceAnswer))
async def get_trial_balance(
    request: Request, as_of: QueryDay = None, area_code: Area = None, fund: str | None = None
) -> Response:
    """What was posted to every account until a business day (today without one): the two sums are equal."""
    caller, service = await _reader(request)
    area = None if area_code is None else pooling_area(area_code)
    return answer(await book.trial_balance(service, caller, as_of=as_of, area_code=area, fund=fund))


add_route(router, "/entries", ENTRIES)
add_route(router, "/accounts", ACCOUNTS)
add_route(router, "/seal-findings", SEAL_FINDINGS)


@router.post(
    "/seal-findings/{finding_id}/acknowledgements",
    openapi_extra=body(AcknowledgementRequest, keyed=True),
    responses=gives(201, AcknowledgementAnswer),
)
async def post_acknowledgement(request: Request, finding_id: str) -> Response:
    """Say why what was found may stay as it is. It counts when another administrator has confirmed it."""
    caller, service = await _admin(request)
    wanted = decode(await read_body(request, service.settings.max_body_bytes), AcknowledgementRequest)

    async def act(connection: AsyncConnection) -> tuple[int, bytes]:
        return 201, encoded(await seal_finding.acknowledge(connection, caller, finding_id, wanted))

    return await once(request, caller, wanted, act)


@router.post(
    "/seal-acknowledgements/{acknowledgement_id}/approval",
    openapi_extra=KEYED,
    responses=gives(200, AcknowledgementAnswer),
)
async def post_acknowledgement_approval(request: Request, acknowledgement_id: str) -> Response:
    """Confirm what another administrator said of a finding: it fires no alert any more."""
    caller, _ = await _admin(request)

    async def act(connection: AsyncConnection) -> tuple[int, bytes]:
        return 200, encoded(await seal_finding.confirm(connection, caller, acknowledgement_id))

    return await once(request, caller, None, act)


async def _reader(request: Request) -> tuple[Caller, Service]:
    caller = await caller_of(request)
    require(caller.principal, *OFFICE_READERS)
    return caller, service_of(request)


async def _admin(request: Request) -> tuple[Caller, Service]:
    caller = await caller_of(request)
    require_unrestricted_admin(caller.principal)
    return caller, service_of(request)
