"""One person's bills in the order of settling, each after what the ones before it left. Pure.

The functions are those that settle one bill; nothing here knows a rule. A refused bill leaves nothing behind.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final, cast

from msgspec import structs

from app.basics.errors import Fault, Refused
from app.batch.sent import Sent
from app.settlement.computing import asked_by, class_on
from app.tiers.episode import STAYS, Stay, episode_of, episode_visits, moved_by
from app.tiers.model import CHRONIC, INPATIENT, Bill, Outcome, Step, empty_year
from app.tiers.policy import Policy
from app.tiers.scope import netted, own_expense_reason
from app.tiers.split import KnownBefore, last_day_before, left_by, parted, summed
from app.tiers.state import Earlier, fact_missing
from app.tiers.waterfall import (
    Scoped,
    bill_faults,
    outcome_of_scope,
    policy_faults,
    scoped_by_lines,
    splits,
    stay_faults,
)

MOST: Final = 2**63 - 1
Law = Callable[[date, str, str], "tuple[Policy | None, tuple[str, ...]]"]
"""The policy of a day, an area and an insurance type, and the codes of why there is none."""
OUT_OF_RANGE: Final = "amount_out_of_range"


class UnknownKinds(dict[str, int]):
    """The in-scope amounts by kind of item, where kinds aren't known: Refused when a rule asks."""

    def get(self, key: str, default: int = 0) -> int:  # type: ignore[override]
        """What a kind has."""
        raise fact_missing()


@dataclass(slots=True)
class Chain:
    """What was settled of a person so far: accumulators by year, stays, and the visits with their seqs."""

    years: dict[int, dict[str, int]] = field(default_factory=dict)
    stays: list[Stay] = field(default_factory=list)
    settled: dict[tuple[str, int], "Taken"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taken:
    """A settled bill, as far as a later run has to know it."""

    medical_type: str
    level: int
    benefit_year: int
    episode: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BillResult:
    """What a bill came to, and its deductible of basic insurance, fen."""

    outcome: Outcome
    deductible: int


def settled(chain: Chain, sent: Sent, law: Law) -> BillResult | str:
    """Settle the person's next bill; of a refused one the alphabetically first of the codes."""
    if sent.codes:
        return min(sent.codes)
    visits = episode_visits(chain.stays, sent.visit, sent.source)
    codes = [] if sent.episode is not None else own_faults(sent)
    if (sent.visit, sent.seq) in chain.settled:
        codes.append("already_settled")
    if visits is None:
        codes.append("transfer_visit_unknown")
    policy, gaps = law(sent.bill.discharged_on, sent.facts.area_code, sent.facts.insurance_type)
    codes += gaps
    if policy is None or visits is None:
        return min(codes)
    visits = sent.episode or visits
    policy = policy.with_own(sent.facts.own_figures)
    facts = structs.replace(sent.facts, benefit_class=class_on((sent.facts.benefit_class,), policy))
    codes += [fault.code for fault in policy_faults(sent.bill, facts, policy)]
    laws: tuple[Policy, ...] = (policy,)
    if splits(sent.bill, policy):
        former, gaps = law(last_day_before(sent.bill), sent.facts.area_code, sent.facts.insurance_type)
        codes += gaps if sent.dated else (*gaps, "fact_missing")
        laws = laws if former is None else (former.with_own(sent.facts.own_figures), policy)
    if codes:
        return min(codes)
    try:
        outcome = _settled(chain, sent, visits, laws)
    except Refused as refused:
        return min(fault.code for fault in refused.faults)
    if any(max(part.after.values()) > MOST for part in outcome.years or (outcome,)):
        return OUT_OF_RANGE
    result = BillResult(outcome, deductible_of(outcome.deductible, outcome.trace, sent.bill))
    _keep(chain, sent, visits, result)
    return result


def _settled(chain: Chain, sent: Sent, visits: tuple[str, ...], laws: tuple[Policy, ...]) -> Outcome:
    """What a bill comes to after what was settled before; ``laws`` are two, the older year's first, of a split one."""
    year, split = sent.bill.discharged_on.year, len(laws) > 1
    admission_year = year - 1 if split else year
    asked = asked_by(laws, sent.facts)
    episode = episode_of(chain.stays, visits, benefit_year=admission_year, split=split, asked=asked)
    known = [
        KnownBefore(
            chain.years.get(of_year) or empty_year(),
            episode,
            law,
            structs.replace(sent.facts, benefit_class=class_on((sent.facts.benefit_class,), law)),
        )
        for of_year, law in zip(range(admission_year, year + 1), laws, strict=True)
    ]
    if not split:
        return _outcome(sent, known[0], None)
    first, rest = parted(sent.bill)
    one = _outcome(sent._replace(bill=first), known[0], None)
    episode, done = left_by(one, *known)
    two = _outcome(sent._replace(bill=rest), replace(known[1], episode=episode), done)
    return summed(sent.bill, one, two)


def deductible_of(deductible: int, trace: Iterable[Step], bill: Bill) -> int:
    """What a bill consumes of the deductibles of basic insurance, types 21 and 14, fen."""
    if bill.medical_type != CHRONIC:
        return deductible
    return sum(cast(int, step.inputs.get("deductible", 0)) for step in trace if step.tier == "basic")


def own_faults(sent: Sent) -> list[str]:
    """The codes of a bill's own faults, whatever was settled before and whatever the law."""
    return list(_faults(sent))


def _faults(sent: Sent) -> Iterator[str]:
    bill, scope = sent.bill, sent.scope
    if scope is not None:
        whole = sum(structs.astuple(scope))
        yield from (fault.code for fault in stay_faults(bill))
        if whole != bill.total:
            yield "total_mismatch"
        if whole > MOST:
            yield OUT_OF_RANGE
        return
    yield from (fault.code for fault in bill_faults(bill))
    amounts = [line.amount for line in bill.lines]
    products = [line.quantity * line.unit_price for line in bill.lines]
    sums = sum(amounts), sum(amount for amount in amounts if amount > 0)
    if any(abs(amount) > MOST for amount in (*sums, *products)):
        yield OUT_OF_RANGE


def _outcome(sent: Sent, known: KnownBefore, done: Mapping[str, Earlier] | None) -> Outcome:
    """What the rules make of the bill, by its lines or by the scope that it came with. ``done``: what they did with the
    older part of a split one."""
    facts, episode, policy = known.facts, known.episode, known.policy
    if sent.scope is not None:
        scoped = Scoped(sent.scope, (), UnknownKinds())
    else:
        kindless = _kindless(sent) if policy.version.first_pay is not None or policy.asks_for_items else False
        if kindless and policy.version.first_pay is not None and "item_kind" in policy.domain(policy.version.first_pay):
            raise Refused([Fault("", "fact_missing")])
        scoped, _ = scoped_by_lines(sent.bill, sent.catalogue, facts, episode, policy)
        if kindless:
            scoped = structs.replace(scoped, by_kind=UnknownKinds())
    return outcome_of_scope(sent.bill, scoped, facts, known.before, episode, policy, done)


def _kindless(sent: Sent) -> bool:
    """Whether a line that the funds look at doesn't say what it is; what was settled before did without."""
    if sent.episode is not None:
        return False
    for line in netted(sent.bill.lines):
        entry = sent.catalogue.get(line.item_code, (None,))[0]
        if entry is not None and not entry.kind and own_expense_reason(line, entry) is None:
            return True
    return False


def _keep(chain: Chain, sent: Sent, visits: tuple[str, ...], result: BillResult) -> None:
    """Let a settled bill count for those after it."""
    bill, outcome, level = sent.bill, result.outcome, sent.facts.hospital_level
    chain.years |= {part.benefit_year: part.after for part in outcome.years or (outcome,)}
    year = outcome.years[0].benefit_year if outcome.years else outcome.benefit_year  # whose admission it is
    chain.settled[sent.visit, sent.seq] = Taken(bill.medical_type, level, year, visits)
    if bill.medical_type in STAYS:
        number = len(chain.stays)
        paid = outcome.deductible if bill.medical_type == INPATIENT else 0
        known = stay(number, sent.visit, bill.medical_type, year, paid, visits, level)
        chain.stays.append(structs.replace(known, moved=moved_by(outcome)))


def stay(
    number: int, visit: str, medical_type: str, year: int, deductible: int, visits: tuple[str, ...], level: int
) -> Stay:
    """A settled stay as episodes look at it; its days don't matter to them, and what it counted isn't known."""
    day = date(year, 1, 1)
    return Stay(number, year, number, visit, medical_type, day, day, live=True, deductible=deductible, episode=visits,
                level=level, moved=None)  # fmt: skip
