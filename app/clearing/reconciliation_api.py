"""The routes of reconciliation: comparing a statement with the hospital's figures, and the differences. They
translate."""

import asyncio
import base64
import binascii
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.errors import Fault, Refused
from app.basics.ids import RECONCILIATION, number_of
from app.clearing import difference, reconciliation
from app.clearing.api import ReasonRequest, opened, reading, reason_of, writing
from app.clearing.comparison import TotalRow, check_totals
from app.clearing.detail_file import Detail, read_detail
from app.clearing.difference import DifferenceAnswer
from app.clearing.lists import DIFFERENCES, RECONCILIATIONS
from app.clearing.reconciliation import (
    FileOptions,
    ReconciliationAnswer,
    ReconciliationRequest,
)
from app.service.caller import Caller, Service
from app.service.http import answer, service_of
from app.service.lists import add_route
from app.service.openapi import body, gives, takes_file
from app.service.problem import read_body
from app.service.security import MONEY_READERS
from app.service.upload import FILE_TYPES, MULTIPART, received
from app.service.wire import decode

router = APIRouter(prefix="/v1/clearing", tags=["clearing"])
MAX_FILE_BYTES: Final = 64 * 1024 * 1024


def _either() -> dict[str, Any]:
    """Figures as JSON, or a file."""
    extra = body(ReconciliationRequest)
    file = takes_file()
    content = extra["requestBody"]["content"] | file["requestBody"]["content"]
    return file | {"requestBody": {"required": True, "content": content}}


@router.post("/reconciliations", openapi_extra=_either(), responses=gives(201, ReconciliationAnswer))
async def post_reconciliation(request: Request) -> Response:
    """Compare a statement with the hospital's figures: totals per fund, or a detail file with one row per settlement
    and fund (CSV in UTF-8 or GB18030, tab-separated text, XLSX; settlement_id 结算编号, or visit_id 就诊号 and
    settle_seq 结算序号; fund 基金, amount 金额), sent as the form's ``file`` beside ``statement_id``, or as text in
    JSON. Differences stay open until they are resolved, or until a later comparison replaces them; without any the
    statement is ``reconciled``."""
    caller, service = await opened(request, "finance", "hospital")
    type_ = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if type_ in (*FILE_TYPES, MULTIPART):
        async with received(request, min(MAX_FILE_BYTES, service.settings.max_import_bytes)) as upload:
            options = upload.options(FileOptions)
            detail = await asyncio.to_thread(read_detail, upload.path, "/file", funds=caller.principal.funds)
            asked = [upload.digest.hex(), options]
            return await _compared(request, caller, asked, options.statement_id, detail)
    wanted = decode(await read_body(request, service.settings.max_body_bytes), ReconciliationRequest)
    return await _compared(request, caller, wanted, wanted.statement_id, await _figures(service, caller, wanted))


async def _figures(service: Service, caller: Caller, wanted: ReconciliationRequest) -> Sequence[TotalRow] | Detail:
    """The totals, or the rows of the file that stands in the JSON as text or Base64."""
    if (wanted.totals is None) == (wanted.file is None):
        raise Refused([Fault("/totals", "totals_or_file")])
    if wanted.totals is not None:
        check_totals(service.book, wanted.totals)
        return wanted.totals
    return await asyncio.to_thread(_inline, wanted.file or "", caller.principal.funds)


def _inline(content: str, funds: frozenset[str] | None) -> Detail:
    try:
        data = base64.b64decode(content, validate=True)  # a comma, a tab or a line's end is not Base64
    except (binascii.Error, ValueError):
        data = content.encode()
    with TemporaryDirectory(prefix="onestop-detail-") as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        return read_detail(path, "/file", funds=funds)


async def _compared(
    request: Request, caller: Caller, asked: object, statement_id: str, theirs: Sequence[TotalRow] | Detail
) -> Response:
    service = service_of(request)
    return await writing(
        request,
        caller,
        asked,
        201,
        lambda connection: reconciliation.compare(service, connection, caller, statement_id, theirs),
    )


add_route(router, "/reconciliations", RECONCILIATIONS)


@router.get("/reconciliations/{reconciliation_id}", responses=gives(200, ReconciliationAnswer))
async def get_reconciliation(request: Request, reconciliation_id: str) -> Response:
    """A comparison with its differences as they stand."""
    caller, service = await opened(request, *MONEY_READERS)
    number = number_of(RECONCILIATION, reconciliation_id)
    return answer(await reading(caller, service, lambda connection: reconciliation.read(service, connection, number)))


add_route(router, "/differences", DIFFERENCES)


RESOLVING: Final[dict[str, Any]] = {
    "openapi_extra": body(ReasonRequest, keyed=True),
    "responses": gives(200, DifferenceAnswer),
}


@router.post("/differences/{difference_id}/resolution", **RESOLVING)
async def post_resolution(request: Request, difference_id: str) -> Response:
    """Resolve an open difference with a reason (finance). The last one makes the statement ``reconciled``."""
    return await _resolved(request, difference_id, None)


@router.post("/reconciliations/{reconciliation_id}/differences/{difference_id}/resolution", **RESOLVING)
async def post_resolution_of(request: Request, reconciliation_id: str, difference_id: str) -> Response:
    """The same, under the comparison that found the difference."""
    return await _resolved(request, difference_id, reconciliation_id)


async def _resolved(request: Request, difference_id: str, of: str | None) -> Response:
    caller, service = await opened(request, "finance")
    wanted = await reason_of(request, service)

    async def act(connection: AsyncConnection) -> DifferenceAnswer:
        return await difference.resolve(
            service, connection, caller, difference_id, reason=wanted.reason, reconciliation_id=of
        )

    return await writing(request, caller, wanted, 200, act)
