"""The routes of claims of persons. They translate, nothing more."""

from typing import Final, Literal

from fastapi import APIRouter, Request
from msgspec import Struct
from sqlalchemy import select
from starlette.responses import Response

from app.basics.days import shanghai_day
from app.clearing import claim, machine, person_account
from app.clearing.api import opened, reading
from app.clearing.bank import PaymentRequest, ReturnRequest
from app.clearing.claim import CLAIMS, ClaimAnswer
from app.clearing.machine import Act
from app.clearing.moves import business_now, by_another, pooling_area_of
from app.clearing.payment import Claim
from app.clearing.payment_api import Door, add_paying, done, sent
from app.clearing.person_account import AccountChangeAnswer, PersonAccountAnswer, PersonAccountRequest
from app.clearing.tables import claim as claim_table
from app.service import clock
from app.service.columns import columns_of
from app.service.http import answer, open_request
from app.service.lists import Asked, DeclaredList, Filters, Page, add_route, page_of
from app.service.openapi import KEYED, body, gives
from app.service.problem import read_body
from app.service.security import MONEY_READERS, OFFICE_READERS
from app.service.wire import AreaCode, Code, decode

router = APIRouter(prefix="/v1", tags=["claims"])
ClaimState = Literal[
    "draft",
    "approved",
    "sent",
    "paid",
    "part_paid",
    "returned",
    "cancelled",
    "reversed",
    "recoverable_from_person",
]


class ClaimFilters(Filters, frozen=True):
    """The claims of a state, an area (a county is read as its pooling area), a fund, a person, a settlement."""

    state: ClaimState | None = None
    area_code: AreaCode | None = None
    fund: Code | None = None
    person_id: Code | None = None


async def _claims(asked: Asked[ClaimFilters, int]) -> Page[ClaimAnswer, int]:
    service, columns, wanted = asked.service, claim_table.c, asked.filters
    async with service.database.transaction() as connection:
        await open_request(service, connection, asked.caller)
        day = shanghai_day(await clock.now(connection, manual=service.manual_clock))
        rows = select(claim_table).order_by(columns.claim_id.desc()).limit(asked.limit + 1)
        area = None if wanted.area_code is None else await pooling_area_of(connection, wanted.area_code)
        named = {"state": wanted.state, "area_code": area, "fund": wanted.fund, "person_id": wanted.person_id}
        for name, value in named.items():
            rows = rows if value is None else rows.where(columns[name] == value)
        if asked.after is not None:
            rows = rows.where(columns.claim_id < asked.after)
        found = (await connection.execute(rows)).mappings().all()
    return page_of(
        found,
        asked.limit,
        lambda row: claim.answer_of_row(service.book, row, day),
        lambda row: int(row["claim_id"]),
    )


CLAIM_LIST: Final = DeclaredList(
    name="claims",
    title={"zh": "零星报销单", "en": "Claims of persons"},
    about="Claims of persons, newest first.",
    scopes=OFFICE_READERS,
    filters=ClaimFilters,
    row=ClaimAnswer,
    columns=columns_of(ClaimAnswer),
    position=int,
    read=_claims,
)


async def _show(act: Act, row: Claim) -> Struct:
    return claim.answer_of(act.service.book, row, act.day)


add_route(router, "/claims", CLAIM_LIST)


@router.get("/claims/{claim_id}", responses=gives(200, ClaimAnswer))
async def get_claim(request: Request, claim_id: str) -> Response:
    """A claim of a person."""
    caller, service = await opened(request, *OFFICE_READERS)

    async def read(connection: object) -> ClaimAnswer:
        row = await claim.claim_of(connection, claim_id)  # type: ignore[arg-type]
        day = shanghai_day(await business_now(service, connection))  # type: ignore[arg-type]
        return claim.answer_of(service.book, row, day)

    return answer(await reading(caller, service, read))


add_paying(router, Door("/claims", "claim_id", "claim", ClaimAnswer, _show), CLAIMS)


@router.post(
    "/claims/{claim_id}/repayments", openapi_extra=body(PaymentRequest, keyed=True), responses=gives(200, ClaimAnswer)
)
async def post_claim_repayment(request: Request, claim_id: str) -> Response:
    """Record money that the person gave back of a claim whose settlement was taken back, by another than who settled
    it."""
    wanted = await sent(request, PaymentRequest)

    async def act(act: Act) -> Struct:
        by_another(act.caller, (await claim.claim_of(act.connection, claim_id)).subject)
        returned = ReturnRequest(wanted.amount, wanted.paid_on, wanted.bank_reference, "个人退回")
        return await _show(act, await machine.give_back(act, CLAIMS, claim_id, returned))

    return await done(request, wanted, act)


# ---------------------------------------------------------------- the account that claims are paid to


@router.put(
    "/persons/{person_id}/bank-account",
    openapi_extra=body(PersonAccountRequest),
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


@router.get("/persons/{person_id}/bank-account", responses=gives(200, PersonAccountAnswer))
async def get_person_account(request: Request, person_id: str) -> Response:
    """A person's account, its number masked, and the change that waits."""
    caller, service = await opened(request, *MONEY_READERS, "registry")
    return answer(
        await reading(
            caller, service, lambda connection: person_account.account_of(service.keys, connection, person_id)
        )
    )


@router.post(
    "/bank-account-changes/{change_id}/approval", openapi_extra=KEYED, responses=gives(200, AccountChangeAnswer)
)
async def post_account_change_approval(request: Request, change_id: str) -> Response:
    """Approve a change of an account that another subject asked for."""
    return await done(request, None, lambda act: person_account.approve(act, change_id))
