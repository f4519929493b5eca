"""Who did what with an object of clearing, as clearing's audit record has it."""

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import shown_instant
from app.basics.money import yuan
from app.clearing.tables import clearing_event


class Move(Struct):
    """One move: business time to the minute, who, how much (yuan), why."""

    at: str
    move: str
    subject: str
    amount: str | None
    reason: str | None


async def moves_of(connection: AsyncConnection, object_id: str) -> list[Move]:
    """The moves of an object within reach, oldest first."""
    events = clearing_event.c
    wanted = select(clearing_event).where(events.object_id == object_id).order_by(events.event_id)
    return [
        Move(
            at=shown_instant(row.business_at)[:16].replace("T", " "),
            move=row.move,
            subject=row.subject,
            amount=None if row.amount is None else yuan(row.amount),
            reason=row.reason,
        )
        for row in await connection.execute(wanted)
    ]
