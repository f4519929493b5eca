"""Deductions of audits: proposed, appealed, decided by another person."""

from collections.abc import Mapping
from typing import Any, Final, cast, get_args

from fastapi import APIRouter, Request
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.money import yuan
from app.clearing import deduction
from app.clearing.deduction import AppealRequest, DecisionRequest, deductions_where
from app.clearing.deduction_row import Deduction, Outcome, State, answer_of
from app.clearing.moves import business_now, today
from app.clearing.payment import typed
from app.clearing.plan import FUNDS
from app.clearing.tables import deduction as table
from app.finance.listing import chosen, listed
from app.finance.page import Move, PageRoute, Refusal, Visitor, reading, shown, stepped, struct_of, visit
from app.finance.registered import hospital_names
from app.service.caller import Service
from app.service.security import MONEY_READERS

router = APIRouter(prefix="/finance/audit", route_class=PageRoute, include_in_schema=False)
STATES: Final = get_args(State)
OUTCOMES: Final = get_args(Outcome)
COLUMNS: Final = {
    "deduction": table.c.deduction_id,
    "hospital": table.c.hospital_code,
    "fund": table.c.fund,
    "amount": table.c.amount,
    "appeal_by": table.c.appeal_by,
    "state": table.c.state,
}


async def _asked(service: Service, connection: AsyncConnection, query: Mapping[str, str]) -> Select[Any]:
    day = today(await business_now(service, connection))
    filters = {"fund": chosen(query, "fund", FUNDS), "hospital_code": chosen(query, "hospital_code")}
    return deductions_where(day, cast(State | None, chosen(query, "state", STATES)), filters)


@router.get("")
async def get_deductions(request: Request) -> Response:
    """The deductions."""
    return await _page(await visit(request, *MONEY_READERS))


async def _page(visitor: Visitor, refusal: Refusal | None = None) -> Response:
    query = visitor.request.query_params

    async def read(connection: AsyncConnection) -> dict[str, Any]:
        day = today(await business_now(visitor.service, connection))
        wanted = await _asked(visitor.service, connection, query)
        key = table.c.deduction_id
        listing = await listed(
            query, connection, wanted, columns=COLUMNS, default="-deduction", key=key, sums=("amount",)
        )
        return {
            "listing": listing,
            "rows": [answer_of(typed(row, Deduction), day) for row in listing.rows],
            "names": await hospital_names(connection, [row["hospital_code"] for row in listing.rows]),
            "total": yuan(listing.sums["amount"]),
            "states": STATES,
            "outcomes": OUTCOMES,
            "funds": FUNDS,
        }

    return shown(visitor, "audit.html", refusal=refusal, **await reading(visitor, read))


async def _act(request: Request, notice: str, move: Move, scope: str) -> Response:
    return await stepped(
        request,
        move,
        scope,
        location="/finance/audit",
        notice=f"notice.deduction.{notice}",
        show=lambda visitor, refusal: _page(visitor, refusal),
    )


@router.post("/{deduction_id}/decide")
async def post_decide(request: Request, deduction_id: str) -> Response:
    """Decide an appeal."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> Any:
        wanted = struct_of(form, DecisionRequest, "outcome", "amount", "reason")
        return await deduction.decide(visitor.service, connection, visitor.caller, deduction_id, wanted)

    return await _act(request, "decided", move, "finance")


@router.post("/{deduction_id}/appeal")
async def post_appeal(request: Request, deduction_id: str) -> Response:
    """The hospital disagrees."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> Any:
        wanted = struct_of(form, AppealRequest, "reason")
        return await deduction.appeal(visitor.service, connection, visitor.caller, deduction_id, wanted)

    return await _act(request, "appealed", move, "hospital")


@router.post("/{deduction_id}/accept")
async def post_accept(request: Request, deduction_id: str) -> Response:
    """The hospital agrees."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> Any:
        return await deduction.accept(visitor.service, connection, visitor.caller, deduction_id)

    return await _act(request, "accepted", move, "hospital")
