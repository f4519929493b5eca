"""Differences between a statement and the hospital's own figures: the worklist, and how each is resolved. Amounts in
fen."""

from datetime import date, datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.errors import NotFound
from app.basics.ids import DIFFERENCE, RECONCILIATION, SETTLEMENT, STATEMENT, number_of, shown_id
from app.basics.money import yuan
from app.clearing.moves import Event, business_now, check_move, may_pay, record, today
from app.clearing.part import whole_in_reach
from app.clearing.payment import typed
from app.clearing.statement_row import (
    Difference,
    DifferenceState,
    DifferenceType,
    Statement,
    StatementState,
    locked_difference,
    locked_statement,
    moved_difference,
    moved_statement,
)
from app.clearing.tables import difference
from app.service.caller import Caller, Service

MOST_SHOWN: Final = 1000


class DifferenceAnswer(Struct):
    """One difference; yuan, null where a side has nothing. ``settlement_id`` is null for totals; of what we don't know
    it is the file's own text, which ``their_reference`` always has. Counts are there for totals only."""

    difference_id: str
    reconciliation_id: str
    statement_id: str
    type: DifferenceType
    settlement_id: str | None
    their_reference: str | None
    fund: str
    ours: str | None
    theirs: str | None
    ours_count: int | None
    theirs_count: int | None
    state: DifferenceState
    hospital_code: str
    area_code: str
    opened_on: date
    age_days: int
    resolution: str | None
    resolved_by: str | None
    resolved_on: date | None


def answer_of(row: Difference, day: date) -> DifferenceAnswer:
    """A difference as it is shown on a day; its age in days stands still when it is resolved."""
    known = row.settlement_id
    return DifferenceAnswer(
        difference_id=row.shown,
        reconciliation_id=shown_id(RECONCILIATION, row.reconciliation_id),
        statement_id=shown_id(STATEMENT, row.statement_id),
        type=row.type,
        settlement_id=row.their_reference if known is None else shown_id(SETTLEMENT, known),
        their_reference=row.their_reference,
        fund=row.fund,
        ours=_yuan(row.ours),
        theirs=_yuan(row.theirs),
        ours_count=row.ours_count,
        theirs_count=row.theirs_count,
        state=row.state,
        hospital_code=row.hospital_code,
        area_code=row.area_code,
        opened_on=row.opened_on,
        age_days=((row.resolved_on or day) - row.opened_on).days,
        resolution=row.resolution,
        resolved_by=row.resolved_by,
        resolved_on=row.resolved_on,
    )


def _yuan(amount: int | None) -> str | None:
    return None if amount is None else yuan(amount)


async def of_reconciliation(connection: AsyncConnection, reconciliation_id: int, day: date) -> list[DifferenceAnswer]:
    """The first thousand differences that a comparison found, in its order."""
    found = difference.c.reconciliation_id == reconciliation_id
    wanted = select(difference).where(found).order_by(difference.c.difference_id).limit(MOST_SHOWN)
    return [answer_of(typed(row, Difference), day) for row in (await connection.execute(wanted)).mappings()]


async def count_of(connection: AsyncConnection, reconciliation_id: int) -> int:
    """How many differences a comparison found."""
    found = select(func.count()).where(difference.c.reconciliation_id == reconciliation_id)
    count: int = (await connection.execute(found)).scalar_one()
    return count


async def resolve(
    service: Service,
    connection: AsyncConnection,
    caller: Caller,
    difference_id: str,
    *,
    reason: str,
    reconciliation_id: str | None = None,
) -> DifferenceAnswer:
    """Resolve an open difference, with the reason why. Conflict ``invalid_move`` when it is resolved already, NotFound
    when it isn't one of the comparison named. The last one makes a declared statement reconciled. Moves no money: what
    a difference costs is a deduction, or a correction of the settlement."""
    number = number_of(DIFFERENCE, difference_id)
    unlocked = select(difference.c.statement_id, difference.c.reconciliation_id).where(
        difference.c.difference_id == number
    )
    found = (await connection.execute(unlocked)).mappings().first()
    if found is None or reconciliation_id not in (None, shown_id(RECONCILIATION, found["reconciliation_id"])):
        raise NotFound("not_found")
    of = await locked_statement(connection, found["statement_id"])  # before its differences, as comparing does
    may_pay(caller, of.area_code)
    row = await locked_difference(connection, number)
    check_move(row.state, ("open",), "resolved")
    now = await business_now(service, connection)
    values = {"resolution": reason, "resolved_by": caller.principal.subject, "resolved_on": today(now)}
    row = await moved_difference(connection, row, state="resolved", **values)
    await record(connection, caller, now, row.owner, Event(object_id=difference_id, move="resolved", reason=reason))
    await reconciled_if_nothing_is_open(service, connection, caller, of)
    return answer_of(row, today(now))


async def reconciled_if_nothing_is_open(
    service: Service, connection: AsyncConnection, caller: Caller, row: Statement
) -> None:
    """Record that a declared statement is reconciled. Not by who doesn't act on all its funds: they can't see whether
    others are open."""
    is_open = select(func.count()).where(difference.c.statement_id == row.statement_id, difference.c.state == "open")
    if row.state is not StatementState.DECLARED or not await whole_in_reach(connection, row.statement_id):
        return
    if (await connection.execute(is_open)).scalar_one() == 0:
        now = await business_now(service, connection)
        await _record_statement(connection, caller, now, row, today(now))


async def declared_again(service: Service, connection: AsyncConnection, caller: Caller, row: Statement) -> None:
    """Record that a reconciled statement isn't any more, because a later comparison found differences."""
    if row.state is StatementState.RECONCILED:
        await _record_statement(connection, caller, await business_now(service, connection), row, None)


async def _record_statement(
    connection: AsyncConnection, caller: Caller, now: datetime, row: Statement, reconciled_on: date | None
) -> None:
    await moved_statement(connection, row, reconciled_on=reconciled_on)
    said = "declared" if reconciled_on is None else "reconciled"
    await record(connection, caller, now, row.owner, Event(object_id=row.shown, move=said))


async def supersede(
    connection: AsyncConnection,
    caller: Caller,
    day: date,
    row: Statement,
    *,
    former: list[int],
    funds: list[str],
    by: int,
) -> None:
    """Resolve what former comparisons of these funds left open, in favour of a later one."""
    superseded = (
        difference.c.reconciliation_id.in_(former),
        difference.c.state == "open",
        difference.c.fund.in_(funds),
        difference.c.statement_id == row.statement_id,
    )
    values = {
        "state": "resolved",
        "resolution": f"superseded by {RECONCILIATION}{by}",
        "resolved_by": caller.principal.subject,
        "resolved_on": day,
    }
    await connection.execute(update(difference).where(*superseded).values(**values))
