"""The routes of batches. They translate, nothing more."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, Literal

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.errors import Fault, Refused
from app.clearing import batch
from app.clearing.api import opened
from app.clearing.batch import MOST_ROWS, BatchAnswer, BatchJobAnswer, BatchRow, Ids, PaidRow
from app.clearing.claim_list import ClaimFilters
from app.clearing.lists import OrderFilters, PrepaymentFilters
from app.clearing.machine import Act, acting
from app.clearing.statement import StatementRequest
from app.service.http import answer
from app.service.idempotency import REPLAYED, keyed_by
from app.service.lists import Filters
from app.service.openapi import body, gives
from app.service.problem import read_body
from app.service.security import require
from app.service.wire import Code, decode

router = APIRouter(prefix="/v1", tags=["batches"])
ANSWERS: Final = gives(200, BatchAnswer) | gives(202, BatchJobAnswer)


class OrderBatchRequest(Struct, forbid_unknown_fields=True):
    """``approval`` and ``sending`` of the orders named by ``ids``, or of all that ``filter`` finds (the filters of
    ``GET /v1/disbursements``); ``payments`` by ``rows``. At most 500."""

    action: Literal["approval", "sending", "payments"]
    ids: Ids | None = None
    filter: OrderFilters | None = None
    rows: Annotated[list[PaidRow], Meta(min_length=1, max_length=MOST_ROWS)] | None = None


class ClaimBatchRequest(Struct, forbid_unknown_fields=True):
    """The same of claims; ``filter`` as of ``GET /v1/claims``."""

    action: Literal["approval", "sending", "payments"]
    ids: Ids | None = None
    filter: ClaimFilters | None = None
    rows: Annotated[list[PaidRow], Meta(min_length=1, max_length=MOST_ROWS)] | None = None


class PrepaymentBatchRequest(Struct, forbid_unknown_fields=True):
    """The same of prepayments; ``filter`` as of ``GET /v1/prepayments``."""

    action: Literal["approval", "sending", "payments"]
    ids: Ids | None = None
    filter: PrepaymentFilters | None = None
    rows: Annotated[list[PaidRow], Meta(min_length=1, max_length=MOST_ROWS)] | None = None


class StatementBatchRequest(Struct, forbid_unknown_fields=True):
    """``declaration`` by ``rows``, each like the body of ``POST /v1/clearing/statements``; ``approval`` of the
    statements named by ``ids``, of ``funds`` where they are given. At most 500."""

    action: Literal["declaration", "approval"]
    rows: Annotated[list[StatementRequest], Meta(min_length=1, max_length=MOST_ROWS)] | None = None
    ids: Ids | None = None
    funds: Annotated[list[Code], Meta(max_length=20)] | None = None


def _check_given(wanted: Struct, needed: tuple[str, ...], optional: tuple[str, ...] = ()) -> None:
    """Refused unless exactly one of ``needed`` is given, and nothing else that belongs to another action."""
    given = {name for name in ("ids", "filter", "rows", "funds") if getattr(wanted, name, None) is not None}
    faults = [Fault(f"/{name}", "not_of_this_action") for name in sorted(given - {*needed, *optional})]
    chosen = [name for name in needed if name in given]
    if not chosen:
        faults.append(Fault(f"/{needed[0]}", "missing"))
    faults += [Fault(f"/{name}", "not_of_this_action") for name in chosen[1:]]
    if faults:
        raise Refused(faults)


@router.post("/disbursements/batch", openapi_extra=body(OrderBatchRequest, keyed=True), responses=ANSWERS)
async def post_order_batch(request: Request) -> Response:
    """Approve, send or record as paid many orders, each in a transaction of its own, by the rules of the single
    routes. Up to 50 rows are answered at once, more are done by a job. A repeated request moves nothing again."""
    return await _payments(request, "order", OrderBatchRequest, batch.orders_matching)


@router.post("/claims/batch", openapi_extra=body(ClaimBatchRequest, keyed=True), responses=ANSWERS)
async def post_claim_batch(request: Request) -> Response:
    """Approve, send or record as paid many claims of persons, as a batch of orders does."""
    return await _payments(request, "claim", ClaimBatchRequest, batch.claims_matching)


@router.post("/prepayments/batch", openapi_extra=body(PrepaymentBatchRequest, keyed=True), responses=ANSWERS)
async def post_prepayment_batch(request: Request) -> Response:
    """Approve, send or record as paid many prepayments, as a batch of orders does."""
    return await _payments(request, "prepayment", PrepaymentBatchRequest, batch.prepayments_matching)


async def _payments(
    request: Request,
    noun: str,
    type_: type[OrderBatchRequest] | type[ClaimBatchRequest] | type[PrepaymentBatchRequest],
    matching: Callable[[AsyncConnection, Act, Filters], Awaitable[list[BatchRow]]],
) -> Response:
    caller, service = await opened(request, "finance")
    wanted = decode(await read_body(request, service.settings.max_body_bytes), type_)
    _check_given(wanted, ("rows",) if wanted.action == "payments" else ("ids", "filter"))

    async def rows(connection: AsyncConnection) -> list[BatchRow]:
        if wanted.filter is not None:
            return await matching(connection, await acting(service, connection, caller), wanted.filter)
        paid = [BatchRow(row.id, msgspec.to_builtins(row)) for row in wanted.rows or ()]
        return paid or [BatchRow(one) for one in wanted.ids or ()]

    keyed = keyed_by(request, wanted)
    status, answered, again = await batch.carried_out(service, caller, keyed, f"{noun}_{wanted.action}", rows)
    return answer(answered, status, REPLAYED if again else None)


@router.post("/clearing/statements/batch", openapi_extra=body(StatementBatchRequest, keyed=True), responses=ANSWERS)
async def post_statement_batch(request: Request) -> Response:
    """Declare or approve many statements, each in a transaction of its own, by the rules of the single routes. Up to
    50 rows are answered at once, more are done by a job. A repeated request moves nothing again."""
    caller, service = await opened(request, "hospital", "finance")
    wanted = decode(await read_body(request, service.settings.max_body_bytes), StatementBatchRequest)
    if wanted.action == "approval":
        require(caller.principal, "finance")
    needed, optional = (("rows",), ()) if wanted.action == "declaration" else (("ids",), ("funds",))
    _check_given(wanted, needed, optional)

    async def rows(_: AsyncConnection) -> list[BatchRow]:
        declared = [BatchRow(row.hospital_code, msgspec.to_builtins(row)) for row in wanted.rows or ()]
        return declared or [BatchRow(one, wanted.funds) for one in wanted.ids or ()]

    keyed = keyed_by(request, wanted)
    status, answered, again = await batch.carried_out(service, caller, keyed, f"statement_{wanted.action}", rows)
    return answer(answered, status, REPLAYED if again else None)
