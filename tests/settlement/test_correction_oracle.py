"""The model of corrections against examples worked by hand, and against itself."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.settlement.correction_oracle import NOTHING, PORTIONS, Amounts, PersonModel
from tests.settlement.random_corrections import operations, person_years
from tests.tiers import oracle
from tests.tiers.random_bills import person_year
from tests.tiers.test_oracle import CATALOGUE, line, make_bill, make_person

HOSPITALS = {
    f"H{level}": {"code": f"H{level}", "level": level, "rank": "county", "area_code": "530102"} for level in (1, 2, 3)
}


def model_of(name: str = "registered_poor") -> PersonModel:
    """A person without settlements."""
    return PersonModel(make_person(name), HOSPITALS, CATALOGUE)


def bill(level: int, visit: str, day: str, lines: Any, **more: Any) -> dict[str, Any]:
    """A one-day inpatient bill at the hospital of that level."""
    names = {"hospital_code": f"H{level}", "visit_id": visit, "person_id": "P", "paid_by": "hospital"}
    return make_bill(day, lines, **names, **more)


def portions(amounts: Amounts) -> tuple[int, ...]:
    """The seven portions."""
    return tuple(amounts[name] for name in PORTIONS)


def test_a_cascade_gives_the_later_bill_the_room_that_the_earlier_one_had_used() -> None:
    """The bill after a million has only the safety net; alone it is 950, 35 of assistance and 15 of the patient's
    own."""
    model = model_of()
    model.settle(bill(3, "V1", "2018-05-12", "1000000.00"))
    model.settle(bill(1, "V2", "2018-06-12", "1000.00"))
    with pytest.raises(oracle.Refused, match="later_settlements_exist"):
        model.reverse(0, cascade=False)
    differences = model.reverse(0, cascade=True)
    assert portions(differences[0]) == (-6000000, -45000000, 0, -10000000, -38013800, 0, -986200)
    assert portions(differences[1]) == (95000, 0, 0, 3500, -100000, 0, 1500)
    # what the patient would owe through another hospital's correction is waived
    assert model.balances == [("H3", -986200, "open"), ("H1", 1500, "waived")]
    assert model.accumulators(2018)["inpatient_count"] == 1
    assert model.payables() == {
        ("area:530100/fund:390100/payable/hospital:H1", "H1", "390100", "21"): 95000,
        ("area:530100/fund:610100/payable/hospital:H1", "H1", "610100", "21"): 3500,
    }


def test_refunds_of_a_line_add_up_and_round_from_the_line_as_settled() -> None:
    """A third, then another third of 100.00: 66.67 and 33.33 remain; more than remains is refused."""
    model = model_of("ordinary")
    model.settle(bill(1, "V", "2018-05-12", [line(1, "A", "3", "33.333333", "100.00"), line(2, "C", "1", "5", "5.00")]))
    assert model.refund(0, {1: 10000}, cascade=False)[0]["in_scope"] == -3333
    assert model.refund(0, {1: 10000}, cascade=False)[0]["in_scope"] == -3334
    with pytest.raises(oracle.Refused, match="refund_exceeds_line"):
        model.refund(0, {1: 10001}, cascade=False)
    assert model.entries[0].amounts()["own_expense"] == 500
    model.refund(0, {1: 10000, 2: 10000}, cascade=False)
    assert model.entries[0].amounts() == NOTHING


def test_a_refund_takes_the_bills_own_refund_lines_off_first() -> None:
    """Of five units at 10.00 one went back on the bill; of the four one more goes back."""
    model = model_of()
    lines = [line(1, "A", "5", "10.00", "50.00"), line(2, "A", "-1", "10.00", "-10.00", refund_of_line_no=1)]
    model.settle(bill(1, "V", "2018-05-12", lines))
    model.refund(0, {1: 10000}, cascade=False)
    assert model.entries[0].amounts()["total"] == 3000


def test_an_identity_counts_when_the_year_is_readjudicated_and_not_before() -> None:
    """500 left of 1,000 at a level 1 hospital: ordinary 85 % of 300; registered poor 475 of insurance, 17.50 of
    assistance."""
    model = model_of("ordinary")
    model.settle(bill(1, "V1", "2018-05-12", "1000.00"))
    model.identify(make_person("registered_poor")["identities"])
    model.settle(bill(1, "V2", "2018-06-12", "1000.00"))
    model.refund(0, {1: 5000}, cascade=True)  # keeps the facts: 500 − 200, of it 85 %
    assert portions(model.entries[0].amounts()) == (25500, 0, 0, 0, 0, 0, 24500)
    differences = model.readjudicate(2018, dry_run=True)
    assert portions(model.entries[0].amounts()) == (25500, 0, 0, 0, 0, 0, 24500)
    assert differences == model.readjudicate(2018, dry_run=False)
    assert list(differences) == [0]
    assert portions(model.entries[0].amounts()) == (47500, 0, 0, 1750, 0, 0, 750)
    assert model.readjudicate(2018, dry_run=False) == {}


def test_the_deductible_of_a_transfer_follows_corrections_within_its_year_only() -> None:
    """The second stay pays the rest to 1,000 after 500; with the first one gone all of it, in the next year still
    the rest."""
    for year, paid in (("2018", 100000), ("2019", 50000)):
        model = model_of("ordinary")
        model.settle(bill(2, "V1", "2018-05-12", "2000.00"))
        source = {"hospital_code": "H2", "visit_id": "V1"}
        model.settle(bill(3, "V2", f"{year}-05-13", "2000.00", transfer_from=source))
        assert model.entries[1].result["deductible"] == 50000
        model.reverse(0, cascade=True)
        assert model.entries[1].result["deductible"] == paid
        model.settle(bill(2, "V1", "2018-05-12", "2000.00", settle_seq=2))
        assert model.entries[1].result["deductible"] == paid
        assert model.entries[2].result["deductible"] == 50000  # a source does not look at what came of it
        assert model.accumulators(int(year))["inpatient_count"] == 1


@pytest.mark.parametrize("seed", range(60))
def test_what_was_settled_and_corrected_adds_up_and_can_all_be_taken_back(seed: int) -> None:
    """Results and differences sum to what is in effect; reversing everything leaves no accumulator and no payable."""
    rng = random.Random(seed)
    chain = person_years(rng)
    model = PersonModel(chain["person"], chain["hospitals"], chain["catalogue"])
    sums: dict[int, Amounts] = {}

    def corrected(answer: Any) -> None:
        for number, difference in (answer or {}).items():
            sums[number] = {name: sums[number][name] + difference[name] for name in NOTHING}

    for name, arguments in operations(rng, chain["bills"], model):
        try:
            answer = getattr(model, name)(**arguments)
        except oracle.Refused:
            continue
        if name == "settle":
            sums[len(model.entries) - 1] = model.entries[-1].amounts()
        elif not arguments.get("dry_run"):
            corrected(answer)
    assert sums == {number: entry.amounts() for number, entry in enumerate(model.entries)}
    for number, entry in enumerate(model.entries):
        if entry.live:
            corrected(model.reverse(number, cascade=True))
    assert all(amounts == NOTHING for amounts in sums.values())
    assert model.payables() == {}
    assert not any(any(model.accumulators(entry.year).values()) for entry in model.entries)


@pytest.mark.parametrize("seed", range(60))
def test_a_cascade_equals_never_having_settled_the_bill(seed: int) -> None:
    """Within one year, what is left after a cascade is what settling the other bills alone gives."""
    rng = random.Random(seed)
    chain = person_year(rng)
    with_all, without = (PersonModel(chain["person"], chain["hospitals"], chain["catalogue"]) for _ in range(2))
    for one in chain["bills"]:
        with_all.settle(one)
    gone = rng.randrange(len(chain["bills"]))
    with_all.reverse(gone, cascade=True)
    without.sources = with_all.sources  # the visit is known, only not settled
    for number, one in enumerate(chain["bills"]):
        if number != gone:
            without.settle(one)
    assert [one.result for one in with_all.entries if one.live] == [one.result for one in without.entries]


@pytest.mark.parametrize("seed", range(20))
def test_refunding_in_two_goes_equals_refunding_at_once(seed: int) -> None:
    """The remaining quantity alone decides."""
    rng = random.Random(seed)
    chain = person_years(rng)
    once, twice = (PersonModel(chain["person"], chain["hospitals"], chain["catalogue"]) for _ in range(2))
    for one in chain["bills"]:
        once.settle(one)
        twice.settle(one)
    for number, entry in enumerate(once.entries):
        first = {item["line_no"]: rng.randint(0, entry.remaining(item)) for item in entry.lines}
        rest = {item["line_no"]: rng.randint(0, entry.remaining(item) - first[item["line_no"]]) for item in entry.lines}
        twice.refund(number, first, cascade=True)
        twice.refund(number, rest, cascade=True)
        once.refund(number, {line_no: first[line_no] + rest[line_no] for line_no in first}, cascade=True)
    assert [one.result for one in once.entries] == [one.result for one in twice.entries]


def test_the_random_sequences_reach_what_they_are_for() -> None:
    """Every operation with and without consequences, every refusal, both states of a balance, a deductible across
    years."""
    seen: set[str] = set()
    for seed in range(150):
        rng = random.Random(seed)
        chain = person_years(rng)
        model = PersonModel(chain["person"], chain["hospitals"], chain["catalogue"])
        for name, arguments in operations(rng, chain["bills"], model):
            try:
                answer = getattr(model, name)(**arguments)
            except oracle.Refused as refusal:
                seen.add(f"{name} {refusal.code}")
                continue
            touched = len(answer) if name in ("reverse", "refund", "readjudicate") else 0
            seen.add(name if touched < 2 else f"{name} many")
        seen |= {state for _, _, state in model.balances}
        seen |= {"transfer from another year" for entry in model.entries if entry.deductible_elsewhere}
        seen |= {"settled again" for entry in model.entries if entry.live and entry.bill["settle_seq"] > 3}
    corrections = {f"{name}{many}" for name in ("reverse", "refund", "readjudicate") for many in ("", " many")}
    refusals = {
        f"{name} {code}" for name in ("reverse", "refund") for code in ("already_reversed", "later_settlements_exist")
    }
    others = {"settle", "identify", "refund refund_exceeds_line", "open", "waived"}
    assert seen == corrections | refusals | others | {"transfer from another year", "settled again"}
