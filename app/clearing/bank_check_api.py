"""The routes of bank checks after a restoration. They translate, nothing more."""

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.clearing import bank_check
from app.clearing.api import opened, reading, writing
from app.clearing.bank_check import BankCheckAnswer, BankCheckRequest, BankChecksAnswer
from app.service.http import answer
from app.service.openapi import KEYED, body, gives
from app.service.problem import read_body
from app.service.wire import decode

router = APIRouter(prefix="/v1/bank-checks", tags=["bank checks"])


@router.post("", openapi_extra=body(BankCheckRequest, keyed=True), responses=gives(201, BankCheckAnswer))
async def post_bank_check(request: Request) -> Response:
    """Enter, after a restoration, that the bank was looked through for what was paid meanwhile, of all that is the
    caller's. It counts when another subject has approved it; until then nothing of it is sent."""
    caller, service = await opened(request, "finance")
    wanted = decode(await read_body(request, service.settings.max_body_bytes), BankCheckRequest)

    async def act(connection: AsyncConnection) -> BankCheckAnswer:
        return await bank_check.enter(service, connection, caller, wanted)

    return await writing(request, caller, wanted, 201, act)


@router.get("", responses=gives(200, BankChecksAnswer))
async def get_bank_checks(request: Request) -> Response:
    """Whether sending waits for a check of the bank, what was restored, and the checks made since."""
    caller, service = await opened(request, "finance", "auditor")
    return answer(await reading(caller, service, lambda connection: bank_check.state_of(connection, caller)))


@router.post("/{check_id}/approval", openapi_extra=KEYED, responses=gives(200, BankCheckAnswer))
async def post_bank_check_approval(request: Request, check_id: str) -> Response:
    """Approve a check that another subject entered: what it covers may be sent."""
    caller, service = await opened(request, "finance")

    async def act(connection: AsyncConnection) -> BankCheckAnswer:
        return await bank_check.approve(service, connection, caller, check_id)

    return await writing(request, caller, None, 200, act)
