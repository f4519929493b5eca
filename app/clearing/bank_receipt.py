"""The bank's answer, booked: each row of a receipt is matched with a row of a payment batch by our reference and has
its result; what isn't matched waits on a worklist.

A receipt is one transaction, each of its rows a part of it that can be refused by itself. Nothing is booked twice: what
the bank did under one reference of an order is taken once, in however many files it stands."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, RowMapping, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import iso
from app.basics.errors import NotFound, OnestopError
from app.basics.ids import CLAIM, DISBURSEMENT, PAYMENT_BATCH, RECEIPT, number_of, read_id, shown_id
from app.basics.money import yuan
from app.clearing import machine
from app.clearing.bank import PaymentRequest, ReturnRequest
from app.clearing.bank_file import BankRow
from app.clearing.machine import Act
from app.clearing.moves import Event, check_move, may_pay, record, written_by
from app.clearing.payment import Claim, Order
from app.clearing.payment_batch import BatchItem, BatchState, account_of, end_item, hold_places, item_of, kind_of
from app.clearing.tables import (
    bank_movement,
    bank_receipt,
    bank_receipt_row,
    claim,
    disbursement,
    payment_batch,
    payment_batch_item,
)

Result = Literal["paid", "returned", "unknown", "already_booked", "amount_differs"]
WORKLIST: Final = ("unknown", "amount_differs")
"""The results that somebody has to look at."""
BANK_RETURNED: Final = "银行退回"
_OURS: Final = re.compile(r"(pay_[0-9]{1,18})-([0-9]{1,9})")


class ReceiptRowAnswer(Struct):
    """A row of the bank's answer. ``order_id``: the order or claim that it is of. ``proposed``: of an ``unknown`` one
    the only order that has its amount and account; nothing is booked for that. ``reason``: the code of a refusal, or
    what the bank says. ``closing_reason``: what somebody found out about one that matched nothing."""

    receipt_id: str
    row: int
    result: Result
    order_id: str | None
    proposed: str | None
    bank_reference: str | None
    end_to_end_id: str | None
    amount: str
    value_on: str
    reason: str | None
    closed_by: str | None
    closed_on: str | None
    closing_reason: str | None


class ReceiptAnswer(Struct):
    """A receipt: its rows in the order of the file, and how many have each result."""

    receipt_id: str
    format: str
    received_on: str
    summary: dict[str, int]
    rows: list[ReceiptRowAnswer]


class RowResult(Struct, frozen=True):
    """What became of a row."""

    result: Result
    item: BatchItem | None = None
    proposed: str | None = None
    reason: str | None = None
    reference: str | None = None


async def receive(act: Act, format_: str, digest: bytes, rows: Sequence[BankRow]) -> ReceiptAnswer:
    """Book what the bank did, row by row, and keep the receipt with its results."""
    found = [await _item(act.connection, row) for row in rows]
    await hold_places(act, sorted({item.order_id for item in found if item is not None}))
    values = {
        "area_code": act.caller.principal.area_code or "",
        "format": format_,
        "digest": digest,
        "received_on": act.day,
    }
    made = insert(bank_receipt).values(values | written_by(act.caller)).returning(bank_receipt.c.receipt_id)
    number: int = (await act.connection.execute(made)).scalar_one()
    for row_no, (row, item) in enumerate(zip(rows, found, strict=True), 1):
        outcome = await _outcome(act, row, item)
        await act.connection.execute(insert(bank_receipt_row).values(_stored(number, row_no, row, outcome)))
    shown = shown_id(RECEIPT, number)
    await record(act.connection, act.caller, act.now, values, Event(object_id=shown, move="received"))
    return await receipt_of(act.connection, shown)


def _stored(receipt: int, row_no: int, row: BankRow, outcome: RowResult) -> dict[str, object]:
    item = outcome.item
    return {
        "receipt_id": receipt,
        "row_no": row_no,
        "bank_reference": outcome.reference or row.reference,
        "end_to_end_id": row.end_to_end_id,
        "amount": row.amount,
        "value_on": row.value_on,
        "result": outcome.result,
        "disbursement_id": None if item is None else item.disbursement_id,
        "claim_id": None if item is None else item.claim_id,
        "proposed": outcome.proposed,
        "reason": outcome.reason,
    }


# ---------------------------------------------------------------- matching


async def _item(connection: AsyncConnection, row: BankRow) -> BatchItem | None:
    """The row of a batch within reach that the bank names by our reference: the row's own, or the order's id."""
    columns = payment_batch_item.c
    wanted = select(payment_batch_item).join(payment_batch, payment_batch.c.batch_id == columns.batch_id)
    text = row.end_to_end_id or ""
    ours = _OURS.fullmatch(text)
    if ours is not None:
        wanted = wanted.where(columns.batch_id == number_of(PAYMENT_BATCH, ours[1]), columns.item_no == int(ours[2]))
    elif (number := read_id(DISBURSEMENT, text)) is not None:
        wanted = wanted.where(columns.disbursement_id == number)
    elif (number := read_id(CLAIM, text)) is not None:
        wanted = wanted.where(columns.claim_id == number)
    else:
        return None
    found = (await connection.execute(wanted.order_by(columns.batch_id.desc()).limit(1))).mappings().first()
    return None if found is None else item_of(found)


async def _proposed(act: Act, row: BankRow) -> str | None:
    """The only live row of a sent batch with this amount and account."""
    if row.account is None:
        return None
    columns = payment_batch_item.c
    wanted = select(payment_batch_item).join(payment_batch, payment_batch.c.batch_id == columns.batch_id)
    wanted = wanted.where(columns.live, columns.amount == row.amount, payment_batch.c.state == BatchState.SENT)
    found = []
    for one in (await act.connection.execute(wanted)).mappings():
        item = item_of(one)
        account = await account_of(act, await _payment(act.connection, item))
        if account is not None and account.account_number.replace(" ", "") == row.account.replace(" ", ""):
            found.append(item.order_id)
    return found[0] if len(found) == 1 else None


async def _payment(connection: AsyncConnection, item: BatchItem) -> Order | Claim:
    kind = kind_of(item.order_id)
    key = next(iter(kind.table.primary_key.columns))
    wanted = select(kind.table).where(key == number_of(kind.prefix, item.order_id))
    return kind.read((await connection.execute(wanted)).mappings().one())


# ---------------------------------------------------------------- booking


async def _outcome(act: Act, row: BankRow, item: BatchItem | None) -> RowResult:
    """What becomes of a row. What a rule refuses is undone and waits with the refusal's code."""
    if item is None:
        return RowResult("unknown", proposed=await _proposed(act, row), reason=row.reason)
    item = await _fresh(act.connection, item)
    reference = await _reference(act.connection, row, item)
    if reference is None:
        return RowResult("already_booked", item)
    try:
        async with act.connection.begin_nested():
            done = await _booked(act, row, item, reference)
    except OnestopError as error:
        if error.retryable:
            raise
        return RowResult("unknown", item, proposed=item.order_id, reason=error.code)
    return done


async def _fresh(connection: AsyncConnection, item: BatchItem) -> BatchItem:
    """The row as the rows of the file before it have left it."""
    wanted = select(payment_batch_item).where(payment_batch_item.c.item_id == item.item_id)
    return item_of((await connection.execute(wanted)).mappings().one())


async def _booked(act: Act, row: BankRow, item: BatchItem, reference: str) -> RowResult:
    order = await _payment(act.connection, item)
    state = select(payment_batch.c.state).where(payment_batch.c.batch_id == item.batch_id)
    sent = (await act.connection.execute(state)).scalar_one() in (BatchState.SENT, BatchState.ANSWERED)
    if row.kind == "paid" and order.payable <= 0:
        return RowResult("already_booked", item)
    if row.amount != item.amount:
        return RowResult("amount_differs", item, reason=row.reason)
    if not sent or (row.kind == "paid" and not item.live):  # the bank did what nobody asked it for: people have to look
        return RowResult("unknown", item, proposed=item.order_id, reason=row.reason)
    if row.kind == "paid":
        paid = PaymentRequest(yuan(row.amount), row.value_on, reference)
        await machine.pay(act, kind_of(item.order_id), item.order_id, paid, answered=True)  # type: ignore[misc]
    elif order.paid > 0:
        back = ReturnRequest(yuan(row.amount), row.value_on, reference, row.reason or BANK_RETURNED)
        await machine.give_back(act, kind_of(item.order_id), item.order_id, back, answered=True)  # type: ignore[misc]
    elif not item.live:
        return RowResult("already_booked", item)
    if item.live:  # what came back before it was paid was never paid: the order still waits to be
        await end_item(act, item, row.kind)
    return RowResult(row.kind, item, reason=row.reason, reference=reference)


async def _reference(connection: AsyncConnection, row: BankRow, item: BatchItem) -> str | None:
    """Under which reference a row is booked; None when the bank's reference was booked for this order already.

    Without a reference of the bank ours stands for it. One that another order has used, or the other direction, is told
    apart by what is put behind it."""
    plain = row.reference or f"{item.end_to_end_id}{'' if row.kind == 'paid' else '-R'}"
    behind = {"paid": item.order_id, "returned": f"{item.order_id}-R"}[row.kind]
    composed = f"{plain[: 63 - len(behind)]}/{behind}"
    columns, taken = bank_movement.c, bank_receipt_row.c
    kind = "payment" if row.kind == "paid" else "return"
    used = [one.upper() for one in (plain, composed)]
    wanted = select(columns.disbursement_id, columns.claim_id, columns.kind)
    found = (await connection.execute(wanted.where(func.upper(columns.bank_reference).in_(used)))).all()
    mine = (item.disbursement_id, item.claim_id, kind)
    earlier = select(taken.row_no).where(func.upper(taken.bank_reference).in_(used), taken.result == row.kind)
    same = earlier.where(
        taken.disbursement_id == item.disbursement_id if item.claim_id is None else taken.claim_id == item.claim_id
    )
    if mine in [tuple(one) for one in found] or (await connection.execute(same.limit(1))).first() is not None:
        return None
    return composed if found else plain


# ---------------------------------------------------------------- closing


def waits() -> ColumnElement[bool]:
    """Which rows wait for somebody to look at them."""
    columns = bank_receipt_row.c
    return and_(columns.result.in_(WORKLIST), columns.closed_by.is_(None))


async def close(act: Act, shown: str, row_no: int, reason: str) -> ReceiptRowAnswer:
    """Close a row that matched nothing, by whoever pays for its area: it was looked at, and nothing is booked by that.
    Conflict ``invalid_move`` for one that was booked, or is closed already."""
    columns, number = bank_receipt_row.c, number_of(RECEIPT, shown)
    mine = (columns.receipt_id == number, columns.row_no == row_no)
    found = await act.connection.execute(select(bank_receipt_row).where(*mine).with_for_update())
    row = found.mappings().first()
    if row is None:
        raise NotFound("not_found")
    owner = await _owner(act.connection, row)
    may_pay(act.caller, owner["area_code"])
    check_move(row["result"] if row["closed_by"] is None else "closed", WORKLIST, "closed")
    values = {"closed_by": act.subject, "closed_on": act.day, "closing_reason": reason}
    closed = update(bank_receipt_row).where(*mine).values(values).returning(*columns)
    row = (await act.connection.execute(closed)).mappings().one()
    event = Event(object_id=shown, move="row_closed", reason=f"#{row_no} {reason}", amount=row["amount"])
    await record(act.connection, act.caller, act.now, owner, event)
    return row_answer(row)


async def _owner(connection: AsyncConnection, row: RowMapping) -> RowMapping:
    """Whose row it is: the area and fund of its order or claim, else the area that received the file. NotFound when
    the order isn't the caller's to see."""
    for table in (disbursement, claim):
        key = next(iter(table.primary_key.columns))
        if row[key.name] is not None:
            wanted = select(table.c.area_code, table.c.fund).where(key == row[key.name])
            owner = (await connection.execute(wanted)).mappings().first()
            if owner is None:
                raise NotFound("not_found")
            return owner
    of_file = select(bank_receipt.c.area_code).where(bank_receipt.c.receipt_id == row["receipt_id"])
    return (await connection.execute(of_file)).mappings().one()


# ---------------------------------------------------------------- reading


async def receipt_of(connection: AsyncConnection, shown: str) -> ReceiptAnswer:
    """A receipt within reach, with its rows."""
    number = number_of(RECEIPT, shown)
    wanted = select(bank_receipt).where(bank_receipt.c.receipt_id == number)
    row = (await connection.execute(wanted)).mappings().first()
    if row is None:
        raise NotFound("not_found")
    columns = bank_receipt_row.c
    rows = await connection.execute(
        select(bank_receipt_row).where(columns.receipt_id == number).order_by(columns.row_no)
    )
    shown_rows = [row_answer(one) for one in rows.mappings()]
    return ReceiptAnswer(
        receipt_id=shown,
        format=row["format"],
        received_on=row["received_on"].isoformat(),
        summary=dict(Counter(one.result for one in shown_rows)),
        rows=shown_rows,
    )


def row_answer(row: RowMapping) -> ReceiptRowAnswer:
    """A row of a receipt as it is shown."""
    order = None
    if row["disbursement_id"] is not None:
        order = shown_id(DISBURSEMENT, row["disbursement_id"])
    elif row["claim_id"] is not None:
        order = shown_id(CLAIM, row["claim_id"])
    return ReceiptRowAnswer(
        receipt_id=shown_id(RECEIPT, row["receipt_id"]),
        row=row["row_no"],
        result=row["result"],
        order_id=order,
        proposed=row["proposed"],
        bank_reference=row["bank_reference"],
        end_to_end_id=row["end_to_end_id"],
        amount=yuan(row["amount"]),
        value_on=row["value_on"].isoformat(),
        reason=row["reason"],
        closed_by=row["closed_by"],
        closed_on=iso(row["closed_on"]),
        closing_reason=row["closing_reason"],
    )
