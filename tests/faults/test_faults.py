"""Faults under load: no settlement that was acknowledged is lost, none is there twice, and nothing needs a hand."""

from collections.abc import Callable

import pytest

from tests.faults.causes import CAUSES, planned
from tests.faults.run import run, table

SEED = 1
FAULTS = 20
BUDGET_SECONDS = 240


def test_a_seed_is_a_plan() -> None:
    """The same seed gives the same faults, and every kind comes before one comes again."""
    plan = planned(SEED, FAULTS)
    assert plan == planned(SEED, FAULTS) != planned(SEED + 1, FAULTS)
    assert {kind for kind, _, _ in plan[: len(CAUSES)]} == set(CAUSES)


@pytest.mark.thorough
@pytest.mark.timeout(900)  # a busy machine may need minutes for the last fault that still begins within the budget
async def test_faults_under_load_cost_no_settlement(record_property: Callable[[str, object], None]) -> None:
    """Kills, a frozen database, a full disk and others, one after the other while clients settle: what was acknowledged
    is there once, what wasn't converges to one, all invariants hold, and everything works again within ten seconds. A
    machine that is too slow for the budget leaves the last ones out, and the table says so."""
    outcomes = await run(SEED, FAULTS, within=BUDGET_SECONDS)
    record_property("table", f"{table(outcomes)}\n{len(outcomes)} of {FAULTS} faults (all of them: make soak-faults)")
    assert [one for one in outcomes if one.wrong or one.is_late] == []
    assert len(outcomes) > 1
