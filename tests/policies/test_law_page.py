"""A pack as a document to sign, and what a strict check asks of it."""

from datetime import date
from html import unescape
from pathlib import Path

import pytest

from app.batch.simulation_report import word
from app.finance.policies import figure_words
from app.policies import SCHEMES, SHIPPED, pack_files, read_texts, shipped_book
from app.policies.law_page import law_page
from app.policies.words import differences, facts_words, rule_words
from app.tiers.findings import without_place
from app.tiers.load import load_book
from tests.cli.test_cli import run
from tests.policies.test_policy import SMALL
from tests.tiers.packs import AREA
from tests.tiers.test_classes import written

BOOKS = [shipped_book(), load_book(read_texts(SCHEMES))]
PLACED = SMALL.replace("d: {title: 文件}", "d: {title: 文件, href: 'https://example.cn/d', checked_on: 2026-11-30}")


@pytest.mark.parametrize("path", pack_files(SHIPPED, SCHEMES), ids=lambda path: path.stem)
def test_every_figure_and_clause_of_a_pack_stands_on_its_page(path: Path) -> None:
    """The page has each rule, each figure with its first day, each clause and document; nothing is loaded from
    elsewhere."""
    pack = next(book.packs[path.stem] for book in BOOKS if path.stem in book.packs)
    page = unescape(law_page(pack))
    assert "<script" not in page
    for version in pack.versions:
        for rule in version.rules:
            assert rule.title in page
    for parameter in pack.parameters.values():
        for row in parameter.rows:
            assert parameter.title in page
            assert row.clause in page
            assert f"{row.since} 起" in page
    for document in pack.documents.values():
        assert document["title"] in page


def test_a_class_of_the_packs_own_is_called_as_the_pack_does() -> None:
    """On the page, in the words of rules and figures and of what differs, and on the finance office's page: never by
    its name."""
    text = written()
    pack = load_book({"words": text}).packs["words"]
    changed = load_book({"words": text.replace('value: "0.9"', 'value: "0.8"')}).on(date(2020, 1, 1), AREA)
    policy = load_book({"words": text}).on(date(2020, 1, 1), AREA)
    found = [facts_words(one.applies, pack.classes) for one in differences(policy, changed)]
    told = [
        unescape(law_page(pack)),
        "".join(rule_words(rule, pack.classes) for rule in policy.rules),
        "".join(found),
        figure_words(["deep_poverty", "ordinary"], pack.classes),
        word("class", "deep_poverty", classes=pack.classes),
    ]
    for words in told:
        assert "深度贫困人口" in words
        assert "deep_poverty" not in words


def test_assumptions_stand_before_the_rules() -> None:
    """Who signs sees first what isn't known yet."""
    page = law_page(shipped_book().packs["yunnan"])
    assert 0 < page.index("暂定（待核实）参数") < page.index("二、规则")
    assert "终末期肾病" in page[: page.index("二、规则")]


@pytest.mark.parametrize("path", pack_files(SHIPPED, SCHEMES), ids=lambda path: path.stem)
def test_a_page_has_words_instead_of_codes(path: Path) -> None:
    """Values, groups of classes, figures and yearly sums that rules name are in Chinese."""
    pack = next(book.packs[path.stem] for book in BOOKS if path.stem in book.packs)
    page = unescape(law_page(pack))
    for code in ('{"', "of_parameter", "ordinary", ">tilted<", ">standard<", "_paid", "up_to"):
        assert code not in page.replace("assistance.tilted", ""), code


def test_every_form_of_a_value_has_words() -> None:
    """A sum by admission, one rounded up, kinds of items and the split at the turn of the year are in words."""
    text = SMALL.replace("    rules:", "    over_new_year: split\n    rules:")
    for name, unit, value in (
        ("steps", "yuan", "{first_admission: 900, each_later_less: 100, at_least: 300, counted_at: level}"),
        ("items", "kinds", "[imported_material, bed]"),
    ):
        text += f"  {name}:\n    title: {name}\n    unit: {unit}\n    rows:\n"
        text += f"      - {{from: 2018-01-01, value: {value}, status: assumed, source: {{document: d, clause: '1'}}}}\n"
    page = law_page(load_book({"small": text}).packs["small"])
    assert "同级医院住院：第 1 次 900 元，以后每次减 100 元，不低于 300 元" in page
    assert "进口材料" in page
    assert "跨年住院在 12 月 31 日分开" in page
    assert "进位到元" in law_page(next(book.packs["yutian"] for book in BOOKS if "yutian" in book.packs))


def test_a_page_of_a_day_has_the_figures_of_that_day_only() -> None:
    """The rate of 2019 isn't on the page of a day in 2018."""
    pack = load_book({"small": SMALL}).packs["small"]
    page = law_page(pack, date(2018, 5, 1))
    assert "50%" in page
    assert "2019-01-01 起" not in page


def test_a_document_without_a_place_is_a_note_and_no_error(tmp_path: Path) -> None:
    """``href`` and ``checked_on`` belong together; a day has to be one."""
    assert without_place(load_book({"small": SMALL}).packs["small"]) == ["d"]
    placed = load_book({"small": PLACED}).packs["small"]
    assert without_place(placed) == []
    assert 'href="https://example.cn/d"' in law_page(placed)
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    done = run("policy", "check", str(path))
    assert (done.returncode, "没有 href" in done.stdout) == (0, True)
    done = run("policy", "check", "--strict", str(path))
    assert done.returncode == 1
    assert ("没有 href" in done.stdout, "没有 href" in done.stderr) == (True, False)
    assert "没有算例用到" in done.stderr
    path.write_text(PLACED.replace("2026-11-30}", "'today'}"), encoding="utf-8")
    assert "checked_on" in run("policy", "check", str(path)).stderr
