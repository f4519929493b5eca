"""The year's deposits: a share is released and paid, the rest is a deduction; what is withheld later can be released
again."""

from app.simulation.model.amounts import following, share
from app.simulation.model.books import HELD, PAY_BY_DAY, ModelPosting, ModelPurse
from app.simulation.model.orders import carry_between_years, formula, waiting_carries
from app.simulation.model.reasons import (
    INVALID_MOVE,
    MAKER_IS_CHECKER,
    NOT_THERE,
    SILENT,
    UNACCEPTABLE,
    Reasons,
    because,
)
from app.simulation.model.state import Carry, ModelPayment, ModelRelease, ModelState, Way


def held(state: ModelState, purse: ModelPurse, year: int) -> int:
    """What is withheld and neither released nor forfeited."""
    return state.books.total([purse], HELD, year=year)


def drafted(state: ModelState, purse: ModelPurse, year: int) -> ModelRelease | None:
    """A release that waits for its second person."""
    return next(
        (one for one in state.releases.values() if (one.purse, one.year, one.state) == (purse, year, "draft")), None
    )


def may_release(state: ModelState, purse: ModelPurse, year: int) -> Reasons:
    """Of an ended year with deposits held, one draft at a time."""
    nothing = held(state, purse, year) <= 0
    return because(
        (int(state.today[:4]) <= year, INVALID_MOVE, "a year that runs"),
        (int(state.today[:4]) <= year, UNACCEPTABLE, "a year that runs"),
        (nothing, INVALID_MOVE, "nothing held"),
        (nothing, UNACCEPTABLE, "nothing held"),
        (nothing, NOT_THERE, "nothing held"),
        (drafted(state, purse, year) is not None, SILENT, ""),
        ((purse.area, year) not in state.closed_years, SILENT, ""),
    )


def may_approve(state: ModelState, release: ModelRelease, who: str) -> Reasons:
    """A draft of another, while the deposits are those that it was drafted for."""
    changed = held(state, release.purse, release.year) != release.deposit
    return because(
        (release.state != "draft", INVALID_MOVE, "no draft"),
        (who == release.maker, MAKER_IS_CHECKER, "by the maker"),
        (changed, SILENT, ""),
    )


def may_cancel(release: ModelRelease) -> Reasons:
    """A draft."""
    return because((release.state != "draft", INVALID_MOVE, "no draft"))


def released(release: ModelRelease) -> int:
    """The assessed share."""
    return share(release.deposit, release.rate)


def approve(state: ModelState, release: ModelRelease, order_shown: str | None, who: str) -> None:
    """The released share is paid by an order that takes carried amounts off first; the rest is a deduction."""
    release.state = "approved"
    for order in state.orders.values():
        if (order.purse, order.year) == (release.purse, release.year) and order.state not in (Way.DRAFT, Way.CANCELLED):
            order.deposit_released = order.deposit > 0
    amount = released(release)
    _post(state, release, "released", amount)
    _post(state, release, "forfeited", release.deposit - amount)
    carries = waiting_carries(state, release.purse)
    if amount == 0 or (order_shown is None and not carries):
        return  # where nothing is released, nothing is taken off
    shown = order_shown or f"order of {release.shown}"
    one = formula(amount, sum(carry.rest for carry in carries), 0, 0)
    made = ModelPayment(shown, "release", release.purse, release.year, who, one.amount, gross=amount)
    made.carried, made.takes, made.made_on = one.carried, carries, state.today
    made.pay_by = following(state.today[:7], PAY_BY_DAY)
    made.state = Way.APPROVED if one.net > 0 else Way.CARRIED
    for carry in carries:
        carry.taken_by = made
    if one.net < 0:
        state.carries.append(Carry(made, -one.net))
    carry_between_years(state, made, 1)
    state.orders[shown] = made
    release.order = made


def _post(state: ModelState, release: ModelRelease, event: str, amount: int) -> None:
    state.books.post(ModelPosting(release.purse, state.today, release.year, event, amount))
