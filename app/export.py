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
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([column.heading for column in columns])
    for row in rows:
        writer.writerow([_plain(cell, column) for cell, column in zip(row, columns, strict=True)])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


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
        book = xlsxwriter.Workbook(
            file, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        )
        formats = {
            "money": book.add_format({"num_format": "#,##0.00"}),
            "date": book.add_format({"num_format": "yyyy-mm-dd"}),
            "text": book.add_format({"num_format": "@"}),
            "count": book.add_format({"num_format": "0"}),
        }
        bold = book.add_format({"bold": True})
        sheet = book.add_worksheet()
        sheet.write_string(0, 0, title, bold)
        for index, column in enumerate(columns):
            sheet.set_column(index, index, 18)
            sheet.write_string(1, index, column.heading, bold)
        at, sums = 2, [0] * len(columns)
        for row in rows:
            for index, (cell, column) in enumerate(zip(row, columns, strict=True)):
                _write(sheet, at, index, cell, column, formats[column.kind])
                if column.kind == "money" and cell is not None:
                    sums[index] += cell
            at += 1
        _write_sums(sheet, at, columns, sums, bold, formats["money"])
        book.close()
        file.seek(0)
        return file.read()


def _write_sums(sheet: Any, at: int, columns: Sequence[Column], sums: Sequence[int], bold: Any, money: Any) -> None:
    if not any(column.kind == "money" for column in columns):
        return
    sheet.write_string(at, 0, "合计", bold)
    for index, column in enumerate(columns):
        if column.kind == "money":
            _write(sheet, at, index, sums[index], column, money)


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
