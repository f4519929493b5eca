"""How a reader with a pocket calculator redoes a step from the numbers in its sentence alone, with exact fractions.
Pure.

Shared by all kinds: how amounts are written, and what a deductible's origin, a product and the rooms of a payment mean.
It shares no arithmetic with the computation, so that each can find a mistake of the other.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

YUAN: Final = r"-?\d+\.\d\d"
PERCENT: Final = r"\d+(?:\.\d+)?"
NOTE: Final = "（四舍五入到分）"
UNIT_NOTE: Final = r"（(?:四舍五入|进位|舍尾)到(?:分|角|元)）"
DERIVED: Final = (
    rf"(?:（人均可支配收入 (?P<income>{YUAN}) × (?P<part>{PERCENT})%(?:{NOTE})?）"
    rf"|（[^（）]+? (?P<share_of>{YUAN}) × (?P<share>{PERCENT})%(?:{NOTE})?"
    rf"(?:，最低 (?P<least>{YUAN}))?(?:，最高 (?P<highest>{YUAN}))?）"
    rf"|（(?:本年度|同一医院|同级医院)第 \d+ 次住院"
    rf"(?:：(?P<last>{YUAN}) − (?P<step>{YUAN}) × (?P<steps>\d+)(?:，最低 (?P<lowest>{YUAN}))?)?）)?"
)
FURTHER: Final = {"also": "另一限额", "also_2": "第三限额", "also_3": "第四限额"}
ROOMS: Final = (
    rf"(?:，年度限额剩余 (?P<year>{YUAN})（(?P<cap>{YUAN}) − 此前已支付 (?P<spent>{YUAN})）"
    rf"|，年度限额 {YUAN} (?P<empty>已用完)，剩余 0\.00)?"
    + "".join(
        rf"(?:，{title}剩余 (?P<{name}>{YUAN})（(?P<{name}_cap>{YUAN}) − 已记入"
        rf" (?:(?P<{name}_spent>{YUAN})|不少于限额)）)?"
        for name, title in FURTHER.items()
    )
    + rf"(?:，单次限额 (?P<stay>{YUAN})(?:（已减去上年部分支付的 {YUAN}）)?)?"
    rf"(?:，合计支付上限剩余 (?P<ceiling>{YUAN})（\D+ (?P<of>{YUAN}) × (?P<most_rate>{PERCENT})%(?:{NOTE})?"
    rf" − 已支付 (?P<paid>{YUAN})，不低于 0）)?"
    rf"(?:，以基数 (?P<base_left>{YUAN}) 为限)?"
    rf"(?:，剩余费用 (?P<unpaid>{YUAN}))?"
)
LIMITED: Final = rf"(?P<product>{YUAN})(?P<rounded>{UNIT_NOTE})?{ROOMS}(?:，支付 (?P<result>{YUAN}))?"
_NUMBER: Final = re.compile(rf"{YUAN}|{PERCENT}")
ZERO: Final = Fraction(0)


class Unexplained(AssertionError):
    """A sentence from which its step can't be redone, or leads to another amount. Always a bug of ours."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The numbers that a reader finds in a sentence, by name, and every named part of it as text."""

    sentence: str
    numbers: Mapping[str, Fraction]
    texts: Mapping[str, str | None]

    def __getitem__(self, name: str) -> Fraction:
        return self.numbers[name]

    def __contains__(self, name: str) -> bool:
        return name in self.numbers

    def get(self, name: str, default: Fraction = ZERO) -> Fraction:
        """A number, or another where the sentence has none of that name."""
        return self.numbers.get(name, default)

    def holds(self, statement: bool) -> None:
        """Unexplained unless what a sentence says of its own numbers is so."""
        if not statement:
            raise Unexplained(self.sentence)

    def matched(self, pattern: str, text: str) -> "Reading":
        """A part of the sentence read by a pattern of its own."""
        return read(pattern, text, whole=self.sentence)

    def product(self, exact: Fraction) -> Fraction:
        """A product as the sentence gives it; rounding is noted where it happens, and nowhere else."""
        note = self.texts.get("rounded")
        self.holds(self["product"] == (exact if note is None else _rounded_by(note, exact)))
        self.holds((note is not None) == (exact != self["product"]))
        return self["product"]

    def within_rooms(self, *amounts: Fraction) -> Fraction:
        """The smallest of some amounts and of the rooms that the sentence names."""
        return min([*amounts, *self._rooms()])

    def _rooms(self) -> Iterable[Fraction]:
        if "year" in self:
            self.holds(self["year"] == self["cap"] - self["spent"])
        for name in FURTHER.keys() & self.numbers.keys():
            cap = self[f"{name}_cap"]
            self.holds(self[name] == cap - self.get(f"{name}_spent", cap))
        if "ceiling" in self:
            most = rounded(self["of"] * self["most_rate"] / 100)
            self.holds(self["ceiling"] == max(ZERO, most - self["paid"]))
        empty = [ZERO] if self.texts.get("empty") else []
        return empty + [
            self[name] for name in ("year", *FURTHER, "stay", "ceiling", "base_left", "unpaid") if name in self
        ]

    def derived(self, amount: Fraction) -> None:
        """Unexplained unless a sum that is a share of an income, of the bill or of the year is that share."""
        if "income" in self:
            self.holds(amount == rounded(self["income"] * self["part"] / 100))
        if "last" in self:
            self.holds(amount == max(self.get("lowest"), self["last"] - self["step"] * self["steps"]))
        if "share_of" in self:
            exact = max(self.get("least"), rounded(self["share_of"] * self["share"] / 100))
            self.holds(amount == min(exact, self.get("highest", exact)))


Redo = Callable[[Reading], Fraction]


def read(pattern: str, text: str, whole: str = "") -> Reading:
    """A sentence read by the pattern of its kind. Unexplained when it doesn't fit."""
    match = re.fullmatch(pattern, text)
    if match is None:
        raise Unexplained(whole or text)
    texts = match.groupdict()
    numbers = {name: Fraction(value) for name, value in texts.items() if value and _NUMBER.fullmatch(value)}
    return Reading(whole or text, numbers, texts)


def _rounded_by(note: str, amount: Fraction) -> Fraction:
    """Yuan rounded as a note says."""
    unit = Fraction({"分": 1, "角": 10, "元": 100}[note[-2]], 100)
    if "进位" in note:
        return -((-amount) // unit) * unit
    if "舍尾" in note:
        return amount // unit * unit
    return (amount * 2 + unit) // (2 * unit) * unit


def rounded(amount: Fraction) -> Fraction:
    """Yuan to the fen, half up."""
    return Fraction((amount * 200 + 1) // 2, 100)
