"""Who may enter: tokens of the API, people of the finance pages, and the keys of what is stored encrypted."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import click
import msgspec
from rich.progress import Progress, TextColumn
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.text import subject_form
from app.clearing.person_account import PERSONS_ACCOUNTS
from app.cli.config import configured, data_dir_option, folder_of, with_place
from app.cli.database import with_database, with_open_database
from app.cli.output import fail, out
from app.database.engine import Database
from app.finance import session
from app.finance import user as finance_user
from app.finance.second_factor import FACTORS
from app.finance.user import UserRequest
from app.nhsa.key_rotation import NATIONAL_TABLES
from app.policies import shipped_book
from app.registry.key_rotation import Rotated, rotate
from app.service import tokens
from app.service.caller import Caller, Service
from app.service.security import Principal, Scope, load_keys
from app.service.wire import decode
from app.tiers.policy import PolicyBook


@click.group()
def token() -> None:
    """Tokens of the API."""


def _end(context: click.Context, parameter: click.Parameter, said: str | None) -> datetime | msgspec.UnsetType | None:
    """When a token ends, as it was said: None for never, UNSET for nothing said."""
    if said is None or said == "never":
        return msgspec.UNSET if said is None else None
    instant: datetime = click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]).convert(said, parameter, context)
    return instant


@token.command("create")
@click.option("--subject", required=True)
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(get_args(Scope)))
@click.option("--hospital-code", default=None)
@click.option("--area-code", default=None)
@click.option("--fund", "funds", multiple=True)
@click.option("--expires-at", callback=_end, help="An instant, or never (scope hospital alone). Else in 365 days.")
@data_dir_option
def token_create(
    subject: str,
    scopes: tuple[Scope, ...],
    hospital_code: str | None,
    area_code: str | None,
    funds: tuple[str, ...],
    expires_at: datetime | msgspec.UnsetType | None,
    data_dir: Path | None,
) -> None:
    """Issue a token; its text is printed once."""
    book = shipped_book(configured().policy_dir)
    wanted = tokens.TokenRequest(
        subject=subject,
        scopes=list(scopes),
        hospital_code=hospital_code,
        area_code=area_code,
        funds=list(funds) or None,
        expires_at=expires_at,
    )
    strict = with_place(data_dir).production

    async def act(connection: AsyncConnection) -> None:
        issued = await tokens.issue(connection, book, wanted, created_by="cli", request_id="cli", strict=strict)
        click.echo(f"{issued.token_id} {issued.token}")

    with_database(data_dir, act)


@token.command("list")
@data_dir_option
def token_list(data_dir: Path | None) -> None:
    """All tokens, without their texts; an exclamation mark stands behind an end that is near or past."""

    async def act(connection: AsyncConnection) -> None:
        table = Table("token_id", "subject", "scopes", "hospital / area", "last used", "ends", "revoked")
        soon = datetime.now(UTC) + tokens.WARNED
        for one in await tokens.listed(connection):
            last, end, revoked = map(_shown, (one.last_used_at, one.ends_at, one.revoked_at))
            warning = " !" if one.revoked_at is None and one.ends_at is not None and one.ends_at < soon else ""
            table.add_row(
                one.token_id, one.subject, " ".join(one.scopes), one.where or "", last, end + warning, revoked
            )
        out.print(table)

    with_database(data_dir, act)


@token.command("rotate")
@click.argument("token_id")
@click.option("--overlap-hours", type=click.IntRange(0, 720), required=True, help="How long the former one goes on.")
@data_dir_option
def token_rotate(token_id: str, overlap_hours: int, data_dir: Path | None) -> None:
    """Put another token with the same rights in a token's place; its text is printed once."""
    strict = with_place(data_dir).production

    async def act(connection: AsyncConnection) -> None:
        wanted = tokens.RotationRequest(overlap_hours)
        issued = await tokens.rotate(connection, token_id, wanted, by="cli", request_id="cli", strict=strict)
        click.echo(f"{issued.token_id} {issued.token}")

    with_database(data_dir, act)


def _shown(instant: datetime | None) -> str:
    return "" if instant is None else instant.isoformat(" ", "minutes")


@token.command("revoke")
@click.argument("token_id")
@data_dir_option
def token_revoke(token_id: str, data_dir: Path | None) -> None:
    """Revoke a token, at once and for good."""

    async def act(connection: AsyncConnection) -> None:
        await tokens.revoke(connection, token_id, revoked_by="cli")
        click.echo(f"{token_id} revoked")

    with_database(data_dir, act)


@click.group()
def keys() -> None:
    """The keys of what is stored encrypted."""


@keys.command("rotate")
@data_dir_option
def keys_rotate(data_dir: Path | None) -> None:
    """Write anew what was encrypted with one of ONESTOP_FORMER_SECRETS, in batches, beside a running service.

    Repeating it goes on where it stopped. Status 1 when something can't be read with any secret.
    """
    settings = with_place(data_dir)
    try:
        held = load_keys(settings, folder_of(settings, data_dir))
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
                service,
                caller,
                lambda so_far: progress.update(task, completed=so_far.seen),
                (*NATIONAL_TABLES, PERSONS_ACCOUNTS, FACTORS),
            )

    with_open_database(data_dir, act)
    click.echo(f"检查 {found.seen} 行，重新加密 {found.written} 行。")
    if found.unreadable:
        fail("\n".join(["以下各行用任何密钥都读不出，请检查 ONESTOP_FORMER_SECRETS：", *found.unreadable[:20]]))


@click.group()
def user() -> None:
    """People who log in to the finance pages."""


def _first_password() -> str:
    """The password from standard input, asked twice on a terminal."""
    if sys.stdin.isatty():
        return str(click.prompt("Password for the first login", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


@user.command("add")
@click.argument("name")
@click.option("--scope", "--scopes", "scopes", multiple=True, required=True, type=click.Choice(get_args(Scope)))
@click.option("--hospital-code", default=None)
@click.option("--area", "--areas", "area_code", default=None, help="The pooling area, or the province.")
@click.option("--fund", "--funds", "funds", multiple=True)
@data_dir_option
def user_add(
    name: str,
    scopes: tuple[str, ...],
    hospital_code: str | None,
    area_code: str | None,
    funds: tuple[str, ...],
    data_dir: Path | None,
) -> None:
    """Add a user, whose password (from the terminal or standard input) is for one login. Roles are those of a token."""
    book = shipped_book(configured().policy_dir)
    sent = {
        "name": name,
        "password": _first_password(),
        "scopes": scopes,
        "hospital_code": hospital_code,
        "area_code": area_code,
        "funds": list(funds) or None,
    }
    strict = with_place(data_dir).production

    async def act(connection: AsyncConnection) -> None:
        wanted = decode(msgspec.json.encode(sent), UserRequest)
        made = await finance_user.add(connection, book, wanted, created_by="cli", request_id="cli", strict=strict)
        click.echo(f"{made.name} added; the password has to be changed at the first login, at /finance")

    with_database(data_dir, act)


@user.command("reset")
@click.argument("name")
@data_dir_option
def user_reset(name: str, data_dir: Path | None) -> None:
    """Give a user a new password for one login; enables the user, ends their sessions."""
    password, name = _first_password(), subject_form(name)
    strict = with_place(data_dir).production

    async def act(connection: AsyncConnection) -> None:
        await finance_user.reset(connection, name, password, strict=strict)
        await session.end(connection, name)
        click.echo(f"{name} reset")

    with_database(data_dir, act)


@user.command("disable")
@click.argument("name")
@data_dir_option
def user_disable(name: str, data_dir: Path | None) -> None:
    """Disable a login and end its sessions. Past actions keep the user's name."""
    name = subject_form(name)

    async def act(connection: AsyncConnection) -> None:
        await finance_user.disable(connection, name)
        await session.end(connection, name)
        click.echo(f"{name} disabled")

    with_database(data_dir, act)
