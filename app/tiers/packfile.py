"""The text of a policy pack, read strictly: YAML in, a checked ``PackSource`` and findings out. Pure.

A finding names file, line, parameter and what to write instead. Nothing is guessed: an unknown key, a float, an alias or a
duplicate key is a finding. What the rules need on which day is checked later, in ``policy.py``.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import Any, Final, NamedTuple

from app.basics.areas import PLACES
from app.tiers.model import ACCUMULATORS, CLASSES, LEVELS, MEDICAL_TYPES, RANKS, REFERRALS
from app.tiers.values import TIERS, WrongBand, converted
from app.tiers.yamltext import Map, Reader, compose, nearest, text_of

UNITS: Final = ("yuan", "rate", "bands", "flag", "days", "dates", "diseases", "prices", "classes", "tiers", "text")
STATUSES: Final = ("enacted", "assumed")
FACTS: Final[Mapping[str, tuple[str, ...]]] = {
    "medical_type": MEDICAL_TYPES,
    "class": CLASSES,
    "level": LEVELS,
    "rank": RANKS,
    "place": PLACES,
    "referral": REFERRALS,
    "delivery_mode": ("vaginal", "caesarean"),
    "admission": ("1", "2", "3"),
}
SELECTORS: Final = (*FACTS, "disease_group", "fund")
REGIONS: Final = ("total", "in_catalogue", "in_scope", "out_of_scope", "out_of_catalogue")
WHOLE_BASES: Final = (*REGIONS, "total_less_hospital")
BASES: Final = (*WHOLE_BASES, *(f"remaining_{region}" for region in REGIONS))


class Kind(NamedTuple):
    """What a rule of a kind may say: figures that it needs, figures that it may have, words that it may use."""

    needs: frozenset[str]
    may: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()


CAPS: Final = frozenset({"cap_year", "cap_stay", "ceiling"})
KINDS: Final[Mapping[str, Kind]] = {
    "share": Kind(
        frozenset({"rate"}),
        frozenset({"deductible", "missing_referral_cut", "base_cap", "diseases"}) | CAPS,
        frozenset({"base", "deductible_per", "counts_deductible", "ceiling_base"}),
    ),
    "bands": Kind(
        frozenset({"deductible"}),
        frozenset({"bands", "rate"}) | CAPS,
        frozenset({"base", "bands_from", "counts_base", "ceiling_base"}),
    ),
    "floor": Kind(frozenset({"rate"}), CAPS, frozenset({"base", "ceiling_base"})),
    "own_cap": Kind(frozenset({"cap"}), CAPS, frozenset({"own_of_year", "ceiling_base"})),
    "package": Kind(frozenset({"sums"})),
    "fixed_payment": Kind(frozenset({"sums"})),
    "out_of_catalogue": Kind(frozenset({"limit"})),
    "disease_price": Kind(frozenset({"price"})),
    "ended": Kind(frozenset({"reason"})),
}
WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "base": BASES,
    "ceiling_base": WHOLE_BASES,
    "deductible_per": ("stay", "episode", "year"),
    "bands_from": ("zero", "deductible"),
    "referral_missing": ("own_class", "as_ordinary", "pays_nothing"),
}
COUNTERS: Final = ("counts_deductible", "counts_base", "counts_paid", "own_of_year")
OPTIONS: Final = (*WORDS, *COUNTERS)
EVERY_RULE: Final = frozenset({"applies", "classes", "later_tiers", "referral_missing", "counts_paid"})
ROLES: Final = frozenset({"classes", "later_tiers"}).union(*(kind.needs | kind.may for kind in KINDS.values()))
_NAME: Final = re.compile(r"\A[a-z][a-z0-9_]{0,39}\Z")


@dataclass(frozen=True, slots=True)
class Row:
    """One dated figure: selectors, half-open interval, its value as written, its source."""

    selectors: tuple[tuple[str, tuple[str, ...]], ...]
    since: date
    until: date | None
    value: Any
    status: str
    document: str
    clause: str
    line: int
    file: str


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
    """One step of the waterfall. ``parameters`` maps the kind's roles to parameter names, ``options`` are its words.

    ``at``, here and below, is where it stands (file:line), for findings; it is no part of the law.
    """

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
    """A yearly sum of the pack's own. ``grows_by`` is the base by which a bill that ``applies`` matches lets it grow at the
    end of the waterfall; without it only rules count into it."""

    title: str
    grows_by: str | None
    applies: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Version:
    """The order of the tiers and who is who, for the policy days in ``[since, until)``."""

    name: str
    title: str
    since: date
    until: date | None
    precedence: tuple[str, ...]
    groups: Mapping[str, frozenset[str]]
    rules: tuple[Rule, ...]
    accumulators: Mapping[str, Accumulator] = field(default_factory=dict)
    at: str = field(default="", compare=False)


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

    def at(self, key: str) -> str:
        """Where a key of the pack stands, for findings."""
        return f"{self.name}.yaml:{self.lines.get(key, 1)}"


def parse_pack(name: str, text: str) -> tuple[PackSource | None, list[str]]:
    """Read one pack. Returns it with the findings; None when the text can't be read at all."""
    reader = Reader(f"{name}.yaml")
    root = compose(text, reader)
    if not isinstance(root, Map):
        return None, reader.findings
    needed = frozenset({"pack", "title", "areas"})
    allowed = frozenset({"inherits", "documents", "versions", "parameters"})
    reader.keys(root, "政策包", needed, allowed)
    if root.get("pack") != name:
        line = root.lines.get("pack", root.line)
        reader.find(line, f"“pack”必须与文件名相同，请写 pack: {name}，或把文件改名。")
    source = PackSource(
        name=name,
        title=reader.word(root, "title", "政策包"),
        inherits=reader.word(root, "inherits", "政策包") or None,
        areas=reader.words(root.get("areas", []), root.lines.get("areas", root.line), "areas"),
        documents=_documents(root.get("documents") or Map(root.line), reader),
        versions=tuple(_version(key, value, reader) for key, value in _mapping(root, "versions", reader).items()),
        parameters={key: _parameter(key, value, reader) for key, value in _mapping(root, "parameters", reader).items()},
        digest=sha256(text.encode()).hexdigest(),
        lines=root.lines,
    )
    return source, reader.findings


def _mapping(root: Map, key: str, reader: Reader) -> dict[str, "Map"]:
    value = root.get(key)
    if value is None:
        return {}
    if not isinstance(value, Map):
        reader.find(root.lines.get(key, root.line), f"“{key}”应是键和值，每一项一个名字。")
        return {}
    for name, item in value.items():
        if not isinstance(item, Map):
            reader.find(value.lines[name], f"{key} 的“{name}”应是键和值，写在下一行、向右缩进。")
    return {name: item for name, item in value.items() if isinstance(item, Map)}


def _documents(data: Any, reader: Reader) -> dict[str, dict[str, str]]:
    documents = {}
    if not isinstance(data, Map):
        reader.find(1, "“documents”应是键和值：文件代号: {title: 文件名}。")
    for name, item in data.items() if isinstance(data, Map) else ():
        if not isinstance(item, Map):
            reader.find(data.lines[name], f"文件“{name}”应有 title，如 {name}: {{title: 文件名}}。")
            continue
        reader.keys(item, f"文件“{name}”", frozenset({"title"}), frozenset({"number", "issuer", "issued", "note"}))
        documents[name] = {key: str(value) for key, value in item.items()}
    return documents


def _version(name: str, data: Map, reader: Reader) -> Version:
    where = f"版本“{name}”"
    reader.keys(
        data, where, frozenset({"title", "from", "precedence", "groups", "rules"}), frozenset({"until", "accumulators"})
    )
    since, until = reader.interval(data, where)
    accumulators = {
        key: _accumulator(key, value, where, reader) for key, value in _mapping(data, "accumulators", reader).items()
    }
    precedence = reader.words(
        data.get("precedence", []), data.lines.get("precedence", data.line), f"{where} 的 precedence"
    )
    if "precedence" in data:
        advice = f"{where} 的 precedence 必须把八个类别各写一次"
        _each_class_once(precedence, data.lines["precedence"], advice, reader)
    members = _groups(data, where, reader)
    rules = data.get("rules")
    if "rules" in data and (not isinstance(rules, list) or not rules):
        reader.find(data.lines["rules"], f"{where} 的 rules 应是规则的列表，每条以“- rule: 名字”开始。")
    return Version(
        name=name,
        title=reader.word(data, "title", where),
        since=since,
        until=until,
        precedence=precedence,
        groups=members,
        rules=tuple(_rule(item, where, accumulators, reader) for item in _maps(data, "rules", where, reader)),
        accumulators=accumulators,
        at=f"{reader.file}:{data.line}",
    )


def _maps(data: Map, key: str, where: str, reader: Reader) -> list[Map]:
    """The mappings of a list; anything else in it is a finding."""
    items = data[key] if isinstance(data.get(key), list) else []
    for number, item in enumerate(items, 1):
        if not isinstance(item, Map):
            reader.find(data.lines[key], f"{where} 的 {key} 第 {number} 项应是键和值。")
    return [item for item in items if isinstance(item, Map)]


def _groups(data: Map, where: str, reader: Reader) -> dict[str, frozenset[str]]:
    """The groups of a version: each class in exactly one."""
    groups = _part(data, "groups", where, reader)
    members = {
        group: reader.words(value, groups.lines[group], f"{where} 的组“{group}”") for group, value in groups.items()
    }
    if "groups" in data:
        listed = [item for group in members.values() for item in group]
        advice = f"{where} 的 groups 必须把八个类别各归入恰好一组"
        _each_class_once(listed, data.lines["groups"], advice, reader)
    for group in members.keys() & set(CLASSES):
        reader.find(groups.lines[group], f"{where} 的组名“{group}”与类别同名，请改名（如 standard）。")
    return {group: frozenset(listed) for group, listed in members.items()}


def _each_class_once(listed: Sequence[str], line: int, advice: str, reader: Reader) -> None:
    for name in dict.fromkeys(item for item in listed if item not in CLASSES):
        reader.find(line, f"{advice}：没有类别“{name}”。{nearest(name, CLASSES)}")
    missing = [name for name in CLASSES if name not in listed]
    twice = [name for name in CLASSES if listed.count(name) > 1]
    if missing:
        reader.find(line, f"{advice}：还缺 {'、'.join(missing)}。")
    if twice:
        reader.find(line, f"{advice}：写了不止一次的有 {'、'.join(twice)}。")


def _accumulator(name: str, data: Map, where: str, reader: Reader) -> Accumulator:
    where = f"{where} 的累计“{name}”"
    if name in ACCUMULATORS or not _NAME.match(name):
        reader.find(data.line, f"{where}：请换一个名字（小写字母、数字和下划线，且不与固定的十三个累计同名）。")
    reader.keys(data, where, frozenset({"title"}), frozenset({"grows_by", "applies"}))
    if "applies" in data and "grows_by" not in data:
        reader.find(data.line, f"{where} 写了 applies，就要写 grows_by（每张账单按什么增加）。")
    grows_by = reader.word(data, "grows_by", where, BASES) if "grows_by" in data else None
    return Accumulator(reader.word(data, "title", where), grows_by, _applies(data, where, reader))


def _rule(data: Map, where: str, own: Mapping[str, Accumulator], reader: Reader) -> Rule:
    where = f"{where} 的规则“{data.get('rule', '')}”"
    kind = reader.word(data, "kind", where, tuple(KINDS))
    need, may, words = KINDS.get(kind, Kind(frozenset(), ROLES, frozenset(OPTIONS)))
    reader.keys(data, where, frozenset({"rule", "title", "tier", "kind"}) | need, may | words | EVERY_RULE)
    if "ceiling" in data and "ceiling_base" not in data:
        choices = "、".join(WHOLE_BASES)
        reader.find(data.line, f"{where} 有合计支付上限 ceiling，就要写 ceiling_base（按什么算），可选：{choices}。")
    if kind == "bands" and not data.keys() & {"bands", "rate"}:
        reader.find(data.line, f"{where} 要有 bands（分段）或 rate（单一比例）。")
    if kind in ("share", "bands", "floor") and "base" not in data:
        reader.find(data.line, f"{where} 要写 base，可选：{'、'.join(BASES)}。")
    if kind == "floor" and data.get("base") not in (None, *WHOLE_BASES):
        choices = "、".join(WHOLE_BASES)
        reader.find(data.line, f"{where} 补足的是已支付的部分，base 不能写剩余费用，可选：{choices}。")
    if data.get("cap_year") and "counts_paid" not in data:
        reader.find(
            data.line, f"{where} 有年度限额 cap_year，就要写 counts_paid（哪个累计记已支付），否则限额永远用不完。"
        )
    if data.get("deductible_per") == "year" and "counts_deductible" not in data:
        reader.find(data.line, f"{where} 的起付线按年度计，就要写 counts_deductible（哪个累计记已付起付线）。")
    return Rule(
        rule=reader.word(data, "rule", where),
        title=reader.word(data, "title", where),
        tier=reader.word(data, "tier", where, TIERS),
        kind=kind,
        applies=_applies(data, where, reader),
        parameters={key: reader.word(data, key, where) for key in data if key in ROLES},
        options={key: reader.word(data, key, where, _allowed(key, own)) for key in data if key in OPTIONS},
        at=f"{reader.file}:{data.line}",
    )


def _allowed(option: str, own: Mapping[str, Accumulator]) -> tuple[str, ...]:
    """The words of an option. What a bill lets grow by itself, rules may look at but not count into."""
    if option == "own_of_year":
        return ("compliant_own", *(name for name, item in own.items() if item.grows_by is not None))
    if option in COUNTERS:
        return (*ACCUMULATORS, *(name for name, item in own.items() if item.grows_by is None))
    return WORDS[option]


def _applies(data: Map, where: str, reader: Reader) -> dict[str, frozenset[str]]:
    """To which bills a rule applies; an unknown fact or value would make it silently pay nothing, so it is a finding."""
    applies = _part(data, "applies", where, reader)
    result = {}
    for key, value in applies.items():
        line = applies.lines[key]
        words = reader.words(value, line, f"{where} 的 applies.{key}")
        if key not in FACTS:
            guess = nearest(key, FACTS)
            reader.find(line, f"{where} 的 applies 有不认识的条件“{key}”。{guess}可以写的有：{'、'.join(FACTS)}。")
            continue
        for word in words:
            if word not in FACTS[key]:
                reader.unknown(line, f"{where} 的 applies.{key}", word, FACTS[key])
        result[key] = frozenset(words)
    return result


def _part(data: Map, key: str, where: str, reader: Reader) -> Map:
    """A mapping inside another, an empty one when it isn't there."""
    value = data.get(key)
    if key in data and not isinstance(value, Map):
        reader.find(data.lines[key], f"{where} 的“{key}”应是键和值，如 {key}: {{名字: [值]}}。")
    return value if isinstance(value, Map) else Map(data.line)


def _parameter(name: str, data: Map, reader: Reader) -> Parameter:
    where = f"参数 {name}"
    reader.keys(data, where, frozenset({"title", "unit", "rows"}), frozenset({"by"}))
    unit = reader.word(data, "unit", where, UNITS)
    by = reader.words(data["by"], data.lines["by"], f"{where} 的 by") if "by" in data else ()
    for dimension in by:
        if dimension not in SELECTORS:
            reader.unknown(data.lines["by"], f"{where} 的 by", dimension, SELECTORS)
    if "rows" in data and (not isinstance(data["rows"], list) or not data["rows"]):
        reader.find(data.lines["rows"], f"{where} 的 rows 应是带日期的数字的列表，每个以“- from: 日期”开始。")
    rows = [row for item in _maps(data, "rows", where, reader) for row in _rows(item, where, by, reader)]
    for row in rows:
        if unit:
            check_value(row.value, unit, f"{where}（{row.since} 起）", row.line, reader)
    return Parameter(name, reader.word(data, "title", where), unit, by, tuple(rows), f"{reader.file}:{data.line}")


def _rows(data: Map, where: str, by: tuple[str, ...], reader: Reader) -> list[Row]:
    reader.keys(data, where, frozenset({"from", "value", "status", "source"}), frozenset({"until", *SELECTORS}))
    since, until = reader.interval(data, where)
    status = reader.word(data, "status", where, STATUSES)
    source = data.get("source")
    if not isinstance(source, Map) or not source.get("document") or not source.get("clause"):
        if "source" in data:
            line = data.lines["source"]
            reader.find(line, f"{where}（{since} 起）缺少来源，请写 source: {{document: 文件代号, clause: 条款}}。")
        source = Map(data.line)
    selectors = {key: reader.words(data[key], data.lines[key], f"{where} 的 {key}") for key in SELECTORS if key in data}
    rows = [
        Row(
            tuple(sorted((key, tuple(sorted(words))) for key, words in (selectors | extra).items())),
            since,
            until,
            value,
            status,
            text_of(source.get("document")),
            text_of(source.get("clause")),
            line,
            reader.file,
        )
        for extra, value, line in (
            _spread(data["value"], by, where, data.lines["value"], reader) if "value" in data else ()
        )
    ]
    for row in rows:
        _check_selectors(row, where, reader)
    return rows


def _check_selectors(row: Row, where: str, reader: Reader) -> None:
    """Findings for values of facts that no bill has; which groups there are is known when all versions are."""
    for dimension, values in row.selectors:
        known = FACTS.get(dimension, ())
        for value in values if known and dimension != "class" else ():
            if value not in known:
                reader.unknown(row.line, f"{where}（{row.since} 起）的 {dimension}", value, known)


def _spread(
    value: Any, by: tuple[str, ...], where: str, line: int, reader: Reader
) -> list[tuple[dict[str, tuple[str, ...]], Any, int]]:
    """A value table keyed by the dimensions in ``by``, as single values with their selectors and lines."""
    if not by:
        return [({}, value, line)]
    if not isinstance(value, Map):
        reader.find(line, f"{where} 的 value 应按 {'、'.join(by)} 分别写出，如 value: {{1: …, 2: …, 3: …}}。")
        return []
    return [
        ({by[0]: (key,)} | extra, inner, place)
        for key, item in value.items()
        for extra, inner, place in _spread(item, by[1:], where, value.lines[key], reader)
    ]


def check_value(value: Any, unit: str, where: str, line: int, reader: Reader) -> None:
    """Findings for a value that does not fit its unit. ``none`` is a value: there is no such cap, rate or sum."""
    if value == "none":
        return
    if isinstance(value, Map) and value.keys() & {"of", "share", "share_of_bill"}:
        _check_derived(value, unit, where, line, reader)
        return
    remedy = {
        "yuan": '金额写整数元，或加引号的 "1234.50"',
        "rate": '比例写 0 到 1 之间、加引号的小数，如 "0.70"（不是 70）',
        "bands": '分段写列表 [{up_to: 50000, rate: "0.60"}, …, {up_to: none, rate: "0.80"}]，上限递增，最后一段 none',
        "flag": "写 true 或 false",
        "days": "写整数",
        "dates": "写日期的列表，如 [2018-02-15, 2018-02-16]",
        "diseases": "写 代码: {name: 名称, group: general} 的表",
        "prices": "写 病种代码: 元 的表",
        "classes": "写类别的列表",
        "tiers": "写层级的列表",
        "text": "写文字",
    }
    try:
        converted(value, unit)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        written = f"“{text_of(value)}”" if text_of(value) else ""
        found = f"（{error}）" if isinstance(error, WrongBand) else ""
        reader.find(line, f"{where} 的 value {written}不对{found}：{remedy[unit]}。")


def _check_derived(value: Map, unit: str, where: str, line: int, reader: Reader) -> None:
    if "of" not in value and unit != "yuan":
        reader.find(line, f"{where} 的 value 不对：只有单位 yuan 的参数可以写成 share 或 share_of_bill。")
    if "of_parameter" in value:
        reader.keys(value, where, frozenset({"share", "of_parameter"}), frozenset())
    elif "share" in value or "share_of_bill" in value:
        need = {"share", "of_accumulator"} if "share" in value else {"share_of_bill"}
        reader.keys(value, where, frozenset(need), frozenset({"at_least", "at_most"}))
        for key in value.keys() & {"share_of_bill", "at_least", "at_most"}:
            check_value(value[key], "rate" if key == "share_of_bill" else "yuan", f"{where} 的 {key}", line, reader)
    else:
        reader.keys(value, where, frozenset({"of"}), frozenset({"times", "plus", "at_least"}))
        if value.get("of") != "ordinary":
            reader.find(line, f"{where} 的 of 只能写 ordinary（同一参数 ordinary 类别的值）。")
    for key in value.keys() & ({"share", "plus", "at_least"} if "of" in value else {"share"}):
        check_value(value[key], "rate", f"{where} 的 {key}", line, reader)
    if "times" in value and not (isinstance(value["times"], str) and value["times"].replace(".", "", 1).isdigit()):
        reader.find(line, f'{where} 的 times 写加引号的小数，如 "0.5"。')
