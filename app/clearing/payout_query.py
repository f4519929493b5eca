"""The one query behind payout rates, projections, the floor's check and the closing of a year
(docs/specification/clearing.md, section 7).

Everything is summed from what was posted (``app/ledger/rollup.py``). A *bucket* is what falls due together: the
postings of one statement, of one undeclared month, or of one release of deposits.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import last_day, next_month, period_of
from app.basics.errors import Refused
from app.basics.money import RATE_ONE
from app.clearing.moves import StoredRow
from app.clearing.plan import DEFAULT_CLAIM_DAYS, Plan, plan_on
from app.ledger.rollup import POSTED, SINCE, span_since
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

# Groups are made in memory instead of being sorted on disk. The planner, who takes a group of groups for one row, would
# look again and again at what is better looked at once.
_BEGUN: Final = text(
    f"SELECT {SINCE}, set_config('work_mem', '64MB', true), set_config('enable_nestloop', 'off', true)"
)
_ENDED: Final = text("SELECT set_config('enable_nestloop', 'on', true)")
PLANNED: Final = """
WITH plan AS (
  SELECT * FROM jsonb_to_recordset(CAST(:plans AS jsonb)) AS p(prefix text, period text, pay_by date,
    deposit_rate integer, claim_days integer)
), floors AS (
  SELECT * FROM jsonb_to_recordset(CAST(:floors AS jsonb)) AS f(prefix text, fund text, floor integer)
), asked AS MATERIALIZED (
  SELECT CAST(:year AS smallint) AS year, d.as_of, make_date(:year, 12, 31) AS year_end
    FROM unnest(CAST(:days AS date[])) d(as_of)
), declared AS MATERIALIZED (
  -- from which day on, and until which, a statement stood
  SELECT s.statement_id, s.area_code, s.period, s.pay_by, s.withdrawn_on,
         (s.declared_at AT TIME ZONE 'Asia/Shanghai')::date AS declared_on
    FROM statement s WHERE s.period >= :first{statements}
), cut AS MATERIALIZED (
  -- a deduction is as late as the posting that it cuts
  SELECT t.*, d.declared_on, d.withdrawn_on
    FROM deductions_late(CAST(:first_year AS integer), CAST(:year AS integer), CAST(:last_day AS date)) t
    JOIN declared d USING (statement_id) WHERE true{cuts}
), entry AS (
  -- what moved, of the year and the one before; what a statement took stands in it while it stands, else by itself
  SELECT t.fiscal_year, t.debit_account, t.credit_account, t.event, t.statement_id, t.period, t.period AS cut_period,
         t.day, t.cause, t.amount, t.day AS since, NULL::date AS until
    FROM {posted} t WHERE t.fiscal_year BETWEEN :first_year AND :year{transfers}
  UNION ALL
  SELECT t.fiscal_year, t.debit_account, t.credit_account, t.event, v.statement_id, t.period, t.period, t.day, NULL,
         v.amount, d.declared_on, d.withdrawn_on
    FROM statement_sum t JOIN declared d ON d.statement_id = t.statement_id,
         LATERAL (VALUES (t.own_statement, -t.amount), (t.statement_id, t.amount)) v(statement_id, amount)
   WHERE t.fiscal_year BETWEEN :first_year AND :year{transfers}
  UNION ALL
  SELECT t.fiscal_year, t.debit_account, t.credit_account, 'deduction', t.statement_id, t.period, v.cut_period,
         t.business_date, NULL, v.amount, greatest(t.business_date, t.declared_on), t.withdrawn_on
    FROM cut t, LATERAL (VALUES (t.period, -t.amount), (t.cut_period, t.amount)) v(cut_period, amount)
), movement AS (
  SELECT a.as_of, e.fiscal_year, e.debit_account, e.credit_account, e.event, e.statement_id, e.period, e.cut_period,
         e.day <= a.year_end AS legal, e.cause, sum(e.amount) AS amount
    FROM asked a JOIN entry e ON e.since <= a.as_of AND (e.until IS NULL OR e.until > a.as_of)
   GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
), holder AS MATERIALIZED (
  -- what is known of the accounts; a claim of a person is a party of its own, named as its account
  SELECT a.account_id, a.kind, a.party ~ '^(hospital|claim):' AS owed,
         substr(split_part(a.path, '/', 1), 6) AS area_code, substr(split_part(a.path, '/', 2), 6) AS fund,
         CASE WHEN a.party LIKE 'hospital:%' THEN substr(a.party, 10) ELSE a.party END AS hospital_code,
         a.party LIKE 'claim:%' AS person
    FROM account a
), posting AS (
  SELECT m.*, CASE WHEN d.owed THEN d.area_code ELSE c.area_code END AS area_code,
         CASE WHEN d.owed THEN d.fund ELSE c.fund END AS fund,
         CASE WHEN d.owed THEN d.hospital_code ELSE c.hospital_code END AS hospital_code,
         CASE WHEN c.kind = 'payable' AND c.owed THEN m.amount ELSE 0 END
         - CASE WHEN d.kind = 'payable' AND d.owed THEN m.amount ELSE 0 END AS owing,
         CASE WHEN c.kind = 'deposit' THEN m.amount ELSE 0 END - CASE WHEN d.kind = 'deposit' THEN m.amount
           ELSE 0 END AS held,
         CASE WHEN d.kind = 'prepaid' THEN m.amount ELSE 0 END - CASE WHEN c.kind = 'prepaid' THEN m.amount
           ELSE 0 END AS prepaid
    FROM movement m JOIN holder d ON d.account_id = m.debit_account JOIN holder c ON c.account_id = m.credit_account
   WHERE m.amount <> 0 AND (d.owed OR c.owed)
     AND NOT (:by_hospital AND CASE WHEN d.owed THEN d.person ELSE c.person END)
     AND (c.kind IN ('payable', 'deposit', 'prepaid') OR d.kind IN ('payable', 'deposit', 'prepaid'))
), moved AS MATERIALIZED (
  SELECT as_of, fiscal_year, area_code, fund, hospital_code, statement_id, period, cut_period, legal, cause,
         sum(owing) FILTER (WHERE event IN ('settlement', 'adjustment', 'reversal', 'recovery',
           'family_doctor')) AS incurred,
         sum(-owing) FILTER (WHERE event IN ('deduction', 'deduction_reversed')) AS deducted,
         sum(-held) FILTER (WHERE event = 'deposit_forfeited') AS forfeited,
         sum(-owing) FILTER (WHERE event IN ('payment', 'payment_returned', 'carried', 'carry_repaid')) AS cash,
         sum(-owing) FILTER (WHERE event IN ('offset', 'offset_undone')) AS offset_,
         sum(held) AS held, sum(prepaid) AS prepaid
    FROM posting GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
), planned_month AS MATERIALIZED (
  SELECT DISTINCT ON (x.area_code, p.period) x.area_code, p.period, p.pay_by, p.deposit_rate, p.claim_days
    FROM (SELECT DISTINCT area_code FROM moved) x JOIN plan p ON starts_with(x.area_code, p.prefix)
   ORDER BY x.area_code, p.period, length(p.prefix) DESC
), released AS (
  SELECT p.cause, o.due_on, o.period FROM disbursement o,
         LATERAL (VALUES ('rel_' || o.release_id), ('dis_' || o.disbursement_id)) p(cause)
   WHERE o.release_id IS NOT NULL AND o.state <> 'cancelled'
), bucket AS (
  SELECT m.as_of, m.fiscal_year, m.area_code, m.fund, m.hospital_code, s.statement_id, coalesce(s.period, r.period,
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
           WHERE m.cut_period < to_char(m.as_of, 'YYYY-MM') AND m.cause IS NULL AND k.claim_id IS NULL
             AND (s.statement_id IS NULL OR s.period > m.cut_period)), 0) AS late
    FROM moved m
    LEFT JOIN declared s ON s.statement_id = m.statement_id AND s.declared_on <= m.as_of
      AND (s.withdrawn_on IS NULL OR s.withdrawn_on > m.as_of)
    LEFT JOIN released r ON r.cause = m.cause
    LEFT JOIN planned_month p ON p.area_code = m.area_code AND p.period = coalesce(s.period, m.period)
    LEFT JOIN claim k ON m.hospital_code = 'claim:clm_' || k.claim_id
   GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
), taken AS (
  -- what an order took of another's negative net of the same year is paid, by period, where it was owed
  SELECT a.as_of, x.statement_id, o.fund, o.fiscal_year, sum(x.amount) AS amount
    FROM disbursement w JOIN disbursement o ON o.disbursement_id = w.taken_by AND o.fiscal_year = w.fiscal_year
    JOIN asked a ON o.created_on <= a.as_of,
         LATERAL (VALUES (o.statement_id, -w.amount - w.repaid), (w.statement_id,
           w.amount + w.repaid)) x(statement_id, amount)
   WHERE :by_period GROUP BY 1, 2, 3, 4
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
"""The beginning of a query: ``planned`` has the buckets as of the days asked, with ``asked`` beside them."""
_QUERY: Final = (
    PLANNED
    + """, party AS (
  -- one hospital nets what it was overpaid against what it is owed
  SELECT b.as_of, b.area_code, b.fund, b.hospital_code, CASE WHEN :by_period THEN b.period END AS period,
         sum(b.incurred) AS incurred, sum(b.deductions) AS deductions, sum(b.cash) AS cash, sum(b.offset_) AS offset_,
         sum(b.payable) AS payable, sum(b.paid) AS paid, sum(b.held) AS held, sum(b.late) AS late,
         coalesce(sum(b.payable - b.held) FILTER (WHERE b.pay_by <= a.as_of), 0) AS due,
         coalesce(sum(b.paid) FILTER (WHERE b.pay_by <= a.as_of), 0) AS paid_of_due,
         greatest(0, sum(b.payable - b.held - b.paid - b.taken) FILTER (WHERE b.pay_by < a.as_of)) AS overdue,
         greatest(0, sum(b.payable - b.deposit - b.paid) FILTER (WHERE b.pay_by <= a.year_end
           AND a.as_of <= a.year_end)) AS to_pay
    FROM planned b JOIN asked a ON (a.as_of, a.year) = (b.as_of, b.fiscal_year) GROUP BY 1, 2, 3, 4, 5
), year_end AS (
  SELECT b.as_of, b.area_code, b.fund, b.hospital_code, CASE WHEN :by_period THEN a.year || '-12' END AS period,
         greatest(0, least(sum(b.prepaid), sum(b.incurred - b.deductions - b.cash - b.offset_))) AS amount
    FROM bucket b JOIN asked a ON (a.as_of, a.year) = (b.as_of, b.fiscal_year) AND a.as_of >= a.year_end
   GROUP BY 1, 2, 3, 4, 5
), monthly AS MATERIALIZED (
  -- by the month of each posting, whichever statement swept it
  SELECT m.as_of, m.fiscal_year, m.area_code, m.fund, CASE WHEN :by_hospital THEN m.hospital_code END AS hospital_code,
         right(m.period, 2) AS month, sum(coalesce(m.incurred, 0) - coalesce(m.deducted, 0) - coalesce(m.forfeited,
           0)) AS payable
    FROM moved m WHERE left(m.period, 4) = m.fiscal_year::text GROUP BY 1, 2, 3, 4, 5, 6
), compared AS (
  -- a month beside last year's; only what has a last year is compared, in which a month may have had nothing
  SELECT m.as_of, m.area_code, m.fund, m.hospital_code, m.month,
         coalesce(sum(m.payable) FILTER (WHERE m.fiscal_year = a.year - 1), 0) AS before,
         coalesce(sum(m.payable) FILTER (WHERE m.fiscal_year = a.year), 0) AS known,
         bool_or(bool_or(m.fiscal_year = a.year - 1)) OVER (PARTITION BY m.as_of, m.area_code, m.fund,
           m.hospital_code) AS had
    FROM monthly m JOIN asked a USING (as_of) GROUP BY 1, 2, 3, 4, 5
), expected AS (
  SELECT l.as_of, l.area_code, l.fund, l.hospital_code, x.period,
         CASE WHEN x.open THEN greatest(0, l.before - l.known) ELSE 0 END AS amount, p.pay_by, p.deposit_rate
    FROM asked a JOIN compared l ON l.as_of = a.as_of AND l.had
    CROSS JOIN LATERAL (
      SELECT a.year || '-' || l.month AS period, a.as_of <= a.year_end AND a.year || '-' || l.month
             > coalesce((SELECT max(s.period) FROM declared s WHERE s.area_code = l.area_code
                 AND s.declared_on <= a.as_of AND (s.withdrawn_on IS NULL OR s.withdrawn_on > a.as_of)), '') AS open) x
    LEFT JOIN planned_month p ON p.area_code = l.area_code AND p.period = x.period
), part AS (
  SELECT p.as_of, p.area_code, p.fund, p.hospital_code, p.period, p.incurred, p.deductions, p.cash, p.offset_,
         0 AS year_end_offset, p.payable, p.paid, p.held, p.due, least(p.paid_of_due, p.due) AS disbursed_of_due,
         coalesce(p.overdue, 0) AS overdue,
         greatest(0, coalesce(p.to_pay, 0) - coalesce(y.amount, 0)) AS scheduled, 0 AS expected, p.late
    FROM party p
    LEFT JOIN (SELECT as_of, area_code, fund, hospital_code, sum(amount) AS amount FROM year_end GROUP BY 1, 2, 3, 4) y
      USING (as_of, area_code, fund, hospital_code)
  UNION ALL
  SELECT y.as_of, y.area_code, y.fund, y.hospital_code, y.period, 0, 0, 0, 0, y.amount, 0, 0, 0, 0, 0, 0, 0, 0, 0
    FROM year_end y WHERE y.amount > 0
  UNION ALL
  SELECT e.as_of, e.area_code, e.fund, e.hospital_code, CASE WHEN :by_period THEN e.period END, 0, 0, 0, 0, 0, 0, 0, 0,
         0, 0, 0,
         CASE WHEN e.pay_by <= a.year_end
              THEN e.amount - div(e.amount * coalesce(e.deposit_rate, 0) + 5000, 10000) ELSE 0 END, e.amount, 0
    FROM expected e JOIN asked a USING (as_of) WHERE e.amount > 0 OR NOT (:by_period OR :by_hospital)
), area_floor AS MATERIALIZED (
  SELECT x.area_code, f.fund, f.floor
    FROM (SELECT DISTINCT area_code FROM part) x
    CROSS JOIN LATERAL (SELECT prefix FROM plan WHERE starts_with(x.area_code, prefix)
      ORDER BY length(prefix) DESC LIMIT 1) y
    JOIN floors f ON f.prefix = y.prefix
), compares AS MATERIALIZED (
  SELECT DISTINCT l.as_of, l.area_code, l.fund FROM monthly l JOIN asked a ON (a.as_of, a.year - 1) = (l.as_of,
    l.fiscal_year)
)
SELECT p.as_of, CASE WHEN :by_fund THEN p.fund END AS fund, CASE WHEN :by_area THEN p.area_code END AS area_code,
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
       bool_or(l.fund IS NOT NULL) AS last_year,
       coalesce(sum((p.incurred - p.deductions) * f.floor), 0)::bigint AS bound,
       coalesce(sum(p.cash + p.offset_ + p.year_end_offset) FILTER (WHERE f.floor IS NOT NULL),
         0)::bigint AS bound_disbursed,
       array_agg(DISTINCT f.floor) AS floors
  FROM part p
  LEFT JOIN area_floor f USING (area_code, fund)
  LEFT JOIN compares l USING (as_of, area_code, fund)
 GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"""
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


class FigureQuery(NamedTuple):
    """A query that begins as ``PLANNED`` does, as of these days; ``comparing`` looks at the year before as well."""

    wanted: Wanted
    query: str
    days: Collection[date]
    comparing: bool = False


class Curve(Struct, frozen=True):
    """What was payable, due and disbursed as of each of several days of the year, ordered by day and group; nothing is
    projected. ``wanted.as_of`` doesn't count."""

    wanted: Wanted
    days: Collection[date]


async def payout_figures(connection: AsyncConnection, book: PolicyBook, wanted: Wanted) -> list[Figures]:
    """The figures, ordered by fund, area, hospital, period. Groups without any posting or expectation have no row.

    What the transaction may not see isn't counted. A month for which no pack names a pay-by day never falls due. After
    31 December what was scheduled and expected stands still as it was on that day."""
    return (await all_figures(connection, book, [wanted]))[0]


async def all_figures(
    connection: AsyncConnection, book: PolicyBook, asked: Sequence[Wanted | Curve]
) -> list[list[Figures]]:
    """The figures of several questions, each as of ``payout_figures``: what is prepared for one is for all of them."""
    looks = [_look(one) for one in asked]
    found = await looked_up(connection, book, [look for look in looks if look.days])
    rows = iter([[msgspec.convert(dict(row), Figures) for row in one] for one in found])
    answers = [next(rows) if look.days else [] for look in looks]
    return [
        answer if isinstance(one, Curve) else _standing(one, answer) for one, answer in zip(asked, answers, strict=True)
    ]


def _look(asked: Wanted | Curve) -> FigureQuery:
    if isinstance(asked, Curve):
        return FigureQuery(asked.wanted, _QUERY, asked.days)
    days = {asked.as_of, min(asked.as_of, date(asked.year, 12, 31))}
    return FigureQuery(asked, _QUERY, days, comparing=True)


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


async def looked_up(
    connection: AsyncConnection, book: PolicyBook, looks: Sequence[FigureQuery]
) -> list[Sequence[RowMapping]]:
    """The rows of each look."""
    if not looks:
        return []
    since = (await connection.execute(_BEGUN)).scalar_one()
    found = []
    for look in looks:
        whole, values = _statement(book, look)
        rows = await connection.execute(text(whole), values | span_since(since, look.days))
        found.append(rows.mappings().all())
    await connection.execute(_ENDED)
    return found


def _statement(book: PolicyBook, look: FigureQuery) -> tuple[str, StoredRow]:
    """A look's query and its values, but for those of ``POSTED``."""
    wanted = look.wanted
    parameters: StoredRow = {
        "year": wanted.year,
        "first_year": wanted.year - look.comparing,
        "days": sorted(look.days),
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
    transfers, statements, values = _filters(wanted)
    cuts = transfers.replace(NOT_CLAIMS, "")  # a hospital's deductions are of its bills
    whole = look.query.format(posted=POSTED, transfers=transfers, statements=statements, cuts=cuts)
    return whole, parameters | values


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
