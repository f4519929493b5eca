"""How long continuous integration takes, part by part, beside what each part may take."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest

MINUTES: Final = {
    "suite": 14,
    "pages": 4,
    "fuzz": 3,
    "faults": 5,
    "standby and pooler": 3,
    "batch and Spark": 3,
    "image": 4,
    "rest": 4,
}
"""``rest``: all that isn't a test, from the checks to what the software is made of."""
LONGEST: Final = 25
PLACES: Final = {
    "tests/finance/": "pages",
    "tests/service/test_fuzz.py": "fuzz",
    "tests/faults/": "faults",
    "tests/upgrade/": "standby and pooler",
    "tests/database/test_failover.py": "standby and pooler",
    "tests/database/test_commit.py": "standby and pooler",
    "tests/database/test_connecting.py": "standby and pooler",
    "tests/batch/": "batch and Spark",
    "tests/simulation/": "batch and Spark",
    "tests/deploy/test_image.py": "image",
    "tests/deploy/test_image_runs.py": "image",
}


def part_of(nodeid: str) -> str:
    """The part of the budget that a test belongs to."""
    return next((part for place, part in PLACES.items() if nodeid.startswith(place)), "suite")


def spent(reports: Iterable[pytest.TestReport], workers: int) -> Counter[str]:
    """Seconds by part: those of the tests, shared among the processes that ran side by side."""
    found: Counter[str] = Counter()
    for report in reports:
        found[part_of(report.nodeid)] += report.duration / workers
    return found


def longest(reports: Iterable[pytest.TestReport], workers: int) -> str:
    """The files that took longest in one run, to know where to begin when a part is over its budget."""
    found: Counter[str] = Counter()
    for report in reports:
        found[report.nodeid.partition("::")[0]] += report.duration / workers
    lines = [f"{file:<50} {seconds:5.0f} s" for file, seconds in found.most_common(LONGEST)]
    return "\n".join(["The longest files", *lines])


def kept(path: Path, more: Counter[str]) -> Counter[str]:
    """What earlier runs of the same integration took, and this one; kept for the next."""
    total = Counter(json.loads(path.read_text()) if path.exists() else {}) + more
    path.write_text(json.dumps(total))
    return total


def table(total: Counter[str]) -> str:
    """A line a part; what is over its budget is named."""
    lines = [
        f"{part:<20} {total[part]:6.0f} s of {minutes * 60:4} s{'  OVER ITS BUDGET' * (total[part] > minutes * 60)}"
        for part, minutes in MINUTES.items()
    ]
    return "\n".join(["CI's time by part", *lines, f"{'together':<20} {total.total():6.0f} s"])
