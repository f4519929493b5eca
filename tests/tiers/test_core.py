"""The core is pure: no float, no clock, no I/O; and its arithmetic is exact."""

import ast
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.basics import money
from app.tiers.kinds.bands import benefit
from app.tiers.model import Line
from app.tiers.scope import line_faults

APP = Path(__file__).parent.parent.parent / "app"
CORE = [
    *sorted((APP / "tiers").glob("*.py")),
    *sorted((APP / "basics").glob("*.py")),
    APP / "ledger/journal.py",
]
FLOATS = {"float", "math", "statistics"}


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_the_core_has_no_float(path: Path) -> None:
    """No float literal, no float(), no true division, no math module in the core."""
    for node in ast.walk(ast.parse(path.read_text())):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), f"{path}:{node.lineno}"
        assert not (isinstance(node, ast.Name) and node.id in FLOATS), f"{path}:{node.lineno}"
        assert not (isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)), (
            f"{path}:{node.lineno}"
        )
        assert not (isinstance(node, ast.Import) and {alias.name for alias in node.names} & FLOATS)


@given(st.integers(-(10**15), 10**15), st.integers(1, 10**9))
def test_rounding_is_half_up(numerator: int, denominator: int) -> None:
    """Division rounds to the nearest, a half away from zero."""
    exact = Fraction(numerator, denominator)
    sign = -1 if exact < 0 else 1
    expected = sign * ((abs(exact) + Fraction(1, 2)).__floor__())
    assert money.divide_half_up(numerator, denominator) == expected


@given(st.integers(-(10**13), 10**13))
def test_yuan_and_fen_are_inverse(amount: int) -> None:
    """Every amount survives its way out and in."""
    assert money.fen(money.yuan(amount)) == amount


@pytest.mark.parametrize("text", ["", "1e3", "١", "1.", ".5", "+1", "01", "1.234", " 1", "1\n", "NaN", "--1"])
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    """Signs, blanks, exponents, other digits and too many decimals are no amounts."""
    with pytest.raises(ValueError, match=r"decimal"):
        money.fen(text)


BANDS = ((3_000_000, 6000), (10_000_000, 6500), (None, 7500))


def test_the_published_case_of_bands_from_zero() -> None:
    """150,000 with bands from 12,000: 93,800, as published."""
    assert money.divide_half_up(benefit(15_000_000, 1_200_000, BANDS), money.RATE_ONE) == 9_380_000


@given(st.lists(st.integers(0, 10**8), max_size=6), st.integers(0, 10**7))
def test_a_year_in_parts_pays_as_much_as_at_once(parts: list[int], deductible: int) -> None:
    """The marginal bands telescope: f over the sum is the sum of the steps."""
    steps, base = 0, 0
    for part in parts:
        steps += benefit(base + part, deductible, BANDS) - benefit(base, deductible, BANDS)
        base += part
    assert steps == benefit(base, deductible, BANDS)


@pytest.mark.parametrize(
    ("price", "quantity", "amount", "fits"),
    [
        ("33.33", "3", "100.00", True),
        ("33.33", "30", "1000.00", False),  # two decimals: one fen, whatever the quantity
        ("3.3333", "3000", "10000.00", True),
        ("3.3333", "3000", "10000.05", True),  # 9999.90 and half of 0.0001 for each of 3000
        ("3.3333", "3000", "10000.06", False),
        ("3.330000", "3000", "9990.02", False),  # zeros at the end are no decimals
        ("0.333", "1000", "333.50", True),
        ("0.333", "1000", "333.51", False),
        ("0.333", "1", "0.34", True),
        ("0.333", "1", "0.35", False),
    ],
)
def test_a_lines_tolerance_is_that_of_its_price(price: str, quantity: str, amount: str, fits: bool) -> None:
    """One fen, or half of the price's last decimal per unit where the price has three decimals or more."""
    line = Line(
        1, "A", money.scaled(quantity, 4), money.scaled(price, 6), money.fen(amount), date(2018, 5, 2), False, None
    )
    assert [fault.code for fault in line_faults([line])] == ([] if fits else ["line_amount_mismatch"])
