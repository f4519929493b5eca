"""Whom a hospital may treat and see: the persons whom it identified by their certificate.

What a message says of a person's identity is compared with the registry (docs/specification/national-interface.md,
section 6). A person's number alone opens no visit, and the id number is told to nobody who doesn't have it already.
"""

from datetime import datetime, timedelta
from typing import Final

from app.basics.text import folded_name
from app.nhsa import store
from app.nhsa.call import Call, refused
from app.nhsa.fields import Row
from app.nhsa.rows import InsuredPerson
from app.registry.facts import normal_id_number
from app.registry.service import id_number_place, name_place
from app.service.security import decrypt

ID_CARD: Final = "02"
"""``mdtrt_cert_type``: the identity card as what was shown at the counter."""
IDENTITY_CARD: Final = "01"
"""``psn_cert_type`` and ``cert_type``: the kind of the number that the registry holds of everybody."""
IDENTIFIED_FOR: Final = timedelta(days=365)


def name_of(call: Call, row: InsuredPerson) -> str:
    """A person's name in plain text."""
    return decrypt(call.service.keys, row.name, associated=name_place(row.person_id))


def id_number_of(call: Call, row: InsuredPerson) -> str:
    """A person's id number in plain text."""
    return decrypt(call.service.keys, row.id_number, associated=id_number_place(row.person_id))


def compare(call: Call, row: Row, pointer: str, found: InsuredPerson) -> None:
    """Refuse an id number, a name, a kind of certificate, an insurance or a category that isn't the registered
    person's, as far as they were sent."""
    if "certno" in row and normal_id_number(row["certno"]) != normal_id_number(id_number_of(call, found)):
        raise refused("nhsa_person_differs", f"{pointer}/certno")
    card = row["mdtrt_cert_no"] if row.get("mdtrt_cert_type") == ID_CARD and "mdtrt_cert_no" in row else None
    if card is not None and normal_id_number(card) != normal_id_number(id_number_of(call, found)):
        raise refused("nhsa_person_differs", f"{pointer}/mdtrt_cert_no")
    if "psn_name" in row and folded_name(row["psn_name"]) != folded_name(name_of(call, found)):
        raise refused("nhsa_person_differs", f"{pointer}/psn_name")
    compare_codes(call, row, pointer, found.insurance_type)


def compare_codes(call: Call, row: Row, pointer: str, insurance_type: str) -> None:
    """Refuse another kind of certificate than the identity card, which is all that the registry holds, and an insurance
    or a category of person that isn't of the person's insurance. Empty and 0 say nothing, and neither does a category
    of which the dictionary doesn't know the insurance."""
    for name in ("psn_cert_type", "cert_type"):
        if row.get(name, "").lstrip("0") not in ("", IDENTITY_CARD.lstrip("0")):
            raise refused("nhsa_person_differs", f"{pointer}/{name}")
    if row.get("insutype", insurance_type) != insurance_type:
        raise refused("nhsa_person_differs", f"{pointer}/insutype")
    if call.dictionary.insurance_of(row.get("psn_type", "")) not in (None, insurance_type):
        raise refused("nhsa_person_differs", f"{pointer}/psn_type")


async def note_identified(call: Call, person_id: str) -> None:
    """Remember that the hospital has identified a person by certificate."""
    await store.note_identified(call.connection, call.hospital_code, person_id, call.now)


async def is_identified(call: Call, person_id: str) -> bool:
    """Whether the hospital identified a person by certificate within the last 365 days."""
    return await store.is_identified(call.connection, call.hospital_code, person_id, identified_since(call))


def identified_since(call: Call) -> datetime:
    """Who was identified at this instant or later still is."""
    return call.now - IDENTIFIED_FOR


async def admit_person(call: Call, row: Row, pointer: str, found: InsuredPerson) -> None:
    """Let a visit be opened: the certificate sent is the person's, or the hospital identified them before."""
    compare(call, row, pointer, found)
    if "certno" in row:
        await note_identified(call, found.person_id)
    elif not await is_identified(call, found.person_id):
        raise refused("nhsa_not_identified", f"{pointer}/certno")
