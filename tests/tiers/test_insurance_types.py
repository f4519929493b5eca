"""Employees' insurance beside residents': packs, facts, funds and accumulators of each."""

from datetime import date

import pytest

from app.basics.errors import PolicyError, Refused
from app.tiers.explain import redone
from app.tiers.load import load_book
from app.tiers.model import Bill, CatalogueEntry, Episode, Facts, Line, Outcome, empty_year
from app.tiers.waterfall import compute, of_type
from tests.tiers.packs import AREA, pack_text

CATALOGUE = {"A": [CatalogueEntry("A", "A", 0, (None, None, None), False, date(2000, 1, 1), None)]}
DAY = date(2020, 5, 1)
BOTH = 'insurance_types: ["390", "310"]\nfunds: {"310": {basic: "310100", serious_illness: "330100"}}\n'
RULES = [
    "rule: basic, title: 基本, tier: basic, kind: share, base: in_scope, rate: rate, cap_year: cap, "
    "counts_paid: basic_paid",
    "rule: large, title: 大额, tier: serious_illness, kind: share, base: remaining_in_scope, rate: large, "
    "applies: {insurance_type: ['310'], retirement: [retired]}",
]
FIGURES = {"rate": ("rate", '"0.6"'), "large": ("rate", '"0.5"'), "cap": ("yuan", "1000")}


def text_of(head: str) -> str:
    """The pack with lines at its head."""
    return pack_text(RULES, FIGURES).replace('areas: ["99"]\n', f'areas: ["99"]\n{head}')


def outcome_of(facts: Facts, before: dict[str, int]) -> Outcome:
    """A bill of 2,000.00 that is all in scope."""
    line = Line(1, "A", 10_000, 2000_00 * 10_000, 2000_00, DAY, False, None)
    bill = Bill("21", DAY, DAY, None, None, "compliant", "none", 2000_00, (line,))
    policy = load_book({"words": text_of(BOTH)}).on(DAY, AREA, facts.insurance_type)
    outcome = compute(bill, CATALOGUE, facts, before, Episode(), policy).outcome
    assert all(redone(step) for step in outcome.trace)
    return outcome


def test_each_type_has_its_funds_and_its_year() -> None:
    """Residents' and employees' bills of one person use up room of their own, from funds of their own."""
    resident = Facts("P", AREA, "ordinary", "H", 1, "county", AREA)
    retired = Facts("P", AREA, "ordinary", "H", 1, "county", AREA, insurance_type="310", retired=True)
    first = outcome_of(resident, empty_year())
    assert [(one.fund, one.amount) for one in first.payables] == [("390100", 1000_00)]
    second = outcome_of(retired, first.after)
    assert [(one.fund, one.amount) for one in second.payables] == [("310100", 1000_00), ("330100", 500_00)]
    third = outcome_of(resident, second.after)
    assert (third.payables, third.portions.patient) == ((), 2000_00)
    others, own = of_type(third.after, "310")
    assert (own["basic_paid"], own["own_total"], others["own_total"]) == (1000_00, 500_00, 3000_00)
    assert {name: amount - second.before.get(name, 0) for name, amount in second.after.items() if amount} == {
        "310:basic_paid": 1000_00,
        "310:inpatient_count": 1,
        "310:compliant_own": 500_00,
        "310:own_total": 500_00,
        **dict.fromkeys(("basic_paid", "inpatient_count", "compliant_own", "own_total"), 0),
    }


def test_who_works_is_not_retired() -> None:
    """A rule for retired persons leaves the others alone."""
    working = Facts("P", AREA, "ordinary", "H", 1, "county", AREA, insurance_type="310")
    assert outcome_of(working, empty_year()).portions.serious_illness == 0


def test_a_type_that_no_pack_covers_is_refused() -> None:
    """Residents' packs say nothing of employees."""
    book = load_book({"words": text_of("")})
    with pytest.raises(Refused, match="insurance_type_unsupported"):
        book.on(DAY, AREA, "310")
    assert book.on(DAY, AREA).pack.insurance_types == ("390",)


def test_two_packs_of_an_area_have_different_types() -> None:
    """One area, one pack for each type; two for one type are an overlap."""
    employees = text_of(BOTH.replace('"390", ', "")).replace("pack: words", "pack: employees")
    book = load_book({"words": text_of(""), "employees": employees})
    assert book.on(DAY, AREA, "310").pack.name == "employees"
    assert book.on(DAY, AREA).pack.name == "words"
    with pytest.raises(PolicyError, match="policy_overlap"):
        load_book({"words": text_of(BOTH), "employees": employees})


@pytest.mark.parametrize(
    ("head", "finding"),
    [
        ('insurance_types: ["310"]\n', "不能用居民的基金"),
        (
            'insurance_types: ["310"]\nfunds: {"310": {basic: "390100", serious_illness: "330100"}}\n',
            "不能用居民的基金",
        ),
        ('insurance_types: ["310"]\nfunds: {"310": {basic: "123456", serious_illness: "330100"}}\n', "国家字典"),
        ('insurance_types: ["399"]\n', "399"),
        ('funds: {"310": {basis: "310100"}}\n', "basis"),
    ],
)
def test_wrong_types_and_funds_are_findings(head: str, finding: str) -> None:
    """Funds are never mixed, and codes are those of the national dictionary."""
    with pytest.raises(PolicyError, match=finding):
        load_book({"words": text_of(head)})
