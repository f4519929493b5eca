"""Claims of persons: the list, one claim with its deductions, its account and its next steps, its slip of payment."""

from typing import Final

import msgspec
from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.ids import CLAIM, number_of
from app.basics.money import yuan
from app.clearing import bank, claim, person_account
from app.clearing.claim import CLAIMS, claim_of, is_account_current
from app.clearing.claim_list import CLAIM_LIST
from app.clearing.claim_slip import slip_pdf
from app.clearing.deduction import of_claim
from app.clearing.deduction_proposal import WAITING, ClaimDeductionRequest, propose_of_claim
from app.clearing.deduction_row import Deduction
from app.clearing.deduction_row import answer_of as deduction_answer
from app.clearing.machine import acting
from app.clearing.moves import business_now, today
from app.clearing.payment import Claim, PaymentKind, PaymentState, typed
from app.clearing.tables import deduction
from app.finance.following import following
from app.finance.history import moves_of
from app.finance.list_page import ListPage, get_list
from app.finance.page import Contents, PageRoute, Refusal, Visitor, reading, shown, stepped, visit
from app.finance.payment_steps import Pages, add_steps, steps_for
from app.finance.registered import hospital_names
from app.service.wire import decode
from app.settlement.slip_pdf import PDF_TYPE

router = APIRouter(prefix="/finance/claims", route_class=PageRoute, include_in_schema=False)
MOST_DIGITS: Final = 9
PAGE: Final = ListPage(
    declared=CLAIM_LIST,
    address="/finance/claims",
    members=("claim_id", "person_id", "settlement_id", "fund", "amount", "paid", "due_on", "state"),
    key="claim_id",
    template="claims.html",
    batch=("approve", "send", "pay"),
)


@router.get("")
async def get_claims(request: Request) -> Response:
    """The claims."""
    return await get_list(request, PAGE)


@router.get("/{claim_id}")
async def get_claim(request: Request, claim_id: str) -> Response:
    """A claim."""
    return await _page(await visit(request, *CLAIM_LIST.scopes), claim_id)


@router.get("/{claim_id}/slip.pdf")
async def get_slip(request: Request, claim_id: str) -> Response:
    """The claim's slip of payment."""
    visitor = await visit(request, *CLAIM_LIST.scopes)
    headers = {"Content-Disposition": f'inline; filename="{CLAIM}{number_of(CLAIM, claim_id)}.pdf"'}
    return Response(await slip_pdf(visitor.service, visitor.caller, claim_id), 200, headers, PDF_TYPE)


async def _page(visitor: Visitor, claim_id: str, refusal: Refusal | None = None) -> Response:
    async def read(connection: AsyncConnection) -> Contents:
        row = await claim_of(connection, claim_id)
        day = today(await business_now(visitor.service, connection))
        mine = select(deduction).where(of_claim(row.claim_id)).order_by(deduction.c.deduction_id)
        found = (await connection.execute(mine)).mappings()
        names = await hospital_names(connection, [row.hospital_code])
        current = await is_account_current(connection, row)
        return {
            "claim": claim.answer_of(visitor.service.book, row, day),
            "payable": yuan(row.payable),
            "at_bank": yuan(row.at_bank),
            "hospital": names.get(row.hospital_code, row.hospital_code),
            "deductions": [deduction_answer(typed(one, Deduction), day) for one in found],
            "pinned": person_account.masked_account(visitor.service.keys, row.person_id, row.account),
            "holding": await person_account.account_within(visitor.service.keys, connection, row.person_id),
            "changed": row.state is PaymentState.APPROVED and not current,
            "movements": await bank.movements(connection, claim_id, row.claim_id),
            "events": await moves_of(connection, claim_id),
            "today": day,
            "steps": _steps(visitor, row, account_is_current=current),
            "following": await following(visitor, connection, "/finance/claims", row.claim_id),
            "cuts": visitor.may("finance") and row.state in WAITING and row.amount > 0,
        }

    return shown(visitor, "claim.html", await reading(visitor, read), refusal=refusal)


def _steps(visitor: Visitor, row: Claim, *, account_is_current: bool) -> tuple[str, ...]:
    """What the page offers: payments and returns while there is anything to pay or return."""
    idle = {"pay": row.payable <= 0, "return": row.paid == 0}
    steps = steps_for(visitor, PaymentKind.CLAIM, row.state, row.subject, account_is_current=account_is_current)
    return tuple(step for step in steps if not idle.get(step))


@router.post("/{claim_id}/deduct")
async def post_deduct(request: Request, claim_id: str) -> Response:
    """Propose a deduction."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        sent: dict[str, str | int] = {
            name: form[name] for name in ("amount", "reason_code", "reason") if form.get(name)
        }
        if line := form.get("line_no"):
            sent["line_no"] = int(line) if line.isascii() and line.isdecimal() and len(line) <= MOST_DIGITS else line
        wanted = decode(msgspec.json.encode(sent), ClaimDeductionRequest)
        return await propose_of_claim(await acting(visitor.service, connection, visitor.caller), claim_id, wanted)

    return await stepped(
        request,
        move,
        "finance",
        location=f"/finance/claims/{claim_id}",
        notice="notice.deduction.proposed",
        show=lambda visitor, refusal: _page(visitor, claim_id, refusal),
    )


add_steps(router, Pages("/finance/claims", "claim", CLAIMS, _page, claim.repay))
