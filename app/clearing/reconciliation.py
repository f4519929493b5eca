"""Reconciliation: what a statement declares, compared with what the hospital says it is owed. Amounts in fen.

By totals per fund, or by a detail file per settlement and fund. Comparing changes neither side. What was settled within the
grace window of the month's beginning or end, and stands in their file of the other month, is no difference (clearing.md, The
month, 2): the date basis is our ``settled_at``. Totals are compared as they are, since they don't say what they hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct
from sqlalchemy import RowMapping, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clearing import difference as differences
from app.clearing.detail_file import Detail
from app.clearing.difference import DifferenceAnswer
from app.clearing.moves import (
    RECONCILIATION,
    STATEMENT,
    business_now,
    check_move,
    locked,
    may_pay,
    number_of,
    owner_of,
    record,
    today,
    written_by,
)
from app.clearing.plan import FUNDS, last_day, next_month
from app.clearing.tables import difference, reconciliation, statement
from app.context import Caller, Service
from app.errors import Fault, NotFound, Refused
from app.http import encoded, open_request, page, read_cursor
from app.money import fen
from app.settlement.answer import shown_instant
from app.settlement.bill import SHANGHAI
from app.wire import Code, SignedMoney

MOST_DIFFERENCES: Final = 10_000
COMPARABLE: Final = ("declared", "reconciled", "audited")

Fund = Literal["390100", "390200", "610100", "640100"]
Result = Literal["matched", "different"]


class TotalRow(Struct, forbid_unknown_fields=True):
    """What the hospital says of a fund: how many entries (settlements and corrections, fees by contract) and their sum."""

    fund: Fund
    count: Annotated[int, Meta(ge=0, le=10_000_000)]
    amount: SignedMoney


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


@dataclass(frozen=True, slots=True)
class Found:
    """A difference, not yet stored. ``reference`` is what the file names it by."""

    fund: str
    ours: int | None
    theirs: int | None
    settlement_id: int | None = None
    reference: str | None = None
    ours_count: int | None = None
    theirs_count: int | None = None

    @property
    def type(self) -> str:
        """Who has it: only we, only they, or both with other figures."""
        if self.theirs is None:
            return "only_ours"
        return "only_theirs" if self.ours is None else "amount_mismatch"


def check_totals(totals: Sequence[TotalRow]) -> None:
    """Refused when a fund is named twice."""
    funds = [row.fund for row in totals]
    faults = [
        Fault(f"/totals/{at}/fund", "fund_repeated") for at, fund in enumerate(funds) if fund in funds[:at]
    ]
    if faults:
        raise Refused(faults)


async def compare(
    service: Service, caller: Caller, connection: AsyncConnection, statement_id: str, theirs: Sequence[TotalRow] | Detail
) -> bytes:
    """Compare a statement with the hospital's figures and keep what differs. Conflict ``invalid_move`` once it is approved or
    withdrawn. A token limited to some funds compares those. What former comparisons left open is resolved by this one; only
    a file stands above a file."""
    row = await locked(connection, statement, number_of(statement_id, STATEMENT))
    if caller.principal.hospital_code is None:
        may_pay(caller, row["area_code"])
    check_move(row, COMPARABLE, "reconciled")
    funds = [fund for fund in FUNDS if caller.principal.funds is None or fund in caller.principal.funds]
    by_file = isinstance(theirs, Detail)
    if isinstance(theirs, Detail):
        found, within_grace = await _compared_file(service, connection, row, theirs)
    else:
        found, within_grace = await _compared_totals(connection, row, theirs, funds), 0
    number = await _stored(service, caller, connection, row, by_file=by_file, found=found, within_grace=within_grace)
    await _superseded(service, caller, connection, row, by_file=by_file, funds=funds, number=number)
    if found:
        await differences.declared_again(service, connection, caller, row)
    else:
        await differences.reconciled_if_nothing_is_open(service, connection, caller, row)
    return encoded(await _answer(service, connection, await found_reconciliation(connection, number)))


# ---------------------------------------------------------------- comparing

_TOTALS: Final = text(
    """SELECT t.fund, count(DISTINCT coalesce(t.settlement_id, -t.transfer_id)) AS count,
              sum(CASE WHEN c.kind = 'payable' THEN t.amount ELSE -t.amount END)::bigint AS amount
         FROM statement_item i JOIN transfer t USING (transfer_id) JOIN account c ON c.account_id = t.credit_account
        WHERE i.statement_id = :statement AND NOT i.withdrawn GROUP BY t.fund"""
)


async def _compared_totals(
    connection: AsyncConnection, row: RowMapping, theirs: Sequence[TotalRow], funds: Sequence[str]
) -> list[Found]:
    ours = {one.fund: (one.amount, one.count) for one in await connection.execute(_TOTALS, {"statement": row["statement_id"]})}
    said = {one.fund: (fen(one.amount), one.count) for one in theirs if one.fund in funds}
    nothing = (None, None)
    return [
        Found(fund, mine[0], other[0], ours_count=mine[1], theirs_count=other[1])
        for fund in funds
        if (mine := ours.get(fund, nothing)) != (other := said.get(fund, nothing))
        and any((mine[0], mine[1], other[0], other[1]))
    ]


# Postings of settlements, in the statement or near the beginning or end of its month; per entry, or per bill with what
# corrections made of it. What they have in another month, or we, is taken into account only where it explains the difference.
_DETAIL: Final = text(
    """
WITH posted AS (
  SELECT t.settlement_id, t.fund, CASE WHEN c.kind = 'payable' THEN t.amount ELSE -t.amount END AS amount, true AS declared
    FROM statement_item i JOIN transfer t USING (transfer_id) JOIN account c ON c.account_id = t.credit_account
   WHERE i.statement_id = :statement AND NOT i.withdrawn AND t.event = ANY (CAST(:events AS text[]))
  UNION ALL
  SELECT t.settlement_id, t.fund, CASE WHEN c.party = :creditor THEN t.amount ELSE -t.amount END, false
    FROM transfer t JOIN account c ON c.account_id = t.credit_account JOIN account d ON d.account_id = t.debit_account
   WHERE t.hospital_code = :hospital AND t.area_code = :area AND t.period = ANY (CAST(:periods AS text[]))
     AND t.business_date = ANY (CAST(:days AS date[])) AND t.event = ANY (CAST(:events AS text[]))
     AND (c.kind = 'payable' AND c.party = :creditor OR d.kind = 'payable' AND d.party = :creditor)
     AND NOT EXISTS (SELECT FROM statement_item i WHERE i.transfer_id = t.transfer_id AND i.statement_id = :statement)
), ours AS (
  SELECT CASE WHEN :by_visit THEN coalesce(s.of_settlement_id, s.settlement_id) ELSE s.settlement_id END AS entry, p.fund,
         sum(p.amount) FILTER (WHERE p.declared) AS declared,
         coalesce(sum(p.amount) FILTER (WHERE p.declared AND n.near), 0) AS perhaps_not,
         coalesce(sum(p.amount) FILTER (WHERE NOT p.declared AND n.near), 0) AS perhaps_too
    FROM posted p JOIN settlement s USING (settlement_id),
         LATERAL (SELECT bool_or(s.settled_at BETWEEN e.edge - CAST(:grace AS interval) AND e.edge + CAST(:grace AS interval)) AS near
                    FROM unnest(CAST(:edges AS timestamptz[])) e(edge)) n
   GROUP BY 1, 2
), theirs AS (
  SELECT s.settlement_id AS entry, r.reference, r.fund, r.amount
    FROM unnest(CAST(:references AS text[]), CAST(:entry_ids AS bigint[]), CAST(:visits AS text[]), CAST(:seqs AS integer[]),
                CAST(:funds AS text[]), CAST(:amounts AS bigint[])) r(reference, entry_id, visit_id, settle_seq, fund, amount)
    LEFT JOIN settled_visit v ON v.hospital_code = :hospital AND v.visit_id = r.visit_id AND v.settle_seq = r.settle_seq
    LEFT JOIN settlement s ON s.settlement_id = coalesce(r.entry_id, v.settlement_id) AND s.hospital_code = :hospital
)
SELECT coalesce(o.entry, t.entry) AS settlement_id, coalesce(o.fund, t.fund) AS fund, t.reference,
       o.declared::bigint AS ours, t.amount::bigint AS theirs,
       coalesce(t.amount, 0) - coalesce(o.declared, 0) IN (-o.perhaps_not, o.perhaps_too, o.perhaps_too - o.perhaps_not)
         IS TRUE AS within_grace
  FROM ours o FULL JOIN theirs t ON t.entry = o.entry AND t.fund = o.fund
 WHERE coalesce(o.declared, 0) <> coalesce(t.amount, 0)
 ORDER BY coalesce(o.entry, t.entry), t.reference, 2"""
)
_EVENTS: Final = ["settlement", "adjustment", "reversal", "recovery"]


async def _compared_file(
    service: Service, connection: AsyncConnection, row: RowMapping, theirs: Detail
) -> tuple[list[Found], int]:
    given = {
        "statement": row["statement_id"],
        "hospital": row["hospital_code"],
        "area": row["area_code"],
        "creditor": f"hospital:{row['hospital_code']}",
        "events": _EVENTS,
        "by_visit": theirs.by_visit,
        "references": theirs.references,
        "entry_ids": theirs.entry_ids,
        "visits": theirs.visits,
        "seqs": theirs.seqs,
        "funds": theirs.funds,
        "amounts": theirs.amounts,
    } | _edges(row["period"], timedelta(seconds=service.settings.reconciliation_grace))
    rows = (await connection.execute(_DETAIL, given)).all()
    found = [
        Found(one.fund, one.ours, one.theirs, settlement_id=one.settlement_id, reference=one.reference)
        for one in rows
        if not one.within_grace
    ]
    if len(found) > MOST_DIFFERENCES:
        raise Refused([Fault("/file", "too_many_differences", {"limit": str(MOST_DIFFERENCES)})])
    return found, len(rows) - len(found)


def _edges(period: str, grace: timedelta) -> dict[str, Any]:
    """Where the month begins and ends, how far the grace window reaches around it, and the days and months it may touch."""
    first, after = date(int(period[:4]), int(period[5:]), 1), next_month(period)
    days = [first - timedelta(days=1), first, last_day(period), after]
    return {
        "edges": [datetime.combine(day, time(), SHANGHAI) for day in (first, after)],
        "grace": grace,
        "days": days,
        "periods": sorted({f"{day:%Y-%m}" for day in days}),
    }


# ---------------------------------------------------------------- keeping and reading


async def _stored(
    service: Service,
    caller: Caller,
    connection: AsyncConnection,
    row: RowMapping,
    *,
    by_file: bool,
    found: Sequence[Found],
    within_grace: int,
) -> int:
    """Store a comparison with its differences; its number."""
    now = await business_now(service, connection)
    kept = owner_of(row) | written_by(caller) | {"statement_id": row["statement_id"]}
    new = insert(reconciliation).values(
        kept,
        basis="file" if by_file else "totals",
        result="different" if found else "matched",
        within_grace=within_grace,
        business_at=now,
    )
    number: int = (await connection.execute(new.returning(reconciliation.c.reconciliation_id))).scalar_one()
    if found:
        kept |= {"reconciliation_id": number, "opened_on": today(now)}
        await connection.execute(insert(difference), [kept | _columns(one) for one in found])
    object_id, outcome = f"{RECONCILIATION}{number}", "different" if found else "matched"
    await record(connection, caller, now, row, object_id=object_id, move=outcome)
    return number


def _columns(one: Found) -> dict[str, Any]:
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
    caller: Caller,
    connection: AsyncConnection,
    row: RowMapping,
    *,
    by_file: bool,
    funds: list[str],
    number: int,
) -> None:
    columns = reconciliation.c
    wanted = select(columns.reconciliation_id).where(
        columns.statement_id == row["statement_id"], columns.reconciliation_id < number
    )
    if not by_file:  # totals may agree by errors that cancel each other
        wanted = wanted.where(columns.basis == "totals")
    former = list((await connection.execute(wanted)).scalars())
    day = today(await business_now(service, connection))
    await differences.supersede(connection, caller, day, row, former=former, funds=funds, by=number)


async def found_reconciliation(connection: AsyncConnection, number: int) -> RowMapping:
    """A comparison by its number; NotFound when there is none within reach. It never changes, so nothing is locked."""
    wanted = select(reconciliation).where(reconciliation.c.reconciliation_id == number)
    row = (await connection.execute(wanted)).mappings().first()
    if row is None:
        raise NotFound("not_found")
    return row


async def read(service: Service, caller: Caller, reconciliation_id: str) -> bytes:
    """A comparison with its differences as they stand."""
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        row = await found_reconciliation(connection, number_of(reconciliation_id, RECONCILIATION))
        return encoded(await _answer(service, connection, row))


async def listed(
    service: Service, caller: Caller, *, statement_id: str | None, limit: int, cursor: str | None
) -> bytes:
    """A page of the comparisons within reach, newest first, without their differences."""
    before = read_cursor(service, cursor, int)
    key = reconciliation.c.reconciliation_id
    wanted = select(reconciliation).order_by(key.desc()).limit(limit + 1)
    if before is not None:
        wanted = wanted.where(key < before)
    if statement_id is not None:
        wanted = wanted.where(reconciliation.c.statement_id == number_of(statement_id, STATEMENT))
    async with service.database.transaction() as connection:
        await open_request(service, connection, caller)
        rows = list((await connection.execute(wanted)).mappings().all())
    answers = [ReconciliationSummary(**_summary(row)) for row in rows[:limit]]
    return page(service, rows, limit, answers, lambda row: row["reconciliation_id"])


def _summary(row: RowMapping) -> dict[str, Any]:
    return {
        "reconciliation_id": f"{RECONCILIATION}{row['reconciliation_id']}",
        "statement_id": f"{STATEMENT}{row['statement_id']}",
        "compared_at": shown_instant(row["business_at"]),
    } | {name: row[name] for name in ("basis", "result", "within_grace", "hospital_code", "area_code", "subject")}


async def _answer(service: Service, connection: AsyncConnection, row: RowMapping) -> ReconciliationAnswer:
    day = today(await business_now(service, connection))
    number = row["reconciliation_id"]
    count = await differences.count_of(connection, number)
    found = await differences.of_reconciliation(connection, number, day)
    return ReconciliationAnswer(**_summary(row), difference_count=count, differences=found)
