"""Proposing a deduction: what an auditor may take off a fund's payable of a settlement, in a statement or on a person's
claim (docs/specification/clearing.md, section 2). Fen."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Final

from msgspec import Meta, Struct
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict, Fault, NotFound, Refused
from app.basics.ids import SETTLEMENT, STATEMENT, number_of, read_id, shown_id
from app.basics.money import fen, yuan
from app.clearing import owed
from app.clearing.claim import claim_of
from app.clearing.deduction_row import Deduction, DeductionAnswer, answer_of
from app.clearing.machine import Act, acting
from app.clearing.moves import Event, check_move, may_pay, record, written_by
from app.clearing.part import Part, parts_of
from app.clearing.payment import Claim, PaymentState, typed
from app.clearing.plan import fund_faults, plan_on
from app.clearing.statement_row import BEFORE_APPROVAL, Statement, locked_statement
from app.clearing.tables import deduction
from app.service.caller import Caller, Service
from app.service.wire import Code, LongReason, Money


class DeductionRequest(Struct, forbid_unknown_fields=True):
    """What an auditor proposes to take off, and why. ``line_no`` only says where the fault lies."""

    settlement_id: Code
    fund: Code
    amount: Money
    reason_code: Code
    reason: LongReason
    line_no: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None


class ClaimDeductionRequest(Struct, forbid_unknown_fields=True):
    """What an auditor proposes to take off a person's claim, and why. The claim knows its settlement and fund; who
    names them has to name the same."""

    amount: Money
    reason_code: Code
    reason: LongReason
    line_no: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    settlement_id: Code | None = None
    fund: Code | None = None


WAITING: Final = (PaymentState.DRAFT, PaymentState.CANCELLED)
"""The states in which a claim can be cut: it waits for an approval."""
_LINE: Final = text(
    """SELECT EXISTS (SELECT FROM settlement s, json_array_elements(s.document -> 'lines') l
                       WHERE s.settlement_id = :settlement AND (l ->> 0)::integer = :line)"""
)
_FACTS: Final = text(
    """
SELECT s.kind, EXISTS (SELECT FROM settlement r WHERE r.of_settlement_id = s.settlement_id
  AND r.kind = 'reversal') AS reversed,
       CAST(:line AS integer) IS NULL
         OR EXISTS (SELECT FROM json_array_elements(s.document -> 'lines') l
           WHERE (l ->> 0)::integer = :line) AS has_line,
       (SELECT max(t.fiscal_year) FROM statement_item i JOIN transfer t USING (transfer_id)
         WHERE i.statement_id = :statement AND NOT i.withdrawn AND t.fund = :fund AND t.event <> 'deduction'
           AND t.settlement_id IN (SELECT e.settlement_id FROM settlement e WHERE s.settlement_id IN (e.settlement_id,
             e.of_settlement_id))
       ) AS fiscal_year
  FROM settlement s WHERE s.settlement_id = :settlement AND s.hospital_code = :hospital"""
)


async def propose(
    service: Service, connection: AsyncConnection, caller: Caller, statement_id: str, wanted: DeductionRequest
) -> DeductionAnswer:
    """Propose a deduction from a part that isn't approved yet (else Conflict ``invalid_move``).

    Refused with every fault: no posting of that fund in the statement, no such line, more than the fund still owes for
    the settlement, or for the line, beside its other deductions. Conflict ``already_reversed``. Moves no money."""
    if faults := [*fund_faults(service.book, wanted.fund, "/fund")]:
        raise Refused(faults)
    act = await acting(service, connection, caller)
    settlement_id = read_id(SETTLEMENT, wanted.settlement_id) or 0
    await owed.lock_person(connection, settlement_id)
    row = await locked_statement(connection, number_of(STATEMENT, statement_id))
    may_pay(caller, row.area_code)
    _its_fund(caller, wanted.fund)
    check_move(row.state, BEFORE_APPROVAL, "deducted")
    fiscal_year = await _checked(act, row, settlement_id, wanted)
    of = await _part(connection, row.statement_id, wanted.fund, fiscal_year)
    parent = {"statement_id": row.statement_id, "part_id": of.part_id, "settlement_id": settlement_id}
    return await _made(act, wanted, row.owner | parent | {"fund": wanted.fund, "fiscal_year": fiscal_year})


async def propose_of_claim(act: Act, claim_id: str, wanted: ClaimDeductionRequest) -> DeductionAnswer:
    """Propose a deduction from a claim that waits for its approval (else Conflict ``invalid_move``).

    Refused with every fault: no such line, more than is left of the claim, or of the line, another settlement or fund
    than the claim's. Moves no money."""
    await owed.lock_person(act.connection, (await claim_of(act.connection, claim_id)).settlement_id)
    row = await claim_of(act.connection, claim_id, lock=True)
    may_pay(act.caller, row.area_code)
    if row.state not in WAITING:
        values = {"state": row.state.value, "wanted": "deducted"}
        raise Conflict("invalid_move", values=values, extra={"state": row.state.value})
    await _check_of_claim(act, row, wanted)
    parent = {"claim_id": row.claim_id, "settlement_id": row.settlement_id, "fiscal_year": row.fiscal_year}
    return await _made(act, wanted, {**row.owner, **parent})


async def _check_of_claim(act: Act, row: Claim, wanted: ClaimDeductionRequest) -> None:
    same = {"settlement_id": shown_id(SETTLEMENT, row.settlement_id), "fund": row.fund}
    faults = [
        Fault(f"/{name}", "not_of_claim") for name, value in same.items() if getattr(wanted, name) not in (None, value)
    ]
    line = {"settlement": row.settlement_id, "line": wanted.line_no}
    has_line = wanted.line_no is None or (await act.connection.execute(_LINE, line)).scalar_one()
    line_no = wanted.line_no if has_line else None
    left = await owed.left_of(act, owed.OwedOf(row.settlement_id, row.fund, line_no, row.claim_id))
    amount = fen(wanted.amount)
    if amount > left:
        faults.append(Fault("/amount", "deduction_exceeds_payable", {"payable": yuan(left)}))
    if amount == 0:
        faults.append(Fault("/amount", "amount_zero"))
    if not has_line:
        faults.append(Fault("/line_no", "line_unknown"))
    if faults:
        raise Refused(faults)


async def _made(
    act: Act, wanted: DeductionRequest | ClaimDeductionRequest, parent: Mapping[str, object]
) -> DeductionAnswer:
    """A proposal, stored. ``parent`` says of what it is and whose: hospital, areas, fund, fiscal year."""
    area_code = str(parent["area_code"])
    values = {
        "line_no": wanted.line_no,
        "amount": fen(wanted.amount),
        "reason_code": wanted.reason_code,
        "reason": wanted.reason,
        "proposed_on": act.day,
        "appeal_by": act.day + timedelta(days=plan_on(act.service.book, area_code, act.day).appeal_days),
    }
    new = insert(deduction).values({**parent, **values, **written_by(act.caller)}).returning(*deduction.c)
    made = typed((await act.connection.execute(new)).mappings().one(), Deduction)
    event = Event(object_id=made.shown, move="proposed", reason=wanted.reason, amount=made.amount)
    await record(act.connection, act.caller, act.now, made.owner, event)
    return answer_of(made, act.day)


def _its_fund(caller: Caller, fund: str) -> None:
    if caller.principal.funds is not None and fund not in caller.principal.funds:
        raise NotFound("not_found")


async def _part(connection: AsyncConnection, statement_id: int, fund: str, fiscal_year: int) -> Part:
    """The part that the deduction hangs on; Conflict ``invalid_move`` when it is approved."""
    (of,) = [one for one in await parts_of(connection, statement_id, fund) if one.fiscal_year == fiscal_year]
    if of.approved_by is not None:
        raise Conflict("invalid_move", values={"state": of.state, "wanted": "deducted"}, extra={"state": of.state})
    return of


async def _checked(act: Act, row: Statement, settlement_id: int, wanted: DeductionRequest) -> int:
    """The fiscal year of the postings that a deduction is taken from."""
    given = {
        "statement": row.statement_id,
        "hospital": row.hospital_code,
        "settlement": settlement_id,
        "fund": wanted.fund,
        "line": wanted.line_no,
    }
    found = (await act.connection.execute(_FACTS, given)).mappings().first()
    amount, faults = fen(wanted.amount), []
    if found is None or found["kind"] != "settlement" or found["fiscal_year"] is None:
        faults.append(Fault("/settlement_id", "settlement_not_in_statement"))
    elif found["reversed"]:
        raise Conflict("already_reversed")
    else:
        line_no = wanted.line_no if found["has_line"] else None
        left = await owed.left_of(act, owed.OwedOf(settlement_id, wanted.fund, line_no))
        if amount > left:
            faults.append(Fault("/amount", "deduction_exceeds_payable", {"payable": yuan(left)}))
    if amount == 0:
        faults.append(Fault("/amount", "amount_zero"))
    if found is not None and not found["has_line"]:
        faults.append(Fault("/line_no", "line_unknown"))
    if faults or found is None:
        raise Refused(faults)
    year: int = found["fiscal_year"]
    return year
