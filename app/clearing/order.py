"""Orders to pay a fund's approved part of a statement: ``amount`` = approved − quality deposit − prepayments − carried forward.

draft → approved → sent → paid | part_paid | returned | cancelled. Each move posts its own transfers; an approval is by another
subject than the maker. A net of 0 or less moves nothing and is carried forward to the next order of hospital, fund and area.
"""

from datetime import date, datetime
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import iso
from app.basics.errors import Conflict, Fault, NotFound, Refused
from app.basics.ids import DISBURSEMENT, RELEASE, STATEMENT, number_of, shown_id
from app.basics.money import rate, rate_text, share, yuan
from app.clearing import prepayment
from app.clearing.moves import (
    business_now,
    by_another,
    check_move,
    locked,
    may_pay,
    move,
    owner_of,
    record,
    today,
    written_by,
)
from app.clearing.payout_rate import floor_check
from app.clearing.plan import Plan, plan_of
from app.clearing.posting import Posting, Purse, post, posting, purse_of
from app.clearing.statement import upheld_by_fund
from app.clearing.tables import disbursement, statement, statement_approval, statement_total
from app.database.locks import Lock, hold
from app.service.caller import Caller, Service
from app.service.wire import Code, Rate


class OrderRequest(Struct, forbid_unknown_fields=True):
    """Order a fund's part of a statement; without a rate the deposit is the policy's."""

    statement_id: Code
    fund: Code
    deposit_rate: Rate | None = None


class OrderAnswer(Struct):
    """An order. ``gross`` approved; ``amount`` = gross − deposit − offset − carried, to be paid; ``paid`` so far; ``unpaid``
    the rest. ``state`` carried_forward: no order, its negative amount is taken off the next one (``taken_by``). Yuan."""

    disbursement_id: str
    state: str
    kind: str
    statement_id: str | None
    release_id: str | None
    hospital_code: str
    area_code: str
    fund: str
    fiscal_year: int
    period: str
    gross: str
    deposit_rate: str
    deposit: str
    offset: str
    carried: str
    amount: str
    paid: str
    unpaid: str
    due_on: str
    overdue: bool
    created_by: str
    created_on: str
    approved_by: str | None
    approved_on: str | None
    sent_by: str | None
    sent_on: str | None
    paid_on: str | None
    taken_by: str | None
    others: list["OrderAnswer"] = []


# ---------------------------------------------------------------- making


async def make(service: Service, connection: AsyncConnection, caller: Caller, wanted: OrderRequest) -> OrderAnswer:
    """Make the orders of a fund's part: one for each fiscal year that has none. The first is the answer, with ``others``.

    Conflict ``statement_not_approved``, ``order_exists``, ``payout_floor``; Refused ``deposit_too_high``.
    """
    row = await locked(connection, statement, number_of(STATEMENT, wanted.statement_id))
    may_pay(caller, row["area_code"])
    if caller.principal.funds is not None and wanted.fund not in caller.principal.funds:
        raise NotFound("not_found")
    now = await business_now(service, connection)
    plan = plan_of(service, row["area_code"], row["period"])
    deposit_rate = _deposit_rate(plan, wanted.deposit_rate)
    # Orders of a fund and area one after the other: each looks at what the others hold back, carry and take.
    await hold(connection, Lock.ORDER, f"{row['area_code']} {wanted.fund}")
    approved = await _approved(connection, row, wanted.fund)
    orders = [
        await _make(service, connection, caller, plan, row, wanted.fund, year, gross, deposit_rate, now)
        for year, gross in approved
    ]
    first = answer_of(orders[0], today(now))
    first.others = [answer_of(order, today(now)) for order in orders[1:]]
    return first


def _deposit_rate(plan: Plan, sent: str | None) -> int:
    wanted = plan.deposit_rate if sent is None else rate(sent)
    if wanted > plan.highest_deposit:
        highest = rate_text(plan.highest_deposit)
        raise Refused([Fault("/deposit_rate", "deposit_too_high", {"highest": highest})])
    return wanted


async def _approved(connection: AsyncConnection, row: dict[str, Any], fund: str) -> list[tuple[int, int]]:
    """Fiscal years without an order and what was approved for each, fen."""
    number = row["statement_id"]
    mine = (statement_total.c.statement_id == number, statement_total.c.fund == fund)
    years = select(statement_total.c.fiscal_year, func.sum(statement_total.c.amount)).where(*mine)
    found = (await connection.execute(years.group_by(statement_total.c.fiscal_year).order_by("fiscal_year"))).all()
    if not found:
        raise Refused([Fault("/fund", "fund_not_in_statement")])
    approval = (statement_approval.c.statement_id == number, statement_approval.c.fund == fund)
    if (await connection.execute(select(statement_approval.c.fund).where(*approval))).first() is None:
        raise Conflict("statement_not_approved", extra={"state": row["state"]})
    upheld = await upheld_by_fund(connection, number)
    ordered = select(disbursement.c.fiscal_year).where(
        disbursement.c.statement_id == number, disbursement.c.fund == fund, disbursement.c.state != "cancelled"
    )
    done = set((await connection.execute(ordered)).scalars())
    left = [(year, int(amount) - upheld.get((fund, year), 0)) for year, amount in found if year not in done]
    if not left:
        raise Conflict("order_exists")
    return left


async def _make(
    service: Service,
    connection: AsyncConnection,
    caller: Caller,
    plan: Plan,
    row: dict[str, Any],
    fund: str,
    year: int,
    gross: int,
    deposit_rate: int,
    now: datetime,
) -> dict[str, Any]:
    """One order, or what is carried forward; takes what earlier ones carried, and plans the offset of prepayments."""
    owner = owner_of(row) | {"fund": fund}
    carriers = await _carriers(connection, owner)
    carried = -sum(item["amount"] for item in carriers)
    net = gross - carried
    deposit = min(share(gross, deposit_rate), net) if net > 0 else 0
    if deposit:
        await floor_check(
            service,
            connection,
            plan,
            area_code=row["area_code"],
            fund=fund,
            year=year,
            gross=gross,
            deposit_rate=deposit_rate,
            statement_id=row["statement_id"],
            today=today(now),
        )
    offsets = await prepayment.to_offset(connection, owner, year, net - deposit)
    offset = sum(amount for _, amount in offsets)
    values = owner | {
        "statement_id": row["statement_id"],
        "fiscal_year": year,
        "period": row["period"],
        "gross": gross,
        "deposit_rate": deposit_rate if net > 0 else 0,
        "deposit": deposit,
        "offset_amount": offset,
        "carried": carried,
        "amount": net - deposit - offset,
        "state": "draft" if net > 0 else "carried_forward",
        "due_on": row["pay_by"],
        "created_on": today(now),
    }
    made = insert(disbursement).values(values | written_by(caller)).returning(*disbursement.c)
    order = dict((await connection.execute(made)).mappings().one())
    shown = shown_id(DISBURSEMENT, order["disbursement_id"])
    await prepayment.reserve(connection, order["disbursement_id"], offsets)
    taken = disbursement.c.disbursement_id.in_([item["disbursement_id"] for item in carriers])
    await connection.execute(update(disbursement).where(taken).values(taken_by=order["disbursement_id"]))
    if net <= 0:
        await post(connection, _carried(order, [*carriers, *await _late(connection, order)], today(now)))
    await record(connection, caller, now, order, object_id=shown, move=order["state"], amount=order["amount"])
    return order


async def _carriers(connection: AsyncConnection, owner: dict[str, str]) -> list[dict[str, Any]]:
    """What was carried forward for this hospital, area and fund and is not taken yet."""
    columns = disbursement.c
    same = [columns[name] == owner[name] for name in ("hospital_code", "area_code", "fund")]
    wanted = select(disbursement).where(*same, columns.state == "carried_forward", columns.taken_by.is_(None))
    rows = await connection.execute(wanted.order_by(columns.disbursement_id).with_for_update())
    return [dict(row) for row in rows.mappings()]


def _carried(order: dict[str, Any], carriers: list[dict[str, Any]], day: date, *, undo: bool = False) -> list[Posting]:
    """What moves between fiscal years when an order takes what another year carried forward."""
    cause = shown_id(DISBURSEMENT, order["disbursement_id"])
    postings = []
    for carrier in carriers:
        if carrier["fiscal_year"] == order["fiscal_year"]:
            continue
        here, there = purse_of(order, order["fiscal_year"]), purse_of(carrier, carrier["fiscal_year"])
        amount = -carrier["amount"]
        out = {"debit": there.carry, "credit": there.payable}
        back = {"debit": here.payable, "credit": here.carry}
        if undo:
            out, back = ({"debit": pair["credit"], "credit": pair["debit"]} for pair in (out, back))
        postings.append(
            posting(there, "carried", **out, amount=amount, day=day, cause=cause, statement_id=carrier["statement_id"])
        )
        postings.append(
            posting(here, "carried", **back, amount=amount, day=day, cause=cause, statement_id=order["statement_id"])
        )
    return postings


# ---------------------------------------------------------------- moving


async def opened(connection: AsyncConnection, caller: Caller, shown: str) -> dict[str, Any]:
    """An order's row, locked, when its area is the caller's to pay for."""
    row = await locked(connection, disbursement, number_of(DISBURSEMENT, shown))
    may_pay(caller, row["area_code"])
    return row


async def approve(service: Service, connection: AsyncConnection, caller: Caller, shown: str) -> OrderAnswer:
    """Approve a draft made by another: deposit and offset are posted. An order whose net is 0 is then paid."""
    row = await opened(connection, caller, shown)
    by_another(caller, row["subject"])
    check_move(row, ("draft",), "approved")
    now = await business_now(service, connection)
    day = today(now)
    await post(connection, [*_held_back(row, day), *_carried(row, await _taken(connection, row), day)])
    await prepayment.used(connection, row["disbursement_id"])
    state = {"state": "approved"} if row["amount"] else {"state": "paid", "paid_on": day}
    await move(connection, disbursement, row, approved_by=caller.principal.subject, approved_on=day, **state)
    await record(connection, caller, now, row, object_id=shown, move="approved", amount=row["amount"])
    await settle_statement(connection, row)
    return answer_of(row, day)


def _held_back(row: dict[str, Any], day: date, *, undo: bool = False) -> list[Posting]:
    """Deposit and offset of an order, taken or given back."""
    purse = purse_of(row, row["fiscal_year"])
    of: dict[str, Any] = {
        "day": day,
        "cause": shown_id(DISBURSEMENT, row["disbursement_id"]),
        "statement_id": row["statement_id"],
    }
    pairs = (
        ("deposit_withheld", "deposit_returned", purse.deposit, row["deposit"]),
        ("offset", "offset_undone", purse.prepaid, row["offset_amount"]),
    )
    if undo:
        return [posting(purse, event, debit=a, credit=purse.payable, amount=n, **of) for _, event, a, n in pairs]
    return [posting(purse, event, debit=purse.payable, credit=a, amount=n, **of) for event, _, a, n in pairs]


async def _taken(connection: AsyncConnection, row: dict[str, Any]) -> list[dict[str, Any]]:
    """What an order takes from other fiscal years, and from its own."""
    wanted = select(disbursement).where(disbursement.c.taken_by == row["disbursement_id"])
    carriers = [dict(item) for item in (await connection.execute(wanted)).mappings()]
    return [*carriers, *await _late(connection, row)]


_LATE: Final = text(
    """SELECT t.fiscal_year, -sum(t.amount)::bigint AS amount
         FROM transfer t JOIN deduction d ON t.cause = 'ded_' || d.deduction_id
        WHERE t.event = 'deduction' AND t.statement_id = :statement AND d.statement_id = :statement AND d.fund = :fund
          AND d.fiscal_year = :year AND t.fiscal_year <> :year GROUP BY t.fiscal_year"""
)


async def _late(connection: AsyncConnection, row: dict[str, Any]) -> list[dict[str, Any]]:
    """Deductions of an order's part that were booked in another fiscal year, its own being closed by then. ``gross`` is less by
    them, so that year's debt moves to the order's, as what is carried forward does."""
    of = {"statement": row["statement_id"], "fund": row["fund"], "year": row["fiscal_year"]}
    return [row | dict(late) for late in (await connection.execute(_LATE, of)).mappings()]


async def send(service: Service, connection: AsyncConnection, caller: Caller, shown: str) -> OrderAnswer:
    """Give an approved order to the bank."""
    row = await opened(connection, caller, shown)
    check_move(row, ("approved",), "sent")
    now = await business_now(service, connection)
    await post(connection, [commitment(row, "order_sent", row["amount"], today(now))])
    await move(connection, disbursement, row, state="sent", sent_by=caller.principal.subject, sent_on=today(now))
    await record(connection, caller, now, row, object_id=shown, move="sent", amount=row["amount"])
    return answer_of(row, today(now))


def commitment(row: dict[str, Any], event: str, amount: int, day: date) -> Posting:
    """The memorandum of what the bank was asked to pay: opened by ``order_sent``, closed by the other events."""
    purse: Purse = purse_of(row, row["fiscal_year"])
    debit, credit = purse.committed, purse.ordered
    if event != "order_sent":
        debit, credit = credit, debit
    cause = shown_id(DISBURSEMENT, row["disbursement_id"])
    return posting(
        purse, event, debit=debit, credit=credit, amount=amount, day=day, cause=cause, statement_id=row["statement_id"]
    )


async def cancel(service: Service, connection: AsyncConnection, caller: Caller, shown: str, reason: str) -> OrderAnswer:
    """Cancel an order that has paid nothing: what it held back, took off and carried is free again."""
    row = await opened(connection, caller, shown)
    if row["release_id"] is not None:
        raise Conflict(
            "invalid_move", values={"state": row["state"], "wanted": "cancelled"}, extra={"state": row["state"]}
        )
    check_move(row, ("draft", "approved", "sent", "returned"), "cancelled")
    now = await business_now(service, connection)
    day = today(now)
    taken = await _taken(connection, row)
    if row["approved_by"] is not None:
        await post(connection, [*_held_back(row, day, undo=True), *_carried(row, taken, day, undo=True)])
    if row["state"] in ("sent", "returned"):
        await post(connection, [commitment(row, "order_withdrawn", row["amount"], day)])
    await prepayment.release(connection, row["disbursement_id"])
    free = disbursement.c.taken_by == row["disbursement_id"]
    await connection.execute(update(disbursement).where(free).values(taken_by=None))
    await move(connection, disbursement, row, state="cancelled")
    await record(connection, caller, now, row, object_id=shown, move="cancelled", reason=reason, amount=row["amount"])
    return answer_of(row, day)


_DONE: Final = text(
    """SELECT NOT EXISTS (
         SELECT FROM (SELECT DISTINCT fund, fiscal_year FROM statement_total WHERE statement_id = :number) t
          WHERE NOT EXISTS (SELECT FROM disbursement d WHERE d.statement_id = :number AND d.fund = t.fund
                               AND d.fiscal_year = t.fiscal_year AND d.state IN ('paid', 'carried_forward')))"""
)


async def settle_statement(connection: AsyncConnection, row: dict[str, Any]) -> None:
    """Call a statement settled when every part of it is paid or carried forward, and approved again when one isn't."""
    if row["statement_id"] is None:
        return
    mine = await locked(connection, statement, row["statement_id"])
    done = (await connection.execute(_DONE, {"number": row["statement_id"]})).scalar_one()
    wanted = "settled" if done else "approved"
    if mine["state"] in ("approved", "settled") and mine["state"] != wanted:
        await move(connection, statement, mine, state=wanted)


def answer_of(row: Any, day: date) -> OrderAnswer:
    """An order as it is shown on a day."""
    unpaid = max(0, row["amount"]) - row["paid"]
    living = row["state"] not in ("cancelled", "carried_forward")
    return OrderAnswer(
        disbursement_id=shown_id(DISBURSEMENT, row["disbursement_id"]),
        state=row["state"],
        kind="statement" if row["release_id"] is None else "deposit_release",
        statement_id=None if row["statement_id"] is None else shown_id(STATEMENT, row["statement_id"]),
        release_id=None if row["release_id"] is None else shown_id(RELEASE, row["release_id"]),
        hospital_code=row["hospital_code"],
        area_code=row["area_code"],
        fund=row["fund"],
        fiscal_year=row["fiscal_year"],
        period=row["period"],
        gross=yuan(row["gross"]),
        deposit_rate=rate_text(row["deposit_rate"]),
        deposit=yuan(row["deposit"]),
        offset=yuan(row["offset_amount"]),
        carried=yuan(row["carried"]),
        amount=yuan(row["amount"]),
        paid=yuan(row["paid"]),
        unpaid=yuan(unpaid if living else 0),
        due_on=row["due_on"].isoformat(),
        overdue=living and unpaid > 0 and row["due_on"] < day,
        created_by=row["subject"],
        created_on=row["created_on"].isoformat(),
        approved_by=row["approved_by"],
        approved_on=iso(row["approved_on"]),
        sent_by=row["sent_by"],
        sent_on=iso(row["sent_on"]),
        paid_on=iso(row["paid_on"]),
        taken_by=None if row["taken_by"] is None else shown_id(DISBURSEMENT, row["taken_by"]),
    )
