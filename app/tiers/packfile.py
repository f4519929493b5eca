"""The text of a policy pack, read strictly: YAML in, a checked ``PackSource`` and findings out. Pure.

A finding names file, line, parameter and what to write instead. Nothing is guessed: an unknown key, a float, an alias
or a duplicate key is a finding. What the rules need on which day is checked later, in ``findings.py``.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Final

from app.basics.classes import BASE_CLASSES, ClassWords, written_as
from app.basics.funds import NATIONAL_FUNDS
from app.tiers.figurefile import parameter_of
from app.tiers.kinds import KINDS
from app.tiers.kinds.kind import OPTIONS_OF_EVERY_RULE, Kind
from app.tiers.model import ACCUMULATORS, CLASSES, FUND_TIERS, KEPT_BY_ENGINE, SUPPLEMENT_PAID
from app.tiers.pack import Accumulator, PackSource, Rule, Version
from app.tiers.roles import OF_EVERY_RULE
from app.tiers.units import TIERS
from app.tiers.vocabulary import (
    ALSO,
    BASES,
    COUNTERS,
    FACTS,
    IN_PROPORTION,
    OPTIONS,
    OVER_NEW_YEAR,
    PER,
    WHOLE_BASES,
    WORDS,
)
from app.tiers.yamltext import Map, Reader, compose, nearest, text_of

OF_RULES: Final = frozenset({"rule", "title", "tier", "kind"})
EVERY_RULE: Final = frozenset({"applies", *OPTIONS_OF_EVERY_RULE, *(role.name for role in OF_EVERY_RULE)})
COUNTABLE: Final = (*(name for name in ACCUMULATORS if name not in KEPT_BY_ENGINE), SUPPLEMENT_PAID)
_INHERITS: Final = re.compile(r"""^inherits:\s*["']?([\w-]+)""", re.MULTILINE)
_DECLARES: Final = re.compile(r"^classes:", re.MULTILINE)
_TAKEN: Final = written_as(BASE_CLASSES)
_NAME: Final = re.compile(r"\A[a-z][a-z0-9_]{0,39}\Z")
DOCUMENT_KEYS: Final = frozenset({"number", "issuer", "issued", "note", "href", "checked_on", "clauses"})
CLAUSE: Final = "clause "
"""Before the number of a clause whose text a document has."""
"""``href``: where the document can be read; ``checked_on``: the day on which the figures were compared with it."""


def classes_of(name: str, texts: Mapping[str, str], below: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The benefit classes that a pack may name: those that all know, its own and those of the packs it inherits."""
    text = texts.get(name, "")
    parent = _INHERITS.search(text)
    inherited = CLASSES if parent is None or name in below else classes_of(parent[1], texts, (*below, name))
    root = compose(text, Reader(f"{name}.yaml")) if _DECLARES.search(text) else None
    own = None if root is None else root.get("classes")
    return tuple(dict.fromkeys((*inherited, *(own if isinstance(own, Map) else ()))))


def parse_pack(name: str, text: str, classes: Sequence[str] = CLASSES) -> tuple[PackSource | None, list[str]]:
    """Read one pack, which may name these classes. Returns it with the findings; None when the text can't be read at
    all."""
    reader = Reader(f"{name}.yaml", classes=classes)
    root = compose(text, reader)
    if root is None:
        return None, reader.findings
    needed = frozenset({"pack", "title", "areas"})
    allowed = frozenset({"inherits", "documents", "versions", "parameters", "insurance_types", "funds", "classes"})
    reader.keys(root, "政策配置", needed, allowed)
    if root.get("pack") != name:
        line = root.lines.get("pack", root.line)
        reader.find(line, f"“pack”必须与文件名相同，请写 pack: {name}，或把文件改名。")
    source = PackSource(
        name=name,
        title=reader.word(root, "title", "政策配置"),
        inherits=reader.word(root, "inherits", "政策配置") or None,
        areas=reader.words(root.get("areas", []), root.lines.get("areas", root.line), "areas"),
        documents=_documents(root.get("documents") or Map(root.line), reader),
        versions=tuple(_version(key, value, reader) for key, value in _mapping(root, "versions", reader).items()),
        parameters={
            key: parameter_of(key, value, reader) for key, value in _mapping(root, "parameters", reader).items()
        },
        digest=sha256(text.encode()).hexdigest(),
        lines=root.lines,
        insurance_types=_insurance_types(root, reader),
        funds=_funds(root, reader),
        classes=_classes(root, reader),
    )
    return source, reader.findings


def _insurance_types(root: Map, reader: Reader) -> tuple[str, ...]:
    """The insurance types that a pack covers, none where it doesn't say."""
    if "insurance_types" not in root:
        return ()
    line = root.lines["insurance_types"]
    written = reader.words(root["insurance_types"], line, "insurance_types")
    for word in written:
        if word not in FACTS["insurance_type"]:
            reader.unknown(line, "insurance_types", word, FACTS["insurance_type"])
    return written


def _funds(root: Map, reader: Reader) -> dict[str, dict[str, str]]:
    """The funds that a pack chooses, by insurance type and tier."""
    funds: dict[str, dict[str, str]] = {}
    for kind, tiers in _mapping(root, "funds", reader).items():
        if kind not in FACTS["insurance_type"]:
            reader.unknown(tiers.line, "funds", kind, FACTS["insurance_type"])
        reader.keys(tiers, f"funds 的“{kind}”", frozenset(), frozenset(FUND_TIERS))
        funds[kind] = {tier: text_of(code) for tier, code in tiers.items()}
        for tier, code in funds[kind].items():
            if code not in NATIONAL_FUNDS:
                where = f"funds 的“{kind}”的 {tier}"
                reader.find(tiers.lines[tier], f'{where} 写了“{code}”，应是国家字典里加引号的基金代码，如 "310100"。')
    return funds


def _classes(root: Map, reader: Reader) -> dict[str, ClassWords]:
    """The benefit classes that a pack declares, with what they are called."""
    classes = {}
    for name, data in _mapping(root, "classes", reader).items():
        where = f"类别“{name}”"
        if name in CLASSES or not _NAME.match(name):
            reader.find(data.line, f"{where}：请换一个名字（小写字母、数字和下划线，且不是固定的八个类别）。")
        reader.keys(data, where, frozenset({"zh", "en"}), frozenset({"words", "codes"}))
        said = {key: _listed(data, key, where, reader) for key in ("words", "codes")}
        words = ClassWords(reader.word(data, "zh", where), reader.word(data, "en", where), **said)
        for text in {one.casefold() for one in (words.zh, *words.words, *words.codes)} & _TAKEN.keys():
            reader.find(data.line, f"{where}：“{text}”已经是类别 {_TAKEN[text]} 的写法。请另写一个。")
        classes[name] = words
    return classes


def _listed(data: Map, key: str, where: str, reader: Reader) -> tuple[str, ...]:
    return reader.words(data[key], data.lines[key], f"{where} 的 {key}") if key in data else ()


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


def _documents(data: object, reader: Reader) -> dict[str, dict[str, str]]:
    documents: dict[str, dict[str, str]] = {}
    if not isinstance(data, Map):
        reader.find(1, "“documents”应是键和值：文件代号: {title: 文件名}。")
        return documents
    for name, item in data.items():
        if not isinstance(item, Map):
            reader.find(data.lines[name], f"文件“{name}”应有 title，如 {name}: {{title: 文件名}}。")
            continue
        reader.keys(item, f"文件“{name}”", frozenset({"title"}), DOCUMENT_KEYS)
        if "href" in item and not str(item["href"]).startswith(("https://", "http://")):
            reader.find(
                item.lines["href"], f"文件“{name}”的 href 应是网址，以 https:// 或 http:// 开头；不知道就不写。"
            )
        if "checked_on" in item:
            reader.day(item, "checked_on", f"文件“{name}”")
        clauses = item.get("clauses") or Map(item.line)
        if not isinstance(clauses, Map):
            reader.find(item.lines["clauses"], f"文件“{name}”的 clauses 应是条款和原文，如 {{5: 原文}}。")
            continue
        documents[name] = {key: str(value) for key, value in item.items() if key != "clauses"}
        documents[name] |= {f"{CLAUSE}{clause}": str(text) for clause, text in clauses.items()}
    return documents


def _version(name: str, data: Map, reader: Reader) -> Version:
    where = f"版本“{name}”"
    reader.keys(
        data,
        where,
        frozenset({"title", "from", "precedence", "groups", "rules"}),
        frozenset({"until", "accumulators", "first_pay", "over_new_year"}),
    )
    since, until = reader.interval(data, where)
    accumulators = {
        key: _accumulator(key, value, where, reader) for key, value in _mapping(data, "accumulators", reader).items()
    }
    precedence = reader.words(
        data.get("precedence", []), data.lines.get("precedence", data.line), f"{where} 的 precedence"
    )
    if "precedence" in data:
        advice = f"{where} 的 precedence 必须把{_number(reader)}类别各写一次"
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
        rules=tuple(_rule(item, where, accumulators, reader) for item in reader.parts(data, "rules", where)),
        accumulators=accumulators,
        first_pay=reader.word(data, "first_pay", where) if "first_pay" in data else None,
        splits_stays=reader.word(data, "over_new_year", where, tuple(OVER_NEW_YEAR)) == "split",
        at=f"{reader.file}:{data.line}",
    )


def _groups(data: Map, where: str, reader: Reader) -> dict[str, frozenset[str]]:
    """The groups of a version: each class in exactly one."""
    groups = reader.part(data, "groups", where)
    members = {
        group: reader.words(value, groups.lines[group], f"{where} 的组“{group}”") for group, value in groups.items()
    }
    if "groups" in data:
        listed = [item for group in members.values() for item in group]
        advice = f"{where} 的 groups 必须把{_number(reader)}类别各归入恰好一组"
        _each_class_once(listed, data.lines["groups"], advice, reader)
    for group in members.keys() & set(reader.classes):
        reader.find(groups.lines[group], f"{where} 的组名“{group}”与类别同名，请改名（如 standard）。")
    return {group: frozenset(listed) for group, listed in members.items()}


def _number(reader: Reader) -> str:
    """How many classes a pack knows."""
    return "八个" if len(reader.classes) == len(CLASSES) else f" {len(reader.classes)} 个"


def _each_class_once(listed: Sequence[str], line: int, advice: str, reader: Reader) -> None:
    for name in dict.fromkeys(item for item in listed if item not in reader.classes):
        reader.find(line, f"{advice}：没有类别“{name}”。{nearest(name, reader.classes)}")
    missing = [name for name in reader.classes if name not in listed]
    twice = [name for name in reader.classes if listed.count(name) > 1]
    if missing:
        reader.find(line, f"{advice}：还缺 {'、'.join(missing)}。")
    if twice:
        reader.find(line, f"{advice}：写了不止一次的有 {'、'.join(twice)}。")


def _accumulator(name: str, data: Map, where: str, reader: Reader) -> Accumulator:
    where = f"{where} 的累计“{name}”"
    if name in (*ACCUMULATORS, SUPPLEMENT_PAID) or not _NAME.match(name):
        reader.find(data.line, f"{where}：请换一个名字（小写字母、数字和下划线，且不与固定的十三个累计同名）。")
    reader.keys(data, where, frozenset({"title"}), frozenset({"grows_by", "applies", "per", "diseases"}))
    if "applies" in data and "grows_by" not in data:
        reader.find(data.line, f"{where} 写了 applies，就要写 grows_by（每张账单按什么增加）。")
    grows_by = reader.word(data, "grows_by", where, tuple(BASES)) if "grows_by" in data else None
    per_group = reader.word(data, "per", where, tuple(PER)) == "disease_group" if "per" in data else False
    if per_group and grows_by is not None and "diseases" not in data:
        reader.find(data.line, f"{where} 写了 per 和 grows_by，就要写 diseases（按哪个病种名单分组）。")
    return Accumulator(
        title=reader.word(data, "title", where),
        grows_by=grows_by,
        applies=_applies(data, where, reader),
        per_group=per_group,
        diseases=reader.word(data, "diseases", where) if "diseases" in data else None,
    )


def _rule(data: Map, where: str, own: Mapping[str, Accumulator], reader: Reader) -> Rule:
    where = f"{where} 的规则“{data.get('rule', '')}”"
    kind = KINDS.get(reader.word(data, "kind", where, tuple(KINDS)))
    roles = _every_role() if kind is None else kind.roles.keys()
    options = OPTIONS if kind is None else kind.words_allowed
    needed = OF_RULES if kind is None else OF_RULES | {role.name for role in kind.needs}
    reader.keys(data, where, needed, frozenset({*roles, *options, *EVERY_RULE}))
    for finding in _rule_findings(data, kind):
        reader.find(data.line, f"{where} {finding}")
    return Rule(
        rule=reader.word(data, "rule", where),
        title=reader.word(data, "title", where),
        tier=reader.word(data, "tier", where, TIERS),
        kind="" if kind is None else kind.name,
        applies=_applies(data, where, reader),
        parameters={key: reader.word(data, key, where) for key in data if key in roles},
        options={key: reader.word(data, key, where, _allowed(key, own)) for key in data if key in OPTIONS},
        at=f"{reader.file}:{data.line}",
    )


def _every_role() -> frozenset[str]:
    return frozenset(name for kind in KINDS.values() for name in kind.roles)


def _rule_findings(data: Map, kind: Kind | None) -> Iterator[str]:
    """What words need each other, whatever the kind, and what the kind itself finds."""
    if "ceiling" in data and "ceiling_base" not in data:
        yield f"有合计支付上限 ceiling，就要写 ceiling_base（按什么算），可选：{'、'.join(WHOLE_BASES)}。"
    if kind is not None:
        yield from kind.check(data)
        if "base" in kind.options and "base" not in data:
            yield f"要写 base，可选：{'、'.join(BASES)}。"
    if data.get("cap_year") and "counts_paid" not in data:
        yield "有年度限额 cap_year，就要写 counts_paid（哪个累计记已支付），否则限额永远用不完。"
    yield from _counter_findings(data)
    if len(data.keys() & {"bound", "history"}) == 1:
        yield "的 history（看哪个累计）和 bound（界限）要一起写。"
    if "rounding" in data and "round_to" not in data:
        yield "写了 rounding（怎样取整），就要写 round_to（取整到分、角还是元）。"
    if "round_to" in data and "missing_referral_cut" in data:
        yield "round_to 和 missing_referral_cut 不能写在同一条规则里。"
    once = str(data.get("once_per", "bill"))
    if once in {"stay", "year"} and "counts_paid" not in data:
        yield f"{WORDS['once_per'][once]}一次（once_per: {once}），就要写 counts_paid（哪个累计记已支付）。"
    if "history_is" in data and "history" not in data:
        yield "写了 history_is，就要写 history 和 bound。"
    if data.get("deductible_per") == "year" and "counts_deductible" not in data:
        yield "的起付线按年度计，就要写 counts_deductible（哪个累计记已付起付线）。"


def _counter_findings(data: Map) -> Iterator[str]:
    """The further accumulators of a payment: each limit has its own, none stands twice, the first comes first."""
    for option, (cap, _) in ALSO.items():
        if cap in data and option not in data:
            yield f"有 {cap}，就要写 {option}（另一个累计，支付额也记入它）。"
    counted = [text_of(data[option]) for option in ("counts_paid", *ALSO) if option in data]
    if len(set(counted)) < len(counted):
        yield "的 counts_paid、also_counts 等写了同一个累计两次，支付额会记两遍。"
    if not {"also_counts_2", "also_counts_3"}.isdisjoint(data) and "also_counts" not in data:
        yield "先写 also_counts，再写 also_counts_2、also_counts_3。"


def _allowed(option: str, own: Mapping[str, Accumulator]) -> tuple[str, ...] | None:
    """The words of an option, None for a name of the pack's own. Accumulators with ``grows_by`` are read-only to
    rules."""
    if option == IN_PROPORTION:
        return None
    if option == "own_of_year":
        return ("compliant_own", *(name for name, item in own.items() if item.grows_by is not None))
    if option == "history":
        return (*ACCUMULATORS, SUPPLEMENT_PAID, *own)
    if option in COUNTERS:
        return (*COUNTABLE, *(name for name, item in own.items() if item.grows_by is None))
    return tuple(WORDS[option])


def _applies(data: Map, where: str, reader: Reader) -> dict[str, frozenset[str]]:
    """To which bills a rule applies; an unknown fact or value would make it silently pay nothing, so it is a
    finding."""
    applies = reader.part(data, "applies", where)
    result = {}
    for key, value in applies.items():
        line = applies.lines[key]
        words = reader.words(value, line, f"{where} 的 applies.{key}")
        if key == "disease_group" and "diseases" in data:
            result[key] = frozenset(words)
            continue
        if key not in FACTS:
            guess = nearest(key, FACTS)
            reader.find(line, f"{where} 的 applies 有不认识的条件“{key}”。{guess}可以写的有：{'、'.join(FACTS)}。")
            continue
        known = reader.classes if key == "class" else tuple(FACTS[key])
        for word in words:
            if word not in known:
                reader.unknown(line, f"{where} 的 applies.{key}", word, known)
        result[key] = frozenset(words)
    return result
