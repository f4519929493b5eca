"""How much of a year a disbursement plan can have paid by 31 December (docs/specification/clearing.md, section 7).
Pure.

Twelve equal months; each is paid on a day of the following month, so December's never falls in its own year.
"""

from fractions import Fraction
from typing import Final

from app.basics.money import RATE_ONE

MONTHS: Final = 12
PAID_IN_YEAR: Final = 11


def reachable(*, deposit_rate: int, prepayment: int) -> Fraction:
    """The best share of a year's payable paid by 31 December. ``deposit_rate`` in ten-thousandths; ``prepayment`` in
    ten-thousandths of a month's payable, outstanding at the year's end and counted up to what is unpaid."""
    paid = Fraction(PAID_IN_YEAR, MONTHS) * Fraction(RATE_ONE - deposit_rate, RATE_ONE)
    return min(Fraction(1), paid + Fraction(prepayment, MONTHS * RATE_ONE))


def largest_deposit(*, floor: int, prepayment: int) -> int:
    """The highest deposit rate, ten-thousandths rounded down, with which the plan reaches the floor; 0 when none
    does."""
    most = 1 - (Fraction(floor, RATE_ONE) - Fraction(prepayment, MONTHS * RATE_ONE)) * Fraction(MONTHS, PAID_IN_YEAR)
    return max(0, min(RATE_ONE - floor, int(most * RATE_ONE)))
