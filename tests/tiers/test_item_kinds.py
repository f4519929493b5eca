"""First pay by the kind of an item, and bases of some kinds alone."""

from datetime import date
from fractions import Fraction
from random import Random

import pytest

from app.basics.errors import PolicyError
from app.tiers.explain import redone, sentence
from app.tiers.model import Bill, CatalogueEntry, Episode, Facts, Line, empty_year
from app.tiers.waterfall import compute
from tests.tiers import oracle_words as oracle
from tests.tiers.packs import AREA, book_of, pack_text, policy_of

DAY = date(2020, 5, 1)
KINDS = ("drug", "material", "imported_material", "examination", "bed", "service")
FIRST = {"drug": "0.10", "imported_material": "0.50", "examination": "0.30"}
CATALOGUE = {
    kind: [CatalogueEntry(kind, "B", 1000 if kind == "drug" else 0, (None, None, None), False, DAY, None, kind)]
    for kind in KINDS
}
BASIC = "tier: basic, kind: share, base: in_scope"
RULES = [
    f"rule: imported, title: 进口, {BASIC}, items: imported, rate: one",
    f"rule: others, title: 其他, {BASIC}, items: others, rate: rate, deductible: due",
]
ROW = 'from: 2018-01-01, status: assumed, source: {document: d, clause: "1"}'
FIRST_PAY = f"""  pay:
    title: 先付
    unit: rate
    rows:
      - {{item_kind: imported_material, value: "0.50", {ROW}}}
      - {{item_kind: examination, value: "0.30", {ROW}}}
      - {{item_kind: [drug, material, bed, service], value: none, {ROW}}}
"""
FIGURES = {
    "imported": ("kinds", "[imported_material]"),
    "others": ("kinds", "[drug, material, examination, bed, service]"),
    "one": ("rate", '"1"'),
    "rate": ("rate", '"0.888"'),
    "due": ("yuan", "800"),
}


def text_of(rules: list[str], pay: str = FIRST_PAY) -> str:
    """The pack with its first pay."""
    return pack_text(rules, FIGURES, "    first_pay: pay\n") + pay


def test_random_bills_agree_with_the_oracle() -> None:
    """Imported material pays half first and nothing further, examinations less, the rest as the catalogue says."""
    rng = Random(2)
    policy = policy_of(text_of(RULES))
    first_pay = {kind: Fraction(FIRST.get(kind, "0")) for kind in KINDS}
    for _ in range(200):
        bought = [(rng.choice(KINDS), rng.choice([rng.randint(0, 99), rng.randint(0, 5000_00)])) for _ in range(6)]
        lines = tuple(
            Line(number, kind, 10_000, amount * 10_000, amount, DAY, False, None)
            for number, (kind, amount) in enumerate(bought, 1)
        )
        bill = Bill("21", DAY, DAY, None, None, "compliant", "none", sum(amount for _, amount in bought), lines)
        facts = Facts("P", AREA, "ordinary", "H", 1, "county", AREA)
        outcome = compute(bill, CATALOGUE, facts, empty_year(), Episode(), policy).outcome
        first, free, rest = oracle.by_kind(
            bought, first_pay, {*KINDS} - {"imported_material"}, 800_00, Fraction("0.888")
        )
        assert (outcome.scope.first_pay, outcome.portions.basic) == (first, free + rest)
        assert [step.amount for step in outcome.trace[1:3]] == [free, rest]
        assert [redone(step) for step in outcome.trace] == ["scope", "share", "share", "patient"]
        assert sentence(outcome.trace[1]).startswith("（政策范围内费用（进口材料） ")


def test_kinds_stand_only_where_they_mean_something() -> None:
    """First pay needs a figure for every kind; rates of rules and bases out of scope know no kinds."""
    cases = (
        (text_of(RULES, FIRST_PAY.replace("bed, service", "bed")), "policy_gap"),
        (text_of([RULES[0].replace("rate: one", "rate: pay"), RULES[1]]), "只有版本的 first_pay"),
        (text_of([RULES[0].replace("base: in_scope", "base: total"), RULES[1]]), "in_scope 或 remaining_in_scope"),
        (text_of(RULES).replace("first_pay: pay", "first_pay: due"), "没有单位 rate"),
    )
    for text, finding in cases:
        with pytest.raises(PolicyError, match=finding):
            book_of(text)
