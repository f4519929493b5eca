"""The SQL of visits, their lines and settlements at the national interface. Amounts in fen."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import msgspec
from msgspec import Struct, structs

from app.database.engine import HotConnection
from app.nhsa.rows import (
    InsuredPerson,
    SettledDocument,
    SettledEntry,
    SettledSums,
    TransferFiling,
    as_struct,
    as_struct_or_none,
)

_NEW_VISIT: Final = """
INSERT INTO nhsa_visit (hospital_code, visit_id, person_id, setting, med_type, insutype, matn_type, disease_code,
                        begins_at, ends_at, state, details, subject, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, 'open', $10, $11, $12) RETURNING visit_no"""
_VISIT: Final = "SELECT * FROM nhsa_visit WHERE visit_no = $1 AND hospital_code = $2"
_VISIT_OF: Final = "SELECT * FROM nhsa_visit WHERE hospital_code = $1 AND visit_id = $2 AND state <> 'withdrawn'"
_CHANGE_VISIT: Final = """
UPDATE nhsa_visit
   SET med_type = $2, matn_type = $3, disease_code = $4, begins_at = $5, ends_at = $6, state = $7, details = $8
 WHERE visit_no = $1"""
_VISITS: Final = """
SELECT * FROM nhsa_visit WHERE ($1::text IS NULL OR person_id = $1) AND hospital_code = $2 AND state <> 'withdrawn'
   AND begins_at >= $3 AND begins_at <= $4
 ORDER BY begins_at, visit_no LIMIT $5"""
_READ: Final = "SELECT nhsa_visit_read($1, $2, $3, $4, $5, $6)"
_LINES: Final = "SELECT * FROM nhsa_lines_of($1) ORDER BY line_no"
_ADD_LINES: Final = """
INSERT INTO nhsa_fee_line (visit_no, line_no, serial_no, batch_no, refund_of_line_no, item_code, hospital_item_code,
                           quantity, unit_price, amount, charged_at, approval, details)
SELECT $1, * FROM unnest($2::int[], $3::text[], $4::text[], $5::int[], $6::text[], $7::text[], $8::bigint[],
                         $9::bigint[], $10::bigint[], $11::timestamptz[], $12::text[], $13::bytea[])"""
_DROP_LINES: Final = "DELETE FROM nhsa_fee_line WHERE visit_no = $1 AND line_no = ANY ($2)"
_LINE_DETAILS: Final = "SELECT line_no, details FROM nhsa_fee_line WHERE visit_no = $1"
# The document as text: on this connection a JSON column would be parsed, and what was digested be lost.
_SETTLEMENT: Final = """
SELECT s.settlement_id, s.kind, s.person_id, s.benefit_year, s.hospital_code, s.visit_id, s.medical_type,
       s.paying_area, s.admitted_on, s.discharged_on, s.settled_at, s.deductible, s.document::text AS document,
       coalesce(o.document -> 'inputs' -> 'facts' ->> 'funds', '{}') AS funds
  FROM settlement s JOIN settlement o ON o.settlement_id = coalesce(s.of_settlement_id, s.settlement_id)
 WHERE s.settlement_id = $1"""
_SETTLED: Final = "SELECT * FROM nhsa_settlements_of($1, $2) ORDER BY settle_seq"
# The settlements, reversals and adjustments of a hospital by the Shanghai day of settling, one row each.
_OF_DAYS: Final = """
 WHERE s.hospital_code = $1 AND s.paid_by = 'hospital' AND s.medical_type = $2
   AND s.settled_at >= $3::date::timestamp AT TIME ZONE 'Asia/Shanghai'
   AND s.settled_at < ($4::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'
   AND ($5::text IS NULL OR s.paying_area = $5)
   AND ($7::text IS NULL OR $7 = (
         SELECT coalesce(o.document -> 'inputs' -> 'facts' ->> 'insurance_type', '390') FROM settlement o
          WHERE o.settlement_id = coalesce(s.of_settlement_id, s.settlement_id)))
   AND ($6::boolean OR NOT EXISTS (
         SELECT FROM settlement r
          WHERE r.kind = 'reversal' AND r.of_settlement_id = coalesce(s.of_settlement_id, s.settlement_id))
        OR EXISTS (
         SELECT FROM settlement g
          WHERE (g.settlement_id = coalesce(s.of_settlement_id, s.settlement_id)
                 OR g.of_settlement_id = coalesce(s.of_settlement_id, s.settlement_id))
            AND (g.settled_at < $3::date::timestamp AT TIME ZONE 'Asia/Shanghai'
                 OR g.settled_at >= ($4::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai')))"""
_SUMS_OF: Final = (
    """
SELECT count(*) AS count, coalesce(sum(s.total), 0)::bigint AS total,
       coalesce(sum(s.basic + s.serious_illness + s.supplement + s.medical_assistance + s.safety_net), 0)::bigint
         AS fund_total
  FROM settlement s"""
    + _OF_DAYS
)
_ENTRIES_OF: Final = (
    """
SELECT s.settlement_id, s.kind, s.person_id, s.total,
       s.basic + s.serious_illness + s.supplement + s.medical_assistance + s.safety_net AS fund_total,
       (SELECT v.visit_no FROM nhsa_visit v WHERE v.hospital_code = s.hospital_code AND v.visit_id = s.visit_id
           AND v.state <> 'withdrawn') AS visit_no,
       (SELECT m.msgid FROM nhsa_message m
         WHERE m.settlement_id = s.settlement_id AND m.outcome = 'accepted' LIMIT 1) AS msgid
  FROM settlement s"""
    + _OF_DAYS
    + " ORDER BY s.settled_at, s.settlement_id"
)


class Visit(Struct, frozen=True):
    """A visit as it stands. ``details`` is encrypted; see ``visit.py``."""

    visit_no: int
    hospital_code: str
    visit_id: str
    person_id: str
    setting: str
    med_type: str | None
    insutype: str
    matn_type: str | None
    disease_code: str | None
    begins_at: datetime
    ends_at: datetime | None
    state: str
    details: bytes


class FeeLine(Struct, frozen=True):
    """A line as it was uploaded: quantity in ten-thousandths, price in millionths of a yuan, amount in fen.

    ``free``: in no settlement, or only in one that was reversed. ``details`` is encrypted, and empty where a bill is
    made of the line.
    """

    line_no: int
    serial_no: str
    batch_no: str | None
    refund_of_line_no: int | None
    item_code: str
    hospital_item_code: str | None
    quantity: int
    unit_price: int
    amount: int
    charged_at: datetime
    approval: str | None
    details: bytes = b""
    settlement_id: int | None = None
    free: bool = True


class VisitSettlement(Struct, frozen=True):
    """A settlement of a visit, by whichever door."""

    settlement_id: int
    settle_seq: int
    interim: bool
    discharged_on: date
    person_id: str
    reversed: bool


class VisitRead(Struct, frozen=True):
    """What a visit's bill is made of, empty without such a visit.

    ``transfer``: the newest filing that is effective on the visit's first day, ``source_settled``: whether the visit
    that it comes from, also of another hospital, was ever settled. ``rank``: the hospital's on that day. ``person``:
    with the area and insurance of today. ``identified``: whether the hospital identified them lately enough.
    """

    visit: Visit | None = None
    settled: list[VisitSettlement] = []
    lines: list[FeeLine] = []
    transfer: TransferFiling | None = None
    source_settled: bool = False
    rank: str | None = None
    person: InsuredPerson | None = None
    identified: bool = False


_read: Final = msgspec.json.Decoder(VisitRead)


async def read(
    connection: HotConnection,
    hospital_code: str,
    visit_no: int | None,
    person_id: str,
    *,
    lock: bool,
    today: date,
    identified_since: datetime,
) -> VisitRead:
    """Read a hospital's visit with all that its bill is made of, in one call; with ``lock`` under the person's lock."""
    text = await connection.fetchval(_READ, hospital_code, visit_no, person_id, lock, today, identified_since)
    return _read.decode(text)


async def add_visit(connection: HotConnection, *values: object) -> int:
    """Insert a visit; the values are those of the statement, in its order."""
    visit_no: int = await connection.fetchval(_NEW_VISIT, *values)
    return visit_no


async def visit(connection: HotConnection, visit_no: int, hospital_code: str) -> Visit | None:
    """A visit of a hospital."""
    return as_struct_or_none(Visit, await connection.fetchrow(_VISIT, visit_no, hospital_code))


async def visit_of(connection: HotConnection, hospital_code: str, visit_id: str) -> Visit | None:
    """The live visit that has the hospital's own number."""
    return as_struct_or_none(Visit, await connection.fetchrow(_VISIT_OF, hospital_code, visit_id))


async def change_visit(connection: HotConnection, item: Visit) -> None:
    """Store a visit's members that may change."""
    await connection.execute(
        _CHANGE_VISIT,
        item.visit_no,
        item.med_type,
        item.matn_type,
        item.disease_code,
        item.begins_at,
        item.ends_at,
        item.state,
        item.details,
    )


async def visits(
    connection: HotConnection, person_id: str | None, hospital_code: str, since: datetime, until: datetime, limit: int
) -> list[Visit]:
    """A person's, or everybody's, visits at a hospital that began between two instants, both included."""
    return [
        as_struct(Visit, row) for row in await connection.fetch(_VISITS, person_id, hospital_code, since, until, limit)
    ]


async def lines(connection: HotConnection, visit_no: int) -> list[FeeLine]:
    """All lines of a visit, in the order of their numbers."""
    return [as_struct(FeeLine, row) for row in await connection.fetch(_LINES, visit_no)]


async def add_lines(connection: HotConnection, visit_no: int, items: Sequence[FeeLine]) -> None:
    """Insert lines."""
    names = FeeLine.__struct_fields__[:12]
    await connection.execute(_ADD_LINES, visit_no, *([getattr(item, name) for item in items] for name in names))


async def drop_lines(connection: HotConnection, visit_no: int, line_nos: Sequence[int]) -> None:
    """Take lines out."""
    await connection.execute(_DROP_LINES, visit_no, list(line_nos))


async def line_details(connection: HotConnection, visit_no: int) -> dict[int, bytes]:
    """The encrypted details of a visit's lines, by line number."""
    return {row["line_no"]: row["details"] for row in await connection.fetch(_LINE_DETAILS, visit_no)}


async def settlement(connection: HotConnection, settlement_id: int) -> SettledDocument | None:
    """A settlement, reversal or adjustment within reach, None when there is none."""
    return as_struct_or_none(SettledDocument, await connection.fetchrow(_SETTLEMENT, settlement_id))


async def settlements_of(connection: HotConnection, hospital_code: str, visit_id: str) -> list[VisitSettlement]:
    """Every settlement of a visit, also reversed ones, by whichever door."""
    return [as_struct(VisitSettlement, row) for row in await connection.fetch(_SETTLED, hospital_code, visit_id)]


class Reconciled(Struct, frozen=True):
    """Which entries are reconciled: days of settling, both included; a paying area or all; ``pairs``: with what was
    cancelled, or without settlements whose cancellation, and all that belongs to them, lies in these days as well;
    an insurance type or all."""

    hospital_code: str
    medical_type: str
    since: date
    until: date
    paying_area: str | None
    pairs: bool
    insurance_type: str | None


async def sums_of(connection: HotConnection, asked: Reconciled) -> SettledSums:
    """Count, total and funds' portions of ``entries_of``."""
    return as_struct(SettledSums, await connection.fetchrow(_SUMS_OF, *structs.astuple(asked)))


async def entries_of(connection: HotConnection, asked: Reconciled) -> list[SettledEntry]:
    """What a hospital settled and took back, one row each."""
    return [as_struct(SettledEntry, row) for row in await connection.fetch(_ENTRIES_OF, *structs.astuple(asked))]
