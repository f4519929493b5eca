"""A hospital's detail file of a statement: one row per settlement and fund, named by our id or by its own visit. No
database.

With a column ``settlement_id`` rows name entries, corrections being entries of their own; without one they name bills
by ``visit_id`` and ``settle_seq`` (1 where the column lacks), with all that corrections made of them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from app.basics.errors import Fault, Refused
from app.basics.funds import NATIONAL_FUNDS
from app.basics.ids import SETTLEMENT, read_id
from app.basics.money import fen
from app.service.messages import HEADING, ROW
from app.service.sheet import SHEETS_HIDDEN, BadCell, SheetColumn, SheetRefused, SheetRow, rows
from app.service.walk import MAX_FAULTS
from app.service.wire import code_faults
from app.tiers.model import FUNDS as RESIDENTS_FUNDS

MAX_ROWS: Final = 300_000
MAX_SEQ: Final = 2**31 - 1

COLUMNS: Final = (
    SheetColumn("settlement_id", ("结算编号", "结算ID", "结算单号"), kind="code"),
    SheetColumn("visit_id", ("就诊号", "住院号", "门诊号", "住院门诊号"), kind="code"),
    SheetColumn("settle_seq", ("结算序号",)),
    SheetColumn("fund", ("基金", "基金编码", "基金代码", "fund code"), required=True),
    SheetColumn("amount", ("金额", "基金支付金额", "应付金额"), required=True, kind="number"),
)
FUND_NAMES: Final[Mapping[str, str]] = {
    **{name: code for code, fund in NATIONAL_FUNDS.items() for name in (fund.national, fund.zh, code)},
    **RESIDENTS_FUNDS,
    **{
        name: RESIDENTS_FUNDS[tier]
        for name, tier in (
            ("基本医疗保险", "basic"),
            ("补充医疗保险", "supplement"),
            ("医疗救助基金", "medical_assistance"),
            ("政府兜底", "safety_net"),
        )
    },
}
"""What hospitals write for a fund: its code, its names, for a residents' fund also its tier."""

_AMOUNT: Final = re.compile(r"-?(0|[1-9][0-9]{0,12}|[1-9][0-9]{0,2}(,[0-9]{3}){1,3})(\.[0-9]{1,2})?")


@dataclass(slots=True)
class Detail:
    """The rows of a file as columns, fen. ``entry_ids`` or ``visits`` and ``seqs`` say which; ``references`` are as
    written."""

    by_visit: bool
    references: list[str] = field(default_factory=list)
    entry_ids: list[int | None] = field(default_factory=list)
    visits: list[str | None] = field(default_factory=list)
    seqs: list[int | None] = field(default_factory=list)
    funds: list[str] = field(default_factory=list)
    amounts: list[int] = field(default_factory=list)


def read_detail(path: Path, pointer: str, *, funds: frozenset[str] | None) -> Detail:
    """The file's rows of the given funds (of all with None). Refused with every fault, each under
    ``pointer``/row/column."""
    try:
        lines = list(islice((row for row in rows(path, COLUMNS) if row.unread != SHEETS_HIDDEN), MAX_ROWS + 1))
    except SheetRefused as refused:
        raise Refused(
            [_file_fault(pointer, one.row, one.column, one.code, one.values) for one in refused.faults]
        ) from None
    if len(lines) > MAX_ROWS:
        raise Refused([Fault(pointer, "too_many_rows", {"limit": str(MAX_ROWS)})])
    by_visit = "settlement_id" not in lines[0].cells
    if by_visit and "visit_id" not in lines[0].cells:
        headings = "settlement_id / 结算编号 / visit_id / 就诊号"
        raise Refused([Fault(f"{pointer}/{1}", "column_missing", {"headings": headings})])
    return _detail(lines, pointer, by_visit, funds)


def _detail(lines: Iterable[SheetRow], pointer: str, by_visit: bool, funds: frozenset[str] | None) -> Detail:
    detail, faults = Detail(by_visit), []
    seen: dict[tuple[int | str, str], int] = {}
    for line in lines:
        texts, wrong = _texts(line, pointer)
        faults += wrong or _added(detail, seen, line, texts, pointer, funds)
        if len(faults) >= MAX_FAULTS:
            break
    if faults:
        raise Refused(faults[:MAX_FAULTS])
    return detail


def _texts(line: SheetRow, pointer: str) -> tuple[dict[str, str], list[Fault]]:
    bad = [(name, cell.code) for name, cell in line.cells.items() if isinstance(cell, BadCell)]
    faults = [_cell_fault(pointer, line, name, code, {}) for name, code in bad]
    return {name: str(cell) for name, cell in line.cells.items() if not isinstance(cell, BadCell)}, faults


def _added(
    detail: Detail,
    seen: dict[tuple[int | str, str], int],
    line: SheetRow,
    texts: Mapping[str, str],
    pointer: str,
    funds: frozenset[str] | None,
) -> list[Fault]:
    """Add a row, or say what is wrong with it. A second row of one settlement and fund is a fault: no sum is
    guessed."""
    faults = [_cell_fault(pointer, line, name, code, values) for name, code, values in _cell_faults(detail, texts)]
    if faults:
        return faults
    fund = FUND_NAMES[texts["fund"]]
    reference = _reference(detail, texts)
    first = seen.setdefault((read_id(SETTLEMENT, reference) or reference, fund), line.number)
    if first != line.number:
        return [_file_fault(pointer, line.number, None, "settlement_repeated", {"row": str(first)})]
    if funds is None or fund in funds:
        detail.references.append(reference)
        detail.entry_ids.append(None if detail.by_visit else read_id(SETTLEMENT, reference))
        detail.visits.append(texts["visit_id"] if detail.by_visit else None)
        detail.seqs.append(int(texts.get("settle_seq") or 1) if detail.by_visit else None)
        detail.funds.append(fund)
        detail.amounts.append(fen(texts["amount"].replace(",", "")))
    return []


def _cell_faults(detail: Detail, texts: Mapping[str, str]) -> Iterable[tuple[str, str, dict[str, str]]]:
    named = "visit_id" if detail.by_visit else "settlement_id"
    if not texts[named]:
        yield named, "cell_missing", {}
    else:
        for fault in code_faults(texts[named], named):
            yield named, fault.code, dict(fault.values)
    seq = texts.get("settle_seq") or "1"
    if detail.by_visit and not (seq.isascii() and seq.isdecimal() and len(seq) <= 10 and 0 < int(seq) <= MAX_SEQ):
        yield "settle_seq", "number_out_of_range", {"range": f"1 … {MAX_SEQ}"}
    if texts["fund"] not in FUND_NAMES:
        yield "fund", "not_in_list" if texts["fund"] else "cell_missing", {"allowed": ", ".join(NATIONAL_FUNDS)}
    if _AMOUNT.fullmatch(texts["amount"]) is None:
        yield "amount", "cell_amount" if texts["amount"] else "cell_missing", {}


def _reference(detail: Detail, texts: Mapping[str, str]) -> str:
    if detail.by_visit:
        return f"{texts['visit_id']}/{int(texts.get('settle_seq') or 1)}"
    return texts["settlement_id"]


def _cell_fault(pointer: str, line: SheetRow, column: str, code: str, values: Mapping[str, str]) -> Fault:
    place = {ROW: str(line.number), HEADING: line.headings.get(column, column)}
    return _file_fault(pointer, line.number, column, code, {**values, **place})


def _file_fault(pointer: str, row: int | None, column: str | None, code: str, values: Mapping[str, str]) -> Fault:
    place = "".join(f"/{part}" for part in (row, column) if part is not None)
    return Fault(pointer + place, code, values)
