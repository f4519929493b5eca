"""A list's filters, order and columns under a name: everybody's own, offered above the list."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlencode

from msgspec import Meta, Struct
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict
from app.service.caller import Caller
from app.service.lists import Filters
from app.service.tables import saved_view

MOST_VIEWS: Final = 20
LOOKS: Final = ("sort", "columns")


class ViewRequest(Struct, forbid_unknown_fields=True):
    """What is kept: of which list, under which name, the query of its address."""

    page: Annotated[str, Meta(max_length=64)]
    title: Annotated[str, Meta(min_length=1, max_length=40)]
    query: Annotated[str, Meta(min_length=1, max_length=2000)]


class View(Struct, frozen=True):
    """A name and the query behind it."""

    title: str
    query: str


def kept_query(query: Mapping[str, str], filters: type[Filters]) -> str:
    """Of an address what a view keeps: filters, order, columns; always in the same order, "" for none."""
    names = (*(name for name in filters.__struct_encode_fields__), *LOOKS)
    return urlencode({name: query[name] for name in names if query.get(name)})


async def of_page(connection: AsyncConnection, page: str) -> Sequence[View]:
    """What the visitor keeps of a list, by name."""
    columns = saved_view.c
    found = await connection.execute(
        select(columns.title, columns.query).where(columns.page == page).order_by(columns.title).limit(MOST_VIEWS)
    )
    return [View(row.title, row.query) for row in found]


async def keep(connection: AsyncConnection, caller: Caller, wanted: ViewRequest, filters: type[Filters]) -> None:
    """Keep a view; of the same name the later one. Conflict ``too_many_views`` for more than ``MOST_VIEWS`` of a
    list."""
    name, columns = caller.principal.subject, saved_view.c
    others = select(func.count()).where(columns.page == wanted.page, columns.title != wanted.title)
    if (await connection.execute(others)).scalar_one() >= MOST_VIEWS:
        raise Conflict("too_many_views", values={"limit": str(MOST_VIEWS)})
    query = kept_query(dict(parse_qsl(wanted.query)), filters)
    made = insert(saved_view).values(name=name, page=wanted.page, title=wanted.title, query=query)
    changed = {"query": query, "recorded_at": func.clock_timestamp()}
    await connection.execute(
        made.on_conflict_do_update(index_elements=[columns.name, columns.page, columns.title], set_=changed)
    )


async def drop(connection: AsyncConnection, page: str, title: str) -> None:
    """Forget a view of the visitor's; nothing when there is none."""
    await connection.execute(delete(saved_view).where(saved_view.c.page == page, saved_view.c.title == title))
