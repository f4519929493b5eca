"""A batch on Spark: the rows and the checksum of one machine, and its refusals."""

import os
import random
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.batch.files import bill, rows_of_year, write
from tests.batch.running import compute, report, results

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(
        find_spec("pyspark") is None and not os.environ.get("ONESTOP_REQUIRE_SPARK"),
        reason="pyspark isn't installed: make spark",
    ),
]


def on_spark(source: Path, out: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """The command, on two threads of this machine."""
    line = [sys.executable, "-m", "app.cli", "batch", "spark", str(source), str(out), "--master", "local[2]", *words]
    return subprocess.run(line, capture_output=True, text=True, timeout=300)


def test_spark_comes_to_what_one_machine_comes_to(tmp_path: Path) -> None:
    """Random person-years over three parts, with refunds and transfers, and bills that are refused: the same rows, the
    same checksum, bills, persons and faults; an earlier result is replaced."""
    rows = [row for seed in range(60) for row in rows_of_year(seed)]
    rows += [bill(bill_id="X1", person_id="X", total=1), bill(bill_id="X2", person_id="X", settle_order=2)]
    random.Random(1).shuffle(rows)
    for part in range(3):
        write(tmp_path / "bills" / f"part-{part}.parquet", rows[part::3])
    alone = compute(tmp_path / "bills", tmp_path / "one")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "old").write_text("an earlier result")
    done = on_spark(tmp_path / "bills", tmp_path / "two")
    assert done.returncode == 0, done.stderr
    told = report(done.stdout)
    assert [told[name] for name in ("bills", "persons", "faults", "sha256")] == [
        str(len(rows)),
        str(alone.persons),
        str(alone.faults),
        alone.sha256,
    ]
    assert results(tmp_path / "two") == results(tmp_path / "one")
    assert not (tmp_path / "two.unfinished").exists()


REFUSED: dict[str, tuple[list[dict[str, Any]], str]] = {
    "twins": ([bill(), bill(person_id="P2")], "bills.parquet：列 bill_id，第 2 行（bill_id 'B1'）"),
    "order": ([bill(), bill(bill_id="B2", visit_id="V2")], "bills.parquet：列 settle_order，第 2 行（bill_id 'B2'）"),
    "negative": (
        [bill(), bill(bill_id="B2", total=-1)],
        "bills.parquet：列 total，第 2 行（bill_id 'B2'）：不能为负。",
    ),
}


ASK = """
import sys
from app.batch.source import Rejected
from app.batch.spark import SparkOrder, run
from app.batch.workers import LawNamed

for source in sys.argv[2:]:
    try:
        print(run(SparkOrder(source, sys.argv[1], LawNamed((), None, None), "local[2]")))
    except Rejected as refused:
        print(refused)
"""
"""Several sets in one process: Spark takes ten seconds to start."""


@pytest.mark.soak
def test_spark_refuses_what_one_machine_refuses(tmp_path: Path) -> None:
    """Two rows of one id, two bills of one place in a person's order, a negative amount, a column or a set that isn't
    there: one line that names file, column, row and bill, and nothing under the name of the results."""
    sets = {kind: (write(tmp_path / kind / "bills.parquet", rows), said) for kind, (rows, said) in REFUSED.items()}
    sets["missing"] = write(tmp_path / "bills.parquet", [bill()], "total"), "bills.parquet：列 total：缺少这一列"
    sets["nowhere"] = tmp_path / "nowhere", "nowhere：没有这个文件或文件夹"
    words = [sys.executable, "-c", ASK, str(tmp_path / "out"), *(str(source) for source, _ in sets.values())]
    answers = subprocess.run(words, capture_output=True, text=True, timeout=300).stdout.splitlines()
    assert len(answers) == len(sets)
    for answer, (_, said) in zip(answers, sets.values(), strict=True):
        assert said in answer
    assert {path.name for path in tmp_path.iterdir()} == {*REFUSED, "bills.parquet"}
