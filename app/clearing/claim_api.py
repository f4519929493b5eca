"""The routes of claims of persons. They translate, nothing more."""

from fastapi import APIRouter, Request
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.ids import CLAIM, number_of, shown_id
from app.clearing import claim, person_account
from app.clearing.api import opened, reading
from app.clearing.bank import PaymentRequest
from app.clearing.claim import CLAIMS, ClaimAnswer
from app.clearing.claim_list import CLAIM_LIST
from app.clearing.claim_slip import slip_pdf
from app.clearing.deduction_proposal import ClaimDeductionRequest, propose_of_claim
from app.clearing.deduction_row import DeductionAnswer
from app.clearing.machine import Act
from app.clearing.moves import business_now, today
from app.clearing.payment import Claim
from app.clearing.payment_api import Door, add_paying, done, sent
from app.clearing.person_account import PersonAccountAnswer, PersonAccountRequest
from app.registry.hospital_facts import AskedChange
from app.service.http import answer, tagged
from app.service.lists import add_route
from app.service.openapi import KEYED, body, gives
from app.service.problem import read_body
from app.service.security import REGISTRY_READERS
from app.service.wire import decode
from app.settlement.slip_pdf import PDF_TYPE

router = APIRouter(prefix="/v1", tags=["claims"])


async def _show(act: Act, row: Claim) -> Struct:
    return claim.answer_of(act.service.book, row, act.day)


add_route(router, "/claims", CLAIM_LIST)


@router.get("/claims/{claim_id}", responses=gives(200, ClaimAnswer))
async def get_claim(request: Request, claim_id: str) -> Response:
    """A claim of a person."""
    caller, service = await opened(request, *REGISTRY_READERS)

    async def read(connection: AsyncConnection) -> ClaimAnswer:
        row = await claim.claim_of(connection, claim_id)
        return claim.answer_of(service.book, row, today(await business_now(service, connection)))

    return answer(await reading(caller, service, read))


add_paying(router, Door("/claims", "claim_id", "claim", ClaimAnswer, _show), CLAIMS)


@router.get(
    "/claims/{claim_id}/slip",
    response_class=Response,
    responses={200: {"description": "OK", "content": {PDF_TYPE: {}}}},
)
async def get_claim_slip(request: Request, claim_id: str) -> Response:
    """The slip of payment 零星报销拨付单 of a claim, as PDF (A4, archival)."""
    caller, service = await opened(request, *REGISTRY_READERS)
    headers = {"Content-Disposition": f'inline; filename="{shown_id(CLAIM, number_of(CLAIM, claim_id))}.pdf"'}
    return Response(await slip_pdf(service, caller, claim_id), 200, headers, PDF_TYPE)


@router.post(
    "/claims/{claim_id}/repayments", openapi_extra=body(PaymentRequest, keyed=True), responses=gives(200, ClaimAnswer)
)
async def post_claim_repayment(request: Request, claim_id: str) -> Response:
    """Record money that the person gave back of a claim whose settlement was taken back, by another than who settled
    it."""
    wanted = await sent(request, PaymentRequest)

    async def act(act: Act) -> Struct:
        return await _show(act, await claim.repay(act, claim_id, wanted))

    return await done(request, wanted, act)


@router.post(
    "/claims/{claim_id}/deductions",
    openapi_extra=body(ClaimDeductionRequest, keyed=True),
    responses=gives(201, DeductionAnswer),
)
async def post_claim_deduction(request: Request, claim_id: str) -> Response:
    """Propose to deduct from a claim that waits for its approval (finance). The registering office may appeal for the
    person until ``appeal_by``; no appeal in time is agreement. Its further moves are those of every deduction."""
    wanted = await sent(request, ClaimDeductionRequest)
    return await done(request, wanted, lambda act: propose_of_claim(act, claim_id, wanted), 201)


# ---------------------------------------------------------------- the account that claims are paid to


@router.put(
    "/persons/{person_id}/bank-account",
    openapi_extra=body(PersonAccountRequest, matched=True),
    responses=gives(200, PersonAccountAnswer),
)
async def put_person_account(request: Request, person_id: str) -> Response:
    """Ask for a person's account to be changed. It holds when another subject has approved it; null removes it."""
    caller, service = await opened(request, "registry", "finance")
    wanted = decode(await read_body(request, service.settings.max_body_bytes), PersonAccountRequest)
    return answer(
        await reading(
            caller,
            service,
            lambda connection: person_account.ask(service.keys, connection, caller, person_id, wanted),
        )
    )


@router.get("/persons/{person_id}/bank-account", responses=gives(200, PersonAccountAnswer, versioned=True))
async def get_person_account(request: Request, person_id: str) -> Response:
    """A person's account, its number masked, and the change that waits."""
    caller, service = await opened(request, *REGISTRY_READERS)
    return tagged(
        await reading(
            caller, service, lambda connection: person_account.account_of(service.keys, connection, person_id)
        )
    )


@router.post("/bank-account-changes/{change_id}/approval", openapi_extra=KEYED, responses=gives(200, AskedChange))
async def post_account_change_approval(request: Request, change_id: str) -> Response:
    """Approve a change of a person's or a hospital's account that another subject asked for."""
    return await done(request, None, lambda act: person_account.approve_any(act, change_id))
