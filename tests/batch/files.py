"""Random person-years as the rows of a batch, and the files that hold them."""

import random
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from app.basics.money import fen, rate, scaled
from app.batch.columns import BILL, SCOPE
from tests.tiers.engine import classes_on
from tests.tiers.oracle import china_day
from tests.tiers.random_bills import person_year

OPTIONAL = ("disease_registered", "insurance_type", "person_type")
PLAIN: dict[str, Any] = {
    "bill_id": "B1",
    "person_id": "P1",
    "area_code": "530102",
    "benefit_class": "ordinary",
    "hospital_code": "H1",
    "hospital_area": "530102",
    "hospital_rank": "county",
    "hospital_level": 2,
    "medical_type": "21",
    "referral": "compliant",
    "work_injury": "none",
    "visit_id": "V1",
    "transfer_from": None,
    "settle_seq": 1,
    "settle_order": 1,
    "admitted_on": date(2018, 5, 2),
    "discharged_on": date(2018, 5, 12),
    "disease_code": None,
    "delivery_mode": None,
    "total": 500_000,
    "own_expense": 0,
    "over_limit": 0,
    "first_pay": 0,
    "in_scope": 500_000,
    "lines": None,
}
"""A bill of 5,000 yuan, all in scope."""
PLAIN_LINE: dict[str, Any] = {
    "line_no": 1,
    "class": "A",
    "first_pay_ratio": 0,
    "ceiling": None,
    "restricted": False,
    "approved": "false",
    "quantity": 20_000,
    "unit_price": 12_500_000,
    "amount": 2500,
    "refund_of_line_no": None,
    "charged_on": None,
    "kind": None,
}


def bill(**changes: Any) -> dict[str, Any]:
    """The plain bill with other values."""
    return PLAIN | changes


def line(**changes: Any) -> dict[str, Any]:
    """A plain line, 25 yuan, with other values."""
    return PLAIN_LINE | changes


def table(rows: Iterable[dict[str, Any]], *without: str) -> pa.Table:
    """Rows as a table of exactly the specified types."""
    listed = list(rows)
    names = [name for name in BILL if name not in without and (name not in OPTIONAL or name in listed[0])]
    return pa.table({name: pa.array([row.get(name) for row in listed], BILL[name]) for name in names})


def write(path: Path, rows: Iterable[dict[str, Any]], *without: str) -> Path:
    """Rows as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table(rows, *without), path)
    return path


def rows_of_year(seed: int) -> list[dict[str, Any]]:
    """The bills of a random person-year as rows, every fact of them as the registry would have found it."""
    return rows_of_chain(person_year(random.Random(seed)))


def rows_of_chain(chain: dict[str, Any]) -> list[dict[str, Any]]:
    """The bills of a chain as rows."""
    person, hospitals, catalogue = chain["person"], chain["hospitals"], chain["catalogue"]
    return [
        _row(order, sent, person, hospitals[sent["hospital_code"]], catalogue)
        for order, sent in enumerate(chain["bills"], 1)
    ]


def _row(order: int, sent: dict[str, Any], person: Any, hospital: Any, catalogue: Any) -> dict[str, Any]:
    admitted = date.fromisoformat(sent["admitted_on"])
    source = sent["transfer_from"]
    return bill(
        bill_id=f"{sent['visit_id']}-{sent['settle_seq']}",
        person_id=person["person_id"],
        area_code=person["area_code"],
        benefit_class=first_class(classes_on(person, admitted)),
        hospital_code=sent["hospital_code"],
        hospital_area=hospital["area_code"],
        hospital_rank=hospital["rank"],
        hospital_level=hospital["level"],
        medical_type=sent["medical_type"],
        referral=sent["referral"],
        work_injury=sent["work_injury"],
        visit_id=sent["visit_id"],
        transfer_from=None if source is None else f"{source['hospital_code']}/{source['visit_id']}",
        settle_seq=sent["settle_seq"],
        settle_order=order,
        admitted_on=admitted,
        discharged_on=date.fromisoformat(sent["discharged_on"]),
        disease_code=sent["disease_code"],
        delivery_mode=sent["delivery_mode"],
        total=fen(sent["total"]),
        **dict.fromkeys(SCOPE),
        lines=[_line(one, hospital["level"], catalogue) for one in sent["lines"]],
    )


PRECEDENCE = (
    *("destitute", "low_income", "returned_poverty", "registered_poor"),
    *("monitored", "low_income_edge", "illness_poverty"),
)


def first_class(classes: set[str]) -> str:
    """The class that counts among several."""
    return next((name for name in PRECEDENCE if name in classes), "ordinary")


def _line(one: dict[str, Any], level: int, catalogue: Any) -> dict[str, Any]:
    day = china_day(one["charged_at"])
    entry = next(
        (
            version
            for version in catalogue.get(one["item_code"], ())
            if version["valid_from"] <= day and (version["valid_until"] is None or day < version["valid_until"])
        ),
        None,
    )
    ceiling = None if entry is None or not entry["ceilings"] else scaled(entry["ceilings"][str(level)], 6)
    approved = one["approved"]
    return {
        "line_no": one["line_no"],
        "class": None if entry is None else entry["class"],
        "first_pay_ratio": 0 if entry is None else rate(entry["first_pay_ratio"]),
        "ceiling": ceiling,
        "restricted": entry is not None and entry["restricted"],
        "approved": approved if isinstance(approved, str) else str(approved).lower(),
        "quantity": scaled(one["quantity"], 4),
        "unit_price": scaled(one["unit_price"], 6),
        "amount": fen(one["amount"]),
        "refund_of_line_no": one["refund_of_line_no"],
        "charged_on": date.fromisoformat(day),
        "kind": None,
    }
