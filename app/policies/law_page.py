"""A pack printed as a document that a lawyer can sign: what is still assumed first, then the rules in words beside
their clauses, then every figure by date, then the documents. Pure."""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.basics.names import ACCUMULATOR_NAMES, TIER_NAMES
from app.policies.value_words import accumulator_title, value_words
from app.policies.words import STATUS_WORDS, facts_words, over_new_year, rule_words
from app.tiers.pack import Pack, Row, Rule, Version

_EMPTY: Final = dict.fromkeys(("number", "issuer", "issued", "note", "href", "checked_on"), "")
_environment: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class PrintedFigure:
    """A dated figure in words."""

    title: str
    name: str
    applies: str
    value: str
    interval: str
    status: str
    source: str
    assumed: bool


@dataclass(frozen=True, slots=True)
class PrintedRule:
    """A rule in words, with the clauses that its figures stand in."""

    number: int
    tier: str
    title: str
    words: str
    clauses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PrintedVersion:
    """An interval of the pack with its rules in their order."""

    title: str
    interval: str
    over_new_year: str
    rules: tuple[PrintedRule, ...]


def law_page(pack: Pack, on: date | None = None) -> str:
    """The pack as one HTML page without anything to load: over all its days, or as it is on one of them."""
    figures = [
        _figure(pack, name, row)
        for name, parameter in sorted(pack.parameters.items())
        for row in sorted(parameter.rows, key=lambda row: row.since)
        if on is None or row.covers(on)
    ]
    versions = [_version(pack, version, on) for version in pack.versions if on is None or version.covers(on)]
    documents = [(name, {**_EMPTY, **item}) for name, item in pack.documents.items()]
    return _environment.get_template("law.html").render(
        pack=pack,
        on=on,
        documents=documents,
        versions=versions,
        figures=figures,
        assumed=[figure for figure in figures if figure.assumed],
    )


def _version(pack: Pack, version: Version, on: date | None) -> PrintedVersion:
    rules = tuple(_rule(pack, version, rule, number, on) for number, rule in enumerate(version.rules, 1))
    title, interval = f"{version.title}（{version.name}）", _interval(version.since, version.until)
    return PrintedVersion(title, interval, over_new_year(version), rules)


def _rule(pack: Pack, version: Version, rule: Rule, number: int, on: date | None) -> PrintedRule:
    rows = [
        row
        for name in rule.parameters.values()
        if name in pack.parameters
        for row in pack.parameters[name].rows
        if (row.covers(on) if on is not None else _meets(row, version))
    ]
    clauses = dict.fromkeys(_source(pack, row) for row in rows)
    return PrintedRule(number, TIER_NAMES["zh"][rule.tier], rule.title, _titled(pack, version, rule), tuple(clauses))


def _titled(pack: Pack, version: Version, rule: Rule) -> str:
    """A rule in words, with the titles of its figures and yearly sums instead of their names."""
    titles = {name: f"“{pack.parameters[name].title}”" for name in rule.parameters.values() if name in pack.parameters}
    titles |= {name: f"“{accumulator_title(pack, name)}”" for name in {*ACCUMULATOR_NAMES, *version.accumulators}}
    names = sorted(titles, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, names)), lambda found: titles[found[0]], rule_words(rule, pack.classes))


def _applies(pack: Pack, row: Row) -> str:
    """For whom a row holds; a group of classes as its members, on the row's first day."""
    written = dict(row.selectors)
    version = next((version for version in pack.versions if _meets(row, version)), None)
    if version is not None and "class" in written:
        members = [version.groups.get(name, frozenset({name})) for name in written["class"]]
        written["class"] = tuple(sorted(frozenset().union(*members)))
    return facts_words(written, pack.classes)


def _meets(row: Row, version: Version) -> bool:
    """Whether a row holds on any day of a version."""
    begins = version.until is None or row.since < version.until
    return begins and (row.until is None or version.since < row.until)


def _figure(pack: Pack, name: str, row: Row) -> PrintedFigure:
    parameter = pack.parameters[name]
    return PrintedFigure(
        title=parameter.title,
        name=name,
        applies=_applies(pack, row) or "所有人",
        value=value_words(pack, row, parameter.unit),
        interval=_interval(row.since, row.until),
        status=STATUS_WORDS[row.status],
        source=_source(pack, row),
        assumed=row.status == "assumed",
    )


def _source(pack: Pack, row: Row) -> str:
    quoted = f"：“{row.quote}”" if row.quote else ""
    return f"{pack.documents[row.document]['title']} {row.clause}{quoted}"


def _interval(since: date, until: date | None) -> str:
    return f"{since} 起" + ("" if until is None else f"，到 {until} 前")
