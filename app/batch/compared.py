"""Bills computed under two laws side by side, and counted: what a person adds to a simulation. Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Final, NamedTuple

from app.basics.areas import pooling_area
from app.basics.errors import Refused
from app.batch.chain import BillResult, Chain, Law, settled
from app.batch.sent import Sent
from app.tiers.model import FUND_TIERS, Outcome, Portions, SplitYear
from app.tiers.policy import Policy, PolicyBook

INCOMES: Final = ("income.all_residents", "safety_net.own_cap")
"""The parameters with the income that a burden is compared with; the first that a pack has."""
RATIO: Final = "disbursement.min_payout_ratio"
FUND_YEAR: Final = "fund_year"
"""What a fund pays for a year: no cell of its own, but what must be paid by 31 December comes of it."""
Key = tuple[str, str]
Laws = tuple[Law, Law]
"""As it is, and as the reform has it."""


@dataclass(slots=True)
class Cell:
    """What bills of one kind cost the funds under both laws, fen."""

    persons: int = 0
    bills: int = 0
    baseline: int = 0
    reform: int = 0

    def add(self, other: "Cell") -> None:
        """Let another cell count too."""
        self.persons += other.persons
        self.bills += other.bills
        self.baseline += other.baseline
        self.reform += other.reform


@dataclass(frozen=True, slots=True)
class Burden:
    """What a person bears in a year under both laws, and the income to compare it with, fen."""

    class_: str
    year: int
    level: int
    total: int
    baseline: int
    reform: int
    income: int | None

    @property
    def loss(self) -> int:
        """By how much the reform makes it more."""
        return self.reform - self.baseline


@dataclass(slots=True)
class Tally:
    """What was counted of some persons. Bills that either law refuses are in ``refused`` alone. ``differing``: how many
    settlements the unchanged law computes otherwise than they stand, and by how much more the funds would pay, fen."""

    cells: dict[Key, Cell] = field(default_factory=dict)
    burdens: list[Burden] = field(default_factory=list)
    bills: int = 0
    persons: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    differing: int = 0
    difference: int = 0

    def add(self, other: "Tally") -> None:
        """Let another tally, of other persons, count too."""
        for key, cell in other.cells.items():
            self.cells.setdefault(key, Cell()).add(cell)
        self.burdens += other.burdens
        self.bills += other.bills
        self.persons += other.persons
        self.differing += other.differing
        self.difference += other.difference
        for side, count in other.refused.items():
            self.refused[side] = self.refused.get(side, 0) + count


class StandsAt(NamedTuple):
    """What a settlement stands at in the books: what the funds pay for it, and all its portions, fen."""

    cost: int
    portions: Portions


class ComputedTwice(NamedTuple):
    """A bill to be computed under two laws. One that doesn't count is only there for those after it. ``standing``: of
    a bill that was settled before."""

    sent: Sent
    laws: Laws
    counts: bool = True
    standing: StandsAt | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """A bill under both laws."""

    asked: ComputedTwice
    baseline: Outcome
    reform: Outcome

    @property
    def sent(self) -> Sent:
        """The bill."""
        return self.asked.sent


def compare_person(bills: Iterable[ComputedTwice], tally: Tally) -> None:
    """Count a person's bills, in their order, that both laws of each pay; each chain with its own law alone."""
    pairs = list(_pairs(bills, tally))
    if not pairs:
        return
    tally.persons += 1
    tally.bills += len(pairs)
    for key, cell in _cells_of(pairs).items():
        tally.cells.setdefault(key, Cell()).add(cell)
    tally.burdens += _burdens(pairs)
    for pair in pairs:
        standing = pair.asked.standing
        now = StandsAt(cost(pair.baseline), pair.baseline.portions)
        if standing is not None and standing != now:
            tally.differing += 1
            tally.difference += now.cost - standing.cost


def _pairs(bills: Iterable[ComputedTwice], tally: Tally) -> Iterator[Pair]:
    chains = Chain(), Chain()
    for asked in bills:
        one, two = (settled(chain, asked.sent, law) for chain, law in zip(chains, asked.laws, strict=True))
        if not asked.counts:
            continue
        if isinstance(one, BillResult) and isinstance(two, BillResult):
            yield Pair(asked, one.outcome, two.outcome)
            continue
        for side, result in (("baseline", one), ("reform", two)):
            if isinstance(result, str):
                tally.refused[side] = tally.refused.get(side, 0) + 1


def cost(outcome: Outcome) -> int:
    """What the funds pay for a bill, fen."""
    return outcome.fund_total + outcome.payable_adjustment


def _years(outcome: Outcome) -> dict[int, Outcome | SplitYear]:
    """What a bill comes to by benefit year."""
    return {part.benefit_year: part for part in outcome.years or (outcome,)}


def _of_fund(outcome: Outcome | SplitYear | None, tier: str) -> int:
    if outcome is None:
        return 0
    paid: int = getattr(outcome.portions, tier)
    return paid + (outcome.payable_adjustment if tier == "basic" else 0)


def _cells_of(pairs: list[Pair]) -> dict[Key, Cell]:
    """What one person adds to each cell."""
    cells: dict[Key, Cell] = {}
    for pair in pairs:
        one, two, facts = pair.baseline, pair.reform, pair.sent.facts
        fund_of = _fund_of(pair.asked)
        whole = cost(one), cost(two)
        amounts: dict[Key, tuple[int, int]] = {
            ("area", pooling_area(facts.area_code)): whole,
            ("class", one.benefit_class): whole,
            ("hospital_level", str(facts.hospital_level)): whole,
            ("month", f"{pair.sent.bill.discharged_on:%Y-%m}"): whole,
        }
        for tier in FUND_TIERS:
            of_fund = _of_fund(one, tier), _of_fund(two, tier)
            if any(of_fund):
                fund = fund_of(tier)
                _more(amounts, ("fund", fund), of_fund)
                years = {year for side in (one, two) for year in _years(side)}
                for year in years:
                    of_year = _of_fund(_years(one).get(year), tier), _of_fund(_years(two).get(year), tier)
                    if any(of_year):
                        _more(amounts, (FUND_YEAR, f"{fund} {year}"), of_year)
        for key, (baseline, reform) in amounts.items():
            cells.setdefault(key, Cell(persons=1)).add(Cell(0, 1, baseline, reform))
    return cells


def _fund_of(asked: ComputedTwice) -> Callable[[str], str]:
    """Which fund pays a bill as a tier: of a settlement the one that its facts name, of a bill of a file, which names
    none, that of the unchanged law."""
    facts = asked.sent.facts
    policy, _ = asked.laws[0](asked.sent.bill.discharged_on, facts.area_code, facts.insurance_type)
    if asked.standing is not None or policy is None:
        return facts.fund
    return partial(policy.fund, insurance_type=facts.insurance_type)


def _more(amounts: dict[Key, tuple[int, int]], key: Key, more: tuple[int, int]) -> None:
    """Add what a fund pays as a further tier."""
    one, two = amounts.get(key, (0, 0))
    amounts[key] = one + more[0], two + more[1]


def _burdens(pairs: list[Pair]) -> Iterator[Burden]:
    """What one person bears, year by year; the class is that of the year's last bill."""
    by_year: dict[int, list[Pair]] = {}
    for pair in pairs:
        by_year.setdefault(pair.baseline.benefit_year, []).append(pair)
    for year, bills in sorted(by_year.items()):
        last = bills[-1]
        facts = last.sent.facts
        policy, _ = last.asked.laws[0](last.sent.bill.discharged_on, facts.area_code, facts.insurance_type)
        yield Burden(
            last.baseline.benefit_class,
            year,
            facts.hospital_level,
            sum(pair.baseline.total for pair in bills),
            sum(pair.baseline.portions.patient for pair in bills),
            sum(pair.reform.portions.patient for pair in bills),
            None if policy is None else income_of(policy.with_own(facts.own_figures)),
        )


def income_of(policy: Policy) -> int | None:
    """The yearly income in force, fen; None where the pack has none."""
    for name in INCOMES:
        if policy.has(name):
            try:
                value = policy.figure(name, {}).value
            except Refused:
                continue
            if isinstance(value, int):
                return value
    return None


def payout_ratio(book: PolicyBook, fund: str, year: int) -> int | None:
    """The share of what a fund owes for a year that must be paid by its 31 December, ten-thousandths; None where the
    pack sets none."""
    for name in book.packs:
        try:
            value = book.policy(name, date(year, 12, 31)).figure(RATIO, {"fund": fund}).value
        except (Refused, KeyError):
            continue
        if isinstance(value, int):
            return value
    return None
