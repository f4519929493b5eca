"""Repayments: money that a hospital gives back of what is carried forward, instead of a later order taking it off.
Fen."""

from sqlalchemy import update

from app.basics.errors import Conflict, Fault, Refused
from app.basics.ids import DISBURSEMENT, shown_id
from app.basics.money import fen, yuan
from app.clearing import bank
from app.clearing.bank import REPAYMENT, Banked, Of, PaymentRequest
from app.clearing.machine import Act, opened
from app.clearing.month import check_open
from app.clearing.moves import Event, record
from app.clearing.order import ORDERS
from app.clearing.payment import Order, PaymentKind, PaymentStep, check_step
from app.clearing.posting import Cause, post, posting, purse_of
from app.clearing.tables import disbursement
from app.service.second_person import by_another


async def repay(act: Act, shown: str, wanted: PaymentRequest) -> Order:
    """Record money that the hospital gave back of what is carried, by another than who asked for the order: the next
    order takes that much less off. Nothing is re-opened. Conflict ``invalid_move`` when it isn't carried, or another
    order took it; Refused ``repayment_exceeds_carried``, ``before_carrying``."""
    row = await opened(act, ORDERS, shown)
    await by_another(act.connection, act.caller, row.subject)
    check_step(PaymentKind.ORDER, row.state, PaymentStep.REPAYMENT)
    if row.taken_by is not None:  # it is money of that order by now
        taker = shown_id(DISBURSEMENT, row.taken_by)
        values = {"state": row.state.value, "wanted": PaymentStep.REPAYMENT.value}
        raise Conflict("invalid_move", values=values, extra={"state": row.state.value, "taken_by": taker})
    movement = Banked(REPAYMENT, fen(wanted.amount), wanted.paid_on, wanted.bank_reference)
    _check(act, row, movement)
    await check_open(act.connection, row.area_code, movement.day)
    await bank.keep(act.connection, act.caller, Of("disbursement_id", row.disbursement_id), movement)
    purse = purse_of(row.owner, row.fiscal_year)
    cause = Cause(ORDERS.shown(row), movement.day, row.statement_id)
    money = posting(purse, "carry_repaid", debit=purse.cash, credit=purse.payable, amount=movement.amount, cause=cause)
    await post(act.connection, [money])
    mine = disbursement.c.disbursement_id == row.disbursement_id
    changed = update(disbursement).where(mine).values(repaid=row.repaid + movement.amount).returning(*disbursement.c)
    after = (await act.connection.execute(changed)).mappings().one()
    await record(
        act.connection, act.caller, act.now, after, Event(object_id=shown, move="repaid", amount=movement.amount)
    )
    return ORDERS.read(after)


def _check(act: Act, row: Order, movement: Banked) -> None:
    faults = []
    if movement.amount == 0:
        faults.append(Fault("/amount", "amount_not_positive"))
    elif movement.amount > row.owed_back:
        faults.append(Fault("/amount", "repayment_exceeds_carried", {"most": yuan(row.owed_back)}))
    if movement.day > act.day:
        faults.append(Fault("/paid_on", "in_the_future"))
    elif movement.day < row.created_on:
        faults.append(Fault("/paid_on", "before_carrying", {"day": row.created_on.isoformat()}))
    if faults:
        raise Refused(faults)
