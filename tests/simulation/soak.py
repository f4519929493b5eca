"""Many simulated years, in pieces: ``python -m tests.simulation.soak --months 1000 --minutes 55 --folder
.onestop/soak``.

Each finished seed leaves a file in the folder and isn't run again; the same command goes on where the time ended.
Status 0: all months are there without a difference; 1: a seed differed; 2: the time ended first.
"""

import argparse
import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import click
import msgspec

from app.database import embedded
from app.simulation.year import YearRequest
from tests.conftest import migrated_database
from tests.simulation.service import Played, play

HOSPITALS, MONTHS = 4, 16
CLEAN, DIFFERENT, UNFINISHED = 0, 1, 2


class Piece(msgspec.Struct):
    """What a seed came to."""

    seed: int
    hospital_months: int
    settlements: int
    calls: int
    comparisons: int
    refusals: int
    seconds: int
    differences: list[str]
    findings: str

    def line(self) -> str:
        """The seed in one line, its differences below."""
        head = (
            f"seed {self.seed}: {self.hospital_months} hospital-months, {self.settlements} bills, {self.calls} calls "
            f"({self.refusals} refused), {self.comparisons} comparisons, {len(self.differences)} differences, "
            f"{'findings' if self.findings else 'no findings'}, {self.seconds} s"
        )
        return "\n".join([head, *self.differences, *([self.findings] if self.findings else [])])


def soak(server: str, folder: Path, months: int, minutes: int, workers: int) -> int:
    """Run seeds until the months are reached or the time is over; the status that the command ends with."""
    pieces = {piece.seed: piece for piece in _finished(folder)}
    asyncio.run(migrated_database(server))  # alembic migrates in one thread at a time; the seeds copy what it made
    end = time.monotonic() + minutes * 60
    seeds = (seed for seed in count(1) if seed not in pieces)
    running: set[Future[Piece]] = set()
    with ThreadPoolExecutor(workers) as pool:
        while running or _missing(pieces, months, running) > 0:
            while len(running) < workers and _missing(pieces, months, running) > 0 and time.monotonic() < end:
                running.add(pool.submit(_piece, server, folder, next(seeds)))
            if not running:
                break
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for piece in [one.result() for one in done]:
                pieces[piece.seed] = piece
                click.echo(piece.line())
    return _status(list(pieces.values()), months)


def _missing(pieces: dict[int, Piece], months: int, running: set[Future[Piece]]) -> int:
    return months - sum(piece.hospital_months for piece in pieces.values()) - len(running) * HOSPITALS * MONTHS


def _finished(folder: Path) -> Iterator[Piece]:
    for path in sorted(folder.glob("seed-*.json")):
        yield msgspec.json.decode(path.read_bytes(), type=Piece)


def _piece(server: str, folder: Path, seed: int) -> Piece:
    since = time.monotonic()
    played = play(server, YearRequest(seed=seed, hospitals=HOSPITALS, months=MONTHS))
    piece = _of(seed, played, round(time.monotonic() - since))
    (folder / f"seed-{seed:05d}.json").write_bytes(msgspec.json.format(msgspec.json.encode(piece)))
    return piece


def _of(seed: int, played: Played, seconds: int) -> Piece:
    outcome = played.outcome
    return Piece(
        seed=seed,
        hospital_months=outcome.hospital_months,
        settlements=outcome.settlements,
        calls=outcome.calls,
        comparisons=outcome.comparisons,
        refusals=sum(number for name, number in outcome.moves.items() if name.endswith("refused")),
        seconds=seconds,
        differences=outcome.differences,
        findings=played.findings,
    )


def _status(pieces: list[Piece], months: int) -> int:
    done = sum(piece.hospital_months for piece in pieces)
    different = [piece.seed for piece in pieces if piece.differences or piece.findings]
    comparisons = sum(piece.comparisons for piece in pieces)
    click.echo(
        f"{done} of {months} hospital-months, {comparisons} comparisons, seeds that differ: {different or 'none'}"
    )
    return DIFFERENT if different else CLEAN if done >= months else UNFINISHED


@contextmanager
def _server() -> Iterator[str]:
    """One database server for all seeds."""
    folder = Path(tempfile.mkdtemp(prefix="onestop-soak-"))
    folder.chmod(0o755)
    try:
        with embedded.start(folder / "data", options={"max_connections": "100"}) as server:
            yield server.url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Read the command line and run."""
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--months", type=int, default=1000, help="hospital-months to reach, finished ones included")
    wanted.add_argument("--minutes", type=int, default=55, help="start no seed after so many minutes")
    wanted.add_argument("--workers", type=int, default=2, help="seeds at a time")
    wanted.add_argument("--folder", type=Path, default=Path(".onestop/soak"), help="where finished seeds are kept")
    chosen = wanted.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with _server() as server:
        return soak(server, chosen.folder, chosen.months, chosen.minutes, chosen.workers)


if __name__ == "__main__":
    raise SystemExit(main())
