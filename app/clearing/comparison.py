"""A statement beside the hospital's own figures, by totals per fund or by a detail file. Reads only; amounts in fen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Annotated, Final

from msgspec import Meta, Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import SHANGHAI, first_day, last_day, next_month
from app.basics.errors import Fault, Refused
from app.basics.money import fen
from app.clearing.detail_file import Detail
from app.clearing.moves import StoredRow
from app.clearing.plan import fund_faults
from app.clearing.statement import SIGNED
from app.clearing.statement_row import Statement
from app.service.caller import Service
from app.service.wire import Code, SignedMoney
from app.tiers.policy import PolicyBook

MOST_DIFFERENCES: Final = 10_000


class TotalRow(Struct, forbid_unknown_fields=True):
    """What the hospital says of a fund: how many settlements and corrections have a part of it (as a statement counts),
    and its sum."""

    fund: Code
    count: Annotated[int, Meta(ge=0, le=10_000_000)]
    amount: SignedMoney


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


def check_totals(book: PolicyBook, totals: Sequence[TotalRow]) -> None:
    """Refused when a fund is named twice, or isn't one."""
    funds = [row.fund for row in totals]
    faults = [fault for at, fund in enumerate(funds) for fault in fund_faults(book, fund, f"/totals/{at}/fund")]
    faults += [Fault(f"/totals/{at}/fund", "fund_repeated") for at, fund in enumerate(funds) if fund in funds[:at]]
    if faults:
        raise Refused(faults)


_TOTALS: Final = text(
    f"""SELECT t.fund, count(DISTINCT t.settlement_id) AS count, sum({SIGNED})::bigint AS amount
         FROM statement_item i JOIN transfer t USING (transfer_id) JOIN account c ON c.account_id = t.credit_account
        WHERE i.statement_id = :statement AND NOT i.withdrawn GROUP BY t.fund"""
)


async def compared_totals(
    connection: AsyncConnection, row: Statement, theirs: Sequence[TotalRow], funds: Sequence[str]
) -> list[Found]:
    rows = (await connection.execute(_TOTALS, {"statement": row.statement_id})).mappings()
    ours: dict[str, tuple[int, int]] = {one["fund"]: (one["amount"], one["count"]) for one in rows}
    said: dict[str, tuple[int, int]] = {one.fund: (fen(one.amount), one.count) for one in theirs}
    return [
        _differing(fund, ours.get(fund), said.get(fund))
        for fund in funds
        if (ours.get(fund) or (0, 0)) != (said.get(fund) or (0, 0))
    ]


def _differing(fund: str, ours: tuple[int, int] | None, said: tuple[int, int] | None) -> Found:
    amount, count = ours or (None, None)
    their_amount, their_count = said or (None, None)
    return Found(fund, amount, their_amount, ours_count=count, theirs_count=their_count)


# Postings of settlements, in the statement or near the beginning or end of its month; per entry, or per bill with what
# corrections made of it. What they have in another month, or we, is taken into account only where it explains the
# difference.
_DETAIL: Final = text(
    f"""
WITH posted AS (
  SELECT t.settlement_id, t.fund, {SIGNED} AS amount, true AS declared
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
  SELECT CASE WHEN :by_visit THEN coalesce(s.of_settlement_id, s.settlement_id) ELSE s.settlement_id END AS entry,
    p.fund,
         sum(p.amount) FILTER (WHERE p.declared) AS declared,
         coalesce(sum(p.amount) FILTER (WHERE p.declared AND n.near), 0) AS perhaps_not,
         coalesce(sum(p.amount) FILTER (WHERE NOT p.declared AND n.near), 0) AS perhaps_too
    FROM posted p JOIN settlement s USING (settlement_id),
         LATERAL (SELECT bool_or(s.settled_at BETWEEN e.edge - CAST(:grace AS interval)
           AND e.edge + CAST(:grace AS interval)) AS near
                    FROM unnest(CAST(:edges AS timestamptz[])) e(edge)) n
   GROUP BY 1, 2
), theirs AS (
  SELECT s.settlement_id AS entry, r.reference, r.fund, r.amount
    FROM unnest(CAST(:references AS text[]), CAST(:entry_ids AS bigint[]), CAST(:visits AS text[]),
      CAST(:seqs AS integer[]),
                CAST(:funds AS text[]), CAST(:amounts AS bigint[])) r(reference, entry_id, visit_id, settle_seq, fund,
                  amount)
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


async def compared_file(
    service: Service, connection: AsyncConnection, row: Statement, theirs: Detail
) -> tuple[list[Found], int]:
    given = {
        "statement": row.statement_id,
        "hospital": row.hospital_code,
        "area": row.area_code,
        "creditor": f"hospital:{row.hospital_code}",
        "events": _EVENTS,
        "by_visit": theirs.by_visit,
        "references": theirs.references,
        "entry_ids": theirs.entry_ids,
        "visits": theirs.visits,
        "seqs": theirs.seqs,
        "funds": theirs.funds,
        "amounts": theirs.amounts,
    } | _edges(row.period, timedelta(seconds=service.settings.reconciliation_grace))
    rows = (await connection.execute(_DETAIL, given)).all()
    found = [
        Found(one.fund, one.ours, one.theirs, settlement_id=one.settlement_id, reference=one.reference)
        for one in rows
        if not one.within_grace
    ]
    if len(found) > MOST_DIFFERENCES:
        raise Refused([Fault("/file", "too_many_differences", {"limit": str(MOST_DIFFERENCES)})])
    return found, len(rows) - len(found)


def _edges(period: str, grace: timedelta) -> StoredRow:
    """Where the month begins and ends, how far the grace window reaches around it, and the days and months it may
    touch."""
    first, after = first_day(period), next_month(period)
    days = [first - timedelta(days=1), first, last_day(period), after]
    return {
        "edges": [datetime.combine(day, time(), SHANGHAI) for day in (first, after)],
        "grace": grace,
        "days": days,
        "periods": sorted({f"{day:%Y-%m}" for day in days}),
    }
