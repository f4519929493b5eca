"""Orders by the one formula: net = gross − carried; deposit unless it takes all; prepayment offset of the rest."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from app.simulation.model.amounts import RATE_ONE, following, share
from app.simulation.model.books import PAY_BY_DAY, ModelPosting, ModelPurse
from app.simulation.model.payments import follow_money, outstanding
from app.simulation.model.reasons import INVALID_MOVE, MAKER_IS_CHECKER, UNACCEPTABLE, Reason, Reasons, because
from app.simulation.model.state import (
    FLOORS,
    PLAN_DEPOSIT,
    Carry,
    ModelPart,
    ModelPayment,
    ModelState,
    ModelStatement,
    Way,
)
from app.simulation.model.statements import part_gross

HIGHEST_FLOOR: Final = max(FLOORS.values())
OFFSETTABLE: Final = (Way.PAID, Way.PART_PAID)


class Formula(NamedTuple):
    """What an order comes to; ``net`` is before deposit and offset, ``amount`` what is left."""

    gross: int
    carried: int
    net: int
    deposit: int
    offset: int
    amount: int


def formula(gross: int, carried: int, rate: int, prepaid: int) -> Formula:
    """The one formula of the contract; a net that is not positive has neither deposit nor offset."""
    net = gross - carried
    if net <= 0:
        return Formula(gross, carried, net, 0, 0, 0)
    deposit = share(gross, rate)
    if net - deposit <= 0:
        deposit = 0
    offset = min(prepaid, net - deposit)
    return Formula(gross, carried, net, deposit, offset, net - deposit - offset)


def waiting_carries(state: ModelState, purse: ModelPurse) -> list[Carry]:
    """What the hospital, fund and area carry that no order has taken."""
    return [one for one in state.carries if one.order.purse == purse and one.taken_by is None and one.rest]


def open_prepayments(state: ModelState, purse: ModelPurse, year: int) -> list[ModelPayment]:
    """Prepayments of the year with money outstanding, oldest first."""
    of_purse = [one for one in state.prepayments.values() if (one.purse, one.year) == (purse, year)]
    return [one for one in of_purse if one.state in OFFSETTABLE and outstanding(one) > 0]


def unordered(statement: ModelStatement, fund: str) -> list[ModelPart]:
    """The fund's parts without an order, the oldest year first."""
    return [part for part in statement.parts if part.purse.fund == fund and part.order is None]


def may_order(statement: ModelStatement, fund: str, rate: int | None) -> Reasons:
    """Of an approved part without an order, withholding at most 1 − floor. The floor itself is asked elsewhere."""
    parts = [part for part in statement.parts if part.purse.fund == fund]
    left = unordered(statement, fund)
    too_high = rate is not None and rate > RATE_ONE - FLOORS.get(fund, HIGHEST_FLOOR)
    return because(
        (statement.withdrawn, INVALID_MOVE, "withdrawn"),
        (not parts, Reason(404), "no such part"),
        (not parts, Reason(409), "no such part"),
        (not parts, UNACCEPTABLE, "no such part"),
        (bool(parts) and not left, Reason(409, "order_exists"), "ordered already"),
        (not statement.withdrawn and any(not part.approved_by for part in left), INVALID_MOVE, "not approved"),
        (too_high, Reason(422, "deposit_too_high"), "a deposit too high"),
    )


def predicted(state: ModelState, parts: Sequence[ModelPart], rate: int | None) -> list[Formula]:
    """What the parts' orders will come to, one after the other; carries that one leaves are taken by the next."""
    chosen = PLAN_DEPOSIT if rate is None else rate
    carried = sum(one.rest for one in waiting_carries(state, parts[0].purse))
    found = []
    for part in parts:
        prepaid = sum(outstanding(one) for one in open_prepayments(state, part.purse, part.year))
        one = formula(part_gross(part), carried, chosen, prepaid)
        found.append(one)
        carried = max(0, -one.net)
    return found


def order(state: ModelState, part: ModelPart, shown: str, maker: str, one: Formula) -> ModelPayment:
    """Make a part's order as the formula says; a net that is not positive is carried at once."""
    made = ModelPayment(shown, "order", part.purse, part.year, maker, one.amount, part=part, gross=one.gross)
    made.made_on, made.due_on = state.today, pay_by(state.statements[part.statement])
    made.carried, made.deposit, made.offset = one.carried, one.deposit, one.offset
    made.takes = waiting_carries(state, part.purse)
    for carry in made.takes:
        carry.taken_by = made
    _take_prepayments(state, made)
    part.orders.append(made)
    state.orders[shown] = made
    if one.net <= 0:
        _carry(state, made, -one.net)
    return made


def _take_prepayments(state: ModelState, made: ModelPayment) -> None:
    left = made.offset
    for one in open_prepayments(state, made.purse, made.year) if left else []:
        taken = min(left, outstanding(one))
        made.offsets[one.shown] = taken
        one.offset += taken
        one.reserved += taken
        follow_money(one)
        left -= taken


def _carry(state: ModelState, made: ModelPayment, amount: int) -> None:
    made.state = Way.CARRIED
    if amount:
        state.carries.append(Carry(made, amount))
    carry_between_years(state, made, 1)


def approve(state: ModelState, made: ModelPayment) -> None:
    """Post what it withholds, offsets and takes off; nothing left to pay is paid."""
    made.state = Way.PAID if made.amount == 0 else Way.APPROVED
    for shown, taken in made.offsets.items():
        state.prepayments[shown].reserved -= taken
    _post_parts(state, made, 1)


def cancel(state: ModelState, made: ModelPayment) -> None:
    """What it held back, took off and carried is free again."""
    drafted = made.state == Way.DRAFT
    if not drafted:
        _post_parts(state, made, -1)
    made.state, made.ended_on = Way.CANCELLED, state.today
    for carry in made.takes:
        carry.taken_by = None
    for shown, taken in made.offsets.items():
        state.prepayments[shown].offset -= taken
        state.prepayments[shown].reserved -= taken if drafted else 0
        follow_money(state.prepayments[shown])


def _post_parts(state: ModelState, made: ModelPayment, sign: int) -> None:
    for event, amount in (("withheld", made.deposit), ("offset", made.offset)):
        _post(state, made, event, sign * amount)
    carry_between_years(state, made, sign)


def carry_between_years(state: ModelState, made: ModelPayment, sign: int) -> None:
    """What one year owes less, another year's order pays less: within a year nothing moves."""
    for carry in made.takes:
        if carry.order.year != made.year:
            _post(state, carry.order, "carried", -sign * carry.rest)
            _post(state, made, "carried", sign * carry.rest)
    for one in made.part.deductions if made.part else ():
        if one.upheld and one.year != made.year:  # its own year was closed: the part's order pays less by it
            _post(state, made, "carried", -sign * one.upheld, one.year)
            _post(state, made, "carried", sign * one.upheld)


def _post(state: ModelState, made: ModelPayment, event: str, amount: int, year: int | None = None) -> None:
    posting = ModelPosting(made.purse, state.today, year or made.year, event, amount, pay_by=made.pay_by)
    if made.part is not None and made.part.items:
        posting.statements, posting.period = made.part.items[0].statements, made.part.items[0].period
    state.books.post(posting)


def pay_by(statement: ModelStatement) -> str:
    """By which day a statement's money is to be paid."""
    return following(statement.period, PAY_BY_DAY)


def may_repay(state: ModelState, carry: Carry, amount: int, day: str, who: str) -> Reasons:
    """Money from the hospital, by another person than the order's maker, at most what is still carried."""
    return because(
        (carry.taken_by is not None, INVALID_MOVE, "taken by an order"),
        (carry.rest == 0, INVALID_MOVE, "nothing left"),
        (carry.rest == 0, UNACCEPTABLE, "nothing left"),
        (amount <= 0, UNACCEPTABLE, "nothing"),
        (amount > carry.rest, UNACCEPTABLE, "too much"),
        (amount > carry.rest, Reason(409), "too much"),
        (who == carry.order.maker, MAKER_IS_CHECKER, "by the maker"),
        (day > state.today, UNACCEPTABLE, "in the future"),
        (day < carry.order.made_on, UNACCEPTABLE, "before it was carried"),
        (state.month_closed(carry.order.purse.area, day), INVALID_MOVE, "into a closed month"),
    )


def repay(state: ModelState, carry: Carry, amount: int, day: str) -> None:
    """What is carried falls; nothing else moves."""
    carry.repaid += amount
    posting = ModelPosting(carry.order.purse, day, carry.order.year, "paid", -amount, pay_by=carry.order.pay_by)
    if carry.order.part is not None and carry.order.part.items:
        posting.statements = carry.order.part.items[0].statements
    state.books.post(posting)
