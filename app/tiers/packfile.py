"""The text of a policy pack, read strictly: YAML in, a checked ``PackSource`` and findings out. Pure.

A finding names file, line, parameter and what to write instead. Nothing is guessed: an unknown key, a float, an alias or a
duplicate key is a finding. What the rules need on which day is checked later, in ``policy.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import Any, Final

import yaml

from app.tiers.model import ACCUMULATORS, CLASSES, LEVELS, MEDICAL_TYPES, RANKS
from app.tiers.values import TIERS, converted

MAX_PACK_BYTES: Final = 1_000_000
UNITS: Final = ("yuan", "rate", "bands", "flag", "days", "diseases", "prices", "classes", "tiers", "text")
SELECTORS: Final = ("class", "level", "rank", "delivery_mode", "disease_group", "fund", "out_of_area", "admission")
STATUSES: Final = ("enacted", "assumed")
BASES: Final = ("total", "total_less_hospital", "in_scope", "remaining_in_scope", "remaining_total", "out_of_scope")

KINDS: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    # kind: (parameters it needs, parameters it may have)
    "share": (
        frozenset({"rate"}),
        frozenset({"deductible", "missing_referral_cut", "base_cap", "cap_year", "cap_stay", "ceiling", "diseases"}),
    ),
    "bands": (frozenset({"deductible"}), frozenset({"bands", "rate", "cap_year", "cap_stay", "ceiling"})),
    "floor": (frozenset({"rate"}), frozenset()),
    "own_cap": (frozenset({"cap"}), frozenset()),
    "package": (frozenset({"sums"}), frozenset()),
    "fixed_payment": (frozenset({"sums"}), frozenset()),
    "out_of_catalogue": (frozenset({"limit"}), frozenset()),
    "disease_price": (frozenset({"price"}), frozenset()),
    "ended": (frozenset({"reason"}), frozenset()),
}
OPTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "base": BASES,
    "ceiling_base": BASES,
    "deductible_per": ("stay", "episode", "year"),
    "bands_from": ("zero", "deductible"),
    "referral_missing": ("own_class", "as_ordinary", "pays_nothing"),
    "counts_deductible": ACCUMULATORS,
    "counts_base": ACCUMULATORS,
    "counts_paid": ACCUMULATORS,
}
FACTS: Final[Mapping[str, tuple[str, ...]]] = {
    "medical_type": MEDICAL_TYPES,
    "class": CLASSES,
    "level": LEVELS,
    "rank": RANKS,
    "delivery_mode": ("vaginal", "caesarean"),
    "out_of_area": ("true", "false"),
    "admission": ("1", "2", "3"),
}
ROLES: Final = ("classes", "later_tiers", *sorted({role for need, may in KINDS.values() for role in need | may}))


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


@dataclass(slots=True)
class _Reader:
    """Walks one file's nodes and gathers findings."""

    file: str
    findings: list[str] = field(default_factory=list)

    def find(self, line: int, message: str) -> None:
        self.findings.append(f"{self.file}:{line}: {message}")

    def plain(self, node: yaml.Node) -> Any:
        """A node as plain data; mappings become ``_Map`` so that lines are known. Floats and duplicates are findings."""
        line = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            result = _Map(line)
            for key_node, value_node in node.value:
                key = key_node.value if isinstance(key_node, yaml.ScalarNode) else ""
                if key in result:
                    self.find(key_node.start_mark.line + 1, f"键“{key}”写了两次，请只保留一个。")
                result[key] = self.plain(value_node)
                result.lines[key] = value_node.start_mark.line + 1
            return result
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item) for item in node.value]
        return self._scalar(node, line)

    def _scalar(self, node: yaml.Node, line: int) -> Any:
        text: str = node.value
        match node.tag.rsplit(":", 1)[-1]:
            case "float":
                self.find(line, f'{text} 是浮点数。比例和金额请加引号写成文字，如 "{text}"。')
                return text
            case "int":
                return int(text) if text.lstrip("-").isdigit() else text
            case "bool":
                return text.lower() in ("true", "yes", "on")
            case "null":
                return None
            case "timestamp":
                try:
                    return date.fromisoformat(text)
                except ValueError:
                    self.find(line, f"日期“{text}”不成立。请写成 2017-11-03 这样的形式。")
                    return None
        return text

    def keys(self, data: "_Map", where: str, needed: frozenset[str], allowed: frozenset[str]) -> None:
        """Finding for each missing and each unknown key."""
        for key in sorted(needed - data.keys()):
            self.find(data.line, f"{where} 缺少“{key}”。")
        for key in sorted(data.keys() - needed - allowed):
            known = "、".join(sorted(needed | allowed))
            self.find(data.lines.get(key, data.line), f"{where} 有不认识的键“{key}”。可以写的有：{known}。")

    def word(self, data: "_Map", key: str, where: str, allowed: tuple[str, ...] | None = None) -> str:
        value = data.get(key)
        if not isinstance(value, str) or (allowed is not None and value not in allowed):
            choices = "" if allowed is None else f"，可选：{'、'.join(allowed)}"
            self.find(data.lines.get(key, data.line), f"{where} 的“{key}”应是文字{choices}。")
            return ""
        return value

    def day(self, data: "_Map", key: str, where: str) -> date | None:
        value = data.get(key)
        if value is not None and not isinstance(value, date):
            self.find(data.lines.get(key, data.line), f"{where} 的“{key}”应是日期，如 2017-11-03。")
            return None
        return value

    def interval(self, data: "_Map", where: str) -> tuple[date, date | None]:
        since, until = self.day(data, "from", where), self.day(data, "until", where)
        if since is not None and until is not None and until <= since:
            self.find(data.line, f"{where} 的区间为空：until（不含当日）必须晚于 from。")
        return since or date.max, until

    def words(self, value: Any, line: int, where: str) -> tuple[str, ...]:
        items = value if isinstance(value, list) else [value]
        result = tuple(_text(item) for item in items)
        if not result or not all(result):
            self.find(line, f"{where} 应是一个文字或文字的列表。")
        return result


class _Map(dict[str, Any]):
    """A YAML mapping that remembers its lines."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int)) else ""


def parse_pack(name: str, text: str) -> tuple[PackSource | None, list[str]]:
    """Read one pack. Returns it with the findings; None when the text can't be read at all."""
    reader = _Reader(f"{name}.yaml")
    root = _compose(text, reader)
    if not isinstance(root, _Map):
        return None, reader.findings
    needed = frozenset({"pack", "title", "areas"})
    allowed = frozenset({"inherits", "documents", "versions", "parameters"})
    reader.keys(root, "政策包", needed, allowed)
    if root.get("pack") != name:
        reader.find(root.line, f"“pack”必须与文件名相同，请写 pack: {name}。")
    inherits = root.get("inherits")
    source = PackSource(
        name=name,
        title=reader.word(root, "title", "政策包"),
        inherits=inherits if isinstance(inherits, str) else None,
        areas=reader.words(root.get("areas", []), root.lines.get("areas", root.line), "areas"),
        documents=_documents(root.get("documents") or _Map(root.line), reader),
        versions=tuple(_version(key, value, reader) for key, value in _mapping(root, "versions", reader).items()),
        parameters={key: _parameter(key, value, reader) for key, value in _mapping(root, "parameters", reader).items()},
        digest=sha256(text.encode()).hexdigest(),
    )
    return source, reader.findings


def _compose(text: str, reader: _Reader) -> Any:
    if len(text.encode()) > MAX_PACK_BYTES:
        reader.find(1, f"文件超过 {MAX_PACK_BYTES} 字节。")
        return None
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                line = event.start_mark.line + 1 if event.start_mark else 1
                reader.find(line, "不允许使用 YAML 的锚点（&）和别名（*），请把内容写出来。")
                return None
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        reader.find(mark.line + 1 if mark else 1, "不是有效的 YAML，请检查缩进、冒号和引号。")
        return None
    if not isinstance(node, yaml.MappingNode):
        reader.find(1, "文件应是键和值（pack: …）。")
        return None
    return reader.plain(node)


def _mapping(root: _Map, key: str, reader: _Reader) -> dict[str, "_Map"]:
    value = root.get(key)
    if value is None:
        return {}
    if not isinstance(value, _Map):
        reader.find(root.lines.get(key, root.line), f"“{key}”应是键和值。")
        return {}
    for name, item in value.items():
        if not isinstance(item, _Map):
            reader.find(value.lines[name], f"{key} 的“{name}”应是键和值。")
    return {name: item for name, item in value.items() if isinstance(item, _Map)}


def _documents(data: Any, reader: _Reader) -> dict[str, dict[str, str]]:
    documents = {}
    for name, item in data.items() if isinstance(data, _Map) else ():
        if not isinstance(item, _Map):
            reader.find(data.lines[name], f"文件“{name}”应有 title。")
            continue
        reader.keys(item, f"文件“{name}”", frozenset({"title"}), frozenset({"number", "issuer", "issued", "note"}))
        documents[name] = {key: str(value) for key, value in item.items()}
    return documents


def _version(name: str, data: _Map, reader: _Reader) -> Version:
    where = f"版本“{name}”"
    reader.keys(data, where, frozenset({"title", "from", "precedence", "groups", "rules"}), frozenset({"until"}))
    since, until = reader.interval(data, where)
    precedence = reader.words(data.get("precedence", []), data.line, f"{where} 的 precedence")
    if sorted(precedence) != sorted(CLASSES):
        reader.find(data.lines.get("precedence", data.line), f"{where} 的 precedence 必须把八个类别各写一次。")
    groups = data.get("groups")
    members = {
        group: frozenset(reader.words(value, data.line, f"{where} 的组“{group}”"))
        for group, value in (groups.items() if isinstance(groups, _Map) else ())
    }
    if sorted(item for group in members.values() for item in group) != sorted(CLASSES):
        reader.find(data.lines.get("groups", data.line), f"{where} 的 groups 必须把八个类别各归入恰好一组。")
    if members.keys() & set(CLASSES):
        reader.find(data.lines.get("groups", data.line), f"{where} 的组名不能与类别同名，请改名（如 standard）。")
    rules = data.get("rules")
    return Version(
        name=name,
        title=reader.word(data, "title", where),
        since=since,
        until=until,
        precedence=precedence,
        groups=members,
        rules=tuple(_rule(item, where, reader) for item in (rules if isinstance(rules, list) else ())),
    )


def _rule(data: Any, where: str, reader: _Reader) -> Rule:
    if not isinstance(data, _Map):
        reader.find(1, f"{where} 的 rules 里每一项应是键和值。")
        return Rule("", "", "", "", {}, {}, {})
    where = f"{where} 的规则“{data.get('rule', '')}”"
    kind = reader.word(data, "kind", where, tuple(KINDS))
    need, may = KINDS.get(kind, (frozenset[str](), frozenset[str]()))
    base = frozenset({"rule", "title", "tier", "kind"})
    reader.keys(data, where, base | need, may | frozenset(OPTIONS) | {"applies", "classes", "later_tiers"})
    if "ceiling" in data and "ceiling_base" not in data:
        reader.find(
            data.line, f"{where} 有合计支付上限 ceiling，就要写 ceiling_base（按什么算），可选：{'、'.join(BASES)}。"
        )
    if kind == "bands" and not data.keys() & {"bands", "rate"}:
        reader.find(data.line, f"{where} 要有 bands（分段）或 rate（单一比例）。")
    if kind in ("share", "bands", "floor") and "base" not in data:
        reader.find(data.line, f"{where} 要写 base，可选：{'、'.join(BASES)}。")
    if data.get("cap_year") and "counts_paid" not in data:
        reader.find(
            data.line, f"{where} 有年度限额 cap_year，就要写 counts_paid（哪个累计记已支付），否则限额永远用不完。"
        )
    if data.get("deductible_per") == "year" and "counts_deductible" not in data:
        reader.find(data.line, f"{where} 的起付线按年度计，就要写 counts_deductible（哪个累计记已付起付线）。")
    applies = _applies(data, where, reader)
    return Rule(
        rule=reader.word(data, "rule", where),
        title=reader.word(data, "title", where),
        tier=reader.word(data, "tier", where, TIERS),
        kind=kind,
        applies=applies,
        parameters={key: reader.word(data, key, where) for key in data if key in ROLES},
        options={key: reader.word(data, key, where, OPTIONS[key]) for key in data if key in OPTIONS},
    )


def _applies(data: _Map, where: str, reader: _Reader) -> dict[str, frozenset[str]]:
    """To which bills a rule applies; an unknown fact or value would make it silently pay nothing, so it is a finding."""
    applies = data.get("applies")
    result = {}
    for key, value in applies.items() if isinstance(applies, _Map) else ():
        words = reader.words(value, data.line, f"{where} 的 applies.{key}")
        unknown = [word for word in words if word not in FACTS.get(key, ())]
        if key not in FACTS:
            reader.find(data.line, f"{where} 的 applies 有不认识的条件“{key}”。可以写的有：{'、'.join(FACTS)}。")
        elif unknown:
            reader.find(
                data.line,
                f"{where} 的 applies.{key} 有不认识的值“{'、'.join(unknown)}”。可以写的有：{'、'.join(FACTS[key])}。",
            )
        result[key] = frozenset(words)
    return result


def _parameter(name: str, data: _Map, reader: _Reader) -> Parameter:
    where = f"参数 {name}"
    reader.keys(data, where, frozenset({"title", "unit", "rows"}), frozenset({"by"}))
    unit = reader.word(data, "unit", where, UNITS)
    by = reader.words(data["by"], data.line, f"{where} 的 by") if "by" in data else ()
    rows: list[Row] = []
    for item in data["rows"] if isinstance(data.get("rows"), list) else ():
        if isinstance(item, _Map):
            rows.extend(_rows(item, where, by, reader))
        else:
            reader.find(data.line, f"{where} 的 rows 里每一项应是键和值。")
    for row in rows:
        check_value(row.value, unit, f"{where}（{row.since} 起）", row.line, reader)
    return Parameter(name, reader.word(data, "title", where), unit, by, tuple(rows))


def _rows(data: _Map, where: str, by: tuple[str, ...], reader: _Reader) -> list[Row]:
    reader.keys(data, where, frozenset({"from", "value", "status", "source"}), frozenset({"until", *SELECTORS}))
    since, until = reader.interval(data, where)
    status = reader.word(data, "status", where, STATUSES)
    source = data.get("source")
    if not isinstance(source, _Map) or not source.get("document") or not source.get("clause"):
        reader.find(data.line, f"{where}（{since} 起）缺少来源，请写 source: {{document: …, clause: …}}。")
        source = _Map(data.line)
    selectors = {key: reader.words(data[key], data.line, f"{where} 的 {key}") for key in SELECTORS if key in data}
    return [
        Row(
            tuple(sorted((selectors | extra).items())),
            since,
            until,
            value,
            status,
            _text(source.get("document")),
            _text(source.get("clause")),
            data.line,
            reader.file,
        )
        for extra, value in _spread(data.get("value"), by, where, data.line, reader)
    ]


def _spread(
    value: Any, by: tuple[str, ...], where: str, line: int, reader: _Reader
) -> list[tuple[dict[str, tuple[str, ...]], Any]]:
    """A value table keyed by the dimensions in ``by``, as single values with their selectors."""
    if not by:
        return [({}, value)]
    if not isinstance(value, _Map):
        reader.find(line, f"{where} 的 value 应按 {'、'.join(by)} 分别写出。")
        return []
    return [
        ({by[0]: (key,)} | extra, inner)
        for key, item in value.items()
        for extra, inner in _spread(item, by[1:], where, line, reader)
    ]


def check_value(value: Any, unit: str, where: str, line: int, reader: _Reader) -> None:
    """Findings for a value that does not fit its unit. ``none`` is a value: there is no such cap, rate or sum."""
    if value == "none":
        return
    if isinstance(value, _Map) and value.keys() & {"of", "share", "share_of_bill"}:
        _check_derived(value, where, line, reader)
        return
    remedy = {
        "yuan": '金额写整数元，或加引号的 "1234.50"',
        "rate": '比例写 0 到 1 之间、加引号的小数，如 "0.70"（不是 70）',
        "bands": '分段写列表 [{up_to: 50000, rate: "0.60"}, …, {up_to: none, rate: "0.80"}]，上限递增，最后一段 none',
        "flag": "写 true 或 false",
        "days": "写整数",
        "diseases": "写 代码: {name: 名称, group: general} 的表",
        "prices": "写 病种代码: 元 的表",
        "classes": "写类别的列表",
        "tiers": "写层级的列表",
        "text": "写文字",
    }
    try:
        converted(value, unit)
    except (ValueError, TypeError, KeyError, AttributeError):
        reader.find(line, f"{where} 的 value 不对：{remedy.get(unit, '')}。")


def _check_derived(value: _Map, where: str, line: int, reader: _Reader) -> None:
    if "share" in value:
        reader.keys(value, where, frozenset({"share", "of_parameter"}), frozenset())
    elif "share_of_bill" in value:
        reader.keys(value, where, frozenset({"share_of_bill", "at_least", "at_most"}), frozenset())
        for key, unit in (("share_of_bill", "rate"), ("at_least", "yuan"), ("at_most", "yuan")):
            check_value(value.get(key), unit, f"{where} 的 {key}", line, reader)
        return
    else:
        reader.keys(value, where, frozenset({"of"}), frozenset({"times", "plus", "at_least"}))
        if value.get("of") != "ordinary":
            reader.find(line, f"{where} 的 of 只能写 ordinary（同一参数 ordinary 类别的值）。")
    for key in value.keys() & {"share", "plus", "at_least"}:
        check_value(value[key], "rate", f"{where} 的 {key}", line, reader)
    if "times" in value and not (isinstance(value["times"], str) and value["times"].replace(".", "", 1).isdigit()):
        reader.find(line, f'{where} 的 times 写加引号的小数，如 "0.5"。')
