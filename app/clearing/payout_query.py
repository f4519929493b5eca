"""The one query behind payout rates, projections, the floor's check and the closing of a year
(docs/specification/clearing.md, section 7).

Everything is a fold of transfers. A *bucket* is what falls due together: the postings of one statement, of one
undeclared month, or of one release of deposits.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import last_day, next_month, period_of
from app.basics.errors import Refused
from app.basics.money import RATE_ONE
from app.clearing.moves import StoredRow
from app.clearing.plan import DEFAULT_CLAIM_DAYS, Plan, plan_on
from app.tiers.policy import PolicyBook

FUND: Final = "fund"
AREA: Final = "area_code"
HOSPITAL: Final = "hospital_code"
PERIOD: Final = "period"
GROUPS: Final = (FUND, AREA, HOSPITAL, PERIOD)
WHOLE_CODE: Final = 6
NOT_CLAIMS: Final = (
    " AND NOT EXISTS (SELECT FROM account p WHERE p.account_id IN (t.debit_account, t.credit_account)"
    " AND p.party LIKE 'claim:%')"
)
"""What a hospital is owed has no claims of persons in it, though their bills were its own."""
MOST_YEARS_LATE: Final = 5
"""Months later than this behind their fiscal year have no pay-by day any more."""

# A year of postings is grouped in memory instead of being sorted on disk.
_MEMORY: Final = text("SELECT set_config('work_mem', '64MB', true)")
_QUERY: Final = """
WITH plan AS (
  SELECT * FROM jsonb_to_recordset(CAST(:plans AS jsonb)) AS p(prefix text, period text, pay_by date,
    deposit_rate integer, claim_days integer)
), floors AS (
  SELECT * FROM jsonb_to_recordset(CAST(:floors AS jsonb)) AS f(prefix text, fund text, floor integer)
), asked AS (
  SELECT CAST(:year AS smallint) AS year, CAST(:as_of AS date) AS as_of, make_date(:year, 12, 31) AS year_end
), declared AS MATERIALIZED (
  SELECT s.statement_id, s.area_code, s.period, s.pay_by FROM statement s
   WHERE (s.withdrawn_on IS NULL OR s.withdrawn_on > :as_of)
     AND (s.declared_at AT TIME ZONE 'Asia/Shanghai')::date <= :as_of AND s.period >= :first{statements}
), item AS MATERIALIZED (
  SELECT i.transfer_id, i.statement_id FROM declared s JOIN statement_item i USING (statement_id)
), cut AS MATERIALIZED (
  -- a deduction is as late as the posting that it cuts
  SELECT t.transfer_id, min(o.period) AS period
    FROM transfer t
    CROSS JOIN LATERAL (SELECT t.settlement_id UNION ALL SELECT s.settlement_id FROM settlement s
                         WHERE s.of_settlement_id = t.settlement_id) x
    JOIN transfer o ON o.settlement_id = x.settlement_id AND o.fund = t.fund AND o.event <> 'deduction'
    JOIN item i ON (i.transfer_id, i.statement_id) = (o.transfer_id, t.statement_id)
   WHERE t.event = 'deduction' AND t.fiscal_year IN (:year, :year - 1) AND t.business_date <= :as_of{transfers}
   GROUP BY 1
), movement AS (
  -- what moved, as of the day, of the year and the one before; by accounts, so that the long read stays narrow
  SELECT t.fiscal_year, t.debit_account, t.credit_account, t.event, coalesce(i.statement_id,
    t.statement_id) AS statement_id,
         t.period, coalesce(c.period, t.period) AS cut_period,
         t.business_date <= least(:as_of, make_date(:year, 12, 31)) AS legal,
         CASE WHEN t.statement_id IS NULL AND t.event IN ('payment', 'payment_returned', 'carry_repaid',
           'deposit_released', 'deposit_forfeited')
              THEN t.cause END AS cause, sum(t.amount) AS amount
    FROM transfer t LEFT JOIN item i USING (transfer_id) LEFT JOIN cut c USING (transfer_id)
   WHERE t.fiscal_year IN (:year, :year - 1) AND t.business_date <= :as_of{transfers}
   GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
), posting AS (
  SELECT m.*, substr(split_part(h.path, '/', 1), 6) AS area_code, substr(split_part(h.path, '/', 2), 6) AS fund,
         -- a claim of a person is a party of its own, named as its account
         CASE WHEN h.party LIKE 'hospital:%' THEN substr(h.party, 10) ELSE h.party END AS hospital_code,
         CASE WHEN c.kind = 'payable' AND c.party ~ '^(hospital|claim):' THEN m.amount ELSE 0 END
         - CASE WHEN d.kind = 'payable' AND d.party ~ '^(hospital|claim):' THEN m.amount ELSE 0 END AS owed,
         CASE WHEN c.kind = 'deposit' THEN m.amount ELSE 0 END - CASE WHEN d.kind = 'deposit' THEN m.amount
           ELSE 0 END AS held,
         CASE WHEN d.kind = 'prepaid' THEN m.amount ELSE 0 END - CASE WHEN c.kind = 'prepaid' THEN m.amount
           ELSE 0 END AS prepaid
    FROM movement m JOIN account d ON d.account_id = m.debit_account JOIN account c ON c.account_id = m.credit_account
    JOIN account h ON h.account_id = CASE WHEN d.party ~ '^(hospital|claim):' THEN d.account_id ELSE c.account_id END
   WHERE h.party ~ '^(hospital|claim):' AND NOT (:by_hospital AND h.party LIKE 'claim:%') AND (c.kind IN ('payable',
     'deposit', 'prepaid') OR d.kind IN ('payable',
     'deposit', 'prepaid'))
), moved AS MATERIALIZED (
  SELECT fiscal_year, area_code, fund, hospital_code, statement_id, period, cut_period, legal, cause,
         sum(owed) FILTER (WHERE event IN ('settlement', 'adjustment', 'reversal', 'recovery',
           'family_doctor')) AS incurred,
         sum(-owed) FILTER (WHERE event IN ('deduction', 'deduction_reversed')) AS deducted,
         sum(-held) FILTER (WHERE event = 'deposit_forfeited') AS forfeited,
         sum(-owed) FILTER (WHERE event IN ('payment', 'payment_returned', 'carried', 'carry_repaid')) AS cash,
         sum(-owed) FILTER (WHERE event IN ('offset', 'offset_undone')) AS offset_,
         sum(held) AS held, sum(prepaid) AS prepaid
    FROM posting GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
), released AS (
  SELECT p.cause, o.due_on, o.period FROM disbursement o,
         LATERAL (VALUES ('rel_' || o.release_id), ('dis_' || o.disbursement_id)) p(cause)
   WHERE o.release_id IS NOT NULL AND o.state <> 'cancelled'
), bucket AS (
  SELECT m.fiscal_year, m.area_code, m.fund, m.hospital_code, s.statement_id, coalesce(s.period, r.period,
    m.period) AS period,
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
           WHERE m.cut_period < to_char(CAST(:as_of AS date), 'YYYY-MM') AND m.cause IS NULL AND k.claim_id IS NULL
             AND (s.statement_id IS NULL OR s.period > m.cut_period)), 0) AS late
    FROM moved m LEFT JOIN declared s ON s.statement_id = m.statement_id LEFT JOIN released r ON r.cause = m.cause
    LEFT JOIN LATERAL (SELECT p.pay_by, p.deposit_rate, p.claim_days FROM plan p
                        WHERE starts_with(m.area_code, p.prefix) AND p.period = coalesce(s.period, m.period)
                        ORDER BY length(p.prefix) DESC LIMIT 1) p ON true
    LEFT JOIN claim k ON m.hospital_code = 'claim:clm_' || k.claim_id
   GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
), taken AS (
  -- what an order took of another's negative net of the same year is paid, by period, where it was owed
  SELECT x.statement_id, o.fund, o.fiscal_year, sum(x.amount) AS amount
    FROM disbursement w JOIN disbursement o ON o.disbursement_id = w.taken_by AND o.fiscal_year = w.fiscal_year,
         LATERAL (VALUES (o.statement_id, -w.amount - w.repaid), (w.statement_id,
           w.amount + w.repaid)) x(statement_id, amount)
   WHERE :by_period AND o.created_on <= :as_of GROUP BY 1, 2, 3
), planned AS (
  -- the deposit of a bucket: its order's, else the plan's share of what is payable
  SELECT b.*, coalesce(k.amount, 0) AS taken, CASE WHEN b.statement_id = CAST(:proposed AS bigint)
    THEN CAST(:proposed_deposit AS bigint)
                   WHEN o.statement_id IS NOT NULL THEN o.deposit
                   ELSE b.held + div(greatest(b.payable, 0) * coalesce(b.deposit_rate, 0) + 5000, 10000) END AS deposit
    FROM bucket b LEFT JOIN disbursement o ON o.statement_id = b.statement_id AND o.fund = b.fund
     AND o.fiscal_year = b.fiscal_year AND o.created_on <= :as_of AND (o.cancelled_on IS NULL
       OR o.cancelled_on > :as_of)
    LEFT JOIN taken k ON (k.statement_id, k.fund, k.fiscal_year) = (b.statement_id, b.fund, b.fiscal_year)
), party AS (
  -- one hospital nets what it was overpaid against what it is owed
  SELECT b.area_code, b.fund, b.hospital_code, CASE WHEN :by_period THEN b.period END AS period,
         sum(b.incurred) AS incurred, sum(b.deductions) AS deductions, sum(b.cash) AS cash, sum(b.offset_) AS offset_,
         sum(b.payable) AS payable, sum(b.paid) AS paid, sum(b.held) AS held, sum(b.late) AS late,
         coalesce(sum(b.payable - b.held) FILTER (WHERE b.pay_by <= a.as_of), 0) AS due,
         coalesce(sum(b.paid) FILTER (WHERE b.pay_by <= a.as_of), 0) AS paid_of_due,
         greatest(0, sum(b.payable - b.held - b.paid - b.taken) FILTER (WHERE b.pay_by < a.as_of)) AS overdue,
         greatest(0, sum(b.payable - b.deposit - b.paid) FILTER (WHERE b.pay_by <= a.year_end
           AND a.as_of <= a.year_end)) AS to_pay
    FROM planned b, asked a WHERE b.fiscal_year = a.year GROUP BY 1, 2, 3, 4
), year_end AS (
  SELECT b.area_code, b.fund, b.hospital_code, CASE WHEN :by_period THEN a.year || '-12' END AS period,
         greatest(0, least(sum(b.prepaid), sum(b.incurred - b.deductions - b.cash - b.offset_))) AS amount
    FROM bucket b, asked a WHERE b.fiscal_year = a.year AND a.as_of >= a.year_end GROUP BY 1, 2, 3, 4
), monthly AS (
  -- by the month of each posting, whichever statement swept it
  SELECT m.fiscal_year, m.area_code, m.fund, CASE WHEN :by_hospital THEN m.hospital_code END AS hospital_code,
         right(m.period, 2) AS month, sum(coalesce(m.incurred, 0) - coalesce(m.deducted, 0) - coalesce(m.forfeited,
           0)) AS payable
    FROM moved m WHERE left(m.period, 4) = m.fiscal_year::text GROUP BY 1, 2, 3, 4, 5
), compared AS (
  -- a month beside last year's; only what has a last year is compared, in which a month may have had nothing
  SELECT m.area_code, m.fund, m.hospital_code, m.month,
         coalesce(sum(m.payable) FILTER (WHERE m.fiscal_year = a.year - 1), 0) AS before,
         coalesce(sum(m.payable) FILTER (WHERE m.fiscal_year = a.year), 0) AS known,
         bool_or(bool_or(m.fiscal_year = a.year - 1)) OVER (PARTITION BY m.area_code, m.fund, m.hospital_code) AS had
    FROM monthly m, asked a GROUP BY 1, 2, 3, 4
), expected AS (
  SELECT l.area_code, l.fund, l.hospital_code, x.period,
         CASE WHEN x.open THEN greatest(0, l.before - l.known) ELSE 0 END AS amount, p.pay_by, p.deposit_rate
    FROM asked a JOIN compared l ON l.had
    CROSS JOIN LATERAL (
      SELECT a.year || '-' || l.month AS period, a.as_of <= a.year_end AND a.year || '-' || l.month
             > coalesce((SELECT max(s.period) FROM declared s WHERE s.area_code = l.area_code), '') AS open) x
    LEFT JOIN LATERAL (SELECT p.pay_by, p.deposit_rate FROM plan p WHERE starts_with(l.area_code, p.prefix)
      AND p.period = x.period
                        ORDER BY length(p.prefix) DESC LIMIT 1) p ON true
), part AS (
  SELECT p.area_code, p.fund, p.hospital_code, p.period, p.incurred, p.deductions, p.cash, p.offset_,
         0 AS year_end_offset, p.payable, p.paid, p.held, p.due, least(p.paid_of_due, p.due) AS disbursed_of_due,
         coalesce(p.overdue, 0) AS overdue,
         greatest(0, coalesce(p.to_pay, 0) - coalesce(y.amount, 0)) AS scheduled, 0 AS expected, p.late
    FROM party p
    LEFT JOIN (SELECT area_code, fund, hospital_code, sum(amount) AS amount FROM year_end GROUP BY 1, 2, 3) y
      USING (area_code, fund, hospital_code)
  UNION ALL
  SELECT y.area_code, y.fund, y.hospital_code, y.period, 0, 0, 0, 0, y.amount, 0, 0, 0, 0, 0, 0, 0, 0, 0
    FROM year_end y WHERE y.amount > 0
  UNION ALL
  SELECT e.area_code, e.fund, e.hospital_code, CASE WHEN :by_period THEN e.period END, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
         CASE WHEN e.pay_by <= a.year_end
              THEN e.amount - div(e.amount * coalesce(e.deposit_rate, 0) + 5000, 10000) ELSE 0 END, e.amount, 0
    FROM expected e, asked a WHERE e.amount > 0 OR NOT (:by_period OR :by_hospital)
)
SELECT CASE WHEN :by_fund THEN p.fund END AS fund, CASE WHEN :by_area THEN p.area_code END AS area_code,
       CASE WHEN :by_hospital THEN p.hospital_code END AS hospital_code, p.period,
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
       bool_or(EXISTS (SELECT FROM monthly l, asked a
                        WHERE l.fiscal_year = a.year - 1 AND l.area_code = p.area_code
                          AND l.fund = p.fund)) AS last_year,
       coalesce(sum((p.incurred - p.deductions) * f.floor), 0)::bigint AS bound,
       coalesce(sum(p.cash + p.offset_ + p.year_end_offset) FILTER (WHERE f.floor IS NOT NULL),
         0)::bigint AS bound_disbursed,
       array_agg(DISTINCT f.floor) AS floors
  FROM part p
  LEFT JOIN LATERAL (SELECT prefix FROM plan WHERE starts_with(p.area_code, prefix)
    ORDER BY length(prefix) DESC LIMIT 1) x ON true
  LEFT JOIN floors f ON f.prefix = x.prefix AND f.fund = p.fund
 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"""


class Figures(Struct, frozen=True):
    """One row of the query, fen. ``incurred`` to ``year_end_offset`` are those of the legal day (31 December at the
    latest), the others those of the day asked for. ``bound`` is the floor's share of what is payable, in
    ten-thousandths of a fen."""

    fund: str | None
    area_code: str | None
    hospital_code: str | None
    period: str | None
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


class Wanted(Struct, frozen=True, kw_only=True):
    """Which figures: of a fiscal year, as of a day, for whom, one row per combination of ``group_by``."""

    year: int
    as_of: date
    fund: str | None = None
    area_code: str | None = None
    """A paying area, or the first digits of several."""
    hospital_code: str | None = None
    group_by: Sequence[str] = (FUND,)
    proposed: int | None = None
    """A statement whose deposit is taken to be ``proposed_deposit`` fen, whatever its order or the plan says."""
    proposed_deposit: int = 0


async def payout_figures(connection: AsyncConnection, book: PolicyBook, wanted: Wanted) -> list[Figures]:
    """The figures, ordered by fund, area, hospital, period. Groups without any posting or expectation have no row.

    What the transaction may not see isn't counted. A month for which no pack names a pay-by day never falls due. After
    31 December what was scheduled and expected stands still as it was on that day."""
    figures = await _figures(connection, book, wanted)
    year_end = date(wanted.year, 12, 31)
    if wanted.as_of <= year_end:
        return figures
    legal = await _figures(connection, book, msgspec.structs.replace(wanted, as_of=year_end))
    return _projected_as(figures, legal)


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


async def _figures(connection: AsyncConnection, book: PolicyBook, wanted: Wanted) -> list[Figures]:
    parameters: StoredRow = {
        "year": wanted.year,
        "as_of": wanted.as_of,
        "first": f"{wanted.year - 1}-01",
        "proposed": wanted.proposed,
        "proposed_deposit": wanted.proposed_deposit,
        "claim_days": DEFAULT_CLAIM_DAYS,
        "by_fund": FUND in wanted.group_by,
        "by_area": AREA in wanted.group_by,
        "by_hospital": HOSPITAL in wanted.group_by,
        "by_period": PERIOD in wanted.group_by,
        "plans": msgspec.json.encode(list(_plans(book, wanted))).decode(),
        "floors": msgspec.json.encode(list(_floors(book, wanted.year))).decode(),
    }
    await connection.execute(_MEMORY)
    transfers, statements, values = _filters(wanted)
    query = text(_QUERY.format(transfers=transfers, statements=statements))
    rows = await connection.execute(query, parameters | values)
    return [msgspec.convert(dict(row), Figures) for row in rows.mappings()]


def _filters(wanted: Wanted) -> tuple[str, str, dict[str, str]]:
    """The conditions on transfers and statements, and their values. Only those that were asked for: a condition that
    may be empty would hide from the planner how much is read."""
    transfers, statements, values = "", "", {}
    if wanted.fund is not None:
        transfers += " AND t.fund = :fund"
        values["fund"] = wanted.fund
    if wanted.hospital_code is not None:
        transfers += " AND t.hospital_code = :hospital"
        transfers += NOT_CLAIMS
        statements += " AND s.hospital_code = :hospital"
        values["hospital"] = wanted.hospital_code
    if wanted.area_code is not None:
        whole = len(wanted.area_code) == WHOLE_CODE
        condition = " AND {0}.area_code = :area" if whole else " AND starts_with({0}.area_code, :area)"
        transfers += condition.format("t")
        statements += condition.format("s")
        values["area"] = wanted.area_code
    return transfers, statements, values


def _plans(book: PolicyBook, wanted: Wanted) -> Iterator[dict[str, object]]:
    """When each month is to be paid and what is held back of it, by area prefix; nulls where the pack doesn't say."""
    end = period_of(min(max(wanted.as_of, date(wanted.year, 12, 31)), date(wanted.year + MOST_YEARS_LATE, 12, 31)))
    for prefix in _prefixes(book):
        period = f"{wanted.year - 1}-01"
        while period <= end:
            plan = plan_or_none(book, prefix, last_day(period))
            yield {
                "prefix": prefix,
                "period": period,
                "pay_by": None if plan is None else plan.pay_by(period),
                "deposit_rate": None if plan is None else plan.deposit_rate,
                "claim_days": None if plan is None else plan.claim_days,
            }
            period = period_of(next_month(period))


def _floors(book: PolicyBook, year: int) -> Iterator[dict[str, object]]:
    for prefix in _prefixes(book):
        plan = plan_or_none(book, prefix, date(year, 12, 31))
        for fund, floor in ({} if plan is None else plan.floors).items():
            yield {"prefix": prefix, "fund": fund, "floor": floor}


def _prefixes(book: PolicyBook) -> list[str]:
    return sorted({prefix for pack in book.packs.values() for prefix in pack.areas})


def plan_or_none(book: PolicyBook, area_code: str, day: date) -> Plan | None:
    """An area's plan on a day, None where no pack speaks."""
    try:
        return plan_on(book, area_code, day)
    except Refused:
        return None


def floor_known(book: PolicyBook, fund: str, year: int, area_code: str | None) -> int | None:
    """The floor of a fund in a year where nothing was posted: the area's, or the one that all packs name."""
    plans = [plan_or_none(book, area, date(year, 12, 31)) for area in ([area_code] if area_code else _prefixes(book))]
    floors = {None if plan is None else plan.floors.get(fund) for plan in plans}
    return floors.pop() if len(floors) == 1 else None
