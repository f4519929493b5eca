"""The page of published wordings: each example is a pack that the checker accepts, and its cases come out."""

import re
from textwrap import indent

import pytest
import yaml

from app.policies.cases import failures, parse_cases
from app.tiers.load import load_book
from app.tiers.model import CLASSES
from tests.conftest import ROOT
from tests.tiers.packs import AREA

PAGES = {
    name: (ROOT / "docs" / name).read_text(encoding="utf-8")
    for name in ("policy-phrases.md", "policy-phrases.zh-CN.md")
}
EXAMPLES = re.findall(
    r"^## ([^\n]+)\n[^`]*?(?:`(?!``)[^`]*`[^`]*?)*```yaml\n(.*?)```", PAGES["policy-phrases.md"], re.M | re.S
)
HEAD = """pack: words
title: 说法
areas: ["99"]
documents:
  d: {title: 文件}
versions:
  all:
    title: 一
    from: 2023-01-01
    precedence: [CLASSES]
    groups:
      poor: [destitute, low_income, returned_poverty, registered_poor]
      others: [monitored, low_income_edge, illness_poverty, ordinary]
""".replace("CLASSES", ", ".join(CLASSES))
OTHER_BILLS = "  - {rule: other_bills, title: 其他账单, tier: basic, kind: share, base: in_scope, rate: other.rate}\n"
OTHER_RATE = "  other.rate: {title: 其他账单, unit: rate, rows: [{from: 2023-01-01, value: none, status: assumed, "
OTHER_RATE += "source: {document: d, clause: 例子以外}}]}\n"


def pack_of(example: str) -> str:
    """An example as the pack that the page says it stands in."""
    version, _, rest = example.partition("parameters:\n")
    parameters = rest.partition("cases:\n")[0].replace("from: 2024-01-01", "from: 2023-01-01")
    return f"{HEAD}{indent(version + OTHER_BILLS, '    ')}parameters:\n{parameters}{OTHER_RATE}"


def cases_of(example: str) -> str:
    """Its cases with what the page leaves out."""
    found = yaml.safe_load("cases:\n" + example.partition("cases:\n")[2])["cases"]
    cases = []
    for number, case in enumerate(found):
        if "bills" not in case:
            case.setdefault("day", "2024-06-01")
        case["person"] = {"area": AREA} | case.get("person", {})
        case["hospital"] = {"level": 2, "rank": "county"} | case.get("hospital", {})
        cases.append({"title": f"例子 {number}"} | case)
    text = yaml.safe_dump({"cases": cases}, allow_unicode=True)
    return re.sub(r"'(\d{4}-\d\d-\d\d)'", r"\1", text)


@pytest.mark.parametrize(("wording", "example"), EXAMPLES, ids=[wording for wording, _ in EXAMPLES])
def test_an_example_computes_what_its_case_says(wording: str, example: str) -> None:
    """The checker accepts the pack, and each case comes out to the fen."""
    book = load_book({"words": pack_of(example)})
    for case in parse_cases("words.cases.yaml", cases_of(example)):
        assert failures(case, book) == [], wording


def test_both_pages_have_the_same_examples() -> None:
    """The Chinese page has the same wordings and examples as the English one."""
    for pattern in (r"^## .*", r"```yaml\n.*?```"):
        one, other = (re.findall(pattern, page, re.M | re.S if "yaml" in pattern else re.M) for page in PAGES.values())
        assert one == other
        assert len(one) == len(EXAMPLES) > 20
