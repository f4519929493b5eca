"""Law as data: the shipped packs cover every day, and a wrong pack is refused with advice."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from app.basics.errors import PolicyError, Refused
from app.policies import SHIPPED, read_text, read_texts
from app.tiers.findings import facts_for, unused
from app.tiers.load import load_book
from app.tiers.model import CLASSES
from app.tiers.policy import PolicyBook

TEXTS = read_texts(SHIPPED)
BOOK = load_book(TEXTS)
FIRST_DAY = date(2017, 11, 3)
END_OF_YEAR = date(2026, 12, 31)


def boundary_days(book: PolicyBook, name: str) -> list[date]:
    """Every day on which something changes in a pack, with the days before and after, to the end of the year."""
    pack = book.packs[name]
    days = {END_OF_YEAR}
    for version in pack.versions:
        for boundary in pack.boundaries(version):
            days.update(boundary + timedelta(days=shift) for shift in (-1, 0, 1))
    return sorted(day for day in days if FIRST_DAY <= day <= END_OF_YEAR)


@pytest.mark.parametrize("name", sorted(BOOK.packs))
def test_every_rule_has_exactly_one_figure_on_every_boundary_day(name: str) -> None:
    """Around every change, each rule finds one figure for every class, level, rank and mode that it can meet."""
    days = boundary_days(BOOK, name)
    assert len(days) > 20
    for day in days:
        policy = BOOK.policy(name, day)
        for rule in policy.rules:
            for parameter in rule.parameters.values():
                for facts in facts_for(policy, rule, parameter):
                    assert policy.figure(parameter, facts).basis


def test_the_day_before_the_first_version_has_no_policy() -> None:
    """A day that no version covers is a policy gap, never a default."""
    with pytest.raises(Refused, match="policy_gap"):
        BOOK.on(FIRST_DAY - timedelta(days=1), "530102")


def test_an_area_that_no_pack_covers_has_no_policy() -> None:
    """An area outside every pack is a policy gap."""
    with pytest.raises(Refused, match="policy_gap"):
        BOOK.on(date(2018, 5, 1), "110101")


def test_the_longest_prefix_wins() -> None:
    """A prefecture's own pack rules there, the province's elsewhere."""
    assert BOOK.on(date(2018, 5, 1), "532601").pack.name == "wenshan"
    assert BOOK.on(date(2018, 5, 1), "530102").pack.name == "yunnan"


def test_a_prefecture_overrides_single_figures_and_inherits_the_rest() -> None:
    """Wenshan has its own ordinary rows; "as ordinary" in the inherited tilted row means its own."""
    policy = BOOK.on(date(2020, 5, 1), "532601")
    figure = policy.figure("basic.inpatient.deductible", {"class": "low_income", "level": "3"})
    assert figure.value == 800_00
    assert policy.figure("basic.inpatient.rate", {"class": "low_income", "level": "1"}).value == 9500
    assert policy.figure("basic.cap_year", {}).value == 60_000_00


SMALL = """
pack: small
title: 小包
areas: ["99"]
documents:
  d: {title: 文件}
versions:
  first:
    title: 一
    from: 2018-01-01
    precedence: [CLASSES]
    groups:
      everyone: [CLASSES]
    rules:
      - {rule: basic, title: 基本, tier: basic, kind: share, base: in_scope, rate: basic.rate}
parameters:
  basic.rate:
    title: 比例
    unit: rate
    rows:
      - {from: 2018-01-01, until: 2019-01-01, value: "0.50", status: enacted, source: {document: d, clause: "1"}}
      - {from: 2019-01-01, value: "0.60", status: enacted, source: {document: d, clause: "2"}}
""".replace("CLASSES", ", ".join(CLASSES))

WRONG = {
    "a gap of one day": (
        "{from: 2019-01-01, value",
        "{from: 2019-01-02, value",
        "basic.rate：2019-01-01 没有规则（policy_gap",
    ),
    "an overlap": ("until: 2019-01-01", "until: 2019-01-02", "basic.rate：2019-01-01 有两条规则（policy_overlap"),
    "a missing source": (', source: {document: d, clause: "2"}', "", "缺少“source”"),
    "an unknown document": ('document: d, clause: "2"', 'document: e, clause: "2"', "“e”不在 documents 里"),
    "a float": ('value: "0.60"', "value: 0.60", "0.60 是浮点数"),
    "a rate of 70": ('value: "0.60"', 'value: "70"', "（不是 70）"),
    "an unknown key": ("title: 比例", "title: 比例\n    colour: red", "不认识的键“colour”"),
    "a duplicate key": ("title: 小包", "title: 小包\ntitle: 大包", "“title”写了两次"),
    "an unknown kind": ("kind: share", "kind: magic", "可选：share"),
    "an unknown parameter": ("rate: basic.rate}", "rate: basic.rat}", "没有参数“basic.rat”可用。是不是“basic.rate”？"),
    "a parameter of another unit": ("unit: rate", "unit: yuan", "要单位 rate"),
    "an empty interval": ("until: 2019-01-01", "until: 2018-01-01", "区间为空"),
    "an impossible day": ("from: 2019-01-01", "from: 2019-02-30", "2019-02-30"),
    "a class in no group": ("everyone: [destitute, ", "everyone: [", "恰好一组"),
    "an alias": ("title: 小包", "title: &t 小包\nareas: *t", "锚点"),
    "a cycle of inheritance": ("title: 小包", "title: 小包\ninherits: small", "循环继承"),
    "an unknown ancestor": ("title: 小包", "title: 小包\ninherits: nobody", "找不到被继承的政策配置"),
    "broken YAML": ("title: 小包", "title: [", "不是有效的 YAML"),
    "another name than the file": ("pack: small", "pack: large", "与文件名相同"),
    "an area that is taken": ('areas: ["99"]', 'areas: ["53"]', "已属于政策配置"),
    "a share without a base": ("base: in_scope, ", "", "要写 base"),
    "an unknown condition": (
        "base: in_scope",
        'applies: {medical_typ: ["21"]}, base: in_scope',
        "不认识的条件“medical_typ”",
    ),
    "an unknown medical type": (
        "base: in_scope",
        'applies: {medical_type: ["21x"]}, base: in_scope',
        "不能写“21x”",
    ),
    "bills that no basic rule meets": (
        "base: in_scope",
        "applies: {rank: [county]}, base: in_scope",
        "没有基本医保规则",
    ),
    "a cap that is never used up": ("rate: basic.rate}", "rate: basic.rate, cap_year: basic.rate}", "要写 counts_paid"),
    "a yearly deductible without a counter": (
        "base: in_scope",
        "deductible_per: year, base: in_scope",
        "counts_deductible",
    ),
    "an accumulator with a name that is taken": (
        "    rules:",
        "    accumulators: {basic_paid: {title: 累计}}\n    rules:",
        "请换一个名字",
    ),
    "an accumulator that grows by nothing known": (
        "    rules:",
        "    accumulators: {own: {title: 累计, grows_by: money}}\n    rules:",
        "可选：total、in_catalogue",
    ),
    "an accumulator for some bills that none lets grow": (
        "    rules:",
        "    accumulators: {own: {title: 累计, applies: {place: [county]}}}\n    rules:",
        "就要写 grows_by",
    ),
    "an accumulator that bills and rules let grow": (
        "    rules:\n      - {rule: basic, title: 基本, tier: basic, kind: share, base: in_scope, rate: basic.rate}",
        "    accumulators: {own: {title: 累计, grows_by: in_scope}}\n    rules:\n"
        "      - {rule: basic, title: 基本, tier: basic,"
        " kind: share, base: in_scope, rate: basic.rate, counts_paid: own}",
        "的“counts_paid” 不能写“own”。",
    ),
    "a share of an accumulator that isn't there": (
        "rate: basic.rate}\nparameters:",
        "rate: basic.rate, deductible: d}\nparameters:\n  d:\n    title: 起付线\n    unit: yuan\n    rows:\n"
        "      - {from: 2018-01-01,"
        ' value: {share: "0.10", of_accumulator: own}, status: enacted, source: {document: d, clause: "1"}}',
        "没有带 grows_by 的累计“own”",
    ),
    "a rate that is a share of the bill": (
        'value: "0.60"',
        'value: {share_of_bill: "0.60"}',
        "只有单位 yuan",
    ),
    "a word of another kind": ("base: in_scope", "base: in_scope, bands_from: zero", "不认识的键“bands_from”"),
    "a floor under what remains": (
        "kind: share, base: in_scope",
        "kind: floor, base: remaining_in_scope",
        "base 不能写剩余费用",
    ),
    "a place that is none": (
        "base: in_scope",
        "applies: {place: [abroad]}, base: in_scope",
        "可选：county、prefecture、province、elsewhere",
    ),
    "a disease's group without a list": (
        "- {from: 2019-01-01",
        "- {disease_group: severe, from: 2019-01-01",
        "basic.rate：2018-01-01 没有规则",
    ),
    "an unknown status": ("status: enacted", "status: maybe", "enacted、assumed"),
}


def test_the_small_pack_is_right() -> None:
    """The pack that the next test breaks is accepted as it stands."""
    assert load_book({"small": SMALL}).on(date(2019, 1, 1), "990101").figure("basic.rate", {}).value == 6000


@pytest.mark.parametrize("fault", sorted(WRONG))
def test_a_wrong_pack_is_refused_with_file_place_and_remedy(fault: str) -> None:
    """Each kind of mistake is refused by a finding that names the file and says what is wrong."""
    old, new, expected = WRONG[fault]
    assert old in SMALL
    with pytest.raises(PolicyError) as caught:
        load_book({**TEXTS, "small": SMALL.replace(old, new, 1)})
    found = [finding for finding in caught.value.findings if expected in finding]
    assert found, caught.value.findings
    assert found[0].startswith("small.yaml:")


def test_own_versions_cut_the_parents_as_own_rows_do() -> None:
    """A pack that writes one version keeps its parent's before and after it, and both packs' figures hold in theirs."""
    child = SMALL.replace("pack: small", "pack: child\ninherits: small").replace('["99"]', '["9901"]')
    child = child.replace("first:", "second:").replace(
        "from: 2018-01-01\n", "from: 2018-07-01\n    until: 2019-01-01\n", 1
    )
    book = load_book({"small": SMALL, "child": child[: child.index("parameters:")]})
    days = [date(2018, 6, 30), date(2018, 7, 1), date(2018, 12, 31), date(2019, 1, 1)]
    assert [book.on(day, "990101").version.name for day in days] == ["first", "second", "second", "first"]


def test_a_rate_by_disease_needs_a_row_for_every_group_and_for_the_others() -> None:
    """A group of the list, or ``other`` where unlisted diseases can come, without a figure is a gap found at
    loading."""
    listed = SMALL.replace("rate: basic.rate}", "rate: basic.rate, diseases: list}").replace(
        "unit: rate\n", "unit: rate\n    by: [disease_group]\n"
    )
    listed += (
        "  list:\n    title: 病种\n    unit: diseases\n    rows:\n"
        "      - {from: 2018-01-01, value: {X1: {name: 甲, group: severe}},"
        ' status: enacted, source: {document: d, clause: "1"}}\n'
    )
    both = listed.replace('"0.50"', '{severe: "0.50", other: "0.40"}').replace(
        '"0.60"', '{severe: "0.60", other: "0.40"}'
    )
    assert load_book({"small": both}).packs
    for missing in ('severe: "0.50", ', ', other: "0.40"'):
        with pytest.raises(PolicyError, match=r"basic\.rate：2018-01-01 没有规则"):
            load_book({"small": both.replace(missing, "", 1)})


LINES = {
    # what is wrong: old, new, the line that the finding names, what it advises
    "a gap of one day": (
        "{from: 2019-01-01, value",
        "{from: 2019-01-02, value",
        21,
        "请补一行 from: 2019-01-01、until: 2019-01-02",
    ),
    "an overlap": ("until: 2019-01-01", "until: 2019-01-02", 22, "请把 small.yaml 第 21 行的 until 写成 2019-01-01"),
    "a rate of 70 in a table": (
        'unit: rate\n    rows:\n      - {from: 2018-01-01, until: 2019-01-01, value: "0.50"',
        'unit: rate\n    by: [level]\n    rows:\n      - {from: 2018-01-01, until: 2019-01-01, value: {1: "0.50",\n'
        '           2: "70",\n           3: "0.50"}',
        23,
        "的 value “70”不对：比例写 0 到 1 之间",
    ),
    "a kind": ("kind: share", "kind: shares", 15, "是不是“share”？"),
    "a key": ("title: 比例", "titel: 比例", 18, "是不是“title”？"),
    "a parameter": ("rate: basic.rate}", "rate: basic.rat}", 15, "是不是“basic.rate”？"),
    "a condition": ("base: in_scope", 'applies: {medical_typ: ["21"]}, base: in_scope', 15, "是不是“medical_type”？"),
    "a class": ("[destitute, low_income, r", "[destitut, low_income, r", 11, "是不是“destitute”？"),
    "a class in a row": ("{from: 2019-01-01, v", "{class: everyon, from: 2019-01-01, v", 21, "是不是“everyone”？"),
    "a level in a row": ("{from: 2019-01-01, v", "{level: 4, from: 2019-01-01, v", 21, "可选：1、2、3"),
    "a dimension": ("unit: rate", "unit: rate\n    by: [levle]", 20, "是不是“level”？"),
    "a document": ('document: d, clause: "2"', 'document: dd, clause: "2"', 22, "是不是“d”？"),
    "a date as text": ("{from: 2019-01-01", '{from: "2019-01-01"', 22, "请写成 2019-01-01，不加引号"),
    "a number as float": ('value: "0.60"', "value: 0.60", 22, '请加引号写成文字，如 "0.60"'),
    "a number without quotes as a word": ("title: 小包", "title: 2018", 3, "请加引号"),
    "a duplicate key": ("title: 小包", "title: 小包\ntitle: 大包", 4, "先在第 3 行"),
    "an area that is taken": ('areas: ["99"]', 'areas: ["53"]', 4, "写更长的前缀"),
    "an unknown ancestor": ("title: 小包", "title: 小包\ninherits: yunan", 4, "是不是“yunnan”？"),
    "bills that no basic rule meets": (
        "base: in_scope",
        "applies: {rank: [county]}, base: in_scope",
        8,
        "请补一条 tier: basic 的规则",
    ),
    "a tab": ("    title: 一", "\ttitle: 一", 9, "制表符（Tab）"),
    "a colon in a text": ("title: 小包", "title: 小包: 一", 3, "两个冒号"),
    "a bracket that stays open": ('areas: ["99"]', 'areas: ["99"', 5, "括号没有配对"),
    "a tag": ("title: 小包", "title: !!int 小包", 3, "标签（!）"),
    "a list as a key": ("title: 小包", "title: 小包\n? [a]\n: b", 4, "键应是一个词"),
    "rules that are none": ("    rules:\n      -", "    rules:\n       ", 14, "rules 应是规则的列表"),
    "an income that isn't there": (
        'unit: rate\n    rows:\n      - {from: 2018-01-01, until: 2019-01-01, value: "0.50"',
        "unit: yuan\n    rows:\n"
        '      - {from: 2018-01-01, until: 2019-01-01, value: {share: "0.1", of_parameter: income}',
        20,
        "没有这样的“income”",
    ),
}


@pytest.mark.parametrize("fault", sorted(LINES))
def test_a_finding_names_the_line_and_what_to_write_instead(fault: str) -> None:
    """A finding reads like a colleague's advice: the line where it stands, and what was probably meant."""
    old, new, line, advice = LINES[fault]
    assert old in SMALL
    with pytest.raises(PolicyError) as caught:
        load_book({**TEXTS, "small": SMALL.replace(old, new, 1)})
    found = [finding for finding in caught.value.findings if advice in finding]
    assert found, caught.value.findings
    assert abs(int(found[0].split(":")[1]) - line) <= 1, found


def test_a_gap_between_versions_and_an_overlap_name_both_and_the_day() -> None:
    """Two versions that leave a day out or share one are refused at the later one, with the date to write."""
    body = SMALL[SMALL.index("    precedence") : SMALL.index("parameters:")]
    second = f"  second:\n    title: 二\n    from: 2020-01-02\n{body}parameters:"
    text = SMALL.replace("parameters:", second)
    with pytest.raises(PolicyError, match=r"small.yaml:16: 版本 first 与 second 自 2020-01-02 起重叠") as caught:
        load_book({"small": text})
    assert "请把 first 的 until 写成 2020-01-02" in str(caught.value)
    with pytest.raises(PolicyError, match=r"之间，2020-01-01 没有规则（policy_gap，只这一天）"):
        load_book({"small": text.replace("from: 2018-01-01\n", "from: 2018-01-01\n    until: 2020-01-01\n", 1)})


def test_a_cycle_of_inheritance_is_named_once() -> None:
    """Packs that inherit each other in a circle are one finding that shows the circle."""
    names = {"a": "b", "b": "c", "c": "a"}
    texts = {
        name: SMALL.replace("pack: small", f"pack: {name}\ninherits: {parent}").replace('["99"]', f'["99{number}"]')
        for number, (name, parent) in enumerate(names.items())
    }
    with pytest.raises(PolicyError) as caught:
        load_book(texts)
    assert [finding for finding in caught.value.findings if "循环继承" in finding] == list(caught.value.findings)
    assert caught.value.findings == ("a.yaml:3: inherits：循环继承 a → b → c → a。请删去其中一个 inherits。",)


def test_a_misspelt_override_is_found_and_an_unused_figure_is_only_noted() -> None:
    """A name that nothing uses is refused where it resembles one of the parent's: that one would silently stay in
    force."""
    row = 'rows:\n      - {from: 2018-01-01, value: "0.9", status: assumed, source: {document: d, clause: 甲}}\n'
    child = 'pack: child\ntitle: 子\ninherits: small\nareas: ["9901"]\nparameters:\n'
    child += f"  NAME:\n    title: 比例\n    unit: rate\n    {row}"
    with pytest.raises(PolicyError, match=r"child.yaml:6: 参数 basic.rates：没有规则用到它.*是不是“basic.rate”？"):
        load_book({"small": SMALL, "child": child.replace("NAME", "basic.rates")})
    book = load_book({"small": SMALL, "child": child.replace("NAME", "other")})
    assert unused(book.packs["child"]) == ["other"]


def test_a_yaml_bomb_is_refused_at_once() -> None:
    """Nested aliases are refused before they are expanded."""
    bomb = "a: &a [x]\n" + "".join(f"b{i}: &b{i} [*a, *a]\n" for i in range(50))
    with pytest.raises(PolicyError, match="锚点"):
        load_book({"bomb": bomb})


@pytest.mark.parametrize("text", ["a: " + "[" * 400_000, "a:\n" + "- " * 400_000, "a: " + "{b: " * 200_000])
def test_a_text_nested_too_deep_is_refused_at_once(text: str) -> None:
    """A text that would exhaust the reader's stack is refused at its first levels."""
    with pytest.raises(PolicyError, match="层次太深"):
        load_book({"deep": text})


def test_a_file_that_is_too_large_or_not_utf8_is_refused(tmp_path: Path) -> None:
    """Two megabytes, and a text in another encoding, are refused before they are read as YAML."""
    large = tmp_path / "large.yaml"
    large.write_text("# " + "x" * 2_000_000)
    with pytest.raises(PolicyError, match=r"large.yaml:1: 文件超过 1000000 字节"):
        read_text(large)
    with pytest.raises(PolicyError, match="文件超过"):
        load_book({"large": large.read_text()})
    gbk = tmp_path / "gbk.yaml"
    gbk.write_bytes("title: 小包".encode("gbk"))
    with pytest.raises(PolicyError, match=r"gbk.yaml:1: 文件不是 UTF-8 编码"):
        read_text(gbk)


WRONG_BANDS = {
    '[{up_to: 5, rate: "0.5"}, {up_to: 4, rate: "0.6"}, {up_to: none, rate: "0.7"}]': (
        "第 2 段的上限 4 不高于前一段的 5"
    ),
    '[{up_to: 5, rate: "0.5"}, {up_to: 6, rate: "0.6"}]': "第 2 段：只有最后一段的上限、也必须是最后一段的上限写 none",
    '[{up_to: none, rate: "0.5"}, {up_to: none, rate: "0.6"}]': "第 1 段：只有最后一段",
    '[{up_to: 5, rate: "0.5"}, {up_to: none, rate: 60}]': "第 2 段的 rate 写了“60”",
    '[{upto: 5, rate: "0.5"}, {up_to: none, rate: "0.6"}]': "第 1 段要有 up_to 和 rate",
}


@pytest.mark.parametrize("bands", WRONG_BANDS)
def test_wrong_bands_are_refused_by_their_number(bands: str) -> None:
    """Bands must rise, only the last is open, and the finding says which one is wrong."""
    text = SMALL.replace("unit: rate", "unit: bands").replace('value: "0.60"', f"value: {bands}")
    with pytest.raises(PolicyError, match=f"small.yaml:22: .*{WRONG_BANDS[bands]}"):
        load_book({"small": text})


def test_a_row_overrides_its_parents_whatever_the_order_of_its_words() -> None:
    """The same places in another order are the same conditions."""
    row = 'value: "0.60", status: enacted, source: {document: d, clause: "2"}}'
    assert row in SMALL
    apart = SMALL.replace(
        "- {from: 2019-01-01, " + row,
        "- {place: [county, prefecture], from: 2019-01-01, " + row + "\n"
        '      - {place: [province, elsewhere], from: 2019-01-01, value: "0.50", '
        'status: enacted, source: {document: d, clause: "2"}}',
    )
    heir = """
pack: heir
title: 继承
areas: ["9901"]
inherits: small
parameters:
  basic.rate:
    title: 比例
    unit: rate
    rows:
      - {place: [prefecture, county], from: 2019-01-01, value: "0.70", status: enacted, source: {document: d, clause:
      "2"}}
"""
    policy = load_book({"small": apart, "heir": heir}).on(date(2019, 1, 1), "990101")
    assert [policy.figure("basic.rate", {"place": place}).value for place in ("county", "elsewhere")] == [7000, 5000]


def test_a_full_width_colon_is_named() -> None:
    """A key typed with a Chinese keyboard is the line that is wrong, not the next one."""
    with pytest.raises(PolicyError, match=r"small.yaml:3: .*全角"):
        load_book({"small": SMALL.replace("title: 小包", "title：小包", 1)})


def test_a_pack_says_until_when_it_rules() -> None:
    """The first day without a version, from any day; none while the last version has no end."""
    day = date(2019, 7, 1)
    assert load_book({"small": SMALL}).packs["small"].ruled_until(day) is None
    ending = SMALL.replace("from: 2018-01-01\n", "from: 2018-01-01\n    until: 2020-01-01\n", 1)
    pack = load_book({"small": ending}).packs["small"]
    assert pack.ruled_until(day) == date(2020, 1, 1)
    assert pack.ruled_until(date(2021, 1, 1)) == date(2021, 1, 1)
