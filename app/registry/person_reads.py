"""Whom a hospital reads: the persons that it treats, and others, of whom it may read so many an hour.

A person is a hospital's own for 30 days after it quoted or settled for them or identified them by certificate, and as
long as a visit of theirs is open there. Reads of others are written down (``audit_event.other_person``), counted and
limited. Registry, finance and auditors are written down and not limited.
"""

from typing import Final

from app.basics.errors import TooMany
from app.database.engine import HotConnection
from app.service import metrics
from app.service.audit import noted
from app.service.caller import Caller, Service
from app.service.loops import Beat, Loop

FLUSH_SECONDS: Final = 2.0
HANGS_SECONDS: Final = 60
MOST_WAITING: Final = 100_000
WAIT_SECONDS: Final = "600"

_OWN: Final = """
SELECT EXISTS (SELECT FROM nhsa_identification WHERE hospital_code = $1 AND person_id = $2
                  AND identified_at > business_now($3) - interval '30 days')
    OR EXISTS (SELECT FROM quoted_person WHERE hospital_code = $1 AND person_id = $2
                  AND quoted_at > clock_timestamp() - interval '30 days')
    OR EXISTS (SELECT FROM nhsa_visit WHERE hospital_code = $1 AND person_id = $2 AND state = 'open')
    OR EXISTS (SELECT FROM settlement WHERE hospital_code = $1 AND person_id = $2
                  AND recorded_at > clock_timestamp() - interval '30 days')"""
_OTHERS_READ: Final = """
SELECT count(*) FROM audit_event
 WHERE hospital_code = $1 AND other_person AND recorded_at > clock_timestamp() - interval '1 hour'"""
_QUOTED: Final = """
INSERT INTO quoted_person (hospital_code, person_id)
SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT (hospital_code, person_id)
DO UPDATE SET quoted_at = clock_timestamp() WHERE quoted_person.quoted_at < clock_timestamp() - interval '1 day'"""
_EVERYWHERE: Final = "SELECT service_open(NULL)"
_FORGOTTEN: Final = "DELETE FROM quoted_person WHERE quoted_at < clock_timestamp() - interval '31 days'"


async def count_read(service: Service, connection: HotConnection, caller: Caller, person_id: str) -> None:
    """Count that a hospital reads a person, before it is known whether there is one. TooMany ``person_reads_exceeded``
    for one that isn't its own, once it has read as many of those within an hour as the setting allows."""
    hospital_code = caller.principal.hospital_code
    if hospital_code is None:
        return
    own = (hospital_code, person_id) in service.quoted or await connection.fetchval(
        _OWN, hospital_code, person_id, service.manual_clock
    )
    if own:
        metrics.person_reads.labels("own").inc()
        return
    noted().other_person = True
    limit = service.settings.person_reads
    if limit and await connection.fetchval(_OTHERS_READ, hospital_code) >= limit:
        metrics.person_reads.labels("refused").inc()
        raise TooMany("person_reads_exceeded", values={"limit": str(limit)}, headers={"Retry-After": WAIT_SECONDS})
    metrics.person_reads.labels("other").inc()


def note_quoted(service: Service, hospital_code: str, person_id: str) -> None:
    """Note that a hospital quoted for a person. Written a moment later, so that a quote takes no longer."""
    if len(service.quoted) < MOST_WAITING:
        service.quoted.add((hospital_code, person_id))


def keeping_quoted(service: Service) -> Loop:
    """The loop that writes down whom hospitals quoted for."""

    async def turn(beat: Beat) -> None:
        await keep_quoted(service)

    return Loop("keeping-quoted", turn, pause=FLUSH_SECONDS, hangs=HANGS_SECONDS)


async def keep_quoted(service: Service) -> None:
    """Write down whom hospitals quoted for since the last time, and forget who is of no use any more."""
    waiting = sorted(service.quoted)  # in one order, so that two processes can't wait for each other
    if waiting:
        async with service.database.hot() as connection:
            await connection.execute(_EVERYWHERE)
            await connection.execute(_QUOTED, *map(list, zip(*waiting, strict=True)))
            await connection.execute(_FORGOTTEN)
        service.quoted.difference_update(waiting)
