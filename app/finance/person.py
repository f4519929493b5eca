"""A person: who they are, their years with what is left under each cap, their bills, what is owed between them and
hospitals."""

from typing import Final

from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.clearing import person_account
from app.clearing.claim import answer_of_row
from app.clearing.moves import business_now, today
from app.clearing.tables import claim
from app.finance.page import Contents, PageRoute, reading, shown, visit
from app.finance.registered import hospital_names
from app.registry.service import read_person
from app.service.lists import Asked
from app.service.security import PERSON_READERS, REGISTRY_READERS
from app.settlement.balance import answer_of, balance_of
from app.settlement.lists import SETTLEMENTS, Settled, SettlementFilters
from app.settlement.slip import own_accumulators
from app.settlement.tables import patient_balance, person_year
from app.settlement.year_api import read_year

router = APIRouter(prefix="/finance/persons", route_class=PageRoute, include_in_schema=False)
BILLS_SHOWN: Final = 50
MOST_PURPOSE: Final = 200


@router.get("/{person_id}")
async def get_person(request: Request, person_id: str) -> Response:
    """A person within the visitor's reach. With a purpose, which the audit log keeps, the id number is whole."""
    visitor = await visit(request, *PERSON_READERS)
    service, caller = visitor.service, visitor.caller
    purpose = request.query_params.get("purpose", "").strip()[:MOST_PURPOSE] or None
    found = await read_person(service, caller, person_id, purpose=purpose)
    asked: Asked[SettlementFilters, Settled] = Asked(
        service, caller, SettlementFilters(person_id=person_id), None, BILLS_SHOWN
    )
    bills = (await SETTLEMENTS.read(asked)).rows

    async def read(connection: AsyncConnection) -> tuple[list[int], Contents]:
        years = select(person_year.c.benefit_year).where(person_year.c.person_id == person_id)
        owed = select(patient_balance).where(patient_balance.c.person_id == person_id)
        rows = (await connection.execute(owed.order_by(patient_balance.c.balance_id.desc()))).mappings()
        claims = select(claim).where(claim.c.person_id == person_id).order_by(claim.c.claim_id.desc())
        day = today(await business_now(service, connection))
        office = visitor.may(*REGISTRY_READERS)
        return sorted((await connection.execute(years)).scalars(), reverse=True), {
            "claims": [answer_of_row(service.book, row, day) for row in (await connection.execute(claims)).mappings()],
            "account": await person_account.account_of(service.keys, connection, person_id) if office else None,
            "balances": [answer_of(balance_of(row)) for row in rows],
            "names": await hospital_names(connection, [bill.hospital_code for bill in bills]),
        }

    years, beside = await reading(visitor, read)
    rooms = {year: await read_year(service, caller, person_id, year) for year in years}
    class_names = visitor.service.book.class_names(caller.language)
    return shown(
        visitor,
        "person.html",
        beside,
        person=found,
        bills=bills,
        years=years,
        rooms=rooms,
        own_counters={
            name: title for one in service.book.packs.values() for name, title in own_accumulators(one).items()
        },
        class_names=class_names,
        may_see_whole=purpose is None and visitor.may(*REGISTRY_READERS) and caller.principal.hospital_code is None,
    )
