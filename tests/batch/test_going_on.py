"""Runs that hand on to the next one, and runs that go on where they were stopped."""

import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from app.batch import bucket, run
from app.batch.run import UNFINISHED
from app.batch.source import Rejected
from tests.batch.files import bill, rows_of_year, write
from tests.batch.running import compute, results

ROWS = [row for seed in range(60) for row in rows_of_year(seed)]


@pytest.fixture
def many_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many buckets and ranges that a small batch has several."""
    monkeypatch.setattr(run, "BUCKET_ROWS", 40)
    monkeypatch.setattr("app.batch.collect.SORTED_AT_ONCE", 50)
    monkeypatch.setattr("app.batch.collect.WINDOW", 64)
    monkeypatch.setattr(bucket, "READ_AT_ONCE", 7)
    monkeypatch.setattr("app.batch.spread.WAITING", 10_000)
    monkeypatch.setattr("app.batch.source.AT_ONCE", 50)


@pytest.mark.usefixtures("many_buckets")
def test_buckets_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One bucket or many, one process or two: rows and checksum are the same."""
    for part in range(2):
        write(tmp_path / "bills" / f"{part}.parquet", ROWS[part::2])
    many = compute(tmp_path / "bills", tmp_path / "many", workers=2)
    monkeypatch.undo()
    one = compute(tmp_path / "bills", tmp_path / "one")
    assert one.sha256 == many.sha256
    for part in range(2):
        assert pq.read_table(tmp_path / "one" / f"{part}.parquet") == pq.read_table(
            tmp_path / "many" / f"{part}.parquet"
        )


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_two_halves_are_one_run(tmp_path: Path, cut: int) -> None:
    """Wherever the chains are cut, the second half goes on from what the first handed on."""
    whole = compute(write(tmp_path / "all.parquet", ROWS), tmp_path / "whole.parquet", years_out=tmp_path / "end")
    first = [row for row in ROWS if row["settle_order"] <= cut]
    second = [row for row in ROWS if row["settle_order"] > cut]
    compute(write(tmp_path / "1.parquet", first), tmp_path / "out" / "1.parquet", years_out=tmp_path / "half")
    compute(
        write(tmp_path / "2.parquet", second),
        tmp_path / "out" / "2.parquet",
        start=tmp_path / "half",
        years_out=tmp_path / "two",
    )
    assert results(tmp_path / "out") == results(tmp_path / "whole.parquet")
    assert whole.bills == len(ROWS)
    for name in ("years", "episodes", "visits"):
        one, two = (pq.read_table(tmp_path / end / f"{name}.parquet").to_pylist() for end in ("end", "two"))
        assert sorted(map(str, one)) == sorted(map(str, two))


def test_the_contracts_two_files_are_enough(tmp_path: Path) -> None:
    """Without the file of visits the amounts go on alike; which bills were settled is then not known."""
    first = [bill(), bill(bill_id="B2", settle_order=2, settle_seq=2)]
    later = [
        bill(bill_id="C", settle_order=3, visit_id="V2", transfer_from="H1/V1"),
        bill(bill_id="D", settle_order=4, settle_seq=3),
        bill(bill_id="E", settle_order=5),
    ]
    compute(write(tmp_path / "1.parquet", first), tmp_path / "1.out", years_out=tmp_path / "half")
    compute(write(tmp_path / "2.parquet", later), tmp_path / "with.out", start=tmp_path / "half")
    (tmp_path / "half" / "visits.parquet").unlink()
    compute(tmp_path / "2.parquet", tmp_path / "without.out", start=tmp_path / "half")
    known, unknown = results(tmp_path / "with.out"), results(tmp_path / "without.out")
    assert known["E"]["fault"] == "already_settled"
    assert unknown["E"]["fault"] is None
    assert [known[name] for name in "CD"] == [unknown[name] for name in "CD"]
    assert known["C"]["deductible"] == 0


@pytest.mark.usefixtures("many_buckets")
def test_a_stopped_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Finished buckets are taken as they are; the results are those of a run in one go."""
    source = write(tmp_path / "bills.parquet", ROWS)
    whole = compute(source, tmp_path / "whole.parquet")
    done: list[int] = []
    real = bucket.compute_bucket

    def stopping(task: bucket.BucketTask, number: int, law: object) -> bucket.Finished:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(number)
        return real(task, number, law)  # type: ignore[arg-type]

    monkeypatch.setattr("app.batch.run.compute_bucket", stopping)
    with pytest.raises(KeyboardInterrupt):
        compute(source, tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()
    first = list(done)
    monkeypatch.setattr("app.batch.run.compute_bucket", lambda *given: done.append(given[1]) or real(*given))
    assert compute(source, tmp_path / "out.parquet").sha256 == whole.sha256
    assert not set(done[3:]) & set(first)
    assert not (tmp_path / f"out.parquet{UNFINISHED}").exists()


@pytest.mark.usefixtures("many_buckets")
def test_another_input_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was finished of another input, or under another law, isn't taken."""
    source = write(tmp_path / "bills.parquet", ROWS)
    with monkeypatch.context() as patch:
        patch.setattr(run, "write_results", lambda *given: iter([1 // 0]))
        with pytest.raises(ZeroDivisionError):
            compute(source, tmp_path / "out.parquet")
    shuffled = random.Random(1).sample(ROWS, len(ROWS) - 5)
    write(source, shuffled)
    found = compute(source, tmp_path / "out.parquet")
    assert found.bills == len(ROWS) - 5
    assert compute(source, tmp_path / "again.parquet").sha256 == found.sha256


def test_two_runs_never_write_one_result(tmp_path: Path) -> None:
    """The second is told that somebody else is at it."""
    source = write(tmp_path / "bills.parquet", [bill()])
    with run.unfinished(tmp_path / "out.parquet"), pytest.raises(Rejected, match="另一个进程"):
        compute(source, tmp_path / "out.parquet")
