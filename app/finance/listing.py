"""Lists as pages show them: filtered by the address, sorted and paged by the database, counted and summed over all
pages.

A page begins behind a row, or ends before one, or is the first or the last: the database looks at the rows of the page,
not at those before it, and what is added meanwhile moves nothing. The number of a page only says which one it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import ColumnElement, FromClause, RowMapping, String, cast, func, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.service.caller import Service
from app.service.lists import Rows, cursor_of, position_of

PAGE_ROWS: Final = 50
Columns = Mapping[str, ColumnElement[object]]
"""Columns by the names that a page gives them."""
Live = Callable[[FromClause], ColumnElement[bool]]
"""Which rows count in sums."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list. ``sums`` are over all its rows, fen; ``sort`` is a column's name, with ``-`` before it
    descending. ``before`` and ``behind`` are the cursors of its first and its last row."""

    rows: Sequence[RowMapping]
    count: int
    page: int
    pages: int
    sort: str
    before: str | None
    behind: str | None
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


class RowPlace(Struct, frozen=True):
    """A row's place in a list sorted so: its value as text (None: null), and by the columns of the key, which tells it
    from equals, theirs."""

    sort: str
    value: str | None
    key: dict[str, str]


@dataclass(frozen=True, slots=True)
class Sorting:
    """How a list can be sorted: by which columns, under the names of its addresses; by which where an address names
    none (``-`` before it: the highest first); and by which columns rows follow each other that are equal otherwise:
    no two rows are equal in all of these, and none of them is null."""

    columns: Columns
    default: str
    key: tuple[ColumnElement[object], ...]

    def asked(self, query: Mapping[str, str]) -> str:
        """What an address asks for; the default where it asks for nothing, or for a column that isn't there."""
        wanted = query.get("sort", self.default)
        return wanted if wanted.removeprefix("-") in self.columns else self.default

    def order(self, sort: str, *, back: bool) -> Sequence[ColumnElement[object]]:
        """What to order by, from the last row to the first with ``back``; equals by their key, nulls last."""
        column = self._column(sort)
        if sort.startswith("-") == back:
            first = column.asc().nulls_first() if back else column.asc().nulls_last()
            return first, *(one.asc() for one in self.key)
        first = column.desc().nulls_first() if back else column.desc().nulls_last()
        return first, *(one.desc() for one in self.key)

    def beyond(self, place: RowPlace, *, back: bool) -> ColumnElement[bool]:
        """Which rows come behind a place, or before it with ``back``."""
        column, up = self._column(place.sort), place.sort.startswith("-") == back
        key = tuple_(*self.key)
        at = tuple_(*(_typed(place.key[str(one)], one) for one in self.key))
        equal = key > at if up else key < at
        if place.value is None:
            return or_(column.is_not(None), equal) if back else column.is_(None) & equal
        value = _typed(place.value, column)
        further = (column > value if up else column < value) | ((column == value) & equal)
        return further if back else or_(further, column.is_(None))

    def has(self, place: RowPlace, sort: str) -> bool:
        """Whether a place is one of this list sorted so, and not of another list or order."""
        return place.sort == sort and [*place.key] == [str(one) for one in self.key]

    def place_of(self, row: RowMapping, sort: str) -> RowPlace:
        """Where a row stands."""
        value = row[self._column(sort).key or ""]
        key = {str(one): _text(row[one.key or ""]) for one in self.key}
        return RowPlace(sort, None if value is None else _text(value), key)

    def _column(self, sort: str) -> ColumnElement[object]:
        return self.columns[sort.removeprefix("-")]


def _typed(text: str, column: ColumnElement[object]) -> ColumnElement[object]:
    return cast(literal(text, String), column.type)


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


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
    service: Service,
    connection: AsyncConnection,
    wanted: Rows,
    sorting: Sorting,
    summing: Summing = NO_SUMS,
) -> Listing:
    """The page of ``wanted`` that the address asks for: behind ``cursor``, before ``before``, the last one with
    ``end``, else the first; its number is that of the address. Its sums are over the rows of all pages, in one look at
    them."""
    inner = wanted.order_by(None).subquery()
    totals = summing.of(inner)
    counted = select(
        func.count().label("count"), *(func.coalesce(total, 0).label(name) for name, total in totals.items())
    )
    found = (await connection.execute(counted.select_from(inner))).mappings().one()
    sort, count = sorting.asked(query), found["count"]
    pages = max(1, -(-count // PAGE_ROWS))
    asked = _asked(query, service, sorting, sort)
    rows = await _page(connection, wanted, sorting, asked, count)
    if not rows or (asked.back and asked.place is not None and len(rows) < PAGE_ROWS):  # the rows there have gone
        asked = _Asked(sort)
        rows = await _page(connection, wanted, sorting, asked, count)
    places = [cursor_of(service, sorting.place_of(row, sort)) for row in (rows[0], rows[-1])] if rows else [None, None]
    return Listing(
        rows=rows,
        count=count,
        page=_number(query, asked, pages),
        pages=pages,
        sort=sort,
        before=places[0],
        behind=places[1],
        sums={name: int(found[name]) for name in totals},
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """A page as an address asks for it: behind a place, before it with ``back``, from an end without one."""

    sort: str
    place: RowPlace | None = None
    back: bool = False


def _asked(query: Mapping[str, str], service: Service, sorting: Sorting, sort: str) -> _Asked:
    cursor, before = query.get("cursor"), query.get("before")
    place = position_of(service, cursor or before or None, RowPlace)
    if place is None:
        return _Asked(sort, back=bool(query.get("end")))
    return _Asked(sort, place, back=not cursor) if sorting.has(place, sort) else _Asked(sort)


async def _page(
    connection: AsyncConnection, wanted: Rows, sorting: Sorting, asked: _Asked, count: int
) -> Sequence[RowMapping]:
    """The rows of a page in their order; on the last one those that no full page holds."""
    ordered = wanted.order_by(None).order_by(*sorting.order(asked.sort, back=asked.back))
    if asked.place is not None:
        ordered = ordered.where(sorting.beyond(asked.place, back=asked.back))
    last = asked.back and asked.place is None
    most = count % PAGE_ROWS or PAGE_ROWS if last else PAGE_ROWS
    rows = (await connection.execute(ordered.limit(most))).mappings().all()
    return rows[::-1] if asked.back else rows


def _number(query: Mapping[str, str], asked: _Asked, pages: int) -> int:
    """Which page it is, as the address that led here says."""
    if asked.place is None:
        return pages if asked.back else 1
    text = query.get("page", "")
    return min(max(1, int(text)), pages) if text.isascii() and text.isdecimal() and len(text) <= 9 else 1
