"""Days, months and instants of the business zone, and how they are shown. A month is a text, ``YYYY-MM``."""

import re
import unicodedata
from datetime import date, datetime, timedelta, timezone
from typing import Final

from app.basics.errors import Fault, Refused

FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2200
EDGE_YEARS: Final = frozenset({1, 9999})  # conversions between zones, and the day after, can leave the calendar
NO_END: Final = frozenset({date(9999, 12, 31), date(2999, 12, 31)})  # how systems write that something has no end
_MIDNIGHT: Final = re.compile(r"[ T]0{1,2}:00(:00(\.0+)?)?\Z")
_OFFSET: Final = timedelta(hours=8)
SHANGHAI: Final = timezone(_OFFSET, "Asia/Shanghai")
_PERIOD: Final = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")


def shanghai_day(instant: datetime) -> date:
    """The calendar day of an instant in the business zone."""
    return instant.date() if instant.utcoffset() == _OFFSET else instant.astimezone(SHANGHAI).date()


def shown_instant(instant: datetime) -> str:
    """An instant as RFC 3339 text in the business zone, to the millisecond."""
    return instant.astimezone(SHANGHAI).isoformat(timespec="milliseconds")


def iso(day: date | None) -> str | None:
    """A day as ``YYYY-MM-DD``; None stays None."""
    return None if day is None else day.isoformat()


def parsed_day(text: str) -> date | None:
    """A day of these centuries as files write it, as ``read_day`` reads it. None for anything else."""
    day = read_day(text)
    return day if day is not None and FIRST_YEAR <= day.year <= LAST_YEAR else None


def read_day(text: str) -> date | None:
    """A day as files write it: 2016-01-01, 2016/1/1, 2016.1.1, 20160101, 2016年1月1日, in full width or with midnight
    behind it. None for anything else."""
    text = _MIDNIGHT.sub("", unicodedata.normalize("NFKC", text).strip()).removesuffix("日")
    if len(text) == 8 and text.isdecimal():
        parts = [text[:4], text[4:6], text[6:]]
    else:
        for separator in "年月/.":
            text = text.replace(separator, "-")
        parts = text.split("-")
    try:
        return date(*map(int, parts))
    except (ValueError, TypeError):
        return None


# ---------------------------------------------------------------- months


def as_period(text: str, pointer: str) -> str:
    """A month as it was sent, or Refused ``period_format`` at the pointer."""
    if _PERIOD.fullmatch(text) is None:
        raise Refused([Fault(pointer, "period_format")])
    return text


def period_of(day: date) -> str:
    """The month of a day."""
    return day.isoformat()[:7]


def first_day(period: str) -> date:
    """The first day of a month."""
    return date(int(period[:4]), int(period[5:]), 1)


def last_day(period: str) -> date:
    """The last day of a month."""
    return next_month(period) - timedelta(days=1)


def next_month(period: str) -> date:
    """The first day of the month after."""
    return (first_day(period) + timedelta(days=31)).replace(day=1)


def following(period: str, day: int) -> date:
    """A day of the following month, its last one when the month is shorter."""
    first = next_month(period)
    return first.replace(day=min(day, last_day(period_of(first)).day))
