"""One box that finds everything: ids as they are shown, visits, persons by number or id number, hospitals by name,
bank references, document numbers."""

import re
from typing import Final

from fastapi import APIRouter, Request
from msgspec import Struct
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.days import parsed_day
from app.basics.ids import CLAIM, DISBURSEMENT, PAYMENT_BATCH, PREPAYMENT, SETTLEMENT, read_id, shown_id
from app.basics.text import document_form, folded, folded_reference
from app.clearing.order_list import has_number
from app.clearing.tables import bank_movement, disbursement, payment_batch
from app.finance.look import page_of
from app.finance.page import PageRoute, Visitor, gone_to, reading, shown, visit
from app.registry.facts import name_and_birth, normal_id_number
from app.registry.tables import hospital, person
from app.service.lists import Asked
from app.service.security import MONEY_READERS, blind_index_candidates, valid_id_number
from app.settlement.lists import SETTLEMENTS, Settled, SettlementFilters

router = APIRouter(prefix="/finance/search", route_class=PageRoute, include_in_schema=False)
MOST: Final = 20
MOST_TYPED: Final = 100
LEAST_NUMBER: Final = 3
"""As many characters of a document number are looked for; fewer would find everything."""
_NAME_AND_DAY: Final = re.compile(r"\A(\D+?)[\s,，]+(\S+)\Z")


class Hit(Struct, frozen=True):
    """Something that was found: what it is, how it is called, and its page."""

    kind: str
    name: str
    note: str
    href: str


@router.get("")
async def get_search(request: Request) -> Response:
    """What the box finds; a single find is shown at once."""
    visitor = await visit(request, *MONEY_READERS)
    typed = folded(" ".join(request.query_params.get("q", "").replace("\x00", "").split()))[:MOST_TYPED]
    hits = await _found(visitor, typed) if typed else []
    return gone_to(hits[0].href) if len(hits) == 1 else shown(visitor, "search.html", typed=typed, hits=hits)


async def _found(visitor: Visitor, typed: str) -> list[Hit]:
    if (address := _address(typed)) is not None:
        return [Hit("number", typed, "", address)]
    hits = await reading(visitor, lambda connection: _rows(visitor, connection, typed))
    return hits + await _visits(visitor, typed)


def _address(typed: str) -> str | None:
    """The page of an id as it is shown, whose number is one."""
    prefix = typed[:4].lower()
    return page_of(typed.lower()) if read_id(prefix, typed.lower()) is not None else None


async def _rows(visitor: Visitor, connection: AsyncConnection, typed: str) -> list[Hit]:
    return [
        *await _hospitals(connection, typed),
        *await _persons(visitor, connection, typed),
        *await _movements(connection, typed),
        *await _numbered(connection, typed),
    ]


async def _hospitals(connection: AsyncConnection, typed: str) -> list[Hit]:
    named = or_(hospital.c.code == typed, hospital.c.name.contains(typed, autoescape=True))
    wanted = select(hospital.c.code, hospital.c.name).where(named).order_by(hospital.c.name).limit(MOST)
    found = await connection.execute(wanted)
    return [Hit("hospital", row.name, row.code, f"/finance/hospitals/{row.code}") for row in found]


async def _persons(visitor: Visitor, connection: AsyncConnection, typed: str) -> list[Hit]:
    """Persons by their number, their id number (kept as a blind index), or name and day of birth."""
    wanted = select(person.c.person_id).where(_person(visitor, typed)).limit(MOST)
    found = (await connection.execute(wanted)).scalars()
    return [Hit("person", one, "", f"/finance/persons/{one}") for one in found]


def _person(visitor: Visitor, typed: str) -> ColumnElement[bool]:
    keys, id_number = visitor.service.keys, normal_id_number(typed)
    if valid_id_number(id_number):
        return person.c.id_number_index.in_(blind_index_candidates(keys, id_number))
    named = _NAME_AND_DAY.match(typed)
    born = parsed_day(named[2]) if named else None
    if named and born is not None:
        return person.c.name_birth_index.in_(blind_index_candidates(keys, name_and_birth(named[1], born)))
    return person.c.person_id == typed


async def _movements(connection: AsyncConnection, typed: str) -> list[Hit]:
    columns = bank_movement.c
    prefixes = (DISBURSEMENT, PREPAYMENT, CLAIM)
    numbers = (columns.disbursement_id, columns.prepayment_id, columns.claim_id)
    wanted = select(*numbers).where(func.upper(columns.bank_reference) == folded_reference(typed))
    hits = []
    for row in await connection.execute(wanted.limit(MOST)):
        paid = next(shown_id(prefix, one) for prefix, one in zip(prefixes, row, strict=True) if one is not None)
        hits.append(Hit("reference", typed, paid, str(page_of(paid))))
    return hits


async def _numbered(connection: AsyncConnection, typed: str) -> list[Hit]:
    """Orders and payment batches by the office's own document number, or a part of it with its year or its word."""
    if len(document_form(typed)) < LEAST_NUMBER:
        return []
    hits = []
    for prefix, table in ((DISBURSEMENT, disbursement), (PAYMENT_BATCH, payment_batch)):
        key, number = next(iter(table.primary_key.columns)), table.c.document_number
        wanted = select(key, number).where(has_number(number, typed)).order_by(key.desc()).limit(MOST)
        for row in await connection.execute(wanted):
            shown = shown_id(prefix, row[0])
            hits.append(Hit("document_number", row.document_number, shown, str(page_of(shown))))
    return hits


async def _visits(visitor: Visitor, typed: str) -> list[Hit]:
    asked: Asked[SettlementFilters, Settled] = Asked(
        visitor.service, visitor.caller, SettlementFilters(visit_id=typed), None, MOST
    )
    rows = (await SETTLEMENTS.read(asked)).rows
    found = [one for one in rows if one.settlement_id is not None]
    return [
        Hit("settlement", str(one.settlement_id), one.settled_at[:10], f"/finance/settlements/{one.settlement_id}")
        for one in found
        if str(one.settlement_id).startswith(SETTLEMENT)
    ]
