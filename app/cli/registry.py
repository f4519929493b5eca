"""Importing lists into the registry of a running service."""

from datetime import datetime
from pathlib import Path

import click
import httpx

from app.cli.output import fail, out
from app.cli.policy_found import GIVEN_FILE
from app.demo.follow import ImportRefused, follow_import, show_import


@click.group()
def registry() -> None:
    """The registry of a running service."""


@registry.command("import")
@click.argument("file", type=GIVEN_FILE)
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
