"""Lists as pages show them: filtered by the address, sorted and paged by the database, counted and summed over all
pages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import ColumnElement, FromClause, RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.service.lists import Rows

PAGE_ROWS: Final = 50
Columns = Mapping[str, ColumnElement[object]]
"""Columns by the names that a page gives them."""
Live = Callable[[FromClause], ColumnElement[bool]]
"""Which rows count in sums."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list. ``sums`` are over all its rows, fen; ``sort`` is a column's name, with ``-`` before it
    descending."""

    rows: Sequence[RowMapping]
    count: int
    page: int
    pages: int
    sort: str
    sums: Mapping[str, int] = field(default_factory=dict)

    @property
    def column(self) -> str:
        """The column it is sorted by."""
        return self.sort.removeprefix("-")

    @property
    def descending(self) -> bool:
        """Whether the highest comes first."""
        return self.sort.startswith("-")

    def turned(self, column: str) -> str:
        """The ``sort`` of a click on a column's heading: the other way round when it is sorted by it already."""
        return f"-{column}" if self.sort == column else column

    def aria(self, column: str) -> str:
        """The heading's ``aria-sort``."""
        if column != self.column:
            return "none"
        return "descending" if self.descending else "ascending"


def chosen(query: Mapping[str, str], name: str, allowed: Sequence[str] | None = None) -> str | None:
    """A filter of the address, None when it is empty or not one of the allowed ones."""
    value = query.get(name, "").strip()[:64].replace("\x00", "")
    return None if not value or (allowed is not None and value not in allowed) else value


@dataclass(frozen=True, slots=True)
class Sorting:
    """How a list can be sorted: by which columns, under the names of its addresses; by which where an address names
    none (``-`` before it: the highest first); and by which column rows follow each other that are equal otherwise."""

    columns: Columns
    default: str
    key: ColumnElement[object]

    def asked(self, query: Mapping[str, str]) -> str:
        """What an address asks for; the default where it asks for nothing, or for a column that isn't there."""
        wanted = query.get("sort", self.default)
        return wanted if wanted.removeprefix("-") in self.columns else self.default

    def order(self, sort: str) -> Sequence[ColumnElement[object]]:
        """What to order by; equals by their key, so that pages don't overlap."""
        column = self.columns[sort.removeprefix("-")]
        if sort.startswith("-"):
            return column.desc().nulls_last(), self.key.desc()
        return column.asc().nulls_last(), self.key.asc()


@dataclass(frozen=True, slots=True)
class Summing:
    """What is summed over all rows of a list: the columns of these names (of the rows that are ``live``), and what
    ``further`` makes of the rows."""

    names: Sequence[str] = ()
    live: Live | None = None
    further: Callable[[FromClause], Columns] | None = None

    def of(self, rows: FromClause) -> Columns:
        """The sums, by their names."""
        sums = {name: func.sum(rows.c[name]) for name in self.names}
        live = sums if self.live is None else {name: one.filter(self.live(rows)) for name, one in sums.items()}
        return {**live, **({} if self.further is None else self.further(rows))}


NO_SUMS: Final = Summing()


async def listed(
    query: Mapping[str, str],
    connection: AsyncConnection,
    wanted: Rows,
    sorting: Sorting,
    summing: Summing = NO_SUMS,
) -> Listing:
    """The page of ``wanted`` that the address's ``sort`` and ``page`` ask for; what they can't mean is the default.
    Its sums are over the rows of all pages, in one look at them."""
    inner = wanted.order_by(None).subquery()
    totals = summing.of(inner)
    counted = select(
        func.count().label("count"), *(func.coalesce(total, 0).label(name) for name, total in totals.items())
    )
    found = (await connection.execute(counted.select_from(inner))).mappings().one()
    sort = sorting.asked(query)
    pages = max(1, -(-found["count"] // PAGE_ROWS))
    page = min(_page(query), pages)
    ordered = wanted.order_by(None).order_by(*sorting.order(sort))
    rows = await connection.execute(ordered.limit(PAGE_ROWS).offset((page - 1) * PAGE_ROWS))
    return Listing(
        rows=rows.mappings().all(),
        count=found["count"],
        page=page,
        pages=pages,
        sort=sort,
        sums={name: int(found[name]) for name in totals},
    )


def _page(query: Mapping[str, str]) -> int:
    text = query.get("page", "1")
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) <= 9 else 1
