"""Runs the rules of the policy in its order: one bill in, six amounts and their explanation out. Pure.

The same arguments give the same outcome for ever. Refuses a bill with every fault found; a portion below 0 or a sum
that does not add up is a bug and raises ``ConservationBroken``, it is never clamped.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import NamedTuple

import msgspec

from app.basics.errors import Fault, Refused
from app.basics.money import least
from app.tiers.inputs import Inputs
from app.tiers.kinds import KINDS
from app.tiers.model import (
    CHILDBIRTH,
    CHRONIC,
    FUND_TIERS,
    INPATIENT,
    MEDICAL_TYPES,
    OUTPATIENT_TYPES,
    RESIDENTS,
    Bill,
    CatalogueEntry,
    Episode,
    Facts,
    LineScope,
    Outcome,
    Payable,
    PolicyRef,
    Portions,
    Scope,
    Step,
    empty_year,
)
from app.tiers.pack import Rule
from app.tiers.policy import REGISTRATION, Policy
from app.tiers.roles import BOUND, CLASSES, LATER_TIERS
from app.tiers.scope import Catalogue, FirstPay, in_scope_by_kind, line_faults, scope_of
from app.tiers.state import Earlier, State, facts_of
from app.tiers.vocabulary import IN_PROPORTION


class ConservationBroken(AssertionError):
    """The amounts of an outcome do not add up. Always a bug of ours."""


class Computed(msgspec.Struct, frozen=True):
    """An outcome and the catalogue versions that it used."""

    outcome: Outcome
    entries: tuple[CatalogueEntry, ...]


class Scoped(msgspec.Struct, frozen=True):
    """A bill's scope, that of its lines, and its in-scope amounts by the kind of item where a rule asks for them,
    fen."""

    scope: Scope
    lines: tuple[LineScope, ...] = ()
    by_kind: dict[str, int] = {}


class Ran(NamedTuple):
    """Who pays what of a bill, what the fund owes besides, and what of the hospital's part a bill paid in cash puts on
    the person; fen."""

    portions: Portions
    adjustment: int
    waived: int


def bill_faults(bill: Bill) -> list[Fault]:
    """Every fault of a bill that can be seen without looking at anything else, pointers as in the API."""
    faults = stay_faults(bill) + line_faults(bill.lines)
    if bill.discharged_on >= bill.admitted_on:
        faults += [
            Fault(f"/lines/{index}/charged_at", "charged_outside_stay")
            for index, line in enumerate(bill.lines)
            if not bill.admitted_on <= line.charged_on <= bill.discharged_on
        ]
    if bill.total != sum([line.amount for line in bill.lines]):
        faults.append(Fault("/total", "total_mismatch"))
    if bill.total < 0:
        faults.append(Fault("/total", "negative_amount"))
    return faults


def stay_faults(bill: Bill) -> list[Fault]:
    """Those of them that neither its lines nor its total have."""
    faults = []
    if bill.discharged_on < bill.admitted_on:
        faults.append(Fault("/discharged_on", "discharge_before_admission"))
    elif bill.medical_type in OUTPATIENT_TYPES and bill.admitted_on != bill.discharged_on:
        faults.append(Fault("/discharged_on", "outpatient_days_differ"))
    if bill.work_injury == "determined":
        faults.append(Fault("/work_injury", "work_injury_not_covered"))
    if bill.medical_type == CHILDBIRTH and bill.delivery_mode is None:
        faults.append(Fault("/delivery_mode", "delivery_mode_missing"))
    if bill.medical_type == CHRONIC and bill.disease_code is None:
        faults.append(Fault("/disease_code", "disease_not_listed"))
    return faults


def policy_faults(bill: Bill, facts: Facts, policy: Policy) -> list[Fault]:
    """Faults that only the policy of the day can tell: chronic diseases that basic insurance doesn't list, or not
    registered."""
    if bill.medical_type != CHRONIC or bill.disease_code is None:
        return []
    lists = [
        policy.diseases(rule)
        for rule in policy.rules
        if rule.tier == "basic" and CHRONIC in rule.applies.get("medical_type", MEDICAL_TYPES)
    ]
    known = [diseases for diseases in lists if diseases is not None]
    if known and not any(bill.disease_code in diseases for diseases in known):
        return [Fault("/disease_code", "disease_not_listed")]
    if policy.has(REGISTRATION) and policy.figure(REGISTRATION, {}).value and not facts.disease_registered:
        return [Fault("/disease_code", "disease_not_registered")]
    return []


def splits(bill: Bill, policy: Policy) -> bool:
    """Whether the law of the discharge splits a bill at the turn of the year."""
    over = bill.admitted_on.year < bill.discharged_on.year
    return over and bill.medical_type == INPATIENT and policy.version.splits_stays


def whole_faults(bill: Bill, policy: Policy) -> list[Fault]:
    """The fault of a bill that can't be computed whole, because the law splits it."""
    return [Fault("/discharged_on", "stay_split_changed")] if splits(bill, policy) else []


def compute(
    bill: Bill, catalogue: Catalogue, facts: Facts, before: Mapping[str, int], episode: Episode, policy: Policy
) -> Computed:
    """The outcome of one bill under the policy of its day. Refused with all faults when it can't be computed; one that
    the law ``splits`` needs ``compute_split``."""
    faults = bill_faults(bill) + policy_faults(bill, facts, policy) + whole_faults(bill, policy)
    if faults:
        raise Refused(faults)
    return run(bill, catalogue, facts, before, episode, policy)


def run(
    bill: Bill,
    catalogue: Catalogue,
    facts: Facts,
    before: Mapping[str, int],
    episode: Episode,
    policy: Policy,
    earlier: Mapping[str, Earlier] | None = None,
) -> Computed:
    """``compute`` for a bill in which ``bill_faults`` and ``policy_faults`` found nothing; it doesn't look again.
    ``earlier``: what the rules did with the older part of a split bill, of which this is the other one."""
    scoped, entries = scoped_by_lines(bill, catalogue, facts, episode, policy)
    return Computed(outcome_of_scope(bill, scoped, facts, before, episode, policy, earlier), entries)


def scoped_by_lines(
    bill: Bill, catalogue: Catalogue, facts: Facts, episode: Episode, policy: Policy
) -> tuple[Scoped, tuple[CatalogueEntry, ...]]:
    """A bill's scope by its lines, and the catalogue versions that it used."""
    first_pay = None if policy.version.first_pay is None else _first_pay(bill, facts, episode, policy)
    scope, lines, entries = scope_of(bill.lines, catalogue, facts.hospital_level, first_pay)
    by_kind = in_scope_by_kind(bill.lines, catalogue, lines) if policy.asks_for_items else {}
    return Scoped(scope, lines, by_kind), entries


def outcome_of_scope(
    bill: Bill,
    scoped: Scoped,
    facts: Facts,
    before: Mapping[str, int],
    episode: Episode,
    policy: Policy,
    earlier: Mapping[str, Earlier] | None = None,
) -> Outcome:
    """What a bill comes to whose scope is known, by the rules in their order. ``earlier`` as in ``run``."""
    others, own = of_type(before, facts.insurance_type)
    year = own | {name: 0 for name in policy.accumulators if name not in own}
    state = State(bill, facts, scoped.scope, year, episode, policy)
    state.by_kind = scoped.by_kind
    state.earlier = earlier
    outcome = _outcome(state, facts, scoped, year, ran(state))
    if facts.insurance_type != RESIDENTS:
        before, after = (typed(one, facts.insurance_type) | others for one in (outcome.before, outcome.after))
        outcome = msgspec.structs.replace(outcome, before=before, after=after)
    return outcome


def ran(state: State) -> Ran:
    """Run the rules of the law in their order for a bill whose scope is known, and let its year grow with it."""
    for rule in state.policy.rules:
        if state.waiting and state.waiting[0].rule.options[IN_PROPORTION] != rule.options.get(IN_PROPORTION):
            state.share_out()
        _run(rule, state)
    if state.waiting:
        state.share_out()
    bill = state.bill
    waived, adjustment = (0, state.adjustment) if not bill.paid_by_patient else (state.hospital, 0)
    hospital, patient = state.hospital - waived, state.remaining_total + waived
    portions = Portions(**state.portions, hospital=hospital, patient=patient)
    conserve(bill.total, state.scope, portions)
    _count_year(state, patient)
    return Ran(portions, adjustment, waived)


def _first_pay(bill: Bill, facts: Facts, episode: Episode, policy: Policy) -> FirstPay:
    """The pack's first pay of a line by the kind and class of its item; None where the catalogue's own counts."""
    known, name = facts_of(bill, facts, episode), policy.version.first_pay or ""

    def ratio(entry: CatalogueEntry) -> int | None:
        of_line = {"item_kind": entry.kind or "service", "catalogue_class": entry.catalogue_class}
        value: int | None = policy.figure(name, known | of_line).value
        return value

    return ratio


def of_type(year: Mapping[str, int], insurance_type: str) -> tuple[dict[str, int], dict[str, int]]:
    """A year's accumulators of other insurance types, by their full names, and those of one type, by their plain
    names: those of another type than residents' insurance begin with it, as ``310:basic_paid``."""
    if insurance_type == RESIDENTS:
        return {}, dict(year)
    prefix = f"{insurance_type}:"
    own = {name.removeprefix(prefix): amount for name, amount in year.items() if name.startswith(prefix)}
    return {name: amount for name, amount in year.items() if not name.startswith(prefix)}, empty_year() | own


def typed(year: Mapping[str, int], insurance_type: str) -> dict[str, int]:
    """The accumulators of an insurance type by their full names."""
    return {f"{insurance_type}:{name}": amount for name, amount in year.items()}


def _run(rule: Rule, state: State) -> None:
    """Apply one rule where it applies to the bill; say why not where the patient would look for it."""
    facts = state.rule_facts(rule) if "disease_group" in rule.applies else state.facts
    for dimension, values in rule.applies.items():
        if facts.get(dimension) not in values and not _later_tier(rule, state, dimension):
            return
    history = state.history_of(rule) if BOUND.name in rule.parameters else None
    if history is not None and not history.met:
        return
    if state.referral_missing and rule.options.get("referral_missing") == "pays_nothing":
        state.step(rule, 0, {"reason": "referral_missing"})
        return
    classes = state.figure(rule, CLASSES) if CLASSES.name in rule.parameters else None
    if classes is not None and classes.value is not None and state.facts["class"] not in classes.value:
        state.step(rule, 0, {"reason": "class_not_covered"}, (classes,))
        return
    steps, waiting = len(state.trace), len(state.waiting)
    KINDS[rule.kind].apply(rule, state)
    if history is not None and len(state.trace) > steps:
        state.trace[-1] = history.told(state.trace[-1])
    if len(state.waiting) > waiting:
        state.waiting[-1].history = history


def _later_tier(rule: Rule, state: State, dimension: str) -> bool:
    """Whether a childbirth bill enters this tier because the pack's ``later_tiers`` names it."""
    if dimension != "medical_type" or state.facts["medical_type"] != CHILDBIRTH or rule.tier in ("basic", "hospital"):
        return False
    return any(
        rule.tier in (state.policy.figure(other.parameters[LATER_TIERS.name], state.facts).value or ())
        for other in state.policy.rules
        if LATER_TIERS.name in other.parameters
    )


def _outcome(state: State, facts: Facts, scoped: Scoped, before: dict[str, int], came: Ran) -> Outcome:
    bill, scope, lines = state.bill, scoped.scope, scoped.lines
    portions, adjustment, waived = came
    payables = tuple(
        Payable(state.policy.fund(tier, facts.insurance_type), tier, amount)
        for tier in FUND_TIERS
        if (amount := state.portions[tier] + (adjustment if tier == "basic" else 0))
    )
    version = state.policy.version
    assumed = {basis.parameter for step in state.trace for basis in step.basis if basis.status == "assumed"}
    return Outcome(
        benefit_class=facts.benefit_class,
        benefit_year=bill.discharged_on.year,
        out_of_area=state.out_of_area,
        total=bill.total,
        scope=scope,
        portions=portions,
        payables=payables,
        payable_adjustment=adjustment,
        recoverable=bill.work_injury == "undeterminable",
        deductible=state.deductible,
        reduction=state.reduction,
        before=before,
        after=state.accumulators,
        policy=PolicyRef(state.policy.pack.name, version.name, state.policy.pack.digest, len(assumed)),
        lines=lines,
        trace=(
            _scope_step(scope, bill.total),
            *state.trace,
            *_waived_step(waived),
            _patient_step(state, portions.hospital, portions.patient),
        ),
    )


def _count_year(state: State, patient: int) -> None:
    """The accumulators that no single rule owns, and those of the pack's own that grow with each bill."""
    accumulators = state.accumulators
    state.grow()
    accumulators["own_total"] += patient
    if not state.referral_missing and state.bill.medical_type in (INPATIENT, CHRONIC):
        accumulators["compliant_own"] += patient
    if state.bill.medical_type == INPATIENT and state.earlier is None:
        accumulators["inpatient_count"] = state.episode.admission


def conserve(total: int, scope: Scope, portions: Portions) -> None:
    """ConservationBroken unless portions and scope columns, each ≥ 0, both add up to the total, fen."""
    shares: Sequence[int] = msgspec.structs.astuple(portions)
    columns: Sequence[int] = msgspec.structs.astuple(scope)
    if sum(shares) != total or sum(columns) != total or reduce(least, (*shares, *columns)) < 0:
        raise ConservationBroken(f"total {total}, portions {shares}, scope {columns}")


def _scope_step(scope: Scope, total: int) -> Step:
    inputs: Inputs = {
        "total": total,
        "own_expense": scope.own_expense,
        "over_limit": scope.over_limit,
        "first_pay": scope.first_pay,
    }
    return Step("scope", "scope", "scope", "政策范围内费用", scope.in_scope, inputs)


def _waived_step(waived: int) -> tuple[Step, ...]:
    """A bill paid in cash has no hospital's part: the person has paid it already, and no fund pays it back."""
    if waived == 0:
        return ()
    return (
        Step(
            "hospital",
            "paid_by_patient",
            "paid_by_patient",
            "零星报销：医院负担改由个人负担",
            -waived,
            {"paid": waived},
        ),
    )


def _patient_step(state: State, hospital: int, patient: int) -> Step:
    funds = {tier: amount for tier, amount in state.portions.items() if amount or tier != "supplement"}
    inputs: Inputs = {"total": state.total, "hospital": hospital, **funds}
    return Step("patient", "patient", "patient", "个人负担", patient, inputs)
