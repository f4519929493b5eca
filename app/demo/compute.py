"""A bill computed offline: a JSON file and the packs give an answer in the API's shape. No database, no clock."""

from collections.abc import Iterable
from datetime import datetime, time
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, cast

import msgspec
from msgspec import Meta, Struct, field, structs

from app.basics.days import SHANGHAI
from app.basics.errors import Fault, Refused
from app.basics.money import parsed
from app.policies import book_with
from app.registry.dated import holds
from app.registry.facts import (
    MAX_IDENTITIES,
    MAX_PERIODS,
    CatalogueRequest,
    IdentityEntry,
    Level,
    catalogue_faults,
    catalogue_values,
    class_faults,
    identity_faults,
    interval_faults,
    overlaps,
    sent,
)
from app.registry.paying_area import NO_RECORDS, FoundArea
from app.service.caller import OpenState
from app.service.wire import AreaCode, Code, Day, Money, decode
from app.settlement.bill import BillRequest
from app.settlement.computing import INSURANCE_TYPE, Computation, computed
from app.settlement.reading import answer_of_quote
from app.settlement.rows import BillFacts, FoundHospital, FoundOlder, FoundPerson
from app.tiers.model import CatalogueEntry, Episode, Rank
from app.tiers.policy import PolicyBook

MAX_ITEMS: Final = 20_000
Count = Annotated[int, Meta(ge=0, le=1000)]


class OfflineRegistration(Struct, forbid_unknown_fields=True):
    """The days in [from, until) on which the person is registered for a chronic disease."""

    disease_code: Code
    from_: Day = field(name="from")
    until: Day | None = None


class OfflinePerson(Struct, forbid_unknown_fields=True):
    """What settling needs to know of the insured person.

    ``chronic_registrations`` are looked at where the pack requires one, ``retired`` where it asks.
    """

    area_code: AreaCode
    identities: Annotated[list[IdentityEntry], Meta(max_length=MAX_IDENTITIES)] = []
    chronic_registrations: Annotated[list[OfflineRegistration], Meta(max_length=MAX_PERIODS)] = []
    retired: bool = False


class OfflineHospital(Struct, forbid_unknown_fields=True):
    """What settling needs to know of the hospital."""

    level: Level
    rank: Rank
    area_code: AreaCode


class OfflineItem(CatalogueRequest, kw_only=True):
    """A catalogue version: the body of its PUT and the code from its path."""

    item_code: Code


class OfflineYear(Struct, forbid_unknown_fields=True):
    """The person-year before this bill, yuan; what is left out is 0."""

    inpatient_count: Count = 0
    deductible_paid: Money = "0.00"
    basic_paid: Money = "0.00"
    outpatient_paid: Money = "0.00"
    chronic_deductible_paid: Money = "0.00"
    serious_base: Money = "0.00"
    serious_paid: Money = "0.00"
    assistance_deductible_paid: Money = "0.00"
    assistance_paid: Money = "0.00"
    tilt_base: Money = "0.00"
    safety_net_paid: Money = "0.00"
    compliant_own: Money = "0.00"
    own_total: Money = "0.00"


class OfflineBill(Struct, forbid_unknown_fields=True):
    """The file: a bill as in ``POST /v1/settlements``, and the facts that the service would look up.

    ``last_year_to_date``: the year before the discharge's, which a stay over the turn of the year may count in too.
    """

    bill: BillRequest
    person: OfflinePerson
    hospital: OfflineHospital
    catalogue: Annotated[list[OfflineItem], Meta(max_length=MAX_ITEMS)] = []
    year_to_date: OfflineYear = field(default_factory=OfflineYear)
    last_year_to_date: OfflineYear = field(default_factory=OfflineYear)
    episode_deductible_paid: Money = "0.00"
    episode_counted: bool = False


def compute_file(path: Path, policy_file: Path | None) -> dict[str, Any]:
    """Answer a bill in a file as a quote would be. A policy file rules the areas that it names, before any pack.

    Refused with every fault, pointers into the file; Malformed when it isn't JSON; PolicyError for an unusable pack.
    Knows neither other stays of the person nor today: nothing is ``in_the_future`` and there are no warnings.
    """
    given = decode(path.read_bytes(), OfflineBill)
    book = book_with([] if policy_file is None else [policy_file], drafts=policy_file is not None)
    computation = computed_offline(given, book, first=None if policy_file is None else policy_file.stem)
    answer = answer_of_quote(computation, classes=book.classes)
    return cast(dict[str, Any], msgspec.to_builtins(answer))


def computed_offline(given: OfflineBill, book: PolicyBook, first: str | None = None) -> Computation:
    """Compute an offline bill as the service would.

    The pack ``first`` is taken wherever it covers the person's area.
    """
    faults = _fact_faults(given, book)  # first, because a fault of the bill may follow from a wrong fact
    try:
        computation = computed(given.bill, _found(given, book, first), book, partial(_episode, given))
    except Refused as refused:
        raise Refused([*faults, *_below("/bill", refused.faults)]) from None
    if faults:
        raise Refused(faults)
    return computation


def _below(prefix: str, faults: Iterable[Fault]) -> list[Fault]:
    """Faults of a part of the file, as faults of the file."""
    return [Fault(prefix + fault.pointer, fault.code, fault.values) for fault in faults]


def _fact_faults(given: OfflineBill, book: PolicyBook) -> list[Fault]:
    """What is wrong with the facts beside the bill."""
    identities = given.person.identities
    faults = _below("/person", class_faults(identities, book.classes) + identity_faults(identities))
    for index, one in enumerate(given.person.chronic_registrations):
        faults += interval_faults(one.from_, one.until, f"/person/chronic_registrations/{index}/until")
    versions: dict[str, list[OfflineItem]] = {}
    for index, item in enumerate(given.catalogue):
        faults += _below(f"/catalogue/{index}", catalogue_faults(item))
        earlier = versions.setdefault(item.item_code, [])
        if any(
            overlaps(item.valid_from, sent(item.valid_until), one.valid_from, sent(one.valid_until)) for one in earlier
        ):
            faults.append(Fault(f"/catalogue/{index}/valid_from", "catalogue_overlap"))
        earlier.append(item)
    return faults


def _found(given: OfflineBill, book: PolicyBook, first: str | None) -> BillFacts:
    """The file's facts instead of those that the service reads. The person is insured, the hospital has a contract."""
    bill, person, hospital = given.bill, given.person, given.hospital
    day = bill.admitted_on
    covers = first is not None and person.area_code.startswith(book.packs[first].areas)
    area = FoundArea(pack=first) if covers else NO_RECORDS
    insurance = bill.insurance_type if bill.insurance_type in book.insurance_types else INSURANCE_TYPE
    return BillFacts(
        OpenState.NEW,
        now=datetime.combine(bill.discharged_on, time(), SHANGHAI),
        person=FoundPerson(person.area_code, insurance, insured=True, retired=person.retired),
        area=area,
        classes=[item.class_ for item in person.identities if holds(item.from_, item.until, day)],
        registrations=[one.disease_code for one in person.chronic_registrations if holds(one.from_, one.until, day)],
        hospital=FoundHospital(hospital.level, hospital.rank, hospital.area_code),
        entries=[_entry(item) for item in given.catalogue],
        accumulators=_year(given.year_to_date),
        older=FoundOlder(area, _year(given.last_year_to_date)),
    )


def _episode(given: OfflineBill, split: bool) -> Episode:
    """The episode of the bill; one that is split at the turn of the year is an admission of the older year."""
    year = given.last_year_to_date if split else given.year_to_date
    admission = year.inpatient_count + (0 if given.episode_counted else 1)
    return Episode(parsed(given.episode_deductible_paid, 2), admission=admission)


def _year(year: OfflineYear) -> dict[str, int]:
    return {name: value if isinstance(value, int) else parsed(value, 2) for name, value in structs.asdict(year).items()}


def _entry(item: OfflineItem) -> CatalogueEntry:
    values = catalogue_values(item.item_code, item)
    return CatalogueEntry(
        item_code=item.item_code,
        catalogue_class=item.class_,
        first_pay_ratio=values["first_pay_ratio"],
        ceilings=(values["ceiling_1"], values["ceiling_2"], values["ceiling_3"]),
        restricted=values["restricted"],
        valid_from=item.valid_from,
        valid_until=values["valid_until"],
    )
