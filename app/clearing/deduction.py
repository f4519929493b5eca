"""Deductions: what an audit takes off a fund's payable of a settlement, what the hospital says, what another person decides.

Amounts in fen. An accepted or upheld deduction reduces what the fund owes the hospital, by a transfer from its payable account
to the fund's expense; the patient is never charged for it (clearing.md, The month, 3). Days are business days.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import RowMapping, case, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clearing.moves import (
    DEDUCTION,
    STATEMENT,
    business_now,
    by_another,
    check_move,
    locked,
    may_pay,
    move,
    number_of,
    owner_of,
    record,
    today,
    written_by,
)
from app.clearing.plan import plan_on
from app.clearing.tables import deduction, statement, statement_approval
from app.context import Caller, Service
from app.errors import Conflict, Fault, NotFound, Refused
from app.http import encoded, open_request, page, read_cursor
from app.ledger.journal import clr_type
from app.money import fen, yuan
from app.settlement.answer import read_id, shown_id
from app.wire import Code, Money

DEDUCTIBLE: Final = ("declared", "reconciled", "audited")
UNDECIDED: Final = ("proposed", "appealed")

Fund = Literal["390100", "390200", "610100", "640100"]
State = Literal["proposed", "accepted", "appealed", "decided", "lapsed"]
Outcome = Literal["upheld", "reduced", "dismissed"]
Reason = Annotated[str, Meta(min_length=1, max_length=500)]


class DeductionRequest(Struct, forbid_unknown_fields=True):
    """What an auditor proposes to take off, and why. ``line_no`` only says where the fault lies."""

    settlement_id: Code
    fund: Fund
    amount: Money
    reason_code: Code
    reason: Reason
    line_no: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None


class AppealRequest(Struct, forbid_unknown_fields=True):
    """Why the hospital disagrees."""

    reason: Reason


class DecisionRequest(Struct, forbid_unknown_fields=True):
    """The decision of an appeal. ``amount`` is what is deducted after all: needed for ``reduced``, else it may be left out."""

    outcome: Outcome
    reason: Reason
    amount: Money | None = None


class DeductionAnswer(Struct):
    """A deduction, yuan. ``upheld`` is what is deducted in the end, null while that is open. ``proposed`` with its appeal days
    over is shown as ``accepted``, as it will be booked; ``lapsed``: its settlement was reversed before a decision."""

    deduction_id: str
    statement_id: str
    settlement_id: str
    line_no: int | None
    fund: str
    fiscal_year: int
    amount: str
    upheld: str | None
    reason_code: str
    reason: str
    state: State
    proposed_on: date
    appeal_by: date
    appeal_reason: str | None
    appealed_by: str | None
    appealed_on: date | None
    outcome: Outcome | None
    decision_reason: str | None
    decided_by: str | None
    decided_on: date | None
    hospital_code: str
    area_code: str
    subject: str


def shown(row: RowMapping, day: date) -> DeductionAnswer:
    """A deduction's row as an answer on a business day."""
    over = row["state"] == "proposed" and row["appeal_by"] < day
    upheld = row["amount"] if over else row["upheld"]
    return DeductionAnswer(
        deduction_id=f"{DEDUCTION}{row['deduction_id']}",
        statement_id=f"{STATEMENT}{row['statement_id']}",
        settlement_id=shown_id(row["settlement_id"]),
        amount=yuan(row["amount"]),
        upheld=None if upheld is None else yuan(upheld),
        state="accepted" if over else row["state"],
        **{name: row[name] for name in _AS_STORED},
    )


_AS_STORED: Final = (
    "line_no", "fund", "fiscal_year", "reason_code", "reason", "proposed_on", "appeal_by", "appeal_reason", "appealed_by",
    "appealed_on", "outcome", "decision_reason", "decided_by", "decided_on", "hospital_code", "area_code", "subject",
)  # fmt: skip


# ---------------------------------------------------------------- proposing

_PERSON: Final = text("SELECT person_id FROM settlement WHERE settlement_id = :settlement")
# A reversal ends the deductions that it finds; whoever adds one keeps the person from being reversed meanwhile.
_LOCK_PERSON: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:person, 2))")
_FACTS: Final = text(
    """
WITH posted AS (
  SELECT t.fiscal_year, CASE WHEN c.party = :creditor THEN t.amount ELSE -t.amount END AS amount,
         EXISTS (SELECT FROM statement_item i WHERE i.statement_id = :statement AND i.transfer_id = t.transfer_id
                    AND NOT i.withdrawn) AS declared
    FROM transfer t JOIN account c ON c.account_id = t.credit_account JOIN account d ON d.account_id = t.debit_account
   WHERE t.settlement_id IN (SELECT s.settlement_id FROM settlement s WHERE :settlement IN (s.settlement_id, s.of_settlement_id))
     AND t.fund = :fund AND t.area_code = :area AND t.event IN ('settlement', 'adjustment', 'reversal', 'recovery')
     AND (c.kind = 'payable' AND c.party = :creditor OR d.kind = 'payable' AND d.party = :creditor)
), claimed AS (
  SELECT d.statement_id, coalesce(d.upheld, d.amount) AS amount FROM deduction d
   WHERE d.settlement_id = :settlement AND d.fund = :fund
)
SELECT s.kind, EXISTS (SELECT FROM settlement r WHERE r.of_settlement_id = s.settlement_id AND r.kind = 'reversal') AS reversed,
       CAST(:line AS integer) IS NULL
         OR EXISTS (SELECT FROM json_array_elements(s.document -> 'lines') l WHERE (l ->> 0)::integer = :line) AS has_line,
       (SELECT max(p.fiscal_year) FROM posted p WHERE p.declared) AS fiscal_year,
       least((SELECT sum(p.amount) FROM posted p) - (SELECT coalesce(sum(c.amount), 0) FROM claimed c),
             (SELECT sum(p.amount) FROM posted p WHERE p.declared)
               - (SELECT coalesce(sum(c.amount), 0) FROM claimed c WHERE c.statement_id = :statement))::bigint AS room
  FROM settlement s WHERE s.settlement_id = :settlement AND s.hospital_code = :hospital"""
)


async def propose(
    service: Service, caller: Caller, connection: AsyncConnection, statement_id: str, wanted: DeductionRequest
) -> bytes:
    """Propose a deduction from a statement whose fund isn't approved yet (else Conflict ``invalid_move``).

    Refused with every fault: no posting of that fund in the statement, no such line, more than the fund still owes for the
    settlement beside its other deductions. Conflict ``already_reversed``. Moves no money."""
    settlement_id = read_id(wanted.settlement_id) or 0
    person = (await connection.execute(_PERSON, {"settlement": settlement_id})).scalar_one_or_none()
    await connection.execute(_LOCK_PERSON, {"person": person or ""})
    row = await locked(connection, statement, number_of(statement_id, STATEMENT))
    may_pay(caller, row["area_code"])
    _its_fund(caller, wanted.fund)
    check_move(row, DEDUCTIBLE, "deducted")
    await _not_approved(connection, row, wanted.fund)
    fiscal_year = await _checked(connection, row, settlement_id, wanted)
    now = await business_now(service, connection)
    day = today(now)
    values = {
        "statement_id": row["statement_id"],
        "settlement_id": settlement_id,
        "line_no": wanted.line_no,
        "fund": wanted.fund,
        "fiscal_year": fiscal_year,
        "amount": fen(wanted.amount),
        "reason_code": wanted.reason_code,
        "reason": wanted.reason,
        "proposed_on": day,
        "appeal_by": day + timedelta(days=plan_on(service.book, row["area_code"], day).appeal_days),
    }
    new = insert(deduction).values(**values, **owner_of(row), **written_by(caller)).returning(*deduction.c)
    made = (await connection.execute(new)).mappings().one()
    object_id = f"{DEDUCTION}{made['deduction_id']}"
    await record(
        connection, caller, now, made, object_id=object_id, move="proposed", reason=wanted.reason, amount=made["amount"]
    )
    return encoded(shown(made, day))


def _its_fund(caller: Caller, fund: str) -> None:
    if caller.principal.funds is not None and fund not in caller.principal.funds:
        raise NotFound("not_found")


async def _not_approved(connection: AsyncConnection, row: RowMapping, fund: str) -> None:
    columns = statement_approval.c
    approved = select(columns.fund).where(columns.statement_id == row["statement_id"], columns.fund == fund)
    if (await connection.execute(approved)).first() is not None:
        raise Conflict("invalid_move", values={"state": "approved", "wanted": "deducted"}, extra={"state": "approved"})


async def _checked(
    connection: AsyncConnection, row: RowMapping, settlement_id: int, wanted: DeductionRequest
) -> int:
    """The fiscal year of the postings that a deduction is taken from."""
    given = {
        "statement": row["statement_id"],
        "hospital": row["hospital_code"],
        "area": row["area_code"],
        "creditor": f"hospital:{row['hospital_code']}",
        "settlement": settlement_id,
        "fund": wanted.fund,
        "line": wanted.line_no,
    }
    found = (await connection.execute(_FACTS, given)).mappings().first()
    amount, faults = fen(wanted.amount), []
    if found is None or found["kind"] != "settlement" or found["fiscal_year"] is None:
        faults.append(Fault("/settlement_id", "settlement_not_in_statement"))
    elif found["reversed"]:
        raise Conflict("already_reversed")
    elif amount > (room := max(found["room"], 0)):
        faults.append(Fault("/amount", "deduction_exceeds_payable", {"payable": yuan(room)}))
    if amount == 0:
        faults.append(Fault("/amount", "amount_zero"))
    if found is not None and not found["has_line"]:
        faults.append(Fault("/line_no", "line_unknown"))
    if faults or found is None:
        raise Refused(faults)
    year: int = found["fiscal_year"]
    return year


# ---------------------------------------------------------------- what becomes of it


async def _moving(
    connection: AsyncConnection, deduction_id: str
) -> RowMapping:
    """A deduction, locked, its statement before it: as whoever approves the statement does."""
    number = number_of(deduction_id, DEDUCTION)
    of = select(deduction.c.statement_id).where(deduction.c.deduction_id == number)
    statement_id = (await connection.execute(of)).scalar_one_or_none()
    if statement_id is None:
        raise NotFound("not_found")
    await locked(connection, statement, statement_id)
    return await locked(connection, deduction, number)


async def accept(service: Service, caller: Caller, connection: AsyncConnection, deduction_id: str) -> bytes:
    """The hospital agrees: the whole amount is deducted. Conflict ``invalid_move`` after an appeal or twice; Forbidden
    ``maker_is_checker`` for who proposed it."""
    row = await _moving(connection, deduction_id)
    check_move(row, ("proposed",), "accepted")
    by_another(caller, row["subject"])
    now = await business_now(service, connection)
    await _uphold(connection, caller, [row], today(now), state="accepted")
    await record(connection, caller, now, row, object_id=deduction_id, move="accepted", amount=row["amount"])
    return await _read(connection, row, today(now))


async def appeal(
    service: Service, caller: Caller, connection: AsyncConnection, deduction_id: str, wanted: AppealRequest
) -> bytes:
    """The hospital disagrees, until ``appeal_by``; Conflict ``appeal_too_late`` after it, ``invalid_move`` twice."""
    row = await _moving(connection, deduction_id)
    check_move(row, ("proposed",), "appealed")
    now = await business_now(service, connection)
    if today(now) > row["appeal_by"]:
        raise Conflict("appeal_too_late", values={"day": row["appeal_by"].isoformat()})
    values = {"appeal_reason": wanted.reason, "appealed_by": caller.principal.subject, "appealed_on": today(now)}
    await move(connection, deduction, row, state="appealed", **values)
    await record(connection, caller, now, row, object_id=deduction_id, move="appealed", reason=wanted.reason)
    return await _read(connection, row, today(now))


async def decide(
    service: Service, caller: Caller, connection: AsyncConnection, deduction_id: str, wanted: DecisionRequest
) -> bytes:
    """Decide an appeal. Forbidden ``maker_is_checker`` for who proposed or appealed; Refused for an amount that doesn't fit the
    outcome; Conflict ``invalid_move`` without an appeal."""
    row = await _moving(connection, deduction_id)
    may_pay(caller, row["area_code"])
    by_another(caller, row["subject"], row["appealed_by"])
    check_move(row, ("appealed",), "decided")
    upheld = _upheld(row["amount"], wanted)
    now = await business_now(service, connection)
    values = {
        "outcome": wanted.outcome,
        "decision_reason": wanted.reason,
        "decided_by": caller.principal.subject,
        "decided_on": today(now),
    }
    await _uphold(connection, caller, [row], today(now), state="decided", upheld=upheld, **values)
    await record(
        connection, caller, now, row, object_id=deduction_id, move=wanted.outcome, reason=wanted.reason, amount=upheld
    )
    return await _read(connection, row, today(now))


def _upheld(claimed: int, wanted: DecisionRequest) -> int:
    given = None if wanted.amount is None else fen(wanted.amount)
    if wanted.outcome == "reduced":
        if given is None:
            raise Refused([Fault("/amount", "missing")])
        if not 0 < given < claimed:
            raise Refused([Fault("/amount", "reduced_amount", {"claimed": yuan(claimed)})])
        return given
    whole = claimed if wanted.outcome == "upheld" else 0
    if given not in (None, whole):
        raise Refused([Fault("/amount", "decision_amount", {"amount": yuan(whole)})])
    return whole


async def lapse(
    service: Service, connection: AsyncConnection, caller: Caller, statement_id: int, funds: Sequence[str] | None = None
) -> None:
    """Uphold what the hospital didn't appeal in time, of some funds of a statement or of all (clearing.md: no appeal in time =
    upheld). For whoever approves or audits the statement, whose row the caller has locked."""
    now = await business_now(service, connection)
    columns = deduction.c
    over = (columns.statement_id == statement_id, columns.state == "proposed", columns.appeal_by < today(now))
    wanted = select(deduction).where(*over).order_by(columns.deduction_id).with_for_update()
    if funds is not None:
        wanted = wanted.where(columns.fund.in_(funds))
    rows = list((await connection.execute(wanted)).mappings().all())
    await _uphold(connection, caller, rows, today(now), state="accepted")
    for row in rows:
        object_id = f"{DEDUCTION}{row['deduction_id']}"
        await record(
            connection, caller, now, row, object_id=object_id, move="accepted", reason="no_appeal", amount=row["amount"]
        )


async def undecided(
    connection: AsyncConnection, statement_id: int, funds: Sequence[str] | None = None
) -> list[str]:
    """The ids of a statement's deductions that are still open, of some funds or of all: they stop an approval."""
    columns = deduction.c
    wanted = select(columns.deduction_id).where(columns.statement_id == statement_id, columns.state.in_(UNDECIDED))
    if funds is not None:
        wanted = wanted.where(columns.fund.in_(funds))
    found = (await connection.execute(wanted.order_by(columns.deduction_id))).scalars()
    return [f"{DEDUCTION}{number}" for number in found]


_POST: Final = text("SELECT transfers_post(CAST(:transfers AS jsonb))")
_BILLS: Final = text(
    """SELECT d.deduction_id, s.benefit_year, s.medical_type, fiscal_year_of(d.area_code, d.fiscal_year, :day) AS fiscal_year
         FROM deduction d JOIN settlement s USING (settlement_id) WHERE d.deduction_id = ANY (CAST(:ids AS bigint[]))"""
)


async def _uphold(
    connection: AsyncConnection,
    caller: Caller,
    rows: Sequence[RowMapping],
    day: date,
    *,
    state: str,
    upheld: int | None = None,
    **values: Any,
) -> None:
    """End deductions with what is upheld of them (the whole without ``upheld``), and post that."""
    for row in rows:
        amount = row["amount"] if upheld is None else upheld
        await move(connection, deduction, row, state=state, upheld=amount, **values)
    ids = [row["deduction_id"] for row in rows]
    if upheld == 0 or not ids:
        return
    bills = {one["deduction_id"]: one for one in (await connection.execute(_BILLS, {"ids": ids, "day": day})).mappings()}
    transfers = [_transfer(row, bills[row["deduction_id"]], day, upheld) for row in rows]
    await connection.execute(_POST, {"transfers": msgspec.json.encode(transfers).decode()})


def _transfer(row: RowMapping, bill: RowMapping, day: date, upheld: int | None) -> dict[str, Any]:
    base = f"area:{row['area_code']}/fund:{row['fund']}"
    return {
        "event": "deduction",
        "debit": f"{base}/payable/hospital:{row['hospital_code']}",
        "credit": f"{base}/expense",
        "amount": row["amount"] if upheld is None else upheld,
        "tier": "deduction",
        "clr_type": clr_type(bill["medical_type"]),
        "business_date": day,
        "benefit_year": bill["benefit_year"],
        "fiscal_year": bill["fiscal_year"],
        "cause": f"{DEDUCTION}{row['deduction_id']}",
    } | {name: row[name] for name in ("settlement_id", "statement_id", "area_code", "fund", "hospital_code", "hospital_area")}


# ---------------------------------------------------------------- reading


async def _read(connection: AsyncConnection, row: RowMapping, day: date) -> bytes:
    return encoded(shown(await locked(connection, deduction, row["deduction_id"]), day))


async def read(service: Service, caller: Caller, deduction_id: str) -> bytes:
    """A deduction as it stands today."""
    wanted = select(deduction).where(deduction.c.deduction_id == number_of(deduction_id, DEDUCTION))
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        row = (await connection.execute(wanted)).mappings().first()
        if row is None:
            raise NotFound("not_found")
        return encoded(shown(row, today(await business_now(service, connection))))


async def listed(
    service: Service,
    caller: Caller,
    *,
    state: State | None,
    filters: dict[str, Any],
    limit: int,
    cursor: str | None,
) -> bytes:
    """A page of the deductions within reach, newest first; ``filters`` are columns and what they must equal (None: any)."""
    before = read_cursor(service, cursor, int)
    columns = deduction.c
    wanted = select(deduction).order_by(columns.deduction_id.desc()).limit(limit + 1)
    for name, value in filters.items():
        if value is not None:
            wanted = wanted.where(columns[name] == value)
    if before is not None:
        wanted = wanted.where(columns.deduction_id < before)
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        day = today(await business_now(service, connection))
        if state is not None:
            over = (columns.state == "proposed") & (columns.appeal_by < day)
            wanted = wanted.where(case((over, "accepted"), else_=columns.state) == state)
        rows = list((await connection.execute(wanted)).mappings().all())
    answers = [shown(row, day) for row in rows[:limit]]
    return page(service, rows, limit, answers, lambda row: row["deduction_id"])
