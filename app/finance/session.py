"""Sessions of people: a cookie that opens pages, a token of the user's roles behind it that no one has the text of.

So what a page may reach is set by the database as for the API. A session ends at logout, after ``session_idle_seconds``
without a request, after ``session_seconds`` in any case, and when the password changes. Real time.
"""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import RowMapping, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Unauthorized
from app.service.caller import Service
from app.service.security import Keys, sign, token_digest, verify
from app.service.tables import app_user, token, user_session

SEEN_EVERY: Final = timedelta(minutes=1)
_CSRF: Final = "csrf"


async def begin(service: Service, connection: AsyncConnection, user: RowMapping, request_id: str) -> str:
    """Begin a session of a user who has just proved their password; the cookie's text."""
    text, lasts = secrets.token_urlsafe(32), timedelta(seconds=service.settings.session_seconds)
    begun = func.session_begin(user["name"], secrets.token_bytes(32), token_digest(text), lasts, request_id)
    await connection.execute(select(begun))
    return text


async def current(service: Service, connection: AsyncConnection, text: str) -> RowMapping:
    """The living session of a cookie, with its token's columns and ``must_change``; Unauthorized ``session_ended``
    without."""
    digest, now = token_digest(text), datetime.now(UTC)
    joined = user_session.join(token, token.c.token_id == user_session.c.token_id)
    joined = joined.join(app_user, app_user.c.name == user_session.c.name)
    wanted = select(token, user_session.c.seen_at, user_session.c.proven_at, app_user.c.must_change).select_from(joined)
    idle = timedelta(seconds=service.settings.session_idle_seconds)
    living = (
        (user_session.c.digest == digest)
        & (user_session.c.seen_at > now - idle)
        & token.c.revoked_at.is_(None)
        & (token.c.expires_at > now)
        & app_user.c.disabled_at.is_(None)
    )
    row = (await connection.execute(wanted.where(living))).mappings().first()
    if row is None:
        raise Unauthorized("session_ended")
    if row["seen_at"] < now - SEEN_EVERY:
        seen = update(user_session).where(user_session.c.digest == digest)
        await connection.execute(seen.values(seen_at=func.clock_timestamp()))
    return row


async def owner(connection: AsyncConnection, text: str) -> str | None:
    """Whose session a cookie was, also after it ended."""
    if not text:
        return None
    wanted = select(user_session.c.name).where(user_session.c.digest == token_digest(text))
    found: str | None = (await connection.execute(wanted)).scalar_one_or_none()
    return found


async def end(connection: AsyncConnection, name: str, *, token_id: int | None = None) -> None:
    """End a session of a user by its token, or all of the user's."""
    await connection.execute(select(func.session_end(name, token_id)))


def csrf_of(keys: Keys, text: str) -> str:
    """What every form of a session must send back: nobody can make it without both the cookie and our key."""
    return sign(keys, _CSRF, token_digest(text))


def csrf_matches(keys: Keys, text: str, sent: str) -> bool:
    """Whether a form bears its session's ``csrf_of``."""
    try:
        return verify(keys, _CSRF, sent) == token_digest(text)
    except ValueError:
        return False
