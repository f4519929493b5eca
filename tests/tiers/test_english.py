"""The steps of the explanation in English."""

import re

from app.tiers.english import INPUT_NAMES, KIND_NAMES, REASONS, UNNAMED, line_of
from app.tiers.explain import REASONS as CHINESE_REASONS
from app.tiers.explain import STEPS, input_names
from app.tiers.kinds import KINDS
from app.tiers.model import Step


def test_every_word_of_steps_has_an_english_one() -> None:
    """Each kind, each input that a step can have and each reason is named; no name is Chinese."""
    assert {*KINDS, *STEPS} - KIND_NAMES.keys() == set()
    assert input_names().keys() - INPUT_NAMES.keys() - UNNAMED == set()
    assert CHINESE_REASONS.keys() - REASONS.keys() == set()
    words = (*KIND_NAMES.values(), *INPUT_NAMES.values(), *REASONS.values())
    assert [word for word in words if re.search(r"[\u4e00-\u9fff]", word)] == []


def test_a_step_shows_its_numbers() -> None:
    """Amounts are yuan, rates per cent, bands rows of both; what it comes to stands at the end."""
    inputs = {"base": 6_800_000, "base_name": "remaining_in_scope", "deductible": 0, "rate": 7000}
    step = Step(tier="basic", rule="x", kind="share", name="支付", amount=4_760_000, inputs=inputs)
    said = "base 68000.00; which is remaining cost in scope; deductible 0.00; rate 70% → 47600.00"
    assert line_of(step) == said
    banded = Step(
        tier="basic", rule="x", kind="bands", name="x", amount=1, inputs={"bands": [[100, 5000], [None, 6000]]}
    )
    assert line_of(banded) == "bands to 1.00 50%, above 60% → 0.01"
    refused = Step(tier="basic", rule="x", kind="share", name="x", amount=0, inputs={"reason": "no_rate"})
    assert line_of(refused) == "no such benefit for the class: pays 0.00"
