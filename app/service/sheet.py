"""Rows of a file as people really have it: CSV or tab-separated text in UTF-8 or GB18030, or XLSX, columns found by
headings.

A file is told by its content, not by its name. What is wrong with the file as a whole raises ``SheetRefused`` with
every fault that can be found at once, each with row and column; what is wrong with one cell makes that cell a
``BadCell``. Files are streamed: of a workbook only the table of shared texts is held in memory.
"""

import codecs
import csv
import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal, TextIO
from xml.etree.ElementTree import ParseError

import msgspec
from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from app.basics.days import NO_END, read_day
from app.basics.text import folded

MAX_ROWS: Final = 2_000_000
MAX_COLUMNS: Final = 200
MAX_CELL_CHARACTERS: Final = 2000
MAX_FAULTS: Final = 100
MAX_UNPACKED_BYTES: Final = 1024**3
MAX_RATIO: Final = 100  # unpacked to packed; sheets of real lists stay below 50
RATIO_FLOOR_BYTES: Final = 64 * 1024**2
MAX_TEXTS_BYTES: Final = 512 * 1024**2
MAX_PARTS: Final = 2000
EXACT_DIGITS: Final = 15  # a spreadsheet's number holds no more
_BLANKS: Final = " \t\r\n"
SHEETS_HIDDEN: Final = "sheets_hidden"
READ_BYTES: Final = 1024 * 1024

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
_MERGED_OR_ROW: Final = re.compile(
    rb"<(?:\w+:)?(?:mergeCell\s[^>]*?ref=\"(?P<column>[A-Z]{1,3})(?P<at>[0-9]{1,7})[:\"]"
    rb"|row\s(?P<row>[^>]*hidden=[^>]*)>)"
)
_HIDDEN: Final = re.compile(rb"\bhidden=\"(?:1|true)\"")
_ROW_NUMBER: Final = re.compile(rb"\br=\"([0-9]{1,7})\"")
MOST_TAG: Final = 500
_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")  # how a workbook writes characters that XML can't have
_PERCENT: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,4})?)\s*%")
_TEXTS: Final = "xl/sharedStrings.xml"
_SCIENTIFIC: Final = re.compile(r"[0-9]([.,][0-9]+)?E\+?[0-9]{2,}", re.IGNORECASE)
_UNREADABLE: Final = (zipfile.BadZipFile, ParseError, KeyError, ValueError, TypeError, EOFError, OSError, IndexError)


class FileFault(msgspec.Struct, frozen=True, omit_defaults=True):
    """What makes a whole file unusable: a code, where known with row (from 1) and column, and our figures for the
    message."""

    code: str
    row: int | None = None
    column: str | None = None
    values: dict[str, str] = {}


class SheetRefused(Exception):
    """A file that can't be used, with every fault found."""

    def __init__(self, faults: Sequence[FileFault]) -> None:
        super().__init__(", ".join(fault.code for fault in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class BadCell:
    """A cell whose content is lost or can't be trusted, and the code of why."""

    code: str


Cell = str | BadCell  # an empty cell is ""


@dataclass(frozen=True, slots=True)
class _FileLine:
    """A line of a file before its columns are known; ``unread`` as in ``SheetRow``."""

    number: int
    cells: Sequence[Cell]
    unread: str | None = None


@dataclass(frozen=True, slots=True)
class SheetColumn:
    """A column: our name for it, and the headings under which files have it, in any case and with or without blanks.

    ``kind`` says how its cells are read: a ``code`` as ids are everywhere, a ``number`` or ``rate`` in plain digits
    (10% is 0.1), an ``end`` as the first day after: under a heading of ``included`` the file's day is the last one.
    """

    name: str
    headings: tuple[str, ...]
    required: bool = False
    kind: Literal["text", "code", "number", "rate", "end"] = "text"
    included: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row with its number in the file (from 1, the headings counted), its cells by the names of the columns, and by
    the same names the headings as they stand in the file.

    ``unread``: what its reader doesn't see and what therefore isn't read, ``row_hidden`` or ``sheets_hidden`` (told of
    the row of the headings); every cell is then bad for that reason.
    """

    number: int
    cells: Mapping[str, Cell]
    headings: Mapping[str, str]
    unread: str | None = None


@dataclass(frozen=True, slots=True)
class _ColumnPlace:
    """Where a column stands, under which heading, and how its cells are read."""

    index: int
    heading: str
    kind: str
    included: bool

    def read(self, cells: Sequence[Cell]) -> Cell:
        """The column's cell of a row."""
        cell = cells[self.index] if self.index < len(cells) else ""
        if isinstance(cell, BadCell):
            return cell
        match self.kind:
            case "code":
                return folded(cell)
            case "number" | "rate":
                return _plain_number(cell, rate=self.kind == "rate")
            case "end":
                return _first_day_after(cell.strip(), included=self.included)
        return cell.strip()


def _plain_number(text: str, *, rate: bool) -> str:
    """A number in ASCII digits; a rate written in per cent as a share."""
    text = unicodedata.normalize("NFKC", text).strip()
    percent = _PERCENT.fullmatch(text) if rate else None
    return text if percent is None else format((Decimal(percent[1]) / 100).normalize(), "f")


def _first_day_after(text: str, *, included: bool) -> str:
    """An end as the first day after; a day of ``NO_END``, and what is no day, stay for the reader to judge."""
    day = read_day(text)
    if day is None:
        return text
    return (day if day in NO_END else day + timedelta(days=int(included))).isoformat()


def rows(path: Path, columns: Sequence[SheetColumn]) -> Iterator[SheetRow]:
    """The rows below the headings; empty ones are left out. SheetRefused at the first fault that hides the rest."""
    with path.open("rb") as file:
        head = file.read(8)
    if not head:
        raise SheetRefused([FileFault("file_empty")])
    if head == _OLE:
        raise SheetRefused([FileFault("file_encrypted" if _contains(path, _ENCRYPTED) else "file_old_excel")])
    lines = _xlsx_lines(path) if head.startswith(_ZIP) else _csv_lines(path)
    return _rows_below_headings(lines, columns)


def _rows_below_headings(lines: Iterator[_FileLine], columns: Sequence[SheetColumn]) -> Iterator[SheetRow]:
    before = list[str]()
    for headings in lines:
        if headings.unread is None:
            break
        before.append(headings.unread)
    else:
        raise SheetRefused([FileFault("file_empty")])
    places = _places(headings.number, headings.cells, columns)
    named = {name: place.heading for name, place in places.items()}
    if SHEETS_HIDDEN in before:
        yield _unread(headings.number, named, SHEETS_HIDDEN)
    width = len(headings.cells)
    count = 0
    for line in lines:
        count += 1
        if count > MAX_ROWS:
            raise SheetRefused([FileFault("too_many_rows", line.number, values={"limit": str(MAX_ROWS)})])
        if line.unread is not None:
            yield _unread(line.number, named, line.unread)
            continue
        found = {name: place.read(line.cells) for name, place in places.items()}
        if len(line.cells) > width:
            found = dict.fromkeys(found, BadCell("too_many_cells"))
        yield SheetRow(line.number, found, named)
    if not count:
        raise SheetRefused([FileFault("no_rows")])


def _unread(number: int, headings: Mapping[str, str], reason: str) -> SheetRow:
    return SheetRow(number, dict.fromkeys(headings, BadCell(reason)), headings, reason)


def _places(number: int, headings: Sequence[Cell], columns: Sequence[SheetColumn]) -> dict[str, _ColumnPlace]:
    """Where each column stands. SheetRefused with all that are missing or there twice."""
    known = {_plain(heading): column for column in columns for heading in (column.name, *column.headings)}
    places: dict[str, _ColumnPlace] = {}
    faults = []
    for index, cell in enumerate(headings):
        column = known.get(_plain(cell)) if isinstance(cell, str) else None
        if column is None or not isinstance(cell, str):
            continue
        if column.name in places:
            faults.append(FileFault("column_twice", number, get_column_letter(index + 1), {"column": cell.strip()}))
        else:
            included = _plain(cell) in map(_plain, column.included)
            places[column.name] = _ColumnPlace(index, cell.strip(), column.kind, included)
    for column in columns:
        if column.required and column.name not in places:
            headings_ = " / ".join((column.name, *column.headings))
            faults.append(FileFault("column_missing", number, column.name, {"headings": headings_}))
    if faults:
        raise SheetRefused(faults)
    return places


def _plain(heading: str) -> str:
    return re.sub(r"[\s_*＊]", "", heading).casefold()


# ---------------------------------------------------------------- CSV


def _csv_lines(path: Path) -> Iterator[_FileLine]:
    with path.open(encoding=_encoding(path), newline="") as file:
        reader = csv.reader(file, strict=True, delimiter=_delimiter(file))
        number = 0
        try:
            for number, texts in enumerate(reader, 1):
                if len(texts) > MAX_COLUMNS:
                    raise SheetRefused([FileFault("too_many_columns", number, values={"limit": str(MAX_COLUMNS)})])
                while texts and not texts[-1].strip():
                    texts.pop()
                if texts:
                    yield _FileLine(number, [_text(text) for text in texts])
        except csv.Error:
            raise SheetRefused([FileFault("csv_damaged", number + 1)]) from None


def _delimiter(file: TextIO) -> str:
    """What parts the cells of the headings: tabs, when there are any and no comma; the file is rewound."""
    headings = ""
    while not headings.strip(" ,\t\r\n") and (headings := file.readline(READ_BYTES)):
        continue
    file.seek(0)
    return "\t" if "\t" in headings and "," not in headings else ","


def _encoding(path: Path) -> str:
    """The encoding that the whole file has: UTF-8 with or without a mark, else GB18030. SheetRefused with the row."""
    refused_at = 0
    for encoding in ("utf-8-sig", "gb18030"):
        line = _first_undecodable_line(path, encoding)
        if line is None:
            return encoding
        refused_at = max(refused_at, line)
    raise SheetRefused([FileFault("encoding_unknown", refused_at)])


def _first_undecodable_line(path: Path, encoding: str) -> int | None:
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with path.open("rb") as file:
        for raw in iter(lambda: file.readline(READ_BYTES), b""):
            try:
                text = decoder.decode(raw)
            except UnicodeDecodeError:
                return line
            if "\x00" in text:
                return line
            line += raw.endswith(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return line
    return None


def _text(text: str) -> Cell:
    text = text.removeprefix("\ufeff").strip(_BLANKS).removeprefix("'")  # a spreadsheet's mark of a text
    if len(text) > MAX_CELL_CHARACTERS:
        return BadCell("cell_too_long")
    if (
        text[:1] == "=" and text[:2] == '="' and text[-1:] == '"'
    ):  # ="530…" keeps a spreadsheet from making a number of it
        text = text[2:-1]
    elif text[:1] == "=":
        return BadCell("cell_formula")
    elif _SCIENTIFIC.fullmatch(text):
        return BadCell("cell_scientific")
    return text


# ---------------------------------------------------------------- XLSX


def _xlsx_lines(path: Path) -> Iterator[_FileLine]:
    try:
        yield from _worksheet_lines(path)
    except SheetRefused:
        raise
    except (*_UNREADABLE, InvalidFileException):
        raise SheetRefused([FileFault("xlsx_damaged")]) from None


def _worksheet_lines(path: Path) -> Iterator[_FileLine]:
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        _refuse_bomb(archive)
        book = load_workbook(file, read_only=True, keep_links=False)
        visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        if not visible:
            raise SheetRefused([FileFault("file_empty")])
        if len(visible) < len(book.worksheets):
            yield _FileLine(0, (), SHEETS_HIDDEN)
        worksheet: Any = visible[0]
        hidden = _hidden_rows(archive, worksheet._worksheet_path)
        worksheet.reset_dimensions()  # what a program wrote there may be wrong
        for number, cells in enumerate(worksheet.iter_rows(), 1):
            if len(cells) > MAX_COLUMNS:
                raise SheetRefused([FileFault("too_many_columns", number, values={"limit": str(MAX_COLUMNS)})])
            values = [_value(cell.value, cell.data_type) for cell in cells]
            while values and values[-1] == "":
                values.pop()
            if values:
                yield _FileLine(number, values, "row_hidden" if number in hidden else None)


def _refuse_bomb(archive: zipfile.ZipFile) -> None:
    """By the sizes that the archive declares; reading never goes beyond them."""
    parts = archive.infolist()
    unpacked = sum(part.file_size for part in parts)
    texts = sum(part.file_size for part in parts if part.filename.lower() == _TEXTS.lower())
    most = max(RATIO_FLOOR_BYTES, MAX_RATIO * sum(part.compress_size for part in parts))
    limits = ((unpacked, min(most, MAX_UNPACKED_BYTES)), (texts, MAX_TEXTS_BYTES), (len(parts), MAX_PARTS))
    for size, limit in limits:
        if size > limit:
            raise SheetRefused([FileFault("unpacked_too_large", values={"limit": str(limit)})])
    if any(part.flag_bits & 1 for part in parts):
        raise SheetRefused([FileFault("file_encrypted")])
    if "[Content_Types].xml" not in archive.namelist():
        raise SheetRefused([FileFault("not_a_workbook")])


def _hidden_rows(archive: zipfile.ZipFile, part: str) -> set[int]:
    """The numbers of the rows that a sheet hides. SheetRefused when it has merged cells."""
    faults: list[FileFault] = []
    hidden: set[int] = set()
    tail = b""
    with archive.open(part) as file:
        while len(faults) < MAX_FAULTS and (chunk := file.read(READ_BYTES)):
            content, seen = tail + chunk, 0
            for match in _MERGED_OR_ROW.finditer(content):
                if match["row"] is None:
                    faults.append(FileFault("cells_merged", int(match["at"]), match["column"].decode()))
                elif _HIDDEN.search(match["row"]) and (number := _ROW_NUMBER.search(match["row"])):
                    hidden.add(int(number[1]))
                seen = match.end()
            tail = content[max(seen, len(content) - MOST_TAG) :]
    if faults:
        raise SheetRefused(sorted(faults, key=lambda fault: (fault.row, fault.column))[:MAX_FAULTS])
    return hidden


def _value(value: Any, data_type: str) -> Cell:
    """A workbook's cell as text. A number of more digits than a spreadsheet keeps is lost, not read."""
    if value is None:
        return ""
    if data_type == "f":
        return BadCell("cell_formula")
    if data_type == "e":
        return BadCell("cell_error")
    make: Callable[[Any], Cell] = _MAKERS.get(type(value), _unknown)
    return make(value)


def _number(value: float) -> Cell:
    if value != value or abs(value) >= 10**EXACT_DIGITS:
        return BadCell("cell_digits_lost")
    return str(int(value)) if value == int(value) else format(Decimal(f"{value:.15g}"), "f")  # as it is displayed


def _moment(value: datetime) -> Cell:
    return value.date().isoformat() if not (value.hour or value.minute or value.second) else value.isoformat()


def _words(value: str) -> Cell:
    text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), value).strip(_BLANKS).removeprefix("'")
    if len(text) > MAX_CELL_CHARACTERS:
        return BadCell("cell_too_long")
    return BadCell("cell_scientific") if _SCIENTIFIC.fullmatch(text) else text


def _unknown(_: Any) -> Cell:
    return BadCell("cell_error")


_MAKERS: Final[Mapping[type[Any], Callable[[Any], Cell]]] = {
    str: _words,
    int: _number,
    float: _number,
    bool: lambda value: "true" if value else "false",
    datetime: _moment,
    date: lambda value: value.isoformat(),
}


def _contains(path: Path, wanted: bytes) -> bool:
    tail = b""
    with path.open("rb") as file:
        while chunk := file.read(READ_BYTES):
            if wanted in tail + chunk:
                return True
            tail = chunk[-len(wanted) :]
    return False
