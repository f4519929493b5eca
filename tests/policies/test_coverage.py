"""Which figures of a pack its golden cases touch."""

from pathlib import Path

import pytest

from app.policies import SCHEMES, SHIPPED, cases_file, pack_files, read_text, read_texts, shipped_book
from app.policies.cases import parse_cases
from app.policies.coverage import Covered, coverage
from app.tiers.load import load_book

BOOKS = [shipped_book(), load_book(read_texts(SCHEMES))]


def covered(name: str, cases: str) -> list[Covered]:
    """The rows of a shipped pack with the cases of a text."""
    book = shipped_book()
    return coverage(book.packs[name], parse_cases("p.cases.yaml", cases), book)


@pytest.mark.parametrize("path", pack_files(SHIPPED, SCHEMES), ids=lambda path: path.stem)
def test_every_enacted_figure_of_every_pack_has_a_case(path: Path) -> None:
    """An enacted figure, of the published schemes too, can't be changed without a golden case noticing."""
    book = next(book for book in BOOKS if path.stem in book.packs)
    rows = coverage(book.packs[path.stem], parse_cases(path.name, read_text(cases_file(path))), book)
    own = [item for item in rows if item.row.file == path.name and item.row.status == "enacted"]
    assert [(item.parameter, item.row.line) for item in own if not item.bills] == []


CASE = """cases:
  - title: 低保
    day: 2018-06-01
    person: {class: low_income, area: "530102"}
    hospital: {level: 1, rank: township}
    amounts: {in_scope: 1000}
    expect: {basic: 760, medical_assistance: 168, patient: 72}
"""


def test_a_case_touches_the_rows_of_its_day_and_facts_alone() -> None:
    """The row of the person's class and the day counts the bill; other classes and later intervals don't."""
    touched = {
        (item.parameter, str(item.row.since), item.row.selectors) for item in covered("yunnan", CASE) if item.bills
    }
    rates = {selectors for name, _, selectors in touched if name == "assistance.rate"}
    assert rates == {(("class", ("low_income", "registered_poor")),)}
    assert all(since < "2018-06-02" for _, since, _ in touched)
