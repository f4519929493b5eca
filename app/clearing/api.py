"""The routes of statements. They translate, nothing more."""

from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

from fastapi import APIRouter, Request
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.days import as_period
from app.basics.errors import NotFound
from app.clearing import payer_file, statement
from app.clearing.lists import ITEMS, STATEMENTS
from app.clearing.statement import ApprovalRequest, StatementAnswer, StatementRequest
from app.clearing.statement_row import Statement
from app.clearing.statement_row import read as read_statement
from app.service.caller import Caller, Service
from app.service.export import file_of
from app.service.http import answer, caller_of, encoded, open_request, service_of
from app.service.idempotency import once
from app.service.lists import add_route
from app.service.openapi import body, gives
from app.service.problem import read_body
from app.service.security import MONEY_READERS, require
from app.service.wire import Reason, decode

router = APIRouter(prefix="/v1/clearing", tags=["clearing"])
T = TypeVar("T")
State = Literal["declared", "reconciled", "audited", "approved", "settled", "withdrawn"]


class ReasonRequest(Struct, forbid_unknown_fields=True):
    """Why it is done."""

    reason: Reason


async def opened(request: Request, *scopes: str) -> tuple[Caller, Service]:
    """The caller, with one of the scopes, and the service."""
    caller = await caller_of(request)
    require(caller.principal, *scopes)
    return caller, service_of(request)


async def reading(caller: Caller, service: Service, read: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """What a read gives in a transaction of its own."""
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        return await read(connection)


async def writing(
    request: Request, caller: Caller, wanted: object, status: int, act: Callable[[AsyncConnection], Awaitable[Struct]]
) -> Response:
    """What a keyed write answers, once."""

    async def written(connection: AsyncConnection) -> tuple[int, bytes]:
        return status, encoded(await act(connection))

    return await once(request, caller, wanted, written)


async def optional_body(request: Request, service: Service, type_: type[T]) -> T:
    """A body that may be left out where nothing has to be said."""
    if request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
        return type_()
    return decode(await read_body(request, service.settings.max_body_bytes), type_)


async def reason_of(request: Request, service: Service) -> ReasonRequest:
    """The reason in the body."""
    return decode(await read_body(request, service.settings.max_body_bytes), ReasonRequest)


@router.post("/statements", openapi_extra=body(StatementRequest, keyed=True), responses=gives(201, StatementAnswer))
async def post_statement(request: Request) -> Response:
    """Declare a hospital's ended month to a paying area: every posting that no statement has yet."""
    caller, service = await opened(request, "hospital", "finance")
    wanted = decode(await read_body(request, service.settings.max_body_bytes), StatementRequest)
    period = as_period(wanted.period, "/period")
    return await writing(
        request, caller, wanted, 201, lambda connection: statement.declare(service, connection, caller, wanted, period)
    )


add_route(router, "/statements", STATEMENTS)


@router.get("/statements/{statement_id}", responses=gives(200, StatementAnswer))
async def get_statement(request: Request, statement_id: str) -> Response:
    """A statement with its totals per fund, tier and clearing type."""
    caller, service = await opened(request, *MONEY_READERS)

    async def read(connection: AsyncConnection) -> StatementAnswer:
        return await statement.answer_of(connection, await read_statement(connection, statement_id))

    return answer(await reading(caller, service, read))


add_route(router, "/statements/{statement_id}/items", ITEMS)


@router.get("/statements/{statement_id}/payer-file")
async def get_payer_file(request: Request, statement_id: str, fund: str) -> Response:
    """One fund's own list of a statement, XLSX, or CSV by ``Accept: text/csv``."""
    caller, service = await opened(request, *MONEY_READERS)
    if caller.principal.funds is not None and fund not in caller.principal.funds:
        raise NotFound("not_found")

    async def read(connection: AsyncConnection) -> tuple[Statement, list[list[object]]]:
        of = await read_statement(connection, statement_id)
        return of, await payer_file.rows(connection, of.statement_id, fund)

    of, rows = await reading(caller, service, read)
    if not rows:
        raise NotFound("not_found")
    title = f"{of.hospital_code} {of.period} 基金 {fund} 应付明细（参保地 {of.area_code}，{statement_id}）"
    return file_of(f"{statement_id}-{fund}", request.headers.get("accept"), payer_file.COLUMNS, rows, title)


@router.post(
    "/statements/{statement_id}/withdrawal",
    openapi_extra=body(ReasonRequest, keyed=True),
    responses=gives(200, StatementAnswer),
)
async def post_withdrawal(request: Request, statement_id: str) -> Response:
    """Take a declaration back while it is only declared."""
    caller, service = await opened(request, "hospital", "finance")
    wanted = await reason_of(request, service)
    return await writing(
        request,
        caller,
        wanted,
        200,
        lambda connection: statement.withdraw(service, connection, caller, statement_id, wanted.reason),
    )


@router.post(
    "/statements/{statement_id}/approval",
    openapi_extra=body(ApprovalRequest, keyed=True),
    responses=gives(200, StatementAnswer),
)
async def post_approval(request: Request, statement_id: str) -> Response:
    """Approve the parts of a statement that are the caller's, or those named; by another subject than the declarer."""
    caller, service = await opened(request, "finance")
    wanted = await optional_body(request, service, ApprovalRequest)
    return await writing(
        request,
        caller,
        wanted,
        200,
        lambda connection: statement.approve(service, connection, caller, statement_id, wanted.funds),
    )
