"""Whether an order's deposit would push a statutory fund below its floor by the year's end."""

from collections.abc import Sequence

from app.simulation.model.amounts import RATE_ONE
from app.simulation.model.orders import Formula
from app.simulation.model.rates import Instead, known_only, projected, reaches
from app.simulation.model.reasons import SILENT, Reason, Reasons
from app.simulation.model.state import FLOORS, PLAN_DEPOSIT, ModelPart, ModelState

REFUSED = Reason(409, "payout_floor", "below the floor")


def deposit_reasons(
    state: ModelState, parts: Sequence[ModelPart], formulas: Sequence[Formula], rate: int | None
) -> Reasons:
    """The floor's reasons against a deposit: never against 0; by the plan alone where there is no last year."""
    chosen = PLAN_DEPOSIT if rate is None else rate
    reasons: Reasons = []
    for part, one in zip(parts, formulas, strict=True):
        floor = FLOORS.get(part.purse.fund)
        if floor is None or chosen == 0:
            continue
        reasons += _of_part(state, part, one, chosen, floor)
    return reasons


def _of_part(state: ModelState, part: ModelPart, one: Formula, chosen: int, floor: int) -> Reasons:
    if one.deposit == 0:
        return [SILENT]
    if int(state.today[:4]) > part.year:
        return [] if chosen <= PLAN_DEPOSIT else [SILENT]
    area, fund = part.purse.area, part.purse.fund
    if known_only(state, area, fund, part.year):
        return [] if reaches(chosen, floor) else [REFUSED]
    with_it = projected(state, area, fund, part.year, state.today, Instead(part, one.deposit))
    without = projected(state, area, fund, part.year, state.today, Instead(part, 0))
    if with_it.part * RATE_ONE >= floor * with_it.whole:
        return []
    return [REFUSED] if without.part > with_it.part else [SILENT]
