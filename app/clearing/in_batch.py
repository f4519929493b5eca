"""Whether an order or a claim stands in a live payment batch: then the bank answers for it, and nobody pays, returns or
cancels it by hand."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict
from app.basics.ids import PAYMENT_BATCH, shown_id
from app.clearing.bank import Of
from app.clearing.tables import payment_batch_item


async def check_free(connection: AsyncConnection, of: Of) -> None:
    """Conflict ``in_payment_batch`` naming the live batch that a payment stands in."""
    if of.column not in payment_batch_item.c:  # prepayments stand in none
        return
    mine = (payment_batch_item.c[of.column] == of.number, payment_batch_item.c.live)
    found = (await connection.execute(select(payment_batch_item.c.batch_id).where(*mine))).scalar()
    if found is not None:
        raise Conflict("in_payment_batch", extra={"payment_batch_id": shown_id(PAYMENT_BATCH, found)})
