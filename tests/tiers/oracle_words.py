"""The words of section 7 of the specification in plain arithmetic, written from its text alone.

Like ``oracle`` it shares no code with the engine and reads no pack: figures come as arguments, money is an integer
number of fen, rates are Fractions.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from tests.tiers.oracle import r


class Settled(NamedTuple):
    """A live inpatient settlement of a year: its visit, where, and the visit that it was transferred from."""

    visit: str
    hospital: str
    level: int
    source: str | None


def root_of(visit: str, settled: list[Settled]) -> str:
    """The first visit of an episode, by which episodes are told apart."""
    sources = {item.visit: item.source for item in settled if item.source is not None}
    while visit in sources:
        visit = sources[visit]
    return visit


def admissions(settled: list[Settled]) -> tuple[int, int, int]:
    """The number of the last one's admission: in the year, at its hospital, at its level.

    Admissions are numbered in settling order, this one included; an episode counts at every hospital and level where it
    has a live settlement.
    """
    last = settled[-1]
    own = root_of(last.visit, settled)
    year = {root_of(item.visit, settled) for item in settled}
    hospital = {root_of(item.visit, settled) for item in settled if item.hospital == last.hospital} | {own}
    level = {root_of(item.visit, settled) for item in settled if item.level == last.level} | {own}
    return len(year), len(hospital), len(level)


def stepped(first: int, less: int, least: int, number: int) -> int:
    """A deductible that each admission lowers by a step, down to a floor."""
    amount = first
    for _ in range(number - 1):
        amount -= less
    return max(amount, least) if number > 1 else amount


def after_deductible(in_scope: int, deductible: int, rate: Fraction) -> int:
    """A share of what is left after a deductible."""
    return r((in_scope - min(deductible, in_scope)) * rate)


def shares_of_year(in_scope: list[tuple[str, int]], deductible: int, rate: Fraction, cap: int) -> list[int]:
    """What a rule pays of each bill of a year, told by its disease group: the yearly deductible and the cap are counted
    per group."""
    used: dict[str, int] = {}
    paid: dict[str, int] = {}
    result = []
    for group, amount in in_scope:
        d = min(max(0, deductible - used.get(group, 0)), amount)
        portion = max(0, min(r((amount - d) * rate), cap - paid.get(group, 0)))
        used[group] = used.get(group, 0) + d
        paid[group] = paid.get(group, 0) + portion
        result.append(portion)
    return result


def in_proportion(left: int, one: int, other: int) -> tuple[int, int]:
    """Two payments of one base: as they would be alone, or what is left in proportion, the last the remainder."""
    if one + other <= left:
        return one, other
    first = r(Fraction(left * one, one + other))
    return first, left - first


def by_kind(
    lines: list[tuple[str, int]], first_pay: dict[str, Fraction], shared: set[str], deductible: int, rate: Fraction
) -> tuple[int, int, int]:
    """First pay, what is paid of the kinds that share no further, and of the others, of lines of kind and amount."""
    paid_first = [r(amount * first_pay[kind]) for kind, amount in lines]
    in_scope = dict.fromkeys(first_pay, 0)
    for (kind, amount), first in zip(lines, paid_first, strict=True):
        in_scope[kind] += amount - first
    free = sum(amount for kind, amount in in_scope.items() if kind not in shared)
    rest = sum(amount for kind, amount in in_scope.items() if kind in shared)
    return sum(paid_first), free, r((rest - min(deductible, rest)) * rate)
