"""The monthly report as a workbook. Codes are texts, so that no zero is lost and nothing is a formula; money and counts
are numbers."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from io import BytesIO
from typing import Any, Final

import msgspec
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from app.basics.classes import ClassWords
from app.clearing.report import MonthlyReport
from app.clearing.report_figures import Benefits
from app.service.words import CODES, has_words, worded

MONEY_FORMAT: Final = "#,##0.00"
SHARE_FORMAT: Final = "0.00%"
HEADINGS: Final = {
    "area_code": "行政区划",
    "benefit_class": "人员类别",
    "medical_type": "医疗类别",
    "persons": "人数",
    "registered_poor": "建档立卡人数",
    "insured": "已参保",
    "not_insured": "未参保",
    "share": "参保率",
    "bills": "结算人次",
    "total": "医疗费总额",
    "in_scope": "政策范围内",
    "basic": "基本医保",
    "serious_illness": "大病保险",
    "supplement": "补充保险",
    "medical_assistance": "医疗救助",
    "safety_net": "兜底保障",
    "fund_total": "基金支付总额",
    "payable_adjustment": "定额结余",
    "hospital": "医院承担",
    "patient": "个人负担",
    "share_paid": "实际报销比例",
    "share_of_scope": "政策范围内报销比例",
    "fund": "基金",
    "tier": "保障层级",
    "clr_type": "清算类别",
    "name": "名称",
    "postings": "笔数",
    "amount": "金额",
}
TEXTS: Final = frozenset({"area_code", "benefit_class", "medical_type", "fund", "tier", "clr_type", "name"})
SHARES: Final = frozenset({"share", "share_paid", "share_of_scope"})
NARROW, WIDE = 12, 18


def workbook(report: MonthlyReport, classes: Mapping[str, ClassWords]) -> bytes:
    """The report as XLSX: a sheet of the state, then one per table, each with headings that stand still and filter.
    ``classes``: what packs' own benefit classes are called."""
    book = Workbook(write_only=True)
    _facts(book, report)
    _table(book, "参保", report.enrolment.rows, classes)
    _table(book, "建档立卡参保", [*report.coverage.rows, report.coverage.total], classes)
    for title, part in (("本月", report.month), ("本年累计", report.year_to_date)):
        _table(book, f"{title}待遇", _grouped(part), classes)
        _table(book, f"{title}明细", part.rows, classes)
        _table(book, f"{title}基金", part.funds, classes)
    content = BytesIO()
    book.save(content)
    return content.getvalue()


def _facts(book: Workbook, report: MonthlyReport) -> None:
    sheet = book.create_sheet("月报")
    sheet.column_dimensions["A"].width = sheet.column_dimensions["B"].width = WIDE
    facts: Sequence[tuple[str, str | date | int | None]] = (
        ("统筹区", report.area_code),
        ("月份", report.period),
        ("状态", worded("state", report.state, "zh")),
        ("截止日", report.due_on),
        ("提交日", report.submitted_on),
        ("提交人", report.submitted_by),
        ("签发日", report.approved_on),
        ("签发人", report.approved_by),
        ("人数统计日", report.enrolment.day),
        ("参保人数", report.enrolment.persons),
    )
    for name, value in facts:
        sheet.append([_text(sheet, name), _text(sheet, value) if isinstance(value, str) else value])


def _grouped(part: Benefits) -> list[msgspec.Struct]:
    return [part.total, *part.by_class, *part.by_area, *part.by_medical_type]


def _table(book: Workbook, title: str, rows: Sequence[msgspec.Struct], classes: Mapping[str, ClassWords]) -> None:
    """A sheet of rows of one struct; an empty table has its title only."""
    sheet = book.create_sheet(title)
    if not rows:
        return
    names = _columns(rows[0])
    sheet.freeze_panes = "A2"
    for number, name in enumerate(names, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = NARROW if name in TEXTS else WIDE
    sheet.append([_heading(sheet, HEADINGS[name.partition(":")[0]]) for name in names])
    for row in rows:
        sheet.append([_cell(sheet, *_named(row, name, classes)) for name in names])
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(names))}{len(rows) + 1}"


def _columns(row: msgspec.Struct) -> list[str]:
    """The members of a row, each code followed by its name: ``fund``, ``name:fund``."""
    return [one for name in row.__struct_fields__ for one in ([name, f"name:{name}"] if name in CODES else [name])]


def _named(row: msgspec.Struct, column: str, classes: Mapping[str, ClassWords]) -> tuple[str, object]:
    """The kind of a column and its value in a row: names beside codes, other values in words."""
    kind, _, member = column.rpartition(":")
    value = getattr(row, member)
    if not isinstance(value, str) or not (kind or has_words(member)) or (not kind and member in CODES):
        return (kind or member), (None if kind and value is None else value)
    words = worded(member, value, "zh", classes)
    return (kind or member), ("" if kind and words == value else words)


def _heading(sheet: Any, name: str) -> Any:
    cell = _text(sheet, name)
    cell.font = Font(bold=True)
    return cell


def _cell(sheet: Any, name: str, value: object) -> object:
    if name in TEXTS:
        return _text(sheet, "合计" if value is None else str(value))
    if isinstance(value, str):
        cell = WriteOnlyCell(sheet)
        cell.value = Decimal(value)
        cell.number_format = SHARE_FORMAT if name in SHARES else MONEY_FORMAT
        return cell
    return value


def _text(sheet: Any, value: str) -> Any:
    """A cell that stays a text whatever it begins with."""
    cell = WriteOnlyCell(sheet, value)
    cell.data_type = "s"
    return cell
