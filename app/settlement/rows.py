"""What settling reads from the database and writes to it, as typed rows. Amounts in fen."""

from datetime import date, datetime
from typing import Literal

import msgspec
from msgspec import Struct

from app.registry.paying_area import NO_RECORDS, FoundArea
from app.service.caller import OpenState
from app.settlement.document import Document, Whole
from app.tiers.episode import Stay
from app.tiers.model import CatalogueEntry, Portions, Rank, Scope

EntryKind = Literal["settlement", "reversal", "adjustment"]
SettledStatus = Literal["settled", "adjusted", "reversed"]
PaidBy = Literal["hospital", "patient"]


class FoundPerson(Struct, frozen=True):
    """What the registry knows of the insured person on the admission day."""

    area_code: str
    insurance_type: str
    insured: bool
    retired: bool = False


class FoundHospital(Struct, frozen=True):
    """What the registry knows of the hospital on the admission day."""

    level: int
    rank: Rank
    area_code: str
    contracted: bool = True


class BillFacts(Struct, frozen=True):
    """Everything that settling needs to know, read under the person's lock. ``lock_wait`` in microseconds."""

    state: OpenState
    settlement_id: int | None = None
    now: datetime | None = None
    lock_wait: int = 0
    settled: int | None = None
    person: FoundPerson | None = None
    area: FoundArea = NO_RECORDS
    classes: list[str] = []
    registrations: list[str] = []
    hospital: FoundHospital | None = None
    entries: list[CatalogueEntry] = []
    accumulators: dict[str, int] | None = None
    entries_before: int = 0
    stays: list[Stay] = []
    settled_later_stay: bool = False


class EntryColumns(Struct, frozen=True):
    """What a settlement, reversal or adjustment is stored with, in the order of the database's ``new_entry``.

    ``delta`` and ``document`` are JSON texts.
    """

    settlement_id: int
    kind: EntryKind
    of_settlement_id: int | None
    person_id: str
    benefit_year: int
    entry_no: int
    hospital_code: str
    visit_id: str
    settle_seq: int
    interim: bool
    medical_type: str
    benefit_class: str
    paid_by: PaidBy
    paying_area: str
    hospital_area: str
    out_of_area: bool
    recoverable: bool
    admitted_on: date
    discharged_on: date
    settled_at: datetime
    total: int
    own_expense: int
    over_limit: int
    first_pay: int
    in_scope: int
    basic: int
    serious_illness: int
    supplement: int
    medical_assistance: int
    safety_net: int
    hospital: int
    patient: int
    payable_adjustment: int
    deductible: int
    delta: str
    episode: list[str]
    policy_pack: str
    policy_version: str
    policy_digest: str
    assumed: int
    engine_version: str
    digest: str
    result_digest: str
    warnings: list[str]
    reason: str | None
    document: str
    caused_by: int | None = None

    @property
    def whole(self) -> Whole:
        """The amounts of the row."""
        scope = Scope(*(getattr(self, name) for name in Scope.__struct_fields__))
        portions = Portions(*(getattr(self, name) for name in Portions.__struct_fields__))
        delta = msgspec.json.decode(self.delta, type=dict[str, int])
        return Whole(scope, portions, self.payable_adjustment, self.deductible, delta)


class NewEntry(EntryColumns, frozen=True):
    """One row to write. ``balance_state``: how the patient's balance begins that this row opens, None for none.
    ``unknown_item``: True for a settlement with a code that no catalogue version had."""

    balance_state: str | None = None
    unknown_item: Literal[True] | None = None


class EntryRow(EntryColumns, frozen=True, kw_only=True):
    """A settlement, reversal or adjustment as stored. ``status`` is what became of it, derived from later rows."""

    recorded_at: datetime
    status: SettledStatus


class Original(Struct, frozen=True):
    """The columns of a settlement that its correction repeats; class and policy as computed last."""

    settlement_id: int
    person_id: str
    benefit_year: int
    entry_no: int
    hospital_code: str
    visit_id: str
    settle_seq: int
    interim: bool
    medical_type: str
    benefit_class: str
    paid_by: PaidBy
    paying_area: str
    hospital_area: str
    out_of_area: bool
    recoverable: bool
    admitted_on: date
    discharged_on: date
    episode: list[str]
    policy_pack: str
    policy_version: str
    policy_digest: str
    assumed: int
    engine_version: str
    digest: str


class Standing(Struct, frozen=True):
    """A live settlement as it stands: the sums of it and its adjustments, and what was computed last.

    ``reached``: the caller may see it. ``digests``: the result digests of the settlement and its adjustments, in order.
    """

    row: Original
    reached: bool
    whole: Whole
    digests: tuple[str, ...]
    document: Document | None


class YearPart(Struct, frozen=True):
    """Which part of a person-year to read: from a settlement on, or the whole of a person's year.

    Without ``whole`` only the named settlement comes with its document.
    """

    settlement_id: int | None = None
    person_id: str | None = None
    year: int | None = None
    whole: bool = True


class PersonYear(Struct, frozen=True):
    """What a correction needs of a person-year, read under the person's lock: live settlements from the named one on.

    ``ids`` are new ids, enough for a row per settlement; ``body`` is the remembered answer of a replay, in Base64.
    """

    state: OpenState
    status: int | None = None
    body: str | None = None
    now: datetime | None = None
    person_id: str = ""
    benefit_year: int = 0
    kind: str | None = None
    reversed: bool = False
    ids: list[int] | None = None
    accumulators: dict[str, int] | None = None
    entries_before: int = 0
    identities: list[tuple[str, date, date | None]] = []
    stays: list[Stay] = []
    standing: list[Standing] = []
