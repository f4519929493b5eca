"""The bank's answer as a file: camt.053 or camt.054 of any version, or a sheet in the bank's columns. Pure.

What is read of it are bookings: money that left, or came back. What the bank has only announced (pending) is left out.
A file that can't be read whole is refused whole: from a half nothing is booked."""

import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Final, Literal
from xml.etree import ElementTree
from xml.parsers import expat

from msgspec import Struct

from app.basics.days import parsed_day
from app.basics.errors import Fault, Refused
from app.basics.money import scaled
from app.clearing.bank_columns import BankColumns
from app.service.sheet import SHEETS_HIDDEN, BadCell, SheetColumn, SheetRefused, SheetRow, rows

POINTER: Final = "/file"
MOST_ROWS: Final = 1000
MOST_REFERENCE: Final = 64
CURRENCY: Final = "CNY"
MESSAGES: Final = ("BkToCstmrStmt", "BkToCstmrDbtCdtNtfctn")
READ_BYTES: Final = 64 * 1024
Booked = Literal["paid", "returned"]


class BankRow(Struct, frozen=True, kw_only=True):
    """A booking: what the bank did on which day with how much (fen), the bank's own reference of it, ours, and the
    payee's account where they are told."""

    kind: Booked
    amount: int
    value_on: date
    reference: str | None
    end_to_end_id: str | None
    account: str | None
    reason: str | None


def read(path: Path, columns: BankColumns) -> tuple[Literal["camt", "sheet"], list[BankRow]]:
    """What a file says, and which kind it is of. Refused with every fault, each with its place."""
    with path.open("rb") as file:
        head = file.read(256).removeprefix(b"\xef\xbb\xbf").lstrip()
    found = list(_camt(path)) if head.startswith(b"<") else _sheet(path, columns)
    if not found:
        raise Refused([Fault(POINTER, "no_bookings")])
    if len(found) > MOST_ROWS:
        raise Refused([Fault(POINTER, "too_many_rows", {"limit": str(MOST_ROWS)})])
    return "camt" if head.startswith(b"<") else "sheet", found


# ---------------------------------------------------------------- camt


class _Declared(Exception):
    """The file has a document type: nothing that it could declare is read."""


def _tree(path: Path) -> ElementTree.Element:
    """The document with the names of its elements bare of their namespace. No entity of a file is ever expanded."""
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = lambda name, attributes: builder.start(name.rpartition(" ")[2], attributes)
    parser.EndElementHandler = lambda name: builder.end(name.rpartition(" ")[2])
    parser.CharacterDataHandler = builder.data

    def declared(*_: object) -> None:
        raise _Declared

    parser.StartDoctypeDeclHandler = declared
    try:
        with path.open("rb") as file:
            parser.ParseFile(file)
        return builder.close()
    except (expat.ExpatError, _Declared, ValueError, AssertionError):
        raise Refused([Fault(POINTER, "xml_damaged")]) from None


def _camt(path: Path) -> Iterator[BankRow]:
    root = _tree(path)
    message = next((found for name in MESSAGES if (found := root.find(name)) is not None), None)
    if message is None:
        raise Refused([Fault(POINTER, "not_a_receipt")])
    for entry in message.iter("Ntry"):
        if (entry.findtext("Sts/Cd") or entry.findtext("Sts") or "BOOK").strip() == "BOOK":
            yield from _entry(entry)


def _entry(entry: ElementTree.Element) -> Iterator[BankRow]:
    details = entry.findall("NtryDtls/TxDtls")
    if not details:
        yield _booking(entry, None, alone=True)
    for detail in details:
        yield _booking(entry, detail, alone=len(details) == 1)


def _booking(entry: ElementTree.Element, detail: ElementTree.Element | None, *, alone: bool) -> BankRow:
    """One transaction of an entry; an entry without details is one by itself."""
    of = entry if detail is None else detail
    amount = next((one for path in ("Amt", "AmtDtls/TxAmt/Amt") if (one := of.find(path)) is not None), None)
    if amount is None and alone:
        amount = entry.find("Amt")
    money = None if amount is None or amount.get("Ccy", CURRENCY) != CURRENCY else _fen(amount.text or "")
    day = next((found for path in _DAYS if (found := parsed_day((entry.findtext(path) or "")[:10])) is not None), None)
    if money is None or day is None:
        raise Refused([Fault(POINTER, "booking_incomplete")])
    direction = of.findtext("CdtDbtInd") or entry.findtext("CdtDbtInd")
    reversed_ = (entry.findtext("RvslInd") or "").strip() == "true"
    came_back = direction == "CRDT" or reversed_ or of.find("RtrInf") is not None
    end_to_end = _told(of, "Refs/EndToEndId")
    references = (_told(entry, "AcctSvcrRef") or _told(entry, "NtryRef"), _told(of, "Refs/AcctSvcrRef"))
    reference = "/".join(dict.fromkeys(one for one in references if one))
    if detail is not None and not references[1] and end_to_end and not alone:
        reference = f"{reference}/{end_to_end}" if reference else ""
    return BankRow(
        kind="returned" if came_back else "paid",
        amount=money,
        value_on=day,
        reference=_short(reference) or None,
        end_to_end_id=end_to_end,
        account=_told(of, "RltdPties/CdtrAcct/Id/Othr/Id") or _told(of, "RltdPties/CdtrAcct/Id/IBAN"),
        reason=_told(of, "RtrInf/AddtlInf") or _told(of, "RtrInf/Rsn/Cd"),
    )


_DAYS: Final = ("ValDt/Dt", "ValDt/DtTm", "BookgDt/Dt", "BookgDt/DtTm")


def _fen(text: str) -> int | None:
    """A positive amount as banks write it, ``1,234.50`` or ``1234.50000``; None for anything else, or for less than a
    fen."""
    text = unicodedata.normalize("NFKC", text).strip().replace(",", "")
    try:
        amount = scaled(text, 5)
    except ValueError:
        return None
    return amount // 1000 if amount > 0 and amount % 1000 == 0 else None


def _told(of: ElementTree.Element, path: str) -> str | None:
    """A text that is told; the standard writes NOTPROVIDED for one that isn't."""
    text = (of.findtext(path) or "").strip()
    return None if text in ("", "NOTPROVIDED") else text


def _short(reference: str) -> str:
    """A reference within what we keep: of a longer one its beginning and a digest of all of it."""
    if len(reference) <= MOST_REFERENCE:
        return reference
    return f"{reference[:40]}-{sha256(reference.encode()).hexdigest()[:23]}"


# ---------------------------------------------------------------- sheets


def _sheet(path: Path, columns: BankColumns) -> list[BankRow]:
    needed = ("bank_reference", "amount", "value_on", "result")
    wanted = [
        SheetColumn(
            name,
            tuple(getattr(columns.receipt, name)),
            required=name in needed,
            kind="code" if name in ("bank_reference", "end_to_end_id", "payee_account") else "text",
        )
        for name in columns.receipt.__struct_fields__
    ]
    try:
        lines = list(islice((row for row in rows(path, wanted) if row.unread != SHEETS_HIDDEN), MOST_ROWS + 1))
    except SheetRefused as refused:
        raise Refused([Fault(_place(one.row, one.column), one.code, one.values) for one in refused.faults]) from None
    faults: list[Fault] = []
    found = [row for line in lines if (row := _line(line, columns, faults)) is not None]
    if faults:
        raise Refused(faults)
    return found


def _place(row: int | None, column: str | None) -> str:
    return POINTER + "".join(f"/{part}" for part in (row, column) if part is not None)


def _line(line: SheetRow, columns: BankColumns, faults: list[Fault]) -> BankRow | None:
    """A row of a sheet; None, with its faults added, for one that can't be read."""
    bad = {name: cell.code for name, cell in line.cells.items() if isinstance(cell, BadCell)}
    texts = {name: str(cell) for name, cell in line.cells.items()}
    kind, amount, day = _result(texts, columns), _fen(texts.get("amount", "")), _day(texts)
    if not texts.get("bank_reference"):
        bad.setdefault("bank_reference", "value_missing")
    if kind is None:
        bad.setdefault("result", "result_unknown")
    if amount is None:
        bad.setdefault("amount", "cell_amount")
    if day is None:
        bad.setdefault("value_on", "day_invalid")
    faults += [Fault(_place(line.number, name), code) for name, code in bad.items()]
    if bad or kind is None or amount is None or day is None:
        return None
    return BankRow(
        kind=kind,
        amount=amount,
        value_on=day,
        reference=_short(texts["bank_reference"]),
        end_to_end_id=texts.get("end_to_end_id") or None,
        account=texts.get("payee_account") or None,
        reason=texts.get("reason") or None,
    )


def _day(texts: Mapping[str, str]) -> date | None:
    return parsed_day(texts.get("value_on", "")[:10])


def _result(texts: Mapping[str, str], columns: BankColumns) -> Booked | None:
    text = texts.get("result", "").casefold()
    kinds: tuple[Booked, ...] = ("paid", "returned")
    return next((kind for kind in kinds if text in [one.casefold() for one in getattr(columns.results, kind)]), None)
