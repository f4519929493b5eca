"""Synthetic years: the same seed is the same bytes, the figures hold, and every bill is sound."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from app.batch.law import BatchLaw
from app.batch.synthetic import write
from app.batch.synthetic.bills import Year, block_of
from app.batch.synthetic.figures import figures, number, several
from app.batch.synthetic.items import catalogue
from app.batch.synthetic.world import world_of
from app.cli.main import main
from app.policies import shipped_book
from tests.batch.running import compute, report
from tests.batch.test_waves import compared

PERSONS = 60_000


def made(out: Path, year: Year, workers: int = 1) -> write.Made:
    """A year as files."""
    return write.write_year(year, out, workers, lambda *_: None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A year of bills with their scope only."""
    out = tmp_path_factory.mktemp("year") / "bills.parquet"
    made(out, Year(PERSONS, 1, 2018, None, 0))
    return out


@pytest.fixture(scope="module")
def bills(whole: Path) -> Any:
    """Its columns, texts as texts."""
    table = pq.read_table(whole)
    return {name: table.column(name).to_pylist() for name in table.schema.names}


def test_the_same_seed_is_the_same_bytes_whoever_makes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One process or two, all at once or going on: the files and the digest are the same; of another seed they
    aren't."""
    monkeypatch.setattr(write, "PART_BLOCKS", 1)
    year = Year(40_000, 7, 2018, None, 0)
    one, two = made(tmp_path / "one", year), made(tmp_path / "two", year, workers=2)
    other = made(tmp_path / "other", Year(40_000, 8, 2018, None, 0))
    assert one.sha256 == two.sha256 != other.sha256
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in names)
    sums = "".join(f"{hashlib.sha256((tmp_path / 'one' / name).read_bytes()).hexdigest()}  {name}\n" for name in names)
    assert hashlib.sha256(sums.encode()).hexdigest() == one.sha256


def test_a_stopped_run_keeps_its_finished_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was finished isn't made again; of another year it isn't used."""
    monkeypatch.setattr(write, "PART_BLOCKS", 1)
    year, part_of, calls = Year(40_000, 7, 2018, None, 0), write.make_part, list[int]()

    def stopped(year: Year, folder: Path, each: int, part: int, around: Any) -> write.WrittenPart:
        calls.append(part)
        if part == 1 and calls.count(1) == 1:
            raise KeyboardInterrupt
        return part_of(year, folder, each, part, around)

    monkeypatch.setattr(write, "make_part", stopped)
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "year", year)
    assert not (tmp_path / "year").exists()
    assert made(tmp_path / "year", year).sha256 == made(tmp_path / "again", year).sha256
    assert calls[:4] == [0, 1, 1, 2]


def test_a_block_does_not_depend_on_others() -> None:
    """The persons of a block are the same in a year of more persons."""
    around = world_of(), catalogue()
    few, many = Year(20_000, 3, 2018, 3, 0), Year(90_000, 3, 2018, 3, 0)
    assert block_of(few, 0, *around).rows.equals(block_of(many, 0, *around).rows)


def test_every_figure_says_where_it_is_from() -> None:
    """No figure is without a source, unless it says that it is assumed."""
    for name, figure in figures().items():
        assert figure.title, name
        assert figure.source, name
        if figure.status != "assumed":
            assert figure.source != "无", name


def close(found: float, wanted: float, percent: float = 5) -> None:
    """Whether a mean is what the figure says."""
    assert abs(found - wanted) <= wanted * percent / 100, (found, wanted)


def test_stays_are_as_often_and_as_dear_as_published(bills: Any) -> None:
    """Admissions, levels, costs and days by level, births and caesareans, missing referrals."""
    stays = Counter[int]()
    costs = dict.fromkeys((1, 2, 3), 0)
    visits: dict[str, tuple[int, date, date]] = {}
    rows = zip(*(bills[name] for name in ("medical_type", "hospital_level", "total", "visit_id", "admitted_on",
                                          "discharged_on")), strict=True)  # fmt: skip
    for kind, level, total, visit, first, last in rows:
        if kind == "21":
            costs[level] += total
            began = visits[visit][1] if visit in visits else first
            visits[visit] = level, began, last
    stays.update(level for level, _, _ in visits.values())
    close(stays.total() / PERSONS, number("stays.rate"))
    for name, cost in several("stays.cost").items():
        close(costs[int(name)] / 100 / stays[int(name)], cost, 8)
        days = [(last - first).days for level, first, last in visits.values() if level == int(name)]
        close(sum(days) / len(days), several("stays.days")[name], 12)
    for name, share in several("stays.levels").items():
        close(stays[int(name)] / stays.total(), share, 8)
    births = Counter(
        mode for kind, mode in zip(bills["medical_type"], bills["delivery_mode"], strict=True) if kind == "52"
    )
    close(births.total() / PERSONS, number("births.rate"), 12)
    close(births["caesarean"] / births.total(), number("births.caesarean"), 12)
    asked = [ref for ref, kind in zip(bills["referral"], bills["medical_type"], strict=True) if kind == "21"]
    close(asked.count("missing") / (len(asked) - asked.count("not_required")), several("stays.referral")["missing"], 10)


def test_persons_and_scopes_are_as_the_figures_say(bills: Any) -> None:
    """Classes of persons with stays are all there; outpatients' visits, costs and parts of the scope have their
    means."""
    kinds = Counter(bills["medical_type"])
    ages = several("population.ages")
    close(kinds["11"] / PERSONS, sum(ages[age] * many for age, many in several("outpatient.visits").items()))
    close(kinds["14"] / PERSONS, number("chronic.visits") * sum(
        ages[age] * share for age, share in several("chronic.share").items()))  # fmt: skip
    people = dict(zip(bills["person_id"], bills["benefit_class"], strict=True))
    shares = Counter(people.values())
    assert set(shares) == set(several("population.classes"))
    close(shares["registered_poor"] / len(people), several("population.classes")["registered_poor"])
    whole = sum(bills["total"])
    for name in ("own_expense", "over_limit", "first_pay"):
        close(sum(bills[name]) / whole, several(f"scope.{name}")["mean"], 8)
    assert 0.8 < sum(bills["in_scope"]) / whole < 0.9


def test_chains_have_what_makes_chains_hard(bills: Any) -> None:
    """Transfers from the visit before, interim bills, the turn of the year, persons with many stays."""
    assert len(bills["bill_id"]) == len(set(bills["bill_id"]))
    transfers = [one for one in bills["transfer_from"] if one]
    close(len(transfers) / bills["medical_type"].count("21"), number("stays.transferred"), 45)
    known = {f"{code}/{visit}" for code, visit in zip(bills["hospital_code"], bills["visit_id"], strict=True)}
    assert set(transfers) <= known
    assert bills["settle_seq"].count(2) > 50
    assert sum(day < date(2018, 1, 1) for day in bills["discharged_on"]) > 20
    assert sum(day < date(2018, 1, 1) for day in bills["admitted_on"]) > 100
    assert max(bills["discharged_on"]) == date(2018, 12, 31)
    often = Counter(who for who, kind in zip(bills["person_id"], bills["medical_type"], strict=True) if kind == "21")
    assert often.most_common(1)[0][1] > 5


def test_a_year_computes_without_a_fault(whole: Path, tmp_path: Path) -> None:
    """Every bill is sound."""
    told = compute(whole, tmp_path / "out.parquet")
    assert told.faults == 0
    assert told.bills == pq.read_metadata(whole).num_rows


@pytest.mark.parametrize("lines", [None, 6])
def test_a_year_comes_to_what_the_engine_says_of_single_bills(lines: int | None) -> None:
    """Computed together and one by one, to the fen."""
    rows = block_of(Year(1_500, 5, 2018, lines, 0), 0, world_of(), catalogue()).rows.to_pylist()
    said = compared([dict.fromkeys(("own_expense", "over_limit", "first_pay", "in_scope")) | row for row in rows],
                    BatchLaw(shipped_book(None)))  # fmt: skip
    assert all(len(row) > 1 for row in said)


def test_faults_are_there_when_they_are_asked_for(tmp_path: Path) -> None:
    """Three kinds of them, about as many as asked for; their chains go on."""
    made(tmp_path / "bills.parquet", Year(6_000, 2, 2018, None, 0.05))
    told = compute(tmp_path / "bills.parquet", tmp_path / "out.parquet")
    close(told.faults / told.bills, 0.05, 20)
    found = Counter(pq.read_table(tmp_path / "out.parquet").column("fault").to_pylist())
    assert {"total_mismatch", "discharge_before_admission", "transfer_visit_unknown"} <= set(found)


def listed(rows: pa.RecordBatch) -> Iterator[list[dict[str, Any]]]:
    """The lines of each bill."""
    yield from rows.column("lines").to_pylist()


def test_lines_are_of_the_catalogue(tmp_path: Path) -> None:
    """Each bill has as many lines as asked for, perhaps one taken back; amounts, classes, ceilings and shares fit."""
    made(tmp_path / "bills.parquet", Year(8_000, 4, 2018, 12, 0))
    table = pq.read_table(tmp_path / "bills.parquet").combine_chunks()
    (rows,) = table.to_batches()
    taken_back = 0
    classes = Counter[str]()
    for total, lines in zip(rows.column("total").to_pylist(), listed(rows), strict=True):
        assert total == sum(line["amount"] for line in lines) > 0
        assert [line["line_no"] for line in lines] == list(range(1, len(lines) + 1))
        assert len(lines) - 12 in (0, 1)
        taken_back += len(lines) > 12
        classes.update(line["class"] for line in lines)
        assert all(line["unit_price"] * line["quantity"] == line["amount"] * 10**8 for line in lines)
    assert set(classes) == {"A", "B", "C"}
    assert 0.4 < taken_back / rows.num_rows / number("items.refunded") < 1.1
    compute(tmp_path / "bills.parquet", tmp_path / "out.parquet")
    results = pq.read_table(tmp_path / "out.parquet")
    assert results.column("fault").null_count == len(results)
    amounts = {name: np.sum(results.column(name).to_numpy()) for name in ("own_expense", "over_limit", "first_pay")}
    assert all(amount > 0 for amount in amounts.values())
    assert 0.8 < np.sum(results.column("in_scope").to_numpy()) / np.sum(table.column("total").to_numpy()) < 0.92


def test_the_command_says_what_it_made(tmp_path: Path) -> None:
    """Bills, persons, seconds and digest on the last line; areas and lines as asked for, or refused."""
    out = tmp_path / "bills.parquet"
    words = ["batch", "synthetic", str(out), "--persons", "500", "--area", "530127", "--workers", "1"]
    done = CliRunner().invoke(main, [*words, "--lines", "3"])
    assert done.exit_code == 0, done.output
    told = report(done.output)
    assert int(told["bills"]) == pq.read_metadata(out).num_rows
    assert told["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert set(pq.read_table(out).column("area_code").to_pylist()) == {"530127"}
    assert CliRunner().invoke(main, [*words, "--lines", "0"]).exit_code == 2
    assert CliRunner().invoke(main, [*words, "--area", "53012"]).exit_code == 2
