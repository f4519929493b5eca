"""Golden cases: every shipped pack, published scheme and rule kind gives the amounts that its cases expect."""

import json
from datetime import date
from pathlib import Path

import asyncpg
import httpx
import msgspec
import pytest

from app.basics.errors import PolicyError
from app.policies import SCHEMES, SHIPPED, book_with, cases_file, pack_files, read_text, shipped_book
from app.policies.cases import failures, outcomes, parse_cases
from app.tiers.explain import redone, sentence, shown_inputs
from app.tiers.model import Bill, CatalogueEntry, Episode, Facts, Line, Outcome, Portions, Scope, empty_year
from app.tiers.waterfall import ConservationBroken, compute, conserve
from tests.world import World

PACKS = [*pack_files(SHIPPED), *pack_files(SCHEMES), *pack_files(Path(__file__).parent / "cases")]


@pytest.mark.parametrize("pack", PACKS, ids=lambda path: path.stem)
def test_every_pack_has_cases_and_they_come_out(pack: Path) -> None:
    """The whole engine gives every amount that the cases beside a pack expect."""
    path = cases_file(pack)
    cases = parse_cases(path.name, read_text(path))
    book = book_with([pack])
    assert [found for case in cases for found in failures(case, book)] == []


@pytest.mark.parametrize(
    ("figure", "wrong"),
    [
        (
            'value: {of: ordinary, times: "0.5"}, status: enacted',
            'value: {of: ordinary, times: "0.9"}, status: enacted',
        ),
        ('{of: ordinary, at_least: "0.70"}', '{of: ordinary, at_least: "0.65"}'),
        ('{of: ordinary, times: "1.5"}', '{of: ordinary, times: "1.4"}'),
    ],
    ids=["deductible", "bands", "cap"],
)
def test_a_wrong_figure_of_tilted_serious_illness_fails_a_case(figure: str, wrong: str, tmp_path: Path) -> None:
    """What the document of 2017 enacts for the poor can't be changed without a golden case of the pack noticing."""
    path = SHIPPED / "yunnan.yaml"
    text = path.read_text(encoding="utf-8")
    assert text.count(figure) == 1
    (tmp_path / path.name).write_text(text.replace(figure, wrong), encoding="utf-8")
    book = book_with([tmp_path / path.name])
    cases = parse_cases(cases_file(path).name, read_text(cases_file(path)))
    assert any(failures(case, book) for case in cases)


@pytest.mark.thorough
@pytest.mark.parametrize("pack", PACKS, ids=lambda path: path.stem)
def test_every_step_of_every_case_can_be_redone_from_its_sentence(pack: Path) -> None:
    """Whatever a pack makes of the vocabulary, a pocket calculator and the sentence are enough."""
    path = cases_file(pack)
    kinds = [
        redone(step)
        for case in parse_cases(path.name, read_text(path))
        for _, outcome, _ in outcomes(case, book_with([pack]))
        if outcome is not None
        for step in outcome.trace
    ]
    assert kinds


CASE = """cases:
  - title: 两次
    person: {area: "530102"}
    hospital: {level: 1, rank: township}
    amounts: {in_scope: 1200}
    bills:
      - day: 2018-06-01
        expect: {basic: 850, patient: 350}
      - day: 2018-07-01
        expect: {basic: 850, patient: 350}
        after: {basic_paid: 1700}
        steps: {basic_inpatient: 850}
"""


def differences(old: str, new: str) -> list[str]:
    """What differs when a word of the case is changed."""
    assert old in CASE
    (case,) = parse_cases("p.cases.yaml", CASE.replace(old, new))
    return failures(case, shipped_book())


def test_a_differing_amount_is_shown_with_the_steps_of_its_tier() -> None:
    """Expected and computed stand side by side, with file, line, bill and the sentence that led to the amount."""
    first, second = differences("{basic: 850, patient: 350}", "{basic: 900, patient: 300}")
    assert first.startswith("p.cases.yaml:7: “两次”第 1 张账单")
    assert second.startswith("p.cases.yaml:9: “两次”第 2 张账单")
    assert "基本医保（basic）：应为 900.00，算得 850.00" in first
    assert "（政策范围内费用 1200.00 − 起付线 200.00）× 85%" in first


def test_differing_accumulators_steps_and_refusals_are_named() -> None:
    """Whatever a case expects besides the portions is compared as well."""
    assert "累计 basic_paid：应为 1701.00，算得 1700.00" in differences("1700", "1701")[0]
    assert "没有这个累计" in differences("basic_paid", "basic_pai")[0]
    assert "步骤 basic_inpatient：应为 851.00，算得 850.00" in differences("inpatient: 850", "inpatient: 851")[0]
    assert "没有算到这一步" in differences("steps: {basic_inpatient", "steps: {basic_inpatien")[0]
    assert "应为：policy_gap，算得：结算成功" in differences("after:", "refused: policy_gap\n        after:")[0]
    assert "应为：结算成功，算得：policy_gap" in differences('"530102"', '"110101"')[0]


def test_a_case_may_say_that_a_disease_is_not_registered(tmp_path: Path) -> None:
    """Persons of cases are registered for the disease of their bill unless a case says otherwise."""
    flag = "- {from: 2017-11-03, value: false, status: assumed"
    text = read_text(SHIPPED / "yunnan.yaml")
    assert text.count(flag) == 1
    path = tmp_path / "yunnan.yaml"
    path.write_text(text.replace(flag, flag.replace("false", "true")), encoding="utf-8")
    written = """cases:
  - title: 慢特病
    day: 2018-06-01
    medical_type: "14"
    disease: M03900
    hospital: {level: 2, rank: county}
    amounts: {in_scope: 1000}
    bills:
      - {person: {area: "530102"}, expect: {basic: 270, patient: 730}}
      - {person: {area: "530102", registered: false}, refused: disease_not_registered}
"""
    (case,) = parse_cases("p.cases.yaml", written)
    assert failures(case, book_with([path])) == []
    assert "算得：结算成功" in failures(case, shipped_book())[0]


WRONG = {
    "an unknown key": ("    person:", "    persons: {}\n    person:", 3, "不认识的键“persons”"),
    "a missing person": ('    person: {area: "530102"}\n', "", 6, "缺少“person”"),
    "an unknown class": ('{area: "530102"}', '{class: rich, area: "530102"}', 3, "可选：destitute"),
    "a registration that is neither": (
        '{area: "530102"}',
        '{registered: "yes", area: "530102"}',
        3,
        "应是 true 或 false",
    ),
    "an unknown portion": ("patient: 350", "patients: 350", 7, "不认识的键“patients”"),
    "portions that do not add up": ("{basic: 850, patient: 350}", "{basic: 850}", 7, "合计 850.00，账单总额是 1200.00"),
    "a float": ("in_scope: 1200", "in_scope: 1200.50", 5, "浮点数"),
    "an amount in words": ("in_scope: 1200", "in_scope: 一千", 5, "应是金额"),
    "no bills": ("cases:", "case:", 2, "是不是“cases”"),
    "a day that is none": ("day: 2018-06-01", "day: June", 7, "应是日期"),
    "a level that is none": ("level: 1", "level: 4", 4, "可选：1、2、3"),
    "a person that is a word": ('person: {area: "530102"}', "person: 张三", 3, "“person”应是键和值"),
}


@pytest.mark.parametrize("fault", sorted(WRONG))
def test_a_wrong_case_file_is_refused_with_line_and_remedy(fault: str) -> None:
    """Each kind of mistake is a finding that names the line and what may be written."""
    old, new, line, expected = WRONG[fault]
    assert old in CASE
    with pytest.raises(PolicyError) as caught:
        parse_cases("p.cases.yaml", CASE.replace(old, new, 1))
    found = [finding for finding in caught.value.findings if expected in finding]
    assert found, caught.value.findings
    assert abs(int(found[0].split(":")[1]) - line) <= 1


def outcome(pack: str, area: str, before: dict[str, int] | None = None, in_scope: int = 20_000_00) -> Outcome:
    """An inpatient bill of a low-income person at the county hospital, under a published scheme."""
    day = date(2019, 6, 1)
    entry = CatalogueEntry("A", "A", 0, (None, None, None), False, date(2000, 1, 1), None)
    bill = Bill(
        medical_type="21",
        admitted_on=day,
        discharged_on=day,
        disease_code=None,
        delivery_mode=None,
        referral="compliant",
        work_injury="none",
        total=in_scope,
        lines=(Line(1, "A", 10_000, in_scope * 10_000, in_scope, day, False, None),),
    )
    facts = Facts("P", area, "low_income", "H", 2, "county", area)
    policy = book_with([SCHEMES / f"{pack}.yaml"]).on(day, area)
    return compute(bill, {"A": [entry]}, facts, empty_year() | (before or {}), Episode(), policy).outcome


def test_accumulators_of_another_pack_stay_untouched_and_missing_ones_begin_at_zero() -> None:
    """The year may hold names that this pack doesn't know, and may lack its own."""
    result = outcome("jiangyin", "320281", {"own_in_catalogue": 7_00})
    assert result.before["year_in_scope"] == 0
    assert (result.after["year_in_scope"], result.after["own_in_scope"]) == (20_000_00, 2_000_00)
    assert result.after["own_in_catalogue"] == 7_00
    assert set(outcome("hubei", "420323").after) == {*empty_year(), "own_in_scope"}


def test_a_sum_that_is_a_share_of_the_year_is_explained_with_its_numbers() -> None:
    """A pocket calculator and the sentence are enough to redo a cap that grows with the year."""
    step = next(step for step in outcome("jiangyin", "320281").trace if step.rule == "refund")
    assert sentence(step) == (
        "年度自付 0.00 + 本次政策范围内剩余费用 2580.00 = 2580.00，超过封顶 2000.00"
        "（全年政策范围内费用 20000.00 × 10%）"
        " 的部分由基金支付，年度限额剩余 293980.00（300000.00 − 此前已支付 6020.00） = 580.00"
    )
    assert shown_inputs(step.inputs)["share_of"] == "20000.00"


IMPOSSIBLE = Portions(13_828_00, 8_412_00, 2_000_00, 0, 0, 1_607_00)
IMPOSSIBLE_TOTAL = 25_845_00


def test_the_published_case_that_does_not_balance_is_no_outcome() -> None:
    """Portions that exceed their bill by 2.00 yuan raise in the engine."""
    with pytest.raises(ConservationBroken):
        conserve(IMPOSSIBLE_TOTAL, Scope(0, 0, 0, IMPOSSIBLE_TOTAL), IMPOSSIBLE)


async def test_the_published_case_that_does_not_balance_is_no_row(
    client: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    """The database refuses a settlement with those portions, whoever writes it."""
    world = await World(client).build()
    settlement_id = int((await world.settled(world.bill()))["settlement_id"].removeprefix("set_"))
    scope = Scope(0, 0, 0, IMPOSSIBLE_TOTAL)
    amounts = {"total": IMPOSSIBLE_TOTAL} | msgspec.structs.asdict(scope) | msgspec.structs.asdict(IMPOSSIBLE)
    with pytest.raises(asyncpg.CheckViolationError, match="settlement_conserves"):
        await connection.execute(
            """INSERT INTO settlement SELECT (jsonb_populate_record(s,
                 jsonb_build_object('settlement_id', -1, 'entry_no', 999) || $2::jsonb)).*
                 FROM settlement s WHERE settlement_id = $1""",
            settlement_id,
            json.dumps(amounts),
        )
