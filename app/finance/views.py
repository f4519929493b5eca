"""The forms that keep and forget a list's filters under a name; the page of help."""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.errors import NotFound
from app.finance import (
    audit,
    audit_log,
    balances,
    bank_receipts,
    claims,
    deposits,
    jobs,
    orders,
    payment_batches,
    prepayments,
    readjudications,
    reconciliation,
    saved_views,
    seal_findings,
    settlements,
    statements,
)
from app.finance.list_page import ListPage
from app.finance.page import KEYS_COOKIE, PageRoute, Refusal, Visitor, acted, own_form, shown, struct_of, visit
from app.finance.saved_views import ViewRequest
from app.finance.texts import help as help_texts
from app.service.columns import ListColumn

router = APIRouter(prefix="/finance", route_class=PageRoute, include_in_schema=False)
MODULES: Final = (
    *(audit, audit_log, balances, bank_receipts, claims, deposits, jobs, orders),
    *(payment_batches, prepayments, readjudications, reconciliation, seal_findings, settlements, statements),
)
PAGES: Final[Mapping[str, ListPage]] = {module.PAGE.address: module.PAGE for module in MODULES}
"""The declared lists that have a page, by address."""
KEYS_LAST: Final = 365 * 86400


@router.post("/views")
async def post_view(request: Request) -> Response:
    """Keep a list's filters, order and columns under a name."""
    visitor = await visit(request)
    form = await own_form(visitor)
    wanted = struct_of(form, ViewRequest, "page", "title", "query")
    filters = _page_of(wanted.page).declared.filters

    async def act(connection: AsyncConnection) -> None:
        await saved_views.keep(connection, visitor.caller, wanted, filters)

    return await acted(
        visitor,
        form,
        act,
        location=f"{wanted.page}?{wanted.query}",
        notice="notice.view.saved",
        show=lambda refusal: _refused(visitor, refusal),
    )


@router.post("/views/drop")
async def post_drop(request: Request) -> Response:
    """Forget one of one's own; the list stays as it is."""
    visitor = await visit(request)
    form = await own_form(visitor)
    wanted = struct_of(form, ViewRequest, "page", "title", "query")
    _page_of(wanted.page)
    return await acted(
        visitor,
        form,
        lambda connection: saved_views.drop(connection, wanted.page, wanted.title),
        location=f"{wanted.page}?{wanted.query}",
        notice="notice.view.dropped",
        show=lambda refusal: _refused(visitor, refusal),
    )


def _page_of(address: str) -> ListPage:
    if address not in PAGES:
        raise NotFound("not_found")
    return PAGES[address]


async def _refused(visitor: Visitor, refusal: Refusal) -> Response:
    request_id = visitor.caller.request_id
    return shown(visitor, "problem.html", status=refusal.status, sentences=refusal.sentences, request_id=request_id)


# ---------------------------------------------------------------- help


@router.get("/help")
async def get_help(request: Request) -> Response:
    """The keys, the figures of the overview and the columns of the lists that the visitor may read. ``keys`` in the
    address switches the single keys on or off in this browser."""
    visitor = await visit(request)
    keys = request.query_params.get("keys")
    off = keys == "off" or (keys is None and request.cookies.get(KEYS_COOKIE) == "off")
    response = shown(
        visitor,
        "help.html",
        figures=help_texts.FIGURES,
        shortcuts=help_texts.SHORTCUTS,
        lists=[(page, _columns(page)) for page in PAGES.values() if visitor.may(*page.declared.scopes)],
        keys_off=off,
    )
    if keys in ("on", "off"):
        response.set_cookie(KEYS_COOKIE, keys, max_age=KEYS_LAST, path="/finance", httponly=True, samesite="lax")
    return response


def _columns(page: ListPage) -> tuple[ListColumn, ...]:
    """A list's columns, those that its page usually shows first."""
    usual = page.columns
    return (*usual, *(column for column in page.declared.columns if column not in usual))
