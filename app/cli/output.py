"""What the commands print, and how they leave when something is wrong."""

from typing import Final, NoReturn

import click
from rich.console import Console
from rich.table import Table

out: Final = Console()


def fail(message: str, status: int = 1) -> NoReturn:
    """Say what is wrong and leave with a status that isn't 0."""
    click.echo(message, err=True)
    raise SystemExit(status)


def wrapping_table(*heads: str, title: str = "", show_lines: bool = False) -> Table:
    """A table whose cells wrap and are never cut off."""
    table = Table(title=title or None, show_lines=show_lines)
    for head in heads:
        table.add_column(head, overflow="fold")
    return table
