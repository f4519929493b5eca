"""Benefit classes that a pack declares: what its author may write, and what they come to."""

from datetime import date

import pytest

from app.basics.classes import BASE_CLASSES, written_as
from app.basics.errors import PolicyError
from app.nhsa.dictionary import DICTIONARIES
from app.tiers.load import load_book
from app.tiers.model import CLASSES
from app.tiers.policy import PolicyBook
from tests.tiers.packs import pack_text

RULE = (
    "rule: a, title: 基本, tier: basic, kind: share, base: in_scope, rate: rate, counts_paid: basic_paid, "
    "classes: who, applies: {class: [deep_poverty, ordinary]}"
)
RATES = (
    '{from: 2018-01-01, class: deep_poverty, value: "0.9", status: assumed, source: {document: d, clause: "1"}}\n'
    '      - {from: 2018-01-01, class: old, value: "0.5", '
)
DECLARED = 'classes:\n  deep_poverty: {zh: 深度贫困人口, en: deep poverty, words: [深度贫困], codes: ["236013"]}\n'


def written(declared: str = DECLARED) -> str:
    """A pack with a class of its own, which has a rate of its own."""
    text = pack_text([RULE], {"rate": ("rate", '"0.5"'), "who": ("classes", "[deep_poverty, ordinary]")})
    listed = ", ".join(CLASSES)
    text = text.replace(f"precedence: [{listed}]", f"precedence: [deep_poverty, {listed}]")
    text = text.replace(f"everyone: [{listed}]", f"old: [{listed}]\n      deep: [deep_poverty]")
    rows = text.replace('{from: 2018-01-01, value: "0.5", ', RATES)
    return rows.replace("documents:", f"{declared}documents:", 1)


def book(text: str, **others: str) -> PolicyBook:
    """The book of packs."""
    return load_book({"words": text} | others)


def refused(text: str, **others: str) -> str:
    """What the checker says."""
    with pytest.raises(PolicyError) as error:
        book(text, **others)
    return str(error.value)


def test_a_declared_class_stands_wherever_a_class_can() -> None:
    """In precedence, groups, rules, lists and figures; the book calls it as its pack does."""
    loaded = book(written())
    policy = loaded.on(date(2020, 1, 1), "990101")
    assert policy.figure("rate", {"class": "deep_poverty"}).value == 9000
    assert policy.figure("rate", {"class": "low_income"}).value == 5000
    assert policy.figure("who", {}).value == {"deep_poverty", "ordinary"}
    assert loaded.class_names()["deep_poverty"] == "深度贫困人口"
    assert loaded.class_names("en")["deep_poverty"] == "deep poverty"
    assert [*loaded.classes] == [*CLASSES, "deep_poverty"]


def test_a_pack_that_inherits_knows_the_class_too() -> None:
    """Its own versions list it, the parent's rules and figures stay."""
    heir = 'pack: heir\ntitle: 下级\ninherits: words\nareas: ["9902"]\n'
    policy = book(written(), heir=heir).on(date(2020, 1, 1), "990201")
    assert (policy.pack.name, policy.figure("rate", {"class": "deep_poverty"}).value) == ("heir", 9000)


def test_what_isnt_declared_or_is_declared_wrongly_is_found() -> None:
    """An unknown class, one that is forgotten, one of the eight, a word that means another one already."""
    assert "没有类别“deep_poverty”" in refused(written(""))
    assert "不能写“deep_poverty”" in refused(written(""))
    assert "groups 必须把 9 个类别各归入恰好一组：还缺 deep_poverty" in refused(
        written().replace("\n      deep: [deep_poverty]", "")
    )
    assert "请换一个名字" in refused(written(DECLARED.replace("deep_poverty:", "ordinary:")))
    assert "“低保”已经是类别 low_income 的写法" in refused(written(DECLARED.replace("[深度贫困]", "[低保]")))
    assert "“en”" in refused(written(DECLARED.replace("en: deep poverty, ", "")))


def test_a_rule_for_some_classes_says_how_the_others_are_left_out() -> None:
    """``classes`` doesn't spare the figure of a class; the checker says that ``applies`` does."""
    text = written().replace(", applies: {class: [deep_poverty, ordinary]}", "")
    found = refused(text.replace("class: old, ", "class: ordinary, "))
    assert "class destitute、low_income" in found.replace("illness_poverty、", "")
    assert "或在规则的 applies 里写 class" in found


def test_two_packs_mean_the_same_by_a_class() -> None:
    """Whoever is registered under it would be another thing elsewhere."""
    other = written().replace("pack: words", "pack: other").replace('areas: ["99"]', 'areas: ["98"]')
    assert [*book(written(), other=other).classes] == [*CLASSES, "deep_poverty"]
    assert "另一个政策配置不一致" in refused(written(), other=other.replace("深度贫困人口", "深贫"))
    renamed = other.replace("deep_poverty", "very_poor")
    assert "deep_poverty" in refused(written(), other=renamed)


def test_older_packs_are_as_they_were() -> None:
    """A pack that declares none knows the eight."""
    plain = load_book(
        {
            "words": pack_text(
                [RULE.replace("deep_poverty, ", "")], {"rate": ("rate", '"0.5"'), "who": ("classes", "[ordinary]")}
            )
        }
    )
    assert tuple(plain.classes) == CLASSES
    assert plain.on(date(2020, 1, 1), "990101").classes == CLASSES


def test_lists_and_hospitals_call_it_as_the_pack_does() -> None:
    """What a poverty list may write, and the national code that hospitals get."""
    classes = book(written()).classes
    meant = written_as(classes)
    assert {meant[text] for text in ("深度贫困", "深度贫困人口", "236013", "deep_poverty")} == {"deep_poverty"}
    assert (meant["2304"], "普通居民" in meant) == ("destitute", False)
    baseline = DICTIONARIES["baseline"]
    assert baseline.identity("deep_poverty", classes["deep_poverty"]) == ("236013", "社会保障兜底对象(2021)")
    written_codes = {code: name for name, words in BASE_CLASSES.items() for code in words.codes}
    assert written_codes == baseline.identity_classes


def test_how_a_class_is_written_has_no_case() -> None:
    """A list's cell is looked up folded: so is what a pack declares, and what another class has already."""
    declared = DECLARED.replace("words: [深度贫困]", "words: [深度贫困, ICU户]").replace("236013", "A13")
    meant = written_as(book(written(declared)).classes)
    assert [meant.get(cell.casefold()) for cell in ("ICU户", "icu户", "A13", "2303")] == [
        *["deep_poverty"] * 3,
        "low_income",
    ]
    assert "已经是类别 low_income 的写法" in refused(written(DECLARED.replace("深度贫困]", "Low_Income]")))
    other = written(declared.replace("深度贫困", "别的").replace("ICU", "icu").replace("A13", "A14"))
    other = other.replace("deep_poverty", "very_poor").replace("pack: words", "pack: other")
    other = other.replace('areas: ["99"]', 'areas: ["98"]')
    assert "不一致（deep_poverty）" in refused(written(declared), other=other)
