"""A lump sum once per stay in files: as it is settled, and a missing fact where an earlier run has the stay."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.batch.files import bill, write
from tests.batch.running import compute, results
from tests.settlement.test_once_per_stay import TEXT
from tests.tiers.packs import AREA


@pytest.fixture
def pack(tmp_path: Path) -> str:
    """The law of half of everything, and 60.00 for each stay."""
    (tmp_path / "words.yaml").write_text(TEXT, encoding="utf-8")
    return str(tmp_path / "words.yaml")


def stay(number: int, visit: str, seq: int, amount: int, **changes: Any) -> dict[str, Any]:
    """A bill of a stay, fen."""
    day = date(2020, 3, number)
    scope = {"own_expense": 0, "over_limit": 0, "first_pay": 0, "in_scope": amount, "lines": None}
    return (
        bill(
            bill_id=f"B{number}",
            person_id="P",
            area_code=AREA,
            benefit_class="ordinary",
            medical_type="21",
            hospital_code="H",
            visit_id=visit,
            settle_seq=seq,
            settle_order=number,
            admitted_on=day,
            discharged_on=day,
            transfer_from=None,
            disease_code=None,
            delivery_mode=None,
            total=amount,
            **scope,
        )
        | changes
    )


def test_a_stay_gets_it_once_in_files_too(tmp_path: Path, pack: str) -> None:
    """Interim bills and a transfer of one stay get one sum; what the stay got in an earlier run isn't in what that
    hands on, so a bill of such a stay lacks a fact, and one of a new stay doesn't."""
    rows = [
        stay(1, "V1", 1, 100_00),
        stay(2, "V1", 2, 300_00),
        stay(3, "V2", 1, 300_00),
        stay(4, "V3", 1, 500_00, transfer_from="H/V2"),
        stay(5, "V3", 2, 500_00),
        stay(6, "V4", 1, 200_00),
    ]
    compute(write(tmp_path / "in.parquet", rows), tmp_path / "out.parquet", pack)
    found = results(tmp_path / "out.parquet")
    assert [found[f"B{number}"]["safety_net"] for number in range(1, 7)] == [50_00, 0, 60_00, 0, 0, 60_00]
    compute(write(tmp_path / "1.parquet", rows[:4]), tmp_path / "o1.parquet", pack, years_out=tmp_path / "first")
    compute(write(tmp_path / "2.parquet", rows[4:]), tmp_path / "o2.parquet", pack, start=tmp_path / "first")
    later = results(tmp_path / "o2.parquet")
    assert (later["B5"]["fault"], later["B6"]["safety_net"]) == ("fact_missing", 60_00)
