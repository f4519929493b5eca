"""Lists as pages show them: filtered by the address, sorted and paged by the database, counted and summed over all pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import Request
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

PAGE_ROWS: Final = 50
MAX_PAGE: Final = 20_000


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list. ``sums`` are over all its rows, fen; ``sort`` is a column's name, with ``-`` before it descending."""

    rows: Sequence[Mapping[Any, Any]]
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


def chosen(request: Request, name: str, allowed: Sequence[str] | None = None) -> str | None:
    """A filter of the address, None when it is empty or not one of the allowed ones."""
    value = request.query_params.get(name, "").strip()[:64].replace("\x00", "")
    return None if not value or (allowed is not None and value not in allowed) else value


async def listed(
    request: Request,
    connection: AsyncConnection,
    wanted: Select[Any],
    *,
    columns: Mapping[str, ColumnElement[Any]],
    default: str,
    key: ColumnElement[Any],
    sums: Sequence[str] = (),
) -> Listing:
    """The page of ``wanted`` that the address's ``sort`` and ``page`` ask for; what they can't mean is the default.

    ``columns`` are those it can be sorted by, ``sums`` names of its columns that are added up.
    """
    inner = wanted.order_by(None).subquery()
    totals = {name: func.coalesce(func.sum(inner.c[name]), 0) for name in sums}
    counted = select(func.count().label("count"), *(total.label(name) for name, total in totals.items()))
    found = (await connection.execute(counted.select_from(inner))).mappings().one()
    sort = _sort(request, columns, default)
    pages = max(1, -(-found["count"] // PAGE_ROWS))
    page = min(_page(request), pages)
    column = columns[sort.removeprefix("-")]
    order = (column.desc().nulls_last(), key.desc()) if sort.startswith("-") else (column.asc().nulls_last(), key.asc())
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


def _sort(request: Request, columns: Mapping[str, Any], default: str) -> str:
    wanted = request.query_params.get("sort", default)
    return wanted if wanted.removeprefix("-") in columns else default


def _page(request: Request) -> int:
    text = request.query_params.get("page", "1")
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) <= 5 else 1
