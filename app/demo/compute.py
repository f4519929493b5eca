"""A bill computed offline: from one JSON file and the policy packs to an answer in the API's shape. No database, no clock."""

from collections.abc import Iterable
from datetime import datetime, time
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
    benefit_class,
    catalogue_faults,
    catalogue_values,
    identity_faults,
    interval_faults,
    overlaps,
)
from app.service.wire import AreaCode, Code, Day, Money, decode
from app.settlement.bill import BillRequest, core_bill, essential
from app.settlement.document import Inputs, digest, document_of, encoded, results_of
from app.settlement.reading import answer_of_computation
from app.settlement.service import INSURANCE_TYPE, Computation
from app.settlement.store import Found
from app.tiers.episode import visit_name
from app.tiers.model import CatalogueEntry, Episode, Facts, Rank
from app.tiers.policy import Policy, PolicyBook
from app.tiers.scope import Catalogue
from app.tiers.waterfall import bill_faults, compute

MAX_ITEMS: Final = 20_000
Count = Annotated[int, Meta(ge=0, le=1000)]


class OfflineRegistration(Struct, forbid_unknown_fields=True):
    """The days in [from, until) on which the person is registered for a chronic disease."""

    disease_code: Code
    from_: Day = field(name="from")
    until: Day | None = None


class OfflinePerson(Struct, forbid_unknown_fields=True):
    """What settling needs to know of the insured person. ``chronic_registrations`` are looked at where the pack requires one."""

    area_code: AreaCode
    identities: Annotated[list[IdentityEntry], Meta(max_length=MAX_IDENTITIES)] = []
    chronic_registrations: Annotated[list[OfflineRegistration], Meta(max_length=MAX_PERIODS)] = []


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
    """The file: a bill as in ``POST /v1/settlements``, and the facts that the service would look up."""

    bill: BillRequest
    person: OfflinePerson
    hospital: OfflineHospital
    catalogue: Annotated[list[OfflineItem], Meta(max_length=MAX_ITEMS)] = []
    year_to_date: OfflineYear = field(default_factory=OfflineYear)
    episode_deductible_paid: Money = "0.00"
    episode_counted: bool = False


def compute_file(path: Path, policy_file: Path | None) -> dict[str, Any]:
    """The answer to a bill in a file, shaped as that of a quote. A policy file rules the areas that it names, before any pack.

    Refused with every fault, pointers into the file; Malformed when it isn't JSON; PolicyError for an unusable pack.
    Knows neither other stays of the person nor today: nothing is ``in_the_future`` and there are no warnings.
    """
    given = decode(path.read_bytes(), OfflineBill)
    if policy_file is None:
        computation = computed(given, book_with([]))
    else:
        name = policy_file.stem
        computation = computed(given, book_with([policy_file], drafts=True), first=name)
    answer = answer_of_computation(computation, quote_id="", expires=None)
    return cast(dict[str, Any], msgspec.to_builtins(answer))


def computed(given: OfflineBill, book: PolicyBook, first: str | None = None) -> Computation:
    """The computation of an offline bill, by the same core and with the same digests as in the service; under the pack
    ``first`` wherever that covers the person's area."""
    request, policy = given.bill, None
    faults = _fact_faults(given)
    try:
        area, day = given.person.area_code, request.discharged_on
        covers = first is not None and area.startswith(book.packs[first].areas)
        policy = book.policy(first, day) if first is not None and covers else book.on(day, area)
    except Refused as refused:
        faults += _below("/bill", refused.faults)
    bill = core_bill(request)
    if policy is None or faults:
        raise Refused(_below("/bill", bill_faults(bill)) + faults)
    facts, before = _facts(given, policy), _year(given.year_to_date)
    admission = before["inpatient_count"] + (0 if given.episode_counted else 1)
    episode = Episode(parsed(given.episode_deductible_paid, 2), admission=admission)
    try:
        result = compute(bill, _catalogue(given.catalogue), facts, before, episode, policy)
    except Refused as refused:
        raise Refused(_below("/bill", refused.faults)) from None
    outcome = result.outcome
    inputs = encoded(
        Inputs(outcome.policy.digest, request.discharged_on, result.entries, facts, before, episode, essential(request))
    )
    results = encoded(results_of(outcome))
    document = document_of(inputs, results, outcome.lines, outcome.trace)
    found = Found("new", now=datetime.combine(request.discharged_on, time(), SHANGHAI))
    visits = (visit_name(request.hospital_code, request.visit_id),)
    return Computation(request, found, visits, [], facts, episode, outcome, document, digest(inputs), digest(results))


def _below(prefix: str, faults: Iterable[Fault]) -> list[Fault]:
    """Faults of a part of the file, as faults of the file; one without a place is the discharge day's."""
    return [Fault(prefix + (fault.pointer or "/discharged_on"), fault.code, fault.values) for fault in faults]


def _fact_faults(given: OfflineBill) -> list[Fault]:
    """What is wrong with the facts beside the bill."""
    faults = _below("/person", identity_faults(given.person.identities))
    for index, one in enumerate(given.person.chronic_registrations):
        faults += interval_faults(one.from_, one.until, f"/person/chronic_registrations/{index}/until")
    if given.bill.insurance_type != INSURANCE_TYPE:
        faults.append(Fault("/bill/insurance_type", "insurance_type_unsupported"))
    versions: dict[str, list[OfflineItem]] = {}
    for index, item in enumerate(given.catalogue):
        faults += _below(f"/catalogue/{index}", catalogue_faults(item))
        earlier = versions.setdefault(item.item_code, [])
        if any(overlaps(item.valid_from, item.valid_until, other.valid_from, other.valid_until) for other in earlier):
            faults.append(Fault(f"/catalogue/{index}/valid_from", "catalogue_overlap"))
        earlier.append(item)
    return faults


def _facts(given: OfflineBill, policy: Policy) -> Facts:
    bill, person, hospital = given.bill, given.person, given.hospital
    registered = any(
        one.disease_code == bill.disease_code and holds(one.from_, one.until, bill.admitted_on)
        for one in person.chronic_registrations
    )
    own_class = benefit_class(person.identities, bill.admitted_on, policy.version.precedence)
    return Facts(
        person_id=bill.person_id,
        area_code=person.area_code,
        benefit_class=cast(Any, own_class),
        hospital_code=bill.hospital_code,
        hospital_level=hospital.level,
        hospital_rank=hospital.rank,
        hospital_area_code=hospital.area_code,
        disease_registered=registered,
    )


def _year(year: OfflineYear) -> dict[str, int]:
    return {name: value if isinstance(value, int) else parsed(value, 2) for name, value in structs.asdict(year).items()}


def _catalogue(items: Iterable[OfflineItem]) -> Catalogue:
    catalogue: dict[str, list[CatalogueEntry]] = {}
    for item in items:
        values = catalogue_values(item.item_code, item)
        entry = CatalogueEntry(
            item_code=item.item_code,
            catalogue_class=item.class_,
            first_pay_ratio=values["first_pay_ratio"],
            ceilings=(values["ceiling_1"], values["ceiling_2"], values["ceiling_3"]),
            restricted=item.restricted,
            valid_from=item.valid_from,
            valid_until=item.valid_until,
        )
        catalogue.setdefault(item.item_code, []).append(entry)
    return catalogue
