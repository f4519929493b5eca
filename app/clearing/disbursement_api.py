"""The routes of orders, prepayments and deposit releases. They translate, nothing more."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request
from msgspec import Struct
from starlette.responses import Response

from app.clearing import deposit, order, order_list, prepayment, remittance, repayment
from app.clearing.api import Limit, opened, reading
from app.clearing.bank import PaymentRequest
from app.clearing.deposit import RELEASES, ReleaseAnswer, ReleaseRequest
from app.clearing.machine import Act
from app.clearing.order import ORDERS, OrderAnswer, OrderRequest
from app.clearing.payment import Order, Prepayment, Release
from app.clearing.payment_api import Door, add_checked, add_paying, done, sent
from app.clearing.prepayment import PREPAYMENTS, PrepaymentAnswer, PrepaymentRequest
from app.clearing.remittance import RemittanceAnswer
from app.service.http import PAGE_DEFAULT, answer
from app.service.openapi import body, gives
from app.service.security import MONEY_READERS

router = APIRouter(prefix="/v1", tags=["disbursement"])
OrderState = Literal["draft", "approved", "sent", "paid", "part_paid", "returned", "cancelled", "carried_forward"]
PrepaymentState = Literal["draft", "approved", "sent", "paid", "part_paid", "offset", "returned", "cancelled"]
Year = Annotated[int, Query(ge=2000, le=2100)]
ORDER: Final = gives(200, OrderAnswer)
PREPAID: Final = gives(200, PrepaymentAnswer)


async def _show_order(act: Act, row: Order) -> Struct:
    return order.answer_of(row, act.day)


async def _show_prepayment(_: Act, row: Prepayment) -> Struct:
    return prepayment.answer_of(row)


async def _show_release(act: Act, row: Release) -> Struct:
    return await deposit.shown(act.connection, row)


# ---------------------------------------------------------------- orders


@router.post("/disbursements", openapi_extra=body(OrderRequest, keyed=True), responses=gives(201, OrderAnswer))
async def post_order(request: Request) -> Response:
    """Order a fund's approved part of a statement: approved − quality deposit − prepayments − carried forward. A net of
    0 or less makes no order but is carried forward."""
    wanted = await sent(request, OrderRequest)
    return await done(request, wanted, lambda act: order.make(act, wanted), 201)


@router.get("/disbursements", responses=gives(200, OrderAnswer, listed=True))
async def list_orders(
    request: Request,
    period: str | None = None,
    fund: str | None = None,
    hospital_code: str | None = None,
    area_code: str | None = None,
    statement_id: str | None = None,
    state: OrderState | None = None,
    overdue: bool | None = None,
    limit: Limit = PAGE_DEFAULT,
    cursor: str | None = None,
) -> Response:
    """Orders, newest first; ``overdue`` those not paid in full by their day."""
    caller, service = await opened(request, *MONEY_READERS)
    filters = {
        "period": period,
        "fund": fund,
        "hospital_code": hospital_code,
        "area_code": area_code,
        "state": state,
        "statement_id": statement_id,
    }
    return answer(
        await reading(
            caller,
            service,
            lambda connection: order_list.orders(
                service, connection, filters=filters, overdue=overdue, limit=limit, cursor=cursor
            ),
        )
    )


@router.get("/disbursements/{disbursement_id}", responses=ORDER)
async def get_order(request: Request, disbursement_id: str) -> Response:
    """An order."""
    caller, service = await opened(request, *MONEY_READERS)
    return answer(
        await reading(caller, service, lambda connection: order_list.order_of(service, connection, disbursement_id))
    )


@router.get("/disbursements/{disbursement_id}/remittance-advice", responses=gives(200, RemittanceAnswer))
async def get_advice(request: Request, disbursement_id: str) -> Response:
    """What an order pays, down to settlements, to the fen."""
    caller, service = await opened(request, *MONEY_READERS)
    return answer(await reading(caller, service, lambda connection: remittance.advice(connection, disbursement_id)))


add_paying(router, Door("/disbursements", "disbursement_id", "order", OrderAnswer, _show_order), ORDERS)


@router.post(
    "/carries/{disbursement_id}/repayments",
    openapi_extra=body(PaymentRequest, keyed=True),
    responses=gives(200, OrderAnswer),
)
async def post_repayment(request: Request, disbursement_id: str) -> Response:
    """Record money that a hospital gave back of what is carried forward, by another subject than who asked for the
    order; the next order takes that much less off."""
    wanted = await sent(request, PaymentRequest)

    async def repaid(act: Act) -> OrderAnswer:
        return order.answer_of(await repayment.repay(act, disbursement_id, wanted), act.day)

    return await done(request, wanted, repaid)


# ---------------------------------------------------------------- prepayments


@router.post("/prepayments", openapi_extra=body(PrepaymentRequest, keyed=True), responses=gives(201, PrepaymentAnswer))
async def post_prepayment(request: Request) -> Response:
    """Draft a prepayment of a hospital."""
    wanted = await sent(request, PrepaymentRequest)
    return await done(request, wanted, lambda act: prepayment.make(act, wanted), 201)


@router.get("/prepayments", responses=gives(200, PrepaymentAnswer, listed=True))
async def list_prepayments(
    request: Request,
    hospital_code: str | None = None,
    area_code: str | None = None,
    fund: str | None = None,
    year: Year | None = None,
    state: PrepaymentState | None = None,
    limit: Limit = PAGE_DEFAULT,
    cursor: str | None = None,
) -> Response:
    """Prepayments, newest first."""
    caller, service = await opened(request, *MONEY_READERS)
    filters = {"hospital_code": hospital_code, "area_code": area_code, "fund": fund, "year": year, "state": state}
    return answer(
        await reading(
            caller,
            service,
            lambda connection: order_list.prepayments(service, connection, filters=filters, limit=limit, cursor=cursor),
        )
    )


@router.get("/prepayments/{prepayment_id}", responses=PREPAID)
async def get_prepayment(request: Request, prepayment_id: str) -> Response:
    """A prepayment."""
    caller, service = await opened(request, *MONEY_READERS)
    return answer(
        await reading(caller, service, lambda connection: order_list.prepayment_of(connection, prepayment_id))
    )


add_paying(router, Door("/prepayments", "prepayment_id", "prepayment", PrepaymentAnswer, _show_prepayment), PREPAYMENTS)


# ---------------------------------------------------------------- deposits


@router.post("/deposit-releases", openapi_extra=body(ReleaseRequest, keyed=True), responses=gives(201, ReleaseAnswer))
async def post_release(request: Request) -> Response:
    """Draft the final settlement of a year's deposits: the assessed share is released, the rest is a deduction."""
    wanted = await sent(request, ReleaseRequest)
    return await done(request, wanted, lambda act: deposit.make(act, wanted), 201)


@router.get("/deposit-releases", responses=gives(200, ReleaseAnswer, listed=True))
async def list_releases(
    request: Request,
    hospital_code: str | None = None,
    area_code: str | None = None,
    fund: str | None = None,
    year: Year | None = None,
    limit: Limit = PAGE_DEFAULT,
    cursor: str | None = None,
) -> Response:
    """Releases, newest first."""
    caller, service = await opened(request, *MONEY_READERS)
    filters = {"hospital_code": hospital_code, "area_code": area_code, "fund": fund, "year": year}
    return answer(
        await reading(
            caller,
            service,
            lambda connection: order_list.releases(service, connection, filters=filters, limit=limit, cursor=cursor),
        )
    )


add_checked(router, Door("/deposit-releases", "release_id", "release", ReleaseAnswer, _show_release), RELEASES)
