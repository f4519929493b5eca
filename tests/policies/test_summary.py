"""What the patient reads: the summary of a settlement, in both languages."""

import random
import re

import httpx
import msgspec

from app.basics.errors import Language
from app.basics.money import yuan
from app.demo.bill import example
from app.demo.compute import OfflineBill, computed_offline
from app.policies import shipped_book
from app.service.wire import decode
from app.tiers.model import FUND_TIERS, Outcome, Portions
from app.tiers.summary import summarized
from tests.tiers import engine
from tests.tiers.random_bills import person_year, walk_chain
from tests.world import World, key

MOST_LINES = 8


def summary(outcome: Outcome, medical_type: str, language: Language = "zh") -> list[str]:
    """The summary of an outcome."""
    return summarized(
        outcome.scope,
        outcome.portions,
        outcome.trace,
        benefit_class=outcome.benefit_class,
        medical_type=medical_type,
        language=language,
    )


def of_example(language: Language = "zh", **changes: object) -> list[str]:
    """The summary of the example's bill, with changes to the bill."""
    given = example()
    given["bill"] |= changes
    return summary(
        computed_offline(decode(msgspec.json.encode(given), OfflineBill), shipped_book()).outcome, "21", language
    )


def test_the_example_in_chinese() -> None:
    """The demo's bill in six lines: bill, funds, patient, out of scope, how each fund pays, assumed figures."""
    assert of_example() == [
        "本次住院医疗费总额 20912.19 元，人员类别：建档立卡贫困人口。",
        "基金支付 18820.97 元：基本医保 14209.14 元，医疗救助 2105.24 元，兜底保障 2506.59 元。",
        "个人负担 2091.22 元。",
        "不在政策范围内的费用 3695.56 元：全自费 1623.40 元，超限价自费 220.00 元，先行自付 1852.16 元。",
        "支付办法：基本医保起付线 500.00 元由个人先负担，其余按 85% 支付；"
        "大病保险年度累计 3007.49 元，未超过起付线 6000.00 元；"
        "医疗救助按 70% 支付；兜底保障补足到总费用（扣除医院承担）的 90%。",
        "计算用到 10 项暂定（待核实）参数，合理但未经文件核实。",
    ]


def test_the_example_in_english() -> None:
    """The same facts in English."""
    lines = of_example("en")
    assert lines[1] == (
        "The funds pay 18820.97 yuan: basic insurance 14209.14 yuan, medical assistance 2105.24 yuan, "
        "the safety net 2506.59 yuan."
    )
    assert lines[2] == "You pay 2091.22 yuan."
    assert not any(re.search("[一-鿿]", line) for line in lines)


def test_a_missing_referral_says_what_it_cost() -> None:
    """The rate cut and its cost, and the rules that pay nothing; the cost is the outcome's reduction."""
    line = of_example(referral="missing")[5]
    assert line == (
        "因未按规定转诊：基本医保支付比例由 75% 降为 55%，少支付 3343.32 元，由个人负担；"
        "不享受“兜底保障补足”；不享受“兜底保障年度自付封顶”。"
    )


def test_random_summaries_are_short_and_name_exactly_what_is_paid() -> None:
    """At most eight lines; the amounts of bill, funds and patient are the outcome's; nobody who pays nothing is
    named."""
    longest = 0
    for seed in range(100):
        for settled in walk_chain(person_year(random.Random(seed)), engine.settle):
            outcome, bill = engine.outcome_of(**settled["inputs"]), settled["inputs"]["bill"]
            for language in ("zh", "en"):
                lines = summary(outcome, bill["medical_type"], language)
                longest = max(longest, len(lines))
                assert bill["total"] in lines[0]
                assert amounts(lines[1]) == paid(outcome.portions)
                assert yuan(outcome.portions.patient) in lines[2]
    assert 6 < longest <= MOST_LINES


def amounts(line: str) -> list[str]:
    """The amounts of a line, in order."""
    return re.findall(r"\d+\.\d\d", line)


def paid(portions: Portions) -> list[str]:
    """What the funds pay together, then each that pays."""
    each = [getattr(portions, tier) for tier in FUND_TIERS]
    return [yuan(sum(each)), *(yuan(amount) for amount in each if amount)]


async def test_the_summary_is_in_detail_answers_and_in_the_language_asked_for(client: httpx.AsyncClient) -> None:
    """Quote, settlement and reading agree; the list has none; a reversal has none; the slip shows it."""
    world = await World(client).build()
    bill = world.bill("1234.50")
    quoted = (await client.post("/v1/quotes", json=bill)).json()
    settled = await world.settled(bill)
    path = f"/v1/settlements/{settled['settlement_id']}"
    read = (await client.get(path, headers={"Accept-Language": "zh"})).json()
    assert read["summary"][0].startswith("本次住院医疗费总额 1234.50 元")
    assert (await client.get(path)).json()["summary"] == quoted["summary"] == settled["summary"]
    assert quoted["summary"][0].startswith("This inpatient bill comes to 1234.50 yuan")
    assert '"summary"' not in (await client.get("/v1/settlements", params={"person_id": world.person})).text
    assert read["summary"][0] in (await client.get(f"{path}/slip")).text
    reversal = await client.post(f"{path}/reversal", json={"reason": "录入错误"}, headers=key())
    assert "summary" not in reversal.json()
