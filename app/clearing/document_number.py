"""The office's own document numbers 文号 of orders and payment batches: given, changed or taken away until the bank has
what they are of. Whoever did that, and when, stands beside the number; every change is a move of its own."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from app.basics.errors import Fault, Refused
from app.basics.text import document_form, text_fault
from app.clearing import machine, payment_batch
from app.clearing.machine import Act, opened
from app.clearing.moves import check_move
from app.clearing.order import ORDERS
from app.clearing.payment import Order, PaymentState
from app.clearing.payment_batch import BatchState, PaymentBatchAnswer

MOST_NUMBER: Final = 60
NUMBERED: Final = "numbered"
Number = Annotated[str, Meta(min_length=1, max_length=MOST_NUMBER)]


class NumberRequest(Struct, forbid_unknown_fields=True):
    """The document number; null takes it away."""

    document_number: Number | None


async def number_order(act: Act, shown: str, wanted: NumberRequest) -> Order:
    """Give an order its number. Conflict ``invalid_move`` once it was sent; Refused for what isn't one."""
    number = _checked(wanted)
    row = await opened(act, ORDERS, shown)
    check_move(row.state, (PaymentState.DRAFT, PaymentState.APPROVED), NUMBERED)
    return await machine.moved(act, ORDERS, row, _signed(act, number), move=NUMBERED, reason=number)


async def number_batch(act: Act, shown: str, wanted: NumberRequest) -> PaymentBatchAnswer:
    """Give a payment batch its number, as ``number_order`` does."""
    number = _checked(wanted)
    batch = await payment_batch.locked_batch(act, shown)
    check_move(batch.state, (BatchState.DRAFT, BatchState.APPROVED), NUMBERED)
    return await payment_batch.changed(act, batch, _signed(act, number), NUMBERED, number)


def _checked(wanted: NumberRequest) -> str | None:
    if wanted.document_number is None:
        return None
    number = document_form(wanted.document_number)
    fault = text_fault(number, "/document_number") if number else Fault("/document_number", "text_format")
    if fault is not None:
        raise Refused([fault])
    return number


def _signed(act: Act, number: str | None) -> dict[str, object]:
    return {"document_number": number, "numbered_by": act.subject, "numbered_on": act.day}
