"""Hospitals, persons with their identities, and the catalogue: stored, corrected, read. One transaction each.

Dated facts are never overwritten: a correction supersedes a row and adds another. Who may see a person is the database's
to decide; what lies out of the caller's reach is not found, also when writing.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import msgspec
from sqlalchemy import RowMapping, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.context import Caller, Service
from app.db import constraint
from app.errors import Conflict, Fault, NotFound, OnestopError, Refused
from app.http import open_request
from app.money import rate_text
from app.registry.facts import (
    CatalogueAnswer,
    CatalogueRequest,
    HospitalAnswer,
    HospitalRequest,
    IdentityEntry,
    PersonAnswer,
    PersonRequest,
    benefit_class,
    catalogue_faults,
    catalogue_values,
    day_of_year,
    in_order,
    name_and_birth,
    normal_id_number,
    overlaps,
    person_faults,
    price_text,
    room,
)
from app.registry.tables import catalogue_entry, hospital, identity, person
from app.security import Keys, birth_date, blind_index, blind_index_candidates, decrypt, encrypt, mask_id_number
from app.settlement.answer import shown_year
from app.settlement.bill import shanghai_day
from app.settlement.tables import person_year
from app.tiers.model import LEVELS, empty_year
from app.wire import is_code

CATALOGUE_LOCK: Final = 3
EVERY_ITEM: Final = ""  # held shared by whoever writes one item, alone by whoever writes a whole catalogue
PERSON_LOCK: Final = 2  # the very lock of settling: facts do not change under a bill
_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, :seed))")
_LOCK_SHARED: Final = text("SELECT pg_advisory_xact_lock_shared(hashtextextended(:name, :seed))")


def _sent_code(text_: str, pointer: str) -> list[Fault]:
    return [] if is_code(text_) else [Fault(pointer, "text_format")]


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        raise Refused(faults)


def may_write(caller: Caller, area_code: str) -> bool:
    """Whether an area is the caller's to write. A hospital's token writes nobody's facts, not even its own."""
    reach, _, prefix = caller.reach
    return reach == "all" or (reach == "area" and area_code.startswith(prefix))


def _written_by(caller: Caller) -> dict[str, str]:
    return {"subject": caller.principal.subject, "request_id": caller.request_id}


async def _lock(connection: AsyncConnection, name: str, seed: int) -> None:
    """Hold an advisory lock until the transaction ends: there may be no row yet that could be locked."""
    await connection.execute(_LOCK, {"name": name, "seed": seed})


# ---------------------------------------------------------------- hospitals


async def put_hospital(service: Service, caller: Caller, code: str, wanted: HospitalRequest) -> HospitalAnswer:
    """Create or replace a hospital. NotFound when it was, or would come to lie, out of the caller's area."""
    _refuse(_sent_code(code, "/code"))
    values = {"code": code} | msgspec.structs.asdict(wanted)
    statement = upsert(hospital).values(**values, **_written_by(caller))
    changed = {name: statement.excluded[name] for name in (*HospitalRequest.__struct_fields__, "subject", "request_id")}
    # The area is compared in the same statement, so that nobody can move the hospital in between.
    statement = statement.on_conflict_do_update(
        index_elements=[hospital.c.code],
        set_=changed | {"recorded_at": func.clock_timestamp()},
        where=hospital.c.area_code.startswith(caller.reach[2], autoescape=True),
    )
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        if not may_write(caller, wanted.area_code):
            raise NotFound("not_found")
        if (await connection.execute(statement.returning(hospital.c.code))).first() is None:
            raise NotFound("not_found")
    return HospitalAnswer(**values)


async def read_hospital(service: Service, caller: Caller, code: str) -> HospitalAnswer:
    """A hospital, or NotFound."""
    if not is_code(code):
        raise NotFound("not_found")
    columns = [hospital.c[name] for name in HospitalAnswer.__struct_fields__]
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        row = (await connection.execute(select(*columns).where(hospital.c.code == code))).mappings().first()
    if row is None:
        raise NotFound("not_found")
    return HospitalAnswer(**row)


# ---------------------------------------------------------------- persons


async def put_person(service: Service, caller: Caller, person_id: str, wanted: PersonRequest) -> PersonAnswer:
    """Bring a person to the state wanted. What is equal stays untouched, identities are corrected and keep their history.

    Refused with every fault, Conflict ``id_number_in_use``, NotFound when the person was, or would come to live, out of
    the caller's area.
    """
    _refuse(_sent_code(person_id, "/person_id") + person_faults(person_id, wanted))
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        if not may_write(caller, wanted.area_code):
            raise NotFound("not_found")
        # Two PUTs of one person: the second compares with what the first wrote, or both would add the same identities.
        await _lock(connection, person_id, PERSON_LOCK)
        await _refuse_id_number_in_use(service.keys, connection, person_id, wanted)
        stored = (await connection.execute(select(person).where(person.c.person_id == person_id))).mappings().first()
        try:
            await _write_person(service.keys, connection, caller, person_id, stored, wanted)
        except IntegrityError as error:
            raise _person_conflict(error) from error
        await _correct_identities(connection, caller, person_id, wanted.identities)
    return PersonAnswer(
        person_id=person_id,
        name=wanted.name,
        id_number=mask_id_number(normal_id_number(wanted.id_number)),
        area_code=wanted.area_code,
        insurance_type=wanted.insurance_type,
        insured_from=wanted.insured_from,
        insured_until=wanted.insured_until,
        identities=in_order(wanted.identities),
    )


async def read_person(service: Service, caller: Caller, person_id: str) -> PersonAnswer:
    """A person within the caller's reach, or NotFound."""
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        row = await _person(connection, person_id)
        identities = [_entry(item) for item in await _identities(connection, person_id)]
    name = decrypt(service.keys, row["name"], associated=_name_place(person_id))
    id_number = decrypt(service.keys, row["id_number"], associated=_id_number_place(person_id))
    return PersonAnswer(
        person_id=person_id,
        name=name,
        id_number=mask_id_number(id_number),
        area_code=row["area_code"],
        insurance_type=row["insurance_type"],
        insured_from=row["insured_from"],
        insured_until=row["insured_until"],
        identities=in_order(identities),
    )


async def read_year(service: Service, caller: Caller, person_id: str, year: int) -> dict[str, Any]:
    """A person-year's accumulators (the pack's own with them), zeros before its first bill, and ``room``; NotFound for a
    person out of reach.

    The rules are those of the person's area as it is now; where they have a gap there is no room to show.
    """
    wanted_year = select(person_year.c.accumulators).where(
        person_year.c.person_id == person_id, person_year.c.benefit_year == year
    )
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        row = await _person(connection, person_id)
        identities = [_entry(item) for item in await _identities(connection, person_id)]
        stored = (await connection.execute(wanted_year)).scalar_one_or_none()
        today = shanghai_day(await clock.now(connection, manual=service.manual_clock))
    accumulators = empty_year() | (stored or {})
    day = day_of_year(year, today)
    try:
        policy = service.book.on(day, row["area_code"])
    except Refused:
        return shown_year(accumulators) | {"room": {}}
    accumulators |= {name: 0 for name in policy.version.accumulators if name not in accumulators}
    class_ = benefit_class(identities, day, policy.version.precedence)
    return shown_year(accumulators) | {"room": room(policy, class_, accumulators)}


async def _person(connection: AsyncConnection, person_id: str) -> RowMapping:
    row = None
    if is_code(person_id):
        row = (await connection.execute(select(person).where(person.c.person_id == person_id))).mappings().first()
    if row is None:
        raise NotFound("not_found")
    return row


async def _identities(connection: AsyncConnection, person_id: str) -> Sequence[RowMapping]:
    """The identities that hold as we know it now."""
    current = select(identity).where(identity.c.person_id == person_id, identity.c.superseded_at.is_(None))
    return (await connection.execute(current)).mappings().all()


def _entry(row: RowMapping) -> IdentityEntry:
    return IdentityEntry(row["class"], row["valid_from"], row["valid_until"], row["evidence"])


async def _refuse_id_number_in_use(
    keys: Keys, connection: AsyncConnection, person_id: str, wanted: PersonRequest
) -> None:
    """Conflict when another person has the id number, whichever key its index was made with.

    Sees the caller's reach only; beyond it the unique index finds what was written with the current key.
    """
    candidates = blind_index_candidates(keys, normal_id_number(wanted.id_number))
    others = select(person.c.person_id).where(person.c.id_number_index.in_(candidates), person.c.person_id != person_id)
    if (await connection.execute(others.limit(1))).first() is not None:
        raise Conflict("id_number_in_use")


async def _write_person(
    keys: Keys,
    connection: AsyncConnection,
    caller: Caller,
    person_id: str,
    stored: RowMapping | None,
    wanted: PersonRequest,
) -> None:
    """Insert the person, or update the row when anything in it differs or was written with an older key."""
    id_number = normal_id_number(wanted.id_number)
    plain: dict[str, Any] = {
        "id_number_index": blind_index(keys, id_number),
        "name_birth_index": blind_index(keys, name_and_birth(wanted.name, birth_date(id_number))),
        "area_code": wanted.area_code,
        "insurance_type": wanted.insurance_type,
        "insured_from": wanted.insured_from,
        "insured_until": wanted.insured_until,
    }
    named = None if stored is None else decrypt(keys, stored["name"], associated=_name_place(person_id))
    if stored is not None and named == wanted.name and _same(stored, plain):
        return
    values = plain | _written_by(caller)
    values["name"] = encrypt(keys, wanted.name, associated=_name_place(person_id))
    values["id_number"] = encrypt(keys, id_number, associated=_id_number_place(person_id))
    if stored is None:
        await connection.execute(insert(person).values(person_id=person_id, **values))
    else:
        values["recorded_at"] = func.clock_timestamp()
        await connection.execute(update(person).where(person.c.person_id == person_id).values(values))


def _person_conflict(error: IntegrityError) -> BaseException:
    """What a violated constraint of ``person`` means: the person lives out of the caller's reach, or shares an id number."""
    known: Mapping[str | None, OnestopError] = {
        "person_pkey": NotFound("not_found"),
        "person_id_number_index_key": Conflict("id_number_in_use"),
    }
    return known.get(constraint(error), error)


async def _correct_identities(
    connection: AsyncConnection, caller: Caller, person_id: str, wanted: Sequence[IdentityEntry]
) -> None:
    """Supersede the identities that aren't wanted any more and add the new ones, under the person's lock."""
    stored = {_entry(row): row["identity_id"] for row in await _identities(connection, person_id)}
    ended = [identity_id for entry, identity_id in stored.items() if entry not in wanted]
    added = [entry for entry in in_order(wanted) if entry not in stored]
    if ended:
        statement = update(identity).where(identity.c.identity_id.in_(ended))
        await connection.execute(statement.values(_superseded_by(caller)))
    if added:
        rows = [
            {
                "person_id": person_id,
                "class": entry.class_,
                "valid_from": entry.from_,
                "valid_until": entry.until,
                "evidence": entry.evidence,
                **_written_by(caller),
            }
            for entry in added
        ]
        await connection.execute(insert(identity), rows)


def _superseded_by(caller: Caller) -> dict[str, Any]:
    return {"superseded_at": func.clock_timestamp(), "superseded_by": caller.principal.subject}


def _same(row: RowMapping, values: Mapping[str, Any]) -> bool:
    return all(row[name] == value for name, value in values.items())


def _name_place(person_id: str) -> bytes:
    return f"person.name {person_id}".encode()


def _id_number_place(person_id: str) -> bytes:
    return f"person.id_number {person_id}".encode()


# ---------------------------------------------------------------- catalogue


async def put_catalogue_entry(
    service: Service, caller: Caller, item_code: str, wanted: CatalogueRequest
) -> CatalogueAnswer:
    """Store the version of an entry that begins on its ``valid_from``; one that differs from the stored supersedes it.

    Refused with every fault, Conflict ``catalogue_overlap`` when another version is valid on one of its days.
    """
    _refuse(_sent_code(item_code, "/item_code") + catalogue_faults(wanted))
    values = catalogue_values(item_code, wanted)
    current = select(catalogue_entry).where(
        catalogue_entry.c.item_code == item_code, catalogue_entry.c.superseded_at.is_(None)
    )
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        if caller.principal.hospital_code is not None:
            raise NotFound("not_found")
        await connection.execute(_LOCK_SHARED, {"name": EVERY_ITEM, "seed": CATALOGUE_LOCK})
        # Two PUTs of one item: each would see no overlap with the other's version, which isn't committed yet.
        await _lock(connection, item_code, CATALOGUE_LOCK)
        versions = (await connection.execute(current)).mappings().all()
        await _add_version(connection, caller, versions, values)
    return _catalogue_answer(values)


async def read_catalogue_entry(service: Service, caller: Caller, item_code: str, on: date | None) -> CatalogueAnswer:
    """The version of an entry that is valid on a day (today without one), or NotFound."""
    if not is_code(item_code):
        raise NotFound("not_found")
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        if on is None:
            on = shanghai_day(await clock.now(connection, manual=service.manual_clock))
        columns = catalogue_entry.c
        valid = select(catalogue_entry).where(
            columns.item_code == item_code,
            columns.superseded_at.is_(None),
            columns.valid_from <= on,
            columns.valid_until.is_(None) | (columns.valid_until > on),
        )
        row = (await connection.execute(valid)).mappings().first()
    if row is None:
        raise NotFound("not_found")
    return _catalogue_answer(row)


async def _add_version(
    connection: AsyncConnection, caller: Caller, versions: Sequence[RowMapping], values: Mapping[str, Any]
) -> None:
    """Add a version to the current ones of its item, under the item's lock; the one of the same first day is superseded."""
    since, until = values["valid_from"], values["valid_until"]
    replaced = next((row for row in versions if row["valid_from"] == since), None)
    if replaced is not None and _same(replaced, values):
        return
    for row in versions:
        if row is not replaced and overlaps(since, until, row["valid_from"], row["valid_until"]):
            raise Conflict("catalogue_overlap", values={"from": row["valid_from"].isoformat()})
    if replaced is not None:
        statement = update(catalogue_entry).where(catalogue_entry.c.entry_id == replaced["entry_id"])
        await connection.execute(statement.values(_superseded_by(caller)))
    await connection.execute(insert(catalogue_entry).values({**values, **_written_by(caller)}))


def _catalogue_answer(row: Mapping[str, Any] | RowMapping) -> CatalogueAnswer:
    ceilings = {level: price_text(row[f"ceiling_{level}"]) for level in LEVELS if row[f"ceiling_{level}"] is not None}
    return CatalogueAnswer(
        item_code=row["item_code"],
        name=row["name"],
        kind=row["kind"],
        class_=row["class"],
        first_pay_ratio=rate_text(row["first_pay_ratio"]),
        ceilings=ceilings or None,
        restricted=row["restricted"],
        valid_from=row["valid_from"],
        valid_until=row["valid_until"],
    )
