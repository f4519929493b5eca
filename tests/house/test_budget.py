"""The time of continuous integration, part by part."""

from collections import Counter
from pathlib import Path

from tests import budget


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
