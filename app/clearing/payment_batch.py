"""Payment batches: what is given to the bank in one file, drafted by one person, approved by another.

A batch is of one paying area and account; its rows are orders and claims that were sent and are not paid in full. Each
row ends by the bank's answer (``bank_receipt.py``), with its batch, or as not executed, by two people."""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import iso
from app.basics.errors import Conflict, Fault, NotFound, Refused
from app.basics.ids import CLAIM, DISBURSEMENT, PAYMENT_BATCH, number_of, shown_id
from app.basics.money import yuan
from app.clearing import bank_check, person_account
from app.clearing.claim import CLAIMS
from app.clearing.in_batch import check_free
from app.clearing.machine import Act, Paying, lock_payments, opened
from app.clearing.moves import Event, Row, check_move, locked, may_pay, move, record, written_by
from app.clearing.order import ORDERS
from app.clearing.payment import Claim, Order, PaymentState, typed
from app.clearing.tables import payment_batch, payment_batch_item
from app.registry import hospital_account
from app.registry.hospital_facts import BankAccount
from app.service.second_person import by_another
from app.service.wire import Code, Reason

MOST_ORDERS: Final = 500
AWAITED: Final = (PaymentState.SENT, PaymentState.PART_PAID, PaymentState.RETURNED)


class BatchState(StrEnum):
    """The states of a payment batch."""

    DRAFT = "draft"
    APPROVED = "approved"
    SENT = "sent"
    ANSWERED = "answered"
    CANCELLED = "cancelled"


class PaymentBatchRequest(Struct, forbid_unknown_fields=True):
    """Orders and claims, by their ids, that shall be paid from one account."""

    order_ids: Annotated[list[Code], Meta(min_length=1, max_length=MOST_ORDERS)]
    paying_account: BankAccount


class NotExecutedRequest(Struct, forbid_unknown_fields=True):
    """A row that the bank will not answer, and why."""

    order_id: Code
    reason: Reason


class BatchItemAnswer(Struct):
    """A row: the order or claim, by which the bank names it (``end_to_end_id``), how much, yuan, and how it ended;
    null while the bank has to answer. ``not_executed`` asks for a second person: until then ``asked_by`` stands."""

    order_id: str
    end_to_end_id: str
    fund: str
    amount: str
    result: str | None
    reason: str | None
    asked_by: str | None


class PaymentBatchAnswer(Struct):
    """A payment batch. ``control_sum`` is of its rows, yuan; ``digest`` of what the checker approved. ``files``: how
    often its file was given out. ``document_number``: the office's own."""

    payment_batch_id: str
    state: str
    area_code: str
    funds: list[str]
    paying_account: BankAccount
    count: int
    control_sum: str
    digest: str | None
    files: int
    created_by: str
    created_on: str
    approved_by: str | None
    approved_on: str | None
    sent_by: str | None
    sent_on: str | None
    answered_on: str | None
    document_number: str | None
    numbered_by: str | None
    numbered_on: str | None
    rows: list[BatchItemAnswer]


class PaymentBatchRow(Struct):
    """A payment batch in a list; ``control_sum`` yuan, from its approval on."""

    payment_batch_id: str
    state: str
    area_code: str
    control_sum: str | None
    created_by: str
    created_on: str
    approved_by: str | None
    sent_on: str | None
    answered_on: str | None
    document_number: str | None
    numbered_by: str | None
    numbered_on: str | None


class PaymentBatch(Struct, frozen=True, kw_only=True):
    """A batch as it is stored; ``control_sum`` fen."""

    batch_id: int
    area_code: str
    funds: list[str]
    paying_account: BankAccount
    state: BatchState
    control_sum: int | None
    digest: bytes | None
    files: int
    subject: str
    created_on: date
    approved_by: str | None
    approved_on: date | None
    sent_by: str | None
    sent_on: date | None
    answered_on: date | None
    document_number: str | None
    numbered_by: str | None
    numbered_on: date | None

    @property
    def shown(self) -> str:
        """The id as it is shown."""
        return shown_id(PAYMENT_BATCH, self.batch_id)


class BatchItem(Struct, frozen=True, kw_only=True):
    """A row as it is stored; ``amount`` fen."""

    item_id: int
    batch_id: int
    item_no: int
    disbursement_id: int | None
    claim_id: int | None
    fund: str
    amount: int
    live: bool
    result: str | None
    reason: str | None
    asked_by: str | None

    @property
    def order_id(self) -> str:
        """The id of the order or the claim, as it is shown."""
        if self.disbursement_id is not None:
            return shown_id(DISBURSEMENT, self.disbursement_id)
        assert self.claim_id is not None
        return shown_id(CLAIM, self.claim_id)

    @property
    def end_to_end_id(self) -> str:
        """Our reference, which the bank gives back: of this row of this batch alone."""
        return f"{shown_id(PAYMENT_BATCH, self.batch_id)}-{self.item_no}"


def kind_of(order_id: str) -> Paying[Order] | Paying[Claim]:
    """The kind of payment that an id is of; NotFound for another id."""
    if order_id.startswith(CLAIM):
        return CLAIMS
    number_of(DISBURSEMENT, order_id)
    return ORDERS


async def account_of(act: Act, row: Order | Claim) -> BankAccount | None:
    """The account that a payment was approved for, as the bank needs it."""
    if isinstance(row, Claim):
        return person_account.pinned_account(act.service.keys, row.person_id, row.account)
    if row.account_change_id is None:
        return None
    return await hospital_account.of_change(act.service.keys, act.connection, row.account_change_id)


async def payee_of(act: Act, item: BatchItem) -> BankAccount | None:
    """The account that a row is paid to."""
    kind = kind_of(item.order_id)
    key = next(iter(kind.table.primary_key.columns))
    wanted = select(kind.table).where(key == number_of(kind.prefix, item.order_id))
    return await account_of(act, kind.read((await act.connection.execute(wanted)).mappings().one()))


# ---------------------------------------------------------------- drafting


async def draft(act: Act, wanted: PaymentBatchRequest) -> PaymentBatchAnswer:
    """Gather sent orders and claims of one paying area. NotFound for one that isn't the caller's; Refused
    ``payee_account_missing``, ``not_of_one_area``, ``order_repeated``, each at its place; Conflict
    ``in_payment_batch``, ``invalid_move``."""
    ids = wanted.order_ids
    faults = [Fault(f"/order_ids/{i}", "order_repeated") for i, one in enumerate(ids) if one in ids[:i]]
    if faults:
        raise Refused(faults)
    found = await _opened_all(act, ids)
    for i, one in enumerate(ids):
        row = found[one]
        if row.area_code != found[ids[0]].area_code:
            faults.append(Fault(f"/order_ids/{i}", "not_of_one_area"))
        elif await account_of(act, row) is None:
            faults.append(Fault(f"/order_ids/{i}", "payee_account_missing"))
    if faults:
        raise Refused(faults)
    values = {
        "area_code": found[ids[0]].area_code,
        "funds": sorted({row.fund for row in found.values()}),
        "paying_account": msgspec.to_builtins(wanted.paying_account),
        "created_on": act.day,
    }
    made = insert(payment_batch).values(values | written_by(act.caller)).returning(*payment_batch.c)
    batch = _read((await act.connection.execute(made)).mappings().one())
    await _add_items(act, batch, [(one, found[one]) for one in ids])
    return await _recorded(act, batch, "draft", sum(row.payable for row in found.values()))


async def _opened_all(act: Act, ids: Sequence[str]) -> dict[str, Order | Claim]:
    """The payments, locked, each awaited by the bank and in no batch."""
    await hold_places(act, ids)
    found: dict[str, Order | Claim] = {}
    for one in sorted(ids):
        row = await _opened(act, one)
        if row.state not in AWAITED or row.payable <= 0:
            values = {"state": row.state.value, "wanted": "in a payment batch"}
            raise Conflict("invalid_move", values=values, extra={"state": row.state.value, "order_id": one})
        kind = kind_of(one)
        await check_free(act.connection, kind.of(row))  # type: ignore[arg-type]
        found[one] = row
    return found


async def hold_places(act: Act, ids: Sequence[str]) -> None:
    """Hold what moves the payments of these orders' funds and areas, by name, before any of them is locked. NotFound
    for one that isn't the caller's to pay."""
    for area, fund in sorted({await _place(act.connection, one) for one in ids}):
        may_pay(act.caller, area)
        await lock_payments(act.connection, area, fund)


async def _opened(act: Act, order_id: str) -> Order | Claim:
    if order_id.startswith(CLAIM):
        return await opened(act, CLAIMS, order_id)
    return await opened(act, ORDERS, order_id)


async def _place(connection: AsyncConnection, order_id: str) -> tuple[str, str]:
    """The area and the fund that pay; NotFound for what isn't the caller's to see."""
    kind = kind_of(order_id)
    key = next(iter(kind.table.primary_key.columns))
    wanted = select(kind.table.c.area_code, kind.table.c.fund).where(key == number_of(kind.prefix, order_id))
    row = (await connection.execute(wanted)).first()
    if row is None:
        raise NotFound("not_found")
    return row.area_code, row.fund


async def _add_items(act: Act, batch: PaymentBatch, rows: Sequence[tuple[str, Order | Claim]]) -> None:
    values = [
        {
            "batch_id": batch.batch_id,
            "item_no": number,
            "disbursement_id": row.disbursement_id if isinstance(row, Order) else None,
            "claim_id": row.claim_id if isinstance(row, Claim) else None,
            "fund": row.fund,
            "amount": row.payable,
        }
        for number, (_, row) in enumerate(rows, 1)
    ]
    try:
        await act.connection.execute(insert(payment_batch_item), values)
    except IntegrityError as error:  # somebody else's batch, which the caller may not see
        raise Conflict("in_payment_batch") from error


# ---------------------------------------------------------------- moving


async def locked_batch(act: Act, shown: str) -> PaymentBatch:
    """A batch, locked, when its area is the caller's to pay for."""
    row = _read(await locked(act.connection, payment_batch, number_of(PAYMENT_BATCH, shown)))
    may_pay(act.caller, row.area_code)
    return row


async def approve(act: Act, shown: str) -> PaymentBatchAnswer:
    """Approve a draft made by another: what is outstanding of each row now is what the bank is asked to pay. Forbidden
    ``maker_is_checker``; Conflict ``invalid_move``, ``payee_account_changed``."""
    batch = await locked_batch(act, shown)
    await by_another(act.connection, act.caller, batch.subject)
    check_move(batch.state, (BatchState.DRAFT,), BatchState.APPROVED)
    total, items = 0, await items_of(act.connection, batch.batch_id)
    await hold_places(act, [item.order_id for item in items])
    for item in items:
        row = await _opened(act, item.order_id)
        if row.state not in AWAITED or row.payable <= 0:  # a correction of the bill came between
            values = {"state": row.state.value, "wanted": BatchState.APPROVED.value}
            raise Conflict("invalid_move", values=values, extra={"state": row.state.value, "order_id": item.order_id})
        total += row.payable
        changed = update(payment_batch_item).where(payment_batch_item.c.item_id == item.item_id)
        await act.connection.execute(changed.values(amount=row.payable))
    signed = {"state": BatchState.APPROVED, "approved_by": act.subject, "approved_on": act.day}
    digest = digest_of(batch, await items_of(act.connection, batch.batch_id))
    batch = await _moved(act, batch, {**signed, "control_sum": total, "digest": digest})
    return await _recorded(act, batch, "approved", total)


def digest_of(batch: PaymentBatch, items: Sequence[BatchItem]) -> bytes:
    """SHA-256 of what the bank is asked to do: the account, and each row with its reference and amount."""
    rows = [(item.end_to_end_id, item.order_id, item.amount) for item in items]
    return sha256(msgspec.json.encode((batch.shown, batch.paying_account, rows), order="deterministic")).digest()


async def cancel(act: Act, shown: str, reason: str) -> PaymentBatchAnswer:
    """Cancel a batch that the bank hasn't got; its orders and claims are free again. Conflict ``invalid_move``."""
    batch = await locked_batch(act, shown)
    check_move(batch.state, (BatchState.DRAFT, BatchState.APPROVED), BatchState.CANCELLED)
    mine = (payment_batch_item.c.batch_id == batch.batch_id, payment_batch_item.c.live)
    ended = {"live": False, "result": "cancelled", "ended_by": act.subject}
    await act.connection.execute(update(payment_batch_item).where(*mine).values(ended))
    batch = await _moved(act, batch, {"state": BatchState.CANCELLED, "cancelled_on": act.day})
    return await _recorded(act, batch, "cancelled", None, reason)


async def given_out(act: Act, shown: str) -> tuple[PaymentBatch, list[BatchItem]]:
    """A batch whose file is given out: the first time it is sent by that. Conflict ``invalid_move`` before its
    approval and after its cancellation, ``bank_check_pending`` after a restoration."""
    batch = await locked_batch(act, shown)
    check_move(batch.state, (BatchState.APPROVED, BatchState.SENT, BatchState.ANSWERED), BatchState.SENT)
    for fund in batch.funds:
        await bank_check.check(act.connection, batch.area_code, fund)
    values: dict[str, object] = {"files": batch.files + 1}
    if batch.state is BatchState.APPROVED:
        values |= {"state": BatchState.SENT, "sent_by": act.subject, "sent_on": act.day}
    batch = await _moved(act, batch, values)
    await _recorded(act, batch, "sent" if batch.files == 1 else "resent", batch.control_sum)
    return batch, await items_of(act.connection, batch.batch_id)


async def not_executed(act: Act, shown: str, wanted: NotExecutedRequest) -> PaymentBatchAnswer:
    """End a row that the bank will not answer: asked for by one person, done when another asks for the same. Conflict
    ``invalid_move``, Forbidden ``maker_is_checker``."""
    batch = await locked_batch(act, shown)
    check_move(batch.state, (BatchState.SENT,), "not_executed")
    item = next(
        (one for one in await items_of(act.connection, batch.batch_id) if one.order_id == wanted.order_id), None
    )
    if item is None:
        raise NotFound("not_found")
    check_move("live" if item.live else str(item.result), ("live",), "not_executed")
    if item.asked_by is None:
        changed = update(payment_batch_item).where(payment_batch_item.c.item_id == item.item_id)
        await act.connection.execute(changed.values(asked_by=act.subject, reason=wanted.reason))
        return await _recorded(act, batch, "not_executed_asked", item.amount, wanted.reason)
    await by_another(act.connection, act.caller, item.asked_by)
    await end_item(act, item, "not_executed")
    await _recorded(act, batch, "not_executed", item.amount, wanted.reason)
    return await shown_batch(act.connection, shown)


async def end_item(act: Act, item: BatchItem, result: str) -> None:
    """End a live row; its batch is answered when it was the last one."""
    columns = payment_batch_item.c
    ended = {"live": False, "result": result, "ended_by": act.subject}
    await act.connection.execute(update(payment_batch_item).where(columns.item_id == item.item_id).values(ended))
    left = select(columns.item_id).where(columns.batch_id == item.batch_id, columns.live).limit(1)
    if (await act.connection.execute(left)).first() is None:
        batch = _read(await locked(act.connection, payment_batch, item.batch_id))
        if batch.state is BatchState.SENT:
            batch = await _moved(act, batch, {"state": BatchState.ANSWERED, "answered_on": act.day})
            await _recorded(act, batch, "answered", batch.control_sum)


async def changed(act: Act, batch: PaymentBatch, values: Row, step: str, reason: str | None) -> PaymentBatchAnswer:
    """A batch with other values that move no money, written down as a step."""
    return await _recorded(act, await _moved(act, batch, values), step, None, reason)


async def _moved(act: Act, batch: PaymentBatch, values: Row) -> PaymentBatch:
    row = {"batch_id": batch.batch_id}
    await move(act.connection, payment_batch, row, **values)
    return _read(row)


async def _recorded(
    act: Act, batch: PaymentBatch, step: str, amount: int | None, reason: str | None = None
) -> PaymentBatchAnswer:
    fund = batch.funds[0] if len(batch.funds) == 1 else None
    owner = {"area_code": batch.area_code, "fund": fund}
    event = Event(object_id=batch.shown, move=step, reason=reason, amount=amount)
    await record(act.connection, act.caller, act.now, owner, event)
    return answer_of(batch, await items_of(act.connection, batch.batch_id))


# ---------------------------------------------------------------- reading


def _read(row: Row) -> PaymentBatch:
    return typed(row, PaymentBatch)


async def items_of(connection: AsyncConnection, batch_id: int) -> list[BatchItem]:
    """The rows of a batch, in their order."""
    columns = payment_batch_item.c
    wanted = select(payment_batch_item).where(columns.batch_id == batch_id).order_by(columns.item_no)
    return [item_of(row) for row in (await connection.execute(wanted)).mappings()]


def item_of(row: RowMapping) -> BatchItem:
    """A row of a batch, typed."""
    return typed(row, BatchItem)


async def shown_batch(connection: AsyncConnection, shown: str) -> PaymentBatchAnswer:
    """A batch within reach."""
    wanted = select(payment_batch).where(payment_batch.c.batch_id == number_of(PAYMENT_BATCH, shown))
    row = (await connection.execute(wanted)).mappings().first()
    if row is None:
        raise NotFound("not_found")
    batch = _read(row)
    return answer_of(batch, await items_of(connection, batch.batch_id))


def answer_of(batch: PaymentBatch, items: Sequence[BatchItem]) -> PaymentBatchAnswer:
    """A batch as it is shown."""
    return PaymentBatchAnswer(
        payment_batch_id=batch.shown,
        state=batch.state.value,
        area_code=batch.area_code,
        funds=batch.funds,
        paying_account=batch.paying_account,
        count=len(items),
        control_sum=yuan(sum(item.amount for item in items)),
        digest=None if batch.digest is None else batch.digest.hex(),
        files=batch.files,
        created_by=batch.subject,
        created_on=batch.created_on.isoformat(),
        approved_by=batch.approved_by,
        approved_on=iso(batch.approved_on),
        sent_by=batch.sent_by,
        sent_on=iso(batch.sent_on),
        answered_on=iso(batch.answered_on),
        document_number=batch.document_number,
        numbered_by=batch.numbered_by,
        numbered_on=iso(batch.numbered_on),
        rows=[
            BatchItemAnswer(
                order_id=item.order_id,
                end_to_end_id=item.end_to_end_id,
                fund=item.fund,
                amount=yuan(item.amount),
                result=item.result,
                reason=item.reason,
                asked_by=item.asked_by,
            )
            for item in items
        ],
    )


def listed(row: RowMapping) -> PaymentBatchRow:
    """A batch as a list shows it."""
    batch = _read(row)
    return PaymentBatchRow(
        payment_batch_id=batch.shown,
        state=batch.state.value,
        area_code=batch.area_code,
        control_sum=None if batch.control_sum is None else yuan(batch.control_sum),
        created_by=batch.subject,
        created_on=batch.created_on.isoformat(),
        approved_by=batch.approved_by,
        sent_on=iso(batch.sent_on),
        answered_on=iso(batch.answered_on),
        document_number=batch.document_number,
        numbered_by=batch.numbered_by,
        numbered_on=iso(batch.numbered_on),
    )
