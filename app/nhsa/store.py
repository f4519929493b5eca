"""Every SQL statement of the national interface, named in one place. Amounts in fen."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from msgspec import Struct

from app.context import Caller
from app.db import HotConnection

_LOCK: Final = "SELECT nhsa_message_lock($1, $2, $3, $4)"
_PERSON_LOCK: Final = "SELECT person_lock($1)"
_NOW: Final = "SELECT business_now($1)"
_NONCE: Final = "INSERT INTO nhsa_nonce (key_id, nonce) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1"
_HOSPITAL: Final = """
SELECT h.name, coalesce(q.level, h.level) AS level, coalesce(q.rank, h.rank) AS rank,
       coalesce(q.area_code, h.area_code) AS area_code, area_on(coalesce(q.area_code, h.area_code), $2) ->> 'dictionary' AS dictionary
  FROM hospital h LEFT JOIN hospital_period q ON q.hospital_code = h.code AND q.superseded_at IS NULL
   AND holds_on(q.valid_from, q.valid_until, $2)
 WHERE h.code = $1"""
_PERSONS: Final = """
SELECT p.person_id, p.name, p.id_number, p.insurance_type, p.insured_from, p.insured_until,
       coalesce((SELECT a.area_code FROM person_area a WHERE a.person_id = p.person_id AND a.superseded_at IS NULL
                    AND holds_on(a.valid_from, a.valid_until, $2)), p.area_code) AS area_code,
       coalesce((SELECT bool_or(holds_on(i.valid_from, i.valid_until, $2)) FROM insured_period i
                  WHERE i.person_id = p.person_id AND i.superseded_at IS NULL),
                holds_on(p.insured_from, p.insured_until, $2)) AS insured
  FROM person p"""
_PERSON: Final = _PERSONS + " WHERE p.person_id = $1"
_PERSON_BY_INDEX: Final = _PERSONS + " WHERE p.id_number_index = ANY ($1)"
_IDENTITIES: Final = """
SELECT class, valid_from, valid_until, evidence FROM identity
 WHERE person_id = $1 AND superseded_at IS NULL AND (valid_until IS NULL OR valid_until > $2) ORDER BY valid_from, class"""
_YEAR: Final = "SELECT accumulators FROM person_year WHERE person_id = $1 AND benefit_year = $2"

_MESSAGE: Final = """
SELECT * FROM nhsa_message WHERE hospital_code = $1 AND infno = $2 AND msgid = $3 AND outcome <> 'refused'"""
_KEEP: Final = """
INSERT INTO nhsa_message (hospital_code, infno, msgid, input_hash, outcome, settlement_id, visit_no, person_id, key, request,
                          answer, subject, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"""
_MSGID_OF: Final = """
SELECT msgid FROM nhsa_message WHERE settlement_id = $1 AND infno IN ('2207', '2304') AND outcome = 'accepted' LIMIT 1"""
_SETTLED_BY_MSGID: Final = """
SELECT settlement_id FROM nhsa_message
 WHERE hospital_code = $1 AND msgid = $2 AND infno IN ('2207', '2304') AND outcome = 'accepted' AND settlement_id IS NOT NULL"""
_REVERSAL_OF: Final = "SELECT settlement_id FROM settlement WHERE of_settlement_id = $1 AND kind = 'reversal'"

_SIGN_IN: Final = (
    "INSERT INTO nhsa_session (hospital_code, operator_no) VALUES ($1, $2) RETURNING session_id, signed_at"
)
_SIGN_OUT: Final = """
UPDATE nhsa_session SET ended_at = coalesce(ended_at, clock_timestamp())
 WHERE session_id = $1 AND hospital_code = $2 AND operator_no = $3 RETURNING ended_at"""

_NEW_VISIT: Final = """
INSERT INTO nhsa_visit (hospital_code, visit_id, person_id, setting, med_type, insutype, matn_type, disease_code, begins_at,
                        ends_at, state, details, subject, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, 'open', $10, $11, $12) RETURNING visit_no"""
_VISIT: Final = "SELECT * FROM nhsa_visit WHERE visit_no = $1 AND hospital_code = $2"
_VISIT_OF: Final = "SELECT * FROM nhsa_visit WHERE hospital_code = $1 AND visit_id = $2 AND state <> 'withdrawn'"
_CHANGE_VISIT: Final = """
UPDATE nhsa_visit SET med_type = $2, matn_type = $3, disease_code = $4, begins_at = $5, ends_at = $6, state = $7, details = $8
 WHERE visit_no = $1"""
_VISITS: Final = """
SELECT * FROM nhsa_visit WHERE person_id = $1 AND hospital_code = $2 AND state <> 'withdrawn' AND begins_at >= $3 AND begins_at <= $4
 ORDER BY begins_at, visit_no LIMIT $5"""

_LINES: Final = """
SELECT l.*, l.settlement_id IS NULL OR EXISTS (
         SELECT FROM settlement r WHERE r.of_settlement_id = l.settlement_id AND r.kind = 'reversal') AS free
  FROM nhsa_fee_line l WHERE l.visit_no = $1 ORDER BY l.line_no"""
_ADD_LINES: Final = """
INSERT INTO nhsa_fee_line (visit_no, line_no, serial_no, batch_no, refund_of_line_no, item_code, hospital_item_code, quantity,
                           unit_price, amount, charged_at, approval, details)
SELECT $1, * FROM unnest($2::int[], $3::text[], $4::text[], $5::int[], $6::text[], $7::text[], $8::bigint[], $9::bigint[],
                         $10::bigint[], $11::timestamptz[], $12::text[], $13::bytea[])"""
_DROP_LINES: Final = "DELETE FROM nhsa_fee_line WHERE visit_no = $1 AND line_no = ANY ($2)"
_SETTLE_LINES: Final = "UPDATE nhsa_fee_line SET settlement_id = $2 WHERE visit_no = $1 AND line_no = ANY ($3)"
_SERIALS: Final = "SELECT line_no, serial_no, batch_no, details FROM nhsa_fee_line WHERE visit_no = $1"
_ENTRIES: Final = """
SELECT item_code, class, first_pay_ratio, ceiling_1, ceiling_2, ceiling_3, restricted, valid_from, valid_until, name, kind
  FROM catalogue_entry WHERE item_code = ANY ($1) AND superseded_at IS NULL"""

# The document as text: on this connection a JSON column would be parsed, and what was digested be lost.
_SETTLEMENT: Final = """
SELECT settlement_id, kind, person_id, benefit_year, hospital_code, visit_id, medical_type, paying_area, admitted_on, discharged_on,
       settled_at, deductible, document::text AS document
  FROM settlement WHERE settlement_id = $1"""
_SETTLED: Final = """
SELECT s.settlement_id, s.settle_seq, s.interim, s.discharged_on, s.person_id,
       EXISTS (SELECT FROM settlement r WHERE r.of_settlement_id = s.settlement_id AND r.kind = 'reversal') AS reversed
  FROM settlement s WHERE s.hospital_code = $1 AND s.visit_id = $2 AND s.kind = 'settlement' ORDER BY s.settle_seq"""
_HAS_SETTLED: Final = "SELECT EXISTS (SELECT FROM settled_visit WHERE hospital_code = $1 AND visit_id = $2)"

_NEW_FILING: Final = """
INSERT INTO nhsa_filing (kind, hospital_code, person_id, destination_hospital, source_visit_id, disease_code, disease_name,
                         valid_from, valid_until, details, subject, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING filing_no"""
_WITHDRAW_FILING: Final = "UPDATE nhsa_filing SET withdrawn_at = clock_timestamp() WHERE filing_no = $1"
_TRANSFER: Final = """
SELECT hospital_code, source_visit_id FROM nhsa_filing
 WHERE kind = 'transfer' AND person_id = $1 AND destination_hospital = $2 AND withdrawn_at IS NULL
   AND valid_from <= $3 AND (valid_until IS NULL OR $3 < valid_until) ORDER BY filing_no DESC LIMIT 1"""
_FILING: Final = """
SELECT disease_code, valid_from, valid_until FROM nhsa_filing
 WHERE filing_no = $1 AND kind = $2 AND person_id = $3 AND hospital_code = $4 AND withdrawn_at IS NULL"""
_CHRONIC: Final = """
SELECT r.disease_code, r.valid_from, r.valid_until, (
         SELECT f.disease_name FROM nhsa_filing f WHERE f.kind = 'chronic' AND f.person_id = r.person_id
            AND f.disease_code = r.disease_code ORDER BY f.filing_no DESC LIMIT 1) AS disease_name
  FROM chronic_registration r WHERE r.person_id = $1 AND r.superseded_at IS NULL ORDER BY r.valid_from, r.disease_code LIMIT 500"""

# The settlements, reversals and adjustments of a hospital by the Shanghai day of settling, one row each.
_ENTRIES_OF: Final = """
SELECT s.settlement_id, s.kind, s.person_id, s.visit_id, s.total, s.medical_type,
       s.basic + s.serious_illness + s.medical_assistance + s.safety_net AS fund_total, s.patient,
       (SELECT v.visit_no FROM nhsa_visit v WHERE v.hospital_code = s.hospital_code AND v.visit_id = s.visit_id
           AND v.state <> 'withdrawn') AS visit_no,
       (SELECT m.msgid FROM nhsa_message m WHERE m.settlement_id = s.settlement_id AND m.outcome = 'accepted' LIMIT 1) AS msgid
  FROM settlement s
 WHERE s.hospital_code = $1 AND s.paid_by = 'hospital' AND ($2::text IS NULL OR s.medical_type = $2)
   AND s.settled_at >= $3::date::timestamp AT TIME ZONE 'Asia/Shanghai'
   AND s.settled_at < ($4::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'
   AND ($5::boolean IS NULL OR $5 = (s.kind = 'reversal'))
 ORDER BY s.settled_at, s.settlement_id"""

_DECLARE: Final = """
INSERT INTO nhsa_declaration (hospital_code, statement_id, clr_type, subject, request_id) VALUES ($1, $2, $3, $4, $5)
RETURNING declaration_no"""
_DECLARED: Final = """
SELECT declaration_no, clr_type FROM nhsa_declaration WHERE statement_id = $1 AND withdrawn_at IS NULL"""
_DECLARATION: Final = """
SELECT d.statement_id, d.withdrawn_at, s.state FROM nhsa_declaration d JOIN statement s USING (statement_id)
 WHERE d.declaration_no = $1 AND d.hospital_code = $2"""
_WITHDRAW_DECLARATION: Final = "UPDATE nhsa_declaration SET withdrawn_at = clock_timestamp() WHERE declaration_no = $1"
_STATEMENT: Final = """
SELECT statement_id, state FROM statement WHERE hospital_code = $1 AND area_code = $2 AND period = $3 AND state <> 'withdrawn'"""
# One row per settlement, reversal and adjustment: those with postings in the statement, and those of its month that no fund
# owes anything for.
_DECLARABLE: Final = """
SELECT s.kind, s.total, s.patient, s.payable_adjustment,
       s.basic + s.serious_illness + s.medical_assistance + s.safety_net AS fund_total
  FROM settlement s
 WHERE s.medical_type = $2 AND s.settlement_id IN (
         SELECT t.settlement_id FROM statement_item i JOIN transfer t USING (transfer_id)
          WHERE i.statement_id = $1 AND NOT i.withdrawn)
    OR s.medical_type = $2 AND s.hospital_code = $3 AND s.paying_area = $4 AND s.paid_by = 'hospital'
   AND to_char(s.settled_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM') = $5
   AND NOT EXISTS (SELECT FROM transfer t WHERE t.settlement_id = s.settlement_id)"""

_NEW_FILE: Final = """
INSERT INTO nhsa_file (hospital_code, filename, key, content, subject, request_id) VALUES ($1, $2, $3, $4, $5, $6)
RETURNING file_no, recorded_at"""
_FILE: Final = "SELECT * FROM nhsa_file WHERE file_no = $1 AND hospital_code = $2"

_ERASE_MESSAGES: Final = """
UPDATE nhsa_message SET key = NULL WHERE message_id IN (
  SELECT message_id FROM nhsa_message WHERE key IS NOT NULL AND recorded_at < clock_timestamp() - $1::interval LIMIT $2)"""
_ERASE_FILES: Final = (
    "UPDATE nhsa_file SET key = NULL WHERE key IS NOT NULL AND recorded_at < clock_timestamp() - $1::interval"
)
_DROP_NONCES: Final = "DELETE FROM nhsa_nonce WHERE used_at < clock_timestamp() - $1::interval"


class Hospital(Struct, frozen=True):
    """What the registry knows of a hospital on a day; ``dictionary``: the code lists that its area's record names."""

    name: str
    level: int
    rank: str
    area_code: str
    dictionary: str | None


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

    ``free``: in no settlement, or only in one that was reversed.
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
    details: bytes
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


def _as(type_: type[Any], row: Any) -> Any:
    return type_(**{name: row[name] for name in type_.__struct_fields__})


# ---------------------------------------------------------------- requests


async def business_now(connection: HotConnection, *, manual: bool) -> datetime:
    """The business instant."""
    now: datetime = await connection.fetchval(_NOW, manual)
    return now


async def lock_message(connection: HotConnection, hospital_code: str, infno: str, msgid: str, wait: float) -> bool:
    """Hold a message until the transaction ends; False when it is still running elsewhere after ``wait`` seconds."""
    held: bool = await connection.fetchval(_LOCK, hospital_code, infno, msgid, timedelta(seconds=wait))
    return held


async def lock_person(connection: HotConnection, person_id: str) -> None:
    """The very lock of settling: what a bill is made of doesn't change under it."""
    await connection.execute(_PERSON_LOCK, person_id)


async def spend_nonce(connection: HotConnection, key_id: str, nonce: str) -> bool:
    """Whether a nonce is new; it isn't afterwards."""
    return await connection.fetchval(_NONCE, key_id, nonce) is not None


# ---------------------------------------------------------------- registry


async def hospital(connection: HotConnection, code: str, day: date) -> Hospital | None:
    """A hospital of the registry, as it was on a day."""
    row = await connection.fetchrow(_HOSPITAL, code, day)
    return None if row is None else _as(Hospital, row)


async def person(connection: HotConnection, person_id: str, day: date) -> Any:
    """A person with the area and insurance of a day, None when there is none."""
    return await connection.fetchrow(_PERSON, person_id, day)


async def person_by_index(connection: HotConnection, indexes: Sequence[bytes], day: date) -> Any:
    """The person with one of these blind indexes of an id number."""
    return await connection.fetchrow(_PERSON_BY_INDEX, list(indexes), day)


async def identities(connection: HotConnection, person_id: str, day: date) -> list[Any]:
    """A person's identities that hold on a day or begin later."""
    rows: list[Any] = await connection.fetch(_IDENTITIES, person_id, day)
    return rows


async def accumulators(connection: HotConnection, person_id: str, year: int) -> str | None:
    """A person-year's accumulators as JSON."""
    text: str | None = await connection.fetchval(_YEAR, person_id, year)
    return text


async def catalogue(connection: HotConnection, item_codes: Sequence[str]) -> list[Any]:
    """All current versions of these items."""
    rows: list[Any] = await connection.fetch(_ENTRIES, list(item_codes))
    return rows


# ---------------------------------------------------------------- messages


async def message(connection: HotConnection, hospital_code: str, infno: str, msgid: str) -> Any:
    """A remembered message, None when it never changed anything."""
    return await connection.fetchrow(_MESSAGE, hospital_code, infno, msgid)


async def keep_message(connection: HotConnection, *values: Any) -> None:
    """Insert a message; the values are those of the statement, in its order."""
    await connection.execute(_KEEP, *values)


async def msgid_of(connection: HotConnection, settlement_id: int) -> str:
    """The message that made a settlement, empty when it came in by another door."""
    return await connection.fetchval(_MSGID_OF, settlement_id) or ""


async def settled_by_msgid(connection: HotConnection, hospital_code: str, msgid: str) -> int | None:
    """The settlement that a message made."""
    found: int | None = await connection.fetchval(_SETTLED_BY_MSGID, hospital_code, msgid)
    return found


async def reversal_of(connection: HotConnection, settlement_id: int) -> int | None:
    """The settlement's reversal."""
    found: int | None = await connection.fetchval(_REVERSAL_OF, settlement_id)
    return found


# ---------------------------------------------------------------- sessions


async def sign_in(connection: HotConnection, hospital_code: str, operator_no: str) -> Any:
    """A new session: its id and instant."""
    return await connection.fetchrow(_SIGN_IN, hospital_code, operator_no)


async def sign_out(connection: HotConnection, session_id: int, hospital_code: str, operator_no: str) -> datetime | None:
    """When a session ended, None when it isn't this operator's."""
    ended: datetime | None = await connection.fetchval(_SIGN_OUT, session_id, hospital_code, operator_no)
    return ended


# ---------------------------------------------------------------- visits and lines


async def add_visit(connection: HotConnection, *values: Any) -> int:
    """Insert a visit; the values are those of the statement, in its order."""
    visit_no: int = await connection.fetchval(_NEW_VISIT, *values)
    return visit_no


async def visit(connection: HotConnection, visit_no: int, hospital_code: str) -> Visit | None:
    """A visit of a hospital."""
    row = await connection.fetchrow(_VISIT, visit_no, hospital_code)
    return None if row is None else _as(Visit, row)


async def visit_of(connection: HotConnection, hospital_code: str, visit_id: str) -> Visit | None:
    """The live visit that has the hospital's own number."""
    row = await connection.fetchrow(_VISIT_OF, hospital_code, visit_id)
    return None if row is None else _as(Visit, row)


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
    connection: HotConnection, person_id: str, hospital_code: str, since: datetime, until: datetime, limit: int
) -> list[Visit]:
    """A person's visits at a hospital that began between two instants, both included."""
    return [_as(Visit, row) for row in await connection.fetch(_VISITS, person_id, hospital_code, since, until, limit)]


async def lines(connection: HotConnection, visit_no: int) -> list[FeeLine]:
    """All lines of a visit, in the order of their numbers."""
    return [_as(FeeLine, row) for row in await connection.fetch(_LINES, visit_no)]


async def add_lines(connection: HotConnection, visit_no: int, items: Sequence[FeeLine]) -> None:
    """Insert lines."""
    names = FeeLine.__struct_fields__[:12]
    await connection.execute(_ADD_LINES, visit_no, *([getattr(item, name) for item in items] for name in names))


async def drop_lines(connection: HotConnection, visit_no: int, line_nos: Sequence[int]) -> None:
    """Take lines out."""
    await connection.execute(_DROP_LINES, visit_no, list(line_nos))


async def settle_lines(connection: HotConnection, visit_no: int, settlement_id: int, line_nos: Sequence[int]) -> None:
    """Say in which settlement lines are."""
    await connection.execute(_SETTLE_LINES, visit_no, settlement_id, list(line_nos))


async def serials(connection: HotConnection, visit_no: int) -> dict[int, Any]:
    """The hospital's own number, batch and details of a visit's lines, by line number."""
    return {row["line_no"]: row for row in await connection.fetch(_SERIALS, visit_no)}


# ---------------------------------------------------------------- settlements


async def settlement(connection: HotConnection, settlement_id: int) -> Any:
    """A settlement, reversal or adjustment within reach, None when there is none."""
    return await connection.fetchrow(_SETTLEMENT, settlement_id)


async def settlements_of(connection: HotConnection, hospital_code: str, visit_id: str) -> list[VisitSettlement]:
    """Every settlement of a visit, also reversed ones, by whichever door."""
    return [_as(VisitSettlement, row) for row in await connection.fetch(_SETTLED, hospital_code, visit_id)]


async def has_settled(connection: HotConnection, hospital_code: str, visit_id: str) -> bool:
    """Whether a visit, also of another hospital, was ever settled."""
    found: bool = await connection.fetchval(_HAS_SETTLED, hospital_code, visit_id)
    return found


async def entries_of(
    connection: HotConnection,
    hospital_code: str,
    medical_type: str | None,
    since: date,
    until: date,
    reversals: bool | None,
) -> list[Any]:
    """What a hospital settled and took back on days of settling, both included; None: of every medical type, both kinds."""
    rows: list[Any] = await connection.fetch(_ENTRIES_OF, hospital_code, medical_type, since, until, reversals)
    return rows


# ---------------------------------------------------------------- filings and files


async def add_filing(connection: HotConnection, *values: Any) -> int:
    """Insert a filing; the values are those of the statement, in its order."""
    filing_no: int = await connection.fetchval(_NEW_FILING, *values)
    return filing_no


async def withdraw_filing(connection: HotConnection, filing_no: int) -> None:
    """Withdraw a filing that stands."""
    await connection.execute(_WITHDRAW_FILING, filing_no)


async def filing(connection: HotConnection, filing_no: int, kind: str, person_id: str, hospital_code: str) -> Any:
    """A hospital's filing of a person that stands."""
    return await connection.fetchrow(_FILING, filing_no, kind, person_id, hospital_code)


async def transfer_on(connection: HotConnection, person_id: str, destination: str, day: date) -> Any:
    """The transfer filing that is effective on a day, the newest: who filed it, and the visit it came from."""
    return await connection.fetchrow(_TRANSFER, person_id, destination, day)


async def chronic_registrations(connection: HotConnection, person_id: str) -> list[Any]:
    """A person's chronic diseases: code, name, ``[valid_from, valid_until)``."""
    rows: list[Any] = await connection.fetch(_CHRONIC, person_id)
    return rows


async def statement_of(connection: HotConnection, hospital_code: str, area_code: str, period: str) -> Any:
    """The standing statement of a hospital's month: its number and state, None before it is declared."""
    return await connection.fetchrow(_STATEMENT, hospital_code, area_code, period)


async def declarable(
    connection: HotConnection, statement_id: int, medical_type: str, hospital_code: str, area_code: str, period: str
) -> list[Any]:
    """What a statement declares of a medical type, one row per settlement, reversal and adjustment."""
    rows: list[Any] = await connection.fetch(_DECLARABLE, statement_id, medical_type, hospital_code, area_code, period)
    return rows


async def add_declaration(connection: HotConnection, caller: Caller, statement_id: int, clr_type: str) -> int:
    """Insert a declared part: its number."""
    subject, request_id = caller.principal.subject, caller.request_id
    hospital_code = caller.principal.hospital_code
    number: int = await connection.fetchval(_DECLARE, hospital_code, statement_id, clr_type, subject, request_id)
    return number


async def declarations(connection: HotConnection, statement_id: int) -> dict[str, int]:
    """The parts of a statement that are declared: their numbers by clearing type."""
    rows = await connection.fetch(_DECLARED, statement_id)
    return {row["clr_type"]: row["declaration_no"] for row in rows}


async def declaration(connection: HotConnection, number: int, hospital_code: str) -> Any:
    """A declared part: its statement, that one's state, and when it was withdrawn."""
    return await connection.fetchrow(_DECLARATION, number, hospital_code)


async def withdraw_declaration(connection: HotConnection, number: int) -> None:
    """Take a declared part back."""
    await connection.execute(_WITHDRAW_DECLARATION, number)


async def add_file(
    connection: HotConnection, caller: Caller, hospital_code: str, filename: str, key: bytes, content: bytes
) -> Any:
    """Insert a sealed file: its number and instant."""
    subject, request_id = caller.principal.subject, caller.request_id
    return await connection.fetchrow(_NEW_FILE, hospital_code, filename, key, content, subject, request_id)


async def file(connection: HotConnection, file_no: int, hospital_code: str) -> Any:
    """A file of a hospital, None when there is none."""
    return await connection.fetchrow(_FILE, file_no, hospital_code)


# ---------------------------------------------------------------- retention


async def erase(connection: HotConnection, *, messages_days: int, files_days: int, limit: int) -> int:
    """Take the keys of old messages and files away, and nonces that can't be accepted any more. How many messages."""
    await connection.execute(_DROP_NONCES, timedelta(hours=2))
    await connection.execute(_ERASE_FILES, timedelta(days=files_days))
    done: str = await connection.execute(_ERASE_MESSAGES, timedelta(days=messages_days), limit)
    return int(done.rpartition(" ")[2])
