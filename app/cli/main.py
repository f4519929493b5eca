"""The ``onestop`` command: every group and command of this package under one name."""

import click

from app.cli.access import keys, token, user
from app.cli.bill import compute
from app.cli.config import config
from app.cli.ledger import ledger, seal_group
from app.cli.nhsa import nhsa
from app.cli.policy import policy
from app.cli.registry import registry
from app.cli.service import migrate, openapi, serve
from app.cli.trial import demo, simulate_year
from app.version import VERSION


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, "--version", prog_name="onestop")
def main() -> None:
    """医疗费用“一站式”结算 · one-stop settlement of medical bills."""


for command in (
    serve,
    migrate,
    config,
    demo,
    simulate_year,
    compute,
    openapi,
    policy,
    registry,
    ledger,
    seal_group,
    nhsa,
    token,
    keys,
    user,
):
    main.add_command(command)
