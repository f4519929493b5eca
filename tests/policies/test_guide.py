"""The guides for policy authors: every snippet works as printed, and nothing of the vocabulary is left out."""

import re
from pathlib import Path

import pytest

from app.basics.errors import PolicyError
from app.policies import book_with, cases_file, read_text
from app.policies.cases import BILL_KEYS, CASE_KEYS, COLUMNS, PORTIONS, failures, parse_cases
from app.tiers import vocabulary
from app.tiers.figurefile import check_value
from app.tiers.kinds import KINDS
from app.tiers.model import ACCUMULATORS, CLASSES
from app.tiers.packfile import EVERY_RULE, parse_pack
from app.tiers.units import TIERS, UNITS
from app.tiers.vocabulary import FACTS
from app.tiers.yamltext import Map, Reader, compose
from tests.cli.test_cli import run
from tests.conftest import ROOT
from tests.policies.test_policy import SMALL

GUIDES = {
    name: (ROOT / "docs" / name).read_text(encoding="utf-8")
    for name in ("policy-authors.md", "policy-authors.zh-CN.md")
}
SECTION_OF_KINDS, SECTION_OF_UNITS = 3, 6
VOCABULARY = {
    *KINDS,
    *FACTS,
    *(value for values in FACTS.values() for value in values),
    *vocabulary.SELECTORS,
    *vocabulary.BASES,
    *UNITS,
    *vocabulary.STATUSES,
    *vocabulary.OPTIONS,
    *(word for key, words in vocabulary.WORDS.items() if "base" not in key for word in words),
    *EVERY_RULE,
    *(role for kind in KINDS.values() for role in kind.roles),
    *TIERS,
    *ACCUMULATORS,
    *BILL_KEYS,
    *CASE_KEYS,
    *PORTIONS,
    *COLUMNS,
    *(
        "pack",
        "title",
        "inherits",
        "insurance_types",
        "first_pay",
        "over_new_year",
        *vocabulary.OVER_NEW_YEAR,
        *(word for words in vocabulary.LINE_FACTS.values() for word in words),
        "funds",
        "areas",
        "documents",
        "versions",
        "parameters",
        "number",
        "issuer",
        "issued",
        "note",
    ),
    *(
        "precedence",
        "groups",
        "rules",
        "accumulators",
        "grows_by",
        *vocabulary.PER,
        "per",
        "by",
        "rows",
        "from",
        "until",
        "value",
        "status",
        "source",
    ),
    *(
        "of",
        "times",
        "plus",
        "at_least",
        "at_most",
        "share",
        "of_parameter",
        "share_of_bill",
        "of_accumulator",
        "by_admission",
        "first_admission",
        "each_later_less",
        "counted_at",
        "clause",
    ),
}


def files(guide: str) -> dict[str, str]:
    """The tutorial's files: YAML blocks by the name in their first line; one marked with + is appended."""
    found: dict[str, str] = {}
    for name, block in re.findall(r"```yaml\n# (\S+\.yaml)[^\n]*\n(.*?)```", GUIDES[guide], re.DOTALL):
        found[name] = found.get(name, f"# {name}\n") + block
    return found


def rows(guide: str, section: int, first: set[str]) -> list[tuple[str, str]]:
    """The lines of a section's tables whose first cell is one of these words alone, with what follows."""
    text = re.split(r"^## ", GUIDES[guide], flags=re.MULTILINE)[section]
    found = re.findall(r"^\| `(\w+)` \|(.*)\|$", text, re.MULTILINE)
    return [(word, rest) for word, rest in found if word in first]


@pytest.mark.parametrize("guide", GUIDES)
def test_the_tutorial_works_as_printed(guide: str, tmp_path: Path) -> None:
    """Its packs pass the checker, all its cases come out, and the two packs differ as the text says."""
    texts = files(guide)
    assert set(texts) == {f"{pack}.{kind}" for pack in ("qingshan", "qingshan_west") for kind in ("yaml", "cases.yaml")}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    packs = [tmp_path / "qingshan.yaml", tmp_path / "qingshan_west.yaml"]
    book = book_with(packs)
    for path in map(cases_file, packs):
        assert [found for case in parse_cases(path.name, read_text(path)) for found in failures(case, book)] == []
    done = run("policy", "diff", *map(str, packs), "--on", "2024-08-01")
    assert "2 处不同" in done.stdout, done.stderr


@pytest.mark.parametrize("guide", GUIDES)
def test_the_mistake_of_the_tutorial_is_answered_as_printed(guide: str, tmp_path: Path) -> None:
    """The finding in the text is word for word what the checker says."""
    path = tmp_path / "qingshan.yaml"
    path.write_text(files(guide)[path.name].replace("until: 2025-01-01", "until: 2024-12-31"), encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        book_with([path])
    assert caught.value.findings[0] in GUIDES[guide].splitlines()


@pytest.mark.parametrize("guide", GUIDES)
def test_every_kind_has_an_example_that_the_checker_accepts(guide: str) -> None:
    """One line and one example for each rule kind, none with a finding."""
    examples = [(kind, re.findall(r"`(\{.*\})`", rest)) for kind, rest in rows(guide, SECTION_OF_KINDS, set(KINDS))]
    found = [(kind, example) for kind, examples_of in examples for example in examples_of if "kind:" in example]
    assert [kind for kind, _ in found] == list(KINDS)
    for kind, example in found:
        assert f"kind: {kind}" in example
        text = re.sub(r"- \{rule:.*\}", lambda _, example=example: f"- {example}", SMALL)
        assert parse_pack("small", text)[1] == []


@pytest.mark.parametrize("guide", GUIDES)
def test_every_unit_has_an_example_that_the_checker_accepts(guide: str) -> None:
    """What is printed beside a unit can be written for it; so can each derived value."""
    values = [(unit, re.findall(r"`([^`]+)`", rest)) for unit, rest in rows(guide, SECTION_OF_UNITS, set(UNITS))]
    examples = [(unit, value) for unit, found in values for value in found]
    examples = [(unit, value) for unit, value in examples if value[0] in '0123456789"[{tf' and "kind:" not in value]
    assert {unit for unit, _ in examples} == set(UNITS)
    examples += [
        ("yuan", value)
        for value in re.findall(r"^\| `(\{(?:of|share|by_adm|first_adm)[^`]*\})`", GUIDES[guide], re.MULTILINE)
    ]
    assert len(examples) > len(UNITS) + 3
    for unit, written in examples:
        reader = Reader("guide.yaml", classes=CLASSES)
        root = compose(f"value: {written}\n", reader)
        assert isinstance(root, Map)
        check_value(root["value"], unit, "", 1, reader)
        assert reader.findings == [], (unit, written)


@pytest.mark.parametrize("guide", GUIDES)
def test_the_whole_vocabulary_is_in_the_guide(guide: str) -> None:
    """Every kind, fact, value, base, unit, option, accumulator and key that may be written is explained or used."""
    code = " ".join(re.findall(r"```.*?```|`[^`\n]+`", GUIDES[guide], re.DOTALL))
    missing = {word for word in VOCABULARY if not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", code)}
    assert missing == set()


def test_both_guides_teach_the_same() -> None:
    """The two languages have the same snippets, the same tables' first words and the same number of sections."""
    one, other = (GUIDES[name] for name in GUIDES)
    assert files("policy-authors.md") == files("policy-authors.zh-CN.md")
    for pattern in (r"^## ", r"^\| `[a-z_]+`", r"```yaml"):
        assert re.findall(pattern, one, re.MULTILINE) == re.findall(pattern, other, re.MULTILINE)
