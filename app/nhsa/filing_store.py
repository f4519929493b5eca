"""The SQL of filings and declarations at the national interface."""

from typing import Final

from app.database.engine import HotConnection
from app.nhsa.rows import (
    ChronicDisease,
    DeclarableEntry,
    DeclaredType,
    StandingFiling,
    StandingStatement,
    as_struct,
    as_struct_or_none,
)
from app.service.caller import Caller

_NEW_FILING: Final = """
INSERT INTO nhsa_filing (kind, hospital_code, person_id, destination_hospital, source_visit_id, disease_code,
                         disease_name, valid_from, valid_until, details, subject, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING filing_no"""
_WITHDRAW_FILING: Final = "UPDATE nhsa_filing SET withdrawn_at = clock_timestamp() WHERE filing_no = $1"
_FILING: Final = """
SELECT disease_code, valid_from, valid_until FROM nhsa_filing
 WHERE filing_no = $1 AND kind = $2 AND person_id = $3 AND hospital_code = $4 AND withdrawn_at IS NULL"""
_CHRONIC: Final = """
SELECT r.disease_code, r.valid_from, r.valid_until, (
         SELECT f.disease_name FROM nhsa_filing f WHERE f.kind = 'chronic' AND f.person_id = r.person_id
            AND f.disease_code = r.disease_code ORDER BY f.filing_no DESC LIMIT 1) AS disease_name
  FROM chronic_registration r WHERE r.person_id = $1 AND r.superseded_at IS NULL
 ORDER BY r.valid_from, r.disease_code LIMIT 500"""
_DECLARE: Final = """
INSERT INTO nhsa_declaration (hospital_code, statement_id, clr_type, subject, request_id) VALUES ($1, $2, $3, $4, $5)
RETURNING declaration_no"""
_DECLARED: Final = """
SELECT declaration_no, clr_type FROM nhsa_declaration WHERE statement_id = $1 AND withdrawn_at IS NULL"""
_DECLARATION: Final = """
SELECT d.statement_id, d.withdrawn_at, s.state FROM nhsa_declaration d JOIN statement s USING (statement_id)
 WHERE d.declaration_no = $1 AND d.hospital_code = $2"""
_WITHDRAW_DECLARATION: Final = "UPDATE nhsa_declaration SET withdrawn_at = clock_timestamp() WHERE declaration_no = $1"
_IN_PROGRESS: Final = """
SELECT EXISTS (SELECT FROM parts_in_progress($1))
    OR EXISTS (SELECT FROM statement WHERE statement_id = $1 AND approved_on IS NOT NULL)"""
_STATEMENT: Final = """
SELECT statement_id, state FROM statement
 WHERE hospital_code = $1 AND area_code = $2 AND period = $3 AND state <> 'withdrawn'"""
# One row per settlement, reversal and adjustment: those with postings in the statement, and those of its month that no
# fund owes anything for.
_DECLARABLE: Final = """
SELECT s.kind, s.total, s.patient, s.payable_adjustment,
       s.basic + s.serious_illness + s.supplement + s.medical_assistance + s.safety_net AS fund_total
  FROM settlement s
 WHERE s.medical_type = $2 AND s.settlement_id IN (
         SELECT t.settlement_id FROM statement_item i JOIN transfer t USING (transfer_id)
          WHERE i.statement_id = $1 AND NOT i.withdrawn)
    OR s.medical_type = $2 AND s.hospital_code = $3 AND s.paying_area = $4 AND s.paid_by = 'hospital'
   AND to_char(s.settled_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM') = $5
   AND NOT EXISTS (SELECT FROM transfer t WHERE t.settlement_id = s.settlement_id)"""


async def add_filing(connection: HotConnection, *values: object) -> int:
    """Insert a filing; the values are those of the statement, in its order."""
    filing_no: int = await connection.fetchval(_NEW_FILING, *values)
    return filing_no


async def withdraw_filing(connection: HotConnection, filing_no: int) -> None:
    """Withdraw a filing that stands."""
    await connection.execute(_WITHDRAW_FILING, filing_no)


async def filing(
    connection: HotConnection, filing_no: int, kind: str, person_id: str, hospital_code: str
) -> StandingFiling | None:
    """A hospital's filing of a person that stands."""
    row = await connection.fetchrow(_FILING, filing_no, kind, person_id, hospital_code)
    return as_struct_or_none(StandingFiling, row)


async def chronic_registrations(connection: HotConnection, person_id: str) -> list[ChronicDisease]:
    """A person's chronic diseases: code, name, ``[valid_from, valid_until)``."""
    return [as_struct(ChronicDisease, row) for row in await connection.fetch(_CHRONIC, person_id)]


async def statement_of(
    connection: HotConnection, hospital_code: str, area_code: str, period: str
) -> StandingStatement | None:
    """The standing statement of a hospital's month: its number and state, None before it is declared."""
    return as_struct_or_none(StandingStatement, await connection.fetchrow(_STATEMENT, hospital_code, area_code, period))


async def is_in_progress(connection: HotConnection, statement_id: int) -> bool:
    """Whether an approval, a deduction or an order hangs on a part of a statement, or it is approved without parts."""
    found: bool = await connection.fetchval(_IN_PROGRESS, statement_id)
    return found


async def declarable(
    connection: HotConnection, statement_id: int, medical_type: str, hospital_code: str, area_code: str, period: str
) -> list[DeclarableEntry]:
    """What a statement declares of a medical type, one row per settlement, reversal and adjustment."""
    rows = await connection.fetch(_DECLARABLE, statement_id, medical_type, hospital_code, area_code, period)
    return [as_struct(DeclarableEntry, row) for row in rows]


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


async def declaration(connection: HotConnection, number: int, hospital_code: str) -> DeclaredType | None:
    """A declared part: its statement, that one's state, and when it was withdrawn."""
    return as_struct_or_none(DeclaredType, await connection.fetchrow(_DECLARATION, number, hospital_code))


async def withdraw_declaration(connection: HotConnection, number: int) -> None:
    """Take a declared part back."""
    await connection.execute(_WITHDRAW_DECLARATION, number)
