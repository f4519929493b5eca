"""The time of continuous integration, part by part."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests import budget, programs


def test_every_place_of_the_budget_is_there() -> None:
    """A part's tests aren't counted elsewhere because they moved."""
    root = Path(__file__).parents[2]
    assert [place for place in budget.PLACES if not (root / place).exists()] == []
    assert set(budget.PLACES.values()) <= set(budget.MINUTES)


def test_runs_add_up_and_what_is_over_is_named(tmp_path: Path) -> None:
    """Two runs share a file; a part over its budget says so."""
    file = tmp_path / "times.json"
    budget.kept(file, Counter({"rest": 100.0, "pages": 200.0}))
    total = budget.kept(file, Counter({"pages": 50.0}))
    assert total == {"rest": 100.0, "pages": 250.0}
    (over,) = [line for line in budget.table(total).splitlines() if "OVER" in line]
    assert over.startswith("pages")
    assert budget.table(total).endswith("350 s")


def test_integration_has_every_program_that_its_tests_need() -> None:
    """Where integration says what it needs, none is missing: a recipe's test isn't skipped there unseen."""
    assert programs.missing() == []


def test_a_program_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for one that isn't there is told which."""
    monkeypatch.setenv(programs.REQUIRED, "sh no-such-program")
    assert programs.missing() == ["no-such-program"]


def test_every_program_that_tests_skip_without_is_asked_for() -> None:
    """The list of .ci/run has each program without which a test is skipped, but those that no integration has."""
    root = Path(__file__).parents[2]
    text = "".join(path.read_text(encoding="utf-8") for path in (root / "tests").rglob("test_*.py"))
    text += (root / "tests/database/pgbouncer.py").read_text(encoding="utf-8")
    named = set(re.findall(r'(?:which|found)\("([a-z-]+)"', text))
    asked = re.findall(rf'export {programs.REQUIRED}="([^"]*)"', (root / ".ci/run").read_text(encoding="utf-8"))
    assert named - set(asked[0].split()) == {"systemd-analyze"}
