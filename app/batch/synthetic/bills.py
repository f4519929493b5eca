"""A block of a synthetic year as rows of ``bills`` of docs/specification/batch.md, section 1."""

from dataclasses import dataclass
from typing import Final, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.batch.columns import BILL, LINES, OPTIONAL, SCOPE
from app.batch.synthetic.draws import (
    PARTS,
    PLACES,
    Draws,
    Numbers,
    amounts,
    chosen,
    fractions,
    happens,
    named,
    places,
    spelt,
)
from app.batch.synthetic.figures import number, several
from app.batch.synthetic.items import Catalogue, lines_of
from app.batch.synthetic.people import People, people
from app.batch.synthetic.visits import (
    BIRTH,
    CHRONIC,
    STAY,
    TYPES,
    DrawnBills,
    Visits,
    bills_of,
    numbered,
    visits_of,
)
from app.batch.synthetic.world import PROVINCIAL, RANKS, InventedWorld

BLOCK: Final = 16_384
"""Persons that are drawn together, from a stream of their own."""
FEN: Final = 100
REFERRALS: Final = ("not_required", "compliant", "emergency", "missing")
SEVERE: Final = "M07800"
"""End-stage renal disease."""
MODES: Final = (None, "vaginal", "caesarean")
MOST_BILLS: Final = 999
MOST_LINES: Final = 200


@dataclass(frozen=True, slots=True)
class Year:
    """What decides every bill: the same year is the same bills, whoever makes them and in which order."""

    persons: int
    seed: int
    year: int
    lines: int | None
    faults: float
    areas: tuple[str, ...] = ()

    @property
    def blocks(self) -> int:
        """How many blocks of persons there are."""
        return -(-self.persons // BLOCK)


@dataclass(frozen=True, slots=True)
class Block:
    """The rows of a block, and how many persons have any."""

    rows: pa.RecordBatch
    persons: int


Columns = dict[str, pa.Array]


def columns(year: Year) -> list[str]:
    """The columns that the files of a year have."""
    left_out = OPTIONAL | (frozenset(SCOPE) if year.lines is not None else {LINES})
    return [name for name in BILL if name not in left_out]


def block_of(year: Year, block: int, world: InventedWorld, catalogue: Catalogue) -> Block:
    """Draw a block."""
    draws = np.random.Generator(np.random.PCG64(np.random.SeedSequence(year.seed, spawn_key=(year.year, block))))
    new_year = (np.datetime64(f"{year.year}-01-01") - np.datetime64("1970-01-01")).astype(int)
    days = int((np.datetime64(f"{year.year + 1}-01-01") - np.datetime64(f"{year.year}-01-01")).astype(int))
    persons = people(draws, min(BLOCK, year.persons - block * BLOCK), world)
    visits = visits_of(draws, persons, int(new_year), days)
    bills = bills_of(draws, visits, int(new_year))
    hospital = _hospitals(draws, visits, persons, world)
    made = _who(year, block, bills, persons, world) | _where(hospital[bills.visit], world) | _how(draws, bills, persons)
    made["transfer_from"] = _sources(bills, made, hospital, world)
    totals = _totals(bills, persons)
    if year.lines is None:
        made |= _scope(draws, totals)
    else:
        made[LINES], totals = lines_of(draws, bills, totals, year.lines, catalogue)
    made["total"] = pa.array(totals)
    if year.faults:
        _broken(draws, year.faults, made)
    names = columns(year)
    return Block(
        pa.record_batch([made[name] for name in names], names=names), len(np.unique(visits.person)) if len(bills) else 0
    )


def _who(year: Year, block: int, bills: DrawnBills, persons: People, world: InventedWorld) -> Columns:
    """Whose bills they are, in which order, and on which days."""
    visits = bills.visits
    person = visits.person[bills.visit]
    order, visit_order = numbered(person), numbered(visits.person)
    if len(order) and order.max() > MOST_BILLS:
        raise OverflowError(f"a person has more than {MOST_BILLS} bills")
    whose = 1 + block * BLOCK + person
    start = f"Y{year.year}S{year.seed}-"
    return {
        "bill_id": spelt(f"B{start}", [(whose, 9), (order, 3)]),
        "person_id": spelt(f"P{start}", [(whose, 9)]),
        "visit_id": spelt(f"V{start}", [(whose, 9), (visit_order[bills.visit], 3)]),
        "area_code": named(persons.area[person], world.areas),
        "benefit_class": named(persons.class_[person], list(several("population.classes"))),
        "settle_seq": pa.array(bills.seq.astype(np.int32)),
        "settle_order": pa.array(order),
        "admitted_on": pa.array(bills.first.astype(np.int32)).cast(pa.date32()),
        "discharged_on": pa.array(bills.last.astype(np.int32)).cast(pa.date32()),
    }


def _sources(bills: DrawnBills, made: Columns, hospital: Numbers, world: InventedWorld) -> pa.Array:
    """Which visit the first bill of a transferred one says that it came from."""
    source = bills.visits.source[bills.visit]
    moved = np.flatnonzero((source >= 0) & (bills.seq == 1))
    first_bill = np.searchsorted(bills.visit, source[moved])
    visits = made["visit_id"].take(pa.array(first_bill)).to_pylist()
    words = [f"{world.hospitals[hospital[row]].code}/{visit}" for row, visit in zip(source[moved], visits, strict=True)]
    at = np.zeros(len(bills), np.int32)
    at[moved] = np.arange(len(moved))
    empty = np.ones(len(bills), bool)
    empty[moved] = False
    return pa.array(words, pa.string()).take(pa.array(at, mask=empty))


def _hospitals(draws: Draws, visits: Visits, persons: People, world: InventedWorld) -> Numbers:
    """The hospital of each visit."""
    count = len(visits)
    province = (visits.level == 3) & happens(draws, count, number("hospitals.province"))
    province &= visits.kind == STAY
    kind = np.where(province, PROVINCIAL, visits.level)
    area = persons.area[visits.person]
    usual = happens(draws, count, number("hospitals.usual"))
    which = np.where(usual, persons.usual[visits.person], draws.integers(0, 1 << 30, count))
    return cast(Numbers, world.first[area, kind] + which % world.count[area, kind])


def _where(hospital: Numbers, world: InventedWorld) -> Columns:
    """The hospital of each bill, and what it is."""
    areas = list(dict.fromkeys(one.area for one in world.hospitals))
    area_of = np.array([areas.index(one.area) for one in world.hospitals])
    rank_of = np.array([RANKS.index(one.rank) for one in world.hospitals])
    levels = np.array([one.level for one in world.hospitals], np.int8)
    return {
        "hospital_code": named(hospital, [one.code for one in world.hospitals]),
        "hospital_area": named(area_of[hospital], areas),
        "hospital_rank": named(rank_of[hospital], RANKS),
        "hospital_level": pa.array(levels[hospital]),
    }


def _how(draws: Draws, bills: DrawnBills, persons: People) -> Columns:
    """What kind of visit it is, and what decides what is paid of it."""
    visits = bills.visits
    count, stays = len(visits), visits.kind == STAY
    shares = several("stays.referral")
    drawn = np.array([REFERRALS.index(name) for name in shares])[chosen(*shares.values())[places(draws, count)]]
    referral = np.where(stays & (visits.level > 1), drawn, 0)
    injury = np.where(stays & happens(draws, count, number("stays.work_injury")), 1, 0)
    diseases = list(several("chronic.diseases"))
    disease = np.where(visits.kind == CHRONIC, persons.disease[visits.person], len(diseases))
    mode = np.where(visits.kind == BIRTH, 1 + _caesarean(visits), 0)
    rows = bills.visit
    return {
        "medical_type": named(visits.kind[rows], TYPES),
        "referral": named(referral[rows], REFERRALS),
        "work_injury": named(injury[rows], ("none", "undeterminable")),
        "disease_code": named(disease[rows], [*diseases, None]),
        "delivery_mode": named(mode[rows], MODES),
    }


def _caesarean(visits: Visits) -> Numbers:
    """1 for the births that cost most, as many as there are caesareans; else 0."""
    return cast(Numbers, (visits.place >= PLACES * (1 - number("births.caesarean"))).astype(np.int64))


def _totals(bills: DrawnBills, persons: People) -> Numbers:
    """What each bill comes to, fen; of a stay in two bills, by their days."""
    visits = bills.visits
    inpatient, outpatient = number("stays.cost_spread"), number("outpatient.cost_spread")
    place, row = visits.place, visits.level - 1
    stay = np.stack([amounts(FEN * mean, inpatient) for mean in several("stays.cost").values()])[row, place]
    day = np.stack([amounts(FEN * mean, outpatient) for mean in several("outpatient.cost").values()])[row, place]
    birth = np.array(list(several("births.cost").values()))[_caesarean(visits)]
    birth = (FEN * birth).astype(np.int64) * amounts(PARTS, 0.2)[(place * 31) % PLACES] // PARTS
    costs = several("chronic.cost")
    severe = persons.disease[visits.person] == list(several("chronic.diseases")).index(SEVERE)
    chronic = np.where(*(severe, *(amounts(FEN * costs[name], outpatient)[place] for name in ("severe", "general"))))
    whole = np.choose(visits.kind, [day, chronic, stay, birth])
    return cast(Numbers, np.maximum(1, whole[bills.visit] * bills.days // bills.of_days))


def _scope(draws: Draws, totals: Numbers) -> Columns:
    """The scope of bills without lines."""
    parts = []
    for name in SCOPE[:-1]:
        shape = several(f"scope.{name}")
        parts.append(totals * fractions(shape["mean"], shape["most"])[places(draws, len(totals))] // PARTS)
    return dict(zip(SCOPE, map(pa.array, (*parts, totals - sum(parts))), strict=True))


def _broken(draws: Draws, share: float, made: Columns) -> None:
    """Give a share of the bills a fault: a third each a total that doesn't fit, a last day before the first, and a
    transfer from a visit that isn't there."""
    count = len(made["total"])
    broken, which = happens(draws, count, share), draws.integers(0, 3, count)
    made["total"] = pc.add(made["total"], pa.array((broken & (which == 0)).astype(np.int64)))
    late = pc.add(made["discharged_on"].cast(pa.int32()), pa.scalar(1, pa.int32())).cast(pa.date32())
    made["admitted_on"] = pc.if_else(pa.array(broken & (which == 1)), late, made["admitted_on"])
    made["transfer_from"] = pc.if_else(pa.array(broken & (which == 2)), "H0/V0", made["transfer_from"])
