"""The oracle against examples worked by hand, and the generator against the branches that it promises to hit."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from tests.tiers import random_bills
from tests.tiers.oracle import Refused, settle
from tests.tiers.random_bills import ACCUMULATORS, person_year, run_chain, walk_chain

CHAINS = 2000
ZERO = dict.fromkeys(ACCUMULATORS, 0)
CATALOGUE = {
    code: [{"class": kind, "first_pay_ratio": ratio, "ceilings": ceilings, "restricted": restricted, **validity}]
    for validity in [{"valid_from": "2010-01-01", "valid_until": "2030-01-01"}]
    for code, kind, ratio, ceilings, restricted in [
        ("A", "A", "0.0000", None, False),
        ("B", "B", "0.1000", {"1": "8.00", "2": "9.00", "3": "10.00"}, False),
        ("C", "C", "1.0000", None, False),
        ("R", "A", "0.0000", None, True),
    ]
}


def line(number: int, code: str, quantity: str, price: str, amount: str, **more: Any) -> dict[str, Any]:
    facts = {"charged_at": None, "approved": False, "refund_of_line_no": None, **more}
    return {"line_no": number, "item_code": code, "quantity": quantity, "unit_price": price, "amount": amount, **facts}


def make_bill(day: str, lines: list[dict[str, Any]] | str, **more: Any) -> dict[str, Any]:
    """A one-day bill; `lines` may be just an amount, which is then all in scope."""
    if isinstance(lines, str):
        lines = [line(1, "A", "1", lines, lines)]
    lines = [{**entry, "charged_at": entry["charged_at"] or f"{day}T09:30:00+08:00"} for entry in lines]
    total = sum(int(entry["amount"].replace(".", "")) for entry in lines)
    facts = {"insurance_type": "390", "medical_type": "21", "admitted_on": day, "discharged_on": day}
    facts |= {"hospital_code": "H", "visit_id": "V", "settle_seq": 1, "transfer_from": None, "referral": "compliant"}
    return {**facts, "lines": lines, "total": f"{total // 100}.{total % 100:02d}", **more}


def make_person(name: str = "ordinary", area: str = "530102", since: str = "2010-01-01") -> dict[str, Any]:
    identities = [] if name == "ordinary" else [{"class": name, "from": since, "until": None}]
    return {"person_id": "P", "area_code": area, "identities": identities}


def make_hospital(level: int = 3, rank: str = "county") -> dict[str, Any]:
    return {"code": "H", "level": level, "rank": rank, "area_code": "530102"}


def run(
    bill: dict[str, Any], name: str = "ordinary", level: int = 3, acc: dict[str, int] | None = None, **more: Any
) -> dict[str, Any]:
    person = make_person(name, more.get("area", "530102"))
    hospital = make_hospital(level, more.get("rank", "county"))
    return settle(bill, person, hospital, CATALOGUE, acc or ZERO, more.get("episode", 0), True)


def portions(result: dict[str, Any]) -> tuple[int, ...]:
    return tuple(result["portions"].values())


def test_the_example_of_the_http_contract() -> None:
    lines = [line(1, "A", "2", "12.50", "25.00")]
    bill = make_bill("2018-05-12", lines, admitted_on="2018-05-02")
    result = run(bill, "registered_poor", level=1)
    # d = 0; 25.00 × 0.95 = 23.75; 1.25 is far below 6000; 1.25 × 0.7 = 0.875 → 0.88; 24.63 > 22.50; 0.37 left
    assert portions(result) == (2375, 0, 88, 0, 0, 37)
    assert result["scope"] == {"own_expense": 0, "over_limit": 0, "first_pay": 0, "in_scope": 2500}
    assert (result["benefit_class"], result["benefit_year"], result["paying_area"]) == (
        *("registered_poor", 2018),
        "530100",
    )
    after = {"inpatient_count": 1, "basic_paid": 2375, "serious_base": 125, "assistance_paid": 88}
    assert result["after"] == {**ZERO, **after, "compliant_own": 37, "own_total": 37}


def test_an_ordinary_person_with_and_without_referral() -> None:
    # d 1000; 99000 × 0.60 = 59400; b = 40600; (40600 − 12000) × 0.60 = 17160
    result = run(make_bill("2018-05-12", "100000.00"))
    assert portions(result) == (5940000, 1716000, 0, 0, 0, 2344000)
    # 99000 × 0.40 = 39600; reduction 19800; b again 40600
    result = run(make_bill("2018-05-12", "100000.00", referral="missing"))
    assert portions(result) == (3960000, 1716000, 0, 0, 0, 4324000)
    assert (result["reduction"], result["after"]["compliant_own"], result["after"]["own_total"]) == (
        *(1980000, 0),
        4324000,
    )


def test_a_poor_person_without_referral_keeps_only_the_assistance_rate() -> None:
    # as ordinary: d 500, 9500 × 0.55 = 5225, reduction 9500 × 0.20 = 1900; m = 2875; × 0.7 = 2012.50; no safety net
    result = run(make_bill("2018-05-12", "10000.00", referral="missing"), "registered_poor", level=2)
    assert portions(result) == (522500, 0, 201250, 0, 0, 276250)


def test_every_cap_of_2018_in_one_bill_and_the_bill_after_it() -> None:
    # basic 699300 → 60000; f = 30800 + 35000 + 840000 × 0.8 = 737800 → 450000; 490000 × 0.7 = 343000 → 100000;
    # floor 900000 − 610000 = 290000; own 100000 − 9862 = 90138
    first = run(make_bill("2018-05-12", "1000000.00"), "registered_poor")
    assert portions(first) == (6000000, 45000000, 10000000, 38013800, 0, 986200)
    # only the safety net is left: floor 900, and the 100 are above the own cap already
    second = run(make_bill("2018-06-12", "1000.00"), "registered_poor", level=1, acc=first["after"])
    assert portions(second) == (0, 0, 0, 100000, 0, 0)


def test_the_own_cap_is_the_figure_published_on_the_policy_day() -> None:
    for day, own_cap in (("2018-03-31", 902000), ("2018-04-01", 986200), ("2021-12-31", 1284200)):
        assert run(make_bill(day, "1000000.00"), "low_income")["portions"]["patient"] == own_cap


def test_monitored_person_of_2023_deductible_assistance_and_tilt() -> None:
    # d 550; 49450 × 0.75 = 37087.50; b = 12912.50; 912.50 × 0.6 = 547.50; m = 12365.00;
    # a = 10 % of 26937 = 2693.70; 9671.30 × 0.6 = 5802.78; tilt base 6562.22
    first = run(make_bill("2023-05-12", "50000.00"), "monitored", level=2)
    assert portions(first) == (3708750, 54750, 580278, 0, 0, 656222)
    # basic cap leaves 22912.50; b = 27087.50; f(40000) − 547.50 = 16252.50; m = 10835.00; × 0.6 = 6501.00;
    # tilt base 10896.22, (10896.22 − 8000) × 0.5 = 1448.11
    second = run(make_bill("2023-06-12", "50000.00"), "monitored", level=2, acc=first["after"])
    assert portions(second) == (2291250, 1625250, 650100 + 144811, 0, 0, 288589)
    assert second["after"]["tilt_base"] == 1089622
    # without referral: no tilt and its base stands still; 49450 × 0.55 → capped alike, so no reduction
    second = run(make_bill("2023-06-12", "50000.00", referral="missing"), "monitored", level=2, acc=first["after"])
    assert portions(second) == (2291250, 1625250, 650100, 0, 0, 433400)
    assert (second["reduction"], second["after"]["tilt_base"]) == (0, 656222)


def test_no_serious_illness_cap_for_the_poor_from_2022() -> None:
    # f = 44000 × 0.65 + 50000 × 0.75 + 1840000 × 0.85 = 1630100; m = 309900 → 100000, no room for the tilt
    result = run(make_bill("2022-06-12", "2000000.00"), "destitute")
    assert portions(result) == (6000000, 163010000, 10000000, 0, 0, 20990000)
    assert result["after"]["tilt_base"] == 20990000


def test_income_share_and_rounding_half_up() -> None:
    # basic 60000, b 40000, serious 16800, m 23200; a = 25 % of 23295 = 5823.75; 17376.25 × 0.5 = 8688.125 → 8688.13
    result = run(make_bill("2022-03-31", "100000.00"), "illness_poverty", level=1)
    assert portions(result) == (6000000, 1680000, 868813, 0, 0, 1451187)
    result = run(make_bill("2022-04-01", "100000.00"), "illness_poverty", level=1)
    assert result["after"]["assistance_deductible_paid"] == 641650


@pytest.mark.parametrize(
    ("day", "name", "level", "area", "deductible", "basic"),
    [
        ("2019-11-30", "ordinary", 1, "530102", 20000, 833000),
        ("2019-12-01", "ordinary", 1, "530102", 40000, 816000),
        ("2019-11-30", "low_income", 3, "530102", 100000, 630000),
        ("2019-12-01", "low_income", 3, "530102", 88000, 638400),
        ("2021-12-31", "returned_poverty", 1, "530102", 40000, 816000),
        ("2022-01-01", "returned_poverty", 1, "530102", 0, 950000),
        ("2021-12-31", "registered_poor", 1, "530102", 0, 950000),
        ("2022-01-01", "registered_poor", 1, "530102", 40000, 816000),
        ("2024-12-31", "ordinary", 1, "530102", 40000, 816000),
        ("2025-01-01", "ordinary", 1, "530102", 20000, 833000),
        ("2025-01-01", "ordinary", 1, "532601", 10000, 891000),
        ("2018-05-01", "ordinary", 2, "532622", 40000, 768000),
        ("2018-05-01", "destitute", 2, "532622", 40000, 816000),
    ],
)
def test_deductibles_and_rates(day: str, name: str, level: int, area: str, deductible: int, basic: int) -> None:
    result = run(make_bill(day, "10000.00"), name, level, area=area)
    assert (result["deductible"], result["portions"]["basic"]) == (deductible, basic)


def test_outpatients() -> None:
    first = run(make_bill("2018-05-12", "700.00", medical_type="11", referral="missing"), level=1)
    assert portions(first) == (35000, 0, 0, 0, 0, 35000)
    second = run(make_bill("2018-05-13", "700.00", medical_type="11"), "destitute", 3, first["after"])
    assert portions(second) == (5000, 0, 0, 0, 0, 65000)
    assert second["after"] == {**ZERO, "outpatient_paid": 40000, "own_total": 100000}

    chronic = {"medical_type": "14", "disease_code": "M07800"}
    result = run(make_bill("2018-05-12", "1000.00", **chronic))  # 450 × 0.60
    assert portions(result) == (27000, 0, 0, 0, 0, 73000)
    assert (result["deductible"], result["after"]["chronic_deductible_paid"]) == (0, 55000)
    result = run(make_bill("2018-05-12", "1000.00", **chronic), "low_income")  # 1000 × 0.90; 100 × 0.7; no safety net
    assert portions(result) == (90000, 0, 7000, 0, 0, 3000)
    chronic["disease_code"] = "YN24"
    result = run(make_bill("2018-05-12", "1000.00", **chronic, referral="missing"), "destitute")
    assert portions(result) == (18000, 0, 73000, 0, 0, 9000)  # 450 × 0.40, reduction 90, all of m = 730


def test_childbirth() -> None:
    cases = [
        ("county", "vaginal", "1500.00", (150000, 0, 0), 30000),
        ("township", "caesarean", "2500.00", (200000, 50000, 0), 0),
        ("province", "caesarean", "5000.00", (350000, 0, 150000), 0),
        ("prefecture", "vaginal", "1000.00", (100000, 0, 0), 0),
    ]
    for rank, mode, amount, (basic, hospital, patient), adjustment in cases:
        bill = make_bill("2018-05-12", amount, medical_type="52", delivery_mode=mode, referral="missing")
        result = run(bill, "destitute", acc={**ZERO, "basic_paid": 6000000}, rank=rank)
        assert portions(result) == (basic, 0, 0, 0, hospital, patient)
        assert result["payable_adjustment"] == adjustment
        assert result["after"] == {**ZERO, "basic_paid": 6000000, "own_total": patient}


def test_lines() -> None:
    lines = [
        # 43.209873 → 43.21; over 8.209873 → 8.21; 35.00 × 0.1 = 3.50
        line(1, "B", "3.5", "12.345678", "43.21"),
        line(2, "C", "1", "1.00", "1.00"),
        line(3, "unknown", "1", "2.00", "2.00"),
        line(4, "R", "1", "4.00", "4.00"),
        line(5, "R", "1", "8.00", "8.00", approved=True),
        line(6, "A", "1", "16.00", "16.00", approved="refused"),
        line(7, "A", "1", "32.00", "32.01"),
        line(8, "A", "10", "1.25", "12.50"),
        line(9, "A", "-4", "1.25", "-5.00", refund_of_line_no=8),
        line(10, "B", "1", "20.00", "20.00"),
        line(11, "B", "-1.0", "20.00", "-20.00", refund_of_line_no=10),
        line(12, "B", "2", "0.004", "0.00"),
    ]
    result = run(make_bill("2018-05-12", lines))
    expected = {
        1: (0, 821, 350, 3150),
        2: (100, 0, 0, 0),
        3: (200, 0, 0, 0),
        4: (400, 0, 0, 0),
        5: (0, 0, 0, 800),
        6: (1600, 0, 0, 0),
        7: (0, 0, 0, 3201),
        8: (0, 0, 0, 750),
        10: (0, 0, 0, 0),
        12: (0, 0, 0, 0),
    }
    assert {entry["line_no"]: tuple(entry.values())[1:] for entry in result["lines"]} == expected
    assert tuple(result["scope"].values()) == (2300, 821, 350, 7901)


def test_the_class_of_the_admission_day_by_precedence_and_half_open() -> None:
    identities = [
        {"class": "registered_poor", "from": "2018-05-01", "until": "2018-05-10"},
        {"class": "destitute", "from": "2018-05-04", "until": "2018-05-05"},
    ]
    person = {**make_person(), "identities": identities}
    seen = {}
    for day in ("2018-04-30", "2018-05-01", "2018-05-04", "2018-05-05", "2018-05-09", "2018-05-10"):
        bill = make_bill("2018-05-12", "1.00", admitted_on=day)
        seen[day[5:]] = settle(bill, person, make_hospital(), CATALOGUE, ZERO, 0, True)["benefit_class"]
    assert list(seen.values()) == ["ordinary", "registered_poor", "destitute", *["registered_poor"] * 2, "ordinary"]


def test_an_episode_is_the_visit_and_its_ancestors() -> None:
    hospitals = {"H2": {**make_hospital(2), "code": "H2"}, "H3": {**make_hospital(3), "code": "H3"}}
    source = {"hospital_code": "H2", "visit_id": "V2"}
    bills = [
        make_bill("2018-05-01", "100.00", **source),
        make_bill("2018-05-03", "5000.00", hospital_code="H3", visit_id="V3", transfer_from=source),
        make_bill("2018-05-02", "5000.00", **source, settle_seq=2),
        make_bill("2018-05-09", "5000.00", hospital_code="H3", visit_id="V9"),
    ]
    chain = {"person": make_person(), "catalogue": CATALOGUE, "hospitals": hospitals, "bills": bills}
    results = run_chain(chain, settle)
    # all of 100; 1000 − 100; 500 − 100, the transferred stay is not counted here; a new episode
    assert [result["deductible"] for result in results] == [10000, 90000, 40000, 100000]
    assert [result["after"]["inpatient_count"] for result in results] == [1, 1, 1, 2]


def refund(quantity: str, amount: str, gross: str = "12.50") -> list[dict[str, Any]]:
    return [line(1, "A", "10", "1.25", gross), line(2, "A", quantity, "1.25", amount, refund_of_line_no=1)]


@pytest.mark.parametrize(
    ("code", "day", "lines", "more"),
    [
        ("line_amount_mismatch", "2018-05-12", [line(1, "A", "2", "12.50", "25.02")], {}),
        ("line_amount_mismatch", "2018-05-12", refund("-4", "-5.02"), {}),
        ("refund_amount_mismatch", "2018-05-12", refund("-10", "-12.49"), {}),
        ("refund_exceeds_line", "2018-05-12", refund("-10.0001", "-12.50"), {}),
        ("duplicate_line_no", "2018-05-12", [line(1, "A", "1", "1.00", "1.00")] * 2, {}),
        ("total_mismatch", "2018-05-12", "25.00", {"total": "25.01"}),
        ("disease_not_listed", "2018-05-12", "25.00", {"medical_type": "14", "disease_code": "YN25"}),
        ("delivery_mode_missing", "2018-05-12", "25.00", {"medical_type": "52", "delivery_mode": None}),
        ("work_injury_not_covered", "2018-05-12", "25.00", {"work_injury": "determined"}),
        ("insurance_type_unsupported", "2018-05-12", "25.00", {"insurance_type": "310"}),
        ("discharge_before_admission", "2018-05-12", "25.00", {"admitted_on": "2018-05-13"}),
        ("policy_gap", "2017-11-02", "25.00", {}),
    ],
)
def test_refusals(code: str, day: str, lines: Any, more: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        run(make_bill(day, lines, **more))
    assert refused.value.code == code


def test_days_are_those_of_shanghai_and_a_foreign_area_has_no_policy() -> None:
    late = [line(1, "A", "1", "1.00", "1.00", charged_at="2018-05-11T16:00:00Z")]
    assert run(make_bill("2018-05-12", late))["scope"]["in_scope"] == 100
    early = [{**late[0], "charged_at": "2018-05-11T15:59:59Z"}]
    with pytest.raises(Refused, match="charged_outside_stay"):
        run(make_bill("2018-05-12", early))
    with pytest.raises(Refused, match="policy_gap"):
        run(make_bill("2018-05-12", "1.00"), area="510104")


def test_the_tolerance_holds_for_the_net_amount() -> None:
    result = run(make_bill("2018-05-12", refund("-4", "-5.40", gross="12.90")))
    assert result["scope"]["in_scope"] == 750


# ---------------------------------------------------------------- random chains


@pytest.fixture(scope="module")
def steps() -> list[dict[str, Any]]:
    return [step for seed in range(CHAINS) for step in walk_chain(person_year(random.Random(seed)), settle)]


def test_the_generator_is_deterministic() -> None:
    assert person_year(random.Random(7)) == person_year(random.Random(7))
    assert person_year(random.Random(7)) != person_year(random.Random(8))


def test_conservation(steps: list[dict[str, Any]]) -> None:
    for step in steps:
        bill, before, result = step["inputs"]["bill"], step["inputs"]["acc"], step["result"]
        total, after = int(bill["total"].replace(".", "")), result["after"]
        assert sum(result["portions"].values()) == sum(result["scope"].values()) == total
        parts = (result["portions"], result["scope"], *result["lines"])
        assert all(value >= 0 for part in parts for value in part.values())
        assert result["reduction"] <= result["portions"]["patient"]
        assert tuple(after) == ACCUMULATORS
        assert all(isinstance(after[name], int) and after[name] >= before[name] for name in ACCUMULATORS)
        assert after["basic_paid"] <= 6000000
        assert after["outpatient_paid"] <= 40000
        assert after["assistance_paid"] <= 10000000
        for name in ("serious", "assistance", "safety_net"):
            portion = {"serious": "serious_illness", "assistance": "medical_assistance"}.get(name, name)
            assert after[f"{name}_paid"] - before[f"{name}_paid"] == result["portions"][portion]
        assert after["own_total"] - before["own_total"] == result["portions"]["patient"]
        grown = {name for name in ACCUMULATORS if after[name] != before[name]}
        if bill["medical_type"] in ("11", "52"):
            assert grown <= {"own_total", "outpatient_paid"}


def features(step: dict[str, Any]) -> set[str]:
    """What this bill exercises, told from its inputs and its result alone."""
    inputs, result = step["inputs"], step["result"]
    bill, before, after, paid = inputs["bill"], inputs["acc"], result["after"], result["portions"]
    kind, day, name, level = bill["medical_type"], bill["discharged_on"], result["benefit_class"], inputs["hospital"]
    version = "four" if day < "2022-01-01" else "three"
    missing, area = bill["referral"] == "missing", inputs["person"]["area_code"][:4]
    found = {
        *(f"type {kind}", f"{version} class {name}", f"{version} area {'5326' if area == '5326' else '53'}"),
        *(f"level {level['level']}", f"referral {bill['referral']}", f"injury {bill['work_injury']}"),
    }
    dated = ("2017-11-03", "2018-04-01", "2019-04-01", "2019-12-01", "2020-04-01", "2021-04-01", "2022-01-01")
    dated += ("2022-04-01", "2023-04-01", "2024-04-01", "2025-01-01", "2025-04-01")
    found |= {f"since {max(since for since in dated if since <= day)}", f"day {day}"}
    for cap, name_paid, amounts in (
        *(("basic", "basic_paid", (6000000,)), ("outpatient", "outpatient_paid", (40000,))),
        ("assistance", "assistance_paid", (10000000,)),
        ("serious", "serious_paid", (30000000, 45000000)),
    ):
        for amount in amounts:
            if before[name_paid] < after[name_paid] == amount:
                found.add(f"cap {cap} {amount}")
    flags = {
        "serious above the lower cap": before["serious_paid"] > 30000000 and name == "ordinary" and kind == "21",
        "serious uncapped": paid["serious_illness"] > 45000000,
        "serious crossing bands": before["serious_base"] < 5000000 and after["serious_base"] > 10000000,
        "reduction": result["reduction"] > 0,
        "missing but no reduction": missing and kind == "21" and result["reduction"] == 0 and paid["patient"] > 0,
        "missing with assistance": missing and paid["medical_assistance"] > 0,
        "chronic reduction": kind == "14" and result["reduction"] > 0,
        "chronic deductible": after["chronic_deductible_paid"] > before["chronic_deductible_paid"],
        "chronic deductible used up": kind == "14" and before["chronic_deductible_paid"] == 55000,
        "assistance deductible": after["assistance_deductible_paid"] > before["assistance_deductible_paid"],
        "assistance deductible continued": after["assistance_deductible_paid"]
        > before["assistance_deductible_paid"]
        > 0,
        "tilt below threshold": 0 < after["tilt_base"] < 800000,
        "tilt": after["tilt_base"] > before["tilt_base"] > 800000 and 0 < after["assistance_paid"] < 10000000,
        "tilt base untouched": version == "three" and missing and before["tilt_base"] > 0 and kind == "21",
        "deductible zero in episode": kind == "21" and inputs["episode_deductible_paid"] > 0 == result["deductible"],
        "deductible rest in episode": inputs["episode_deductible_paid"] > 0 and result["deductible"] > 0,
        "deductible above scope": 0 < result["deductible"] == result["scope"]["in_scope"],
        "transfer": bill["transfer_from"] is not None,
        "second part": bill["settle_seq"] == 2,
        "third part": bill["settle_seq"] == 3,
        "episode counted before": kind == "21" and not inputs["episode_is_new_in_year"],
        "admitted the year before": bill["admitted_on"][:4] < day[:4],
        "one day": bill["admitted_on"] == day and kind == "21",
        "total zero": bill["total"] == "0.00",
        "huge": len(bill["total"]) >= 10,
        "thirty lines": len(bill["lines"]) >= 30,
    }
    if paid["safety_net"] > 0:
        flags |= safety_net_features(int(bill["total"].replace(".", "")), paid, before, after)
    if kind == "21":
        found.add(f"{version} {area == '5326'} level {level['level']} {'missing' if missing else 'fine'}")
        bands = (("below", 0), ("first", 1200000), ("second", 5000000), ("third", 10000000))
        found.add(f"{version} band {[band for band, lower in bands if after['serious_base'] >= lower][-1]}")
    if kind == "14":
        found.add(f"disease {bill['disease_code']}")
    if kind == "52":
        flags[f"{level['rank']} {bill['delivery_mode']}"] = True
        flags["package not used up"] = result["payable_adjustment"] > 0
        flags["package exceeded"] = paid["hospital"] > 0
        flags["fixed payment exceeded"] = paid["patient"] > 0
    return found | {flag for flag, holds in flags.items() if holds} | line_features(step)


def safety_net_features(
    total: int, paid: dict[str, int], before: dict[str, int], after: dict[str, int]
) -> dict[str, bool]:
    """Which part of the safety net a bill of this total exercises, where the net paid something."""
    covered = total - paid["patient"] - paid["safety_net"]
    own_cap = paid["patient"] > 0 and after["compliant_own"] in (902000, 986200, 1076800, 1190200, 1284200)
    return {
        "floor alone": paid["safety_net"] == (9 * total + 5) // 10 - covered > 0,
        "own cap": own_cap,
        "own cap alone": own_cap and covered > total * 9 // 10,
        "own cap used up": paid["patient"] == 0 and before["compliant_own"] > 0,
    }


def line_features(step: dict[str, Any]) -> set[str]:
    lines, catalogue = step["inputs"]["bill"]["lines"], step["inputs"]["catalogue"]
    ordinary = {entry["line_no"]: entry for entry in lines if entry["refund_of_line_no"] is None}
    found = set()
    for entry in lines:
        if entry["refund_of_line_no"] is not None:
            target = ordinary[entry["refund_of_line_no"]]
            twice = sum(other["refund_of_line_no"] == target["line_no"] for other in lines) > 1
            found.add("refund in two goes" if twice else "refund")
            found.add("refund full" if target["quantity"] == entry["quantity"][1:] else "refund partial")
            if entry["charged_at"][:10] != target["charged_at"][:10]:
                found.add("refund on another day")
            continue
        found |= {f"approved {entry['approved']}", f"price decimals {len(entry['unit_price'].partition('.')[2])}"}
        found.add(f"quantity decimals {len(entry['quantity'].partition('.')[2])}")
        found.add("charged in UTC" if entry["charged_at"].endswith("Z") else "charged in +08:00")
        found.add("item known" if entry["item_code"] in catalogue else "item unknown")
        quantity, price = entry["quantity"].partition("."), entry["unit_price"].partition(".")
        scaled = int(quantity[0] + quantity[2].ljust(4, "0")) * int(price[0] + price[2].ljust(6, "0"))
        off = int(entry["amount"].replace(".", "")) - (2 * scaled + 10**8) // (2 * 10**8)
        found.add(f"line off by {off}")
    for scope in step["result"]["lines"]:
        found |= {f"line {name}" for name, value in scope.items() if name != "line_no" and value > 0}
        target = ordinary[scope["line_no"]]
        versions = catalogue.get(target["item_code"], [])
        if scope["over_limit"] and any((version["ceilings"] or {}).get("1") == "0.00" for version in versions):
            found.add(f"line all over_limit {scope['in_scope'] == 0}")
        if scope["over_limit"] and scope["first_pay"]:
            found.add("line over_limit and first_pay")
    return found


EXPECTED = {
    *(f"{version} class {name}" for version in ("four", "three") for name in (*random_bills.CLASSES, "ordinary")),
    *(f"{version} area {area}" for version in ("four", "three") for area in ("53", "5326")),
    *(f"type {kind}" for kind in ("21", "14", "11", "52")),
    *(f"referral {value}" for value in ("compliant", "not_required", "emergency", "missing")),
    *("injury none", "injury undeterminable", "total zero", "huge", "thirty lines", "one day"),
    *(
        f"{v} {w} level {n} {m}"
        for v in ("four", "three")
        for w in (True, False)
        for n in (1, 2, 3)
        for m in ("missing", "fine")
    ),
    *(f"{version} band {band}" for version in ("four", "three") for band in ("below", "first", "second", "third")),
    *(f"disease {code}" for code in random_bills.DISEASES),
    *(f"{rank} {mode}" for rank in random_bills.RANKS for mode in ("vaginal", "caesarean")),
    *("package not used up", "package exceeded", "fixed payment exceeded"),
    *("cap basic 6000000", "cap outpatient 40000", "cap assistance 10000000"),
    *("cap serious 30000000", "cap serious 45000000", "serious above the lower cap", "serious uncapped"),
    *("serious crossing bands", "reduction", "missing but no reduction", "missing with assistance"),
    *("chronic reduction", "chronic deductible", "chronic deductible used up"),
    *("assistance deductible", "assistance deductible continued"),
    *("tilt below threshold", "tilt", "tilt base untouched"),
    *("deductible zero in episode", "deductible rest in episode", "deductible above scope"),
    *("transfer", "second part", "third part", "episode counted before", "admitted the year before"),
    *("floor alone", "own cap", "own cap alone", "own cap used up"),
    *("since 2017-11-03", "since 2018-04-01", "since 2019-04-01", "since 2019-12-01", "since 2020-04-01"),
    *("since 2021-04-01", "since 2022-01-01", "since 2022-04-01", "since 2023-04-01", "since 2024-04-01"),
    *("since 2025-01-01", "since 2025-04-01"),
    *("day 2017-11-03", "day 2018-03-31", "day 2018-04-01", "day 2019-11-30", "day 2019-12-01", "day 2021-12-31"),
    *("day 2022-01-01", "day 2022-03-31", "day 2022-04-01", "day 2024-12-31", "day 2025-01-01", "day 2026-06-30"),
    *("refund", "refund in two goes", "refund full", "refund partial", "refund on another day"),
    *("approved True", "approved False", "approved refused", "item known", "item unknown"),
    *("charged in UTC", "charged in +08:00", "price decimals 2", "price decimals 4", "price decimals 6"),
    *("quantity decimals 0", "quantity decimals 4", "line off by 1", "line off by 0", "line off by -1"),
    *(
        "line own_expense",
        "line over_limit",
        "line first_pay",
        "line in_scope",
        "line over_limit and first_pay",
        "line all over_limit True",
    ),
}


def test_the_generator_hits_every_branch(steps: list[dict[str, Any]]) -> None:
    seen = Counter(feature for step in steps for feature in features(step))
    rare = {feature: seen[feature] for feature in EXPECTED if seen[feature] < 3}
    assert not rare
    lengths = Counter(len(person_year(random.Random(seed))["bills"]) for seed in range(100))
    assert set(lengths) == set(range(1, 9))
