"""The rows that the national interface reads from the database, each a struct of the columns that its statement names.

Amounts are fen, rates ten-thousandths; texts about persons are encrypted.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import TypeVar

from msgspec import Struct, convert

from app.tiers.model import CatalogueClass, MedicalType

R = TypeVar("R", bound=Struct)


class InsuredPerson(Struct, frozen=True):
    """A person with the area and the insurance of one day; ``name`` and ``id_number`` are encrypted."""

    person_id: str
    name: bytes
    id_number: bytes
    insurance_type: str
    insured_from: date | None
    insured_until: date | None
    area_code: str
    insured: bool


class PersonIdentity(Struct, frozen=True):
    """An identity of a person with its days ``[valid_from, valid_until)``."""

    class_: str
    valid_from: date
    valid_until: date | None


class CatalogueVersion(Struct, frozen=True):
    """One version of a catalogue item with its days ``[valid_from, valid_until)`` and a ceiling per hospital level."""

    item_code: str
    class_: CatalogueClass
    first_pay_ratio: int
    ceiling_1: int | None
    ceiling_2: int | None
    ceiling_3: int | None
    restricted: bool
    valid_from: date
    valid_until: date | None
    name: str | None
    kind: str

    @property
    def ceilings(self) -> tuple[int | None, int | None, int | None]:
        """The ceilings of the hospital levels 1, 2 and 3."""
        return self.ceiling_1, self.ceiling_2, self.ceiling_3


class KeptMessage(Struct, frozen=True):
    """A remembered message and what it was about; ``key`` is None once its bodies were made unreadable."""

    message_id: int
    input_hash: bytes
    outcome: str
    settlement_id: int | None
    visit_no: int | None
    person_id: str | None
    key: bytes | None
    answer: bytes


class SignedIn(Struct, frozen=True):
    """An operator's new session."""

    session_id: int
    signed_at: datetime


class KeptFile(Struct, frozen=True):
    """The number of a file and when it was stored."""

    file_no: int
    recorded_at: datetime


class SealedFile(KeptFile, frozen=True):
    """A stored file; ``key`` is None once it was made unreadable."""

    filename: str
    key: bytes | None
    content: bytes


class SettledDocument(Struct, frozen=True):
    """A settlement, reversal or adjustment with its document as JSON text; ``funds``: those that its insurance has in
    the place of residents', by tier, as JSON text."""

    settlement_id: int
    kind: str
    person_id: str
    benefit_year: int
    hospital_code: str
    visit_id: str
    medical_type: MedicalType
    paying_area: str
    admitted_on: date
    discharged_on: date
    settled_at: datetime
    deductible: int
    document: str
    funds: str


class SettledSums(Struct, frozen=True):
    """How many entries of the ledger there are, their bills' total and what the funds bear."""

    count: int
    total: int
    fund_total: int


class SettledEntry(Struct, frozen=True):
    """A settlement, reversal or adjustment as reconciliation compares it."""

    settlement_id: int
    kind: str
    person_id: str
    total: int
    fund_total: int
    visit_no: int | None
    msgid: str | None


class TransferFiling(Struct, frozen=True):
    """Who filed a transfer, and the inpatient visit that it came from."""

    hospital_code: str
    source_visit_id: str | None


class StandingFiling(Struct, frozen=True):
    """A filing that stands, with its days ``[valid_from, valid_until)``."""

    disease_code: str | None
    valid_from: date
    valid_until: date | None


class ChronicDisease(Struct, frozen=True):
    """A chronic disease that a person is registered for, with its days ``[valid_from, valid_until)``."""

    disease_code: str
    disease_name: str | None
    valid_from: date
    valid_until: date | None


class StandingStatement(Struct, frozen=True):
    """A month's statement that isn't withdrawn."""

    statement_id: int
    state: str


class DeclarableEntry(Struct, frozen=True):
    """A settlement, reversal or adjustment that a statement declares."""

    kind: str
    total: int
    patient: int
    payable_adjustment: int
    fund_total: int


class DeclaredType(Struct, frozen=True):
    """A declared clearing type of a statement, and that statement's state."""

    statement_id: int
    withdrawn_at: datetime | None
    state: str


def as_struct(type_: type[R], row: Mapping[str, object]) -> R:
    """A row of the database as a struct of its columns; the driver has given each its type."""
    return convert({name: row[name] for name in type_.__struct_fields__}, type_)


def as_struct_or_none(type_: type[R], row: Mapping[str, object] | None) -> R | None:
    """The same for a row that there may not be."""
    return None if row is None else as_struct(type_, row)
