"""Small packs for tests: the head that every pack needs, and rules and figures in one line each."""

from datetime import date
from functools import cache

from app.tiers.load import load_book
from app.tiers.model import CLASSES
from app.tiers.policy import Policy, PolicyBook

AREA = "990101"
_HEAD = """pack: words
title: 词
areas: ["99"]
documents:
  d: {title: 文件}
versions:
  all:
    title: 一
    from: 2018-01-01
    precedence: [CLASSES]
    groups:
      everyone: [CLASSES]
""".replace("CLASSES", ", ".join(CLASSES))


def pack_text(rules: list[str], figures: dict[str, tuple[str, str]], version: str = "") -> str:
    """A pack of rules (inside braces) and figures (unit and value by name); ``version``: more lines of the version."""
    written = "".join(f"      - {{{rule}}}\n" for rule in rules)
    source = 'status: assumed, source: {document: d, clause: "1"}'
    rows = "".join(
        f"  {name}:\n    title: {name}\n    unit: {unit}\n    rows:\n"
        f"      - {{from: 2018-01-01, value: {value}, {source}}}\n"
        for name, (unit, value) in figures.items()
    )
    return f"{_HEAD}{version}    rules:\n{written}parameters:\n{rows}"


@cache
def book_of(text: str) -> PolicyBook:
    """The book of one such pack."""
    return load_book({"words": text})


def policy_of(text: str, day: date = date(2020, 1, 1)) -> Policy:
    """Its policy on a day."""
    return book_of(text).on(day, AREA)
