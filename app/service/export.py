"""Lists as files that spreadsheets open: CSV with a byte order mark, and XLSX with numbers as numbers and codes as
text.

A cell that begins like a formula is text in an XLSX by its type, and in a CSV by an apostrophe before it. Rows are
written as they come, none is kept in memory.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Final, Literal

import xlsxwriter
from msgspec import Struct
from starlette.responses import Response

from app.basics.errors import Language
from app.basics.money import RATE_ONE, rate, yuan

CSV_TYPE: Final = "text/csv"
XLSX_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
IN_MEMORY: Final = 8 * 1024 * 1024
LONG_DIGITS: Final = 12  # from so many on a spreadsheet rounds a number, or shows it with an exponent
BOM: Final = b"\xef\xbb\xbf"
SUM: Final[Mapping[Language, str]] = {"zh": "合计", "en": "Total"}
Kind = Literal["text", "money", "count", "date", "instant", "rate", "flag"]
_NUMBER_FORMATS: Final[dict[Kind, str]] = {
    "text": "@",
    "money": "#,##0.00",
    "count": "0",
    "date": "yyyy-mm-dd",
    "instant": "yyyy-mm-dd hh:mm:ss",
    "rate": "0.00%",
    "flag": "@",
}
_WIDTHS: Final[dict[Kind, int]] = {
    "money": 16,
    "count": 10,
    "date": 12,
    "instant": 20,
    "rate": 10,
    "flag": 8,
    "text": 20,
}


class Column(Struct, frozen=True):
    """A column's heading and what its cells are: ``text``, ``money`` (fen), ``count``, ``date``, ``instant`` (RFC
    3339 text, shown by its own clock), ``rate`` (text with at most four decimals), ``flag`` (是 or 否). None is an
    empty cell. Money is summed below the rows unless a sum says nothing, as of balances."""

    heading: str
    kind: Kind = "text"
    summed: bool = True


def wants_csv(accept: str | None) -> bool:
    """Whether a reader asks for CSV rather than XLSX."""
    return CSV_TYPE in (accept or "")


def file_of(
    name: str, accept: str | None, columns: Sequence[Column], rows: Iterable[Sequence[object]], title: str
) -> Response:
    """The rows as the file that the reader accepts. ``title`` says what the list is of, above the headings of an
    XLSX."""
    if wants_csv(accept):
        content, kind, ending = csv_bytes(columns, rows), f"{CSV_TYPE}; charset=utf-8", "csv"
    else:
        content, kind, ending = xlsx_bytes(columns, rows, title), XLSX_TYPE, "xlsx"
    headers = {"Content-Disposition": f'attachment; filename="{name}.{ending}"'}
    return Response(content, media_type=kind, headers=headers)


def csv_bytes(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> bytes:
    """Headings and rows for programs as well as people: without title and sums, codes as they are."""
    file = io.BytesIO()
    written = CsvList(file, columns)
    written.add(rows)
    written.close()
    return file.getvalue()


def xlsx_bytes(columns: Sequence[Column], rows: Iterable[Sequence[object]], title: str) -> bytes:
    """One sheet: the title, the headings, the rows, and the sums of the columns of money."""
    with SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        written = XlsxList(file, columns, title)
        try:
            written.add(rows)
        finally:
            written.close()
        file.seek(0)
        return file.read()


class _Sums:
    """The sums of the columns of money, fen."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.money = [index for index, column in enumerate(columns) if column.kind == "money" and column.summed]
        self.fen = dict.fromkeys(self.money, 0)

    def add(self, row: Sequence[object]) -> None:
        for index in self.money:
            if row[index] is not None:
                self.fen[index] += _whole(row[index])


# ---------------------------------------------------------------- CSV


class CsvList:
    """A list being written as UTF-8 with a byte order mark, so that Excel reads the Chinese. With a title it is for
    Excel alone: the title above the headings, sums below, and a tab before long numbers that are codes, which keeps
    them texts."""

    def __init__(
        self, file: IO[bytes], columns: Sequence[Column], title: str | None = None, language: Language = "zh"
    ) -> None:
        file.write(BOM)
        self._language = language
        self._text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        self._rows = csv.writer(self._text, lineterminator="\r\n")
        self._columns, self._titled, self._sums = columns, title is not None, _Sums(columns)
        if title is not None:
            self._rows.writerow([title])
        self._rows.writerow([column.heading for column in columns])

    def add(self, rows: Iterable[Sequence[object]]) -> None:
        """Write rows; a cell for each column."""
        for row in rows:
            self._rows.writerow([self._plain(cell, column) for cell, column in zip(row, self._columns, strict=True)])
            self._sums.add(row)

    def close(self) -> None:
        """Write the sums and let the file go, which stays open."""
        if self._titled and self._sums.money:
            sums = [
                yuan(self._sums.fen[index]) if index in self._sums.fen else "" for index in range(len(self._columns))
            ]
            self._rows.writerow([SUM[self._language], *sums[1:]])
        self._text.detach()

    def _plain(self, cell: object, column: Column) -> str:
        if cell is None:
            return ""
        if column.kind == "money":
            return yuan(_whole(cell))
        if column.kind == "flag":
            return flag_text(cell, self._language)
        text = str(cell)
        if column.kind != "text":
            return text
        if self._titled and text.isdecimal() and (len(text) >= LONG_DIGITS or text.startswith("0")):
            return f"\t{text}"
        return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _whole(cell: object) -> int:
    if not isinstance(cell, int):
        raise TypeError(f"a cell of money or of a count holds {type(cell).__name__}")
    return cell


def flag_text(value: object, language: Language) -> str:
    """Yes or no."""
    return ("yes" if value else "no") if language == "en" else ("是" if value else "否")


# ---------------------------------------------------------------- XLSX


class XlsxList:
    """A list being written as a workbook of one sheet; each row leaves the memory with the next. Close it whatever
    happens."""

    def __init__(self, file: IO[bytes], columns: Sequence[Column], title: str, language: Language = "zh") -> None:
        self._language = language
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self._book = xlsxwriter.Workbook(file, options)
        self._formats = {kind: self._book.add_format({"num_format": form}) for kind, form in _NUMBER_FORMATS.items()}
        self._bold = self._book.add_format({"bold": True})
        self._bold_money = self._book.add_format({"bold": True, "num_format": _NUMBER_FORMATS["money"]})
        self._columns, self._sums, self._at = columns, _Sums(columns), 2
        self._sheet = self._book.add_worksheet()
        self._sheet.freeze_panes(2, 0)
        self._sheet.write_string(0, 0, title, self._bold)
        for index, column in enumerate(columns):
            self._sheet.set_column(index, index, _WIDTHS[column.kind])
            self._sheet.write_string(1, index, column.heading, self._bold)

    def add(self, rows: Iterable[Sequence[object]]) -> None:
        """Write rows; a cell for each column."""
        for row in rows:
            for index, (cell, column) in enumerate(zip(row, self._columns, strict=True)):
                if cell is not None:
                    self._write(index, cell, column.kind, self._formats[column.kind])
            self._sums.add(row)
            self._at += 1

    def close(self) -> None:
        """Write the sums and the end of the file, which stays open."""
        self._sheet.autofilter(1, 0, max(1, self._at - 1), len(self._columns) - 1)
        if self._sums.money:
            self._sheet.write_string(self._at, 0, SUM[self._language], self._bold)
            for index, amount in self._sums.fen.items():
                self._write(index, amount, "money", self._bold_money)
        self._book.close()

    def _write(self, index: int, cell: object, kind: Kind, form: object) -> None:
        at, sheet = self._at, self._sheet
        match kind:
            case "money":
                # The file format knows binary numbers only; fen below 2**53 come back exactly when shown with two
                # decimals.
                sheet.write_number(at, index, _whole(cell) / 100, form)
            case "count":
                sheet.write_number(at, index, _whole(cell), form)
            case "rate":
                sheet.write_number(at, index, rate(str(cell)) / RATE_ONE, form)
            case "date" if isinstance(cell, date):
                sheet.write_datetime(at, index, cell, form)
            case "instant":
                sheet.write_datetime(at, index, datetime.fromisoformat(str(cell)).replace(tzinfo=None), form)
            case "flag":
                sheet.write_string(at, index, flag_text(cell, self._language), form)
            case _:
                sheet.write_string(at, index, str(cell), form)
