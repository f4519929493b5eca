"""Illegal repayments of persons, and deductions from their claims."""

from collections.abc import Iterator

from app.simulation.desks.payments import look
from app.simulation.model import claims
from app.simulation.model.amounts import yuan
from app.simulation.office import CHECKER, MAKER
from app.simulation.stage import Stage, StagedAct
from app.simulation.trespass.illegal import WHY, by_stranger, illegal
from app.simulation.trespass.payments import moneys


def proposed(stage: Stage) -> Iterator[StagedAct]:
    """Everything about repayments and deductions that may be refused, the latest claim first."""
    for claim in reversed(list(stage.state.claims.values())):
        other = CHECKER if claim.maker != CHECKER else MAKER
        for money in moneys(stage, claim, claims.owed_back(claim)):
            for who in (other, claim.maker):
                reasons = claims.may_repay(stage.state, claim, money.amount, money.day, money.reference, who)
                body = {"amount": yuan(money.amount), "paid_on": money.day, "bank_reference": money.reference}
                path = f"/claims/{claim.shown}/repayments"
                move = illegal("repay claim", who, path, reasons, body=body, look=look(claim))
                yield from (move, by_stranger(move))
        for amount in (claim.amount, 0, claim.amount + 1):
            reasons = claims.may_deduct(stage.state, claim, amount)
            deduction = {**WHY, "amount": yuan(amount), "reason_code": "R01"}
            path = f"/claims/{claim.shown}/deductions"
            cut = illegal("deduct from claim", MAKER, path, reasons, body=deduction, look=look(claim))
            yield from (cut, by_stranger(cut))
