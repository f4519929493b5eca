"""Many bills against the oracle, and what a batch says of itself."""

import hashlib
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.batch.columns import AMOUNTS, PORTIONS, RESULT, SCOPE
from tests.batch.files import bill, line, rows_of_year, table, write
from tests.batch.running import command, compute, report, results
from tests.tiers import oracle
from tests.tiers.random_bills import person_year, run_chain

BILLS = 50_000


def expected(seed: int) -> dict[str, dict[str, int]]:
    """What the oracle makes of a random person-year, by bill."""
    chain = person_year(random.Random(seed))
    answers = run_chain(chain, oracle.settle)
    return {
        f"{sent['visit_id']}-{sent['settle_seq']}": answer["scope"]
        | {name: answer["portions"].get(name, 0) for name in PORTIONS}
        | {"payable_adjustment": answer["payable_adjustment"], "deductible": _deductible(sent, answer, answers, at)}
        for at, (sent, answer) in enumerate(zip(chain["bills"], answers, strict=True))
    }


def _deductible(sent: dict[str, Any], answer: dict[str, Any], answers: list[dict[str, Any]], at: int) -> int:
    if sent["medical_type"] != "14":
        return int(answer["deductible"])
    before = answers[at - 1]["after"]["chronic_deductible_paid"] if at else 0
    return int(answer["after"]["chronic_deductible_paid"] - before)


def compared(folder: Path, seeds: range) -> int:
    """Compare a batch of person-years, shuffled over three parts, with the oracle; how many bills there were."""
    rows = [row for seed in seeds for row in rows_of_year(seed)]
    random.Random(seeds.start).shuffle(rows)
    for part in range(3):
        write(folder / "bills" / f"part-{part}.parquet", rows[part::3])
    told = compute(folder / "bills", folder / "out")
    found = results(folder / "out")
    for seed in seeds:
        for bill_id, amounts in expected(seed).items():
            assert {name: found[bill_id][name] for name in amounts} == amounts, f"seed {seed}, {bill_id}"
    assert told.bills == len(rows) == len(found)
    assert told.faults == 0
    return len(rows)


def test_a_batch_is_what_the_oracle_says(tmp_path: Path) -> None:
    """Random chains with refunds, transfers, interim bills and changes of the law come out alike, to the fen."""
    assert compared(tmp_path, range(150)) > 500


@pytest.mark.thorough
@pytest.mark.parametrize("shard", range(4))
def test_a_large_batch_is_what_the_oracle_says(tmp_path: Path, shard: int) -> None:
    """The same with more of them; ``make soak-oracle`` has the full size."""
    done, start = 0, 1000 + shard * 1_000_000
    while done < BILLS // 4:
        done += compared(tmp_path / str(start), range(start, start + 1000))
        start += 1000


def test_rows_stand_as_the_input_has_them_and_the_checksum_is_that_of_the_specification(tmp_path: Path) -> None:
    """A folder gives a folder with the same names and orders of rows; the checksum is over all of them by id."""
    rows = [row for seed in range(20) for row in rows_of_year(seed)]
    for part in ("b.parquet", "a.parquet"):
        write(tmp_path / "bills" / part, rows[part == "a.parquet" :: 2])
    told = report(command(tmp_path / "bills", tmp_path / "out", "--workers", 2).stdout)
    for part in ("a.parquet", "b.parquet"):
        sent, came = (pq.read_table(tmp_path / folder / part) for folder in ("bills", "out"))
        assert came.column("bill_id") == sent.column("bill_id")
        assert came.schema.equals(RESULT)
    listed = sorted(results(tmp_path / "out").values(), key=lambda row: row["bill_id"].encode())
    lines = ("\t".join("" if value is None else str(value) for value in row.values()) + "\n" for row in listed)
    assert told["sha256"] == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert told["bills"] == str(len(rows))
    assert told["persons"] == "20"
    assert not (tmp_path / "out.unfinished").exists()


def test_a_known_scope_counts_like_the_lines_that_made_it(tmp_path: Path) -> None:
    """The same bills with their scope instead of their lines give the same amounts."""
    rows = [row for seed in range(30) for row in rows_of_year(seed)]
    by_lines = compute(write(tmp_path / "lines.parquet", rows), tmp_path / "one.parquet")
    found = results(tmp_path / "one.parquet")
    scoped = [row | {name: found[row["bill_id"]][name] for name in SCOPE} | {"lines": None} for row in rows]
    by_scope = compute(write(tmp_path / "scope.parquet", scoped, "lines"), tmp_path / "two.parquet")
    assert by_lines.sha256 == by_scope.sha256


def test_texts_may_be_dictionaries(tmp_path: Path) -> None:
    """Dictionary-encoded columns, and columns that nobody asked for, change nothing."""
    rows = [row for seed in range(5) for row in rows_of_year(seed)]
    plain = compute(write(tmp_path / "plain.parquet", rows), tmp_path / "one.parquet")
    made = table(rows)
    for at, field in enumerate(made.schema):
        if pa.types.is_string(field.type):
            made = made.set_column(at, field.name, made.column(at).dictionary_encode())
    pq.write_table(made.append_column("remark", pa.nulls(len(rows), pa.float64())), tmp_path / "coded.parquet")
    assert compute(tmp_path / "coded.parquet", tmp_path / "two.parquet").sha256 == plain.sha256


FAULTS: dict[str, list[dict[str, Any]]] = {
    "total_mismatch": [bill(total=500_001)],
    "line_amount_mismatch": [bill(total=2600, lines=[line(amount=2600)])],
    "negative_amount": [bill(total=0, lines=[line(amount=-2500), line(line_no=2)])],
    "refund_exceeds_line": [
        bill(total=0, lines=[line(), line(line_no=2, quantity=-30_000, amount=-2500, refund_of_line_no=1)])
    ],
    "amount_out_of_range": [
        bill(total=2500, lines=[line(), line(line_no=2, quantity=2**62, unit_price=2**62, amount=0)])
    ],
    "discharge_before_admission": [
        bill(admitted_on=PLAIN_DAY) for PLAIN_DAY in [bill()["discharged_on"].replace(day=13)]
    ],
    "work_injury_not_covered": [bill(work_injury="determined")],
    "delivery_mode_missing": [bill(medical_type="52")],
    "disease_not_listed": [bill(medical_type="14", discharged_on=bill()["admitted_on"], disease_code="X")],
    "insurance_type_unsupported": [bill(insurance_type="310")],
    "policy_gap": [bill(area_code="110101")],
    "transfer_visit_unknown": [bill(transfer_from="H1/V0")],
    "already_settled": [bill(bill_id="B0", settle_order=0), bill(total=1)],
    "not_in_list": [bill(referral="maybe")],
    "missing": [bill(total=None)],
    "duplicate_line_no": [bill(total=5000, lines=[line(), line()])],
    "charged_outside_stay": [bill(total=2500, lines=[line(charged_on=bill()["admitted_on"].replace(day=1))])],
}


@pytest.mark.parametrize("code", FAULTS)
def test_a_bill_has_the_first_of_its_faults(tmp_path: Path, code: str) -> None:
    """The alphabetically first code stands in ``fault``, and every other column but the id is null."""
    compute(write(tmp_path / "bills.parquet", FAULTS[code]), tmp_path / "out.parquet")
    row = results(tmp_path / "out.parquet")["B1"]
    assert row == {"bill_id": "B1"} | dict.fromkeys([*AMOUNTS, "policy_version"]) | {"fault": code}


def test_a_refused_bill_leaves_nothing_behind(tmp_path: Path) -> None:
    """What would have come before it, as a source or in the year, didn't."""
    rows = [
        bill(bill_id="A", total=1),
        bill(bill_id="B", settle_order=2, visit_id="V2", transfer_from="H1/V1"),
        bill(bill_id="C", settle_order=3),
        bill(bill_id="D", settle_order=4, visit_id="V2", transfer_from="H1/V1"),
        bill(bill_id="E", settle_order=1, person_id="P2", visit_id="V3", transfer_from="H1/V1"),
    ]
    compute(write(tmp_path / "bills.parquet", rows), tmp_path / "out.parquet")
    found = results(tmp_path / "out.parquet")
    assert [found[name]["fault"] for name in "ABCDE"] == [
        "total_mismatch",
        "transfer_visit_unknown",
        None,
        None,
        "transfer_visit_unknown",
    ]
    assert found["C"]["deductible"] > 0
    assert found["D"]["deductible"] == 0


def test_facts_that_a_rule_asks_for_must_be_there(tmp_path: Path) -> None:
    """Whether an employee is retired decides a rate in Chengdu: without it the bill is ``fact_missing``."""
    employee = bill(area_code="510104", insurance_type="310")
    rows = [employee | {"person_type": None}, employee | {"bill_id": "B2", "person_id": "P2", "person_type": "retired"}]
    compute(write(tmp_path / "bills.parquet", rows), tmp_path / "out.parquet", "chengdu")
    found = results(tmp_path / "out.parquet")
    assert found["B1"]["fault"] == "fact_missing"
    assert found["B2"]["fault"] is None


def test_an_areas_own_figures_count(tmp_path: Path) -> None:
    """``--figures`` takes areas' records: a lower cap on own spending makes the safety net pay more."""
    record = '[{"area_code": "530100", "incomes": [{"parameter": "safety_net.own_cap", "amount": "10.00"'
    record += ', "from": "2018-01-01", "document": "county"}]}]'
    (tmp_path / "figures.json").write_text(record)
    poor = write(tmp_path / "bills.parquet", [bill(benefit_class="low_income")])
    compute(poor, tmp_path / "plain.parquet")
    compute(poor, tmp_path / "own.parquet", figures=tmp_path / "figures.json")
    plain, own = (results(tmp_path / f"{name}.parquet")["B1"] for name in ("plain", "own"))
    assert own["patient"] == 1000 < plain["patient"]
