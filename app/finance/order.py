"""One disbursement order: how its amount comes about, what the bank moved, who did what, and the next step."""

from typing import Any, Final

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.clearing import bank, order, order_list, remittance
from app.clearing.api import ReasonRequest
from app.clearing.bank import PaymentRequest, ReturnRequest
from app.clearing.moves import business_now, today
from app.clearing.order import OrderAnswer
from app.finance.history import moves_of
from app.finance.page import Move, PageRoute, Refusal, Visitor, reading, shown, stepped, struct_of, visit
from app.finance.registered import hospital_names
from app.service.security import MONEY_READERS

router = APIRouter(prefix="/finance/orders", route_class=PageRoute, include_in_schema=False)
STEPS: Final = {
    "draft": ("approve", "cancel"),
    "approved": ("send", "cancel"),
    "sent": ("pay", "cancel"),
    "part_paid": ("pay", "return"),
    "paid": ("return",),
    "returned": ("pay", "cancel"),
}
"""What a page offers in a state; the service decides whether it may be done."""


@router.get("/{disbursement_id}")
async def get_order(request: Request, disbursement_id: str) -> Response:
    """An order."""
    return await _page(await visit(request, *MONEY_READERS), disbursement_id)


async def _page(visitor: Visitor, shown_id: str, refusal: Refusal | None = None) -> Response:
    async def read(connection: AsyncConnection) -> dict[str, Any]:
        found = await order_list.order_of(visitor.service, connection, shown_id)
        names = await hospital_names(connection, [found.hospital_code])
        return {
            "order": found,
            "hospital": names.get(found.hospital_code, found.hospital_code),
            "advice": await remittance.advice(connection, shown_id),
            "events": await moves_of(connection, shown_id),
            "today": today(await business_now(visitor.service, connection)),
            "steps": _steps(visitor, found),
        }

    return shown(visitor, "order.html", refusal=refusal, **await reading(visitor, read))


def _steps(visitor: Visitor, found: OrderAnswer) -> tuple[str, ...]:
    steps = STEPS.get(found.state, ()) if visitor.may("finance") else ()
    own = found.created_by == visitor.principal.subject
    return tuple("second" if own and step == "approve" else step for step in steps)


async def _act(request: Request, shown_id: str, notice: str, move: Move) -> Response:
    """One of the steps."""
    return await stepped(
        request,
        move,
        "finance",
        location=f"/finance/orders/{shown_id}",
        notice=f"notice.order.{notice}",
        show=lambda visitor, refusal: _page(visitor, shown_id, refusal),
    )


@router.post("/{disbursement_id}/approve")
async def post_approve(request: Request, disbursement_id: str) -> Response:
    """Approve a draft of somebody else."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> Any:
        return await order.approve(visitor.service, connection, visitor.caller, disbursement_id)

    return await _act(request, disbursement_id, "approved", move)


@router.post("/{disbursement_id}/send")
async def post_send(request: Request, disbursement_id: str) -> Response:
    """Give the order to the bank."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> Any:
        return await order.send(visitor.service, connection, visitor.caller, disbursement_id)

    return await _act(request, disbursement_id, "sent", move)


@router.post("/{disbursement_id}/pay")
async def post_pay(request: Request, disbursement_id: str) -> Response:
    """Record a payment."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> Any:
        wanted = struct_of(form, PaymentRequest, "amount", "paid_on", "bank_reference")
        return await bank.pay_order(visitor.service, connection, visitor.caller, disbursement_id, wanted)

    return await _act(request, disbursement_id, "payment", move)


@router.post("/{disbursement_id}/return")
async def post_return(request: Request, disbursement_id: str) -> Response:
    """Record money that came back."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> Any:
        wanted = struct_of(form, ReturnRequest, "amount", "returned_on", "bank_reference", "reason")
        return await bank.return_order(visitor.service, connection, visitor.caller, disbursement_id, wanted)

    return await _act(request, disbursement_id, "return", move)


@router.post("/{disbursement_id}/cancel")
async def post_cancel(request: Request, disbursement_id: str) -> Response:
    """Cancel an order that has paid nothing."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> Any:
        reason = struct_of(form, ReasonRequest, "reason").reason
        return await order.cancel(visitor.service, connection, visitor.caller, disbursement_id, reason)

    return await _act(request, disbursement_id, "cancelled", move)
