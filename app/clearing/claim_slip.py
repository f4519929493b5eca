"""The slip of payment 零星报销拨付单 of a person's claim, as PDF: what was claimed, what each fund pays, deductions,
the masked account, who approved, the bank's references. It shows what is stored and computes nothing."""

import asyncio
from datetime import date, datetime, time
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import SHANGHAI
from app.basics.errors import NotFound
from app.basics.funds import fund_name as called
from app.basics.ids import DEDUCTION, shown_id
from app.basics.money import yuan
from app.clearing import bank, person_account
from app.clearing.bank import MovementAnswer
from app.clearing.claim import CLAIMS, ClaimAnswer, answer_of, claim_of
from app.clearing.deduction import of_claim
from app.clearing.deduction_row import Deduction
from app.clearing.moves import business_now, today
from app.clearing.payment import Claim, typed
from app.clearing.tables import claim, deduction
from app.registry.hospital_facts import BankAccount
from app.registry.service import read_person
from app.registry.tables import hospital
from app.service.caller import Caller, Service
from app.service.http import open_request
from app.settlement.capitals import capital_yuan
from app.settlement.glyphs import shown as showable
from app.settlement.typesetting import covered, typeset

TEMPLATE: Final = Path(__file__).parent / "templates" / "claim.typ"
NOT_KNOWN: Final = "—"
STATES: Final = {
    "draft": "草稿",
    "approved": "已批准",
    "sent": "已送银行",
    "paid": "已付清",
    "part_paid": "部分支付",
    "returned": "已退回",
    "cancelled": "已取消",
    "reversed": "已撤销",
    "recoverable_from_person": "待个人退回",
}
DEDUCTION_STATES: Final = {
    "proposed": "已提出",
    "accepted": "已同意",
    "appealed": "申诉中",
    "decided": "已复核",
    "lapsed": "已失效",
}
MOVEMENTS: Final = {bank.PAYMENT: "付款", bank.RETURN: "退回", bank.REPAYMENT: "归还"}


class SlipPerson(Struct):
    """Who claims; the id number is masked, both are dashes out of the caller's reach."""

    name: str
    id_number: str


class SlipBill(Struct):
    """The bill that was paid in cash, as it was settled; yuan."""

    visit_id: str
    admitted_on: date
    discharged_on: date
    total: str
    fund_total: str
    patient: str


class SlipFund(Struct):
    """What a fund pays of the same settlement; yuan."""

    claim_id: str
    fund_name: str
    gross: str
    deducted: str
    amount: str
    paid: str
    state_name: str


class SlipDeduction(Struct):
    """A deduction of the claim; yuan."""

    deduction_id: str
    line_no: int | None
    reason_code: str
    reason: str
    amount: str
    upheld: str | None
    given_back: str
    state_name: str


class SlipMovement(MovementAnswer, kw_only=True):
    """A movement of the bank and what it is called."""

    kind_name: str


class ClaimSlip(Struct):
    """What stands on the slip of a claim."""

    claim: ClaimAnswer
    state_name: str
    fund_name: str
    amount_capital: str
    person: SlipPerson
    hospital: str
    bill: SlipBill
    funds: list[SlipFund]
    deductions: list[SlipDeduction]
    account: BankAccount | None
    movements: list[SlipMovement]


async def slip_pdf(service: Service, caller: Caller, claim_id: str) -> bytes:
    """The slip of a claim within reach as PDF/A-2u, equal bytes for equal contents; NotFound otherwise."""
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        row = await claim_of(connection, claim_id)
        contents = await _contents(service, connection, row)
    contents.person = await _person(service, caller, row.person_id)
    data = await asyncio.to_thread(lambda: showable(msgspec.json.encode(contents).decode(), covered()))
    last = max(day for day in (row.created_on, row.approved_on, row.sent_on, row.paid_on) if day is not None)
    return await typeset(TEMPLATE, data, datetime.combine(last, time(), SHANGHAI), small=True)


async def _contents(service: Service, connection: AsyncConnection, row: Claim) -> ClaimSlip:
    """All but the person, whom their own transaction reads."""
    day = today(await business_now(service, connection))
    name = await connection.scalar(select(hospital.c.name).where(hospital.c.code == row.hospital_code))
    return ClaimSlip(
        claim=answer_of(service.book, row, day),
        state_name=STATES[row.state],
        fund_name=called(row.fund),
        amount_capital=capital_yuan(row.amount),
        person=SlipPerson(NOT_KNOWN, NOT_KNOWN),
        hospital=name or NOT_KNOWN,
        bill=await _bill(connection, row),
        funds=await _funds(connection, row),
        deductions=await _deductions(connection, row),
        account=person_account.masked_account(service.keys, row.person_id, row.account),
        movements=await _movements(connection, row),
    )


async def _person(service: Service, caller: Caller, person_id: str) -> SlipPerson:
    try:
        found = await read_person(service, caller, person_id)
    except NotFound:
        return SlipPerson(NOT_KNOWN, NOT_KNOWN)
    return SlipPerson(found.name, found.id_number)


_BILL: Final = text("""
SELECT visit_id, admitted_on, discharged_on, total, patient,
       basic + payable_adjustment + serious_illness + supplement + medical_assistance + safety_net AS fund_total
  FROM settlement WHERE settlement_id = :settlement""")


async def _bill(connection: AsyncConnection, row: Claim) -> SlipBill:
    found = (await connection.execute(_BILL, {"settlement": row.settlement_id})).mappings().one()
    return SlipBill(
        visit_id=found["visit_id"],
        admitted_on=found["admitted_on"],
        discharged_on=found["discharged_on"],
        total=yuan(found["total"]),
        fund_total=yuan(found["fund_total"]),
        patient=yuan(found["patient"]),
    )


async def _funds(connection: AsyncConnection, row: Claim) -> list[SlipFund]:
    same = select(claim).where(claim.c.settlement_id == row.settlement_id).order_by(claim.c.fund, claim.c.claim_id)
    claims = [CLAIMS.read(one) for one in (await connection.execute(same)).mappings()]
    return [
        SlipFund(
            claim_id=CLAIMS.shown(one),
            fund_name=called(one.fund),
            gross=yuan(one.gross),
            deducted=yuan(one.deducted),
            amount=yuan(one.amount),
            paid=yuan(one.paid),
            state_name=STATES[one.state],
        )
        for one in claims
    ]


async def _deductions(connection: AsyncConnection, row: Claim) -> list[SlipDeduction]:
    mine = select(deduction).where(of_claim(row.claim_id)).order_by(deduction.c.deduction_id)
    found = [typed(one, Deduction) for one in (await connection.execute(mine)).mappings()]
    return [
        SlipDeduction(
            deduction_id=shown_id(DEDUCTION, one.deduction_id),
            line_no=one.line_no,
            reason_code=one.reason_code,
            reason=one.reason,
            amount=yuan(one.amount),
            upheld=None if one.upheld is None else yuan(one.upheld),
            given_back=yuan(one.given_back),
            state_name=DEDUCTION_STATES[one.state],
        )
        for one in found
    ]


async def _movements(connection: AsyncConnection, row: Claim) -> list[SlipMovement]:
    found = await bank.movements(connection, CLAIMS.shown(row), row.claim_id)
    return [SlipMovement(**msgspec.structs.asdict(one), kind_name=MOVEMENTS[one.kind]) for one in found]
