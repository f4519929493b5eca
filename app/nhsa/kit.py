"""The conformance kit's tools: who sends for whom, the messages it builds, and what must hold of every answer."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

from app.nhsa.client import Sender, filled
from app.nhsa.fields import TRANSACTIONS

AMOUNT: Final = "100.00"
SCOPE: Final = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")


@dataclass(frozen=True, slots=True)
class Patient:
    """Whom the kit treats, on which day, with which class A item."""

    person_id: str
    id_number: str
    name: str
    item_code: str
    day: date


class Failed(Exception):
    """A step didn't go as it must; the words say how."""


class Skipped(Exception):
    """A step needs what an earlier one failed to bring."""


@dataclass(slots=True)
class Kit:
    """A run: who sends, for whom, and what is known so far."""

    sender: Sender
    patient: Patient
    known: dict[str, object] = field(default_factory=dict)

    def got(self, name: str) -> Any:
        """What an earlier step brought."""
        if name not in self.known:
            raise Skipped
        return self.known[name]

    async def done(self, infno: str, input_: Mapping[str, object], number: str | None = None) -> Any:
        """The output of a transaction that must be done."""
        answer = await self.sender.send(infno, input_, number)
        if answer.get("infcode") != 0:
            raise Failed(f"{infno} 应成功，返回：{answer.get('err_msg')}")
        return answer["output"]

    async def refused(self, infno: str, input_: Mapping[str, object], *words: str, number: str | None = None) -> None:
        """A transaction that must be refused, with these words in its message."""
        answer = await self.sender.send(infno, input_, number)
        said = str(answer.get("err_msg"))
        if answer.get("infcode") != -1:
            raise Failed(f"{infno} 应返回 infcode −1")
        for word in words:
            must(word in said, f"{infno} 的 err_msg 应说明 {word}，返回：{said}")


def must(holds: bool, words: str) -> None:
    """Raise Failed with the words unless it holds."""
    if not holds:
        raise Failed(words)


# ---------------------------------------------------------------- inputs


def moment(kit: Kit, hour: int = 9) -> str:
    """An instant of the kit's day."""
    return f"{kit.patient.day} {hour:02d}:00:00"


def new_number(prefix: str) -> str:
    """A number that nobody used before."""
    return f"{prefix}{secrets.token_hex(6)}"


def personal(kit: Kit, row: dict[str, object]) -> dict[str, object]:
    """A row with the patient's facts where it has such fields."""
    patient = kit.patient
    facts = {"psn_no": patient.person_id, "certno": patient.id_number, "psn_name": patient.name, "insutype": "390"}
    return row | {name: value for name, value in facts.items() if name in row}


def line(kit: Kit, infno: str, visit: str, serial: str, **changes: str) -> dict[str, object]:
    """A fee line of one unit of the kit's item."""
    values = {"feedetl_sn": serial, "mdtrt_id": visit, "fee_ocur_time": moment(kit, 10), "cnt": "1", "pric": AMOUNT}
    values |= {"med_list_codg": kit.patient.item_code, "det_item_fee_sumamt": AMOUNT} | changes
    return personal(kit, filled(infno, "feedetail", **values))


def settling(kit: Kit, infno: str, visit: str, total: str, **changes: str) -> dict[str, object]:
    """The input of a quote or settle, without scope amounts unless they are given."""
    values = {"mdtrt_id": visit, "medfee_sumamt": total, "psn_setlway": "01", "acct_used_flag": "0"}
    if infno in ("2303", "2304"):
        values["mid_setl_flag"] = "0"
    row = filled(infno, "data", **values) | changes
    return {"data": personal(kit, {name: value for name, value in row.items() if name not in SCOPE} | changes)}


def of_visit(kit: Kit, visit: str, **more: str) -> dict[str, object]:
    """The input of what only names a visit and its person."""
    return {"data": {"mdtrt_id": visit, "psn_no": kit.patient.person_id} | more}


# ---------------------------------------------------------------- what must hold of every settlement


def check_sums(info: Mapping[str, object]) -> None:
    """The two equations of the money fields."""

    def yuan(name: str) -> Decimal:
        return Decimal(str(info[name]))

    total = yuan("medfee_sumamt")
    must(total == yuan("fund_pay_sumamt") + yuan("psn_part_amt") + yuan("hosp_part_amt"), "总额 ≠ 基金 + 个人 + 医院")
    must(total == sum(map(yuan, SCOPE)), "总额 ≠ 全自费 + 超限价 + 先行自付 + 政策范围内")
    must(yuan("psn_part_amt") == yuan("acct_pay") + yuan("psn_cash_pay"), "个人负担 ≠ 账户 + 现金")


def check_node(infno: str, node: str, row: Mapping[str, object]) -> None:
    """Every field of the table is there; numbers are numbers, the rest are texts."""
    for item in TRANSACTIONS[infno].output[node]:
        must(item.name in row, f"{infno} 输出节点 {node} 缺少 {item.name}")
        expected = (int, float) if item.kind == "number" else (str,)
        must(isinstance(row[item.name], expected), f"{infno} 输出节点 {node} 的 {item.name} 类型不对")
