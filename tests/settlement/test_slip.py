"""The slip: amounts in capitals, and the page that the patient signs."""

import re
from typing import Any

import httpx
import msgspec
import pytest

from app.basics.names import ACCUMULATOR_NAMES
from app.demo.bill import example
from app.demo.compute import OfflineBill, computed_offline
from app.policies import shipped_book
from app.service.wire import decode
from app.settlement import entry
from app.settlement.capitals import capital_yuan
from app.settlement.computing import Computation
from app.settlement.document import Document, ReversalInputs, encoded
from app.settlement.rows import EntryRow
from app.settlement.slip import Names, basis_text, rendered
from app.tiers.model import ACCUMULATORS, SUPPLEMENT_PAID, Step
from tests.world import World, key

BOOK = shipped_book()
PACK = BOOK.packs["yunnan"]
NAMES = Names("滇禾县人民医院", "张永福", "530127********9959")

CAPITALS = {
    "0.00": "零元整",
    "0.01": "壹分",
    "0.05": "伍分",
    "0.10": "壹角整",
    "0.30": "叁角整",
    "0.32": "叁角贰分",
    "1.00": "壹元整",
    "1.01": "壹元零壹分",
    "9.90": "玖元玖角整",
    "10.00": "壹拾元整",
    "10.05": "壹拾元零伍分",
    "10.30": "壹拾元零叁角整",
    "15.00": "壹拾伍元整",
    "100.01": "壹佰元零壹分",
    "105.20": "壹佰零伍元贰角整",
    "1001.00": "壹仟零壹元整",
    "1010.10": "壹仟零壹拾元零壹角整",
    "1234.56": "壹仟贰佰叁拾肆元伍角陆分",
    "6007.14": "陆仟零柒元壹角肆分",
    "16409.02": "壹万陆仟肆佰零玖元零贰分",
    "10000.00": "壹万元整",
    "10001.00": "壹万零壹元整",
    "100500.00": "壹拾万零伍佰元整",
    "107000.53": "壹拾万零柒仟元零伍角叁分",
    "1001000.10": "壹佰万零壹仟元零壹角整",
    "20000000.00": "贰仟万元整",
    "100000000.00": "壹亿元整",
    "100000001.00": "壹亿零壹元整",
    "100010000.00": "壹亿零壹万元整",
    "123456789.01": "壹亿贰仟叁佰肆拾伍万陆仟柒佰捌拾玖元零壹分",
    "1000000000000.00": "壹万亿元整",
    "1000500000000.00": "壹万零伍亿元整",
    "1000000050000.00": "壹万亿零伍万元整",
    "-25.40": "负贰拾伍元肆角整",
}


@pytest.mark.parametrize("yuan", CAPITALS)
def test_an_amount_is_written_in_capitals(yuan: str) -> None:
    """Each run of zeros between digits is one 零, and 整 stands where no 分 follows."""
    assert capital_yuan(int(yuan.replace(".", ""))) == CAPITALS[yuan]


def test_capitals_can_be_read_back() -> None:
    """Whatever the amount, its capitals name exactly that amount."""
    for fen in [*range(0, 120_000, 7), *(10**power + offset for power in range(3, 15) for offset in (-1, 0, 1, 10))]:
        assert _read(capital_yuan(fen)) == fen


def test_an_amount_too_large_for_capitals_is_refused() -> None:
    """Ten thousand myriads of 亿 have no name here."""
    with pytest.raises(ValueError, match="too large"):
        capital_yuan(10**18)


def _read(text: str) -> int:
    """The fen of an amount in capitals; an independent reading."""
    whole, _, rest = text.rstrip("整").partition("元") if "元" in text else ("", "", text.rstrip("整"))
    high, _, low = whole.rpartition("亿")
    fen = 100 * (_myriads(high) * 10**8 + _myriads(low))
    for digit, unit in re.findall(r"([壹贰叁肆伍陆柒捌玖])([角分])", rest):
        fen += "零壹贰叁肆伍陆柒捌玖".index(digit) * (10 if unit == "角" else 1)
    return fen


def _myriads(text: str) -> int:
    high, _, low = text.rpartition("万")
    return _group(high) * 10_000 + _group(low)


def _group(text: str) -> int:
    units = {"仟": 1000, "佰": 100, "拾": 10, "": 1}
    return sum(
        "零壹贰叁肆伍陆柒捌玖".index(digit) * units[unit]
        for digit, unit in re.findall(r"([壹贰叁肆伍陆柒捌玖])([仟佰拾]?)", text)
    )


# ---------------------------------------------------------------- the page


def computation(**changes: Any) -> Computation:
    """The demo's bill, computed; ``changes`` are made to the bill."""
    given = example()
    given["bill"] |= changes
    return computed_offline(decode(msgspec.json.encode(given), OfflineBill), BOOK)


def row_of(one: Computation) -> EntryRow:
    """The database row that settling a computation leaves."""
    columns = msgspec.structs.asdict(entry.settlement(one).row) | {"settlement_id": 7000123}
    for unanswered in ("balance_state", "unknown_item"):
        columns.pop(unanswered)
    return EntryRow(**columns, recorded_at=one.now, status="settled")


def reversal_of(one: Computation) -> EntryRow:
    """The row of the reversal of a computation: negative, and without a bill."""
    row, outcome = row_of(one), one.outcome
    amounts = {name: -amount for name, amount in msgspec.structs.asdict(outcome.portions).items()}
    results = {
        "scope": {name: -amount for name, amount in msgspec.structs.asdict(outcome.scope).items()},
        "portions": amounts,
        "payables": [{"fund": one.fund, "tier": one.tier, "amount": -one.amount} for one in outcome.payables],
        "after": outcome.before,
    }
    step = Step("reversal", "reversal", "reversal", "撤销结算", amounts["patient"], {"total": -outcome.total})
    inputs = msgspec.Raw(encoded(ReversalInputs("set_7000123", one.digest, (one.result_digest,), outcome.after)))
    lines = tuple(msgspec.structs.replace(line, in_scope=-line.in_scope) for line in outcome.lines)
    document = Document(inputs, msgspec.Raw(encoded(results)), lines, (step,))
    delta = {key: outcome.before[key] - value for key, value in outcome.after.items()}
    return msgspec.structs.replace(
        row,
        **amounts,
        settlement_id=7000124,
        of_settlement_id=7000123,
        kind="reversal",
        reason="录入错误 & 重结",
        total=-outcome.total,
        delta=encoded(delta).decode(),
        document=encoded(document).decode(),
    )


def test_the_slip_shows_what_everybody_pays() -> None:
    """All six portions, the scope, the capitals, the explanation, the year and both digests are on the page."""
    one = computation()
    html = rendered(row_of(one), NAMES, PACK)
    for text in (
        *("20912.19", "14209.14", "2105.24", "2506.59", "2091.22", "17216.63", "1852.16", "1623.40", "220.00"),
        *("贰万零玖佰壹拾贰元壹角玖分", "贰仟零玖拾壹元贰角贰分"),
        *("建档立卡贫困人口", "530127********9959", "set_7000123", "脑梗死", "I63.900", "按规定转诊", "已结算"),
        *("（政策范围内费用 17216.63 − 起付线 500.00）× 85%", "已颁布", "暂定（待核实）", "云政办发〔2017〕102号"),
        *("兜底保障已支付", "限制使用项目未经审批，全额自费", "冲减第 40 行", "患者／家属签字", "医院经办人签字"),
        *(one.digest, one.result_digest),
    ):
        assert text in html, text
    assert "已撤销" not in html


def test_every_charged_line_is_on_the_slip() -> None:
    """Refund lines too, each with its own quantity and amount."""
    one = computation()
    html = rendered(row_of(one), NAMES, PACK)
    assert html.count('class="refund"') == 1
    assert all(f">{line.amount}<" in html and (line.name or "") in html for line in one.bill.lines)


def test_texts_from_outside_are_escaped() -> None:
    """Names of persons, hospitals, items and diagnoses, and reasons, can't become markup."""
    evil = "<script>alert('1')</script>"
    given = example()["bill"]
    lines = [given["lines"][0] | {"name": evil}, *given["lines"][1:]]
    one = computation(lines=lines, diagnoses=[{"code": "I63.900", "name": evil}])
    pages = [
        rendered(row_of(one), Names(evil, evil, NAMES.id_number), PACK),
        rendered(msgspec.structs.replace(reversal_of(one), reason=evil), Names(evil, evil, NAMES.id_number), None),
    ]
    for html, times in zip(pages, (4, 3), strict=True):
        assert "<script" not in html
        assert html.count("&lt;script&gt;") == times


def test_the_slip_needs_nothing_from_elsewhere() -> None:
    """No script, no image, no font or style sheet from another address."""
    html = rendered(row_of(computation()), NAMES, PACK)
    assert not re.search(r"<(script|img|link|iframe)|https?:|url\(|@import| on[a-z]+=", html)
    assert html.startswith('<!DOCTYPE html>\n<html lang="zh-CN">')


def test_a_reversed_settlement_is_marked() -> None:
    """Nobody takes the slip of a reversed settlement for a valid one."""
    html = rendered(msgspec.structs.replace(row_of(computation()), status="reversed"), NAMES, PACK)
    assert '<div class="stamp">已撤销</div>' in html


def test_a_reversal_has_negative_amounts_and_no_bill() -> None:
    """The slip of a reversal names the settlement and the reason, and lists lines by number alone."""
    html = rendered(reversal_of(computation()), NAMES, PACK)
    for text in ("撤销单", "set_7000123", "录入错误 &amp; 重结", "-2091.22", "负贰仟零玖拾壹元贰角贰分"):
        assert text in html, text
    assert "阿司匹林" not in html


def test_a_pack_that_is_gone_leaves_names_instead_of_titles() -> None:
    """A slip can be printed when the pack that settled it isn't installed any more."""
    html = rendered(row_of(computation()), NAMES, None)
    assert "basic.inpatient.rate" in html
    assert "2091.22" in html


def test_each_accumulator_has_a_name() -> None:
    """No accumulator is missing on a slip."""
    assert tuple(ACCUMULATOR_NAMES) == (*ACCUMULATORS, SUPPLEMENT_PAID)


def test_a_clause_reads_as_a_clause() -> None:
    """A clause number is put into words; words stay as they are."""
    assert basis_text("yn-2017-ss", "6") == "yn-2017-ss 第6条"
    assert basis_text("yn-2017-ss", "5（起付线降低50%）") == "yn-2017-ss 第5条（起付线降低50%）"
    assert basis_text("yzbf-2017-102", "28种疾病门诊80%") == "yzbf-2017-102 28种疾病门诊80%"
    assert basis_text("assumption", "普通居民") == "普通居民"


async def test_stored_settlements_and_reversals_have_slips(client: httpx.AsyncClient) -> None:
    """Over HTTP: the name is decrypted, the id number masked, a reversed settlement marked, its reversal printable."""
    world = await World(client).build(name="欧阳<b>海</b>")
    settled = await world.settled(world.bill("1234.50"))
    path = f"/v1/settlements/{settled['settlement_id']}"
    before = (await client.get(f"{path}/slip")).text
    answer = await client.post(f"{path}/reversal", json={"reason": "录入错误"}, headers=key())
    assert answer.status_code == 201, answer.text
    after = (await client.get(f"{path}/slip")).text
    reversal = await client.get(f"/v1/settlements/{answer.json()['settlement_id']}/slip")
    assert "欧阳&lt;b&gt;海&lt;/b&gt;" in before
    assert f"{world.id_number[:6]}********{world.id_number[-4:]}" in before
    assert "壹仟贰佰叁拾肆元伍角整" in before
    assert "已撤销" not in before
    assert '<div class="stamp">已撤销</div>' in after
    assert reversal.status_code == 200
    for text in ("撤销单", "录入错误", "负壹仟贰佰叁拾肆元伍角整", settled["settlement_id"]):
        assert text in reversal.text, text
