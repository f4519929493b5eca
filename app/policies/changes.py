"""What a change of the law changes: two packs over all days that either rules, and on bills. Pure.

Bills are those of golden cases, each computed under both packs after the bills before it under the same pack. Which
pack an area has is left aside: either pack rules every bill.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from app.basics.errors import Refused
from app.basics.names import PORTION_NAMES
from app.policies.cases import Case, outcomes
from app.policies.words import PolicyDifference, Side, differences
from app.tiers.model import Outcome
from app.tiers.policy import Policy, PolicyBook

Portions = dict[str, int]


@dataclass(frozen=True, slots=True)
class Law:
    """A pack with the book that it stands in."""

    book: PolicyBook
    name: str

    def on(self, day: date) -> Policy | None:
        """The pack's policy of a day; None on a day that it doesn't rule."""
        try:
            return self.book.policy(self.name, day)
        except Refused:
            return None

    def days(self) -> set[date]:
        """The days on which anything in the pack begins or ends."""
        pack = self.book.packs[self.name]
        ends = {version.until for version in pack.versions if version.until is not None}
        return ends | {day for version in pack.versions for day in pack.boundaries(version)}


@dataclass(frozen=True, slots=True)
class Stretch:
    """An interval [since, until) in which two packs differ in the same way; None: the pack rules none of its days."""

    since: date
    until: date | None
    a: Policy | None
    b: Policy | None
    differences: tuple[PolicyDifference, ...]

    def covers(self, day: date) -> bool:
        """Whether a day lies in it."""
        return self.since <= day and (self.until is None or day < self.until)


@dataclass(frozen=True, slots=True)
class BillChange:
    """A bill that comes out otherwise: its portions in fen under both packs, or the code that it is refused with."""

    where: str
    day: date
    a: Portions | str
    b: Portions | str


def spans(a: Law, b: Law) -> list[Stretch]:
    """The intervals in which the packs differ, in order; neighbours with the same differences are one."""
    edges: list[date | None] = [*sorted(a.days() | b.days()), None]
    found: list[Stretch] = []
    for since, until in pairwise(edges):
        if since is None:
            continue
        one, two = a.on(since), b.on(since)
        both = one is not None and two is not None
        differing = tuple(differences(one, two)) if one is not None and two is not None else ()
        if (one is None) == (two is None) and not (both and differing):
            continue
        span = Stretch(since, until, one, two, differing)
        if found and found[-1].until == since and _same(found[-1], span):
            found[-1] = Stretch(found[-1].since, until, found[-1].a, found[-1].b, found[-1].differences)
        else:
            found.append(span)
    return found


def _same(one: Stretch, two: Stretch) -> bool:
    return _said(one) == _said(two)


def _said(span: Stretch) -> tuple[object, ...]:
    """What an interval's differences come to, without the days and sources of the figures."""
    said = [
        (item.part, item.name, sorted(item.applies.items()), _value(item.a), _value(item.b))
        for item in span.differences
    ]
    return span.a is None, span.b is None, said


def _value(side: Side | None) -> tuple[object, object] | None:
    return None if side is None else (side.value, side.status)


def changed_bills(cases: Iterable[Case], a: Law, b: Law) -> tuple[int, list[BillChange]]:
    """How many bills the cases have, and those that come out otherwise under the other pack."""
    books = a.book.ruled_by(a.name), b.book.ruled_by(b.name)
    bills = [pair for case in cases for pair in _both(case, *books)]
    return len(bills), [bill for bill in bills if bill.a != bill.b]


def _both(case: Case, a: PolicyBook, b: PolicyBook) -> Iterator[BillChange]:
    pairs = zip(outcomes(case, a), outcomes(case, b), strict=True)
    for number, ((item, one, refused_a), (_, two, refused_b)) in enumerate(pairs, 1):
        where = f"{case.file}:{item.line} “{case.title}”" + (f"第 {number} 张账单" if len(case.bills) > 1 else "")
        yield BillChange(where, item.bill.discharged_on, portions_of(one, refused_a), portions_of(two, refused_b))


def portions_of(outcome: Outcome | None, refusal: str | None) -> Portions | str:
    """The portions of an outcome by name, fen; of a refused bill the code."""
    if outcome is None:
        return str(refusal)
    return {name: getattr(outcome.portions, name) for name in PORTION_NAMES["zh"]}
