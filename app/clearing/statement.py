"""Statements: what a hospital declares of an ended month to one paying area, and the approval of each fund's part.

A statement is its items: postings of the hospital's payable account, each in one statement for ever
(docs/specification/clearing.md, section 2).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Final

from msgspec import Meta, Struct
from sqlalchemy import BigInteger, RowMapping, cast, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import iso, next_month, shown_instant
from app.basics.errors import Conflict, Fault, NotFound, Refused
from app.basics.ids import SETTLEMENT, STATEMENT, number_of, shown_id
from app.basics.money import yuan
from app.clearing.deduction import lapse, lock_persons, of_statement, undecided
from app.clearing.family_doctor import fee_postings
from app.clearing.month import check_declarable
from app.clearing.moves import (
    Event,
    Row,
    business_now,
    check_move,
    may_pay,
    pooling_area_of,
    record,
    today,
    written_by,
)
from app.clearing.part import Part, PartAnswer, check_untouched, check_whole, part_answers, parts_of, whole_in_reach
from app.clearing.payment import typed
from app.clearing.plan import plan_of
from app.clearing.posting import Purse
from app.clearing.statement_row import BEFORE_APPROVAL, Statement, locked_statement, moved_statement
from app.clearing.tables import difference, statement, statement_item, statement_part, statement_total
from app.database.locks import Lock, hold
from app.ledger.tables import transfer
from app.registry.tables import hospital
from app.service.caller import Caller, Service
from app.service.lists import Rows
from app.service.second_person import by_another
from app.service.wire import AreaCode, Code
from app.tiers.model import FUNDS

WITHDRAWN: Final = "statement withdrawn"


class StatementRequest(Struct, forbid_unknown_fields=True):
    """Declare a hospital's month ``YYYY-MM``; without ``area_code`` to its own pooling area."""

    hospital_code: Code
    period: Code
    area_code: AreaCode | None = None


class ApprovalRequest(Struct, forbid_unknown_fields=True):
    """Approve these funds' parts of all years; without them every part that is the caller's and not approved yet."""

    funds: Annotated[list[Code], Meta(max_length=20)] | None = None


class TotalAnswer(Struct):
    """What a statement declares for a fund, tier, clearing type and fiscal year; ``amount`` yuan, may be negative."""

    fund: str
    tier: str
    clr_type: str
    fiscal_year: int
    count: int
    amount: str


class FundAnswer(Struct):
    """One fund's part: declared ``amount``, upheld ``deductions``, ``payable`` = amount − deductions, who approved
    it."""

    fund: str
    count: int
    amount: str
    deductions: str
    payable: str
    approved_by: str | None
    approved_on: str | None


class StatementAnswer(Struct):
    """A statement, with its parts by fund and fiscal year. ``count`` is of settlements, reversals and adjustments;
    money in yuan. ``warnings``, when it is declared: ``family_doctor_fee_not_set`` where contracts would be paid if the
    operator had set the fee."""

    statement_id: str
    hospital_code: str
    area_code: str
    period: str
    state: str
    count: int
    amount: str
    funds: list[FundAnswer]
    parts: list[PartAnswer]
    totals: list[TotalAnswer]
    pay_by: str
    declared_at: str
    declared_by: str
    warnings: list[str] = []


class StatementRow(Struct):
    """A statement in a list."""

    statement_id: str
    hospital_code: str
    area_code: str
    period: str
    state: str
    amount: str
    pay_by: str
    declared_at: str


class ItemAnswer(Struct):
    """One posting of a statement; ``amount`` yuan, negative for what is taken back."""

    posting_id: str
    event: str
    settlement_id: str | None
    fund: str
    tier: str
    clr_type: str
    fiscal_year: int
    period: str
    business_date: str
    amount: str


# ---------------------------------------------------------------- declaring


async def declare(
    service: Service, connection: AsyncConnection, caller: Caller, wanted: StatementRequest, period: str
) -> StatementAnswer:
    """Declare an ended month. Conflict ``period_not_ended``, ``already_declared``, ``month_closed``; Forbidden
    ``statement_needs_all_funds`` for who may not act on every fund that it declares."""
    place = await _hospital(connection, caller, wanted.hospital_code)
    area = await pooling_area_of(connection, wanted.area_code or place["area_code"])
    if caller.principal.hospital_code is None:
        may_pay(caller, area)
    now = await business_now(service, connection)
    if today(now) < next_month(period):
        raise Conflict("period_not_ended", values={"period": period})
    await check_declarable(connection, area, period)
    plan = plan_of(service, area, period)
    # Declarations of one hospital go one after the other: two months would reach for the same late postings.
    await hold(connection, Lock.DECLARATION, f"{wanted.hospital_code} {area}")
    await _refuse_second(connection, wanted.hospital_code, area, period)
    owner = {"hospital_code": wanted.hospital_code, "hospital_area": place["area_code"], "area_code": area}
    values = owner | {"period": period, "declared_at": now, "pay_by": plan.pay_by(period)} | written_by(caller)
    number = (
        await connection.execute(insert(statement).values(values).returning(statement.c.statement_id))
    ).scalar_one()
    purse = Purse(area, FUNDS["basic"], wanted.hospital_code, place["area_code"], int(period[:4]))
    fees = await fee_postings(service, connection, purse, period, now)
    await connection.execute(text("SELECT statement_fill(:number)"), {"number": number})
    await check_whole(connection, number)
    answered = await answer_of(connection, await locked_statement(connection, number))
    answered.warnings = ["family_doctor_fee_not_set"] if fees is None else []
    await record(connection, caller, now, owner, Event(object_id=shown_id(STATEMENT, number), move="declared"))
    return answered


async def _hospital(connection: AsyncConnection, caller: Caller, code: str) -> RowMapping:
    if caller.principal.hospital_code not in (None, code):
        raise NotFound("not_found")
    row = (await connection.execute(select(hospital.c.area_code).where(hospital.c.code == code))).mappings().first()
    if row is None:
        raise Refused([Fault("/hospital_code", "unknown_hospital")])
    return row


async def _refuse_second(connection: AsyncConnection, hospital_code: str, area: str, period: str) -> None:
    columns = statement.c
    same = (columns.hospital_code == hospital_code, columns.area_code == area, columns.period == period)
    found = (await connection.execute(select(columns.statement_id).where(*same, columns.state != "withdrawn"))).scalar()
    if found is not None:
        shown = shown_id(STATEMENT, found)
        location = {"Location": f"/v1/clearing/statements/{shown}"}
        raise Conflict("already_declared", headers=location, extra={"statement_id": shown})


async def withdraw(
    service: Service, connection: AsyncConnection, caller: Caller, shown: str, reason: str
) -> StatementAnswer:
    """Take a declaration back while every part is untouched: its postings join the next one, its comparisons end with
    it.

    Conflict ``parts_in_progress``, ``invalid_move``, ``month_closed``; Forbidden ``statement_needs_all_funds``."""
    row = await locked_statement(connection, number_of(STATEMENT, shown))
    if caller.principal.hospital_code is None:
        may_pay(caller, row.area_code)
    await check_whole(connection, row.statement_id)
    await check_untouched(connection, row.statement_id)
    check_move(row.state, BEFORE_APPROVAL, "withdrawn")
    await check_declarable(connection, row.area_code, row.period)
    now = await business_now(service, connection)
    await _close_differences(connection, caller, row.statement_id, today(now))
    row = await moved_statement(connection, row, withdrawn_on=today(now))
    await record(connection, caller, now, row.owner, Event(object_id=shown, move="withdrawn", reason=reason))
    return await answer_of(connection, row)


async def _close_differences(connection: AsyncConnection, caller: Caller, number: int, day: date) -> None:
    values = {"state": "resolved", "resolution": WITHDRAWN, "resolved_by": caller.principal.subject, "resolved_on": day}
    mine = (difference.c.statement_id == number, difference.c.state == "open")
    await connection.execute(update(difference).where(*mine).values(**values))


# ---------------------------------------------------------------- approving


async def approve(
    service: Service, connection: AsyncConnection, caller: Caller, shown: str, funds: Sequence[str] | None
) -> StatementAnswer:
    """Approve parts of a statement; it is approved when every part is. The declarer can't.

    Conflict ``invalid_move``, ``differences_open``, ``deductions_open``.
    """
    number = number_of(STATEMENT, shown)
    await lock_persons(connection, of_statement(number))  # before the statement's lock, as whoever proposes a deduction
    row = await locked_statement(connection, number)
    may_pay(caller, row.area_code)
    await by_another(connection, caller, row.subject)
    check_move(row.state, BEFORE_APPROVAL, "approved")
    now = await business_now(service, connection)
    chosen = _chosen(await parts_of(connection, number), caller, funds)
    if not chosen and not await whole_in_reach(connection, number):
        raise NotFound("not_found")
    await lapse(service, connection, caller, of_statement(number, chosen))
    await _refuse_unsettled(connection, number, chosen)
    signed = {"approved_by": caller.principal.subject, "approved_on": today(now)}
    if not chosen:
        row = await moved_statement(connection, row, **signed)
        await record(connection, caller, now, row.owner, Event(object_id=shown, move="approved"))
    for fund in chosen:
        mine = (statement_part.c.statement_id == number, statement_part.c.fund == fund)
        await connection.execute(update(statement_part).where(*mine).values(**signed))
        await record(connection, caller, now, row.owner | {"fund": fund}, Event(object_id=shown, move="approved"))
    return await answer_of(connection, await locked_statement(connection, number))


def _chosen(parts: Sequence[Part], caller: Caller, funds: Sequence[str] | None) -> list[str]:
    """The funds to approve now of those within the caller's; none where nothing is declared of them."""
    declared = {part.fund for part in parts}
    approved = {part.fund for part in parts if part.approved_by is not None}
    mine = caller.principal.funds
    if funds is None:
        chosen = declared - approved
    else:
        if mine is not None and not mine.issuperset(funds):
            raise NotFound("not_found")
        chosen = set(funds)
        faults = [Fault(f"/funds/{i}", "fund_not_in_statement") for i, fund in enumerate(funds) if fund not in declared]
        if faults:
            raise Refused(faults)
    if chosen & approved or (declared and not chosen):
        raise Conflict("invalid_move", values={"state": "approved", "wanted": "approved"}, extra={"state": "approved"})
    return sorted(chosen)


async def _refuse_unsettled(connection: AsyncConnection, number: int, funds: Sequence[str]) -> None:
    open_ = (difference.c.statement_id == number, difference.c.fund.in_(funds), difference.c.state == "open")
    if (await connection.execute(select(difference.c.difference_id).where(*open_).limit(1))).first() is not None:
        raise Conflict("differences_open")
    if await undecided(connection, of_statement(number, funds)):
        raise Conflict("deductions_open")


# ---------------------------------------------------------------- reading


async def answer_of(connection: AsyncConnection, row: Statement) -> StatementAnswer:
    """A statement as it is shown, with its totals, deductions and approvals."""
    number = row.statement_id
    order = (statement_total.c.fund, statement_total.c.tier, statement_total.c.clr_type, statement_total.c.fiscal_year)
    wanted = select(statement_total).where(statement_total.c.statement_id == number).order_by(*order)
    totals = (await connection.execute(wanted)).mappings().all()
    parts = await parts_of(connection, number)
    return StatementAnswer(
        statement_id=row.shown,
        hospital_code=row.hospital_code,
        area_code=row.area_code,
        period=row.period,
        state=row.state.value,
        count=await count_of(connection, number),
        amount=yuan(sum(total["amount"] for total in totals)),
        funds=await _funds(connection, number, totals, parts),
        parts=part_answers(parts),
        totals=[
            TotalAnswer(
                total["fund"],
                total["tier"],
                total["clr_type"],
                total["fiscal_year"],
                total["settlements"] or total["postings"],
                yuan(total["amount"]),
            )
            for total in totals
        ],
        pay_by=row.pay_by.isoformat(),
        declared_at=shown_instant(row.declared_at),
        declared_by=row.subject,
    )


async def count_of(connection: AsyncConnection, number: int, fund: str | None = None) -> int:
    """How many settlements, reversals and adjustments have postings (of a fund) in a statement."""
    joined = statement_item.join(transfer, transfer.c.transfer_id == statement_item.c.transfer_id)
    wanted = select(func.count(transfer.c.settlement_id.distinct())).select_from(joined)
    wanted = wanted.where(statement_item.c.statement_id == number)
    if fund is not None:
        wanted = wanted.where(transfer.c.fund == fund)
    result: int = (await connection.execute(wanted)).scalar_one()
    return result


async def _funds(
    connection: AsyncConnection, number: int, totals: Sequence[RowMapping], parts: Sequence[Part]
) -> list[FundAnswer]:
    answers = []
    for fund in sorted({total["fund"] for total in totals}):
        mine = [part for part in parts if part.fund == fund]
        amount = sum(total["amount"] for total in totals if total["fund"] == fund)
        deducted = sum(part.upheld for part in mine)
        answers.append(
            FundAnswer(
                fund=fund,
                count=await count_of(connection, number, fund),
                amount=yuan(amount),
                deductions=yuan(deducted),
                payable=yuan(amount - deducted),
                approved_by=next((part.approved_by for part in mine), None),
                approved_on=iso(next((part.approved_on for part in mine), None)),
            )
        )
    return answers


def statements_where(filters: Mapping[str, str | None]) -> Rows:
    """The statements within reach with these values, each with its ``amount``. None is no condition."""
    amount = (
        select(cast(func.coalesce(func.sum(statement_total.c.amount), 0), BigInteger))
        .where(statement_total.c.statement_id == statement.c.statement_id)
        .scalar_subquery()
    )
    wanted = select(statement, amount.label("amount"))
    for name, value in filters.items():
        if value is not None:
            wanted = wanted.where(statement.c[name] == value)
    return wanted


class SummedStatement(Statement, frozen=True, kw_only=True):
    """A row of ``statements_where``: a statement with the sum that it declares."""

    amount: int


def row_of(row: Row) -> StatementRow:
    """A row of ``statements_where`` as it is shown in a list."""
    listed = typed(row, SummedStatement)
    return StatementRow(
        statement_id=listed.shown,
        hospital_code=listed.hospital_code,
        area_code=listed.area_code,
        period=listed.period,
        state=listed.state.value,
        amount=yuan(listed.amount),
        pay_by=listed.pay_by.isoformat(),
        declared_at=shown_instant(listed.declared_at),
    )


SIGNED: Final = "CASE WHEN c.kind = 'payable' THEN t.amount ELSE -t.amount END"
_ITEMS: Final = text(
    f"""SELECT t.*, {SIGNED} AS signed FROM statement_item i JOIN transfer t USING (transfer_id)
          JOIN account c ON c.account_id = t.credit_account
         WHERE i.statement_id = :number AND t.transfer_id > :after AND (CAST(:fund AS text) IS NULL OR t.fund = :fund)
         ORDER BY t.transfer_id LIMIT :limit"""
)


async def item_rows(
    connection: AsyncConnection, number: int, fund: str | None, *, after: int, limit: int
) -> list[RowMapping]:
    """Rows of a statement's postings, of a fund or of all, behind one."""
    values = {"number": number, "after": after, "fund": fund, "limit": limit}
    return list((await connection.execute(_ITEMS, values)).mappings().all())


def item_of(row: RowMapping) -> ItemAnswer:
    """One posting of a statement as it is shown."""
    return ItemAnswer(
        posting_id=f"pst_{row['transfer_id']}",
        event=row["event"],
        settlement_id=None if row["settlement_id"] is None else shown_id(SETTLEMENT, row["settlement_id"]),
        fund=row["fund"],
        tier=row["tier"],
        clr_type=row["clr_type"],
        fiscal_year=row["fiscal_year"],
        period=row["period"],
        business_date=row["business_date"].isoformat(),
        amount=yuan(row["signed"]),
    )
