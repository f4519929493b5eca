"""The configuration of the service: read whole before anything starts, and checked without starting anything."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import click

from app.basics.errors import PolicyError
from app.clearing.bank_columns import bank_columns
from app.cli.output import fail
from app.config import PREFIX, Settings, examined, folder_fault
from app.database.embedded import default_data_dir
from app.database.engine import LIMITS
from app.nhsa.dictionary import dictionaries
from app.policies import shipped_book
from app.service.clock import manual_start
from app.service.security import SECRET_FILE, load_keys

WRONG: Final = 2  # the status of a command whose words or settings can't be used
LAST_PORT: Final = 65535
MOST_WORKERS: Final = 64
UNASKED: Final = (
    "ONESTOP_DATABASE_URL: 正式环境（ONESTOP_ENV=production）须写明数据库；"
    "要用内置数据库请写明 --data-dir 或 ONESTOP_DATA_DIR"
)
OWNER: Final = "ONESTOP_OWNER_DATABASE_URL: 只用于 onestop migrate、备份和恢复；正式环境的服务不得持有"

data_dir_option: Final = click.option(
    "--data-dir", type=click.Path(path_type=Path), default=None, help="Folder of the embedded database."
)


def serving_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of whoever serves. Their bounds are looked at by ``serving``, so that every fault is said at once."""
    for option in (
        data_dir_option,
        click.option("--workers", type=int, default=1, show_default=True),
        click.option("--port", type=int, default=8000, show_default=True),
    ):
        command = option(command)
    return command


def folder_of(settings: Settings, data_dir: Path | None) -> Path:
    """The folder of the embedded database and the secret key: as asked for, as configured, or the usual one."""
    return (data_dir or settings.data_dir or default_data_dir()).absolute()


def configured() -> Settings:
    """The settings of a command that needs no database, or leave with a line for each that is wrong."""
    settings, wrong = examined()
    _leave_if(wrong)
    return settings


def with_place(data_dir: Path | None) -> Settings:
    """The settings of a command that works on a database, whose place was named; else as ``configured``."""
    settings, wrong = examined()
    _leave_if([*wrong, *_of_database(settings, data_dir)])
    return settings


def serving(data_dir: Path | None, *, port: int, workers: int) -> Settings:
    """The settings of a service, with all that they lead to: folders, secret, clock, packs, dictionaries, and a
    database that was asked for. Leaves with a line for each fault, all at once."""
    settings, wrong = examined()
    wrong += [*_of_words(port, workers), *_of_database(settings, data_dir), *_of_contents(settings, data_dir)]
    _leave_if(wrong)
    return settings


def _leave_if(wrong: list[str]) -> None:
    if wrong:
        fail("\n".join(["配置有误：", *dict.fromkeys(wrong)]), WRONG)


def _of_words(port: int, workers: int) -> Iterator[str]:
    if not 1 <= port <= LAST_PORT:
        yield f"--port: from 1 to {LAST_PORT}, not {port}"
    if not 1 <= workers <= MOST_WORKERS:
        yield f"--workers: from 1 to {MOST_WORKERS}, not {workers}"


def _of_database(settings: Settings, data_dir: Path | None) -> Iterator[str]:
    """What is wrong with the place of the data. In production nobody gets an embedded database unasked."""
    folder = data_dir or settings.data_dir
    elsewhere = settings.database_url or settings.owner_database_url
    if settings.production and elsewhere is None and folder is None:
        yield UNASKED
    if settings.database_password_file is not None and settings.database_url is None:
        yield "ONESTOP_DATABASE_PASSWORD_FILE: belongs to ONESTOP_DATABASE_URL, which is not set"
    limits = {"ONESTOP_STATEMENT_TIMEOUT": "statement_timeout", "ONESTOP_PERSON_LOCK_TIMEOUT": "lock_timeout"}
    for name, limit in limits.items() if settings.database_pooler == "transaction" else ():
        if getattr(settings, name.removeprefix(PREFIX).lower()) != LIMITS[limit]:
            yield f"{name}: a pooler of transactions drops it; ALTER ROLE onestop_app SET {limit} instead"
    if folder is not None and (fault := folder_fault(folder.absolute())) is not None:
        yield f"{'--data-dir' if data_dir else 'ONESTOP_DATA_DIR'}: {fault}"


def _of_contents(settings: Settings, data_dir: Path | None) -> Iterator[str]:
    """What is wrong with what the settings of a service name."""
    if settings.production and settings.owner_database_url is not None:
        yield OWNER
    looks: tuple[tuple[str, Callable[[], object]], ...] = (
        ("ONESTOP_SECRET_KEY", lambda: _look_at_secret(settings, folder_of(settings, data_dir))),
        ("ONESTOP_CLOCK", lambda: manual_start(settings)),
        ("ONESTOP_POLICY_DIR", lambda: shipped_book(settings.policy_dir)),
        ("ONESTOP_BANK_COLUMNS", lambda: bank_columns(settings.bank_columns)),
        ("ONESTOP_NHSA_DICTIONARY_DIR", lambda: dictionaries(settings.nhsa_dictionary_dir)),
    )
    for name, look in looks:
        try:
            look()
        except (ValueError, OSError, PolicyError) as error:
            yield str(error) if PREFIX in str(error) else f"{name}: {error}"


def _look_at_secret(settings: Settings, folder: Path) -> None:
    """ValueError for a secret that can't be used. Outside production a first start may make one."""
    given = settings.secret_key or settings.secret_key_file or settings.former_secrets
    if given or settings.production or (folder / SECRET_FILE).exists():
        load_keys(settings, folder, create=False)


@click.group()
def config() -> None:
    """The configuration of the service."""


@config.command("check")
@serving_options
def config_check(port: int, workers: int, data_dir: Path | None) -> None:
    """Read every setting as serve would, and say what is wrong. Starts nothing; status 2 when something is wrong."""
    settings = serving(data_dir, port=port, workers=workers)
    database = "ONESTOP_DATABASE_URL" if settings.database_url is not None else "内置数据库"
    click.echo(f"配置没有问题。环境 {settings.env}，数据库 {database}，时钟 {settings.clock}。")
