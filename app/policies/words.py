"""A pack on a day in words, for its author: what each rule does, and how the rules and figures of two policies differ.
Pure.

Figures stand in the words by their parameters' names, which is where an author finds them in the file.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Final

from app.basics.classes import ClassWords, class_name
from app.tiers.kinds import KINDS
from app.tiers.pack import Row, Rule, Version
from app.tiers.policy import Policy
from app.tiers.units import shown
from app.tiers.vocabulary import ALSO, BASES, FACTS, IN_PROPORTION, OVER_NEW_YEAR, WORDS

STATUS_WORDS: Final = {"enacted": "已颁布", "assumed": "暂定（待核实）"}
ORDER_OF_CLAUSES: Final = (
    "missing_referral_cut",
    "cap_year",
    *(cap for cap, _ in ALSO.values()),
    "cap_stay",
    "counts_paid",
    "exceeds",
    "diseases",
    "items",
    "later_tiers",
)


def written(value: object) -> str:
    """A value of a figure as one text."""
    return "无" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def rule_words(rule: Rule, classes: Mapping[str, ClassWords]) -> str:
    """What a rule does, in one Chinese sentence; ``classes``: what the pack's own ones are called."""
    return "；".join(part for part in (facts_words(rule.applies, classes), _sentence(rule), *_clauses(rule)) if part)


def facts_words(facts: Mapping[str, Iterable[str]], classes: Mapping[str, ClassWords]) -> str:
    """To which facts something applies, empty for all; ``classes``: what the pack's own ones are called."""
    words = []
    for dimension, values in facts.items():
        known = FACTS.get(dimension, {})
        order = tuple(known)
        ordered = sorted(values, key=lambda value: (order.index(value) if value in order else -1, value))
        named = {value: class_name(value, classes=classes) for value in ordered} if dimension == "class" else known
        words.append("、".join(named.get(value, value) for value in ordered))
    return "，".join(words)


def _sentence(rule: Rule) -> str:
    names, options = rule.parameters, rule.options
    base = BASES.get(options.get("base", ""), "")
    per = WORDS["deductible_per"][options.get("deductible_per", "stay")]
    counted = f"，记入 {options['counts_deductible']}" if "counts_deductible" in options else ""
    return KINDS[rule.kind].words.format_map(
        {
            **names,
            "base": base,
            "base_cap": f"，最多计入 {names['base_cap']}" if "base_cap" in names else "",
            "deductible": f" − 起付线 {names['deductible']}（{per}{counted}）" if "deductible" in names else "",
            "deductible_name": names.get("deductible", ""),
            "counts_base": f"记入年度累计 {options['counts_base']}" if "counts_base" in options else "",
            "from": WORDS["bands_from"][options.get("bands_from", "zero")],
            "once_per": WORDS["once_per"][options.get("once_per", "bill")],
            "rates": names.get("bands") or names.get("rate", ""),
            "own_of_year": options.get("own_of_year", "compliant_own"),
        }
    )


def _clauses(rule: Rule) -> Iterator[str]:
    roles = KINDS[rule.kind].roles
    clauses = {role.name: role.clause for role in roles.values()} | {"counts_paid": "支付额记入 {}"}
    written = {**rule.parameters, **rule.options}
    if "classes" in written:
        yield clauses["classes"].format(written["classes"])
    for name in ORDER_OF_CLAUSES:
        if name in written:
            yield clauses[name].format(written[name])
    if also := [written[option] for option in ALSO if option in written]:
        yield f"也记入 {'、'.join(also)}"
    if IN_PROPORTION in written:
        yield f"与同写 {written[IN_PROPORTION]} 的规则按比例分担"
    if "round_to" in written:
        yield f"{WORDS['rounding'][written.get('rounding', 'half_up')]}到{WORDS['round_to'][written['round_to']]}"
    if "cut_cost" in written:
        yield WORDS["cut_cost"][written["cut_cost"]].lstrip("，")
    if "history" in written:
        relation = WORDS["history_is"][written.get("history_is", "above")]
        yield f"只在 {written['history']} {relation} {written['bound']} 时"
    if "ceiling" in rule.parameters:
        yield f"各基金合计不超过{BASES[rule.options['ceiling_base']]} × {rule.parameters['ceiling']}"
    if "referral_missing" in rule.options:
        yield WORDS["referral_missing"][rule.options["referral_missing"]]


@dataclass(frozen=True, slots=True)
class Side:
    """What one policy says: in words or as a value in the outside form, and of a figure its dates, status and
    source."""

    value: object
    since: str | None = None
    until: str | None = None
    status: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyDifference:
    """A rule, group, accumulator or figure that two policies have differently; None where one hasn't got it."""

    part: str
    name: str
    title: str
    applies: Mapping[str, tuple[str, ...]]
    a: Side | None
    b: Side | None


def differences(a: Policy, b: Policy) -> list[PolicyDifference]:
    """What differs between two policies: rules and their order, precedence, groups, accumulators, then figures."""
    one, two = a.version, b.version
    rules_a, rules_b = {rule.rule: rule for rule in a.rules}, {rule.rule: rule for rule in b.rules}
    found = list(_named("rule", _rule_texts(a), _rule_texts(b)))
    common_a, common_b = [name for name in rules_a if name in rules_b], [name for name in rules_b if name in rules_a]
    found += _named("order", {"rules": " → ".join(common_a)}, {"rules": " → ".join(common_b)})
    found += _named("precedence", {"precedence": list(one.precedence)}, {"precedence": list(two.precedence)})
    groups = [{name: sorted(members) for name, members in version.groups.items()} for version in (one, two)]
    found += _named("group", *groups)
    growing = [
        {
            name: f"{own.title}；{own.grows_by or '由规则记入'}；{facts_words(own.applies, policy.pack.classes)}"
            for name, own in policy.version.accumulators.items()
        }
        for policy in (a, b)
    ]
    found += _named("accumulator", *growing)
    found += _named("option", *({"first_pay": one_of.first_pay or ""} for one_of in (one, two)))
    found += _named("option", *({"over_new_year": over_new_year(one_of)} for one_of in (one, two)))
    for name in sorted(a.pack.parameters.keys() | b.pack.parameters.keys()):
        found += _figures(name, a, b)
    return found


def over_new_year(version: Version) -> str:
    """In which year a stay over the turn of the year counts."""
    return OVER_NEW_YEAR["split" if version.splits_stays else "together"]


def _rule_texts(policy: Policy) -> dict[str, str]:
    classes = policy.pack.classes
    return {rule.rule: f"{rule.title}：{rule.tier} {rule.kind}；{rule_words(rule, classes)}" for rule in policy.rules}


def _named(part: str, a: Mapping[str, object], b: Mapping[str, object]) -> Iterator[PolicyDifference]:
    for name in [*a, *(name for name in b if name not in a)]:
        if a.get(name) != b.get(name):
            sides = [Side(side[name]) if name in side else None for side in (a, b)]
            yield PolicyDifference(part, name, "", {}, sides[0], sides[1])


def _figures(name: str, a: Policy, b: Policy) -> Iterator[PolicyDifference]:
    """The figures of a parameter that differ in value or status, each for the facts that the two rows share."""
    parameters = [policy.pack.parameters.get(name) for policy in (a, b)]
    title = next(parameter.title for parameter in parameters if parameter is not None)
    domain: dict[str, set[str]] = {}
    for policy in (a, b):
        for dimension, values in policy.domain(name).items() if policy.has(name) else ():
            domain.setdefault(dimension, set()).update(values)
    left, right = _expanded(name, a, domain), _expanded(name, b, domain)
    for row_a, facts_a in left:
        for row_b, facts_b in right:
            shared = {key: facts_a[key] & facts_b[key] for key in domain}
            side_a, side_b = _side(row_a, a, name), _side(row_b, b, name)
            if all(shared.values()) and (side_a.value, side_a.status) != (side_b.value, side_b.status):
                yield PolicyDifference("figure", name, title, _said(shared, domain), side_a, side_b)
    for row, facts in _alone(left, right, domain):
        yield PolicyDifference("figure", name, title, _said(facts, domain), _side(row, a, name), None)
    for row, facts in _alone(right, left, domain):
        yield PolicyDifference("figure", name, title, _said(facts, domain), None, _side(row, b, name))


Rows = Sequence[tuple[Row, Mapping[str, set[str]]]]


def _expanded(name: str, policy: Policy, domain: Mapping[str, set[str]]) -> Rows:
    """The rows of a day, each with the facts that it holds for, groups as their classes."""
    if not policy.has(name):
        return []
    rows = []
    for row in policy.rows(name):
        written = dict(row.selectors)
        rows.append(
            (row, {key: set(policy.members(key, written[key])) if key in written else domain[key] for key in domain})
        )
    return rows


def _alone(rows: Rows, others: Rows, domain: Mapping[str, set[str]]) -> Iterator[tuple[Row, Mapping[str, set[str]]]]:
    """The rows that the other policy has no row for, at least for some of their facts. Rows of one policy never
    meet."""
    for row, facts in rows:
        covered = sum(prod(len(facts[key] & other[key]) for key in domain) for _, other in others)
        if covered < prod(len(facts[key]) for key in domain):
            yield row, facts


def _said(facts: Mapping[str, set[str]], domain: Mapping[str, set[str]]) -> dict[str, tuple[str, ...]]:
    """The facts worth saying: those that aren't simply all."""
    return {key: tuple(sorted(values)) for key, values in facts.items() if values != domain[key]}


def _side(row: Row, policy: Policy, name: str) -> Side:
    until = None if row.until is None else row.until.isoformat()
    value = shown(row.value, policy.pack.parameters[name].unit)
    title = policy.pack.documents[row.document]["title"]
    return Side(value, row.since.isoformat(), until, row.status, f"{title} {row.clause}")
