"""Money is an integer number of fen; rates, prices and quantities are exact scaled integers. Pure.

Units used everywhere in this project:

- ``*_fen``, or an amount without a suffix in the core: fen (0.01 CNY), ``int``
- rate: ten-thousandths, ``int`` (``7000`` is ``"0.7000"``)
- unit price and ceiling: millionths of a yuan, ``int``
- quantity: ten-thousandths of a unit, ``int``

Rounding happens only here (docs/specification/calculation.md, section 1). There is no binary float in this module or in
the core.
"""

import re
from functools import lru_cache
from typing import Final

RATE_ONE: Final = 10_000
PRICE_ONE: Final = 1_000_000
QUANTITY_ONE: Final = 10_000
FEN_PER_YUAN: Final = 100
UNITS_OF_ROUNDING: Final = {"fen": 1, "jiao": 10, "yuan": FEN_PER_YUAN}

MONEY_PATTERN: Final = r"\A-?(0|[1-9][0-9]{0,12})\.[0-9]{2}\Z"
PRICE_PATTERN: Final = r"\A(0|[1-9][0-9]{0,9})(\.[0-9]{1,6})?\Z"
QUANTITY_PATTERN: Final = r"\A-?(0|[1-9][0-9]{0,9})(\.[0-9]{1,4})?\Z"
RATE_PATTERN: Final = r"\A(0(\.[0-9]{1,4})?|1(\.0{1,4})?)\Z"

_HALF_RATE: Final = RATE_ONE // 2
_FEN: Final = PRICE_ONE * QUANTITY_ONE // FEN_PER_YUAN  # a fen as a product of unit price and quantity
_HALF_FEN: Final = _FEN // 2

_DECIMAL = re.compile(r"\A(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?\Z")


def scaled(text: str, decimals: int) -> int:
    """Read a plain decimal string as an integer scaled by ``10**decimals``.

    Raises ValueError when the text isn't a plain decimal or has more decimals than that. Never goes through float.
    """
    match = _DECIMAL.match(text)
    if match is None:
        raise ValueError("not a plain decimal number")
    sign, whole, fraction = match.group(1), match.group(2), match.group(3) or ""
    if len(fraction) > decimals:
        raise ValueError(f"more than {decimals} decimals")
    value = int(whole + fraction.ljust(decimals, "0"))
    return -value if sign else value


@lru_cache(maxsize=16_384)  # prices, quantities and amounts of a day's bills repeat
def parsed(text: str, decimals: int) -> int:
    """``scaled`` for a text that already matched one of the patterns above: the fast way on the settling path."""
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(decimals, "0"))


def fen(text: str) -> int:
    """Yuan with at most two decimals, as fen. ``fen("1234.5") == 123450``."""
    return scaled(text, 2)


def rate(text: str) -> int:
    """A share with at most four decimals, as ten-thousandths. ``rate("0.7") == 7000``."""
    return scaled(text, 4)


@lru_cache(maxsize=16_384)  # a settlement writes some 230 amounts, many of them the same
def yuan(amount_fen: int) -> str:
    """Fen as the outside form, a string of yuan with exactly two decimals. ``yuan(-5) == "-0.05"``."""
    if amount_fen < 0:
        whole, rest = divmod(-amount_fen, FEN_PER_YUAN)
        return f"-{whole}.{rest:02d}"
    whole, rest = divmod(amount_fen, FEN_PER_YUAN)
    return f"{whole}.{rest:02d}"


def rate_text(value: int) -> str:
    """Ten-thousandths as the outside form. ``rate_text(7000) == "0.7000"``."""
    whole, rest = divmod(value, RATE_ONE)
    return f"{whole}.{rest:04d}"


def percent_text(value: int) -> str:
    """Ten-thousandths as a percentage for a reader, no trailing zeros. ``percent_text(6250) == "62.5%"``."""
    whole, rest = divmod(value, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".") + "%"


def trimmed(value: int, decimals: int) -> str:
    """A scaled integer as a plain decimal without trailing zeros, for prices and quantities."""
    sign = "-" if value < 0 else ""
    whole, rest = divmod(abs(value), 10**decimals)
    return (f"{sign}{whole}." + f"{rest:0{decimals}d}").rstrip("0").rstrip(".")


def divide_half_up(numerator: int, denominator: int) -> int:
    """``numerator / denominator`` rounded half-up (away from zero at a half). The denominator is positive."""
    if numerator < 0:
        return -((-2 * numerator + denominator) // (2 * denominator))
    return (2 * numerator + denominator) // (2 * denominator)


def rounded_to(exact: int, unit_fen: int, rounding: str) -> int:
    """A product of fen and ten-thousandths, ≥ 0, rounded to a multiple of a unit (fen): ``half_up``, ``up`` or
    ``down``."""
    unit = RATE_ONE * unit_fen
    match rounding:
        case "up":
            return -(-exact // unit) * unit_fen
        case "down":
            return exact // unit * unit_fen
    return divide_half_up(exact, unit) * unit_fen


def least(one: int, other: int) -> int:
    """The smaller of two amounts. Unlike ``min`` it takes the amounts of many bills as well: to a question that bills
    answer differently they give an answer that is neither true nor false, and choose for themselves."""
    smaller = one < other
    if smaller is True:
        return one
    return other if smaller is False else smaller.chosen(one, other)


def most(one: int, other: int) -> int:
    """The larger of two amounts, as ``least``."""
    larger = one > other
    if larger is True:
        return one
    return other if larger is False else larger.chosen(one, other)


def share(amount_fen: int, rate_value: int) -> int:
    """``r(amount × rate)`` in fen."""
    exact = amount_fen * rate_value
    return (exact + _HALF_RATE) // RATE_ONE if exact >= 0 else -((_HALF_RATE - exact) // RATE_ONE)


def priced(unit_price: int, quantity: int) -> int:
    """``r(unit price × quantity)`` in fen: millionths of a yuan times ten-thousandths of a unit."""
    exact = unit_price * quantity
    return (exact + _HALF_FEN) // _FEN if exact >= 0 else -((_HALF_FEN - exact) // _FEN)
