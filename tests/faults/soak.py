"""Many faults, in pieces: ``python -m tests.faults.soak --faults 500 --minutes 55 --folder .onestop/soak``.

A seed is 20 faults to one service. Each finished seed leaves a file in the folder and isn't run again; the same command
goes on where the time ended. Status 0: all are there, nothing was lost, doubled or too late; 1: something was; 2: the
time ended first.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

import click
import msgspec

from tests.faults.run import Outcome, leave_cleanly, run, table

OF_A_SEED: Final = 20
RIGHT, WRONG, UNFINISHED = 0, 1, 2


class Piece(msgspec.Struct):
    """What a seed came to."""

    seed: int
    outcomes: list[Outcome]


def finished(folder: Path) -> Iterator[Piece]:
    """The seeds that were run before."""
    for path in sorted(folder.glob("faults-*.json")):
        yield msgspec.json.decode(path.read_bytes(), type=Piece)


def soak(folder: Path, faults: int, minutes: float) -> int:
    """Run seeds until there are so many faults or the time is over; the status that the command ends with."""
    end = time.monotonic() + minutes * 60
    pieces = {piece.seed: piece for piece in finished(folder)}
    for seed in (seed for seed in count(1) if seed not in pieces):
        if OF_A_SEED * len(pieces) >= faults or time.monotonic() > end:
            break
        click.echo(f"seed {seed}")
        pieces[seed] = Piece(seed, asyncio.run(run(seed, OF_A_SEED)))
        (folder / f"faults-{seed:05d}.json").write_bytes(msgspec.json.format(msgspec.json.encode(pieces[seed])))
    outcomes = [one for piece in pieces.values() for one in piece.outcomes]
    click.echo(f"{table(outcomes)}\n{len(outcomes)} of {faults} faults")
    if any(one.wrong or one.is_late for one in outcomes):
        return WRONG
    return RIGHT if len(outcomes) >= faults else UNFINISHED


def main() -> int:
    """Read the command line and run."""
    leave_cleanly()
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--faults", type=int, default=500, help="faults to reach, those of before included")
    wanted.add_argument("--minutes", type=float, default=55, help="begin no seed after so many minutes")
    wanted.add_argument("--folder", type=Path, default=Path(".onestop/soak"), help="where finished seeds are kept")
    chosen = wanted.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    return soak(chosen.folder, chosen.faults, chosen.minutes)


if __name__ == "__main__":
    raise SystemExit(main())
