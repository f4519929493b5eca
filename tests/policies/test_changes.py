"""What a change of the law changes: over all days, on the cases, on the settlements of a database."""

import asyncio
import json
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console

from app.basics.money import fen
from app.config import Settings
from app.database.engine import open_database
from app.demo.run import run_demo
from app.policies import SHIPPED, book_with
from app.policies.cases import parse_cases
from app.policies.changes import Law, changed_bills, spans
from app.settlement.what_if import Stored, stored_changes
from app.tiers.load import load_book
from tests.cli.test_cli import run
from tests.conftest import ADMIN_TOKEN, migrated_database, start_service
from tests.policies.test_cases import CASE
from tests.policies.test_policy import SMALL

YUNNAN = (SHIPPED / "yunnan.yaml").read_text(encoding="utf-8")
RATES = 'value: {1: "0.95", 2: "0.85", 3: "0.70"}'
HALF = '{of: ordinary, times: "0.5"}, status: enacted'


def law(old: str = "", new: str = "") -> Law:
    """The small pack, with a change."""
    assert old in SMALL
    return Law(load_book({"small": SMALL.replace(old, new) if old else SMALL}), "small")


def test_equal_packs_differ_on_no_day() -> None:
    """Nothing to see where nothing changed."""
    assert spans(law(), law()) == []


def test_a_difference_is_told_for_the_days_on_which_it_holds() -> None:
    """A figure that is another one from a day on differs from that day on, and not before."""
    (found,) = spans(law(), law("2019-01-01", "2019-03-01"))
    assert (found.since, found.until) == (date(2019, 1, 1), date(2019, 3, 1))
    assert {item.name for item in found.differences} == {"basic.rate"}


def test_a_pack_that_begins_later_rules_none_of_the_days_before() -> None:
    """Days that only one of the packs rules are an interval of their own."""
    found = spans(law(), law("from: 2018-01-01\n    precedence", "from: 2018-06-01\n    precedence"))
    assert [(span.since, span.until, span.a is None, span.b is None) for span in found][:1] == [
        (date(2018, 1, 1), date(2018, 6, 1), False, True)
    ]


def test_a_case_that_comes_out_otherwise_is_named_with_both_results() -> None:
    """The same pack changes no case; another rate changes those that touch it."""
    cases = parse_cases("small.cases.yaml", CASE)
    bills, changed = changed_bills(cases, law(), law())
    assert bills > 0
    assert changed == []
    _, changed = changed_bills(cases, law(), law('"0.50"', '"0.40"'))
    assert changed
    for bill in changed:
        assert isinstance(bill.a, dict)
        assert isinstance(bill.b, dict)
        assert sum(bill.a.values()) == sum(bill.b.values())
        assert bill.b["basic"] < bill.a["basic"]


@pytest.mark.thorough
def test_a_changed_figure_of_a_shipped_pack_shows_its_days_its_cases_and_that_they_are_past(tmp_path: Path) -> None:
    """The command names the intervals and the bills that the cases have, and warns of the past."""
    assert HALF in YUNNAN
    changed = tmp_path / "yunnan.yaml"
    changed.write_text(YUNNAN.replace(HALF, HALF.replace("0.5", "0.9")), encoding="utf-8")
    done = run("policy", "diff", "yunnan", str(changed))
    assert done.returncode == 0, done.stderr
    assert "张结果不同" in done.stdout
    assert "改动涉及过去的日子" in done.stdout
    answer = json.loads(run("policy", "diff", "yunnan", str(changed), "--json").stdout)
    assert answer["spans"]
    assert answer["cases"]["bills"] > len(answer["cases"]["changed"]) > 0
    assert run("policy", "diff", "yunnan", str(changed), "--on", "2020-01-01", "--bills", "stored").returncode == 1


async def stored_under(database: str, law: Law) -> Stored:
    """Every settlement of the law's pack, computed again under the law."""
    opened = await open_database(database, Settings())
    try:
        async with opened.transaction() as connection:
            return await stored_changes(connection, law.name, law, lambda _: True)
    finally:
        await opened.close()


@pytest.mark.thorough
def test_stored_settlements_are_computed_under_the_changed_law(database_server: str, tmp_path: Path) -> None:
    """Under the same pack every stored settlement comes out as it is; under another rate the bills that it touches
    differ, and their portions still add up to the bill."""
    database = asyncio.run(migrated_database(database_server))
    process, base_url = start_service(database, tmp_path)
    try:
        run_demo(base_url, ADMIN_TOKEN, Console(quiet=True))
    finally:
        process.terminate()
        process.wait(30)
    same, other = tmp_path / "same", tmp_path / "other"
    for folder, text in ((same, YUNNAN), (other, YUNNAN.replace(RATES, RATES.replace("0.85", "0.80")))):
        folder.mkdir()
        (folder / "yunnan.yaml").write_text(text, encoding="utf-8")
    assert (other / "yunnan.yaml").read_text(encoding="utf-8") != YUNNAN
    words = ("policy", "diff", "yunnan", str(other / "yunnan.yaml"), "--bills", "stored", "--json")
    done = run(*words, ONESTOP_DATABASE_URL=database)
    assert done.returncode == 0, done.stderr
    stored = json.loads(done.stdout)["stored"]
    assert stored["bills"] > 0
    assert stored["changed"]
    for bill in stored["changed"]:
        assert fen(bill["b"]["basic"]) < fen(bill["a"]["basic"])
        assert sum(map(fen, bill["a"].values())) == sum(map(fen, bill["b"].values()))
    law = Law(book_with([same / "yunnan.yaml"], drafts=True), "yunnan")
    unchanged = asyncio.run(stored_under(database, law))
    assert unchanged.bills >= stored["bills"]
    assert unchanged.changed == []
