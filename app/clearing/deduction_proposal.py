"""Proposing a deduction: what an auditor may take off a fund's payable of a settlement (docs/specification/clearing.md,
section 2). Fen."""

from datetime import timedelta
from typing import Annotated, Any, Final

from msgspec import Meta, Struct
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict, Fault, NotFound, Refused
from app.basics.ids import DEDUCTION, SETTLEMENT, STATEMENT, number_of, read_id, shown_id
from app.basics.money import fen, yuan
from app.clearing.deduction import DeductionAnswer, Fund, Reason, shown
from app.clearing.moves import business_now, check_move, locked, may_pay, owner_of, record, today, written_by
from app.clearing.plan import plan_on
from app.clearing.tables import deduction, statement, statement_approval
from app.database.locks import Lock, hold
from app.service.caller import Caller, Service
from app.service.wire import Code, Money

DEDUCTIBLE: Final = ("declared", "reconciled", "audited")


class DeductionRequest(Struct, forbid_unknown_fields=True):
    """What an auditor proposes to take off, and why. ``line_no`` only says where the fault lies."""

    settlement_id: Code
    fund: Fund
    amount: Money
    reason_code: Code
    reason: Reason
    line_no: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None


_PERSON: Final = text("SELECT person_id FROM settlement WHERE settlement_id = :settlement")
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
    service: Service, connection: AsyncConnection, caller: Caller, statement_id: str, wanted: DeductionRequest
) -> DeductionAnswer:
    """Propose a deduction from a statement whose fund isn't approved yet (else Conflict ``invalid_move``).

    Refused with every fault: no posting of that fund in the statement, no such line, more than the fund still owes for
    the settlement beside its other deductions. Conflict ``already_reversed``. Moves no money."""
    settlement_id = read_id(SETTLEMENT, wanted.settlement_id) or 0
    person = (await connection.execute(_PERSON, {"settlement": settlement_id})).scalar_one_or_none()
    # A reversal ends the deductions that it finds; whoever adds one keeps the person from being reversed meanwhile.
    await hold(connection, Lock.PERSON, person or "")
    row = await locked(connection, statement, number_of(STATEMENT, statement_id))
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
    made = dict((await connection.execute(new)).mappings().one())
    object_id = shown_id(DEDUCTION, made["deduction_id"])
    await record(
        connection, caller, now, made, object_id=object_id, move="proposed", reason=wanted.reason, amount=made["amount"]
    )
    return shown(made, day)


def _its_fund(caller: Caller, fund: str) -> None:
    if caller.principal.funds is not None and fund not in caller.principal.funds:
        raise NotFound("not_found")


async def _not_approved(connection: AsyncConnection, row: dict[str, Any], fund: str) -> None:
    columns = statement_approval.c
    approved = select(columns.fund).where(columns.statement_id == row["statement_id"], columns.fund == fund)
    if (await connection.execute(approved)).first() is not None:
        raise Conflict("invalid_move", values={"state": "approved", "wanted": "deducted"}, extra={"state": "approved"})


async def _checked(
    connection: AsyncConnection, row: dict[str, Any], settlement_id: int, wanted: DeductionRequest
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
