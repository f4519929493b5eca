"""What people type into forms."""

import pytest

from app.finance.typing_in import amount, day, month, understood


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("10", "10.00"),
        ("1,000.00", "1000.00"),
        ("１２．５", "12.50"),
        ("¥ 3,000,000", "3000000.00"),
        ("12.5 元", "12.50"),
        ("-7", "-7.00"),
        ("12.555", "12.555"),
        ("1,5", "1,5"),
        ("1,0000", "1,0000"),
        ("twelve", "twelve"),
        ("", ""),
    ],
)
def test_an_amount_is_understood_or_left_as_typed(typed: str, meant: str) -> None:
    """Separators, full-width digits and missing decimals are understood; nothing is rounded or guessed."""
    assert amount(typed) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2018/7/2", "2018-07-02"),
        ("2018.12.31", "2018-12-31"),
        ("２０１８年７月２日", "2018-07-02"),
        ("2018-07-02", "2018-07-02"),
        ("tomorrow", "tomorrow"),
    ],
)
def test_a_day_is_understood_or_left_as_typed(typed: str, meant: str) -> None:
    """Slashes, dots and Chinese days are understood."""
    assert day(typed) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2018/5", "2018-05"),
        ("２０１８年１２月", "2018-12"),
        ("201805", "2018-05"),
        ("2018-05", "2018-05"),
        ("May", "May"),
    ],
)
def test_a_month_is_understood_or_left_as_typed(typed: str, meant: str) -> None:
    """Where a browser has no field for months, people type them."""
    assert month(typed) == meant


def test_only_amounts_and_days_of_a_form_are_read() -> None:
    """A reference that looks like a number stays what it is."""
    form = {"amount": "1,500", "paid_on": "2018/7/2", "bank_reference": "1,000", "amount_390100": "2"}
    assert understood(form) == {
        "amount": "1500.00",
        "paid_on": "2018-07-02",
        "bank_reference": "1,000",
        "amount_390100": "2.00",
    }
