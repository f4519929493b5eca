"""The close of a month: what is dated into it stands still.

Soft: no payment or return is dated into it any more. Hard: its statements are neither declared nor withdrawn; what is
posted late joins the next statement. Settling goes on whatever is closed: its postings are of the day they are made.
"""

from datetime import date
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import period_of
from app.basics.errors import Conflict

_STATE: Final = text("SELECT month_state(:area_code, :period)")


async def check_open(connection: AsyncConnection, area_code: str, day: date) -> None:
    """Conflict ``month_closed`` when the day's month is closed for the paying area. Until the transaction ends it isn't
    closed."""
    period = period_of(day)
    if await _state(connection, area_code, period) != "open":
        raise Conflict("month_closed", values={"period": period})


async def check_declarable(connection: AsyncConnection, area_code: str, period: str) -> None:
    """Conflict ``month_closed`` when the month is closed hard: its statements stay as they are."""
    if await _state(connection, area_code, period) == "hard":
        raise Conflict("month_closed", values={"period": period})


async def _state(connection: AsyncConnection, area_code: str, period: str) -> str:
    state: str = (await connection.execute(_STATE, {"area_code": area_code, "period": period})).scalar_one()
    return state
