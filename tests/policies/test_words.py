"""A pack in words, and two policies compared."""

import json
from datetime import date
from pathlib import Path

import pytest

from app.basics.classes import BASE_CLASSES
from app.policies import SCHEMES, SHIPPED, book_with, pack_files, read_texts, shipped_book
from app.policies.words import differences, facts_words, rule_words
from app.tiers.kinds import KINDS
from app.tiers.load import load_book
from app.tiers.policy import PolicyBook
from app.tiers.vocabulary import FACTS
from tests.cli.test_cli import run
from tests.policies.test_policy import SMALL

BOOKS = [
    book_with(pack_files(SHIPPED)),
    load_book(read_texts(SCHEMES)),
    *(book_with([path]) for path in pack_files(Path(__file__).parent / "cases")),
]


def small(old: str = "", new: str = "") -> PolicyBook:
    """The small pack, with a change."""
    assert old in SMALL
    return load_book({"small": SMALL.replace(old, new) if old else SMALL})


def test_every_rule_of_every_pack_has_words_that_name_its_figures() -> None:
    """What a rule does is said in words, with the name of each parameter and accumulator that it uses."""
    rules = [
        rule for book in BOOKS for pack in book.packs.values() for version in pack.versions for rule in version.rules
    ]
    assert {rule.kind for rule in rules} == set(KINDS)
    for rule in rules:
        words = rule_words(rule, BASE_CLASSES)
        for name in rule.parameters.values():
            assert name in words, (rule.rule, words)
        for option in ("counts_paid", "counts_base", "counts_deductible", "own_of_year"):
            assert rule.options.get(option, "") in words, (rule.rule, words)


def test_every_fact_has_words() -> None:
    """No value of a fact is shown as its code."""
    for fact, values in FACTS.items():
        for value in values:
            assert facts_words({fact: [value]}, BASE_CLASSES) != value
    assert facts_words({"level": {"3", "1"}, "class": ["low_income"]}, {}) == "一级医院、三级医院，低保对象"


def test_the_same_policy_has_no_differences() -> None:
    """A policy doesn't differ from itself, nor a child from a parent that it leaves alone."""
    policy = shipped_book().policy("yunnan", date(2020, 1, 1))
    assert differences(policy, policy) == []
    child = 'pack: child\ntitle: 子\ninherits: small\nareas: ["9901"]\n'
    book = load_book({"small": SMALL, "child": child})
    assert differences(book.policy("small", date(2020, 1, 1)), book.policy("child", date(2020, 1, 1))) == []


def test_a_figure_on_two_days_is_shown_with_source_and_status() -> None:
    """The figure that changed, both values, their dates, statuses and documents."""
    book = small('value: "0.60", status: enacted', 'value: "0.60", status: assumed')
    (found,) = differences(book.policy("small", date(2018, 5, 1)), book.policy("small", date(2019, 5, 1)))
    assert (found.part, found.name, found.applies) == ("figure", "basic.rate", {})
    assert found.a is not None
    assert found.b is not None
    assert (found.a.value, found.a.status, found.a.until, found.a.source) == (
        "0.5000",
        "enacted",
        "2019-01-01",
        "文件 1",
    )
    assert (found.b.value, found.b.status, found.b.until, found.b.source) == ("0.6000", "assumed", None, "文件 2")


def test_a_figure_that_one_side_splits_is_compared_where_both_hold() -> None:
    """One row for all against one per level: each level that differs is a difference, an equal one isn't."""
    text = SMALL.replace("unit: rate\n", "unit: rate\n    by: [level]\n")
    text = text.replace('"0.50"', '{1: "0.50", 2: "0.45", 3: "0.40"}').replace(
        '"0.60"', '{1: "0.6", 2: "0.6", 3: "0.4"}'
    )
    day = date(2018, 5, 1)
    found = differences(small().policy("small", day), load_book({"small": text}).policy("small", day))
    assert [(item.applies, item.a and item.a.value, item.b and item.b.value) for item in found] == [
        ({"level": ("2",)}, "0.5000", "0.4500"),
        ({"level": ("3",)}, "0.5000", "0.4000"),
    ]


def test_rules_groups_and_figures_that_one_side_lacks_are_differences() -> None:
    """A rule that is there once, another group and another figure are named with an empty other side."""
    day = date(2020, 1, 1)
    more = SMALL.replace("everyone: [destitute, ", "poor: [destitute]\n      everyone: [").replace(
        "parameters:",
        "      - {rule: aid, title: 救助, tier: medical_assistance, kind: share, "
        "base: remaining_in_scope, rate: aid.rate}\nparameters:\n"
        "  aid.rate:\n    title: 救助比例\n    unit: rate\n    rows:\n"
        '      - {from: 2018-01-01, value: "0.70", status: enacted, source: {document: d, clause: "3"}}',
    )
    found = differences(small().policy("small", day), load_book({"small": more}).policy("small", day))
    assert [(item.part, item.name, item.a is None) for item in found] == [
        ("rule", "aid", True),
        ("group", "everyone", False),
        ("group", "poor", True),
        ("figure", "aid.rate", True),
    ]
    assert found[0].b is not None
    assert "支付（政策范围内剩余费用）× aid.rate" in found[0].b.value


def test_another_order_of_the_same_rules_is_one_difference() -> None:
    """Rules are compared by name; that they run in another order is said once."""
    yunnan = (SHIPPED / "yunnan.yaml").read_text(encoding="utf-8")
    first = "      - {rule: out_of_catalogue, title: 目录外费用超限由医院承担"
    start = yunnan.index(first)
    line = yunnan[start : yunnan.index("\n", start) + 1]
    moved = yunnan.replace(line, "", 1).replace("\n  three-systems:", line + "\n  three-systems:", 1)
    day = date(2018, 5, 1)
    a, b = (load_book({"yunnan": text}).policy("yunnan", day) for text in (yunnan, moved))
    assert [item.part for item in differences(a, b)] == ["order"]


@pytest.mark.parametrize("name", ["jiangyin", "bengshan", str(SCHEMES / "wuwei_deep.yaml")])
def test_show_gives_rules_in_words_of_schemes_and_files(name: str) -> None:
    """Rules in their order and figures, whether the pack is shipped, a published scheme or a file."""
    done = run("policy", "show", name, "--on", "2020-05-01")
    assert done.returncode == 0, done.stderr
    assert "做什么" in done.stdout
    assert "政策范围内" in done.stdout
    assert "…" not in done.stdout


@pytest.mark.thorough
def test_diff_compares_packs_files_and_days(tmp_path: Path) -> None:
    """A table for people, JSON for programs; status 0 whatever differs; a file may have the areas of a shipped pack."""
    done = run("policy", "diff", "yunnan", "wenshan", "--on", "2018-05-01")
    assert done.returncode == 0, done.stderr
    assert "5 处不同" in done.stdout
    file = tmp_path / "draft.yaml"
    file.write_text(SMALL.replace("pack: small", "pack: draft").replace('["99"]', '["53"]'), encoding="utf-8")
    done = run("policy", "diff", str(file), str(file), "--on", "2018-05-01", "--on-b", "2019-05-01", "--json")
    answer = json.loads(done.stdout)
    assert (answer["a"]["on"], answer["b"]["on"]) == ("2018-05-01", "2019-05-01")
    assert [item["name"] for item in answer["differences"]] == ["basic.rate"]
    missing = run("policy", "diff", "yunan", "wenshan")
    assert (missing.returncode, "是不是“yunnan”？" in missing.stderr) == (1, True)
    early = run("policy", "diff", "yunnan", "wenshan", "--on", "2010-01-01")
    assert (early.returncode, "yunnan 2010-01-01" in early.stderr) == (1, True)
