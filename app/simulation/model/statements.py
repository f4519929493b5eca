"""Declaration, withdrawal, reconciliation, audit's end and approval: what a statement and its parts allow."""

from collections import defaultdict
from typing import Final

from app.simulation.model.amounts import ended
from app.simulation.model.books import Declared
from app.simulation.model.reasons import (
    INVALID_MOVE,
    MAKER_IS_CHECKER,
    NOT_THERE,
    SILENT,
    UNACCEPTABLE,
    Reason,
    Reasons,
    because,
)
from app.simulation.model.state import OPEN, ModelPart, ModelState, ModelStatement, ModelStep, Way

RANKS: Final = {
    ModelStep.DECLARED: 0,
    ModelStep.RECONCILED: 1,
    ModelStep.AUDITED: 2,
    ModelStep.APPROVED: 3,
    ModelStep.ORDERED: 3,
    ModelStep.SETTLED: 4,
    ModelStep.CARRIED: 4,
}
OF_RANK: Final = (ModelStep.DECLARED, ModelStep.RECONCILED, ModelStep.AUDITED, ModelStep.APPROVED, ModelStep.SETTLED)


def part_step(statement: ModelStatement, part: ModelPart) -> ModelStep:
    """How far a part is."""
    order = part.order
    if order is not None:
        if order.state == Way.CARRIED:
            return ModelStep.SETTLED if part_gross(part) == 0 else ModelStep.CARRIED
        return ModelStep.SETTLED if order.state == Way.PAID else ModelStep.ORDERED
    if part.approved_by:
        return ModelStep.APPROVED
    return _facts(statement, approved=False)


def step_of(statement: ModelStatement) -> ModelStep:
    """A statement's state: withdrawn, else that of its least advanced part."""
    if statement.withdrawn:
        return ModelStep.WITHDRAWN
    if not statement.parts:
        return _facts(statement, approved=statement.approved)
    return OF_RANK[min(RANKS[part_step(statement, part)] for part in statement.parts)]


def _facts(statement: ModelStatement, *, approved: bool) -> ModelStep:
    if approved:
        return ModelStep.APPROVED
    return (
        ModelStep.AUDITED if statement.audited else ModelStep.RECONCILED if statement.reconciled else ModelStep.DECLARED
    )


def part_gross(part: ModelPart) -> int:
    """What was approved: declared less upheld."""
    return part.amount - part.deducted


def touched(part: ModelPart) -> bool:
    """Whether anything hangs on a part that a withdrawal would leave in the air."""
    open_or_upheld = any(one.state in OPEN or one.taken for one in part.deductions)
    return bool(part.approved_by) or open_or_upheld or part.order is not None


def live(state: ModelState, hospital: str, area: str, period: str) -> ModelStatement | None:
    """The statement of a month that was not withdrawn."""
    return next(
        (
            one
            for one in state.statements.values()
            if (one.hospital, one.area, one.period) == (hospital, area, period) and not one.withdrawn
        ),
        None,
    )


def may_declare(state: ModelState, hospital: str, area: str, period: str) -> Reasons:
    """An ended month, not closed hard, that has no statement."""
    hard = state.months.get((area, period), ("", ""))[0] == "hard"
    return because(
        (not ended(period, state.today), Reason(409), "a month that runs"),
        (not ended(period, state.today), Reason(422), "a month that runs"),
        (hard, INVALID_MOVE, "of a month closed hard"),
        (live(state, hospital, area, period) is not None, Reason(409, "already_declared"), "declared already"),
    )


def declare(state: ModelState, statement: ModelStatement) -> None:
    """Take every posting that no statement has."""
    parts: dict[tuple[str, int], ModelPart] = defaultdict()
    for one in state.books.undeclared(statement.hospital, statement.area, statement.period):
        one.statements.append(Declared(statement.shown, statement.period, state.today))
        key = (one.purse.fund, one.year)
        if key not in parts:
            parts[key] = ModelPart(statement.shown, one.purse, one.year)
        parts[key].items.append(one)
    statement.parts = [parts[key] for key in sorted(parts)]
    statement.declared_on = state.today
    state.statements[statement.shown] = statement


def may_withdraw(state: ModelState, statement: ModelStatement) -> Reasons:
    """While every part is untouched and the month isn't closed hard."""
    hard = state.months.get((statement.area, statement.period), ("", ""))[0] == "hard"
    in_progress = any(touched(part) for part in statement.parts)
    approved_empty = statement.approved and not statement.parts
    return because(
        (statement.withdrawn, INVALID_MOVE, "withdrawn"),
        (hard, INVALID_MOVE, "of a month closed hard"),
        (in_progress, Reason(409, "parts_in_progress"), "in progress"),
        (approved_empty and not statement.withdrawn, SILENT, ""),
    )


def withdraw(state: ModelState, statement: ModelStatement) -> None:
    """Its postings are undeclared again."""
    statement.withdrawn, statement.withdrawn_on = True, state.today
    for posting in (one for part in statement.parts for one in state.books[part.purse]):
        for stay in posting.statements:
            if stay.statement == statement.shown and stay.until > state.today:
                stay.until = state.today


def may_reconcile(statement: ModelStatement) -> Reasons:
    """Before approval; the contract doesn't say what a comparison after it is for."""
    step = step_of(statement)
    return because(
        (statement.withdrawn, INVALID_MOVE, "withdrawn"),
        (not statement.withdrawn and step not in (ModelStep.DECLARED, ModelStep.RECONCILED), SILENT, ""),
    )


def reconcile(statement: ModelStatement, differences: list[str]) -> None:
    """Agreement is a fact of the statement; disagreement is one only when every difference is resolved."""
    statement.differences = list(differences)
    if not differences:
        statement.reconciled = True


def resolve(statement: ModelStatement, difference: str) -> None:
    """The last difference resolved makes the statement reconciled."""
    statement.differences.remove(difference)
    if not statement.differences:
        statement.reconciled = True


def may_approve(statement: ModelStatement, who: str, funds: list[str] | None) -> Reasons:
    """By another than who declared. ``funds`` None: all that are left. Deductions that wait are asked for elsewhere."""
    chosen = chosen_parts(statement, funds)
    known = {part.purse.fund for part in statement.parts}
    nothing_left = (bool(statement.parts) and not chosen) or (statement.approved and not statement.parts)
    unknown = funds is not None and not set(funds) <= known
    return because(
        (who == statement.maker, MAKER_IS_CHECKER, "by the maker"),
        (statement.withdrawn, INVALID_MOVE, "withdrawn"),
        (nothing_left, INVALID_MOVE, "approved already"),
        (unknown, NOT_THERE, "no such part"),
        (unknown, INVALID_MOVE, "no such part"),
        (unknown, UNACCEPTABLE, "no such part"),
        (bool(statement.differences), SILENT, ""),
        (any(part.approved_by for part in statement.parts) and bool(chosen) and funds is not None, SILENT, ""),
    )


def chosen_parts(statement: ModelStatement, funds: list[str] | None) -> list[ModelPart]:
    """The parts that an approval is for."""
    return [part for part in statement.parts if not part.approved_by and (funds is None or part.purse.fund in funds)]


def approve(statement: ModelStatement, who: str, funds: list[str] | None) -> None:
    """Approve the parts that are left."""
    for part in chosen_parts(statement, funds):
        part.approved_by = who
    if not statement.parts:
        statement.approved = True
