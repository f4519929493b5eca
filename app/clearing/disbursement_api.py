"""The routes of orders, prepayments and deposit releases. They translate, nothing more."""

from typing import Final

from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.responses import Response

from app.clearing import deposit, lists, order, order_list, prepayment, remittance, repayment
from app.clearing.api import opened, reading
from app.clearing.bank import PaymentRequest
from app.clearing.deposit import RELEASES, ReleaseAnswer, ReleaseRequest
from app.clearing.document_number import NumberRequest, number_order
from app.clearing.machine import Act
from app.clearing.order import ORDERS, OrderAnswer, OrderRequest
from app.clearing.payment import Order, Prepayment, Release
from app.clearing.payment_api import Door, add_checked, add_paying, done, sent
from app.clearing.prepayment import PREPAYMENTS, PrepaymentAnswer, PrepaymentRequest
from app.clearing.remittance import RemittanceAnswer
from app.service.http import answer
from app.service.lists import add_route
from app.service.openapi import body, gives
from app.service.security import MONEY_READERS

router = APIRouter(prefix="/v1", tags=["disbursement"])
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


add_route(router, "/disbursements", lists.ORDERS)


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


@router.post(
    "/disbursements/{disbursement_id}/document-number",
    openapi_extra=body(NumberRequest, keyed=True),
    responses=ORDER,
)
async def post_number(request: Request, disbursement_id: str) -> Response:
    """Give an order the office's own document number, change it or take it away, until it is sent."""
    wanted = await sent(request, NumberRequest)

    async def numbered(act: Act) -> OrderAnswer:
        return order.answer_of(await number_order(act, disbursement_id, wanted), act.day)

    return await done(request, wanted, numbered)


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


add_route(router, "/prepayments", lists.PREPAYMENTS)


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


add_route(router, "/deposit-releases", lists.RELEASES)


add_checked(router, Door("/deposit-releases", "release_id", "release", ReleaseAnswer, _show_release), RELEASES)
