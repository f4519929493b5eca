"""What waits to be done, for one person: what they may do next, apart from what waits for somebody else because they
made it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, Table, and_, func, literal, select, true, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.money import yuan
from app.clearing.bank_check import waits_for
from app.clearing.bank_receipt import waits
from app.clearing.in_batch import asked, asked_only_by
from app.clearing.tables import (
    bank_check,
    bank_receipt_row,
    claim,
    deduction,
    deposit_release,
    difference,
    disbursement,
    monthly_report,
    payment_batch,
    payout_exception,
    person_account,
    prepayment,
    statement,
)
from app.finance.look import link
from app.jobs.tables import job
from app.readjudication.tables import readjudication_run
from app.registry.tables import hospital_account, hospital_gateway
from app.service.security import ADMIN, Principal
from app.settlement.tables import patient_balance


@dataclass(frozen=True, slots=True)
class Task:
    """Rows of a table that wait for one step: the state they wait in (or what else tells them, ``state`` being then the
    filter of their list), who may not take the step because they made them, the money concerned, who may take it, and
    the list that has exactly these rows. ``within``: which rows concern somebody where the database shows them all;
    ``made``: which ones somebody made, where no column of the table says it."""

    key: str
    table: Table
    state: str
    address: str
    makers: tuple[str, ...] = ()
    amount: ColumnElement[int] | None = None
    scope: str = "finance"
    within: Callable[[Principal], ColumnElement[bool]] | None = None
    told: Callable[[], ColumnElement[bool]] | None = None
    made: Callable[[str], ColumnElement[bool]] | None = None

    def waits(self) -> ColumnElement[bool]:
        """Which rows wait."""
        return self.table.c.state == self.state if self.told is None else self.told()

    def mine(self, subject: str) -> ColumnElement[bool]:
        """Which of them wait for somebody: those that they didn't make."""
        if self.made is not None:
            return ~self.made(subject)
        return and_(true(), *(self.table.c[name].is_distinct_from(subject) for name in self.makers))

    def href(self) -> str:
        """The list that has exactly these rows."""
        if self.address in _WITHOUT_FILTERS:
            return self.address
        return link(self.address, {"state": self.state} if self.told is None else {self.state: "1"})


class Waiting(Struct, frozen=True):
    """How much waits: for this person (``mine``), and for somebody else (``others``); yuan of mine where money is
    concerned."""

    key: str
    mine: int
    others: int
    amount: str | None
    href: str


_UNPAID: Final = disbursement.c.amount - disbursement.c.paid
_CLAIM_UNPAID: Final = claim.c.amount - claim.c.paid
_READJUDICATED: Final = func.coalesce(readjudication_run.c.fund_total, 0)
_ORDERS: Final = "/finance/orders"
_BATCHES: Final = "/finance/payment-batches"
_CLAIMS: Final = "/finance/claims"
_PREPAID: Final = "/finance/prepayments"
_DECLARED: Final = "/finance/statements"
_WITHOUT_FILTERS: Final = (
    *("/finance/closings", "/finance/deposits", "/finance/reports", "/finance/accounts", "/finance/bank-checks"),
)
TASKS: Final = (
    Task("bank_checks", bank_check, "draft", "/finance/bank-checks", ("subject",), within=waits_for),
    Task("statements.declared", statement, "declared", _DECLARED, ("subject",)),
    Task("statements.reconciled", statement, "reconciled", _DECLARED, ("subject",)),
    Task("statements.audited", statement, "audited", _DECLARED, ("subject",)),
    Task("orders.draft", disbursement, "draft", _ORDERS, ("subject",), disbursement.c.amount),
    Task("orders.approved", disbursement, "approved", _ORDERS, (), disbursement.c.amount),
    Task("orders.sent", disbursement, "sent", _ORDERS, (), _UNPAID),
    Task("orders.part_paid", disbursement, "part_paid", _ORDERS, (), _UNPAID),
    Task("orders.returned", disbursement, "returned", _ORDERS, (), _UNPAID),
    Task("payment_batches.draft", payment_batch, "draft", _BATCHES, ("subject",)),
    Task("payment_batches.approved", payment_batch, "approved", _BATCHES, (), payment_batch.c.control_sum),
    Task("payment_batches.sent", payment_batch, "sent", _BATCHES, (), payment_batch.c.control_sum),
    Task("payment_batches.asked", payment_batch, "asked", _BATCHES, told=asked, made=asked_only_by),
    Task("receipt_rows", bank_receipt_row, "open", "/finance/bank-receipts", told=waits),
    Task("prepayments.draft", prepayment, "draft", _PREPAID, ("subject",), prepayment.c.amount),
    Task("prepayments.approved", prepayment, "approved", _PREPAID, (), prepayment.c.amount),
    Task("prepayments.sent", prepayment, "sent", _PREPAID, (), prepayment.c.amount),
    Task("claims.draft", claim, "draft", _CLAIMS, ("subject",), claim.c.amount),
    Task("claims.approved", claim, "approved", _CLAIMS, (), claim.c.amount),
    Task("claims.sent", claim, "sent", _CLAIMS, (), _CLAIM_UNPAID),
    Task("claims.part_paid", claim, "part_paid", _CLAIMS, (), _CLAIM_UNPAID),
    Task("claims.returned", claim, "returned", _CLAIMS, (), _CLAIM_UNPAID),
    Task("claims.recoverable", claim, "recoverable_from_person", _CLAIMS, ("subject",), -_CLAIM_UNPAID),
    Task("accounts", person_account, "pending", "/finance/accounts", ("subject",)),
    Task("hospital_accounts", hospital_account, "pending", "/finance/accounts", ("subject",)),
    Task("gateways", hospital_gateway, "pending", "/finance/accounts", ("subject",)),
    Task("appeals", deduction, "appealed", "/finance/audit", ("subject", "appealed_by"), deduction.c.amount),
    Task("differences", difference, "open", "/finance/reconciliation"),
    Task("balances", patient_balance, "open", "/finance/balances"),
    Task("releases.draft", deposit_release, "draft", "/finance/deposits", ("subject",), deposit_release.c.amount),
    Task("readjudications", readjudication_run, "computed", "/finance/readjudications", ("subject",), _READJUDICATED),
    Task("exceptions", payout_exception, "draft", "/finance/closings", ("subject",)),
    Task("reports", monthly_report, "submitted", "/finance/reports", ("subject",)),
    Task("jobs", job, "proposed", "/finance/jobs", scope="registry"),
)


async def waiting(connection: AsyncConnection, principal: Principal) -> list[Waiting]:
    """What waits within the caller's reach, of the tasks that their roles have, in one statement. None that nobody
    waits for."""
    tasks = [task for task in TASKS if task.scope in principal.scopes or ADMIN in principal.scopes]
    if not tasks:
        return []
    rows = await connection.execute(
        union_all(*(_counted(number, tasks[number], principal) for number in range(len(tasks))))
    )
    found = {row[0]: row for row in rows}
    return [
        _shown(tasks[number], *found[number][1:]) for number in sorted(found) if found[number][1] or found[number][2]
    ]


def _counted(number: int, task: Task, principal: Principal) -> Select[int, int, int, int]:
    mine = task.mine(principal.subject)
    amount = literal(0) if task.amount is None else task.amount
    within = true() if task.within is None else task.within(principal)
    return select(
        literal(number),
        func.count().filter(mine),
        func.count().filter(~mine),
        func.coalesce(func.sum(amount).filter(mine), 0),
    ).where(task.waits(), within)


def _shown(task: Task, mine: int, others: int, amount: int) -> Waiting:
    return Waiting(task.key, mine, others, None if task.amount is None else yuan(int(amount)), task.href())
