"""Filings: transfers to another hospital, chronic diseases, and their withdrawals (2501–2504, 5301)."""

from datetime import date

import msgspec
from msgspec import Struct

from app.basics.ids import FILING, VISIT, read_id, shown_id
from app.nhsa import filing_store, store, visit_store
from app.nhsa.call import Call, Output, day, last_of, refused, until_of
from app.nhsa.fields import Row
from app.nhsa.identity import compare_codes
from app.nhsa.person import person_asked
from app.nhsa.rows import ChronicDisease
from app.nhsa.vault import filing_place
from app.registry.dated import Interval, correct, current, overlapping
from app.registry.tables import chronic_registration
from app.service.security import encrypt
from app.service.wire import is_code


class NewFiling(Struct, frozen=True):
    """What is filed from a day on: a transfer to a hospital (and the visit it comes from), or a chronic disease."""

    kind: str
    since: date
    destination: str | None = None
    source: str | None = None
    disease_code: str | None = None
    disease_name: str | None = None


async def file_transfer(call: Call) -> Output:
    """File a transfer (2501): from ``begndate`` (the transfer's day without one) to ``enddate``, both included."""
    row, pointer = call.one("refmedin"), "/refmedin/0"
    since = day(row.get("begndate", row["refl_date"]))
    destination = row["reflin_medins_no"]
    if not is_code(destination):
        raise refused("text_format", f"{pointer}/reflin_medins_no")
    source = await _source(call, row)
    number = await _file(call, row, pointer, NewFiling("transfer", since, destination, source))
    return {"result": call.shown("result", {"trt_dcla_detl_sn": number})}


async def _source(call: Call, row: Row) -> str | None:
    """The hospital's number of the inpatient visit before the transfer, if it is one of this hospital and person."""
    number = read_id(VISIT, row.get("refl_old_mdtrt_id", ""))
    visit = None if number is None else await visit_store.visit(call.connection, number, call.hospital_code)
    if visit is None or visit.setting != "inpatient" or visit.person_id != row["psn_no"]:
        return None
    return visit.visit_id


async def file_chronic(call: Call) -> Output:
    """File a person's chronic disease (2503)."""
    row = call.one()
    if not is_code(row["opsp_dise_code"]):
        raise refused("text_format", "/data/0/opsp_dise_code")
    filing = NewFiling(
        "chronic", day(row["begndate"]), disease_code=row["opsp_dise_code"], disease_name=row["opsp_dise_name"]
    )
    number = await _file(call, row, "/data/0", filing)
    return {"result": call.shown("result", {"trt_dcla_detl_sn": number})}


async def _file(call: Call, row: Row, pointer: str, filing: NewFiling) -> str:
    since = filing.since
    until = until_of(row.get("enddate"))
    if until is not None and until <= since:
        raise refused("interval_empty", f"{pointer}/enddate")
    found = await store.person(call.connection, row["psn_no"], since) if is_code(row["psn_no"]) else None
    if found is None:
        raise refused("unknown_person", f"{pointer}/psn_no")
    compare_codes(call, row, pointer, found.insurance_type)
    await store.lock_person(call.connection, row["psn_no"])
    call.person_id = row["psn_no"]
    if filing.disease_code is not None:
        await _register(call, row["psn_no"], filing.disease_code, (since, until), pointer)
    number = await filing_store.add_filing(
        call.connection,
        filing.kind,
        call.hospital_code,
        row["psn_no"],
        filing.destination,
        filing.source,
        filing.disease_code,
        filing.disease_name,
        since,
        until,
        encrypt(call.service.keys, msgspec.json.encode(row).decode(), associated=filing_place(row["psn_no"])),
        call.caller.principal.subject,
        call.caller.request_id,
    )
    return shown_id(FILING, number)


async def _register(call: Call, person_id: str, disease_code: str, period: Interval, pointer: str) -> None:
    """Add a period to the person's registration for a disease, where settling looks."""
    key = {"person_id": person_id, "disease_code": disease_code}
    held = await current(call.session, chronic_registration, key)
    periods = [(row["valid_from"], row["valid_until"]) for row in held]
    if overlapping([*periods, period]):
        raise refused("nhsa_registered_before", f"{pointer}/begndate")
    await _correct(call, key, [*periods, period])


async def _correct(call: Call, key: dict[str, str], periods: list[Interval]) -> None:
    wanted = [{"valid_from": since, "valid_until": until} for since, until in periods]
    await correct(call.session, call.caller, chronic_registration, key, wanted)


async def withdraw_transfer(call: Call) -> Output:
    """Withdraw a transfer filing (2502). What was settled while the filing stood stays as it is."""
    return await _withdraw(call, "transfer")


async def withdraw_chronic(call: Call) -> Output:
    """Withdraw a chronic filing (2504): its period is taken out again, if the registry hasn't corrected it
    meanwhile."""
    return await _withdraw(call, "chronic")


async def _withdraw(call: Call, kind: str) -> Output:
    row = call.one()
    number = read_id(FILING, row["trt_dcla_detl_sn"])
    await store.lock_person(call.connection, row["psn_no"])
    known = (kind, row["psn_no"], call.hospital_code)
    filed = None if number is None else await filing_store.filing(call.connection, number, *known)
    if number is None or filed is None:
        raise refused("nhsa_filing_unknown", "/data/0/trt_dcla_detl_sn")
    call.person_id = row["psn_no"]
    await filing_store.withdraw_filing(call.connection, number)
    if kind == "chronic":
        assert filed.disease_code is not None, "a chronic filing names its disease"
        key = {"person_id": row["psn_no"], "disease_code": filed.disease_code}
        held = await current(call.session, chronic_registration, key)
        periods = [(item["valid_from"], item["valid_until"]) for item in held]
        await _correct(call, key, [item for item in periods if item != (filed.valid_from, filed.valid_until)])
    return {}


async def registrations(call: Call) -> Output:
    """List a person's registrations of chronic diseases (5301)."""
    row = call.one()
    await person_asked(call, row["psn_no"])
    found = await filing_store.chronic_registrations(call.connection, row["psn_no"])
    return {"feedetail": [call.shown("feedetail", _registration(item)) for item in found]}


def _registration(row: ChronicDisease) -> dict[str, object]:
    return {
        "opsp_dise_code": row.disease_code,
        "opsp_dise_name": row.disease_name,
        "begndate": row.valid_from,
        "enddate": last_of(row.valid_until),
    }
