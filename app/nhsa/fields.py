"""What the transactions' tables say, and whether a message keeps to it. Pure.

A row is what was sent of one record: texts by field name, each in one form (numbers plain, days ``2018-05-02``,
instants with ``+08:00``). Fields that weren't sent, or were sent empty, are not in it. Pointers of faults:
``/node/index/field``.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from typing import Final, Literal

import msgspec
from msgspec import Raw, Struct

from app.basics.days import SHANGHAI
from app.basics.errors import Fault, Refused
from app.basics.text import folded, text_fault
from app.nhsa.dictionary import Dictionary

Row = dict[str, str]
Nodes = dict[str, list[Row]]

MAX_ROWS: Final = 300
MAX_DIGITS: Final = 10  # before the point
LEAST_LENGTH: Final = 50  # a text that short is never refused for its length
MAX_BYTES: Final = 8 * 1024 * 1024
FROM_ENVELOPE: Final = ("insuplc_admdvs", "mdtrtarea_admvs")
OPEN_END: Final = 9999
# Ids that are compared: folded, and refused with characters that no id has. Codes of diagnoses, diseases and a
# hospital's own items may have single blanks within.
IDENTIFIERS: Final = frozenset(
    {
        *("psn_no", "mdtrt_id", "ipt_no", "ipt_otp_no", "feedetl_sn", "init_feedetl_sn", "chrg_bchno", "med_list_codg"),
        *("oinfno", "opsp_dise_code", "reflin_medins_no", "refl_old_mdtrt_id", "trt_dcla_detl_sn", "clr_appy_evt_id"),
        *("fixmedins_code", "file_qury_no", "sign_no"),
    }
)
LOOSE_IDENTIFIERS: Final = frozenset(
    {"diag_code", "dise_codg", "medins_list_codg", "certno", "mdtrt_cert_no", "setl_id", "omsgid"}
)
IDS: Final = IDENTIFIERS | LOOSE_IDENTIFIERS
UNSET_DAYS: Final = ("0001-01-01", "00010101", "1900-01-01", "19000101")
_FIRST_YEAR: Final = 1900
_NUMBER: Final = re.compile(r"[-+]?(\d{1,20}(\.\d{0,20})?|\.\d{1,20})([eE][-+]?\d{1,2})?")
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_DAY: Final = re.compile(r"(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})")
_INSTANT: Final = re.compile(
    r"(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})(?:[T ]?(\d{2}):?(\d{2})(?::?(\d{2})(?:[.]?\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?"
)


class Field(Struct, frozen=True, array_like=True):
    """One field of a table. ``length``: characters, or digits and decimals (``16,2``); empty: as the kind has it."""

    name: str
    title: str
    kind: Literal["text", "number", "day", "instant", "bytes"]
    length: str
    required: bool
    coded: bool

    @property
    def decimals(self) -> int:
        """How many decimals a number has; two when the table doesn't say."""
        if not self.length:
            return 2
        return int(self.length.partition(",")[2] or 0)


class Transaction(Struct, frozen=True):
    """One transaction: its nodes of input and output with their fields; the node ``""`` has none of its own."""

    name: str
    input: dict[str, tuple[Field, ...]]
    output: dict[str, tuple[Field, ...]]
    file: tuple[str, ...] = ()
    result_file: tuple[str, ...] = ()

    def field(self, node: str, name: str) -> Field | None:
        """A field of an input node."""
        return next((item for item in self.input.get(node, ()) if item.name == name), None)


TRANSACTIONS: Final[Mapping[str, Transaction]] = msgspec.json.decode(
    (files("app.nhsa") / "data" / "transactions.json").read_bytes(), type=dict[str, Transaction]
)
_MANY: Final = frozenset({"feedetail", "diseinfo"})


def is_list(infno: str, node: str) -> bool:
    """Whether a node may have several rows."""
    return node in _MANY or (infno, node) == ("2302", "data")


def checked(infno: str, sent: Mapping[str, object], envelope: Mapping[str, str], dictionary: Dictionary) -> Nodes:
    """The nodes of a message's input (member names in lower case, leaves texts or None). Refused with every fault.

    ``envelope`` has what may stand there instead of in a row. A node of several rows may be left out unless it is the
    only one.
    """
    spec, faults, nodes = TRANSACTIONS[infno], list[Fault](), Nodes()
    for position, (node, fields) in enumerate(spec.input.items()):
        rows = _rows(sent.get(node.lower()))
        if rows is None:
            faults.append(Fault(f"/{node}", "nhsa_node_type"))
            continue
        if len(rows) > (MAX_ROWS if is_list(infno, node) else 1):
            faults.append(
                Fault(f"/{node}", "nhsa_too_many_rows", {"limit": str(MAX_ROWS if is_list(infno, node) else 1)})
            )
            continue
        if not rows and (position == 0 or not is_list(infno, node)):
            faults.append(Fault(f"/{node}", "nhsa_node_missing"))
        nodes[node] = [
            _row(fields, row, f"/{node}/{index}", node, envelope, dictionary, faults) for index, row in enumerate(rows)
        ]
    if faults:
        raise Refused(faults)
    return nodes


def _rows(sent: object) -> list[Mapping[str, object]] | None:
    """The rows of a node, sent as a list or as a single object; None when it is neither."""
    if sent is None:
        return []
    rows: list[object] = sent if isinstance(sent, list) else [sent]
    found: list[Mapping[str, object]] = [row for row in rows if isinstance(row, dict)]
    return found if len(found) == len(rows) else None


def _row(
    fields: Sequence[Field],
    sent: Mapping[str, object],
    pointer: str,
    node: str,
    envelope: Mapping[str, str],
    dictionary: Dictionary,
    faults: list[Fault],
) -> Row:
    row: Row = {}
    of_visit = any(field.name == "mdtrt_id" for field in fields)
    for field in fields:
        value = sent.get(field.name.lower())
        if value is None and field.name in FROM_ENVELOPE:
            value = envelope.get(field.name)
        if value is None or (isinstance(value, str) and not value.strip()):
            in_visit = of_visit and (field.name in FROM_ENVELOPE or (node, field.name) == ("feedetail", "med_type"))
            if field.required and not in_visit:
                faults.append(Fault(f"{pointer}/{field.name}", "missing"))
            continue
        if not field.required and field.kind in ("day", "instant") and str(value).strip().startswith(UNSET_DAYS):
            continue
        read = _read(field, value, dictionary)
        if isinstance(read, Fault):
            faults.append(Fault(f"{pointer}/{field.name}", read.code, read.values))
        else:
            row[field.name] = read
    return row


def _read(field: Field, value: object, dictionary: Dictionary) -> str | Fault:
    """A value in its one form, or a fault without its pointer."""
    if field.kind == "bytes":
        return _read_bytes(value)
    if not isinstance(value, str):
        return Fault("", "nhsa_value_type")
    text = value.strip()
    if field.name in IDS:
        text = folded(value)
        fault = text_fault(text, "", inner_blanks=field.name in LOOSE_IDENTIFIERS)
        if fault is not None:
            return fault
    elif field.coded:
        text = folded(text)
    if _CONTROL.search(text):
        return Fault("", "text_format")
    match field.kind:
        case "number":
            return _read_number(field, text)
        case "day":
            day = read_instant(text)
            return Fault("", "nhsa_date_format") if day is None else day.date().isoformat()
        case "instant":
            instant = read_instant(text)
            return Fault("", "nhsa_date_format") if instant is None else instant.isoformat()
    most = max(int(field.length or 0), dictionary.longest(field.name), LEAST_LENGTH)
    if len(text) > most:
        return Fault("", "text_too_long", {"limit": str(most)})
    allowed = dictionary.enforced_codes(field.name)
    if allowed is not None and text not in allowed:
        return Fault("", "not_in_list", {"allowed": "、".join(allowed)})
    return text


def _read_number(field: Field, text: str) -> str | Fault:
    wrong = Fault("", "nhsa_number_format", {"decimals": str(field.decimals)})
    if _NUMBER.fullmatch(text) is None:
        return wrong
    try:
        number = Decimal(text)
    except InvalidOperation:
        return wrong
    if number.adjusted() >= MAX_DIGITS or number != round(number, field.decimals):
        return wrong
    return format(number.quantize(Decimal(1).scaleb(-field.decimals)), "f") if number else plain_zero(field.decimals)


def read_number_text(field: Field, text: str) -> str | None:
    """A number of a file in its one form, None when it isn't one."""
    read = _read_number(field, text)
    return None if isinstance(read, Fault) else read


def plain_zero(decimals: int) -> str:
    """Zero with so many decimals, without a sign."""
    return fixed(0, decimals)


def _read_bytes(value: object) -> str | Fault:
    """Base64 as it was sent, or the octets of a byte array (signed as Java has them) as hexadecimal after ``hex:``."""
    if isinstance(value, str) and len(value) <= 2 * MAX_BYTES and value.isascii():
        return value.strip()
    if isinstance(value, list) and len(value) <= MAX_BYTES and all(_octet(item) for item in value):
        return "hex:" + bytes(int(item) % 256 for item in value).hex()
    return Fault("", "nhsa_value_type")


def _octet(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"-?\d{1,3}", value) is not None and -128 <= int(value) <= 255


def read_instant(text: str) -> datetime | None:
    """A day or an instant as hospitals write them; without an offset it is Shanghai's. 24:00 is 0:00 of the next day.
    None for anything else."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, offset = match.groups()
    ends = hour == "24" and int(minute or 0) == int(second or 0) == 0
    hour = "0" if ends else hour
    try:
        numbers = map(int, (year, month, day, hour or 0, minute or 0, second or 0))
        naive = datetime(*numbers)  # type: ignore[arg-type]  # noqa: DTZ001
        if offset in (None, "Z"):
            instant = naive.replace(tzinfo=SHANGHAI) if offset is None else datetime.fromisoformat(f"{naive}+00:00")
        else:
            instant = datetime.fromisoformat(f"{naive}{offset[:3]}:{offset[-2:]}")
        instant = instant.astimezone(SHANGHAI) + timedelta(days=int(ends))
    except (ValueError, OverflowError):
        return None
    return instant if instant.year >= _FIRST_YEAR else None


# ---------------------------------------------------------------- output


def shown(fields: Sequence[Field], values: Mapping[str, object]) -> dict[str, object]:
    """A complete output row with every field of the table: numbers have the table's decimals, what is empty is "".

    Numbers in ``values`` are integers scaled by the field's decimals (fen for ``16,2``). Values without a field are
    dropped.
    """
    return {field.name: _shown(field, values.get(field.name)) for field in fields}


def _shown(field: Field, value: object) -> object:
    if field.kind == "number":
        return Raw(fixed(value if isinstance(value, int) else 0, field.decimals).encode())
    if isinstance(value, datetime):
        moment = value.astimezone(SHANGHAI)
        return moment.strftime("%Y-%m-%d") if field.kind == "day" else moment.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else str(value)


def fixed(value: int, decimals: int) -> str:
    """A scaled integer with exactly so many decimals. ``fixed(2500, 2) == "25.00"``."""
    if not decimals:
        return str(value)
    sign, digits = "-" if value < 0 else "", f"{abs(value):0{decimals + 1}d}"
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"


def stored_shown(field: Field, text: str | None) -> object:
    """A field of a stored row, as ``shown`` writes it."""
    if text is None:
        return _shown(field, None)
    if field.kind == "number":
        return Raw(fixed(scaled_of(text, field.decimals), field.decimals).encode())
    if field.kind in ("day", "instant"):
        return _shown(field, datetime.fromisoformat(text))
    return text


def scaled_of(text: str, decimals: int) -> int:
    """A row's number as an integer scaled by ``10**decimals``, which are at least as many as it has."""
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(decimals, "0"))
