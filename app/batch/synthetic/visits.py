"""The visits of the persons of a block, in the order of settling: stays that don't overlap, some of them transferred on
or settled in between, births, chronic diseases and outpatients."""

from dataclasses import dataclass, fields, replace
from typing import Any, Final, TypeVar

import numpy as np

from app.batch.synthetic.draws import Codes, Draws, Numbers, amounts, chosen, happens, places
from app.batch.synthetic.figures import number, several
from app.batch.synthetic.people import People, stay_rates

OUTPATIENT, CHRONIC, STAY, BIRTH = range(4)
"""The kinds of visit, in the order of ``TYPES``."""
TYPES: Final = ("11", "14", "21", "52")
T = TypeVar("T", bound="Visits")


@dataclass(slots=True)
class Visits:
    """Columns over visits, or over bills once the interim ones are among them: ``person`` is one of the block,
    ``place`` where the cost lies in its distribution, ``source`` the row of the visit that it was transferred from, -1
    without. Days count from 1970."""

    person: Codes
    kind: Codes
    level: Codes
    first: Numbers
    last: Numbers
    place: Numbers
    source: Codes

    def __len__(self) -> int:
        return len(self.person)


@dataclass(slots=True)
class DrawnBills:
    """The visits' bills: ``visit`` is a row of ``visits``, ``seq`` its number there; ``days`` of ``of_days`` are this
    bill's."""

    visits: Visits
    visit: Codes
    seq: Numbers
    first: Numbers
    last: Numbers
    days: Numbers
    of_days: Numbers

    def __len__(self) -> int:
        return len(self.visit)


def taken(visits: Visits, rows: Codes) -> Visits:
    """Some rows of them."""
    return Visits(*(getattr(visits, field.name)[rows] for field in fields(visits)))


def visits_of(draws: Draws, persons: People, new_year: int, days: int) -> Visits:
    """All visits of a block whose last day is within a year, by person and day."""
    stays = _transferred(draws, _apart(_stays(draws, persons, new_year, days)))
    others = _days(draws, persons, new_year, days)
    everything = Visits(
        *(np.concatenate([getattr(stays, field.name), getattr(others, field.name)]) for field in fields(stays))
    )
    order = np.argsort((everything.person << 20) + (everything.last - new_year + 512 << 4), kind="stable")
    place_of = np.empty(len(order), np.int64)
    place_of[order] = np.arange(len(order))
    ordered = taken(everything, order)
    return replace(ordered, source=np.where(ordered.source >= 0, place_of[ordered.source], -1))


def _stays(draws: Draws, persons: People, new_year: int, days: int) -> Visits:
    """Stays and births as they would be if nobody had more than one."""
    births = np.zeros(len(persons))
    births[persons.age == 1] = number("births.rate") / several("population.ages")["adult"]
    stay_counts = draws.poisson(stay_rates(persons))
    birth_counts = draws.random(len(persons)) < births
    person = np.concatenate([np.repeat(np.arange(len(persons)), many) for many in (stay_counts, birth_counts)])
    count = len(person)
    kind = np.where(np.arange(count) < stay_counts.sum(), STAY, BIRTH)
    level = 1 + chosen(*several("stays.levels").values())[places(draws, count)]
    place = places(draws, count)
    same = happens(draws, count, number("stays.same_rank"))
    lengths = _lengths()[level - 1, np.where(same, place, places(draws, count))]
    last = new_year + draws.integers(0, days, count)
    return Visits(person, kind, level, last - lengths, last, place, np.full(count, -1))


def _lengths() -> Numbers:
    """The tables of the length of a stay in days, by level."""
    shape = several("stays.days_spread")
    tables = [np.minimum(amounts(mean, shape["spread"]), int(shape["most"])) for mean in several("stays.days").values()]
    return np.stack(tables)


def _apart(stays: Visits) -> Visits:
    """The stays by person and day, each begun after the one before it ended."""
    ordered = taken(stays, np.argsort((stays.person << 32) + stays.last, kind="stable"))
    before = np.roll(ordered.last, 1)
    same = ordered.person == np.roll(ordered.person, 1)
    same[:1] = False
    first = np.where(same, np.minimum(np.maximum(ordered.first, before + 1), ordered.last), ordered.first)
    return replace(ordered, first=first)


def _transferred(draws: Draws, stays: Visits) -> Visits:
    """The stays, of which some go on in a hospital of a higher level."""
    count = len(stays)
    long = stays.last - stays.first >= 2
    on = happens(draws, count, number("stays.transferred")) & long & (stays.level < 3) & (stays.kind == STAY)
    rows = np.repeat(np.arange(count), 1 + on)
    both = taken(stays, rows)
    second = np.zeros(len(rows), bool)
    second[1:] = rows[1:] == rows[:-1]
    turn = (stays.first + 1 + (stays.last - stays.first - 1) * draws.integers(0, 1 << 16, count) // (1 << 16))[rows]
    return Visits(
        both.person,
        both.kind,
        np.where(second, both.level + 1, both.level),
        np.where(second, turn, both.first),
        np.where(on[rows] & ~second, turn, both.last),
        np.where(second, places(draws, len(rows)), both.place),
        np.where(second, np.arange(len(rows)) - 1, -1),
    )


def _days(draws: Draws, persons: People, new_year: int, days: int) -> Visits:
    """Outpatients' visits and those for a chronic disease, a day each."""
    rates = np.array(list(several("outpatient.visits").values()))[persons.age]
    plain = draws.poisson(rates)
    chronic = draws.poisson(np.where(persons.disease >= 0, number("chronic.visits"), 0.0))
    person = np.concatenate([np.repeat(np.arange(len(persons)), many) for many in (plain, chronic)])
    count = len(person)
    kind = np.where(np.arange(count) < plain.sum(), OUTPATIENT, CHRONIC)
    level = 1 + chosen(*several("outpatient.levels").values())[places(draws, count)]
    day = new_year + draws.integers(0, days, count)
    return Visits(person, kind, level, day, day, places(draws, count), np.full(count, -1))


def bills_of(draws: Draws, visits: Visits, new_year: int) -> DrawnBills:
    """The bills of all visits: of a long stay perhaps two, of one over the turn of the year perhaps one to the 31st of
    December."""
    interim = several("stays.interim")
    count, days = len(visits), visits.last - visits.first
    stays = visits.kind == STAY
    middle = stays & (days >= interim["from_days"]) & happens(draws, count, interim["share"])
    turning = stays & (visits.first < new_year) & happens(draws, count, interim["new_year"])
    turning &= (visits.source < 0) & (visits.last > new_year)
    cut = np.where(turning, new_year - 1, visits.first + days // 2)
    two = turning | (middle & (visits.first >= new_year))
    visit = np.repeat(np.arange(count), 1 + two)
    second = np.zeros(len(visit), bool)
    second[1:] = visit[1:] == visit[:-1]
    first = np.where(second, cut[visit] + 1, visits.first[visit])
    last = np.where(two[visit] & ~second, cut[visit], visits.last[visit])
    return DrawnBills(visits, visit, 1 + second.astype(np.int64), first, last, last - first + 1, (days + 1)[visit])


def numbered(person: "np.ndarray[Any, np.dtype[np.int64]]") -> Numbers:
    """The number of each row within its person, from 1; the rows are by person."""
    rows = np.arange(len(person))
    new = np.ones(len(person), bool)
    new[1:] = person[1:] != person[:-1]
    return rows - np.maximum.accumulate(np.where(new, rows, 0)) + 1
