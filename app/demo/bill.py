"""The demo's bill: ten days with a cerebral infarction at the county hospital. Amounts are quantity times price,
exact."""

from copy import deepcopy
from typing import Any, Final

from app.basics.money import parsed, priced, yuan
from app.demo.world import CATALOGUE, COUNTY, HOSPITALS, PATIENT, PERSONS

ADMITTED_DAY: Final = 2
DISCHARGED_DAY: Final = 12

# What one unit costs at the county hospital, yuan.
PRICES: Final[dict[str, str]] = {
    "001109000010000": "30.00",
    "001102000050000": "12.00",
    "001201000020000": "20.00",
    "001201000030000": "12.00",
    "001203000010000": "3.00",
    "001204000050000": "8.00",
    "003107010220000": "4.00",
    "003107010010000": "20.00",
    "002501010150000": "22.00",
    "002501020350000": "12.00",
    "002502030250000": "76.00",
    "002503050010000": "138.00",
    "002503020010000": "6.00",
    "002503020060000": "62.00",
    "002503030170000": "86.00",
    "002103000010000": "226.00",
    "002102000010000": "568.00",
    "002103000070000": "985.00",
    "003206000010000": "2560.00",
    "002203020050000": "168.00",
    "002206000010000": "186.00",
    "003402000200000": "52.00",
    "004300000050000": "24.00",
    "001109000060000": "15.00",
    "XB01ACA056A001": "0.5133",
    "XB01ACL024A001": "8.126",
    "XC10AAA089A001": "7.68",
    "XC08CAX069A012": "4.405",
    "XN07XXD145B002": "319.80",
    "XN07XXY003B002": "46.37",
    "XN06BXD198B002": "98.65",
    "XC01EAQ031B002": "82.90",
    "XB05BCG016B002": "8.52",
    "XB05BBL233B002": "4.15",
    "XA02BCP065B001": "39.96",
    "XV08ABD076B002": "297.40",
    "XN06BXN091B001": "128.50",
    "C14010500100000": "21.60",
    "C14020300100000": "13.80",
    "C03010100200000": "1080.00",
}

# Line, day in May 2018, hour, item, quantity, approved.
_BED: Final = [(day - 1, day, 8, "001109000010000", "1", False) for day in range(ADMITTED_DAY, DISCHARGED_DAY)]
_CARE: Final = [
    (11, 2, 9, "001102000050000", "10", False),
    (12, 2, 9, "001201000020000", "4", False),
    (13, 6, 9, "001201000030000", "6", False),
    (14, 2, 10, "001203000010000", "72", False),
    (15, 2, 10, "003107010220000", "72", False),
    (16, 2, 11, "001204000050000", "36", False),
]
_TESTS: Final = [
    (17, 2, 9, "002501010150000", "1", False),
    (18, 2, 9, "002501020350000", "1", False),
    (19, 2, 9, "002502030250000", "1", False),
    (20, 2, 9, "002503050010000", "1", False),
    (21, 2, 9, "002503020010000", "8", False),
    (22, 3, 7, "002503020060000", "1", False),
    (23, 3, 7, "002503030170000", "1", False),
    (24, 9, 7, "002503050010000", "1", False),
    (25, 2, 9, "002103000010000", "1", False),
    (26, 3, 15, "002102000010000", "1", False),
    (27, 3, 16, "002103000070000", "1", False),
    (28, 4, 10, "003206000010000", "1", False),
    (29, 3, 10, "002203020050000", "1", False),
    (30, 3, 10, "002206000010000", "1", False),
    (31, 2, 9, "003107010010000", "2", False),
]
_TREATMENT: Final = [
    (32, 2, 12, "XB01ACA056A001", "30", False),
    (33, 2, 12, "XB01ACL024A001", "10", False),
    (34, 2, 12, "XC10AAA089A001", "20", False),
    (35, 2, 12, "XC08CAX069A012", "10", False),
    (36, 2, 13, "XN07XXD145B002", "14", True),
    (37, 9, 13, "XN07XXD145B002", "3", False),
    (38, 2, 13, "XN07XXY003B002", "28", False),
    (39, 3, 13, "XN06BXD198B002", "16", False),
    (40, 2, 13, "XC01EAQ031B002", "20", False),
    (41, 2, 13, "XB05BCG016B002", "16", False),
    (42, 2, 13, "XB05BBL233B002", "40", False),
    (43, 2, 13, "XA02BCP065B001", "10", False),
    (44, 4, 10, "XV08ABD076B002", "2", False),
    (45, 5, 13, "XN06BXN091B001", "4", False),
    (46, 2, 11, "C14010500100000", "4", False),
    (47, 2, 11, "C14020300100000", "20", False),
    (48, 4, 10, "C03010100200000", "1", False),
    (49, 5, 9, "003402000200000", "14", False),
    (50, 5, 10, "004300000050000", "7", False),
    (51, 2, 8, "001109000060000", "10", False),
]
# The four last ampoules of line 40 went back to the pharmacy.
_REFUNDS: Final = [(52, 11, 16, "XC01EAQ031B002", "-4", 40)]


def _line(line_no: int, day: int, hour: int, item_code: str, quantity: str) -> dict[str, Any]:
    price = PRICES[item_code]
    return {
        "line_no": line_no,
        "item_code": item_code,
        "name": CATALOGUE[item_code]["name"],
        "quantity": quantity,
        "unit_price": price,
        "amount": yuan(priced(parsed(price, 6), parsed(quantity, 4))),
        "charged_at": f"2018-05-{day:02d}T{hour:02d}:00:00+08:00",
    }


def demo_bill() -> dict[str, Any]:
    """The body of ``POST /v1/settlements``."""
    lines = [
        _line(*row[:5]) | ({"approved": row[5]} if CATALOGUE[row[3]]["restricted"] else {})
        for row in (*_BED, *_CARE, *_TESTS, *_TREATMENT)
    ]
    lines += [_line(*row[:5]) | {"refund_of_line_no": row[5]} for row in _REFUNDS]
    return {
        "hospital_code": COUNTY,
        "visit_id": "ZY2018-000123",
        "settle_seq": 1,
        "person_id": PATIENT,
        "insurance_type": "390",
        "medical_type": "21",
        "admitted_on": f"2018-05-{ADMITTED_DAY:02d}",
        "discharged_on": f"2018-05-{DISCHARGED_DAY:02d}",
        "diagnoses": [
            {"code": "I63.900", "name": "脑梗死", "main": True},
            {"code": "I10.x00", "name": "原发性高血压"},
        ],
        "referral": "compliant",
        "lines": lines,
        "total": yuan(sum(parsed(line["amount"], 2) for line in lines)),
    }


def example() -> dict[str, Any]:
    """The bill with all that computing it offline needs: the content of ``examples/bill.json``, the caller's to
    change."""
    person, hospital, catalogue = deepcopy((PERSONS[PATIENT], HOSPITALS[COUNTY], CATALOGUE))
    bill = demo_bill()
    used = dict.fromkeys(line["item_code"] for line in bill["lines"])
    return {
        "bill": bill,
        "person": {key: person[key] for key in ("area_code", "identities")},
        "hospital": {key: hospital[key] for key in ("level", "rank", "area_code")},
        "catalogue": [{"item_code": code} | catalogue[code] for code in used],
        "year_to_date": {},
        "episode_deductible_paid": "0.00",
    }
