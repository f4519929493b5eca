"""The routes of settling. They translate; what a bill costs is decided elsewhere."""

from typing import Annotated, Final, TypeVar, cast

from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import HTMLResponse, Response

from app.basics.errors import NotFound
from app.basics.ids import SETTLEMENT, read_id
from app.basics.money import parsed
from app.registry.person_reads import note_quoted
from app.service.audit import noted
from app.service.caller import Caller, Keyed, Service
from app.service.gathering import Gathering
from app.service.http import answer, caller_of, check_context, service_of
from app.service.idempotency import REPLAYED, idempotency_key, keyed_by, once, request_hash
from app.service.lists import add_route
from app.service.openapi import body, gives
from app.service.preference import MINIMAL, prefers_minimal
from app.service.problem import read_body
from app.service.route import DirectRoute
from app.service.security import MONEY_READERS, require
from app.service.wire import LongReason, Quantity, decode, is_code
from app.settlement import balance, correction, readjudication, settling, store
from app.settlement.answer import ReadjudicationAnswer, ReplayAnswer, SettlementAnswer
from app.settlement.balance import BalanceAnswer, BalanceClosingRequest
from app.settlement.bill import MAX_LINES, BillRequest, LineNo
from app.settlement.correction import Answered
from app.settlement.lists import BALANCES, SETTLEMENTS
from app.settlement.reading import answer_of_quote, answer_of_row, answer_of_settling
from app.settlement.replay import replay
from app.settlement.rows import EntryRow
from app.settlement.settling import Settled
from app.settlement.slip import slip_html
from app.settlement.slip_pdf import PDF_TYPE, slip_pdf
from app.settlement.together import SettlingAsked

router = APIRouter(prefix="/v1", tags=["settling"], route_class=DirectRoute)
VARIED: Final = {"Vary": "Accept"}
OF_SLIP: Final = VARIED | {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


class ReversalRequest(Struct, forbid_unknown_fields=True):
    """The body of a reversal."""

    reason: LongReason
    cascade: bool = False


class RefundLine(Struct, forbid_unknown_fields=True):
    """A quantity of a line to be taken back, positive."""

    line_no: LineNo
    quantity: Quantity


class RefundRequest(Struct, forbid_unknown_fields=True):
    """The body of a refund."""

    lines: Annotated[list[RefundLine], Meta(min_length=1, max_length=MAX_LINES)]
    reason: LongReason
    cascade: bool = False


class RecoveryRequest(Struct, forbid_unknown_fields=True):
    """The body of a recovery; ``document`` names the decision by which the injury was recognised."""

    reason: LongReason
    document: Annotated[str, Meta(min_length=1, max_length=200)]
    cascade: bool = False


class ReadjudicationRequest(Struct, forbid_unknown_fields=True):
    """The body of a readjudication."""

    reason: LongReason
    dry_run: bool = True


@router.post("/quotes", openapi_extra=body(BillRequest, preferred=True), responses=gives(200, SettlementAnswer))
async def post_quote(request: Request) -> Response:
    """Compute a bill without settling it: the same engine, the same answer, and a quote id good for 30 minutes."""
    caller, service, minimal = await caller_of(request), service_of(request), prefers_minimal(request)
    bill = decode(await read_body(request, service.settings.max_body_bytes), BillRequest)
    computation, quote_id, expires = await settling.quote(service, caller, bill)
    note_quoted(service, bill.hospital_code, bill.person_id)
    shown = answer_of_quote(
        computation,
        quote_id=quote_id,
        expires=expires,
        detail=not minimal,
        funds=caller.principal.funds,
        language=caller.language,
        classes=service.book.classes,
    )
    return answer(shown, headers=MINIMAL if minimal else None)


@router.post(
    "/settlements",
    openapi_extra=body(BillRequest, keyed=True, preferred=True),
    responses=gives(201, SettlementAnswer),
)
async def post_settlement(request: Request) -> Response:
    """Settle a bill once."""
    caller, service, minimal = await caller_of(request), service_of(request), prefers_minimal(request)
    key = idempotency_key(request)
    bill = decode(await read_body(request, service.settings.max_body_bytes), BillRequest)
    bills = cast(Gathering[SettlingAsked, Settled], request.app.state.settling)
    settled = await bills.done(SettlingAsked(caller, bill, Keyed(key, request_hash(request, bill))))
    if settled.computation is None or settled.row is None:
        return await _replayed(service, caller, settled, detail=not minimal)
    shown = answer_of_settling(
        settled.computation,
        settled.row,
        detail=not minimal,
        funds=caller.principal.funds,
        language=caller.language,
        classes=service.book.classes,
    )
    return answer(shown, 201, MINIMAL if minimal else None)


@router.post(
    "/settlements/{settlement_id}/reversal",
    openapi_extra=body(ReversalRequest, keyed=True),
    responses=gives(201, SettlementAnswer),
)
async def post_reversal(request: Request, settlement_id: str) -> Response:
    """Take back a whole settlement by a new one with all amounts negative; with ``cascade`` later ones are adjusted."""
    caller, service, wanted, keyed = await _correcting(request, ReversalRequest)
    answered = await correction.reverse(
        service, caller, _inside_id(settlement_id), reason=wanted.reason, cascade=wanted.cascade, keyed=keyed
    )
    return _answered(answered)


@router.post(
    "/settlements/{settlement_id}/refunds",
    openapi_extra=body(RefundRequest, keyed=True),
    responses=gives(201, SettlementAnswer),
)
async def post_refund(request: Request, settlement_id: str) -> Response:
    """Take back quantities of a settled bill; the answer is the adjustment that carries the difference."""
    caller, service, wanted, keyed = await _correcting(request, RefundRequest)
    answered = await correction.refund(
        service,
        caller,
        _inside_id(settlement_id),
        lines=[(line.line_no, parsed(line.quantity, 4)) for line in wanted.lines],
        reason=wanted.reason,
        cascade=wanted.cascade,
        keyed=keyed,
    )
    return _answered(answered)


@router.post(
    "/settlements/{settlement_id}/recovery",
    openapi_extra=body(RecoveryRequest, keyed=True),
    responses=gives(201, SettlementAnswer),
)
async def post_recovery(request: Request, settlement_id: str) -> Response:
    """Reverse a recoverable settlement that another party is liable for; what the funds paid is asked of that party."""
    caller, service, wanted, keyed = await _correcting(request, RecoveryRequest)
    answered = await correction.recover(
        service,
        caller,
        _inside_id(settlement_id),
        reason=wanted.reason,
        evidence=wanted.document,
        cascade=wanted.cascade,
        keyed=keyed,
    )
    return _answered(answered)


@router.post(
    "/persons/{person_id}/years/{year}/readjudication",
    openapi_extra=body(ReadjudicationRequest),
    responses={**gives(200, ReadjudicationAnswer), **gives(201, ReadjudicationAnswer)},
)
async def post_readjudication(request: Request, person_id: str, year: int) -> Response:
    """Compute a person-year again with the identities and the law known now. A dry run (the default) writes nothing and
    needs no Idempotency-Key."""
    caller, service = await caller_of(request), service_of(request)
    wanted = decode(await read_body(request, service.settings.max_body_bytes), ReadjudicationRequest)
    if not is_code(person_id) or not 2000 <= year <= 2999:
        raise NotFound("not_found")
    keyed = None if wanted.dry_run else keyed_by(request, wanted)
    answered = await readjudication.readjudicate(service, caller, person_id, year, reason=wanted.reason, keyed=keyed)
    return answer(answered.body) if keyed is None else _answered(answered)


@router.post("/settlements/{settlement_id}/replay", responses=gives(200, ReplayAnswer))
async def post_replay(request: Request, settlement_id: str) -> Response:
    """Compute a stored entry again from what was stored with it, and compare. Writes nothing, needs no
    Idempotency-Key."""
    caller, service = await caller_of(request), service_of(request)
    return answer(await replay(service, caller, _inside_id(settlement_id)))


add_route(router, "/patient-balances", BALANCES)


@router.post(
    "/patient-balances/{balance_id}/closing",
    openapi_extra=body(BalanceClosingRequest, keyed=True),
    responses=gives(200, BalanceAnswer),
)
async def post_closing(request: Request, balance_id: str) -> Response:
    """Close an open balance: refunded to the patient, collected from the patient, or waived."""
    caller, service = await caller_of(request), service_of(request)
    wanted = decode(await read_body(request, service.settings.max_body_bytes), BalanceClosingRequest)

    async def act(connection: AsyncConnection) -> tuple[int, bytes]:
        return 200, await balance.close(service, caller, connection, balance_id, wanted)

    return await once(request, caller, wanted, act)


add_route(router, "/settlements", SETTLEMENTS)


@router.get("/settlements/{settlement_id}", responses=gives(200, SettlementAnswer))
async def get_settlement(request: Request, settlement_id: str) -> Response:
    """One settlement with its explanation, a correction with the adjustments that it made necessary."""
    caller, service = await caller_of(request), service_of(request)
    require(caller.principal, *MONEY_READERS)
    async with service.database.hot() as connection:
        await check_context(service, connection, caller)
        rows = await store.read_with_consequences(connection, _inside_id(settlement_id))
    if not rows or rows[0].settlement_id != read_id(SETTLEMENT, settlement_id):
        raise NotFound("not_found")
    seen = caller.principal.funds
    shown, *adjustments = [
        answer_of_row(row, detail=True, funds=seen, language=caller.language, classes=service.book.classes)
        for row in rows
    ]
    if shown.kind != "settlement":
        shown.adjustments = adjustments
    noted().about(shown.person_id)
    return answer(shown)


@router.get("/settlements/by-visit/{hospital_code}/{visit_id}/{settle_seq}", responses=gives(200, SettlementAnswer))
async def get_by_visit(request: Request, hospital_code: str, visit_id: str, settle_seq: int) -> Response:
    """The look-up for an unknown outcome: the settlement of a visit's bill, with its derived status."""
    caller, service = await caller_of(request), service_of(request)
    require(caller.principal, *MONEY_READERS)
    if not 0 < settle_seq < 2**31:
        raise NotFound("not_found")
    async with service.database.hot() as connection:
        await check_context(service, connection, caller)
        row = await store.read_visit(connection, hospital_code, visit_id, settle_seq)
    if row is None:
        raise NotFound("not_found")
    noted().about(row.person_id)
    return answer(
        answer_of_row(
            row, detail=True, funds=caller.principal.funds, language=caller.language, classes=service.book.classes
        )
    )


@router.get(
    "/settlements/{settlement_id}/slip",
    response_class=HTMLResponse,
    responses={200: {"description": "OK", "content": {PDF_TYPE: {}}}},
)
async def get_slip(request: Request, settlement_id: str) -> Response:
    """The 结算单 that the patient signs, as HTML, or as PDF (A4, archival) when ``Accept`` names it. A browser may send
    the token as the password of HTTP Basic."""
    caller, service = await caller_of(request, browser=True), service_of(request)
    require(caller.principal, *MONEY_READERS)
    row = await _row(service, caller, _inside_id(settlement_id))
    if PDF_TYPE not in request.headers.get("accept", ""):
        return HTMLResponse(await slip_html(service, caller, row), headers=OF_SLIP)
    headers = VARIED | {"Content-Disposition": f'inline; filename="{settlement_id}.pdf"'}
    return Response(await slip_pdf(service, caller, row), 200, headers, PDF_TYPE)


T = TypeVar("T")


async def _correcting(request: Request, type_: type[T]) -> tuple[Caller, Service, T, Keyed]:
    """Who asks for which correction, under which key."""
    caller, service = await caller_of(request), service_of(request)
    key = idempotency_key(request)
    wanted = decode(await read_body(request, service.settings.max_body_bytes), type_)
    return caller, service, wanted, Keyed(key, request_hash(request, wanted))


def _answered(answered: Answered) -> Response:
    return answer(answered.body, 201, REPLAYED if answered.replayed else None)


def _inside_id(text: str) -> int:
    settlement_id = read_id(SETTLEMENT, text)
    if settlement_id is None:
        raise NotFound("not_found")
    return settlement_id


async def _row(service: Service, caller: Caller, settlement_id: int) -> EntryRow:
    async with service.database.hot() as connection:
        await check_context(service, connection, caller)
        row = await store.read_one(connection, settlement_id)
    if row is None:
        raise NotFound("not_found")
    noted().about(row.person_id)
    return row


async def _replayed(service: Service, caller: Caller, settled: Settled, *, detail: bool) -> Response:
    """The original answer, with the status at settling."""
    row = await _row(service, caller, settled.settlement_id)
    seen = caller.principal.funds
    shown = answer_of_row(
        row, detail=detail, funds=seen, status="settled", language=caller.language, classes=service.book.classes
    )
    return answer(shown, 201, REPLAYED if detail else REPLAYED | MINIMAL)
