"""What the simulation reads of the service's answers, and how an answer is compared with what the auditor expects of
it."""

from collections.abc import Iterator
from typing import Any

from msgspec import UNSET, Struct, UnsetType, convert, field
from msgspec.structs import fields

from app.simulation.model.amounts import yuan
from app.simulation.model.claims import owed_back
from app.simulation.model.deductions import current
from app.simulation.model.orders import pay_by
from app.simulation.model.payments import outstanding, unpaid
from app.simulation.model.releases import released
from app.simulation.model.state import (
    Audit,
    ModelDeduction,
    ModelPart,
    ModelPayment,
    ModelRelease,
    ModelState,
    ModelStatement,
    Way,
)
from app.simulation.model.statements import part_step, step_of

Answer = dict[str, Any]  # decoded JSON of the service, read through the structures below


class PayableSeen(Struct):
    """What a fund owes for a settlement."""

    fund: str
    amount: str


class SettlementSeen(Struct):
    """A settlement, or a correction of one."""

    settlement_id: str
    kind: str
    benefit_year: int
    hospital_code: str
    paying_area: str
    paid_by: str
    recoverable: bool
    person_id: str
    payables: list[PayableSeen]
    of_settlement_id: str | None = None
    adjustments: "list[SettlementSeen] | None" = None


class PartSeen(Struct):
    """A part of a statement."""

    fund: str
    fiscal_year: int
    amount: str
    deducted: str | UnsetType
    state: str


class FundSeen(Struct):
    """A fund's totals in a statement."""

    fund: str
    count: int
    amount: str


class StatementSeen(Struct):
    """A statement."""

    statement_id: str
    state: str
    amount: str
    pay_by: str | UnsetType = UNSET
    funds: list[FundSeen] = field(default_factory=list)
    parts: list[PartSeen] | UnsetType = UNSET


class OrderSeen(Struct):
    """An order."""

    disbursement_id: str
    state: str
    fund: str
    fiscal_year: int
    gross: str
    deposit: str
    offset: str
    carried: str
    amount: str
    paid: str
    unpaid: str
    due_on: str | UnsetType = UNSET
    others: "list[OrderSeen]" = field(default_factory=list)


class PrepaymentSeen(Struct):
    """A prepayment."""

    prepayment_id: str
    state: str | UnsetType
    amount: str
    offset: str
    outstanding: str


class DeductionSeen(Struct):
    """A deduction."""

    deduction_id: str
    state: str
    amount: str
    upheld: str | UnsetType | None = UNSET


class ReleaseSeen(Struct):
    """A release of deposits."""

    release_id: str
    state: str
    deposit: str
    amount: str
    forfeited: str
    disbursement_id: str | UnsetType | None = UNSET


class ClaimSeen(Struct):
    """A person's claim."""

    claim_id: str
    state: str
    settlement_id: str
    area_code: str
    fund: str
    fiscal_year: int
    amount: str
    paid: str | UnsetType = UNSET
    unpaid: str | UnsetType = UNSET
    gross: str | UnsetType = UNSET
    deducted: str | UnsetType = UNSET
    owed_back: str | UnsetType = UNSET
    due_on: str | UnsetType = UNSET


class UnpaidSeen(Struct):
    """What a fund left unpaid of a statement or of a claim."""

    amount: str
    claim_id: str | None = None


class ShortSeen(Struct):
    """A fund below its floor."""

    fund: str
    shortfall: str
    unpaid: list[UnpaidSeen]


class BelowFloorSeen(Struct):
    """A year that can't be closed."""

    funds: list[ShortSeen]


class DifferenceSeen(Struct):
    """A difference that a reconciliation found."""

    difference_id: str
    state: str


class ReconciliationSeen(Struct):
    """A reconciliation."""

    result: str
    differences: list[DifferenceSeen]


def settlement_of(answer: Answer) -> SettlementSeen:
    """An answer as a settlement."""
    return convert(answer, SettlementSeen)


def statement_expected(statement: ModelStatement) -> StatementSeen:
    """A statement as the auditor expects it."""
    parts = [_part_expected(statement, part) for part in statement.parts]
    amount = sum(part.amount for part in statement.parts)
    return StatementSeen(statement.shown, step_of(statement), yuan(amount), pay_by=pay_by(statement), parts=parts)


def _part_expected(statement: ModelStatement, part: ModelPart) -> PartSeen:
    step = part_step(statement, part)
    deducted = UNSET if any(one.given_back for one in part.deductions) else yuan(part.deducted)
    return PartSeen(part.purse.fund, part.year, yuan(part.amount), deducted, step)


def order_expected(order: ModelPayment) -> OrderSeen:
    """An order as the auditor expects it."""
    amount = order.amount if order.state != Way.CARRIED else order.gross - order.carried
    sums = [order.gross, order.deposit, order.offset, order.carried, amount, order.paid, unpaid(order)]
    gross, deposit, offset, carried, amount_shown, paid, left = map(yuan, sums)
    of = (order.shown, order.state, order.purse.fund, order.year)
    due = order.due_on if order.due_on and order.state != Way.CARRIED else UNSET
    return OrderSeen(*of, gross, deposit, offset, carried, amount_shown, paid, left, due)


def prepayment_expected(prepayment: ModelPayment) -> PrepaymentSeen:
    """A prepayment as the auditor expects it; with all of it taken, but some by a draft, it may be shown either way."""
    shown = UNSET if prepayment.reserved and outstanding(prepayment) == 0 else prepayment.state
    sums = map(yuan, (prepayment.amount, prepayment.offset, outstanding(prepayment)))
    return PrepaymentSeen(prepayment.shown, shown, *sums)


def deduction_expected(state: ModelState, deduction: ModelDeduction) -> DeductionSeen:
    """A deduction as the auditor expects it; what was given back may be shown either way and isn't compared."""
    closed = deduction.state in (Audit.ACCEPTED, Audit.DECIDED) and not deduction.given_back
    upheld = yuan(deduction.upheld) if closed else UNSET
    return DeductionSeen(deduction.shown, current(state, deduction), yuan(deduction.amount), upheld)


def release_expected(release: ModelRelease) -> ReleaseSeen:
    """A release as the auditor expects it."""
    amount = released(release)
    sums = map(yuan, (release.deposit, amount, release.deposit - amount))
    return ReleaseSeen(release.shown, release.state, *sums)


def claim_expected(claim: ModelPayment) -> ClaimSeen:
    """A claim as the auditor expects it."""
    return ClaimSeen(
        claim_id=claim.shown,
        state=claim.state,
        settlement_id=claim.settlement,
        area_code=claim.purse.area,
        fund=claim.purse.fund,
        fiscal_year=claim.year,
        amount=yuan(claim.amount),
        paid=yuan(claim.paid),
        unpaid=yuan(unpaid(claim)),
        gross=yuan(claim.gross),
        deducted=yuan(claim.gross - claim.amount),
        owed_back=yuan(owed_back(claim)),
        due_on=claim.pay_by,
    )


def compared(answer: Answer, expected: Struct) -> Iterator[str]:
    """Every field in which an answer differs from what is expected; what either leaves out is not compared."""
    yield from _differences(convert(answer, type(expected)), expected)


def _differences(got: Struct, expected: Struct) -> Iterator[str]:
    for one in fields(expected):
        here, there = getattr(got, one.name), getattr(expected, one.name)
        if UNSET in (here, there) or one.name in ("funds", "others"):
            continue
        if isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
            for row, wanted in zip(here, there, strict=True):
                yield from (f"{one.name} {wanted} {fault}" for fault in _differences(row, wanted))
        elif here != there:
            yield f"{one.name} expected {there}, got {here}"
