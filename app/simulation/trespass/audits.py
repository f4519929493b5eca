"""Illegal deductions: too much, of what isn't declared, too late, twice, by the wrong person."""

from collections.abc import Iterator

from app.simulation.answers import deduction_expected
from app.simulation.desks.statements import look as statement_look
from app.simulation.desks.statements import path_of
from app.simulation.model import deductions
from app.simulation.model.amounts import yuan
from app.simulation.model.state import ModelDeduction, ModelStatement
from app.simulation.office import CHECKER, MAKER, REGISTRAR
from app.simulation.stage import Look, Stage, StagedAct
from app.simulation.trespass.illegal import WHY, by_stranger, illegal


def proposed(stage: Stage) -> Iterator[StagedAct]:
    """Everything about deductions that may be refused."""
    for statement in reversed(list(stage.state.statements.values())):
        yield from _proposals(stage, statement)
    for deduction in reversed(list(stage.state.deductions.values())):
        yield from _answers(stage, deduction)


def _proposals(stage: Stage, statement: ModelStatement) -> Iterator[StagedAct]:
    state = stage.state
    for part in statement.parts:
        item = next((one for one in part.items if one.settlement), None)
        if item is None:
            continue
        owed = max(0, state.owed(part.purse, item.settlement) - state.taken(part.purse, item.settlement))
        for amount in (1, 0, owed + 1):
            fund = part.purse.fund
            reasons = deductions.may_propose(state, statement, item.settlement, fund, amount)
            body = {"settlement_id": item.settlement, "fund": fund, "amount": yuan(amount), "reason_code": "R01"}
            path = f"{path_of(statement)}/deductions"
            look = statement_look(statement)
            move = illegal("propose deduction", MAKER, path, reasons, body={**WHY, **body}, look=look)
            yield from (move, by_stranger(move, statement.hospital))


def _answers(stage: Stage, deduction: ModelDeduction) -> Iterator[StagedAct]:
    state, hospital = stage.state, deduction.purse.hospital or REGISTRAR
    path, look = f"/clearing/deductions/{deduction.shown}", _look(stage, deduction)
    others = [code for code in stage.world.hospitals if code != hospital]
    accept = illegal(
        "accept deduction",
        hospital,
        f"{path}/acceptance",
        deductions.may_accept(state, deduction),
        body={},
        look=look,
    )
    appeal = illegal("appeal", hospital, f"{path}/appeal", deductions.may_appeal(state, deduction), look=look)
    for move in (accept, appeal):
        yield from (move, *(by_stranger(move, other) for other in others[:1]))
    for who, outcome, amount in (
        (CHECKER, "dismissed", None),
        (deduction.maker, "dismissed", None),
        (CHECKER, "reduced", deduction.amount + 1),
    ):
        body: dict[str, object] = {**WHY, "outcome": outcome} | ({} if amount is None else {"amount": yuan(amount)})
        reasons = deductions.may_decide(deduction, who, outcome, amount)
        decide = illegal("decide appeal", who, f"{path}/decision", reasons, body=body, look=look)
        yield from (decide, by_stranger(decide))


def _look(stage: Stage, deduction: ModelDeduction) -> Look:
    return f"/clearing/deductions/{deduction.shown}", lambda: deduction_expected(stage.state, deduction)
