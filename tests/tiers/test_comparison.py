"""Two explanations side by side: what a correction changed."""

import random
from collections import defaultdict

import msgspec

from app.basics.money import fen
from app.tiers.comparison import compared
from app.tiers.model import FUND_TIERS, Outcome, Portions, Step
from tests.tiers import engine
from tests.tiers.random_bills import person_year, walk_chain


def outcomes(seed: int) -> list[tuple[Outcome, Outcome]]:
    """Each bill of a random year as it is, and as it would be for a low-income person, or without a referral."""
    pairs = []
    for settled in walk_chain(person_year(random.Random(seed)), engine.settle):
        inputs = settled["inputs"]
        person = inputs["person"] | {"identities": [{"class": "low_income", "from": "2016-01-01"}]}
        bill = inputs["bill"] | {"referral": "missing"}
        before = engine.outcome_of(**inputs)
        pairs += [
            (before, engine.outcome_of(**inputs | {"person": person})),
            (before, engine.outcome_of(**inputs | {"bill": bill})),
        ]
    return pairs


def test_differences_add_up_to_those_of_the_portions() -> None:
    """Per fund and for the patient, whatever changed; equal outcomes have no changes."""
    changed = 0
    for seed in range(100):
        for before, after in outcomes(seed):
            assert compared(before.trace, before.trace) == ()
            sums: dict[str, int] = defaultdict(int)
            for change in compared(before.trace, after.trace):
                sums[change.tier] += fen(change.difference)
                assert "\n" not in change.sentence
                changed += 1
            assert {tier: sums[tier] for tier in (*FUND_TIERS, "patient")} == difference(
                before.portions, after.portions
            )
    assert changed > 500


def difference(before: Portions, after: Portions) -> dict[str, int]:
    """What each fund and the patient pay more afterwards, fen."""
    return {tier: getattr(after, tier) - getattr(before, tier) for tier in (*FUND_TIERS, "patient")}


def step(tier: str, rule: str, amount: int, **inputs: object) -> Step:
    """A step of a trace."""
    return Step(tier, rule, "share", f"{rule}支付", amount, inputs)  # type: ignore[arg-type]


def test_a_change_names_amounts_and_inputs_in_words() -> None:
    """One line per step: before, after, difference, then each input that changed with both values."""
    before = (step("basic", "甲", 100_00, rate=7500, deductible=500_00, base_name="in_scope"),)
    after = (step("basic", "甲", 90_00, rate=8500, deductible=500_00, base_name="total", cap_year=1_00),)
    (change,) = compared(before, after)
    assert change.sentence == (
        "甲支付：100.00 → 90.00（-10.00），支付比例 0.7500 → 0.8500；"
        "基数名称 政策范围内费用 → 总费用；年度限额 无 → 1.00"
    )
    assert msgspec.to_builtins(change.inputs[0]) == {
        "input": "rate",
        "name": "支付比例",
        "before": "0.7500",
        "after": "0.8500",
    }


def test_bands_and_unchanged_amounts_read_well() -> None:
    """Bands row by row; an amount that stays says so."""
    before = (step("basic", "甲", 5, bands=[[100_00, 6000], [None, 7000]]),)
    after = (step("basic", "甲", 5, bands=[[None, 7000]]),)
    assert compared(before, after)[0].sentence == "甲支付：0.05 不变，分段 至 100.00 0.6000、以上 0.7000 → 以上 0.7000"


def test_steps_only_on_one_side_stand_in_their_order() -> None:
    """A step that is gone and one that is new have one amount each, and count whole in the difference."""
    before = (step("a", "1", 1), step("a", "2", 2), step("a", "4", 4))
    after = (step("a", "1", 1), step("a", "3", 3), step("a", "4", 5))
    changes = compared(before, after)
    assert [(one.rule, one.before, one.after, one.difference) for one in changes] == [
        ("2", "0.02", None, "-0.02"),
        ("3", None, "0.03", "0.03"),
        ("4", "0.04", "0.05", "0.01"),
    ]
    assert changes[0].sentence == "2支付：不再有此步，原金额 0.02（-0.02）"
    assert changes[1].sentence == "3支付：新增此步，金额 0.03（+0.03）"
