"""What funds owe persons: a claim per settlement, fund and fiscal year; the approval is the order."""

from typing import NamedTuple

from app.simulation.model.amounts import day_after
from app.simulation.model.books import ModelPosting, ModelPurse
from app.simulation.model.deductions import current, take_effect
from app.simulation.model.reasons import INVALID_MOVE, MAKER_IS_CHECKER, SILENT, UNACCEPTABLE, Reason, Reasons, because
from app.simulation.model.state import CLAIM_DAYS, Audit, ModelDeduction, ModelPayment, ModelState, Movement, Way


class OpenedClaim(NamedTuple):
    """What a settlement asks of a fund for a person; ``amount`` in fen."""

    shown: str
    area: str
    fund: str
    year: int
    settlement: str
    amount: int


def opened(state: ModelState, new: OpenedClaim, maker: str, person: str) -> ModelPayment:
    """A settlement paid by the patient opens a draft of an area's fund."""
    purse = ModelPurse(f"claim:{new.shown}", new.area, new.fund)
    due = day_after(state.today, CLAIM_DAYS)
    claim = ModelPayment(new.shown, "claim", purse, new.year, maker, new.amount, gross=new.amount, pay_by=due)
    claim.settlement, claim.person = new.settlement, person
    state.claims[new.shown] = claim
    _owe(state, claim, new.year, new.amount)
    return claim


def of_settlement(state: ModelState, settlement: str) -> list[ModelPayment]:
    """The claims of a settlement."""
    return [one for one in state.claims.values() if one.settlement == settlement]


def owed_back(claim: ModelPayment) -> int:
    """What the person got above what is owed."""
    return max(0, claim.paid - claim.amount)


def reversed_(state: ModelState, claim: ModelPayment) -> None:
    """Its settlement was taken back: nothing is owed."""
    _owe(state, claim, state.fiscal_year(claim.purse.area, claim.year), -claim.gross)
    claim.gross = 0
    claim.ended_on = state.today


def raised(state: ModelState, claim: ModelPayment, amount: int, who: str) -> None:
    """A correction of its settlement raises what it asks for; who raises it is no second person any more."""
    claim.raised_by.add(who)
    _owe(state, claim, claim.year, amount)
    claim.gross += amount


def lowered(state: ModelState, of_fund: list[ModelPayment], amount: int) -> None:
    """A correction of their settlement lowers a fund's claims, the fullest first."""
    for claim in sorted(of_fund, key=lambda one: (-one.gross, int(one.shown.removeprefix("clm_")))):
        part = min(amount, claim.gross)
        _owe(state, claim, state.fiscal_year(claim.purse.area, claim.year), -part)
        claim.gross -= part
        amount -= part


def follow(state: ModelState, claim: ModelPayment) -> tuple[Way, ...]:
    """What it asks for now, less its deductions; the states that the contract allows after a correction. What was paid
    of nothing is to be recovered from the person; more than was approved has to be approved again."""
    claim.amount = claim.gross - state.taken(claim.purse, claim.settlement)
    if claim.gross == 0 and claim.paid == 0:
        claim.approved_amount = 0  # what is owed anew is approved anew
        return (Way.REVERSED, Way.CANCELLED) if claim.state == Way.CANCELLED else (Way.REVERSED, claim.state)
    if owed_back(claim):
        claim.ended_on = min(claim.ended_on, state.today)
        return (Way.RECOVERABLE, Way.PAID) if claim.gross else (Way.RECOVERABLE,)
    if claim.state != Way.DRAFT and claim.amount > claim.approved_amount:
        return (Way.DRAFT, Way.CANCELLED) if claim.state == Way.CANCELLED else (Way.DRAFT,)
    if claim.paid:
        waits = (claim.state,) if claim.state in (Way.DRAFT, Way.APPROVED, Way.SENT) else ()
        return (Way.PAID,) if claim.paid == claim.amount else (*waits, Way.PART_PAID, Way.RETURNED)
    return (claim.state, Way.REVERSED, Way.PAID) if claim.amount == 0 else (claim.state,)


def approve(state: ModelState, claim: ModelPayment) -> tuple[Way, ...]:
    """Approved for what it asks now and the account that holds now; the states that are allowed afterwards."""
    for one in claim.deductions:
        if current(state, one) == Audit.ACCEPTED and one.state == Audit.PROPOSED:
            take_effect(state, one, one.amount, Audit.ACCEPTED)
    follow(state, claim)
    claim.pinned, claim.approved_amount = state.accounts.get(claim.person, ""), claim.amount
    if claim.paid == claim.amount:
        return (Way.PAID,)
    return (Way.APPROVED, Way.PART_PAID) if claim.paid else (Way.APPROVED,)


def may_deduct(state: ModelState, claim: ModelPayment, amount: int) -> Reasons:
    """Before its approval, by at most what is still owed; whether a cancelled one may be cut the contract leaves
    open."""
    return because(
        (claim.state not in (Way.DRAFT, Way.CANCELLED), INVALID_MOVE, "approved already"),
        (claim.state == Way.CANCELLED, SILENT, ""),
        (amount <= 0, UNACCEPTABLE, "nothing"),
        (amount > claim.amount, UNACCEPTABLE, "too much"),
        (claim.amount <= 0, INVALID_MOVE, "too much"),
    )


def deduct(state: ModelState, claim: ModelPayment, deduction: ModelDeduction) -> None:
    """Hang a proposal on a claim."""
    claim.deductions.append(deduction)
    state.deductions[deduction.shown] = deduction


def may_repay(state: ModelState, claim: ModelPayment, amount: int, day: str, reference: str, who: str) -> Reasons:
    """Money of a person who owes it, at most that much, not before it went out, recorded by another than who
    settled."""
    left = owed_back(claim)
    had = min(claim.paid_until(one) for one in {day} | {one.day for one in claim.movements if one.day >= day})
    used = reference in state.references.get(claim.shown, set())
    return because(
        (left == 0, INVALID_MOVE, "nothing owed back"),
        (left == 0, UNACCEPTABLE, "nothing owed back"),
        (amount <= 0, UNACCEPTABLE, "nothing"),
        (amount > left, UNACCEPTABLE, "too much"),
        (amount > left, INVALID_MOVE, "too much"),
        (left > 0 and amount > had, UNACCEPTABLE, "before its payment"),
        (who == claim.maker, MAKER_IS_CHECKER, "by the maker"),
        (day > state.today, UNACCEPTABLE, "in the future"),
        (state.month_closed(claim.purse.area, day), INVALID_MOVE, "into a closed month"),
        (used, Reason(409, "bank_reference_used"), "a used reference"),
        (day < claim.ended_on, SILENT, ""),
    )


def repay(state: ModelState, claim: ModelPayment, amount: int, day: str, reference: str) -> tuple[Way, ...]:
    """Money came back from the person; with all of it the claim is over. The states that are allowed afterwards."""
    claim.movements.append(Movement(day, -amount, reference))
    state.references.setdefault(claim.shown, set()).add(reference)
    state.books.post(ModelPosting(claim.purse, day, claim.year, "paid", -amount, pay_by=claim.pay_by))
    if owed_back(claim):
        return (Way.RECOVERABLE,)
    if claim.gross == 0:
        claim.approved_amount = 0  # what is owed anew is approved anew
    return (Way.PAID,) if claim.amount else (Way.REVERSED, Way.RETURNED, Way.PAID)


def _owe(state: ModelState, claim: ModelPayment, year: int, amount: int) -> None:
    posting = ModelPosting(claim.purse, state.today, year, "owed", amount, claim.settlement, pay_by=claim.pay_by)
    state.books.post(posting)
