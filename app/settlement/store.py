"""Every SQL statement of settling, named in one place. Amounts in fen."""

from datetime import date, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from app.database.engine import HotConnection
from app.ledger.journal import Transfer
from app.registry.paying_area import NO_RECORDS, FoundArea
from app.service.caller import Caller
from app.settlement.bill import BillRequest
from app.settlement.document import Document, Whole
from app.tiers.episode import Stay
from app.tiers.model import CatalogueEntry, Portions, Scope

_FACTS: Final = "SELECT bill_facts($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::wanted_bill)"
_WRITE: Final = "SELECT entry_write($1::new_entry, $2::new_transfer[], $3, $4, $5)"
_CORRECTION: Final = "SELECT correction_facts($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
_REMEMBER: Final = """INSERT INTO idempotency (subject, key, request_hash, status, body, request_id)
 VALUES ($1, $2, $3, $4, $5, $6)"""
_OFF_WORKLIST: Final = "DELETE FROM readjudication_candidate WHERE person_id = $1 AND benefit_year = $2"
_TEXTS: Final = "SELECT pack, texts FROM policy_text WHERE digest = $1"


class FoundPerson(Struct, frozen=True):
    """What the registry knows of the insured person on the admission day."""

    area_code: str
    insurance_type: str
    insured: bool


class FoundHospital(Struct, frozen=True):
    """What the registry knows of the hospital on the admission day."""

    level: int
    rank: str
    area_code: str
    contracted: bool = True


class Found(Struct, frozen=True):
    """Everything that settling needs to know, read under the person's lock. ``lock_wait`` in microseconds."""

    state: str
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


class NewEntry(Struct, frozen=True):
    """One row to write; the fields are those of the database's ``new_entry``, in its order.

    ``balance_state``: how the patient's balance begins that this row opens, None for none.
    """

    settlement_id: int
    kind: str
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
    paid_by: str
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
    balance_state: str | None = None


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
    paid_by: str
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


class PersonYear(Struct, frozen=True):
    """What a correction needs of a person-year, read under the person's lock: the live settlements from the named one on.

    ``ids`` are new ids, enough for a row per settlement; ``body`` is the remembered answer of a replay, in Base64.
    """

    state: str
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


_found = msgspec.json.Decoder(Found)
_person_year = msgspec.json.Decoder(PersonYear)


async def facts(
    connection: HotConnection,
    caller: Caller,
    bill: BillRequest,
    *,
    key: str | None,
    request_hash: bytes | None,
    wait: float,
    manual_clock: bool,
) -> Found:
    """Open the request and read what the engine needs. With a key: lock the person and take an id; without: only read."""
    source = bill.transfer_from
    wanted = (
        bill.hospital_code,
        bill.visit_id,
        bill.settle_seq,
        bill.person_id,
        bill.discharged_on.year,
        bill.admitted_on,
        bill.discharged_on,
        None if source is None else source.hospital_code,
        None if source is None else source.visit_id,
        list({line.item_code for line in bill.lines}),
    )
    text = await connection.fetchval(_FACTS, *caller.opening(key, request_hash, wait), manual_clock, wanted)
    return _found.decode(text)


async def write(
    connection: HotConnection,
    entry: NewEntry,
    transfers: tuple[Transfer, ...],
    after: str,
    *,
    key: str | None,
    request_hash: bytes | None,
) -> None:
    """Write an entry with all that belongs to it, in one call; ``after`` are the year's accumulators as JSON."""
    rows = [
        (item.debit, item.credit, item.amount, item.fund, item.tier, item.event, item.clr_type) for item in transfers
    ]
    await connection.execute(_WRITE, msgspec.structs.astuple(entry), rows, after, key, request_hash)


async def person_year(
    connection: HotConnection,
    caller: Caller,
    *,
    settlement_id: int | None = None,
    person_id: str | None = None,
    year: int | None = None,
    whole: bool,
    key: str | None,
    request_hash: bytes | None,
    wait: float,
    manual_clock: bool,
) -> PersonYear:
    """Open the request, lock the person (with a key) and read the year of a settlement, or of a person, from there on.

    Without ``whole`` only the named settlement comes with its document.
    """
    opening = caller.opening(key, request_hash, wait)
    text = await connection.fetchval(_CORRECTION, *opening, manual_clock, settlement_id, person_id, year, whole)
    return _person_year.decode(text)


async def remember(
    connection: HotConnection, caller: Caller, *, key: str, request_hash: bytes, status: int, body: bytes
) -> None:
    """Keep the (encrypted) answer of a key beside what it wrote."""
    await connection.execute(_REMEMBER, caller.principal.subject, key, request_hash, status, body, caller.request_id)


async def off_worklist(connection: HotConnection, person_id: str, year: int) -> None:
    """Take a person-year off the list of those to be readjudicated."""
    await connection.execute(_OFF_WORKLIST, person_id, year)


async def policy_texts(connection: HotConnection, digest: str) -> tuple[str, dict[str, str]]:
    """The name of the pack that has a digest, and the texts of it and of those that it inherits."""
    row = await connection.fetchrow(_TEXTS, digest)
    return row["pack"], msgspec.json.decode(row["texts"], type=dict[str, str])


STATUS: Final = """
CASE WHEN EXISTS (SELECT FROM settlement r WHERE r.of_settlement_id = s.settlement_id AND r.kind = 'reversal') THEN 'reversed'
     WHEN EXISTS (SELECT FROM settlement a WHERE a.of_settlement_id = s.settlement_id AND a.kind = 'adjustment') THEN 'adjusted'
     ELSE 'settled' END"""
"""What became of a settlement ``s``, derived from later rows."""
_READ_BASE: Final = f"SELECT s.*, {STATUS} AS status FROM settlement s"
READ_ONE: Final = _READ_BASE + " WHERE s.settlement_id = $1"
READ_WITH_CONSEQUENCES: Final = _READ_BASE + " WHERE s.settlement_id = $1 OR s.caused_by = $1 ORDER BY s.entry_no"
READ_GROUP: Final = (
    "SELECT * FROM settlement WHERE (settlement_id = $1 OR of_settlement_id = $1) AND entry_no < $2 ORDER BY entry_no"
)
READ_MANY: Final = _READ_BASE + " WHERE s.settlement_id = ANY ($1) ORDER BY s.entry_no"
READ_VISIT: Final = (
    _READ_BASE + " WHERE s.hospital_code = $1 AND s.visit_id = $2 AND s.settle_seq = $3 AND s.kind = 'settlement'"
)
READ_LIST: Final = (
    "SELECT * FROM ("
    + _READ_BASE
    + """ WHERE ($1::text IS NULL OR s.hospital_code = $1) AND ($2::text IS NULL OR s.person_id = $2)
     AND ($3::text IS NULL OR s.visit_id = $3)
     AND ($4::date IS NULL OR (s.settled_at AT TIME ZONE 'Asia/Shanghai')::date >= $4)
     AND ($5::date IS NULL OR (s.settled_at AT TIME ZONE 'Asia/Shanghai')::date <= $5)
     AND ($7::timestamptz IS NULL OR (s.recorded_at, s.settlement_id) < ($7, $8))
  ) q WHERE ($6::text IS NULL OR q.status = $6) ORDER BY q.recorded_at DESC, q.settlement_id DESC LIMIT $9"""
)


async def read_one(connection: HotConnection, settlement_id: int) -> Any:
    """One settlement's row with its derived status, None when there is none within reach."""
    return await connection.fetchrow(READ_ONE, settlement_id)


async def read_group(connection: HotConnection, settlement_id: int, before_entry: int) -> list[Any]:
    """A settlement and its corrections that were entered before an entry."""
    rows: list[Any] = await connection.fetch(READ_GROUP, settlement_id, before_entry)
    return rows


def whole_of_row(row: Any) -> Whole:
    """The amounts of a row, fen."""
    return Whole(
        Scope(*(row[name] for name in Scope.__struct_fields__)),
        Portions(*(row[name] for name in Portions.__struct_fields__)),
        row["payable_adjustment"],
        row["deductible"],
        msgspec.json.decode(row["delta"], type=dict[str, int]),
    )


async def read_with_consequences(connection: HotConnection, settlement_id: int) -> list[Any]:
    """A row and the adjustments that it made necessary, those within reach; the row itself comes first."""
    rows: list[Any] = await connection.fetch(READ_WITH_CONSEQUENCES, settlement_id)
    return sorted(rows, key=lambda row: row["settlement_id"] != settlement_id)


async def read_many(connection: HotConnection, settlement_ids: list[int]) -> list[Any]:
    """The rows of these ids within reach, in the order of settling."""
    rows: list[Any] = await connection.fetch(READ_MANY, settlement_ids)
    return rows


async def read_visit(connection: HotConnection, hospital_code: str, visit_id: str, settle_seq: int) -> Any:
    """The settlement (not its corrections) of a visit's bill."""
    return await connection.fetchrow(READ_VISIT, hospital_code, visit_id, settle_seq)


async def read_list(connection: HotConnection, *arguments: Any) -> list[Any]:
    """Rows newest first: hospital, person, visit, from, to, status, cursor time, cursor id, limit."""
    rows: list[Any] = await connection.fetch(READ_LIST, *arguments)
    return rows
