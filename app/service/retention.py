"""Remembered answers are purged when they are older than they are kept. Real time."""

from datetime import timedelta
from typing import Final

from sqlalchemy import func, select

from app.service.caller import Service
from app.service.loops import Beat, Loop

PURGE_SECONDS: Final = 3600.0
PURGE_ROWS: Final = 10_000
HANGS_SECONDS: Final = 600.0


def purging(service: Service) -> Loop:
    """The loop that purges: at the start, then every hour."""

    async def turn(beat: Beat) -> None:
        while await purge(service) >= PURGE_ROWS:
            beat()

    return Loop("purging", turn, pause=PURGE_SECONDS, hangs=HANGS_SECONDS)


async def purge(service: Service) -> int:
    """Purge what is old enough, at most so many at once; how many it were."""
    kept = timedelta(days=service.settings.idempotency_days)
    async with service.database.transaction() as connection:
        purged: int = (await connection.execute(select(func.answers_purge(kept, PURGE_ROWS)))).scalar_one()
    return purged
