"""What persons are enrolled for, by date: chronic diseases that a fund recognised, and contracts with a family doctor.

Both keep their history. A registration is asked for where a pack requires it (docs/specification/calculation.md,
section 4.1; docs/specification/yunnan.md, parameter ``basic.chronic.registration_required``); the monthly fees of the
contracts are not made here.
"""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, field
from sqlalchemy import Column, RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict, Fault, NotFound, Refused
from app.database.locks import Lock, hold
from app.registry.dated import correct, current, whole_span
from app.registry.facts import MAX_PERIODS, Period, interval_faults, overlaps, period_faults, sent, span_faults
from app.registry.service import may_write, person_read, refuse, sent_code
from app.registry.tables import chronic_registration, family_doctor_contract, hospital, person
from app.service.caller import Caller, Service
from app.service.conditions import hold_to
from app.service.http import open_request
from app.service.wire import Code, Day, EndDay, is_code


class RegistrationRequest(Struct, forbid_unknown_fields=True):
    """The body of ``PUT …/chronic-registrations/{disease_code}``: the state wanted, one interval or several
    ``periods``; an empty list withdraws the registration. An ``until`` that isn't sent stays as it is known; null opens
    it."""

    from_: Day | None = field(name="from", default=None)
    until: EndDay | UnsetType | None = UNSET
    periods: Annotated[list[Period], Meta(max_length=MAX_PERIODS)] | None = None


class RegistrationAnswer(Struct):
    """When a person is registered for a chronic disease: the periods, and from the first day to the last."""

    person_id: str
    disease_code: str
    from_: date | None = field(name="from")
    until: date | None
    periods: list[Period]


class DoctorContractRequest(Struct, forbid_unknown_fields=True):
    """The body of ``PUT /v1/family-doctor/contracts/{id}``. An ``until`` that isn't sent stays as it is known; null
    opens it."""

    person_id: Code
    hospital_code: Code
    from_: Day = field(name="from")
    until: EndDay | UnsetType | None = UNSET


class DoctorContractAnswer(Struct):
    """A person's contract with the family doctor of a hospital in [from, until)."""

    contract_id: str
    person_id: str
    hospital_code: str
    from_: date = field(name="from")
    until: date | None


# ---------------------------------------------------------------- chronic diseases


async def put_registration(
    service: Service, caller: Caller, person_id: str, disease_code: str, wanted: RegistrationRequest
) -> RegistrationAnswer:
    """Bring a person's registration for a disease to the state wanted. Refused with every fault, NotFound for a person
    out of reach. The disease need not be in a pack's list: that is asked when a bill is settled."""
    refuse(sent_code(disease_code, "/disease_code") + _registration_faults(wanted))
    key = {"person_id": person_id, "disease_code": disease_code}
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        await hold(connection, Lock.PERSON, person_id)
        await _own_person(connection, caller, person_id)
        await hold_to(caller.if_match, lambda: _registered(connection, person_id, disease_code))
        held = await current(connection, chronic_registration, key)
        until = None if wanted.periods is not None else _until(wanted.from_, wanted.until, held)
        periods = _periods(wanted, until)
        rows = [{"valid_from": one.from_, "valid_until": one.until} for one in periods]
        await correct(connection, caller, chronic_registration, key, rows, held)
    return _registration(person_id, disease_code, periods)


def _until(since: date | None, sent_: date | UnsetType | None, held: Sequence[RowMapping]) -> date | None:
    """The end that is wanted: the one that is known where none was sent. Refused ``interval_empty`` when that leaves
    no day."""
    if not isinstance(sent_, UnsetType):
        return sent_
    ends = [row["valid_until"] for row in held]
    until = None if None in ends or not ends else max(ends)
    refuse(interval_faults(since, until, "/until"))
    return until


async def read_registration(service: Service, caller: Caller, person_id: str, disease_code: str) -> RegistrationAnswer:
    """A person's registration for a disease, or NotFound."""
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        await person_read(service, connection, caller, person_id)
        return await _registered(connection, person_id, disease_code)


async def _registered(connection: AsyncConnection, person_id: str, disease_code: str) -> RegistrationAnswer:
    found = [one for one in await _registrations(connection, person_id) if one.disease_code == disease_code]
    if not found:
        raise NotFound("not_found")
    return found[0]


async def registrations(service: Service, caller: Caller, person_id: str) -> list[RegistrationAnswer]:
    """All of a person's registrations, by disease; NotFound for a person out of reach."""
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        await person_read(service, connection, caller, person_id)
        return await _registrations(connection, person_id)


async def _registrations(connection: AsyncConnection, person_id: str) -> list[RegistrationAnswer]:
    rows = await current(connection, chronic_registration, {"person_id": person_id})
    by_disease: dict[str, list[Period]] = {}
    for row in rows:
        by_disease.setdefault(row["disease_code"], []).append(Period(row["valid_from"], row["valid_until"]))
    return [_registration(person_id, code, periods) for code, periods in sorted(by_disease.items())]


def _registration_faults(wanted: RegistrationRequest) -> list[Fault]:
    if wanted.periods is None:
        if wanted.from_ is None:
            return [Fault("/from", "missing")]
        return interval_faults(wanted.from_, sent(wanted.until), "/until")
    faults = period_faults(wanted.periods, "/periods")
    if wanted.periods:
        faults += span_faults(wanted.periods, wanted.from_, sent(wanted.until), "/")
    return faults


def _periods(wanted: RegistrationRequest, until: date | None) -> list[Period]:
    if wanted.periods is not None:
        return sorted(wanted.periods, key=lambda one: one.from_)
    return [] if wanted.from_ is None else [Period(wanted.from_, until)]


def _registration(person_id: str, disease_code: str, periods: Sequence[Period]) -> RegistrationAnswer:
    since, until = whole_span([(one.from_, one.until) for one in periods]) if periods else (None, None)
    return RegistrationAnswer(person_id, disease_code, since, until, list(periods))


async def _own_person(connection: AsyncConnection, caller: Caller, person_id: str) -> None:
    """NotFound for a person whom the caller may not write, also where a hospital may read."""
    wanted = select(person.c.area_code).where(person.c.person_id == person_id)
    area_code = (await connection.execute(wanted)).scalar_one_or_none() if is_code(person_id) else None
    if area_code is None or not may_write(caller, area_code):
        raise NotFound("not_found")


async def _knows(connection: AsyncConnection, column: Column[str], value: str) -> bool:
    if not is_code(value):
        return False
    return (await connection.execute(select(column).where(column == value))).first() is not None


# ---------------------------------------------------------------- family doctors


async def put_doctor_contract(
    service: Service, caller: Caller, contract_id: str, wanted: DoctorContractRequest
) -> DoctorContractAnswer:
    """Make a contract, or correct it. Refused with every fault, an unknown person or hospital among them; Conflict
    ``contract_overlap`` when the person has another contract on one of its days; NotFound for a contract out of
    reach."""
    refuse(sent_code(contract_id, "/id") + interval_faults(wanted.from_, sent(wanted.until), "/until"))
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        # The contract first, then its person: two contracts of one person, or one put twice, wait for each other.
        await hold(connection, Lock.FAMILY_DOCTOR_CONTRACT, contract_id)
        await hold(connection, Lock.PERSON, wanted.person_id)
        await _refuse_unknown(connection, wanted)
        await _own_person(connection, caller, wanted.person_id)
        held = await current(connection, family_doctor_contract, {"contract_id": contract_id})
        if held:
            await _own_person(connection, caller, held[0]["person_id"])
        await hold_to(caller.if_match, lambda: _contract(connection, contract_id))
        until = _until(wanted.from_, wanted.until, held)
        await _refuse_overlap(connection, contract_id, wanted, until)
        row = {
            "person_id": wanted.person_id,
            "hospital_code": wanted.hospital_code,
            "valid_from": wanted.from_,
            "valid_until": until,
        }
        await correct(connection, caller, family_doctor_contract, {"contract_id": contract_id}, [row], held)
    return DoctorContractAnswer(contract_id, wanted.person_id, wanted.hospital_code, wanted.from_, until)


async def read_doctor_contract(service: Service, caller: Caller, contract_id: str) -> DoctorContractAnswer:
    """A contract as we know it now, or NotFound."""
    if not is_code(contract_id):
        raise NotFound("not_found")
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        return await _contract(connection, contract_id)


async def _contract(connection: AsyncConnection, contract_id: str) -> DoctorContractAnswer:
    rows = await current(connection, family_doctor_contract, {"contract_id": contract_id})
    if not rows:
        raise NotFound("not_found")
    row: RowMapping = rows[0]
    names = ("contract_id", "person_id", "hospital_code", "valid_from", "valid_until")
    return DoctorContractAnswer(*(row[name] for name in names))


async def _refuse_unknown(connection: AsyncConnection, wanted: DoctorContractRequest) -> None:
    faults = []
    if not await _knows(connection, person.c.person_id, wanted.person_id):
        faults.append(Fault("/person_id", "unknown_person"))
    if not await _knows(connection, hospital.c.code, wanted.hospital_code):
        faults.append(Fault("/hospital_code", "unknown_hospital"))
    if faults:
        raise Refused(faults)


async def _refuse_overlap(
    connection: AsyncConnection, contract_id: str, wanted: DoctorContractRequest, until: date | None
) -> None:
    for row in await current(connection, family_doctor_contract, {"person_id": wanted.person_id}):
        shares = overlaps(wanted.from_, until, row["valid_from"], row["valid_until"])
        if row["contract_id"] != contract_id and shares:
            raise Conflict("contract_overlap", values={"from": row["valid_from"].isoformat()})
