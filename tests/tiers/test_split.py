"""A stay over the turn of the year, where the law splits it there: what each year pays, and that the sums add up."""

from datetime import date
from random import Random

import pytest
from msgspec import structs

from app.basics.errors import PolicyError, Refused
from app.tiers.explain import redone, sentence
from app.tiers.load import load_book
from app.tiers.model import Bill, CatalogueEntry, Episode, Facts, Line, Outcome, empty_year
from app.tiers.split import KnownBefore, compute_split
from app.tiers.waterfall import compute, splits
from tests.tiers.packs import AREA, book_of, pack_text, policy_of

CATALOGUE = {
    "A": [CatalogueEntry("A", "A", 0, (None, None, None), False, date(2000, 1, 1), None)],
    "B": [CatalogueEntry("B", "B", 1000, (None, None, None), False, date(2000, 1, 1), None)],
}
FACTS = Facts("P", AREA, "ordinary", "H", 2, "county", AREA)
SPLIT = "    over_new_year: split\n"
BASIC = "rule: basic, title: 基本, tier: basic, kind: share, base: in_scope, rate: rate, deductible: deductible"
STAY = f"{BASIC}, cap_stay: cap_stay"
ONCE = "rule: once, title: 定额, tier: supplement, kind: lump_sum, base: remaining_total, sums: sum"
CAPPED = "rule: serious, title: 大病, tier: serious_illness, kind: bands, base: remaining_in_scope, "
CAPPED += "counts_base: serious_base, deductible: line, rate: rate, cap_year: cap_year, counts_paid: serious_paid"
FIGURES = {"rate": ("rate", '"0.7"'), "deductible": ("yuan", "500"), "cap_stay": ("yuan", "1000")}
FIGURES |= {"sum": ("yuan", "60"), "line": ("yuan", "200"), "cap_year": ("yuan", "400")}


def line(number: int, amount: int, day: date, code: str = "A") -> Line:
    """One line of a fen amount on a day."""
    return Line(number, code, 10_000, amount * 10_000, amount, day, False, None)


def stay(*lines: Line, admitted: date = date(2019, 12, 20), discharged: date = date(2020, 1, 10)) -> Bill:
    """An inpatient bill over the new year."""
    total = sum(item.amount for item in lines)
    return Bill("21", admitted, discharged, None, None, "compliant", "none", total, lines)


def outcome_of(text: str, bill: Bill, old: dict[str, int] | None = None, new: dict[str, int] | None = None) -> Outcome:
    """A split bill after what both years held."""
    older = KnownBefore(old or empty_year(), Episode(), policy_of(text, date(2019, 12, 31)), FACTS)
    newer = KnownBefore(new or empty_year(), Episode(), policy_of(text, bill.discharged_on), FACTS)
    return compute_split(bill, CATALOGUE, older, newer).outcome


def test_both_parts_add_up_and_can_be_redone() -> None:
    """Random stays: the parts' sums are the bill's amounts, each year grows by its own part, and a reader redoes every
    step."""
    rng = Random(11)
    text = pack_text([STAY, ONCE, CAPPED], FIGURES, SPLIT)
    for _ in range(300):
        days = [date(2019, 12, rng.randint(20, 31)) if rng.random() < 0.5 else date(2020, 1, rng.randint(1, 10))]
        days += [date(2019, 12, 31), date(2020, 1, 1)]
        bill = stay(*(line(n, rng.randint(0, 2000_00), day, rng.choice("AB")) for n, day in enumerate(days, 1)))
        old, new = ({**empty_year(), "serious_base": rng.randint(0, 900_00)} for _ in range(2))
        outcome = outcome_of(text, bill, old, new)
        first, second = outcome.years
        assert (first.benefit_year, second.benefit_year, outcome.benefit_year) == (2019, 2020, 2020)
        for name in ("scope", "portions"):
            parts = [structs.astuple(getattr(part, name)) for part in outcome.years]
            assert tuple(map(sum, zip(*parts, strict=True))) == structs.astuple(getattr(outcome, name))
        assert sum(structs.astuple(outcome.portions)) == bill.total == sum(structs.astuple(outcome.scope))
        assert outcome.deductible == min(500_00, first.scope.in_scope) + min(
            max(0, 500_00 - first.scope.in_scope), second.scope.in_scope
        )
        assert first.portions.basic + second.portions.basic <= 1000_00
        assert first.portions.supplement + second.portions.supplement <= 60_00
        for part in outcome.years:
            assert part.after["serious_paid"] == part.portions.serious_illness <= 400_00
        assert (first.after["inpatient_count"], outcome.after["inpatient_count"]) == (1, 0)
        assert {item.line_no for item in outcome.lines} == {1, 2, 3}
        for step in outcome.trace:
            redone(step)


def test_a_refund_is_taken_off_the_line_that_it_refunds() -> None:
    """A refund of January of what was charged in December lowers December's part."""
    bill = stay(line(1, 1000_00, date(2019, 12, 21)), line(2, 100_00, date(2020, 1, 5)))
    refund = Line(3, "A", -5_000, 1000_00 * 10_000, -500_00, date(2020, 1, 6), False, 1)
    bill = structs.replace(bill, lines=(*bill.lines, refund), total=600_00)
    outcome = outcome_of(pack_text([BASIC], FIGURES, SPLIT), bill)
    assert [part.scope.in_scope for part in outcome.years] == [500_00, 100_00]
    assert [part.portions.basic for part in outcome.years] == [0, 70_00]


def test_what_a_stay_got_in_the_old_year_is_taken_off_and_said() -> None:
    """A limit per stay and a fixed sum per bill hold for the whole stay, and their steps say what came before."""
    bill = stay(line(1, 1500_00, date(2019, 12, 21)), line(2, 900_00, date(2020, 1, 5)))
    outcome = outcome_of(pack_text([STAY, ONCE], FIGURES, SPLIT), bill)
    assert [part.portions.basic for part in outcome.years] == [700_00, 300_00]
    said = [sentence(step) for step in outcome.trace]
    assert any("单次限额 300.00（已减去上年部分支付的 700.00）" in text for text in said)
    assert "本次住院上年的部分已支付过，支付 0.00" in said
    assert [step.name for step in outcome.trace][:2] == ["2019 年部分：政策范围内费用", "2019 年部分：基本"]


def test_only_stays_over_the_new_year_are_split() -> None:
    """A stay within a year, an outpatient visit and a stay of another pack are computed whole; a split one isn't
    computed whole by mistake."""
    text = pack_text([BASIC], FIGURES, SPLIT)
    over = stay(line(1, 900_00, date(2020, 1, 5)))
    within = structs.replace(over, admitted_on=date(2020, 1, 1))
    assert splits(over, policy_of(text))
    assert not splits(within, policy_of(text))
    assert not splits(structs.replace(over, medical_type="52"), policy_of(text))
    assert not splits(over, policy_of(pack_text([BASIC], FIGURES)))
    with pytest.raises(Refused, match="stay_split_changed"):
        compute(over, CATALOGUE, FACTS, empty_year(), Episode(), policy_of(text))
    assert not policy_of(text).same_law(policy_of(pack_text([BASIC], FIGURES)))


@pytest.mark.parametrize("kind", ["fixed_payment, tier: basic, sums: sum", "disease_price, tier: hospital, price: p"])
def test_a_sum_for_a_whole_stay_and_a_split_exclude_each_other(kind: str) -> None:
    """The checker refuses kinds whose sum is for one stay where stays are split, unless they aren't for inpatients."""
    figures = {**FIGURES, "p": ("prices", "{X1: 5}")}
    text = pack_text([BASIC, f"rule: whole, title: 定额, kind: {kind}"], figures, SPLIT)
    with pytest.raises(PolicyError, match="按一次住院定额，不能和 over_new_year: split 一起用"):
        load_book({"words": text})
    apart = text.replace("rule: whole,", 'rule: whole, applies: {medical_type: ["52"]},')
    assert book_of(apart)
    with pytest.raises(PolicyError, match="over_new_year” 不能写“parted”"):
        load_book({"words": apart.replace("over_new_year: split", "over_new_year: parted")})
