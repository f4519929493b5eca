"""Many bills against the oracle, in pieces: ``python -m tests.batch.soak --bills 5000000 --minutes 55 --folder
.onestop/soak``.

Each finished piece of 1,000 person-years leaves a file in the folder and isn't run again; the same command goes on
where the time ended. Status 0: all bills are there; 1: one differed, and the text says which; 2: the time ended first.
"""

import argparse
import os
import tempfile
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import count
from pathlib import Path
from typing import Final

import click

from tests.batch.test_compute import compared

PERSON_YEARS: Final = 1000
FIRST_SEED: Final = 1000
ALIKE, DIFFERENT, UNFINISHED = 0, 1, 2


def piece(folder: Path, seed: int) -> int:
    """Compare the person-years from a seed on, and note how many bills there were. AssertionError: a bill differs."""
    with tempfile.TemporaryDirectory() as place:
        bills = compared(Path(place), range(seed, seed + PERSON_YEARS))
    (folder / f"oracle-{seed:09d}").write_text(f"{bills}\n")
    return bills


def soak(folder: Path, bills: int, minutes: float) -> int:
    """Compare until there are so many bills or the time is over; the status that the command ends with."""
    end = time.monotonic() + minutes * 60
    done = {int(path.name.rpartition("-")[2]): int(path.read_text()) for path in folder.glob("oracle-*")}
    seeds = (seed for seed in count(FIRST_SEED, PERSON_YEARS) if seed not in done)
    compared_before, running = sum(done.values()), dict[Future[int], int]()
    with ProcessPoolExecutor() as pool:
        while running or (sum(done.values()) < bills and time.monotonic() < end):
            while len(running) < (os.cpu_count() or 1) and sum(done.values()) < bills and time.monotonic() < end:
                seed = next(seeds)
                running[pool.submit(piece, folder, seed)] = seed
            for one in wait(running, return_when=FIRST_COMPLETED).done:
                done[running.pop(one)] = one.result()
    total = sum(done.values())
    click.echo(
        f"{total} bills of {len(done) * PERSON_YEARS} person-years are what the oracle says ({compared_before} before)"
    )
    return ALIKE if total >= bills else UNFINISHED


def main() -> int:
    """Read the command line and run."""
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--bills", type=int, default=5_000_000, help="bills to reach, those of before included")
    wanted.add_argument("--minutes", type=float, default=55, help="begin no piece after so many minutes")
    wanted.add_argument("--folder", type=Path, default=Path(".onestop/soak"), help="where finished pieces are noted")
    chosen = wanted.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    try:
        return soak(chosen.folder, chosen.bills, chosen.minutes)
    except AssertionError as error:
        click.echo(str(error), err=True)
        return DIFFERENT


if __name__ == "__main__":
    raise SystemExit(main())
