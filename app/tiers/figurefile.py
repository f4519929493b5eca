"""The figures of a pack file: parameters, their dated rows and values, each checked against its unit. Pure."""

from typing import Final

from app.basics.money import scaled
from app.tiers.pack import Parameter, Row
from app.tiers.typed import number_advice
from app.tiers.units import DERIVED, UNITS, WrongBand, converted
from app.tiers.vocabulary import ADMISSIONS, FACTS, LINE_FACTS, SELECTORS, STATUSES, WORDS
from app.tiers.yamltext import Map, Reader, text_of

MOST_QUOTED: Final = 200
Spread = tuple[dict[str, tuple[str, ...]], object, int]


def parameter_of(name: str, data: Map, reader: Reader) -> Parameter:
    """A parameter as written, its rows spread to one value each, with findings for what doesn't fit."""
    where = f"参数 {name}"
    reader.keys(data, where, frozenset({"title", "unit", "rows"}), frozenset({"by"}))
    unit = reader.word(data, "unit", where, tuple(UNITS))
    by = reader.words(data["by"], data.lines["by"], f"{where} 的 by") if "by" in data else ()
    for dimension in by:
        if dimension not in SELECTORS:
            reader.unknown(data.lines["by"], f"{where} 的 by", dimension, SELECTORS)
    if "rows" in data and (not isinstance(data["rows"], list) or not data["rows"]):
        reader.find(data.lines["rows"], f"{where} 的 rows 应是带日期的数字的列表，每个以“- from: 日期”开始。")
    rows = [row for item in reader.parts(data, "rows", where) for row in _rows(item, where, by, reader)]
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
    reader.keys(source, f"{where} 的 source", frozenset(), frozenset({"document", "clause", "quote"}))
    quote = reader.word(source, "quote", f"{where} 的 source")
    if len(quote) > MOST_QUOTED:
        reader.find(
            source.lines["quote"], f"{where} 的 quote 有 {len(quote)} 字，只引用有关的一句，最多 {MOST_QUOTED} 字。"
        )
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
            quote,
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
        known = tuple(FACTS.get(dimension, LINE_FACTS.get(dimension, ())))
        for value in values if known and dimension != "class" else ():
            if value not in known:
                reader.unknown(row.line, f"{where}（{row.since} 起）的 {dimension}", value, known)


def _spread(value: object, by: tuple[str, ...], where: str, line: int, reader: Reader) -> list[Spread]:
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


def check_value(value: object, unit: str, where: str, line: int, reader: Reader) -> None:
    """Findings for a value that does not fit its unit. ``none`` is a value: there is no such cap, rate or sum."""
    if isinstance(value, Map) and value.keys() & DERIVED:
        _check_derived(value, unit, where, line, reader)
        return
    try:
        read = converted(value, UNITS[unit])
        if unit == "classes" and read is not None and not read <= {*reader.classes}:
            raise ValueError("unknown class")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        written = f"“{text_of(value)}”" if text_of(value) else ""
        found = f"（{error}）" if isinstance(error, WrongBand) else ""
        advice = number_advice(text_of(value))
        reader.find(line, f"{where} 的 value {written}不对{found}：{advice}{UNITS[unit].remedy}。")


def _check_derived(value: Map, unit: str, where: str, line: int, reader: Reader) -> None:
    """Findings for a value that is a share of something, or derived from the ordinary class's."""
    if "of" in value:
        _check_of_ordinary(value, unit, where, line, reader)
        return
    if unit != "yuan":
        forms = "share、share_of_bill、by_admission 或 first_admission"
        reader.find(line, f"{where} 的 value 不对：只有单位 yuan 的参数可以写成 {forms}。")
    if value.keys() & {"by_admission", "first_admission"}:
        _check_by_admission(value, where, line, reader)
        return
    need = {"share_of_bill"} if "share_of_bill" in value else {"share", "of_accumulator"}
    bounds = frozenset({"at_least", "at_most"})
    if "of_parameter" in value:
        need, bounds = {"share", "of_parameter"}, frozenset()
    reader.keys(value, where, frozenset(need), bounds)
    for key in ("share", "share_of_bill", "at_least", "at_most"):
        if key in value:
            _check_number(value[key], "yuan" if key in bounds else "rate", f"{where} 的 {key}", line, reader)
    for key in need & value.keys() - {"share", "share_of_bill"}:
        reader.word(value, key, where)


def _check_by_admission(value: Map, where: str, line: int, reader: Reader) -> None:
    """Findings for a sum by the number of the admission: a list of sums, or a first one and a step."""
    if "by_admission" in value:
        reader.keys(value, where, frozenset({"by_admission"}), frozenset({"counted_at"}))
        listed = value["by_admission"]
        sums = listed if isinstance(listed, list) else []
        if not sums:
            reader.find(line, f"{where} 的 by_admission 写各次住院的金额，最后一个用于以后各次，如 [1000, 500]。")
    else:
        needed = frozenset({"first_admission", "each_later_less"})
        reader.keys(value, where, needed, frozenset({"at_least", "counted_at"}))
        sums = [value[key] for key in ("first_admission", "each_later_less", "at_least") if key in value]
    for item in sums:
        _check_number(item, "yuan", where, line, reader)
        if isinstance(item, Map):
            reader.find(line, f"{where} 里各次住院的金额要直接写出，{UNITS['yuan'].remedy}。")
    if "counted_at" in value:
        reader.word(value, "counted_at", where, tuple(ADMISSIONS))


def _check_of_ordinary(value: Map, unit: str, where: str, line: int, reader: Reader) -> None:
    changes = {
        "yuan": ("times", "round_to", "rounding"),
        "rate": ("plus", "at_least"),
        "bands": ("plus", "at_least"),
    }.get(unit, ())
    reader.keys(value, where, frozenset({"of"}), frozenset(changes))
    if value.get("of") != "ordinary":
        reader.find(line, f"{where} 的 of 只能写 ordinary（同一参数 ordinary 类别的值）。")
    for key in ("plus", "at_least"):
        if key in value:
            _check_number(value[key], "rate", f"{where} 的 {key}", line, reader)
    for key in value.keys() & {"round_to", "rounding"}:
        reader.word(value, key, where, tuple(WORDS[key]))
    if value.keys() & {"round_to", "rounding"} and "times" not in value:
        reader.find(line, f"{where} 的 round_to、rounding 只和 times 一起写。")
    if "times" in value and not _is_factor(value["times"]):
        reader.find(line, f'{where} 的 times 写加引号的小数，如 "0.5"。')


def _check_number(value: object, unit: str, where: str, line: int, reader: Reader) -> None:
    """A number inside a derived value; ``none`` is none, except that a share may have no ceiling."""
    if value == "none" and not where.endswith("at_most"):
        reader.find(line, f"{where} 不能写 none，{UNITS[unit].remedy}。")
        return
    check_value(value, unit, where, line, reader)


def _is_factor(value: object) -> bool:
    try:
        return isinstance(value, str) and scaled(value, 4) >= 0
    except ValueError:
        return False
