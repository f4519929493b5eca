"""Illegal declarations, withdrawals, approvals, comparisons and orders."""

from collections.abc import Iterator
from typing import Final

from app.simulation.desks.statements import look, path_of
from app.simulation.model import deductions, orders, statements
from app.simulation.model.reasons import INVALID_MOVE, Reasons, because
from app.simulation.model.state import ModelStatement
from app.simulation.office import CHECKER, MAKER, OWNERS
from app.simulation.stage import Stage, StagedAct
from app.simulation.trespass.illegal import by_stranger, illegal
from app.simulation.world import AREAS

TOO_HIGH: Final = 5000


def proposed(stage: Stage) -> Iterator[StagedAct]:
    """Everything about statements that may be refused, the latest statement first."""
    yield from _declarations(stage)
    for statement in reversed(list(stage.state.statements.values())):
        for move in (_withdrawal(stage, statement), _comparison(statement), _audit_end(stage, statement)):
            yield from (move, by_stranger(move))
        yield from _approvals(stage, statement)
        yield from _orders(statement)


def _declarations(stage: Stage) -> Iterator[StagedAct]:
    state, hospitals = stage.state, list(stage.world.hospitals)
    periods = {one.period for one in state.statements.values()} | {period for _, period in state.months}
    for period in [state.today[:7], *sorted(periods, reverse=True)]:
        for hospital in hospitals:
            for area in AREAS:
                reasons = statements.may_declare(state, hospital, area, period)
                body = {"hospital_code": hospital, "period": period, "area_code": area}
                move = illegal("declare", MAKER, "/clearing/statements", reasons, body=body)
                yield move
                yield from (by_stranger(move, other) for other in hospitals if other != hospital)


def _withdrawal(stage: Stage, statement: ModelStatement) -> StagedAct:
    reasons = statements.may_withdraw(stage.state, statement)
    return illegal("withdraw", MAKER, f"{path_of(statement)}/withdrawal", reasons, look=look(statement))


def _comparison(statement: ModelStatement) -> StagedAct:
    body: dict[str, object] = {"statement_id": statement.shown, "totals": []}
    reasons = statements.may_reconcile(statement)
    path = "/clearing/reconciliations"
    return illegal("reconcile", statement.hospital, path, reasons, body=body, look=look(statement))


def _audit_end(stage: Stage, statement: ModelStatement) -> StagedAct:
    reasons = deductions.may_end_audit(stage.state, statement)
    return illegal("end audit", MAKER, f"{path_of(statement)}/audit", reasons, body={}, look=look(statement))


def _approvals(stage: Stage, statement: ModelStatement) -> Iterator[StagedAct]:
    other = CHECKER if statement.maker != CHECKER else MAKER
    absent = [fund for fund in OWNERS if fund not in {part.purse.fund for part in statement.parts}]
    for who, funds in ((other, None), (statement.maker, None), *((other, [fund]) for fund in absent[:1])):
        if who == statement.hospital:
            continue
        reasons: Reasons = statements.may_approve(statement, who, funds)
        if deductions.waiting(stage.state, statements.chosen_parts(statement, funds)):
            reasons += because((True, INVALID_MOVE, "deductions open"))
        body = {"funds": funds} if funds else {}
        move = illegal("approve", who, f"{path_of(statement)}/approval", reasons, body=body, look=look(statement))
        yield from (move, by_stranger(move))


def _orders(statement: ModelStatement) -> Iterator[StagedAct]:
    for fund in OWNERS:
        for rate in (0, TOO_HIGH):
            body = {"statement_id": statement.shown, "fund": fund, "deposit_rate": f"0.{rate:04d}"}
            reasons = orders.may_order(statement, fund, rate)
            move = illegal("order", MAKER, "/disbursements", reasons, body=body, look=look(statement))
            yield from (move, by_stranger(move))
