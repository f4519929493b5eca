"""What is overdue, taken apart: the months and statements whose pay-by day is over, each with the step that it waits
for. Their sum is the figure of the payout rates (docs/specification/clearing.md, section 7). Amounts in fen."""

from typing import Final, Literal

import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clearing.payout_base import FigureQuery, Wanted, looked_up
from app.clearing.payout_query import PLANNED
from app.tiers.policy import PolicyBook

Stage = Literal["not_declared", "not_approved", "not_ordered", "not_sent", "not_paid", "netted"]
STAGES: Final[tuple[Stage, ...]] = (*("not_declared", "not_approved", "not_ordered", "not_sent", "not_paid", "netted"),)

# A hospital to which nothing is overdue, because it was overpaid elsewhere, has no rows.
_OVERDUE: Final = (
    PLANNED
    + """, late AS (
  SELECT b.fund, b.area_code, b.hospital_code, b.period, b.statement_id, b.pay_by,
         sum(b.payable - b.held - b.paid) AS amount
    FROM planned b JOIN asked a ON (a.as_of, a.year) = (b.as_of, b.fiscal_year) AND b.pay_by < a.as_of
   GROUP BY 1, 2, 3, 4, 5, 6
), netted AS (
  SELECT l.*, sum(l.amount) OVER (PARTITION BY l.area_code, l.fund, l.hospital_code) AS net FROM late l
)
SELECT n.fund, n.area_code, n.hospital_code, n.period, n.statement_id, n.pay_by, n.amount::bigint AS amount,
       o.disbursement_id, k.claim_id,
       CASE WHEN n.amount < 0 THEN 'netted'
            WHEN k.claim_id IS NOT NULL
            THEN CASE k.state WHEN 'draft' THEN 'not_approved' WHEN 'approved' THEN 'not_sent' ELSE 'not_paid' END
            WHEN o.disbursement_id IS NOT NULL
            THEN CASE WHEN o.state IN ('draft', 'approved') THEN 'not_sent' ELSE 'not_paid' END
            WHEN n.statement_id IS NULL THEN 'not_declared'
            WHEN p.state = 'approved' THEN 'not_ordered'
            ELSE 'not_approved' END AS stage
  FROM netted n
  LEFT JOIN claim k ON n.hospital_code = 'claim:clm_' || k.claim_id
  LEFT JOIN statement_part p ON (p.statement_id, p.fund, p.fiscal_year) = (n.statement_id, n.fund,
    CAST(:year AS smallint))
  LEFT JOIN disbursement o ON o.state <> 'cancelled' AND o.fund = n.fund AND o.fiscal_year = CAST(:year AS smallint)
    AND CASE WHEN n.statement_id IS NULL
             THEN o.release_id IS NOT NULL AND (o.hospital_code, o.area_code, o.due_on) = (n.hospital_code, n.area_code,
               n.pay_by)
             ELSE o.part_id = p.part_id END
 WHERE n.net > 0 AND n.amount <> 0 ORDER BY n.pay_by, n.hospital_code, n.fund, n.statement_id"""
)


class Overdue(Struct, frozen=True):
    """What one statement (or undeclared month, or claim) lacks of its payable since its pay-by day; negative (stage
    ``netted``) where it was paid too much, which the hospital's other months take off."""

    fund: str
    area_code: str
    hospital_code: str
    period: str
    statement_id: int | None
    pay_by: str
    amount: int
    disbursement_id: int | None
    claim_id: int | None
    stage: Stage


async def overdue(connection: AsyncConnection, book: PolicyBook, wanted: Wanted) -> list[Overdue]:
    """All that is overdue of a fiscal year on a day, the oldest first. Within reach; the figure's own rows."""
    (rows,) = await looked_up(connection, book, [FigureQuery(wanted, _OVERDUE, [wanted.as_of])])
    return [msgspec.convert(dict(row) | {"pay_by": row["pay_by"].isoformat()}, Overdue) for row in rows]
