"""Backups: taking one, restoring it, and going on after a recovery by other means."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click

from app.backup.archive import Manifest
from app.backup.programs import BackupFailed
from app.backup.restore import Resumed, noted, readable, refuse_used, restored, resumed, with_roles
from app.backup.take import take
from app.basics.days import shown_instant
from app.cli.config import data_dir_option, folder_of, with_place
from app.cli.database import CANNOT_RUN, UNREACHABLE, owner_of, unreachable
from app.cli.output import fail
from app.ledger.words import checked_words, verified_words
from app.service.security import load_keys
from app.serving.server import owned

_FILE = click.Path(path_type=Path, dir_okay=False)


@contextmanager
def _said() -> Iterator[None]:
    """Say what went wrong, and leave with status 1."""
    try:
        yield
    except (*CANNOT_RUN, BackupFailed, ValueError) as error:
        fail(str(error))
    except UNREACHABLE as error:
        unreachable(error)


@click.command()
@click.argument("file", type=_FILE)
@data_dir_option
def backup(file: Path, data_dir: Path | None) -> None:
    """Write everything of one instant to a new FILE, beside a running service, and read it back.

    The secret isn't in it: keep that apart.
    """
    settings = with_place(data_dir)
    with _said():
        with owner_of(settings, folder_of(settings, data_dir), there=True) as url:
            manifest = take(url, file)
        click.echo(f"已写出并读回核对：{file}（{file.stat().st_size} 字节）")
        _show(manifest)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--without-key", is_flag=True, help="Restore the money without the secret; nothing serves it then.")
@data_dir_option
def restore(file: Path, without_key: bool, data_dir: Path | None) -> None:
    """Restore a backup into an empty database, and prove it. Status 0 only when every invariant holds.

    Afterwards nothing is sent to the bank until two people have entered that they checked it.
    """
    settings = with_place(data_dir)
    folder = folder_of(settings, data_dir)
    with _said():
        manifest = readable(file, None if without_key else load_keys(settings, folder, create=False))
        _show(manifest)
        with owned(settings, folder) as url:
            asyncio.run(refuse_used(url))
            asyncio.run(with_roles(url))
            restored(url, file, manifest)
            _told(asyncio.run(resumed(url, settings)))


@click.command()
@click.option(
    "--until", required=True, type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]), help="The data are whole up to it."
)
@data_dir_option
def recovered(until: datetime, data_dir: Path | None) -> None:
    """Say that PostgreSQL recovered the database by itself up to an instant, such as from a base backup and WAL.

    Does what restore does in the end: moves ids on, holds sending back until the bank was checked, proves everything.
    """
    settings = with_place(data_dir)
    with _said(), owner_of(settings, folder_of(settings, data_dir), there=True) as url:
        asyncio.run(noted(url, until))
        _told(asyncio.run(resumed(url, settings)))


def _show(manifest: Manifest) -> None:
    """What a backup holds, in words."""
    keys = "、".join(value[:16] for value in manifest.key_checks) or "无"
    click.echo(f"截至 {shown_instant(manifest.taken_at)}，最后一笔结算 {_instant(manifest.last_settled_at)}")
    click.echo(f"结算 {manifest.rows.get('settlement', 0)} 笔，分录 {manifest.rows.get('transfer', 0)} 条")
    click.echo(f"密钥校验值 {keys}（备份中没有密钥，请另行保存）")


def _told(found: Resumed) -> None:
    """What holds of a restored database, and what people have to do now."""
    words = [*checked_words(found.checked), *verified_words(found.verified)]
    words.append(f"最后一笔结算 {_instant(found.last_settled_at)}；此后的业务不在库中，请各医院核对并补办。")
    words.append("拨付暂停送出：请两人核对银行流水并登记（POST /v1/bank-checks，另一人 approval），再送出拨付。")
    if not found.whole:
        fail("\n".join(words))
    click.echo("\n".join(words))


def _instant(instant: datetime | None) -> str:
    return "无" if instant is None else shown_instant(instant)
