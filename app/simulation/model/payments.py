"""The moves that every payment has: approval, sending, payment, return, cancellation; orders, prepayments, claims
alike."""

from typing import Final

from app.simulation.model.books import ModelPosting
from app.simulation.model.deductions import current
from app.simulation.model.reasons import (
    INVALID_MOVE,
    MAKER_IS_CHECKER,
    SILENT,
    UNACCEPTABLE,
    Reason,
    Reasons,
    because,
)
from app.simulation.model.state import OPEN, ModelPayment, ModelRelease, ModelState, Movement, Way

PAYABLE_WAYS: Final = (Way.SENT, Way.PART_PAID, Way.RETURNED)
RETURNABLE: Final = (Way.PART_PAID, Way.PAID, Way.RETURNED, Way.OFFSET, Way.RECOVERABLE)
CANCELLABLE: Final = (Way.DRAFT, Way.APPROVED, Way.SENT)
CASH_EVENT: Final = {"prepayment": "prepaid"}


def outstanding(payment: ModelPayment) -> int:
    """What of a prepayment no order has taken and nobody gave back."""
    return payment.paid - payment.offset


def unpaid(payment: ModelPayment) -> int:
    """What is still to be paid; nothing before there is an order to pay, nor after its end."""
    gone = payment.state in (Way.CANCELLED, Way.CARRIED, Way.REVERSED, Way.RECOVERABLE)
    return 0 if gone else max(0, payment.amount - payment.paid)


def payable(payment: ModelPayment) -> int:
    """The most that the bank can have paid: what is owed once it was sent, and of a claim what was sent, though a
    correction lowered or reversed it since. Money at the bank is a fact."""
    owed = payment.amount - payment.paid if payment.state in PAYABLE_WAYS else 0
    return max(owed, payment.at_bank if payment.kind == "claim" else 0)


def stopped(state: ModelState, payment: ModelPayment) -> bool:
    """Whether the person's account is another than the one that was approved."""
    return payment.kind == "claim" and payment.pinned != state.accounts.get(payment.person, "")


def may_approve(state: ModelState, payment: ModelPayment, who: str) -> Reasons:
    """A draft, a cancelled claim, or again a claim that another account stopped, by another than its maker, once its
    deductions are closed. Whether a claim that was sent already is stopped the contract leaves open."""
    again = payment.state == Way.APPROVED and stopped(state, payment)
    cancelled = payment.kind == "claim" and payment.state == Way.CANCELLED
    under_way = payment.state in PAYABLE_WAYS and stopped(state, payment)
    return because(
        (payment.state != Way.DRAFT and not (again or cancelled or under_way), INVALID_MOVE, "no draft"),
        (under_way, SILENT, ""),
        (any(current(state, one) in OPEN for one in payment.deductions), INVALID_MOVE, "deductions open"),
        (who == payment.maker, MAKER_IS_CHECKER, "by the maker"),
        (who in payment.raised_by and who != payment.maker, MAKER_IS_CHECKER, "by who raised it"),
    )


def may_send(state: ModelState, payment: ModelPayment) -> Reasons:
    """What is approved, for the account that was approved."""
    approved = payment.state == Way.APPROVED
    return because(
        (not approved, INVALID_MOVE, "not approved"),
        (approved and stopped(state, payment), INVALID_MOVE, "for another account"),
    )


def may_pay(state: ModelState, payment: ModelPayment, amount: int, day: str, reference: str) -> Reasons:
    """At most what is unpaid or still at the bank, not before its sending nor after today, not into a closed month,
    under a new reference.

    Money of an order that came back is due again; a prepayment that came back is over.
    """
    most = payable(payment)
    used = reference in state.references.get(payment.shown, set())
    elsewhere = any(reference in of_one for shown, of_one in state.references.items() if shown != payment.shown)
    returned = payment.kind == "prepayment" and payment.state == Way.RETURNED
    return because(
        (most <= 0, INVALID_MOVE, "not sent"),
        (returned, INVALID_MOVE, "not sent"),
        (stopped(state, payment), SILENT, ""),
        (amount <= 0, UNACCEPTABLE, "nothing"),
        (0 < most < amount, Reason(422, "payment_exceeds_order"), "too much"),
        (most > 0 and day < _sent(payment), UNACCEPTABLE, "before its sending"),
        (_paid_above(payment, amount, day), UNACCEPTABLE, "before its return"),
        (day > state.today, UNACCEPTABLE, "in the future"),
        (state.month_closed(payment.purse.area, day), INVALID_MOVE, "into a closed month"),
        (used, Reason(409, "bank_reference_used"), "a used reference"),
        (elsewhere and not used, SILENT, ""),
    )


def _sent(payment: ModelPayment) -> str:
    """The first sending that is still at the bank, else the last."""
    return payment.at_bank_since if payment.kind == "claim" and payment.at_bank else payment.sent_on


def _paid_above(payment: ModelPayment, amount: int, day: str) -> bool:
    """Whether on some day more would have been paid than the whole, though in the end it isn't: paid again before
    it came back."""
    days = {day} | {one.day for one in payment.movements if one.day >= day}
    most = max(payment.paid_until(one) for one in days)
    return payment.paid + amount <= payment.amount < most + amount


def may_return(state: ModelState, payment: ModelPayment, amount: int, day: str, reference: str) -> Reasons:
    """At most what had been paid on every day since, and of a prepayment at most what no order has taken."""
    used = reference in state.references.get(payment.shown, set())
    elsewhere = any(reference in of_one for shown, of_one in state.references.items() if shown != payment.shown)
    days = {day} | {one.day for one in payment.movements if one.day >= day}
    least = min(payment.paid_until(one) for one in days)
    left = min(least, outstanding(payment)) if payment.kind == "prepayment" else least
    too_much = "too much" if amount > payment.paid else "before its payment"
    return because(
        (left <= 0, INVALID_MOVE, "nothing paid"),
        (payment.state not in RETURNABLE and payment.kind != "claim", INVALID_MOVE, "nothing paid"),
        (amount <= 0, UNACCEPTABLE, "nothing"),
        (amount > left, UNACCEPTABLE, too_much),
        (amount > left, INVALID_MOVE, too_much),
        (day > state.today, UNACCEPTABLE, "in the future"),
        (state.month_closed(payment.purse.area, day), INVALID_MOVE, "into a closed month"),
        (used, Reason(409, "bank_reference_used"), "a used reference"),
        (elsewhere and not used, SILENT, ""),
        (payment.state == Way.RECOVERABLE, SILENT, ""),
    )


def may_cancel(state: ModelState, payment: ModelPayment) -> Reasons:
    """What has paid nothing and whose children moved no money: its deposit isn't released, its carry isn't taken."""
    drafted = payment.deposit and any(one.state == "draft" for one in _releases(state, payment))
    reopened = payment.state == Way.RETURNED and payment.paid == 0
    empty = payment.state == Way.PAID and payment.amount == 0
    return because(
        (payment.state not in CANCELLABLE and not reopened and not empty, INVALID_MOVE, "under way or over"),
        (reopened or empty, SILENT, ""),
        (payment.paid != 0, INVALID_MOVE, "under way or over"),
        (payment.deposit_released, INVALID_MOVE, "its deposit was released"),
        (bool(drafted), SILENT, ""),
        (payment.kind == "release", SILENT, ""),
    )


def _releases(state: ModelState, payment: ModelPayment) -> list[ModelRelease]:
    return [one for one in state.releases.values() if (one.purse, one.year) == (payment.purse, payment.year)]


def send(state: ModelState, payment: ModelPayment) -> None:
    """Give it to the bank."""
    payment.state = Way.SENT
    payment.sent_on = state.today
    payment.at_bank_since = payment.at_bank_since if payment.at_bank else state.today
    payment.at_bank = max(payment.at_bank, payment.amount - payment.paid)


def pay(state: ModelState, payment: ModelPayment, amount: int, day: str, reference: str) -> None:
    """Money went out. The state that the contract says; what of a claim waits for its approval or its sending goes on
    waiting, and what was paid above what is owed the person owes."""
    _move(state, payment, amount, day, reference)
    payment.at_bank = max(0, payment.at_bank - amount)
    if payment.kind == "claim" and payment.paid > payment.amount:
        payment.state = Way.RECOVERABLE
    elif payment.state not in (Way.DRAFT, Way.APPROVED) or payment.paid == payment.amount:
        payment.state = Way.PAID if payment.paid >= payment.amount else Way.PART_PAID


def give_back(state: ModelState, payment: ModelPayment, amount: int, day: str, reference: str) -> tuple[Way, ...]:
    """Money came back: an order's is due again; a prepayment's state follows what is left of it.

    Answers the states that the contract allows afterwards: with a rest still paid it doesn't say which of two.
    """
    owing = payment.state == Way.RECOVERABLE
    _move(state, payment, -amount, day, reference)
    if owing:
        return _after_owing(payment)
    payment.at_bank += amount
    if payment.state in (Way.DRAFT, Way.APPROVED):
        return (payment.state,)
    payment.state = Way.RETURNED
    if payment.kind == "prepayment":
        follow_money(payment)
        taken = outstanding(payment) == 0 and payment.offset > 0
        return (Way.OFFSET, Way.RETURNED, payment.state) if taken else (payment.state,)
    return (Way.RETURNED, Way.PART_PAID) if payment.paid else (Way.RETURNED,)


def _after_owing(payment: ModelPayment) -> tuple[Way, ...]:
    """A claim of which something was to be recovered, after the bank gave money back; what is due again may have to be
    approved again."""
    if payment.paid > payment.amount:
        return (Way.RECOVERABLE,)
    return (Way.RETURNED, Way.PART_PAID, Way.DRAFT, Way.PAID) if payment.amount else (Way.REVERSED, Way.RETURNED)


def follow_money(payment: ModelPayment) -> None:
    """A prepayment that was paid is `paid` while anything is outstanding, else taken or given back. One of which the
    bank has still to pay a part stays `part_paid` when orders took what it paid so far."""
    out = sum(one.amount for one in payment.movements if one.amount > 0)
    if outstanding(payment) > 0 or (payment.offset and out < payment.amount):
        payment.state = Way.PAID if out >= payment.amount else Way.PART_PAID
    else:
        payment.state = Way.OFFSET if payment.offset else Way.RETURNED


def _move(state: ModelState, payment: ModelPayment, amount: int, day: str, reference: str) -> None:
    payment.movements.append(Movement(day, amount, reference))
    state.references.setdefault(payment.shown, set()).add(reference)
    event = CASH_EVENT.get(payment.kind, "paid")
    posting = ModelPosting(payment.purse, day, payment.year, event, amount, pay_by=payment.pay_by)
    if payment.part is not None:
        posting.statements = payment.part.items[0].statements if payment.part.items else []
    state.books.post(posting)
