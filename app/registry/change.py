"""A change that two people make: what one asks for holds when another approves it, and every change stays as a row.

At most one change waits for an owner (a hospital, a person), and at most one holds. Says nothing about what a change
contains, nor who may ask.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import RowMapping, Table, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict, NotFound
from app.basics.ids import number_of, shown_id
from app.database.locks import Lock, hold
from app.registry.dated import written_by
from app.registry.hospital_facts import AskedChange
from app.service.caller import Caller
from app.service.second_person import by_another

PENDING: Final = "pending"
APPROVED: Final = "approved"
REPLACED: Final = "replaced"
MOST_WAITING: Final = 200
"""So many changes of a kind are shown on one page."""


@dataclass(frozen=True, slots=True)
class ChangeKind:
    """What is changed: its table, the column that says whose it is, that owner's lock, the prefix of a change's id."""

    table: Table
    owner: str
    lock: Lock
    prefix: str


async def ask(
    connection: AsyncConnection,
    caller: Caller,
    kind: ChangeKind,
    owner: str,
    wanted: Mapping[str, object],
    *,
    at_once: bool = False,
) -> None:
    """Ask for a change, instead of one that waits. It holds ``at_once`` where nobody has to approve it. The owner's
    lock is held."""
    await withdraw(connection, kind, owner)
    values = {kind.owner: owner, "state": APPROVED if at_once else PENDING, **wanted, **written_by(caller)}
    await connection.execute(insert(kind.table).values(values))


async def withdraw(connection: AsyncConnection, kind: ChangeKind, owner: str) -> None:
    """Take back the change that waits, if any: somebody asks for what holds. The owner's lock is held."""
    await _replace(connection, kind, owner, PENDING)


async def approve(connection: AsyncConnection, caller: Caller, day: date, kind: ChangeKind, shown: str) -> AskedChange:
    """Let a change hold. NotFound when its owner is out of reach, and for hospitals; Forbidden ``maker_is_checker``;
    Conflict ``invalid_move`` when it doesn't wait any more."""
    columns = kind.table.c
    mine = columns.change_id == number_of(kind.prefix, shown)
    owner = (await connection.execute(select(columns[kind.owner]).where(mine))).scalar()
    if owner is None or caller.reach[0] == "hospital":
        raise NotFound("not_found")
    await hold(connection, kind.lock, owner)
    row = (await connection.execute(select(kind.table).where(mine))).mappings().one()
    await by_another(connection, caller, row["subject"])
    if row["state"] != PENDING:
        values = {"state": row["state"], "wanted": APPROVED}
        raise Conflict("invalid_move", values=values, extra={"state": row["state"]})
    await _replace(connection, kind, owner, APPROVED)
    signed = {"state": APPROVED, "approved_by": caller.principal.subject, "approved_on": day}
    await connection.execute(update(kind.table).where(mine).values(**signed))
    return AskedChange(shown, APPROVED)


async def holding(connection: AsyncConnection, kind: ChangeKind, owner: str) -> RowMapping | None:
    """The change that holds; None without one, or out of the caller's reach."""
    return await _one(connection, kind, owner, APPROVED)


async def pending(connection: AsyncConnection, kind: ChangeKind, owner: str) -> AskedChange | None:
    """The change that waits, if any is within reach."""
    row = await _one(connection, kind, owner, PENDING)
    return None if row is None else AskedChange(shown_id(kind.prefix, row["change_id"]), PENDING)


async def waiting(connection: AsyncConnection, kind: ChangeKind) -> list[RowMapping]:
    """The changes of all owners within reach that wait, the oldest first."""
    columns = kind.table.c
    wanted = select(kind.table).where(columns.state == PENDING).order_by(columns.change_id).limit(MOST_WAITING)
    return list((await connection.execute(wanted)).mappings())


async def _one(connection: AsyncConnection, kind: ChangeKind, owner: str, state: str) -> RowMapping | None:
    columns = kind.table.c
    wanted = select(kind.table).where(columns[kind.owner] == owner, columns.state == state)
    return (await connection.execute(wanted)).mappings().one_or_none()


async def _replace(connection: AsyncConnection, kind: ChangeKind, owner: str, state: str) -> None:
    columns = kind.table.c
    former = (columns[kind.owner] == owner, columns.state == state)
    await connection.execute(update(kind.table).where(*former).values(state=REPLACED))
