"""Every SQL statement of settling, named in one place. Amounts in fen."""

from typing import Any, Final

import msgspec

from app.database.engine import HotConnection
from app.service.caller import Caller, Keyed, Service
from app.settlement.bill import BillRequest
from app.settlement.document import Whole, encoded
from app.settlement.entry import Entry
from app.settlement.rows import Found, PersonYear, YearPart
from app.tiers.model import Portions, Scope

_FACTS: Final = "SELECT bill_facts($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::wanted_bill)"
_WRITE: Final = "SELECT entry_write($1::new_entry, $2::new_transfer[], $3, $4, $5)"
_CORRECTION: Final = "SELECT correction_facts($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
_OFF_WORKLIST: Final = "DELETE FROM readjudication_candidate WHERE person_id = $1 AND benefit_year = $2"
_TEXTS: Final = "SELECT pack, texts FROM policy_text WHERE digest = $1"


_found = msgspec.json.Decoder(Found)
_person_year = msgspec.json.Decoder(PersonYear)


async def facts(
    service: Service, connection: HotConnection, caller: Caller, bill: BillRequest, keyed: Keyed | None
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
    opening = caller.opening(keyed, service.settings.idempotency_wait)
    text = await connection.fetchval(_FACTS, *opening, service.manual_clock, wanted)
    return _found.decode(text)


async def write(connection: HotConnection, entry: Entry, keyed: Keyed | None = None) -> None:
    """Write an entry with all that belongs to it, and the key that it was asked for under, in one call."""
    rows = [
        (item.debit, item.credit, item.amount, item.fund, item.tier, item.event, item.clr_type)
        for item in entry.transfers
    ]
    year = encoded(entry.year).decode()
    key = (None, None) if keyed is None else (keyed.key, keyed.request_hash)
    await connection.execute(_WRITE, msgspec.structs.astuple(entry.row), rows, year, *key)


async def person_year(
    service: Service, connection: HotConnection, caller: Caller, keyed: Keyed | None, of: YearPart
) -> PersonYear:
    """Open the request, lock the person (with a key) and read the year of a settlement, or of a person, from there on."""
    opening = caller.opening(keyed, service.settings.idempotency_wait)
    part = (of.settlement_id, of.person_id, of.year, of.whole)
    text = await connection.fetchval(_CORRECTION, *opening, service.manual_clock, *part)
    return _person_year.decode(text)


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
