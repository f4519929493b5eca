"""The explanation: every step can be redone from its sentence alone."""

import random

from app.tiers.explain import input_names, redone
from tests.tiers import engine
from tests.tiers.random_bills import person_year, walk_chain

REDONE = {
    *("scope", "share", "bands", "floor", "own_cap", "package", "fixed_payment", "patient"),
    *("referral_missing", "class_not_covered", "no_rate", "ended"),
}


def test_every_step_of_random_years_can_be_redone_from_its_sentence() -> None:
    """Rates, deductibles, rooms and notes of rounding in a sentence give its amount to the fen; each kind occurs."""
    seen: set[str] = set()
    names = input_names()
    for seed in range(200):
        for settled in walk_chain(person_year(random.Random(seed)), engine.settle):
            for step in engine.outcome_of(**settled["inputs"]).trace:
                seen.add(redone(step))
                assert step.inputs.keys() <= names.keys()
    assert seen == REDONE
