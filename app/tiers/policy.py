"""Dated law: YAML packs to a ``PolicyBook`` that answers which rules and figures hold on a day in an area. Pure.

No rule for a day is ``policy_gap``, two are ``policy_overlap``; there is no default and no last known value. Packs are
loaded by ``load.py``, and checked by ``findings.py`` before they are used.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import product
from typing import Any, Final, Generic, TypeVar

from app.basics.classes import BASE_CLASSES, ClassWords, class_name
from app.basics.errors import Fault, Refused
from app.basics.money import RATE_ONE, UNITS_OF_ROUNDING, rounded_to, scaled, share, yuan
from app.tiers.model import CLASSES, FUNDS, RESIDENTS, Basis, OwnFigure
from app.tiers.pack import Pack, Parameter, Row, Rule, Version
from app.tiers.roles import DISEASE_LIST, ITEMS, LATER_TIERS
from app.tiers.units import RATE, UNITS, YUAN, Bands, ByAdmission, Diseases, ShareOf, Sum, converted
from app.tiers.vocabulary import COUNTERS, FACTS, LINE_FACTS, NUMBERED

T = TypeVar("T")
FactValues = Mapping[str, str]
MOST_MET: Final = 10_000
OTHER_DISEASES: Final = "other"
BY_ADMISSION: Final = frozenset({"by_admission", "first_admission"})
REGISTRATION: Final = "basic.chronic.registration_required"  # asked for by its name, not by a rule


@dataclass(frozen=True, slots=True)
class Figure(Generic[T]):
    """A policy figure that holds for given facts: its value (None means none), sources, its parts when it was derived
    (a share of an income figure), and the rows that it was made of, each with its parameter's name. ``quotes``: the
    wording of their clauses by parameter, where the pack quotes it."""

    value: T | None
    basis: tuple[Basis, ...]
    parts: Mapping[str, int] = field(default_factory=dict)
    rows: tuple[tuple[str, Row], ...] = ()
    quotes: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "quotes", {name: row.quote for name, row in self.rows if row.quote})

    @property
    def known(self) -> T:
        """The value of a figure that can't be none. Refused(policy_gap) when it is."""
        if self.value is None:
            raise Refused([Fault("", "policy_gap", {"parameter": self.basis[0].parameter, "day": ""})])
        return self.value


class Policy:
    """The rules and figures of one pack for an interval of days without any change."""

    def __init__(self, pack: Pack, version: Version, day: date) -> None:
        self.pack = pack
        self.version = version
        self.day = day
        self.rules = version.rules
        per_group = {name for name, own in version.accumulators.items() if own.per_group}
        named = {rule.options[option] for rule in version.rules for option in COUNTERS if option in rule.options}
        self.accumulators = frozenset(version.accumulators.keys() | named) - per_group
        self.childbirth_tiers = frozenset(
            tier
            for rule in version.rules
            if rule.parameters.get(LATER_TIERS.name) in pack.parameters
            for row in self.rows(rule.parameters[LATER_TIERS.name])
            if isinstance(row.value, list)
            for tier in row.value
        )
        applies = [rule.applies for rule in version.rules]
        applies += [own.applies for own in version.accumulators.values()]
        rows = [row for parameter in pack.parameters.values() for row in parameter.rows]
        by_admission = {str(row.derivation().get("counted_at", "year")) for row in rows if _counts_admissions(row)}
        self.facts_asked = frozenset(
            {fact for facts in applies for fact in facts}
            | {fact for row in rows for fact, _ in row.selectors}
            | ({"admission"} if "year" in by_admission else set())
        )
        self.numbers_admissions = bool(by_admission - {"year"} or NUMBERED.keys() & self.facts_asked)
        self.counted_by_stay = version.counted_by_stay
        self._met: dict[tuple[str, ...], dict[str, Figure[Any]]] = {}
        self.asks_for_items = any(ITEMS.name in rule.parameters for rule in version.rules)
        self._tables: dict[str, tuple[tuple[str, ...], dict[tuple[str, ...], Figure[Any]]]] = {}
        self._own: dict[tuple[OwnFigure, ...], Policy] = {}

    def fund(self, tier: str, insurance_type: str) -> str:
        """The fund of a tier for an insurance type."""
        return self.pack.funds.get(insurance_type, {}).get(tier, FUNDS[tier])

    def with_own(self, figures: tuple[OwnFigure, ...]) -> "Policy":
        """The same law with an area's own figures in the place of the pack's. One of a parameter that the pack doesn't
        have on this day, or that isn't a single sum of it, is passed over."""
        if not figures:
            return self
        if figures not in self._own:
            if len(self._own) > 1000:
                self._own.clear()
            self._own[figures] = Policy(_owned(self.pack, figures, self.day), self.version, self.day)
        return self._own[figures]

    def met(self, facts: FactValues) -> dict[str, Figure[Any]]:
        """The figures that were found before for the same facts, by parameter: bills of one kind look for the same
        ones. ``facts`` always have the same members in the same order."""
        key = tuple(facts.values())
        found = self._met.get(key)
        if found is None:
            if len(self._met) >= MOST_MET:
                self._met.clear()
            found = self._met[key] = {}
        return found

    def figure(self, name: str, facts: FactValues) -> Figure[Any]:
        """The one figure of a parameter for these facts; Refused(policy_gap) when there is none."""
        table = self._tables.get(name)
        if table is None:
            table = self._tables[name] = self._table(name)
        dimensions, figures = table
        found = figures.get(tuple([facts.get(dimension, "") for dimension in dimensions]) if dimensions else ())
        if found is None:
            raise Refused([Fault("", "policy_gap", {"parameter": name, "day": str(self.day)})])
        return found

    def diseases(self, rule: Rule) -> Diseases | None:
        """The diseases that a rule lists, name and group by code; None when it has no list."""
        return self.diseases_in(rule.parameters.get(DISEASE_LIST.name))

    def diseases_in(self, name: str | None) -> Diseases | None:
        """The diseases of a parameter, name and group by code; None when there is no such parameter."""
        return None if name is None or name not in self.pack.parameters else self.figure(name, {}).value or {}

    @property
    def diseases_named(self) -> frozenset[str]:
        """The codes of all diseases that a list or a price of the pack names."""
        listed = [one for one in self.pack.parameters.values() if one.unit in ("diseases", "prices")]
        return frozenset(
            str(code) for one in listed for row in one.rows if isinstance(row.value, dict) for code in row.value
        )

    def covers(self, name: str, facts: FactValues) -> bool:
        """Whether the parameter has a figure for these facts."""
        try:
            self.figure(name, facts)
        except Refused:
            return False
        return True

    def has(self, name: str) -> bool:
        """Whether the pack has the parameter with any row on this day."""
        return name in self.pack.parameters and bool(self.rows(name))

    def rows(self, name: str) -> list[Row]:
        """The rows of a parameter that hold on this day."""
        return [row for row in self.pack.parameters[name].rows if row.covers(self.day)]

    def same_law(self, other: "Policy") -> bool:
        """Whether rules and figures of the day are the same, whatever else the two packs' texts say."""
        one, two = self.version, other.version
        return (self._of_version(one), self._written()) == (self._of_version(two), other._written())

    @staticmethod
    def _of_version(version: Version) -> tuple[object, ...]:
        """What of a version is law."""
        return (
            version.first_pay,
            version.splits_stays,
            version.rules,
            version.groups,
            version.precedence,
            version.accumulators,
        )

    def _written(self) -> dict[str, list[tuple[object, object]]]:
        rows = {name: [(row.selectors, row.value) for row in self.rows(name)] for name in self.pack.parameters}
        return {name: sorted(found, key=repr) for name, found in rows.items() if found}

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that the law of the day knows."""
        return tuple(dict.fromkeys((*CLASSES, *self.version.precedence)))

    def domain(self, name: str) -> dict[str, tuple[str, ...]]:
        """The dimensions that a parameter depends on, each with its possible values."""
        mentioned: dict[str, list[str]] = {}
        for row in self.pack.parameters[name].rows:
            for dimension, values in row.selectors:
                mentioned.setdefault(dimension, []).extend(values)
        return {
            dimension: self.classes
            if dimension == "class"
            else tuple(FACTS.get(dimension) or LINE_FACTS.get(dimension) or sorted(set(values)))
            for dimension, values in sorted(mentioned.items())
        }

    def _table(self, name: str) -> tuple[tuple[str, ...], dict[tuple[str, ...], Figure[Any]]]:
        domain = self.domain(name)
        dimensions = tuple(domain)
        chosen: dict[tuple[str, ...], Row] = {}
        for row in self.rows(name):
            selectors = dict(row.selectors)
            choices = [self.members(key, selectors[key]) if key in selectors else domain[key] for key in dimensions]
            for combination in product(*choices):
                if combination in chosen:
                    raise Refused([Fault("", "policy_overlap", {"parameter": name, "day": str(self.day)})])
                chosen[combination] = row
        unit = self.pack.parameters[name].unit
        return dimensions, {
            key: self._figure(name, unit, row, dict(zip(dimensions, key, strict=True)), chosen)
            for key, row in chosen.items()
        }

    def meet(self, one: Row, other: Row) -> bool:
        """Whether two rows of a parameter hold for the same facts, on days of both."""
        first, second = dict(one.selectors), dict(other.selectors)
        return all(
            set(self.members(key, first[key])) & set(self.members(key, second[key]))
            for key in first.keys() & second.keys()
        )

    def members(self, dimension: str, values: tuple[str, ...]) -> list[str]:
        """The values of a selector, groups as their classes."""
        if dimension != "class":
            return list(values)
        members: list[str] = []
        for value in values:
            members.extend(self.version.groups.get(value, frozenset({value})))
        return members

    def _figure(
        self, name: str, unit: str, row: Row, facts: dict[str, str], chosen: Mapping[tuple[str, ...], Row]
    ) -> Figure[Any]:
        basis = (Basis(name, row.document, row.clause, row.status),)
        rows = ((name, row),)
        written = row.derivation()
        if written.keys() & {"share_of_bill", "of_accumulator"}:
            return Figure(_share_of(written), basis, rows=rows)
        if written.keys() & BY_ADMISSION:
            return Figure(_by_admission(written), basis, rows=rows)
        if "share" in written:
            income = self.figure(str(written["of_parameter"]), facts)
            rate_value = RATE.read(written["share"])
            base: int = income.value or 0
            parts = {"share_rate": rate_value, "income": base}
            return Figure(share(base, rate_value), basis + income.basis, parts, rows + income.rows)
        if "of" not in written:
            return Figure(converted(row.value, UNITS[unit]), basis, rows=rows)
        reference = chosen.get(tuple({**facts, "class": "ordinary"}.values()))
        if reference is None or reference is row:
            raise Refused([Fault("", "policy_gap", {"parameter": name, "day": str(self.day)})])
        ordinary = self._figure(name, unit, reference, {**facts, "class": "ordinary"}, chosen)
        return Figure(_derived(written, ordinary.value), basis + ordinary.basis, rows=rows + ordinary.rows)


def _counts_admissions(row: Row) -> bool:
    return not BY_ADMISSION.isdisjoint(row.derivation())


def _share_of(value: Mapping[str, object]) -> ShareOf:
    named = value.get("of_accumulator")
    most = converted(value.get("at_most", "none"), YUAN)
    return ShareOf(
        RATE.read(value["share_of_bill" if named is None else "share"]),
        None if named is None else str(named),
        _amount(value.get("at_least", 0)),
        most if isinstance(most, int) else None,
    )


def _by_admission(value: Mapping[str, object]) -> ByAdmission:
    first = value.get("by_admission", [value.get("first_admission")])
    sums = tuple(_amount(item) for item in first) if isinstance(first, list) else ()
    less, least = (_amount(value.get(key, 0)) for key in ("each_later_less", "at_least"))
    return ByAdmission(str(value.get("counted_at", "year")), sums, less, least)


def _amount(value: object) -> int:
    """A sum that is written as an amount, fen."""
    amount = converted(value, YUAN)
    return amount if isinstance(amount, int) else 0


def _derived(rule: Mapping[str, object], ordinary: Sum | Bands | None) -> Sum | Bands | None:
    """``of: ordinary`` with times (sums), plus or at_least (rates, and the rate of every band)."""
    if ordinary is None or isinstance(ordinary, ShareOf | ByAdmission) or rule.keys() == {"of"}:
        return ordinary
    if isinstance(ordinary, tuple):
        return tuple((upper, _derived_rate(rule, band_rate)) for upper, band_rate in ordinary)
    if "times" in rule:
        unit = UNITS_OF_ROUNDING[str(rule.get("round_to", "fen"))]
        return rounded_to(ordinary * scaled(str(rule["times"]), 4), unit, str(rule.get("rounding", "half_up")))
    return _derived_rate(rule, ordinary)


def _derived_rate(rule: Mapping[str, object], value: int) -> int:
    value += scaled(str(rule.get("plus", "0")), 4)
    return min(RATE_ONE, max(value, scaled(str(rule.get("at_least", "0")), 4)))


def _owned(pack: Pack, figures: tuple[OwnFigure, ...], day: date) -> Pack:
    """A pack in which, on a day, own figures hold instead of its own rows."""
    parameters = dict(pack.parameters)
    for figure in figures:
        parameter = parameters.get(figure.parameter)
        rows = [] if parameter is None else [row for row in parameter.rows if row.covers(day)]
        if parameter is not None and len(rows) == 1 and can_be_own(parameter):
            row = replace(
                rows[0],
                value=yuan(figure.amount),
                status=figure.status,
                document=figure.document,
                clause=figure.clause,
                quote="",
            )
            parameters[figure.parameter] = replace(parameter, rows=(row,))
    return replace(pack, parameters=parameters)


def can_be_own(parameter: Parameter) -> bool:
    """Whether an area may have a figure of its own: the parameter is a sum that is the same for everybody."""
    return parameter.unit == "yuan" and not any(row.selectors for row in parameter.rows)


def unsupported(insurance_type: str) -> Refused:
    """The refusal of an insurance type that no pack of the area covers."""
    return Refused([Fault("/insurance_type", "insurance_type_unsupported", {"allowed": insurance_type})])


def funds_of(packs: Iterable[Pack]) -> tuple[str, ...]:
    """The funds that can pay by these packs: the residents' by tier, then those of other insurance types by code."""
    own = {fund for pack in packs for kind in pack.insurance_types for fund in pack.funds.get(kind, {}).values()}
    return (*FUNDS.values(), *sorted(own - {*FUNDS.values()}))


class PolicyBook:
    """All packs of the service; ``on`` finds the rules of a day in an area."""

    def __init__(self, packs: Mapping[str, Pack]) -> None:
        self.packs = packs
        self.insurance_types = frozenset(kind for pack in packs.values() for kind in pack.insurance_types)
        self.funds = funds_of(packs.values())
        self.classes: Mapping[str, ClassWords] = {
            **BASE_CLASSES,
            **{name: words for pack in packs.values() for name, words in pack.classes.items()},
        }
        self._policies: dict[tuple[str, date], Policy] = {}
        self._boundaries = {
            (pack.name, version.since): pack.boundaries(version) for pack in packs.values() for version in pack.versions
        }
        self._on: dict[tuple[date, str, str], Policy] = {}

    def class_names(self, language: str = "zh") -> dict[str, str]:
        """What each benefit class is called."""
        return {name: class_name(name, language, self.classes) for name in self.classes}

    def ruled_by(self, pack_name: str) -> "PolicyBook":
        """A book in which one pack rules everywhere, whatever areas it names."""
        return PolicyBook({pack_name: replace(self.packs[pack_name], areas=("",))})

    def on(self, day: date, area_code: str, insurance_type: str = RESIDENTS) -> Policy:
        """The policy of an area (six digits) for an insurance type on a day. Refused(policy_gap) when no pack covers
        the area or no version the day, insurance_type_unsupported when the area has no pack for the type."""
        key = (day, area_code, insurance_type)
        policy = self._on.get(key)
        if policy is None:
            if len(self._on) > 100_000:
                self._on.clear()
            policy = self._on[key] = self.policy(self.pack_for(area_code, day, insurance_type).name, day)
        return policy

    def pack_for(self, area_code: str, day: date, insurance_type: str = RESIDENTS) -> Pack:
        """The pack with the longest area prefix of the code, among those for an insurance type."""
        matches = [
            (len(prefix), pack) for pack in self.packs.values() for prefix in pack.areas if area_code.startswith(prefix)
        ]
        of_type = [match for match in matches if insurance_type in match[1].insurance_types]
        if matches and not of_type:
            raise unsupported(insurance_type)
        if not matches:
            raise Refused([Fault("", "policy_gap", {"parameter": "areas", "day": str(day)})])
        return max(of_type, key=lambda match: match[0])[1]

    def policy(self, pack_name: str, day: date) -> Policy:
        """A pack's policy on a day, whatever the area."""
        pack = self.packs[pack_name]
        versions = [version for version in pack.versions if version.covers(day)]
        if len(versions) != 1:
            code = "policy_overlap" if versions else "policy_gap"
            raise Refused([Fault("", code, {"parameter": "versions", "day": str(day)})])
        version = versions[0]
        start = max(boundary for boundary in self._boundaries[pack_name, version.since] if boundary <= day)
        key = (pack_name, start)
        if key not in self._policies:
            self._policies[key] = Policy(pack, version, start)
        return self._policies[key]
