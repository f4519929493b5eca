"""What an instance knows of itself: whether it can settle, and what isn't as it should be although it can.

A probe in the background looks every few seconds; ``/readyz`` answers from what it found last, so it never waits for a
database that doesn't answer.
"""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import func, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import shanghai_day
from app.basics.errors import OnestopError, Refused
from app.database.schema import misfit
from app.service import clock, key_check
from app.service.caller import Service
from app.service.loops import Beat, Loop
from app.service.metrics import degraded, pool_connections, pool_timeouts, ready
from app.service.tables import health_probe

PROBE_SECONDS: Final = 5.0
STALE_SECONDS: Final = 10.0
HANGS_SECONDS: Final = 60.0
CLOCK_SECONDS: Final = 30.0
LEAST_FREE_BYTES: Final = 64 * 1024 * 1024
OK: Final = "ok"
_CHECKED: Final = text("SELECT connection_checked()")


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What one probe found: by name what settling needs, and what is only worth a look; when, by the monotonic
    clock."""

    checks: dict[str, str]
    degraded: dict[str, str]
    at: float

    @property
    def ready(self) -> bool:
        """Whether the instance can settle."""
        return all(found == OK for found in self.checks.values())


class Health:
    """The last report of an instance, renewed by its loop."""

    def __init__(self, service: Service, loops: Sequence[Loop]) -> None:
        self._service = service
        self._loops = loops
        self._timeouts = 0
        self._last = HealthReport({"probe": "not done yet"}, {}, time.monotonic())

    def loop(self) -> Loop:
        """The loop that probes."""
        return Loop("health", self._probe, pause=PROBE_SECONDS, hangs=HANGS_SECONDS)

    def report(self) -> HealthReport:
        """The last report; one of its own when that is too old to be believed."""
        silent = time.monotonic() - self._last.at
        if silent <= STALE_SECONDS:
            return self._last
        return HealthReport({"probe": f"the database hasn't answered for {silent:.0f} s"}, {}, self._last.at)

    def is_ready(self) -> bool:
        """Whether the instance can settle, by the last report."""
        return self.report().ready

    async def _probe(self, _: Beat) -> None:
        self._count_connections()
        try:
            async with self._service.database.transaction(reserved=True) as connection:
                checks, worth_a_look = await self._looked(connection)
        except OnestopError as error:
            checks, worth_a_look = {"database": error.code}, {}
        except Exception as error:
            self._keep({"database": type(error).__name__}, {})
            raise
        self._keep(checks, worth_a_look)

    def _count_connections(self) -> None:
        """Show how many connections are in use, and how many waited for one in vain since the last probe."""
        database = self._service.database
        for pool, (used, most) in database.in_use().items():
            pool_connections.labels(pool, "used").set(used)
            pool_connections.labels(pool, "most").set(most)
        pool_timeouts.inc(database.timeouts - self._timeouts)
        self._timeouts = database.timeouts

    def _keep(self, checks: dict[str, str], worth_a_look: dict[str, str]) -> None:
        self._last = HealthReport(checks | self._disk(), worth_a_look | self._silent_loops(), time.monotonic())
        ready.set(self._last.ready)
        degraded.set(len(self._last.degraded))

    async def _looked(self, connection: AsyncConnection) -> tuple[dict[str, str], dict[str, str]]:
        await connection.execute(_CHECKED)
        wrong = await connection.run_sync(misfit)
        if wrong is not None:
            return {"database": OK, "migrations": wrong}, {}
        if not await key_check.fits(connection, self._service.keys):
            return {"database": OK, "migrations": OK, "key": "the database was written with another secret"}, {}
        written = insert(health_probe).values(probed_at=func.clock_timestamp())
        kept = {"probed_at": written.excluded.probed_at}
        written = written.on_conflict_do_update(index_elements=[health_probe.c.only_row], set_=kept)
        there = (await connection.execute(written.returning(health_probe.c.probed_at))).scalar_one()
        now = await clock.now(connection, manual=self._service.manual_clock)
        return {"database": OK, "migrations": OK, "key": OK, "write": OK}, _clock(there) | self._gaps(now)

    def _gaps(self, now: datetime) -> dict[str, str]:
        """The packs without a policy for today."""
        found = {}
        for name in self._service.book.packs:
            try:
                self._service.book.policy(name, shanghai_day(now))
            except Refused as refused:
                found[f"policy {name}"] = refused.code
        return found

    def _silent_loops(self) -> dict[str, str]:
        late = [loop for loop in self._loops if loop.age > loop.pause + loop.hangs]
        return {f"loop {loop.name}": f"silent for {loop.age:.0f} s" for loop in late}

    def _disk(self) -> dict[str, str]:
        """The disk of the embedded database, where there is one."""
        folder = self._service.settings.data_dir
        if folder is None or not (folder / "pg").exists():
            return {}
        free = shutil.disk_usage(folder).free
        return {"disk": OK if free >= LEAST_FREE_BYTES else f"only {free // 1024**2} MB are free"}


def _clock(there: datetime) -> dict[str, str]:
    """How far this machine's clock is from the database's."""
    off = abs((datetime.now(UTC) - there).total_seconds())
    return {} if off <= CLOCK_SECONDS else {"clock": f"{off:.0f} s off the database's"}
