"""Two rules that share what is left of a base in proportion, instead of one after the other."""

from datetime import date
from fractions import Fraction
from random import Random

import pytest

from app.basics.errors import PolicyError
from app.tiers.explain import redone, sentence
from app.tiers.model import Bill, CatalogueEntry, Episode, Facts, Line, Outcome, empty_year
from app.tiers.waterfall import compute
from tests.tiers import oracle_words as oracle
from tests.tiers.oracle import r
from tests.tiers.packs import AREA, book_of, pack_text, policy_of

CATALOGUE = {"A": [CatalogueEntry("A", "A", 0, (None, None, None), False, date(2000, 1, 1), None)]}
DAY = date(2020, 5, 1)
BASIC = "rule: basic, title: 基本, tier: basic, kind: share, base: in_scope, rate: basic"
ONE = "rule: one, title: 补充, tier: supplement, kind: share, base: remaining_in_scope, rate: one, in_proportion: rest"
OTHER = "rule: two, title: 医院, tier: hospital, kind: share, base: remaining_in_scope, rate: two, in_proportion: rest"


def outcome_of(one: str, two: str, total: int) -> Outcome:
    """A bill that is all in scope."""
    figures = {"basic": ("rate", '"0.6"'), "one": ("rate", f'"{one}"'), "two": ("rate", f'"{two}"')}
    line = Line(1, "A", 10_000, total * 10_000, total, DAY, False, None)
    bill = Bill("21", DAY, DAY, None, None, "compliant", "none", total, (line,))
    facts = Facts("P", AREA, "ordinary", "H", 1, "county", AREA)
    policy = policy_of(pack_text([BASIC, ONE, OTHER], figures))
    return compute(bill, CATALOGUE, facts, empty_year(), Episode(), policy).outcome


def test_random_bills_agree_with_the_oracle() -> None:
    """Each rule is computed as if alone; both together never exceed what is left, and each step can be redone."""
    rng = Random(5)
    cut = 0
    for _ in range(300):
        total = rng.choice([rng.randint(0, 9), rng.randint(0, 9000_00)])
        one, two = (f"0.{rng.randint(0, 9999):04d}" for _ in range(2))
        outcome = outcome_of(one, two, total)
        left = total - r(total * Fraction("0.6"))
        shares = oracle.in_proportion(left, r(left * Fraction(one)), r(left * Fraction(two)))
        assert (outcome.portions.supplement, outcome.portions.hospital) == shares
        assert [redone(step) for step in outcome.trace] == ["scope", "share", "share", "share", "patient"]
        cut += outcome.portions.patient == 0 and total > 100
    assert 50 < cut < 250


def test_the_sentence_says_how_it_was_shared() -> None:
    """What each would be alone, the sum that exceeds what is left, and the share of it."""
    outcome = outcome_of("0.90", "0.60", 1000_01)
    assert sentence(outcome.trace[2]) == (
        "（政策范围内剩余费用 400.00）× 90% = 360.00；两项合计 600.00 超过剩余 400.00"
        "，按比例分担 400.00 × 360.00 ÷ 600.00 = 240.00"
    )
    assert sentence(outcome.trace[3]).endswith(
        "；两项合计 600.00 超过剩余 400.00，前一项按比例分担后余下 400.00 − 240.00 = 160.00"
    )


def test_only_two_neighbours_of_one_base_share() -> None:
    """A third rule, one in between, another base or a cut for a missing referral is refused."""
    figures = dict.fromkeys(("basic", "one", "two", "cut"), ("rate", '"0.6"'))
    third = OTHER.replace("rule: two", "rule: three")
    for rules, found in (
        ([ONE, OTHER, third], "相邻的两条"),
        ([ONE, BASIC, OTHER], "相邻的两条"),
        ([BASIC, ONE], "相邻的两条"),
        ([BASIC, ONE, OTHER.replace("remaining_in_scope", "total")], "同一个 base"),
        ([BASIC, ONE, f"{OTHER}, missing_referral_cut: cut"], "只用于 share"),
    ):
        with pytest.raises(PolicyError, match=found):
            book_of(pack_text(rules, figures))
