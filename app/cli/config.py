"""The configuration of the service: read whole before anything starts, and checked without starting anything."""

from pathlib import Path

import click

from app.basics.errors import PolicyError
from app.cli.output import fail
from app.config import ConfigurationError, Settings, read_settings
from app.nhsa.dictionary import dictionaries
from app.policies import shipped_book
from app.service.clock import manual_start


def configured() -> Settings:
    """The settings, or leave with a line for each that is wrong."""
    try:
        return read_settings()
    except ConfigurationError as error:
        fail(f"配置有误：\n{error}")


def serving(data_dir: Path | None) -> Settings:
    """The settings of a service, with what they lead to: clock, packs, dictionaries, and a database that was asked
    for."""
    settings = configured()
    if settings.env == "production" and settings.database_url is None and (data_dir or settings.data_dir) is None:
        fail(
            "配置有误：\nONESTOP_DATABASE_URL: 正式环境（ONESTOP_ENV=production）须写明数据库；"
            "要用内置数据库请写明 --data-dir"
        )
    if settings.env == "production" and settings.owner_database_url is not None:
        fail("配置有误：\nONESTOP_OWNER_DATABASE_URL: 只用于 onestop migrate、备份和恢复；正式环境的服务不得持有")
    try:
        manual_start(settings)
        shipped_book(settings.policy_dir)
        dictionaries(settings.nhsa_dictionary_dir)
    except (ValueError, OSError, PolicyError) as error:
        fail(f"配置有误：\n{error}")
    return settings


@click.group()
def config() -> None:
    """The configuration of the service."""


@config.command("check")
@click.option("--data-dir", type=click.Path(path_type=Path), default=None, help="As it is given to serve.")
def config_check(data_dir: Path | None) -> None:
    """Read every setting as serve would, and say what is wrong. Starts nothing; status 1 when something is wrong."""
    settings = serving(data_dir)
    database = "ONESTOP_DATABASE_URL" if settings.database_url is not None else "内置数据库"
    click.echo(f"配置没有问题。环境 {settings.env}，数据库 {database}，时钟 {settings.clock}。")
