"""Reading, comparing and checking policy packs."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import click
from rich.table import Table

from app.basics.classes import ClassWords
from app.basics.errors import PolicyError
from app.basics.names import TIER_NAMES
from app.cli.config import configured
from app.cli.output import fail, out, wrapping_table
from app.cli.policy_diff import policy_diff
from app.cli.policy_found import GIVEN_FILE, books, law_of, policy_on
from app.policies import SCHEMES, SHIPPED, book_with, cases_file, pack_files, packs_of, read_text
from app.policies.api import policy_answer
from app.policies.cases import failures, parse_cases
from app.policies.checking import assumed_rows
from app.policies.coverage import Covered, coverage
from app.policies.law_page import law_page
from app.policies.words import STATUS_WORDS, facts_words, rule_words, written
from app.tiers.findings import unused, without_place
from app.tiers.pack import Pack
from app.tiers.policy import PolicyBook


@click.group()
def policy() -> None:
    """Policy packs."""


policy.add_command(policy_diff)


@policy.command("list")
def policy_list() -> None:
    """All packs with their versions."""
    table = Table("政策配置", "名称", "地区", "版本", "起", "止（不含）", "暂定参数")
    for pack in [pack for book in books() for pack in book.packs.values()]:
        for version in pack.versions:
            until = "" if version.until is None else str(version.until)
            areas = " ".join(pack.areas)
            table.add_row(
                pack.name, pack.title, areas, version.name, str(version.since), until, str(assumed_rows(pack))
            )
    out.print(table)


@policy.command("show")
@click.argument("pack")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), default=None, help="The day, today without it.")
@click.option("--html", "as_html", is_flag=True, help="One page to print and sign; without --on of all days.")
def policy_show(pack: str, on: datetime | None, *, as_html: bool) -> None:
    """The rules in their order, in words, and every figure of a pack (name or file) on a day."""
    if as_html:
        law = law_of(pack)
        click.echo(law_page(law.book.packs[law.name], None if on is None else on.date()))
        return
    found, day = policy_on(pack, on)
    shown = policy_answer(found, day)
    rules = wrapping_table("", "层级", "规则", "做什么", title=f"{shown.title} · {shown.version} · {day}")
    for number, rule in enumerate(found.rules, 1):
        name = f"{rule.title}（{rule.rule}，{rule.kind}）"
        rules.add_row(str(number), TIER_NAMES["zh"][rule.tier], name, rule_words(rule, found.pack.classes))
    out.print(rules)
    table = wrapping_table("参数", "适用", "值", "起", "止（不含）", "状态", "来源")
    for parameter in shown.parameters:
        for figure in parameter.figures:
            source = f"{figure.document} {figure.clause}"
            applies = facts_words(figure.applies_to, found.pack.classes)
            status, until = STATUS_WORDS[figure.status], figure.until or ""
            name = f"{parameter.title}（{parameter.name}）"
            table.add_row(name, applies, written(figure.value), figure.from_, until, status, source)
    out.print(table)


@policy.command("check")
@click.argument("files", nargs=-1, type=GIVEN_FILE)
@click.option("--strict", is_flag=True, help="Enacted figures without a golden case are errors.")
def policy_check(files: tuple[Path, ...], *, strict: bool) -> None:
    """Check the shipped packs, and pack files with them; without files also the published schemes."""
    paths = packs_of(files)
    try:
        known = [book_with(paths, configured().policy_dir)] if files else books()
        given = paths or pack_files(SHIPPED, SCHEMES)
        missing = [line for path in given for line in _missing(path, _book_of(path.stem, known))] if strict else []
    except PolicyError as error:
        fail(f"{error}\n共 {len(error.findings)} 处问题。")
    for pack in [pack for book in known for pack in book.packs.values()]:
        rows = sum(len(parameter.rows) for parameter in pack.parameters.values())
        out.print(f"{pack.name}：没有问题，{rows} 个带日期的数字，其中 {assumed_rows(pack)} 个暂定（待核实）。")
        if pack.name in {path.stem for path in (given if strict else paths)}:
            _show_notes(pack)
    if missing:
        fail("\n".join([*missing, f"按 --strict 共 {len(missing)} 处问题。"]))


def _show_notes(pack: Pack) -> None:
    if idle := unused(pack):
        out.print(f"  提示：没有规则用到 {'、'.join(idle)}。若不是留作记录，请核对名字，或删去。")
    if unplaced := without_place(pack):
        out.print(f"  提示：文件 {'、'.join(unplaced)} 没有 href 和 checked_on。请写明在哪里读到、哪天核对。")


def _book_of(pack: str, known: list[PolicyBook]) -> PolicyBook:
    return next(book for book in known if pack in book.packs)


def _missing(path: Path, book: PolicyBook) -> Iterator[str]:
    """What --strict asks of a pack file: a case for each enacted figure."""
    for item in _covered(path, book):
        if item.row.status == "enacted" and not item.bills:
            yield f"{_at(item, book.classes)}：没有算例用到。请在 {cases_file(path).name} 里加一个。"


@policy.command("test")
@click.argument("files", nargs=-1, type=GIVEN_FILE)
def policy_test(files: tuple[Path, ...]) -> None:
    """Compute the golden cases beside pack files (NAME.cases.yaml); without files those of all that is shipped."""
    extra, given = configured().policy_dir, packs_of(files)
    failed = 0
    try:
        groups = [(given, book_with(given, extra))] if given else zip(_case_packs(extra), books(), strict=True)
        for packs, book in groups:
            failed += sum(_tested(pack, book) for pack in packs)
    except PolicyError as error:
        fail(f"{error}\n共 {len(error.findings)} 处问题。")
    if failed:
        fail(f"{failed} 个算例不符。")


@policy.command("coverage")
@click.argument("files", nargs=-1, type=GIVEN_FILE)
@click.option("--strict", is_flag=True, help="Leave with an error when an enacted figure is touched by no case.")
def policy_coverage(files: tuple[Path, ...], strict: bool) -> None:
    """Say which dated figures no golden case touches; without files those of the shipped packs."""
    packs = packs_of(files) or pack_files(SHIPPED)
    missing = 0
    try:
        book = book_with(packs, configured().policy_dir)
        for path in packs:
            missing += _uncovered(path, book)
    except PolicyError as error:
        fail(f"{error}\n共 {len(error.findings)} 处问题。")
    if missing and strict:
        fail(f"{missing} 个已颁布的数字没有算例用到。请在政策配置旁边的 .cases.yaml 里各加一个。")


def _uncovered(path: Path, book: PolicyBook) -> int:
    """List the figures of a pack file that no case beside it touches; how many of them are enacted."""
    rows = _covered(path, book)
    enacted = [item for item in rows if item.row.status == "enacted"]
    idle = [item for item in rows if not item.bills]
    for item in idle:
        click.echo(f"{_at(item, book.classes)}：没有算例用到")
    touched = sum(1 for item in enacted if item.bills)
    counts = f"{len(rows)} 个数字，{len(rows) - len(idle)} 个有算例"
    click.echo(f"{path.stem}：{counts}；已颁布的 {len(enacted)} 个，{touched} 个有算例。")
    return len(enacted) - touched


def _covered(path: Path, book: PolicyBook) -> list[Covered]:
    """The figures of a pack file, with the bills of the cases beside it that touch each."""
    cases = cases_file(path)
    parsed = parse_cases(cases.name, read_text(cases), tuple(book.classes)) if cases.is_file() else ()
    return [item for item in coverage(book.packs[path.stem], parsed, book) if item.row.file == path.name]


def _at(item: Covered, classes: Mapping[str, ClassWords]) -> str:
    """Where a dated figure stands, what it is, for whom, from when, its status."""
    row = item.row
    interval = f"{row.since} 起" if row.until is None else f"{row.since} 起，到 {row.until} 前"
    applies = f"{facts_words(dict(row.selectors), classes)} {interval}，{STATUS_WORDS[row.status]}"
    return f"{row.file}:{row.line}: {item.title}（{item.parameter}）{applies}"


def _case_packs(extra: Path | None) -> list[list[Path]]:
    """The packs with cases of the service's folders, and those of the schemes' folder."""
    groups = [pack_files(SHIPPED, *([] if extra is None else [extra])), pack_files(SCHEMES)]
    return [[path for path in paths if cases_file(path).is_file()] for paths in groups]


def _tested(pack: Path, book: PolicyBook) -> int:
    """Compute the cases of a pack file, say what differs, and how many cases do."""
    path = cases_file(pack)
    cases = parse_cases(path.name, read_text(path), tuple(book.classes))
    differing = [found for case in cases if (found := failures(case, book))]
    for found in differing:
        click.echo("\n".join(found))
    click.echo(f"{path.name}：{len(cases)} 个算例，{len(cases) - len(differing)} 个符合。")
    return len(differing)
