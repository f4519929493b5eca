"""Seals over settlements, transfers, clearing's record, the audit log, orders, payment batches, bank movements and the
issue of tokens: what is edited, removed or added behind the service is found.

A block names its rows one by one (ids may commit out of order) with the digest of each, and the digest of the block
before. Sealing runs moments after the commits, in one process at a time, never in a request.

Clocks decide nothing. A pass over everything takes a mark before it begins: the oldest transaction that still runs.
A row of an older transaction that is in no block once the pass is done was taken out of its block, or hidden from the
pass, and is a finding; anything younger only lags. A row that says it is older than the block before its own is told as
a remark: somebody may have added it, or a clock was wrong.

A block says in which form its rows were digested; blocks of every form are verified. Form 1 of a row's content is its
JSON with sorted members, without nulls, in UTC: a column that a later migration adds and leaves null changes nothing;
one with a default needs another form. Form 2 differs for settlements and transfers, of which there are most: the named
columns as PostgreSQL writes a row, and a settlement's document behind them as the text that it is; a column that is
added later needs another form. Who owns the database and can reckon the whole
chain again is found by a digest that was noted elsewhere (``verify(expected=…)``)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.engine import Database
from app.database.locks import Lock
from app.ledger.seal_finding import StandingFinding, Unlike, keep

FORM: Final = 2
FINDINGS: Final = ("edited", "removed", "unsealed", "block", "chain")
MOST_MEMBERS: Final = 20_000
MOST_BLOCKS: Final = 10_000
MOST_SHOWN: Final = 100
MOST_KEPT: Final = 10_000  # findings of a kind that one look keeps
TABLES: Final = {
    "settlement": "settlement_id",
    "settlement_older": "settlement_id",
    "transfer": "transfer_id",
    "clearing_event": "event_id",
    "audit_event": "event_id",
    "disbursement": "disbursement_id",
    "bank_movement": "movement_id",
    "payment_batch": "batch_id",
    "token": "token_id",
    "issue": "issue_id",
    "seal_finding": "finding_id",
    "seal_acknowledgement": "acknowledgement_id",
}
# Of rows that change later, what is fixed when they are written: an order's moves are sealed as clearing events.
FIXED: Final[Mapping[str, tuple[str, ...]]] = {
    "disbursement": (
        *("disbursement_id", "statement_id", "part_id", "release_id", "hospital_code", "hospital_area", "area_code"),
        *("fund", "fiscal_year", "period", "gross", "deposit_rate", "deposit", "offset_amount", "carried", "amount"),
        *("due_on", "created_on", "subject", "request_id", "recorded_at"),
    ),
    "payment_batch": (
        *("batch_id", "area_code", "funds", "paying_account", "created_on", "subject", "request_id", "recorded_at"),
    ),
    "token": (
        *("token_id", "digest", "subject", "scopes", "hospital_code", "area_code", "funds", "created_by"),
        *("request_id", "recorded_at"),
    ),
    "seal_finding": ("finding_id", "kind", "block_no", "source", "row_id", "evidence", "recorded_at"),
}

# Form 2 of the tables that most rows are of: every column but the document, in the order of the table.
AS_ROWS: Final[Mapping[str, tuple[str, ...]]] = {
    "settlement": (
        *("settlement_id", "kind", "of_settlement_id", "person_id", "benefit_year", "entry_no", "hospital_code"),
        *("visit_id", "settle_seq", "interim", "medical_type", "benefit_class", "paid_by", "paying_area"),
        *("hospital_area", "out_of_area", "recoverable", "admitted_on", "discharged_on", "settled_at", "total"),
        *("own_expense", "over_limit", "first_pay", "in_scope", "basic", "serious_illness", "supplement"),
        *("medical_assistance", "safety_net", "hospital", "patient", "payable_adjustment", "deductible", "delta"),
        *("episode", "policy_pack", "policy_version", "policy_digest", "assumed", "engine_version", "digest"),
        *("result_digest", "warnings", "reason", "subject", "request_id", "recorded_at", "caused_by", "unknown_item"),
    ),
    "transfer": (
        *("transfer_id", "event", "settlement_id", "debit_account", "credit_account", "amount", "area_code", "fund"),
        *("tier", "hospital_code", "hospital_area", "clr_type", "business_date", "period", "benefit_year"),
        *("fiscal_year", "subject", "request_id", "recorded_at", "statement_id", "cause"),
    ),
}

# The whole ledger is read, in the time that it takes.
_OPEN: Final = text(
    "SELECT service_open('0'), set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO, YMD', true)"
)
_LOCK: Final = text("SELECT pg_advisory_xact_lock(:lock)")
_CONTENT: Final = "sha256(convert_to('1 {table} ' || jsonb_strip_nulls({row})::text, 'UTF8'))"
_BLOCK: Final = """
sha256(convert_to({form} || ' ' || {no} || ' ' || encode({previous}, 'hex') || E'\\n' ||
  string_agg(source || ' ' || row_id || ' ' || encode(digest, 'hex'), E'\\n' ORDER BY source COLLATE "C", row_id),
    'UTF8'))"""


def _each(query: str) -> str:
    """A query over each sealed table, as one. ``content`` is a row's digest in today's form, ``content_then`` that in
    the form of the block ``b``."""
    return " UNION ALL ".join(
        query.format(table=table, key=key, content=_content(table, FORM), content_then=_content_then(table))
        for table, key in TABLES.items()
    )


def _content_then(table: str) -> str:
    """The digest of what is sealed of a row, in the form of its block."""
    if table not in AS_ROWS:
        return _content(table, FORM)
    return f"CASE b.form WHEN 1 THEN {_content(table, 1)} ELSE {_content(table, FORM)} END"


def _content(table: str, form: int) -> str:
    """The digest of what is sealed of a row, in a form."""
    if form > 1 and table in AS_ROWS:
        row = f"ROW({', '.join(f'r.{one}' for one in AS_ROWS[table])})::text"
        document = " || E'\\n' || r.document::text" if table == "settlement" else ""
        return f"sha256(convert_to('2 {table} ' || {row}{document}, 'UTF8'))"
    names = FIXED.get(table)
    if names is None:
        return _CONTENT.format(table=table, row="to_jsonb(r)")
    members = ", ".join(f"'{one}', r.{one}" for one in names)
    return _CONTENT.format(table=table, row=f"jsonb_build_object({members})")


_LAST: Final = text("SELECT block_no, digest, sealed_at, mark FROM seal_block ORDER BY block_no DESC LIMIT 1")
_UNSEALED: Final = """
SELECT '{table}' AS source, r.{key} AS row_id, r.recorded_at FROM {table} r
 WHERE {when} AND NOT EXISTS (SELECT FROM seal_member m WHERE m.source = '{table}' AND m.row_id = r.{key})"""
_RECENT: Final = (
    "(CAST(:since AS timestamptz) IS NULL OR r.recorded_at >= CAST(:since AS timestamptz) - interval '5 minutes')"
)
# Transaction numbers of rows have 32 bits: below the mark is up to 2^31 of them before it.
_BELOW: Final = "((r.xmin::text::bigint - {mark}) & 4294967295) >= 2147483648"
_OLD: Final = _BELOW.format(mark="(SELECT mark FROM seal_pass ORDER BY pass_no DESC LIMIT 1)")
# What the last block's mark is above, that block's sealing met.
_NEW: Final = f"NOT (CAST(:above AS bigint) IS NOT NULL AND {_BELOW.format(mark='CAST(:above AS bigint)')})"
_MARK: Final = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
_NEXT: Final = text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
_PASSED: Final = text("INSERT INTO seal_pass (mark) VALUES (:mark)")
_WAITING: Final = _each(_UNSEALED.replace("{when}", f"{_RECENT} AND {_NEW}"))
_LATE: Final = _each(_UNSEALED.replace("{when}", _OLD))
_FRESH: Final = _each(
    "SELECT w.source, w.row_id, {content} AS digest FROM waiting w JOIN {table} r ON r.{key} = w.row_id "
    "WHERE w.source = '{table}'"
)
# One statement, so that a block has its members or neither is there. Its snapshot tells the mark: whatever an older
# transaction wrote is in a block now, unless this one is full.
_SEAL: Final = text(f"""
WITH waiting AS MATERIALIZED (
  {_WAITING} ORDER BY 3 LIMIT {MOST_MEMBERS}),
fresh AS MATERIALIZED (
  {_FRESH}),
block AS (
  INSERT INTO seal_block (block_no, form, previous, digest, members, mark)
  SELECT :no, {FORM}, :previous,
    {_BLOCK.format(form=f"'{FORM}'", no="CAST(:no AS bigint)", previous="CAST(:previous AS bytea)")}, count(*),
    CASE WHEN count(*) < {MOST_MEMBERS} THEN pg_snapshot_xmin(pg_current_snapshot())::text::bigint
         ELSE CAST(:above AS bigint) END
    FROM fresh HAVING count(*) > 0)
INSERT INTO seal_member (source, row_id, block_no, digest) SELECT source, row_id, :no, digest FROM fresh""")

_OF_BLOCKS: Final = "(CAST(:blocks AS bigint[]) IS NULL OR {0}.block_no = ANY (CAST(:blocks AS bigint[])))"
_MEMBER: Final = _OF_BLOCKS.format("m")
SEAL_CHECKS: Final = {
    "edited": _each(f"""
SELECT m.block_no, m.source, m.row_id, {{content_then}} AS evidence
  FROM seal_member m JOIN seal_block b USING (block_no) JOIN {{table}} r ON r.{{key}} = m.row_id
 WHERE m.source = '{{table}}' AND {_MEMBER} AND m.digest <> {{content_then}}"""),
    "removed": _each(f"""
SELECT m.block_no, m.source, m.row_id, ''::bytea AS evidence FROM seal_member m
 WHERE m.source = '{{table}}' AND {_MEMBER}
   AND NOT EXISTS (SELECT FROM {{table}} r WHERE r.{{key}} = m.row_id)"""),
    "unsealed": f"""
SELECT NULL::bigint AS block_no, u.source, u.row_id, ''::bytea AS evidence
  FROM ({_LATE}) u""",
    "block": f"""
SELECT b.block_no, NULL AS source, NULL::bigint AS row_id, coalesce(found.digest, '') AS evidence
  FROM seal_block b LEFT JOIN LATERAL (
       SELECT count(*) AS members, {_BLOCK.format(form="b.form", no="b.block_no", previous="b.previous")} AS digest
         FROM seal_member m WHERE m.block_no = b.block_no) found ON true
 WHERE {_OF_BLOCKS.format("b")}
   AND (found.members <> b.members OR found.digest IS DISTINCT FROM b.digest OR b.form NOT BETWEEN 1 AND {FORM})""",
    "chain": """
SELECT b.block_no, NULL AS source, NULL::bigint AS row_id, b.previous || coalesce(b.expected, '') AS evidence
  FROM (SELECT block_no, previous, lag(digest) OVER (ORDER BY block_no) AS expected,
               lag(block_no) OVER (ORDER BY block_no) AS before FROM seal_block) b
 WHERE b.previous <> coalesce(b.expected, decode(repeat('00', 32), 'hex')) OR b.block_no <> coalesce(b.before,
   0) + 1""",
}
"""By kind, what is not as it was sealed: block, table, row and evidence. ``:blocks``: of these alone, or null."""
OF_THE_WHOLE: Final = frozenset({"unsealed", "chain"})
_REMARKS: Final = {
    # Another block was sealed long before this one and long after the row says it was written: it wasn't there then.
    "added": _each("""
SELECT m.block_no, m.source, m.row_id FROM seal_member m JOIN seal_block b USING (block_no)
  JOIN {table} r ON r.{key} = m.row_id
 WHERE m.source = '{table}' AND r.recorded_at < b.sealed_at - interval '2 hours'
   AND EXISTS (SELECT FROM seal_block x WHERE x.sealed_at BETWEEN r.recorded_at + interval '1 hour'
     AND b.sealed_at - interval '1 hour')"""),
}
_HEAD: Final = text("SELECT block_no, encode(digest, 'hex') FROM seal_block ORDER BY block_no DESC LIMIT 1")
_NOTED: Final = text("SELECT encode(digest, 'hex') FROM seal_block WHERE block_no = :no")
_LOOKED: Final = text(f"""
INSERT INTO seal_verified (block_no) SELECT b.block_no FROM seal_block b WHERE {_OF_BLOCKS.format("b")}
ON CONFLICT (block_no) DO UPDATE SET verified_at = clock_timestamp()""")
_DUE: Final = text("""
SELECT b.block_no FROM seal_block b LEFT JOIN seal_verified v USING (block_no) WHERE v.block_no IS NULL
UNION ALL
(SELECT block_no FROM seal_verified ORDER BY verified_at, block_no
  LIMIT greatest(1, ceil((SELECT count(*) FROM seal_verified) * CAST(:share AS double precision))))""")
_UNSEEN: Final = text("""
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(coalesce(v.verified_at, b.sealed_at))), 0)
  FROM seal_block b LEFT JOIN seal_verified v USING (block_no)""")
_COUNT_OLD: Final = text(f"SELECT count(*) FROM ({_LATE}) u")


class SealPlace(NamedTuple):
    """Where a finding is: its block, table and row, as far as it has them, and its number once it is kept."""

    block_no: int | None
    source: str | None
    row_id: int | None
    finding_id: int | None = None


@dataclass(frozen=True, slots=True)
class SealFinding:
    """What is wrong with the seals: its kind, how many, and where the first hundred are."""

    kind: str
    count: int
    places: tuple[SealPlace, ...]


@dataclass(frozen=True, slots=True)
class Verified:
    """The last block with its digest in hexadecimal (None: nothing is sealed), every finding that nobody acknowledged,
    those that two people did, and what is worth a look but may have an innocent cause."""

    head: tuple[int, str] | None
    findings: tuple[SealFinding, ...]
    acknowledged: tuple[SealFinding, ...] = ()
    remarks: tuple[SealFinding, ...] = ()


async def seal(database: Database, *, everything: bool = False) -> int:
    """Seal what isn't in a block yet and say how many rows. ``everything`` looks at all rows and leaves the mark of a
    pass, otherwise at those since shortly before the last block. Two at once: the second waits."""
    async with database.transaction() as connection:
        mark = (await connection.execute(_MARK)).scalar_one()
    sealed = 0
    for _ in range(MOST_BLOCKS):
        async with database.transaction() as connection:
            members = await _seal_block(connection, everything=everything)
            if everything and members < MOST_MEMBERS:
                await connection.execute(_PASSED, {"mark": mark})
        sealed += members
        if members < MOST_MEMBERS:
            break
    return sealed


async def _seal_block(connection: AsyncConnection, *, everything: bool) -> int:
    await connection.execute(_LOCK, {"lock": Lock.SEAL})  # one chain: the next block names the last one
    await connection.execute(_OPEN)
    last = (await connection.execute(_LAST)).first()
    no, previous, since, mark = (0, bytes(32), None, None) if last is None else last
    next_id = (await connection.execute(_NEXT)).scalar_one()
    known = None if everything or mark is None or mark > next_id else mark  # a restored database counts anew
    wanted = {"no": no + 1, "previous": previous, "since": None if everything else since, "above": known}
    return (await connection.execute(_SEAL, wanted)).rowcount


async def unsealed(connection: AsyncConnection) -> int:
    """How many rows are in no block although a completed pass must have met them."""
    await connection.execute(_OPEN)
    count: int = (await connection.execute(_COUNT_OLD)).scalar_one()
    return count


async def last_block(connection: AsyncConnection) -> int:
    """The number of the last block, 0 without one."""
    last = (await connection.execute(_LAST)).first()
    return 0 if last is None else int(last[0])


async def verify(
    connection: AsyncConnection, *, expected: tuple[int, str] | None = None, blocks: Sequence[int] | None = None
) -> Verified:
    """Compare sealed rows and blocks with what is stored, all of them or those of some blocks; the chain and what is in
    no block always as a whole. ``expected``: a block and the digest that was noted for it elsewhere. Keeps what it
    found, and when blocks were looked at; changes nothing else."""
    await connection.execute(_OPEN)
    given = {"blocks": None if blocks is None else list(blocks)}
    findings, acknowledged = [], []
    for kind, query in SEAL_CHECKS.items():
        total, stands = await _compared(connection, kind, query, given)
        known = [SealPlace(*one.place, one.finding_id) for one in stands if one.acknowledged]
        unknown = [SealPlace(*one.place, one.finding_id) for one in stands if not one.acknowledged]
        if total > len(known):
            findings.append(SealFinding(kind, total - len(known), tuple(unknown[:MOST_SHOWN])))
        if known:
            acknowledged.append(SealFinding(kind, len(known), tuple(known[:MOST_SHOWN])))
    if expected is not None:
        stored = (await connection.execute(_NOTED, {"no": expected[0]})).scalar_one_or_none()
        if stored != expected[1].lower():
            findings.append(SealFinding("noted", 1, (SealPlace(expected[0], None, None),)))
    asked = _REMARKS.items() if blocks is None else ()
    remarks = [found for kind, query in asked if (found := await _remarked(connection, kind, query))]
    await connection.execute(_LOOKED, given)
    head = (await connection.execute(_HEAD)).first()
    last = None if head is None else (head[0], head[1])
    return Verified(last, tuple(findings), tuple(acknowledged), tuple(remarks))


async def _compared(
    connection: AsyncConnection, kind: str, query: str, given: Mapping[str, list[int] | None]
) -> tuple[int, list[StandingFinding]]:
    """How much of a kind there is, and what of it is kept as findings."""
    counted = text(f"SELECT count(*) OVER () AS n, f.* FROM ({query}) f ORDER BY 2, 3, 4 LIMIT {MOST_KEPT}")
    rows = (await connection.execute(counted, given if ":blocks" in query else {})).all()
    blocks = None if kind in OF_THE_WHOLE else given["blocks"]
    found = [Unlike((row[1], row[2], row[3]), row[4]) for row in rows]
    total = rows[0][0] if rows else 0
    return total, await keep(connection, kind, found, blocks=blocks, all_of_it=total == len(found))


async def _remarked(connection: AsyncConnection, kind: str, query: str) -> SealFinding | None:
    counted = text(f"SELECT count(*) OVER () AS n, f.* FROM ({query}) f ORDER BY 2, 3, 4 LIMIT {MOST_SHOWN}")
    rows = (await connection.execute(counted)).all()
    return SealFinding(kind, rows[0][0], tuple(SealPlace(row[1], row[2], row[3]) for row in rows)) if rows else None


async def due_blocks(connection: AsyncConnection, share: float) -> list[int]:
    """The blocks that scheduled verifying looks at next: those never looked at, and of the others this share (0 to 1,
    one block at least), the longest unseen first."""
    await connection.execute(_OPEN)
    return list((await connection.execute(_DUE, {"share": share})).scalars())


async def unseen_seconds(connection: AsyncConnection) -> float:
    """How long the longest unseen block has not been verified, seconds by the database's clock; 0 without blocks."""
    return float((await connection.execute(_UNSEEN)).scalar_one())
