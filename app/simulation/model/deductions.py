"""What an audit takes off: at most what the fund still owes at the moment it takes effect, and given back when that
falls."""

from collections.abc import Iterable
from datetime import date, timedelta

from app.simulation.model.books import Declared, ModelPosting, ModelPurse
from app.simulation.model.reasons import (
    INVALID_MOVE,
    MAKER_IS_CHECKER,
    NOT_THERE,
    SILENT,
    UNACCEPTABLE,
    Reasons,
    because,
)
from app.simulation.model.state import (
    APPEAL_DAYS,
    OPEN,
    Audit,
    ModelDeduction,
    ModelPart,
    ModelState,
    ModelStatement,
    ModelStep,
)
from app.simulation.model.statements import chosen_parts, step_of


def room(state: ModelState, deduction: ModelDeduction) -> int:
    """What the fund still owes for the settlement."""
    owed = state.owed(deduction.purse, deduction.settlement)
    return max(0, owed - state.taken(deduction.purse, deduction.settlement))


def part_of(statement: ModelStatement, settlement: str, fund: str) -> ModelPart | None:
    """The oldest part that declares a fund's posting of a settlement."""
    return next(
        (
            part
            for part in statement.parts
            if part.purse.fund == fund and any(one.settlement == settlement for one in part.items)
        ),
        None,
    )


def may_propose(state: ModelState, statement: ModelStatement, settlement: str, fund: str, amount: int) -> Reasons:
    """A positive amount of what is owed, before the part is approved."""
    part = part_of(statement, settlement, fund)
    if part is None:
        return because(*((True, one, "not declared") for one in (NOT_THERE, INVALID_MOVE, UNACCEPTABLE)))
    owed = max(0, state.owed(part.purse, settlement) - state.taken(part.purse, settlement))
    return because(
        (statement.withdrawn, INVALID_MOVE, "withdrawn"),
        (bool(part.approved_by), INVALID_MOVE, "approved already"),
        (amount <= 0, UNACCEPTABLE, "nothing"),
        (amount > owed, UNACCEPTABLE, "too much"),
        (owed == 0, INVALID_MOVE, "too much"),
        (_recovered(state, part.purse, settlement), SILENT, ""),
    )


def _recovered(state: ModelState, purse: ModelPurse, settlement: str) -> bool:
    """Whether a liable party's money took the payable's place."""
    return any(one.settlement == settlement and one.event == "recovered" for one in state.books[purse])


def propose(state: ModelState, part: ModelPart, deduction: ModelDeduction) -> None:
    """Hang a proposal on its part."""
    part.deductions.append(deduction)
    state.deductions[deduction.shown] = deduction


def appeal_by(day: str) -> str:
    """The last day of an appeal."""
    return str(date.fromisoformat(day) + timedelta(days=APPEAL_DAYS))


def may_accept(state: ModelState, deduction: ModelDeduction) -> Reasons:
    """The hospital agrees while it is proposed; agreeing to what counts as accepted may be taken or refused."""
    late = deduction.state == Audit.PROPOSED and current(state, deduction) == Audit.ACCEPTED
    return because((deduction.state != Audit.PROPOSED, INVALID_MOVE, "not proposed"), (late, SILENT, ""))


def may_appeal(state: ModelState, deduction: ModelDeduction) -> Reasons:
    """The hospital disagrees in time."""
    late = deduction.state == Audit.PROPOSED and current(state, deduction) != Audit.PROPOSED
    return because((deduction.state != Audit.PROPOSED, INVALID_MOVE, "not proposed"), (late, INVALID_MOVE, "too late"))


def may_decide(deduction: ModelDeduction, who: str, outcome: str, amount: int | None) -> Reasons:
    """By another than who proposed or appealed; a reduction names less than was proposed."""
    reduced = outcome == "reduced"
    return because(
        (deduction.state != Audit.APPEALED, INVALID_MOVE, "not appealed"),
        (who == deduction.maker, MAKER_IS_CHECKER, "by the maker"),
        (reduced and (amount is None or not 0 < amount < deduction.amount), UNACCEPTABLE, "no reduction"),
    )


def current(state: ModelState, deduction: ModelDeduction) -> Audit:
    """Its state of today: a proposal that nobody appealed in time is accepted."""
    late = deduction.state == Audit.PROPOSED and state.today > deduction.appeal_by
    return Audit.ACCEPTED if late else deduction.state


def take_effect(state: ModelState, deduction: ModelDeduction, amount: int, into: Audit) -> None:
    """Deduct at most what is owed now, in the year that the settlement's part still belongs to."""
    deduction.upheld = min(amount, room(state, deduction))
    deduction.state = into
    _post(state, deduction, "deducted", deduction.upheld)


def book_late(state: ModelState, statement: ModelStatement, funds: list[str] | None) -> None:
    """Proposals that nobody appealed in time take effect."""
    for part in chosen_parts(statement, funds):
        for one in part.deductions:
            if one.state == Audit.PROPOSED and state.today > one.appeal_by:
                take_effect(state, one, one.amount, Audit.ACCEPTED)


def corrected(state: ModelState, settlement: str, *, reversed_: bool) -> None:
    """Give back what a correction made excessive, the latest deduction first; a reversal ends the open ones."""
    of_it = [one for one in state.deductions.values() if one.settlement == settlement]
    if reversed_:
        for one in of_it:
            one.state = Audit.LAPSED if one.state in OPEN else one.state
    for purse in {one.purse for one in of_it}:
        excess = state.taken(purse, settlement) - max(0, state.owed(purse, settlement))
        for one in reversed(state.of_settlement(purse, settlement)):
            back = min(max(0, excess), one.taken)
            one.given_back += back
            excess -= back
            _post(state, one, "given_back", back)


def _post(state: ModelState, deduction: ModelDeduction, event: str, amount: int) -> None:
    year = state.fiscal_year(deduction.purse.area, _benefit_year(state, deduction))
    posting = ModelPosting(deduction.purse, state.today, year, event, amount, deduction.settlement)
    if deduction.purse.hospital is None:
        posting.pay_by = state.claims[deduction.purse.party.removeprefix("claim:")].pay_by
    elif event == "deducted":
        statement = state.statements[deduction.statement]
        posting.cuts = _cut(state, deduction)
        deduction.year = year
        posting.statements = [Declared(statement.shown, statement.period, state.today)]
    state.books.post(posting)


def _cut(state: ModelState, deduction: ModelDeduction) -> ModelPosting:
    """The settlement's first posting in the deduction's statement."""
    of_it = [one for one in state.books[deduction.purse] if one.settlement == deduction.settlement]
    declared = (one.declared_on(state.today) for one in of_it)
    return next(
        (one for one, of in zip(of_it, declared, strict=True) if of and of.statement == deduction.statement), of_it[0]
    )


def _benefit_year(state: ModelState, deduction: ModelDeduction) -> int:
    """The year of the settlement's first posting."""
    return next(one.year for one in state.books[deduction.purse] if one.settlement == deduction.settlement)


def waiting(state: ModelState, parts: Iterable[ModelPart]) -> bool:
    """Whether a deduction of some parts still has to be accepted or decided, or may still be appealed."""
    return any(current(state, one) in OPEN for part in parts for one in part.deductions)


def may_end_audit(state: ModelState, statement: ModelStatement) -> Reasons:
    """Once every deduction is closed; not twice, nor after approval."""
    before = (ModelStep.DECLARED, ModelStep.RECONCILED)
    return because(
        (statement.withdrawn, INVALID_MOVE, "withdrawn"),
        (step_of(statement) not in before and not statement.withdrawn, INVALID_MOVE, "ended already"),
        (waiting(state, statement.parts), INVALID_MOVE, "deductions open"),
        (bool(statement.differences), SILENT, ""),
    )
