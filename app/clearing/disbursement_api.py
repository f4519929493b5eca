"""The routes of orders, prepayments and deposit releases. They translate, nothing more."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.clearing import bank, deposit, order, order_list, prepayment, remittance
from app.clearing.api import Limit, ReasonRequest, opened, reading, reason_of, writing
from app.clearing.bank import PaymentRequest, ReturnRequest
from app.clearing.deposit import ReleaseAnswer, ReleaseRequest
from app.clearing.order import OrderAnswer, OrderRequest
from app.clearing.prepayment import PrepaymentAnswer, PrepaymentRequest
from app.clearing.remittance import RemittanceAnswer
from app.service.caller import Caller, Service
from app.service.http import PAGE_DEFAULT, answer
from app.service.openapi import KEYED, body, gives
from app.service.problem import read_body
from app.service.security import MONEY_READERS
from app.service.wire import decode

router = APIRouter(prefix="/v1", tags=["disbursement"])
OrderState = Literal["draft", "approved", "sent", "paid", "part_paid", "returned", "cancelled", "carried_forward"]
PrepaymentState = Literal["draft", "approved", "sent", "paid", "part_paid", "offset", "returned", "cancelled"]
Year = Annotated[int, Query(ge=2000, le=2100)]
Moving = Callable[[Service, AsyncConnection, Caller, str], Awaitable[Any]]
ORDER: Final = gives(200, OrderAnswer)
PREPAID: Final = gives(200, PrepaymentAnswer)


async def _sent(request: Request, type_: type[Any]) -> tuple[Caller, Service, Any]:
    caller, service = await opened(request, "finance")
    return caller, service, decode(await read_body(request, service.settings.max_body_bytes), type_)


async def _moved(request: Request, shown: str, move: Moving) -> Response:
    """A move that needs no more than the object's id."""
    caller, service = await opened(request, "finance")
    return await writing(request, caller, None, 200, lambda connection: move(service, connection, caller, shown))


async def _cancelled(request: Request, shown: str, cancel: Callable[..., Awaitable[Any]]) -> Response:
    caller, service = await opened(request, "finance")
    wanted = await reason_of(request, service)
    return await writing(
        request, caller, wanted, 200, lambda connection: cancel(service, connection, caller, shown, wanted.reason)
    )


async def _confirmed(request: Request, shown: str, type_: type[Any], act: Callable[..., Awaitable[Any]]) -> Response:
    caller, service, wanted = await _sent(request, type_)
    return await writing(
        request, caller, wanted, 200, lambda connection: act(service, connection, caller, shown, wanted)
    )


# ---------------------------------------------------------------- orders


@router.post("/disbursements", openapi_extra=body(OrderRequest, keyed=True), responses=gives(201, OrderAnswer))
async def post_order(request: Request) -> Response:
    """Order a fund's approved part of a statement: approved − quality deposit − prepayments − carried forward. A net of 0 or
    less makes no order but is carried forward."""
    caller, service, wanted = await _sent(request, OrderRequest)
    return await writing(
        request, caller, wanted, 201, lambda connection: order.make(service, connection, caller, wanted)
    )


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


@router.post("/disbursements/{disbursement_id}/approval", openapi_extra=KEYED, responses=ORDER)
async def post_order_approval(request: Request, disbursement_id: str) -> Response:
    """Approve a draft made by another subject."""
    return await _moved(request, disbursement_id, order.approve)


@router.post("/disbursements/{disbursement_id}/sending", openapi_extra=KEYED, responses=ORDER)
async def post_order_sending(request: Request, disbursement_id: str) -> Response:
    """Give an approved order to the bank."""
    return await _moved(request, disbursement_id, order.send)


@router.post(
    "/disbursements/{disbursement_id}/payments",
    openapi_extra=body(PaymentRequest, keyed=True),
    responses=gives(200, OrderAnswer),
)
async def post_order_payment(request: Request, disbursement_id: str) -> Response:
    """Record the bank's confirmation of a payment, whole or part."""
    return await _confirmed(request, disbursement_id, PaymentRequest, bank.pay_order)


@router.post(
    "/disbursements/{disbursement_id}/returns",
    openapi_extra=body(ReturnRequest, keyed=True),
    responses=gives(200, OrderAnswer),
)
async def post_order_return(request: Request, disbursement_id: str) -> Response:
    """Record money that the bank gave back: that much is due again."""
    return await _confirmed(request, disbursement_id, ReturnRequest, bank.return_order)


@router.post(
    "/disbursements/{disbursement_id}/cancellation", openapi_extra=body(ReasonRequest, keyed=True), responses=ORDER
)
async def post_order_cancellation(request: Request, disbursement_id: str) -> Response:
    """Cancel an order that has paid nothing."""
    return await _cancelled(request, disbursement_id, order.cancel)


# ---------------------------------------------------------------- prepayments


@router.post("/prepayments", openapi_extra=body(PrepaymentRequest, keyed=True), responses=gives(201, PrepaymentAnswer))
async def post_prepayment(request: Request) -> Response:
    """Draft a prepayment of a hospital."""
    caller, service, wanted = await _sent(request, PrepaymentRequest)
    return await writing(
        request, caller, wanted, 201, lambda connection: prepayment.make(service, connection, caller, wanted)
    )


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


@router.post("/prepayments/{prepayment_id}/approval", openapi_extra=KEYED, responses=PREPAID)
async def post_prepayment_approval(request: Request, prepayment_id: str) -> Response:
    """Approve a draft made by another subject."""
    return await _moved(request, prepayment_id, prepayment.approve)


@router.post("/prepayments/{prepayment_id}/sending", openapi_extra=KEYED, responses=PREPAID)
async def post_prepayment_sending(request: Request, prepayment_id: str) -> Response:
    """Give an approved prepayment to the bank."""
    return await _moved(request, prepayment_id, prepayment.send)


@router.post(
    "/prepayments/{prepayment_id}/payments",
    openapi_extra=body(PaymentRequest, keyed=True),
    responses=gives(200, PrepaymentAnswer),
)
async def post_prepayment_payment(request: Request, prepayment_id: str) -> Response:
    """Record the bank's confirmation of a payment, whole or part."""
    return await _confirmed(request, prepayment_id, PaymentRequest, bank.pay_prepayment)


@router.post(
    "/prepayments/{prepayment_id}/returns",
    openapi_extra=body(ReturnRequest, keyed=True),
    responses=gives(200, PrepaymentAnswer),
)
async def post_prepayment_return(request: Request, prepayment_id: str) -> Response:
    """Record what the hospital or the bank gave back of what no order has taken."""
    return await _confirmed(request, prepayment_id, ReturnRequest, bank.return_prepayment)


@router.post(
    "/prepayments/{prepayment_id}/cancellation", openapi_extra=body(ReasonRequest, keyed=True), responses=PREPAID
)
async def post_prepayment_cancellation(request: Request, prepayment_id: str) -> Response:
    """Cancel a prepayment that was not paid."""
    return await _cancelled(request, prepayment_id, prepayment.cancel)


# ---------------------------------------------------------------- deposits


@router.post("/deposit-releases", openapi_extra=body(ReleaseRequest, keyed=True), responses=gives(201, ReleaseAnswer))
async def post_release(request: Request) -> Response:
    """Draft the final settlement of a year's deposits: the assessed share is released, the rest is a deduction."""
    caller, service, wanted = await _sent(request, ReleaseRequest)
    return await writing(
        request, caller, wanted, 201, lambda connection: deposit.make(service, connection, caller, wanted)
    )


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


@router.post("/deposit-releases/{release_id}/approval", openapi_extra=KEYED, responses=gives(200, ReleaseAnswer))
async def post_release_approval(request: Request, release_id: str) -> Response:
    """Approve a release made by another subject: the released part gets an approved order."""
    return await _moved(request, release_id, deposit.approve)
