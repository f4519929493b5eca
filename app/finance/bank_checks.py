"""After a restoration the bank is looked through before anything is sent: one enters until when, another approves."""

from typing import Final

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.clearing import bank_check
from app.clearing.bank_check import BankCheckRequest
from app.clearing.moves import business_now, today
from app.finance.page import Contents, Move, PageRoute, Refusal, Visitor, reading, shown, stepped, struct_of, visit
from app.finance.typing_in import day
from app.service.security import OFFICE_READERS

router = APIRouter(prefix="/finance/bank-checks", route_class=PageRoute, include_in_schema=False)
PATH: Final = "/finance/bank-checks"


@router.get("")
async def get_bank_checks(request: Request) -> Response:
    """What was restored last, whether sending waits, and the checks made since."""
    return await _page(await visit(request, *OFFICE_READERS))


async def _page(visitor: Visitor, refusal: Refusal | None = None) -> Response:
    async def read(connection: AsyncConnection) -> Contents:
        found = await bank_check.state_of(connection, visitor.caller)
        mine = visitor.principal.subject
        others = [one for one in found.data if one.state == bank_check.DRAFT and one.subject != mine]
        return {
            "found": found,
            "approvable": [one.bank_check_id for one in others if bank_check.reaches(visitor.caller, one)],
            "today": today(await business_now(visitor.service, connection)),
        }

    visitor.request.state.page = PATH
    return shown(visitor, "bank_checks.html", await reading(visitor, read), refusal=refusal)


@router.post("")
async def post_bank_check(request: Request) -> Response:
    """Enter until when the bank was looked through."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        typed = {"checked_until": day(form.get("checked_until", ""))}
        wanted = struct_of(typed, BankCheckRequest, "checked_until")
        return await bank_check.enter(visitor.service, connection, visitor.caller, wanted)

    return await _act(request, "made", move)


@router.post("/{check_id}/approve")
async def post_approve(request: Request, check_id: str) -> Response:
    """Approve somebody else's check: what it covers may be sent."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        return await bank_check.approve(visitor.service, connection, visitor.caller, check_id)

    return await _act(request, "approved", move)


async def _act(request: Request, notice: str, move: Move) -> Response:
    return await stepped(request, move, "finance", location=PATH, notice=f"notice.bank_check.{notice}", show=_page)
