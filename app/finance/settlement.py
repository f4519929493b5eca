"""One settlement: the waterfall, each step with its numbers and its source, the lines, the year, the history, the
proof."""

from typing import Final

from fastapi import APIRouter, Request
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.classes import class_name
from app.basics.days import shown_instant
from app.basics.errors import Language, NotFound
from app.basics.ids import SETTLEMENT, read_id, shown_id
from app.basics.money import fen, yuan
from app.basics.names import MEDICAL_TYPE_NAMES
from app.finance.look import said
from app.finance.page import PageRoute, Visitor, reading, shown, visit
from app.finance.person import MOST_PURPOSE
from app.finance.registered import hospital_names
from app.registry.service import read_person
from app.service.audit import noted
from app.service.http import check_context
from app.service.security import MONEY_READERS, REGISTRY_READERS
from app.settlement import store
from app.settlement.answer import PortionsAnswer, SettlementAnswer
from app.settlement.document import decode_document
from app.settlement.reading import answer_of_row
from app.settlement.replay import replay
from app.settlement.rows import EntryRow
from app.settlement.slip import ROOM_NAMES, SCOPE_NAMES, basis_text, bill_of, lines_of, own_accumulators
from app.settlement.slip_pdf import PDF_TYPE, slip_pdf
from app.tiers import english
from app.tiers.pack import Pack
from app.tiers.packfile import CLAUSE

router = APIRouter(prefix="/finance/settlements", route_class=PageRoute, include_in_schema=False)
EVERY_ENTRY: Final = 2**31 - 1
TIERS: Final = ("scope", *PortionsAnswer.__struct_fields__, "reversal")


class Bar(Struct):
    """A bar of the waterfall: stands from ``from_`` upwards by ``height``; yuan."""

    name: str
    kind: str
    amount: str
    from_: str
    height: str


class ListedEntry(Struct):
    """A settlement or correction of the same bill."""

    settlement_id: str
    kind: str
    settled_at: str
    total: str
    fund_total: str
    patient: str
    reason: str | None


@router.get("/{settlement_id}")
async def get_settlement(request: Request, settlement_id: str) -> Response:
    """A settlement."""
    visitor = await visit(request, *MONEY_READERS)
    number = read_id(SETTLEMENT, settlement_id)
    if number is None:
        raise NotFound("not_found")
    found, entries, row = await _read(visitor, number)
    purpose = request.query_params.get("purpose", "").strip()[:MOST_PURPOSE]
    proof = await replay(visitor.service, visitor.caller, number) if request.query_params.get("replay") else None

    async def names(connection: AsyncConnection) -> dict[str | None, str]:
        return await hospital_names(connection, [found.hospital_code])

    hospitals = await reading(visitor, names)
    language = visitor.caller.language
    pack = visitor.service.book.packs.get(found.policy.pack)
    return shown(
        visitor,
        "settlement.html",
        settlement=found,
        hospital=hospitals.get(found.hospital_code, found.hospital_code),
        bars=waterfall(found, language),
        entries=entries,
        lines=lines_of(found, bill_of(row)),
        may_name=visitor.may(*REGISTRY_READERS) and visitor.principal.hospital_code is None,
        person_name=await _name(visitor, found.person_id, purpose) if purpose else None,
        proof=proof,
        tier_names={tier: said(language, f"tier.{tier}") for tier in TIERS},
        class_name=class_name(found.benefit_class, language, visitor.service.book.classes),
        medical_type=MEDICAL_TYPE_NAMES[language].get(found.medical_type, found.medical_type),
        scope_names=SCOPE_NAMES,
        room_names=ROOM_NAMES if language == "zh" else english.ROOM_NAMES,
        english_steps=[
            (english.KIND_NAMES.get(step.kind, step.name), english.line_of(step))
            for step in decode_document(row.document).trace
        ],
        law=_law(pack, found, language),
        own_counters={} if pack is None else own_accumulators(pack),
        basis_text=basis_text,
        titles={} if pack is None else {name: one.title for name, one in pack.parameters.items()},
        documents={} if pack is None else pack.documents,
        clause=CLAUSE,
    )


def _law(pack: Pack | None, found: SettlementAnswer, language: Language) -> str:
    """What the law of a settlement is called: the titles of its pack and version, which are Chinese; else their
    names."""
    version = None if pack is None else next((one for one in pack.versions if one.name == found.policy.version), None)
    if pack is None or version is None or language == "en":
        return f"{found.policy.pack} · {found.policy.version}"
    return f"{pack.title} · {version.title}"


async def _name(visitor: Visitor, person_id: str, purpose: str) -> str | None:
    """The patient's name for an office that says what for, which the audit log keeps; None out of its reach."""
    try:
        return (await read_person(visitor.service, visitor.caller, person_id, purpose=purpose)).name
    except NotFound:
        return None


@router.get("/{settlement_id}/slip.pdf")
async def get_slip(request: Request, settlement_id: str) -> Response:
    """The settlement's slip."""
    visitor = await visit(request, *MONEY_READERS)
    row = await settlement_row(visitor, settlement_id)
    headers = {"Content-Disposition": f'inline; filename="{settlement_id}.pdf"'}
    return Response(await slip_pdf(visitor.service, visitor.caller, row), 200, headers, PDF_TYPE)


async def settlement_row(visitor: Visitor, settlement_id: str) -> EntryRow:
    """A settlement's row within the visitor's reach, whose reading is noted; NotFound otherwise."""
    number = read_id(SETTLEMENT, settlement_id)
    if number is None:
        raise NotFound("not_found")
    async with visitor.service.database.hot() as connection:
        await check_context(visitor.service, connection, visitor.caller)
        row = await store.read_one(connection, number)
    if row is None:
        raise NotFound("not_found")
    noted().about(row.person_id)
    return row


async def _read(visitor: Visitor, number: int) -> tuple[SettlementAnswer, list[ListedEntry], EntryRow]:
    """The settlement with its detail, every entry of the same bill within reach, oldest first, and its own row."""
    async with visitor.service.database.hot() as connection:
        await check_context(visitor.service, connection, visitor.caller)
        row = await store.read_one(connection, number)
        if row is None:
            raise NotFound("not_found")
        noted().about(row.person_id)
        entries = await store.read_group(connection, row.of_settlement_id or number, EVERY_ENTRY)
    funds, language = visitor.principal.funds, visitor.caller.language
    answer = answer_of_row(row, detail=True, funds=funds, language=language)
    return answer, [_listed(one) for one in entries], row


def _listed(row: EntryRow) -> ListedEntry:
    return ListedEntry(
        settlement_id=shown_id(SETTLEMENT, row.settlement_id),
        kind=row.kind,
        settled_at=shown_instant(row.settled_at)[:16].replace("T", " "),
        total=yuan(row.total),
        fund_total=yuan(row.total - row.hospital - row.patient),
        patient=yuan(row.patient),
        reason=row.reason,
    )


def waterfall(found: SettlementAnswer, language: Language) -> list[Bar]:
    """The whole bill, then each portion off what is left of it, down to the patient's. Empty for corrections."""
    left = fen(found.total)
    if found.kind != "settlement" or left <= 0:
        return []
    bars = [Bar(said(language, "settlement.total"), "total", found.total, "0.00", found.total)]
    for tier in PortionsAnswer.__struct_fields__:
        amount = fen(getattr(found.portions, tier))
        left -= amount
        kind = tier if tier in ("hospital", "patient") else "fund"
        if amount or tier not in ("hospital", "supplement"):
            bars.append(Bar(said(language, f"tier.{tier}"), kind, yuan(amount), yuan(left), yuan(amount)))
    return bars
