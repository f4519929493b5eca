"""What funds owe persons: a claim per settlement, fund and fiscal year; the approval is the order."""

from app.simulation.model.amounts import day_after
from app.simulation.model.books import ModelPosting, ModelPurse
from app.simulation.model.reasons import INVALID_MOVE, UNACCEPTABLE, Reason, Reasons, because
from app.simulation.model.state import CLAIM_DAYS, ModelPayment, ModelState, Way


def opened(
    state: ModelState, shown: str, of: tuple[str, str], year: int, settlement: str, amount: int, maker: str
) -> None:
    """A settlement paid by the patient opens a draft of an area's fund."""
    purse = ModelPurse(f"claim:{shown}", *of)
    due = day_after(state.today, CLAIM_DAYS)
    state.claims[shown] = ModelPayment(shown, "claim", purse, year, maker, amount, pay_by=due, settlement=settlement)
    state.books.post(ModelPosting(purse, state.today, year, "owed", amount, settlement, pay_by=due))


def of_settlement(state: ModelState, settlement: str) -> list[ModelPayment]:
    """The claims of a settlement."""
    return [one for one in state.claims.values() if one.settlement == settlement]


def reversed_(state: ModelState, claim: ModelPayment) -> None:
    """Its settlement was taken back: nothing is owed; what was paid is to be recovered from the person."""
    year = state.fiscal_year(claim.purse.area, claim.year)
    posting = ModelPosting(claim.purse, state.today, year, "owed", -claim.amount, claim.settlement, pay_by=claim.pay_by)
    state.books.post(posting)
    claim.state = Way.RECOVERABLE if claim.paid > 0 else Way.REVERSED


def may_deduct(claim: ModelPayment, amount: int) -> Reasons:
    """A draft is cut by at most what it still asks for."""
    return because(
        (claim.state != Way.DRAFT, INVALID_MOVE),
        (amount <= 0, UNACCEPTABLE),
        (amount > claim.amount, UNACCEPTABLE),
        (amount > claim.amount, Reason(409)),
    )


def adjusted(state: ModelState, claim: ModelPayment, amount: int) -> None:
    """A correction of its settlement changes what it asks for."""
    year = state.fiscal_year(claim.purse.area, claim.year)
    posting = ModelPosting(claim.purse, state.today, year, "owed", amount, claim.settlement, pay_by=claim.pay_by)
    state.books.post(posting)
    claim.amount += amount
