"""A stay over the turn of the year, where the law splits it there: two computations in order
(docs/specification/calculation.md, section 7). Pure.

The lines to 31 December are computed by the law of that day after what the old year held, the rest by the law of the
discharge after what the new year held. The stay has one deductible, which the older part uses up first, and is counted
as an admission in the older year.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from operator import attrgetter

from msgspec import structs

from app.basics.errors import Refused
from app.tiers.inputs import Inputs
from app.tiers.model import (
    FUND_TIERS,
    Bill,
    Episode,
    Facts,
    LineScope,
    Outcome,
    Payable,
    Portions,
    Scope,
    SplitYear,
    Step,
)
from app.tiers.policy import Policy
from app.tiers.scope import Catalogue, netted
from app.tiers.state import Earlier
from app.tiers.waterfall import Computed, bill_faults, conserve, policy_faults, run


@dataclass(frozen=True, slots=True)
class KnownBefore:
    """What is known before a part of a bill is computed: the year's accumulators (fen), what the episode's settlements
    paid before, the law of the part's last day, the facts that this law makes of person and hospital."""

    before: Mapping[str, int]
    episode: Episode
    policy: Policy
    facts: Facts


def last_day_before(bill: Bill) -> date:
    """The 31 December at which a bill is split."""
    return date(bill.discharged_on.year - 1, 12, 31)


def compute_split(bill: Bill, catalogue: Catalogue, older: KnownBefore, newer: KnownBefore) -> Computed:
    """The outcome of a bill that the law of its discharge ``splits``: both parts and their sums. Refused with all
    faults when it can't be computed. ``newer`` has the episode as it is without the older part."""
    faults = bill_faults(bill) + policy_faults(bill, newer.facts, newer.policy)
    if faults:
        raise Refused(faults)
    return run_split(bill, catalogue, older, newer)


def run_split(bill: Bill, catalogue: Catalogue, older: KnownBefore, newer: KnownBefore) -> Computed:
    """``compute_split`` for a bill in which no fault was found; it doesn't look again."""
    first, rest = parted(bill)
    one = run(first, catalogue, older.facts, older.before, older.episode, older.policy)
    episode, done = left_by(one.outcome, older, newer)
    two = run(rest, catalogue, newer.facts, newer.before, episode, newer.policy, done)
    entries = {(entry.item_code, entry.valid_from): entry for entry in (*one.entries, *two.entries)}
    return Computed(summed(bill, one.outcome, two.outcome), tuple(entries.values()))


def left_by(one: Outcome, older: KnownBefore, newer: KnownBefore) -> tuple[Episode, dict[str, Earlier]]:
    """What the older part leaves to the newer one: the episode with its deductible, and what each rule did."""
    episode = structs.replace(older.episode, deductible_paid=newer.episode.deductible_paid + one.deductible)
    return episode, {step.rule: Earlier(_deductible(step), step.amount) for step in one.trace}


def parted(bill: Bill) -> tuple[Bill, Bill]:
    """A bill's lines, less their refunds, to 31 December and after it."""
    last = last_day_before(bill)
    lines = netted(bill.lines)
    parts = [line for line in lines if line.charged_on <= last], [line for line in lines if line.charged_on > last]
    older, newer = (structs.replace(bill, lines=tuple(part), total=sum(line.amount for line in part)) for part in parts)
    return older, newer


def _deductible(step: Step) -> int:
    used = step.inputs.get("deductible", 0)
    return used if isinstance(used, int) else 0


def summed(bill: Bill, one: Outcome, two: Outcome) -> Outcome:
    """The whole bill: the sums of both parts, the year of the discharge, and the steps of both in order."""
    portions = Portions(*map(sum, zip(structs.astuple(one.portions), structs.astuple(two.portions), strict=True)))
    scope = Scope(*map(sum, zip(structs.astuple(one.scope), structs.astuple(two.scope), strict=True)))
    conserve(bill.total, scope, portions)
    years = tuple(_year(part, number) for part, number in ((one, two.benefit_year - 1), (two, two.benefit_year)))
    trace = _steps(one, years[0]) + _steps(two, years[1]) + (_patient(bill.total, portions),)
    assumed = {basis.parameter for step in trace for basis in step.basis if basis.status == "assumed"}
    lines: list[LineScope] = sorted((*one.lines, *two.lines), key=attrgetter("line_no"))
    return structs.replace(
        two,
        total=bill.total,
        scope=scope,
        portions=portions,
        payables=payables_summed(one.payables + two.payables),
        payable_adjustment=one.payable_adjustment + two.payable_adjustment,
        deductible=one.deductible + two.deductible,
        reduction=one.reduction + two.reduction,
        policy=structs.replace(two.policy, assumed=len(assumed)),
        lines=tuple(lines),
        trace=trace,
        years=years,
    )


def _year(part: Outcome, benefit_year: int) -> SplitYear:
    return SplitYear(
        benefit_year=benefit_year,
        scope=part.scope,
        portions=part.portions,
        payables=part.payables,
        payable_adjustment=part.payable_adjustment,
        deductible=part.deductible,
        before=part.before,
        after=part.after,
        policy=part.policy,
    )


def payables_summed(payables: Iterable[Payable]) -> tuple[Payable, ...]:
    """What funds owe, one payable for each fund and tier, fen."""
    amounts: dict[tuple[str, str], int] = {}
    for one in payables:
        amounts[one.fund, one.tier] = amounts.get((one.fund, one.tier), 0) + one.amount
    return tuple(Payable(fund, tier, amount) for (fund, tier), amount in amounts.items() if amount)


def _steps(part: Outcome, year: SplitYear) -> tuple[Step, ...]:
    """The steps of a part, named with its year; what the patient bears is said once, of the whole bill."""
    return tuple(
        structs.replace(step, name=f"{year.benefit_year} 年部分：{step.name}")
        for step in part.trace
        if step.rule != "patient"
    )


def _patient(total: int, portions: Portions) -> Step:
    funds = {tier: getattr(portions, tier) for tier in FUND_TIERS if getattr(portions, tier) or tier != "supplement"}
    inputs: Inputs = {"total": total, "hospital": portions.hospital, **funds}
    return Step("patient", "patient", "patient", "个人负担", portions.patient, inputs)
