"""Declare, withdraw, reconcile, end the audit, approve: by the right people and by the wrong ones."""

from collections.abc import Iterator
from typing import Final

from msgspec import convert

from app.simulation.answers import Answer, ReconciliationSeen, StatementSeen, compared, statement_expected
from app.simulation.auditor import Auditor
from app.simulation.model import deductions, statements
from app.simulation.model.reasons import INVALID_MOVE, NOT_YOURS, SILENT, because
from app.simulation.model.state import ModelStatement, ModelStep
from app.simulation.office import CHECKER, MAKER, OWNERS, READER
from app.simulation.stage import Look, Stage, StagedAct

WHY: Final = {"reason": "模拟"}
WRONG_TOTALS, BY_HOSPITAL, BY_OWNER, STRANGER, SELF = 0.2, 0.6, 0.35, 0.08, 0.1


def path_of(statement: ModelStatement) -> str:
    """Where a statement is read."""
    return f"/clearing/statements/{statement.shown}"


class StatementDesk:
    """Everything that is done to a statement as a whole."""

    def __init__(self, stage: Stage, auditor: Auditor) -> None:
        self.stage, self.auditor = stage, auditor

    def declare(self, hospital: str, area: str, period: str) -> bool:
        """Declare a month; whether it was accepted."""
        who = hospital if self.stage.chance(BY_HOSPITAL) else MAKER
        reasons = statements.may_declare(self.stage.state, hospital, area, period)
        others = [code for code in self.stage.world.hospitals if code != hospital]
        if others and self.stage.chance(STRANGER):
            who, reasons = self.stage.random.choice(others), [*reasons, *NOT_YOURS]

        def done(answer: Answer) -> Iterator[str]:
            self.auditor.declared(hospital, area, period)
            statement = ModelStatement(convert(answer, StatementSeen).statement_id, hospital, area, period, who)
            statements.declare(self.stage.state, statement)
            return compared(answer, statement_expected(statement))

        body = {"hospital_code": hospital, "period": period, "area_code": area}
        return self.stage.perform(StagedAct("declare", who, "/clearing/statements", body, reasons, done))

    def withdraw(self, statement: ModelStatement) -> bool:
        """Take a declaration back, at whatever stage it is."""
        who = statement.hospital if self.stage.chance(BY_HOSPITAL) else MAKER
        reasons = statements.may_withdraw(self.stage.state, statement)
        if self.stage.chance(STRANGER):
            who, reasons = READER, [*reasons, *NOT_YOURS]
        elif self.stage.chance(STRANGER):
            who = OWNERS[self.stage.random.choice(sorted(OWNERS))]
            others = {part.purse.fund for part in statement.parts} - {who.removeprefix("fund.")}
            reasons = [*reasons, *NOT_YOURS] if others or not statement.parts else reasons
            reasons = reasons if statement.parts else [SILENT]

        def done(answer: Answer) -> Iterator[str]:
            statements.withdraw(self.stage.state, statement)
            return compared(answer, statement_expected(statement))

        path = f"{path_of(statement)}/withdrawal"
        return self.stage.perform(StagedAct("withdraw", who, path, WHY, reasons, done, look(statement)))

    def reconcile(self, statement: ModelStatement) -> bool:
        """Compare with the hospital's totals, sometimes wrong ones; resolve what differs, not always at once."""
        shown = convert(self.stage.office.get(path_of(statement)), StatementSeen)
        totals: list[dict[str, object]] = [
            {"fund": one.fund, "count": one.count, "amount": one.amount} for one in shown.funds
        ]
        wrong = bool(totals) and self.stage.chance(WRONG_TOTALS)
        if wrong:
            totals[0] |= {"amount": "0.01", "count": 1}
        reasons = statements.may_reconcile(statement)

        def done(answer: Answer) -> Iterator[str]:
            seen = convert(answer, ReconciliationSeen)
            if (seen.result == "different") != wrong:
                yield f"result expected {'different' if wrong else 'matched'}, got {seen.result}"
            statements.reconcile(statement, [one.difference_id for one in seen.differences])

        body: dict[str, object] = {"statement_id": statement.shown, "totals": totals}
        act = StagedAct(
            "reconcile", statement.hospital, "/clearing/reconciliations", body, reasons, done, look(statement)
        )
        accepted = self.stage.perform(act)
        if accepted:
            for difference in list(statement.differences):
                self.stage.office.do(MAKER, "POST", f"/v1/clearing/differences/{difference}/resolution", WHY)
                statements.resolve(statement, difference)
        return accepted

    def end_audit(self, statement: ModelStatement) -> bool:
        """End the audit."""
        reasons = deductions.may_end_audit(self.stage.state, statement)

        def done(_: Answer) -> Iterator[str]:
            deductions.book_late(self.stage.state, statement, None)
            statement.audited = True
            return self.stage.seen(path_of(statement), statement_expected(statement))

        path = f"{path_of(statement)}/audit"
        return self.stage.perform(StagedAct("end audit", MAKER, path, {}, reasons, done, look(statement)))

    def approve(self, statement: ModelStatement) -> bool:
        """Approve what is left, all at once, or a fund by its owner."""
        funds = None
        who = statement.maker if self.stage.chance(SELF) else self._other(statement)
        present = sorted({part.purse.fund for part in statement.parts})
        if present and self.stage.chance(BY_OWNER):
            funds = [self.stage.random.choice(present)]
            who = OWNERS[funds[0]]
        reasons = statements.may_approve(statement, who, funds)
        if deductions.waiting(self.stage.state, statements.chosen_parts(statement, funds)):
            reasons = [*reasons, *because((True, INVALID_MOVE, "deductions open"))]
        if who == statement.hospital:
            reasons = [*reasons, *NOT_YOURS]

        def done(_: Answer) -> Iterator[str]:
            # The answer to a fund's owner needn't show other funds' deductions: an administrator looks instead.
            deductions.book_late(self.stage.state, statement, funds)
            statements.approve(statement, who, funds)
            return self.stage.seen(path_of(statement), statement_expected(statement))

        path = f"{path_of(statement)}/approval"
        return self.stage.perform(
            StagedAct("approve", who, path, {"funds": funds} if funds else {}, reasons, done, look(statement))
        )

    def _other(self, statement: ModelStatement) -> str:
        return CHECKER if statement.maker != CHECKER else MAKER


def look(statement: ModelStatement) -> Look:
    """Where to see that a refusal changed nothing."""
    return path_of(statement), lambda: statement_expected(statement)


def unfinished(statement: ModelStatement) -> bool:
    """Whether something remains to be done."""
    return statements.step_of(statement) not in (ModelStep.WITHDRAWN, ModelStep.SETTLED)
