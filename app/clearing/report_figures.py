"""The figures of the monthly report (seed clause 三(五)): who is insured, who of the poor is not, what the funds paid
for whom.

All of a paying area, from the rows as they are known now. Amounts come from the database in fen and leave as yuan.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.classes import REGISTERED_POOR
from app.basics.days import first_day, next_month
from app.basics.money import RATE_ONE, rate_text, yuan
from app.clearing.moves import Row
from app.ledger.rollup import EVER, POSTED, hashing, span_since
from app.tiers.model import FUND_TIERS

DIMENSIONS: Final = ("area_code", "benefit_class", "medical_type")
AMOUNTS: Final = (
    "total",
    "in_scope",
    "basic",
    "serious_illness",
    "supplement",
    "medical_assistance",
    "safety_net",
    "payable_adjustment",
    "hospital",
    "patient",
)
PORTIONS_OF_FUNDS: Final = FUND_TIERS

# Where a person was insured on the day, whether, and under which class; of several classes the one that takes
# precedence.
_PERSONS: Final = text("""
WITH given AS (
  SELECT CAST(:area AS text) AS area, CAST(:day AS date) AS day, CAST(:precedence AS text[]) AS precedence
), lived AS MATERIALIZED (
  SELECT p.person_id, p.insured_from, p.insured_until, g.day, g.precedence, coalesce(a.area_code,
    p.area_code) AS area_code
    FROM given g CROSS JOIN person p
    LEFT JOIN person_area a ON a.person_id = p.person_id AND a.superseded_at IS NULL AND holds_on(a.valid_from,
      a.valid_until, g.day)
), pooled AS (
  SELECT d.area_code FROM given g CROSS JOIN (SELECT DISTINCT l.area_code FROM lived l) d
   WHERE coalesce(area_on(d.area_code, g.day) ->> 'pooling_area', left(d.area_code, 4) || '00') = g.area
), known AS (
  SELECT l.area_code, coalesce(c.class, 'ordinary') AS benefit_class, coalesce(c.poor, false) AS poor,
         coalesce((SELECT bool_or(holds_on(i.valid_from, i.valid_until, l.day)) FROM insured_period i
                    WHERE i.person_id = l.person_id AND i.superseded_at IS NULL),
                  holds_on(l.insured_from, l.insured_until, l.day)) AS insured
    FROM lived l JOIN pooled USING (area_code)
    LEFT JOIN LATERAL (
         SELECT (array_agg(i.class ORDER BY array_position(l.precedence, i.class))
                   FILTER (WHERE i.class = ANY (l.precedence)))[1] AS class,
           bool_or(i.class = :poor) AS poor
           FROM identity i WHERE i.person_id = l.person_id AND i.superseded_at IS NULL AND holds_on(i.valid_from,
             i.valid_until, l.day)) c ON true
)
SELECT area_code, benefit_class, count(*) FILTER (WHERE insured) AS persons,
       count(*) FILTER (WHERE poor) AS registered_poor, count(*) FILTER (WHERE poor AND insured) AS insured
  FROM known GROUP BY area_code, benefit_class ORDER BY area_code, benefit_class""")

# A reversal takes its bill off the month it was made in; a person counts whose bill still stands at the end of the days
# asked. Bills are added up by kind (county, class, medical type), of which there are few. Every kind is a bit: persons
# with the same bits are counted together, so that nobody counts twice where kinds are taken together.
_SUMS: Final = ", ".join(f"sum(s.{name})::bigint AS {name}" for name in AMOUNTS)
_SUMS_OF_KINDS: Final = ", ".join(f"sum(k.{name})::bigint AS {name}" for name in AMOUNTS)
_MARKED: Final = """
  SELECT k.*, overlay(repeat('0', k.kinds::integer) PLACING '1' FROM k.number::integer)::varbit AS bits FROM kind k"""
_PERSONS_OF: Final = """
(SELECT coalesce(sum(c.persons), 0)::bigint FROM counted c WHERE bit_count(c.bits & {bits}) > 0) AS persons"""
_BENEFITS: Final = text(f"""
WITH given AS (
  SELECT CAST(:area AS text) AS area, CAST(:since AS date)::timestamp AT TIME ZONE 'Asia/Shanghai' AS since,
         CAST(:until AS date)::timestamp AT TIME ZONE 'Asia/Shanghai' AS until
), kind AS MATERIALIZED (
  SELECT row_number() OVER () AS number, count(*) OVER () AS kinds, k.* FROM (
    SELECT h.area_code, s.benefit_class, s.medical_type,
           count(*) FILTER (WHERE s.kind = 'settlement') - count(*) FILTER (WHERE s.kind = 'reversal') AS bills,
           array_agg(s.person_id) FILTER (WHERE s.kind = 'settlement' AND r.settlement_id IS NULL) AS standing, {_SUMS}
      FROM given g JOIN settlement s ON s.paying_area = g.area AND s.settled_at >= g.since AND s.settled_at < g.until
      LEFT JOIN settlement r ON r.of_settlement_id = s.settlement_id AND r.kind = 'reversal' AND r.settled_at < g.until
      LEFT JOIN person p ON p.person_id = s.person_id
      LEFT JOIN person_area a ON a.person_id = p.person_id AND a.superseded_at IS NULL
            AND holds_on(a.valid_from, a.valid_until, s.admitted_on),
           LATERAL (SELECT coalesce(a.area_code, p.area_code) AS area_code) l,
           LATERAL (SELECT CASE WHEN left(l.area_code, 4) = left(g.area, 4) THEN l.area_code
                                ELSE g.area END AS area_code) h
     GROUP BY 1, 2, 3) k
), marked AS MATERIALIZED ({_MARKED}
), counted AS MATERIALIZED (
  SELECT b.bits, count(*) AS persons FROM (
    SELECT bit_or(k.bits) AS bits FROM marked k, unnest(k.standing) p(person_id) GROUP BY p.person_id) b GROUP BY 1
), summed AS (
  SELECT k.area_code, k.benefit_class, k.medical_type, sum(k.bills)::bigint AS bills, bit_or(k.bits) AS bits,
         grouping(k.area_code, k.benefit_class, k.medical_type) AS grouped, {_SUMS_OF_KINDS}
    FROM marked k
   GROUP BY GROUPING SETS ((k.area_code, k.benefit_class, k.medical_type), (k.benefit_class), (k.area_code),
     (k.medical_type), ()) HAVING count(*) > 0)
SELECT s.*, {_PERSONS_OF.format(bits="s.bits")} FROM summed s ORDER BY area_code, benefit_class, medical_type""")

# Money and postings are those of the sums (decision 0034); whom it was paid for is known of each posting only.
_OWED_TO_ALL: Final = """
 WHERE t.area_code = :area AND t.period BETWEEN :since AND :until
   AND t.event IN ('settlement', 'adjustment', 'reversal', 'recovery', 'family_doctor')"""
_FUNDS: Final = text(f"""
WITH kind AS MATERIALIZED (
  SELECT row_number() OVER () AS number, count(*) OVER () AS kinds, k.* FROM (
    SELECT t.fund, t.tier, t.clr_type, sum(t.postings)::bigint AS postings,
           sum(CASE c.kind WHEN 'payable' THEN t.amount ELSE -t.amount END)::bigint AS amount
      FROM {POSTED} t JOIN account c ON c.account_id = t.credit_account{_OWED_TO_ALL} GROUP BY 1, 2, 3) k
), marked AS MATERIALIZED ({_MARKED}
), bill AS (
  SELECT t.settlement_id, CASE WHEN t.settlement_id IS NULL THEN t.cause END AS cause, bit_or(k.bits) AS bits
    FROM transfer t JOIN marked k USING (fund, tier, clr_type){_OWED_TO_ALL} GROUP BY 1, 2
), counted AS MATERIALIZED (
  SELECT b.bits, count(b.person) AS persons FROM (
    SELECT coalesce(s.person_id, b.cause) AS person, bit_or(b.bits) AS bits
      FROM bill b LEFT JOIN settlement s USING (settlement_id) GROUP BY 1) b GROUP BY 1)
SELECT k.fund, k.tier, k.clr_type, k.postings, k.amount, {_PERSONS_OF.format(bits="k.bits")}
  FROM marked k ORDER BY k.fund, k.tier, k.clr_type""")

_GROUPS: Final = {0b000: "rows", 0b101: "by_class", 0b011: "by_area", 0b110: "by_medical_type"}
_EVERYTHING: Final = 0b111


class EnrolmentRow(Struct):
    """How many insured persons of a class live in a county (or in the pooling area itself)."""

    area_code: str
    benefit_class: str
    persons: int


class Enrolment(Struct):
    """The insured persons of the area on a day; each under the class that takes precedence."""

    day: date
    persons: int
    rows: list[EnrolmentRow]


class CoverageRow(Struct):
    """Of the registered poor of a county, whatever their other classes, how many are insured; ``share`` rounded
    down."""

    area_code: str | None
    registered_poor: int
    insured: int
    not_insured: int
    share: str | None


class Coverage(Struct):
    """The registered poor on the last day, and by county."""

    total: CoverageRow
    rows: list[CoverageRow]


class BenefitRow(Struct):
    """Bills net of reversals, persons with a bill that stands, and money in yuan; null where the row is over all of
    them. ``share_paid``: of the total what the funds' portions bear, ``share_of_scope``: of what is in scope; both
    rounded down."""

    area_code: str | None
    benefit_class: str | None
    medical_type: str | None
    bills: int
    persons: int
    total: str
    in_scope: str
    basic: str
    serious_illness: str
    supplement: str
    medical_assistance: str
    safety_net: str
    fund_total: str
    payable_adjustment: str
    hospital: str
    patient: str
    share_paid: str | None
    share_of_scope: str | None


class FundRow(Struct):
    """What a fund owes by tier and clearing category: postings, persons, yuan; family doctors' fees included."""

    fund: str
    tier: str
    clr_type: str
    postings: int
    persons: int
    amount: str


class Benefits(Struct):
    """Of some months: everything, the same by class, by county, by medical type, by all three, and by fund."""

    total: BenefitRow
    by_class: list[BenefitRow]
    by_area: list[BenefitRow]
    by_medical_type: list[BenefitRow]
    rows: list[BenefitRow]
    funds: list[FundRow]


async def enrolment_and_coverage(
    connection: AsyncConnection, area_code: str, day: date, precedence: Sequence[str]
) -> tuple[Enrolment, Coverage]:
    """Who is insured on a day, and who of the registered poor is. ``precedence``: the classes, the strongest first."""
    values = {"area": area_code, "day": day, "precedence": list(precedence), "poor": REGISTERED_POOR}
    rows = (await connection.execute(_PERSONS, values)).mappings().all()
    enrolled = [EnrolmentRow(row["area_code"], row["benefit_class"], row["persons"]) for row in rows if row["persons"]]
    counties: dict[str, tuple[int, int]] = {}
    for row in rows:
        poor, insured = counties.get(row["area_code"], (0, 0))
        counties[row["area_code"]] = (poor + row["registered_poor"], insured + row["insured"])
    covered = [_covered(county, *counts) for county, counts in counties.items() if counts[0]]
    total = _covered(None, sum(row.registered_poor for row in covered), sum(row.insured for row in covered))
    return Enrolment(day, sum(row.persons for row in enrolled), enrolled), Coverage(total, covered)


def _covered(area_code: str | None, registered_poor: int, insured: int) -> CoverageRow:
    return CoverageRow(area_code, registered_poor, insured, registered_poor - insured, _share(insured, registered_poor))


async def benefits(connection: AsyncConnection, area_code: str, *, since: str, until: str) -> Benefits:
    """What was settled in the months from ``since`` to ``until`` (both included), by the business day of settling."""
    days = {"since": first_day(since), "until": next_month(until)}
    months = {"area": area_code, "since": since, "until": until}
    async with hashing(connection) as rolled:
        rows = (await connection.execute(_BENEFITS, {"area": area_code} | days)).mappings().all()
        funds = (await connection.execute(_FUNDS, months | span_since(rolled, [EVER]))).mappings().all()
    groups: dict[str, list[BenefitRow]] = {name: [] for name in _GROUPS.values()}
    total = _benefit_row(dict.fromkeys(DIMENSIONS) | dict.fromkeys(("bills", "persons", *AMOUNTS), 0))
    for row in rows:
        if row["grouped"] == _EVERYTHING:
            total = _benefit_row(dict(row))
        else:
            groups[_GROUPS[row["grouped"]]].append(_benefit_row(dict(row)))
    return Benefits(
        total=total, funds=[FundRow(**(dict(row) | {"amount": yuan(row["amount"])})) for row in funds], **groups
    )


def _benefit_row(row: Row) -> BenefitRow:
    paid = sum(row[name] for name in PORTIONS_OF_FUNDS)
    money = {name: yuan(row[name]) for name in AMOUNTS} | {"fund_total": yuan(paid)}
    shares = {"share_paid": _share(paid, row["total"]), "share_of_scope": _share(paid, row["in_scope"])}
    counted = {name: row[name] for name in (*DIMENSIONS, "bills", "persons")}
    return msgspec.convert(counted | money | shares, BenefitRow)


def _share(part: int, whole: int) -> str | None:
    """``part ÷ whole`` rounded down to four decimals; None where there is no whole to speak of, or more than all of
    it."""
    return rate_text(part * RATE_ONE // whole) if whole > 0 and part >= 0 else None
