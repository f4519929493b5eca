"""What waits next in the same list: after a step the reader goes on without going back to the list."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from sqlalchemy import ColumnElement, ScalarSelect, select
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
    they aren't the maker. One statement."""
    tasks = [task for task in TASKS if task.address == address and visitor.may(task.scope)]
    if not tasks:
        return []
    wanted = [_next(visitor, task, number).label(task.key) for task in tasks]
    row = (await connection.execute(select(*wanted))).one()
    shown = [(task.key, shown_id(PREFIXES[address], other)) for task, other in zip(tasks, row, strict=True) if other]
    return [Following(key, one, f"{address}/{one}") for key, one in shown]


def _next(visitor: Visitor, task: Task, number: int) -> ScalarSelect[int]:
    key: ColumnElement[int] = next(iter(task.table.primary_key.columns))
    wanted = select(key).where(task.waits(), key != number, task.mine(visitor.principal.subject))
    return wanted.order_by((key > number).desc(), key).limit(1).scalar_subquery()
