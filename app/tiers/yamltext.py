"""YAML as its author wrote it: plain data that remembers its lines, and findings for the author. Pure.

Read strictly: a float, an alias, a duplicate key or an impossible day is a finding, never a guess.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import yaml

MAX_PACK_BYTES: Final = 1_000_000


@dataclass(slots=True)
class Reader:
    """Walks one file's nodes and gathers findings."""

    file: str
    findings: list[str] = field(default_factory=list)

    def find(self, line: int, message: str) -> None:
        self.findings.append(f"{self.file}:{line}: {message}")

    def plain(self, node: yaml.Node) -> Any:
        """A node as plain data; mappings become ``Map`` so that lines are known. Floats and duplicates are findings."""
        line = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            result = Map(line)
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

    def keys(self, data: "Map", where: str, needed: frozenset[str], allowed: frozenset[str]) -> None:
        """Finding for each missing and each unknown key."""
        for key in sorted(needed - data.keys()):
            self.find(data.line, f"{where} 缺少“{key}”。")
        for key in sorted(data.keys() - needed - allowed):
            known = "、".join(sorted(needed | allowed))
            self.find(data.lines.get(key, data.line), f"{where} 有不认识的键“{key}”。可以写的有：{known}。")

    def word(self, data: "Map", key: str, where: str, allowed: tuple[str, ...] | None = None) -> str:
        value = data.get(key)
        if not isinstance(value, str) or (allowed is not None and value not in allowed):
            choices = "" if allowed is None else f"，可选：{'、'.join(allowed)}"
            self.find(data.lines.get(key, data.line), f"{where} 的“{key}”应是文字{choices}。")
            return ""
        return value

    def day(self, data: "Map", key: str, where: str) -> date | None:
        value = data.get(key)
        if value is not None and not isinstance(value, date):
            self.find(data.lines.get(key, data.line), f"{where} 的“{key}”应是日期，如 2017-11-03。")
            return None
        return value

    def interval(self, data: "Map", where: str) -> tuple[date, date | None]:
        since, until = self.day(data, "from", where), self.day(data, "until", where)
        if since is not None and until is not None and until <= since:
            self.find(data.line, f"{where} 的区间为空：until（不含当日）必须晚于 from。")
        return since or date.max, until

    def words(self, value: Any, line: int, where: str) -> tuple[str, ...]:
        items = value if isinstance(value, list) else [value]
        result = tuple(text_of(item) for item in items)
        if not result or not all(result):
            self.find(line, f"{where} 应是一个文字或文字的列表。")
        return result


class Map(dict[str, Any]):
    """A YAML mapping that remembers its lines."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}


def text_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int)) else ""


def compose(text: str, reader: Reader) -> Any:
    """A file's mapping as plain data, None when it can't be read (the reader says why)."""
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
