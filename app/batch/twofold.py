"""The bills of many persons computed under two laws side by side and counted, column by column: what ``compared.py``
does person by person, for all whose bills go in waves."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final, cast

import numpy as np
import pyarrow as pa

from app.basics.areas import pooling_area
from app.batch.alike import Bills, alone, bills_of, laws_of
from app.batch.columns import PORTIONS
from app.batch.compared import (
    FUND_YEAR,
    Burden,
    Cell,
    ComputedTwice,
    Key,
    Laws,
    Tally,
    compare_person,
    income_of,
)
from app.batch.many import Answers, Whole
from app.batch.ready import Coded, stays
from app.batch.results import BucketResults, empty_results
from app.batch.sent import Sent
from app.batch.waves import FEW, YEARS, Waves, in_waves, person_years
from app.settlement.computing import class_on
from app.tiers.model import FUND_TIERS, FUNDS, RESIDENTS
from app.tiers.policy import Policy

BOTH: Final = (0, 1)
SIDES: Final = ("baseline", "reform")
COST: Final = "cost"


@dataclass(frozen=True, slots=True)
class Twofold:
    """The bills of a bucket under both laws, a person's one after the other. ``asked``: one of them as it is computed
    alone. ``counts``: the rows that count themselves. ``funds``: each row's by tier. ``standing``: of settlements what
    each stands at, by portion, and ``COST``, fen. ``apart``: the rows of persons who are compared one by one."""

    sides: tuple[Bills, Bills]
    asked: Callable[[int, Sent], ComputedTwice]
    counts: Answers
    funds: Mapping[str, Coded]
    standing: Mapping[str, Whole] | None
    apart: Answers


def twofold(table: pa.Table, laws: Laws) -> Twofold:
    """Bills of files, whose rows are sorted by person and order."""
    one = bills_of(table, laws[0])
    policy, policies = laws_of(one.texts, stays(table)[1], laws[1])
    sides = one, replace(one, policy=policy, policies=policies)
    apart = alone(sides[0]) | alone(sides[1])
    counts = np.ones(len(table), bool)
    return Twofold(sides, lambda row, sent: ComputedTwice(sent, laws), counts, _funds(one), None, apart)


def _funds(bills: Bills) -> dict[str, Coded]:
    """The fund of each bill by tier, as the unchanged law names it for its insurance type."""
    kind = bills.texts["insurance_type"]
    pairs, codes = np.unique(bills.policy * len(kind.words) + kind.codes, return_inverse=True)
    found = [(bills.policies[pair // len(kind.words)], kind.words[pair % len(kind.words)]) for pair in pairs.tolist()]

    def named(policy: Policy | None, tier: str, type_: str | None) -> str:
        return FUNDS[tier] if policy is None else policy.fund(tier, type_ or RESIDENTS)

    return {
        tier: _renamed(Coded(codes, []), [named(policy, tier, type_) for policy, type_ in found]) for tier in FUND_TIERS
    }


def tally_of(two: Twofold, few: int = FEW) -> Tally:
    """Compute the bills under both laws and count them."""
    tally = Tally()
    burdens = list(_compared_alone(two, tally))
    burdens += _counted_by_column(two, tally, few)
    burdens.sort(key=lambda one: one[0])
    tally.burdens = [burden for _, burden in burdens]
    return tally


def _compared_alone(two: Twofold, tally: Tally) -> Iterator[tuple[int, Burden]]:
    """Count those who are compared one by one; their burdens, each with the number of the person."""
    bills = two.sides[0]
    for person, rows in groupby(bills.some(np.flatnonzero(two.apart)), key=lambda row: int(bills.person[row[0]])):
        compare_person((two.asked(*row) for row in rows), tally)
        yield from ((person, burden) for burden in tally.burdens)
        tally.burdens = []


def _counted_by_column(two: Twofold, tally: Tally, few: int) -> Iterator[tuple[int, Burden]]:
    results = [_in_waves(two, side, few) for side in BOTH]
    counted = two.counts & ~two.apart
    both = counted & (results[0].fault < 0) & (results[1].fault < 0)
    for name, result in zip(SIDES, results, strict=True):
        refused = int(np.count_nonzero(counted & ~both & (result.fault >= 0)))
        if refused:
            tally.refused[name] = tally.refused.get(name, 0) + refused
    pairs = Pairs(two, (results[0], results[1]), np.flatnonzero(both))
    if not len(pairs.rows):
        return iter(())
    pairs.count(tally)
    return pairs.burdens()


def _in_waves(two: Twofold, side: int, few: int) -> BucketResults:
    bills = two.sides[side]
    waves = Waves(bills, empty_results(len(two.apart)), few)
    in_waves(waves, lambda row: two.asked(row, bills.sent(row)).laws[side], ~two.apart)
    return waves.results


class Pairs:
    """The bills that both laws pay."""

    def __init__(self, two: Twofold, results: tuple[BucketResults, BucketResults], rows: Whole) -> None:
        self.two, self.results, self.rows = two, results, rows
        self.bills = two.sides[0]
        self.person = self.bills.person[rows]
        self.costs: list[Whole] = [np.sum([self._of_tier(side, tier) for tier in FUND_TIERS], axis=0) for side in BOTH]

    def _of_tier(self, side: int, tier: str) -> Whole:
        amounts = self.results[side].amounts
        paid = amounts[tier][self.rows]
        return paid + amounts["payable_adjustment"][self.rows] if tier == "basic" else paid

    def count(self, tally: Tally) -> None:
        """Let the bills and their persons count."""
        tally.persons += len(np.unique(self.person))
        tally.bills += len(self.rows)
        for by, kinds in self._kinds().items():
            self._count(tally, by, Coded(kinds.codes[self.rows], kinds.words), self.rows, self.costs)
        self._count_funds(tally)
        if self.two.standing is not None:
            self._count_differing(tally, self.two.standing)

    def _kinds(self) -> dict[str, Coded]:
        """What each bill is by each list that it counts in."""
        area, level = (self.bills.texts[name] for name in ("area_code", "hospital_level"))
        _, discharged = stays(self.bills.table)
        months, month = np.unique(discharged.astype("datetime64[D]").astype("datetime64[M]"), return_inverse=True)
        return {
            "area": _renamed(area, ["" if word is None else pooling_area(word) for word in area.words]),
            "class": self._classes(),
            "hospital_level": Coded(level.codes, [str(word) for word in level.words]),
            "month": Coded(month, [str(one) for one in months]),
        }

    def _classes(self) -> Coded:
        """The class that the unchanged law counts each bill's person in."""
        class_ = self.bills.texts["benefit_class"]
        pairs, codes = np.unique(self.bills.policy * len(class_.words) + class_.codes, return_inverse=True)
        found: list[str] = []
        for pair in pairs.tolist():
            number, word = divmod(pair, len(class_.words))
            policy = self.bills.policies[number]
            found.append("" if policy is None else class_on((class_.words[word],), policy))
        return _renamed(Coded(codes, []), found)

    def _count_funds(self, tally: Tally) -> None:
        """Let what each fund pays count, of a bill that several tiers of a fund pay together."""
        words = sorted({word for coded in self.two.funds.values() for word in coded.words})
        parts: list[tuple[Whole, Whole, list[Whole]]] = []
        for tier, coded in self.two.funds.items():
            costs = [self._of_tier(side, tier) for side in BOTH]
            paid = (costs[0] != 0) | (costs[1] != 0)
            fund = np.array([words.index(word) for word in coded.words])[coded.codes[self.rows]]
            parts.append((self.rows[paid], fund[paid], [cost[paid] for cost in costs]))
        rows, fund = (np.concatenate([part[at] for part in parts]) for at in BOTH)
        costs = [np.concatenate([part[2][side] for part in parts]) for side in BOTH]
        year = self.bills.year[rows]
        years, of_year = np.unique(year, return_inverse=True)
        named = [f"{word} {one}" for word in words for one in years.tolist()]
        for by, codes, texts in (("fund", fund, words), (FUND_YEAR, fund * len(years) + of_year, named)):
            self._count(tally, by, Coded(codes, list(texts)), rows, costs)

    def _count(self, tally: Tally, by: str, kinds: Coded, rows: Whole, costs: list[Whole]) -> None:
        """Let amounts of rows count in the cells of their kinds; two amounts of a row and a kind are one bill."""
        most = len(kinds.words)
        persons, bills = (
            np.bincount(np.unique(of * most + kinds.codes) % most, minlength=most)
            for of in (self.bills.person[rows], rows)
        )
        sums = [_sums(kinds.codes, cost, most) for cost in costs]
        for code in np.unique(kinds.codes).tolist():
            numbers = (int(column[code]) for column in (persons, bills, *sums))
            key: Key = (by, kinds.words[code])
            tally.cells.setdefault(key, Cell()).add(Cell(*numbers))

    def _count_differing(self, tally: Tally, standing: Mapping[str, Whole]) -> None:
        amounts = self.results[0].amounts
        differs = self.costs[0] != standing[COST][self.rows]
        for name in PORTIONS:
            differs |= amounts[name][self.rows] != standing[name][self.rows]
        tally.differing += int(np.count_nonzero(differs))
        tally.difference += int((self.costs[0] - standing[COST][self.rows])[differs].sum())

    def burdens(self) -> Iterator[tuple[int, Burden]]:
        """What each person bears in each year, with the person's number; the class is that of the year's last bill."""
        bills, rows = self.bills, self.rows
        person_year, of = np.unique(person_years(self.person, bills.year[rows]), return_inverse=True)
        last = np.zeros(len(person_year), np.int64)
        np.maximum.at(last, of, rows)
        total = _sums(of, bills.total[rows], len(person_year))
        borne = [_sums(of, self.results[side].amounts["patient"][rows], len(person_year)) for side in BOTH]
        classes, level = self._classes(), bills.texts["hospital_level"]
        incomes = [None if policy is None else income_of(policy) for policy in bills.policies]
        columns = (person_year, last, total, *borne)
        for key, row, whole, one, two in zip(*(column.tolist() for column in columns), strict=True):
            number, year = divmod(key, YEARS)
            class_ = cast(str, classes.words[classes.codes[row]])
            income = incomes[bills.policy[row]]
            yield number, Burden(class_, year, cast(int, level.words[level.codes[row]]), whole, one, two, income)


def _renamed(coded: Coded, words: list[str]) -> Coded:
    """Codes with other words, of which several may be the same."""
    distinct = list(dict.fromkeys(words))
    return Coded(np.array([distinct.index(word) for word in words])[coded.codes], list(distinct))


def _sums(codes: Whole, amounts: Whole, most: int) -> Whole:
    """The sum of the amounts of each code."""
    found = np.zeros(most, np.int64)
    np.add.at(found, codes, amounts)
    return found
