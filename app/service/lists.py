"""One declaration of a list: what narrows it, what its rows are, in which order, and how a page of it is read.

A domain declares its lists beside its services. The route of the API, the finance office's page, the export and the
export's job derive from the declaration; none of them names a filter or a column again. Nothing here knows a domain.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import UnionType
from typing import Annotated, Any, Final, Generic, TypeVar, Union, get_args, get_origin

import msgspec
from fastapi import APIRouter, Query, Request
from msgspec import Meta, Struct
from sqlalchemy import ColumnElement, RowMapping, Select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.days import EDGE_YEARS, shanghai_day
from app.basics.errors import Fault, Language, Refused
from app.basics.text import folded
from app.service import clock
from app.service.audit import noted
from app.service.caller import Caller, Service
from app.service.columns import ListColumn
from app.service.http import PAGE_DEFAULT, PAGE_MOST, answer, caller_of, open_request, service_of
from app.service.openapi import gives
from app.service.security import require, sign, verify
from app.service.walk import NO_END

EXPORT_ROWS: Final = 1000


class Filters(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a list can be narrowed to, by the names of its route's query. A member that is None narrows nothing."""


class NoFilters(Filters, frozen=True):
    """A list that can't be narrowed."""


F = TypeVar("F", bound=Filters)
R = TypeVar("R", bound=Struct)
P = TypeVar("P")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Asked(Generic[F, P]):
    """One page of a list as somebody asks for it: at most ``limit`` rows behind the position ``after`` (None: from
    the first)."""

    service: Service
    caller: Caller
    filters: F
    after: P | None
    limit: int


@dataclass(frozen=True, slots=True)
class Page(Generic[R, P]):
    """The rows of a page, and the position of the last one when more rows follow it."""

    rows: list[R]
    last: P | None


@dataclass(frozen=True, slots=True)
class DeclaredList(Generic[F, R, P]):
    """A list: its name and title, who may read it, its filters, the type of its rows, their columns, and its reader.

    ``about`` is the sentence that the API's description says of it. ``position`` is what a cursor holds. ``read``
    opens its own transaction within the caller's reach. ``selected`` is there when one SELECT gives the list: pages
    sort and sum it.
    """

    name: str
    title: Mapping[Language, str]
    about: str
    scopes: tuple[str, ...]
    filters: type[F]
    row: type[R]
    columns: tuple[ListColumn, ...]
    position: type[P]
    read: Callable[[Asked[F, P]], Awaitable[Page[R, P]]]
    selected: "Selected[F, R, P] | None" = None


AnyList = DeclaredList[Any, Any, Any]
Rows = Select[*tuple[object, ...]]
"""A query of whole rows, whose columns the tables know."""


@dataclass(frozen=True, slots=True)
class Selected(Generic[F, R, P]):
    """A list that one SELECT gives: the query within the filters, the columns that order it (all one way; the last
    one is unique), and a row as it is answered on a business day by a service with its policies. ``within`` is what a
    caller may see of it where the database's row security, which knows areas and hospitals, can't tell."""

    query: Callable[[AsyncConnection, F, date], Awaitable[Rows]]
    order: tuple[ColumnElement[object], ...]
    newest_first: bool
    answer: Callable[[RowMapping, date, Service], R]
    within: Callable[[Caller], ColumnElement[bool]] | None = None

    async def rows(self, connection: AsyncConnection, caller: Caller, filters: F, day: date) -> Rows:
        """All rows that a caller may see within the filters, in no order yet."""
        wanted = await self.query(connection, filters, day)
        return wanted if self.within is None else wanted.where(self.within(caller))

    async def read(self, asked: Asked[F, P]) -> Page[R, P]:
        """A page in the list's own order."""
        async with asked.service.database.transaction() as connection:
            await open_request(asked.service, connection, asked.caller)
            day = shanghai_day(await clock.now(connection, manual=asked.service.manual_clock))
            wanted = await self.rows(connection, asked.caller, asked.filters, day)
            wanted = wanted.order_by(*(one.desc() if self.newest_first else one.asc() for one in self.order))
            if asked.after is not None:
                wanted = wanted.where(self._behind(asked.after))
            rows = (await connection.execute(wanted.limit(asked.limit + 1))).mappings().all()
        return page_of(rows, asked.limit, lambda row: self.answer(row, day, asked.service), self._position)

    def _behind(self, after: P) -> ColumnElement[bool]:
        values = after if isinstance(after, tuple) else (after,)
        key = tuple_(*self.order)
        return key < values if self.newest_first else key > values

    def _position(self, row: RowMapping) -> Any:
        values = tuple(row[one.name] for one in self.order)
        return values if len(values) > 1 else values[0]


def page_of(rows: Sequence[S], limit: int, shown: Callable[[S], R], position: Callable[[S], P]) -> Page[R, P]:
    """A page of rows that were read with one row more than the limit, to know whether any follow."""
    last = position(rows[limit - 1]) if len(rows) > limit else None
    return Page([shown(row) for row in rows[:limit]], last)


async def every_page(one: AnyList, service: Service, caller: Caller, filters: Filters) -> AsyncIterator[list[Struct]]:
    """All rows, page behind page, each in a transaction of its own: rows added meanwhile move nothing."""
    after, more = None, True
    while more:
        page = await one.read(Asked(service, caller, filters, after, EXPORT_ROWS))
        yield page.rows
        after, more = page.last, page.last is not None


# ---------------------------------------------------------------- cursors


def cursor_of(service: Service, position: object | None) -> str | None:
    """The cursor that stands for a position, signed: nobody makes one up."""
    return None if position is None else sign(service.keys, "cursor", msgspec.json.encode(position))


def position_of(service: Service, cursor: str | None, type_: type[P]) -> P | None:
    """The position that a cursor stands for, None without one; Refused ``invalid_cursor`` when it isn't one of ours."""
    if cursor is None:
        return None
    try:
        return msgspec.json.decode(verify(service.keys, "cursor", cursor), type=type_)
    except (ValueError, msgspec.MsgspecError):
        raise Refused([Fault("/query/cursor", "invalid_cursor")]) from None


# ---------------------------------------------------------------- the route


def add_route(router: APIRouter, path: str, one: AnyList) -> None:
    """The route of a list: its parameters are the list's filters, ``limit`` and ``cursor``; it answers a page of
    rows."""

    async def get_page(request: Request, **given: Any) -> Response:
        limit, cursor = given.pop("limit"), given.pop("cursor")
        service, caller = service_of(request), await caller_of(request)
        if one.scopes:
            require(caller.principal, *one.scopes)
        after = position_of(service, cursor, one.position)
        filters = one.filters(**_within_calendar({name: _folded(value) for name, value in given.items()}))
        page = await one.read(Asked(service, caller, filters, after, limit))
        noted().saw(page.rows)
        next_cursor = cursor_of(service, page.last)
        return answer({"data": page.rows, "has_more": page.last is not None, "next_cursor": next_cursor})

    get_page.__name__ = f"list_{one.name.replace('-', '_')}"
    get_page.__doc__ = one.about
    get_page.__signature__ = inspect.Signature(_parameters(one.filters))  # type: ignore[attr-defined]
    router.get(path, responses=gives(200, one.row, listed=True))(get_page)


def _parameters(filters: type[Filters]) -> list[inspect.Parameter]:
    """What the framework shall read of a request: the request itself, each filter, the page."""
    kind = inspect.Parameter.KEYWORD_ONLY
    found = [inspect.Parameter("request", kind, annotation=Request)]
    for field in msgspec.structs.fields(filters):
        default = inspect.Parameter.empty if field.required else field.default
        alias = None if field.encode_name == field.name else field.encode_name
        plain, limits = _plain(field.type)
        annotation = Annotated[plain, Query(alias=alias, **limits)] if alias or limits else plain
        found.append(inspect.Parameter(field.name, kind, default=default, annotation=annotation))
    limit = Annotated[int, Query(ge=1, le=PAGE_MOST)]
    found.append(inspect.Parameter("limit", kind, default=PAGE_DEFAULT, annotation=limit))
    found.append(inspect.Parameter("cursor", kind, default=None, annotation=str | None))
    return found


_CHECKED: Final = ("ge", "le", "max_length", "pattern")


def _plain(type_: object) -> tuple[object, dict[str, Any]]:
    """A filter's type without its limits, and the limits that a route checks. Codes aren't checked: a route finds
    nothing by what is no code, while an export refuses it."""
    if get_origin(type_) in (Union, UnionType):
        parts = [_plain(part) for part in get_args(type_)]
        limits = {name: value for _, of in parts for name, value in of.items()}
        return Union[tuple(plain for plain, _ in parts)], limits  # noqa: UP007  # made of parts
    if get_origin(type_) is not Annotated:
        return type_, {}
    plain, *metas = get_args(type_)
    own = [meta for meta in metas if isinstance(meta, Meta) and meta.extra is None]
    return plain, {name: value for meta in own for name in _CHECKED if (value := getattr(meta, name)) is not None}


# ---------------------------------------------------------------- filters from texts


def plain_type(type_: object) -> object:
    """A filter's type without the limits of its values."""
    return _plain(type_)[0]


def typed_filters(one: AnyList, texts: Mapping[str, str]) -> dict[str, object]:
    """A query's texts as the filters' own kinds; what isn't of its kind stays a text, for the struct to refuse."""
    kinds = {field.encode_name: _plain(field.type)[0] for field in msgspec.structs.fields(one.filters)}
    return {
        name: _typed(kinds.get(name, str), folded(text))
        for name, text in texts.items()
        if text not in NO_END or date not in get_args(kinds.get(name, str))
    }


def _within_calendar(given: dict[str, Any]) -> dict[str, Any]:
    """Filters without a day at the edge of the calendar, which has no instant in every zone, or no day after. Refused
    ``date_out_of_range`` for those that are one."""
    edges = [name for name, value in given.items() if isinstance(value, date) and value.year in EDGE_YEARS]
    if edges:
        raise Refused([Fault(f"/query/{name.rstrip('_')}", "date_out_of_range") for name in edges])
    return given


def _folded(value: Any) -> Any:
    if isinstance(value, date) and value.isoformat() in NO_END:  # as a limit it is none
        return None
    return folded(value) if isinstance(value, str) else value


def _typed(kind: object, text: str) -> str | int:
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    if bool in kinds:
        return {"true": True, "false": False}.get(text, text)
    return int(text) if int in kinds and text.isascii() and text.isdigit() and len(text) < 10 else text
