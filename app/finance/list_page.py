"""A declared list as a page: its filters, columns, order and sums come from its declaration, none is named a second
time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import Final, Generic, Literal, Protocol, get_args, get_origin

import msgspec
from fastapi import Request
from msgspec import Struct
from sqlalchemy import JSON, FromClause
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.money import yuan
from app.clearing.moves import business_now, today
from app.finance import saved_views
from app.finance.listing import Columns, Listing, Live, Sorting, Summing, chosen, listed
from app.finance.look import link
from app.finance.page import Contents, Elsewhere, Refusal, Visitor, reading, shown, visit
from app.finance.registered import every_hospital, hospital_meant, hospital_names, hospitals_like
from app.finance.typing_in import day, month
from app.service.audit import noted
from app.service.columns import ListColumn, filter_title
from app.service.lists import AnyList, DeclaredList, F, Filters, P, R, Rows, plain_type

LONG: Final = ("statement_id", "claim_id", "settlement_id", "reconciliation_id", "area_code", "readjudication_id")
"""Filters that a page offers only when its address has them: lists link to each other by them."""

PLACES: Final = ("page", "cursor", "before", "end")
"""What of an address says where in a list one is."""

Widget = Literal["options", "check", "date", "month", "hospital", "text"]
WIDGETS: Final[Mapping[str, Widget]] = {"period": "month", "hospital_code": "hospital"}


class Sums(Protocol):
    """What else is summed over the rows of a list on a day."""

    def __call__(self, rows: FromClause, day: date) -> Columns: ...


@dataclass(frozen=True, slots=True)
class ListPage:
    """How a page shows a declared list: its address, the members that are its columns, what else is summed, which
    rows count in its sums (all without ``live``), the words before its texts, and its template where rows have steps
    of their own. ``batch`` are the steps that can be taken of all ticked rows (``batches.py``)."""

    declared: AnyList
    address: str
    members: tuple[str, ...]
    key: str
    further: Sums | None = None
    live: Live | None = None
    template: str = "declared.html"
    batch: tuple[str, ...] = ()
    saved: bool = True
    """Whether filters of it can be kept under a name."""

    @property
    def columns(self) -> tuple[ListColumn, ...]:
        """The columns that are shown, in the page's order."""
        known = {column.path: column for column in self.declared.columns}
        return tuple(known[name] for name in self.members)


@dataclass(frozen=True, slots=True)
class FilterField:
    """A filter as a form shows it."""

    name: str
    label: str
    widget: Widget
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Narrowed(Generic[F]):
    """What an address asks of a list: the filters that were understood, and the names of those that weren't. ``alike``:
    the hospitals of which a typed name can't tell one; None where it does, or nothing was typed."""

    filters: F
    misread: list[str] = field(default_factory=list)
    alike: list[tuple[str, str]] | None = None


async def get_list(request: Request, page: ListPage) -> Response:
    """A page of the list for whoever may read it."""
    return await list_shown(await visit(request, *page.declared.scopes), page)


async def list_shown(visitor: Visitor, page: ListPage, refusal: Refusal | None = None, **further: object) -> Response:
    """The page that the visitor's address asks for; with what a refused step says."""

    page = with_columns(visitor, page)

    async def read(connection: AsyncConnection) -> Contents:
        day = today(await business_now(visitor.service, connection))
        narrowed = await narrowed_by(visitor, connection, page.declared)
        listing, sortable = await _listing(visitor, connection, page, narrowed.filters, day)
        assert page.declared.selected is not None  # a page of a list that is read otherwise has its own module
        rows = [page.declared.selected.answer(row, day, visitor.service) for row in listing.rows]
        noted().saw(rows)
        return {
            "listing": listing,
            "rows": rows,
            "sortable": sortable,
            "misread": narrowed.misread,
            "alike": narrowed.alike,
            "sums": {name: yuan(value) for name, value in listing.sums.items()},
            "views": await saved_views.of_page(connection, page.address),
            "view_query": saved_views.kept_query(visitor.request.query_params, page.declared.filters),
            **await beside(visitor, connection, page.declared, rows),
        }

    return shown(visitor, page.template, {**await reading(visitor, read), "page": page, **further}, refusal=refusal)


def with_columns(visitor: Visitor, page: ListPage) -> ListPage:
    """The page with the columns of the address, its usual ones without. The boxes of a form name them one by one: then
    the reader goes to the address that names them together."""
    query = visitor.request.query_params
    known = [column.path for column in page.declared.columns]
    if ticked := query.getlist("column"):
        kept = {name: value for name, value in query.items() if name not in (*PLACES, "column", "columns")}
        raise Elsewhere(
            link(page.address, kept, columns=",".join(name for name in known if name in (page.key, *ticked)))
        )
    asked = query.get("columns", "").split(",")
    members = tuple(name for name in known if name in asked and name != page.key)
    return replace(page, members=(page.key, *members)) if members else page


async def beside(visitor: Visitor, connection: AsyncConnection, declared: AnyList, rows: Sequence[Struct]) -> Contents:
    """What every list's page shows beside its rows: the names of their hospitals, the form of filters and its
    offers."""
    codes = [getattr(row, "hospital_code", None) for row in rows]
    return {
        "names": await hospital_names(connection, codes),
        "fields": fields_of(visitor, declared),
        "offered": await every_hospital(connection) if "hospital_code" in declared.filters.__struct_fields__ else [],
    }


async def _listing(
    visitor: Visitor, connection: AsyncConnection, page: ListPage, filters: Filters, day: date
) -> tuple[Listing, Columns]:
    selected = page.declared.selected
    assert selected is not None
    wanted = await selected.rows(connection, visitor.caller, filters, day)
    sortable = _sortable(page, wanted)
    sorting = Sorting(sortable, f"-{page.key}" if selected.newest_first else page.key, selected.order)
    summed = [one.path for one in page.columns if one.kind == "money" and one.summed and one.path in sortable]
    summing = Summing(summed, page.live, partial(page.further, day=day) if page.further else None)
    query = visitor.request.query_params
    return await listed(query, visitor.service, connection, wanted, sorting, summing), sortable


def _sortable(page: ListPage, wanted: Rows) -> Columns:
    """The members that the database can sort by: those that it selects by the same name, but for whole documents."""
    known = {name: wanted.selected_columns[name] for name in page.members if name in wanted.selected_columns}
    return {name: column for name, column in known.items() if not isinstance(column.type, JSON)}


# ---------------------------------------------------------------- filters


def fields_of(visitor: Visitor, declared: AnyList) -> list[FilterField]:
    """The form of a list's filters."""
    query, language = visitor.request.query_params, visitor.caller.language
    found = []
    for one in msgspec.structs.fields(declared.filters):
        name = one.encode_name
        if name not in LONG or query.get(name):
            widget, options = _widget(name, one.type, visitor.service.book.funds)
            found.append(FilterField(name, filter_title(name, language), widget, options))
    return found


def _widget(name: str, type_: object, funds: tuple[str, ...]) -> tuple[Widget, tuple[str, ...]]:
    kinds = get_args(plain_type(type_)) or (type_,)
    literal = next((kind for kind in kinds if get_origin(kind) is Literal), None)
    if literal is not None:
        return "options", get_args(literal)
    if name == "fund":
        return "options", funds
    if bool in kinds:
        return "check", ()
    if date in kinds:
        return "date", ()
    return WIDGETS.get(name, "text"), ()


async def narrowed_by(visitor: Visitor, connection: AsyncConnection, declared: DeclaredList[F, R, P]) -> Narrowed[F]:
    """The filters of an address. One that can't be understood narrows nothing, and the page says so."""
    values, misread, alike = {}, [], None
    for one in msgspec.structs.fields(declared.filters):
        name = one.encode_name
        text = chosen(visitor.request.query_params, name)
        if text is None:
            continue
        if name == "hospital_code":
            found = await hospitals_like(connection, text)
            alike = None if len(found) == 1 else found
        text = await meant(connection, one, text)
        try:
            values[one.name] = msgspec.convert(_value(one.type, text), one.type, strict=False)
        except msgspec.ValidationError:
            misread.append(filter_title(name, visitor.caller.language))
    return Narrowed(declared.filters(**values), misread, alike)


async def meant(connection: AsyncConnection, one: msgspec.structs.FieldInfo, text: str) -> str:
    """What a filter's text means: a hospital's code for its name, a month or a day in the service's form."""
    if one.encode_name == "hospital_code":
        return await hospital_meant(connection, text)
    if one.encode_name == "period":
        return month(text)
    return day(text) if date in get_args(plain_type(one.type)) else text


def _value(type_: object, text: str) -> str | bool:
    return {"1": True, "true": True}.get(text, False) if bool in get_args(type_) else text
