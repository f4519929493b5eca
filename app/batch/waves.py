"""The persons of a bucket side by side: the first bill of each, then the second of each, and so on, and of every such
wave all bills at once that meet the same rules with the same figures.

The rules are those of settling, run once for a whole group (``many.py``). What columns can't tell, such as a transfer,
an interim bill or a rule that asks for kinds of items, is left to ``chain.py``, with all bills of that person.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
import pyarrow as pa
from msgspec import structs

from app.basics.errors import Refused
from app.batch.alike import Bills, alone, bills_of, ruled
from app.batch.chain import Chain, Law, deductible_of, own_faults, settled
from app.batch.columns import PORTIONS, SCOPE
from app.batch.many import Answers, KeptMany, Mixed, TooLargeTogether, Whole, plain
from app.batch.results import BucketResults, empty_results, put
from app.batch.sent import Sent
from app.settlement.computing import class_on
from app.tiers.model import ACCUMULATORS, INPATIENT, RESIDENTS, Episode, Scope
from app.tiers.policy import Policy
from app.tiers.scope import scope_of
from app.tiers.state import State
from app.tiers.waterfall import Ran, of_type, policy_faults, ran, typed

FEW: Final = 5
"""Bills that are computed one by one rather than together."""
YEARS: Final = 1 << 16
"""More than there are years in a date, or in what an earlier run handed on."""
Read = Callable[[Whole, Whole], int]
"""Reads the numbers of some rows."""


def person_years(person: Whole, year: Whole) -> Whole:
    """Numbers for person-years."""
    return person * YEARS + year


class Waves:
    """The bills of all persons that can be computed side by side, and what was settled of them so far."""

    def __init__(self, bills: Bills, results: BucketResults, few: int) -> None:
        self.bills, self.results, self.few = bills, results, few
        rows = len(bills.person)
        hospital = bills.texts["hospital_code"]
        self.slots, self.slot = np.unique(person_years(bills.person, bills.year), return_inverse=True)
        self.places, self.slot_here = np.unique(self.slot * len(hospital.words) + hospital.codes, return_inverse=True)
        level = bills.texts["hospital_level"]
        self.slot_level = self.slot * len(level.words) + level.codes
        self.inpatient = bills.texts["medical_type"].having(lambda word: word == INPATIENT)
        self.stays = np.zeros(rows, np.int64)
        self.stays_here = np.zeros(rows, np.int64)
        self.stays_level = np.zeros(rows * len(level.words), np.int64)
        self.year = {name: self.nothing() for name in ACCUMULATORS}
        self.rules = ruled(bills)
        self._like: dict[int, Sent] = {}
        self._met: dict[int, tuple[Sent, Policy] | str] = {}
        asks = [policy is not None and policy.numbers_admissions for policy in bills.policies]
        self.numbered = np.array(asks)[bills.policy]
        self.counted = self.inpatient | self.numbered | ("admission" in bills.asked)

    def nothing(self) -> Whole:
        """Room for an accumulator of every person-year."""
        return np.zeros(len(self.slot), np.int64)

    def run(self, rows: Whole) -> None:
        """Compute rows, wave by wave."""
        if not len(rows):
            return
        kinds, at = np.unique(self.rules[rows], return_index=True)
        self._like = dict(zip(kinds.tolist(), (sent for _, sent in self.bills.some(rows[at])), strict=True))
        person = self.bills.person[rows]
        first = np.concatenate([[True], person[1:] != person[:-1]])
        began = np.maximum.accumulate(np.where(first, np.arange(len(rows)), 0))
        place_in_chain = np.arange(len(rows)) - began
        order = np.argsort(place_in_chain, kind="stable")
        ends = np.cumsum(np.bincount(place_in_chain))
        for start, end in zip([0, *ends[:-1]], ends, strict=True):
            self._wave(rows[order[start:end]])

    def _wave(self, rows: Whole) -> None:
        numbered = self.numbered[rows]
        admissions = np.where(self.counted[rows], self.stays[self.slot[rows]] + 1, 1)
        here = np.where(numbered, self.stays_here[self.slot_here[rows]] + 1, 0)
        level = np.where(numbered, self.stays_level[self.slot_level[rows]] + 1, 0)
        key = self.rules[rows]
        for number in (admissions, here, level):
            key = key * (number.max(initial=0) + 1) + number
        order = np.argsort(key, kind="stable")
        cuts = np.flatnonzero(np.diff(key[order])) + 1
        for group in np.split(order, cuts):
            first = group[0]
            places = (int(here[first]), int(level[first])) if numbered[first] else ()
            self._group(rows[group], Episode(0, 0, int(admissions[first]), *places))
        done = rows[self.inpatient[rows] & (self.results.fault[rows] < 0)]
        self.stays[self.slot[done]] += 1
        self.stays_here[self.slot_here[done]] += 1
        self.stays_level[self.slot_level[done]] += 1

    def _group(self, rows: Whole, episode: Episode) -> None:
        """Compute bills that have the same facts, parted where they answer a question of a rule differently."""
        met = self._same_facts(int(rows[0]))
        if isinstance(met, str):
            self.results.fault[rows] = self.results.word(met)
            return
        waiting = [rows]
        while waiting:
            some = waiting.pop()
            try:
                if len(some) > self.few:
                    self._settle(some, *met, episode, _of_many)
                    continue
            except Mixed as mixed:
                waiting += [some[mixed.yes], some[~mixed.yes]]
                continue
            except TooLargeTogether:
                pass
            for at in range(len(some)):
                self._settle(some[at : at + 1], *met, episode, _of_one)

    def _same_facts(self, row: int) -> tuple[Sent, Policy] | str:
        """A bill that stands for all with its facts, and their policy; or the code with which the law refuses them."""
        rules = int(self.rules[row])
        if rules not in self._met:
            sent = self._like.pop(rules)
            policy = self.bills.policies[self.bills.policy[row]]
            assert policy is not None
            facts = structs.replace(sent.facts, benefit_class=class_on((sent.facts.benefit_class,), policy))
            codes = [fault.code for fault in policy_faults(sent.bill, facts, policy)]
            self._met[rules] = min(codes) if codes else (sent._replace(facts=facts), policy)
        return self._met[rules]

    def _settle(self, rows: Whole, sent: Sent, policy: Policy, episode: Episode, read: Read) -> None:
        results, slots = self.results, self.slot[rows]
        total, *scope = (read(numbers_, rows) for numbers_ in (self.bills.total, *self.bills.ready.scope))
        before = {name: read(amounts, slots) for name, amounts in self.year.items()}
        others, own = of_type(before, sent.facts.insurance_type)
        year = own | {name: 0 for name in policy.accumulators if name not in own}
        bill = structs.replace(sent.bill, total=total)
        state = State(bill, sent.facts, Scope(*scope), year, episode, policy)
        try:
            came = ran(state)
        except Refused as refused:
            results.fault[rows] = results.word(min(fault.code for fault in refused.faults))
            return
        self._keep(rows, came, scope, deductible_of(state.deductible, state.trace, bill))
        results.version[rows] = results.word(policy.version.name)
        after = state.accumulators
        if sent.facts.insurance_type != RESIDENTS:
            after = typed(after, sent.facts.insurance_type) | others
        for name, amount in after.items():
            if amount is not before.get(name):
                if name not in self.year:
                    self.year[name] = self.nothing()
                self.year[name][slots] = plain(amount)

    def _keep(self, rows: Whole, came: Ran, scope: list[int], deductible: int) -> None:
        amounts = self.results.amounts
        for name, amount in zip(SCOPE, scope, strict=True):
            amounts[name][rows] = plain(amount)
        for name in PORTIONS:
            amounts[name][rows] = plain(getattr(came.portions, name))
        amounts["payable_adjustment"][rows] = plain(came.adjustment)
        amounts["deductible"][rows] = plain(deductible)


def _of_one(amounts: Whole, rows: Whole) -> int:
    return int(amounts[rows[0]])


def _of_many(amounts: Whole, rows: Whole) -> int:
    return cast(int, KeptMany(amounts, rows))


@dataclass(slots=True)
class SideBySide:
    """What the bills of a bucket came to, and how: ``apart`` are the rows that were settled one by one, in the chains
    of their persons, and all others in ``waves``."""

    results: BucketResults
    apart: Answers
    chains: dict[str, Chain]
    waves: Waves


def computed(table: pa.Table, law: Law, few: int = FEW) -> BucketResults:
    """What the bills of a bucket come to, of whose persons nothing was settled before; its rows are sorted by person
    and order. No more than ``few`` bills are computed one by one where they could be together."""
    bills = bills_of(table, law)
    return side_by_side(Waves(bills, empty_results(len(table)), few), law, alone(bills), {}).results


def side_by_side(waves: Waves, law: Law, apart: Answers, chains: dict[str, Chain]) -> SideBySide:
    """Compute the bills of a bucket, those ``apart`` in the chains, which may have begun."""
    bills, results = waves.bills, waves.results
    for row, sent in bills.some(np.flatnonzero(apart)):
        chain = chains.setdefault(bills.who.words[bills.person[row]], Chain())
        put(results, row, settled(chain, sent, law))
    in_waves(waves, lambda row: law, ~apart)
    return SideBySide(results, apart, chains, waves)


def in_waves(waves: Waves, law_of: Callable[[int], Law], chosen: Answers) -> None:
    """Compute those bills of a bucket that were chosen, which are all bills of their persons."""
    bills, results = waves.bills, waves.results
    for row, sent in bills.some(np.flatnonzero(chosen & ~(bills.ready.sound & (bills.policy > 0)))):
        _look_again(bills, row, sent, law_of(row), results)
    waves.run(np.flatnonzero(chosen & (results.fault < 0)))


def _look_again(bills: Bills, row: int, sent: Sent, law: Law, results: BucketResults) -> None:
    """Refuse a bill that wasn't plain for a fault of its own or of the law's; without one, its scope is now known."""
    if not sent.codes and bills.policy[row] and not own_faults(sent):
        scope = sent.scope or scope_of(sent.bill.lines, sent.catalogue, sent.facts.hospital_level)[0]
        for columns, amount in zip(bills.ready.scope, structs.astuple(scope), strict=True):
            columns[row] = amount
        return
    refused = settled(Chain(), sent, law)
    assert isinstance(refused, str)
    put(results, row, refused)
