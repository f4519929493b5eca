"""Deductibles and caps that are counted for each disease group."""

from datetime import date
from fractions import Fraction
from random import Random

import pytest

from app.basics.errors import PolicyError
from app.tiers.explain import redone
from app.tiers.model import Bill, CatalogueEntry, Episode, Facts, Line, empty_year
from app.tiers.waterfall import compute
from tests.tiers import oracle_words as oracle
from tests.tiers.packs import AREA, book_of, pack_text, policy_of

CATALOGUE = {"A": [CatalogueEntry("A", "A", 0, (None, None, None), False, date(2000, 1, 1), None)]}
DAY = date(2020, 5, 1)
RULE = (
    "rule: basic, title: 基本, tier: basic, kind: share, base: in_scope, rate: rate, deductible: due, "
    "deductible_per: year, counts_deductible: used, cap_year: cap, counts_paid: paid"
)
FIGURES = {
    "rate": ("rate", '"0.73"'),
    "due": ("yuan", "500"),
    "cap": ("yuan", "4000"),
    "list": ("diseases", "{X1: {name: 甲, group: one}, X2: {name: 乙, group: one}, X3: {name: 丙, group: two}}"),
}
VERSION = """    accumulators:
      used: {title: 起付线, per: disease_group}
      paid: {title: 支付, per: disease_group, diseases: list}
      scope: {title: 用, per: disease_group, diseases: list, grows_by: in_scope, applies: {disease_group: [one, other]}}
"""
GROUPS = {"X1": "one", "X2": "one", "X3": "two", "X4": "other", None: "other"}


def test_random_years_agree_with_the_oracle() -> None:
    """Each group has a deductible and a cap of its own, and a sum of its own that grows with its bills."""
    rng = Random(3)
    text = pack_text([f"{RULE}, diseases: list"], FIGURES, VERSION)
    for _ in range(40):
        bills = [
            (rng.choice(list(GROUPS)), rng.choice([rng.randint(0, 400_00), rng.randint(0, 9000_00)])) for _ in range(9)
        ]
        expected = oracle.shares_of_year(
            [(GROUPS[code], amount) for code, amount in bills], 500_00, Fraction("0.73"), 4000_00
        )
        year = empty_year()
        for (code, amount), portion in zip(bills, expected, strict=True):
            line = Line(1, "A", 10_000, amount * 10_000, amount, DAY, False, None)
            bill = Bill("21", DAY, DAY, code, None, "compliant", "none", amount, (line,))
            facts = Facts("P", AREA, "ordinary", "H", 1, "county", AREA)
            outcome = compute(bill, CATALOGUE, facts, year, Episode(), policy_of(text)).outcome
            assert outcome.portions.basic == portion
            assert [redone(step) for step in outcome.trace] == ["scope", "share", "patient"]
            year = outcome.after
        for group in set(GROUPS.values()):
            scope = sum(amount for code, amount in bills if GROUPS[code] == group and group != "two")
            paid = sum(amount for (code, _), amount in zip(bills, expected, strict=True) if GROUPS[code] == group)
            assert (year.get(f"scope/{group}", 0), year.get(f"paid/{group}", 0)) == (scope, paid)


def test_a_group_that_nobody_can_tell_is_a_finding() -> None:
    """A rule that counts per group without a list, and a growing sum without one, are refused."""
    with pytest.raises(PolicyError, match="规则要写 diseases"):
        book_of(pack_text([RULE], FIGURES, VERSION))
    with pytest.raises(PolicyError, match="就要写 diseases"):
        book_of(pack_text([RULE], FIGURES, VERSION.replace("diseases: list, grows_by", "grows_by")))
    with pytest.raises(PolicyError, match="没有单位 diseases 的参数"):
        book_of(pack_text([f"{RULE}, diseases: list"], FIGURES, VERSION.replace("diseases: list", "diseases: cap")))
