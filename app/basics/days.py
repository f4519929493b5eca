"""Days and instants of the business zone, and how they are shown."""

from datetime import date, datetime, timedelta, timezone
from typing import Final

SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")


def shanghai_day(instant: datetime) -> date:
    """The calendar day of an instant in the business zone."""
    return instant.astimezone(SHANGHAI).date()


def shown_instant(instant: datetime) -> str:
    """An instant as RFC 3339 text in the business zone, to the millisecond."""
    return instant.astimezone(SHANGHAI).isoformat(timespec="milliseconds")


def iso(day: date | None) -> str | None:
    """A day as ``YYYY-MM-DD``; None stays None."""
    return None if day is None else day.isoformat()
