"""Illegal moves of orders, prepayments and claims, and of what hospitals pay back."""

from collections.abc import Iterator, Mapping

from app.simulation.desks.payments import EXPECTED, VERBS, Money, look, named, second_person
from app.simulation.model import orders, payments
from app.simulation.model.amounts import day_after, following, yuan
from app.simulation.model.reasons import Reasons
from app.simulation.model.state import Carry, ModelPayment, ModelState
from app.simulation.office import CHECKER, MAKER
from app.simulation.stage import Stage, StagedAct
from app.simulation.trespass.illegal import WHY, by_stranger, illegal


def proposed(stage: Stage) -> Iterator[StagedAct]:
    """Everything about payments that may be refused, the latest payment first."""
    state = stage.state
    everything = [*state.claims.values(), *state.prepayments.values(), *state.orders.values()]
    for payment in reversed([one for one in everything if one.exists]):
        for move in (*_steps(state, payment), *_payments(stage, payment), *_returns(stage, payment)):
            yield from (move, by_stranger(move))
    for carry in reversed([one for one in state.carries if one.order.exists]):
        yield from _repayments(stage, carry)


def moneys(stage: Stage, payment: ModelPayment, left: int) -> Iterator[Money]:
    """What is left, today; and nothing, too much, too early, too late, into a closed month, under a used reference."""
    state, new = stage.state, f"NOT{stage.references:08d}"
    today = state.today
    yield from (Money(amount, today, new) for amount in (left, 0, left + 1))
    days = [day_after(today, 1), *(day_after(one.day, -1) for one in payment.movements)]
    days += [day_after(payment.sent_on, -1)] if payment.sent_on else []
    days += [closed for closed in _closed_days(state, payment.purse.area) if closed >= payment.sent_on]
    yield from (Money(left, day, new) for day in days)
    yield from (Money(left, today, used) for used in sorted(state.references.get(payment.shown, ()))[:1])


def _closed_days(state: ModelState, area: str) -> list[str]:
    """The last days of the months that are closed."""
    return [day_after(following(period, 1), -1) for of_area, period in state.months if of_area == area]


def _steps(state: ModelState, payment: ModelPayment) -> Iterator[StagedAct]:
    for who in (second_person(payment), payment.maker, *sorted(payment.raised_by)):
        yield _act("approve", who, payment, {}, payments.may_approve(state, payment, who))
    yield _act("send", MAKER, payment, {}, payments.may_send(state, payment))
    yield _act("cancel", MAKER, payment, dict(WHY), payments.may_cancel(state, payment))


def _payments(stage: Stage, payment: ModelPayment) -> Iterator[StagedAct]:
    for money in moneys(stage, payment, payments.payable(payment)):
        reasons = payments.may_pay(stage.state, payment, money.amount, money.day, money.reference)
        body = {"amount": yuan(money.amount), "paid_on": money.day, "bank_reference": money.reference}
        yield _act("pay", MAKER, payment, body, reasons)


def _returns(stage: Stage, payment: ModelPayment) -> Iterator[StagedAct]:
    left = payments.outstanding(payment) if payment.kind == "prepayment" else payment.paid
    for money in moneys(stage, payment, max(0, left)):
        reasons = payments.may_return(stage.state, payment, money.amount, money.day, money.reference)
        body = {"amount": yuan(money.amount), "returned_on": money.day, "bank_reference": money.reference}
        yield _act("return", MAKER, payment, {**WHY, **body}, reasons)


def _act(verb: str, who: str, payment: ModelPayment, body: Mapping[str, object], reasons: Reasons) -> StagedAct:
    path = f"{EXPECTED[payment.kind][0]}/{payment.shown}/{VERBS[verb]}"
    return illegal(named(verb, payment), who, path, reasons, body=body, look=look(payment))


def _repayments(stage: Stage, carry: Carry) -> Iterator[StagedAct]:
    state, maker = stage.state, carry.order.maker
    other = CHECKER if maker != CHECKER else MAKER
    tries = [(maker, carry.rest, state.today), (other, 0, state.today), (other, carry.rest + 1, state.today)]
    tries += [(other, carry.rest or 1, day) for day in (state.today, day_after(state.today, 1))]
    tries += [(other, carry.rest, day_after(carry.order.made_on, -1))]
    tries += [(other, carry.rest, closed) for closed in _closed_days(state, carry.order.purse.area)]
    for who, amount, day in tries:
        reasons = orders.may_repay(state, carry, amount, day, who)
        body = {"amount": yuan(amount), "paid_on": day, "bank_reference": f"NOT{stage.references:08d}"}
        path = f"/carries/{carry.order.shown}/repayments"
        move = illegal("repay carry", who, path, reasons, body=body, look=look(carry.order))
        yield from (move, by_stranger(move))
