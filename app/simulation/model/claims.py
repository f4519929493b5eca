"""What funds owe persons: a claim per settlement, fund and fiscal year; the approval is the order."""

from app.simulation.model.amounts import day_after
from app.simulation.model.books import Posting, Purse
from app.simulation.model.reasons import INVALID_MOVE, UNACCEPTABLE, Reason, Reasons, because
from app.simulation.model.state import CLAIM_DAYS, Payment, State, Way


def opened(state: State, shown: str, of: tuple[str, str], year: int, settlement: str, amount: int, maker: str) -> None:
    """A settlement paid by the patient opens a draft of an area's fund."""
    purse = Purse(f"claim:{shown}", *of)
    due = day_after(state.today, CLAIM_DAYS)
    state.claims[shown] = Payment(shown, "claim", purse, year, maker, amount, pay_by=due, settlement=settlement)
    state.books.post(Posting(purse, state.today, year, "owed", amount, settlement, pay_by=due))


def of_settlement(state: State, settlement: str) -> list[Payment]:
    """The claims of a settlement."""
    return [one for one in state.claims.values() if one.settlement == settlement]


def reversed_(state: State, claim: Payment) -> None:
    """Its settlement was taken back: nothing is owed; what was paid is to be recovered from the person."""
    year = state.fiscal_year(claim.purse.area, claim.year)
    posting = Posting(claim.purse, state.today, year, "owed", -claim.amount, claim.settlement, pay_by=claim.pay_by)
    state.books.post(posting)
    claim.state = Way.RECOVERABLE if claim.paid > 0 else Way.REVERSED


def may_deduct(claim: Payment, amount: int) -> Reasons:
    """A draft is cut by at most what it still asks for."""
    return because(
        (claim.state != Way.DRAFT, INVALID_MOVE),
        (amount <= 0, UNACCEPTABLE),
        (amount > claim.amount, UNACCEPTABLE),
        (amount > claim.amount, Reason(409)),
    )


def adjusted(state: State, claim: Payment, amount: int) -> None:
    """A correction of its settlement changes what it asks for."""
    year = state.fiscal_year(claim.purse.area, claim.year)
    posting = Posting(claim.purse, state.today, year, "owed", amount, claim.settlement, pay_by=claim.pay_by)
    state.books.post(posting)
    claim.amount += amount
