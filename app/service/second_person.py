"""Two people: what one made, another checks. Two subjects are two people when neither let the other in."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Forbidden
from app.basics.text import subject_form
from app.service.caller import Caller

_LET_IN: Final = text("SELECT bool_or(let_in_by_other(:checker, maker)) FROM unnest(CAST(:makers AS text[])) maker")


async def by_another(connection: AsyncConnection, caller: Caller, *makers: str | None) -> None:
    """Forbidden ``maker_is_checker`` when the caller made what is to be checked, or when one of the two let the other
    in, through any chain: issued a token, added the user or gave another password. An admin is not exempt."""
    checker = subject_form(caller.principal.subject)
    made = [subject_form(maker) for maker in makers if maker is not None]
    if checker in made or (await connection.execute(_LET_IN, {"checker": checker, "makers": made})).scalar():
        raise Forbidden("maker_is_checker")
