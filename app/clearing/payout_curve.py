"""A year's payout figures on several of its days, for the curves of the overview (docs/specification/clearing.md,
section 7). Amounts in fen."""

from collections.abc import Collection
from datetime import date
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clearing.payout_base import GIVEN, PLANNED_MONTHS, POSTING, FigureQuery, Wanted, looked_up
from app.tiers.policy import PolicyBook

# Payable and paid change on the day of a posting; due changes when its pay-by day comes, which is that of its statement
# while that stands. So each posting is read once and makes steps, and a day's figures are the steps until then. Only
# what prepayments count for at the year's end is nothing that adds up: hospital by hospital, from all of the year.
_CURVE: Final = (
    GIVEN
    + """), movement AS (
  SELECT e.debit_account, e.credit_account, e.event, e.statement_id, e.period, e.cause, e.since,
         coalesce(e.until, 'infinity') AS until, sum(e.amount) AS amount
    FROM entry e GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
"""
    + POSTING
    + """), moved AS MATERIALIZED (
  SELECT fund, area_code, hospital_code, person, statement_id, period, cause, since, until,
         coalesce(sum(owing) FILTER (WHERE event IN ('settlement', 'adjustment', 'reversal', 'recovery',
           'family_doctor', 'deduction', 'deduction_reversed')), 0)
         + coalesce(sum(held) FILTER (WHERE event = 'deposit_forfeited'), 0) AS payable,
         coalesce(sum(-owing) FILTER (WHERE event IN ('payment', 'payment_returned', 'carried', 'carry_repaid',
           'offset', 'offset_undone')), 0) AS paid,
         sum(held) AS held, sum(prepaid) AS prepaid
    FROM posting GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
"""
    + PLANNED_MONTHS.replace("SOURCE", "moved")
    + """), stood AS (
  -- while its statement stands, before and after
  SELECT m.fund, m.payable - m.held AS amount, greatest(v.since, v.pay_by) AS since, v.until
    FROM moved m
    LEFT JOIN declared s USING (statement_id)
    LEFT JOIN released r ON r.cause = m.cause
    LEFT JOIN planned_month p ON p.area_code = m.area_code AND p.period = m.period
    LEFT JOIN claim k ON m.hospital_code = 'claim:clm_' || k.claim_id
    CROSS JOIN LATERAL (
      SELECT coalesce(s.declared_on, 'infinity') AS declared_on, coalesce(s.withdrawn_on, 'infinity') AS withdrawn_on,
             coalesce(r.due_on, k.created_on + coalesce(p.claim_days, :claim_days), p.pay_by) AS pay_by) x
    CROSS JOIN LATERAL (VALUES
      (m.since, least(m.until, x.declared_on), x.pay_by),
      (greatest(m.since, x.declared_on), least(m.until, x.withdrawn_on), s.pay_by),
      (greatest(m.since, x.withdrawn_on), m.until, x.pay_by)) v(since, until, pay_by)
   WHERE v.pay_by IS NOT NULL AND greatest(v.since, v.pay_by) < v.until
), step AS (
  SELECT fund, since AS day, payable, paid, 0 AS due FROM moved
  UNION ALL SELECT fund, until, -payable, -paid, 0 FROM moved WHERE until < 'infinity'
  UNION ALL SELECT fund, since, 0, 0, amount FROM stood
  UNION ALL SELECT fund, until, 0, 0, -amount FROM stood WHERE until < 'infinity'
), stepped AS MATERIALIZED (
  SELECT fund, day, sum(payable) AS payable, sum(paid) AS paid, sum(due) AS due FROM step GROUP BY 1, 2
), year_end AS (
  SELECT h.fund, sum(h.amount) AS amount
    FROM (SELECT m.fund, greatest(0, least(sum(m.prepaid), sum(m.payable - m.paid))) AS amount
            FROM moved m JOIN asked a ON a.as_of = a.year_end AND m.since <= a.as_of AND m.until > a.as_of
           GROUP BY m.fund, m.area_code, m.hospital_code) h
   GROUP BY 1
)
SELECT a.as_of, s.fund, sum(s.payable)::bigint AS payable, sum(s.due)::bigint AS due,
       (sum(s.paid) + CASE WHEN a.as_of = a.year_end THEN coalesce(min(y.amount), 0) ELSE 0 END)::bigint AS disbursed
  FROM asked a JOIN stepped s ON s.day <= a.as_of LEFT JOIN year_end y USING (fund)
 GROUP BY a.as_of, a.year_end, s.fund ORDER BY 1, 2"""
)


class FundOnDay(Struct, frozen=True):
    """What of a fund's year was payable, due and disbursed as of a day."""

    as_of: date
    fund: str
    payable: int
    due: int
    disbursed: int


async def curve(
    connection: AsyncConnection, book: PolicyBook, wanted: Wanted, days: Collection[date]
) -> list[FundOnDay]:
    """The figures of each fund as of days of the fiscal year, until 31 December, by day and fund: those that
    ``payout_figures`` has. A fund has no row before its first posting. ``wanted.as_of`` doesn't count."""
    if not days:
        return []
    (rows,) = await looked_up(connection, book, [FigureQuery(wanted, _CURVE, days, late=False)])
    return [msgspec.convert(dict(row), FundOnDay) for row in rows]
