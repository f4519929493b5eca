"""Deductions: what an audit takes off a fund's payable of a settlement, what the hospital says, what another person
decides.

Amounts in fen. An accepted or upheld deduction reduces what the fund owes the hospital, by a transfer from its payable
account to the fund's expense; the patient is never charged for it (docs/specification/clearing.md, section 2). Days are
business days."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct
from sqlalchemy import Select, case, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict, Fault, NotFound, Refused
from app.basics.ids import DEDUCTION, PART, SETTLEMENT, STATEMENT, number_of, shown_id
from app.basics.money import fen, yuan
from app.clearing import owed
from app.clearing.machine import Act, acting
from app.clearing.moves import business_now, by_another, check_move, locked, may_pay, move, record, today
from app.clearing.plan import plan_on
from app.clearing.posting import Posting, post, purse_of
from app.clearing.tables import deduction, statement
from app.ledger.journal import clr_type
from app.service.caller import Caller, Service
from app.service.http import page, read_cursor
from app.service.wire import Money

UNDECIDED: Final = ("proposed", "appealed")

Fund = Literal["390100", "390200", "610100", "640100"]
State = Literal["proposed", "accepted", "appealed", "decided", "lapsed"]
Outcome = Literal["upheld", "reduced", "dismissed"]
Reason = Annotated[str, Meta(min_length=1, max_length=500)]


class AppealRequest(Struct, forbid_unknown_fields=True):
    """Why the hospital disagrees."""

    reason: Reason


class DecisionRequest(Struct, forbid_unknown_fields=True):
    """The decision of an appeal. ``amount`` is what is deducted after all: needed for ``reduced``, else it may be left
    out."""

    outcome: Outcome
    reason: Reason
    amount: Money | None = None


class DeductionAnswer(Struct):
    """A deduction, yuan. ``upheld`` is what is deducted in the end, null while that is open: at most what the fund owed
    when it took effect; ``given_back`` what corrections made excessive of it since. ``proposed`` with its appeal days
    over is shown as ``accepted``, ``appealed`` with its ``decide_by`` over as dismissed, as they will be booked;
    ``lapsed``: its settlement was reversed before a decision."""

    deduction_id: str
    statement_id: str
    part_id: str
    settlement_id: str
    line_no: int | None
    fund: str
    fiscal_year: int
    amount: str
    upheld: str | None
    given_back: str
    reason_code: str
    reason: str
    state: State
    proposed_on: date
    appeal_by: date
    appeal_reason: str | None
    appealed_by: str | None
    appealed_on: date | None
    decide_by: date | None
    outcome: Outcome | None
    decision_reason: str | None
    decided_by: str | None
    decided_on: date | None
    hospital_code: str
    area_code: str
    subject: str


def shown(row: Mapping[str, Any], day: date) -> DeductionAnswer:
    """A deduction's row as an answer on a business day."""
    state, upheld, outcome = row["state"], row["upheld"], row["outcome"]
    if _unanswered(row, day):
        state, upheld = "accepted", row["amount"]
    elif _undecided(row, day):
        state, upheld, outcome = "decided", 0, "dismissed"
    return DeductionAnswer(
        deduction_id=shown_id(DEDUCTION, row["deduction_id"]),
        statement_id=shown_id(STATEMENT, row["statement_id"]),
        part_id=shown_id(PART, row["part_id"]),
        settlement_id=shown_id(SETTLEMENT, row["settlement_id"]),
        amount=yuan(row["amount"]),
        upheld=None if upheld is None else yuan(upheld),
        given_back=yuan(row["given_back"]),
        state=state,
        outcome=outcome,
        **{name: row[name] for name in _AS_STORED},
    )


def _unanswered(row: Mapping[str, Any], day: date) -> bool:
    """Whether the hospital let the appeal days pass: no appeal in time is agreement."""
    return bool(row["state"] == "proposed" and row["appeal_by"] < day)


def _undecided(row: Mapping[str, Any], day: date) -> bool:
    """Whether an appeal's days are over without a decision: it counts as dismissed, where the pack says so."""
    return bool(row["state"] == "appealed" and row["decide_by"] is not None and row["decide_by"] < day)


_AS_STORED: Final = (
    "line_no", "fund", "fiscal_year", "reason_code", "reason", "proposed_on", "appeal_by", "appeal_reason", "appealed_by",
    "appealed_on", "decide_by", "decision_reason", "decided_by", "decided_on", "hospital_code", "area_code", "subject",
)  # fmt: skip


# ---------------------------------------------------------------- what becomes of it


async def _moving(connection: AsyncConnection, deduction_id: str) -> dict[str, Any]:
    """A deduction, locked; before it the person whose bill it is, so that no correction comes between, and its
    statement, as whoever approves that does."""
    number = number_of(DEDUCTION, deduction_id)
    of = select(deduction.c.statement_id, deduction.c.settlement_id).where(deduction.c.deduction_id == number)
    found = (await connection.execute(of)).first()
    if found is None:
        raise NotFound("not_found")
    await owed.lock_person(connection, found.settlement_id)
    await locked(connection, statement, found.statement_id)
    return await locked(connection, deduction, number)


async def accept(service: Service, connection: AsyncConnection, caller: Caller, deduction_id: str) -> DeductionAnswer:
    """The hospital agrees: the whole amount is deducted, as far as it is still owed. Conflict ``invalid_move`` after an
    appeal or twice; Forbidden ``maker_is_checker`` for who proposed it."""
    act = await acting(service, connection, caller)
    row = await _moving(connection, deduction_id)
    check_move(row, ("proposed",), "accepted")
    by_another(caller, row["subject"])
    await _uphold(act, row, row["amount"], state="accepted")
    await record(connection, caller, act.now, row, object_id=deduction_id, move="accepted", amount=row["upheld"])
    return shown(row, act.day)


async def appeal(
    service: Service, connection: AsyncConnection, caller: Caller, deduction_id: str, wanted: AppealRequest
) -> DeductionAnswer:
    """The hospital disagrees, until ``appeal_by``; Conflict ``appeal_too_late`` after it, ``invalid_move`` twice."""
    row = await _moving(connection, deduction_id)
    check_move(row, ("proposed",), "appealed")
    now = await business_now(service, connection)
    day = today(now)
    if day > row["appeal_by"]:
        raise Conflict("appeal_too_late", values={"day": row["appeal_by"].isoformat()})
    values = {"appeal_reason": wanted.reason, "appealed_by": caller.principal.subject, "appealed_on": day}
    decide_by = plan_on(service.book, row["area_code"], day).decide_by(day)
    await move(connection, deduction, row, state="appealed", decide_by=decide_by, **values)
    await record(connection, caller, now, row, object_id=deduction_id, move="appealed", reason=wanted.reason)
    return shown(row, day)


async def decide(
    service: Service, connection: AsyncConnection, caller: Caller, deduction_id: str, wanted: DecisionRequest
) -> DeductionAnswer:
    """Decide an appeal. Forbidden ``maker_is_checker`` for who proposed or appealed; Refused for an amount that doesn't
    fit the outcome; Conflict ``invalid_move`` without an appeal, or when its days are over."""
    act = await acting(service, connection, caller)
    row = await _moving(connection, deduction_id)
    may_pay(caller, row["area_code"])
    by_another(caller, row["subject"], row["appealed_by"])
    check_move(row | {"state": "decided"} if _undecided(row, act.day) else row, ("appealed",), "decided")
    values = {
        "outcome": wanted.outcome,
        "decision_reason": wanted.reason,
        "decided_by": act.subject,
        "decided_on": act.day,
    }
    await _uphold(act, row, _upheld(row["amount"], wanted), state="decided", **values)
    said = {"move": wanted.outcome, "reason": wanted.reason, "amount": row["upheld"]}
    await record(connection, caller, act.now, row, object_id=deduction_id, **said)
    return shown(row, act.day)


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


async def lock_persons(connection: AsyncConnection, statement_id: int) -> None:
    """Keep corrections away from the bills of a statement's open deductions, until the transaction ends: ``lapse`` may
    book them."""
    columns = deduction.c
    mine = select(columns.settlement_id).where(columns.statement_id == statement_id, columns.state.in_(UNDECIDED))
    for number in (await connection.execute(mine.distinct().order_by(columns.settlement_id))).scalars().all():
        await owed.lock_person(connection, number)


async def lapse(
    service: Service, connection: AsyncConnection, caller: Caller, statement_id: int, funds: Sequence[str] | None = None
) -> None:
    """End what has waited too long, of some funds of a statement or of all: what the hospital didn't appeal in time is
    upheld, what wasn't decided in time is dismissed. For whoever approves or audits the statement, whose row the caller
    has locked, after ``lock_persons``."""
    act = await acting(service, connection, caller)
    columns = deduction.c
    open_ = (columns.statement_id == statement_id, columns.state.in_(UNDECIDED))
    wanted = select(deduction).where(*open_).order_by(columns.deduction_id).with_for_update()
    if funds is not None:
        wanted = wanted.where(columns.fund.in_(funds))
    for row in [dict(row) for row in (await connection.execute(wanted)).mappings()]:
        object_id = shown_id(DEDUCTION, row["deduction_id"])
        if _unanswered(row, act.day):
            await _uphold(act, row, row["amount"], state="accepted")
            said = {"move": "accepted", "reason": "no_appeal", "amount": row["upheld"]}
        elif _undecided(row, act.day):
            await _uphold(act, row, 0, state="decided", outcome="dismissed", decided_on=act.day)
            said = {"move": "dismissed", "reason": "no_decision", "amount": 0}
        else:
            continue
        await record(connection, caller, act.now, row, object_id=object_id, **said)


async def undecided(connection: AsyncConnection, statement_id: int, funds: Sequence[str] | None = None) -> list[str]:
    """The ids of a statement's deductions that are still open, of some funds or of all: they stop an approval."""
    columns = deduction.c
    wanted = select(columns.deduction_id).where(columns.statement_id == statement_id, columns.state.in_(UNDECIDED))
    if funds is not None:
        wanted = wanted.where(columns.fund.in_(funds))
    found = (await connection.execute(wanted.order_by(columns.deduction_id))).scalars()
    return [shown_id(DEDUCTION, number) for number in found]


_BILL: Final = text(
    """SELECT s.benefit_year, s.medical_type, fiscal_year_of(:area, CAST(:year AS smallint), :day) AS fiscal_year
         FROM settlement s WHERE s.settlement_id = :settlement"""
)


async def _uphold(act: Act, row: dict[str, Any], wanted: int, *, state: str, **values: Any) -> None:
    """End a deduction with what is wanted of it, at most what the fund still owes now, and post that."""
    amount = min(wanted, await owed.left_of(act, row)) if wanted else 0
    await move(act.connection, deduction, row, state=state, upheld=amount, **values)
    if amount:
        of = {"area": row["area_code"], "year": row["fiscal_year"], "day": act.day, "settlement": row["settlement_id"]}
        bill = (await act.connection.execute(_BILL, of)).mappings().one()
        await post(act.connection, [_posting(row, bill, act.day)])


def _posting(row: Mapping[str, Any], bill: Mapping[Any, Any], day: date) -> Posting:
    purse = purse_of(row, bill["fiscal_year"])
    return Posting(
        event="deduction",
        debit=purse.payable,
        credit=purse.expense,
        amount=row["upheld"],
        area_code=purse.area_code,
        fund=purse.fund,
        hospital_code=purse.hospital_code,
        hospital_area=purse.hospital_area,
        business_date=day,
        benefit_year=bill["benefit_year"],
        fiscal_year=purse.fiscal_year,
        cause=shown_id(DEDUCTION, row["deduction_id"]),
        statement_id=row["statement_id"],
        settlement_id=row["settlement_id"],
        tier="deduction",
        clr_type=clr_type(bill["medical_type"]),
    )


# ---------------------------------------------------------------- reading


async def read(service: Service, connection: AsyncConnection, deduction_id: str) -> DeductionAnswer:
    """A deduction as it stands today."""
    wanted = select(deduction).where(deduction.c.deduction_id == number_of(DEDUCTION, deduction_id))
    row = (await connection.execute(wanted)).mappings().first()
    if row is None:
        raise NotFound("not_found")
    return shown(dict(row), today(await business_now(service, connection)))


async def listed(
    service: Service,
    connection: AsyncConnection,
    *,
    state: State | None,
    filters: Mapping[str, Any],
    limit: int,
    cursor: str | None,
) -> bytes:
    """A page of the deductions within reach, newest first; ``filters`` are columns and what they must equal (None:
    any)."""
    before = read_cursor(service, cursor, int)
    columns = deduction.c
    day = today(await business_now(service, connection))
    wanted = deductions_where(day, state, filters).order_by(columns.deduction_id.desc()).limit(limit + 1)
    if before is not None:
        wanted = wanted.where(columns.deduction_id < before)
    rows = list((await connection.execute(wanted)).mappings().all())
    answers = [shown(dict(row), day) for row in rows[:limit]]
    return page(service, rows, limit, answers, lambda row: row["deduction_id"])


def deductions_where(day: date, state: State | None, filters: Mapping[str, Any]) -> Select[Any]:
    """The deductions within reach that are in a state on a day and have these values. None is no condition."""
    columns = deduction.c
    wanted = select(deduction)
    for name, value in filters.items():
        if value is not None:
            wanted = wanted.where(columns[name] == value)
    if state is not None:
        unanswered = (columns.state == "proposed") & (columns.appeal_by < day)
        undecided_ = (columns.state == "appealed") & (columns.decide_by < day)
        shown_state = case((unanswered, "accepted"), (undecided_, "decided"), else_=columns.state)
        wanted = wanted.where(shown_state == state)
    return wanted
