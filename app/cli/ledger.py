"""Proving the ledger and the seals over it."""

from pathlib import Path
from typing import Final

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cli.config import data_dir_option
from app.cli.database import with_database
from app.cli.output import fail
from app.ledger import proof, seal
from app.ledger.words import checked_words, verified_words

DUE_SHARE: Final = 0.1
"""Of the blocks looked at before, how many ``seal verify --due`` looks at again."""


@click.command()
@data_dir_option
def check(data_dir: Path | None) -> None:
    """Prove everything: the ledger, invariant by invariant, and the seals. Beside a running service too.

    Status 0 only when all of it holds.
    """
    with_database(data_dir, prove, there=True)


async def prove(connection: AsyncConnection) -> None:
    """Say of each invariant, and of the seals, whether it holds; leave with status 1 when one doesn't."""
    results = await proof.check_all(connection)
    verified = await seal.verify(connection)
    words = "\n".join([*checked_words(results), *verified_words(verified)])
    if any(result.count for result in results) or verified.findings:
        fail(words)
    click.echo(words)


@click.group()
def ledger() -> None:
    """The ledger."""


@ledger.command("check")
@data_dir_option
def ledger_check(data_dir: Path | None) -> None:
    """Prove the ledger from its source rows, invariant by invariant. Status 1 when one is broken."""

    async def act(connection: AsyncConnection) -> None:
        results = await proof.check_all(connection)
        words = "\n".join(checked_words(results))
        if any(result.count for result in results):
            fail(words)
        click.echo(words)

    with_database(data_dir, act, there=True)


@click.group("seal")
def seal_group() -> None:
    """The seals over settlements, ledger and clearing's record."""


def _noted(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[int, str] | None:
    if value is None:
        return None
    block, _, digest = value.partition(":")
    if not block.isdecimal() or len(block) > 18 or len(digest) != 64:
        raise click.BadParameter("区块号:摘要，例如 12:0f3a…（摘要 64 位十六进制）")
    return int(block), digest


@seal_group.command("verify")
@click.option("--all/--due", "everything", default=True, help="Everything, or the blocks that are due next.")
@click.option("--noted", callback=_noted, default=None, help="BLOCK:DIGEST that was noted elsewhere before.")
@data_dir_option
def seal_verify(data_dir: Path | None, noted: tuple[int, str] | None, *, everything: bool) -> None:
    """Find rows that were edited or removed behind the service. Status 1 when there are any."""

    async def act(connection: AsyncConnection) -> None:
        blocks = None if everything else await seal.due_blocks(connection, DUE_SHARE)
        verified = await seal.verify(connection, expected=noted, blocks=blocks)
        words = "\n".join(verified_words(verified))
        if verified.findings:
            fail(words)
        click.echo(words)

    with_database(data_dir, act, there=True)
