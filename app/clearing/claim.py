"""Claims of persons 零星报销: what a fund owes a person who paid a bill in cash, from the settlement to the person's
account.

A settlement with ``paid_by: patient`` opens a claim for each fund (``claims_move`` in the database); its approval is
the order. It moves by the machine of all payments, and its state follows its money (``claim_derived``). Amounts are
fen.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from msgspec import Struct
from sqlalchemy import RowMapping, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import iso, period_of
from app.basics.errors import Conflict, NotFound
from app.basics.ids import CLAIM, SETTLEMENT, number_of, shown_id
from app.basics.money import yuan
from app.clearing import deduction, machine, owed
from app.clearing.bank import PAYMENT, Banked, PaymentRequest, ReturnRequest
from app.clearing.machine import Act, Paying, Values
from app.clearing.moves import StoredRow, locked
from app.clearing.payment import Claim, PaymentKind, PaymentState
from app.clearing.plan import plan_or_default_days
from app.clearing.posting import Cause, Posting, posting, purse_of
from app.clearing.tables import claim, person_account
from app.service.second_person import by_another
from app.tiers.policy import PolicyBook


class ClaimAnswer(Struct):
    """A claim. ``gross`` what the settlement and its corrections come to, ``amount`` = gross − deducted, ``unpaid``
    the rest; ``owed_back`` what the person has to give back. Yuan."""

    claim_id: str
    state: str
    settlement_id: str
    person_id: str
    area_code: str
    fund: str
    fiscal_year: int
    gross: str
    deducted: str
    amount: str
    paid: str
    unpaid: str
    owed_back: str
    due_on: str
    overdue: bool
    account_pinned: bool
    created_by: str
    created_on: str
    approved_by: str | None
    approved_on: str | None
    sent_by: str | None
    sent_on: str | None
    paid_on: str | None


async def _account(connection: AsyncConnection, person_id: str) -> bytes | None:
    """The person's account as it is stored, encrypted; None without one."""
    mine = (person_account.c.person_id == person_id, person_account.c.state == "approved")
    return (await connection.execute(select(person_account.c.account).where(*mine))).scalar_one_or_none()


async def is_account_current(connection: AsyncConnection, row: Claim) -> bool:
    """Whether the account that the approval pinned is still the person's."""
    return await _account(connection, row.person_id) == row.account


async def _before(act: Act, claim_id: int) -> None:
    """Lock the person, so that no correction comes between, and end deductions that have waited too long."""
    of = select(claim.c.settlement_id).where(claim.c.claim_id == claim_id)
    settlement_id = (await act.connection.execute(of)).scalar_one_or_none()
    if settlement_id is not None:
        await owed.lock_person(act.connection, settlement_id)
        await deduction.lapse(act.service, act.connection, act.caller, deduction.of_claim(claim_id))


_MAKERS: Final = text("SELECT claim_makers(:claim)")


async def _approving(act: Act, row: Claim) -> Values:
    """Pin the person's account; one of amount 0, which deductions took whole, is then paid. A claim that is approved is
    approved again only to pin a changed one. Who raised it by a correction has made it too: Forbidden
    ``maker_is_checker``. Conflict ``deductions_open``."""
    await by_another(
        act.connection, act.caller, *(await act.connection.execute(_MAKERS, {"claim": row.claim_id})).scalars()
    )
    if left := await deduction.undecided(act.connection, deduction.of_claim(row.claim_id)):
        raise Conflict("deductions_open", extra={"deductions": left})
    account = await _account(act.connection, row.person_id)
    if row.state is PaymentState.APPROVED and account == row.account:
        values = {"state": row.state.value, "wanted": PaymentState.APPROVED.value}
        raise Conflict("invalid_move", values=values, extra={"state": row.state.value})
    pinned: StoredRow = {"account": account, "cancelled_on": None}
    return pinned if row.amount else pinned | {"state": PaymentState.PAID, "paid_on": act.day}


async def _cancelling(act: Act, row: Claim) -> None:
    """The fund owes the money still: a cancelled claim can be approved again. Not while any of it is paid."""
    if row.paid:
        values = {"state": row.state.value, "wanted": PaymentState.CANCELLED.value}
        raise Conflict("invalid_move", values=values, extra={"state": row.state.value})


async def _sending(act: Act, row: Claim) -> Sequence[Posting]:
    """Conflict ``payee_account_changed`` when the account is another than the approved one."""
    if not await is_account_current(act.connection, row):
        raise Conflict("payee_account_changed")
    return []


def _banked(row: Claim, movement: Banked) -> list[Posting]:
    shown = CLAIMS.shown(row)
    purse = purse_of(row.owner, row.fiscal_year)
    event, debit, credit = "payment", purse.claim(shown), purse.cash
    if movement.kind != PAYMENT:
        event, debit, credit = "payment_returned", credit, debit
    cause = Cause(shown, movement.day)
    return [posting(purse, event, debit=debit, credit=credit, amount=movement.amount, cause=cause)]


def _values(row: Claim, movement: Banked) -> Values:
    paid = {"paid": row.paid + movement.signed}
    return paid | {"paid_on": movement.day} if movement.kind == PAYMENT else paid


CLAIMS: Final = Paying(
    kind=PaymentKind.CLAIM,
    prefix=CLAIM,
    table=claim,
    row=Claim,
    before=_before,
    approving=_approving,
    cancelling=_cancelling,
    sending=_sending,
    banked=_banked,
    values=_values,
    returnable=lambda row: row.paid,
)


_REPAID: Final = replace(CLAIMS, returnable=lambda row: row.owed_back)


async def repay(act: Act, shown: str, wanted: PaymentRequest) -> Claim:
    """Record money that the person gave back of a claim that is recoverable, by another than who settled it, at most
    what is owed back. Conflict ``invalid_move``; Refused as of a return."""
    row = await machine.opened(act, CLAIMS, shown)
    await by_another(act.connection, act.caller, row.subject)
    if row.state is not PaymentState.RECOVERABLE:
        values = {"state": row.state.value, "wanted": PaymentState.REVERSED.value}
        raise Conflict("invalid_move", values=values, extra={"state": row.state.value})
    returned = ReturnRequest(wanted.amount, wanted.paid_on, wanted.bank_reference, "个人退回")
    return await machine.give_back(act, _REPAID, shown, returned)


async def claim_of(connection: AsyncConnection, shown: str, *, lock: bool = False) -> Claim:
    """A claim within reach, locked if that is wanted; NotFound otherwise."""
    number = number_of(CLAIM, shown)
    if lock:
        return CLAIMS.read(await locked(connection, claim, number))
    row = (await connection.execute(select(claim).where(claim.c.claim_id == number))).mappings().first()
    if row is None:
        raise NotFound("not_found")
    return CLAIMS.read(row)


def due_on(book: PolicyBook, row: Claim) -> date:
    """The day by which the claim is to be paid: ``disbursement.claim_days`` after settling."""
    return row.created_on + timedelta(days=plan_or_default_days(book, row.area_code, period_of(row.created_on)))


def answer_of(book: PolicyBook, row: Claim, day: date) -> ClaimAnswer:
    """A claim as it is shown on a day."""
    due = due_on(book, row)
    return ClaimAnswer(
        claim_id=CLAIMS.shown(row),
        state=row.state.value,
        settlement_id=shown_id(SETTLEMENT, row.settlement_id),
        person_id=row.person_id,
        area_code=row.area_code,
        fund=row.fund,
        fiscal_year=row.fiscal_year,
        gross=yuan(row.gross),
        deducted=yuan(row.deducted),
        amount=yuan(row.amount),
        paid=yuan(row.paid),
        unpaid=yuan(row.unpaid),
        owed_back=yuan(row.owed_back),
        due_on=due.isoformat(),
        overdue=row.unpaid > 0 and due < day,
        account_pinned=row.account is not None,
        created_by=row.subject,
        created_on=row.created_on.isoformat(),
        approved_by=row.approved_by,
        approved_on=iso(row.approved_on),
        sent_by=row.sent_by,
        sent_on=iso(row.sent_on),
        paid_on=iso(row.paid_on),
    )


def answer_of_row(book: PolicyBook, row: RowMapping, day: date) -> ClaimAnswer:
    """A row of the table as it is shown on a day."""
    return answer_of(book, CLAIMS.read(row), day)
