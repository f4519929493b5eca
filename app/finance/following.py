"""What waits next in the same list: after a step the reader goes on without going back to the list."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.ids import shown_id
from app.finance.look import PAGES
from app.finance.page import Visitor
from app.finance.waiting import TASKS, Task

PREFIXES: Final = {address: prefix for prefix, address in PAGES.items()}


class Following(Struct, frozen=True):
    """The next one that waits for a step by this visitor: the step's key, its id, its page."""

    key: str
    shown: str
    href: str


async def following(visitor: Visitor, connection: AsyncConnection, address: str, number: int) -> Sequence[Following]:
    """For each step that the visitor takes in this list, the next one behind this number, else the first; of which
    they aren't the maker."""
    tasks = [task for task in TASKS if task.address == address and visitor.may(task.scope)]
    found = [(task, await _next(visitor, connection, task, number)) for task in tasks]
    return [
        Following(task.key, shown_id(PREFIXES[address], other), f"{address}/{shown_id(PREFIXES[address], other)}")
        for task, other in found
        if other is not None
    ]


async def _next(visitor: Visitor, connection: AsyncConnection, task: Task, number: int) -> int | None:
    key: ColumnElement[int] = next(iter(task.table.primary_key.columns))
    mine = [task.table.c[name].is_distinct_from(visitor.principal.subject) for name in task.makers]
    wanted = select(key).where(task.table.c.state == task.state, key != number, *mine)
    found: int | None = (await connection.execute(wanted.order_by((key > number).desc(), key).limit(1))).scalar()
    return found
