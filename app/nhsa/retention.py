"""Messages and files lose their key after the time set, and can't be read by anybody afterwards. Real time."""

from typing import Final

from app.nhsa import store
from app.registry.service import raw_connection
from app.service.caller import Caller, Service
from app.service.http import open_request
from app.service.loops import Beat, Loop
from app.service.security import Principal

ERASE_SECONDS: Final = 3600
HANGS_SECONDS: Final = 300
ERASE_ROWS: Final = 10_000
SUBJECT: Final = "retention"


def erasing(service: Service) -> Loop:
    """The loop that erases what is old enough: at the start, then every hour."""

    async def turn(beat: Beat) -> None:
        while await erase(service) >= ERASE_ROWS:
            beat()

    return Loop("erasing", turn, pause=ERASE_SECONDS, hangs=HANGS_SECONDS)


async def erase(service: Service) -> int:
    """Take the keys of what is old enough away, at most so many at once; how many messages it were."""
    settings = service.settings
    principal = Principal(0, SUBJECT, frozenset({"admin"}), None, None, None, None)
    async with service.database.transaction() as session:
        await open_request(service, session, Caller(principal, SUBJECT, "zh"))
        connection = await raw_connection(session)
        return await store.erase(
            connection,
            messages_days=settings.nhsa_message_days,
            files_days=settings.nhsa_file_days,
            limit=ERASE_ROWS,
        )
