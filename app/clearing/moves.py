"""What every object of clearing has: an id that says what it is, moves that are allowed, a record of who made which
move. The database holds to the same moves (``state_move``) and to maker ≠ checker by itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import RowMapping, Table, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import shanghai_day
from app.basics.errors import Conflict, NotFound
from app.clearing.tables import clearing_event
from app.service import clock
from app.service.caller import Caller, Service

Row = Mapping[str, Any] | RowMapping
"""A row of the database by its columns; what they hold, the tables say."""
StoredRow = dict[str, Any]
"""A row that is kept up with the moves made of it."""


async def business_now(service: Service, connection: AsyncConnection) -> datetime:
    """The business instant of this transaction."""
    return await clock.now(connection, manual=service.manual_clock)


_POOLING_AREA: Final = text("SELECT coalesce(area_on(:area, CURRENT_DATE) ->> 'pooling_area', left(:area, 4) || '00')")


async def pooling_area_of(connection: AsyncConnection, area_code: str) -> str:
    """The pooling area that pays for an area: what its record says, else the prefecture a county lies in."""
    result: str = (await connection.execute(_POOLING_AREA, {"area": area_code})).scalar_one()
    return result


async def locked(connection: AsyncConnection, table: Table, number: int) -> StoredRow:
    """A row by its id, locked against other moves; NotFound when it doesn't exist or is not the caller's to see."""
    wanted = select(table).where(next(iter(table.primary_key.columns)) == number).with_for_update()
    row = (await connection.execute(wanted)).mappings().first()
    if row is None:
        raise NotFound("not_found")
    return dict(row)


def may_pay(caller: Caller, area_code: str) -> None:
    """NotFound unless the paying area is the caller's: who sees an order because its hospital is near doesn't move
    it."""
    reach, _, prefix = caller.reach
    if reach == "hospital" or not area_code.startswith(prefix):
        raise NotFound("not_found")


def check_move(state: str, allowed: tuple[str, ...], wanted: str) -> None:
    """Conflict ``invalid_move`` naming the state of an object that isn't in one of those from which it may move."""
    if state not in allowed:
        raise Conflict("invalid_move", values={"state": state, "wanted": wanted}, extra={"state": state})


async def move(connection: AsyncConnection, table: Table, row: StoredRow, **values: object) -> None:
    """Change a row and what belongs to the move, in the database and in ``row``, which then has what the database
    derived."""
    key = next(iter(table.primary_key.columns))
    changed = update(table).where(key == row[key.name]).values(**values).returning(*table.c)
    row.update((await connection.execute(changed)).mappings().one())


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A move as clearing's audit record keeps it: of which object (its id as it is shown), which one, why, and of how
    much money, fen."""

    object_id: str
    move: str
    reason: str | None = None
    amount: int | None = None


async def record(connection: AsyncConnection, caller: Caller, now: datetime, row: Row, event: Event) -> None:
    """Write a move into clearing's audit record; ``row`` says whose object it is."""
    await connection.execute(
        insert(clearing_event).values(
            object_id=event.object_id,
            move=event.move,
            reason=event.reason,
            amount=event.amount,
            business_at=now,
            hospital_code=row.get("hospital_code"),
            hospital_area=row.get("hospital_area"),
            area_code=row["area_code"],
            fund=row.get("fund"),
            subject=caller.principal.subject,
            request_id=caller.request_id,
        )
    )


def written_by(caller: Caller) -> dict[str, str]:
    """Who writes a row, under which request."""
    return {"subject": caller.principal.subject, "request_id": caller.request_id}


def today(now: datetime) -> date:
    """The business day of an instant."""
    return shanghai_day(now)
