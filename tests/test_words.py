"""One word per concept: what a finance office doesn't say stands in no text of ours."""

import re
from typing import Final

import pytest

from tests.conftest import ROOT
from tests.test_documents import texts

OLD: Final = {
    "月结单": "月度结算申报表",
    "制单": "生成拨付单",
    "下限 ?[0-9]|低于(法定)?下限|拨付率下限|下限 floor": "拨付率要求 85%, 未达拨付率要求",
    "(?<!预计)可达标": "预计可达标",
    "软关|硬关": "暂停付款, 完全关账",
    "重新打开": "反结账",
    "患者往来": "患者退补款",
    "我方|对方": "经办机构, 医疗机构",
    "(?<!未转诊)扣减": "审核扣款",
    "裁定": "复核决定",
    "冲销": "撤销结算",
    "假设": "暂定（待核实）",
    "政策包": "政策配置",
    "令牌": "账号, 权限",
    "登记名单": "人员名单",
    "首页": "第一页",
}
"""Patterns of words that aren't said any more, and what is said instead."""
FOREIGN: Final = {
    "app/nhsa/data/baseline.json": "the national platform's own words",
    "app/clearing/data/bank_columns.yaml": "headings of banks' files",
    "tests/clearing/test_payment_batches.py": "a bank's file",
    "tests/service/test_security.py": "texts that are no token",
    "tests/test_words.py": "this list",
}


def said_otherwise(text: str) -> list[str]:
    """The words of a text that aren't said any more."""
    return [found.group() for pattern in OLD for found in re.finditer(pattern, text)]


def test_no_text_says_what_an_office_does_not_say() -> None:
    """Pages, slips, exports, messages, guides, packs, alerts, dashboards; what others wrote is theirs."""
    dashboards = {path: path.read_text(encoding="utf-8") for path in (ROOT / "deploy").rglob("*.json")}
    names = {path.relative_to(ROOT).as_posix(): text for path, text in {**texts(), **dashboards}.items()}
    assert FOREIGN.keys() <= names.keys() | {"app/nhsa/data/baseline.json"}
    found = {name: words for name, text in names.items() if name not in FOREIGN and (words := said_otherwise(text))}
    assert found == {}


@pytest.mark.parametrize("sentence", ["月结单已批准", "下限 85%", "低于下限", "可达标", "确认对方已结算", "请换用令牌"])
def test_an_old_word_is_found(sentence: str) -> None:
    """In the middle of a sentence as well."""
    assert said_otherwise(sentence)


@pytest.mark.parametrize("sentence", ["预计可达标", "未转诊扣减", "分段下限", "住院费用实际补偿比例下限"])
def test_a_word_of_another_concept_stays(sentence: str) -> None:
    """The lower bound of a band, or what a missing referral costs, is no required rate and no deduction."""
    assert said_otherwise(sentence) == []
