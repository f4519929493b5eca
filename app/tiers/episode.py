"""Which visits are one episode, and what its earlier settlements mean for a bill (docs/specification/calculation.md,
sections 2 and 5). Pure.

An episode is a visit with all its settlements, and the inpatient visits that it was transferred from and theirs, across
years. A visit is named ``"<hospital code> <visit id>"``.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from msgspec import Struct, structs

from app.tiers.model import CHILDBIRTH, INPATIENT, RESIDENTS, Episode, Outcome, SplitYear
from app.tiers.state import fact_missing
from app.tiers.waterfall import of_type

STAYS: Final = frozenset({INPATIENT, CHILDBIRTH})


class Stay(Struct, frozen=True, array_like=True):
    """One settlement of a stay as it stands. ``deductible`` in fen with its adjustments; 0 when it was reversed.

    ``older_entry_no``: its number among the entries of the year before, where it is split at the turn of the year; it
    is then an admission of that year. ``moved``: what it and its adjustments, in either year, moved of the person's
    accumulators; None where that isn't known.
    """

    settlement_id: int
    benefit_year: int
    entry_no: int
    visit: str
    medical_type: str
    admitted_on: date
    discharged_on: date
    live: bool
    deductible: int
    episode: tuple[str, ...]
    level: int = 0
    older_entry_no: int | None = None
    moved: tuple[dict[str, int], ...] | None = ()

    @property
    def years(self) -> range:
        """The benefit years that its money counts in."""
        return range(self.admission_year, self.benefit_year + 1)

    @property
    def admission_year(self) -> int:
        """The benefit year whose admissions it is one of."""
        return self.benefit_year if self.older_entry_no is None else self.benefit_year - 1


class Place(Struct, frozen=True):
    """Where a bill is treated, to number the admissions there."""

    hospital_code: str
    level: int


class AskedOfStays(Struct, frozen=True):
    """What the laws of a bill ask of the stays before it: to number the admissions at a ``place``, and what the bill's
    own stay ``counted`` into accumulators of its insurance type."""

    place: Place | None = None
    counted: frozenset[str] = frozenset()
    insurance_type: str = RESIDENTS


NOTHING_ASKED: Final = AskedOfStays()


def visit_name(hospital_code: str, visit_id: str) -> str:
    """How a visit is named here."""
    return f"{hospital_code} {visit_id}"


def episode_visits(stays: Iterable[Stay], visit: str, source: str | None) -> tuple[str, ...] | None:
    """The visits of the bill's episode, its own first; None when the visit that it was transferred from is unknown.

    A visit's later bills need not name the transfer again. A reversed settlement still tells where a visit came from.
    """
    if source is None:
        return _longest(stays, visit) or (visit,)
    before = _longest([stay for stay in stays if stay.medical_type == INPATIENT], source)
    return None if before is None else (visit, *(item for item in before if item != visit))


def _longest(stays: Iterable[Stay], visit: str) -> tuple[str, ...] | None:
    return max((stay.episode for stay in stays if stay.visit == visit), key=len, default=None)


def episode_of(
    earlier: Sequence[Stay],
    visits: tuple[str, ...],
    *,
    benefit_year: int,
    split: bool = False,
    other_years: int | None = None,
    asked: AskedOfStays = NOTHING_ASKED,
) -> Episode:
    """What the stays settled before a bill mean for it. ``benefit_year`` is that of its admission; a ``split`` bill
    belongs to the next one too.

    ``other_years`` is what had been paid in other benefit years when the bill was first settled, fen: a correction of
    one year never reaches into another. None: take it from the stays, which is right when settling. ``asked``: what
    else the laws want to know; Refused(fact_missing) where it isn't known.
    """
    live = [stay for stay in earlier if stay.live]
    members = [stay for stay in live if stay.visit in visits]
    mine = range(benefit_year, benefit_year + (2 if split else 1))
    same_year = sum(stay.deductible for stay in members if any(year in stay.years for year in mine))
    if other_years is None:
        other_years = sum(stay.deductible for stay in members) - same_year
    inpatient = [stay for stay in live if stay.admission_year == benefit_year and stay.medical_type == INPATIENT]
    groups = _connected([*(stay.episode for stay in inpatient), visits])
    episode = Episode(same_year + other_years, other_years, len(groups))
    if asked.counted:
        episode = structs.replace(episode, counted=_counted(members, asked))
    place = asked.place
    if place is None:
        return episode
    here = [stay for stay in inpatient if stay.visit.startswith(visit_name(place.hospital_code, ""))]
    same_level = [stay for stay in inpatient if stay.level == place.level]
    return structs.replace(
        episode,
        admission_at_hospital=_numbered(groups, visits, here),
        admission_at_level=_numbered(groups, visits, same_level),
    )


def _counted(members: Iterable[Stay], asked: AskedOfStays) -> dict[str, int]:
    """What stays counted into each of the accumulators that are asked for."""
    counted = dict.fromkeys(sorted(asked.counted), 0)
    for stay in members:
        if stay.moved is None:
            raise fact_missing()
        for moved in stay.moved:
            for name, amount in moved_of(moved, asked.counted, asked.insurance_type).items():
                counted[name] = counted.get(name, 0) + amount
    return counted


def moved_of(moved: Mapping[str, int], accumulators: Collection[str], insurance_type: str) -> dict[str, int]:
    """Of what was moved, the part of some accumulators of an insurance type, by their plain names; those of disease
    groups stand each by itself."""
    own = of_type(moved, insurance_type)[1]
    return {name: amount for name, amount in own.items() if name.partition("/")[0] in accumulators}


def moved_by(outcome: Outcome) -> tuple[dict[str, int], ...]:
    """What a bill moved of the accumulators, of each year that it counts in."""
    return tuple(moved(part) for part in outcome.years or (outcome,))


def moved(part: Outcome | SplitYear) -> dict[str, int]:
    """What a bill, or its part of one year, moved of the accumulators."""
    before = part.before
    return {name: now - before.get(name, 0) for name, now in part.after.items() if now != before.get(name, 0)}


def _numbered(groups: Sequence[set[str]], visits: tuple[str, ...], stays: Sequence[Stay]) -> int:
    """How many episodes have one of these stays, that of ``visits`` always included."""
    return sum(not group.isdisjoint(visits) or any(stay.visit in group for stay in stays) for group in groups)


def later_years(stays: Sequence[Stay], settlement_id: int, visit: str, year: int) -> list[int]:
    """The later benefit years in which a live stay of the visit's episode was settled after a settlement: they relied
    on its deductible, and a correction of one year never reaches into another. ``stays`` are in the order of settling,
    which ids don't tell."""
    place = next((number for number, stay in enumerate(stays) if stay.settlement_id == settlement_id), len(stays))
    relied = {
        stay.benefit_year
        for stay in stays[place + 1 :]
        if stay.live and stay.admission_year > year and visit in stay.episode
    }
    return sorted(relied)


def _connected(episodes: Iterable[tuple[str, ...]]) -> list[set[str]]:
    """The groups that remain when episodes that share a visit are one."""
    groups: list[set[str]] = []
    for visits in episodes:
        joined = set(visits)
        apart = []
        for group in groups:
            if group.isdisjoint(joined):
                apart.append(group)
            else:
                joined |= group
        groups = [*apart, joined]
    return groups


def stay_warnings(
    stays: Iterable[Stay], visit: str, admitted_on: date, discharged_on: date, source: str | None
) -> list[str]:
    """What is accepted but worth a look: days that other live stays cover, a source discharged after the admission."""
    live = [stay for stay in stays if stay.live]
    others = [stay for stay in live if stay.visit != visit and stay.medical_type in STAYS]
    own = [stay for stay in live if stay.visit == visit]
    warnings = []
    if any(stay.admitted_on < discharged_on and stay.discharged_on > admitted_on for stay in others):
        warnings.append("overlapping_stay")
    if any(stay.admitted_on <= discharged_on and stay.discharged_on >= admitted_on for stay in own):
        warnings.append("visit_days_settled_before")
    if source is not None and any(
        stay.visit == source and stay.discharged_on > admitted_on for stay in stays if stay.medical_type == INPATIENT
    ):
        warnings.append("transfer_source_discharged_later")
    return warnings
