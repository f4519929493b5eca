"""A pack's disbursement plan is held against its payout floor when it is configured."""

from fractions import Fraction

import pytest

from app.basics.errors import PolicyError
from app.tiers.load import load_book
from app.tiers.payout_plan import largest_deposit, reachable
from tests.policies.test_policy import SMALL

pytestmark = pytest.mark.thorough

SOURCE = 'status: enacted, source: {document: d, clause: "1"}'


def parameter(name: str, unit: str, *rows: str) -> str:
    """A parameter of the small pack."""
    lines = "".join(f"      - {{{row}, {SOURCE}}}\n" for row in rows)
    return f"  disbursement.{name}:\n    title: 拨付\n    unit: {unit}\n    rows:\n{lines}"


def findings(*parameters: str) -> list[str]:
    """What is wrong with the small pack with these parameters."""
    try:
        load_book({"small": SMALL.rstrip("\n") + "\n" + "".join(parameters)})
    except PolicyError as error:
        return list(error.findings)
    return []


FLOOR = parameter("min_payout_ratio", "rate", 'fund: "390100", from: 2018-01-01, value: "0.85"')


def deposit(value: str) -> str:
    """A deposit rate for ever."""
    return parameter("quality_deposit", "rate", f'from: 2018-01-01, value: "{value}"')


def prepayment(value: str) -> str:
    """Months prepaid, for ever."""
    return parameter("prepayment", "rate", f'from: 2018-01-01, value: "{value}"')


@pytest.mark.parametrize(
    ("deposit_rate", "months", "share"),
    [
        (0, 0, Fraction(11, 12)),
        (1000, 0, Fraction(825, 1000)),
        (500, 0, Fraction(1045, 1200)),
        (1000, 10000, Fraction(109, 120)),
    ],
)
def test_what_a_plan_can_reach(deposit_rate: int, months: int, share: Fraction) -> None:
    """The arithmetic of the specification: 91.7 %, 82.5 %, 87.1 %, 90.8 %."""
    assert reachable(deposit_rate=deposit_rate, prepayment=months) == share


def test_the_largest_deposit_reaches_the_floor_and_one_step_more_does_not() -> None:
    """It is rounded down, and never above 1 − floor."""
    largest = largest_deposit(floor=8500, prepayment=0)
    assert (
        reachable(deposit_rate=largest, prepayment=0) * 10_000
        >= 8500
        > reachable(deposit_rate=largest + 1, prepayment=0) * 10_000
    )
    assert (largest, largest_deposit(floor=8500, prepayment=10_000), largest_deposit(floor=9500, prepayment=0)) == (
        727,
        1500,
        0,
    )


@pytest.mark.parametrize(
    "plan", [[], [FLOOR], [deposit("0.20")], [FLOOR, deposit("0.0727")], [FLOOR, deposit("0.10"), prepayment("1")]]
)
def test_a_plan_that_reaches_the_floor_is_accepted(plan: list[str]) -> None:
    """So is one without a floor, or without a deposit."""
    assert findings(*plan) == []


def test_a_plan_that_misses_the_floor_is_refused_with_what_it_reaches_and_the_remedy() -> None:
    """The finding names place, day, best ratio, floor and the largest deposit."""
    (found,) = findings(FLOOR, deposit("0.10"))
    assert found.startswith("small.yaml:")
    for part in ("disbursement.quality_deposit（2018-01-01 起）", "82.5%", "85%", "payout_floor", "改为 0.0727 或更低"):
        assert part in found


def test_a_deposit_above_one_minus_the_floor_is_refused_even_if_prepayments_make_up_for_it() -> None:
    """The law's own bound."""
    (found,) = findings(FLOOR, deposit("0.16"), prepayment("1"))
    assert "最高 0.1500" in found


def test_a_floor_out_of_reach_without_any_deposit_needs_prepayments() -> None:
    """The remedy isn't a deposit."""
    floor = FLOOR.replace("0.85", "0.95")
    (found,) = findings(floor, deposit("0"))
    assert "不留保证金也只能拨付 91.66%" in found
    assert findings(floor, deposit("0"), prepayment("0.4")) == []


def test_a_plan_is_looked_at_on_every_day_it_changes() -> None:
    """A later row that breaks the plan is found on its day; so is the end of the prepayments that carried it."""
    later = parameter(
        "quality_deposit",
        "rate",
        'from: 2018-01-01, until: 2020-01-01, value: "0.05"',
        'from: 2020-01-01, value: "0.10"',
    )
    (found,) = findings(FLOOR, later)
    assert "（2020-01-01 起）" in found
    ended = parameter("prepayment", "rate", 'from: 2018-01-01, until: 2021-01-01, value: "1"')
    (found,) = findings(FLOOR, deposit("0.10"), ended)
    assert "（2021-01-01 起）" in found


@pytest.mark.parametrize("name", ["pay_by_day", "declare_by_day"])
@pytest.mark.parametrize("value", [0, 32])
def test_a_day_that_no_month_has_is_refused(name: str, value: int) -> None:
    """Days of the following month are 1 to 31; the 31st is the last of a shorter one."""
    (found,) = findings(parameter(name, "days", f"from: 2018-01-01, value: {value}"))
    assert f"disbursement.{name}" in found
    assert "1 到 31" in found


def test_figures_of_another_unit_or_given_twice_are_refused() -> None:
    """They would only fail when the month is to be paid."""
    (found,) = findings(parameter("quality_deposit", "yuan", 'from: 2018-01-01, value: "5.00"'))
    assert "单位应是 rate" in found
    twice = parameter("quality_deposit", "rate", 'from: 2018-01-01, value: "0.05"', 'from: 2019-01-01, value: "0.04"')
    (found,) = findings(FLOOR, twice)
    assert "policy_overlap" in found


def test_a_pack_that_inherits_a_plan_answers_for_what_it_changes() -> None:
    """The heir's deposit against the parent's floor."""
    child = (
        SMALL[: SMALL.index("versions:")]
        .replace("pack: small", "pack: child\ninherits: small")
        .replace('["99"]', '["9901"]')
    )
    texts = {"small": SMALL.rstrip("\n") + "\n" + FLOOR, "child": child + "parameters:\n" + deposit("0.12")}
    with pytest.raises(PolicyError) as caught:
        load_book(texts)
    assert [finding for finding in caught.value.findings if finding.startswith("child.yaml") and "80.66%" in finding]
