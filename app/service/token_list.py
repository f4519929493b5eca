"""The tokens of the API as a list for administrators: whose, what for, when used last, when they end. No digest."""

from datetime import date, datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import shown_instant
from app.basics.ids import TOKEN, shown_id
from app.basics.text import subject_form
from app.service.caller import Service
from app.service.lists import Asked, DeclaredList, Filters, Page, Rows, Selected
from app.service.security import ADMIN, require_unrestricted_admin
from app.service.tables import token, user_session
from app.service.wire import Reference


class TokenFilters(Filters, frozen=True):
    """Tokens of a subject."""

    subject: Reference | None = None


class TokenRow(Struct):
    """A token. ``replaced_until`` is when one that was rotated ends; times are null for what hasn't happened, or never
    will. The last use is noted once an hour."""

    token_id: str
    subject: str
    scopes: list[str]
    hospital_code: str | None
    area_code: str | None
    funds: list[str] | None
    issued_by: str
    issued_at: str
    last_used_at: str | None
    expires_at: str | None
    replaced_until: str | None
    revoked_at: str | None
    revoked_by: str | None


async def _tokens(connection: AsyncConnection, wanted: TokenFilters, day: date) -> Rows:
    found = select(token).where(token.c.token_id.not_in(select(user_session.c.token_id)))
    return found if wanted.subject is None else found.where(token.c.subject == subject_form(wanted.subject))


def _answer(row: RowMapping, day: date, service: Service) -> TokenRow:
    return TokenRow(
        token_id=shown_id(TOKEN, row["token_id"]),
        subject=row["subject"],
        scopes=row["scopes"],
        hospital_code=row["hospital_code"],
        area_code=row["area_code"],
        funds=row["funds"],
        issued_by=row["created_by"],
        issued_at=shown_instant(row["recorded_at"]),
        last_used_at=_instant(row["last_used_at"]),
        expires_at=_instant(row["expires_at"]),
        replaced_until=_instant(row["replaced_until"]),
        revoked_at=_instant(row["revoked_at"]),
        revoked_by=row["revoked_by"],
    )


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else shown_instant(moment)


_TOKENS: Final[Selected[TokenFilters, TokenRow, int]] = Selected(
    query=_tokens, order=(token.c.token_id,), newest_first=True, answer=_answer
)


async def _read(asked: Asked[TokenFilters, int]) -> Page[TokenRow, int]:
    require_unrestricted_admin(asked.caller.principal)
    return await _TOKENS.read(asked)


TOKENS: Final = DeclaredList(
    name="tokens",
    title={"zh": "账号", "en": "Tokens"},
    about="""Tokens, newest first, for administrators without hospital, area and funds: whose, what for, when they were
    used last and when they end; never what they are found by. Those behind logins to the pages are left out.""",
    scopes=(ADMIN,),
    filters=TokenFilters,
    row=TokenRow,
    columns=(),
    position=int,
    read=_read,
)
