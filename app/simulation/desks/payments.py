"""The moves that orders, prepayments and claims share, on right and on wrong days, with right and with wrong
amounts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from msgspec import Struct

from app.simulation.answers import Answer, claim_expected, compared, order_expected, prepayment_expected
from app.simulation.model import claims, orders, payments
from app.simulation.model.amounts import yuan
from app.simulation.model.reasons import NOT_YOURS, Reasons
from app.simulation.model.state import ModelPayment, Way
from app.simulation.office import CHECKER, MAKER, OWNERS, READER
from app.simulation.stage import Done, Look, Stage, StagedAct

WHY: Final = {"reason": "模拟"}
SELF, TOO_MUCH, IN_PARTS, OTHER_DAY, USED, STRANGER = 0.1, 0.08, 0.25, 0.25, 0.06, 0.03
VERBS: Final = {
    "approve": "approval",
    "send": "sending",
    "pay": "payments",
    "return": "returns",
    "cancel": "cancellation",
}
EXPECTED: Final[Mapping[str, tuple[str, Callable[[ModelPayment], Struct]]]] = {
    "order": ("/disbursements", order_expected),
    "release": ("/disbursements", order_expected),
    "prepayment": ("/prepayments", prepayment_expected),
    "claim": ("/claims", claim_expected),
}


@dataclass(frozen=True)
class Money:
    """What a payment or a return says."""

    amount: int
    day: str
    reference: str


class PaymentDesk:
    """Approve, send, pay, return, cancel."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def approve(self, payment: ModelPayment) -> bool:
        """Approve a draft, now and then by its maker."""
        who = payment.maker if self.stage.chance(SELF) else second_person(payment)
        reasons = payments.may_approve(self.stage.state, payment, who)

        def done(answer: Answer) -> Iterator[str]:
            if payment.kind == "order":
                orders.approve(self.stage.state, payment)
            elif payment.kind == "claim":
                states = claims.approve(self.stage.state, payment)
                payment.state = next((one for one in states if one == answer["state"]), states[0])
            else:
                payment.state = Way.PAID if payment.amount == 0 else Way.APPROVED
            return self._compared(payment, answer)

        return self._move("approve", who, payment, {}, reasons, done)

    def send(self, payment: ModelPayment) -> bool:
        """Give it to the bank."""
        reasons = payments.may_send(self.stage.state, payment)

        def done(answer: Answer) -> Iterator[str]:
            payments.send(self.stage.state, payment)
            return self._compared(payment, answer)

        return self._move("send", MAKER, payment, {}, reasons, done)

    def pay(self, payment: ModelPayment, *, plainly: bool = False) -> bool:
        """The bank confirms; ``plainly``: what is left, today."""
        left = payments.payable(payment)
        money = Money(left, self.stage.state.today, self.stage.reference()) if plainly else self._money(payment, left)
        reasons = payments.may_pay(self.stage.state, payment, money.amount, money.day, money.reference)

        def done(answer: Answer) -> Iterator[str]:
            payments.pay(self.stage.state, payment, money.amount, money.day, money.reference)
            return self._compared(payment, answer)

        body = {"amount": yuan(money.amount), "paid_on": money.day, "bank_reference": money.reference}
        return self._move("pay", MAKER, payment, body, reasons, done)

    def give_back(self, payment: ModelPayment) -> bool:
        """Money comes back, on some day."""
        left = payments.outstanding(payment) if payment.kind == "prepayment" else payment.paid
        money = self._money(payment, left)
        reasons = payments.may_return(self.stage.state, payment, money.amount, money.day, money.reference)

        def done(answer: Answer) -> Iterator[str]:
            states = payments.give_back(self.stage.state, payment, money.amount, money.day, money.reference)
            payment.state = next((one for one in states if one == answer["state"]), payment.state)
            return self._compared(payment, answer)

        body = WHY | {"amount": yuan(money.amount), "returned_on": money.day, "bank_reference": money.reference}
        return self._move("return", MAKER, payment, body, reasons, done)

    def cancel(self, payment: ModelPayment) -> bool:
        """Cancel it, at whatever stage it is."""
        reasons = payments.may_cancel(self.stage.state, payment)

        def done(answer: Answer) -> Iterator[str]:
            if payment.kind == "order":
                orders.cancel(self.stage.state, payment)
            else:
                payment.state, payment.at_bank = Way.CANCELLED, 0
            return self._compared(payment, answer)

        return self._move("cancel", MAKER, payment, dict(WHY), reasons, done)

    def _money(self, payment: ModelPayment, left: int) -> Money:
        random = self.stage.random
        amount = random.randrange(1, left) if left > 1 and self.stage.chance(IN_PARTS) else left
        if self.stage.chance(TOO_MUCH):
            amount = random.choice((0, left + 1, left * 3 + 1))
        day = self.stage.office.day
        if self.stage.chance(OTHER_DAY):
            day += timedelta(days=random.choice((-1, -2, -5, -20, -45, -200, 1, 30)))
        used = sorted(self.stage.state.references.get(payment.shown, ()))
        reference = random.choice(used) if used and self.stage.chance(USED) else self.stage.reference()
        return Money(amount, str(day), reference)

    def _compared(self, payment: ModelPayment, answer: Answer) -> Iterator[str]:
        return compared(answer, EXPECTED[payment.kind][1](payment))

    def _move(
        self, verb: str, who: str, payment: ModelPayment, body: Mapping[str, object], reasons: Reasons, done: Done
    ) -> bool:
        prefix, _ = EXPECTED[payment.kind]
        if self.stage.chance(STRANGER):
            who, reasons = READER, [*reasons, *NOT_YOURS]
        path = f"{prefix}/{payment.shown}/{VERBS[verb]}"
        return self.stage.perform(StagedAct(named(verb, payment), who, path, body, reasons, done, look(payment)))


def second_person(payment: ModelPayment) -> str:
    """An officer who neither made it nor raised it, else the fund's owner."""
    made = {payment.maker, *payment.raised_by}
    return next(one for one in (CHECKER, MAKER, OWNERS[payment.purse.fund]) if one not in made)


def named(verb: str, payment: ModelPayment) -> str:
    """A move's name; the order of a release is another thing than the release."""
    return f"{verb} {'deposit' if payment.kind == 'release' else payment.kind}"


def look(payment: ModelPayment) -> Look:
    """Where to see that a refusal changed nothing."""
    prefix, expected = EXPECTED[payment.kind]
    return f"{prefix}/{payment.shown}", lambda: expected(payment)
