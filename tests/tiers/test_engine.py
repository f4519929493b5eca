"""The engine against the independent oracle, and the properties that every settlement has."""

import os
import random
from datetime import date
from typing import Any

import msgspec
import pytest

from app.basics.errors import Refused
from app.policies import SHIPPED, read_texts
from app.tiers.load import load_book
from app.tiers.model import Bill, Episode, Facts, empty_year
from app.tiers.waterfall import compute
from tests.tiers import engine, oracle
from tests.tiers.random_bills import person_year, run_chain, walk_chain

BILLS = int(os.environ.get("ONESTOP_ORACLE_BILLS", "20000"))
SHARDS = 4


@pytest.mark.thorough
@pytest.mark.parametrize("shard", range(SHARDS))
def test_engine_and_oracle_agree_on_random_years(shard: int) -> None:
    """Two implementations written from the same text give the same amounts, accumulators and lines, to the fen."""
    bills, seed = 0, shard
    while bills < BILLS // SHARDS:
        chain = person_year(random.Random(seed))
        for mine, theirs in zip(run_chain(chain, engine.settle), run_chain(chain, oracle.settle), strict=True):
            assert mine == {key: theirs[key] for key in mine}, f"seed {seed}"
            bills += 1
        seed += SHARDS
    assert bills >= BILLS // SHARDS


def test_every_settlement_conserves_money_and_no_portion_is_negative() -> None:
    """Portions and scope columns each add up to the bill; nothing is below zero."""
    for seed in range(500):
        for step in walk_chain(person_year(random.Random(seed)), engine.settle):
            total = oracle.fen(step["inputs"]["bill"]["total"])
            portions, scope = step["result"]["portions"], step["result"]["scope"]
            assert sum(portions.values()) == total == sum(scope.values())
            assert min(portions.values()) >= 0
            assert min(scope.values()) >= 0


CAPS = {"basic_paid": 60_000_00, "outpatient_paid": 400_00, "assistance_paid": 100_000_00, "serious_paid": 450_000_00}


def test_yearly_caps_are_never_passed_and_are_reached() -> None:
    """However many bills a year has, no accumulator passes its cap; each of the caps is reached by some year."""
    most: dict[str, int] = dict.fromkeys(CAPS, 0)
    for seed in range(1500):
        for step in walk_chain(person_year(random.Random(seed)), engine.settle):
            result, before = step["result"], step["inputs"]["acc"]
            uncapped_class = result["benefit_class"] in ("destitute", "low_income", "returned_poverty")
            for name, cap in CAPS.items():
                if name == "serious_paid" and result["benefit_year"] >= 2022 and uncapped_class:
                    continue
                assert result["after"][name] <= max(cap, before[name])
                most[name] = max(most[name], min(cap, result["after"][name]))
    assert most == CAPS


def test_same_inputs_give_the_same_result() -> None:
    """The engine has no memory: a year computed twice is equal."""
    chain = person_year(random.Random(7))
    assert run_chain(chain, engine.settle) == run_chain(chain, engine.settle)


def example_bill(**changes: Any) -> dict[str, Any]:
    """The bill in docs/specification/api.md, section 3."""
    line = {
        "line_no": 1,
        "item_code": "XB01ACA001",
        "quantity": "2",
        "unit_price": "12.50",
        "amount": "25.00",
        "charged_at": "2018-05-02T09:30:00+08:00",
    }
    bill = {
        "hospital_code": "H53010200001",
        "visit_id": "ZY2018-000123",
        "person_id": "53010200000000000123",
        "insurance_type": "390",
        "medical_type": "21",
        "admitted_on": "2018-05-02",
        "discharged_on": "2018-05-12",
        "referral": "compliant",
        "lines": [line],
        "total": "25.00",
    }
    return bill | changes


def test_the_example_of_the_contract_gives_its_amounts() -> None:
    """25.00 at a township hospital for a registered poor person: 23.75, 0.88 and 0.37 remain, as in
    docs/specification/api.md, section 3."""
    result = engine.settle(
        example_bill(),
        {
            "person_id": "53010200000000000123",
            "area_code": "530102",
            "identities": [{"class": "registered_poor", "from": "2016-01-01"}],
        },
        {"code": "H53010200001", "level": 1, "rank": "township", "area_code": "530102"},
        {
            "XB01ACA001": [
                {
                    "class": "A",
                    "first_pay_ratio": "0",
                    "ceilings": None,
                    "restricted": False,
                    "valid_from": "2017-01-01",
                }
            ]
        },
        empty_year(),
        0,
        True,
    )
    assert result["portions"] == {
        "basic": 2375,
        "serious_illness": 0,
        "medical_assistance": 88,
        "safety_net": 0,
        "hospital": 0,
        "patient": 37,
    }


def test_where_a_pack_asks_for_registration_an_unregistered_disease_is_refused() -> None:
    """The pack's flag alone decides whether a chronic disease must be registered before the visit."""
    text = read_texts(SHIPPED)["yunnan"]
    flag = "- {from: 2017-11-03, value: false, status: assumed"
    assert text.count(flag) == 1
    policy = load_book({"yunnan": text.replace(flag, flag.replace("false", "true"))}).on(date(2018, 5, 2), "530102")
    day = date(2018, 5, 2)
    bill = Bill("14", day, day, "M03900", None, "compliant", "none", 0, ())
    facts = Facts("P", "530102", "ordinary", "H", 2, "county", "530102")
    with pytest.raises(Refused, match="disease_not_registered"):
        compute(bill, {}, facts, empty_year(), Episode(), policy)
    registered = msgspec.structs.replace(facts, disease_registered=True)
    assert compute(bill, {}, registered, empty_year(), Episode(), policy).outcome.total == 0
