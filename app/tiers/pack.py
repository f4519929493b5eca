"""A pack as data: dated figures, rules, versions, and all of them with what they inherit. Pure.

``at`` is where something stands (file:line), for findings; it is no part of the law.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from app.basics.classes import ClassWords
from app.tiers.model import RESIDENTS


@dataclass(frozen=True, slots=True)
class Row:
    """One dated figure: selectors, half-open interval, its value as written, its source. ``quote``: the clause's own
    wording, where the pack quotes it."""

    selectors: tuple[tuple[str, tuple[str, ...]], ...]
    since: date
    until: date | None
    value: object
    status: str
    document: str
    clause: str
    line: int
    file: str
    quote: str = field(default="", compare=False)

    def covers(self, day: date) -> bool:
        """Whether the figure holds on a day."""
        return self.since <= day and (self.until is None or day < self.until)

    def derivation(self) -> Mapping[str, object]:
        """The written rule of a value that is derived from something else, empty for any other."""
        return self.value if isinstance(self.value, dict) else {}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named figure of a policy and all its dated rows."""

    name: str
    title: str
    unit: str
    by: tuple[str, ...]
    rows: tuple[Row, ...]
    at: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Rule:
    """One step of the waterfall. ``parameters`` maps the kind's roles to parameter names, ``options`` are its words."""

    rule: str
    title: str
    tier: str
    kind: str
    applies: Mapping[str, frozenset[str]]
    parameters: Mapping[str, str]
    options: Mapping[str, str]
    at: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Accumulator:
    """A yearly sum of the pack's own. ``grows_by`` is the base by which a bill that ``applies`` matches lets it grow at
    the end of the waterfall; without it only rules count into it. ``per_group``: a sum for each disease group, told by
    the list of the rule that counts, or by ``diseases``, the parameter with the accumulator's own list."""

    title: str
    grows_by: str | None
    applies: Mapping[str, frozenset[str]]
    per_group: bool = False
    diseases: str | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """The order of the tiers and who is who, for the policy days in ``[since, until)``. ``first_pay``: the parameter
    with the first pay of lines, None where the catalogue says it. ``splits_stays``: an inpatient stay over the turn of
    the year is split there."""

    name: str
    title: str
    since: date
    until: date | None
    precedence: tuple[str, ...]
    groups: Mapping[str, frozenset[str]]
    rules: tuple[Rule, ...]
    accumulators: Mapping[str, Accumulator] = field(default_factory=dict)
    at: str = field(default="", compare=False)
    first_pay: str | None = None
    splits_stays: bool = False

    def covers(self, day: date) -> bool:
        """Whether the version rules a day."""
        return self.since <= day and (self.until is None or day < self.until)

    @property
    def counted_by_stay(self) -> frozenset[str]:
        """The accumulators by which rules know that they have paid once for a stay."""
        return frozenset(rule.options["counts_paid"] for rule in self.rules if rule.options.get("once_per") == "stay")


@dataclass(frozen=True, slots=True)
class PackSource:
    """One pack as written, before inheritance."""

    name: str
    title: str
    inherits: str | None
    areas: tuple[str, ...]
    documents: Mapping[str, Mapping[str, str]]
    versions: tuple[Version, ...]
    parameters: Mapping[str, Parameter]
    digest: str
    lines: Mapping[str, int]
    insurance_types: tuple[str, ...] = ()
    funds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    classes: Mapping[str, ClassWords] = field(default_factory=dict)

    def at(self, key: str) -> str:
        """Where a key of the pack stands, for findings."""
        return f"{self.name}.yaml:{self.lines.get(key, 1)}"


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack with everything that it inherits. ``funds``: by insurance type, the fund of each tier that isn't the
    residents'. ``classes``: the benefit classes that it declares besides those that every pack knows."""

    name: str
    title: str
    inherits: str | None
    areas: tuple[str, ...]
    documents: Mapping[str, Mapping[str, str]]
    versions: tuple[Version, ...]
    parameters: Mapping[str, Parameter]
    digest: str
    texts: Mapping[str, str]
    insurance_types: tuple[str, ...] = (RESIDENTS,)
    funds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    classes: Mapping[str, ClassWords] = field(default_factory=dict)

    def ruled_until(self, day: date) -> date | None:
        """The first day, this one or a later one, that no version rules; None when the last version has no end."""
        until: date | None = day
        while until is not None and (version := self._ruling(until)) is not None:
            until = version.until
        return until

    def _ruling(self, day: date) -> Version | None:
        return next((version for version in self.versions if version.covers(day)), None)

    def boundaries(self, version: Version) -> list[date]:
        """The days on which anything changes within a version, its first day included, ascending."""
        days = {version.since}
        for parameter in self.parameters.values():
            for row in parameter.rows:
                days.update(day for day in (row.since, row.until) if day is not None and version.covers(day))
        return sorted(days)
