"""The bills of a bucket by column: under which law each is, who has to be looked at alone, and which bills meet the
same rules with the same figures."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, cast

import numpy as np
import pyarrow as pa

from app.basics.areas import PLACES, place
from app.batch.chain import Law
from app.batch.many import MOST, Answers, Whole
from app.batch.ready import Coded, Ready, coded, few_values, looked_at, numbers, stays, there
from app.batch.sent import Sent
from app.batch.sent_rows import sent_bills
from app.tiers.model import RESIDENTS
from app.tiers.policy import Policy

SLICE: Final = 1024
"""Bills that are Python objects together."""
FACTS: Final = (
    *("area_code", "benefit_class", "hospital_code", "hospital_area", "hospital_rank", "hospital_level"),
    *("medical_type", "referral", "work_injury", "disease_code", "delivery_mode", "disease_registered"),
    *("insurance_type", "person_type"),
)
RULED_BY: Final = {
    "benefit_class": None,
    "medical_type": None,
    "referral": None,
    "insurance_type": None,
    "disease_registered": None,
    "hospital_rank": "rank",
    "hospital_level": "level",
    "delivery_mode": "delivery_mode",
    "person_type": "retirement",
}
"""The columns that rules and figures look at as they are; with a fact those that count only where the law asks for
it."""
_EPOCH: Final = date(1970, 1, 1).toordinal()


@dataclass(slots=True)
class Bills:
    """The bills of a bucket by column."""

    table: pa.Table
    texts: dict[str, Coded]
    ready: Ready
    who: Coded
    visit: Coded
    year: Whole
    total: Whole
    policy: Whole
    policies: list[Policy | None]

    @property
    def person(self) -> Whole:
        """Each row's person as a number."""
        return self.who.codes

    @property
    def asked(self) -> frozenset[str]:
        """The facts that a law asks for."""
        return frozenset().union(*(policy.facts_asked for policy in self.policies if policy is not None))

    def sent(self, row: int) -> Sent:
        """One of them, as a single bill is looked at."""
        return next(self.some(np.array([row])))[1]

    def some(self, rows: Whole) -> Iterator[tuple[int, Sent]]:
        """Some of them with their rows."""
        for start in range(0, len(rows), SLICE):
            wanted = rows[start : start + SLICE]
            for batch in self.table.take(wanted).combine_chunks().to_batches():
                yield from zip(wanted.tolist(), sent_bills(batch), strict=True)


def bills_of(table: pa.Table, law: Law) -> Bills:
    """The bills of a bucket, whose rows are sorted by person and order."""
    texts = few_values(table, FACTS)
    who, visit = (coded(table.column(name).combine_chunks()) for name in ("person_id", "visit_id"))
    _, discharged = stays(table)
    policy, policies = laws_of(texts, discharged, law)
    year = discharged.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    total = numbers(table.column("total").combine_chunks())
    return Bills(table, texts, looked_at(table, texts), who, visit, year, total, policy, policies)


def laws_of(texts: dict[str, Coded], discharged: Whole, law: Law) -> tuple[Whole, list[Policy | None]]:
    """The number of each row's policy; None of those that none rules."""
    area, kind = texts["area_code"], texts["insurance_type"]
    days, day = np.unique(discharged, return_inverse=True)
    key = (day * len(area.words) + area.codes) * len(kind.words) + kind.codes
    found, rows = np.unique(key, return_inverse=True)
    policies: list[Policy | None] = [None]
    numbered: dict[int, int] = {}
    of_key = np.zeros(len(found), np.int64)
    for at, code in enumerate(found.tolist()):
        rest, kind_code = divmod(code, len(kind.words))
        day_code, area_code = divmod(rest, len(area.words))
        where = area.words[area_code]
        if where is None:
            continue
        day_of = date.fromordinal(int(days[day_code]) + _EPOCH)
        policy, gaps = law(day_of, where, kind.words[kind_code] or RESIDENTS)
        if policy is None or gaps:
            continue
        if id(policy) not in numbered:
            numbered[id(policy)] = len(policies)
            policies.append(policy)
        of_key[at] = numbered[id(policy)]
    return of_key[rows], policies


def alone(bills: Bills) -> Answers:
    """The rows of persons whose bills have to be looked at one by one: a transfer, a visit with several bills, a law
    that asks for what a scope doesn't say."""
    table = bills.table
    odd = there(table.column("transfer_from").combine_chunks())
    _, at, times = np.unique(named_visits(bills), return_inverse=True, return_counts=True)
    odd |= times[at] > 1
    asks = [policy is not None and _asks_for_lines(policy) for policy in bills.policies]
    odd |= np.array(asks)[bills.policy] | (bills.total > MOST)
    return whole_persons(bills, odd)


def whole_persons(bills: Bills, some: Answers) -> Answers:
    """All rows of the persons of some rows."""
    persons = np.zeros(len(bills.who.words), bool)
    persons[bills.person[some]] = True
    return cast(Answers, persons[bills.person])


def named_visits(bills: Bills) -> Whole:
    """A number for each person's visit."""
    return numbered_visits(bills, bills.person, bills.texts["hospital_code"].codes, bills.visit.codes)


def numbered_visits(bills: Bills, person: Whole, hospital: Whole, visit: Whole) -> Whole:
    """The number of visits, by their numbers of person, hospital and visit id."""
    return (person * len(bills.texts["hospital_code"].words) + hospital) * len(bills.visit.words) + visit


def _asks_for_lines(policy: Policy) -> bool:
    version = policy.version
    return version.first_pay is not None or policy.asks_for_items or version.splits_stays


def ruled(bills: Bills) -> Whole:
    """A number for all that decides which rules and figures a bill meets, admissions apart."""
    texts, asked = bills.texts, bills.asked
    key = bills.policy
    for name, fact in RULED_BY.items():
        if fact is None or fact in asked:
            key = key * len(texts[name].words) + texts[name].codes
    _, key = np.unique(key, return_inverse=True)
    columns = [_diseases(bills)]
    if "place" in asked:
        columns.append(_places(bills))
    if "crosses_year" in asked:
        first, last = (days.astype("datetime64[D]").astype("datetime64[Y]") for days in stays(bills.table))
        columns.append((first == last).astype(np.int64))
    for codes in columns:
        key = key * (codes.max(initial=0) + 1) + codes
    return np.unique(key, return_inverse=True)[1]


def _places(bills: Bills) -> Whole:
    """Where each bill's hospital lies for the person, as a number."""
    hospital, area = bills.texts["hospital_area"], bills.texts["area_code"]
    pairs, rows = np.unique(hospital.codes * len(area.words) + area.codes, return_inverse=True)
    words = [(hospital.words[pair // len(area.words)], area.words[pair % len(area.words)]) for pair in pairs.tolist()]
    places = ["", *PLACES]
    found = [0 if None in pair else places.index(place(*pair)) for pair in words]
    return np.array(found)[rows]


def _diseases(bills: Bills) -> Whole:
    """The disease of each bill as a number: those that no figure of the law names are one."""
    disease = bills.texts["disease_code"]
    known = {code for policy in bills.policies if policy is not None for code in policy.diseases_named}
    order = {code: number for number, code in enumerate(sorted(known), 2)}
    numbers_ = [1 if word is None else order.get(word, 0) for word in disease.words]
    return np.array(numbers_)[disease.codes]
