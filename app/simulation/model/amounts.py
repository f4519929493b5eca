"""Yuan as integer fen, shares of them, and days of months; the auditor's own arithmetic, shared with nobody."""

from datetime import date, timedelta
from typing import Final

RATE_ONE: Final = 10_000
MONTHS: Final = 12


def fen(text: str) -> int:
    """Yuan, or a rate, as an integer of its last decimal."""
    return int(text.replace(".", ""))


def yuan(amount: int) -> str:
    """Fen as yuan with two decimals."""
    return f"{'-' * (amount < 0)}{abs(amount) // 100}.{abs(amount) % 100:02d}"


def share(amount: int, rate: int) -> int:
    """A share in ten-thousandths of an amount that is not negative, half-up."""
    return (2 * amount * rate + RATE_ONE) // (2 * RATE_ONE)


def ratio_down(part: int, whole: int) -> str | None:
    """A ratio with four decimals, rounded down; None of nothing."""
    if whole == 0:
        return None
    ratio = part * RATE_ONE // whole
    return f"{'-' * (ratio < 0)}{abs(ratio) // RATE_ONE}.{abs(ratio) % RATE_ONE:04d}"


def following(period: str, day: int) -> str:
    """A day of the month after a period."""
    year, month = divmod(int(period[:4]) * MONTHS + int(period[5:7]), MONTHS)
    return f"{year}-{month + 1:02d}-{day:02d}"


def months_of(year: int) -> list[str]:
    """The twelve periods of a year."""
    return [f"{year}-{month:02d}" for month in range(1, MONTHS + 1)]


def ended(period: str, today: str) -> bool:
    """Whether a month is over."""
    return following(period, 1) <= today


def day_after(day: str, days: int) -> str:
    """A day some days later."""
    return str(date.fromisoformat(day) + timedelta(days=days))
