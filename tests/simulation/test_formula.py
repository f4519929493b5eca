"""The auditor's one formula, and what a plan can reach, by hand."""

import pytest

from app.simulation.model.amounts import ratio_down, share
from app.simulation.model.orders import formula
from app.simulation.model.rates import largest_deposit, reachable

CASES = {
    "nothing special": ((100_000, 0, 500, 0), (100_000, 5_000, 0, 95_000)),
    "half a fen goes up": ((10, 0, 500, 0), (10, 1, 0, 9)),
    "carried goes off first, the deposit is of the gross": ((100_000, 40_000, 500, 0), (60_000, 5_000, 0, 55_000)),
    "a deposit that would leave nothing is none": ((100_000, 95_000, 500, 0), (5_000, 0, 0, 5_000)),
    "a deposit that would leave a fen is one": ((100_000, 94_999, 500, 0), (5_001, 5_000, 0, 1)),
    "a prepayment takes at most the rest": ((100_000, 0, 500, 200_000), (100_000, 5_000, 95_000, 0)),
    "a prepayment smaller than the rest": ((100_000, 0, 500, 30_000), (100_000, 5_000, 30_000, 65_000)),
    "a net of 0 has neither deposit nor offset": ((50_000, 50_000, 500, 30_000), (0, 0, 0, 0)),
    "a net below 0 is carried whole": ((-700, 300, 500, 30_000), (-1_000, 0, 0, 0)),
}


@pytest.mark.parametrize("name", CASES)
def test_an_order_comes_to_what_the_formula_says(name: str) -> None:
    """Net, deposit, offset and amount of an order are those reckoned by hand."""
    given, wanted = CASES[name]
    one = formula(*given)
    assert (one.net, one.deposit, one.offset, one.amount) == wanted


@pytest.mark.parametrize(
    ("rate", "prepaid", "ratio"), [(0, 0, "0.9166"), (1000, 0, "0.8250"), (500, 0, "0.8708"), (1000, 1, "0.9083")]
)
def test_even_spending_reaches_what_the_contract_says(rate: int, prepaid: int, ratio: str) -> None:
    """11/12 one month late; 82.5 % with a deposit of 10 %; 87.1 % with 5 %; 90.8 % with 10 % and one month prepaid."""
    assert ratio_down(*reachable(rate, prepaid)) == ratio


def test_the_largest_deposit_still_reaches_the_floor() -> None:
    """At 85 % and without last year's figures a deposit of 7.27 % is the largest."""
    assert largest_deposit(8500) == 727


def test_shares_are_rounded_half_up() -> None:
    """Half a fen counts as a whole one, less than half as none."""
    assert [share(amount, 5000) for amount in (1, 2, 3)] == [1, 1, 2]
    assert share(9, 500) == 0
