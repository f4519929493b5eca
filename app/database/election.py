"""One process of all: elected by a row with a heartbeat, which works behind every pooler and needs no connection of its
own."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final
from uuid import uuid4

from sqlalchemy import text

from app.basics.errors import OnestopError, Unavailable
from app.database.engine import Database

LEASE_SECONDS: Final = 5.0
BEAT_SECONDS: Final = 1.5
LOGGER: Final = logging.getLogger("onestop.election")
_HOLD: Final = text("""
INSERT INTO election (holder, held_until) VALUES (:holder, clock_timestamp() + make_interval(secs => :lease))
ON CONFLICT (only_row) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
 WHERE election.holder = excluded.holder OR election.held_until < clock_timestamp()
RETURNING true""")
_LEAVE: Final = text("DELETE FROM election WHERE holder = :holder")


class Election:
    """A term of office, which lasts as long as its heartbeats reach the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._holder = str(uuid4())
        self._held_until = 0.0

    def confirm(self) -> None:
        """Unavailable when the term is over: another process may be elected by now."""
        if time.monotonic() >= self._held_until:
            raise Unavailable("busy")

    async def hold(self) -> bool:
        """Begin the term or make it longer; whether this process is the elected one."""
        asked = time.monotonic()
        async with self._database.transaction(reserved=True) as connection:
            found = await connection.execute(_HOLD, {"holder": self._holder, "lease": LEASE_SECONDS})
            held = found.first() is not None
        self._held_until = asked + LEASE_SECONDS if held else 0.0
        return held

    async def beat(self) -> None:
        """Hold the term until cancelled. What keeps a heartbeat from the database may pass; the term ends by itself."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                await self.hold()
            except Exception as error:
                LOGGER.warning(
                    "a heartbeat of the elected process didn't reach the database (%s); another takes over; look at it",
                    error,
                )

    async def leave(self) -> None:
        """End the term, so that another needn't wait for it."""
        self._held_until = 0.0
        with suppress(OnestopError, TimeoutError):
            async with asyncio.timeout(BEAT_SECONDS), self._database.transaction(reserved=True) as connection:
                await connection.execute(_LEAVE, {"holder": self._holder})


@asynccontextmanager
async def election(database: Database) -> AsyncIterator[Election | None]:
    """Be the elected process for as long as the context lasts; None when another is. Unavailable as a transaction."""
    mine = Election(database)
    if not await mine.hold():
        yield None
        return
    beating = asyncio.create_task(mine.beat())
    try:
        yield mine
    finally:
        beating.cancel()
        await asyncio.wait([beating])
        await mine.leave()
