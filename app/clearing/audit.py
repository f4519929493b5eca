"""Auditing a statement: a sample of its settlements that anybody can draw again, and the end of the audit. Amounts in
fen."""

import secrets
from datetime import date
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import shown_instant
from app.basics.errors import Conflict, Fault, Refused
from app.basics.ids import SETTLEMENT, STATEMENT, number_of, shown_id
from app.basics.money import RATE_ONE, parsed, yuan
from app.clearing import deduction as deductions
from app.clearing.moves import Event, Row, business_now, check_move, may_pay, record, today
from app.clearing.part import check_whole
from app.clearing.statement import SIGNED
from app.clearing.statement_row import BEFORE_APPROVAL, BEFORE_AUDIT, StatementState, locked_statement, moved_statement
from app.clearing.statement_row import read as read_statement
from app.clearing.tables import clearing_event, deduction
from app.service.caller import Caller, Service
from app.service.wire import Code, Rate

MOST_SAMPLED: Final = 1000
METHOD: Final = "ascending SHA-256 of '<seed>:<settlement_id>'"


class SampleRequest(Struct, forbid_unknown_fields=True):
    """How many settlements to draw, or which share of them (rounded up); ``seed`` draws the same ones again."""

    size: Annotated[int, Meta(ge=1, le=MOST_SAMPLED)] | None = None
    rate: Rate | None = None
    seed: Code | None = None


class SampledSettlement(Struct):
    """A drawn settlement. ``fund_total`` is what the statement declares of it, yuan, of the funds within the token's
    reach."""

    settlement_id: str
    visit_id: str
    settle_seq: int
    medical_type: str
    settled_at: str
    total: str
    fund_total: str
    reversed: bool


class SampleRecord(Struct):
    """A drawing: from how many, how many, with which seed and method."""

    statement_id: str
    seed: str
    method: str
    population: int
    size: int
    sampled_on: date
    subject: str


class SampleAnswer(SampleRecord, kw_only=True):
    """A drawing and what was drawn, in the order of the method."""

    settlements: list[SampledSettlement]


class AuditAnswer(Struct):
    """An audited statement, and what was deducted from it in all, yuan."""

    statement_id: str
    state: str
    deductions: int
    deducted: str


class _Drawn(Struct):
    """What the record of a drawing holds."""

    seed: str
    population: int
    size: int


_POPULATION: Final = """FROM statement_item i JOIN transfer t USING (transfer_id)
  JOIN account c ON c.account_id = t.credit_account
 WHERE i.statement_id = :statement AND NOT i.withdrawn AND t.event = 'settlement'"""
_COUNT: Final = text(f"SELECT count(DISTINCT t.settlement_id) {_POPULATION}")
_DRAW: Final = text(
    f"""
SELECT s.settlement_id, s.visit_id, s.settle_seq, s.medical_type, s.settled_at, s.total, p.amount,
       EXISTS (SELECT FROM settlement r WHERE r.of_settlement_id = s.settlement_id AND r.kind = 'reversal') AS reversed
  FROM (SELECT t.settlement_id, sum({SIGNED})::bigint AS amount
        {_POPULATION} GROUP BY 1
         ORDER BY sha256(convert_to(:key || t.settlement_id, 'UTF8')) LIMIT :size) p
  JOIN settlement s USING (settlement_id)
 ORDER BY sha256(convert_to(:key || s.settlement_id, 'UTF8'))"""
)


async def sample(
    service: Service, connection: AsyncConnection, caller: Caller, statement_id: str, wanted: SampleRequest
) -> SampleAnswer:
    """Draw settlements of a statement for an audit, and keep seed, method and numbers for ever. The same seed and size
    draw the same ones; a larger size begins with them. Refused without a size or a rate, or with both, or for more than
    a thousand."""
    row = await locked_statement(connection, number_of(STATEMENT, statement_id))
    may_pay(caller, row.area_code)
    check_move(row.state, (*BEFORE_APPROVAL, StatementState.APPROVED, StatementState.SETTLED), "sampled")
    given = {"statement": row.statement_id}
    population = (await connection.execute(_COUNT, given)).scalar_one()
    size = min(_size(wanted, population), population)
    seed = wanted.seed or secrets.token_hex(8)
    drawn = (await connection.execute(_DRAW, given | {"key": f"{seed}:{SETTLEMENT}", "size": size})).mappings().all()
    now = await business_now(service, connection)
    kept = msgspec.json.encode(_Drawn(seed, population, size)).decode()
    await record(connection, caller, now, row.owner, Event(object_id=statement_id, move="sampled", reason=kept))
    head = SampleRecord(statement_id, seed, METHOD, population, size, today(now), caller.principal.subject)
    return SampleAnswer(**msgspec.structs.asdict(head), settlements=[_sampled(dict(one)) for one in drawn])


def _size(wanted: SampleRequest, population: int) -> int:
    if (wanted.size is None) == (wanted.rate is None):
        raise Refused([Fault("/size", "size_or_rate")])
    if wanted.rate is None:
        return wanted.size or 0
    size = -(-population * parsed(wanted.rate, 4) // RATE_ONE)
    if size > MOST_SAMPLED:
        raise Refused([Fault("/rate", "too_many_items", {"limit": str(MOST_SAMPLED)})])
    return size


def _sampled(row: Row) -> SampledSettlement:
    return SampledSettlement(
        settlement_id=shown_id(SETTLEMENT, row["settlement_id"]),
        visit_id=row["visit_id"],
        settle_seq=row["settle_seq"],
        medical_type=row["medical_type"],
        settled_at=shown_instant(row["settled_at"]),
        total=yuan(row["total"]),
        fund_total=yuan(row["amount"]),
        reversed=row["reversed"],
    )


async def samples(connection: AsyncConnection, statement_id: str) -> list[SampleRecord]:
    """The drawings from a statement, oldest first."""
    of = await read_statement(connection, statement_id)
    columns = clearing_event.c
    drawn = (columns.object_id == of.shown, columns.move == "sampled")
    wanted = select(clearing_event).where(*drawn).order_by(columns.event_id)
    return [_recorded(statement_id, dict(one)) for one in (await connection.execute(wanted)).mappings()]


def _recorded(statement_id: str, row: Row) -> SampleRecord:
    kept = msgspec.json.decode(row["reason"], type=_Drawn)
    day = today(row["business_at"])
    return SampleRecord(statement_id, kept.seed, METHOD, kept.population, kept.size, day, row["subject"])


async def finish(service: Service, connection: AsyncConnection, caller: Caller, statement_id: str) -> AuditAnswer:
    """End the audit of a declared or reconciled statement. What the hospital didn't appeal in time is upheld first;
    Conflict ``deductions_open`` while others are undecided. Forbidden ``statement_needs_all_funds`` for who can't
    see the deductions of all its funds."""
    number = number_of(STATEMENT, statement_id)
    mine = deductions.of_statement(number)
    await deductions.lock_persons(connection, mine)  # before the statement's lock, as whoever proposes a deduction
    row = await locked_statement(connection, number)
    may_pay(caller, row.area_code)
    check_move(row.state, BEFORE_AUDIT, "audited")
    await check_whole(connection, number)
    await deductions.lapse(service, connection, caller, mine)
    if left := await deductions.undecided(connection, mine):
        raise Conflict("deductions_open", extra={"deductions": left})
    now = await business_now(service, connection)
    await moved_statement(connection, row, audited_on=today(now))
    await record(connection, caller, now, row.owner, Event(object_id=statement_id, move="audited"))
    total: Any = select(func.count(), func.coalesce(func.sum(deduction.c.upheld), 0)).where(
        deduction.c.statement_id == row.statement_id
    )
    count, deducted = (await connection.execute(total)).one()
    return AuditAnswer(statement_id, "audited", count, yuan(int(deducted)))
