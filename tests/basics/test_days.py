"""Months as texts, and the days that follow from them."""

from datetime import date

import pytest

from app.basics.days import as_period, first_day, following, last_day, next_month, period_of
from app.basics.errors import Refused


@pytest.mark.parametrize(
    ("period", "first", "last", "after"),
    [
        ("2018-05", date(2018, 5, 1), date(2018, 5, 31), date(2018, 6, 1)),
        ("2018-12", date(2018, 12, 1), date(2018, 12, 31), date(2019, 1, 1)),
        ("2020-02", date(2020, 2, 1), date(2020, 2, 29), date(2020, 3, 1)),
    ],
)
def test_a_month_has_its_first_day_its_last_and_the_day_after(
    period: str, first: date, last: date, after: date
) -> None:
    """A month ends before the next one begins, over the year's end and in a leap year."""
    assert (first_day(period), last_day(period), next_month(period)) == (first, last, after)
    assert period_of(first) == period_of(last) == period != period_of(after)


def test_a_day_of_the_following_month_is_its_last_one_when_the_month_is_shorter() -> None:
    """The 31st after January is the last of February, the 20th after December lies in the next year."""
    assert following("2019-01", 31) == date(2019, 2, 28)
    assert following("2018-12", 20) == date(2019, 1, 20)


@pytest.mark.parametrize("text", ["2018-13", "2018-00", "2018-5", "1999-05", "2018-05\n", "2018-05-01", ""])
def test_what_is_no_month_is_refused_where_it_was_sent(text: str) -> None:
    """A text that isn't ``YYYY-MM`` is Refused ``period_format`` at its pointer."""
    with pytest.raises(Refused) as refused:
        as_period(text, "/period")
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [("/period", "period_format")]
    assert as_period("2018-05", "/period") == "2018-05"
