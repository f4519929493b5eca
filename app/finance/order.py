"""One disbursement order: how its amount comes about, what the bank moved, who did what, and the next step."""

from decimal import Decimal

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.ids import DISBURSEMENT, number_of
from app.clearing import order_list, order_paper, pinned, remittance
from app.clearing.document_number import number_order
from app.clearing.machine import acting
from app.clearing.moves import business_now, today
from app.clearing.order import ORDERS, answer_of
from app.clearing.payment import PaymentKind, PaymentState
from app.finance.following import following
from app.finance.history import moves_of
from app.finance.numbering import number_in
from app.finance.page import Contents, PageRoute, Refusal, Visitor, reading, shown, stepped, visit
from app.finance.payment_steps import Pages, add_steps, steps_for
from app.finance.registered import hospital_names
from app.service.security import MONEY_READERS
from app.settlement.slip_pdf import PDF_TYPE

router = APIRouter(prefix="/finance/orders", route_class=PageRoute, include_in_schema=False)


@router.get("/{disbursement_id}")
async def get_order(request: Request, disbursement_id: str) -> Response:
    """An order."""
    return await _page(await visit(request, *MONEY_READERS), disbursement_id)


@router.get("/{disbursement_id}/order.pdf")
async def get_paper(request: Request, disbursement_id: str) -> Response:
    """The order on paper, with its document number."""
    visitor = await visit(request, *MONEY_READERS)
    content = await order_paper.order_pdf(visitor.service, visitor.caller, disbursement_id)
    headers = {
        "Content-Disposition": f'inline; filename="{DISBURSEMENT}{number_of(DISBURSEMENT, disbursement_id)}.pdf"'
    }
    return Response(content, 200, headers, PDF_TYPE)


@router.post("/{disbursement_id}/number")
async def post_number(request: Request, disbursement_id: str) -> Response:
    """Give the order its document number."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        act = await acting(visitor.service, connection, visitor.caller)
        return await number_order(act, disbursement_id, number_in(form))

    return await stepped(
        request,
        move,
        "finance",
        location=f"/finance/orders/{disbursement_id}",
        notice="notice.numbered",
        show=lambda visitor, refusal: _page(visitor, disbursement_id, refusal),
    )


async def _page(visitor: Visitor, shown_id: str, refusal: Refusal | None = None) -> Response:
    async def read(connection: AsyncConnection) -> Contents:
        row = await order_list.order_row(connection, shown_id)
        day = today(await business_now(visitor.service, connection))
        found, current = answer_of(row, day), await pinned.is_current(connection, row)
        steps = steps_for(visitor, PaymentKind.ORDER, row.state, row.subject, account_is_current=current)
        names = await hospital_names(connection, [found.hospital_code])
        return {
            "order": found,
            "hospital": names.get(found.hospital_code, found.hospital_code),
            "advice": await remittance.advice(connection, shown_id),
            "events": await moves_of(connection, shown_id),
            "today": day,
            "changed": row.state is PaymentState.APPROVED and not current,
            "steps": () if found.taken_by else steps,
            "numberable": row.state in (PaymentState.DRAFT, PaymentState.APPROVED),
            "following": await following(visitor, connection, "/finance/orders", row.disbursement_id),
            "left": str(-Decimal(found.amount) - Decimal(found.repaid)),
        }

    return shown(visitor, "order.html", await reading(visitor, read), refusal=refusal)


async def _again(visitor: Visitor, shown_id: str, refusal: Refusal) -> Response:
    return await _page(visitor, shown_id, refusal)


add_steps(router, Pages("/finance/orders", "order", ORDERS, _again))
