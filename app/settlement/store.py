"""Every SQL statement of settling, named in one place. Amounts in fen."""

from datetime import date, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from app.context import Caller
from app.db import HotConnection
from app.ledger.journal import Transfer
from app.settlement.bill import BillRequest
from app.settlement.document import Document
from app.tiers.model import CatalogueEntry

_FACTS: Final = "SELECT settlement_facts($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::wanted_bill)"
_WRITE: Final = "SELECT settlement_write($1::new_settlement, $2::new_transfer[], $3, $4, $5)"
_REVERSAL: Final = "SELECT reversal_facts($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"


class FoundPerson(Struct, frozen=True):
    """What the registry knows of the insured person on the admission day."""

    area_code: str
    insurance_type: str
    insured: bool


class FoundHospital(Struct, frozen=True):
    """What the registry knows of the hospital."""

    level: int
    rank: str
    area_code: str


class Found(Struct, frozen=True):
    """Everything that settling needs to know, read under the person's lock. ``lock_wait`` in microseconds."""

    state: str
    settlement_id: int | None = None
    now: datetime | None = None
    lock_wait: int = 0
    settled: int | None = None
    person: FoundPerson | None = None
    classes: list[str] = []
    hospital: FoundHospital | None = None
    entries: list[CatalogueEntry] = []
    accumulators: dict[str, int] | None = None
    entries_before: int = 0
    episode: list[str] = []
    episode_deductible: int = 0
    episode_counted: bool = False
    transfer_unknown: bool = False
    warnings: list[str] = []


class NewSettlement(Struct, frozen=True):
    """One row to write; the fields are those of the database's ``new_settlement``, in its order."""

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


class Original(Struct, frozen=True):
    """The columns of a settlement that its correction repeats."""

    settlement_id: int
    person_id: str
    benefit_year: int
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


class Reversible(Struct, frozen=True):
    """A settlement to be reversed: the sums of it and its adjustments, what came later, and the year as it stands."""

    state: str
    settlement_id: int | None = None
    reversal_id: int = 0
    now: datetime | None = None
    kind: str = ""
    reversed: bool = False
    later: list[int] = []
    later_others: int = 0
    entries_before: int = 0
    accumulators: dict[str, int] = {}
    delta: dict[str, int] = {}
    amounts: dict[str, int] = {}
    episode_still_counted: bool = False
    row: Original | None = None
    document: Document | None = None


_found = msgspec.json.Decoder(Found)
_reversible = msgspec.json.Decoder(Reversible)


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
    settlement: NewSettlement,
    transfers: tuple[Transfer, ...],
    after: str,
    *,
    key: str | None,
    request_hash: bytes | None,
) -> None:
    """Write a settlement with all that belongs to it, in one call."""
    rows = [
        (item.debit, item.credit, item.amount, item.fund, item.tier, item.event, item.clr_type) for item in transfers
    ]
    await connection.execute(_WRITE, msgspec.structs.astuple(settlement), rows, after, key, request_hash)


async def reversible(
    connection: HotConnection,
    caller: Caller,
    settlement_id: int,
    *,
    key: str,
    request_hash: bytes,
    wait: float,
    manual_clock: bool,
) -> Reversible:
    """Open the request, lock the person of a settlement and read what its reversal needs."""
    opening = caller.opening(key, request_hash, wait)
    return _reversible.decode(await connection.fetchval(_REVERSAL, *opening, manual_clock, settlement_id))


_READ_BASE: Final = """
SELECT s.*, CASE WHEN EXISTS (SELECT FROM settlement r WHERE r.of_settlement_id = s.settlement_id AND r.kind = 'reversal')
                 THEN 'reversed'
                 WHEN EXISTS (SELECT FROM settlement a WHERE a.of_settlement_id = s.settlement_id AND a.kind = 'adjustment')
                 THEN 'adjusted' ELSE 'settled' END AS status
  FROM settlement s
"""
READ_ONE: Final = _READ_BASE + " WHERE s.settlement_id = $1"
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


async def read_visit(connection: HotConnection, hospital_code: str, visit_id: str, settle_seq: int) -> Any:
    """The settlement (not its corrections) of a visit's bill."""
    return await connection.fetchrow(READ_VISIT, hospital_code, visit_id, settle_seq)


async def read_list(connection: HotConnection, *arguments: Any) -> list[Any]:
    """Rows newest first: hospital, person, visit, from, to, status, cursor time, cursor id, limit."""
    rows: list[Any] = await connection.fetch(READ_LIST, *arguments)
    return rows
