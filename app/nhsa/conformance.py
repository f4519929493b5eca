"""The conformance kit: plays a hospital's whole flow against a running service and says in words what is right and what
isn't.

Leaves nothing that counts: what it settles it cancels, what it admits it withdraws. Needs a person and a class A
catalogue item that the service knows. It looks at the service from outside only.
"""

import base64
import io
import json
import zipfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import httpx

from app.nhsa.client import filled
from app.nhsa.families import FAMILIES
from app.nhsa.kit import (
    AMOUNT,
    SCOPE,
    Failed,
    Kit,
    Skipped,
    check_node,
    check_sums,
    line,
    moment,
    must,
    new_number,
    of_visit,
    personal,
    settling,
)
from app.service.caller import Credential

STALE: Final = timedelta(minutes=31)
Step = Callable[[Kit], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class StepResult:
    """What became of a step: ``passed``, ``failed`` or ``skipped``, and the words of a failure."""

    step: str
    result: str
    words: str = ""


# ---------------------------------------------------------------- inpatient


async def sign_in(kit: Kit) -> None:
    """Sign in (9001)."""
    row = {"opter_no": kit.sender.operator, "mac": "00-00-00-00-00-00", "ip": "127.0.0.1"}
    kit.known["sign_no"] = (await kit.done("9001", {"signIn": row}))["signinoutb"]["sign_no"]


async def identify(kit: Kit) -> None:
    """Identify the person (1101)."""
    row = personal(kit, filled("1101", "data", mdtrt_cert_type="02", mdtrt_cert_no=kit.patient.id_number))
    output = await kit.done("1101", {"data": row})
    must(output["baseinfo"]["psn_no"] == kit.patient.person_id, "1101 返回的人员编号不是所给的人员")
    check_node("1101", "baseinfo", output["baseinfo"])


async def entitlement(kit: Kit) -> None:
    """Ask for the person's entitlement (2001)."""
    row = personal(kit, filled("2001", "data", med_type="21", begntime=moment(kit)))
    rows = (await kit.done("2001", {"data": row | {"fixmedins_code": kit.sender.hospital_code}}))["trtinfo"]
    must([item["fund_pay_type"] for item in rows] == ["390100", "390200", "610100", "640100"], "2001 应每项基金一行")


async def admit(kit: Kit) -> None:
    """Admit the patient (2401), and see what is refused."""
    node = personal(kit, filled("2401", "mdtrtinfo", med_type="21", ipt_no=new_number("ZY"), begntime=moment(kit, 8)))
    without = {name: value for name, value in node.items() if name != "adm_dept_codg"}
    await kit.refused("2401", {"mdtrtinfo": without}, "mdtrtinfo", "adm_dept_codg")
    await kit.refused("2401", {"mdtrtinfo": node | {"med_type": "x"}}, "med_type")
    kit.known["ipt_no"] = node["ipt_no"]
    diagnosis = personal(kit, filled("2401", "diseinfo", maindiag_flag="1", diag_time=moment(kit, 8)))
    output = await kit.done("2401", {"mdtrtinfo": node, "diseinfo": [diagnosis]})
    kit.known["visit"] = output["result"]["mdtrt_id"]


async def charge(kit: Kit) -> None:
    """Upload lines in several calls, with a refund (2301), and withdraw some (2302)."""
    visit = kit.got("visit")
    (row,) = (await kit.done("2301", {"feedetail": [line(kit, "2301", visit, "1")]}))["result"]
    check_node("2301", "result", row)
    must(Decimal(str(row["inscp_scp_amt"])) == Decimal(AMOUNT), "甲类明细应全部在政策范围内")
    back = line(kit, "2301", visit, "3", cnt="-1", det_item_fee_sumamt=f"-{AMOUNT}", init_feedetl_sn="2")
    await kit.done("2301", {"feedetail": [line(kit, "2301", visit, "2"), back]})
    await kit.done("2301", {"feedetail": [line(kit, "2301", visit, "4")]})
    await kit.refused("2301", {"feedetail": [line(kit, "2301", visit, "4")]}, "feedetl_sn")
    await kit.refused("2301", {"feedetail": [line(kit, "2301", visit, "5", det_item_fee_sumamt="1.00")]})
    await kit.done("2302", of_visit(kit, visit, feedetl_sn="4"))


async def quote(kit: Kit) -> None:
    """Quote the stay (2303)."""
    visit = kit.got("visit")
    output = await kit.done("2303", settling(kit, "2303", visit, AMOUNT))
    check_node("2303", "setlinfo", output["setlinfo"])
    check_sums(output["setlinfo"])
    await kit.refused("2303", settling(kit, "2303", visit, "1.00"), "medfee_sumamt")
    kit.known["quoted"] = output["setlinfo"]


async def discharge(kit: Kit) -> None:
    """Discharge the patient (2402), after settling was refused without it (2304)."""
    visit = kit.got("visit")
    await kit.refused("2304", settling(kit, "2304", visit, AMOUNT))
    row = personal(kit, filled("2402", "dscginfo", mdtrt_id=visit, endtime=moment(kit, 18), dscg_way="1"))
    await kit.done("2402", {"dscginfo": row})


async def settle(kit: Kit) -> None:
    """Settle (2304): equal to the quote, once, with the same answer to the same message."""
    visit, quoted, number = kit.got("visit"), kit.got("quoted"), new_number("M")
    wrong = settling(kit, "2304", visit, AMOUNT, fulamt_ownpay_amt="1.00")
    await kit.refused("2304", wrong, "fulamt_ownpay_amt")
    wanted = settling(kit, "2304", visit, AMOUNT)
    first = await kit.sender.send("2304", wanted, number)
    must(first["infcode"] == 0, f"2304 应成功，返回：{first['err_msg']}")
    info = first["output"]["setlinfo"]
    check_node("2304", "setlinfo", info)
    check_sums(info)
    must(all(info[name] == quoted[name] for name in (*SCOPE, "fund_pay_sumamt", "psn_part_amt")), "结算与预结算不一致")
    must(info["medins_setl_id"] == number, "medins_setl_id 应为本报文的 msgid")
    must(await kit.sender.send("2304", wanted, number) == first, "重发同一报文应得到同一应答")
    await kit.refused("2304", settling(kit, "2304", visit, AMOUNT, invono="1"), "msgid", number=number)
    await kit.refused("2304", wanted, info["setl_id"])
    kit.known |= {"setl_id": info["setl_id"], "number": number, "info": info}


async def look_up(kit: Kit) -> None:
    """Look the settlement up by the message's own number (5203), its lines (5204), the visit (5201) and diagnoses
    (5202)."""
    visit, info = kit.got("visit"), kit.got("info")
    found = (await kit.done("5203", of_visit(kit, visit, setl_id=kit.got("number"))))["setlinfo"]
    must(found["setl_id"] == info["setl_id"], "5203 应能以 msgid 找到结算")
    lines = await kit.done("5204", of_visit(kit, visit, setl_id=info["setl_id"]))
    must([line["feedetl_sn"] for line in lines] == ["1", "2", "3"], "5204 的明细不是所结算的明细")
    asked = {"psn_no": kit.patient.person_id, "med_type": "21", "begntime": moment(kit, 0), "endtime": moment(kit, 23)}
    rows = (await kit.done("5201", {"data": asked}))["mdtrtinfo"]
    must(any(row["mdtrt_id"] == visit for row in rows), "5201 没有查到该就诊")
    must(bool((await kit.done("5202", of_visit(kit, visit)))["diseinfo"]), "5202 没有查到诊断")


async def cancel(kit: Kit) -> None:
    """Cancel the settlement (2305): negative amounts under a new number."""
    visit, info = kit.got("visit"), kit.got("info")
    output = (await kit.done("2305", of_visit(kit, visit, setl_id=info["setl_id"])))["setlinfo"]
    must(output["setl_id"] != info["setl_id"], "撤销应返回新的 setl_id")
    must(all(output[name] == -info[name] for name in ("medfee_sumamt", "fund_pay_sumamt")), "撤销的金额应全部为负")
    await kit.refused("2305", of_visit(kit, visit, setl_id=info["setl_id"]), output["setl_id"])
    await kit.refused("2304", settling(kit, "2304", visit, AMOUNT), output["setl_id"], number=kit.got("number"))


async def undo(kit: Kit) -> None:
    """Settle again (2304) and undo it (2601): undone once, repeatable; what never arrived is a success."""
    visit, number = kit.got("visit"), new_number("M")
    await kit.done("2304", settling(kit, "2304", visit, AMOUNT), number)
    row = {"psn_no": kit.patient.person_id, "omsgid": number, "oinfno": "2304"}
    await kit.refused("2601", {"data": row | {"psn_no": "0"}}, "psn_no")
    await kit.done("2601", {"data": row})
    await kit.done("2601", {"data": row})
    await kit.done("2601", {"data": row | {"omsgid": new_number("M")}})


async def interim(kit: Kit) -> None:
    """Settle a part of the stay (2304 with ``mid_setl_flag`` 1), then cancel it."""
    visit = kit.got("visit")
    row = settling(kit, "2304", visit, AMOUNT, mid_setl_flag="1", dscgTime=str(kit.patient.day))
    info = (await kit.done("2304", row))["setlinfo"]
    check_sums(info)
    await kit.done("2305", of_visit(kit, visit, setl_id=info["setl_id"]))


async def withdraw(kit: Kit) -> None:
    """Withdraw the discharge (2405), all lines (2302 with 0000) and the admission (2404)."""
    visit = kit.got("visit")
    await kit.refused("2404", of_visit(kit, visit))
    await kit.done("2405", of_visit(kit, visit))
    await kit.done("2302", of_visit(kit, visit, feedetl_sn="0000"))
    await kit.done("2404", of_visit(kit, visit))


# ---------------------------------------------------------------- outpatient


async def outpatient(kit: Kit) -> None:
    """Register, describe, charge, quote and settle an outpatient (2201, 2203–2207), cancel (2208) and withdraw it
    all."""
    number = new_number("MZ")
    row = personal(kit, filled("2201", "data", ipt_otp_no=number, begntime=moment(kit, 8)))
    visit = (await kit.done("2201", {"data": row}))["data"]["mdtrt_id"]
    about = personal(kit, filled("2203", "mdtrtinfo", mdtrt_id=visit, med_type="11", begntime=moment(kit, 8)))
    await kit.done("2203", {"mdtrtinfo": about})
    await kit.done("2204", {"feedetail": [line(kit, "2204", visit, "1", chrg_bchno="B1", hosp_appr_flag="0")]})
    batch = {"chrg_bchno": "B1", "med_type": "11"}
    quoted = (await kit.done("2206", settling(kit, "2206", visit, AMOUNT, **batch)))["setlinfo"]
    scope = {name: str(quoted[name]) for name in SCOPE}
    info = (await kit.done("2207", settling(kit, "2207", visit, AMOUNT, **batch, **scope)))["setlinfo"]
    check_sums(info)
    must(info["psn_part_amt"] == quoted["psn_part_amt"], "门诊结算与预结算不一致")
    await kit.done("2208", of_visit(kit, visit, setl_id=info["setl_id"]))
    await kit.done("2205", of_visit(kit, visit, chrg_bchno="B1"))
    await kit.done("2202", of_visit(kit, visit, ipt_otp_no=number))


# ---------------------------------------------------------------- filings, files, gateway


async def filings(kit: Kit) -> None:
    """File a transfer and withdraw it (2501, 2502), list registrations and the year (5301, 5206)."""
    values = {"reflin_medins_no": kit.sender.hospital_code, "refl_date": str(kit.patient.day)}
    row = personal(kit, filled("2501", "refmedin", **values))
    filing = (await kit.done("2501", {"refmedin": row}))["result"]["trt_dcla_detl_sn"]
    await kit.done("2502", {"data": {"psn_no": kit.patient.person_id, "trt_dcla_detl_sn": filing, "memo": ""}})
    await kit.done("5301", {"data": {"psn_no": kit.patient.person_id}})
    must(bool((await kit.done("5206", {"data": {"psn_no": kit.patient.person_id}}))["cuminfo"]), "5206 没有累计")


async def reconcile(kit: Kit) -> None:
    """Compare totals (3201), and send a file there and back (9101, 3202, 9102)."""
    day = str(kit.patient.day)
    span = {"stmt_begndate": day, "stmt_enddate": day, "clr_type": "21"}
    wanted = filled("3201", "data", **span, insutype="390", fixmedins_setl_cnt="0", medfee_sumamt="0")
    info = (await kit.done("3201", {"data": wanted | {"fund_pay_sumamt": "0", "acct_pay": "0"}}))["stmtinfo"]
    must(info["stmt_rslt"] in ("0", "1"), "3201 的 stmt_rslt 应为 0 或 1")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("detail.txt", "\t".join(["set_0", "", kit.patient.person_id, "1.00", "1.00", "0", "0"]))
    file = {"in": base64.b64encode(packed.getvalue()).decode(), "filename": "detail.zip"}
    file["fixmedins_code"] = kit.sender.hospital_code
    number = (await kit.done("9101", {"fsUploadIn": file}))["file_qury_no"]
    result = (await kit.done("3202", {"data": filled("3202", "data", **span, file_qury_no=number)}))["fileinfo"]
    asked = {name: result[name] for name in ("file_qury_no", "filename")}
    asked["fixmedins_code"] = kit.sender.hospital_code
    answer = await kit.sender.post(kit.sender.envelope("9102", {"fsDownloadIn": asked}))
    must(answer.headers["content-type"] == "application/octet-stream", "9102 应以文件流返回")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    must("only_theirs" in text, "3202 的结果文件应列出机构有、中心无的一行")


async def sloppiness(kit: Kit) -> None:
    """The input as a text, names in upper case, "null", numbers for texts, another content type."""
    row = {"psn_no": kit.patient.person_id, "cum_ym": "null"}
    body = kit.sender.envelope("5206", {"data": row})
    for sent in (
        body | {"input": json.dumps(body["input"])},
        {name.upper(): value for name, value in body.items()},
        body | {"inf_time": "20180512101112", "opter_type": 1},
    ):
        answer = await kit.sender.post(sent, **{"content-type": "text/plain"})
        must(answer.status_code == 200 and answer.json()["infcode"] == 0, "应宽松读取报文（见对接手册“宽松读取”）")
    answer = await kit.sender.post(b"{")
    must(answer.status_code in (200, 401), "残缺的 JSON 应返回 infcode −1，不应是 5xx")


async def gateway(kit: Kit) -> None:
    """A wrong secret, a stale time and a used nonce are 401; nothing to test without a profile."""
    right, body = kit.sender.credential, kit.sender.envelope("5301", {"data": {"psn_no": kit.patient.person_id}})
    if right.profile == "none":
        return
    kit.sender.credential = Credential(right.profile, right.key_id, right.secret + "x")
    wrong = await kit.sender.post(body)
    kit.sender.credential = right
    must(wrong.status_code == 401 and wrong.json().get("code") == 401, "错误的签名应返回 401")
    stale = kit.sender.headers(datetime.now(UTC) - STALE)
    must((await kit.sender.post(body, **stale)).status_code == 401, "过期的时间戳应返回 401")
    if right.profile == "B":
        headers = kit.sender.headers()
        must((await kit.sender.post(body, **headers)).status_code == 200, "正确的签名应被接受")
        must((await kit.sender.post(body, **headers)).status_code == 401, "重复的随机串应返回 401")


async def sign_out(kit: Kit) -> None:
    """Sign out (9002)."""
    row = {"sign_no": kit.got("sign_no"), "opter_no": kit.sender.operator}
    await kit.done("9002", {"signOut": row})


STEPS: Final[Mapping[str, Step]] = {
    "网关：签名、时间戳、随机串": gateway,
    "9001 签到": sign_in,
    "1101 人员信息": identify,
    "2001 待遇检查": entitlement,
    "2401 入院办理，缺字段和错代码被拒": admit,
    "2301、2302 费用明细：分批、退费、撤销、重复被拒": charge,
    "2303 住院预结算，两个等式": quote,
    "2402 出院办理": discharge,
    "2304 住院结算：与预结算一致，重发得同一应答": settle,
    "5201–5204 查询，5203 以 msgid 查询": look_up,
    "2305 结算撤销：金额为负": cancel,
    "2601 冲正：可重复，未到达也成功": undo,
    "2304 中途结算并撤销": interim,
    "2405、2302、2404 依次撤销": withdraw,
    "2201–2208 门诊全流程": outpatient,
    "2501、2502、5206、5301 备案与累计": filings,
    "3201、9101、3202、9102 对账": reconcile,
    "宽松读取": sloppiness,
    **FAMILIES,
    "9002 签退": sign_out,
}


async def play(kit: Kit, told: Callable[[StepResult], None]) -> bool:
    """Play every step and tell what became of it; whether all passed. A service that can't be reached fails the
    step."""
    passed = True
    for name, step in STEPS.items():
        try:
            await step(kit)
            finding = StepResult(name, "passed")
        except Skipped:
            finding = StepResult(name, "skipped", "前面的步骤未通过")
        except Failed as failure:
            finding = StepResult(name, "failed", str(failure))
        except (httpx.HTTPError, KeyError, TypeError, ValueError) as error:
            finding = StepResult(name, "failed", f"应答不符合约定：{type(error).__name__} {error}")
        passed = passed and finding.result == "passed"
        told(finding)
    return passed
