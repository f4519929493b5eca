"""Packs from their YAML texts: read, inherited, checked, made a book. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from hashlib import sha256
from typing import TypeVar

from app.basics.errors import PolicyError
from app.tiers.findings import area_findings, class_findings, override_findings, pack_findings
from app.tiers.model import RESIDENTS
from app.tiers.pack import Pack, PackSource, Row, Version
from app.tiers.packfile import classes_of, parse_pack
from app.tiers.payout_findings import payout_findings
from app.tiers.policy import PolicyBook
from app.tiers.yamltext import MAX_FINDINGS, nearest

Dated = TypeVar("Dated", Row, Version)


def load_book(texts: Mapping[str, str], drafts: Collection[str] = ()) -> PolicyBook:
    """Packs by name to a book. PolicyError with every finding (file, line, parameter, day, remedy) when one is wrong.

    Drafts are looked at, not served: their areas may be another pack's as well.
    """
    sources, packs = _read(texts)
    findings = [*area_findings(sources, drafts), *class_findings(sources)]
    for pack in packs.values():
        findings += pack_findings(pack)
        findings += override_findings(pack, sources[pack.name])
        findings += payout_findings(pack)
    if findings:
        # what a pack inherits is found again in each of its heirs
        raise PolicyError(list(dict.fromkeys(findings))[:MAX_FINDINGS])
    return PolicyBook(packs)


def load_kept(texts: Mapping[str, str]) -> PolicyBook:
    """A book of texts that were checked when they came into use. They are only read, not checked again: a checker that
    has become stricter keeps nobody from computing an old settlement."""
    return PolicyBook(_read(texts)[1])


def _read(texts: Mapping[str, str]) -> tuple[dict[str, PackSource], dict[str, Pack]]:
    """Packs as written, and with what they inherit. PolicyError when a text can't be read or an ancestor is missing."""
    findings: list[str] = []
    sources: dict[str, PackSource] = {}
    for name, text in texts.items():
        source, found = parse_pack(name, text, classes_of(name, texts))
        findings += found
        if source is not None:
            sources[name] = source
    if findings:
        raise PolicyError(findings[:MAX_FINDINGS])
    packs = {name: _inherited(name, sources, texts, findings, ()) for name in sources}
    if findings:
        raise PolicyError(list(dict.fromkeys(findings))[:MAX_FINDINGS])
    return sources, packs


def _inherited(
    name: str, sources: Mapping[str, PackSource], texts: Mapping[str, str], findings: list[str], below: tuple[str, ...]
) -> Pack:
    """A pack with its ancestors' versions, documents and parameters. Its own versions cut its parent's of the same
    days, its own rows cut its parent's of the same selectors."""
    source = sources[name]
    own = Pack(
        name,
        source.title,
        source.inherits,
        source.areas,
        source.documents,
        source.versions,
        source.parameters,
        source.digest,
        {name: texts[name]},
        source.insurance_types or (RESIDENTS,),
        source.funds,
        source.classes,
    )
    if source.inherits is None:
        return own
    if name in below:
        circle = below[below.index(name) :]
        if name == min(circle):
            findings.append(
                f"{source.at('inherits')}: inherits：循环继承 {' → '.join((*circle, name))}。请删去其中一个 inherits。"
            )
        return own
    if source.inherits not in sources:
        guess = nearest(source.inherits, sources.keys() - {name})
        findings.append(
            f"{source.at('inherits')}: inherits：找不到被继承的政策配置“{source.inherits}”。{guess}"
            f"请改为已有的政策配置名，或把 {source.inherits}.yaml 放在旁边。"
        )
        return own
    parent = _inherited(source.inherits, sources, texts, findings, (*below, name))
    parameters = dict(parent.parameters)
    for key, parameter in source.parameters.items():
        inherited = parameters.get(key)
        rows = () if inherited is None else tuple(_cut(inherited.rows, parameter.rows))
        parameters[key] = replace(parameter, rows=rows + parameter.rows)
    return replace(
        own,
        documents={**parent.documents, **source.documents},
        insurance_types=source.insurance_types or parent.insurance_types,
        funds={**parent.funds, **source.funds},
        classes={**parent.classes, **source.classes},
        versions=(*_cut_versions(parent.versions, source.versions), *source.versions),
        parameters=parameters,
        digest=sha256(f"{source.digest}:{parent.digest}".encode()).hexdigest(),
        texts={**parent.texts, name: texts[name]},
    )


def _cut(rows: Sequence[Row], overrides: Sequence[Row]) -> Iterator[Row]:
    """The parts of rows that no override with the same selectors replaces."""
    for row in rows:
        pieces = [row]
        for override in overrides:
            if override.selectors == row.selectors:
                pieces = [part for piece in pieces for part in _outside(piece, override.since, override.until)]
        yield from pieces


def _cut_versions(versions: Sequence[Version], own: Sequence[Version]) -> Iterator[Version]:
    """The parts of a parent's versions that no own version replaces."""
    for version in versions:
        pieces = [version]
        for override in own:
            pieces = [part for piece in pieces for part in _outside(piece, override.since, override.until)]
        yield from pieces


def _outside(dated: Dated, since: date, until: date | None) -> Iterator[Dated]:
    """The parts of a row or version outside an interval."""
    if dated.since < since:
        yield replace(dated, until=since if dated.until is None else min(since, dated.until))
    if until is not None and (dated.until is None or until < dated.until):
        yield replace(dated, since=max(dated.since, until))
