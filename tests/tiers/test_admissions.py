"""The number of an admission: of the year, at its hospital, at its level; what figures make of it."""

from datetime import date
from fractions import Fraction
from random import Random

from app.settlement.computing import asked_by
from app.tiers.episode import Place, Stay, episode_of, episode_visits, visit_name
from app.tiers.explain import redone
from app.tiers.model import Bill, CatalogueEntry, Facts, Line, Outcome, empty_year
from app.tiers.waterfall import compute
from tests.tiers import oracle_words as oracle
from tests.tiers.packs import AREA, pack_text, policy_of

CATALOGUE = {"A": [CatalogueEntry("A", "A", 0, (None, None, None), False, date(2000, 1, 1), None)]}
DAY = date(2020, 1, 1)
RULE = "rule: basic, title: 基本, tier: basic, kind: share, base: in_scope, rate: rate, deductible: deductible"
SUMS = (900_00, 500_00, 450_00, 100_00)


def text_of(value: str) -> str:
    """A pack with one rule, whose deductible is a value."""
    return pack_text([RULE], {"rate": ("rate", '"0.73"'), "deductible": ("yuan", value)})


def outcome_of(text: str, stays: list[Stay], visit: str, source: str | None, place: Place, total: int) -> Outcome:
    """One bill after the stays before it."""
    visits = episode_visits(stays, visit, source)
    assert visits is not None
    line = Line(1, "A", 10_000, total * 10_000, total, DAY, False, None)
    bill = Bill("21", DAY, DAY, None, None, "compliant", "none", total, (line,))
    facts = Facts("P", AREA, "ordinary", place.hospital_code, place.level, "county", AREA)
    policy = policy_of(text)
    episode = episode_of(stays, visits, benefit_year=2020, asked=asked_by([policy], facts))
    return compute(bill, CATALOGUE, facts, empty_year(), episode, policy).outcome


def test_random_years_agree_with_the_oracle() -> None:
    """Every stay of random years pays the deductible of its number, which the oracle counts by itself."""
    rng = Random(7)
    checked = 0
    for _ in range(60):
        at = rng.choice(["year", "hospital", "level"])
        step = rng.random() < 0.5
        value = (
            f"{{first_admission: 900, each_later_less: 130, at_least: 200, counted_at: {at}}}"
            if step
            else f"{{by_admission: [900, 500, 450, 100], counted_at: {at}}}"
        )
        text, stays, settled = text_of(value), [], []
        for number in range(rng.randint(3, 9)):
            hospital = rng.choice("ABCD")
            place = Place(hospital, "ABCD".index(hospital) % 2 + 1)
            before = rng.choice(settled) if settled and rng.random() < 0.3 else None
            again = before is not None and before.hospital == hospital and rng.random() < 0.7
            visit = before.visit if again and before is not None else visit_name(hospital, str(number))
            source = before.visit if before is not None and not again and before.source is None else None
            total = rng.randint(0, 3000_00)
            outcome = outcome_of(text, list(stays), visit, source, place, total)
            kept = before.source if again and before is not None else source
            settled.append(oracle.Settled(visit, hospital, place.level, kept))
            nth = oracle.admissions(settled)[("year", "hospital", "level").index(at)]
            due = oracle.stepped(900_00, 130_00, 200_00, nth) if step else SUMS[min(nth, 4) - 1]
            assert outcome.portions.basic == oracle.after_deductible(total, due, Fraction("0.73"))
            assert [redone(item) for item in outcome.trace] == ["scope", "share", "patient"]
            visits = episode_visits(stays, visit, source) or ()
            stays.append(Stay(number, 2020, number, visit, "21", DAY, DAY, True, 0, visits, place.level))
            checked += 1
    assert checked > 200


def test_the_law_of_today_asks_for_no_numbers_at_hospitals() -> None:
    """Where no figure counts at a hospital or level, an episode is written down as it always was."""
    assert not policy_of(text_of("{by_admission: [900, 500]}")).numbers_admissions
    assert policy_of(text_of("{by_admission: [900, 500], counted_at: level}")).numbers_admissions
    assert policy_of(
        pack_text(
            [f"{RULE}, applies: {{admission_at_hospital: ['1', '2', '3']}}", RULE.replace("rule: basic", "rule: rest")],
            {"rate": ("rate", '"0.73"'), "deductible": ("yuan", "5")},
        )
    ).numbers_admissions
