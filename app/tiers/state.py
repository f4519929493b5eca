"""What the rules of one bill share while the waterfall runs: money still open, running accumulators, the trace.
Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

from msgspec import structs

from app.basics.areas import place
from app.basics.errors import Fault, Refused
from app.basics.money import divide_half_up, least, most
from app.basics.names import ACCUMULATOR_NAMES
from app.tiers.inputs import Inputs
from app.tiers.model import FUND_TIERS, Basis, Bill, Episode, Facts, Scope, Step
from app.tiers.pack import Accumulator, Rule
from app.tiers.policy import OTHER_DISEASES, Figure, Policy
from app.tiers.roles import BOUND, DISEASE_LIST, ITEMS, Role
from app.tiers.units import ByAdmission, ShareOf, Sum
from app.tiers.vocabulary import ALSO, REGIONS

T = TypeVar("T")

INNERMOST: Final = ("total", "in_catalogue", "in_scope")
TAKEN_FROM: Final = {
    # the regions that a payment on an outer region comes from; any other payment comes from the innermost money
    prefix + region: regions
    for prefix in ("", "remaining_")
    for region, regions in (
        ("out_of_scope", ("total", "in_catalogue", "out_of_scope")),
        ("out_of_catalogue", ("total", "out_of_scope", "out_of_catalogue")),
    )
}
UNKNOWN: Final = "unknown"
REMAINING: Final = {f"remaining_{region}": region for region in REGIONS}


@dataclass(frozen=True, slots=True)
class History:
    """A condition on the year: how an accumulator stood when its rule was reached, and the bound for it, fen."""

    title: str
    year: int
    bound: int
    relation: str
    figure: Figure[Sum]

    @property
    def met(self) -> bool:
        """Whether the rule runs."""
        match self.relation:
            case "at_least":
                return self.year >= self.bound
            case "up_to":
                return self.year <= self.bound
            case "below":
                return self.year < self.bound
        return self.year > self.bound

    def told(self, step: Step) -> Step:
        """The step of the rule with the condition that let it run."""
        inputs: Inputs = {
            "history_title": self.title,
            "history": self.year,
            "history_is": self.relation,
            "bound": self.bound,
        }
        basis, quotes = step.basis + self.figure.basis, {**step.quotes, **self.figure.quotes}
        return structs.replace(step, inputs=step.inputs | inputs, basis=basis, quotes=quotes)


class PartlyKnown(dict[str, str]):
    """The facts of a bill of which some aren't known: Refused(fact_missing) when a rule asks for one of them."""

    def get(self, key: str, default: str | None = None) -> str:  # type: ignore[override]
        """A fact by its name."""
        value = super().get(key, default or "")
        if value == UNKNOWN:
            raise fact_missing()
        return value

    def __or__(self, other: dict[str, str]) -> "PartlyKnown":  # type: ignore[override]
        return PartlyKnown({**self, **other})


def fact_missing() -> Refused:
    """The refusal of a bill whose rule asks for a fact that isn't known."""
    return Refused([Fault("", "fact_missing")])


def facts_of(bill: Bill, facts: Facts, episode: Episode) -> dict[str, str]:
    """The facts of a bill by which rules and figures are told apart."""
    known = {
        "class": facts.benefit_class,
        "level": str(facts.hospital_level),
        "rank": facts.hospital_rank,
        "medical_type": bill.medical_type,
        "delivery_mode": bill.delivery_mode or "",
        "place": place(facts.hospital_area_code, facts.area_code),
        "referral": bill.referral,
        "admission": str(min(3, episode.admission)),
        "insurance_type": facts.insurance_type,
        "retirement": UNKNOWN if facts.retired is None else "retired" if facts.retired else "not_retired",
        "admission_at_hospital": str(min(3, episode.numbered("hospital"))),
        "admission_at_level": str(min(3, episode.numbered("level"))),
        "crosses_year": "within" if bill.admitted_on.year == bill.discharged_on.year else "across",
    }
    return known if facts.retired is not None else PartlyKnown(known)


@dataclass(slots=True)
class Deferred:
    """A payment that shares with another one in proportion and waits for it: what it would be alone, fen, and how it
    is made. ``history`` is the condition on the year that let its rule run."""

    rule: Rule
    base_name: str
    wanted: int
    make: Callable[[int, Inputs], None]
    history: History | None = None


class Earlier(NamedTuple):
    """What a rule did with the part of a split bill that belongs to the year before, fen."""

    deductible: int
    paid: int


NOTHING_EARLIER: Final = Earlier(0, 0)


class State:
    """Money of one bill in fen, moved only by ``pay`` and ``charge_hospital``; one object per bill, never shared.

    The bill's money lies in nested regions: in scope, around it in the catalogue, around it the total; what is out of
    scope or out of the catalogue is a region too. A payment comes from the innermost money first, except where its
    rule's base is an outer region: then it comes from there and leaves the inner ones untouched.
    """

    def __init__(
        self, bill: Bill, facts: Facts, scope: Scope, before: dict[str, int], episode: Episode, policy: Policy
    ) -> None:
        self.bill = bill
        self.earlier: Mapping[str, Earlier] | None = None
        self.scope = scope
        self.policy = policy
        self.episode = episode
        self.total = bill.total
        self.whole = {
            "total": bill.total,
            "in_catalogue": bill.total - scope.own_expense,
            "in_scope": scope.in_scope,
            "out_of_scope": bill.total - scope.in_scope,
            "out_of_catalogue": scope.own_expense,
        }
        self.paid = dict.fromkeys(REGIONS, 0)
        self.apart = dict.fromkeys(REGIONS, 0)
        self.hospital = 0
        self.reduction = 0
        self.deductible = 0
        self.adjustment = 0
        self.portions = dict.fromkeys(FUND_TIERS, 0)
        self.accumulators = dict(before)
        self.trace: list[Step] = []
        self.waiting: list[Deferred] = []
        self.by_kind: dict[str, int] = {}
        self.referral_missing = bill.referral == "missing"
        self.out_of_area = facts.hospital_area_code[:4] != facts.area_code[:4]
        self.facts = facts_of(bill, facts, episode)
        self._met = policy.met(self.facts)
        self.ordinary_facts = self.facts | {"class": "ordinary"}

    def earlier_of(self, rule: Rule) -> Earlier:
        """What a rule did with the older part of this bill, nothing where the bill isn't split."""
        return NOTHING_EARLIER if self.earlier is None else self.earlier.get(rule.rule, NOTHING_EARLIER)

    def base(self, name: str) -> int:
        """An amount that a rule can refer to, fen, never negative.

        ``remaining_…`` is what of a region neither the hospital nor a fund pays and what no later tier is kept from.
        """
        region = REMAINING.get(name)
        if region is not None:
            left = self.whole[region] - self.paid[region] - self.apart[region]
            return most(0, least(left, self.remaining_total))
        return self.total - self.hospital if name == "total_less_hospital" else self.whole[name]

    def base_of(self, rule: Rule) -> int:
        """The amount of a rule's base, fen; of some kinds of items alone where the rule says so."""
        amount = self.base(rule.options["base"])
        kinds = self.figure(rule, ITEMS) if ITEMS.name in rule.parameters else None
        if kinds is None or kinds.value is None:
            return amount
        items = sum(self.by_kind.get(kind, 0) for kind in kinds.value)
        return least(least(amount, items), self.base("remaining_in_scope"))

    def paid_of(self, base: str) -> int:
        """What the funds pay so far of a whole base, fen."""
        return self.paid["total" if base == "total_less_hospital" else base]

    @property
    def remaining_total(self) -> int:
        """What nobody pays yet, fen."""
        return self.total - self.hospital - self.paid["total"]

    def matches(self, applies: Mapping[str, frozenset[str]], diseases: str | None = None) -> bool:
        """Whether the bill has every fact that an accumulator asks for, its disease's group that of a list."""
        facts = self.facts if diseases is None else self.facts | {"disease_group": self._group(diseases)}
        return all(facts.get(dimension) in values for dimension, values in applies.items())

    def rule_facts(self, rule: Rule) -> dict[str, str]:
        """The facts that a rule looks at: the class is ordinary where the rule says so for a missing referral, the
        disease's group is that of the rule's own list."""
        ordinary = self.referral_missing and rule.options.get("referral_missing") == "as_ordinary"
        facts = self.ordinary_facts if ordinary else self.facts
        if DISEASE_LIST.name not in rule.parameters:
            return facts
        return facts | {"disease_group": self._group(rule.parameters[DISEASE_LIST.name])}

    def _group(self, name: str) -> str:
        """The group of the bill's disease in a list, by the list's parameter."""
        found = (self.policy.diseases_in(name) or {}).get(self.bill.disease_code or "")
        return OTHER_DISEASES if found is None else found[1]

    def counter(self, rule: Rule, option: str) -> str | None:
        """The accumulator that a rule names in an option, that of the disease's group where there is one for each."""
        name = rule.options.get(option)
        own = None if name is None else self.policy.version.accumulators.get(name)
        if own is None or not own.per_group:
            return name
        return f"{name}/{self._group(own.diseases or rule.parameters[DISEASE_LIST.name])}"

    def counted(self, rule: Rule, option: str) -> int:
        """How an accumulator stands that a rule names in an option, fen; 0 without one."""
        name = self.counter(rule, option)
        return 0 if name is None else self.accumulators.get(name, 0)

    def figure(self, rule: Rule, role: Role[T]) -> Figure[T] | None:
        """The figure that a rule uses in a role; None when the rule has no such role."""
        name = rule.parameters.get(role.name)
        if name is None:
            return None
        if self.referral_missing or DISEASE_LIST.name in rule.parameters:
            return self.policy.figure(name, self.rule_facts(rule))
        figure = self._met.get(name)
        if figure is None:
            figure = self._met[name] = self.policy.figure(name, self.facts)
        return figure

    def history_of(self, rule: Rule) -> History | None:
        """The condition on the year that a rule has, as things stand; a bound that is none is never passed."""
        figure = self.figure(rule, BOUND)
        if figure is None:
            return None
        name = rule.options["history"]
        own = self.policy.version.accumulators.get(name)
        title = ACCUMULATOR_NAMES.get(name, name) if own is None else own.title
        year = self.counted(rule, "history")
        bound = year if figure.value is None else self.amount(figure)
        return History(title, year, bound, rule.options.get("history_is", "above"), figure)

    def amount(self, figure: Figure[Sum]) -> int:
        """The sum that a figure means for this bill, fen; of one that isn't none."""
        value = figure.value
        if isinstance(value, ByAdmission):
            return value.of(self.episode.numbered(value.at))
        return value.of(self._shared(value)) if isinstance(value, ShareOf) else value or 0

    def derivation(self, figure: Figure[Sum]) -> Mapping[str, int | str | None]:
        """How a figure's sum came about, as inputs of a step: a share of an income, of the bill or of the year, or by
        admission."""
        value = figure.value
        if isinstance(value, ByAdmission):
            return self._admission(value)
        if not isinstance(value, ShareOf):
            return figure.parts
        accumulator = None if value.accumulator is None else self.policy.version.accumulators[value.accumulator]
        return {
            "share_rate": value.rate,
            "share_of": self._shared(value),
            "share_of_title": "总费用" if accumulator is None else accumulator.title,
            "share_least": value.least,
            "share_most": value.most,
        }

    def _admission(self, value: ByAdmission) -> Mapping[str, int | str | None]:
        number = self.episode.numbered(value.at)
        said: dict[str, int | str | None] = {"admission_at": value.at, "admission": str(number)}
        if number > len(value.sums) and value.less:
            said |= {"admission_last": value.sums[-1], "admission_less": value.less, "admission_least": value.least}
            said["admission_over"] = str(number - len(value.sums))
        return said

    def _shared(self, value: ShareOf) -> int:
        """What a sum is a share of: the bill's total, or an accumulator as it would stand if the waterfall ended here,
        fen."""
        name = value.accumulator
        return (
            self.total
            if name is None
            else self.accumulators[name] + self.growth(self.policy.version.accumulators[name])
        )

    def grow(self) -> None:
        """Let the pack's own accumulators grow with this bill, when all rules are done."""
        for name, own in self.policy.version.accumulators.items():
            key = f"{name}/{self._group(own.diseases)}" if own.per_group and own.diseases is not None else name
            if amount := self.growth(own):
                self.accumulators[key] = self.accumulators.get(key, 0) + amount

    def growth(self, accumulator: Accumulator) -> int:
        """By how much this bill lets an accumulator grow, as things stand, fen."""
        if accumulator.grows_by is None or not self.matches(accumulator.applies, accumulator.diseases):
            return 0
        return self.base(accumulator.grows_by)

    def count(self, counter: str | None, amount: int) -> None:
        """Let an accumulator grow."""
        if counter is not None:
            self.accumulators[counter] = self.accumulators.get(counter, 0) + amount

    def pay(self, rule: Rule, amount: int, base: str = "total") -> None:
        """Let the fund of a rule's tier, or the hospital, pay an amount of a base, fen, and count it where the rule
        says."""
        taken = self.paid
        if rule.tier == "hospital":
            self.hospital += amount
            taken = self.apart
        else:
            self.portions[rule.tier] += amount
        for region in TAKEN_FROM.get(base, INNERMOST):
            taken[region] += amount
        self.count(self.counter(rule, "counts_paid"), amount)
        if "also_counts" in rule.options:
            for option in ALSO:
                self.count(self.counter(rule, option), amount)

    def left_of(self, base: str) -> int:
        """What nobody pays yet of a base, fen."""
        whole = "total" if base == "total_less_hospital" else REMAINING.get(base, base)
        return self.base(f"remaining_{whole}")

    def share_out(self) -> None:
        """Make the payments that wait for each other: as they would be alone, or, where two together exceed what is
        left of their base, in proportion to that, the second being the remainder."""
        waiting, self.waiting = self.waiting, []
        left, wanted = self.left_of(waiting[0].base_name), sum(item.wanted for item in waiting)
        first = waiting[0]
        cut = len(waiting) > 1 and wanted > left
        part = divide_half_up(left * first.wanted, wanted) if cut else 0
        for number, item in enumerate(waiting):
            inputs: Inputs = {}
            amount = item.wanted
            if cut:
                amount = part if number == 0 else left - part
                inputs = {"shared_sum": wanted, "shared_left": left, "shared_wanted": item.wanted}
                inputs |= {"shared_first": part} if number else {}
            item.make(amount, inputs)
            if item.history is not None:
                self.trace[-1] = item.history.told(self.trace[-1])

    def charge_hospital(self, amount: int, base: str = "total") -> None:
        """Put an amount of a base on the hospital, fen. The tiers work with what is left of scope and catalogue."""
        self.hospital += amount
        if base == "in_scope":
            self.whole["in_scope"] -= amount
            self.whole["in_catalogue"] -= amount
        elif base == "out_of_catalogue":
            self.apart["out_of_scope"] += amount
            self.apart["out_of_catalogue"] += amount

    def reduce(self, amount: int) -> None:
        """Keep apart what a missing referral cost, fen: it stays with the patient and enters no later tier."""
        self.reduction += amount
        self.apart["in_scope"] += amount
        self.apart["in_catalogue"] += amount

    def step(
        self,
        rule: Rule,
        amount: int,
        inputs: Inputs,
        figures: tuple[Figure[Any] | None, ...] = (),
        room: dict[str, int] | None = None,
    ) -> None:
        """Write one step of the explanation."""
        basis: tuple[Basis, ...] = ()
        quotes: dict[str, str] = {}
        for figure in figures:
            if figure is not None:
                basis += figure.basis
                if figure.quotes:
                    quotes |= figure.quotes
        step = Step(rule.tier, rule.rule, rule.kind, rule.title, amount, inputs, basis, room or {}, quotes)
        self.trace.append(step)
