"""The monthly fees of family-doctor contracts 家庭医生签约服务费 (seed clause 8): settled for the previous month with the rest."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clearing.moves import today
from app.clearing.plan import last_day
from app.context import Caller, Service
from app.money import FEN_PER_YUAN

FUND: Final = "390100"
TIER: Final = "family_doctor"
CLR_TYPE: Final = "9914"
CAUSE: Final = "fdc_"

# A month or year that was closed keeps its figures: its late fees are dated today.
_CLOSED: Final = text("""
SELECT EXISTS (SELECT FROM fiscal_month m WHERE m.area_code = CAST(:area AS text) AND m.period = CAST(:period AS text) AND m.state <> 'open')
    OR EXISTS (SELECT FROM fiscal_year_closing y WHERE y.area_code = CAST(:area AS text) AND y.year = CAST(:year AS smallint))""")

# Of a person's contracts that were active on a day of the month, the last one is paid, once per person and month.
_POST: Final = text("""
WITH given AS (
  SELECT CAST(:area AS text) AS area, CAST(:period AS text) AS period, CAST(:year AS smallint) AS year, CAST(:first AS date) AS first,
         CAST(:last AS date) AS last, CAST(:hospital AS text) AS hospital, CAST(:hospital_area AS text) AS hospital_area,
         CAST(:fund AS text) AS fund, CAST(:fee AS bigint) AS fee, CAST(:tier AS text) AS tier, CAST(:clr_type AS text) AS clr_type,
         CAST(:cause AS text) AS cause, CAST(:day AS date) AS day, CAST(:today AS date) AS today
), due AS (
  SELECT c.contract_id FROM given g JOIN family_doctor_contract c ON c.hospital_code = g.hospital AND c.superseded_at IS NULL
    JOIN person p ON p.person_id = c.person_id
    LEFT JOIN LATERAL (SELECT a.area_code FROM person_area a WHERE a.person_id = c.person_id AND a.superseded_at IS NULL
                          AND holds_on(a.valid_from, a.valid_until, g.last)) lived ON true
   WHERE c.valid_from <= g.last AND (c.valid_until IS NULL OR c.valid_until > g.first)
     AND coalesce(area_on(coalesce(lived.area_code, p.area_code), g.last) ->> 'pooling_area',
                  left(coalesce(lived.area_code, p.area_code), 4) || '00') = g.area
     AND NOT EXISTS (SELECT FROM family_doctor_contract o WHERE o.person_id = c.person_id AND o.superseded_at IS NULL
                        AND o.valid_from > c.valid_from AND o.valid_from <= g.last)
     AND NOT EXISTS (SELECT FROM family_doctor_fee f JOIN family_doctor_contract o ON o.contract_id = f.contract_id
                      WHERE f.period = g.period AND o.person_id = c.person_id)
), year AS (
  SELECT fiscal_year_of(g.area, g.year, g.today) AS fiscal_year FROM given g
), posted AS (
  SELECT transfers_post(jsonb_agg(jsonb_build_object(
           'event', 'family_doctor', 'debit', format('area:%s/fund:%s/expense', g.area, g.fund),
           'credit', format('area:%s/fund:%s/payable/hospital:%s', g.area, g.fund, g.hospital), 'amount', g.fee,
           'area_code', g.area, 'fund', g.fund, 'tier', g.tier, 'hospital_code', g.hospital, 'hospital_area', g.hospital_area,
           'clr_type', g.clr_type, 'business_date', g.day, 'benefit_year', g.year, 'fiscal_year', y.fiscal_year,
           'cause', g.cause || d.contract_id) ORDER BY d.contract_id)) AS ids
    FROM due d CROSS JOIN given g CROSS JOIN year y HAVING count(*) > 0
)
SELECT unnest(ids) FROM posted""")
_KEEP: Final = text("""
INSERT INTO family_doctor_fee (contract_id, period, transfer_id)
SELECT substr(t.cause, length(CAST(:cause AS text)) + 1), CAST(:period AS text), t.transfer_id FROM transfer t WHERE t.transfer_id = ANY (CAST(:ids AS bigint[]))""")


def monthly_fee(service: Service) -> int | None:
    """The fee per person and month in fen; None when the operator hasn't set one (the document names no figure)."""
    fee = service.settings.family_doctor_fee
    return None if fee is None else int(fee * FEN_PER_YUAN)


async def fee_postings(
    service: Service,
    connection: AsyncConnection,
    caller: Caller,
    hospital: Mapping[str, Any],
    area_code: str,
    period: str,
    now: datetime,
) -> int | None:
    """Post the fees of an ended month that a fund of ``area_code`` owes a hospital; how many were posted.

    One fee per person and month, to the hospital whose contract was the last one active in it. Call it within the
    declaration, before its postings are collected: a second call posts nothing. None, and nothing posted, when no fee is set.
    ``caller`` is who declares; the transaction already bears that name. ``hospital`` is the registry's row.
    """
    fee = monthly_fee(service)
    if fee is None:
        return None
    last = last_day(period)
    year = last.year
    scope = {"area": area_code, "period": period, "year": year}
    closed = (await connection.execute(_CLOSED, scope)).scalar_one()
    day = today(now)
    values = scope | {
        "first": last.replace(day=1),
        "last": last,
        "hospital": hospital["code"],
        "hospital_area": hospital["area_code"],
        "fee": fee,
        "fund": FUND,
        "tier": TIER,
        "clr_type": CLR_TYPE,
        "cause": CAUSE,
        "day": day if closed else last,
        "today": day,
    }
    ids = list((await connection.execute(_POST, values)).scalars())
    if ids:
        await connection.execute(_KEEP, {"cause": CAUSE, "period": period, "ids": ids})
    return len(ids)
