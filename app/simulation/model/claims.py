"""What funds owe persons: a claim per settlement, fund and fiscal year; the approval is the order."""

from typing import NamedTuple

from app.simulation.model.amounts import day_after
from app.simulation.model.books import ModelPosting, ModelPurse
from app.simulation.model.reasons import INVALID_MOVE, MAKER_IS_CHECKER, SILENT, UNACCEPTABLE, Reason, Reasons, because
from app.simulation.model.state import CLAIM_DAYS, ModelPayment, ModelState, Movement, Way


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


def reversed_(state: ModelState, claim: ModelPayment) -> tuple[Way, ...]:
    """Its settlement was taken back: nothing is owed; what was paid is to be recovered from the person. The states
    that the contract allows afterwards."""
    _owe(state, claim, state.fiscal_year(claim.purse.area, claim.year), -claim.gross)
    claim.ended_on = state.today
    claim.gross = claim.amount = 0
    if claim.paid > 0:
        return (Way.RECOVERABLE,)
    return (Way.REVERSED, Way.CANCELLED) if claim.state == Way.CANCELLED else (Way.REVERSED,)


def adjusted(state: ModelState, claim: ModelPayment, amount: int) -> tuple[Way, ...]:
    """A correction of its settlement changes what it asks for; the states that the contract allows afterwards, the
    likeliest first."""
    _owe(state, claim, state.fiscal_year(claim.purse.area, claim.year), amount)
    claim.gross += amount
    claim.amount += amount
    if owed_back(claim):
        claim.ended_on = state.today
        return (Way.RECOVERABLE, Way.PAID)
    if claim.paid:
        complete = claim.paid == claim.amount
        return (Way.PAID,) if complete else (Way.PART_PAID, Way.RETURNED, Way.DRAFT, Way.APPROVED, Way.SENT)
    if claim.amount == 0:
        return (claim.state, Way.REVERSED, Way.CANCELLED, Way.PAID)
    return (claim.state, Way.DRAFT)


def approve(state: ModelState, claim: ModelPayment) -> None:
    """Approved for the account that holds now; what was under way already goes on from where it was."""
    claim.pinned = state.accounts.get(claim.person, "")
    if claim.state == Way.DRAFT:
        claim.state = Way.PAID if claim.amount == 0 else Way.APPROVED


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
    return (Way.PAID,) if claim.amount else (Way.REVERSED, Way.RETURNED, Way.PAID)


def _owe(state: ModelState, claim: ModelPayment, year: int, amount: int) -> None:
    posting = ModelPosting(claim.purse, state.today, year, "owed", amount, claim.settlement, pay_by=claim.pay_by)
    state.books.post(posting)
