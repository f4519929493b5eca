"""The columns of the files of docs/specification/batch.md, section 1, as Arrow's types."""

from typing import Final

import pyarrow as pa

from app.tiers.model import ACCUMULATORS, SUPPLEMENT_PAID

TEXT: Final = pa.string()
MONEY: Final = pa.int64()
SCOPE: Final = ("own_expense", "over_limit", "first_pay", "in_scope")

LINE: Final = {
    "line_no": pa.int32(),
    "class": TEXT,
    "first_pay_ratio": pa.int32(),
    "ceiling": pa.int64(),
    "restricted": pa.bool_(),
    "approved": TEXT,
    "quantity": pa.int64(),
    "unit_price": pa.int64(),
    "amount": MONEY,
    "refund_of_line_no": pa.int32(),
    "charged_on": pa.date32(),
    "kind": TEXT,
}
LINE_OPTIONAL: Final = frozenset({"charged_on", "kind"})
LINES: Final = "lines"
LINE_TYPE: Final = pa.struct([pa.field(name, type_) for name, type_ in LINE.items()])

BILL: Final = {
    "bill_id": TEXT,
    "person_id": TEXT,
    "area_code": TEXT,
    "benefit_class": TEXT,
    "hospital_code": TEXT,
    "hospital_area": TEXT,
    "hospital_rank": TEXT,
    "hospital_level": pa.int8(),
    "medical_type": TEXT,
    "referral": TEXT,
    "work_injury": TEXT,
    "visit_id": TEXT,
    "transfer_from": TEXT,
    "settle_seq": pa.int32(),
    "settle_order": pa.int64(),
    "admitted_on": pa.date32(),
    "discharged_on": pa.date32(),
    "disease_code": TEXT,
    "delivery_mode": TEXT,
    "disease_registered": pa.bool_(),
    "insurance_type": TEXT,
    "person_type": TEXT,
    "total": MONEY,
    **dict.fromkeys(SCOPE, MONEY),
    LINES: pa.list_(LINE_TYPE),
}
OPTIONAL: Final = frozenset({"disease_registered", "insurance_type", "person_type"})
KEYS: Final = ("bill_id", "person_id", "settle_order")
"""What every row must have; anything else that is missing is the bill's own fault."""
NOT_NEGATIVE: Final = ("total", *SCOPE)
LINE_NOT_NEGATIVE: Final = ("first_pay_ratio", "ceiling", "unit_price")

PORTIONS: Final = (
    *("basic", "serious_illness", "supplement", "medical_assistance"),
    *("safety_net", "hospital", "patient"),
)
AMOUNTS: Final = (*SCOPE, *PORTIONS, "payable_adjustment", "deductible")
RESULT: Final = pa.schema(
    [("bill_id", TEXT), *((name, MONEY) for name in AMOUNTS), ("policy_version", TEXT), ("fault", TEXT)]
)

PLACE: Final = (("part", pa.int32()), ("row", pa.int64()))
"""Where a bill stood: which part, and which of its rows, from 0."""
SPREAD: Final = pa.schema([*BILL.items(), *PLACE])

YEAR_KEYS: Final = (("person_id", TEXT), ("benefit_year", pa.int64()))
YEAR_AMOUNTS: Final = (*ACCUMULATORS, SUPPLEMENT_PAID)
EPISODE: Final = pa.schema(
    [
        ("person_id", TEXT),
        ("hospital_code", TEXT),
        ("visit_id", TEXT),
        ("benefit_year", pa.int64()),
        ("episode", pa.list_(TEXT)),
        ("deductible", MONEY),
    ]
)
VISIT: Final = pa.schema(
    [
        ("person_id", TEXT),
        ("hospital_code", TEXT),
        ("visit_id", TEXT),
        ("settle_seq", pa.int32()),
        ("medical_type", TEXT),
        ("hospital_level", pa.int8()),
        ("benefit_year", pa.int64()),
        ("episode", pa.list_(TEXT)),
    ]
)
"""Every settled bill: which seqs of a visit are taken, and at which level."""
