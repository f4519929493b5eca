"""The ``onestop`` command."""

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, NoReturn, get_args

import asyncpg
import click
import httpx
import msgspec
import yaml
from rich.console import Console
from rich.progress import Progress, TextColumn
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import shanghai_day
from app.basics.errors import OnestopError, PolicyError
from app.basics.names import TIER_NAMES
from app.config import Settings
from app.database.embedded import EmbeddedBusy, EmbeddedFailed, EmbeddedUnavailable, default_data_dir, running_url
from app.database.engine import Database, open_database
from app.database.schema import SchemaUnfit
from app.database.schema import migrate as migrate_database
from app.demo.compute import compute_file
from app.demo.follow import ImportRefused, follow_import, show_import
from app.demo.run import run_demo
from app.demo.show import show_settlement
from app.finance import session
from app.finance import user as finance_user
from app.finance.user import UserRequest
from app.ledger import proof, seal
from app.ledger.words import checked_words, verified_words
from app.main import describe_app
from app.nhsa.client import Sender
from app.nhsa.conformance import Finding, play
from app.nhsa.gateway import Credential
from app.nhsa.key_rotation import NATIONAL_TABLES
from app.nhsa.kit import Kit, Patient
from app.policies import (
    SCHEMES,
    SHIPPED,
    book_with,
    cases_file,
    pack_files,
    packs_of,
    read_text,
    read_texts,
    shipped_book,
)
from app.policies.api import assumed_rows, policy_answer
from app.policies.cases import failures, parse_cases
from app.policies.words import Side, differences, facts_words, rule_words
from app.registry.key_rotation import Rotated, rotate
from app.server import database_url, prepare
from app.server import serve as serve_service
from app.service import tokens
from app.service.caller import Caller, Service
from app.service.messages import text as message_text
from app.service.security import Principal, load_keys
from app.service.wire import decode
from app.simulation.show import SIMULATED, show_simulation
from app.simulation.year import Wanted
from app.tiers.findings import unused
from app.tiers.load import load_book
from app.tiers.policy import Policy, PolicyBook
from app.tiers.yamltext import nearest

out: Final = Console()
STATUS_WORDS: Final = {"enacted": "已颁布", "assumed": "假设"}
PART_WORDS: Final = {
    "rule": "规则",
    "order": "顺序",
    "precedence": "优先次序",
    "group": "类别组",
    "accumulator": "累计",
    "figure": "数字",
}
DEMO_CLOCK: Final = "manual:2018-05-12T10:00:00+08:00"
READY_SECONDS: Final = 120


def data_dir_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The folder of the embedded database and the secret key."""
    return click.option(
        "--data-dir", type=click.Path(path_type=Path), default=None, help="Folder of the embedded database."
    )(function)


def _folder(settings: Settings, data_dir: Path | None) -> Path:
    return (data_dir or settings.data_dir or default_data_dir()).absolute()


CANNOT_RUN: Final = (EmbeddedBusy, EmbeddedFailed, EmbeddedUnavailable, SchemaUnfit)
UNREACHABLE: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, SQLAlchemyError)


def unreachable(error: Exception) -> NoReturn:
    """Say that the database can't be used, and why, without a traceback."""
    fail(f"数据库不可用，请检查 ONESTOP_DATABASE_URL、网络和登录角色的权限：{error}")


def fail(message: str) -> NoReturn:
    """Say what is wrong and leave with status 1."""
    click.echo(message, err=True)
    raise SystemExit(1)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """医疗费用“一站式”结算 · one-stop settlement of medical bills."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--workers", default=1, show_default=True)
@data_dir_option
def serve(host: str, port: int, workers: int, data_dir: Path | None) -> None:
    """Run the service (and the embedded database, unless ONESTOP_DATABASE_URL is set)."""
    settings = Settings()
    try:
        serve_service(settings, host=host, port=port, data_dir=_folder(settings, data_dir), workers=workers)
    except (*CANNOT_RUN, ValueError, PolicyError) as error:
        fail(str(error))
    except UNREACHABLE as error:
        unreachable(error)


@main.command()
@data_dir_option
def migrate(data_dir: Path | None) -> None:
    """Bring the database to this release's schema."""
    settings = Settings()
    try:
        with database_url(settings, _folder(settings, data_dir)) as url:
            out.print(f"migrated to {asyncio.run(migrate_database(url))}")
    except CANNOT_RUN as error:
        fail(str(error))
    except UNREACHABLE as error:
        unreachable(error)


@main.command()
@click.option("--port", default=8000, show_default=True)
@click.option("--once", is_flag=True, help="Stop the service after the bill was shown.")
@data_dir_option
def demo(port: int, once: bool, data_dir: Path | None) -> None:
    """Start a service, load a small world, settle one bill, explain it."""
    folder = (data_dir or default_data_dir().with_name("onestop-demo")).absolute()
    token = os.environ.get("ONESTOP_ADMIN_TOKEN") or secrets.token_urlsafe(24)
    if once or not _port_is_free(port):
        port = _free_port()
    with (
        suppress(KeyboardInterrupt),
        _own_service(port, folder, token, ONESTOP_CLOCK=DEMO_CLOCK) as (base_url, service),
    ):
        run_demo(base_url, token, out)
        if not once:
            out.print(f"服务继续运行在 {base_url} ，按 Ctrl-C 停止。")
            service.wait()


@main.command("simulate-year")
@click.option("--seed", type=int, required=True, help="Any seed gives the same year again.")
@click.option("--hospitals", type=click.IntRange(1, 1000), default=4, show_default=True)
@click.option(
    "--months", type=click.IntRange(1, 24), default=13, show_default=True, help="Months with bills, from January 2018."
)
@click.option(
    "--bills", type=click.IntRange(1, 1000), default=4, show_default=True, help="Per hospital and month, about."
)
@click.option(
    "--data-dir", type=click.Path(path_type=Path), default=None, help="Keep the simulated data in this new folder."
)
def simulate_year(seed: int, hospitals: int, months: int, bills: int, data_dir: Path | None) -> None:
    """Run a year of clearing through a service of its own; an auditor predicts every balance. Status 1 on a
    difference."""
    wanted = Wanted(seed=seed, hospitals=hospitals, months=months, bills=bills)
    token = secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory(prefix="onestop-simulation-") as scratch:
        Path(scratch).chmod(0o755)
        folder = (data_dir or Path(scratch) / "data").absolute()
        with _own_service(_free_port(), folder, token, **SIMULATED) as (base_url, _):
            clean = show_simulation(base_url, token, wanted, out)
    if not clean:
        raise SystemExit(1)


@contextmanager
def _own_service(
    port: int, folder: Path, token: str, **environment: str
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A service with an embedded database, ready, on the manual clock; stopped at the end."""
    inherited = {name: value for name, value in os.environ.items() if name != "ONESTOP_DATABASE_URL"}
    settings = {"ONESTOP_ADMIN_TOKEN": token, "ONESTOP_LOG_LEVEL": "warning"} | environment
    command = [sys.executable, "-m", "app.cli.main", "serve", "--port", str(port), "--data-dir", str(folder)]
    with subprocess.Popen(command, env=inherited | settings, cwd=SHIPPED.parent.parent) as service:
        try:
            with out.status("正在启动数据库和服务 …"):
                _until_ready(f"http://127.0.0.1:{port}", service)
            yield f"http://127.0.0.1:{port}", service
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait()


def _until_ready(base_url: str, service: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        if service.poll() is not None:
            fail("服务没有启动，原因见上。")
        try:
            if httpx.get(f"{base_url}/readyz", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    fail(f"服务在 {READY_SECONDS} 秒内没有就绪。")


def _port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@main.command()
@click.argument("bill", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--policy-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="A pack; it rules every area that it names, even where a shipped pack does. It may inherit shipped packs, "
    "published schemes and packs beside it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def compute(bill: Path, policy_file: Path | None, as_json: bool) -> None:
    """Compute a bill offline, without a database."""
    try:
        answer = compute_file(bill, policy_file)
    except OnestopError as error:
        lines = [
            f"{fault.pointer or '/'}  {message_text(fault.code, fault.values, 'zh')}（{fault.code}）"
            for fault in error.faults
        ]
        fail("\n".join(lines) or message_text(error.code, error.values, "zh"))
    except PolicyError as error:
        fail(str(error))
    used = answer["policy"]["pack"]
    if policy_file is not None and used != policy_file.stem:
        click.echo(f"提示：{policy_file.name} 的 areas 不含参保人所在地区，这张账单是按政策包 {used} 算的。", err=True)
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False, indent=2))
    else:
        show_settlement(answer, out)


@main.command()
@click.option("--check", is_flag=True, help="Only compare; status 1 when they differ.")
@click.option("--file", "path", type=click.Path(path_type=Path), default=Path("openapi.yaml"), show_default=True)
def openapi(check: bool, path: Path) -> None:
    """Write the application's OpenAPI document, or compare it with the committed one."""
    current = yaml.safe_dump(describe_app().openapi(), allow_unicode=True, sort_keys=False, width=120)
    if not check:
        path.write_text(current, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != current:
        fail(f"{path} 与应用不一致，请运行 make openapi。")


@main.group()
def policy() -> None:
    """Policy packs."""


def _books() -> list[PolicyBook]:
    """The book of the service, and that of the published schemes, which the service doesn't load by itself."""
    return [shipped_book(Settings().policy_dir), load_book(read_texts(SCHEMES))]


@policy.command("list")
def policy_list() -> None:
    """All packs with their versions."""
    table = Table("政策包", "名称", "地区", "版本", "起", "止（不含）", "假设数字")
    for pack in [pack for book in _books() for pack in book.packs.values()]:
        for version in pack.versions:
            until = "" if version.until is None else str(version.until)
            areas = " ".join(pack.areas)
            table.add_row(
                pack.name, pack.title, areas, version.name, str(version.since), until, str(assumed_rows(pack))
            )
    out.print(table)


def _policy_on(pack: str, on: datetime | None) -> tuple[Policy, date]:
    """The policy of a pack, by its name or its file, on a day (today without one), or leave with what is wrong."""
    day = shanghai_day(datetime.now(UTC)) if on is None else on.date()
    path = Path(pack)
    try:
        if path.suffix == ".yaml":
            books, pack = [book_with([path], Settings().policy_dir, drafts=True)], path.stem
        else:
            books = _books()
        known = [name for book in books for name in book.packs]
        book = next((book for book in books if pack in book.packs), None)
        if book is None:
            fail(f"没有政策包 {pack}。{nearest(pack, known)}现有：{'、'.join(known)}；文件请写到 .yaml 为止。")
        return book.policy(pack, day), day
    except PolicyError as error:
        fail(str(error))
    except OnestopError as error:
        fail(f"{pack} {day}：{message_text(error.code, error.values, 'zh')}")


@policy.command("show")
@click.argument("pack")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), default=None, help="The day, today without it.")
def policy_show(pack: str, on: datetime | None) -> None:
    """The rules in their order, in words, and every figure of a pack (name or file) on a day."""
    found, day = _policy_on(pack, on)
    shown = policy_answer(found, day)
    rules = _table("", "层级", "规则", "做什么", title=f"{shown.title} · {shown.version} · {day}")
    for number, rule in enumerate(found.rules, 1):
        name = f"{rule.title}（{rule.rule}，{rule.kind}）"
        rules.add_row(str(number), TIER_NAMES["zh"][rule.tier], name, rule_words(rule))
    out.print(rules)
    table = _table("参数", "适用", "值", "起", "止（不含）", "状态", "来源")
    for parameter in shown.parameters:
        for figure in parameter.figures:
            source = f"{figure.document} {figure.clause}"
            applies = facts_words(figure.applies_to)
            status, until = STATUS_WORDS[figure.status], figure.until or ""
            name = f"{parameter.title}（{parameter.name}）"
            table.add_row(name, applies, _written(figure.value), figure.from_, until, status, source)
    out.print(table)


def _table(*heads: str, **options: Any) -> Table:
    """A table whose cells wrap and are never cut off."""
    table = Table(**options)
    for head in heads:
        table.add_column(head, overflow="fold")
    return table


def _written(value: Any) -> str:
    """A value of a figure as one text."""
    return "无" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@policy.command("diff")
@click.argument("a")
@click.argument("b")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), default=None, help="The day of both, today without it.")
@click.option("--on-b", type=click.DateTime(["%Y-%m-%d"]), default=None, help="The day of B, if it is another one.")
@click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON.")
def policy_diff(a: str, b: str, on: datetime | None, on_b: datetime | None, as_json: bool) -> None:
    """Compare two packs (names or files), or one pack on two days: rules, groups and figures that differ."""
    (one, day), (two, day_b) = _policy_on(a, on), _policy_on(b, on_b or on)
    found = differences(one, two)
    if as_json:
        sides = {
            key: {"pack": policy.pack.name, "version": policy.version.name, "on": str(on)}
            for key, policy, on in (("a", one, day), ("b", two, day_b))
        }
        answer = sides | {"differences": [asdict(item) for item in found]}
        click.echo(json.dumps(answer, ensure_ascii=False, indent=2))
        return
    heads = [f"{policy.pack.name} · {policy.version.name} · {on}" for policy, on in ((one, day), (two, day_b))]
    table = _table("不同之处", "适用", *heads, title=f"{len(found)} 处不同", show_lines=True)
    for item in found:
        name = f"{item.title}（{item.name}）" if item.title else item.name
        table.add_row(f"{PART_WORDS[item.part]} {name}", facts_words(item.applies), *map(_side, (item.a, item.b)))
    out.print(table)


def _side(side: Side | None) -> str:
    if side is None:
        return "—"
    if side.status is None:
        return _written(side.value)
    until = "" if side.until is None else f"，到 {side.until} 前"
    return f"{_written(side.value)}\n{side.since} 起{until}，{STATUS_WORDS[side.status]}\n{side.source}"


@policy.command("check")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def policy_check(files: tuple[Path, ...]) -> None:
    """Check the shipped packs, and pack files with them; without files also the published schemes."""
    try:
        books = [book_with(packs_of(files), Settings().policy_dir)] if files else _books()
    except PolicyError as error:
        fail(f"{error}\n共 {len(error.findings)} 处问题。")
    given = {path.stem for path in packs_of(files)}
    for pack in [pack for book in books for pack in book.packs.values()]:
        rows = sum(len(parameter.rows) for parameter in pack.parameters.values())
        out.print(f"{pack.name}：没有问题，{rows} 个带日期的数字，其中 {assumed_rows(pack)} 个是假设。")
        if pack.name in given and (idle := unused(pack)):
            out.print(f"  提示：没有规则用到 {'、'.join(idle)}。若不是留作记录，请核对名字，或删去。")


@policy.command("test")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def policy_test(files: tuple[Path, ...]) -> None:
    """Compute the golden cases beside pack files (NAME.cases.yaml); without files those of all shipped packs and
    schemes."""
    extra, given = Settings().policy_dir, packs_of(files)
    failed = 0
    try:
        groups = [(given, book_with(given, extra))] if given else zip(_case_packs(extra), _books(), strict=True)
        for packs, book in groups:
            failed += sum(_tested(pack, book) for pack in packs)
    except PolicyError as error:
        fail(f"{error}\n共 {len(error.findings)} 处问题。")
    if failed:
        fail(f"{failed} 个算例不符。")


def _case_packs(extra: Path | None) -> list[list[Path]]:
    """The packs with cases of the service's folders, and those of the schemes' folder."""
    groups = [pack_files(SHIPPED, *([] if extra is None else [extra])), pack_files(SCHEMES)]
    return [[path for path in paths if cases_file(path).is_file()] for paths in groups]


def _tested(pack: Path, book: PolicyBook) -> int:
    """Compute the cases of a pack file, say what differs, and how many cases do."""
    path = cases_file(pack)
    cases = parse_cases(path.name, read_text(path))
    differing = [found for case in cases if (found := failures(case, book))]
    for found in differing:
        click.echo("\n".join(found))
    click.echo(f"{path.name}：{len(cases)} 个算例，{len(cases) - len(differing)} 个符合。")
    return len(differing)


@main.group()
def registry() -> None:
    """The registry of a running service."""


@registry.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--kind", type=click.Choice(["list", "exit", "correction", "catalogue"]), default="list", show_default=True
)
@click.option("--area-code", default=None, help="The list's area; the token's without it.")
@click.option("--received-on", type=click.DateTime(["%Y-%m-%d"]), default=None, help="Today without it.")
@click.option("--url", envvar="ONESTOP_URL", default="http://127.0.0.1:8000", show_default=True)
@click.option("--token", envvar="ONESTOP_TOKEN", required=True, help="Better in the environment: ONESTOP_TOKEN.")
def registry_import(
    file: Path, kind: str, area_code: str | None, received_on: datetime | None, url: str, token: str
) -> None:
    """Import a poverty list, or show what a catalogue file would change. Status 1 when the file is refused.

    The same command again, after a broken connection or once missing persons are registered, does no harm.
    """
    fields = {"kind": kind, "area_code": area_code, "received_on": received_on and str(received_on.date())}
    if kind == "catalogue":
        fields = {}
    try:
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=600) as client:
            job = follow_import(client, file, kind, {name: value for name, value in fields.items() if value}, out)
    except ImportRefused as error:
        fail(str(error))
    except httpx.HTTPError as error:
        fail(f"服务 {url} 无法访问：{error}。请检查地址，稍后用同一命令重试。")
    show_import(job, out)
    if job["state"] == "failed":
        raise SystemExit(1)


@main.group()
def ledger() -> None:
    """The ledger."""


@ledger.command("check")
@data_dir_option
def ledger_check(data_dir: Path | None) -> None:
    """Prove the ledger from its source rows, invariant by invariant. Status 1 when one is broken."""

    async def act(connection: AsyncConnection) -> None:
        results = await proof.check_all(connection)
        words = "\n".join(checked_words(results))
        if any(result.count for result in results):
            fail(words)
        click.echo(words)

    _with_database(data_dir, act)


@main.group("seal")
def seal_group() -> None:
    """The seals over settlements, ledger and clearing's record."""


def _noted(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[int, str] | None:
    if value is None:
        return None
    block, _, digest = value.partition(":")
    if not block.isdecimal() or len(block) > 18 or len(digest) != 64:
        raise click.BadParameter("区块号:摘要，例如 12:0f3a…（摘要 64 位十六进制）")
    return int(block), digest


@seal_group.command("verify")
@click.option("--noted", callback=_noted, default=None, help="BLOCK:DIGEST that was noted elsewhere before.")
@data_dir_option
def seal_verify(data_dir: Path | None, noted: tuple[int, str] | None) -> None:
    """Find rows that were edited, removed or added behind the service. Status 1 when there are any."""

    async def act(connection: AsyncConnection) -> None:
        verified = await seal.verify(connection, expected=noted)
        words = "\n".join(verified_words(verified))
        if verified.findings:
            fail(words)
        click.echo(words)

    _with_database(data_dir, act)


@main.group()
def nhsa() -> None:
    """The national interface."""


CONFORMANCE_WORDS: Final = {"passed": "通过", "failed": "未通过", "skipped": "未进行"}


@nhsa.command("conformance")
@click.option("--url", required=True, help="The service, for example http://127.0.0.1:8000.")
@click.option("--profile", type=click.Choice(["A", "B", "none"]), default="none", show_default=True)
@click.option("--hospital", required=True, help="fixmedins_code of a hospital that the service knows.")
@click.option("--key-id", default="", help="_api_access_key of A, x-tif-paasid of B.")
@click.option("--secret", envvar="ONESTOP_NHSA_SECRET", default="", help="Better in ONESTOP_NHSA_SECRET than here.")
@click.option("--area", required=True, help="Where the hospital lies, six digits.")
@click.option("--person", required=True, help="psn_no of an insured person.")
@click.option("--id-number", required=True, help="The person's certno.")
@click.option("--name", required=True, help="The person's psn_name.")
@click.option("--item", required=True, help="med_list_codg of a class A item without ceiling.")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The day to treat on; not in the future.")
def conformance(**options: Any) -> None:
    """Play a hospital's whole flow against a service, and say in words what is right. Status 1 unless everything is."""
    if not asyncio.run(_conformance(options)):
        raise SystemExit(1)


async def _conformance(options: dict[str, Any]) -> bool:
    credential = Credential(options["profile"], options["key_id"], options["secret"])
    patient = Patient(options["person"], options["id_number"], options["name"], options["item"], options["day"].date())
    async with httpx.AsyncClient(base_url=options["url"], timeout=60) as opened:
        kit = Kit(Sender(opened, options["hospital"], options["area"], credential), patient)
        return await play(kit, _show_finding)


def _show_finding(finding: Finding) -> None:
    words = f"：{finding.words}" if finding.words else ""
    click.echo(f"{CONFORMANCE_WORDS[finding.result]}  {finding.step}{words}")


@main.group()
def token() -> None:
    """Tokens of the API."""


@token.command("create")
@click.option("--subject", required=True)
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(get_args(tokens.Scope)))
@click.option("--hospital-code", default=None)
@click.option("--area-code", default=None)
@click.option("--fund", "funds", multiple=True)
@click.option("--expires-at", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]), default=None)
@data_dir_option
def token_create(data_dir: Path | None, **options: Any) -> None:
    """Issue a token; its text is printed once."""
    wanted = tokens.TokenRequest(
        subject=options["subject"],
        scopes=list(options["scopes"]),
        hospital_code=options["hospital_code"],
        area_code=options["area_code"],
        funds=list(options["funds"]) or None,
        expires_at=options["expires_at"],
    )

    async def act(connection: AsyncConnection) -> None:
        issued = await tokens.issue(connection, wanted, created_by="cli", request_id="cli")
        click.echo(f"{issued.token_id} {issued.token}")

    _with_database(data_dir, act)


@token.command("list")
@data_dir_option
def token_list(data_dir: Path | None) -> None:
    """All tokens, without their texts."""

    async def act(connection: AsyncConnection) -> None:
        table = Table("token_id", "subject", "scopes", "hospital / area", "revoked")
        for token_id, subject, scopes, where, revoked_at in await tokens.listed(connection):
            table.add_row(
                token_id, subject, " ".join(scopes), where or "", "" if revoked_at is None else str(revoked_at)
            )
        out.print(table)

    _with_database(data_dir, act)


@token.command("revoke")
@click.argument("token_id")
@data_dir_option
def token_revoke(token_id: str, data_dir: Path | None) -> None:
    """Revoke a token, at once and for good."""

    async def act(connection: AsyncConnection) -> None:
        await tokens.revoke(connection, token_id, revoked_by="cli")
        click.echo(f"{token_id} revoked")

    _with_database(data_dir, act)


@main.group()
def keys() -> None:
    """The keys of what is stored encrypted."""


@keys.command("rotate")
@data_dir_option
def keys_rotate(data_dir: Path | None) -> None:
    """Write anew what was encrypted with one of ONESTOP_FORMER_SECRETS, in batches, beside a running service.

    Repeating it goes on where it stopped. Status 1 when something can't be read with any secret.
    """
    settings = Settings()
    try:
        held = load_keys(settings, _folder(settings, data_dir))
    except ValueError as error:
        fail(str(error))
    caller = Caller(Principal(0, "cli", frozenset({"admin"}), None, None, None, None), "cli", "zh")
    found = Rotated()

    async def act(database: Database) -> None:
        nonlocal found
        service = Service(settings, database, PolicyBook({}), held, False)
        with Progress(TextColumn("已检查 {task.completed} 行"), console=out, transient=True) as progress:
            task = progress.add_task("")
            found = await rotate(
                service, caller, lambda so_far: progress.update(task, completed=so_far.seen), NATIONAL_TABLES
            )

    _with_open_database(data_dir, act)
    click.echo(f"检查 {found.seen} 行，重新加密 {found.written} 行。")
    if found.unreadable:
        fail("\n".join(["以下各行用任何密钥都读不出，请检查 ONESTOP_FORMER_SECRETS：", *found.unreadable[:20]]))


@main.group()
def user() -> None:
    """People who log in to the finance pages."""


def _first_password() -> str:
    """The password from standard input, asked twice on a terminal."""
    if sys.stdin.isatty():
        return str(click.prompt("Password for the first login", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


@user.command("add")
@click.argument("name")
@click.option("--scope", "--scopes", "scopes", multiple=True, required=True, type=click.Choice(get_args(tokens.Scope)))
@click.option("--hospital-code", default=None)
@click.option("--area", "--areas", "area_code", default=None, help="The pooling area, or the province.")
@click.option("--fund", "--funds", "funds", multiple=True)
@data_dir_option
def user_add(name: str, data_dir: Path | None, **options: Any) -> None:
    """Add a user with a password for one login, from the terminal or standard input. His roles are those of a token."""
    sent = {"name": name, "password": _first_password(), **options, "funds": list(options["funds"]) or None}

    async def act(connection: AsyncConnection) -> None:
        wanted = decode(msgspec.json.encode(sent), UserRequest)
        await finance_user.add(connection, wanted, created_by="cli", request_id="cli")
        click.echo(f"{name} added; the password has to be changed at the first login, at /finance")

    _with_database(data_dir, act)


@user.command("reset")
@click.argument("name")
@data_dir_option
def user_reset(name: str, data_dir: Path | None) -> None:
    """Give a user a new password for one login; unlocks and enables the user, ends their sessions."""
    password = _first_password()

    async def act(connection: AsyncConnection) -> None:
        await finance_user.reset(connection, name, password)
        await session.end(connection, name)
        click.echo(f"{name} reset")

    _with_database(data_dir, act)


@user.command("disable")
@click.argument("name")
@data_dir_option
def user_disable(name: str, data_dir: Path | None) -> None:
    """Disable a login and end its sessions. Past actions keep the user's name."""

    async def act(connection: AsyncConnection) -> None:
        await finance_user.disable(connection, name)
        await session.end(connection, name)
        click.echo(f"{name} disabled")

    _with_database(data_dir, act)


def _with_database(data_dir: Path | None, act: Callable[[AsyncConnection], Awaitable[None]]) -> None:
    """Run one transaction on the configured database, on the running embedded one, or on one started for it."""

    async def in_transaction(database: Database) -> None:
        async with database.transaction() as connection:
            await act(connection)

    _with_open_database(data_dir, in_transaction)


def _with_open_database(data_dir: Path | None, act: Callable[[Database], Awaitable[None]]) -> None:
    """Do something with the configured database, with the running embedded one, or with one started for it."""
    settings = Settings()

    async def run(url: str) -> None:
        await prepare(url, started=settings.database_url is None and beside is None)
        database = await open_database(url, settings)
        try:
            await act(database)
        finally:
            await database.close()

    folder = _folder(settings, data_dir)
    beside = None if settings.database_url is not None else running_url(folder)
    try:
        with database_url(settings, folder) if beside is None else nullcontext(beside) as url:
            asyncio.run(run(url))
    except OnestopError as error:
        fail(message_text(error.code, error.values, "zh"))
    except CANNOT_RUN as error:
        fail(str(error))
    except UNREACHABLE as error:
        unreachable(error)
