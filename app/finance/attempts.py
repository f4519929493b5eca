"""Attempts to prove who one is, counted so that guessing is slow, and so that nobody is shut out by somebody else.

Whoever fails ``FREE`` times for one name from one place waits longer after each further failure, from that place only;
a place that failed ``MOST_FROM_PLACE`` times waits for every name. A name that is tried from many places is answered
slowly, but answered. An attempt counts as failed until it has succeeded, so that many at once are counted too. Names
and places are kept as keyed digests, for ``WINDOW``. Real time.
"""

from datetime import timedelta
from typing import Final

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import TooMany
from app.service.security import Keys, blind_index
from app.service.tables import failed_login

WINDOW: Final = timedelta(minutes=15)
FREE: Final = 5
FIRST_WAIT: Final = 10
MOST_FROM_PLACE: Final = 50
MOST_IN_PEACE: Final = 50
PAUSE_SECONDS: Final = 2.0


async def begin(connection: AsyncConnection, keys: Keys, name: str, origin: str) -> float:
    """Count an attempt as failed, in the caller's transaction, which holds the row of a known name. The seconds to wait
    before it is looked at; TooMany ``too_many_logins`` when it is too early."""
    place, whom, now = blind_index(keys, origin), blind_index(keys, name), func.clock_timestamp()
    await connection.execute(delete(failed_login).where(failed_login.c.at < now - WINDOW))
    here, this = failed_login.c.origin == place, failed_login.c.name == whom
    counts = select(
        func.count().filter(here).label("from_place"),
        func.count().filter(this).label("of_name"),
        func.count().filter(here & this).label("of_both"),
        func.extract("epoch", now - func.max(failed_login.c.at).filter(here & this)).label("since"),
    ).where(here | this)
    found = (await connection.execute(counts)).one()
    wait = 0.0
    if found.from_place >= MOST_FROM_PLACE:
        wait = WINDOW.total_seconds()
    elif found.of_both >= FREE:
        wait = min(WINDOW.total_seconds(), FIRST_WAIT * 2 ** (found.of_both - FREE)) - float(found.since)
    if wait > 0:
        raise TooMany("too_many_logins", headers={"Retry-After": str(int(wait) + 1)})
    await connection.execute(insert(failed_login).values(origin=place, name=whom))
    return PAUSE_SECONDS if found.of_name >= MOST_IN_PEACE else 0.0


async def succeeded(connection: AsyncConnection, keys: Keys, name: str, origin: str) -> None:
    """Forget the failures of a name from a place."""
    mine = (failed_login.c.origin == blind_index(keys, origin)) & (failed_login.c.name == blind_index(keys, name))
    await connection.execute(delete(failed_login).where(mine))
