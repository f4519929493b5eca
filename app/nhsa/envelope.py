"""The envelope: liberal in reading, exact in writing. Pure.

Read without complaint: ``input`` as a JSON text, names in any case, numbers as texts or the other way round, the text
``"null"``, any content type, a byte order mark. Numbers keep their digits: nothing goes through a float.
"""

import base64
import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final, NoReturn

import msgspec

from app.basics.days import SHANGHAI
from app.basics.errors import Fault, Malformed, OnestopError, Refused
from app.basics.text import folded, text_fault
from app.nhsa.fields import IDS, TRANSACTIONS, is_list
from app.service.messages import text
from app.service.spelling import Spelled
from app.service.wire import is_code

MAX_MSGID: Final = 30
MAX_TEXT: Final = 200
MAX_ERROR: Final = 200
_TITLE: Final = re.compile("（[^（）]*）\\Z")
_LEFT: Final = "；另有 {left} 处问题"
FIELDS: Final = (
    "infno",
    "msgid",
    "mdtrtarea_admvs",
    "insuplc_admdvs",
    "recer_sys_code",
    "dev_no",
    "dev_safe_info",
    "cainfo",
    "signtype",
    "infver",
    "opter_type",
    "opter",
    "opter_name",
    "inf_time",
    "fixmedins_code",
    "fixmedins_name",
    "sign_no",
)
_NAMED: Final = ("msgid", "fixmedins_code")
ALIASES: Final = {"2203A": "2203", "2206A": "2206", "2207A": "2207"}
_PART_NAME: Final = re.compile(rb'[; ]name="?([^";\r\n]+)')
_INFNO: Final = re.compile(r"\d{4}")
_AREA: Final = re.compile(r"\d{6}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request as it was read: the envelope's ``fields`` that were sent, the input ``sent`` with lower-case names,
    and the ids that are ``spelled`` otherwise than they are compared."""

    infno: str
    msgid: str
    hospital_code: str
    fields: Mapping[str, str]
    sent: Mapping[str, object]
    canonical: bytes
    spelled: Spelled = field(default_factory=dict)

    @property
    def input_hash(self) -> bytes:
        """What makes two messages equal: the input alone, whatever the order, spacing and form of its members, and
        however its ids are spelled."""
        return sha256(_canonical(self.sent, fold=True) if self.spelled else self.canonical).digest()

    @property
    def operator(self) -> str:
        """The operator's number, empty when it can't be written down."""
        operator = self.fields.get("opter", "")
        return operator if is_code(operator) else ""


# ---------------------------------------------------------------- reading


def _no_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity aren't JSON")


_JSON: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_no_constant)


def plain_body(data: bytes) -> dict[str, object]:
    """The members of a body: names in lower case, numbers as texts, empty texts and "null" as None; else Malformed."""
    try:
        value = _lowered(_JSON.decode(data.decode("utf-8-sig")))
    except UnicodeDecodeError:
        raise Malformed("invalid_utf8") from None
    except (ValueError, RecursionError):
        raise Malformed("malformed_json") from None
    if not isinstance(value, dict):
        raise Malformed("malformed_json")
    return value


def plain_upload(data: bytes, boundary: bytes) -> dict[str, object]:
    """The members of a multipart body (9101): those of its text ``jsonStr``, with the file of its part ``file`` or
    ``in`` put into the input; else Malformed."""
    parts = dict(_parts(data, boundary))
    fields = plain_body(parts.get("jsonStr", parts.get("jsonstr", b"")))
    content = parts.get("file", parts.get("in"))
    sent = fields.get("input")
    if isinstance(sent, str):
        sent = fields["input"] = plain_body(sent.encode())
    node = sent.get("fsuploadin") if isinstance(sent, dict) else None
    if isinstance(node, list) and len(node) == 1:
        node = node[0]
    if isinstance(node, dict) and content is not None:
        node["in"] = base64.b64encode(content).decode()
    return fields


def _parts(data: bytes, boundary: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and content of each part of a multipart body."""
    for part in (b"\r\n" + data).split(b"\r\n--" + boundary)[1:]:
        head, found, content = part.partition(b"\r\n\r\n")
        name = _PART_NAME.search(head)
        if found and name is not None:
            yield name[1].decode("utf-8", "replace"), content


def _lowered(value: object) -> object:
    if isinstance(value, dict):
        result: dict[str, object] = {}
        for name, item in value.items():
            read = _lowered(item)
            if read is not None or name.lower() not in result:
                result[name.lower()] = read
        return result
    if isinstance(value, list):
        return [_lowered(item) for item in value]
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, str) and value.strip().lower() in ("", "null"):
        return None
    return value


def envelope_of(body: Mapping[str, object], *, path_infno: str | None, limit: int) -> Envelope:
    """The envelope in a body, refused with all its faults; ``limit`` counts characters of input (9101 has its own)."""
    fields = {name: _folded(name, value) for name in FIELDS if isinstance(value := body.get(name), str)}
    path_infno = None if path_infno is None else base_infno(path_infno)
    infno = base_infno(fields.get("infno") or path_infno or "")
    faults = [Fault(f"/{name}", "missing") for name in _NAMED if name not in fields] + _form_faults(
        fields, infno, path_infno
    )
    sent, canonical = _input(body.get("input"), faults)
    if infno != "9101" and len(canonical) > limit and len(canonical.decode("utf-8", "surrogatepass")) > limit:
        faults.append(Fault("/input", "nhsa_input_too_long", {"limit": str(limit)}))
    if faults:
        raise Refused(faults)
    spelled = dict(_spelled(sent))
    if (msgid := fields["msgid"]) != body["msgid"]:
        spelled["medins_setl_id", msgid] = str(body["msgid"])
    return Envelope(infno, msgid, fields["fixmedins_code"], fields, sent, canonical, spelled)


def _spelled(value: object, name: str = "") -> Iterator[tuple[tuple[str, str], str]]:
    """Name and folded text of each id within a value that was written in another way, with what was written."""
    if isinstance(value, dict):
        for member, item in value.items():
            yield from _spelled(item, member)
    elif isinstance(value, list):
        for item in value:
            yield from _spelled(item, name)
    elif isinstance(value, str) and name in IDS and (plain := folded(value)) != value:
        yield (name, plain), value


def base_infno(infno: str) -> str:
    """The transaction that a number stands for: 2203A, 2206A and 2207A are their base, everywhere."""
    return ALIASES.get(infno.upper(), infno)


def sender_of(body: Mapping[str, object]) -> str | None:
    """The hospital that a body names, exactly as its envelope will have it: who is let in is who is answered."""
    code = body.get("fixmedins_code")
    return _folded("fixmedins_code", code) if isinstance(code, str) and is_code(folded(code)) else None


def _folded(name: str, value: str) -> str:
    return folded(value) if name in _NAMED else folded(value.strip())


def _form_faults(fields: Mapping[str, str], infno: str, path_infno: str | None) -> list[Fault]:
    faults = []
    if not infno:
        faults.append(Fault("/infno", "missing"))
    elif _INFNO.fullmatch(infno) is None or infno not in TRANSACTIONS:
        faults.append(Fault("/infno", "nhsa_unknown_transaction"))
    elif path_infno is not None and infno != path_infno:
        faults.append(Fault("/infno", "nhsa_infno_differs"))
    if len(fields.get("msgid", "")) > MAX_MSGID:
        faults.append(Fault("/msgid", "text_too_long", {"limit": str(MAX_MSGID)}))
    for name in _NAMED:
        fault = text_fault(fields.get(name, ""), f"/{name}", inner_blanks=name == "msgid")
        if fault is not None:
            faults.append(fault)
        elif name == "fixmedins_code" and name in fields and not is_code(fields[name]):
            faults.append(Fault(f"/{name}", "text_format"))
    return faults


def _input(value: object, faults: list[Fault]) -> tuple[Mapping[str, object], bytes]:
    """The input and its canonical form, from an object or from its JSON text."""
    try:
        if isinstance(value, str):
            value = _lowered(_JSON.decode(value))
        if isinstance(value, dict):
            return value, _canonical(value)
        faults.append(Fault("/input", "missing" if value is None else "nhsa_input_type"))
    except (ValueError, RecursionError):
        faults.append(Fault("/input", "nhsa_input_type"))
    return {}, b""


def _canonical(value: object, *, fold: bool = False) -> bytes:
    text_ = json.dumps(_filled(value, fold=fold), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text_.encode("utf-8", "surrogatepass")


def _filled(value: object, name: str = "", *, fold: bool) -> object:
    """A value without the members that were left empty; with ``fold`` its ids as they are compared."""
    if isinstance(value, dict):
        return {member: _filled(item, member, fold=fold) for member, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_filled(item, name, fold=fold) for item in value]
    return folded(value) if fold and name in IDS and isinstance(value, str) else value


# ---------------------------------------------------------------- writing


def written(fields: Mapping[str, str], received: datetime, *, error: str = "", output: object = None) -> bytes:
    """A response: done without ``error``, refused with it. ``received`` is real time."""
    now = datetime.now(SHANGHAI)
    area = fields.get("mdtrtarea_admvs", "")
    area = area if _AREA.fullmatch(area) and area.isascii() else "000000"
    answer = {
        "infcode": -1 if error else 0,
        "inf_refmsgid": f"{area}{now:%Y%m%d%H%M%S}{secrets.randbelow(10**10):010d}",
        "refmsg_time": _stamp(received),
        "respond_time": _stamp(now),
        "err_msg": error,
        "output": {} if output is None else output,
    }
    return msgspec.json.encode(answer)


def _stamp(instant: datetime) -> str:
    local = instant.astimezone(SHANGHAI)
    return f"{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03d}"


def error_text(error: OnestopError, infno: str | None = None) -> str:
    """What is wrong, in Chinese and at most 200 characters: faults of one kind together, each with its node and field,
    their code in brackets; how many faults found no room."""
    if not error.faults:
        return _cut(text(error.code, error.values, "zh"), f"[{error.code}]")
    said, left = "", len(error.faults)
    for words, places in _kinds(error.faults, infno).items():
        room = MAX_ERROR - len(_LEFT.format(left=left)) - len(said) - 1
        told = next((count for count in range(len(places), 0, -1) if len(_told(places[:count], words)) <= room), 0)
        if not told and not said:  # one fault alone is too long
            said, told = _cut(*_halves(_told(places[:1], words)), room), 1
        elif told:
            said += ("；" if said else "") + _told(places[:told], words)
        left -= told
        if told < len(places):
            break
    return said + (_LEFT.format(left=left) if left else "")


def _kinds(faults: Sequence[Fault], infno: str | None) -> dict[str, list[str]]:
    """The places of faults by what is said of them."""
    found: dict[str, list[str]] = {}
    for fault in faults:
        said = f"{text(fault.code, fault.values, 'zh')}[{fault.code}]"
        found.setdefault(said, []).append(_place(fault.pointer.split("/")[1:], infno))
    return found


def _told(places: Sequence[str], words: str) -> str:
    """One kind of fault: ``节点 feedetail 第 2 条 字段 cnt（数量）：…[missing]``; several places without their titles,
    and the node once where it is the same."""
    if len(places) == 1:
        return f"{places[0]}：{words}" if places[0] else words
    nodes = [_TITLE.sub("", place).rpartition(" 字段 ") for place in places]
    shown, before = list[str](), ""
    for node, _, name in nodes:
        shown.append(name if node == before else f"{node} 字段 {name}" if node else name)
        before = node
    return f"{'、'.join(shown)}：{words}"


def _halves(said: str) -> tuple[str, str]:
    words, _, code = said.rpartition("[")
    return words, f"[{code}"


def _cut(said: str, end: str, most: int = MAX_ERROR) -> str:
    """A text with its end, the middle cut where both are too long for ``err_msg``."""
    room = most - len(end)
    return (said if len(said) <= room else said[: room - 1] + "…") + end


def _place(parts: list[str], infno: str | None) -> str:
    spec = TRANSACTIONS.get(infno or "")
    if not parts or not parts[0]:
        return ""
    if len(parts) == 1:
        known = spec is not None and parts[0] in spec.input
        return f"节点 {parts[0]}" if known else parts[0]
    node, index, *rest = parts
    name = "".join(rest[:1])
    if node == "lines":  # of a bill: the lines of all uploads, in their order
        title = next((field.title for field in TRANSACTIONS["2301"].input["feedetail"] if field.name == name), "")
        return f"已上传明细第 {int(index) + 1} 条 字段 {name}（{title}）"
    if node == "visit":
        title = next((field.title for field in TRANSACTIONS["2403"].input["adminfo"] if field.name == name), "")
        return f"就诊登记 字段 {name}（{title}）"
    row = f" 第 {int(index) + 1} 条" if index.isdigit() and is_list(infno or "", node) else ""
    field = None if spec is None else spec.field(node, name)
    return f"节点 {node}{row}" + (f" 字段 {name}" if name else "") + (f"（{field.title}）" if field is not None else "")
