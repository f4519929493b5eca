"""The conformance kit's client families: the shapes in which hospitals' systems really send, each a step of its own.

Every step opens what it needs under numbers of its own and takes it back again.
"""

import base64
import io
import json
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Final

from app.nhsa.client import filled
from app.nhsa.fields import TRANSACTIONS
from app.nhsa.kit import AMOUNT, SCOPE, Kit, line, moment, must, new_number, of_visit, personal, settling

ENCODINGS: Final = ("utf-8", "utf-8-sig", "gb18030", "utf-16")


@asynccontextmanager
async def _admitted(kit: Kit, *, lean: bool = False) -> AsyncIterator[str]:
    """A stay with one line; its lines and the admission are withdrawn afterwards."""
    node = filled("2401", "mdtrtinfo", med_type="21", ipt_no=new_number("ZY"), begntime=moment(kit, 8))
    node = personal(kit, node) if lean else personal(kit, node | dict.fromkeys(("certno", "psn_name", "insutype"), ""))
    diagnosis = personal(kit, filled("2401", "diseinfo", maindiag_flag="1", diag_time=moment(kit, 8)))
    output = await kit.done("2401", {"mdtrtinfo": node, "diseinfo": [diagnosis]})
    visit = str(output["result"]["mdtrt_id"])
    await kit.done("2301", {"feedetail": [line(kit, "2301", visit, "1")]})
    try:
        yield visit
    finally:
        await kit.done("2302", of_visit(kit, visit, feedetl_sn="0000"))
        await kit.done("2404", of_visit(kit, visit))


async def lean_identity(kit: Kit) -> None:
    """Identify once (1101) by the card's number, then leave certificate, name and insurance out everywhere."""
    card = {"mdtrt_cert_type": "02", "mdtrt_cert_no": kit.patient.id_number}
    found = (await kit.done("1101", {"data": card}))["baseinfo"]
    must(found["psn_no"] == kit.patient.person_id, "1101 应能以身份证号单独识别")
    await kit.refused("1101", {"data": card | {"psn_name": "无此人"}})
    async with _admitted(kit, lean=True) as visit:
        wanted = _quoted(kit, visit, AMOUNT)
        await kit.done("2303", {"data": wanted | dict.fromkeys(("certno", "psn_name", "insutype", "psn_type"), "")})
        await kit.refused("2303", {"data": wanted | {"psn_name": "无此人"}}, "psn_name")


async def zero_scope(kit: Kit) -> None:
    """Scope amounts of 0 mean that the sender doesn't know them; one that is wrong is named."""
    async with _admitted(kit) as visit:
        for unknown in ("0", "0.00", "", "null"):
            await kit.done("2303", settling(kit, "2303", visit, AMOUNT, **dict.fromkeys(SCOPE, unknown)))
        wrong = dict.fromkeys(SCOPE, "0") | {"preselfpay_amt": "1.00"}
        await kit.refused("2303", settling(kit, "2303", visit, AMOUNT, **wrong), "preselfpay_amt")


async def stream_files(kit: Kit) -> None:
    """Reconcile with files in each encoding; the result is a stream with ``result.txt``, empty values are ``null``."""
    cells = ["set_0", "null", kit.patient.person_id, "1.00", "1.00", "0", "NULL"]
    for encoding in ENCODINGS:
        packed = _packed("\t".join(cells).encode(encoding))
        row = {"in": base64.b64encode(packed).decode(), "filename": "detail.zip"}
        row["fixmedins_code"] = kit.sender.hospital_code
        number = (await kit.done("9101", {"fsUploadIn": row}))["file_qury_no"]
        (found,) = await _differences(kit, str(number))
        must(found["memo"].startswith("only_theirs"), f"3202 应列出机构有、中心无的一行（{encoding}）")
        must(found["mdtrt_id"] == "null", f"空值应为 null（{encoding}）")


async def multipart(kit: Kit) -> None:
    """Upload a file as multipart/form-data: the message in ``jsonStr``, the file in ``file`` or ``in``."""
    packed = _packed("\t".join(["set_0", "", kit.patient.person_id, "1.00", "1.00", "0", "0"]).encode())
    for part in ("file", "in"):
        row = {"in": "", "filename": "detail.zip", "fixmedins_code": kit.sender.hospital_code}
        message = json.dumps(kit.sender.envelope("9101", {"fsUploadIn": row}))
        answer = await kit.sender.upload(message, part, packed)
        must(answer.status_code == 200 and answer.json()["infcode"] == 0, f"9101 应接受 multipart（{part}）")
        must(len(await _differences(kit, answer.json()["output"]["file_qury_no"])) == 1, "上传的文件应能对账")


async def letters_and_numbers(kit: Kit) -> None:
    """Numbers as JSON numbers or as texts, in any case of names, under an alias, with padding and full width."""
    async with _admitted(kit) as visit:
        wanted = _quoted(kit, visit, AMOUNT)
        quoted = (await kit.done("2303", {"data": wanted}))["setlinfo"]
        for sent in (
            wanted | {"medfee_sumamt": int(Decimal(AMOUNT))},
            wanted | {"medfee_sumamt": f" {AMOUNT} ", "mdtrt_id": f" {visit}\t"},
            {name.upper(): value for name, value in wanted.items()},
            wanted | {"mdtrt_id": "".join(chr(ord(sign) + 0xFEE0) for sign in visit)},
        ):
            info = (await kit.done("2303", {"data": sent}))["setlinfo"]
            own = {"medins_setl_id": info["medins_setl_id"], "setl_time": info["setl_time"]}
            must(info == quoted | own | {"mdtrt_id": sent.get("mdtrt_id", visit)}, "应为同一金额，编号按发送的写法返回")


async def lists_of_one(kit: Kit) -> None:
    """A single row may stand alone or in a list, whichever the table has."""
    async with _admitted(kit) as visit:
        await kit.done("2301", {"feedetail": line(kit, "2301", visit, "9")})
        wanted = _quoted(kit, visit, f"{Decimal(AMOUNT) * 2}")
        one = (await kit.done("2303", {"data": wanted}))["setlinfo"]
        listed = (await kit.done("2303", {"data": [wanted]}))["setlinfo"]
        must(all(one[name] == listed[name] for name in (*SCOPE, "psn_part_amt")), "列表和单个对象应为同一金额")


def _quoted(kit: Kit, visit: str, total: str) -> dict[str, object]:
    """The row of a quote."""
    row = settling(kit, "2303", visit, total)["data"]
    assert isinstance(row, dict)
    return row


def _packed(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("detail.txt", content)
    return file.getvalue()


async def _differences(kit: Kit, number: str) -> list[dict[str, str]]:
    """The rows of the result of 3202 for an uploaded file, fetched by 9102."""
    day = str(kit.patient.day)
    span = {"stmt_begndate": day, "stmt_enddate": day, "clr_type": "21", "refd_setl_flag": "0"}
    result = (await kit.done("3202", {"data": filled("3202", "data", **span, file_qury_no=number)}))["fileinfo"]
    asked: dict[str, Any] = {name: result[name] for name in ("file_qury_no", "filename")}
    asked["fixmedins_code"] = kit.sender.hospital_code
    answer = await kit.sender.post(kit.sender.envelope("9102", {"fsDownloadIn": asked}))
    must(answer.headers["content-type"] == "application/octet-stream", "9102 应以文件流返回")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        must(archive.namelist() == ["result.txt"], "结果文件应名为 result.txt")
        lines = archive.read("result.txt").decode().splitlines()
    rows = [dict(zip(TRANSACTIONS["3202"].result_file, text.split("\t"), strict=True)) for text in lines]
    return [row for row in rows if row["memo"].startswith("only_theirs")]


FAMILIES: Final[Mapping[str, Callable[[Kit], Awaitable[None]]]] = {
    "客户端：只在 1101 识别一次": lean_identity,
    "客户端：费用范围金额填 0": zero_scope,
    "客户端：文件流，各种编码": stream_files,
    "客户端：multipart 上传": multipart,
    "客户端：数字与文字、大小写、全角": letters_and_numbers,
    "客户端：一条的列表": lists_of_one,
}
