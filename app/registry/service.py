"""Persons with their identities, and the catalogue: stored, corrected, read. One transaction each.

Dated facts are never overwritten: a correction supersedes a row and adds another. Who may see a person is the
database's to decide; what lies out of the caller's reach is not found, also when writing.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from msgspec import UNSET, UnsetType, structs
from sqlalchemy import ARRAY, RowMapping, Text, any_, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.areas import EVERYWHERE, owner_area
from app.basics.days import shanghai_day
from app.basics.errors import Conflict, Fault, Forbidden, NotFound, OnestopError, Refused
from app.basics.money import rate_text
from app.database.engine import HotConnection, constraint
from app.database.locks import Lock, hold, share
from app.registry.dated import Interval, changed_days, superseded_by, whole_span, written_by
from app.registry.facts import (
    CatalogueAnswer,
    CatalogueRequest,
    IdentityEntry,
    Period,
    PersonAnswer,
    PersonRequest,
    catalogue_faults,
    catalogue_values,
    in_order,
    name_and_birth,
    normal_id_number,
    overlaps,
    person_faults,
    price_text,
    unsent,
)
from app.registry.person_history import (
    Days,
    area_spans,
    correct_area,
    correct_insurance,
    insured_periods,
    wanted_periods,
    with_known_insurance,
)
from app.registry.person_reads import count_read
from app.registry.tables import catalogue_entry, hospital, identity, person
from app.registry.worklists import add_candidates
from app.service import clock
from app.service.audit import noted
from app.service.caller import Caller, Service
from app.service.conditions import hold_to
from app.service.http import open_request
from app.service.security import (
    REGISTRY_READERS,
    Keys,
    birth_date,
    blind_index,
    blind_index_candidates,
    decrypt,
    encrypt,
    mask_id_number,
    require,
)
from app.service.wire import code_faults, is_code
from app.tiers.model import LEVELS

EVERY_ITEM: Final = ""  # held shared by whoever writes one item, alone by whoever writes a whole catalogue


def sent_code(text_: str, pointer: str) -> list[Fault]:
    """The fault of a code in the path that has the wrong form."""
    return code_faults(text_, pointer)


def refuse(faults: Sequence[Fault]) -> None:
    """Raise Refused when there is a fault."""
    if faults:
        raise Refused(faults)


def may_write(caller: Caller, area_code: str) -> bool:
    """Whether an area is the caller's to write. A hospital's token writes nobody's facts, not even its own."""
    reach, _, prefix = caller.reach
    return reach == "all" or (reach == "area" and area_code.startswith(prefix))


# ---------------------------------------------------------------- persons


async def put_person(service: Service, caller: Caller, person_id: str, wanted: PersonRequest) -> PersonAnswer:
    """Bring a person to the state wanted. What is equal stays untouched, identities are corrected and keep their
    history.

    Refused with every fault, Conflict ``id_number_in_use``, NotFound when the person was, or would come to live, out of
    the caller's area.
    """
    refuse(sent_code(person_id, "/person_id") + person_faults(person_id, wanted, service.book.classes))
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        if not may_write(caller, wanted.area_code):
            raise NotFound("not_found")
        # Two PUTs of one person: the second compares with what the first wrote, or both would add the same identities.
        await hold(connection, Lock.PERSON, person_id)
        await _refuse_id_number_in_use(service.keys, connection, person_id, wanted)
        await hold_to(caller.if_match, lambda: _shown(service.keys, connection, person_id))
        stored = (await connection.execute(select(person).where(person.c.person_id == person_id))).mappings().first()
        wanted = await with_known_insurance(connection, stored, wanted)
        try:
            await _write_person(service.keys, connection, caller, person_id, stored, wanted)
        except IntegrityError as error:
            raise _person_conflict(error) from error
        area_from = await _correct_history(connection, caller, person_id, stored, wanted)
    id_number = mask_id_number(normal_id_number(wanted.id_number))
    place = (wanted.area_code, area_from)
    periods = wanted_periods(wanted)
    answer = _person_answer(person_id, wanted.name, id_number, place, wanted.insurance_type, periods, wanted.identities)
    return structs.replace(answer, retired_from=_retired_from(stored, wanted) or UNSET)


async def raw_connection(connection: AsyncConnection) -> HotConnection:
    """The driver's connection under a SQLAlchemy one, in the same transaction."""
    return (await connection.get_raw_connection()).driver_connection


async def _correct_history(
    connection: AsyncConnection, caller: Caller, person_id: str, stored: RowMapping | None, wanted: PersonRequest
) -> date | None:
    """Bring identities, insurance and area to what is wanted; settled years that this touches go on the worklist.
    Answers since when the person's area holds."""
    changed = {"identities_corrected": await _correct_identities(connection, caller, person_id, wanted.identities)}
    periods = wanted_periods(wanted)
    changed["insurance_corrected"] = await correct_insurance(connection, caller, person_id, stored, periods)
    area_from = None
    if stored is not None:
        changed["area_corrected"], area_from = await correct_area(connection, caller, stored, wanted)
        raw = await raw_connection(connection)
        for reason, days in changed.items():
            await add_candidates(raw, caller, [(person_id, *one) for one in days], reason=reason)
    return area_from


def _person_answer(
    person_id: str,
    name: str,
    id_number: str,
    place: tuple[str, date | None],
    insurance_type: str,
    periods: Sequence[Interval],
    identities: Sequence[IdentityEntry],
) -> PersonAnswer:
    area_code, area_from = place
    answer = PersonAnswer(
        person_id, name, id_number, area_code, insurance_type, *whole_span(periods), identities=in_order(identities)
    )
    if len(periods) > 1:
        answer.insured_periods = [Period(since, until) for since, until in periods if since is not None]
    if area_from is not None:
        answer.area_from = area_from
    return answer


async def read_person(service: Service, caller: Caller, person_id: str, *, purpose: str | None = None) -> PersonAnswer:
    """A person within the caller's reach, or NotFound. The id number is masked; whole for an office that says what for,
    which the audit log keeps. Forbidden for a hospital with a purpose: it has the card in its hands."""
    if purpose is not None:
        require(caller.principal, *REGISTRY_READERS)
        if caller.principal.hospital_code is not None:
            raise Forbidden("forbidden_scope", values={"scope": ", ".join(REGISTRY_READERS)})
        noted().reason = purpose
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        await person_read(service, connection, caller, person_id)
        return await _shown(service.keys, connection, person_id, whole=purpose is not None)


async def _shown(keys: Keys, connection: AsyncConnection, person_id: str, *, whole: bool = False) -> PersonAnswer:
    row = await person_row(connection, person_id)
    identities = await identities_of(connection, person_id)
    periods, areas = await insured_periods(connection, row), await area_spans(connection, row)
    name = decrypt(keys, row["name"], associated=name_place(person_id))
    id_number = decrypt(keys, row["id_number"], associated=id_number_place(person_id))
    if not whole:
        id_number = mask_id_number(id_number)
    place = (row["area_code"], areas[-1].since)
    answer = _person_answer(person_id, name, id_number, place, row["insurance_type"], periods, identities)
    return structs.replace(answer, retired_from=row["retired_from"] or UNSET)


async def person_read(service: Service, connection: AsyncConnection, caller: Caller, person_id: str) -> RowMapping:
    """``person_row`` for somebody who is answered it: a hospital's reads are counted."""
    if is_code(person_id):
        await count_read(service, await raw_connection(connection), caller, person_id)
    return await person_row(connection, person_id)


async def person_row(connection: AsyncConnection, person_id: str) -> RowMapping:
    """A person's row within the caller's reach, or NotFound."""
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


async def identities_of(connection: AsyncConnection, person_id: str) -> list[IdentityEntry]:
    """A person's identities as we know them now."""
    return [_entry(row) for row in await _identities(connection, person_id)]


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


def _retired_from(stored: RowMapping | None, wanted: PersonRequest) -> date | None:
    """Since when the person has retired; what isn't sent stays as it is known."""
    if isinstance(wanted.retired_from, UnsetType):
        return None if stored is None else stored["retired_from"]
    return wanted.retired_from


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
    insured_from, insured_until = whole_span(wanted_periods(wanted))
    plain: dict[str, object] = {
        "id_number_index": blind_index(keys, id_number),
        "name_birth_index": blind_index(keys, name_and_birth(wanted.name, birth_date(id_number))),
        "area_code": wanted.area_code,
        "insurance_type": wanted.insurance_type,
        "insured_from": insured_from,
        "insured_until": insured_until,
        "retired_from": _retired_from(stored, wanted),
    }
    named = None if stored is None else decrypt(keys, stored["name"], associated=name_place(person_id))
    if stored is not None and named == wanted.name and _same(stored, plain):
        return
    values = plain | written_by(caller)
    values["name"] = encrypt(keys, wanted.name, associated=name_place(person_id))
    values["id_number"] = encrypt(keys, id_number, associated=id_number_place(person_id))
    if stored is None:
        await connection.execute(insert(person).values(person_id=person_id, **values))
    else:
        values["recorded_at"] = func.clock_timestamp()
        await connection.execute(update(person).where(person.c.person_id == person_id).values(values))


def _person_conflict(error: IntegrityError) -> BaseException:
    """What a violated constraint of ``person`` means: they live out of the caller's reach, or share an id number."""
    known: Mapping[str | None, OnestopError] = {
        "person_pkey": NotFound("not_found"),
        "person_id_number_index_key": Conflict("id_number_in_use"),
    }
    return known.get(constraint(error), error)


async def _correct_identities(
    connection: AsyncConnection, caller: Caller, person_id: str, wanted: Sequence[IdentityEntry]
) -> Days:
    """Supersede the identities that aren't wanted any more and add the new ones, under the person's lock. Answers the
    days on which the person's classes change. One that is only said anew has still left the list on the day that was
    known."""
    rows = await _identities(connection, person_id)
    stored = {_entry(row): row for row in rows}
    ended = [row for entry, row in stored.items() if entry not in wanted]
    added = [entry for entry in in_order(wanted) if entry not in stored]
    if ended:
        statement = update(identity).where(identity.c.identity_id.in_([row["identity_id"] for row in ended]))
        await connection.execute(statement.values(superseded_by(caller)))
    if added:
        new = [
            {
                "person_id": person_id,
                "class": entry.class_,
                "valid_from": entry.from_,
                "valid_until": entry.until,
                "evidence": entry.evidence,
                "exited_on": _exited_on(entry, ended),
                **written_by(caller),
            }
            for entry in added
        ]
        await connection.execute(insert(identity), new)
    return _changed_classes([_entry(row) for row in ended], added)


def _exited_on(entry: IdentityEntry, ended: Sequence[RowMapping]) -> date | None:
    """The day of the exit that an entry takes over: of an ended identity of its class whose days it shares."""
    days = (
        row["exited_on"]
        for row in ended
        if row["class"] == entry.class_ and overlaps(entry.from_, entry.until, row["valid_from"], row["valid_until"])
    )
    return next((day for day in days if day is not None), None)


def _changed_classes(before: Sequence[IdentityEntry], after: Sequence[IdentityEntry]) -> Days:
    days: Days = []
    for class_ in {entry.class_ for entry in (*before, *after)}:
        former, later = ([(one.from_, one.until) for one in side if one.class_ == class_] for side in (before, after))
        days += changed_days(former, later)
    return days


def _same(row: RowMapping, values: Mapping[str, object]) -> bool:
    return all(row[name] == value for name, value in values.items())


def name_place(person_id: str) -> bytes:
    """Where an encrypted name belongs."""
    return f"person.name {person_id}".encode()


def id_number_place(person_id: str) -> bytes:
    """Where an encrypted id number belongs."""
    return f"person.id_number {person_id}".encode()


# ---------------------------------------------------------------- catalogue


async def put_catalogue_entry(
    service: Service, caller: Caller, item_code: str, wanted: CatalogueRequest
) -> CatalogueAnswer:
    """Store the version of an entry that begins on its ``valid_from``; one that differs from the stored supersedes it.

    It is the caller's area's, or everybody's. Refused with every fault, Conflict ``catalogue_overlap`` when another
    version of the same owner is valid on one of its days.
    """
    refuse(sent_code(item_code, "/item_code") + catalogue_faults(wanted))
    owner = owner_area(caller.principal.area_code)
    values = {"area_code": owner} | catalogue_values(item_code, wanted)
    columns = catalogue_entry.c
    mine = (columns.item_code == item_code, columns.area_code == owner, columns.superseded_at.is_(None))
    current = select(catalogue_entry).where(*mine)
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        if caller.principal.hospital_code is not None:
            raise NotFound("not_found")
        await share(connection, Lock.CATALOGUE_ITEM, EVERY_ITEM)
        # Two PUTs of one item: each would see no overlap with the other's version, which isn't committed yet.
        await hold(connection, Lock.CATALOGUE_ITEM, item_code)
        await hold_to(caller.if_match, lambda: _entry_on(connection, caller, item_code, wanted.valid_from, None))
        versions = (await connection.execute(current)).mappings().all()
        known = next((row for row in versions if row["valid_from"] == wanted.valid_from), None)
        if known is not None:
            values |= {name: known[name] for name in unsent(wanted)}
        await _add_version(connection, caller, versions, values)
    return _catalogue_answer(values)


async def read_catalogue_entry(
    service: Service, caller: Caller, item_code: str, on: date | None, area_code: str | None
) -> CatalogueAnswer:
    """The version of an entry that is valid on a day (today without one) in an area (the caller's own, or everywhere,
    without one), or NotFound."""
    if not is_code(item_code):
        raise NotFound("not_found")
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        if on is None:
            on = shanghai_day(await clock.now(connection, manual=service.manual_clock))
        return await _entry_on(connection, caller, item_code, on, area_code)


async def _entry_on(
    connection: AsyncConnection, caller: Caller, item_code: str, on: date, area_code: str | None
) -> CatalogueAnswer:
    area = area_code or await _place(connection, caller)
    columns = catalogue_entry.c
    valid = select(catalogue_entry).where(
        columns.item_code == item_code,
        columns.superseded_at.is_(None),
        columns.area_code == any_(func.catalogue_owners(area, type_=ARRAY(Text))),
        columns.valid_from <= on,
        columns.valid_until.is_(None) | (columns.valid_until > on),
    )
    valid = valid.order_by(columns.area_code.desc()).limit(1)
    row = (await connection.execute(valid)).mappings().first()
    if row is None:
        raise NotFound("not_found")
    return _catalogue_answer(row)


async def _place(connection: AsyncConnection, caller: Caller) -> str:
    """The area of a caller; a hospital's is where it lies."""
    code = caller.principal.hospital_code
    found = None
    if code is not None:
        found = (await connection.execute(select(hospital.c.area_code).where(hospital.c.code == code))).scalar()
    return found or caller.principal.area_code or EVERYWHERE


async def _add_version(
    connection: AsyncConnection, caller: Caller, versions: Sequence[RowMapping], values: Mapping[str, Any]
) -> None:
    """Add a version to those of its item, under the item's lock; the one of the same first day is superseded."""
    since, until = values["valid_from"], values["valid_until"]
    replaced = next((row for row in versions if row["valid_from"] == since), None)
    if replaced is not None and _same(replaced, values):
        return
    for row in versions:
        if row is not replaced and overlaps(since, until, row["valid_from"], row["valid_until"]):
            raise Conflict("catalogue_overlap", values={"from": row["valid_from"].isoformat()})
    if replaced is not None:
        statement = update(catalogue_entry).where(catalogue_entry.c.entry_id == replaced["entry_id"])
        await connection.execute(statement.values(superseded_by(caller)))
    await connection.execute(insert(catalogue_entry).values({**values, **written_by(caller)}))


def _catalogue_answer(row: Mapping[str, Any] | RowMapping) -> CatalogueAnswer:
    ceilings = {level: price_text(row[f"ceiling_{level}"]) for level in LEVELS if row[f"ceiling_{level}"] is not None}
    return CatalogueAnswer(
        item_code=row["item_code"],
        area_code=None if row["area_code"] == EVERYWHERE else row["area_code"],
        name=row["name"],
        kind=row["kind"],
        class_=row["class"],
        first_pay_ratio=rate_text(row["first_pay_ratio"]),
        ceilings=ceilings or None,
        restricted=row["restricted"],
        valid_from=row["valid_from"],
        valid_until=row["valid_until"],
    )
