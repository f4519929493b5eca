"""What is carried forward: negative nets that a later order of the same hospital, area and fund takes off. Amounts in
fen.

Within a fiscal year nothing is posted for it; between two years the debt moves by ``carried`` transfers when the order
that takes it is approved, or is itself carried forward. The hospital may repay what nobody has taken yet
(``repayment.py``)."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clearing.payment import Order, PaymentState, typed
from app.clearing.posting import Cause, Posting, posting, purse_of
from app.clearing.tables import disbursement


class Debt(NamedTuple):
    """What a hospital owes from one fiscal year, by which statement."""

    fiscal_year: int
    statement_id: int | None
    amount: int


async def carriers(connection: AsyncConnection, owner: Mapping[str, str]) -> list[Order]:
    """What was carried forward for a hospital, area and fund and is neither taken nor repaid whole; locked, the oldest
    first."""
    columns = disbursement.c
    same = [columns[name] == owner[name] for name in ("hospital_code", "area_code", "fund")]
    open_ = (
        columns.state == PaymentState.CARRIED_FORWARD,
        columns.taken_by.is_(None),
        columns.amount + columns.repaid < 0,
    )
    wanted = select(disbursement).where(*same, *open_).order_by(columns.disbursement_id).with_for_update()
    return [typed(row, Order) for row in (await connection.execute(wanted)).mappings()]


async def take(connection: AsyncConnection, taken: Sequence[Order], disbursement_id: int) -> None:
    """Let an order take what others carried."""
    mine = disbursement.c.disbursement_id.in_([one.disbursement_id for one in taken])
    await connection.execute(update(disbursement).where(mine).values(taken_by=disbursement_id))


async def free(connection: AsyncConnection, disbursement_id: int) -> None:
    """Give back what a cancelled order had taken."""
    mine = disbursement.c.taken_by == disbursement_id
    await connection.execute(update(disbursement).where(mine).values(taken_by=None))


def debts(taken: Sequence[Order]) -> list[Debt]:
    """What carried orders leave to be taken off."""
    return [Debt(one.fiscal_year, one.statement_id, one.owed_back) for one in taken]


_LATE: Final = text(
    """SELECT t.fiscal_year, sum(t.amount)::bigint AS amount
         FROM transfer t JOIN deduction d ON t.cause = 'ded_' || d.deduction_id
        WHERE t.event = 'deduction' AND t.statement_id = d.statement_id AND d.part_id = :part
          AND t.fiscal_year <> d.fiscal_year
        GROUP BY t.fiscal_year"""
)


async def debts_of(connection: AsyncConnection, order: Order) -> list[Debt]:
    """What an order takes: of carried orders, and deductions of its part that were booked in another fiscal year, its
    own being closed by then. Its ``gross`` is less by those, so that year's debt moves to the order's too."""
    mine = select(disbursement).where(disbursement.c.taken_by == order.disbursement_id)
    taken = [typed(row, Order) for row in (await connection.execute(mine)).mappings()]
    late = (await connection.execute(_LATE, {"part": order.part_id})).all()
    return [*debts(taken), *(Debt(row.fiscal_year, order.statement_id, row.amount) for row in late)]


def postings(order: Order, owed: Sequence[Debt], cause: Cause, *, undo: bool = False) -> list[Posting]:
    """What moves between fiscal years when an order takes what hospitals owe of another year."""
    made = []
    for debt in owed:
        if debt.fiscal_year == order.fiscal_year:
            continue
        here, there = purse_of(order.owner, order.fiscal_year), purse_of(order.owner, debt.fiscal_year)
        out, back = (there.carry, there.payable), (here.payable, here.carry)
        if undo:
            out, back = out[::-1], back[::-1]
        theirs = msgspec.structs.replace(cause, statement_id=debt.statement_id)
        for purse, (debit, credit), why in ((there, out, theirs), (here, back, cause)):
            made.append(posting(purse, "carried", debit=debit, credit=credit, amount=debt.amount, cause=why))
    return made
