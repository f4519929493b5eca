"""Corrections on the pages: a settlement taken back whole or in part, asked back from a liable party; a person-year
computed again, shown first and applied afterwards. The same functions as the API's, each in its own transaction."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.errors import Fault, NotFound, OnestopError, Refused
from app.basics.ids import SETTLEMENT, read_id
from app.basics.money import fen, parsed, yuan
from app.finance.page import (
    Contents,
    PageRoute,
    Refusal,
    Visitor,
    form_keyed,
    gone_to,
    own_form,
    reading,
    sentences_of,
    shown,
    visit,
)
from app.finance.registered import hospital_names
from app.finance.settlement import settlement_row
from app.finance.typing_in import understood
from app.service.caller import Keyed
from app.service.wire import decode, is_code
from app.settlement import correction, readjudication
from app.settlement.answer import PortionsAnswer, ReadjudicationAnswer, SettlementAnswer
from app.settlement.api import ReadjudicationRequest, RecoveryRequest, RefundRequest, ReversalRequest
from app.settlement.bill import BillLine
from app.settlement.correction import Answered
from app.settlement.document import decode_document, decode_inputs
from app.settlement.reading import answer_of_row

router = APIRouter(prefix="/finance", route_class=PageRoute, include_in_schema=False)
SCOPES: Final[Mapping[str, tuple[str, ...]]] = {
    "reverse": ("hospital", "finance"),
    "refund": ("hospital", "finance"),
    "recover": ("finance",),
}
FUND_PORTIONS: Final = tuple(name for name in PortionsAnswer.__struct_fields__ if name not in ("hospital", "patient"))
MOST_CHANGES: Final = 200
MOST_LINES: Final = 900
"""A form has at most a thousand fields."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A settlement as it is shown, and the lines of its bill; none of a correction."""

    settlement: SettlementAnswer
    lines: Sequence[BillLine]


# ---------------------------------------------------------------- one settlement


async def _settlement(visitor: Visitor, settlement_id: str) -> _Found:
    row = await settlement_row(visitor, settlement_id)
    seen, language = visitor.principal.funds, visitor.caller.language
    lines = decode_inputs(decode_document(row.document)).bill.lines if row.kind == "settlement" else ()
    return _Found(answer_of_row(row, detail=False, funds=seen, language=language), lines)


async def _page(visitor: Visitor, settlement_id: str, word: str, refusal: Refusal | None = None) -> Response:
    read = await _settlement(visitor, settlement_id)
    found = read.settlement

    async def names(connection: AsyncConnection) -> dict[str | None, str]:
        return await hospital_names(connection, [found.hospital_code])

    hospitals = await reading(visitor, names)
    contents: Contents = {
        "word": word,
        "settlement": found,
        "hospital": hospitals.get(found.hospital_code, found.hospital_code),
        "portions": [(tier, getattr(found.portions, tier)) for tier in FUND_PORTIONS],
        "lines": read.lines[:MOST_LINES] if word == "refund" else (),
        "possible": found.kind == "settlement" and found.status != "reversed",
    }
    return shown(visitor, "correction.html", contents, refusal=refusal)


def _flag(form: Mapping[str, str]) -> bool:
    return form.get("cascade") == "1"


async def _reverse(visitor: Visitor, number: int, form: Mapping[str, str], keyed: Keyed) -> Answered:
    wanted = decode(msgspec.json.encode({"reason": form.get("reason", ""), "cascade": _flag(form)}), ReversalRequest)
    return await correction.reverse(
        visitor.service, visitor.caller, number, reason=wanted.reason, cascade=wanted.cascade, keyed=keyed
    )


async def _recover(visitor: Visitor, number: int, form: Mapping[str, str], keyed: Keyed) -> Answered:
    sent = {"reason": form.get("reason", ""), "document": form.get("document", ""), "cascade": _flag(form)}
    wanted = decode(msgspec.json.encode(sent), RecoveryRequest)
    return await correction.recover(
        visitor.service,
        visitor.caller,
        number,
        reason=wanted.reason,
        evidence=wanted.document,
        cascade=wanted.cascade,
        keyed=keyed,
    )


async def _refund(visitor: Visitor, number: int, form: Mapping[str, str], keyed: Keyed) -> Answered:
    lines = [
        {"line_no": int(name.removeprefix("quantity_")), "quantity": value}
        for name, value in form.items()
        if name.startswith("quantity_") and name.removeprefix("quantity_").isdecimal() and value
    ]
    if not lines:
        raise Refused([Fault("/lines", "missing")])
    sent = {"lines": lines, "reason": form.get("reason", ""), "cascade": _flag(form)}
    wanted = decode(msgspec.json.encode(sent), RefundRequest)
    return await correction.refund(
        visitor.service,
        visitor.caller,
        number,
        lines=[(line.line_no, parsed(line.quantity, 4)) for line in wanted.lines],
        reason=wanted.reason,
        cascade=wanted.cascade,
        keyed=keyed,
    )


Correcting = Callable[[Visitor, int, Mapping[str, str], Keyed], Awaitable[Answered]]
CORRECTIONS: Final[Mapping[str, Correcting]] = {"reverse": _reverse, "refund": _refund, "recover": _recover}


def _get(word: str) -> Callable[[Request, str], Awaitable[Response]]:
    async def endpoint(request: Request, settlement_id: str) -> Response:
        return await _page(await visit(request, *SCOPES[word]), settlement_id, word)

    return endpoint


def _post(word: str, correct: Correcting) -> Callable[[Request, str], Awaitable[Response]]:
    async def endpoint(request: Request, settlement_id: str) -> Response:
        visitor = await visit(request, *SCOPES[word])
        form = await own_form(visitor)
        number = read_id(SETTLEMENT, settlement_id)
        if number is None:
            raise NotFound("not_found")
        try:
            answered = await correct(visitor, number, understood(form), form_keyed(visitor, form))
        except OnestopError as error:
            refusal = _refusal(visitor, error, form)
            return await _page(visitor, settlement_id, word, refusal)
        made = msgspec.json.decode(answered.body, type=dict[str, object])
        return gone_to(f"/finance/settlements/{made['settlement_id']}", f"notice.correction.{word}")

    return endpoint


def _refusal(visitor: Visitor, error: OnestopError, form: Mapping[str, str]) -> Refusal:
    if error.status >= 500 or error.status == 404 or error.code == "form_not_ours":
        raise error
    visitor.request.state.rejections = [fault.code for fault in error.faults] or [error.code]
    return Refusal(sentences_of(error, visitor.caller.language), error.status, form, error.extra)


for _word, _correct in CORRECTIONS.items():
    _path = "/settlements/{settlement_id}/" + _word
    router.add_api_route(_path, _get(_word), methods=["GET"], include_in_schema=False)
    router.add_api_route(_path, _post(_word, _correct), methods=["POST"], include_in_schema=False)


# ---------------------------------------------------------------- a person-year


@router.get("/persons/{person_id}/years/{year}/readjudication")
async def get_readjudication(request: Request, person_id: str, year: str) -> Response:
    """What computing a person-year again would change; nothing is written."""
    return await _dry_run(await visit(request, "finance"), person_id, _year(person_id, year))


def _year(person_id: str, text: str) -> int:
    year = int(text) if text.isascii() and text.isdecimal() and len(text) == 4 else 0
    if not is_code(person_id) or not 2000 <= year <= 2999:
        raise NotFound("not_found")
    return year


async def _dry_run(visitor: Visitor, person_id: str, year: int, refusal: Refusal | None = None) -> Response:
    answered = await readjudication.readjudicate(
        visitor.service, visitor.caller, person_id, year, reason="", keyed=None
    )
    found = msgspec.json.decode(answered.body, type=ReadjudicationAnswer)

    async def names(connection: AsyncConnection) -> dict[str | None, str]:
        return await hospital_names(connection, [one.hospital_code for one in found.changes])

    totals = {
        tier: sum(fen(getattr(one.difference, tier)) for one in found.changes)
        for tier in PortionsAnswer.__struct_fields__
    }
    contents: Contents = {
        "person_id": person_id,
        "year": year,
        "changes": found.changes[:MOST_CHANGES],
        "count": len(found.changes),
        "sums": {
            tier: yuan(total)
            for tier, total in totals.items()
            if any(getattr(one.difference, tier) != "0.00" for one in found.changes)
        },
        "funds_change": yuan(sum(totals[tier] for tier in FUND_PORTIONS)),
        "tiers": PortionsAnswer.__struct_fields__,
        "names": await reading(visitor, names),
        "class_names": visitor.service.book.class_names(visitor.caller.language),
    }
    return shown(visitor, "readjudication.html", contents, refusal=refusal)


@router.post("/persons/{person_id}/years/{year}/readjudication")
async def post_readjudication(request: Request, person_id: str, year: str) -> Response:
    """Write what computing a person-year again changes, as adjustments."""
    visitor = await visit(request, "finance")
    form = await own_form(visitor)
    number = _year(person_id, year)
    try:
        sent = {"reason": form.get("reason", ""), "dry_run": False}
        wanted = decode(msgspec.json.encode(sent), ReadjudicationRequest)
        await readjudication.readjudicate(
            visitor.service,
            visitor.caller,
            person_id,
            number,
            reason=wanted.reason,
            keyed=form_keyed(visitor, form),
        )
    except OnestopError as error:
        return await _dry_run(visitor, person_id, number, _refusal(visitor, error, form))
    return gone_to(f"/finance/persons/{person_id}", "notice.correction.readjudicate")
