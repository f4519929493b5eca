"""The service's side of running jobs: each worker process of the service runs one job at a time, in a process of its
own.

Reading and matching a long list takes the processor for minutes. In a process of its own it takes no time from
settling, gives its memory back, and may die without harm: the lease ends and the next attempt carries on.
"""

import asyncio
import logging
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from app.basics.errors import OnestopError
from app.jobs import store
from app.service.caller import Service
from app.service.loops import Beat, Loop
from app.service.metrics import MULTIPROCESS_VARIABLE

POLL_SECONDS: Final = 0.5
OBSERVE_SECONDS: Final = 30
HANGS_SECONDS: Final = 300
STOP_SECONDS: Final = 5
DATABASE_AWAY: Final = 75
"""The status of a job's process that couldn't go on without the database: it did nothing wrong."""
NO_CRASH: Final = (0, DATABASE_AWAY, -signal.SIGTERM)  # the last is sent to all when a machine is shut down
LOGGER: Final = logging.getLogger("onestop.jobs")


@dataclass(frozen=True, slots=True)
class _Ended:
    """An attempt whose process has ended, and whether by itself."""

    job_id: int
    attempt: int
    crashed: bool


def work(service: Service, *, observe: Callable[[Service], Awaitable[None]]) -> Loop:
    """The loop that claims and runs jobs; when cancelled it stops the one that runs and gives it back. ``observe`` is
    called now and then, to set the metrics of what jobs work on."""
    observed = -float(OBSERVE_SECONDS)
    ended: list[_Ended] = []  # not given back yet, because the database was away

    async def turn(beat: Beat) -> None:
        nonlocal observed
        await _give_back(service, ended)
        if monotonic() - observed >= OBSERVE_SECONDS:
            observed = monotonic()
            await observe(service)
            await store.expire_rows(service)
            await store.drop_results(service)
        while (claimed := await store.claim(service)) is not None:
            await _run(service, *claimed, beat, ended)
            beat()

    return Loop("jobs", turn, pause=POLL_SECONDS, hangs=HANGS_SECONDS)


async def _give_back(service: Service, ended: list[_Ended]) -> None:
    """Give back what has ended, one after the other; what can't be given back yet stays in the list."""
    while ended:
        await store.release(service, ended[0].job_id, ended[0].attempt, crashed=ended[0].crashed)
        del ended[0]


async def _run(service: Service, job_id: int, attempt: int, beat: Beat, ended: list[_Ended]) -> None:
    command = (sys.executable, "-m", "app.serving.job", str(job_id), str(attempt), str(os.getpid()))
    # The metrics of the service are its own: a job's process would leave files among them.
    environment = {name: value for name, value in os.environ.items() if name != MULTIPROCESS_VARIABLE}
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    try:
        await _watch(service, process, job_id, attempt, beat)
    finally:
        told = process.returncode is None  # the service stops, or the job isn't ours any more
        if told:
            await _stop(process)
        ended.append(_Ended(job_id, attempt, not told and process.returncode not in NO_CRASH))
        await _give_back(service, ended)


async def _watch(service: Service, process: Process, job_id: int, attempt: int, beat: Beat) -> None:
    """Hold the lease while the process lives, and end the process when the job isn't ours any more. While the database
    is away the process finds out by itself."""
    while True:
        try:
            await asyncio.wait_for(process.wait(), store.LEASE_SECONDS / 3)
            return
        except TimeoutError:
            beat()
        try:
            if not await store.renew(service, job_id, attempt):
                return
        except OnestopError as error:
            LOGGER.warning(
                "the lease of a job can't be held just now (%s); it goes on or is taken up again by itself", error.code
            )


async def _stop(process: Process) -> None:
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
