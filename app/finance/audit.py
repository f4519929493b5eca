"""Deductions of audits: proposed, appealed, decided by another person."""

from typing import Final, get_args

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.clearing import deduction
from app.clearing.deduction import AppealRequest, DecisionRequest
from app.clearing.deduction_row import Outcome
from app.clearing.lists import DEDUCTIONS
from app.finance.list_page import ListPage, list_shown
from app.finance.page import Move, PageRoute, Refusal, Visitor, stepped, struct_of, visit

router = APIRouter(prefix="/finance/audit", route_class=PageRoute, include_in_schema=False)
OUTCOMES: Final = get_args(Outcome)
PAGE: Final = ListPage(
    declared=DEDUCTIONS,
    address="/finance/audit",
    members=(
        *("deduction_id", "hospital_code", "settlement_id", "claim_id", "fund", "reason", "amount", "upheld"),
        *("appeal_by", "state"),
    ),
    key="deduction_id",
    template="audit.html",
)


@router.get("")
async def get_deductions(request: Request) -> Response:
    """The deductions."""
    return await _page(await visit(request, *DEDUCTIONS.scopes))


async def _page(visitor: Visitor, refusal: Refusal | None = None) -> Response:
    return await list_shown(visitor, PAGE, refusal, outcomes=OUTCOMES)


async def _act(request: Request, notice: str, move: Move, *scopes: str) -> Response:
    return await stepped(
        request,
        move,
        *scopes,
        location="/finance/audit",
        notice=f"notice.deduction.{notice}",
        show=lambda visitor, refusal: _page(visitor, refusal),
    )


@router.post("/{deduction_id}/decide")
async def post_decide(request: Request, deduction_id: str) -> Response:
    """Decide an appeal."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        wanted = struct_of(form, DecisionRequest, "outcome", "amount", "reason")
        return await deduction.decide(visitor.service, connection, visitor.caller, deduction_id, wanted)

    return await _act(request, "decided", move, "finance")


@router.post("/{deduction_id}/appeal")
async def post_appeal(request: Request, deduction_id: str) -> Response:
    """The hospital disagrees, or the registering office for a person."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        wanted = struct_of(form, AppealRequest, "reason")
        return await deduction.appeal(visitor.service, connection, visitor.caller, deduction_id, wanted)

    return await _act(request, "appealed", move, "hospital", "registry")


@router.post("/{deduction_id}/accept")
async def post_accept(request: Request, deduction_id: str) -> Response:
    """The hospital agrees, or the registering office for a person."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        return await deduction.accept(visitor.service, connection, visitor.caller, deduction_id)

    return await _act(request, "accepted", move, "hospital", "registry")
