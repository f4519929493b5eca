"""Which characters a font can show, by its own table. What it can't show is written as its code point."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_HEADER: Final = 12
_RECORD: Final = 16
_SEGMENTED: Final = 12  # the table format that knows every plane of Unicode
# They only choose between shapes of the character before them, or are the line's own.
UNSEEN: Final = frozenset({0x0A, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)})
_HIDDEN: Final = UNSEEN | set(range(0x20))


def coverage(path: Path) -> frozenset[int]:
    """The code points of a TrueType or OpenType font. ValueError for a font without a table of the whole of Unicode."""
    data = path.read_bytes()
    table = _table(data, b"cmap")
    (count,) = struct.unpack_from(">H", data, table + 2)
    for index in range(count):
        (offset,) = struct.unpack_from(">I", data, table + 8 + 8 * index)
        (form,) = struct.unpack_from(">H", data, table + offset)
        if form == _SEGMENTED:
            return frozenset(_code_points(data, table + offset))
    raise ValueError(f"{path.name} has no character table of format {_SEGMENTED}")


def _table(data: bytes, tag: bytes) -> int:
    (count,) = struct.unpack_from(">H", data, 4)
    for index in range(count):
        name, _, offset, _ = struct.unpack_from(">4sIII", data, _HEADER + _RECORD * index)
        if name == tag:
            return int(offset)
    raise ValueError("the font has no character table")


def _code_points(data: bytes, at: int) -> Iterator[int]:
    (groups,) = struct.unpack_from(">I", data, at + 12)
    for index in range(groups):
        first, last, _ = struct.unpack_from(">III", data, at + 16 + 12 * index)
        yield from range(first, last + 1)


def lacking(text: str, covered: frozenset[int]) -> list[str]:
    """The characters of a text that the font lacks, as code points in their order: ``U+2A6D6``."""
    return [f"U+{code:04X}" for code in sorted(_missing(text, covered))]


def shown(text: str, covered: frozenset[int]) -> str:
    """The text with each character that the font lacks as its code point: ``〔U+2A6D6〕``.

    Nothing is dropped unseen but control characters and selectors of variants.
    """
    dropped = dict.fromkeys(_HIDDEN - {0x0A})  # by every font, whether it has a shape for them or not
    return text.translate(dropped | {code: f"〔U+{code:04X}〕" for code in _missing(text, covered)})


def _missing(text: str, covered: frozenset[int]) -> set[int]:
    return {ord(character) for character in set(text)} - covered - _HIDDEN
