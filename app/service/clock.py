"""Business time: real, or standing still in the database until somebody moves it forward.

The manual clock (``ONESTOP_CLOCK=manual:<instant>``) is for demos, simulations and tests; all workers see the same one.
Signatures, tokens, sessions, logs and metric timestamps use real time and never this clock.
"""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict
from app.config import Settings
from app.service.tables import business_clock
from app.service.wire import Instant

MANUAL = "manual:"


class ClockRequest(Struct, forbid_unknown_fields=True):
    """The body of ``PUT /v1/clock``."""

    now: Instant


class ClockSettingError(ValueError):
    """``ONESTOP_CLOCK`` can't be used as it is."""


def manual_start(settings: Settings) -> datetime | None:
    """The instant at which a manual clock starts, None for real time. ClockSettingError with the remedy."""
    if settings.clock == "real":
        return None
    if settings.production:
        raise ClockSettingError("ONESTOP_CLOCK=manual is refused with ONESTOP_ENV=production; unset ONESTOP_CLOCK")
    try:
        start = datetime.fromisoformat(settings.clock.removeprefix(MANUAL))
    except ValueError:
        start = None
    if not settings.clock.startswith(MANUAL) or start is None or start.tzinfo is None:
        raise ClockSettingError("ONESTOP_CLOCK is real or manual:<instant>, e.g. manual:2018-05-12T10:00:00+08:00")
    return start


async def start_manual(connection: AsyncConnection, start: datetime) -> None:
    """Set the manual clock, or move it forward to its start; a clock that is ahead already stays."""
    statement = insert(business_clock).values(now=start)
    later = business_clock.c.now < statement.excluded.now
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=[business_clock.c.only_row], set_={"now": statement.excluded.now}, where=later
        )
    )


async def now(connection: AsyncConnection, *, manual: bool) -> datetime:
    """The business instant."""
    result: datetime = (await connection.execute(text("SELECT business_now(:manual)"), {"manual": manual})).scalar_one()
    return result


async def move(connection: AsyncConnection, to: datetime, *, manual: bool) -> datetime:
    """Move the manual clock forward. Conflict ``clock_backwards``, or ``clock_is_real`` when there is none."""
    if not manual:
        raise Conflict("clock_is_real")
    current = (await connection.execute(select(business_clock.c.now).with_for_update())).scalar_one()
    if to < current:
        raise Conflict("clock_backwards")
    await connection.execute(update(business_clock).values(now=to))
    return to
