"""Batches: one step of many orders, claims, prepayments or statements, each in a transaction of its own, by the same
function as the single route.

A batch is done once by its key, also when it broke off. Which rows it has is kept under the key first; what became of a
row is kept under a key of its own, in the transaction that moved its money. A repetition finds both, does what is left
and answers the same."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import as_period
from app.basics.errors import Fault, Language, OnestopError, Refused
from app.basics.ids import CLAIM, DISBURSEMENT, JOB, PREPAYMENT, shown_id
from app.basics.money import yuan
from app.clearing import claim_list, machine, order_list, statement
from app.clearing.bank import PaymentRequest
from app.clearing.claim import CLAIMS
from app.clearing.machine import Act, Paying, acting
from app.clearing.order import ORDERS
from app.clearing.payment import Paid
from app.clearing.prepayment import PREPAYMENTS
from app.clearing.statement import StatementRequest
from app.clearing.tables import claim, disbursement, prepayment
from app.jobs import store
from app.jobs.asker import asker_of
from app.jobs.kinds import BATCH
from app.jobs.outcome import RowAnswer
from app.jobs.store import NewJob
from app.service import clock
from app.service.audit import noted
from app.service.caller import Caller, Keyed, Service
from app.service.http import encoded
from app.service.idempotency import remembered
from app.service.lists import Filters, Rows
from app.service.messages import fault_text, text
from app.service.wire import Code, Day, Money, Reference

MOST_ROWS: Final = 500
AT_ONCE: Final = 50  # rows; more are done by a job
DONE: Final = "done"
REFUSED: Final = "refused"
B = TypeVar("B", bound=Paid)
Ids = Annotated[list[Code], Meta(min_length=1, max_length=MOST_ROWS)]


class PaidRow(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The bank paid an order, a claim or a prepayment on this day: all that is to be paid, or ``amount``; yuan."""

    id: Code
    paid_on: Day
    bank_reference: Reference
    amount: Money | None = None


class BatchRow(Struct, frozen=True):
    """One row: the object's id, or the code of the hospital that declares, and what is to be said of it."""

    about: str
    body: Any = None


class Batch(Struct, frozen=True):
    """A step and the rows that it is taken of; with ``job_id`` a job does them."""

    step: str
    rows: list[BatchRow]
    job_id: str | None = None


class BatchAnswer(Struct):
    """What became of each row, in their order: ``done``, or ``refused`` with the code of the single route as
    ``reason``. ``summary`` counts them."""

    data: list[RowAnswer]
    summary: dict[str, int]


class BatchJobAnswer(Struct):
    """A job that does a long batch; ``GET /v1/jobs/{job_id}`` tells what became of each row."""

    job_id: str
    state: str


# ---------------------------------------------------------------- the steps, each by the single route's function


Step = Callable[[Act, BatchRow], Awaitable[str]]
"""A step of one row; it answers the id of what it moved or made."""


def _steps_of(noun: str, kind: Paying[B]) -> dict[str, Step]:
    """The steps of a kind of payment that the bank carries out."""

    async def approve(act: Act, row: BatchRow) -> str:
        return kind.shown(await machine.approve(act, kind, row.about))

    async def send(act: Act, row: BatchRow) -> str:
        return kind.shown(await machine.send(act, kind, row.about))

    async def pay(act: Act, row: BatchRow) -> str:
        wanted = msgspec.convert(row.body, PaidRow)
        amount = wanted.amount
        if amount is None:
            amount = yuan((await machine.opened(act, kind, row.about)).payable)
        paid = PaymentRequest(amount, wanted.paid_on, wanted.bank_reference)
        return kind.shown(await machine.pay(act, kind, row.about, paid))

    return {f"{noun}_approval": approve, f"{noun}_sending": send, f"{noun}_payments": pay}


async def _declare(act: Act, row: BatchRow) -> str:
    wanted = msgspec.convert(row.body, StatementRequest)
    period = as_period(wanted.period, "/period")
    return (await statement.declare(act.service, act.connection, act.caller, wanted, period)).statement_id


async def _approve_statement(act: Act, row: BatchRow) -> str:
    found = await statement.approve(act.service, act.connection, act.caller, row.about, row.body)
    return found.statement_id


STEPS: Final[Mapping[str, Step]] = {
    **_steps_of("order", ORDERS),
    **_steps_of("claim", CLAIMS),
    **_steps_of("prepayment", PREPAYMENTS),
    "statement_declaration": _declare,
    "statement_approval": _approve_statement,
}
"""What a batch can do, by the names under which jobs keep it."""


# ---------------------------------------------------------------- a batch


async def carried_out(
    service: Service,
    caller: Caller,
    keyed: Keyed,
    step: str,
    rows_of: Callable[[AsyncConnection], Awaitable[list[BatchRow]]],
) -> tuple[int, BatchAnswer | BatchJobAnswer, bool]:
    """Do a batch once per key: its status, its answer, and whether it was asked for before. ``rows_of`` reads or
    checks the rows when it is new. Above ``AT_ONCE`` rows a job is queued instead."""

    async def planned(connection: AsyncConnection) -> tuple[int, bytes]:
        rows = await rows_of(connection)
        job_id = await _queued(service, connection, caller, step, rows) if len(rows) > AT_ONCE else None
        return 200 if job_id is None else 202, encoded(Batch(step, rows, job_id))

    status, content, again = await remembered(service, caller, keyed, planned)
    batch = msgspec.json.decode(content, type=Batch)
    if batch.job_id is not None:
        return status, BatchJobAnswer(batch.job_id, "queued"), again
    data = [await row_done(service, caller, keyed.key, batch.step, i, row) for i, row in enumerate(batch.rows, 1)]
    note = noted()
    note.count = len(data)
    for row in data:
        note.about(row.reference)
    summary = {outcome: sum(row.outcome == outcome for row in data) for outcome in (DONE, REFUSED)}
    return status, BatchAnswer(data, summary), again


async def _queued(
    service: Service, connection: AsyncConnection, caller: Caller, step: str, rows: Sequence[BatchRow]
) -> str:
    if caller.principal.hospital_code is not None:  # a job belongs to an area, or to all of them
        raise Refused([Fault("/rows", "batch_too_long", {"limit": str(AT_ONCE)})])
    options = {"step": step, "asker": msgspec.to_builtins(asker_of(caller.principal))}
    contents = [msgspec.to_builtins(row) for row in rows]
    new = NewJob(
        kind=BATCH,
        options=options,
        area_code=caller.principal.area_code or "",
        file_digest=sha256(msgspec.json.encode(contents, order="deterministic")).digest(),
        received_at=await clock.now(connection, manual=service.manual_clock),
    )
    job_id = await store.add_job(service, connection, caller, new)
    await store.add_contents(connection, job_id, contents)
    return shown_id(JOB, job_id)


class _RowRefused(Exception):
    """A row was refused: its transaction is rolled back, the others go on."""


async def row_done(service: Service, caller: Caller, batch: str, step: str, number: int, row: BatchRow) -> RowAnswer:
    """Do one row of a batch once, in a transaction of its own; what became of it. ``batch`` is the batch's key, or its
    job's id: with the row's number it is the row's key, which no client can send.

    A token that has ended, and what can't be done now, is raised: nothing is kept of that row.
    """
    keyed = Keyed(f"{batch}.{number}", sha256(encoded(row)).digest())
    refused: RowAnswer | None = None

    async def moved(connection: AsyncConnection) -> tuple[int, bytes]:
        nonlocal refused
        act = await acting(service, connection, caller)
        try:
            reference = await STEPS[step](act, row)
        except OnestopError as error:
            if error.retryable:
                raise
            refused = _refusal(error, number, row.about, caller.language)
            raise _RowRefused from error
        return 200, encoded(RowAnswer(number, DONE, None, None, reference, None))

    async def kept(connection: AsyncConnection) -> tuple[int, bytes]:
        return 200, encoded(refused)

    try:
        _, content, _ = await remembered(service, caller, keyed, moved)
    except _RowRefused:
        _, content, _ = await remembered(service, caller, keyed, kept)
    return msgspec.json.decode(content, type=RowAnswer)


def _refusal(error: OnestopError, number: int, about: str, language: Language) -> RowAnswer:
    first = error.faults[0] if error.faults else None
    said = text(error.code, error.values, language) if first is None else fault_text(first, language)
    field = None if first is None else first.pointer.removeprefix("/") or None
    return RowAnswer(number, REFUSED, error.code, field, about, said)


# ---------------------------------------------------------------- the rows


async def orders_matching(connection: AsyncConnection, act: Act, filters: Filters) -> list[BatchRow]:
    """The orders that filters of their list find, oldest first. Refused ``batch_too_long`` above ``MOST_ROWS``."""
    wanted = await order_list.orders_where(connection, act.day, **msgspec.structs.asdict(filters))
    return await _matching(connection, wanted, DISBURSEMENT, disbursement.c.disbursement_id)


async def claims_matching(connection: AsyncConnection, act: Act, filters: Filters) -> list[BatchRow]:
    """The same of claims."""
    wanted = await claim_list.claims_where(connection, filters, act.day)
    return await _matching(connection, wanted, CLAIM, claim.c.claim_id)


async def prepayments_matching(connection: AsyncConnection, act: Act, filters: Filters) -> list[BatchRow]:
    """The same of prepayments."""
    wanted = await order_list.prepayments_where(connection, msgspec.structs.asdict(filters))
    return await _matching(connection, wanted, PREPAYMENT, prepayment.c.prepayment_id)


async def _matching(
    connection: AsyncConnection, wanted: Rows, prefix: str, number: ColumnElement[int]
) -> list[BatchRow]:
    found = await connection.execute(wanted.with_only_columns(number).order_by(number).limit(MOST_ROWS + 1))
    numbers = found.scalars().all()
    if len(numbers) > MOST_ROWS:
        raise Refused([Fault("/filter", "batch_too_long", {"limit": str(MOST_ROWS)})])
    return [BatchRow(shown_id(prefix, one)) for one in numbers]
