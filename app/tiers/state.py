"""What the rules of one bill share while the waterfall runs: money still open, running accumulators, the trace. Pure."""

from collections.abc import Mapping

from app.areas import place
from app.money import share
from app.tiers.model import FUND_TIERS, Basis, Bill, Episode, Facts, Scope, Step
from app.tiers.packfile import Accumulator, Rule
from app.tiers.policy import OTHER_DISEASES, Figure, Policy, ShareOf

Inputs = dict[str, int | str | list[list[int | None]] | None]


class State:
    """Money of one bill in fen, moved only by ``pay`` and ``charge_hospital``; one object per bill, never shared.

    The bill's money lies in nested regions: in scope, around it in the catalogue, around it the total; what is outside scope
    or outside the catalogue is a region too. A payment comes from the innermost money first, except where its rule's base
    is an outside region: then it comes from there and leaves the inner ones untouched.
    """

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
        self.hospital_outside = 0
        self.paid_outside = {"out_of_scope": 0, "out_of_catalogue": 0}
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
            "place": place(facts.hospital_area_code, facts.area_code),
            "referral": bill.referral,
            "admission": str(min(3, before["inpatient_count"] + (0 if episode.counted_in_year else 1))),
        }
        self.ordinary_facts = self.facts | {"class": "ordinary"}

    @property
    def paid(self) -> int:
        """What the funds pay so far, fen."""
        return sum(self.portions.values())

    def base(self, name: str) -> int:
        """An amount that a rule can refer to, fen, never negative.

        ``remaining_…`` is what of a region neither the hospital nor a fund pays; in scope and in the catalogue it doesn't
        hold the reduction, which enters no later tier.
        """
        if name == "total_less_hospital":
            return self.total - self.hospital
        region = name.removeprefix("remaining_")
        whole = self._region(region)
        if region == name:
            return whole
        gone = self.paid_within(region)
        match region:
            case "total":
                gone += self.hospital
            case "in_scope" | "in_catalogue":
                gone += self.reduction
            case _:
                gone += self.hospital_outside
        return max(0, min(whole - gone, self.remaining_total))

    def _region(self, region: str) -> int:
        match region:
            case "total":
                return self.total
            case "in_scope":
                return self.in_scope
            case "in_catalogue":
                return self.in_scope + self.scope.over_limit + self.scope.first_pay
            case "out_of_scope":
                return self.total - self.scope.in_scope
            case "out_of_catalogue":
                return self.scope.own_expense
        raise ValueError(region)

    def paid_within(self, base: str) -> int:
        """What the funds pay so far of a base's region, fen."""
        outside = self.paid_outside
        match base.removeprefix("remaining_"):
            case "in_scope":
                return self.paid - outside["out_of_scope"] - outside["out_of_catalogue"]
            case "in_catalogue":
                return self.paid - outside["out_of_catalogue"]
            case "out_of_scope":
                return outside["out_of_scope"] + outside["out_of_catalogue"]
            case "out_of_catalogue":
                return outside["out_of_catalogue"]
        return self.paid

    @property
    def remaining_total(self) -> int:
        """What nobody pays yet, fen."""
        return self.total - self.hospital - self.paid

    def matches(self, applies: Mapping[str, frozenset[str]]) -> bool:
        """Whether the bill has every fact that a rule or accumulator asks for."""
        return all(self.facts.get(dimension) in values for dimension, values in applies.items())

    def rule_facts(self, rule: Rule) -> dict[str, str]:
        """The facts that a rule looks at: the class is ordinary where the rule says so for a missing referral, the disease's
        group is that of the rule's own list."""
        ordinary = self.referral_missing and rule.options.get("referral_missing") == "as_ordinary"
        facts = self.ordinary_facts if ordinary else self.facts
        listed = self.policy.diseases(rule)
        if listed is None:
            return facts
        found = listed.get(self.bill.disease_code or "")
        return facts | {"disease_group": OTHER_DISEASES if found is None else found[1]}

    def figure(self, rule: Rule, role: str) -> Figure | None:
        """The figure that a rule uses in a role; None when the rule has no such role."""
        name = rule.parameters.get(role)
        return None if name is None else self.policy.figure(name, self.rule_facts(rule))

    def rooms(self, rule: Rule) -> tuple[dict[str, int], tuple[Figure | None, ...]]:
        """What is left under each cap that a rule has, fen, and the caps' figures.

        ``cap_year`` by the accumulator that the rule counts, which rules may share; ``cap_stay`` for this bill alone;
        ``ceiling``: all funds together pay at most this share of ``ceiling_base``.
        """
        year, stay, ceiling = (self.figure(rule, role) for role in ("cap_year", "cap_stay", "ceiling"))
        rooms = {}
        if year is not None and year.value is not None:
            rooms["cap_year"] = max(0, self.amount(year) - self.accumulators[rule.options["counts_paid"]])
        if stay is not None and stay.value is not None:
            rooms["cap_stay"] = self.amount(stay)
        if ceiling is not None and ceiling.value is not None:
            base = rule.options["ceiling_base"]
            rooms["ceiling"] = max(0, share(self.base(base), ceiling.value) - self.paid_within(base))
        return rooms, (year, stay, ceiling)

    def amount(self, figure: Figure) -> int:
        """The sum that a figure means for this bill, fen."""
        value = figure.value
        return value.of(self._shared(value)) if isinstance(value, ShareOf) else int(value)

    def derivation(self, figure: Figure) -> Inputs:
        """How a figure's sum came about, as inputs of a step: a share of an income, of the bill or of the year."""
        value = figure.value
        if not isinstance(value, ShareOf):
            return dict(figure.parts)
        accumulator = None if value.accumulator is None else self.policy.version.accumulators[value.accumulator]
        return {
            "share_rate": value.rate,
            "share_of": self._shared(value),
            "share_of_title": "总费用" if accumulator is None else accumulator.title,
            "share_least": value.least,
            "share_most": value.most,
        }

    def _shared(self, value: ShareOf) -> int:
        return self.total if value.accumulator is None else self.year_with_bill(value.accumulator)

    def year_with_bill(self, name: str) -> int:
        """An accumulator of the pack's own as it would stand if the waterfall ended here, fen."""
        return self.accumulators[name] + self.growth(self.policy.version.accumulators[name])

    def growth(self, accumulator: Accumulator) -> int:
        """By how much this bill lets an accumulator grow, as things stand, fen."""
        if accumulator.grows_by is None or not self.matches(accumulator.applies):
            return 0
        return self.base(accumulator.grows_by)

    def count(self, counter: str | None, amount: int) -> None:
        """Let an accumulator grow."""
        if counter is not None:
            self.accumulators[counter] += amount

    def pay(self, rule: Rule, amount: int, base: str = "total") -> None:
        """Let the fund of a rule's tier pay an amount of a base, fen, and count it where the rule says."""
        self.portions[rule.tier] += amount
        region = base.removeprefix("remaining_")
        if region in self.paid_outside:
            self.paid_outside[region] += amount
        self.count(rule.options.get("counts_paid"), amount)

    def charge_hospital(self, amount: int, *, outside: bool = False) -> None:
        """Put an amount on the hospital, fen; ``outside`` the catalogue or not."""
        self.hospital += amount
        if outside:
            self.hospital_outside += amount

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


def shown_rooms(rooms: dict[str, int]) -> Inputs:
    """The rooms before a payment, as inputs of a step."""
    return {f"room_{name}": amount for name, amount in rooms.items()}


def part(amount: int, rate: int, room: int | None) -> int:
    """``max(0, min(r(amount × rate), room))`` in fen."""
    return limited(share(amount, rate), room)
