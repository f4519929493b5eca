"""Reconciliation: what a statement declares, compared with what the hospital says it is owed. Amounts in fen.

By totals per fund, or by a detail file per settlement and fund. Comparing changes neither side. What was settled within
the grace window of the month's beginning or end, and stands in their file of the other month, is no difference
(docs/specification/clearing.md, section 2): the date basis is our ``settled_at``. Totals are compared as they are,
since they don't say what they hold.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import shown_instant
from app.basics.errors import NotFound
from app.basics.funds import NATIONAL_FUNDS
from app.basics.ids import RECONCILIATION, STATEMENT, number_of, shown_id
from app.clearing import difference as differences
from app.clearing.comparison import Found, TotalRow, compared_file, compared_totals
from app.clearing.detail_file import Detail
from app.clearing.difference import DifferenceAnswer
from app.clearing.moves import (
    Event,
    Row,
    StoredRow,
    business_now,
    check_move,
    may_pay,
    record,
    today,
    written_by,
)
from app.clearing.part import check_whole
from app.clearing.statement_row import BEFORE_APPROVAL, Statement, locked_statement
from app.clearing.tables import difference, reconciliation
from app.service.caller import Caller, Service
from app.service.wire import Code

Result = Literal["matched", "different"]


class ReconciliationRequest(Struct, forbid_unknown_fields=True):
    """The hospital's figures: totals per fund, or ``file``, a detail file as text or Base64."""

    statement_id: Code
    totals: Annotated[list[TotalRow], Meta(max_length=100)] | None = None
    file: Annotated[str, Meta(min_length=1)] | None = None


class FileOptions(Struct, forbid_unknown_fields=True):
    """What is said beside an uploaded file."""

    statement_id: Code


class ReconciliationSummary(Struct):
    """A comparison. ``within_grace``: differences that the grace window explains."""

    reconciliation_id: str
    statement_id: str
    basis: Literal["totals", "file"]
    result: Result
    within_grace: int
    compared_at: str
    hospital_code: str
    area_code: str
    subject: str


class ReconciliationAnswer(ReconciliationSummary, kw_only=True):
    """A comparison with its differences, at most a thousand of them; the list of differences has them all."""

    difference_count: int
    differences: list[DifferenceAnswer]


async def compare(
    service: Service,
    connection: AsyncConnection,
    caller: Caller,
    statement_id: str,
    theirs: Sequence[TotalRow] | Detail,
) -> ReconciliationAnswer:
    """Compare a statement with the hospital's figures and keep what differs. Conflict ``invalid_move`` once it is
    approved or withdrawn; Forbidden ``statement_needs_all_funds``. Funds that aren't the caller's are left out. What
    former comparisons left open is resolved by this one; only a file stands above a file."""
    row = await locked_statement(connection, number_of(STATEMENT, statement_id))
    if caller.principal.hospital_code is None:
        may_pay(caller, row.area_code)
    await check_whole(connection, row.statement_id)
    mine = caller.principal.funds
    funds = [fund for fund in NATIONAL_FUNDS if mine is None or fund in mine]
    check_move(row.state, BEFORE_APPROVAL, "reconciled")
    by_file = isinstance(theirs, Detail)
    if isinstance(theirs, Detail):
        found, within_grace = await compared_file(service, connection, row, theirs)
    else:
        found, within_grace = await compared_totals(connection, row, theirs, funds), 0
    number = await _stored(service, connection, caller, row, by_file=by_file, found=found, within_grace=within_grace)
    await _superseded(service, connection, caller, row, by_file=by_file, funds=funds, number=number)
    if found:
        await differences.declared_again(service, connection, caller, row)
    else:
        await differences.reconciled_if_nothing_is_open(service, connection, caller, row)
    return await read(service, connection, number)


# ---------------------------------------------------------------- keeping and reading


async def _stored(
    service: Service,
    connection: AsyncConnection,
    caller: Caller,
    row: Statement,
    *,
    by_file: bool,
    found: Sequence[Found],
    within_grace: int,
) -> int:
    """Store a comparison with its differences; its number."""
    now = await business_now(service, connection)
    kept: StoredRow = row.owner | written_by(caller) | {"statement_id": row.statement_id}
    new = insert(reconciliation).values(
        **kept,
        basis="file" if by_file else "totals",
        result="different" if found else "matched",
        within_grace=within_grace,
        business_at=now,
    )
    number: int = (await connection.execute(new.returning(reconciliation.c.reconciliation_id))).scalar_one()
    if found:
        kept |= {"reconciliation_id": number, "opened_on": today(now)}
        await connection.execute(insert(difference), [kept | _columns(one) for one in found])
    object_id, outcome = shown_id(RECONCILIATION, number), "different" if found else "matched"
    await record(connection, caller, now, row.owner, Event(object_id=object_id, move=outcome))
    return number


def _columns(one: Found) -> StoredRow:
    return {
        "type": one.type,
        "settlement_id": one.settlement_id,
        "their_reference": one.reference,
        "fund": one.fund,
        "ours": one.ours,
        "theirs": one.theirs,
        "ours_count": one.ours_count,
        "theirs_count": one.theirs_count,
    }


async def _superseded(
    service: Service,
    connection: AsyncConnection,
    caller: Caller,
    row: Statement,
    *,
    by_file: bool,
    funds: list[str],
    number: int,
) -> None:
    columns = reconciliation.c
    wanted = select(columns.reconciliation_id).where(
        columns.statement_id == row.statement_id, columns.reconciliation_id < number
    )
    if not by_file:  # totals may agree by errors that cancel each other
        wanted = wanted.where(columns.basis == "totals")
    former = list((await connection.execute(wanted)).scalars())
    day = today(await business_now(service, connection))
    await differences.supersede(connection, caller, day, row, former=former, funds=funds, by=number)


async def read(service: Service, connection: AsyncConnection, number: int) -> ReconciliationAnswer:
    """A comparison with its differences as they stand; NotFound when there is none within reach."""
    wanted = select(reconciliation).where(reconciliation.c.reconciliation_id == number)
    row = (await connection.execute(wanted)).mappings().first()
    if row is None:
        raise NotFound("not_found")
    day = today(await business_now(service, connection))
    count = await differences.count_of(connection, number)
    found = await differences.of_reconciliation(connection, number, day)
    return ReconciliationAnswer(**_summary(dict(row)), difference_count=count, differences=found)


def summary_of(row: Row) -> ReconciliationSummary:
    """A comparison without its differences."""
    return ReconciliationSummary(**_summary(row))


def _summary(row: Row) -> StoredRow:
    return {
        "reconciliation_id": shown_id(RECONCILIATION, row["reconciliation_id"]),
        "statement_id": shown_id(STATEMENT, row["statement_id"]),
        "compared_at": shown_instant(row["business_at"]),
    } | {name: row[name] for name in ("basis", "result", "within_grace", "hospital_code", "area_code", "subject")}
