"""Reconciling with a hospital: totals, files up and down, and typed differences row by row (3201, 9101, 3202, 9102).

The day is ours, of settling. A row is a settlement, a reversal or an adjustment; amounts are compared in fen.
"""

import base64
import binascii
import codecs
import io
import zipfile
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from msgspec import Struct

from app.basics.areas import pooling_area
from app.basics.days import SHANGHAI
from app.basics.ids import FILE, SETTLEMENT, VISIT, read_id, shown_id
from app.basics.money import yuan
from app.basics.text import folded
from app.nhsa import store, visit_store
from app.nhsa.call import Call, FileOutput, Output, day, refused
from app.nhsa.fields import TRANSACTIONS, Field, Row, read_number_text, scaled_of
from app.nhsa.rows import KeptFile, SealedFile, SettledEntry, SettledSums
from app.nhsa.vault import file_place, opened, sealed
from app.nhsa.visit_store import Reconciled

EVEN, UNEVEN = "0", "1"
MAX_DAYS: Final = 366
MAX_FILE_ROWS: Final = 200_000
MAX_UNPACKED: Final = 64 * 1024 * 1024
NOTHING: Final = SettledSums(0, 0, 0)
RESULT_NAME: Final = "result.txt"
EMPTY: Final = "null"
PAIRS: Final = "1"
WITHOUT_PAIRS: Final = "0"
_AMOUNT: Final = Field("", "", "number", "16,2", False, False)


class Theirs(Struct, frozen=True):
    """A row of a hospital's file; amounts in fen."""

    setl_id: str
    mdtrt_id: str
    psn_no: str
    total: int
    fund_total: int
    account: int
    refund: str


# ---------------------------------------------------------------- totals


async def totals(call: Call) -> Output:
    """Compare totals (3201): even, or the first pairs of values that differ."""
    row = call.one()
    asked = _asked(call, row) if row["insutype"] in call.service.book.insurance_types else []
    sums = [await visit_store.sums_of(call.connection, one) for one in asked] or [NOTHING]
    said = min((_differing(row, ours) for ours in sums), key=len)
    values = {
        "setl_optins": row["setl_optins"],
        "stmt_rslt": UNEVEN if said else EVEN,
        "stmt_rslt_dscr": "；".join(said) or "平",
    }
    return {"stmtinfo": call.shown("stmtinfo", {**values})}


def _differing(row: Row, ours: SettledSums) -> list[str]:
    """Each sum of a message that isn't ours, with both values."""
    pairs = [
        ("定点医药机构结算笔数", "", int(row["fixmedins_setl_cnt"]), ours.count),
        ("医疗费总额", "元", scaled_of(row["medfee_sumamt"], 2), ours.total),
        ("基金支付总额", "元", scaled_of(row["fund_pay_sumamt"], 2), ours.fund_total),
        ("个人账户支付", "元", scaled_of(row["acct_pay"], 2), 0),
    ]
    return [
        f"{name}：机构 {_said(theirs, unit)}，中心 {_said(our, unit)}"
        for name, unit, theirs, our in pairs
        if theirs != our
    ]


def _said(value: int, unit: str) -> str:
    return f"{yuan(value)} {unit}" if unit else str(value)


def _asked(call: Call, row: Row) -> list[Reconciled]:
    """What a message may mean, empty for a clearing type that has no settlements.

    ``setl_optins`` names the payer. Under the hospital's own area some sum what that area pays, others everything: both
    are right. ``refd_setl_flag`` 0 leaves cancelled pairs out; ``fixmedins_refd_setl_flag`` counts only where it is
    absent.
    """
    since, until = day(row["stmt_begndate"]), day(row["stmt_enddate"])
    if until < since:
        raise refused("interval_empty", "/data/0/stmt_enddate")
    if until - since > timedelta(days=MAX_DAYS) or until == date.max:
        raise refused("nhsa_time_too_long", "/data/0/stmt_enddate", limit=str(MAX_DAYS))
    medical_type = call.dictionary.clr_types.get(row["clr_type"])
    if medical_type is None:
        return []
    flag = row.get("refd_setl_flag", row.get("fixmedins_refd_setl_flag", PAIRS))
    own, area = pooling_area(call.hospital.area_code), row["setl_optins"]
    named = pooling_area(area) if len(area) == 6 and area.isascii() and area.isdigit() else None
    payers = [named] if named not in (None, own) else [named, None] if named else [None]
    kind = row.get("insutype") if len(call.service.book.insurance_types) > 1 else None
    return [
        Reconciled(call.hospital_code, medical_type, since, until, payer, flag != WITHOUT_PAIRS, kind)
        for payer in payers
    ]


# ---------------------------------------------------------------- files


async def upload(call: Call) -> Output:
    """Take a file (9101) for the hospital's own use in 3202, kept for a while."""
    row = call.one("fsUploadIn")
    if row["fixmedins_code"] != call.hospital_code:
        raise refused("nhsa_hospital_differs", "/fsUploadIn/0/fixmedins_code")
    return _ticket(call, await _keep(call, row["filename"], _content(row["in"])), row["filename"])


def _content(text: str) -> bytes:
    try:
        if text.startswith("hex:"):
            return bytes.fromhex(text[4:])
        return base64.b64decode("".join(text.split()), validate=True)
    except (ValueError, binascii.Error):
        raise refused("nhsa_file_unreadable", "/fsUploadIn/0/in") from None


async def _keep(call: Call, filename: str, content: bytes) -> KeptFile:
    key, (body,) = sealed(call.service.keys, file_place(call.hospital_code), content)
    return await store.add_file(call.connection, call.caller, call.hospital_code, filename, key, body)


def _ticket(call: Call, kept: KeptFile, filename: str) -> dict[str, object]:
    return {
        "file_qury_no": shown_id(FILE, kept.file_no),
        "filename": filename,
        "fixmedins_code": call.hospital_code,
        "dld_endtime": _ends(call, kept),
    }


def _ends(call: Call, kept: KeptFile) -> str:
    ends = (kept.recorded_at + timedelta(days=call.service.settings.nhsa_file_days)).astimezone(SHANGHAI)
    return f"{ends:%Y-%m-%d %H:%M:%S}"


async def _read(call: Call, number: str, pointer: str) -> tuple[SealedFile, bytes]:
    file_no = read_id(FILE, number)
    kept = None if file_no is None else await store.file(call.connection, file_no, call.hospital_code)
    if kept is None or kept.key is None:
        raise refused("nhsa_file_unknown", pointer)
    return kept, opened(call.service.keys, file_place(call.hospital_code), kept.key, kept.content, number=0)


async def download(call: Call) -> FileOutput:
    """Give a file (9102) as it is."""
    row = call.one("fsDownloadIn")
    if row["fixmedins_code"] != call.hospital_code:
        raise refused("nhsa_hospital_differs", "/fsDownloadIn/0/fixmedins_code")
    kept, content = await _read(call, row["file_qury_no"], "/fsDownloadIn/0/file_qury_no")
    if row["filename"] != kept.filename:
        raise refused("nhsa_file_unknown", "/fsDownloadIn/0/filename")
    return FileOutput(kept.filename, content)


# ---------------------------------------------------------------- details


async def details(call: Call) -> Output:
    """Compare details (3202): the rows of an uploaded ZIP against ours; the answer names a ZIP of the rows that differ,
    for 9102."""
    row = call.one()
    kept, content = await _read(call, row["file_qury_no"], "/data/0/file_qury_no")
    theirs = _rows(content)
    ours = [await visit_store.entries_of(call.connection, one) for one in _asked(call, row)] or [[]]
    rows = min((differences(theirs, entries) for entries in ours), key=len)
    result = "".join("\t".join(cell or EMPTY for cell in cells) + "\n" for cells in rows)
    filename = f"result_{kept.file_no}.zip"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(RESULT_NAME, result)
    answer = _ticket(call, await _keep(call, filename, packed.getvalue()), filename)
    return {"fileinfo": call.shown("fileinfo", answer)}


def _rows(content: bytes) -> list[Theirs]:
    """The rows of a ZIP with one tab-separated text, with or without a line of field names."""
    unreadable = refused("nhsa_file_unreadable", "/data/0/file_qury_no")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [item for item in archive.infolist() if not item.is_dir()]
            if len(names) != 1 or names[0].file_size > MAX_UNPACKED:
                raise unreadable
            with archive.open(names[0]) as file:
                data = file.read(MAX_UNPACKED + 1)
        text = _decoded(data)
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, RuntimeError, EOFError):
        raise unreadable from None
    lines = [(number, line.rstrip("\r")) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    columns = TRANSACTIONS["3202"].file
    if lines and lines[0][1].split("\t")[0].strip().lower() == columns[0]:
        lines = lines[1:]
    if len(lines) > MAX_FILE_ROWS:
        raise unreadable
    return [_theirs(line, number, columns) for number, line in lines]


def _decoded(data: bytes) -> str:
    """A file's text in any encoding that hospitals' systems write: UTF-8, UTF-16 with a mark, or GB 18030."""
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030")


def _theirs(line: str, number: int, columns: Sequence[str]) -> Theirs:
    cells = ["" if cell.strip().lower() == EMPTY else folded(cell) for cell in line.split("\t")]
    amounts = [read_number_text(_AMOUNT, cell) for cell in cells[3:6]]
    if len(cells) < len(columns):
        raise refused("nhsa_file_row", "/data/0/file_qury_no", row=str(number), columns=str(len(columns)))
    if None in amounts:
        column = columns[3 + amounts.index(None)]
        raise refused("nhsa_file_amount", "/data/0/file_qury_no", row=str(number), column=column)
    total, fund_total, account = (scaled_of(amount or "0", 2) for amount in amounts)
    return Theirs(cells[0], cells[1], cells[2], total, fund_total, account, cells[6])


def differences(theirs: Sequence[Theirs], ours: Sequence[SettledEntry]) -> list[list[str]]:
    """The rows of the answer's file: what only one side has, or has with another amount; both values in the memo.

    A settlement that their file names twice is theirs alone the second time.
    """
    left = {shown_id(SETTLEMENT, row.settlement_id): row for row in ours}
    rows = []
    for item in theirs:
        row = left.pop(item.setl_id, None)
        if row is None:
            rows.append(_difference("only_theirs", "机构有、中心无", item, None))
        elif (item.total, item.fund_total, item.account) != (row.total, row.fund_total, 0):
            rows.append(_difference("amount_mismatch", _both(item, row), item, row))
    rows += [_difference("only_ours", "中心有、机构无", None, row) for row in left.values()]
    return rows


def _both(item: Theirs, row: SettledEntry) -> str:
    return (
        f"医疗费总额 机构 {yuan(item.total)} 中心 {yuan(row.total)}，"
        f"基金支付 机构 {yuan(item.fund_total)} 中心 {yuan(row.fund_total)}，"
        f"个人账户 机构 {yuan(item.account)} 中心 0.00"
    )


def _difference(kind: str, said: str, item: Theirs | None, row: SettledEntry | None) -> list[str]:
    """One row of the answer's file, by the columns of the table; our values where we have some."""
    ours = None if row is None else _as_theirs(row)
    shown = ours or item
    assert shown is not None, "a difference is of theirs or of ours"
    named = item or shown
    values = {
        "psn_no": shown.psn_no,
        "mdtrt_id": named.mdtrt_id,
        "setl_id": named.setl_id,
        "msgid": "" if row is None else row.msgid or "",
        "stmt_rslt": UNEVEN,
        "refd_setl_flag": shown.refund,
        "memo": f"{kind} {said}",
        "medfee_sumamt": yuan(shown.total),
        "fund_pay_sumamt": yuan(shown.fund_total),
        "acct_pay": yuan(shown.account),
    }
    return [values[name].replace("\t", " ") for name in TRANSACTIONS["3202"].result_file]


def _as_theirs(row: SettledEntry) -> Theirs:
    """Our entry in the form of a hospital's file; residents have no personal account."""
    visit = "" if row.visit_no is None else shown_id(VISIT, row.visit_no)
    refund = "1" if row.kind == "reversal" else "0"
    return Theirs(shown_id(SETTLEMENT, row.settlement_id), visit, row.person_id, row.total, row.fund_total, 0, refund)
