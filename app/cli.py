"""The ``onestop`` command."""

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn, get_args

import asyncpg
import click
import httpx
import yaml
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from app import tokens
from app.config import Settings
from app.db import open_database
from app.demo.compute import compute_file
from app.demo.run import run_demo
from app.demo.show import show_settlement
from app.embedded import EmbeddedBusy, EmbeddedFailed, EmbeddedUnavailable, default_data_dir, running_url
from app.errors import OnestopError, PolicyError
from app.follow import ImportRefused, follow_import, show_import
from app.law import assumed_rows, policy_answer
from app.main import describe_app
from app.messages import text as message_text
from app.policies import SHIPPED, read_text, read_texts, shipped_book
from app.schema import migrate as migrate_database
from app.server import database_url
from app.server import serve as serve_service
from app.settlement.bill import shanghai_day
from app.tiers.policy import PolicyBook, load_book

out: Final = Console()
DEMO_CLOCK: Final = "manual:2018-05-12T10:00:00+08:00"
READY_SECONDS: Final = 120


def data_dir_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The folder of the embedded database and the secret key."""
    return click.option(
        "--data-dir", type=click.Path(path_type=Path), default=None, help="Folder of the embedded database."
    )(function)


def _folder(settings: Settings, data_dir: Path | None) -> Path:
    return (data_dir or settings.data_dir or default_data_dir()).absolute()


CANNOT_RUN: Final = (EmbeddedBusy, EmbeddedFailed, EmbeddedUnavailable)
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
    inherited = {name: value for name, value in os.environ.items() if name != "ONESTOP_DATABASE_URL"}
    environment = inherited | {
        "ONESTOP_ADMIN_TOKEN": token,
        "ONESTOP_CLOCK": DEMO_CLOCK,
        "ONESTOP_LOG_LEVEL": "warning",
    }
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port), "--data-dir", str(folder)]
    with subprocess.Popen(command, env=environment, cwd=SHIPPED.parent.parent) as service:
        try:
            with out.status("正在启动数据库和服务 …"):
                _until_ready(f"http://127.0.0.1:{port}", service)
            run_demo(f"http://127.0.0.1:{port}", token, out)
            if not once:
                out.print(f"服务继续运行在 http://127.0.0.1:{port} ，按 Ctrl-C 停止。")
                service.wait()
        except KeyboardInterrupt:
            pass
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
@click.option("--policy-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=None)
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


def _book(files: tuple[Path, ...] = ()) -> PolicyBook:
    settings = Settings()
    folders = [SHIPPED] if settings.policy_dir is None else [SHIPPED, settings.policy_dir]
    return load_book(read_texts(*folders) | {path.stem: read_text(path) for path in files})


@policy.command("list")
def policy_list() -> None:
    """All packs with their versions."""
    table = Table("政策包", "名称", "地区", "版本", "起", "止（不含）", "假设数字")
    for pack in shipped_book(Settings().policy_dir).packs.values():
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
def policy_show(pack: str, on: datetime | None) -> None:
    """Every parameter of a pack on a day."""
    book, day = shipped_book(Settings().policy_dir), on.date() if on else shanghai_day(datetime.now(UTC))
    if pack not in book.packs:
        fail(f"没有政策包 {pack}；现有：{'、'.join(book.packs)}。")
    try:
        shown = policy_answer(book.policy(pack, day), day)
    except OnestopError as error:
        fail(message_text(error.code, error.values, "zh"))
    table = Table(
        "参数", "适用", "值", "起", "止（不含）", "状态", "来源", title=f"{shown.title} · {shown.version} · {day}"
    )
    for parameter in shown.parameters:
        for figure in parameter.figures:
            applies = " ".join("/".join(values) for values in figure.applies_to.values())
            value = json.dumps(figure.value, ensure_ascii=False) if not isinstance(figure.value, str) else figure.value
            status = "已颁布" if figure.status == "enacted" else "假设"
            source = f"{figure.document} {figure.clause}"
            table.add_row(parameter.name, applies, value, figure.from_, figure.until or "", status, source)
    out.print(table)


@policy.command("check")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def policy_check(files: tuple[Path, ...]) -> None:
    """Check the shipped packs, and pack files with them."""
    try:
        book = _book(files)
    except PolicyError as error:
        fail(f"{error}\n共 {len(error.findings)} 处问题。")
    for pack in book.packs.values():
        rows = sum(len(parameter.rows) for parameter in pack.parameters.values())
        out.print(f"{pack.name}：没有问题，{rows} 个带日期的数字，其中 {assumed_rows(pack)} 个是假设。")


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


def _with_database(data_dir: Path | None, act: Callable[[AsyncConnection], Awaitable[None]]) -> None:
    """Run one transaction on the configured database, on the running embedded one, or on one started for it."""
    settings = Settings()

    async def run(url: str) -> None:
        await migrate_database(url)
        database = await open_database(url, settings)
        try:
            async with database.transaction() as connection:
                await act(connection)
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


if __name__ == "__main__":
    main()
