"""Two people: what one made, another checks."""

from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Forbidden
from app.service.caller import Caller


async def by_another(connection: AsyncConnection, caller: Caller, *makers: str | None) -> None:
    """Forbidden ``maker_is_checker`` when the caller made what is to be checked. An admin is not exempt."""
    if caller.principal.subject in makers:
        raise Forbidden("maker_is_checker")
