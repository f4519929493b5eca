"""Lists as files that spreadsheets open: CSV with a byte order mark, and XLSX with numbers as numbers and codes as text.

A cell that begins like a formula is text in an XLSX by its type, and in a CSV by an apostrophe before it.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from tempfile import SpooledTemporaryFile
from typing import Any, Final, Literal

import xlsxwriter
from msgspec import Struct
from starlette.responses import Response

from app.money import yuan

CSV_TYPE: Final = "text/csv"
XLSX_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
IN_MEMORY: Final = 8 * 1024 * 1024
SHAPES: Final = {"money": "#,##0.00", "date": "yyyy-mm-dd", "text": "@", "count": "0"}


class Column(Struct, frozen=True):
    """A column's heading and what its cells are: ``text``, ``money`` (fen), ``count``, ``date``."""

    heading: str
    kind: Literal["text", "money", "count", "date"] = "text"


def wants_csv(accept: str | None) -> bool:
    """Whether a reader asks for CSV rather than XLSX."""
    return CSV_TYPE in (accept or "")


def file_of(
    name: str, accept: str | None, columns: Sequence[Column], rows: Iterable[Sequence[Any]], title: str
) -> Response:
    """The rows as the file that the reader accepts. ``title`` says what the list is of, above the headings."""
    if wants_csv(accept):
        content, kind, ending = csv_bytes(columns, rows), f"{CSV_TYPE}; charset=utf-8", "csv"
    else:
        content, kind, ending = xlsx_bytes(columns, rows, title), XLSX_TYPE, "xlsx"
    headers = {"Content-Disposition": f'attachment; filename="{name}.{ending}"'}
    return Response(content, media_type=kind, headers=headers)


def csv_bytes(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> bytes:
    """UTF-8 with a byte order mark, so that Excel reads the Chinese."""
    text = io.StringIO(newline="")
    sheet = CsvSheet(text, columns)
    for row in rows:
        sheet.add(row)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


class CsvSheet:
    """Headings and rows for a program to read: no title, no sums. Written to a text file without a byte order mark."""

    def __init__(self, file: Any, columns: Sequence[Column]) -> None:
        """``file`` is opened with ``newline=""``."""
        self.columns = columns
        self._writer = csv.writer(file, lineterminator="\r\n")
        self._writer.writerow([column.heading for column in columns])

    def add(self, row: Sequence[Any]) -> None:
        """Write the next row: one cell per column."""
        self._writer.writerow([_plain(cell, column) for cell, column in zip(row, self.columns, strict=True)])


def _plain(cell: Any, column: Column) -> str:
    if cell is None:
        return ""
    if column.kind == "money":
        return yuan(cell)
    text = str(cell)
    return f"'{text}" if column.kind == "text" and text.startswith(FORMULA_STARTS) else text


def xlsx_bytes(columns: Sequence[Column], rows: Iterable[Sequence[Any]], title: str) -> bytes:
    """One sheet: the title, the headings, the rows, and the sums of the columns of money."""
    with SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        sheet = XlsxSheet(file, columns, title)
        for row in rows:
            sheet.add(row)
        sheet.close()
        file.seek(0)
        return file.read()


class XlsxSheet:
    """A workbook of one sheet, written row by row in constant memory: title, headings, rows, the sums of money."""

    def __init__(self, file: Any, columns: Sequence[Column], title: str) -> None:
        """``file`` is a path or a binary file."""
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self.columns = columns
        self._book = xlsxwriter.Workbook(file, options)
        self._formats = {kind: self._book.add_format({"num_format": shape}) for kind, shape in SHAPES.items()}
        self._bold = self._book.add_format({"bold": True})
        self._sheet = self._book.add_worksheet()
        self._at, self._sums = 2, [0] * len(columns)
        self._sheet.freeze_panes(2, 0)
        self._sheet.write_string(0, 0, title, self._bold)
        for index, column in enumerate(columns):
            self._sheet.set_column(index, index, 18)
            self._sheet.write_string(1, index, column.heading, self._bold)

    def add(self, row: Sequence[Any]) -> None:
        """Write the next row: one cell per column."""
        for index, (cell, column) in enumerate(zip(row, self.columns, strict=True)):
            _write(self._sheet, self._at, index, cell, column, self._formats[column.kind])
            if column.kind == "money" and cell is not None:
                self._sums[index] += cell
        self._at += 1

    def close(self) -> None:
        """Write the sums, and the file."""
        if any(column.kind == "money" for column in self.columns):
            self._sheet.write_string(self._at, 0, "合计", self._bold)
        for index, column in enumerate(self.columns):
            if column.kind == "money":
                _write(self._sheet, self._at, index, self._sums[index], column, self._formats["money"])
        self._book.close()


def _write(sheet: Any, at: int, index: int, cell: Any, column: Column, format_: Any) -> None:
    if cell is None:
        return
    match column.kind:
        case "money":
            # The file format knows binary numbers only; fen below 2**53 come back exactly when shown with two decimals.
            sheet.write_number(at, index, cell / 100, format_)
        case "count":
            sheet.write_number(at, index, cell, format_)
        case "date" if isinstance(cell, date):
            sheet.write_datetime(at, index, cell, format_)
        case _:
            sheet.write_string(at, index, str(cell), format_)
