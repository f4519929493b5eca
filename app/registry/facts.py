"""What the registry takes and shows, and what can be said of it without a database. Pure.

Intervals are ``[from, until)``. Ratios are ten-thousandths inside, ceilings millionths of a yuan, amounts fen.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from app.basics.classes import BASE_CLASSES
from app.basics.errors import Fault
from app.basics.money import parsed, rate, trimmed
from app.basics.text import folded_name
from app.registry.dated import overlapping, whole_span
from app.service.security import looks_like_id_number, valid_id_number
from app.service.wire import AreaCode, Code, Day, EndDay, Price, Rate
from app.tiers.model import LEVELS, CatalogueClass

MAX_IDENTITIES: Final = 200
MAX_PERIODS: Final = 200

GivenName = Annotated[str, Meta(min_length=1, max_length=200)]
ClassName = Annotated[
    str,
    Meta(
        max_length=40,
        description=f"A benefit class: {', '.join(BASE_CLASSES)}, or one that a pack declares.",
        examples=["low_income"],
    ),
]
Evidence = Annotated[str, Meta(max_length=500)]
ItemKind = Literal["drug", "material", "imported_material", "examination", "bed", "service"]
Level = Literal[1, 2, 3]


class Period(Struct, forbid_unknown_fields=True, frozen=True):
    """The days in [from, until); without ``until`` open."""

    from_: Day = field(name="from")
    until: EndDay | None = None


class IdentityEntry(Struct, forbid_unknown_fields=True, frozen=True):
    """A benefit class that a person has in [from, until), and the document that says so."""

    class_: ClassName = field(name="class")
    from_: Day = field(name="from")
    until: EndDay | None = None
    evidence: Evidence | None = None


class PersonRequest(Struct, forbid_unknown_fields=True):
    """The body of ``PUT /v1/persons/{person_id}``: the state wanted. A first one without ``insured_from``: always
    insured; later a date that isn't sent stays as it is known, null opens it.

    ``insured_periods``: several periods of insurance; ``insured_from`` and ``insured_until``, if sent, are then their
    first and last day. ``area_from``: the person moved here on that day; without it another area corrects the last one.
    ``retired_from``: the first day of retirement, for insurance that asks; like a date of insurance when it isn't sent.
    """

    name: GivenName
    id_number: Annotated[str, Meta(max_length=64, description="18 characters: 17 digits, then a digit or X")]
    area_code: AreaCode
    insurance_type: Code
    identities: Annotated[list[IdentityEntry], Meta(max_length=MAX_IDENTITIES)]
    insured_from: Day | UnsetType | None = UNSET
    insured_until: EndDay | UnsetType | None = UNSET
    insured_periods: Annotated[list[Period], Meta(min_length=1, max_length=MAX_PERIODS)] | None = None
    area_from: Day | None = None
    retired_from: Day | UnsetType | None = UNSET


class PersonAnswer(Struct):
    """A person; the id number is masked, the identities are sorted by their first day. ``insured_periods`` is there
    when there are several, ``area_from`` when the person moved, ``retired_from`` when the person has retired."""

    person_id: str
    name: str
    id_number: str
    area_code: str
    insurance_type: str
    insured_from: date | None
    insured_until: date | None
    identities: list[IdentityEntry]
    insured_periods: list[Period] | UnsetType = UNSET
    area_from: date | UnsetType = UNSET
    retired_from: date | UnsetType = UNSET


class Ceilings(Struct, forbid_unknown_fields=True):
    """The highest price per unit that counts, by hospital level; none: no ceiling."""

    level_1: Price | None = field(name="1", default=None)
    level_2: Price | None = field(name="2", default=None)
    level_3: Price | None = field(name="3", default=None)


class CatalogueRequest(Struct, forbid_unknown_fields=True):
    """The body of ``PUT /v1/catalogue/{item_code}``: the version that begins on ``valid_from``. Of one that is known,
    what isn't sent stays: ``valid_until`` and ``ceilings`` (null takes them away), ``restricted``."""

    name: GivenName
    kind: ItemKind
    class_: CatalogueClass = field(name="class")
    first_pay_ratio: Rate
    valid_from: Day
    valid_until: EndDay | UnsetType | None = UNSET
    ceilings: Ceilings | UnsetType | None = UNSET
    restricted: bool | UnsetType = UNSET


class CatalogueAnswer(Struct):
    """One version of a catalogue entry. ``area_code`` is the area that owns it, null for what holds everywhere;
    ``ceilings`` has the levels that have one, null when none has."""

    item_code: str
    area_code: str | None
    name: str
    kind: ItemKind
    class_: CatalogueClass = field(name="class")
    first_pay_ratio: str
    ceilings: dict[str, str] | None
    restricted: bool
    valid_from: date
    valid_until: date | None


# ---------------------------------------------------------------- persons


def normal_id_number(text: str) -> str:
    """An id number with its x in upper case."""
    return text.upper()


def name_and_birth(name: str, born: date) -> str:
    """What finds a person when the id number finds nobody: the name as names are compared, and the date of birth."""
    return f"{folded_name(name)} {born.isoformat()}"


def person_faults(person_id: str, wanted: PersonRequest, classes: Collection[str]) -> list[Fault]:
    """Every fault of a person that its form alone doesn't show: the id number is checked by GB 11643, the classes have
    to be some that packs know."""
    faults = class_faults(wanted.identities, classes)
    id_number = normal_id_number(wanted.id_number)
    if looks_like_id_number(person_id) or normal_id_number(person_id) == id_number:
        faults.append(Fault("/person_id", "person_id_is_id_number"))
    if not valid_id_number(id_number):
        faults.append(Fault("/id_number", "id_number_invalid"))
    since, until = sent(wanted.insured_from), sent(wanted.insured_until)
    if _is_empty(since, until):
        faults.append(Fault("/insured_until", "interval_empty"))
    faults += identity_faults(wanted.identities)
    if wanted.insured_periods is not None:
        faults += period_faults(wanted.insured_periods, "/insured_periods")
        faults += span_faults(wanted.insured_periods, since, until, "/insured_")
    return faults


def sent(day: date | UnsetType | None) -> date | None:
    """A day that may have been left out; then None."""
    return None if isinstance(day, UnsetType) else day


def interval_faults(since: date | None, until: date | None, pointer: str) -> list[Fault]:
    """The fault of an interval without a day."""
    return [Fault(pointer, "interval_empty")] if _is_empty(since, until) else []


def period_faults(periods: Sequence[Period], pointer: str) -> list[Fault]:
    """Empty periods of a list, and those that overlap another."""
    empty = [index for index, one in enumerate(periods) if _is_empty(one.from_, one.until)]
    faults = [Fault(f"{pointer}/{index}/until", "interval_empty") for index in empty]
    sound = [index for index in range(len(periods)) if index not in empty]
    meeting = overlapping([(periods[index].from_, periods[index].until) for index in sound])
    return faults + [Fault(f"{pointer}/{sound[index]}", "period_overlap") for index in meeting]


def span_faults(periods: Sequence[Period], since: date | None, until: date | None, pointer: str) -> list[Fault]:
    """Days that are sent beside a list of periods and aren't its first and last."""
    first, last = whole_span([(one.from_, one.until) for one in periods])
    sent = {"from": (since, first), "until": (until, last)}
    return [Fault(f"{pointer}{name}", "periods_differ") for name, (day, own) in sent.items() if day not in (None, own)]


def class_faults(identities: Sequence[IdentityEntry], classes: Collection[str]) -> list[Fault]:
    """Classes that no pack knows."""
    allowed = ", ".join(classes)
    return [
        Fault(f"/identities/{index}/class", "not_in_list", {"allowed": allowed})
        for index, item in enumerate(identities)
        if item.class_ not in classes
    ]


def identity_faults(identities: Sequence[IdentityEntry]) -> list[Fault]:
    """Empty intervals, and overlaps within a class. Different classes may overlap: precedence decides between them."""
    faults = {
        index: Fault(f"/identities/{index}/until", "interval_empty")
        for index, item in enumerate(identities)
        if _is_empty(item.from_, item.until)
    }
    reaching: dict[str, int] = {}  # by class: the entry so far that lasts longest
    for index in sorted(range(len(identities)), key=lambda position: identities[position].from_):
        if index in faults:
            continue
        item = identities[index]
        other = reaching.get(item.class_)
        if other is not None and _last(identities[other].until) > item.from_:
            later = max(index, other)
            faults[later] = Fault(f"/identities/{later}", "identity_overlap")
        if other is None or _last(item.until) > _last(identities[other].until):
            reaching[item.class_] = index
    return [fault for _, fault in sorted(faults.items())]


def in_order(identities: Iterable[IdentityEntry]) -> list[IdentityEntry]:
    """Identities as they are shown: by first day, then by class."""
    return sorted(identities, key=lambda item: (item.from_, item.class_))


def benefit_class(identities: Iterable[IdentityEntry], day: date, precedence: Sequence[str]) -> str:
    """The class that counts on a day: the first by precedence of those that hold, ``ordinary`` without one."""
    held = {item.class_ for item in identities if item.from_ <= day < _last(item.until)}
    return next((name for name in precedence if name in held), "ordinary")


def _is_empty(since: date | None, until: date | None) -> bool:
    return since is not None and until is not None and until <= since


def _last(until: date | None) -> date:
    return until or date.max


# ---------------------------------------------------------------- catalogue


def catalogue_faults(wanted: CatalogueRequest) -> list[Fault]:
    """Every fault of a catalogue version that its form alone doesn't show."""
    faults = []
    if wanted.class_ == "A" and rate(wanted.first_pay_ratio) != 0:
        faults.append(Fault("/first_pay_ratio", "ratio_for_class_a"))
    if _is_empty(wanted.valid_from, sent(wanted.valid_until)):
        faults.append(Fault("/valid_until", "interval_empty"))
    return faults


def catalogue_values(item_code: str, wanted: CatalogueRequest) -> dict[str, Any]:
    """A version as the columns of its row; what wasn't sent is as in a new version."""
    ceilings = wanted.ceilings or Ceilings()
    by_level = zip(LEVELS, (ceilings.level_1, ceilings.level_2, ceilings.level_3), strict=True)
    return {
        "item_code": item_code,
        "name": wanted.name,
        "kind": wanted.kind,
        "class": wanted.class_,
        "first_pay_ratio": rate(wanted.first_pay_ratio),
        **{f"ceiling_{level}": None if text is None else parsed(text, 6) for level, text in by_level},
        "restricted": wanted.restricted is True,
        "valid_from": wanted.valid_from,
        "valid_until": sent(wanted.valid_until),
    }


def unsent(wanted: CatalogueRequest) -> list[str]:
    """The columns of a version that a request leaves as they are known."""
    ceilings = [f"ceiling_{level}" for level in LEVELS] if wanted.ceilings is UNSET else []
    return ceilings + [name for name in ("valid_until", "restricted") if getattr(wanted, name) is UNSET]


def overlaps(since: date, until: date | None, other_since: date, other_until: date | None) -> bool:
    """Whether two intervals have a day in common."""
    return since < _last(other_until) and other_since < _last(until)


def price_text(value: int) -> str:
    """Millionths of a yuan as the outside form, two to six decimals. ``price_text(12_500_000) == "12.50"``."""
    whole, _, fraction = trimmed(value, 6).partition(".")
    return f"{whole}.{fraction:0<2}"
