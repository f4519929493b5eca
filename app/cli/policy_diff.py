"""Comparing policy packs: on a day or over all days, and what the change does to bills."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import click
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.classes import ClassWords
from app.basics.days import shanghai_day
from app.basics.errors import PolicyError
from app.basics.money import yuan
from app.basics.names import PORTION_NAMES
from app.cli.config import data_dir_option
from app.cli.database import with_database
from app.cli.output import fail, out, wrapping_table
from app.cli.policy_found import law_of, policy_on, shipped_files
from app.policies import cases_file, read_text
from app.policies.cases import parse_cases
from app.policies.changes import BillChange, Law, Stretch, changed_bills, spans
from app.policies.words import STATUS_WORDS, PolicyDifference, Side, differences, facts_words, written
from app.settlement.what_if import stored_changes
from app.tiers.policy import Policy

PART_WORDS: Final = {
    "rule": "规则",
    "order": "顺序",
    "precedence": "优先次序",
    "group": "类别组",
    "accumulator": "累计",
    "option": "版本",
    "figure": "数字",
}
STORED: Final = "stored"
MOST_SHOWN: Final = 20
DAY: Final = click.DateTime(["%Y-%m-%d"])


@click.command("diff")
@click.argument("a")
@click.argument("b")
@click.option("--on", type=DAY, default=None, help="One day of both; without it every day that either rules.")
@click.option("--on-b", type=DAY, default=None, help="The day of B, if it is another one (A: --on, or today).")
@click.option(
    "--bills",
    multiple=True,
    help=f"Further bills: a file of cases, or '{STORED}' for the settlements of A in the database.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON.")
@data_dir_option
def policy_diff(
    a: str,
    b: str,
    on: datetime | None,
    on_b: datetime | None,
    bills: tuple[str, ...],
    data_dir: Path | None,
    *,
    as_json: bool,
) -> None:
    """Compare two packs (names or files) over all days: rules, groups and figures that differ, and the bills of the
    cases beside them that come out otherwise. With --on: one day, or one pack on two days."""
    if on is not None or on_b is not None:
        if bills:
            fail("--bills 比较的是所有日期，不能和 --on、--on-b 一起用。请去掉其中一个。")
        _compare_days(policy_on(a, on), policy_on(b, on_b or on), as_json=as_json)
        return
    one, two = law_of(a), law_of(b)
    found = spans(one, two)
    checked, changed = _of_cases(one, two, [a, b, *(name for name in bills if name != STORED)])
    answer: dict[str, Any] = {
        "a": one.name,
        "b": two.name,
        "spans": [_span(span) for span in found],
        "cases": {"bills": checked, "changed": [_bill(bill) for bill in changed]},
    }
    if not as_json:
        _show_spans(found, one, two)
        _show_bills(f"算例 {checked} 张账单", changed)
        _warn_of_past(found, stored=STORED in bills)
    if STORED in bills:
        answer[STORED] = _of_store(found, one, two, data_dir, as_json=as_json)
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False, indent=2))


def _compare_days(a: tuple[Policy, date], b: tuple[Policy, date], *, as_json: bool) -> None:
    found = differences(a[0], b[0])
    if as_json:
        sides = {
            key: {"pack": policy.pack.name, "version": policy.version.name, "on": str(on)}
            for key, (policy, on) in (("a", a), ("b", b))
        }
        answer = sides | {"differences": [asdict(item) for item in found]}
        click.echo(json.dumps(answer, ensure_ascii=False, indent=2))
        return
    heads = [f"{policy.pack.name} · {policy.version.name} · {on}" for policy, on in (a, b)]
    out.print(_table(found, heads, f"{len(found)} 处不同", _classes(a[0], b[0])))


def _classes(*policies: Policy) -> dict[str, ClassWords]:
    return {name: words for policy in policies for name, words in policy.pack.classes.items()}


def _table(
    found: Sequence[PolicyDifference], heads: Sequence[str], title: str, classes: Mapping[str, ClassWords]
) -> Table:
    table = wrapping_table("不同之处", "适用", *heads, title=title, show_lines=True)
    for item in found:
        name = f"{item.title}（{item.name}）" if item.title else item.name
        applies = facts_words(item.applies, classes)
        table.add_row(f"{PART_WORDS[item.part]} {name}", applies, *map(_side, (item.a, item.b)))
    return table


def _side(side: Side | None) -> str:
    if side is None:
        return "—"
    if side.status is None:
        return written(side.value)
    until = "" if side.until is None else f"，到 {side.until} 前"
    return f"{written(side.value)}\n{side.since} 起{until}，{STATUS_WORDS[side.status]}\n{side.source}"


def _interval(span: Stretch) -> str:
    return f"{span.since} 起" + ("" if span.until is None else f"，到 {span.until} 前")


def _show_spans(found: list[Stretch], a: Law, b: Law) -> None:
    if not found:
        out.print(f"{a.name} 和 {b.name} 在所有日期都相同。")
    for span in found:
        if span.a is None or span.b is None:
            rules, other = (b, a) if span.a is None else (a, b)
            out.print(f"{_interval(span)}：只有 {rules.name} 有规定，{other.name} 没有。")
        else:
            heads = [f"{policy.pack.name} · {policy.version.name}" for policy in (span.a, span.b)]
            title = f"{_interval(span)}：{len(span.differences)} 处不同"
            out.print(_table(span.differences, heads, title, _classes(span.a, span.b)))


def _span(span: Stretch) -> dict[str, Any]:
    until = None if span.until is None else str(span.until)
    ruled = {side: None if policy is None else policy.version.name for side, policy in (("a", span.a), ("b", span.b))}
    return {
        "from": str(span.since),
        "until": until,
        **ruled,
        "differences": [asdict(item) for item in span.differences],
    }


def _of_cases(a: Law, b: Law, names: Sequence[str]) -> tuple[int, list[BillChange]]:
    """The bills of the case files beside the packs, and of those that were named."""
    try:
        files = dict.fromkeys(path for name in names for path in _case_files(name))
        classes = tuple({**a.book.classes, **b.book.classes})
        cases = [case for path in files for case in parse_cases(path.name, read_text(path), classes)]
    except PolicyError as error:
        fail(str(error))
    return changed_bills(cases, a, b)


def _case_files(name: str) -> Iterator[Path]:
    path = Path(name)
    if path.name.endswith(".cases.yaml") or (path.suffix != ".yaml" and path.is_file()):
        yield path
        return
    for pack in [path] if path.suffix == ".yaml" else shipped_files(name):
        if cases_file(pack).is_file():
            yield cases_file(pack)


def _bill(bill: BillChange) -> dict[str, Any]:
    sides = {
        key: side if isinstance(side, str) else {name: yuan(amount) for name, amount in side.items()}
        for key, side in (("a", bill.a), ("b", bill.b))
    }
    return {"bill": bill.where, "day": str(bill.day), **sides}


def _show_bills(title: str, changed: list[BillChange]) -> None:
    """The bills that come out otherwise, the first of them with their portions, and what they come to together."""
    if not changed:
        out.print(f"{title}：结果都一样。")
        return
    table = wrapping_table(
        "账单", "日期", "由谁承担", "甲", "乙", "相差", title=f"{title}，{len(changed)} 张结果不同", show_lines=True
    )
    for bill in changed[:MOST_SHOWN]:
        table.add_row(bill.where, str(bill.day), *_portions(bill))
    out.print(table)
    if len(changed) > MOST_SHOWN:
        out.print(f"另有 {len(changed) - MOST_SHOWN} 张没有列出，--json 给出全部。")
    computed = [(bill.a, bill.b) for bill in changed if isinstance(bill.a, dict) and isinstance(bill.b, dict)]
    for name, title in PORTION_NAMES["zh"].items():
        before, after = (sum(pair[side][name] for pair in computed) for side in (0, 1))
        if before != after:
            out.print(f"  {title}合计：{yuan(before)} → {yuan(after)}（{_signed(after - before)}）")


def _portions(bill: BillChange) -> tuple[str, str, str, str]:
    """The portions that differ, a line each: who bears them, both amounts, the difference."""
    a, b = bill.a, bill.b
    if isinstance(a, str) or isinstance(b, str):
        ours, theirs = (f"拒绝：{side}" if isinstance(side, str) else "结算成功" for side in (a, b))
        return "—", ours, theirs, "—"
    names = [name for name in a if a[name] != b[name]]
    titles = "\n".join(PORTION_NAMES["zh"][name] for name in names)
    ours, theirs = ("\n".join(yuan(side[name]) for name in names) for side in (a, b))
    return titles, ours, theirs, "\n".join(_signed(b[name] - a[name]) for name in names)


def _signed(amount: int) -> str:
    return f"{'+' if amount > 0 else ''}{yuan(amount)}"


def _warn_of_past(found: list[Stretch], *, stored: bool) -> None:
    """Say that a change touches days that have been."""
    today = shanghai_day(datetime.now(UTC))
    past = [span for span in found if span.since <= today]
    if past:
        out.print(
            f"注意：改动涉及过去的日子（{'；'.join(_interval(span) for span in past)}），已结算的账单不会自动改变。"
        )
        if not stored:
            out.print("用 --bills stored 查看数据库里有哪些结算会受影响；要更正请走重新核算（readjudication）。")


def _of_store(found: list[Stretch], a: Law, b: Law, data_dir: Path | None, *, as_json: bool) -> dict[str, Any]:
    """What the change would have made of the stored settlements of A on the days that it touches."""
    answer: dict[str, Any] = {}

    async def act(connection: AsyncConnection) -> None:
        stored = await stored_changes(connection, a.name, b, _concerned(found))
        answer.update(bills=stored.bills, changed=[_bill(bill) for bill in stored.changed])
        if not as_json:
            _show_bills(f"改动日期内已有的结算 {stored.bills} 笔", stored.changed)

    with_database(data_dir, act, there=True)
    return answer


def _concerned(found: list[Stretch]) -> Callable[[date], bool]:
    return lambda day: any(span.covers(day) for span in found)
