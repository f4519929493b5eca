"""Sums of what was posted, by business day and by month, so that no figure reads every transfer (decision 0034).

``posted()`` in SQL gives the sums and, one by one, what no pass has added yet, in one snapshot: what is asked is right
whether or not a pass was ever made. ``onestop check`` compares the sums with all transfers (``rollup``)."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import last_day, period_of
from app.database.engine import Database

MOST_SECONDS: Final = "600s"
_OPEN: Final = text("SELECT service_open(:timeout)")
_ROLL: Final = text("SELECT postings_roll()")
SINCE: Final = "(SELECT since FROM last_roll())"
"""What ``span_since`` is given, as an expression of a query."""
_SINCE: Final = text(f"SELECT {SINCE}")
POSTED: Final = "posted(CAST(:rolled_since AS timestamptz), CAST(:whole_until AS date), CAST(:last_day AS date))"
"""What was posted, as a table of a query; its values are ``span()``."""
EVER: Final = date(9999, 12, 31)

# Groups are made in memory instead of being sorted, by the names in them. The planner, who takes a group of groups for
# one row, would look again and again at what is better looked at once.
_LEFT_OUT: Final = ("enable_nestloop", "enable_sort", "enable_mergejoin")
_BEGUN: Final = text(
    f"SELECT {SINCE}, set_config('work_mem', '64MB', true), "
    + ", ".join(f"set_config('{name}', 'off', true)" for name in _LEFT_OUT)
)
_ENDED: Final = text("SELECT " + ", ".join(f"set_config('{name}', 'on', true)" for name in _LEFT_OUT))

Span = dict[str, object]


async def roll(database: Database) -> int:
    """Add what was posted since the last pass, and say how many transfers that were. Two at once: the second waits."""
    async with database.transaction() as connection:
        await connection.execute(_OPEN, {"timeout": MOST_SECONDS})
        added: int = (await connection.execute(_ROLL)).scalar_one()
    return added


@asynccontextmanager
async def hashing(connection: AsyncConnection) -> AsyncIterator[datetime | None]:
    """Within it the queries of a transaction make groups and joins in memory; gives what ``SINCE`` gives."""
    yield (await connection.execute(_BEGUN)).scalar_one()
    await connection.execute(_ENDED)  # not after an error: the transaction takes the settings back


async def span(connection: AsyncConnection, days: Iterable[date]) -> Span:
    """The values of ``POSTED`` for figures as of some business days."""
    return span_since((await connection.execute(_SINCE)).scalar_one(), days)


def span_since(since: datetime | None, days: Iterable[date]) -> Span:
    """The same, of what ``SINCE`` gave. Months are read whole as long as each of the days is the last of its month, or
    the last of all; behind them it goes by the day."""
    asked = sorted(days)
    broken = [day for day in asked[:-1] if day != last_day(period_of(day))]
    return {
        "rolled_since": since,
        "whole_until": broken[0].replace(day=1) if broken else EVER,
        "last_day": asked[-1],
    }
