"""What the finance office does on a day: the next step of some things, and random moves of every kind on anything."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from app.simulation.auditor import Auditor
from app.simulation.desks.advances import AdvanceDesk
from app.simulation.desks.audit import AuditDesk
from app.simulation.desks.balances import BalanceDesk
from app.simulation.desks.claims import ClaimDesk
from app.simulation.desks.closings import ClosingDesk
from app.simulation.desks.orders import OrderDesk
from app.simulation.desks.payments import PaymentDesk
from app.simulation.desks.statements import StatementDesk, unfinished
from app.simulation.model import deductions, orders, releases
from app.simulation.model.amounts import following
from app.simulation.model.payments import payable, stopped
from app.simulation.model.state import Audit, ModelDeduction, ModelPayment, ModelRelease, ModelStatement, Way
from app.simulation.stage import Stage
from app.simulation.world import AREAS

Thing = TypeVar("Thing")
RECENT, NEAR = 12, 0.8
STEPS, WILD_PER_HOSPITAL = 0.45, 0.9
AUDITED, RECONCILED, ENDED = 0.25, 0.5, 0.3
HARD, REOPENED, CUT, AGAIN, PAID_ALL_THE_SAME = 0.35, 0.2, 0.15, 0.5, 0.5


class Walk:
    """The desks, and who is sent to which."""

    def __init__(self, stage: Stage, auditor: Auditor) -> None:
        self.stage, self.auditor = stage, auditor
        self.statements, self.audits = StatementDesk(stage, auditor), AuditDesk(stage, auditor)
        self.orders, self.payments = OrderDesk(stage), PaymentDesk(stage)
        self.advances, self.closings = AdvanceDesk(stage), ClosingDesk(stage)
        self.balances, self.claims = BalanceDesk(stage), ClaimDesk(stage)

    def day(self) -> None:
        """A day's work: what is next, then what comes to mind."""
        self._next_steps()
        for _ in range(max(1, round(len(self.stage.world.hospitals) * WILD_PER_HOSPITAL))):
            self._wild()

    def declare(self, hospital: str, area: str, period: str) -> None:
        """Declare a month, unless a wild move did it before."""
        self.statements.declare(hospital, area, period)

    def close_month(self, area: str, period: str, *, hard: float = HARD) -> None:
        """Close a month, in most cases softly."""
        self.closings.close_month(area, period, "hard" if self.stage.chance(hard) else "soft")

    def release(self, year: int) -> None:
        """Draft the release of every deposit that is held of a year; give one of them up."""
        purses = [one for one in self.stage.state.books if releases.held(self.stage.state, one, year)]
        for purse in purses:
            self.advances.release(purse, year)
        drafts = [one for one in self.stage.state.releases.values() if one.state == "draft"]
        if drafts:
            self.advances.cancel_release(self.stage.random.choice(drafts))

    # ------------------------------------------------------------ what is next

    def _next_steps(self) -> None:
        state = self.stage.state
        for statement in [one for one in state.statements.values() if unfinished(one)]:
            if self.stage.chance(STEPS):
                self._advance(statement)
        for payment in [*state.orders.values(), *state.prepayments.values(), *state.claims.values()]:
            if self.stage.chance(STEPS):
                self._forward(payment)
        for deduction in list(state.deductions.values()):
            if deduction.state in (Audit.PROPOSED, Audit.APPEALED) and self.stage.chance(STEPS / 3):
                self._argue(deduction.shown)
        for release in [one for one in state.releases.values() if one.state == "draft"]:
            if self.stage.chance(STEPS):
                self.advances.approve_release(release)

    def _advance(self, statement: ModelStatement) -> None:
        """A statement's next step: compare, audit, approve, order."""
        unapproved = [part for part in statement.parts if not part.approved_by]
        if not statement.parts and statement.approved:
            return
        if unapproved or not statement.parts:
            self._before_approval(statement)
            return
        for fund in sorted({part.purse.fund for part in statement.parts if part.order is None}):
            if not self.orders.order(statement, fund) and orders.unordered(statement, fund):
                self.orders.order(statement, fund, plainly=True)

    def _before_approval(self, statement: ModelStatement) -> None:
        open_ones = deductions.waiting(self.stage.state, statement.parts)
        if not statement.reconciled and not statement.audited and self.stage.chance(RECONCILED):
            self.statements.reconcile(statement)
        elif self.stage.chance(AUDITED):
            self.audits.propose(statement)
        elif not open_ones and self.stage.chance(ENDED):
            self.statements.end_audit(statement)
        elif not open_ones:
            self.statements.approve(statement)

    def _forward(self, payment: ModelPayment) -> None:
        """A payment's next step."""
        if payment.kind == "claim" and payment.state == Way.DRAFT and self.stage.chance(CUT):
            self.audits.propose_of_claim(payment)
        elif payment.state == Way.DRAFT or (self._stopped(payment) and self.stage.chance(AGAIN)):
            self.payments.approve(payment)
        elif payment.kind == "claim" and payment.state == Way.APPROVED and self.stage.chance(CUT):
            self.claims.change_account(payment)
        elif payment.state == Way.APPROVED:
            self.payments.send(payment)
        elif self._awaits_bank(payment):
            self.payments.pay(payment, plainly=True)
        elif payment.state == Way.RECOVERABLE:
            self.claims.repay(payment)

    def _awaits_bank(self, payment: ModelPayment) -> bool:
        """Whether it is to be paid; what was sent of a claim and then corrected may be paid all the same."""
        if payment.state in (Way.SENT, Way.PART_PAID):
            return True
        if payment.kind == "claim" and payment.state != Way.RETURNED:
            return payable(payment) > 0 and self.stage.chance(PAID_ALL_THE_SAME)
        return payment.state == Way.RETURNED and payment.kind != "prepayment"

    def _stopped(self, payment: ModelPayment) -> bool:
        return payment.state == Way.APPROVED and stopped(self.stage.state, payment)

    def _argue(self, shown: str) -> None:
        deduction = self.stage.state.deductions[shown]
        if deduction.state == Audit.APPEALED:
            self.audits.decide(deduction)
        elif self.stage.chance(0.5):
            self.audits.accept(deduction)
        elif self.stage.chance(0.5):
            self.audits.appeal(deduction)

    # ------------------------------------------------------------ what comes to mind

    def _wild(self) -> None:
        state, random = self.stage.state, self.stage.random
        made: list[tuple[int, Callable[[], object]]] = [
            (3, lambda: self._on(list(state.statements.values()), self.statements.withdraw)),
            (2, lambda: self._on(list(state.statements.values()), self.statements.approve)),
            (1, lambda: self._on(list(state.statements.values()), self.statements.end_audit)),
            (1, lambda: self._on(list(state.statements.values()), self.statements.reconcile)),
            (3, lambda: self._on(list(state.statements.values()), self.audits.propose)),
            (2, self._declare_something),
            (2, lambda: self._on(list(state.statements.values()), self._order_something)),
            (6, lambda: self._on([one for one in state.orders.values() if one.exists], self._move_payment)),
            (2, lambda: self._on(list(state.prepayments.values()), self._move_payment)),
            (2, lambda: self._on(list(state.claims.values()), self._move_payment)),
            (1, lambda: self._on(list(state.claims.values()), self.claims.change_account)),
            (1, lambda: self._on(self._repayable(), self.claims.repay)),
            (3, lambda: self._on(list(state.deductions.values()), self._move_deduction)),
            (2, lambda: self._on([one for one in state.carries if one.order.exists], self.orders.repay)),
            (1, self.advances.prepay),
            (1, self._close_something),
            (1, self.balances.close),
            (1, self._release_something),
            (1, lambda: self._on(list(state.releases.values()), self._move_release)),
        ]
        random.choices([act for _, act in made], [weight for weight, _ in made])[0]()

    def _on(self, things: Sequence[Thing], act: Callable[[Thing], object]) -> None:
        """Do it to something, mostly to something recent."""
        if things:
            near = things[-RECENT:] if self.stage.chance(NEAR) else things
            act(self.stage.random.choice(near))

    def _move_payment(self, payment: ModelPayment) -> None:
        moves = (self.payments.approve, self.payments.send, self.payments.pay, self.payments.give_back)
        self.stage.random.choice((*moves, self.payments.give_back, self.payments.cancel))(payment)

    def _repayable(self) -> list[ModelPayment]:
        """Claims of which a person owes something back, else any."""
        claims = list(self.stage.state.claims.values())
        return [one for one in claims if one.state == Way.RECOVERABLE] or claims

    def _move_deduction(self, deduction: ModelDeduction) -> None:
        self.stage.random.choice((self.audits.accept, self.audits.appeal, self.audits.decide))(deduction)

    def _move_release(self, release: ModelRelease) -> None:
        self.stage.random.choice((self.advances.approve_release, self.advances.cancel_release))(release)

    def _order_something(self, statement: ModelStatement) -> None:
        funds = sorted({part.purse.fund for part in statement.parts}) or ["390100"]
        self.orders.order(statement, self.stage.random.choice(funds))

    def _declare_something(self) -> None:
        hospital = self.stage.random.choice(list(self.stage.world.hospitals))
        self.statements.declare(hospital, self.stage.random.choice(AREAS), self._some_period())

    def _close_something(self) -> None:
        area, period = self.stage.random.choice(AREAS), self._some_period()
        if (area, period) in self.stage.state.months or self.stage.chance(REOPENED):
            self.closings.reopen_month(area, period)
        elif self.stage.chance(0.3):
            self.closings.close_year(area, int(self.stage.state.today[:4]))
        else:
            self.closings.close_month(area, period, self.stage.random.choice(("soft", "hard")))

    def _release_something(self) -> None:
        state = self.stage.state
        year = int(state.today[:4]) - self.stage.random.randrange(2)
        purses = [purse for purse in state.books if purse.hospital]
        of_year = [purse for purse in purses if releases.held(state, purse, year)] or purses
        self._on(of_year, lambda purse: self.advances.release(purse, year))

    def _some_period(self) -> str:
        """This month, or one of the last three."""
        today = self.stage.state.today
        months = [today[:7]]
        for _ in range(3):
            year, month = divmod(int(months[-1][:4]) * 12 + int(months[-1][5:]) - 2, 12)
            months.append(f"{year}-{month + 1:02d}")
        return self.stage.random.choice([one for one in months if following(one, 1) > "2018-02-01"] or months[:1])
