"""``onestop batch compute`` as a process, and what it wrote."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from app.batch.run import BatchOrder, Report, run
from app.batch.workers import LawNamed


def compute(source: Path, out: Path, *packs: str, workers: int = 1, **named: Any) -> Report:
    """A run within this process."""
    return run(BatchOrder(source, out, LawNamed(packs, None, named.pop("figures", None)), workers, **named), _silent)


def _silent(stage: str, done: int, total: int) -> None:
    del stage, done, total


def command(*words: object) -> "subprocess.CompletedProcess[str]":
    """The command itself."""
    line = [sys.executable, "-m", "app.cli", "batch", "compute", *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, timeout=120)


def results(out: Path) -> dict[str, dict[str, Any]]:
    """The rows of a file or a folder of results by bill."""
    return {row["bill_id"]: row for row in pq.read_table(out).to_pylist()}


def report(text: str) -> dict[str, str]:
    """The words of a run's last line."""
    return dict(re.findall(r"(\w+)=(\S+)", text.splitlines()[-1]))
