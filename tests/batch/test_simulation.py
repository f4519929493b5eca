"""What a reform would have cost: the answer against two batches, what it keeps back, and its three files."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from openpyxl import load_workbook

from app.basics.money import fen, yuan
from app.batch.simulation import ReformNamed, SimulationOrder, simulated
from app.batch.simulation_answer import BY, Simulation
from app.batch.simulation_report import change, report_page, write_report
from app.batch.source import Rejected
from app.batch.suppression import LEAST_PERSONS, suppressed
from tests.batch.files import bill, rows_of_year, write
from tests.batch.running import compute, results

HEAD = 'title: 改革\ninherits: yunnan\nareas: ["53"]\n'
RATE = """parameters:
  assistance.rate:
    title: 救助比例
    unit: rate
    rows:
      - {class: [low_income, CLASS], from: 2022-01-01, value: "RATE", status: assumed,
         source: {document: assumption, clause: 方案}}
"""


def reform(folder: Path, rate: str | None, class_: str = "returned_poverty") -> Path:
    """A reform of one figure; None changes nothing."""
    text = "" if rate is None else RATE.replace("RATE", rate).replace("CLASS", class_)
    path = folder / "reform.yaml"
    path.write_text(f"pack: reform\n{HEAD}{text}", encoding="utf-8")
    return path


def simulate(folder: Path, rows: list[dict[str, Any]], path: Path, budget: int | None = None) -> Simulation:
    """Simulate rows under a reform of Yunnan's pack."""
    source = write(folder / "bills.parquet", rows)
    order = SimulationOrder(source, folder / "out", ReformNamed("yunnan", str(path), None), 1, budget)
    return simulated(order, lambda stage, done, total: None, write_report)


ROWS = [row for seed in range(120) for row in rows_of_year(seed)]


def test_a_reform_without_changes_changes_nothing(tmp_path: Path) -> None:
    """Every difference is 0, and nobody gains or loses."""
    answer = simulate(tmp_path, ROWS, reform(tmp_path, None))
    assert {cell.difference for cell in [answer.total, *answer.cells] if not cell.suppressed} == {"0.00"}
    assert (answer.gainers, answer.losers, answer.worst) == ([], [], [])


def test_a_simulation_is_the_difference_of_two_batches(tmp_path: Path) -> None:
    """The funds' costs are those of a batch under either law, every list adds up to them, and who gains is who pays
    less."""
    path = reform(tmp_path, "0.75")
    answer = simulate(tmp_path, ROWS, path, budget=10**12)
    sides = []
    for number, pack in enumerate(("yunnan", str(path))):
        compute(tmp_path / "bills.parquet", tmp_path / f"{number}.parquet", pack)
        sides.append(results(tmp_path / f"{number}.parquet"))
    funds = ("basic", "serious_illness", "medical_assistance", "safety_net", "payable_adjustment")
    costs = [sum(row[name] for row in side.values() for name in funds) for side in sides]
    assert [fen(answer.total.baseline or ""), fen(answer.total.reform or "")] == costs
    assert costs[1] > costs[0]
    for by in BY:
        cells = [cell for cell in answer.cells if cell.by == by]
        if not any(cell.suppressed for cell in cells):
            assert sum(fen(cell.difference or "") for cell in cells) == costs[1] - costs[0]
    owners = {row["bill_id"]: row["person_id"] for row in ROWS}
    gains: dict[str, int] = {}
    for bill_id, row in sides[0].items():
        gained = row["patient"] - sides[1][bill_id]["patient"]
        gains[owners[bill_id]] = gains.get(owners[bill_id], 0) + gained
    assert sum(group.persons for group in answer.gainers) == sum(gain > 0 for gain in gains.values())
    assert answer.budget is not None
    assert answer.budget.reform_left is not None
    assert fen(answer.budget.reform_left) == 10**12 - costs[1]
    assert {row.fund for row in answer.floor} == {"390100"}


def poor(number: int, class_: str, **changes: Any) -> dict[str, Any]:
    """A bill of 2022 of a person of a class."""
    days = {"admitted_on": bill()["admitted_on"].replace(2022), "discharged_on": bill()["discharged_on"].replace(2022)}
    return bill(bill_id=f"B{number}", person_id=f"P{number}", benefit_class=class_, **(days | changes))


def test_few_persons_are_kept_back_and_so_is_what_would_give_them_away(tmp_path: Path) -> None:
    """Two persons of a class: their cell is null, and another one, or total less the rest would be theirs."""
    rows = [poor(number, "low_income" if number < 2 else "ordinary") for number in range(20)]
    rows += [poor(number, "monitored") for number in range(20, 27)]
    answer = simulate(tmp_path, rows, reform(tmp_path, "0.75"))
    cells = {cell.key: cell for cell in answer.cells if cell.by == "class"}
    assert {key: cell.suppressed for key, cell in cells.items()} == {
        "low_income": True,
        "monitored": True,
        "ordinary": False,
    }
    assert cells["low_income"].baseline is cells["low_income"].difference is None
    assert [(group.class_, group.persons, group.amount) for group in answer.gainers] == [("low_income", 2, None)]


def test_few_who_gain_are_not_told_by_their_class(tmp_path: Path) -> None:
    """Four of ten gain in a class: what the class costs more would be what the four gain, so it is kept back too."""
    rows = [poor(number, "low_income", in_scope=500_000 if number < 4 else 0, own_expense=0 if number < 4 else 500_000)
            for number in range(10)]  # fmt: skip
    rows += [poor(number, "ordinary") for number in range(10, 30)]
    answer = simulate(tmp_path, rows, reform(tmp_path, "0.75"))
    (group,) = answer.gainers
    assert (group.class_, group.persons, group.suppressed) == ("low_income", 4, True)
    (cell,) = [cell for cell in answer.cells if (cell.by, cell.key) == ("class", "low_income")]
    assert cell.suppressed
    assert cell.difference is None


def test_a_world_of_few_tells_nothing(tmp_path: Path) -> None:
    """With four persons in all there is no money to show."""
    answer = simulate(tmp_path, [poor(number, "low_income") for number in range(4)], reform(tmp_path, "0.75"))
    assert all(cell.suppressed and cell.reform is None for cell in [answer.total, *answer.cells])
    assert all(row.suppressed for row in [*answer.deciles, *answer.floor])


def test_what_is_kept_back_is_never_a_few() -> None:
    """Whatever the sizes, those kept back together are nobody, or all, or two cells and five persons at least."""
    rng = random.Random(1)
    for _ in range(2000):
        cells = {number: rng.choice((1, 2, 3, 4, 5, 6, 50)) for number in range(rng.randint(1, 8))}
        hidden = suppressed(cells)
        assert {key for key, count in cells.items() if count < LEAST_PERSONS} <= hidden
        safe = len(hidden) >= 2 and sum(cells[key] for key in hidden) >= LEAST_PERSONS
        assert not hidden or safe or len(hidden) == len(cells)


def test_the_worst_off_are_shown_without_who_they_are(tmp_path: Path) -> None:
    """Who loses under a lower rate is shown by class and coarse amounts; no id of a person or bill is anywhere."""
    rows = [poor(number, "low_income", total=12_345_67, in_scope=12_345_67) for number in range(8)]
    answer = simulate(tmp_path, rows, reform(tmp_path, "0.10"))
    assert len(answer.worst) == 8
    assert all(fen(case.difference) % 10_000 == 0 < fen(case.difference) for case in answer.worst)
    assert answer.losers[0].persons == 8
    for name in ("simulation.json", "simulation.html"):
        text = (tmp_path / "out" / name).read_text(encoding="utf-8")
        assert not any(row[key] in text for row in rows for key in ("person_id", "bill_id"))


def test_a_zero_baseline_is_a_dash(tmp_path: Path) -> None:
    """A fund that paid nothing before has no percentage."""
    rows = [poor(number, "low_income") for number in range(6)]
    answer = simulate(tmp_path, rows, reform(tmp_path, "0.75"))
    assert change(replace_money(answer.total, "0.00", "5.00")) == "—"
    assert change(replace_money(answer.total, "10.00", "5.00")) == "−50%"
    assert "—" in report_page(answer)


def replace_money(cell: Any, baseline: str, reformed: str) -> Any:
    """A cell with other money."""
    difference = yuan(fen(reformed) - fen(baseline))
    return structs.replace(cell, baseline=baseline, reform=reformed, difference=difference)


def test_the_three_files_say_the_same(tmp_path: Path) -> None:
    """JSON, workbook and page have the same total; the page needs nothing from elsewhere."""
    answer = simulate(tmp_path, ROWS, reform(tmp_path, "0.75"))
    found = json.loads((tmp_path / "out" / "simulation.json").read_text(encoding="utf-8"))
    assert found["total"]["difference"] == answer.total.difference
    assert set(found["cells"][0]) == {
        *("by", "key", "persons", "bills"),
        *("baseline", "reform", "difference", "suppressed"),
    }
    book = load_workbook(tmp_path / "out" / "simulation.xlsx", read_only=True)
    assert ["difference", answer.total.difference] in [list(row) for row in book["total"].iter_rows(values_only=True)]
    page = (tmp_path / "out" / "simulation.html").read_text(encoding="utf-8")
    assert str(answer.total.difference) in page
    assert "<svg" in page
    assert not any(word in page for word in ("http:", "https:", "src=", "<link", "<script"))


def test_an_unusable_reform_leaves_nothing(tmp_path: Path) -> None:
    """Neither a wrong file nor wrong bills leave a folder, and a report is never written over."""
    with pytest.raises(Rejected, match="reform"):
        simulate(tmp_path, ROWS, tmp_path / "reform.yaml")
    with pytest.raises(Rejected, match="total"):
        simulate(tmp_path, [bill(total=-1)], reform(tmp_path, None))
    other = tmp_path / "other.yaml"
    other.write_text('pack: other\ntitle: 别处\ninherits: gansu\nareas: ["62"]\n', encoding="utf-8")
    with pytest.raises(Rejected, match="inherits: yunnan"):
        simulate(tmp_path, [bill()], other)
    assert not list(tmp_path.glob("out*"))
    simulate(tmp_path, [bill()], reform(tmp_path, None))
    with pytest.raises(Rejected, match="已经存在"):
        simulate(tmp_path, [bill()], reform(tmp_path, None))
