"""What the rules of one bill share while the waterfall runs: money still open, running accumulators, the trace. Pure."""

from app.money import share
from app.tiers.model import FUND_TIERS, Basis, Bill, Episode, Facts, Scope, Step
from app.tiers.packfile import Rule
from app.tiers.policy import Figure, Policy, ShareOfBill

Inputs = dict[str, int | str | list[list[int | None]] | None]


class State:
    """Money of one bill in fen, moved only by ``pay`` and ``charge_hospital``; one object per bill, never shared."""

    def __init__(
        self, bill: Bill, facts: Facts, scope: Scope, before: dict[str, int], episode: Episode, policy: Policy
    ) -> None:
        self.bill = bill
        self.scope = scope
        self.policy = policy
        self.episode = episode
        self.total = bill.total
        self.in_scope = scope.in_scope
        self.hospital = 0
        self.reduction = 0
        self.deductible = 0
        self.adjustment = 0
        self.portions = dict.fromkeys(FUND_TIERS, 0)
        self.accumulators = dict(before)
        self.trace: list[Step] = []
        self.referral_missing = bill.referral == "missing"
        self.out_of_area = facts.hospital_area_code[:4] != facts.area_code[:4]
        self.facts = {
            "class": facts.benefit_class,
            "level": str(facts.hospital_level),
            "rank": facts.hospital_rank,
            "medical_type": bill.medical_type,
            "delivery_mode": bill.delivery_mode or "",
            "out_of_area": "true" if self.out_of_area else "false",
            "admission": str(min(3, episode.admission)),
        }
        self.ordinary_facts = self.facts | {"class": "ordinary"}

    @property
    def paid(self) -> int:
        """What the funds pay so far, fen."""
        return sum(self.portions.values())

    def base(self, name: str) -> int:
        """An amount that a rule can refer to, fen, never negative."""
        match name:
            case "total":
                return self.total
            case "total_less_hospital":
                return self.total - self.hospital
            case "in_scope":
                return self.in_scope
            case "remaining_in_scope":
                return max(0, self.in_scope - self.paid - self.reduction)
            case "remaining_total":
                return self.remaining_total
            case "out_of_scope":
                return self.total - self.scope.in_scope
        raise ValueError(name)

    @property
    def remaining_total(self) -> int:
        """What nobody pays yet, fen."""
        return self.total - self.hospital - self.paid

    def rule_facts(self, rule: Rule) -> dict[str, str]:
        """The facts that a rule looks at: the class is ordinary where the rule says so for a missing referral."""
        if self.referral_missing and rule.options.get("referral_missing") == "as_ordinary":
            return self.ordinary_facts
        return self.facts

    def figure(self, rule: Rule, role: str) -> Figure | None:
        """The figure that a rule uses in a role; None when the rule has no such role."""
        name = rule.parameters.get(role)
        return None if name is None else self.policy.figure(name, self.rule_facts(rule))

    def rooms(self, rule: Rule) -> tuple[dict[str, int], Inputs, tuple[Figure | None, ...]]:
        """What is left under each cap that a rule has, fen; how that came about, as inputs of a step; the caps' figures.

        ``cap_year`` by the accumulator that the rule counts, which rules may share; ``cap_stay`` for this bill alone;
        ``ceiling``: all funds together pay at most this share of ``ceiling_base``.
        """
        year, stay, ceiling = (self.figure(rule, role) for role in ("cap_year", "cap_stay", "ceiling"))
        rooms: dict[str, int] = {}
        shown: Inputs = {}
        if year is not None and year.value is not None:
            rooms["cap_year"] = max(0, year.value - self.accumulators[rule.options["counts_paid"]])
            shown["cap_year"] = year.value
        if stay is not None and stay.value is not None:
            rooms["cap_stay"] = stay.value
        if ceiling is not None and ceiling.value is not None:
            name = rule.options["ceiling_base"]
            base = self.base(name)
            rooms["ceiling"] = max(0, share(base, ceiling.value) - self.paid)
            shown |= {"ceiling_base": base, "ceiling_base_name": name}
            shown |= {"ceiling_rate": ceiling.value, "ceiling_paid": self.paid}
        return rooms, shown | {f"room_{name}": amount for name, amount in rooms.items()}, (year, stay, ceiling)

    def amount(self, figure: Figure) -> int:
        """The sum that a figure means for this bill, fen."""
        value = figure.value
        return value.of(self.total) if isinstance(value, ShareOfBill) else int(value)

    def count(self, counter: str | None, amount: int) -> None:
        """Let an accumulator grow."""
        if counter is not None:
            self.accumulators[counter] += amount

    def pay(self, tier: str, amount: int) -> None:
        """Let a tier's fund pay, fen."""
        self.portions[tier] += amount

    def charge_hospital(self, amount: int) -> None:
        """Put an amount on the hospital, fen."""
        self.hospital += amount

    def step(
        self,
        rule: Rule,
        amount: int,
        inputs: Inputs,
        figures: tuple[Figure | None, ...] = (),
        room: dict[str, int] | None = None,
    ) -> None:
        """Write one step of the explanation."""
        basis: tuple[Basis, ...] = ()
        for figure in figures:
            if figure is not None:
                basis += figure.basis
        self.trace.append(Step(rule.tier, rule.rule, rule.kind, rule.title, amount, inputs, basis, room or {}))


def limited(amount: int, room: int | None) -> int:
    """An amount within a room (None: unlimited), never negative."""
    return amount if room is None else max(0, min(amount, room))


def narrowest(rooms: dict[str, int]) -> int | None:
    """The smallest of the rooms, None when there is no cap."""
    return min(rooms.values()) if rooms else None


def part(amount: int, rate: int, room: int | None) -> int:
    """``max(0, min(r(amount × rate), room))`` in fen."""
    return limited(share(amount, rate), room)
