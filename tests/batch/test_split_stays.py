"""Stays over the turn of the year in files: as a plain model computes them, in one run and in two that follow."""

from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet as pq
import pytest

from app.policies import SCHEMES
from tests.batch.files import bill, line, write
from tests.batch.running import compute, results
from tests.settlement.split_model import SHOWN, SMALL, Kept, Years, some_bill


@pytest.fixture
def pack(tmp_path: Path) -> str:
    """Taiyuan's pack with figures that small bills reach, as a file."""
    text = (SCHEMES / "taiyuan.yaml").read_text(encoding="utf-8")
    for one, other in SMALL:
        text = text.replace(one, other)
    path = tmp_path / "taiyuan.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def row_of(person: str, number: int, seq: int, kept: Kept, **changes: Any) -> dict[str, Any]:
    """A bill of the model as a row."""
    lines = [
        line(
            line_no=place,
            **{"class": "A" if one.covered else "C"},
            first_pay_ratio=0,
            ceiling=None,
            quantity=10_000,
            unit_price=one.amount * 10_000,
            amount=one.amount,
            charged_on=one.day,
        )
        for place, one in enumerate(kept.lines, 1)
    ]
    return (
        bill(
            bill_id=f"{person}-{number:02d}",
            person_id=person,
            area_code="140105",
            benefit_class="ordinary",
            hospital_code=f"H{kept.level}",
            hospital_area="140105",
            hospital_rank={1: "township", 2: "county", 3: "prefecture"}[kept.level],
            hospital_level=kept.level,
            medical_type="21" if kept.inpatient else "11",
            referral="compliant",
            visit_id=kept.visit,
            settle_seq=seq,
            settle_order=number,
            admitted_on=kept.admitted,
            discharged_on=kept.discharged,
            transfer_from=None,
            disease_code=None,
            delivery_mode=None,
            total=sum(one.amount for one in kept.lines),
            lines=lines,
        )
        | changes
    )


def test_random_stays_come_out_as_the_model_says_in_one_run_and_in_two(tmp_path: Path, pack: str) -> None:
    """Portions of every bill and accumulators of every year; what the first half hands on continues it exactly."""
    models: dict[str, Years] = {}
    rows: list[dict[str, Any]] = []
    for seed in range(60):
        rng, model, person = Random(1000 + seed), Years(), f"P{seed}"
        models[person] = model
        for number in range(rng.randint(3, 9)):
            kept = some_bill(rng, model)
            seq = 1 + sum(one.visit == kept.visit for one in model.bills)
            model.settle(kept)
            rows.append(row_of(person, number, seq, kept))
    compute(write(tmp_path / "in.parquet", rows), tmp_path / "out.parquet", pack, years_out=tmp_path / "whole")
    found = results(tmp_path / "out.parquet")
    for person, model in models.items():
        for number, kept in enumerate(model.bills):
            row, expected = found[f"{person}-{number:02d}"], kept.portions()
            assert row["fault"] is None, row
            names = ("basic", "serious_illness", "patient", "deductible")
            wanted = {name: expected[name] for name in names}
            assert {name: row[name] for name in names} == wanted, (person, number)
    years = years_of(tmp_path / "whole")
    for person, model in models.items():
        for year, accumulators in model.years.items():
            names = (*SHOWN, "inpatient_count")
            assert {name: years[person, year][name] for name in names} == {name: accumulators[name] for name in names}
    halves = [[row for row in rows if (row["settle_order"] < 3) == early] for early in (True, False)]
    compute(write(tmp_path / "one.parquet", halves[0]), tmp_path / "o1.parquet", pack, years_out=tmp_path / "first")
    two = write(tmp_path / "two.parquet", halves[1])
    compute(two, tmp_path / "o2.parquet", pack, start=tmp_path / "first", years_out=tmp_path / "second")
    assert results(tmp_path / "o1.parquet") | results(tmp_path / "o2.parquet") == found
    assert years_of(tmp_path / "second") == years


def years_of(folder: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """The person-years that a run hands on."""
    rows = pq.read_table(folder / "years.parquet").to_pylist()
    return {(row["person_id"], row["benefit_year"]): row for row in rows}


def test_a_stay_whose_lines_have_no_day_lacks_a_fact(tmp_path: Path, pack: str) -> None:
    """Where the law splits a stay, a bill by its scope alone and lines without their day are ``fact_missing``; within a
    year they do."""
    kept = some_bill(Random(3), Years())
    while not kept.split:
        kept = some_bill(Random(kept.level + 5), Years())
    plain = row_of("P", 1, 1, kept)
    whole = {"charged_on": None, "amount": plain["total"], "unit_price": plain["total"] * 10_000}
    undated = [plain["lines"][0] | whole]
    within = {"admitted_on": kept.discharged}
    rows = [
        plain | {"bill_id": "undated", "lines": undated},
        plain | {"bill_id": "within", "lines": undated, "visit_id": "V2", "settle_order": 2, **within},
        plain
        | {
            "bill_id": "scope",
            "lines": None,
            "visit_id": "V3",
            "settle_order": 3,
            "own_expense": 0,
            "over_limit": 0,
            "first_pay": 0,
        }
        | {"in_scope": plain["total"]},
    ]
    compute(write(tmp_path / "in.parquet", rows), tmp_path / "out.parquet", pack)
    faults = {name: row["fault"] for name, row in results(tmp_path / "out.parquet").items()}
    assert faults == {"undated": "fact_missing", "within": None, "scope": "fact_missing"}
