"""The papers of a payment: the order to pay 拨付单, and the request for the money of several orders 拨款申请表.

Amounts stand in figures and written out, with the payee's account, lines to sign on, and the office's own document
number where it has one, otherwise a line to write it on. The account is the one that an order was approved for, the
hospital's present one before; all of its number only for who pays.
"""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import SHANGHAI
from app.basics.ids import CLAIM, DISBURSEMENT, number_of
from app.basics.money import fen, yuan
from app.clearing.moves import business_now, today
from app.clearing.order import ORDERS, OrderAnswer, answer_of
from app.clearing.order_list import ENDED, order_row
from app.clearing.payment import Order
from app.clearing.payment_batch import BatchItemAnswer, shown_batch
from app.clearing.tables import disbursement
from app.registry import hospital_account
from app.registry.hospital_facts import BankAccount, masked
from app.registry.tables import hospital
from app.service.caller import Caller, Service
from app.service.http import open_request
from app.service.security import ADMIN
from app.service.words import worded
from app.settlement.capitals import capital_yuan
from app.settlement.glyphs import shown as showable
from app.settlement.typesetting import covered, typeset

ORDER: Final = Path(__file__).parent / "templates" / "order.typ"
REQUEST: Final = Path(__file__).parent / "templates" / "request.typ"
MOST_ROWS: Final = 500


class PaperOrder(Struct):
    """An order on paper: with words beside its codes, its payee and account; ``capital`` is what is to be paid."""

    order: OrderAnswer
    hospital: str
    fund_name: str
    state_name: str
    capital: str
    account: BankAccount | None


class RequestRow(Struct):
    """What is asked for of an order or a claim, yuan. ``private``: of a person, whose account stands in the bank's file
    alone."""

    number: str
    payee: str
    private: bool
    account: BankAccount | None
    period: str | None
    fund: str
    fund_name: str
    amount: str


class FundSum(Struct):
    """What is asked for of a fund; yuan."""

    fund: str
    name: str
    count: int
    amount: str


class Paper(Struct):
    """What every paper says; ``number`` is the office's document number, empty for a line to write it on."""

    number: str
    made_on: date
    made_by: str
    capital: str


class OrderPaper(Paper):
    """An order."""

    one: PaperOrder


class RequestPaper(Paper):
    """A request for the money of ``rows``."""

    batch: str | None
    rows: list[RequestRow]
    funds: list[FundSum]
    total: str


async def order_pdf(service: Service, caller: Caller, shown_id: str) -> bytes:
    """The order to pay, as PDF; NotFound out of reach."""
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        row = await order_row(connection, shown_id)
        day = today(await business_now(service, connection))
        (one,) = await _orders(service, caller, connection, [row], day)
    number = row.document_number or ""
    paper = OrderPaper(number, day, caller.principal.subject, one.capital, one)
    return await _typeset(ORDER, paper, small=True)


async def request_pdf(service: Service, caller: Caller, connection: AsyncConnection, rows: Sequence[Order]) -> bytes:
    """The request for what is unpaid of orders, at most ``MOST_ROWS``; what has ended asks for nothing. It has a
    document number where all of them have that one."""
    open_ones = [row for row in rows if row.state not in ENDED and row.unpaid > 0][:MOST_ROWS]
    day = today(await business_now(service, connection))
    asked = [_asked(one, one.order.unpaid) for one in await _orders(service, caller, connection, open_ones, day)]
    numbers = {row.document_number for row in open_ones}
    number = (numbers.pop() or "") if len(numbers) == 1 else ""
    return await _request(caller, day, number, None, asked)


async def batch_pdf(service: Service, caller: Caller, connection: AsyncConnection, shown: str) -> bytes:
    """The request for the money of a payment batch, under its document number: what the bank is asked to pay of each
    row. NotFound out of reach."""
    batch = await shown_batch(connection, shown)
    day = today(await business_now(service, connection))
    numbers = [number_of(DISBURSEMENT, row.order_id) for row in batch.rows if not row.order_id.startswith(CLAIM)]
    found = await connection.execute(select(disbursement).where(disbursement.c.disbursement_id.in_(numbers)))
    rows = [ORDERS.read(row) for row in found.mappings()]
    orders = {one.order.disbursement_id: one for one in await _orders(service, caller, connection, rows, day)}
    asked = [
        _asked(orders[row.order_id], row.amount) if row.order_id in orders else _of_person(row) for row in batch.rows
    ]
    return await _request(caller, day, batch.document_number or "", shown, asked)


def _asked(one: PaperOrder, amount: str) -> RequestRow:
    order = one.order
    return RequestRow(
        order.disbursement_id, one.hospital, False, one.account, order.period, order.fund, one.fund_name, amount
    )


def _of_person(row: BatchItemAnswer) -> RequestRow:
    return RequestRow(row.order_id, "", True, None, None, row.fund, worded("fund", row.fund, "zh"), row.amount)


async def _request(caller: Caller, day: date, number: str, batch: str | None, asked: list[RequestRow]) -> bytes:
    total = sum(fen(one.amount) for one in asked)
    paper = RequestPaper(
        number=number,
        made_on=day,
        made_by=caller.principal.subject,
        capital=capital_yuan(total),
        batch=batch,
        rows=asked,
        funds=_by_fund(asked),
        total=yuan(total),
    )
    return await _typeset(REQUEST, paper, small=len(asked) <= 50)


async def _orders(
    service: Service, caller: Caller, connection: AsyncConnection, rows: Sequence[Order], day: date
) -> list[PaperOrder]:
    codes = {row.hospital_code for row in rows}
    names = select(hospital.c.code, hospital.c.name).where(hospital.c.code.in_(codes))
    named = {row.code: row.name for row in await connection.execute(names)}
    whole = ADMIN in caller.principal.scopes or "finance" in caller.principal.scopes
    accounts = {row.disbursement_id: await _account(service, connection, row) for row in rows}
    return [
        PaperOrder(
            order=answer_of(row, day),
            hospital=named.get(row.hospital_code, row.hospital_code),
            fund_name=worded("fund", row.fund, "zh"),
            state_name=worded("state", row.state.value, "zh"),
            capital=capital_yuan(row.amount),
            account=account if whole or account is None else masked(account),
        )
        for row in rows
        for account in (accounts[row.disbursement_id],)
    ]


async def _account(service: Service, connection: AsyncConnection, row: Order) -> BankAccount | None:
    change = row.account_change_id
    if row.approved_by is None:
        change = await hospital_account.current(connection, row.hospital_code)
    return None if change is None else await hospital_account.of_change(service.keys, connection, change)


def _by_fund(asked: Sequence[RequestRow]) -> list[FundSum]:
    found: dict[str, FundSum] = {}
    for one in asked:
        of_fund = found.setdefault(one.fund, FundSum(one.fund, one.fund_name, 0, "0.00"))
        of_fund.count += 1
        of_fund.amount = yuan(fen(of_fund.amount) + fen(one.amount))
    return [found[fund] for fund in sorted(found)]


async def _typeset(template: Path, paper: Paper, *, small: bool) -> bytes:
    data = await asyncio.to_thread(lambda: showable(msgspec.json.encode(paper).decode(), covered()))
    dated = datetime.combine(paper.made_on, time(), SHANGHAI)
    return await typeset(template, data, dated, small=small)
