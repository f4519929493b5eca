"""Every pack of the repository in a batch: the golden cases beside them come out as one by one."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.batch.columns import EPISODE, PORTIONS, SCOPE, YEAR_AMOUNTS
from app.policies import SCHEMES, SHIPPED, cases_file, pack_files, read_text, read_texts, shipped_book
from app.policies.cases import _CATALOGUE, Case, CaseBill, outcomes, parse_cases
from app.tiers.load import load_book
from app.tiers.model import RESIDENTS, Outcome, empty_year
from app.tiers.waterfall import typed
from tests.batch.files import bill, line, write
from tests.batch.running import compute, results

PACKS = [path for path in pack_files(SHIPPED, SCHEMES) if cases_file(path).is_file()]


def rows_of(case: Case, person: str) -> list[dict[str, Any]]:
    """The bills of a case as rows of one person."""
    rows: list[dict[str, Any]] = []
    for number, item in enumerate(case.bills):
        facts, sent = item.facts, item.bill
        before = f"{rows[-1]['hospital_code']}/{rows[-1]['visit_id']}" if item.continues and rows else None
        rows.append(
            bill(
                bill_id=f"{person}-{number}",
                person_id=person,
                area_code=facts.area_code,
                benefit_class=facts.benefit_class,
                hospital_code=facts.hospital_code,
                hospital_area=facts.hospital_area_code,
                hospital_rank=facts.hospital_rank,
                hospital_level=facts.hospital_level,
                medical_type=sent.medical_type,
                referral=sent.referral,
                visit_id=f"V{number}",
                transfer_from=before if sent.medical_type == "21" else None,
                settle_order=number,
                admitted_on=sent.admitted_on,
                discharged_on=sent.discharged_on,
                disease_code=sent.disease_code,
                delivery_mode=sent.delivery_mode,
                disease_registered=facts.disease_registered,
                insurance_type=facts.insurance_type,
                person_type="retired" if facts.retired else "active",
                total=sent.total,
                lines=lines_of(item),
                **dict.fromkeys(SCOPE),
            )
        )
    return rows


def lines_of(item: CaseBill) -> list[dict[str, Any]]:
    """The lines of a case's bill; the entry of each is its item's only one."""
    catalogue = {**_CATALOGUE, **item.catalogue}
    entries = [catalogue[one.item_code][0] for one in item.bill.lines]
    return [
        line(
            line_no=one.line_no,
            **{"class": entry.catalogue_class},
            first_pay_ratio=entry.first_pay_ratio,
            ceiling=entry.ceilings[0],
            quantity=one.quantity,
            unit_price=one.unit_price,
            amount=one.amount,
            charged_on=one.charged_on,
            kind=entry.kind or "service",
        )
        for one, entry in zip(item.bill.lines, entries, strict=True)
    ]


def write_start(folder: Path, cases: dict[str, Case]) -> Path:
    """What the cases say of the year before their first bill."""
    rows = []
    for person, case in cases.items():
        first = case.bills[0]
        kind = first.facts.insurance_type
        year = empty_year() | (dict(case.before) if kind == RESIDENTS else typed(case.before, kind))
        rows.append({"person_id": person, "benefit_year": first.bill.discharged_on.year} | year)
    names = dict.fromkeys([*YEAR_AMOUNTS, *(name for row in rows for name in row)]) | {}
    columns = {name: pa.array([row.get(name, 0) for row in rows], pa.int64()) for name in names if name != "person_id"}
    folder.mkdir()
    pq.write_table(pa.table({"person_id": [row["person_id"] for row in rows], **columns}), folder / "years.parquet")
    pq.write_table(EPISODE.empty_table(), folder / "episodes.parquet")
    return folder


def said(outcome: Outcome) -> dict[str, int]:
    """The amounts of an outcome by column."""
    scope = {name: getattr(outcome.scope, name) for name in SCOPE}
    return scope | {name: getattr(outcome.portions, name) for name in PORTIONS}


@pytest.mark.parametrize("path", PACKS, ids=lambda path: path.stem)
def test_the_cases_of_a_pack_come_out_as_one_by_one(tmp_path: Path, path: Path) -> None:
    """Whatever rules a pack has, the batch follows the same ones."""
    cases = {f"P{number}": case for number, case in enumerate(parse_cases(path.name, read_text(cases_file(path))))}
    rows = [row for person, case in cases.items() for row in rows_of(case, person)]
    source = write(tmp_path / "bills.parquet", rows)
    compute(source, tmp_path / "out.parquet", path.stem, start=write_start(tmp_path / "start", cases))
    found = results(tmp_path / "out.parquet")
    book = (shipped_book() if path.parent == SHIPPED else load_book(read_texts(SCHEMES))).ruled_by(path.stem)
    for person, case in cases.items():
        for number, (item, outcome, refusal) in enumerate(outcomes(case, book)):
            row, where = found[f"{person}-{number}"], f"{case.title}，{number}"
            assert row["fault"] == refusal, (where, item.refused)
            if outcome is not None:
                amounts = said(outcome)
                assert {name: row[name] for name in amounts} == amounts, where
