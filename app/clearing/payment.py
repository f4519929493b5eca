"""What a payment is: its kinds, its states, and the one table of the moves that each kind may make.

An order, a prepayment, the release of a deposit and a person's claim are payments. The database holds to the same
moves (``state_move``; a test compares the two). Each move names the children it looks at: the objects whose money hangs
on the payment, so that what one object's state allows never moves another object's money. Amounts are fen, rates
ten-thousandths.

Adding a kind is: a member of ``PaymentKind``, its rows of ``MOVES`` here and of ``state_move``, and a ``Paying``
(``machine.py``)."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from app.basics.errors import Conflict
from app.clearing.moves import Row


class PaymentKind(StrEnum):
    """The kinds of payments, by the names under which the database knows their moves."""

    ORDER = "disbursement"
    PREPAYMENT = "prepayment"
    RELEASE = "deposit_release"
    CLAIM = "claim"


class PaymentState(StrEnum):
    """The states of payments. Not every kind has all of them."""

    DRAFT = "draft"
    APPROVED = "approved"
    SENT = "sent"
    PART_PAID = "part_paid"
    PAID = "paid"
    RETURNED = "returned"
    OFFSET = "offset"
    CANCELLED = "cancelled"
    CARRIED_FORWARD = "carried_forward"
    REVERSED = "reversed"
    RECOVERABLE = "recoverable_from_person"


class PaymentStep(StrEnum):
    """What somebody does with a payment, what another payment does to it (``OFFSET``), or a correction of the bill
    behind it (``CORRECTION``)."""

    APPROVAL = "approval"
    SENDING = "sending"
    PAYMENT = "payment"
    RETURN = "return"
    CANCELLATION = "cancellation"
    REPAYMENT = "repayment"
    OFFSET = "offset"
    CORRECTION = "correction"


class Child(StrEnum):
    """What hangs on a payment, or what it hangs on: a move looks at it before it moves money."""

    PART = "the part: approved, of a statement that is not withdrawn, with no order beside this one"
    CARRIES = "what other orders carried and this one takes, less what was repaid"
    PREPAYMENTS = "the prepayments that it takes, by what is left of their money"
    DEPOSIT = "the deposit that it withholds, and whether that was released"
    ORDERS = "the orders that took a part of it"
    MOVEMENTS = "the bank's movements, day by day"
    SETTLEMENT = "the settlement with its corrections, and what they leave of the claim"
    SENT = "what the bank was asked to pay and has not paid, though a correction took it back"
    ACCOUNT = "the payee's account, as it was at the approval"
    MONTH = "the month of the bank's day, which must be open"


class PaymentMove(NamedTuple):
    """One move that a kind may make, and the children that it looks at."""

    step: PaymentStep
    since: PaymentState
    until: PaymentState
    looks_at: tuple[Child, ...] = ()


_BANK: Final = (Child.MOVEMENTS, Child.MONTH)
_FREED: Final = (Child.CARRIES, Child.PREPAYMENTS, Child.DEPOSIT)
S: Final = PaymentState

# What the bank did with an order or a claim that was sent.
_BANKED: Final = (
    PaymentMove(PaymentStep.PAYMENT, S.SENT, S.PAID, _BANK),
    PaymentMove(PaymentStep.PAYMENT, S.SENT, S.PART_PAID, _BANK),
    PaymentMove(PaymentStep.PAYMENT, S.PART_PAID, S.PART_PAID, _BANK),
    PaymentMove(PaymentStep.PAYMENT, S.PART_PAID, S.PAID, _BANK),
    PaymentMove(PaymentStep.PAYMENT, S.RETURNED, S.PAID, _BANK),
    PaymentMove(PaymentStep.PAYMENT, S.RETURNED, S.PART_PAID, _BANK),
    PaymentMove(PaymentStep.RETURN, S.PART_PAID, S.PART_PAID, _BANK),
    PaymentMove(PaymentStep.RETURN, S.PART_PAID, S.RETURNED, _BANK),
    PaymentMove(PaymentStep.RETURN, S.PAID, S.PART_PAID, _BANK),
    PaymentMove(PaymentStep.RETURN, S.PAID, S.RETURNED, _BANK),
)
_ORDER: Final = (
    PaymentMove(
        PaymentStep.APPROVAL, S.DRAFT, S.APPROVED, (Child.PART, Child.CARRIES, Child.PREPAYMENTS, Child.DEPOSIT)
    ),
    PaymentMove(PaymentStep.APPROVAL, S.DRAFT, S.PAID, (Child.PART, Child.CARRIES, Child.PREPAYMENTS, Child.DEPOSIT)),
    # For another account than before: nothing else of the order changes.
    PaymentMove(PaymentStep.APPROVAL, S.APPROVED, S.APPROVED, (Child.ACCOUNT,)),
    PaymentMove(PaymentStep.SENDING, S.APPROVED, S.SENT, (Child.PART, Child.ACCOUNT)),
    *_BANKED,
    PaymentMove(PaymentStep.CANCELLATION, S.DRAFT, S.CANCELLED, _FREED),
    PaymentMove(PaymentStep.CANCELLATION, S.APPROVED, S.CANCELLED, _FREED),
    PaymentMove(PaymentStep.CANCELLATION, S.SENT, S.CANCELLED, _FREED),
    PaymentMove(PaymentStep.CANCELLATION, S.RETURNED, S.CANCELLED, _FREED),
    PaymentMove(PaymentStep.REPAYMENT, S.CARRIED_FORWARD, S.CARRIED_FORWARD, (Child.CARRIES, *_BANK)),
)
_PREPAYMENT: Final = (
    PaymentMove(PaymentStep.APPROVAL, S.DRAFT, S.APPROVED, (Child.ACCOUNT,)),
    PaymentMove(PaymentStep.APPROVAL, S.APPROVED, S.APPROVED, (Child.ACCOUNT,)),
    PaymentMove(PaymentStep.SENDING, S.APPROVED, S.SENT, (Child.ACCOUNT,)),
    PaymentMove(PaymentStep.PAYMENT, S.SENT, S.PAID, _BANK),
    PaymentMove(PaymentStep.PAYMENT, S.SENT, S.PART_PAID, _BANK),
    PaymentMove(PaymentStep.PAYMENT, S.PART_PAID, S.PART_PAID, _BANK),
    PaymentMove(PaymentStep.PAYMENT, S.PART_PAID, S.PAID, _BANK),
    PaymentMove(PaymentStep.RETURN, S.PART_PAID, S.PART_PAID, (*_BANK, Child.ORDERS)),
    PaymentMove(PaymentStep.RETURN, S.PART_PAID, S.RETURNED, (*_BANK, Child.ORDERS)),
    PaymentMove(PaymentStep.RETURN, S.PAID, S.PAID, (*_BANK, Child.ORDERS)),
    PaymentMove(PaymentStep.RETURN, S.PAID, S.RETURNED, (*_BANK, Child.ORDERS)),
    PaymentMove(PaymentStep.CANCELLATION, S.DRAFT, S.CANCELLED),
    PaymentMove(PaymentStep.CANCELLATION, S.APPROVED, S.CANCELLED),
    PaymentMove(PaymentStep.CANCELLATION, S.SENT, S.CANCELLED, (Child.MOVEMENTS,)),
    # By an order's approval or cancellation: the state follows what is left of the money.
    PaymentMove(PaymentStep.OFFSET, S.PAID, S.OFFSET, (Child.ORDERS,)),
    PaymentMove(PaymentStep.OFFSET, S.OFFSET, S.PAID, (Child.ORDERS,)),
    PaymentMove(PaymentStep.OFFSET, S.RETURNED, S.PAID, (Child.ORDERS,)),
    PaymentMove(PaymentStep.OFFSET, S.RETURNED, S.PART_PAID, (Child.ORDERS,)),
)
_RELEASE: Final = (
    PaymentMove(PaymentStep.APPROVAL, S.DRAFT, S.APPROVED, (Child.DEPOSIT, Child.CARRIES)),
    PaymentMove(PaymentStep.CANCELLATION, S.DRAFT, S.CANCELLED),
)

_OWED: Final = (Child.SETTLEMENT, Child.ACCOUNT)
_CLAIM: Final = (
    PaymentMove(PaymentStep.APPROVAL, S.DRAFT, S.APPROVED, _OWED),
    # One that deductions took whole is paid by its approval.
    PaymentMove(PaymentStep.APPROVAL, S.DRAFT, S.PAID, _OWED),
    PaymentMove(PaymentStep.APPROVAL, S.CANCELLED, S.PAID, _OWED),
    # What is owed stays owed: a cancelled claim can be approved again, and one whose account changed has to be.
    PaymentMove(PaymentStep.APPROVAL, S.CANCELLED, S.APPROVED, _OWED),
    PaymentMove(PaymentStep.APPROVAL, S.APPROVED, S.APPROVED, _OWED),
    PaymentMove(PaymentStep.SENDING, S.APPROVED, S.SENT, (Child.ACCOUNT,)),
    *_BANKED,
    # What was sent may be paid, whatever a correction has made of the claim since; what was paid may come back.
    *(
        PaymentMove(PaymentStep.PAYMENT, since, S.RECOVERABLE, (Child.SENT, *_BANK))
        for since in (S.DRAFT, S.APPROVED, S.SENT, S.PART_PAID, S.PAID, S.RETURNED, S.REVERSED, S.RECOVERABLE)
    ),
    PaymentMove(PaymentStep.PAYMENT, S.DRAFT, S.DRAFT, (Child.SENT, *_BANK)),
    PaymentMove(PaymentStep.PAYMENT, S.DRAFT, S.PAID, (Child.SENT, *_BANK)),
    PaymentMove(PaymentStep.PAYMENT, S.APPROVED, S.APPROVED, (Child.SENT, *_BANK)),
    PaymentMove(PaymentStep.PAYMENT, S.APPROVED, S.PAID, (Child.SENT, *_BANK)),
    PaymentMove(PaymentStep.RETURN, S.DRAFT, S.DRAFT, _BANK),
    PaymentMove(PaymentStep.RETURN, S.APPROVED, S.APPROVED, _BANK),
    PaymentMove(PaymentStep.RETURN, S.SENT, S.PART_PAID, _BANK),
    PaymentMove(PaymentStep.RETURN, S.SENT, S.RETURNED, _BANK),
    PaymentMove(PaymentStep.RETURN, S.RECOVERABLE, S.RECOVERABLE, _BANK),
    PaymentMove(PaymentStep.RETURN, S.RECOVERABLE, S.PAID, _BANK),
    PaymentMove(PaymentStep.RETURN, S.RECOVERABLE, S.PART_PAID, _BANK),
    PaymentMove(PaymentStep.RETURN, S.RECOVERABLE, S.REVERSED, _BANK),
    PaymentMove(PaymentStep.RETURN, S.RECOVERABLE, S.DRAFT, _BANK),
    # By the person, at most what they owe.
    *(PaymentMove(PaymentStep.REPAYMENT, S.RECOVERABLE, until, _BANK) for until in (S.RECOVERABLE, S.PAID, S.REVERSED)),
    PaymentMove(PaymentStep.CANCELLATION, S.DRAFT, S.CANCELLED, (Child.MOVEMENTS,)),
    PaymentMove(PaymentStep.CANCELLATION, S.APPROVED, S.CANCELLED, (Child.MOVEMENTS,)),
    PaymentMove(PaymentStep.CANCELLATION, S.SENT, S.CANCELLED, (Child.MOVEMENTS,)),
    PaymentMove(PaymentStep.CANCELLATION, S.RETURNED, S.CANCELLED, (Child.MOVEMENTS,)),
    # By a correction of the settlement: taken back, or more owed than was approved.
    *(
        PaymentMove(PaymentStep.CORRECTION, since, S.REVERSED, (Child.SETTLEMENT,))
        for since in (S.DRAFT, S.CANCELLED, S.APPROVED, S.SENT, S.RETURNED, S.PAID)
    ),
    *(
        PaymentMove(PaymentStep.CORRECTION, since, S.RECOVERABLE, (Child.SETTLEMENT, Child.MOVEMENTS))
        for since in (S.DRAFT, S.APPROVED, S.SENT, S.PART_PAID, S.PAID, S.REVERSED)
    ),
    *(
        PaymentMove(PaymentStep.CORRECTION, since, S.DRAFT, (Child.SETTLEMENT, Child.MOVEMENTS))
        for since in (S.CANCELLED, S.APPROVED, S.SENT, S.PART_PAID, S.PAID, S.RETURNED, S.REVERSED)
    ),
    *(
        PaymentMove(PaymentStep.CORRECTION, since, S.PAID, (Child.MOVEMENTS,))
        for since in (S.DRAFT, S.APPROVED, S.PART_PAID)
    ),
)

MOVES: Final[Mapping[PaymentKind, tuple[PaymentMove, ...]]] = {
    PaymentKind.ORDER: _ORDER,
    PaymentKind.PREPAYMENT: _PREPAYMENT,
    PaymentKind.RELEASE: _RELEASE,
    PaymentKind.CLAIM: _CLAIM,
}
"""Every move of every kind. A step from a state that isn't here is Conflict ``invalid_move``."""

_RESULTS: Final = {
    PaymentStep.APPROVAL: PaymentState.APPROVED,
    PaymentStep.SENDING: PaymentState.SENT,
    PaymentStep.PAYMENT: PaymentState.PAID,
    PaymentStep.RETURN: PaymentState.RETURNED,
    PaymentStep.CANCELLATION: PaymentState.CANCELLED,
    PaymentStep.REPAYMENT: PaymentState.CARRIED_FORWARD,
    PaymentStep.OFFSET: PaymentState.OFFSET,
    PaymentStep.CORRECTION: PaymentState.REVERSED,
}


def steps_from(kind: PaymentKind, state: PaymentState) -> tuple[PaymentStep, ...]:
    """What may be done with a payment in a state, in the order of the table."""
    return tuple(dict.fromkeys(move.step for move in MOVES[kind] if move.since == state))


class Payment(Struct, frozen=True, kw_only=True):
    """What every payment has: whose it is, how much, how far it is, who made, approved and sent it."""

    hospital_code: str
    hospital_area: str
    area_code: str
    fund: str
    amount: int
    state: PaymentState
    subject: str
    created_on: date
    approved_by: str | None
    approved_on: date | None

    @property
    def owner(self) -> dict[str, str]:
        """Whose it is: hospital, the hospital's area, the paying area, the fund."""
        names = ("hospital_code", "hospital_area", "area_code", "fund")
        return {name: getattr(self, name) for name in names}


class Paid(Payment, frozen=True, kw_only=True):
    """A payment that the bank carries out."""

    paid: int
    sent_by: str | None
    sent_on: date | None

    @property
    def payable(self) -> int:
        """The most that the bank can have paid now."""
        return self.amount - self.paid

    def since(self, step: PaymentStep) -> date | None:
        """The first day on which the bank can have made a payment or a return."""
        return self.sent_on


class Order(Paid, frozen=True, kw_only=True):
    """An order, of a part of a statement or of a released deposit. ``amount`` = gross − carried − deposit − offset;
    negative or 0 is carried forward, and ``repaid`` of that the hospital gave back."""

    disbursement_id: int
    statement_id: int | None
    part_id: int | None
    release_id: int | None
    account_change_id: int | None
    fiscal_year: int
    period: str
    gross: int
    deposit_rate: int
    deposit: int
    offset_amount: int
    carried: int
    repaid: int
    taken_by: int | None
    released_by: int | None
    due_on: date
    paid_on: date | None
    document_number: str | None
    numbered_by: str | None
    numbered_on: date | None

    @property
    def owed_back(self) -> int:
        """What a carried order leaves to be taken off others: its negative net, less what was repaid."""
        return -self.amount - self.repaid if self.state is PaymentState.CARRIED_FORWARD else 0

    @property
    def unpaid(self) -> int:
        """What is still to be paid; 0 once it is cancelled or carried forward."""
        ended = self.state in (PaymentState.CANCELLED, PaymentState.CARRIED_FORWARD)
        return 0 if ended else self.amount - self.paid


class Prepayment(Paid, frozen=True, kw_only=True):
    """Money given to a hospital before it is earned. ``offset_amount`` is what orders took of it, drafts included."""

    prepayment_id: int
    account_change_id: int | None
    fiscal_year: int = msgspec.field(name="year")
    offset_amount: int
    returned: int

    @property
    def outstanding(self) -> int:
        """What no order has taken and the hospital hasn't given back."""
        return self.paid - self.offset_amount - self.returned


class Release(Payment, frozen=True, kw_only=True):
    """The final settlement of the ``deposit`` that is held of a year: ``amount`` is released, the rest is lost."""

    release_id: int
    fiscal_year: int = msgspec.field(name="year")
    deposit: int
    assessed_ratio: int
    reason: str


class Claim(Paid, frozen=True, kw_only=True):
    """What a fund owes a person who paid in cash: ``amount`` = gross − deducted. ``account``, theirs, encrypted, is as
    it was at the approval. ``at_bank`` is what was sent, from ``at_bank_since`` on, and has not been paid."""

    claim_id: int
    settlement_id: int
    person_id: str
    fiscal_year: int
    gross: int
    deducted: int
    at_bank: int
    at_bank_since: date | None
    account: bytes | None
    paid_on: date | None

    @property
    def payable(self) -> int:
        """What is owed, once it was sent, or what is still at the bank, though a correction left less of the claim."""
        unsent = self.state in (PaymentState.DRAFT, PaymentState.APPROVED)
        return max(self.at_bank, 0 if unsent else self.amount - self.paid)

    def since(self, step: PaymentStep) -> date | None:
        """Of a payment the first sending that is still at the bank, else the last. What comes back was paid before."""
        if step is PaymentStep.RETURN:
            return self.created_on
        return self.at_bank_since if self.at_bank else self.sent_on

    @property
    def unpaid(self) -> int:
        """What is still to be paid; 0 once it is cancelled."""
        return 0 if self.state is PaymentState.CANCELLED else max(0, self.amount - self.paid)

    @property
    def owed_back(self) -> int:
        """What the person has to give back."""
        return max(0, self.paid - self.amount)


R = TypeVar("R", bound=Struct)


def typed(row: Row, type_: type[R]) -> R:
    """A row of the database as a frozen type; columns that the type doesn't name are left out."""
    return msgspec.convert({str(name): value for name, value in row.items()}, type_)


def check_step(kind: PaymentKind, state: PaymentState, step: PaymentStep, *, possible: bool = True) -> None:
    """Conflict ``invalid_move`` naming the state when the table has no such step from it, or when there is nothing
    that it could move."""
    if not possible or step not in steps_from(kind, state):
        values = {"state": state.value, "wanted": _RESULTS[step].value}
        raise Conflict("invalid_move", values=values, extra={"state": state.value})
