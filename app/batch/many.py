"""The amounts of many bills, which the rules take for the amount of one.

A rule that adds, multiplies and compares whole numbers does so with an array of them, unchanged. Where it asks a
question that the bills answer differently, ``Mixed`` says which of them answer yes: whoever runs the rule parts the
bills there and runs it again for each part. So a rule runs once for all bills that take the same way through it, and no
rule is written twice.

Amounts stay below ``MOST``, so that no product that the rules form passes 64 bits; larger ones
are ``TooLargeTogether``.
"""

from typing import Any, Final, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

Whole = NDArray[np.int64]
Answers = NDArray[np.bool_]
A = TypeVar("A")

MOST: Final = 2_000_000_000
"""Fen: twenty million yuan. Two such amounts multiplied and doubled still fit."""


class Mixed(Exception):
    """A question that some bills answer with yes and others with no."""

    def __init__(self, yes: Answers) -> None:
        super().__init__()
        self.yes = yes


class TooLargeTogether(Exception):
    """An amount that arrays can't compute with safely."""


class Truths:
    """The answers of many bills to one question."""

    __slots__ = ("_answers",)

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def __bool__(self) -> bool:
        """The answer that all give."""
        yes = np.count_nonzero(self._answers)
        if yes == 0:
            return False
        if yes == len(self._answers):
            return True
        raise Mixed(self._answers)

    def chosen(self, one: object, other: object) -> "Many":
        """Of each bill one number where the answer is yes, else the other."""
        return Many(np.where(self._answers, plain(one), plain(other)))


class Many:
    """Whole numbers, one per bill, with the arithmetic of one."""

    __slots__ = ("numbers",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, numbers: Whole) -> None:
        self.numbers = numbers

    def __add__(self, other: object) -> "Many":
        return Many(self.numbers + plain(other))

    __radd__ = __add__

    def __sub__(self, other: object) -> "Many":
        return Many(self.numbers - plain(other))

    def __rsub__(self, other: object) -> "Many":
        return Many(plain(other) - self.numbers)

    def __mul__(self, other: object) -> "Many":
        return Many(self.numbers * plain(other))

    __rmul__ = __mul__

    def __floordiv__(self, other: object) -> "Many":
        return Many(self.numbers // plain(other))

    def __neg__(self) -> "Many":
        return Many(-self.numbers)

    def __abs__(self) -> "Many":
        return Many(np.abs(self.numbers))

    def __eq__(self, other: object) -> Truths:  # type: ignore[override]
        return Truths(self.numbers == plain(other))

    def __ne__(self, other: object) -> Truths:  # type: ignore[override]
        return Truths(self.numbers != plain(other))

    def __lt__(self, other: object) -> Truths:
        return Truths(self.numbers < plain(other))

    def __le__(self, other: object) -> Truths:
        return Truths(self.numbers <= plain(other))

    def __gt__(self, other: object) -> Truths:
        return Truths(self.numbers > plain(other))

    def __ge__(self, other: object) -> Truths:
        return Truths(self.numbers >= plain(other))

    def __bool__(self) -> bool:
        return bool(Truths(self.numbers != 0))


class KeptMany(Many):
    """Numbers of some rows of a longer array, which are fetched when they are asked for. TooLargeTogether
    when one can't be computed with."""

    __slots__ = ("_all", "_fetched", "_rows")

    def __init__(self, all_: Whole, rows: Whole) -> None:
        self._all, self._rows = all_, rows
        self._fetched: Whole | None = None

    @property
    def numbers(self) -> Whole:  # type: ignore[override]
        """The rows' numbers."""
        if self._fetched is None:
            self._fetched = self._all[self._rows]
            if int(self._fetched.max()) > MOST:
                raise TooLargeTogether
        return self._fetched


def plain(value: object) -> Any:
    """What arrays compute with."""
    return value.numbers if isinstance(value, Many) else value


def one_for_many(numbers: Whole) -> int:
    """Numbers of many bills where the rules expect that of one."""
    return cast(int, Many(numbers))
