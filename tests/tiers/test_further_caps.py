"""One payment that counts into several accumulators: the smallest room holds, and each grows by what was paid."""

from datetime import date
from random import Random

import pytest

from app.basics.errors import PolicyError
from app.tiers.explain import redone
from app.tiers.load import load_book
from app.tiers.model import Bill, CatalogueEntry, Episode, Facts, Line, empty_year
from app.tiers.waterfall import compute
from tests.tiers.packs import AREA, pack_text, policy_of

DAY = date(2020, 1, 1)
CATALOGUE = {"A": [CatalogueEntry("A", "A", 0, (None, None, None), False, date(2000, 1, 1), None)]}
RULE = "rule: basic, title: 基本, tier: basic, kind: share, base: in_scope, rate: rate, "
RULE += "cap_year: year, counts_paid: basic_paid, cap_also: both, also_counts: with_outpatients, "
RULE += "cap_also_2: life, also_counts_2: all_paid, also_counts_3: shown_only"
FIGURES = {"rate": ("rate", '"0.6"'), "year": ("yuan", "900"), "both": ("yuan", "800"), "life": ("yuan", "700")}
OWN = "    accumulators:\n" + "".join(
    f"      {name}: {{title: {name}}}\n" for name in ("with_outpatients", "all_paid", "shown_only")
)
COUNTED = ("basic_paid", "with_outpatients", "all_paid", "shown_only")


def test_the_smallest_of_all_rooms_holds() -> None:
    """Random years: a bill pays the least of its rate and three rooms, all four accumulators grow by it, and a reader
    can redo it."""
    rng = Random(5)
    policy = policy_of(pack_text([RULE], FIGURES, OWN))
    for _ in range(300):
        before = {name: rng.randint(0, 1000_00) for name in COUNTED}
        amount = rng.randint(0, 2000_00)
        bill = Bill(
            "21",
            DAY,
            DAY,
            None,
            None,
            "compliant",
            "none",
            amount,
            (Line(1, "A", 10_000, amount * 10_000, amount, DAY, False, None),),
        )
        facts = Facts("P", AREA, "ordinary", "H", 2, "county", AREA)
        outcome = compute(bill, CATALOGUE, facts, empty_year() | before, Episode(), policy).outcome
        rooms = [max(0, cap - before[name]) for name, cap in zip(COUNTED, (900_00, 800_00, 700_00), strict=False)]
        paid = min((amount * 6 + 5) // 10, *rooms)
        assert outcome.portions.basic == paid
        assert {name: outcome.after[name] - before[name] for name in COUNTED} == dict.fromkeys(COUNTED, paid)
        for step in outcome.trace:
            redone(step)


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("also_counts_2: all_paid, ", "", "有 cap_also_2，就要写 also_counts_2"),
        ("also_counts_2: all_paid", "also_counts_2: with_outpatients", "写了同一个累计两次"),
        ("cap_also: both, also_counts: with_outpatients, ", "", "先写 also_counts"),
    ],
)
def test_what_makes_no_sense_is_refused(old: str, new: str, finding: str) -> None:
    """A limit without its accumulator, one accumulator twice, and a second one without a first."""
    assert old in RULE
    with pytest.raises(PolicyError, match=finding):
        load_book({"words": pack_text([RULE.replace(old, new)], FIGURES, OWN)})
