"""Lists as pages show them: filtered by the address, sorted and paged by the database, counted and summed over all
pages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, RowMapping, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

PAGE_ROWS: Final = 50


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


async def listed(
    query: Mapping[str, str],
    connection: AsyncConnection,
    wanted: Select[Any],
    *,
    columns: Mapping[str, ColumnElement[Any]],
    default: str,
    key: ColumnElement[Any],
    sums: Sequence[str] = (),
    live: Callable[[FromClause], ColumnElement[bool]] | None = None,
    further: Callable[[FromClause], Mapping[str, ColumnElement[Any]]] | None = None,
) -> Listing:
    """The page of ``wanted`` that the address's ``sort`` and ``page`` ask for; what they can't mean is the default.

    ``columns`` are those it can be sorted by, ``sums`` names of its columns that are added up (of the rows that are
    ``live``), ``further`` makes more sums of the rows; all are of one look at them.
    """
    inner = wanted.order_by(None).subquery()
    totals: dict[str, ColumnElement[Any]] = {
        name: func.sum(inner.c[name]) if live is None else func.sum(inner.c[name]).filter(live(inner)) for name in sums
    }
    totals |= {} if further is None else further(inner)
    counted = select(
        func.count().label("count"), *(func.coalesce(total, 0).label(name) for name, total in totals.items())
    )
    found = (await connection.execute(counted.select_from(inner))).mappings().one()
    sort = _sort(query, columns, default)
    pages = max(1, -(-found["count"] // PAGE_ROWS))
    page = min(_page(query), pages)
    order = ordered(sort, columns, key)
    rows = await connection.execute(
        wanted.order_by(None).order_by(*order).limit(PAGE_ROWS).offset((page - 1) * PAGE_ROWS)
    )
    return Listing(
        rows=rows.mappings().all(),
        count=found["count"],
        page=page,
        pages=pages,
        sort=sort,
        sums={name: int(found[name]) for name in totals},
    )


def ordered(
    sort: str, columns: Mapping[str, ColumnElement[Any]], key: ColumnElement[Any]
) -> Sequence[ColumnElement[Any]]:
    """What to order by; equals by their key, so that pages don't overlap."""
    column = columns[sort.removeprefix("-")]
    if sort.startswith("-"):
        return column.desc().nulls_last(), key.desc()
    return column.asc().nulls_last(), key.asc()


def _sort(query: Mapping[str, str], columns: Mapping[str, Any], default: str) -> str:
    wanted = query.get("sort", default)
    return wanted if wanted.removeprefix("-") in columns else default


def _page(query: Mapping[str, str]) -> int:
    text = query.get("page", "1")
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) <= 9 else 1
