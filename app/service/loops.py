"""What a process does again and again beside its requests: no error ends it, and each one is said and counted.

A loop that hangs is cancelled and begun anew; one that keeps hanging ends its process, so that another can take over.
"""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from app.basics.errors import OnestopError
from app.database.engine import is_cancelled
from app.service.metrics import loop_errors, loop_turned_at, uncaught_errors

LOOK_SECONDS: Final = 1.0
MOST_RESTARTS: Final = 3
LOGGER: Final = logging.getLogger("onestop.loops")

Beat = Callable[[], None]


@dataclass
class Loop:
    """One loop. ``turn`` does a round and is given ``beat``, to be called by a long round that is alive.

    ``pause`` is the time between rounds, ``hangs`` the time without a beat after which the loop is begun anew; seconds.
    """

    name: str
    turn: Callable[[Beat], Awaitable[None]]
    pause: float
    hangs: float
    beaten: float = field(default_factory=time.monotonic)
    restarts: int = 0

    def beat(self) -> None:
        """Note that the loop is alive."""
        self.beaten = time.monotonic()
        loop_turned_at.labels(self.name).set_to_current_time()

    @property
    def age(self) -> float:
        """Seconds since it was last seen alive."""
        return time.monotonic() - self.beaten

    async def run(self) -> None:
        """Do rounds until cancelled, whatever they raise, and whatever a round made of its being cancelled."""
        while True:
            self.beat()
            try:
                await self.turn(self.beat)
                self.restarts = 0
            except OnestopError as error:  # the database is away or busy; it may come back
                loop_errors.labels(self.name).inc()
                LOGGER.warning(
                    "the loop %s has to wait for the database (%s) and goes on by itself; see /readyz",
                    self.name,
                    error.code,
                )
            except Exception:
                loop_errors.labels(self.name).inc()
                uncaught_errors.inc()
                LOGGER.exception("the loop %s failed and goes on; report it with its traceback", self.name)
            self.beat()
            if is_cancelled():
                return
            await asyncio.sleep(self.pause)


async def keep(loops: Sequence[Loop], *, ready: Callable[[], bool]) -> None:
    """Run loops until cancelled. One that has ended or hangs is begun anew; after several times the process ends,
    unless nothing works because the instance isn't ready."""
    tasks = {loop.name: asyncio.create_task(loop.run()) for loop in loops}
    try:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for loop in loops:
                if tasks[loop.name].done() or loop.age > loop.pause + loop.hangs:
                    tasks[loop.name] = await _begun_anew(loop, tasks[loop.name], ready())
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


async def _begun_anew(loop: Loop, task: asyncio.Task[None], ready: bool) -> asyncio.Task[None]:
    loop.restarts += 1
    loop_errors.labels(loop.name).inc()
    LOGGER.error(
        "the loop %s ended or hangs, and is begun anew (%s); keep the log if this repeats", loop.name, loop.restarts
    )
    if loop.restarts > MOST_RESTARTS and ready:
        LOGGER.error("the loop %s doesn't recover; this process ends, so that another takes over", loop.name)
        os.kill(os.getpid(), signal.SIGINT)  # served to an end, and then a status that isn't 0
    task.cancel()
    await asyncio.wait([task], timeout=LOOK_SECONDS)
    loop.beat()
    return asyncio.create_task(loop.run())
