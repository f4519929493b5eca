"""The rule kinds are general: published schemes of other places are packs, not code (calculation.md, section 7)."""

from datetime import date
from typing import Any

import pytest
import yaml

from app.money import fen, yuan
from app.tiers.model import CLASSES, Bill, CatalogueEntry, Episode, Facts, Line, Outcome, empty_year
from app.tiers.policy import load_book
from app.tiers.waterfall import compute
from tests.calculator import checked

DAY = date(2020, 6, 1)


class Plain(yaml.SafeDumper):
    """Writes repeated values out, as packs must: no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """Never an alias."""
        return True


def written(data: Any) -> str:
    """A pack as text."""
    return yaml.dump(data, Dumper=Plain, allow_unicode=True, sort_keys=False)


def pack(rules: list[dict[str, Any]], figures: dict[str, tuple[str, Any]]) -> str:
    """A pack of these rules; figures by name: unit and value (or rows with selectors)."""
    source = {"status": "enacted", "source": {"document": "d", "clause": "1"}, "from": date(2020, 1, 1)}
    parameters = {
        name: {
            "title": name,
            "unit": unit,
            "rows": [row | source for row in value]
            if isinstance(value, list) and unit == "rows"
            else [{"value": value} | source],
        }
        for name, (unit, value) in figures.items()
    }
    version = {
        "title": "v",
        "from": date(2020, 1, 1),
        "precedence": list(CLASSES),
        "groups": {"everyone": list(CLASSES)},
        "rules": [{"title": rule["rule"]} | rule for rule in rules],
    }
    documents = {"d": {"title": "文件"}}
    whole = {
        "pack": "p",
        "title": "p",
        "areas": ["99"],
        "documents": documents,
        "versions": {"v": version},
        "parameters": parameters,
    }
    return written(whole)


def by(dimension: str, values: dict[str, Any], unit: str = "yuan") -> dict[str, Any]:
    """A parameter with a figure for each value of a dimension."""
    source = {"status": "enacted", "source": {"document": "d", "clause": "1"}, "from": date(2020, 1, 1)}
    return {"title": dimension, "unit": unit, "by": [dimension], "rows": [{"value": values} | source]}


def settled(
    text: str,
    in_scope: str,
    *,
    own: str = "0.00",
    level: int = 2,
    before: dict[str, int] | None = None,
    episode: Episode = Episode(),  # noqa: B008
    disease: str | None = None,
) -> Outcome:
    """One inpatient bill of a class A amount and a class C amount under a pack."""
    amounts = {"A": fen(in_scope), "C": fen(own)}
    lines = tuple(
        Line(number, kind, 10_000, amount * 10_000, amount, DAY, False, None)
        for number, (kind, amount) in enumerate(amounts.items(), 1)
        if amount
    )
    catalogue = {kind: [CatalogueEntry(kind, kind, 0, (None,) * 3, False, date(2017, 1, 1), None)] for kind in amounts}  # type: ignore[arg-type]
    bill = Bill("21", DAY, DAY, disease, None, "compliant", "none", sum(amounts.values()), lines)
    facts = Facts("P", "990101", "ordinary", "H", level, "county", "990101")
    policy = load_book({"p": text}).on(DAY, "990101")
    outcome = compute(bill, catalogue, facts, empty_year() | (before or {}), episode, policy).outcome
    for step in outcome.trace:
        checked(step)
    return outcome


BASIC = {"rule": "basic", "tier": "basic", "kind": "share", "base": "in_scope", "rate": "rate"}
CAPPED = {"cap_year": "cap", "counts_paid": "basic_paid"}


@pytest.mark.parametrize(
    ("in_scope", "deductible", "rate", "expected"),
    [
        ("30000.00", "404.20", "0.83", "24564.51"),  # chengdu-2012-a
        ("60000.00", "970.08", "0.85", "46336.00"),  # chengdu-2012-b: above its yearly cap
        ("8000.00", "600", "0.90", "6660.00"),  # jiangmen-2024
        ("50000.00", "1300", "0.60", "29220.00"),  # old-and-young-a
    ],
)
def test_published_cases_of_a_deductible_a_rate_and_a_cap(
    in_scope: str, deductible: str, rate: str, expected: str
) -> None:
    """Cities' own examples come out to the fen."""
    figures = {"rate": ("rate", rate), "deductible": ("yuan", deductible), "cap": ("yuan", 46336)}
    outcome = settled(pack([BASIC | CAPPED | {"deductible": "deductible"}], figures), in_scope)
    assert yuan(outcome.portions.basic) == expected


def test_what_is_over_the_base_cap_enters_serious_illness() -> None:
    """Only 90,000 counts for basic; deductible, co-payment and the rest enter the next tier: 49,170 and 127,830."""
    serious = {
        "rule": "serious",
        "tier": "serious_illness",
        "kind": "bands",
        "base": "remaining_in_scope",
        "deductible": "zero",
        "rate": "none",
        "counts_base": "serious_base",
    }
    figures = {
        "rate": ("rate", "0.55"),
        "deductible": ("yuan", 600),
        "base_cap": ("yuan", 90000),
        "zero": ("yuan", 0),
        "none": ("rate", "0"),
    }
    rules = [BASIC | {"deductible": "deductible", "base_cap": "base_cap"}, serious]
    outcome = settled(pack(rules, figures), "177000.00", own="3000.00")
    assert yuan(outcome.portions.basic) == "49170.00"
    assert yuan(outcome.after["serious_base"]) == "127830.00"


def test_bands_may_count_above_the_deductible() -> None:
    """A city of 2018: 10,000 from 50,000 with bands counted above a deductible of 20,000."""
    serious = {
        "rule": "serious",
        "tier": "serious_illness",
        "kind": "bands",
        "base": "remaining_in_scope",
        "deductible": "deductible",
        "bands": "bands",
        "bands_from": "deductible",
        "counts_base": "serious_base",
    }
    bands = [{"up_to": 20000, "rate": "0.30"}, {"up_to": 50000, "rate": "0.40"}, {"up_to": "none", "rate": "0.50"}]
    figures = {"rate": ("rate", "0"), "deductible": ("yuan", 20000), "bands": ("bands", bands)}
    assert yuan(settled(pack([BASIC, serious], figures), "50000.00").portions.serious_illness) == "10000.00"


def test_a_disease_has_a_fixed_price_and_another_has_none() -> None:
    """At a price of 100,000: 70 %, then two thirds of the rest; what the bill exceeds the price by is the hospital's."""
    price = {"rule": "price", "tier": "hospital", "kind": "disease_price", "price": "prices"}
    assistance = {
        "rule": "assistance",
        "tier": "medical_assistance",
        "kind": "share",
        "base": "in_scope",
        "rate": "assistance",
    }
    figures = {"rate": ("rate", "0.70"), "assistance": ("rate", "0.20"), "prices": ("prices", {"Q21": 100000})}
    text = pack([price, BASIC, assistance], figures)
    priced = settled(text, "112000.00", disease="Q21").portions
    assert [yuan(amount) for amount in (priced.basic, priced.medical_assistance, priced.hospital, priced.patient)] == [
        "70000.00",
        "20000.00",
        "12000.00",
        "10000.00",
    ]
    assert settled(text, "112000.00", disease="Z99").portions.hospital == 0


@pytest.mark.parametrize(
    ("in_scope", "paid"), [("5000.00", "3000.00"), ("20000.00", "16000.00"), ("90000.00", "80000.00")]
)
def test_a_deductible_may_be_a_share_of_the_bill(in_scope: str, paid: str) -> None:
    """20 % of the bill, at least 2,000, at most 10,000."""
    deductible = {"share_of_bill": "0.20", "at_least": 2000, "at_most": 10000}
    text = pack([BASIC | {"deductible": "deductible"}], {"rate": ("rate", "1"), "deductible": ("yuan", deductible)})
    assert yuan(settled(text, in_scope).portions.basic) == paid


@pytest.mark.parametrize(
    ("admission", "paid"),
    [(1, "9000.00"), (2, "9500.00"), (6, "9800.00")],
)
def test_a_deductible_may_fall_with_each_admission(admission: int, paid: str) -> None:
    """1,000 for the first admission of the year, 500 for the second, 200 for later ones."""
    text = yaml.safe_load(pack([BASIC | {"deductible": "deductible"}], {"rate": ("rate", "1")}))
    text["parameters"]["deductible"] = by("admission", {"1": 1000, "2": 500, "3": 200})
    content = written(text)
    outcome = settled(content, "10000.00", episode=Episode(admission=admission))
    assert yuan(outcome.portions.basic) == paid


def test_a_cap_may_hold_for_one_stay_and_differ_by_level() -> None:
    """A cap per stay is looked up by hospital level and starts anew with each bill."""
    text = yaml.safe_load(pack([BASIC | {"cap_stay": "stay"}], {"rate": ("rate", "0.90")}))
    text["parameters"]["stay"] = by("level", {"1": 1000, "2": 3000, "3": "none"})
    content = written(text)
    assert [yuan(settled(content, "10000.00", level=level).portions.basic) for level in (1, 2, 3)] == [
        "1000.00",
        "3000.00",
        "9000.00",
    ]


def test_all_funds_together_may_have_a_ceiling_and_a_floor() -> None:
    """Assistance pays until 90 % of the in-scope cost is paid, a later top-up lifts what is less to 90 %."""
    assistance = {
        "rule": "assistance",
        "tier": "medical_assistance",
        "kind": "share",
        "base": "remaining_in_scope",
        "rate": "assistance",
        "ceiling": "most",
        "ceiling_base": "in_scope",
    }
    floor = {"rule": "floor", "tier": "safety_net", "kind": "floor", "base": "in_scope", "rate": "most"}
    figures = {"rate": ("rate", "0.60"), "assistance": ("rate", "1.00"), "most": ("rate", "0.90")}
    assert yuan(settled(pack([BASIC, assistance], figures), "10000.00").portions.medical_assistance) == "3000.00"
    figures["assistance"] = ("rate", "0.10")
    portions = settled(pack([BASIC, assistance, floor], figures), "10000.00").portions
    assert (yuan(portions.medical_assistance), yuan(portions.safety_net)) == ("400.00", "2600.00")


def test_two_assistance_rules_share_a_cap_and_a_supplement_may_come_before_them() -> None:
    """The pack's order is the order; rules that count the same accumulator spend the same yearly room."""
    supplement = {
        "rule": "supplement",
        "tier": "serious_illness",
        "kind": "share",
        "base": "remaining_in_scope",
        "rate": "half",
    }
    shared = {"tier": "medical_assistance", "kind": "share", "base": "remaining_in_scope", "rate": "half"} | {
        "cap_year": "cap",
        "counts_paid": "assistance_paid",
    }
    rules = [BASIC, supplement, shared | {"rule": "first"}, shared | {"rule": "second"}]
    figures = {"rate": ("rate", "0.20"), "half": ("rate", "0.50"), "cap": ("yuan", 2500)}
    portions = settled(pack(rules, figures), "10000.00").portions
    assert (yuan(portions.serious_illness), yuan(portions.medical_assistance)) == ("4000.00", "2500.00")


def test_own_spending_of_the_year_may_be_capped_by_level() -> None:
    """County 3,000, city 5,000: whatever is above is paid, with what the year already had."""
    text = yaml.safe_load(
        pack(
            [BASIC, {"rule": "own", "tier": "safety_net", "kind": "own_cap", "cap": "own"}], {"rate": ("rate", "0.50")}
        )
    )
    text["parameters"]["own"] = by("level", {"1": 1000, "2": 3000, "3": 5000})
    content = written(text)
    outcome = settled(content, "4000.00", level=2, before={"compliant_own": 2500_00})
    assert (yuan(outcome.portions.safety_net), yuan(outcome.portions.patient)) == ("1500.00", "500.00")


def test_the_hospital_bears_out_of_catalogue_cost_above_its_share() -> None:
    """Own expense above 10 % of the bill is the hospital's."""
    rule = {"rule": "outside", "tier": "hospital", "kind": "out_of_catalogue", "limit": "limit"}
    figures = {"rate": ("rate", "0.50"), "limit": ("rate", "0.10")}
    outcome = settled(pack([rule, BASIC], figures), "8000.00", own="2000.00")
    assert (yuan(outcome.portions.hospital), yuan(outcome.portions.patient)) == ("1000.00", "5000.00")
