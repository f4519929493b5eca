"""Orders to pay a part of a statement, by the one formula (``net.py``), and what is special of them in the machine.

draft → approved → sent → paid | part_paid | returned | cancelled (``payment.py``). Each move posts its own transfers. A
net of 0 or less is carried forward to the next order of hospital, area and fund. Amounts are fen."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from msgspec import Struct
from sqlalchemy import insert

from app.basics.days import iso
from app.basics.errors import Conflict, Fault, NotFound, Refused
from app.basics.ids import DISBURSEMENT, RELEASE, STATEMENT, number_of, shown_id
from app.basics.money import rate, rate_text, yuan
from app.clearing import carry, part, pinned, prepayment
from app.clearing.bank import PAYMENT, Banked
from app.clearing.machine import Act, Paying, Values, lock_payments
from app.clearing.moves import Event, may_pay, record, written_by
from app.clearing.net import Net, net_of
from app.clearing.part import Part
from app.clearing.payment import Order, PaymentKind, PaymentState
from app.clearing.payout_rate import ProposedDeposit, floor_check
from app.clearing.plan import Plan, plan_of
from app.clearing.posting import Cause, Posting, post, posting, purse_of
from app.clearing.statement_row import Statement, StatementState, locked_statement
from app.clearing.statement_row import read as read_statement
from app.clearing.tables import disbursement
from app.service.wire import Code, Rate


class OrderRequest(Struct, forbid_unknown_fields=True):
    """Order a fund's part of a statement; without a rate the deposit is the policy's."""

    statement_id: Code
    fund: Code
    deposit_rate: Rate | None = None


class OrderAnswer(Struct):
    """An order. ``gross`` approved; ``amount`` = gross − carried − instant − deposit − offset, to be paid; ``paid`` so
    far; ``unpaid`` the rest. ``state`` carried_forward: no order, its amount of 0 or less is taken off the next one
    (``taken_by``), but for what was ``repaid``. ``document_number``: the office's own. Yuan."""

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
    instant: str
    amount: str
    paid: str
    unpaid: str
    repaid: str
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
    document_number: str | None
    numbered_by: str | None
    numbered_on: str | None
    others: list["OrderAnswer"] = []


# ---------------------------------------------------------------- making


async def make(act: Act, wanted: OrderRequest) -> OrderAnswer:
    """Make the orders of a fund's parts: one for each fiscal year that has none. The oldest is the answer, with
    ``others``.

    Conflict ``statement_not_approved``, ``order_exists``, ``payout_floor``; Refused ``deposit_too_high``.
    """
    connection, funds = act.connection, act.caller.principal.funds
    found = await read_statement(connection, wanted.statement_id)
    may_pay(act.caller, found.area_code)
    if funds is not None and wanted.fund not in funds:
        raise NotFound("not_found")
    plan = plan_of(act.service, found.area_code, found.period)
    deposit_rate = _deposit_rate(plan, wanted.deposit_rate)
    await lock_payments(
        connection, found.area_code, wanted.fund
    )  # before the statement's lock, as every move of a payment
    row = await locked_statement(connection, number_of(STATEMENT, wanted.statement_id))
    parts = await part.parts_of(connection, row.statement_id, wanted.fund)
    orders = [await _make(act, plan, row, one, deposit_rate) for one in _without_order(parts, row.state)]
    first, *others = [answer_of(order, act.day) for order in orders]
    first.others = others
    return first


def _deposit_rate(plan: Plan, sent: str | None) -> int:
    wanted = plan.deposit_rate if sent is None else rate(sent)
    if wanted > plan.highest_deposit:
        highest = rate_text(plan.highest_deposit)
        raise Refused([Fault("/deposit_rate", "deposit_too_high", {"highest": highest})])
    return wanted


def _without_order(parts: Sequence[Part], state: StatementState) -> list[Part]:
    if not parts:
        raise Refused([Fault("/fund", "fund_not_in_statement")])
    if state is StatementState.WITHDRAWN or any(one.approved_by is None for one in parts):
        raise Conflict("statement_not_approved", extra={"state": state})
    left = [one for one in parts if one.order is None]
    if not left:
        raise Conflict("order_exists")
    return left


async def _make(act: Act, plan: Plan, row: Statement, of: Part, deposit_rate: int) -> Order:
    """One order, or what is carried forward; takes what earlier ones carried, and plans the offset of prepayments."""
    owner = row.owner | {"fund": of.fund}
    taken = await carry.carriers(act.connection, owner)
    carried = sum(one.owed_back for one in taken)
    prepaid = await prepayment.outstanding(act.connection, owner, of.fiscal_year)
    net = net_of(
        gross=of.gross, carried=carried, deposit_rate=deposit_rate, prepaid=sum(one.outstanding for one in prepaid)
    )
    if net.deposit:
        proposed = ProposedDeposit(
            owner["area_code"], of.fund, of.fiscal_year, net.gross, deposit_rate, of.statement_id
        )
        await floor_check(act.service, act.connection, plan, proposed, act.day)
    columns = {
        "statement_id": of.statement_id,
        "part_id": of.part_id,
        "fiscal_year": of.fiscal_year,
        "period": row.period,
        "state": PaymentState.CARRIED_FORWARD if net.is_carried else PaymentState.DRAFT,
        "due_on": row.pay_by,
        "created_on": act.day,
    }
    order = await insert_order(act, net, owner | columns | written_by(act.caller))
    await prepayment.reserve(act.connection, order.disbursement_id, prepayment.split(prepaid, net.offset))
    await carry.take(act.connection, taken, order.disbursement_id)
    if net.is_carried:
        owed = await carry.debts_of(act.connection, order)
        await post(act.connection, carry.postings(order, owed, _cause(order, act.day)))
    shown = ORDERS.shown(order)
    await record(
        act.connection, act.caller, act.now, order.owner, Event(object_id=shown, move=order.state, amount=order.amount)
    )
    return order


async def insert_order(act: Act, net: Net, columns: Mapping[str, object]) -> Order:
    """Store an order of a net. ``columns`` say whose it is, of what, in which state and who made it."""
    amounts = {
        "gross": net.gross,
        "deposit_rate": net.deposit_rate,
        "deposit": net.deposit,
        "offset_amount": net.offset,
        "carried": net.carried,
        "amount": net.amount,
    }
    made = insert(disbursement).values({**columns, **amounts}).returning(*disbursement.c)
    return ORDERS.read((await act.connection.execute(made)).mappings().one())


# ---------------------------------------------------------------- moving


def _cause(order: Order, day: date) -> Cause:
    return Cause(ORDERS.shown(order), day, order.statement_id)


async def _approving(act: Act, order: Order) -> Values:
    """Pin the account; deposit, offset and what is taken from other years are posted; an order of 0 is then paid. One
    that is approved is approved again for another account only, and nothing is posted."""
    account = await pinned.pin(act, order)
    if order.state is PaymentState.APPROVED:
        return account
    cause = _cause(order, act.day)
    owed = await carry.debts_of(act.connection, order)
    await post(act.connection, [*_held_back(order, cause), *carry.postings(order, owed, cause)])
    return account if order.amount else {**account, "state": PaymentState.PAID, "paid_on": act.day}


def _held_back(order: Order, cause: Cause, *, undo: bool = False) -> list[Posting]:
    """Deposit and offset of an order, taken or given back."""
    purse = purse_of(order.owner, order.fiscal_year)
    pairs = (
        ("deposit_withheld", "deposit_returned", purse.deposit, order.deposit),
        ("offset", "offset_undone", purse.prepaid, order.offset_amount),
    )
    if undo:
        return [
            posting(purse, event, debit=from_, credit=purse.payable, amount=amount, cause=cause)
            for _, event, from_, amount in pairs
        ]
    return [
        posting(purse, event, debit=purse.payable, credit=to, amount=amount, cause=cause)
        for event, _, to, amount in pairs
    ]


async def _sending(act: Act, order: Order) -> list[Posting]:
    """Conflict ``payee_account_changed`` when the account is another than the approved one."""
    await pinned.check(act, order)
    return [_commitment(order, "order_sent", order.amount, act.day)]


def _commitment(order: Order, event: str, amount: int, day: date) -> Posting:
    """The memorandum of what the bank was asked to pay: opened by ``order_sent``, closed by the other events."""
    purse = purse_of(order.owner, order.fiscal_year)
    debit, credit = purse.committed, purse.ordered
    if event != "order_sent":
        debit, credit = credit, debit
    return posting(purse, event, debit=debit, credit=credit, amount=amount, cause=_cause(order, day))


def _banked(order: Order, movement: Banked) -> list[Posting]:
    purse, cause = purse_of(order.owner, order.fiscal_year), _cause(order, movement.day)
    if movement.kind == PAYMENT:
        event, debit, credit, memo = "payment", purse.payable, purse.cash, "order_settled"
    else:
        event, debit, credit, memo = "payment_returned", purse.cash, purse.payable, "order_sent"
    money = posting(purse, event, debit=debit, credit=credit, amount=movement.amount, cause=cause)
    return [money, _commitment(order, memo, movement.amount, movement.day)]


def _values(order: Order, movement: Banked) -> Values:
    paid = order.paid + movement.signed
    if movement.kind == PAYMENT:
        return {
            "paid": paid,
            "paid_on": movement.day,
            "state": PaymentState.PAID if paid == order.amount else PaymentState.PART_PAID,
        }
    return {"paid": paid, "state": PaymentState.PART_PAID if paid else PaymentState.RETURNED}


async def _cancelling(act: Act, order: Order) -> None:
    """What it held back, took off and carried is free again; not of a release, whose deposit is gone, nor of an order
    whose deposit was released since (Conflict ``deposit_released``)."""
    if order.release_id is not None:
        values = {"state": order.state.value, "wanted": PaymentState.CANCELLED.value}
        raise Conflict("invalid_move", values=values, extra={"state": order.state.value})
    if order.released_by is not None:
        raise Conflict("deposit_released", extra={"release_id": shown_id(RELEASE, order.released_by)})
    cause = _cause(order, act.day)
    if order.approved_by is not None:
        owed = await carry.debts_of(act.connection, order)
        await post(
            act.connection, [*_held_back(order, cause, undo=True), *carry.postings(order, owed, cause, undo=True)]
        )
    if order.state in (PaymentState.SENT, PaymentState.RETURNED):
        await post(act.connection, [_commitment(order, "order_withdrawn", order.amount, act.day)])
    await prepayment.release(act.connection, order.disbursement_id)
    await carry.free(act.connection, order.disbursement_id)


ORDERS: Final = Paying(
    kind=PaymentKind.ORDER,
    prefix=DISBURSEMENT,
    table=disbursement,
    row=Order,
    approving=_approving,
    cancelling=_cancelling,
    sending=_sending,
    banked=_banked,
    values=_values,
    returnable=lambda order: order.paid,
)


# ---------------------------------------------------------------- showing


def answer_of(order: Order, day: date) -> OrderAnswer:
    """An order as it is shown on a day."""
    return OrderAnswer(
        disbursement_id=ORDERS.shown(order),
        state=order.state.value,
        kind="statement" if order.release_id is None else "deposit_release",
        statement_id=None if order.statement_id is None else shown_id(STATEMENT, order.statement_id),
        release_id=None if order.release_id is None else shown_id(RELEASE, order.release_id),
        hospital_code=order.hospital_code,
        area_code=order.area_code,
        fund=order.fund,
        fiscal_year=order.fiscal_year,
        period=order.period,
        gross=yuan(order.gross),
        deposit_rate=rate_text(order.deposit_rate),
        deposit=yuan(order.deposit),
        offset=yuan(order.offset_amount),
        carried=yuan(order.carried),
        instant=yuan(0),
        amount=yuan(order.amount),
        paid=yuan(order.paid),
        unpaid=yuan(order.unpaid),
        repaid=yuan(order.repaid),
        due_on=order.due_on.isoformat(),
        overdue=order.unpaid > 0 and order.due_on < day,
        created_by=order.subject,
        created_on=order.created_on.isoformat(),
        approved_by=order.approved_by,
        approved_on=iso(order.approved_on),
        sent_by=order.sent_by,
        sent_on=iso(order.sent_on),
        paid_on=iso(order.paid_on),
        taken_by=None if order.taken_by is None else shown_id(DISBURSEMENT, order.taken_by),
        document_number=order.document_number,
        numbered_by=order.numbered_by,
        numbered_on=iso(order.numbered_on),
    )
