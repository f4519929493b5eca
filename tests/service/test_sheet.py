"""Files as people have them: every encoding and program that is in use, and a clear fault for what can't be used."""

import asyncio
import io
import struct
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from openpyxl import Workbook

from app.service import sheet
from app.service.messages import MESSAGES
from app.service.sheet import BadCell, SheetColumn, SheetRefused, rows
from tests.conftest import ADMIN_TOKEN, start_service
from tests.world import key

COLUMNS = (
    SheetColumn("id_number", ("身份证号",), required=True),
    SheetColumn("name", ("姓名",)),
    SheetColumn("from", ("认定日期",)),
)
FILES = Path(__file__).parent / "files"
TEXT = "身份证号,姓名,认定日期\n530127196001010013,张三,2016-01-01\n"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], list[tuple[int, list[Any]]]]:
    """Reads a file's content: row numbers and the cells of the columns."""

    def read_(content: bytes) -> list[tuple[int, list[Any]]]:
        path = tmp_path / "file"
        path.write_bytes(content)
        return [(row.number, list(row.cells.values())) for row in rows(path, COLUMNS)]

    return read_


def workbook(*lines: tuple[object, ...], change: Callable[[Any], object] = lambda sheet: None) -> bytes:
    """A workbook by openpyxl."""
    book = Workbook()
    for line in lines:
        book.active.append(line)
    change(book.active)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def refused(read: Callable[[bytes], object], content: bytes) -> list[tuple[str, int | None, str | None]]:
    """The faults of a refused file; each has its message."""
    with pytest.raises(SheetRefused) as caught:
        read(content)
    assert all(fault.code in MESSAGES for fault in caught.value.faults)
    return [(fault.code, fault.row, fault.column) for fault in caught.value.faults]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_is_read_in_every_encoding(read: Any, encoding: str, end: str) -> None:
    """UTF-8 with or without a mark and GB18030, with both ends of line, give the same rows."""
    content = TEXT.replace("\n", end).encode(encoding)
    assert read(content) == [(2, ["530127196001010013", "张三", "2016-01-01"])]


def test_headings_are_found_wherever_they_stand(read: Any) -> None:
    """Columns may have our names or Chinese ones, blanks, stars, any order, others between them; empty rows are
    skipped."""
    content = "\n认定 日期,备注,* ID_Number \n,,\n2016-01-01,甲,1\n\n,,2\n".encode()
    assert read(content) == [(4, ["2016-01-01", "1"]), (6, ["", "2"])]


def test_tabs_part_cells_where_the_headings_have_them(read: Any) -> None:
    """Tab-separated text is read as such, also below empty rows; a tab inside a CSV's cell parts nothing."""
    assert read(TEXT.replace(",", "\t").encode("gb18030")) == [(2, ["530127196001010013", "张三", "2016-01-01"])]
    assert read("\t\t\n身份证号\t姓名\n1\t张,三\n".encode()) == [(3, ["1", "张,三"])]
    assert read("身份证号,姓名\t\n1,张\t三\n".encode()) == [(2, ["1", "张\t三"])]


def test_workbooks_of_both_programs_are_read(read: Any) -> None:
    """Files by openpyxl and by LibreOffice give the same; days are days whatever their format."""
    from datetime import date, datetime

    day = "2016-01-01"
    lines = [("身份证号", "姓名", "认定日期")]
    lines += [("530127196001010013", "张三", one) for one in (date(2016, 1, 1), datetime(2016, 1, 1), day)]
    assert [cells for _, cells in read(workbook(*lines))] == [["530127196001010013", "张三", day]] * 3
    libre = read((FILES / "libreoffice.xlsx").read_bytes())
    assert libre == [(2, ["530127196001010013", "张三", day]), (3, ["53012719600101003X", "李四", "2018-03-04"])]


def test_numbers_that_a_spreadsheet_cut_are_no_id_numbers(read: Any) -> None:
    """Scientific notation, and numbers of more digits than a spreadsheet keeps, are told from text, in CSV and XLSX."""
    libre = read((FILES / "libreoffice_numbers.xlsx").read_bytes())
    assert libre[0][1][0] == BadCell("cell_digits_lost")
    assert libre[1][1][0] == "53012719600101003X"
    by_openpyxl = workbook(("身份证号",), (530127196001010013,), (5.3012719600101e17,), ("5.30127E+17",), (12345,))
    assert [cells[0] for _, cells in read(by_openpyxl)] == [
        BadCell("cell_digits_lost"),
        BadCell("cell_digits_lost"),
        BadCell("cell_scientific"),
        "12345",
    ]
    text = '身份证号\n5.30127E+17\n="530127196001010013"\n=A1\n'.encode()
    assert [cells[0] for _, cells in read(text)] == [
        BadCell("cell_scientific"),
        "530127196001010013",
        BadCell("cell_formula"),
    ]


def test_formulas_and_errors_are_told_from_values(read: Any) -> None:
    """A formula's cell, and one that holds an error, is at fault by itself; the rest of the row can be read."""
    content = workbook(("身份证号", "姓名"), ("=A9", "甲"), ("#N/A", "乙"), ("1", "丙"))
    assert read(content) == [
        (2, [BadCell("cell_formula"), "甲"]),
        (3, [BadCell("cell_error"), "乙"]),
        (4, ["1", "丙"]),
    ]


def test_merged_cells_are_refused_with_their_places(read: Any) -> None:
    """A merged cell's value belongs to one of its cells; every place is named."""

    def merge(sheet: Any) -> None:
        sheet.merge_cells("B2:B3")
        sheet.merge_cells("A4:B4")

    content = workbook(("身份证号", "姓名"), *[("1", "甲")] * 4, change=merge)
    assert refused(read, content) == [("cells_merged", 2, "B"), ("cells_merged", 4, "A")]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", ("file_empty", None, None)),
        (b"\n \n", ("file_empty", None, None)),
        ("身份证号\n".encode(), ("no_rows", None, None)),
        ("姓名\n张三\n".encode(), ("column_missing", 1, "id_number")),
        ("身份证号,id_number\n1,2\n".encode(), ("column_twice", 1, "B")),
        ('身份证号\n1\n"2\n3\n'.encode(), ("csv_damaged", 3, None)),
        (TEXT.encode() + b"1\xff\xff\n", ("encoding_unknown", 3, None)),
        (TEXT.encode("utf-16"), ("encoding_unknown", 1, None)),
        (OLE + b"\0" * 3000 + "EncryptedPackage".encode("utf-16-le"), ("file_encrypted", None, None)),
        (OLE + b"\0" * 3000, ("file_old_excel", None, None)),
        (b"PK\x03\x04 and then nothing", ("xlsx_damaged", None, None)),
        (workbook(("身份证号",), ("1",))[:-300], ("xlsx_damaged", None, None)),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(read: Any, content: bytes, fault: tuple[Any, ...]) -> None:
    """Empty, headless, damaged, encrypted or wrongly encoded files have one fault, with row and column where there is
    one."""
    assert refused(read, content) == [fault]


def test_a_comma_too_many_spoils_its_row_only(read: Any) -> None:
    """A row of more cells than headings can't be trusted; the others can."""
    content = "身份证号,姓名\n1,张,三\n2,李四\n".encode()
    assert read(content) == [(2, [BadCell("too_many_cells")] * 2), (3, ["2", "李四"])]


def archive(**parts: bytes) -> bytes:
    """A zip of parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return buffer.getvalue()


def test_archives_that_are_no_workbooks_are_refused(read: Any) -> None:
    """A zip of something else, a bomb, one that lies about its sizes, and one with a password are refused before
    unpacking."""
    assert refused(read, archive(a=b"1")) == [("not_a_workbook", None, None)]
    bomb = archive(**{"[Content_Types].xml": b"", "xl/worksheets/sheet1.xml": b"0" * 200_000_000})
    assert len(bomb) < 300_000
    assert refused(read, bomb) == [("unpacked_too_large", None, None)]
    true_size = struct.pack("<I", 200_000_000)
    assert refused(read, bomb.replace(true_size, struct.pack("<I", 1000))) == [("xlsx_damaged", None, None)]
    locked = bytearray(workbook(("身份证号",), ("1",)))
    for head, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = 0
        while (start := locked.find(head, start)) >= 0:
            locked[start + place] |= 1
            start += 4
    assert refused(read, bytes(locked)) == [("file_encrypted", None, None)]


def test_limits_have_a_fault(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many rows, columns, and too long a cell are told with the limit."""
    monkeypatch.setattr(sheet, "MAX_ROWS", 1)
    assert refused(read, "身份证号\n1\n2\n".encode()) == [("too_many_rows", 3, None)]
    wide = ",".join("abcdefghij" * 21)
    assert refused(read, f"身份证号,{wide}\n1\n".encode()) == [("too_many_columns", 1, None)]
    assert refused(read, workbook(("身份证号", *range(300)), ("1",))) == [("too_many_columns", 1, None)]
    assert read("身份证号\n".encode() + b"1" * 2001)[0][1] == [BadCell("cell_too_long")]


# ---------------------------------------------------------------- over HTTP


def form(content: bytes, **fields: str) -> dict[str, Any]:
    """A file and fields as a form."""
    return {"files": {"file": ("名单.csv", content, "application/octet-stream")}, "data": fields}


async def test_a_form_and_a_body_are_the_same_request(client: httpx.AsyncClient) -> None:
    """A file may be the body or a form's field, its parameters in the query or in the form; all are the same act."""
    headers, content = key(), TEXT.encode()
    first = await client.post("/v1/registry/imports", **form(content, area_code="530000", kind="list"), headers=headers)
    assert first.status_code == 202, first.text
    assert first.json()["state"] == "queued"
    again = await client.post(
        "/v1/registry/imports?area_code=530000",
        content=content,
        headers=headers | {"Content-Type": "text/csv; charset=utf-8"},
    )
    assert (again.status_code, again.json()) == (202, first.json())


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"content": b"x", "headers": {"Content-Type": "application/json"}}, 415, "unsupported_file_type"),
        (
            {"content": b"x", "headers": {"Content-Type": "text/csv", "Content-Encoding": "gzip"}},
            415,
            "unsupported_file_type",
        ),
        ({"content": b"", "headers": {"Content-Type": "text/csv"}}, 422, "file_empty"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "malformed_form"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=a"}}, 400, "malformed_form"),
        ({"files": {"other": b"x"}}, 422, "missing"),
        (form(b"x", kind="lost"), 422, "not_in_list"),
        (form(b"x", colour="red"), 422, "unknown_field"),
        (form(b"x", area_code="530000", received_on="2099-01-01"), 422, "in_the_future"),
        (form(b"x", area_code="990000"), 422, "policy_gap"),
    ],
)
async def test_uploads_of_a_wrong_form_are_refused(
    client: httpx.AsyncClient, request_: dict[str, Any], status: int, code: str
) -> None:
    """Another type, a broken form, no file, an empty one, unknown parameters: nothing is queued."""
    headers = key() | request_.get("headers", {})
    answer = await client.post("/v1/registry/imports", **request_ | {"headers": headers})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_a_file_beyond_the_limit_is_refused_unread(database_url: str, tmp_path: Path) -> None:
    """Two gigabytes are refused by their declared size before a byte of them was sent, a stream as soon as it is too
    long."""
    process, base_url = start_service(database_url, tmp_path, ONESTOP_MAX_IMPORT_BYTES="65536")
    headers = key() | {"Authorization": f"Bearer {ADMIN_TOKEN}", "Content-Type": "text/csv"}
    path = "/v1/registry/imports?area_code=530000"
    try:
        port = int(base_url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        length = 2 * 1024**3
        writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {length}\r\n\r\n".encode())
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 413")
        writer.close()
        async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers) as client:

            async def long() -> Any:
                for _ in range(20):
                    yield b"x" * 65536

            assert (await client.post(path, content=long())).status_code == 413
    finally:
        process.terminate()
        process.wait(30)


# ---------------------------------------------------------------- what a reader sees


def test_the_first_visible_sheet_is_read_and_the_hidden_are_told(tmp_path: Path) -> None:
    """A hidden sheet, and hidden or filtered rows, aren't read; each is told in a row of its own."""
    book = Workbook()
    book.active.append(("身份证号", "姓名"))
    book.active.append(("9", "旧"))
    book.active.sheet_state = "hidden"
    shown = book.create_sheet()
    for line in (("身份证号", "姓名"), ("1", "甲"), ("2", "乙"), ("3", "丙")):
        shown.append(line)
    shown.row_dimensions[3].hidden = True
    path = tmp_path / "file"
    book.save(path)
    found = [(row.number, row.unread, list(row.cells.values())) for row in rows(path, COLUMNS)]
    assert found == [
        (1, "sheets_hidden", [BadCell("sheets_hidden")] * 2),
        (2, None, ["1", "甲"]),
        (3, "row_hidden", [BadCell("row_hidden")] * 2),
        (4, None, ["3", "丙"]),
    ]
    assert {"sheets_hidden", "row_hidden"} <= set(MESSAGES)


def test_cells_are_what_is_displayed(read: Any) -> None:
    """Numbers have the fifteen digits of a spreadsheet, escapes of a workbook are characters, the mark of a text
    goes."""
    content = workbook(("身份证号", "姓名"), (0.1 + 0.2, "甲_x4E59_"), ("'530127", "_x005F_x4E59_"), (1e-7, "乙"))
    cells = [cells for _, cells in read(content)]
    assert cells == [["0.3", "甲乙"], ["530127", "_x4E59_"], ["0.0000001", "乙"]]


def test_empty_cells_at_the_end_of_a_row_are_none(read: Any) -> None:
    """More commas than headings, or a column that was only formatted, say nothing."""
    assert read("身份证号,姓名\n'1,甲,,\n".encode()) == [(2, ["1", "甲"])]
    assert read(workbook(("身份证号", "姓名"), ("1", "甲", None, ""))) == [(2, ["1", "甲"])]


def test_a_date_with_midnight_is_the_day(read: Any) -> None:
    """What a spreadsheet or a database adds to a day is left out."""
    stored = datetime(2016, 1, 2)
    assert read(workbook(("身份证号", "认定日期"), ("1", stored))) == [(2, ["1", "2016-01-02"])]
    assert read("身份证号,认定日期\n1,2016-01-02 00:00:00\n".encode())[0][1][1].startswith("2016-01-02")


@pytest.mark.parametrize(
    ("heading", "written", "end"),
    [
        ("失效日期", "2019-01-01", "2019-01-01"),
        ("结束日期", "2018-12-31", "2019-01-01"),
        ("结束日期", "２０１８／１２／３１", "2019-01-01"),
        ("结束日期", "2018-12-31 00:00:00", "2019-01-01"),
        ("结束日期", "2018/12/31 0:00", "2019-01-01"),
        ("结束日期", "9999-12-31", "9999-12-31"),
        ("失效日期", "2999年12月31日", "2999-12-31"),
        ("结束日期", "", ""),
        ("结束日期", "长期", "长期"),
    ],
)
def test_an_end_is_what_its_heading_says(tmp_path: Path, heading: str, written: str, end: str) -> None:
    """Under a heading of last days the day is included; the end of time and what is no day stay for the reader."""
    path = tmp_path / "file"
    path.write_text(f"编码,{heading}\n1,{written}\n", encoding="utf-8")
    columns = (
        SheetColumn("code", ("编码",)),
        SheetColumn("end", ("失效日期", "结束日期"), kind="end", included=("结束日期",)),
    )
    assert [row.cells["end"] for row in rows(path, columns)] == [end]


@pytest.mark.parametrize(
    ("written", "rate"),
    [("10%", "0.1"), ("１０％", "0.1"), ("12.5 %", "0.125"), ("0.1", "0.1"), ("100%", "1"), ("x%", "x%")],
)
def test_a_rate_may_be_in_per_cent(tmp_path: Path, written: str, rate: str) -> None:
    """Where a rate is expected 10% is 0.1; in any other column it stays what it is."""
    path = tmp_path / "file"
    path.write_text(f"比例,名称\n{written},{written}\n", encoding="utf-8")
    columns = (SheetColumn("rate", ("比例",), kind="rate"), SheetColumn("name", ("名称",)))
    assert [row.cells for row in rows(path, columns)] == [{"rate": rate, "name": written}]
