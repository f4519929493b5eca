"""Deductions: proposed, accepted, appealed, decided; too large, too late, twice, and by the wrong person."""

from collections.abc import Iterator
from typing import Final

from msgspec import convert

from app.simulation.answers import Answer, DeductionSeen, compared, deduction_expected
from app.simulation.auditor import Auditor
from app.simulation.desks.payments import look
from app.simulation.model import claims, deductions
from app.simulation.model.amounts import yuan
from app.simulation.model.reasons import NOT_YOURS, Reasons
from app.simulation.model.state import Audit, ModelDeduction, ModelPayment, ModelStatement
from app.simulation.office import CHECKER, MAKER, READER, REGISTRAR
from app.simulation.stage import Done, Look, Stage, StagedAct

WHY: Final = {"reason": "模拟"}
TOO_MUCH, WHOLE, STRANGER, SELF = 0.12, 0.25, 0.06, 0.12
OUTCOMES: Final = ("upheld", "reduced", "dismissed")


class AuditDesk:
    """What the audit takes off, and how hospitals answer."""

    def __init__(self, stage: Stage, auditor: Auditor) -> None:
        self.stage, self.auditor = stage, auditor

    def propose(self, statement: ModelStatement) -> bool:
        """Propose a deduction from a settlement of a statement: a share, the whole, or more than is owed."""
        items = [(part, one) for part in statement.parts for one in part.items if one.settlement]
        if not items:
            return False
        part, item = self.stage.random.choice(items)
        state = self.stage.state
        owed = max(0, state.owed(part.purse, item.settlement) - state.taken(part.purse, item.settlement))
        amount = self._amount(owed)
        fund = part.purse.fund
        reasons = deductions.may_propose(state, statement, item.settlement, fund, amount)
        who = MAKER
        if self.stage.chance(STRANGER):
            who, reasons = statement.hospital, [*reasons, *NOT_YOURS]
        oldest = deductions.part_of(statement, item.settlement, fund) or part

        def done(answer: Answer) -> Iterator[str]:
            shown, today = convert(answer, DeductionSeen).deduction_id, state.today
            by = deductions.appeal_by(today)
            made = ModelDeduction(shown, statement.shown, item.settlement, oldest.purse, amount, who, today, by)
            deductions.propose(state, oldest, made)
            return compared(answer, deduction_expected(state, made))

        body = WHY | {"settlement_id": item.settlement, "fund": fund, "amount": yuan(amount), "reason_code": "R01"}
        path = f"/clearing/statements/{statement.shown}/deductions"
        return self.stage.perform(StagedAct("propose deduction", who, path, body, reasons, done))

    def propose_of_claim(self, claim: ModelPayment) -> bool:
        """Propose a deduction from a person's claim."""
        state, amount = self.stage.state, self._amount(max(0, claim.amount))
        reasons = claims.may_deduct(state, claim, amount)
        who = MAKER
        if self.stage.chance(STRANGER):
            who, reasons = READER, [*reasons, *NOT_YOURS]

        def done(answer: Answer) -> Iterator[str]:
            shown, today = convert(answer, DeductionSeen).deduction_id, state.today
            by = deductions.appeal_by(today)
            made = ModelDeduction(shown, "", claim.settlement, claim.purse, amount, who, today, by)
            claims.deduct(state, claim, made)
            return compared(answer, deduction_expected(state, made))

        body = {**WHY, "amount": yuan(amount), "reason_code": "R01"}
        path = f"/claims/{claim.shown}/deductions"
        return self.stage.perform(StagedAct("deduct from claim", who, path, body, reasons, done, look(claim)))

    def _amount(self, owed: int) -> int:
        if self.stage.chance(TOO_MUCH):
            return self.stage.random.choice((0, owed + 1, owed * 2 + 100))
        return owed if self.stage.chance(WHOLE) else max(1, owed // self.stage.random.randrange(1, 20))

    def accept(self, deduction: ModelDeduction) -> bool:
        """The hospital agrees."""
        reasons = deductions.may_accept(self.stage.state, deduction)

        def done(answer: Answer) -> Iterator[str]:
            deductions.take_effect(self.stage.state, deduction, deduction.amount, Audit.ACCEPTED)
            self._follow(deduction)
            return compared(answer, deduction_expected(self.stage.state, deduction))

        return self._move("accept deduction", deduction, "acceptance", {}, reasons, done)

    def appeal(self, deduction: ModelDeduction) -> bool:
        """The hospital disagrees."""
        reasons = deductions.may_appeal(self.stage.state, deduction)

        def done(answer: Answer) -> Iterator[str]:
            deduction.state, deduction.appealed_by = Audit.APPEALED, self._hospital(deduction)
            return compared(answer, deduction_expected(self.stage.state, deduction))

        return self._move("appeal", deduction, "appeal", WHY, reasons, done)

    def decide(self, deduction: ModelDeduction) -> bool:
        """Decide an appeal, now and then by who proposed it, or by an amount that is no reduction."""
        outcome = self.stage.random.choice(OUTCOMES)
        amount = max(1, deduction.amount // 2) if outcome == "reduced" else None
        if amount is not None and self.stage.chance(TOO_MUCH):
            amount = deduction.amount + 1
        who = deduction.maker if self.stage.chance(SELF) else CHECKER
        reasons = deductions.may_decide(deduction, who, outcome, amount)

        def done(answer: Answer) -> Iterator[str]:
            upheld = {"upheld": deduction.amount, "dismissed": 0}.get(outcome, amount or 0)
            deductions.take_effect(self.stage.state, deduction, upheld, Audit.DECIDED)
            self._follow(deduction)
            return compared(answer, deduction_expected(self.stage.state, deduction))

        body: dict[str, object] = {**WHY, "outcome": outcome}
        body |= {} if amount is None else {"amount": yuan(amount)}
        path = f"/clearing/deductions/{deduction.shown}/decision"
        return self.stage.perform(StagedAct("decide appeal", who, path, body, reasons, done, self._look(deduction)))

    def _move(
        self, name: str, deduction: ModelDeduction, verb: str, body: dict[str, str], reasons: Reasons, done: Done
    ) -> bool:
        who = self._hospital(deduction)
        others = [code for code in self.stage.world.hospitals if code != who]
        if others and self.stage.chance(STRANGER):
            who, reasons = self.stage.random.choice(others), [*reasons, *NOT_YOURS]
        path = f"/clearing/deductions/{deduction.shown}/{verb}"
        return self.stage.perform(StagedAct(name, who, path, body, reasons, done, self._look(deduction)))

    def _hospital(self, deduction: ModelDeduction) -> str:
        return deduction.purse.hospital or REGISTRAR

    def _follow(self, deduction: ModelDeduction) -> None:
        """A person's claim asks for that much less; what was paid of it may now be all, or too much."""
        claim = self.stage.state.claims.get(deduction.purse.party.removeprefix("claim:"))
        if claim is not None:
            states = claims.follow(self.stage.state, claim)
            claim.state = states[0] if claim.paid else claim.state

    def _look(self, deduction: ModelDeduction) -> Look:
        return f"/clearing/deductions/{deduction.shown}", lambda: deduction_expected(self.stage.state, deduction)
