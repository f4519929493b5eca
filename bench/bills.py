"""The bill that the benchmarks use: 20 lines, inpatient, a registered poor person."""

import json
from typing import Any

LINES = 20


def bill(
    *,
    hospital: str = "HBENCH",
    person: str = "PBENCH",
    visit: str = "ZYBENCH",
    item: str = "XBENCH",
    outpatient: bool = False,
) -> dict[str, Any]:
    """A bill as a hospital sends it; some 4 kB of JSON. An outpatient's is of one day."""
    rows = [
        {
            "line_no": number,
            "item_code": f"{item}{number % 10}",
            "hospital_item_code": f"Y{number:04d}",
            "name": "阿司匹林肠溶片",
            "quantity": f"{number}",
            "unit_price": "123.45",
            "amount": f"{number * 12345 // 100}.{number * 12345 % 100:02d}",
            "charged_at": f"2018-05-{2 if outpatient else 2 + number % 10:02d}T09:30:00+08:00",
            "approved": False,
            "refund_of_line_no": None,
        }
        for number in range(1, LINES + 1)
    ]
    total = sum(number * 12345 for number in range(1, LINES + 1))
    return {
        "hospital_code": hospital,
        "visit_id": visit,
        "settle_seq": 1,
        "interim": False,
        "person_id": person,
        "insurance_type": "390",
        "medical_type": "11" if outpatient else "21",
        "admitted_on": "2018-05-02",
        "discharged_on": "2018-05-02" if outpatient else "2018-05-12",
        "diagnoses": [{"code": "I63.900", "name": "脑梗死", "main": True}],
        "referral": "compliant",
        "work_injury": "none",
        "paid_by": "hospital",
        "lines": rows,
        "total": f"{total // 100}.{total % 100:02d}",
    }


def body(*, outpatient: bool = False, **names: str) -> bytes:
    """The bill as bytes."""
    return json.dumps(bill(outpatient=outpatient, **names), ensure_ascii=False).encode()
