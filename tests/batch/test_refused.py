"""Files that are refused as a whole: one clear error, and nothing under the name of the results."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.batch.source import Rejected
from tests.batch.files import bill, line, rows_of_year, table, write
from tests.batch.running import command, compute

GOOD = [bill(bill_id=f"B{number}", person_id=f"P{number}") for number in range(3)]


def with_column(name: str, values: pa.Array) -> pa.Table:
    """The good bills with another column in the place of one."""
    made = table(GOOD)
    return made.set_column(made.schema.get_field_index(name), name, values)


def with_row(**changes: Any) -> pa.Table:
    """The good bills, the second with other values."""
    return table([GOOD[0], GOOD[1] | changes, GOOD[2]])


WRONG: dict[str, tuple[pa.Table, list[str]]] = {
    "no column": (table(GOOD, "referral"), ["referral"]),
    "neither scope nor lines": (table(GOOD, "lines", "own_expense"), ["own_expense"]),
    "money as a float": (with_column("total", pa.array([1.0, 2.0, 3.0])), ["total", "第 1 行"]),
    "not a number": (with_column("in_scope", pa.array([1.0, float("nan"), 3.0])), ["in_scope", "第 2 行", "NaN"]),
    "a day as a text": (with_column("admitted_on", pa.array(["2018-05-02"] * 3)), ["admitted_on"]),
    "a number too large": (with_column("settle_seq", pa.array([1, 2**40, 1])), ["settle_seq", "第 2 行"]),
    "a negative total": (with_row(total=-1), ["total", "第 2 行", "B1"]),
    "a negative scope": (with_row(first_pay=-1), ["first_pay", "第 2 行", "B1"]),
    "a negative price": (with_row(lines=[line(), line(unit_price=-1)]), ["lines.unit_price", "第 2 行", "B1"]),
    "a negative ceiling": (with_row(lines=[line(ceiling=-1)]), ["lines.ceiling", "第 2 行", "B1"]),
    "a negative rate": (with_row(lines=[line(first_pay_ratio=-1)]), ["lines.first_pay_ratio", "第 2 行"]),
    "no id": (with_row(bill_id=None), ["bill_id", "第 2 行"]),
    "one id twice": (with_row(bill_id="B0"), ["bill_id", "第 2 行", "B0"]),
    "one place in the order twice": (with_row(person_id="P0"), ["settle_order", "第 2 行", "B1"]),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_file_is_refused_whole(tmp_path: Path, what: str) -> None:
    """The error names file, column and row, and there are no results."""
    made, words = WRONG[what]
    pq.write_table(made, tmp_path / "bills.parquet")
    with pytest.raises(Rejected) as refused:
        compute(tmp_path / "bills.parquet", tmp_path / "out.parquet")
    assert all(word in str(refused.value) for word in ["bills.parquet", *words]), str(refused.value)
    assert not (tmp_path / "out.parquet").exists()


def test_a_line_column_that_lacks_is_named(tmp_path: Path) -> None:
    """Fields of lines are columns too."""
    rows = [bill(lines=[line()])]
    made = table(rows)
    kept = [field for field in made.schema.field("lines").type.value_type if field.name != "ceiling"]
    values = [[{field.name: row[field.name] for field in kept} for row in item["lines"]] for item in rows]
    at = made.schema.get_field_index("lines")
    pq.write_table(
        made.set_column(at, "lines", pa.array(values, pa.list_(pa.struct(kept)))), tmp_path / "bills.parquet"
    )
    with pytest.raises(Rejected, match=r"lines\.ceiling"):
        compute(tmp_path / "bills.parquet", tmp_path / "out.parquet")


def test_twins_in_two_parts_are_found(tmp_path: Path) -> None:
    """Ids and orders are of the whole set; the later part is named."""
    write(tmp_path / "bills" / "a.parquet", [bill()])
    write(tmp_path / "bills" / "b.parquet", [bill(person_id="P2"), bill(bill_id="B2")])
    with pytest.raises(Rejected, match=r"b\.parquet：列 bill_id，第 1 行.*a\.parquet 第 1 行"):
        compute(tmp_path / "bills", tmp_path / "out")
    write(tmp_path / "bills" / "b.parquet", [bill(bill_id="B2")])
    with pytest.raises(Rejected, match=r"b\.parquet：列 settle_order，第 1 行"):
        compute(tmp_path / "bills", tmp_path / "out")


def test_the_command_says_it_in_few_lines(tmp_path: Path) -> None:
    """At most four lines of error, the last names the place; the status isn't 0, and nothing is left."""
    source = write(tmp_path / "bills.parquet", [bill(total=-1)])
    done = command(source, tmp_path / "out.parquet")
    lines = done.stderr.strip().splitlines()
    assert done.returncode != 0
    assert done.stdout == ""
    assert len(lines) <= 4
    assert "bills.parquet：列 total，第 1 行" in lines[-1]
    assert list(tmp_path.iterdir()) == [source]


def test_packs_that_are_not_there_or_meet_are_refused(tmp_path: Path) -> None:
    """An unknown pack is named, and so are two packs for one area."""
    source = write(tmp_path / "bills.parquet", [bill()])
    done = command(source, tmp_path / "out.parquet", "--pack", "yunan")
    assert done.returncode != 0
    assert "yunan" in done.stderr
    assert "yunnan" in done.stderr
    (tmp_path / "other.yaml").write_text('pack: other\ntitle: 另一个\ninherits: yunnan\nareas: ["53"]\n')
    with pytest.raises(Rejected, match="53"):
        compute(source, tmp_path / "out.parquet", "yunnan", str(tmp_path / "other.yaml"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bills.parquet", "other.yaml"]


@pytest.mark.parametrize(("name", "column"), [("years", "basic_paid"), ("episodes", "deductible")])
def test_a_negative_start_is_refused(tmp_path: Path, name: str, column: str) -> None:
    """What a run starts with is looked at like what it computes."""
    source = write(tmp_path / "bills.parquet", rows_of_year(1))
    compute(source, tmp_path / "out.parquet", years_out=tmp_path / "state")
    file = tmp_path / "state" / f"{name}.parquet"
    made = pq.read_table(file)
    at = made.schema.get_field_index(column)
    pq.write_table(made.set_column(at, column, pa.array([-1] * len(made), pa.int64())), file)
    with pytest.raises(Rejected, match=rf"{name}\.parquet：列 {column}，第 1 行"):
        compute(source, tmp_path / "two.parquet", start=tmp_path / "state")
    assert not (tmp_path / "two.parquet").exists()


def test_a_person_year_twice_in_a_start_is_refused(tmp_path: Path) -> None:
    """The later of both rows is named."""
    source = write(tmp_path / "bills.parquet", GOOD)
    compute(source, tmp_path / "out.parquet", years_out=tmp_path / "state")
    made = pq.read_table(tmp_path / "state" / "years.parquet")
    pq.write_table(pa.concat_tables([made, made.slice(1, 1)]), tmp_path / "state" / "years.parquet")
    with pytest.raises(Rejected, match=r"years\.parquet：列 benefit_year，第 4 行"):
        compute(source, tmp_path / "two.parquet", start=tmp_path / "state")
    assert not (tmp_path / "two.parquet").exists()
