"""What is wrong with packs as a whole: sentences that name file, line, parameter and day, and what to write instead.
Pure.

Every day from a version's first to its last is checked, at every boundary, for every class, level, rank and mode that a
rule can meet.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations, pairwise, product
from math import prod
from typing import Final, TypeAlias

from app.basics.classes import ClassWords
from app.basics.errors import Refused
from app.tiers.episode import STAYS
from app.tiers.kinds import KINDS
from app.tiers.model import CHILDBIRTH, CHRONIC, CLASSES, FUNDS, INPATIENT, MEDICAL_TYPES, RESIDENTS
from app.tiers.pack import Pack, PackSource, Parameter, Row, Rule, Version
from app.tiers.policy import OTHER_DISEASES, REGISTRATION, Policy
from app.tiers.roles import CLASSES as CLASS_LIST
from app.tiers.roles import CUT, DISEASE_LIST, ITEMS
from app.tiers.vocabulary import COUNTERS, FACTS, IN_PROPORTION, LINE_FACTS
from app.tiers.yamltext import nearest

MOST_SHOWN: Final = 5
WHOLE_STAY: Final = frozenset({"package", "fixed_payment", "disease_price"})
SHARES: Final = frozenset({"share", "share_of_bill", "by_admission", "first_admission"})


def area_findings(packs: Mapping[str, PackSource], drafts: Collection[str]) -> Iterator[str]:
    owner: dict[tuple[str, str], str] = {}
    for pack in packs.values():
        for area in pack.areas:
            if not area.isdigit() or not 2 <= len(area) <= 6:
                yield f'{pack.at("areas")}: areas：“{area}”应是 2 到 6 位行政区划代码前缀，如 "53"。'
            if pack.name in drafts:
                continue
            for kind in _types_of(pack, packs):
                if (area, kind) in owner:
                    yield (
                        f"{pack.at('areas')}: areas：“{area}”已属于政策配置 {owner[area, kind]}（policy_overlap）。"
                        "只管其中一部分地区时，请写更长的前缀。"
                    )
                owner.setdefault((area, kind), pack.name)


def class_findings(packs: Mapping[str, PackSource]) -> Iterator[str]:
    """One name or way of writing for two things: whoever is registered under it would be of one class here, of another
    there."""
    called: dict[str, ClassWords] = {}
    meant: dict[str, str] = {}
    for pack in packs.values():
        for name, words in pack.classes.items():
            texts = (text.casefold() for text in (words.zh, *words.words, *words.codes))
            other = {meant.setdefault(text, name) for text in texts} - {name}
            if called.setdefault(name, words) != words or other:
                yield (
                    f"{pack.at('classes')}: classes：类别“{name}”的名称、写法或代码与另一个政策配置不一致"
                    f"{'（' + '、'.join(sorted(other)) + '）' if other else ''}。请写得相同，或换一个名字。"
                )


def _types_of(pack: PackSource, packs: Mapping[str, PackSource]) -> tuple[str, ...]:
    """The insurance types that a pack covers, by itself or as its ancestors do."""
    seen: set[str] = set()
    while not pack.insurance_types and pack.inherits is not None and pack.inherits in packs and pack.name not in seen:
        seen.add(pack.name)
        pack = packs[pack.inherits]
    return pack.insurance_types or (RESIDENTS,)


def _fund_findings(pack: Pack) -> Iterator[str]:
    """Funds are never mixed: of another insurance type basic insurance and serious illness have funds of their own."""
    tiers = {rule.tier for version in pack.versions for rule in version.rules}
    for kind in pack.insurance_types:
        for tier in ("basic", "serious_illness") if kind != RESIDENTS else ():
            if tier in tiers and pack.funds.get(kind, {}).get(tier, FUNDS[tier]) == FUNDS[tier]:
                yield (
                    f"{pack.name}.yaml:1: 险种 {kind} 的 {tier} 不能用居民的基金，要在 funds 里写明，"
                    '如 funds: {"310": {basic: "310100", serious_illness: "330100"}}。'
                )


def pack_findings(pack: Pack) -> Iterator[str]:
    if not pack.versions:
        yield f"{pack.name}.yaml:1: 没有 versions，也没有继承。请写 versions，或写 inherits: 上级政策配置名。"
    groups = {group for version in pack.versions for group in version.groups}
    for parameter in pack.parameters.values():
        for row in parameter.rows:
            for finding in _row_findings(pack, parameter, row, groups):
                yield f"{row.file}:{row.line}: 参数 {parameter.name}（{row.since} 起）：{finding}"
    yield from _fund_findings(pack)
    yield from _version_findings(pack)
    for version in pack.versions:
        yield from _rule_findings(pack, version)
        yield from _package_findings(version)
        yield from _split_findings(version)
        yield from _stay_findings(version)
        yield from _list_findings(pack, version)
        yield from _proportion_findings(version)
        yield from _item_findings(pack, version)
        yield from _unpaid_findings(pack, version)


def _row_findings(pack: Pack, parameter: Parameter, row: Row, groups: set[str]) -> Iterator[str]:
    """What only the whole pack can tell of a row: its document, its groups, the parameter it is derived from."""
    if row.document not in pack.documents:
        guess = nearest(row.document, pack.documents)
        yield f"来源文件“{row.document}”不在 documents 里。{guess}请改名或补上。"
    for name in dict(row.selectors).get("class", ()):
        if name not in groups and name not in CLASSES and name not in pack.classes:
            guess = nearest(name, (*groups, *CLASSES, *pack.classes))
            yield f"class 写了“{name}”，既不是类别也不是 groups 里的组。{guess}组有：{'、'.join(sorted(groups))}。"
    other = row.derivation().get("of_parameter")
    if other is not None and not _is_income(pack, str(other)):
        yield (
            f"of_parameter 应是单位 yuan、直接写出金额的参数，没有这样的“{other}”。"
            f"{nearest(str(other), pack.parameters)}"
        )

    if "times" in row.derivation() and any(other.derivation().keys() & SHARES for other in parameter.rows):
        forms = "、".join(sorted(SHARES))
        yield f"times 乘的是 ordinary 类别的金额；同一参数里有随账单变化的（{forms}），请把金额直接写出。"


def _is_income(pack: Pack, name: str) -> bool:
    """Whether a parameter is a sum that others can be a share of: each of its values is written as an amount."""
    parameter = pack.parameters.get(name)
    return parameter is not None and parameter.unit == "yuan" and not any(row.derivation() for row in parameter.rows)


def without_place(pack: Pack) -> list[str]:
    """Documents that enacted figures of the pack's own file stand in, and of which nobody says where they can be read
    and on which day they were."""
    rows = [row for parameter in pack.parameters.values() for row in parameter.rows if row.file == f"{pack.name}.yaml"]
    enacted = {row.document for row in rows if row.status == "enacted"}
    return sorted(name for name in enacted if not pack.documents[name].keys() >= {"href", "checked_on"})


def unused(pack: Pack) -> list[str]:
    """Parameters that nothing asks for: no rule, no derived figure, nobody by name. Worth a note, no finding: a pack
    may keep figures on record that other work needs (when to pay a hospital, what to report)."""
    used = {name for version in pack.versions for rule in version.rules for name in rule.parameters.values()}
    for parameter in pack.parameters.values():
        used.update(str(row.derivation().get("of_parameter", "")) for row in parameter.rows)
    used.update(version.first_pay or "" for version in pack.versions)
    used.update(own.diseases or "" for version in pack.versions for own in version.accumulators.values())
    return sorted(pack.parameters.keys() - used - {REGISTRATION})


def override_findings(pack: Pack, source: PackSource) -> Iterator[str]:
    """A misspelt name in a pack that inherits would leave the parent's figure in force, silently."""
    if source.inherits is None:
        return
    parents = pack.parameters.keys() - source.parameters.keys()
    for name in unused(pack):
        if name in source.parameters and (guess := nearest(name, parents)):
            where = f"{pack.parameters[name].at}: 参数 {name}"
            yield f"{where}：没有规则用到它，上级政策配置的数字仍然有效。{guess}请改名，或删去。"


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
                f"{later.at}: 版本 {earlier.name} 与 {later.name} 之间，{earlier.until} 没有规则"
                f"（policy_gap，{_days(earlier.until, later.since)}）。"
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
    seen: set[str] = set()
    for rule in version.rules:
        where = f"{rule.at}: 版本 {version.name} 的规则 {rule.rule}"
        kind = KINDS[rule.kind]
        roles = kind.roles
        if rule.tier not in kind.tiers:
            yield f"{where}：{rule.kind} 不能写 tier: {rule.tier}，可选：{'、'.join(kind.tiers)}。"
        if rule.rule in seen:
            yield f"{where}：同一版本里有两条规则都叫 {rule.rule}。请改其中一条的名字。"
        seen.add(rule.rule)
        for role, name in rule.parameters.items():
            unit = roles[role].unit.name
            parameter = pack.parameters.get(name)
            if parameter is None:
                guess = nearest(name, pack.parameters)
                yield f"{where}：{role} 没有参数“{name}”可用。{guess}请改名，或在 parameters 里补上。"
            elif parameter.unit != unit:
                yield (
                    f"{where}：{role} 要单位 {unit} 的参数，{name} 的单位是 {parameter.unit}（{parameter.at}）。"
                    "请换一个参数，或改它的 unit。"
                )
            elif any(not LINE_FACTS.keys().isdisjoint(dict(row.selectors)) for row in parameter.rows):
                told = "、".join(LINE_FACTS)
                yield f"{where}：{role} 的参数 {name} 按 {told} 分，只有版本的 first_pay 可以这样写。请换一个参数。"
            else:
                yield from _accumulator_findings(pack, version, rule, name)
                yield from _coverage_findings(pack, version, rule, name)


def _item_findings(pack: Pack, version: Version) -> Iterator[str]:
    """First pay by kind of item needs a figure for every line; a base of some kinds alone lies in scope."""
    name = version.first_pay
    parameter = None if name is None else pack.parameters.get(name)
    if name is not None and (parameter is None or parameter.unit != "rate"):
        guess = nearest(name, pack.parameters)
        where = f"{version.at}: 版本 {version.name} 的 first_pay"
        yield f"{where}：没有单位 rate 的参数“{name}”可用。{guess}请改名，或补上。"
    elif name is not None:
        yield from _coverage_findings(pack, version, Rule("first_pay", "", "", "", {}, {}, {}, version.at), name)
    for rule in version.rules:
        if ITEMS.name in rule.parameters and rule.options.get("base") not in ("in_scope", "remaining_in_scope"):
            yield (
                f"{rule.at}: 版本 {version.name} 的规则 {rule.rule}：写了 items（项目种类），"
                "base 只能是 in_scope 或 remaining_in_scope。"
            )


def _proportion_findings(version: Version) -> Iterator[str]:
    """Who shares in proportion: exactly two rules, one after the other, of the same base, of kinds that have one."""
    sharing = [rule for rule in version.rules if IN_PROPORTION in rule.options]
    for name in dict.fromkeys(rule.options[IN_PROPORTION] for rule in sharing):
        numbers = [n for n, rule in enumerate(version.rules) if rule.options.get(IN_PROPORTION) == name]
        rules = [version.rules[n] for n in numbers]
        where = f"{rules[-1].at}: 版本 {version.name} 的规则 {rules[-1].rule}：in_proportion: {name}"
        if len(rules) != 2 or numbers[1] != numbers[0] + 1:
            yield f"{where} 应正好写在相邻的两条规则里。"
        elif rules[0].options.get("base") != rules[1].options.get("base"):
            yield f"{where} 的两条规则要写同一个 base。"
        for rule in rules:
            if rule.kind not in ("share", "bands", "bracket") or CUT.name in rule.parameters:
                yield (
                    f"{rule.at}: 版本 {version.name} 的规则 {rule.rule}：in_proportion 只用于 share、bands、bracket，"
                    "且不能有 missing_referral_cut。"
                )


def _list_findings(pack: Pack, version: Version) -> Iterator[str]:
    """Accumulators per disease group need a list of diseases, their own or that of each rule that names them; a share
    of one isn't one sum."""
    for name, own in version.accumulators.items():
        parameter = None if own.diseases is None else pack.parameters.get(own.diseases)
        if own.diseases is not None and (parameter is None or parameter.unit != "diseases"):
            yield (
                f"{version.at}: 版本 {version.name} 的累计 {name}：没有单位 diseases 的参数“{own.diseases}”可用。"
                f"{nearest(own.diseases, pack.parameters)}请改名，或在 parameters 里补上。"
            )
        elif parameter is not None:
            probe = Rule("", "", "", "", {}, {DISEASE_LIST.name: own.diseases or ""}, {}, version.at)
            yield from _coverage_findings(pack, version, replace(probe, rule=name), own.diseases or "")
    for rule in version.rules:
        for option in COUNTERS:
            named = version.accumulators.get(rule.options.get(option, ""))
            if named is None or not named.per_group:
                continue
            if named.diseases is None and DISEASE_LIST.name not in rule.parameters:
                yield (
                    f"{rule.at}: 版本 {version.name} 的规则 {rule.rule}：{option} 的累计按病种组分开，"
                    "规则要写 diseases（病种名单），或在累计里写 diseases。"
                )


def _split_findings(version: Version) -> Iterator[str]:
    """A sum for a whole stay can't be paid for each part of a split one."""
    for rule in version.rules if version.splits_stays else ():
        if rule.kind in WHOLE_STAY and INPATIENT in rule.applies.get("medical_type", {INPATIENT}):
            yield (
                f"{rule.at}: 版本 {version.name} 的规则 {rule.rule}：{rule.kind} 按一次住院定额，"
                "不能和 over_new_year: split 一起用。请用 applies 把住院（21）分开，或删去 over_new_year。"
            )


def _stay_findings(version: Version) -> Iterator[str]:
    """Only of stays is it known what their earlier bills came to."""
    for rule in version.rules:
        if (
            rule.options.get("once_per") == "stay"
            and not rule.applies.get("medical_type", frozenset(MEDICAL_TYPES)) <= STAYS
        ):
            yield (
                f"{rule.at}: 版本 {version.name} 的规则 {rule.rule}：每次住院一次（once_per: stay）只能用于住院。"
                "请写 applies: {medical_type: [21, 52]}，或其中一种。"
            )


def _package_findings(version: Version) -> Iterator[str]:
    """Two packages for one bill: what the fund owes beside the bill would be counted twice."""
    for one, other in combinations((rule for rule in version.rules if rule.kind == "package"), 2):
        if all(one.applies[key] & other.applies[key] for key in one.applies.keys() & other.applies.keys()):
            yield (
                f"{other.at}: 版本 {version.name} 的规则 {other.rule}：与 {one.rule} 会同时用于一张账单，"
                "定额包干只能有一条。请用 applies 分开。"
            )


def _accumulator_findings(pack: Pack, version: Version, rule: Rule, name: str) -> Iterator[str]:
    """A share of an accumulator needs one that the version declares with ``grows_by``."""
    growing = [key for key, own in version.accumulators.items() if own.grows_by is not None and not own.per_group]
    for row in pack.parameters[name].rows:
        of = row.derivation().get("of_accumulator")
        if of is not None and of not in growing:
            yield (
                f"{row.file}:{row.line}: 参数 {name}：版本 {version.name} 没有带 grows_by 的累计“{of}”"
                f"（规则 {rule.rule}）。"
                f"{nearest(str(of), growing)}请改名，或在该版本的 accumulators 里声明。"
            )


def _unpaid_findings(pack: Pack, version: Version) -> Iterator[str]:
    """Bills that no rule of the basic tier meets would silently be paid by the patient alone."""
    dimensions = {name: tuple(FACTS[name]) for name in ("medical_type", "rank", "level", "place")}
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
    """The first days on which a rule finds no figure, for all facts at once, and the first day on which it finds
    two."""
    open_gaps: dict[_Missing, date] = {}
    gaps: dict[tuple[str, date, date | None], list[Mapping[str, str]]] = {}
    closed: set[_Missing] = set()

    def close(missing: Collection[_Missing], until: date | None) -> None:
        for one in missing:
            gaps.setdefault((one[0], open_gaps.pop(one), until), []).append(dict(one[1]))
            closed.add(one)

    for day in pack.boundaries(version):
        policy = Policy(pack, version, day)
        missing: set[_Missing] = set()
        for facts in facts_for(policy, rule, name):
            try:
                policy.figure(name, facts)
            except Refused as refused:
                wanted = str(refused.faults[0].values["parameter"])
                if refused.code != "policy_gap":
                    yield _overlap(policy, wanted, rule)
                    return
                missing.add((wanted, tuple(facts.items())))
        close([one for one in open_gaps if one not in missing], day)
        open_gaps |= {one: day for one in sorted(missing) if one not in open_gaps and one not in closed}
    close(list(open_gaps), version.until)
    for (wanted, since, until), facts_of in gaps.items():
        yield _gap(pack.parameters[wanted], rule, facts_of, since, until)


_Missing: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]


def _whom(missing: Sequence[Mapping[str, str]]) -> str:
    """The facts for which a figure is missing, each fact's values together where all of their combinations are."""
    values = {key: list(dict.fromkeys(facts[key] for facts in missing)) for key in missing[0]}
    if len(missing) == prod(len(found) for found in values.values()):
        return "、".join(f"{key} {'、'.join(value or '没有' for value in found)}" for key, found in values.items())
    shown = ["、".join(f"{key} {value or '没有'}" for key, value in facts.items()) for facts in missing[:MOST_SHOWN]]
    return "；".join(shown) + (f" 等 {len(missing)} 种情况" if len(missing) > MOST_SHOWN else "")


def _gap(
    parameter: Parameter, rule: Rule, missing: Sequence[Mapping[str, str]], day: date, following: date | None
) -> str:
    ended = [row for row in parameter.rows if row.until is not None and row.until <= day]
    nearest_row = max(ended, key=lambda row: (row.until or day, row.line), default=None)
    at = parameter.at if nearest_row is None else f"{nearest_row.file}:{nearest_row.line}"
    whom = _whom(missing)
    listed = CLASS_LIST.name in rule.parameters and "class" in missing[0]
    return (
        f"{at}: 参数 {parameter.name}：{day} 没有规则"
        f"（policy_gap，{_days(day, following)}，规则 {rule.rule}{'，' if whom else ''}{whom}）。"
        f"请补一行 from: {day}{'' if following is None else f'、until: {following}'} 的数字，"
        "或移动前后一行的日期；没有此项的写 none"
        f"{'，或在规则的 applies 里写 class（classes 只说谁不在保障范围，数字仍要有）' if listed else ''}。"
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
        met = groups if types == frozenset({CHRONIC}) else groups | {OTHER_DISEASES}
        return sorted(met & rule.applies.get(dimension, met))
    if dimension == "medical_type" and types is not None and rule.tier in policy.childbirth_tiers:
        return sorted(types | {CHILDBIRTH})
    if dimension in rule.applies:
        return sorted(rule.applies[dimension])
    if dimension == "delivery_mode" and types != frozenset({CHILDBIRTH}):
        return (*values, "")  # bills that are no childbirth have none
    return values
