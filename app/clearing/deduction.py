"""Deductions: what an audit takes off a fund's payable of a settlement, what is said to that, what another person
decides. One machine for those of a statement's part, which the hospital answers, and those of a person's claim, which
the registering office answers for them.

Amounts in fen. An accepted or upheld deduction reduces what the fund owes, by a transfer from the payable account of
the hospital or of the claim to the fund's expense; a hospital's patient is never charged for it
(docs/specification/clearing.md, section 2). Days are business days."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from msgspec import Struct
from sqlalchemy import ColumnElement, RowMapping, case, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict, Fault, NotFound, Refused
from app.basics.ids import CLAIM, DEDUCTION, number_of, shown_id
from app.basics.money import fen, yuan
from app.clearing import owed
from app.clearing.deduction_row import (
    UNDECIDED,
    Deduction,
    DeductionAnswer,
    DeductionState,
    Outcome,
    State,
    answer_of,
)
from app.clearing.machine import Act, acting
from app.clearing.moves import Event, Row, business_now, locked, may_pay, record, today
from app.clearing.payment import typed
from app.clearing.plan import plan_on
from app.clearing.posting import Posting, post, purse_of
from app.clearing.tables import claim, deduction, statement
from app.ledger.journal import clr_type
from app.service.caller import Caller, Service
from app.service.lists import Rows
from app.service.second_person import by_another
from app.service.security import require
from app.service.wire import LongReason, Money

Condition = ColumnElement[bool]


class AppealRequest(Struct, forbid_unknown_fields=True):
    """Why the hospital, or the registering office for the person, disagrees."""

    reason: LongReason


class DecisionRequest(Struct, forbid_unknown_fields=True):
    """The decision of an appeal. ``amount`` is what is deducted after all: needed for ``reduced``, else it may be left
    out."""

    outcome: Outcome
    reason: LongReason
    amount: Money | None = None


# ---------------------------------------------------------------- what becomes of it


async def _moving(connection: AsyncConnection, deduction_id: str) -> Deduction:
    """A deduction, locked; before it the person whose bill it is, so that no correction comes between, and its
    statement or claim, as whoever approves that does."""
    number, columns = number_of(DEDUCTION, deduction_id), deduction.c
    of = select(columns.statement_id, columns.claim_id, columns.settlement_id).where(columns.deduction_id == number)
    found = (await connection.execute(of)).first()
    if found is None:
        raise NotFound("not_found")
    await owed.lock_person(connection, found.settlement_id)
    if found.claim_id is None:
        await locked(connection, statement, found.statement_id)
    else:
        await locked(connection, claim, found.claim_id)
    return typed(await locked(connection, deduction, number), Deduction)


def _check_answerer(caller: Caller, row: Deduction) -> None:
    """Forbidden ``forbidden_scope`` unless the caller answers for the payee: the hospital for itself, the registering
    office for a person."""
    require(caller.principal, "hospital" if row.claim_id is None else "registry")


async def accept(service: Service, connection: AsyncConnection, caller: Caller, deduction_id: str) -> DeductionAnswer:
    """The payee's side agrees: the whole amount is deducted, as far as it is still owed. Conflict ``invalid_move``
    after an appeal or twice; Forbidden ``maker_is_checker`` for who proposed it."""
    act = await acting(service, connection, caller)
    row = await _moving(connection, deduction_id)
    _check_answerer(caller, row)
    _check_state(row.state, DeductionState.PROPOSED, DeductionState.ACCEPTED)
    await by_another(connection, caller, row.subject)
    row = await _uphold(act, row, row.amount, state=DeductionState.ACCEPTED)
    await record(connection, caller, act.now, row.owner, Event(object_id=row.shown, move="accepted", amount=row.upheld))
    return answer_of(row, act.day)


def _check_state(state: DeductionState, needed: DeductionState, wanted: DeductionState) -> None:
    if state is not needed:
        values = {"state": state.value, "wanted": wanted.value}
        raise Conflict("invalid_move", values=values, extra={"state": state.value})


async def appeal(
    service: Service, connection: AsyncConnection, caller: Caller, deduction_id: str, wanted: AppealRequest
) -> DeductionAnswer:
    """The payee's side disagrees, until ``appeal_by``; Conflict ``appeal_too_late`` after it, ``invalid_move``
    twice."""
    act = await acting(service, connection, caller)
    row = await _moving(connection, deduction_id)
    _check_answerer(caller, row)
    _check_state(row.state, DeductionState.PROPOSED, DeductionState.APPEALED)
    if act.day > row.appeal_by:
        raise Conflict("appeal_too_late", values={"day": row.appeal_by.isoformat()})
    values = {
        "state": DeductionState.APPEALED,
        "appeal_reason": wanted.reason,
        "appealed_by": act.subject,
        "appealed_on": act.day,
        "decide_by": plan_on(service.book, row.area_code, act.day).decide_by(act.day),
    }
    row = await _changed(connection, row, values)
    await record(
        connection, caller, act.now, row.owner, Event(object_id=row.shown, move="appealed", reason=wanted.reason)
    )
    return answer_of(row, act.day)


async def decide(
    service: Service, connection: AsyncConnection, caller: Caller, deduction_id: str, wanted: DecisionRequest
) -> DeductionAnswer:
    """Decide an appeal. Forbidden ``maker_is_checker`` for who proposed or appealed; Refused for an amount that doesn't
    fit the outcome; Conflict ``invalid_move`` without an appeal, or when its days are over."""
    act = await acting(service, connection, caller)
    row = await _moving(connection, deduction_id)
    may_pay(caller, row.area_code)
    await by_another(connection, caller, row.subject, row.appealed_by)
    state = DeductionState.DECIDED if row.is_undecided(act.day) else row.state
    _check_state(state, DeductionState.APPEALED, DeductionState.DECIDED)
    values = {
        "outcome": wanted.outcome,
        "decision_reason": wanted.reason,
        "decided_by": act.subject,
        "decided_on": act.day,
    }
    row = await _uphold(act, row, _upheld(row.amount, wanted), state=DeductionState.DECIDED, more=values)
    await _record(act, row, wanted.outcome, wanted.reason)
    return answer_of(row, act.day)


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


def of_statement(statement_id: int, funds: Sequence[str] | None = None) -> Condition:
    """The deductions of some funds of a statement, or of all."""
    mine = deduction.c.statement_id == statement_id
    return mine if funds is None else mine & deduction.c.fund.in_(funds)


def of_claim(claim_id: int) -> Condition:
    """The deductions of a claim."""
    return deduction.c.claim_id == claim_id


async def lock_persons(connection: AsyncConnection, mine: Condition) -> None:
    """Keep corrections away from the bills of these deductions that are open, until the transaction ends: ``lapse`` may
    book them."""
    columns = deduction.c
    wanted = select(columns.settlement_id).where(mine, columns.state.in_(UNDECIDED))
    for number in (await connection.execute(wanted.distinct().order_by(columns.settlement_id))).scalars().all():
        await owed.lock_person(connection, number)


async def lapse(service: Service, connection: AsyncConnection, caller: Caller, mine: Condition) -> None:
    """End what of these deductions has waited too long: what wasn't appealed in time is upheld, what wasn't decided in
    time is dismissed. For whoever approves or audits the statement, whose row the caller has locked, after
    ``lock_persons``, or approves the claim."""
    act = await acting(service, connection, caller)
    columns = deduction.c
    wanted = select(deduction).where(mine, columns.state.in_(UNDECIDED)).order_by(columns.deduction_id)
    wanted = wanted.with_for_update()
    for row in [typed(row, Deduction) for row in (await connection.execute(wanted)).mappings().all()]:
        if row.is_unanswered(act.day):
            booked = await _uphold(act, row, row.amount, state=DeductionState.ACCEPTED)
            await _record(act, booked, "accepted", "no_appeal")
        elif row.is_undecided(act.day):
            dismissed = {"outcome": "dismissed", "decided_on": act.day}
            booked = await _uphold(act, row, 0, state=DeductionState.DECIDED, more=dismissed)
            await _record(act, booked, "dismissed", "no_decision")


async def _record(act: Act, row: Deduction, move: str, reason: str) -> None:
    event = Event(object_id=row.shown, move=move, reason=reason, amount=row.upheld)
    await record(act.connection, act.caller, act.now, row.owner, event)


async def undecided(connection: AsyncConnection, mine: Condition) -> list[str]:
    """The ids of these deductions that are still open: they stop an approval."""
    columns = deduction.c
    wanted = select(columns.deduction_id).where(mine, columns.state.in_(UNDECIDED))
    found = (await connection.execute(wanted.order_by(columns.deduction_id))).scalars()
    return [shown_id(DEDUCTION, number) for number in found]


_BILL: Final = text(
    """SELECT s.benefit_year, s.medical_type, fiscal_year_of(:area, CAST(:year AS smallint), :day) AS fiscal_year
         FROM settlement s WHERE s.settlement_id = :settlement"""
)


async def _uphold(
    act: Act, row: Deduction, wanted: int, *, state: DeductionState, more: Mapping[str, object] | None = None
) -> Deduction:
    """End a deduction with what is wanted of it, at most what the fund still owes now, and post that."""
    of = owed.OwedOf(row.settlement_id, row.fund, row.line_no, row.claim_id, row.deduction_id)
    left = await owed.left_of(act, of) if wanted else 0
    after = await _changed(act.connection, row, {"state": state, "upheld": min(wanted, left), **(more or {})})
    if after.upheld:
        given = {"area": row.area_code, "year": row.fiscal_year, "day": act.day, "settlement": row.settlement_id}
        bill = (await act.connection.execute(_BILL, given)).mappings().one()
        await post(act.connection, [_posting(after, after.upheld, bill, act.day)])
    return after


async def _changed(connection: AsyncConnection, row: Deduction, values: Mapping[str, object]) -> Deduction:
    mine = deduction.c.deduction_id == row.deduction_id
    changed = update(deduction).where(mine).values(**values).returning(*deduction.c)
    return typed((await connection.execute(changed)).mappings().one(), Deduction)


def _posting(row: Deduction, amount: int, bill: RowMapping, day: date) -> Posting:
    purse = purse_of(row.owner, bill["fiscal_year"])
    return Posting(
        event="deduction",
        debit=purse.payable if row.claim_id is None else purse.claim(shown_id(CLAIM, row.claim_id)),
        credit=purse.expense,
        amount=amount,
        area_code=purse.area_code,
        fund=purse.fund,
        hospital_code=purse.hospital_code,
        hospital_area=purse.hospital_area,
        business_date=day,
        benefit_year=bill["benefit_year"],
        fiscal_year=purse.fiscal_year,
        cause=row.shown,
        statement_id=row.statement_id,
        settlement_id=row.settlement_id,
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
    return answer_of(typed(row, Deduction), today(await business_now(service, connection)))


def deductions_where(day: date, state: State | None, filters: Row) -> Rows:
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
