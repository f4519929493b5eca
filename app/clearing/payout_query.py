"""The one query behind payout rates, projections, the floor's check and the closing of a year
(docs/specification/clearing.md, section 7).

Everything is summed from what was posted (``app/ledger/rollup.py``). A *bucket* is what falls due together: the
postings of one statement, of one undeclared month, or of one release of deposits.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.money import RATE_ONE
from app.clearing.payout_base import FUND, GIVEN, PLANNED_MONTHS, POSTING, FigureQuery, Wanted, looked_up
from app.tiers.policy import PolicyBook

PLANNED: Final = (
    GIVEN
    + """), movement AS (
  SELECT a.as_of, e.fiscal_year, e.debit_account, e.credit_account, e.event, e.statement_id, e.period, e.cut_period,
         e.day <= a.year_end AS legal, e.cause, sum(e.amount) AS amount
    FROM asked a JOIN entry e ON e.since <= a.as_of AND (e.until IS NULL OR e.until > a.as_of)
   GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
"""
    + POSTING
    + """), moved AS MATERIALIZED (
  SELECT as_of, fiscal_year, area_code, fund, hospital_code, statement_id, period, cut_period, legal, cause, person,
         sum(owing) FILTER (WHERE event IN ('settlement', 'adjustment', 'reversal', 'recovery',
           'family_doctor')) AS incurred,
         sum(-owing) FILTER (WHERE event IN ('deduction', 'deduction_reversed')) AS deducted,
         sum(-held) FILTER (WHERE event = 'deposit_forfeited') AS forfeited,
         sum(-owing) FILTER (WHERE event IN ('payment', 'payment_returned', 'carried', 'carry_repaid')) AS cash,
         sum(-owing) FILTER (WHERE event IN ('offset', 'offset_undone')) AS offset_,
         sum(held) AS held, sum(prepaid) AS prepaid
    FROM posting GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
"""
    + PLANNED_MONTHS.replace("SOURCE", "moved")
    + """), bucket AS (
  SELECT m.as_of, m.fiscal_year, m.area_code, m.fund, m.hospital_code, m.person, s.statement_id,
         coalesce(s.period, r.period, m.period) AS period,
         coalesce(s.pay_by, r.due_on, k.created_on + coalesce(p.claim_days, :claim_days), p.pay_by) AS pay_by,
         CASE WHEN k.claim_id IS NULL THEN p.deposit_rate ELSE 0 END AS deposit_rate,
         coalesce(sum(m.incurred) FILTER (WHERE legal), 0) AS incurred,
         coalesce(sum(coalesce(m.deducted, 0) + coalesce(m.forfeited, 0)) FILTER (WHERE legal), 0) AS deductions,
         coalesce(sum(m.cash) FILTER (WHERE legal), 0) AS cash, coalesce(sum(m.offset_) FILTER (WHERE legal),
           0) AS offset_,
         coalesce(sum(m.prepaid) FILTER (WHERE legal), 0) AS prepaid,
         sum(coalesce(m.incurred, 0) - coalesce(m.deducted, 0) - coalesce(m.forfeited, 0)) AS payable,
         sum(coalesce(m.cash, 0) + coalesce(m.offset_, 0)) AS paid, sum(m.held) AS held,
         coalesce(sum(coalesce(m.incurred, 0) - coalesce(m.deducted, 0)) FILTER (
           WHERE m.cut_period < to_char(m.as_of, 'YYYY-MM') AND m.cause IS NULL AND k.claim_id IS NULL
             AND (s.statement_id IS NULL OR s.period > m.cut_period)), 0) AS late
    FROM moved m
    LEFT JOIN declared s ON s.statement_id = m.statement_id AND s.declared_on <= m.as_of
      AND (s.withdrawn_on IS NULL OR s.withdrawn_on > m.as_of)
    LEFT JOIN released r ON r.cause = m.cause
    LEFT JOIN planned_month p ON p.area_code = m.area_code AND p.period = coalesce(s.period, m.period)
    LEFT JOIN claim k ON m.hospital_code = 'claim:clm_' || k.claim_id
   WHERE m.fiscal_year = :year
   GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
), taken AS (
  -- what an order took of another's negative net of the same year is paid, by period, where it was owed
  SELECT a.as_of, x.statement_id, o.fund, o.fiscal_year, sum(x.amount) AS amount
    FROM disbursement w JOIN disbursement o ON o.disbursement_id = w.taken_by AND o.fiscal_year = w.fiscal_year
    JOIN asked a ON o.created_on <= a.as_of,
         LATERAL (VALUES (o.statement_id, -w.amount - w.repaid), (w.statement_id,
           w.amount + w.repaid)) x(statement_id, amount)
   WHERE (SELECT bool_or(by_period) FROM grouped) GROUP BY 1, 2, 3, 4
), planned AS (
  -- the deposit of a bucket: its order's, else the plan's share of what is payable
  SELECT b.*, coalesce(k.amount, 0) AS taken, CASE WHEN b.statement_id = CAST(:proposed AS bigint)
    THEN CAST(:proposed_deposit AS bigint)
                   WHEN o.statement_id IS NOT NULL THEN o.deposit
                   ELSE b.held + div(greatest(b.payable, 0) * coalesce(b.deposit_rate, 0) + 5000, 10000) END AS deposit
    FROM bucket b LEFT JOIN disbursement o ON o.statement_id = b.statement_id AND o.fund = b.fund
     AND o.fiscal_year = b.fiscal_year AND o.created_on <= b.as_of AND (o.cancelled_on IS NULL
       OR o.cancelled_on > b.as_of)
    LEFT JOIN taken k ON (k.as_of, k.statement_id, k.fund, k.fiscal_year) = (b.as_of, b.statement_id, b.fund,
      b.fiscal_year)
)"""
)
"""The beginning of a query: ``planned`` has the buckets as of the days asked, with ``asked`` beside them."""
YEAR_END: Final = """, year_end AS (
  SELECT g.n, b.as_of, b.area_code, b.fund, b.hospital_code, CASE WHEN g.by_period THEN a.year || '-12' END AS period,
         greatest(0, least(sum(b.prepaid), sum(b.incurred - b.deductions - b.cash - b.offset_))) AS amount
    FROM bucket b JOIN asked a ON a.as_of = b.as_of AND a.as_of >= a.year_end
    JOIN grouped g ON NOT (g.by_hospital AND b.person)
   GROUP BY 1, 2, 3, 4, 5, 6
)"""
"""Behind ``PLANNED``: what outstanding prepayments count for at the year's end, by each who is owed."""
_QUERY: Final = (
    PLANNED
    + """, party AS (
  -- one hospital nets what it was overpaid against what it is owed
  SELECT g.n, b.as_of, b.area_code, b.fund, b.hospital_code, CASE WHEN g.by_period THEN b.period END AS period,
         sum(b.incurred) AS incurred, sum(b.deductions) AS deductions, sum(b.cash) AS cash, sum(b.offset_) AS offset_,
         sum(b.payable) AS payable, sum(b.paid) AS paid, sum(b.held) AS held, sum(b.late) AS late,
         coalesce(sum(b.payable - b.held) FILTER (WHERE b.pay_by <= a.as_of), 0) AS due,
         coalesce(sum(b.paid) FILTER (WHERE b.pay_by <= a.as_of), 0) AS paid_of_due,
         greatest(0, sum(b.payable - b.held - b.paid - CASE WHEN g.by_period THEN b.taken ELSE 0 END) FILTER (
           WHERE b.pay_by < a.as_of)) AS overdue,
         greatest(0, sum(b.payable - b.deposit - b.paid) FILTER (WHERE b.pay_by <= a.year_end
           AND a.as_of <= a.year_end)) AS to_pay
    FROM planned b JOIN asked a USING (as_of) JOIN grouped g ON NOT (g.by_hospital AND b.person)
   GROUP BY 1, 2, 3, 4, 5, 6
)"""
    + YEAR_END
    + """, monthly AS MATERIALIZED (
  -- by the month of each posting, whichever statement swept it
  SELECT g.n, m.as_of, m.fiscal_year, m.area_code, m.fund, CASE WHEN g.by_hospital THEN m.hospital_code END
         AS hospital_code, right(m.period, 2) AS month, sum(coalesce(m.incurred, 0) - coalesce(m.deducted, 0)
           - coalesce(m.forfeited, 0)) AS payable
    FROM moved m JOIN grouped g ON NOT (g.by_hospital AND m.person)
   WHERE left(m.period, 4) = m.fiscal_year::text GROUP BY 1, 2, 3, 4, 5, 6, 7
), compared AS (
  -- a month beside last year's; only what has a last year is compared, in which a month may have had nothing
  SELECT m.n, m.as_of, m.area_code, m.fund, m.hospital_code, m.month,
         coalesce(sum(m.payable) FILTER (WHERE m.fiscal_year = a.year - 1), 0) AS before,
         coalesce(sum(m.payable) FILTER (WHERE m.fiscal_year = a.year), 0) AS known,
         bool_or(bool_or(m.fiscal_year = a.year - 1)) OVER (PARTITION BY m.n, m.as_of, m.area_code, m.fund,
           m.hospital_code) AS had
    FROM monthly m JOIN asked a USING (as_of) GROUP BY 1, 2, 3, 4, 5, 6
), last_declared AS MATERIALIZED (
  SELECT a.as_of, s.area_code, max(s.period) AS period
    FROM declared s JOIN asked a ON s.declared_on <= a.as_of AND (s.withdrawn_on IS NULL OR s.withdrawn_on > a.as_of)
   GROUP BY 1, 2
), expected AS (
  SELECT l.n, l.as_of, l.area_code, l.fund, l.hospital_code, a.year || '-' || l.month AS period,
         CASE WHEN a.as_of <= a.year_end AND a.year || '-' || l.month > coalesce(d.period, '')
              THEN greatest(0, l.before - l.known) ELSE 0 END AS amount, p.pay_by, p.deposit_rate
    FROM asked a JOIN compared l ON l.as_of = a.as_of AND l.had
    LEFT JOIN last_declared d ON d.as_of = l.as_of AND d.area_code = l.area_code
    LEFT JOIN planned_month p ON p.area_code = l.area_code AND p.period = a.year || '-' || l.month
), part AS (
  SELECT p.n, p.as_of, p.area_code, p.fund, p.hospital_code, p.period, p.incurred, p.deductions, p.cash, p.offset_,
         0 AS year_end_offset, p.payable, p.paid, p.held, p.due, least(p.paid_of_due, p.due) AS disbursed_of_due,
         coalesce(p.overdue, 0) AS overdue,
         greatest(0, coalesce(p.to_pay, 0) - coalesce(y.amount, 0)) AS scheduled, 0 AS expected, p.late
    FROM party p
    LEFT JOIN (SELECT n, as_of, area_code, fund, hospital_code, sum(amount) AS amount FROM year_end
                GROUP BY 1, 2, 3, 4, 5) y USING (n, as_of, area_code, fund, hospital_code)
  UNION ALL
  SELECT y.n, y.as_of, y.area_code, y.fund, y.hospital_code, y.period, 0, 0, 0, 0, y.amount, 0, 0, 0, 0, 0, 0, 0, 0, 0
    FROM year_end y WHERE y.amount > 0
  UNION ALL
  SELECT e.n, e.as_of, e.area_code, e.fund, e.hospital_code, CASE WHEN g.by_period THEN e.period END, 0, 0, 0, 0, 0, 0,
         0, 0, 0, 0, 0,
         CASE WHEN e.pay_by <= a.year_end
              THEN e.amount - div(e.amount * coalesce(e.deposit_rate, 0) + 5000, 10000) ELSE 0 END, e.amount, 0
    FROM expected e JOIN asked a USING (as_of) JOIN grouped g USING (n)
   WHERE e.amount > 0 OR NOT (g.by_period OR g.by_hospital)
), area_floor AS MATERIALIZED (
  SELECT x.area_code, f.fund, f.floor
    FROM (SELECT DISTINCT area_code FROM part) x
    CROSS JOIN LATERAL (SELECT prefix FROM plan WHERE starts_with(x.area_code, prefix)
      ORDER BY length(prefix) DESC LIMIT 1) y
    JOIN floors f ON f.prefix = y.prefix
), compares AS MATERIALIZED (
  SELECT DISTINCT l.n, l.as_of, l.area_code, l.fund
    FROM monthly l JOIN asked a ON (a.as_of, a.year - 1) = (l.as_of, l.fiscal_year)
)
SELECT p.n, p.as_of, CASE WHEN g.by_fund THEN p.fund END AS fund, CASE WHEN g.by_area THEN p.area_code END AS area_code,
       CASE WHEN g.by_hospital THEN p.hospital_code END AS hospital_code, p.period,
       sum(p.incurred)::bigint AS incurred, sum(p.deductions)::bigint AS deductions, sum(p.cash)::bigint AS cash,
       sum(p.offset_)::bigint AS offset_, sum(p.year_end_offset)::bigint AS year_end_offset,
         sum(p.payable)::bigint AS final_payable,
       sum(p.paid)::bigint AS final_paid, sum(p.held)::bigint AS deposit, sum(p.due)::bigint AS due,
       sum(p.disbursed_of_due)::bigint AS disbursed_of_due, sum(p.overdue)::bigint AS overdue,
         sum(p.scheduled)::bigint AS scheduled,
       sum(p.expected)::bigint AS expected, sum(p.late)::bigint AS late_declared,
       coalesce(sum(p.incurred) FILTER (WHERE p.hospital_code LIKE 'claim:%'), 0)::bigint AS persons_incurred,
       coalesce(sum(p.incurred - p.deductions) FILTER (WHERE p.hospital_code LIKE 'claim:%'), 0)::bigint
         AS persons_payable,
       coalesce(sum(p.cash) FILTER (WHERE p.hospital_code LIKE 'claim:%'), 0)::bigint AS persons_disbursed,
       bool_or(l.fund IS NOT NULL) AS last_year,
       coalesce(sum((p.incurred - p.deductions) * f.floor), 0)::bigint AS bound,
       coalesce(sum(p.cash + p.offset_ + p.year_end_offset) FILTER (WHERE f.floor IS NOT NULL),
         0)::bigint AS bound_disbursed,
       array_agg(DISTINCT f.floor) AS floors
  FROM part p
  JOIN grouped g USING (n)
  LEFT JOIN area_floor f USING (area_code, fund)
  LEFT JOIN compares l USING (n, as_of, area_code, fund)
 GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6"""
)


class Figures(Struct, frozen=True):
    """One row of the query, fen. ``incurred`` to ``year_end_offset`` are those of the legal day (31 December at the
    latest), the others those of the day asked for. ``bound`` is the floor's share of what is payable, in
    ten-thousandths of a fen."""

    fund: str | None
    area_code: str | None
    hospital_code: str | None
    period: str | None
    as_of: date | None = None
    incurred: int = 0
    deductions: int = 0
    cash: int = 0
    offset: int = msgspec.field(default=0, name="offset_")
    year_end_offset: int = 0
    final_payable: int = 0
    final_paid: int = 0
    deposit: int = 0
    due: int = 0
    disbursed_of_due: int = 0
    overdue: int = 0
    scheduled: int = 0
    expected: int = 0
    late_declared: int = 0
    persons_incurred: int = 0
    persons_payable: int = 0
    persons_disbursed: int = 0
    last_year: bool = False
    bound: int = 0
    bound_disbursed: int = 0
    floors: tuple[int | None, ...] = ()

    @property
    def payable(self) -> int:
        """What the year owes for good."""
        return self.incurred - self.deductions

    @property
    def disbursed(self) -> int:
        """What counts as paid towards it."""
        return self.cash + self.offset + self.year_end_offset

    @property
    def required(self) -> int:
        """What the floor still asks for by 31 December; 0 without a floor."""
        return max(0, -(-self.bound // RATE_ONE) - self.bound_disbursed)

    @property
    def floor(self) -> int | None:
        """The one floor that binds the whole row; None when a part of it has none or another."""
        return self.floors[0] if len(self.floors) == 1 else None


async def payout_figures(connection: AsyncConnection, book: PolicyBook, wanted: Wanted) -> list[Figures]:
    """The figures, ordered by fund, area, hospital, period. Groups without any posting or expectation have no row.

    What the transaction may not see isn't counted. A month for which no pack names a pay-by day never falls due. After
    31 December what was scheduled and expected stands still as it was on that day."""
    return (await all_figures(connection, book, [wanted]))[0]


async def required_of(connection: AsyncConnection, book: PolicyBook, wanted: Wanted) -> dict[str, int]:
    """What the floor of each fund still asks for by 31 December, fen, without what ``payout_figures`` looks up for
    projections; funds that it asks nothing for are left out."""
    look = FigureQuery(wanted, _QUERY, [wanted.as_of], [(FUND,)], late=False)
    (rows,) = await looked_up(connection, book, [look])
    found = [msgspec.convert(dict(row), Figures) for row in rows]
    return {row.fund: row.required for row in found if row.fund is not None and row.floor is not None and row.required}


async def all_figures(connection: AsyncConnection, book: PolicyBook, asked: Sequence[Wanted]) -> list[list[Figures]]:
    """The figures of several questions, each as of ``payout_figures``. What differs by its groups only is looked up at
    once."""
    alike: dict[Wanted, list[Wanted]] = {}
    for one in asked:
        alike.setdefault(msgspec.structs.replace(one, group_by=()), []).append(one)
    looks = [
        FigureQuery(wanted, _QUERY, {wanted.as_of, min(wanted.as_of, date(wanted.year, 12, 31))},
                    [tuple(one.group_by) for one in each], comparing=True)
        for wanted, each in alike.items()
    ]  # fmt: skip
    found: dict[Wanted, list[Figures]] = {}
    for each, rows in zip(alike.values(), await looked_up(connection, book, looks), strict=True):
        for number, one in enumerate(each):
            mine = [msgspec.convert(dict(row), Figures) for row in rows if row["n"] == number]
            found[one] = _standing(one, mine)
    return [found[one] for one in asked]


def _standing(wanted: Wanted, found: Sequence[Figures]) -> list[Figures]:
    """The rows of the day asked for; after 31 December with what stands still since."""
    figures = [row for row in found if row.as_of == wanted.as_of]
    if wanted.as_of <= date(wanted.year, 12, 31):
        return figures
    return _projected_as(figures, [row for row in found if row not in figures])


def _projected_as(figures: Sequence[Figures], legal: Sequence[Figures]) -> list[Figures]:
    """The figures with what was scheduled and expected in others, which may have groups of their own."""
    rows = {_group_of(row): row for row in figures}
    for then in legal:
        group = _group_of(then)
        if group in rows or then.scheduled or then.expected:
            now = rows.get(group, Figures(*group, floors=then.floors))
            rows[group] = msgspec.structs.replace(
                now, scheduled=then.scheduled, expected=then.expected, last_year=then.last_year
            )
    return [rows[group] for group in sorted(rows, key=lambda group: [(part is None, part or "") for part in group])]


def _group_of(row: Figures) -> tuple[str | None, str | None, str | None, str | None]:
    return row.fund, row.area_code, row.hospital_code, row.period
