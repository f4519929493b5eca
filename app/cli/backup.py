"""Backups: taking one, and restoring it."""

from pathlib import Path

import click

from app.backup.archive import Manifest
from app.backup.programs import BackupFailed
from app.backup.take import take
from app.basics.days import shown_instant
from app.cli.config import data_dir_option, folder_of, with_place
from app.cli.database import CANNOT_RUN, UNREACHABLE, owner_of, unreachable
from app.cli.output import fail


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@data_dir_option
def backup(file: Path, data_dir: Path | None) -> None:
    """Write everything of one instant to a new FILE, beside a running service, and read it back.

    The secret isn't in it: keep that apart.
    """
    settings = with_place(data_dir)
    try:
        with owner_of(settings, folder_of(settings, data_dir)) as url:
            manifest = take(url, file)
    except (*CANNOT_RUN, BackupFailed, ValueError) as error:
        fail(str(error))
    except UNREACHABLE as error:
        unreachable(error)
    click.echo(f"已写出并读回核对：{file}（{file.stat().st_size} 字节）")
    _show(manifest)


def _show(manifest: Manifest) -> None:
    """What a backup holds, in words."""
    last = "无" if manifest.last_settled_at is None else shown_instant(manifest.last_settled_at)
    keys = "、".join(value[:16] for value in manifest.key_checks) or "无"
    click.echo(f"截至 {shown_instant(manifest.taken_at)}，最后一笔结算 {last}")
    click.echo(f"结算 {manifest.rows.get('settlement', 0)} 笔，分录 {manifest.rows.get('transfer', 0)} 条")
    click.echo(f"密钥校验值 {keys}（备份中没有密钥，请另行保存）")
