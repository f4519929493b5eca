"""Dated law: YAML packs to a ``PolicyBook`` that answers which rules and figures hold on a day in an area. Pure.

No rule for a day is ``policy_gap``, two are ``policy_overlap``; there is no default and no last known value. Loading checks
every day from a version's first to its last, at every boundary, for every class, level, rank and mode that a rule can meet.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from hashlib import sha256
from itertools import combinations, pairwise, product
from typing import Any, Final, TypeVar

from app.errors import Fault, PolicyError, Refused
from app.money import RATE_ONE, divide_half_up, scaled, share
from app.tiers.model import CHILDBIRTH, CHRONIC, CLASSES, Basis
from app.tiers.packfile import FACTS, PackSource, Parameter, Row, Rule, Version, parse_pack
from app.tiers.values import converted
from app.tiers.yamltext import nearest

FactValues = Mapping[str, str]
Dated = TypeVar("Dated", Row, Version)
ROLE_UNITS: Final[Mapping[str, str]] = {
    "deductible": "yuan",
    "cap_year": "yuan",
    "cap": "yuan",
    "sums": "yuan",
    "base_cap": "yuan",
    "cap_stay": "yuan",
    "ceiling": "rate",
    "price": "prices",
    "rate": "rate",
    "missing_referral_cut": "rate",
    "limit": "rate",
    "bands": "bands",
    "diseases": "diseases",
    "classes": "classes",
    "later_tiers": "tiers",
    "reason": "text",
}
MAX_FINDINGS: Final = 200
OTHER_DISEASES: Final = "other"
REGISTRATION: Final = "basic.chronic.registration_required"  # asked for by its name, not by a rule


@dataclass(frozen=True, slots=True)
class Figure:
    """A policy figure that holds for given facts: its value (fen, rate, bands …; None means none), sources, and its parts
    when it was derived (a share of an income figure)."""

    value: Any
    basis: tuple[Basis, ...]
    parts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack with everything that it inherits."""

    name: str
    title: str
    inherits: str | None
    areas: tuple[str, ...]
    documents: Mapping[str, Mapping[str, str]]
    versions: tuple[Version, ...]
    parameters: Mapping[str, Parameter]
    digest: str
    texts: Mapping[str, str]

    def boundaries(self, version: Version) -> list[date]:
        """The days on which anything changes within a version, its first day included, ascending."""
        days = {version.since}
        for parameter in self.parameters.values():
            for row in parameter.rows:
                days.update(day for day in (row.since, row.until) if day is not None and _within(day, version))
        return sorted(days)


class Policy:
    """The rules and figures of one pack for an interval of days without any change."""

    def __init__(self, pack: Pack, version: Version, day: date) -> None:
        self.pack = pack
        self.version = version
        self.day = day
        self.rules = version.rules
        self.childbirth_tiers = frozenset(
            tier
            for rule in version.rules
            if "later_tiers" in rule.parameters and rule.parameters["later_tiers"] in pack.parameters
            for row in self.rows(rule.parameters["later_tiers"])
            if isinstance(row.value, list)
            for tier in row.value
        )
        self._tables: dict[str, tuple[tuple[str, ...], dict[tuple[str, ...], Figure]]] = {}

    def figure(self, name: str, facts: FactValues) -> Figure:
        """The one figure of a parameter for these facts; Refused(policy_gap) when there is none."""
        table = self._tables.get(name)
        if table is None:
            table = self._tables[name] = self._table(name)
        dimensions, figures = table
        found = figures.get(tuple([facts.get(dimension, "") for dimension in dimensions]))
        if found is None:
            raise Refused([Fault("", "policy_gap", {"parameter": name, "day": str(self.day)})])
        return found

    def diseases(self, rule: Rule) -> Mapping[str, tuple[str, str]] | None:
        """The diseases that a rule lists, name and group by code; None when it has no list."""
        name = rule.parameters.get("diseases")
        return None if name is None or name not in self.pack.parameters else self.figure(name, {}).value or {}

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
        return [row for row in self.pack.parameters[name].rows if _covers(row, self.day)]

    def same_law(self, other: "Policy") -> bool:
        """Whether rules and figures of the day are the same, whatever else the two packs' texts say."""
        one, two = self.version, other.version
        return (one.rules, one.groups, one.precedence, one.accumulators, self._written()) == (
            two.rules,
            two.groups,
            two.precedence,
            two.accumulators,
            other._written(),
        )

    def _written(self) -> dict[str, list[tuple[Any, Any]]]:
        rows = {name: [(row.selectors, row.value) for row in self.rows(name)] for name in self.pack.parameters}
        return {name: sorted(found, key=repr) for name, found in rows.items() if found}

    def domain(self, name: str) -> dict[str, tuple[str, ...]]:
        """The dimensions that a parameter depends on, each with its possible values."""
        mentioned: dict[str, list[str]] = {}
        for row in self.pack.parameters[name].rows:
            for dimension, values in row.selectors:
                mentioned.setdefault(dimension, []).extend(values)
        return {
            dimension: FACTS.get(dimension) or tuple(sorted(set(values)))
            for dimension, values in sorted(mentioned.items())
        }

    def _table(self, name: str) -> tuple[tuple[str, ...], dict[tuple[str, ...], Figure]]:
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
    ) -> Figure:
        basis = (Basis(name, row.document, row.clause, row.status),)
        if isinstance(row.value, dict) and row.value.keys() & {"share_of_bill", "of_accumulator"}:
            return Figure(_share_of(row.value), basis)
        if not isinstance(row.value, dict) or not row.value.keys() & {"of", "share"}:
            return Figure(converted(row.value, unit), basis)
        if "share" in row.value:
            income = self.figure(row.value["of_parameter"], facts)
            rate_value = converted(row.value["share"], "rate")
            parts = {"share_rate": rate_value, "income": income.value}
            return Figure(share(income.value, rate_value), basis + income.basis, parts)
        reference = chosen.get(tuple({**facts, "class": "ordinary"}.values()))
        if reference is None or reference is row:
            raise Refused([Fault("", "policy_gap", {"parameter": name, "day": str(self.day)})])
        ordinary = self._figure(name, unit, reference, {**facts, "class": "ordinary"}, chosen)
        return Figure(_derived(row.value, ordinary.value), basis + ordinary.basis)


@dataclass(frozen=True, slots=True)
class ShareOf:
    """A sum that depends on the bill: a share (ten-thousandths) of its total, or of one of the year's accumulators with this
    bill in it, within a floor and a ceiling (fen; None: no ceiling)."""

    rate: int
    accumulator: str | None
    least: int
    most: int | None

    def of(self, amount: int) -> int:
        """The sum for this total or accumulator, fen."""
        result = max(self.least, share(amount, self.rate))
        return result if self.most is None else min(self.most, result)


def _share_of(value: Mapping[str, Any]) -> ShareOf:
    return ShareOf(
        converted(value["share" if "of_accumulator" in value else "share_of_bill"], "rate"),
        value.get("of_accumulator"),
        converted(value.get("at_least", 0), "yuan") or 0,
        converted(value.get("at_most", "none"), "yuan"),
    )


def _derived(rule: Mapping[str, str], ordinary: Any) -> Any:
    """``of: ordinary`` with times (sums), plus or at_least (rates, and the rate of every band)."""
    if ordinary is None or rule.keys() == {"of"}:
        return ordinary
    if isinstance(ordinary, tuple):
        return tuple((upper, _derived_rate(rule, band_rate)) for upper, band_rate in ordinary)
    if "times" in rule:
        return divide_half_up(ordinary * scaled(rule["times"], 4), RATE_ONE)
    return _derived_rate(rule, ordinary)


def _derived_rate(rule: Mapping[str, str], value: int) -> int:
    value += scaled(rule.get("plus", "0"), 4)
    return min(RATE_ONE, max(value, scaled(rule.get("at_least", "0"), 4)))


def _covers(row: Row, day: date) -> bool:
    return row.since <= day and (row.until is None or day < row.until)


def _within(day: date, version: Version) -> bool:
    return version.since <= day and (version.until is None or day < version.until)


class PolicyBook:
    """All packs of the service; ``on`` finds the rules of a day in an area."""

    def __init__(self, packs: Mapping[str, Pack]) -> None:
        self.packs = packs
        self._policies: dict[tuple[str, date], Policy] = {}
        self._boundaries = {
            (pack.name, version.since): pack.boundaries(version) for pack in packs.values() for version in pack.versions
        }
        self._on: dict[tuple[date, str], Policy] = {}

    def on(self, day: date, area_code: str) -> Policy:
        """The policy of an area (six digits) on a day. Refused(policy_gap) when no pack covers the area or no version the day."""
        policy = self._on.get((day, area_code))
        if policy is None:
            if len(self._on) > 100_000:
                self._on.clear()
            policy = self._on[day, area_code] = self.policy(self.pack_for(area_code, day).name, day)
        return policy

    def pack_for(self, area_code: str, day: date) -> Pack:
        """The pack with the longest area prefix of the code."""
        matches = [
            (len(prefix), pack) for pack in self.packs.values() for prefix in pack.areas if area_code.startswith(prefix)
        ]
        if not matches:
            raise Refused([Fault("", "policy_gap", {"parameter": "areas", "day": str(day)})])
        return max(matches, key=lambda match: match[0])[1]

    def policy(self, pack_name: str, day: date) -> Policy:
        """A pack's policy on a day, whatever the area."""
        pack = self.packs[pack_name]
        versions = [version for version in pack.versions if _within(day, version)]
        if len(versions) != 1:
            code = "policy_overlap" if versions else "policy_gap"
            raise Refused([Fault("", code, {"parameter": "versions", "day": str(day)})])
        version = versions[0]
        start = max(boundary for boundary in self._boundaries[pack_name, version.since] if boundary <= day)
        key = (pack_name, start)
        if key not in self._policies:
            self._policies[key] = Policy(pack, version, start)
        return self._policies[key]


def load_book(texts: Mapping[str, str], drafts: Collection[str] = ()) -> PolicyBook:
    """Packs by name to a book. PolicyError with every finding (file, line, parameter, day, remedy) when one is wrong.

    Drafts are looked at, not served: their areas may be another pack's as well.
    """
    findings: list[str] = []
    sources: dict[str, PackSource] = {}
    for name, text in texts.items():
        source, found = parse_pack(name, text)
        findings += found
        if source is not None:
            sources[name] = source
    if findings:
        raise PolicyError(findings[:MAX_FINDINGS])
    packs = {name: _inherited(name, sources, texts, findings, ()) for name in sources}
    if not findings:
        findings += _area_findings(sources, drafts)
        for pack in packs.values():
            findings += _pack_findings(pack)
            findings += _override_findings(pack, sources[pack.name])
    if findings:
        # what a pack inherits is found again in each of its heirs
        raise PolicyError(list(dict.fromkeys(findings))[:MAX_FINDINGS])
    return PolicyBook(packs)


def _inherited(
    name: str, sources: Mapping[str, PackSource], texts: Mapping[str, str], findings: list[str], below: tuple[str, ...]
) -> Pack:
    """A pack with its ancestors' versions, documents and parameters. Its own versions cut its parent's of the same days, its
    own rows cut its parent's of the same selectors."""
    source = sources[name]
    own = Pack(
        name,
        source.title,
        source.inherits,
        source.areas,
        source.documents,
        source.versions,
        source.parameters,
        source.digest,
        {name: texts[name]},
    )
    if source.inherits is None:
        return own
    if name in below:
        circle = below[below.index(name) :]
        if name == min(circle):
            findings.append(
                f"{source.at('inherits')}: inherits：循环继承 {' → '.join((*circle, name))}。请删去其中一个 inherits。"
            )
        return own
    if source.inherits not in sources:
        guess = nearest(source.inherits, sources.keys() - {name})
        findings.append(
            f"{source.at('inherits')}: inherits：找不到被继承的政策包“{source.inherits}”。{guess}"
            f"请改为已有的政策包名，或把 {source.inherits}.yaml 放在旁边。"
        )
        return own
    parent = _inherited(source.inherits, sources, texts, findings, (*below, name))
    parameters = dict(parent.parameters)
    for key, parameter in source.parameters.items():
        inherited = parameters.get(key)
        rows = () if inherited is None else tuple(_cut(inherited.rows, parameter.rows))
        parameters[key] = replace(parameter, rows=rows + parameter.rows)
    return replace(
        own,
        documents={**parent.documents, **source.documents},
        versions=(*_cut_versions(parent.versions, source.versions), *source.versions),
        parameters=parameters,
        digest=sha256(f"{source.digest}:{parent.digest}".encode()).hexdigest(),
        texts={**parent.texts, name: texts[name]},
    )


def _cut(rows: Sequence[Row], overrides: Sequence[Row]) -> Iterator[Row]:
    """The parts of rows that no override with the same selectors replaces."""
    for row in rows:
        pieces = [row]
        for override in overrides:
            if override.selectors == row.selectors:
                pieces = [part for piece in pieces for part in _outside(piece, override.since, override.until)]
        yield from pieces


def _cut_versions(versions: Sequence[Version], own: Sequence[Version]) -> Iterator[Version]:
    """The parts of a parent's versions that no own version replaces."""
    for version in versions:
        pieces = [version]
        for override in own:
            pieces = [part for piece in pieces for part in _outside(piece, override.since, override.until)]
        yield from pieces


def _outside(dated: Dated, since: date, until: date | None) -> Iterator[Dated]:
    """The parts of a row or version outside an interval."""
    if dated.since < since:
        yield replace(dated, until=since if dated.until is None else min(since, dated.until))
    if until is not None and (dated.until is None or until < dated.until):
        yield replace(dated, since=max(dated.since, until))


def _area_findings(packs: Mapping[str, PackSource], drafts: Collection[str]) -> Iterator[str]:
    owner: dict[str, str] = {}
    for pack in packs.values():
        for area in pack.areas:
            if not area.isdigit() or not 2 <= len(area) <= 6:
                yield f'{pack.at("areas")}: areas：“{area}”应是 2 到 6 位行政区划代码前缀，如 "53"。'
            if pack.name in drafts:
                continue
            if area in owner:
                yield (
                    f"{pack.at('areas')}: areas：“{area}”已属于政策包 {owner[area]}（policy_overlap）。"
                    "只管其中一部分地区时，请写更长的前缀。"
                )
            owner.setdefault(area, pack.name)


def _pack_findings(pack: Pack) -> Iterator[str]:
    if not pack.versions:
        yield f"{pack.name}.yaml:1: 没有 versions，也没有继承。请写 versions，或写 inherits: 上级政策包名。"
    groups = {group for version in pack.versions for group in version.groups}
    for parameter in pack.parameters.values():
        for row in parameter.rows:
            for finding in _row_findings(pack, parameter, row, groups):
                yield f"{row.file}:{row.line}: 参数 {parameter.name}（{row.since} 起）：{finding}"
    yield from _version_findings(pack)
    for version in pack.versions:
        yield from _rule_findings(pack, version)
        yield from _unpaid_findings(pack, version)


def _row_findings(pack: Pack, parameter: Parameter, row: Row, groups: set[str]) -> Iterator[str]:
    """What only the whole pack can tell of a row: its document, its groups, the parameter it is derived from."""
    if row.document not in pack.documents:
        guess = nearest(row.document, pack.documents)
        yield f"来源文件“{row.document}”不在 documents 里。{guess}请改名或补上。"
    for name in dict(row.selectors).get("class", ()):
        if name not in groups and name not in CLASSES:
            guess = nearest(name, (*groups, *CLASSES))
            yield f"class 写了“{name}”，既不是类别也不是 groups 里的组。{guess}组有：{'、'.join(sorted(groups))}。"
    other = row.value.get("of_parameter") if isinstance(row.value, dict) else None
    if other is not None and (other not in pack.parameters or pack.parameters[other].unit != "yuan"):
        yield f"of_parameter 应是单位 yuan 的参数，没有这样的“{other}”。{nearest(str(other), pack.parameters)}"


def unused(pack: Pack) -> list[str]:
    """Parameters that nothing asks for: no rule, no derived figure, nobody by name. Worth a note, no finding: a pack may keep
    figures on record that other work needs (when to pay a hospital, what to report)."""
    used = {name for version in pack.versions for rule in version.rules for name in rule.parameters.values()}
    for parameter in pack.parameters.values():
        used.update(row.value["of_parameter"] for row in parameter.rows if _derived_from(row))
    return sorted(pack.parameters.keys() - used - {REGISTRATION})


def _derived_from(row: Row) -> bool:
    return isinstance(row.value, dict) and "of_parameter" in row.value


def _override_findings(pack: Pack, source: PackSource) -> Iterator[str]:
    """A misspelt name in a pack that inherits would leave the parent's figure in force, silently."""
    if source.inherits is None:
        return
    parents = pack.parameters.keys() - source.parameters.keys()
    for name in unused(pack):
        if name in source.parameters and (guess := nearest(name, parents)):
            yield f"{pack.parameters[name].at}: 参数 {name}：没有规则用到它，上级政策包的数字仍然有效。{guess}请改名，或删去。"


def _version_findings(pack: Pack) -> Iterator[str]:
    ordered = sorted(pack.versions, key=lambda version: version.since)
    for earlier, later in pairwise(ordered):
        if earlier.until is None or earlier.until > later.since:
            yield (
                f"{later.at}: 版本 {earlier.name} 与 {later.name} 自 {later.since} 起重叠（policy_overlap）。"
                f"请把 {earlier.name} 的 until 写成 {later.since}。"
            )
        elif earlier.until < later.since:
            yield (
                f"{later.at}: 版本 {earlier.name} 与 {later.name} 之间，{earlier.until} 没有规则（policy_gap，{_days(earlier.until, later.since)}）。"
                f"请把 {earlier.name} 的 until 写成 {later.since}，或把 {later.name} 的 from 写成 {earlier.until}。"
            )


def _days(since: date, until: date | None) -> str:
    """An interval in words."""
    if until is None:
        return f"{since} 起"
    last = until - timedelta(days=1)
    return "只这一天" if last == since else f"{since} 至 {last}"


def _rule_findings(pack: Pack, version: Version) -> Iterator[str]:
    """Every parameter that a rule names exists, has the right unit, and covers every day and every fact of the rule."""
    for rule in version.rules:
        where = f"{rule.at}: 版本 {version.name} 的规则 {rule.rule}"
        for role, name in rule.parameters.items():
            parameter = pack.parameters.get(name)
            if parameter is None:
                guess = nearest(name, pack.parameters)
                yield f"{where}：{role} 没有参数“{name}”可用。{guess}请改名，或在 parameters 里补上。"
            elif parameter.unit != ROLE_UNITS[role]:
                yield (
                    f"{where}：{role} 要单位 {ROLE_UNITS[role]} 的参数，{name} 的单位是 {parameter.unit}（{parameter.at}）。"
                    "请换一个参数，或改它的 unit。"
                )
            else:
                yield from _accumulator_findings(pack, version, rule, name)
                yield from _coverage_findings(pack, version, rule, name)


def _accumulator_findings(pack: Pack, version: Version, rule: Rule, name: str) -> Iterator[str]:
    """A share of an accumulator needs one that the version declares with ``grows_by``."""
    growing = [key for key, own in version.accumulators.items() if own.grows_by is not None]
    for row in pack.parameters[name].rows:
        of = row.value.get("of_accumulator") if isinstance(row.value, dict) else None
        if of is not None and of not in growing:
            yield (
                f"{row.file}:{row.line}: 参数 {name}：版本 {version.name} 没有带 grows_by 的累计“{of}”（规则 {rule.rule}）。"
                f"{nearest(of, growing)}请改名，或在该版本的 accumulators 里声明。"
            )


def _unpaid_findings(pack: Pack, version: Version) -> Iterator[str]:
    """Bills that no rule of the basic tier meets would silently be paid by the patient alone."""
    dimensions = {name: FACTS[name] for name in ("medical_type", "rank", "level", "place")}
    basic = [rule for rule in version.rules if rule.tier == "basic"]
    for combination in product(*dimensions.values()):
        facts = dict(zip(dimensions, combination, strict=True))
        if not any(
            all(facts.get(key, "") in values for key, values in rule.applies.items() if key in facts) for rule in basic
        ):
            shown = "、".join(f"{key} {value}" for key, value in facts.items())
            yield (
                f"{version.at}: 版本 {version.name}：{shown} 的费用没有基本医保规则（policy_gap）。"
                "请补一条 tier: basic 的规则，或放宽 applies；确实不支付的，写一条比例为 none 的规则。"
            )
            return


def _coverage_findings(pack: Pack, version: Version, rule: Rule, name: str) -> Iterator[str]:
    """The first day, and the first facts, for which a rule finds no figure or two."""
    days = [*pack.boundaries(version), version.until]
    for day, following in pairwise(days):
        if day is None:
            return
        policy = Policy(pack, version, day)
        facts: dict[str, str] = {}
        try:
            for facts in facts_for(policy, rule, name):
                policy.figure(name, facts)
        except Refused as refused:
            wanted = str(refused.faults[0].values["parameter"])
            if refused.code == "policy_gap":
                yield _gap(pack.parameters[wanted], rule, facts, day, following)
            else:
                yield _overlap(policy, wanted, rule)
            return


def _gap(parameter: Parameter, rule: Rule, facts: Mapping[str, str], day: date, following: date | None) -> str:
    ended = [row for row in parameter.rows if row.until is not None and row.until <= day]
    nearest_row = max(ended, key=lambda row: (row.until or day, row.line), default=None)
    at = parameter.at if nearest_row is None else f"{nearest_row.file}:{nearest_row.line}"
    whom = "、".join(f"{key} {value}" for key, value in facts.items())
    return (
        f"{at}: 参数 {parameter.name}：{day} 没有规则（policy_gap，{_days(day, following)}，规则 {rule.rule}{'，' if whom else ''}{whom}）。"
        f"请补一行 from: {day}{'' if following is None else f'、until: {following}'} 的数字，或移动前后一行的日期；没有此项的写 none。"
    )


def _overlap(policy: Policy, name: str, rule: Rule) -> str:
    """Two rows of a parameter meet; which ones, and on which day."""
    rows = policy.rows(name)
    first, second = next(pair for pair in combinations(rows, 2) if policy.meet(*pair))
    earlier, later = sorted((first, second), key=lambda row: row.since)
    remedy = (
        f"请把 {earlier.file} 第 {earlier.line} 行的 until 写成 {later.since}"
        if earlier.since < later.since
        else "请删去其中一行，或写明各自的 class、level 等"
    )
    return (
        f"{later.file}:{later.line}: 参数 {name}：{policy.day} 有两条规则（policy_overlap，规则 {rule.rule}）："
        f"{earlier.file} 第 {earlier.line} 行和 {later.file} 第 {later.line} 行。{remedy}。"
    )


def facts_for(policy: Policy, rule: Rule, name: str) -> Iterator[dict[str, str]]:
    """Every combination of facts for which a rule may ask for a parameter (``ordinary`` among the classes, always)."""
    domain = policy.domain(name)
    choices = [_met(policy, rule, dimension, values) for dimension, values in domain.items()]
    for combination in product(*choices):
        yield dict(zip(domain, combination, strict=True))


def _met(policy: Policy, rule: Rule, dimension: str, values: tuple[str, ...]) -> Sequence[str]:
    """The values of a dimension that a rule can meet."""
    types = rule.applies.get("medical_type")
    if dimension == "disease_group":
        groups = {group for _, group in (policy.diseases(rule) or {}).values()}
        return sorted(groups if types == frozenset({CHRONIC}) else groups | {OTHER_DISEASES})
    if dimension == "medical_type" and types is not None and rule.tier in policy.childbirth_tiers:
        return sorted(types | {CHILDBIRTH})
    return sorted(rule.applies[dimension]) if dimension in rule.applies else values
