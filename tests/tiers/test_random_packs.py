"""What the checker accepts, the engine computes: random packs over every class, level, type and day."""

import os
import re
from datetime import date
from pathlib import Path
from random import Random

import pytest
from msgspec import structs

from app.basics.errors import PolicyError, Refused
from app.policies import read_text
from app.policies.words import rule_words
from app.tiers.explain import input_names, redone, shown_inputs
from app.tiers.load import load_book
from app.tiers.model import (
    LEVELS,
    MEDICAL_TYPES,
    RANKS,
    REFERRALS,
    Bill,
    CatalogueEntry,
    Episode,
    Facts,
    Line,
    Outcome,
    empty_year,
)
from app.tiers.policy import PolicyBook
from app.tiers.split import KnownBefore, compute_split, last_day_before
from app.tiers.summary import summarized
from app.tiers.waterfall import compute, splits
from tests.tiers.random_packs import DISEASES, random_pack

pytestmark = pytest.mark.thorough

PACKS = int(os.environ.get("ONESTOP_RANDOM_PACKS", "2000"))
SHARDS = 4
AREAS = ("990101", "990102", "990201", "110101")
CATALOGUE = {
    "A": [CatalogueEntry("A", "A", 0, (None, None, None), False, date(2000, 1, 1), None, "drug")],
    "B": [CatalogueEntry("B", "B", 1500, (None, 40_000_000, None), False, date(2000, 1, 1), None)],
    "M": [CatalogueEntry("M", "B", 5000, (None, None, None), False, date(2000, 1, 1), None, "imported_material")],
    "E": [CatalogueEntry("E", "A", 0, (None, None, None), False, date(2000, 1, 1), None, "examination")],
    "C": [CatalogueEntry("C", "C", 0, (None, None, None), False, date(2000, 1, 1), None)],
}


def random_bill(rng: Random, medical_type: str, day: date) -> Bill:
    """A bill of a line of each item; a stay may begin in the year before, and then some lines were charged there."""
    admitted = day
    if medical_type in ("21", "52") and rng.random() < 0.4:
        admitted = date(day.year - 1, 12, rng.randint(1, 31))
    amounts = {code: rng.choice([0, rng.randint(1, 99), rng.randint(1, 30_000_00)]) for code in CATALOGUE}
    lines = tuple(
        Line(number, code, 10_000, amount * 10_000, amount, rng.choice([admitted, day]), False, None)
        for number, (code, amount) in enumerate(amounts.items(), 1)
    )
    return Bill(
        medical_type=medical_type,  # type: ignore[arg-type]
        admitted_on=admitted,
        discharged_on=day,
        disease_code=rng.choice(DISEASES) if medical_type == "14" else rng.choice([None, *DISEASES]),
        delivery_mode=rng.choice(["vaginal", "caesarean"]) if medical_type == "52" else None,  # type: ignore[arg-type]
        referral=rng.choice(REFERRALS),  # type: ignore[arg-type]
        work_injury="none",
        total=sum(amounts.values()),
        lines=lines,
    )


def outcome_of(bill: Bill, facts: Facts, year: dict[str, int], episode: Episode, book: PolicyBook) -> Outcome:
    """A bill by the law of its day; a split one after an empty older year."""
    policy = book.on(bill.discharged_on, facts.area_code, facts.insurance_type)
    if not splits(bill, policy):
        return compute(bill, CATALOGUE, facts, year, episode, policy).outcome
    former = book.on(last_day_before(bill), facts.area_code, facts.insurance_type)
    older = KnownBefore(empty_year(), structs.replace(episode, deductible_paid=0), former, facts)
    return compute_split(bill, CATALOGUE, older, KnownBefore(year, episode, policy, facts)).outcome


def person_years(rng: Random, book: PolicyBook) -> int:
    """Bills of every medical type and class through one pack; how many were computed."""
    names, computed = input_names(), 0
    for class_ in book.classes:
        year = empty_year()
        for medical_type in MEDICAL_TYPES:
            day = date(rng.choice([2019, 2020, 2021, 2022]), rng.randint(1, 12), rng.randint(1, 28))
            level, rank, area = int(rng.choice(LEVELS)), rng.choice(RANKS), rng.choice(AREAS)
            kind = rng.choice(sorted(book.insurance_types))
            facts = Facts("P", "990101", class_, "H", level, rank, area)  # type: ignore[arg-type]
            facts = structs.replace(facts, insurance_type=kind, retired=rng.random() < 0.5)
            bill = random_bill(rng, medical_type, day)
            deductible, admission = rng.choice([0, 300_00]), rng.randint(1, 6)
            at = rng.randint(1, admission)
            episode = Episode(deductible, 0, admission, at, rng.randint(at, admission))
            try:
                outcome = outcome_of(bill, facts, year, episode, book)
            except Refused as refused:
                assert refused.code == "disease_not_listed"
                continue
            for step in outcome.trace:
                redone(step)
                assert shown_inputs(step.inputs).keys() <= names.keys()
            for language in ("zh", "en"):
                assert summarized(
                    outcome.scope,
                    outcome.portions,
                    outcome.trace,
                    benefit_class=class_,
                    medical_type=medical_type,
                    language=language,  # type: ignore[arg-type]
                    classes=book.classes,
                )
            for part in outcome.years:
                assert all(amount >= 0 for amount in part.after.values())
            assert all(amount >= 0 for amount in outcome.after.values())
            year = outcome.after
            computed += 1
    return computed


@pytest.mark.parametrize("shard", range(SHARDS))
def test_what_the_checker_accepts_the_engine_computes(shard: int) -> None:
    """No pack of the vocabulary ends in a traceback, and every step of its settlements can be redone from its
    sentence."""
    accepted = 0
    for seed in range(shard, PACKS, SHARDS):
        rng = Random(seed)
        text = random_pack(rng)
        try:
            book = load_book({"random": text})
        except PolicyError as refused:
            assert all(finding.startswith("random.yaml:") for finding in refused.findings)
            continue
        accepted += 1
        for version in book.packs["random"].versions:
            assert all(rule_words(rule, book.packs["random"].classes) for rule in version.rules)
        try:
            assert person_years(rng, book)
        except Exception as error:
            raise AssertionError(f"seed {seed}\n{text}") from error
    assert accepted > PACKS // SHARDS // 2


ODD = (
    "[]",
    "{}",
    "none",
    "1.5",
    "null",
    "2020-01-01",
    "true",
    '"1."',
    "{of: 5}",
    "{share: none, of_parameter: [x]}",
    "-3",
    "５０",
)


def test_no_text_makes_the_checker_fail() -> None:
    """Whatever stands in the place of a word or value of a pack, the answer is a book or findings, never a
    traceback."""
    text = read_text(Path(__file__).parent.parent / "policies" / "cases" / "vocabulary.yaml")
    lines = text.splitlines()
    rng = Random(1)
    refused = 0
    for _ in range(150):
        number = rng.randrange(len(lines))
        words = list(re.finditer(r"(?<=: )[^{},\[\]#]+", lines[number]))
        if not words:
            continue
        word = rng.choice(words)
        line = lines[number][: word.start()] + rng.choice(ODD) + lines[number][word.end() :]
        try:
            load_book({"vocabulary": "\n".join([*lines[:number], line, *lines[number + 1 :]])})
        except PolicyError:
            refused += 1
    assert refused > 50
