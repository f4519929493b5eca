"""What every query of payout figures begins with: the plans of the packs, the days asked, what moved for whom, and how
it is asked (docs/specification/clearing.md, section 7)."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import last_day, next_month, period_of
from app.basics.errors import Refused
from app.clearing.moves import StoredRow
from app.clearing.plan import DEFAULT_CLAIM_DAYS, Plan, plan_on
from app.ledger.rollup import POSTED, hashing, span_since
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

GIVEN: Final = """WITH plan AS (
  SELECT * FROM jsonb_to_recordset(CAST(:plans AS jsonb)) AS p(prefix text, period text, pay_by date,
    deposit_rate integer, claim_days integer)
), floors AS (
  SELECT * FROM jsonb_to_recordset(CAST(:floors AS jsonb)) AS f(prefix text, fund text, floor integer)
), grouped AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(CAST(:groups AS jsonb)) AS g(n integer, by_fund boolean, by_area boolean,
    by_hospital boolean, by_period boolean)
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
    FROM deductions_late(CAST(:year AS integer), CAST(:year AS integer), CAST(:last_day AS date)) t
    JOIN declared d USING (statement_id) WHERE true{cuts}
), entry AS (
  -- what moved of the year; what a statement took stands in it while it stands, else by itself; and what was owed of
  -- the year before, by itself: it is asked for by month only
  SELECT t.fiscal_year, t.debit_account, t.credit_account, t.event, t.statement_id, t.period, t.period AS cut_period,
         t.day, t.cause, t.amount, t.day AS since, NULL::date AS until
    FROM {posted} t
   WHERE (t.fiscal_year = :year OR t.fiscal_year = :first_year AND t.event IN ('settlement', 'adjustment',
     'reversal', 'recovery', 'family_doctor', 'deduction', 'deduction_reversed', 'deposit_forfeited')){transfers}
  UNION ALL
  SELECT t.fiscal_year, t.debit_account, t.credit_account, t.event, v.statement_id, t.period, t.period, t.day, NULL,
         v.amount, d.declared_on, d.withdrawn_on
    FROM statement_sum t JOIN declared d ON d.statement_id = t.statement_id,
         LATERAL (VALUES (t.own_statement, -t.amount), (t.statement_id, t.amount)) v(statement_id, amount)
   WHERE t.fiscal_year = :year{transfers}
  UNION ALL
  SELECT t.fiscal_year, t.debit_account, t.credit_account, 'deduction', t.statement_id, t.period, v.cut_period,
         t.business_date, NULL, v.amount, greatest(t.business_date, t.declared_on), t.withdrawn_on
    FROM cut t, LATERAL (VALUES (t.period, -t.amount), (t.cut_period, t.amount)) v(cut_period, amount)
), released AS (
  SELECT p.cause, o.due_on, o.period FROM disbursement o,
         LATERAL (VALUES ('rel_' || o.release_id), ('dis_' || o.disbursement_id)) p(cause)
   WHERE o.release_id IS NOT NULL AND o.state <> 'cancelled'
), holder AS MATERIALIZED (
  -- what is known of the accounts; a claim of a person is a party of its own, named as its account
  SELECT a.account_id, a.kind, a.party ~ '^(hospital|claim):' AS owed,
         substr(split_part(a.path, '/', 1), 6) AS area_code, substr(split_part(a.path, '/', 2), 6) AS fund,
         CASE WHEN a.party LIKE 'hospital:%' THEN substr(a.party, 10) ELSE a.party END AS hospital_code,
         a.party LIKE 'claim:%' AS person
    FROM account a
"""
"""The beginning of every query: plans and floors of the packs, the days asked, and what moved (``entry``)."""
POSTING: Final = """), posting AS (
  SELECT m.*, CASE WHEN d.owed THEN d.area_code ELSE c.area_code END AS area_code,
         CASE WHEN d.owed THEN d.fund ELSE c.fund END AS fund,
         CASE WHEN d.owed THEN d.hospital_code ELSE c.hospital_code END AS hospital_code,
         CASE WHEN d.owed THEN d.person ELSE c.person END AS person,
         CASE WHEN c.kind = 'payable' AND c.owed THEN m.amount ELSE 0 END
         - CASE WHEN d.kind = 'payable' AND d.owed THEN m.amount ELSE 0 END AS owing,
         CASE WHEN c.kind = 'deposit' THEN m.amount ELSE 0 END - CASE WHEN d.kind = 'deposit' THEN m.amount
           ELSE 0 END AS held,
         CASE WHEN d.kind = 'prepaid' THEN m.amount ELSE 0 END - CASE WHEN c.kind = 'prepaid' THEN m.amount
           ELSE 0 END AS prepaid
    FROM movement m JOIN holder d ON d.account_id = m.debit_account JOIN holder c ON c.account_id = m.credit_account
   WHERE m.amount <> 0 AND (d.owed OR c.owed)
     AND (c.kind IN ('payable', 'deposit', 'prepaid') OR d.kind IN ('payable', 'deposit', 'prepaid'))
"""
"""What movements come to for whom: ``posting`` from ``movement``."""
PLANNED_MONTHS: Final = """), planned_month AS MATERIALIZED (
  SELECT DISTINCT ON (x.area_code, p.period) x.area_code, p.period, p.pay_by, p.deposit_rate, p.claim_days
    FROM (SELECT DISTINCT area_code FROM SOURCE) x JOIN plan p ON starts_with(x.area_code, p.prefix)
   ORDER BY x.area_code, p.period, length(p.prefix) DESC
"""
"""When each month is to be paid, in the areas of a table that ``SOURCE`` stands for."""


class Wanted(Struct, frozen=True, kw_only=True):
    """Which figures: of a fiscal year, as of a day, for whom, one row per combination of ``group_by``."""

    year: int
    as_of: date
    fund: str | None = None
    area_code: str | None = None
    """A paying area, or the first digits of several."""
    hospital_code: str | None = None
    group_by: tuple[str, ...] = (FUND,)
    proposed: int | None = None
    """A statement whose deposit is taken to be ``proposed_deposit`` fen, whatever its order or the plan says."""
    proposed_deposit: int = 0


class FigureQuery(NamedTuple):
    """A query that begins with ``GIVEN``, as of these days, in rows of each of the ``groups``, which ``n`` counts;
    ``comparing`` looks at the year before as well."""

    wanted: Wanted
    query: str
    days: Collection[date]
    groups: Sequence[tuple[str, ...]] = ((),)
    comparing: bool = False
    late: bool = True
    """Whether a deduction's ``cut_period`` is asked for: what it cuts is as late as that was."""


async def looked_up(
    connection: AsyncConnection, book: PolicyBook, looks: Sequence[FigureQuery]
) -> list[Sequence[RowMapping]]:
    """The rows of each look."""
    if not looks:
        return []
    found = []
    async with hashing(connection) as since:
        for look in looks:
            whole, values = _statement(book, look)
            rows = await connection.execute(text(whole), values | span_since(since, look.days))
            found.append(rows.mappings().all())
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
        "groups": msgspec.json.encode([_group(*one) for one in enumerate(look.groups)]).decode(),
        "plans": msgspec.json.encode(list(_plans(book, wanted))).decode(),
        "floors": msgspec.json.encode(list(_floors(book, wanted.year))).decode(),
    }
    transfers, statements, values = _filters(wanted)
    # A hospital's deductions are of its bills.
    cuts = transfers.replace(NOT_CLAIMS, "") if look.late else " AND false"
    whole = look.query.format(posted=POSTED, transfers=transfers, statements=statements, cuts=cuts)
    return whole, parameters | values


def _group(number: int, by: Collection[str]) -> dict[str, object]:
    return {
        "n": number,
        "by_fund": FUND in by,
        "by_area": AREA in by,
        "by_hospital": HOSPITAL in by,
        "by_period": PERIOD in by,
    }


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
