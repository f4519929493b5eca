"""The papers of a payment: the order to pay 拨付单, and the request for the money of several orders 拨款申请表.

Amounts stand in figures and written out, with the payee's account, lines to sign on, and the office's own document
number where it is given, otherwise a line to write it on. The account is the one that an order was approved for, the
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
from app.basics.money import fen, yuan
from app.clearing.moves import business_now, today
from app.clearing.order import OrderAnswer, answer_of
from app.clearing.order_list import ENDED, order_row
from app.clearing.payment import Order
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


class FundSum(Struct):
    """What is asked for of a fund; yuan."""

    fund: str
    name: str
    count: int
    amount: str


class Paper(Struct):
    """What a paper says; ``number`` is the office's document number, empty for a line to write it on."""

    number: str
    made_on: date
    made_by: str
    orders: list[PaperOrder]
    funds: list[FundSum]
    total: str
    capital: str


async def order_pdf(service: Service, caller: Caller, shown_id: str, number: str) -> bytes:
    """The order to pay, as PDF; NotFound out of reach."""
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        row = await order_row(connection, shown_id)
        paper = await _paper(service, caller, connection, [row], number)
    paper.capital = paper.orders[0].capital
    return await _typeset(ORDER, paper)


async def request_pdf(
    service: Service, caller: Caller, connection: AsyncConnection, rows: Sequence[Order], number: str
) -> bytes:
    """The request for what is unpaid of orders, at most ``MOST_ROWS``; what has ended asks for nothing."""
    asked = [row for row in rows if row.state not in ENDED and row.unpaid > 0][:MOST_ROWS]
    paper = await _paper(service, caller, connection, asked, number)
    return await _typeset(REQUEST, paper)


async def _paper(
    service: Service, caller: Caller, connection: AsyncConnection, rows: Sequence[Order], number: str
) -> Paper:
    day = today(await business_now(service, connection))
    codes = {row.hospital_code for row in rows}
    names = select(hospital.c.code, hospital.c.name).where(hospital.c.code.in_(codes))
    named = {row.code: row.name for row in await connection.execute(names)}
    whole = ADMIN in caller.principal.scopes or "finance" in caller.principal.scopes
    accounts = {row.disbursement_id: await _account(service, connection, row) for row in rows}
    orders = [
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
    total = sum(row.unpaid for row in rows)
    return Paper(number, day, caller.principal.subject, orders, _by_fund(orders), yuan(total), capital_yuan(total))


async def _account(service: Service, connection: AsyncConnection, row: Order) -> BankAccount | None:
    change = row.account_change_id
    if row.approved_by is None:
        change = await hospital_account.current(connection, row.hospital_code)
    return None if change is None else await hospital_account.of_change(service.keys, connection, change)


def _by_fund(orders: Sequence[PaperOrder]) -> list[FundSum]:
    found: dict[str, FundSum] = {}
    for one in orders:
        of_fund = found.setdefault(one.order.fund, FundSum(one.order.fund, one.fund_name, 0, "0.00"))
        of_fund.count += 1
        of_fund.amount = yuan(fen(of_fund.amount) + fen(one.order.unpaid))
    return [found[fund] for fund in sorted(found)]


async def _typeset(template: Path, paper: Paper) -> bytes:
    data = await asyncio.to_thread(lambda: showable(msgspec.json.encode(paper).decode(), covered()))
    dated = datetime.combine(paper.made_on, time(), SHANGHAI)
    return await typeset(template, data, dated, small=len(paper.orders) <= 50)
