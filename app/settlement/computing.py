"""From a bill to what it costs: the one function behind quotes, settlements, corrections and replays. Pure.

A new bill goes through ``computed``: its faults, the facts and the law that apply to it, the waterfall, the document
to keep. A settled bill goes the last part of that way again, ``outcome_of``, from the inputs that its document keeps.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, TypeAlias, cast

from msgspec import structs

from app.basics.areas import pooling_area
from app.basics.classes import ORDINARY
from app.basics.days import shanghai_day
from app.basics.errors import Fault, Refused
from app.registry.paying_area import FoundArea, policy_in
from app.settlement.bill import BillRequest, core_bill, essential
from app.settlement.document import (
    Document,
    Inputs,
    OlderInputs,
    digest,
    document_of,
    encoded,
    encoded_inputs,
    results_of,
)
from app.settlement.rows import NO_OLDER, BillFacts, FoundHospital, FoundPerson
from app.tiers.episode import AskedOfStays, Place, episode_of, episode_visits, stay_warnings, visit_name
from app.tiers.model import RESIDENTS, BenefitClass, Bill, CatalogueEntry, Episode, Facts, Outcome, empty_year
from app.tiers.policy import Policy, PolicyBook
from app.tiers.scope import refunded, uncovered
from app.tiers.split import KnownBefore, last_day_before, run_split
from app.tiers.waterfall import Computed, bill_faults, policy_faults, run, splits

PolicyOf: TypeAlias = Callable[[str, date], Policy]
"""The policy of a pack's digest on a day."""
INSURANCE_TYPE: Final = RESIDENTS
"""Residents' basic insurance, the only one that the national interface settles here."""
_MEMBERS: Final = {f"/{name}": position for position, name in enumerate(BillRequest.__struct_fields__)}


@dataclass(frozen=True, slots=True)
class Computation:
    """One bill computed: everything that a quote shows and a settlement stores. ``visits`` are the bill's episode."""

    bill: BillRequest
    found: BillFacts
    visits: tuple[str, ...]
    warnings: list[str]
    inputs: Inputs
    outcome: Outcome
    document: Document
    digest: str
    result_digest: str

    @property
    def paying_area(self) -> str:
        """The area whose funds pay: that of the area's record, else the pooling area of the code."""
        return self.found.area.pooling_area or pooling_area(self.inputs.facts.area_code)

    @property
    def now(self) -> datetime:
        """The business instant at which the facts were read."""
        return cast(datetime, self.found.now)


def computed(
    request: BillRequest, found: BillFacts, book: PolicyBook, episode: Callable[[bool], Episode] | None = None
) -> Computation:
    """Compute a bill from the facts found for it, under the law of its discharge day.

    Without ``episode``, which is told whether the bill is split at the turn of the year, the person's stays say which
    earlier settlements belong to the bill's episode. Refused with all faults of bill, facts and law together, in the
    order of the request's members.
    """
    bill = core_bill(request)
    visit, source = visit_name(request.hospital_code, request.visit_id), _source(request)
    visits = (visit,) if episode is not None else episode_visits(found.stays, visit, source)
    faults = bill_faults(bill) + _fact_faults(request, found, book)
    if visits is None:
        faults.append(Fault("/transfer_from", "transfer_visit_unknown"))
    policy, gaps = _policy(request, found, found.area, book, request.discharged_on)
    faults += gaps
    if policy is None or found.person is None or found.hospital is None or visits is None:
        raise Refused(_in_request_order(faults))
    facts, former = _facts(request, found, policy, found.area), None
    faults += policy_faults(bill, facts, policy)
    if splits(bill, policy):
        former, gaps = _policy(request, found, (found.older or NO_OLDER).area, book, last_day_before(bill))
        faults += gaps
    laws = (policy,) if former is None else (former, policy)
    if faults:
        raise Refused(_in_request_order(faults))
    inputs = Inputs(
        policy_digest=policy.pack.digest,
        policy_day=request.discharged_on,
        entries=tuple(found.entries),
        facts=facts,
        before=empty_year() | (found.accumulators or {}),
        episode=_episode(found, visits, facts, laws, bill.discharged_on.year)
        if episode is None
        else episode(former is not None),
        bill=essential(request),
        older=None if former is None else _older_inputs(request, found, former),
    )
    warnings = stay_warnings(found.stays, visit, request.admitted_on, request.discharged_on, source)
    if any(name not in policy.version.precedence for name in found.classes):
        warnings.append("class_unknown_to_pack")
    if found.settled_later_stay:
        warnings.append("out_of_date_order")
    try:
        result = _run(bill, inputs, lambda _, day: laws[-1] if day == inputs.policy_day else laws[0])
    except Refused as refused:
        raise Refused(_of_discharge_day(refused.faults)) from None
    return _documented(request, found, visits, warnings, inputs, result)


def _episode(
    found: BillFacts, visits: tuple[str, ...], facts: Facts, laws: Sequence[Policy], benefit_year: int
) -> Episode:
    """The episode of a bill as the person's stays say; ``laws`` are two, the older year's first, of a split one."""
    split = len(laws) > 1
    admission_year = benefit_year - 1 if split else benefit_year
    return episode_of(found.stays, visits, benefit_year=admission_year, split=split, asked=asked_by(laws, facts))


def outcome_of(inputs: Inputs, policy_of: PolicyOf) -> Outcome:
    """What stored inputs come to: the bill less its refunds, with the catalogue, facts and years kept with it."""
    return _run(bill_of(inputs), inputs, policy_of).outcome


def bill_of(inputs: Inputs) -> Bill:
    """The bill that stored inputs stand for, less what was refunded since."""
    return refunded(core_bill(inputs.bill), dict(inputs.refunds))


def class_on(classes: Collection[str], policy: Policy) -> BenefitClass:
    """The class that counts among those that a person has: the first in the pack's precedence."""
    return next((name for name in policy.version.precedence if name in classes), ORDINARY)


def asked_by(laws: Sequence[Policy], facts: Facts) -> AskedOfStays:
    """What the laws of a bill ask of the stays before it."""
    numbered = any(law.numbers_admissions for law in laws)
    return AskedOfStays(
        Place(facts.hospital_code, facts.hospital_level) if numbered else None,
        frozenset().union(*(law.counted_by_stay for law in laws)),
        facts.insurance_type,
    )


def _run(bill: Bill, inputs: Inputs, policy_of: PolicyOf) -> Computed:
    """Refused ``stay_split_changed`` when the law splits a bill that was kept whole, or the other way round."""
    catalogue, older = by_item(inputs.entries), inputs.older
    law = policy_of(inputs.policy_digest, inputs.policy_day)
    if splits(bill, law) != (older is not None):
        raise Refused([Fault("/discharged_on", "stay_split_changed")])
    law = law.with_own(inputs.facts.own_figures)
    if older is None:
        return run(bill, catalogue, inputs.facts, inputs.before, inputs.episode, law)
    former = policy_of(older.policy_digest, older.policy_day).with_own(older.facts.own_figures)
    first = KnownBefore(older.before, inputs.episode, former, older.facts)
    return run_split(bill, catalogue, first, KnownBefore(inputs.before, inputs.episode, law, inputs.facts))


def _documented(
    request: BillRequest,
    found: BillFacts,
    visits: tuple[str, ...],
    warnings: list[str],
    inputs: Inputs,
    result: Computed,
) -> Computation:
    """The computation with the document to keep: its inputs have only the catalogue versions that were used."""
    outcome = result.outcome
    inputs = structs.replace(inputs, entries=result.entries)
    given, came_to = encoded_inputs(inputs), encoded(results_of(outcome))
    document = document_of(given, came_to, outcome.lines, outcome.trace, split=inputs.older is not None)
    return Computation(request, found, visits, warnings, inputs, outcome, document, digest(given), digest(came_to))


def _source(request: BillRequest) -> str | None:
    """The visit that the person was transferred from."""
    source = request.transfer_from
    return None if source is None else visit_name(source.hospital_code, source.visit_id)


def by_item(entries: Sequence[CatalogueEntry]) -> dict[str, list[CatalogueEntry]]:
    """The versions of each item. On a day on which several hold, the first of them counts and the others don't."""
    catalogue: dict[str, list[CatalogueEntry]] = {}
    for entry in entries:
        known = catalogue.setdefault(entry.item_code, [])
        known += uncovered(entry, known) if known else (entry,)
    return catalogue


def _of_discharge_day(faults: Iterable[Fault]) -> list[Fault]:
    """Faults of the law, which have no place in the bill, as faults of the day whose law applies."""
    return [Fault(fault.pointer or "/discharged_on", fault.code, fault.values) for fault in faults]


def _in_request_order(faults: list[Fault]) -> list[Fault]:
    """Faults as their members stand in a bill, lines by their position; the first one's code is the problem's."""

    def position(fault: Fault) -> tuple[int, int]:
        parts = fault.pointer.split("/")
        return _MEMBERS.get("/".join(parts[:2]), -1), int(parts[2]) if len(parts) > 2 and parts[2].isdigit() else -1

    return sorted(faults, key=position)


def _fact_faults(request: BillRequest, found: BillFacts, book: PolicyBook) -> list[Fault]:
    """Faults that only the registry and the clock can tell."""
    faults = []
    supported = request.insurance_type in book.insurance_types
    if not supported:
        faults.append(Fault("/insurance_type", "insurance_type_unsupported"))
    if found.hospital is None:
        faults.append(Fault("/hospital_code", "unknown_hospital"))
    elif not found.hospital.contracted and request.paid_by == "hospital":
        faults.append(Fault("/hospital_code", "hospital_not_contracted"))
    if found.person is None:
        faults.append(Fault("/person_id", "unknown_person"))
    elif not found.person.insured or found.person.insurance_type != (
        request.insurance_type if supported else INSURANCE_TYPE
    ):
        faults.append(Fault("/person_id", "not_insured"))
    if request.discharged_on > shanghai_day(cast(datetime, found.now)):
        faults.append(Fault("/discharged_on", "in_the_future"))
    return faults


def _policy(
    request: BillRequest, found: BillFacts, area: FoundArea, book: PolicyBook, day: date
) -> tuple[Policy | None, list[Fault]]:
    """The policy of the person's area on a day, with the area's own figures, or why there is none."""
    kind = request.insurance_type if request.insurance_type in book.insurance_types else INSURANCE_TYPE
    if found.person is None:
        return None, []
    try:
        return policy_in(book, day, found.person.area_code, area, kind).with_own(area.figures), []
    except Refused as refused:
        return None, _of_discharge_day(refused.faults)


def _older_inputs(request: BillRequest, found: BillFacts, former: Policy) -> OlderInputs:
    """What the older part of a split bill is computed from, under the law of its last day."""
    known = found.older or NO_OLDER
    facts = _facts(request, found, former, known.area)
    before = empty_year() | (known.accumulators or {})
    return OlderInputs(former.pack.digest, date(request.discharged_on.year - 1, 12, 31), facts, before)


def _facts(request: BillRequest, found: BillFacts, policy: Policy, area: FoundArea) -> Facts:
    """What a law makes of the person and the hospital, who are known."""
    person, hospital = cast(FoundPerson, found.person), cast(FoundHospital, found.hospital)
    return Facts(
        person_id=request.person_id,
        area_code=person.area_code,
        benefit_class=class_on(found.classes, policy),
        hospital_code=request.hospital_code,
        hospital_level=hospital.level,
        hospital_rank=hospital.rank,
        hospital_area_code=hospital.area_code,
        disease_registered=request.disease_code in found.registrations,
        own_figures=area.figures,
        insurance_type=request.insurance_type,
        retired=person.retired,
        funds=dict(policy.pack.funds.get(request.insurance_type, {})),
    )
