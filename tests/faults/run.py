"""Faults under load, by seed: ``python -m tests.faults.run --seed 1 --faults 20`` does the same ones in the same order.

The plan, the amounts and the choice of each victim come from the seed; what a process happens to do in the moment of
its death doesn't.
"""

import argparse
import asyncio
import random
import signal
import time
from collections.abc import Iterable
from math import inf
from statistics import median
from typing import Final

import click
import msgspec

from tests.faults.causes import CAUSES, Doing, Whole, planned
from tests.faults.ground import Ground, NotHere, ground, until
from tests.faults.load import Found, Load

GIVE_UP_SECONDS: Final = 300.0
RECOVERY_SECONDS: Final = 10.0
SPIN_SECONDS: Final = 0.1
COLUMNS: Final = ("fault", "tries", "bills", "repeated", "lost", "doubled", "recovery median", "longest", "too late")


class Outcome(msgspec.Struct):
    """What one fault came to. ``seconds``: from the end of its cause until everything works; ``slowness``: how much
    longer something took because of other work on the machine; ``skipped``: why the fault wasn't done."""

    fault: str
    seconds: float = 0.0
    slowness: float = 1.0
    bills: int = 0
    repeated: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: str = ""
    skipped: str = ""

    @property
    def is_late(self) -> bool:
        """Whether it took longer than ten seconds. A single thread that is n times as slow as alone has two cores of
        other work beside it, at most; the many processes of the service have 2n - 1 times less of the machine."""
        return self.seconds > RECOVERY_SECONDS * max(1.0, 2 * self.slowness - 1)


def slowness() -> float:
    """How many times longer than alone a piece of work takes just now, because of what else runs on the machine."""
    begun, used = time.monotonic(), time.thread_time()
    while time.thread_time() - used < SPIN_SECONDS:
        pass
    return (time.monotonic() - begun) / SPIN_SECONDS


async def run(seed: int, number: int, *, only: str = "", within: float = inf) -> list[Outcome]:
    """Do the faults of a seed to one service, one after the other; ``only`` those of one kind, and none that would
    begin after so many seconds."""
    end = time.monotonic() + within
    async with ground() as place:
        load = Load(place, random.Random(seed))
        await load.prepare()
        done = []
        for turn, (fault, delay, seconds) in enumerate(planned(seed, number)):
            if only not in ("", fault) or time.monotonic() > end:
                continue
            doing = Doing(place, load, random.Random(f"{seed} {turn}"), seconds)
            done.append(await _tried(fault, doing, delay))
            click.echo(line(done[-1]))
        return done


async def _tried(fault: str, doing: Doing, delay: float) -> Outcome:
    try:
        return await _done(fault, doing, delay)
    except NotHere as why:
        return Outcome(fault, skipped=str(why))
    except (AssertionError, TimeoutError) as error:
        return Outcome(fault, wrong=f"{type(error).__name__} {error}\n{doing.ground.said()}", slowness=slowness())
    finally:
        await doing.load.end()


async def _done(fault: str, doing: Doing, delay: float) -> Outcome:
    load = doing.load
    await doing.ground.until_whole(GIVE_UP_SECONDS)
    load.begin()
    await asyncio.sleep(delay)
    besides = await CAUSES[fault](doing)
    seconds = await _recovered(doing.ground, load, besides)
    await load.end()
    await load.converge()
    return _outcome(fault, seconds, await load.found())


async def _recovered(place: Ground, load: Load, besides: Whole | None) -> float:
    """Seconds until a bill is settled, the service is whole, and what else has to be."""
    since = time.monotonic()
    async with asyncio.timeout(GIVE_UP_SECONDS):
        await load.probe()
        await place.until_whole(GIVE_UP_SECONDS)
        if besides is not None:
            await until(besides, GIVE_UP_SECONDS)
    return time.monotonic() - since


def _outcome(fault: str, seconds: float, found: Found) -> Outcome:
    wrong = "" if found.is_right else f"{found}"
    numbers = (found.acknowledged, found.repeated, found.lost, found.doubled)
    return Outcome(fault, seconds, slowness(), *numbers, wrong=wrong)


def line(outcome: Outcome) -> str:
    """One fault in a line."""
    if outcome.skipped:
        return f"{outcome.fault}: skipped, {outcome.skipped}"
    numbers = f"{outcome.bills} bills, {outcome.repeated} repeated, {outcome.lost} lost, {outcome.doubled} doubled"
    late = f" (machine {outcome.slowness:.1f} times slower{', too late' if outcome.is_late else ''})"
    return f"{outcome.fault}: {numbers}, recovered in {outcome.seconds:.1f} s{late} {outcome.wrong}".rstrip()


def table(outcomes: Iterable[Outcome]) -> str:
    """fault x tries x lost and doubled x recovery, as Markdown."""
    by_fault: dict[str, list[Outcome]] = {fault: [] for fault in CAUSES}
    for one in outcomes:
        by_fault[one.fault].append(one)
    rows = [COLUMNS, ("---", *("--:" for _ in COLUMNS[1:]))]
    rows += [_row(fault, tries) for fault, tries in by_fault.items() if tries]
    everything = [one for tries in by_fault.values() for one in tries]
    rows.append(_row("all", everything))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(fault: str, tries: list[Outcome]) -> tuple[str, ...]:
    done = [one for one in tries if not one.skipped]
    if not done:
        return (fault.replace("_", " "), "0", *("" for _ in COLUMNS[2:8]), tries[0].skipped)
    sums = [sum(getattr(one, name) for one in done) for name in ("bills", "repeated", "lost", "doubled")]
    times = [one.seconds for one in done]
    recovery = (f"{median(times):.1f} s", f"{max(times):.1f} s", str(sum(one.is_late for one in done)))
    return (fault.replace("_", " "), str(len(done)), *(str(number) for number in sums), *recovery)


def leave_cleanly() -> None:
    """Told to end, also in the background of a shell, leave no process and no disk behind."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def main() -> None:
    """Read the command line and run."""
    leave_cleanly()
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--seed", type=int, default=1)
    wanted.add_argument("--faults", type=int, default=20)
    wanted.add_argument("--only", choices=sorted(CAUSES), default="", help="leave all others of the plan out")
    chosen = wanted.parse_args()
    since = time.monotonic()
    outcomes = asyncio.run(run(chosen.seed, chosen.faults, only=chosen.only))
    click.echo(f"{table(outcomes)}\n{time.monotonic() - since:.0f} s")
    raise SystemExit(any(one.wrong or one.is_late for one in outcomes))


if __name__ == "__main__":
    main()
