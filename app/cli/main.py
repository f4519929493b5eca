"""The ``onestop`` command: every group and command of this package under one name."""

from importlib import import_module
from typing import Final

import click

from app.version import VERSION

COMMANDS: Final = {
    "serve": "service",
    "migrate": "service",
    "backup": "backup",
    "restore": "backup:restore",
    "recovered": "backup:recovered",
    "config": "config",
    "demo": "trial",
    "simulate-year": "trial",
    "compute": "bill",
    "batch": "batch",
    "simulate": "simulation",
    "openapi": "interface",
    "policy": "policy",
    "registry": "registry",
    "check": "ledger",
    "ledger": "ledger",
    "seal": "ledger:seal_group",
    "nhsa": "nhsa",
    "token": "access",
    "keys": "access",
    "user": "access",
}
"""By command, the module that has it under the command's name, or under the name after the colon."""


class Commands(click.Group):
    """Commands whose modules are loaded when they are called: to list the packs nobody has to wait for the web
    server's code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All of them, in the order of ``COMMANDS``."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, None when there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        found: click.Command = getattr(import_module(f"app.cli.{module}"), name or cmd_name.replace("-", "_"))
        return found


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, "--version", prog_name="onestop")
def main() -> None:
    """医疗费用“一站式”结算 · one-stop settlement of medical bills."""
