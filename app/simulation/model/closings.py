"""Months and years that are closed: what may still be dated into them, and the floor that a year has to reach."""

from app.simulation.model.amounts import RATE_ONE, ended
from app.simulation.model.books import PAYABLE
from app.simulation.model.rates import figures
from app.simulation.model.reasons import INVALID_MOVE, MAKER_IS_CHECKER, UNACCEPTABLE, Reason, Reasons, because
from app.simulation.model.state import FLOORS, ModelState


def may_close_month(state: ModelState, area: str, period: str, mode: str) -> Reasons:
    """An ended month, not closed alike; from soft to hard, never back without a reopening."""
    now = state.months.get((area, period), ("", ""))[0]
    return because(
        (not ended(period, state.today), Reason(409), "a month that runs"),
        (not ended(period, state.today), UNACCEPTABLE, "a month that runs"),
        (now in (mode, "hard"), INVALID_MOVE, "closed already"),
    )


def may_reopen_month(state: ModelState, area: str, period: str, who: str) -> Reasons:
    """A closed month, by another than who closed it."""
    now, closed_by = state.months.get((area, period), ("", ""))
    return because(
        (not now, INVALID_MOVE, "not closed"),
        (not now, Reason(404), "not closed"),
        (bool(now) and who == closed_by, MAKER_IS_CHECKER, "by the maker"),
    )


def below_floor(state: ModelState, area: str, year: int) -> dict[str, int]:
    """The funds with a floor that have not paid it by 31 December, and how much was missing."""
    found = {}
    for fund, floor in FLOORS.items():
        got = figures(state, area, fund, year, f"{year}-12-31")
        if got.disbursed * RATE_ONE < floor * got.payable:
            found[fund] = got.required
    return found


def unpaid_claims(state: ModelState, area: str, fund: str, year: int) -> dict[str, int]:
    """What the year's claims had not been paid of by 31 December."""
    end, found = f"{year}-12-31", {}
    for claim in state.claims.values():
        if (claim.purse.area, claim.purse.fund, claim.year) == (area, fund, year):
            payable = state.books.total([claim.purse], PAYABLE, end, year)
            found[claim.shown] = payable - claim.paid_until(end)
    return {shown: amount for shown, amount in found.items() if amount > 0}


def may_close_year(state: ModelState, area: str, year: int) -> Reasons:
    """An ended year, once, at the floor or with an exception of two for each fund below it."""
    excused = {
        fund
        for fund in FLOORS
        for of_area, of_year, _, approved in state.exceptions.values()
        if (of_area, of_year, approved) == (area, year, True)
    }
    below = set(below_floor(state, area, year)) - excused
    running = int(state.today[:4]) <= year
    return because(
        (running, Reason(409), "a year that runs"),
        (running, UNACCEPTABLE, "a year that runs"),
        ((area, year) in state.closed_years, Reason(409, "already_closed"), "closed already"),
        (bool(below), Reason(409, "payout_below_floor"), "below the floor"),
    )


def may_approve_exception(state: ModelState, shown: str, who: str) -> Reasons:
    """A draft of another."""
    _, _, maker, approved = state.exceptions[shown]
    return because((approved, INVALID_MOVE, "approved already"), (who == maker, MAKER_IS_CHECKER, "by the maker"))
