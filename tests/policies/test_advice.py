"""What the checker answers to what authors commonly type: the place, what is wrong, the right form, all in Chinese."""

import re
from datetime import date
from pathlib import Path

import pytest

from app.basics.errors import PolicyError
from app.policies.cases import failures, parse_cases
from app.tiers.load import load_book
from tests.cli.test_cli import run
from tests.policies.test_policy import SMALL

BY_LEVEL = SMALL.replace("unit: rate\n", "unit: rate\n    by: [level]\n")
ONE, OTHER = '{1: "0.50", 2: "0.45", 3: "0.40"}', '{1: "0.6", 2: "0.6", 3: "0.4"}'
BY_LEVEL = BY_LEVEL.replace('"0.50"', ONE).replace('"0.60"', OTHER)


def findings(text: str) -> list[str]:
    """What is found in a pack."""
    with pytest.raises(PolicyError) as caught:
        load_book({"small": text})
    return list(caught.value.findings)


def test_the_gap_of_all_classes_is_one_finding() -> None:
    """Whom a figure is missing for is said at once, and the advised dates are those of the gap."""
    (found,) = findings(BY_LEVEL.replace("until: 2019-01-01", "until: 2018-12-31"))
    assert "2018-12-31 没有规则（policy_gap，只这一天，规则 basic，level 1、2、3）" in found
    assert "from: 2018-12-31、until: 2019-01-01" in found


def test_gaps_of_other_length_are_findings_of_their_own() -> None:
    """Levels that lack a figure on the same days stand together, one that lacks it longer by itself."""
    rows = """      - {level: [1, 2, 3], from: 2018-01-01, until: 2019-01-01, value: "0.5", SOURCE}
      - {level: [1, 2], from: 2019-06-01, value: "0.6", SOURCE}
      - {level: 3, from: 2020-01-01, value: "0.6", SOURCE}
""".replace("SOURCE", 'status: enacted, source: {document: d, clause: "1"}')
    text = re.sub(r"(?<=    rows:\n)(      - .*\n)+", rows, SMALL)
    found = findings(text)
    assert ["level 1、2）" in found[0], "until: 2019-06-01 " in found[0]] == [True, True]
    assert ["level 3）" in found[1], "until: 2020-01-01 " in found[1]] == [True, True]
    assert len(found) == 2


def test_advice_never_ends_where_only_another_figure_changes() -> None:
    """A gap goes on until the figure's own next row, whatever changes meanwhile."""
    text = SMALL.replace("until: 2019-01-01", "until: 2018-06-01")
    text += "  other:\n    title: 别的\n    unit: rate\n    rows:\n"
    for since, until in (("2018-01-01", ", until: 2018-09-01"), ("2018-09-01", "")):
        text += f'      - {{from: {since}{until}, value: "1", status: assumed, source: {{document: d, clause: "1"}}}}\n'
    (found,) = findings(text)
    assert "from: 2018-06-01、until: 2019-01-01" in found


@pytest.mark.parametrize(
    ("old", "new", "advice"),
    [
        ('"0.50"', "０．５０", "“０．５０”里有全角的数字或标点，请改成半角的 0.50。"),
        ('"0.50"', "“0.50”", "里有全角的数字或标点"),
        ("kind: share", "kind：share", "“kind：share”里有全角标点，键后面写半角冒号加空格"),
        ("from: 2018-01-01, until", "from: 2018-01-01， until", "请改成半角逗号"),
        ("until: 2019-01-01", "until: 2019/1/1", "请写成 2019-01-01，不加引号。"),
        ("until: 2019-01-01", "until: 2019年1月1日", "请写成 2019-01-01，不加引号。"),
        ("until: 2019-01-01", "until: 2019-1-1", "请写成 2019-01-01，不加引号。"),
        ("until: 2019-01-01", 'until: "2019-01-01"', "请写成 2019-01-01，不加引号。"),
        ("until: 2019-01-01", "until: 明年", "写成 2017-11-03 这样的形式"),
        ("tier: basic", "tier: ｂasic", "请改成半角的 basic。"),
        ("d: {title: 文件}", "d: {title: 文件, href: 见官网}", "href 应是网址，以 https:// 或 http:// 开头"),
    ],
)
def test_what_a_chinese_keyboard_makes_is_named(old: str, new: str, advice: str) -> None:
    """Full-width digits and punctuation, and days in other forms, are answered with the form to write."""
    assert old in SMALL
    found = findings(SMALL.replace(old, new, 1))
    assert any(advice in one for one in found), found


def test_a_sum_with_separators_is_answered_with_the_sum() -> None:
    """80,000 is one number where it stands alone, and two things inside braces."""
    row = "  cap:\n    title: 限额\n    unit: yuan\n    rows:\n      - from: 2018-01-01\n        value: 80,000\n"
    row += "        status: assumed\n        source: {document: d, clause: '1'}\n"
    assert any("数字里不写千位逗号，请写 80000。" in one for one in findings(SMALL + row))
    row = "  cap:\n    title: 限额\n    unit: yuan\n    rows:\n"
    row += "      - {from: 2018-01-01, value: 80,000, status: assumed, source: {document: d, clause: '1'}}\n"
    assert any("数字里的逗号把它分成了两段" in one for one in findings(SMALL + row))


CASES = """cases:
  - title: 一年两次
    person: {area: "990101"}
    hospital: {level: 1, rank: county}
    amounts: {in_scope: 100}
    bills:
      - {day: 2019-06-01, expect: {basic: 60, patient: 40}}
      - {day: 2018-06-01, expect: {basic: 50, patient: 50}EXTRA}
"""


def test_bills_of_one_person_out_of_order_are_noticed() -> None:
    """Bills are computed in the order written; an earlier day is a finding unless the case says that it is meant."""
    with pytest.raises(PolicyError, match="第 2 张账单 的日期 2018-06-01 早于前一张的 2019-06-01") as caught:
        parse_cases("small.cases.yaml", CASES.replace("EXTRA", ""))
    assert "out_of_order: true" in caught.value.findings[0]
    meant = parse_cases("small.cases.yaml", CASES.replace("EXTRA", ", out_of_order: true"))
    book = load_book({"small": SMALL})
    assert [failures(case, book) for case in meant] == [[]]


def test_a_missing_file_is_answered_in_chinese(tmp_path: Path) -> None:
    """The file that it resembles is named; a folder is told apart."""
    (tmp_path / "small.yaml").write_text(SMALL, encoding="utf-8")
    done = run("policy", "check", str(tmp_path / "smal.yaml"))
    assert done.returncode == 2
    assert "没有文件" in done.stderr
    assert "是不是“small.yaml”？" in done.stderr
    done = run("policy", "test", str(tmp_path))
    assert "是文件夹" in done.stderr


def test_a_clause_can_be_quoted_in_short() -> None:
    """The wording goes into the steps that use the figure; more than a sentence isn't a quote."""
    quoted = SMALL.replace('clause: "1"', 'clause: "1", quote: 按百分之五十支付')
    policy = load_book({"small": quoted}).on(date(2018, 5, 1), "990101")
    assert policy.figure("basic.rate", {}).quotes == {"basic.rate": "按百分之五十支付"}
    (found,) = findings(quoted.replace("按百分之五十支付", "很" * 300))
    assert "quote 有 300 字" in found
