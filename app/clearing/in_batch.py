"""Whether an order or a claim stands in a live payment batch: then the bank answers for it, and nobody pays, returns or
cancels it by hand; and which batches wait for a second person to say that the bank will not answer."""

from sqlalchemy import ColumnElement, and_, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import Conflict
from app.basics.ids import PAYMENT_BATCH, shown_id
from app.clearing.bank import Of
from app.clearing.tables import payment_batch, payment_batch_item


async def check_free(connection: AsyncConnection, of: Of) -> None:
    """Conflict ``in_payment_batch`` naming the live batch that a payment stands in."""
    if of.column not in payment_batch_item.c:  # prepayments stand in none
        return
    mine = (payment_batch_item.c[of.column] == of.number, payment_batch_item.c.live)
    found = (await connection.execute(select(payment_batch_item.c.batch_id).where(*mine))).scalar()
    if found is not None:
        raise Conflict("in_payment_batch", extra={"payment_batch_id": shown_id(PAYMENT_BATCH, found)})


def asked() -> ColumnElement[bool]:
    """Which sent batches have rows of which one person said that the bank will not answer them."""
    return and_(payment_batch.c.state == "sent", exists().where(_asked()))


def asked_only_by(subject: str) -> ColumnElement[bool]:
    """Which of those nobody but this person asked for: another has to confirm."""
    return ~exists().where(_asked(), payment_batch_item.c.asked_by != subject)


def _asked() -> ColumnElement[bool]:
    columns = payment_batch_item.c
    mine = columns.batch_id == payment_batch.c.batch_id
    return and_(mine, columns.live, columns.asked_by.is_not(None))
