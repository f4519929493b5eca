"""YAML as its author wrote it: plain data that remembers its lines, and findings for the author. Pure.

Read strictly: a float, an alias, a duplicate key or an impossible day is a finding, never a guess. What a finding says
is advice: what is wrong, where, and what to write instead.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from typing import Final

import yaml

from app.tiers.typed import day_advice, key_advice, wide_advice

MAX_PACK_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 12
MAX_DIGITS: Final = 15
MAX_FINDINGS: Final = 200  # of a file; who mends these is told the next ones
WIDE_COLON: Final = re.compile(r"\s*(?:- )?[A-Za-z_][A-Za-z0-9_.]*\s*：")  # a key typed with a Chinese keyboard
WIDE_COMMA: Final = re.compile(r"[\w\"'\]}]\s*[，：、]\s*[A-Za-z_\"'{\[]")
ADVICE: Final = (
    # what the YAML reader says, and what its author should do
    ("mapping values", "一行里有两个冒号。文字里有“: ”时，请把整段文字放进引号。"),
    ("cannot start any token", "有不能用在开头的字符。若是制表符（Tab）请改为空格，若是 % @ ` 请加引号。"),
    ("',' or", "括号没有配对，或者少了逗号。"),
    ("expected key", "缩进没有对齐，或者这一行少了冒号。"),
    ("expected ':'", "键后面少了冒号和空格。"),
    ("end of stream", "引号没有配对。"),
    ("control characters", "有看不见的控制字符，请删去。"),
    ("single document", "一个文件只写一个政策配置，请删去“---”之后的部分。"),
)


def nearest(word: str, known: Iterable[str]) -> str:
    """“是不是…？” with the known word that a misspelt one resembles, nothing when none does."""
    found = get_close_matches(word, list(known), n=1)
    return f"是不是“{found[0]}”？" if found else ""


@dataclass(slots=True)
class Reader:
    """Walks one file's nodes and gathers findings."""

    file: str
    findings: list[str] = field(default_factory=list)
    classes: Sequence[str] = ()
    """The benefit classes that the file may name."""

    def find(self, line: int, message: str) -> None:
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(f"{self.file}:{line}: {message}")

    def plain(self, node: yaml.Node) -> object:
        """A node as plain data; mappings become ``Map`` so that lines are known. Floats and duplicates are findings."""
        line = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            result = Map(line)
            for key_node, value_node in node.value:
                key, key_line = key_node.value, key_node.start_mark.line + 1
                if not isinstance(key_node, yaml.ScalarNode):
                    self.find(key_line, "键应是一个词，不能是列表或表。")
                    continue
                if key in result:
                    self.find(key_line, f"键“{key}”写了两次（先在第 {result.lines[key]} 行），请只保留一个。")
                value = self.plain(value_node)
                result[key], result.lines[key] = value, key_line
                if isinstance(value, Map):
                    value.line = key_line
            return result
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item) for item in node.value]
        return self._scalar(node, line)

    def _scalar(self, node: yaml.Node, line: int) -> object:
        text: str = node.value
        match node.tag.rsplit(":", 1)[-1]:
            case "float":
                self.find(line, f'{text} 是浮点数。比例和金额请加引号写成文字，如 "{text}"。')
                return text
            case "int":
                return int(text) if text.removeprefix("-").isdigit() and len(text) <= MAX_DIGITS else text
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

    def keys(self, data: "Map", where: str, needed: frozenset[str], allowed: frozenset[str]) -> None:
        """Finding for each missing and each unknown key; a misspelt key isn't missing as well."""
        missing = needed - data.keys()
        free, known = (needed | allowed) - data.keys(), "、".join(sorted(needed | allowed))
        for key in sorted(data.keys() - needed - allowed)[: MAX_FINDINGS - len(self.findings)]:
            guess = key_advice(key) or nearest(key, free)
            missing = frozenset(other for other in missing if f"“{other}”" not in guess)
            self.find(data.lines[key], f"{where} 有不认识的键“{key}”。{guess}可以写的有：{known}。")
        for key in sorted(missing):
            self.find(data.line, f"{where} 缺少“{key}”，请补上。")

    def word(self, data: "Map", key: str, where: str, allowed: tuple[str, ...] | None = None) -> str:
        """The word of a key, "" with a finding when it is none. A missing key is for ``keys`` to find."""
        value = data.get(key)
        if isinstance(value, str) and value and (allowed is None or value in allowed):
            return value
        if key not in data:
            return ""
        line = data.lines.get(key, data.line)
        if allowed is None:
            self.find(line, f"{where} 的“{key}”应是文字；数字、日期和 true/false 请加引号。")
        else:
            self.unknown(line, f"{where} 的“{key}”", value, allowed)
        return ""

    def unknown(self, line: int, where: str, value: object, known: Iterable[str]) -> None:
        """Finding for a word that isn't one of those that may stand there."""
        choices, text = list(known), text_of(value)
        advice = wide_advice(text) or nearest(text, choices)
        self.find(line, f"{where} 不能写“{text}”。{advice}可选：{'、'.join(choices)}。")

    def day(self, data: "Map", key: str, where: str) -> date | None:
        value = data.get(key)
        if value is not None and not isinstance(value, date):
            advice = day_advice(text_of(value)) or "写成 2017-11-03 这样的形式，不加引号。"
            self.find(data.lines.get(key, data.line), f"{where} 的“{key}”应是日期，{advice}")
            return None
        return value

    def interval(self, data: "Map", where: str) -> tuple[date, date | None]:
        since, until = self.day(data, "from", where), self.day(data, "until", where)
        if since is not None and until is not None and until <= since:
            self.find(
                data.lines["until"],
                f"{where} 的区间为空：until {until} 不晚于 from {since}。until 当日不含，应是不再适用的第一天。",
            )
        return since or date.max, until

    def part(self, data: "Map", key: str, where: str) -> "Map":
        """A mapping inside another, an empty one when it isn't there or is something else (a finding)."""
        value = data.get(key)
        if isinstance(value, Map):
            return value
        if key in data:
            self.find(data.lines.get(key, data.line), f"{where} 的“{key}”应是键和值，如 {key}: {{名字: 值}}。")
        return Map(data.line)

    def parts(self, data: "Map", key: str, where: str) -> list["Map"]:
        """The mappings of a list; anything else in it is a finding."""
        value = data.get(key)
        items = value if isinstance(value, list) else []
        for number, item in enumerate(items, 1):
            if not isinstance(item, Map):
                self.find(data.lines[key], f"{where} 的 {key} 第 {number} 项应是键和值。")
        return [item for item in items if isinstance(item, Map)]

    def words(self, value: object, line: int, where: str) -> tuple[str, ...]:
        items = value if isinstance(value, list) else [value]
        result = tuple(text_of(item) for item in items)
        if not result or not all(result):
            self.find(line, f"{where} 应是一个文字或文字的列表。")
        return result


class Map(dict[str, object]):
    """A YAML mapping that remembers its lines."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}


def text_of(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int)) else ""


def compose(text: str, reader: Reader) -> "Map | None":
    """A file's mapping as plain data, None when it can't be read (the reader says why)."""
    if len(text.encode()) > MAX_PACK_BYTES:
        reader.find(1, f"文件超过 {MAX_PACK_BYTES} 字节，请分成几个政策配置（inherits）。")
        return None
    try:
        if _unsafe(text, reader):
            return None
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        _broken(error, text, reader)
        return None
    if not isinstance(node, yaml.MappingNode):
        reader.find(1, "文件应是键和值（政策配置从 pack: 开始，算例从 cases: 开始）。")
        return None
    root = reader.plain(node)
    return root if isinstance(root, Map) else None


def _unsafe(text: str, reader: Reader) -> bool:
    """Whether a text would grow or nest without end, found event by event before anything is built (the reader says
    where)."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            reader.find(line, f"层次太深（超过 {MAX_DEPTH} 层），请检查括号和缩进。")
        elif isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            reader.find(line, "不允许使用 YAML 的锚点（&）和别名（*），请把内容写出来；以 & 或 * 开头的文字请加引号。")
        elif getattr(event, "tag", None):
            reader.find(line, "不允许使用 YAML 的标签（!），请删去；以 ! 开头的文字请加引号。")
        else:
            continue
        return True
    return False


def _broken(error: yaml.YAMLError, text: str, reader: Reader) -> None:
    """Finding for a text that isn't YAML, with what its author most likely did."""
    mark, problem = getattr(error, "problem_mark", None), str(error)
    lines = text.splitlines()
    line = min(mark.line + 1, max(1, len(lines))) if mark else 1
    start = getattr(error, "context_mark", None)
    since = f"（从第 {start.line + 1} 行开始的一段）" if start is not None and start.line + 1 < line else ""
    tab = next((number for number, row in enumerate(lines, 1) if "\t" in row[: len(row) - len(row.lstrip())]), None)
    if tab is not None:
        reader.find(tab, "不是有效的 YAML：缩进用了制表符（Tab），请改为空格。")
        return
    wide = next((number for number, row in enumerate(lines, 1) if WIDE_COLON.match(row)), None)
    if wide is None and WIDE_COMMA.search(lines[line - 1] if lines else ""):
        reader.find(line, "不是有效的 YAML：括号里各项之间写了全角的“，”或“：”，请改成半角逗号、半角冒号加空格。")
        return
    if wide is not None:
        reader.find(wide, "不是有效的 YAML：键后面的冒号是全角的“：”，请改成半角冒号加空格，如 title: 名称。")
        return
    advice = next((advice for sign, advice in ADVICE if sign in problem), "请检查缩进、冒号、括号和引号。")
    reader.find(line, f"不是有效的 YAML{since}：{advice}")
