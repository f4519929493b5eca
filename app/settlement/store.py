"""Every SQL statement of settling, named in one place, and the law that settlements were computed under. Fen."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

import msgspec
from msgspec import Struct

from app.database.engine import HotConnection, HotRecord
from app.service.caller import Caller, Keyed, Service
from app.settlement.bill import BillRequest
from app.settlement.computing import PolicyOf
from app.settlement.document import encoded
from app.settlement.entry import Entry
from app.settlement.person_year import in_order
from app.settlement.rows import BillFacts, EntryRow, PersonYear, YearPart
from app.tiers.load import load_kept
from app.tiers.pack import Pack
from app.tiers.policy import Policy, PolicyBook

_FACTS: Final = "SELECT bill_facts($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::wanted_bill)"
_WRITE: Final = "SELECT entry_write($1::new_entry, $2::new_transfer[], $3, $4, $5)"
_WRITE_SPLIT: Final = (
    "SELECT entry_write($1::new_entry, $2::new_transfer[], $3, $4, $5, $6::new_older, $7::new_transfer[])"
)
_FACTS_OF_SEVERAL: Final = "SELECT bills_facts($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::wanted_bill[])"
_WRITE_SEVERAL: Final = (
    "SELECT entries_write($1, $2, $3, $4, $5, $6, $7, $8, $9::new_entry[], $10, $11::new_transfer[], $12::jsonb[])"
)
_CORRECTION: Final = "SELECT correction_facts($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
_ON_WORKLIST: Final = """
INSERT INTO readjudication_candidate AS c (person_id, benefit_year, reason, amount, subject, request_id)
SELECT p.person_id, $2, 'earlier_year_corrected', $3, $4, $5 FROM person p WHERE p.person_id = $1
ON CONFLICT (person_id, benefit_year) DO UPDATE SET amount = coalesce(c.amount, 0) + excluded.amount"""
_OFF_WORKLIST: Final = "DELETE FROM readjudication_candidate WHERE person_id = $1 AND benefit_year = $2"
_TEXTS: Final = "SELECT pack, texts FROM policy_text WHERE digest = $1"


Asking = tuple[Caller, BillRequest, Keyed]
"""Who asks to settle which bill, under which key."""

_found = msgspec.json.Decoder(BillFacts)
_person_year = msgspec.json.Decoder(PersonYear)


async def facts(
    service: Service, connection: HotConnection, caller: Caller, bill: BillRequest, keyed: Keyed | None
) -> BillFacts:
    """Open the request and read what the engine needs. With a key: lock the person and take an id. Else only read."""
    opening = caller.opening(keyed, service.settings.idempotency_wait)
    text = await connection.fetchval(_FACTS, *opening, service.manual_clock, _wanted(bill))
    return _found.decode(text)


async def facts_of_several(
    service: Service, connection: HotConnection, asked: Sequence[Asking], *, patient: bool
) -> list[BillFacts]:
    """``facts`` of bills that are settled in one transaction, in their order, each opened for itself. ``patient``: wait
    for persons that others have locked."""
    bills = [_wanted(bill) for _, bill, _ in asked]
    openings = _openings((caller, keyed) for caller, _, keyed in asked)
    texts = await connection.fetchval(_FACTS_OF_SEVERAL, *openings, patient, service.manual_clock, bills)
    return [_found.decode(text) for text in texts]


def _wanted(bill: BillRequest) -> tuple[object, ...]:
    source = bill.transfer_from
    return (
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


def _openings(asked: Iterable[tuple[Caller, Keyed]]) -> Iterable[tuple[object, ...]]:
    """An array for each argument of ``request_open`` but the wait."""
    return zip(*(caller.opening(keyed)[:-1] for caller, keyed in asked), strict=True)


async def write(connection: HotConnection, entry: Entry, keyed: Keyed | None = None) -> None:
    """Write an entry with all that belongs to it, and the key that it was asked for under, in one call."""
    values = written_values(entry, keyed)
    if entry.older is None:
        await connection.execute(_WRITE, *values)
    else:
        await connection.execute(_WRITE_SPLIT, *values, *older_values(entry))


def written_values(entry: Entry, keyed: Keyed | None) -> tuple[object, ...]:
    """The arguments of the database's ``entry_write``."""
    rows = [msgspec.structs.astuple(transfer) for transfer in entry.transfers]
    year = encoded(entry.year).decode()
    key = (None, None) if keyed is None else (keyed.key, keyed.request_hash)
    return (msgspec.structs.astuple(entry.row), rows, year, *key)


def older_values(entry: Entry) -> tuple[object, ...]:
    """Its further arguments: what of the entry belongs to the benefit year before its own."""
    if entry.older is None:
        return (None, [])
    transfers = [msgspec.structs.astuple(transfer) for transfer in entry.older.transfers]
    return (msgspec.structs.astuple(entry.older.row), transfers)


async def write_several(connection: HotConnection, written: Sequence[tuple[Caller, Keyed, Entry]]) -> None:
    """``write`` for several settlements, each of its own request, in one call: all of them, or none."""
    openings = _openings((caller, keyed) for caller, keyed, _ in written)
    rows = [msgspec.structs.astuple(entry.row) for _, _, entry in written]
    of, transfers = [], []
    for place, (_, _, entry) in enumerate(written, 1):
        of += [place] * len(entry.transfers)
        transfers += [msgspec.structs.astuple(transfer) for transfer in entry.transfers]
    years = [encoded(entry.year).decode() for _, _, entry in written]
    await connection.execute(_WRITE_SEVERAL, *openings, rows, of, transfers, years)


async def person_year(
    service: Service, connection: HotConnection, caller: Caller, keyed: Keyed | None, of: YearPart
) -> PersonYear:
    """Open the request, with a key lock the person, and read a part of the person's year."""
    opening = caller.opening(keyed, service.settings.idempotency_wait)
    part = (of.settlement_id, of.person_id, of.year, of.whole)
    text = await connection.fetchval(_CORRECTION, *opening, service.manual_clock, *part)
    found = _person_year.decode(text)
    return msgspec.structs.replace(found, standing=in_order(found.standing))


async def on_worklist(connection: HotConnection, caller: Caller, person_id: str, year: int, amount: int) -> None:
    """Put a person-year on the list of those to be readjudicated, with the fen at stake; a further one is added to
    them. Not for a person out of reach."""
    values = (person_id, year, amount, caller.principal.subject, caller.request_id)
    await connection.execute(_ON_WORKLIST, *values)


async def off_worklist(connection: HotConnection, person_id: str, year: int) -> None:
    """Take a person-year off the list of those to be readjudicated."""
    await connection.execute(_OFF_WORKLIST, person_id, year)


_STATUS: Final = """
CASE WHEN EXISTS (SELECT FROM settlement r WHERE r.of_settlement_id = s.settlement_id AND r.kind = 'reversal')
     THEN 'reversed'
     WHEN EXISTS (SELECT FROM settlement a WHERE a.of_settlement_id = s.settlement_id AND a.kind = 'adjustment')
     THEN 'adjusted' ELSE 'settled' END"""
"""What became of a settlement ``s``, derived from later rows."""
_COLUMNS: Final = ", ".join(f"s.{name}" for name in EntryRow.__struct_fields__ if name not in ("status", "older"))
_OLDER: Final = "(SELECT to_json(o)::text FROM settlement_older o WHERE o.settlement_id = s.settlement_id)"
_READ: Final = f"SELECT {_COLUMNS}, {_STATUS} AS status, {_OLDER} AS older FROM settlement s"
_READ_ONE: Final = _READ + " WHERE s.settlement_id = $1"
_READ_WITH_CONSEQUENCES: Final = _READ + " WHERE s.settlement_id = $1 OR s.caused_by = $1 ORDER BY s.entry_no"
_READ_GROUP: Final = (
    _READ + " WHERE (s.settlement_id = $1 OR s.of_settlement_id = $1) AND s.entry_no < $2 ORDER BY s.entry_no"
)
_READ_MANY: Final = _READ + " WHERE s.settlement_id = ANY ($1) ORDER BY array_position($1, s.settlement_id)"
_READ_VISIT: Final = (
    _READ + " WHERE s.hospital_code = $1 AND s.visit_id = $2 AND s.settle_seq = $3 AND s.kind = 'settlement'"
)
_MADE_OF: Final = "s.settlement_id IN (SELECT r.of_settlement_id FROM settlement r WHERE r.kind = '{}')"
_OF_STATUS: Final[Mapping[str, str]] = {
    "reversed": _MADE_OF.format("reversal"),
    "adjusted": f"{_MADE_OF.format('adjustment')} AND NOT {_MADE_OF.format('reversal')}",
    "settled": "NOT EXISTS (SELECT FROM settlement r WHERE r.of_settlement_id = s.settlement_id"
    " AND r.kind IN ('reversal', 'adjustment'))",
}
"""Which entries have a status, asked so that few are found by an index of what corrects them."""
_MIDNIGHT: Final = "(${}::date)::timestamp AT TIME ZONE 'Asia/Shanghai'"


class Listed(Struct, frozen=True, kw_only=True):
    """Which entries a list has: those of a hospital, a person, a visit, of days of settling (both included), of a
    status. None is no condition."""

    hospital_code: str | None = None
    person_id: str | None = None
    visit_id: str | None = None
    first: date | None = None
    last: date | None = None
    status: str | None = None


async def read_one(connection: HotConnection, settlement_id: int) -> EntryRow | None:
    """One entry, None when there is none within reach."""
    return _first(await connection.fetch(_READ_ONE, settlement_id))


async def read_group(connection: HotConnection, settlement_id: int, before_entry: int) -> list[EntryRow]:
    """A settlement and its corrections that were entered before an entry."""
    return _rows(await connection.fetch(_READ_GROUP, settlement_id, before_entry))


async def read_with_consequences(connection: HotConnection, settlement_id: int) -> list[EntryRow]:
    """An entry and the adjustments that it made necessary, those within reach; the entry itself comes first."""
    rows = _rows(await connection.fetch(_READ_WITH_CONSEQUENCES, settlement_id))
    return sorted(rows, key=lambda row: row.settlement_id != settlement_id)


async def read_many(connection: HotConnection, settlement_ids: list[int]) -> list[EntryRow]:
    """The entries of these ids within reach, in the order of the ids."""
    return _rows(await connection.fetch(_READ_MANY, settlement_ids))


async def read_visit(connection: HotConnection, hospital_code: str, visit_id: str, settle_seq: int) -> EntryRow | None:
    """The settlement (not its corrections) of a visit's bill."""
    return _first(await connection.fetch(_READ_VISIT, hospital_code, visit_id, settle_seq))


async def read_list(
    connection: HotConnection,
    wanted: Listed,
    after: tuple[datetime, int] | None,
    most: int,
    *,
    oldest_first: bool = False,
) -> list[EntryRow]:
    """So many entries, newest first or oldest first, behind a position (when recorded, id). Only what is asked for is a
    condition, so that the planner finds the rows by their index."""
    behind, way = (">", "ASC") if oldest_first else ("<", "DESC")
    values: list[object] = []

    def conditions() -> Iterator[str]:
        for name in ("hospital_code", "person_id", "visit_id"):
            if (value := getattr(wanted, name)) is not None:
                values.append(value)
                yield f"s.{name} = ${len(values)}"
        if wanted.first is not None:
            values.append(wanted.first)
            yield f"s.settled_at >= {_MIDNIGHT.format(len(values))}"
        if wanted.last is not None:
            values.append(wanted.last + timedelta(days=1))
            yield f"s.settled_at < {_MIDNIGHT.format(len(values))}"
        if wanted.status is not None:
            yield _OF_STATUS[wanted.status]
        if after is not None:
            values.extend(after)
            yield f"(s.recorded_at, s.settlement_id) {behind} (${len(values) - 1}::timestamptz, ${len(values)})"

    where = " AND ".join(conditions()) or "true"
    order = f"ORDER BY s.recorded_at {way}, s.settlement_id {way} LIMIT ${len(values) + 1}"
    return _rows(await connection.fetch(f"{_READ} WHERE {where} {order}", *values, most))


def _rows(records: Iterable[HotRecord]) -> list[EntryRow]:
    return [EntryRow(**record) for record in records]


def _first(records: Iterable[HotRecord]) -> EntryRow | None:
    return next((EntryRow(**record) for record in records), None)


# ---------------------------------------------------------------- the law of then


async def policies_of(service: Service, connection: HotConnection, digests: Iterable[str]) -> PolicyOf:
    """The policies of the packs in use and of these digests, by digest and day. Nothing is read twice in a process."""
    books: dict[str, tuple[PolicyBook, str]] = {}
    for pack in service.book.packs.values():
        books[pack.digest] = (service.book, pack.name)
    for digest in set(digests) - books.keys():
        if digest not in service.former_books:
            service.former_books[digest] = await _kept(connection, digest)
        books[digest] = service.former_books[digest]

    def policy_of(digest: str, day: date) -> Policy:
        book, name = books[digest]
        return book.policy(name, day)

    return policy_of


async def _kept(connection: HotConnection, digest: str) -> tuple[PolicyBook, str]:
    name, texts = await _policy_texts(connection, digest)
    book = load_kept(texts)
    pack: Pack = book.packs[name]
    if pack.digest != digest:
        raise ValueError(f"the kept texts of pack {name} don't have the digest that they are kept under")
    return book, name


async def _policy_texts(connection: HotConnection, digest: str) -> tuple[str, dict[str, str]]:
    """The name of the pack that has a digest, and the texts of it and of those that it inherits."""
    row = await connection.fetchrow(_TEXTS, digest)
    return row["pack"], msgspec.json.decode(row["texts"], type=dict[str, str])
