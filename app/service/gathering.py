"""Work of several requests done together: what came while other work was done is taken at once, in its order.

There is no clock in it. A request that comes when little else is in flight is done alone, at once. Others wait until
the work before them is done, and are then taken together; where work had company before, more turns of the event loop
are given to requests that are just being read. So nobody waits for company, and the busier it is, the more is shared.

Work done together ends for each request by itself: with its result, with its own error, or left to be done alone. What
fails as a whole is done again alone, each for itself. What has to wait for something that others hold (its ``lane``, a
person) goes on in a task of that lane, so that nobody else waits for it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Generic, Literal, TypeVar

from app.basics.errors import OnestopError, Unavailable
from app.database.engine import RETRY_SECONDS, sqlstate
from app.service import metrics

MOST_TOGETHER: Final = 24
MOST_WAITING: Final = 1000
MOST_LANES: Final = 4
ALONE_AT_ONCE: Final = 2
BATCHES_AT_ONCE: Final = 2
LOGGER: Final = logging.getLogger("onestop.gathering")

Company = Literal["auto", "always", "never"]
Item = TypeVar("Item")
Result = TypeVar("Result")


class Left(Enum):
    """What work done together may leave: a request to be done alone, or when its lane is free."""

    ALONE = "alone"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class SharedWork(Generic[Item, Result]):
    """How requests are done: ``alone``, or several ``together`` with an outcome for each, in their order, when all is
    committed. ``lane`` names what a request may have to wait for; told to be patient (all of one lane), ``together``
    waits for it."""

    alone: Callable[[Item], Awaitable[Result]]
    together: Callable[[Sequence[Item], bool], Awaitable[Sequence[Result | Exception | Left]]]
    lane: Callable[[Item], str]


@dataclass(eq=False, slots=True)
class _Waiting(Generic[Item, Result]):
    """A request that waits, with whoever waits for it."""

    item: Item
    ended: asyncio.Future[Result]
    timer: asyncio.TimerHandle


@dataclass(eq=False)
class Gathering(Generic[Item, Result]):
    """The requests of a process that may be done together. ``company``: whether they are only where there are several,
    always (even a single one, for tests), or never. ``seconds`` is how long one waits for its turn."""

    work: SharedWork[Item, Result]
    company: Company
    seconds: float
    _queue: deque[_Waiting[Item, Result]] = field(default_factory=deque)
    _lanes: dict[str, deque[_Waiting[Item, Result]]] = field(default_factory=dict)
    _sizes: dict[int, int] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _alone: int = 0
    _had_company: bool = False
    _number: int = 0

    async def done(self, item: Item) -> Result:
        """Do the work of a request, alone or with others; its result, or its own error. Unavailable when too much
        waits, or for too long."""
        lane = self._lanes.get(self.work.lane(item))
        if self.company == "never" or (lane is None and self._is_quiet()):
            return await self._done_alone(item)
        if sum(map(len, self._lanes.values()), len(self._queue)) >= MOST_WAITING:
            raise _busy()
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Result] = loop.create_future()
        waiting = _Waiting(item, ended, loop.call_later(self.seconds, _give_up, ended))
        if lane is not None:
            lane.append(waiting)
        else:
            self._queue.append(waiting)
            self._go_on()
        try:
            return await ended
        finally:
            waiting.timer.cancel()

    def _is_quiet(self) -> bool:
        """Whether so little is done just now that a request needn't wait for what others began."""
        return self.company != "always" and not self._queue and not self._sizes and self._alone < ALONE_AT_ONCE

    async def _done_alone(self, item: Item) -> Result:
        self._alone += 1
        try:
            return await self.work.alone(item)
        finally:
            self._alone -= 1
            self._go_on()

    def _go_on(self) -> None:
        """Begin a batch if something waits and none runs; another one beside it when as much waits again."""
        waits = len(self._queue)
        enough = 1 if not self._sizes else max(2, *self._sizes.values())
        if waits >= enough and len(self._sizes) < BATCHES_AT_ONCE:
            self._number += 1
            self._sizes[self._number] = waits
            self._begin(self._batch(self._number))

    def _begin(self, doing: Awaitable[None]) -> None:
        """A task of its own, without the context of the request in which it happens to begin."""

        async def run() -> None:
            await doing

        task = asyncio.get_running_loop().create_task(run(), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _batch(self, number: int) -> None:
        waits = -1
        while self._had_company and waits < len(self._queue) < MOST_TOGETHER:
            waits = len(self._queue)
            await asyncio.sleep(0)
        taken = _taken(self._queue)
        self._sizes[number] = len(taken)
        self._had_company = len(taken) > 1
        try:
            if len(taken) == 1 and self.company != "always":
                await self._end_alone(taken[0])
            elif taken:
                await self._end_together(taken)
        finally:
            del self._sizes[number]
            self._go_on()

    async def _end_together(self, taken: Sequence[_Waiting[Item, Result]]) -> None:
        outcomes = await self._outcomes(taken, patient=False)
        for waiting, outcome in zip(taken, outcomes, strict=True):
            if outcome is Left.LATER:
                self._into_lane(waiting)
            else:
                self._end(waiting, outcome)

    async def _outcomes(
        self, taken: Sequence[_Waiting[Item, Result]], *, patient: bool
    ) -> Sequence[Result | Exception | Left]:
        """What became of each. A failure of the whole leaves each to be done alone, except where that is for nobody to
        try (a commit that nobody knows the outcome of) or was waited for already."""
        try:
            outcomes = await self.work.together([waiting.item for waiting in taken], patient)
        except Exception as error:
            metrics.gathered.labels("failed").inc(len(taken))
            if isinstance(error, Unavailable) and (error.code == "outcome_unknown" or patient):
                return [Unavailable(error.code, headers=error.headers, extra=error.extra) for _ in taken]
            # Its text may hold what was sent.
            name = error.code if isinstance(error, OnestopError) else f"{type(error).__name__} {sqlstate(error) or ''}"
            LOGGER.warning("%d bills can't be settled together (%s) and are settled alone", len(taken), name.strip())
            return [Left.ALONE] * len(taken)
        for outcome in outcomes:
            metrics.gathered.labels(_told(outcome)).inc()
        return outcomes

    def _end(self, waiting: _Waiting[Item, Result], outcome: Result | Exception | Left) -> None:
        if isinstance(outcome, Left):
            self._begin(self._end_alone(waiting))
        elif waiting.ended.done():
            return  # whoever asked has gone
        elif isinstance(outcome, Exception):
            waiting.ended.set_exception(outcome)
        else:
            waiting.ended.set_result(outcome)

    async def _end_alone(self, waiting: _Waiting[Item, Result]) -> None:
        try:
            result = await self._done_alone(waiting.item)
        except Exception as error:
            self._end(waiting, error)
        else:
            self._end(waiting, result)

    def _into_lane(self, waiting: _Waiting[Item, Result]) -> None:
        name = self.work.lane(waiting.item)
        if name in self._lanes:
            self._lanes[name].append(waiting)
        elif len(self._lanes) < MOST_LANES:
            self._lanes[name] = deque([waiting])
            self._begin(self._lane(name))
        else:
            self._end(waiting, Left.ALONE)

    async def _lane(self, name: str) -> None:
        """Do what waits in a lane, until nothing does."""
        lane = self._lanes[name]
        try:
            while taken := _taken(lane):
                outcomes = await self._outcomes(taken, patient=True)
                later = []
                for waiting, outcome in zip(taken, outcomes, strict=True):
                    if outcome is Left.LATER:
                        later.append(waiting)
                    else:
                        self._end(waiting, outcome)
                lane.extendleft(reversed(later))
        finally:
            del self._lanes[name]


def _told(outcome: object) -> str:
    if isinstance(outcome, Left):
        return outcome.value
    return "refused" if isinstance(outcome, Exception) else "done"


def _taken(queue: deque[_Waiting[Item, Result]]) -> list[_Waiting[Item, Result]]:
    """The first that wait, without those that gave up; from now on they wait as long as it takes."""
    taken: list[_Waiting[Item, Result]] = []
    while queue and len(taken) < MOST_TOGETHER:
        waiting = queue.popleft()
        waiting.timer.cancel()
        if not waiting.ended.done():
            taken.append(waiting)
    return taken


def _give_up(ended: asyncio.Future[Result]) -> None:
    if not ended.done():
        ended.set_exception(_busy())


def _busy() -> Unavailable:
    return Unavailable("busy", headers={"Retry-After": RETRY_SECONDS})
