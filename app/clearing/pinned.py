"""The account that a payment to a hospital is approved for: pinned by the approval, looked at by the sending.

What is pinned is the change from which the account comes, *none* too. Amount, payments and deposit don't hang on it: an
approved payment whose hospital has another account since is approved again, by another person, and nothing else of it
changes."""

from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict
from app.clearing.machine import Act, Values
from app.clearing.payment import Order, PaymentState, Prepayment
from app.registry import hospital_account


async def pin(act: Act, row: Order | Prepayment) -> Values:
    """The columns of an approval. Conflict ``invalid_move`` when it was approved for this account already."""
    current = await hospital_account.current(act.connection, row.hospital_code)
    if row.state is PaymentState.APPROVED and current == row.account_change_id:
        values = {"state": row.state.value, "wanted": PaymentState.APPROVED.value}
        raise Conflict("invalid_move", values=values, extra={"state": row.state.value})
    return {"account_change_id": current}


async def is_current(connection: AsyncConnection, row: Order | Prepayment) -> bool:
    """Whether the hospital's account is still the one of the approval."""
    return await hospital_account.current(connection, row.hospital_code) == row.account_change_id


async def check(act: Act, row: Order | Prepayment) -> None:
    """Conflict ``payee_account_changed`` when the hospital's account is another than the one of the approval."""
    if not await is_current(act.connection, row):
        raise Conflict("payee_account_changed")
