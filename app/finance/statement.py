"""One statement: each fund's part with its approval and its order, the postings it declares, who did what."""

from collections.abc import Mapping
from functools import partial
from typing import Final, cast

import msgspec
from fastapi import APIRouter, Request
from sqlalchemy import BigInteger, ColumnElement, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from app.basics.errors import Fault, Refused
from app.basics.funds import NATIONAL_FUNDS
from app.basics.ids import SETTLEMENT, STATEMENT, number_of, shown_id
from app.clearing import audit, order, reconciliation, statement
from app.clearing.api import ReasonRequest
from app.clearing.comparison import check_totals
from app.clearing.deduction_proposal import DeductionRequest, propose
from app.clearing.machine import acting
from app.clearing.moves import business_now, today
from app.clearing.order import ORDERS, OrderRequest, answer_of
from app.clearing.order_list import orders_where
from app.clearing.part import whole_in_reach
from app.clearing.statement_row import BEFORE_APPROVAL, BEFORE_AUDIT
from app.clearing.statement_row import read as read_statement
from app.clearing.tables import statement_item
from app.finance.following import following
from app.finance.history import moves_of
from app.finance.listing import Sorting, Summing, chosen, listed
from app.finance.page import Contents, Move, PageRoute, Refusal, Visitor, reading, shown, stepped, struct_of, visit
from app.finance.registered import hospital_names
from app.ledger.tables import account, transfer
from app.service.lists import Rows
from app.service.security import MONEY_READERS
from app.service.wire import decode

router = APIRouter(prefix="/finance/statements", route_class=PageRoute, include_in_schema=False)
_posting: Final = transfer.alias("t")
_credited: Final = account.alias("c")
SIGNED: Final = cast(ColumnElement[object], literal_column(statement.SIGNED, BigInteger).label("signed"))
SORTING: Final = Sorting(
    columns={
        "posting": _posting.c.transfer_id,
        "settlement": _posting.c.settlement_id,
        "event": _posting.c.event,
        "fund": _posting.c.fund,
        "day": _posting.c.business_date,
        "amount": SIGNED,
    },
    default="posting",
    key=(_posting.c.transfer_id,),
)


def items_asked(query: Mapping[str, str], shown_id: str) -> Rows:
    """The postings of a statement that the address's filters ask for; ``signed`` is the amount, fen."""
    item = statement_item.join(_posting, _posting.c.transfer_id == statement_item.c.transfer_id)
    joined = item.join(_credited, _credited.c.account_id == _posting.c.credit_account)
    wanted = select(_posting, SIGNED).select_from(joined)
    wanted = wanted.where(statement_item.c.statement_id == number_of(STATEMENT, shown_id))
    fund = chosen(query, "fund", [*NATIONAL_FUNDS])
    return wanted if fund is None else wanted.where(_posting.c.fund == fund)


@router.get("/{statement_id}")
async def get_statement(request: Request, statement_id: str) -> Response:
    """A statement."""
    return await _page(await visit(request, *MONEY_READERS), statement_id)


async def _page(visitor: Visitor, shown_statement: str, refusal: Refusal | None = None) -> Response:
    async def read(connection: AsyncConnection) -> Contents:
        row = await read_statement(connection, shown_statement)
        found, number = await statement.answer_of(connection, row), row.statement_id
        day = today(await business_now(visitor.service, connection))
        wanted = await orders_where(connection, day, statement_id=shown_statement)
        orders = [answer_of(ORDERS.read(row), day) for row in (await connection.execute(wanted)).mappings()]
        query = visitor.request.query_params
        items = items_asked(query, shown_statement)
        listing = await listed(query, visitor.service, connection, items, SORTING, Summing(("signed",)))
        names = await hospital_names(connection, [found.hospital_code])
        return {
            "statement": found,
            "hospital": names.get(found.hospital_code, found.hospital_code),
            "orders": {fund.fund: [one for one in orders if one.fund == fund.fund] for fund in found.funds},
            "listing": listing,
            "settlement_id": partial(shown_id, SETTLEMENT),
            "events": await moves_of(connection, shown_statement),
            "may": _may(visitor, found, whole=await whole_in_reach(connection, number)),
            "to_order": {part.fund for part in found.parts if part.state == "approved" and visitor.may("finance")},
            "funds": visitor.funds(fund.fund for fund in found.funds),
            "following": await following(visitor, connection, "/finance/statements", number),
        }

    return shown(visitor, "statement.html", await reading(visitor, read), refusal=refusal)


def _may(visitor: Visitor, found: statement.StatementAnswer, *, whole: bool) -> dict[str, bool]:
    """What the page offers, some of it only to who may act on all funds of the statement (``whole``); the service
    decides whether it may be done."""
    finance, own = visitor.may("finance"), found.declared_by == visitor.principal.subject
    open_ = found.state in BEFORE_APPROVAL
    return {
        "approve": finance and open_ and not own and bool(found.parts or whole),
        "second": finance and open_ and own,
        "compare": whole and visitor.may("finance", "hospital") and found.state in BEFORE_AUDIT,
        "audit": finance and found.state in BEFORE_AUDIT,
        "finish": whole and finance and found.state in BEFORE_AUDIT,
        "withdraw": whole and visitor.may("finance", "hospital") and open_ and not _touched(found),
    }


def _touched(found: statement.StatementAnswer) -> bool:
    """Whether something hangs on a part, as far as the answer says."""
    return any(part.order or part.deducted != "0.00" or part.state == "approved" for part in found.parts)


async def _act(request: Request, shown_id: str, notice: str, move: Move, *scopes: str) -> Response:
    """One of the steps."""
    return await stepped(
        request,
        move,
        *scopes,
        location=f"/finance/statements/{shown_id}",
        notice=f"notice.{notice}",
        show=lambda visitor, refusal: _page(visitor, shown_id, refusal),
    )


@router.post("/{statement_id}/approve")
async def post_approve(request: Request, statement_id: str) -> Response:
    """Approve one fund's part, or every part that is the visitor's."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        funds = [form["fund"]] if form.get("fund") else None
        return await statement.approve(visitor.service, connection, visitor.caller, statement_id, funds)

    return await _act(request, statement_id, "statement.approved", move, "finance")


@router.post("/{statement_id}/order")
async def post_order(request: Request, statement_id: str) -> Response:
    """Make the order of a fund's approved part."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        sent = {**form, "statement_id": statement_id}
        wanted = struct_of(sent, OrderRequest, "statement_id", "fund", "deposit_rate")
        return await order.make(await acting(visitor.service, connection, visitor.caller), wanted)

    return await _act(request, statement_id, "order.made", move, "finance")


@router.post("/{statement_id}/withdraw")
async def post_withdraw(request: Request, statement_id: str) -> Response:
    """Take the declaration back."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        reason = struct_of(form, ReasonRequest, "reason").reason
        return await statement.withdraw(visitor.service, connection, visitor.caller, statement_id, reason)

    return await _act(request, statement_id, "statement.withdrawn", move, "finance", "hospital")


@router.post("/{statement_id}/compare")
async def post_compare(request: Request, statement_id: str) -> Response:
    """Compare with the hospital's totals, which have to be given for every fund that the statement declares."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        funds = [fund for fund in NATIONAL_FUNDS if form.get(f"amount_{fund}")]
        sent = [{"fund": fund, "count": _whole(form, fund), "amount": form[f"amount_{fund}"]} for fund in funds]
        declared = await statement.answer_of(connection, await read_statement(connection, statement_id))
        if not funds or {part.fund for part in declared.funds} - set(funds):
            raise Refused([Fault("/totals", "figures_missing")])
        wanted = decode(
            msgspec.json.encode({"statement_id": statement_id, "totals": sent}), reconciliation.ReconciliationRequest
        )
        check_totals(visitor.service.book, wanted.totals or [])
        return await reconciliation.compare(
            visitor.service, connection, visitor.caller, statement_id, wanted.totals or []
        )

    return await _act(request, statement_id, "statement.compared", move, "finance", "hospital")


def _whole(form: dict[str, str], fund: str) -> int | str:
    text = form.get(f"count_{fund}", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else text


@router.post("/{statement_id}/deduct")
async def post_deduct(request: Request, statement_id: str) -> Response:
    """Propose a deduction."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        names = ("settlement_id", "fund", "amount", "reason_code", "reason")
        wanted = struct_of(form, DeductionRequest, *names)
        return await propose(visitor.service, connection, visitor.caller, statement_id, wanted)

    return await _act(request, statement_id, "deduction.proposed", move, "finance")


@router.post("/{statement_id}/audit")
async def post_audit(request: Request, statement_id: str) -> Response:
    """End the audit."""

    async def move(visitor: Visitor, connection: AsyncConnection, form: dict[str, str]) -> object:
        return await audit.finish(visitor.service, connection, visitor.caller, statement_id)

    return await _act(request, statement_id, "statement.audited", move, "finance")
