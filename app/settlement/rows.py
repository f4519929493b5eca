"""What settling reads from the database and writes to it, as typed rows. Amounts in fen."""

from datetime import date, datetime
from typing import Final, Literal

import msgspec
from msgspec import Struct, structs

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


class FoundOlder(Struct, frozen=True):
    """What is known of the benefit year before that of a stay over the turn of the year; its area's record is that of
    31 December."""

    area: FoundArea = NO_RECORDS
    accumulators: dict[str, int] | None = None
    entries_before: int = 0


NO_OLDER: Final = FoundOlder()


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
    older: FoundOlder | None = None


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


class NewEntry(EntryColumns, frozen=True):
    """One row to write. ``balance_state``: how the patient's balance begins that this row opens, None for none.
    ``unknown_item``: True for a settlement with a code that no catalogue version had."""

    balance_state: str | None = None
    unknown_item: Literal[True] | None = None


class OlderPart(Struct, frozen=True):
    """What of an entry belongs to the benefit year before its own, in the order of the database's ``new_older``.
    ``delta`` and ``after`` (the year's accumulators) are JSON texts."""

    benefit_year: int
    entry_no: int
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
    after: str


class EntryRow(EntryColumns, frozen=True, kw_only=True):
    """A settlement, reversal or adjustment as stored. ``status`` is what became of it, derived from later rows.
    ``older``: what of it belongs to the year before, as JSON."""

    recorded_at: datetime
    status: SettledStatus
    older: str | None = None

    @property
    def whole(self) -> Whole:
        """The amounts of the row."""
        delta = msgspec.json.decode(self.delta, type=dict[str, int])
        whole = _whole(self, delta)
        if self.older is None:
            return whole
        older = msgspec.json.decode(self.older, type=_StoredOlder)
        return structs.replace(whole, older=_whole(older, older.delta))


class _StoredOlder(Struct, frozen=True):
    """An older part as the database has it."""

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
    delta: dict[str, int]


def _whole(row: EntryColumns | _StoredOlder, delta: dict[str, int]) -> Whole:
    scope = Scope(*(getattr(row, name) for name in Scope.__struct_fields__))
    portions = Portions(*(getattr(row, name) for name in Portions.__struct_fields__))
    return Whole(scope, portions, row.payable_adjustment, row.deductible, delta)


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
    older_entry_no: int | None = None

    @property
    def places(self) -> dict[int, int]:
        """Its number among the entries of each benefit year that it counts in."""
        own = {self.benefit_year: self.entry_no}
        return own if self.older_entry_no is None else {self.benefit_year - 1: self.older_entry_no, **own}


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


class YearStanding(Struct, frozen=True):
    """How a benefit year of a person stands: the number of its entries, its accumulators (fen, and a count)."""

    entries: int
    accumulators: dict[str, int]


class PersonYear(Struct, frozen=True):
    """What a correction needs of a person-year, read under the person's lock: live settlements from the named one on,
    and of each year that one of them reaches into, being split, all from there on. They are in the order of settling.

    ``years``: how each of these years stands. ``ids`` are new ids, enough for a row per settlement; ``body`` is the
    remembered answer of a replay, in Base64.
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
    years: dict[int, YearStanding] = {}
    identities: list[tuple[str, date, date | None]] = []
    stays: list[Stay] = []
    standing: list[Standing] = []
