"""The monthly fees of family-doctor contracts 家庭医生签约服务费 (seed clause 8): settled for the previous month with
the rest."""

from datetime import date, datetime
from typing import Final

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.basics.days import last_day
from app.basics.errors import Refused
from app.basics.money import FEN_PER_YUAN
from app.clearing.moves import today
from app.clearing.posting import Cause, Posting, Purse, fiscal_year_of, post, posting
from app.service.caller import Service
from app.tiers.model import FUNDS
from app.tiers.policy import PolicyBook

TIER: Final = "family_doctor"
CLR_TYPE: Final = "9914"
CAUSE: Final = "fdc_"

# A month or year that was closed keeps its figures: its late fees are dated today.
_CLOSED: Final = text("""
SELECT month_state(:area, :period) <> 'open'
    OR EXISTS (SELECT FROM fiscal_year_closing y WHERE y.area_code = :area AND y.year = CAST(:year AS smallint))""")

# Of a person's contracts that were active on a day of the month, the last one is paid, once per person and month.
_DUE: Final = text("""
WITH given AS (
  SELECT CAST(:area AS text) AS area, CAST(:period AS text) AS period, CAST(:first AS date) AS first,
    CAST(:last AS date) AS last,
         CAST(:hospital AS text) AS hospital)
SELECT c.contract_id, p.insurance_type FROM given g JOIN family_doctor_contract c ON c.hospital_code = g.hospital
  AND c.superseded_at IS NULL
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
 ORDER BY c.contract_id""")
_KEEP: Final = text("""
INSERT INTO family_doctor_fee (contract_id, period, transfer_id)
SELECT substr(t.cause, length(CAST(:cause AS text)) + 1), CAST(:period AS text), t.transfer_id
  FROM transfer t WHERE t.transfer_id = ANY (CAST(:ids AS bigint[]))""")


def monthly_fee(service: Service) -> int | None:
    """The fee per person and month in fen; None when the operator hasn't set one (the document names no figure)."""
    fee = service.settings.family_doctor_fee
    return None if fee is None else int(fee * FEN_PER_YUAN)


async def fee_postings(
    service: Service,
    connection: AsyncConnection,
    purse: Purse,
    period: str,
    now: datetime,
) -> int | None:
    """Post the fees of an ended month that the basic funds owe a hospital, each for its insured, whatever fund and year
    ``purse`` names; how many were posted.

    One fee per person and month, to the hospital whose contract was the last one active in it. Call it within the
    declaration, before its postings are collected: a second call posts nothing. None when fees are due but none is set.
    """
    last = last_day(period)
    scope = {"area": purse.area_code, "period": period}
    days = {"first": last.replace(day=1), "last": last, "hospital": purse.hospital_code}
    contracts = [(str(one), str(kind)) for one, kind in await connection.execute(_DUE, scope | days)]
    fee = monthly_fee(service)
    if not contracts or fee is None:
        return None if contracts else 0
    closed = (await connection.execute(_CLOSED, scope | {"year": last.year})).scalar_one()
    year = await fiscal_year_of(connection, purse.area_code, last.year, today(now))
    funds = {kind: _fund(service.book, purse.area_code, last, kind) for _, kind in contracts}
    mine = {kind: msgspec.structs.replace(purse, fund=fund, fiscal_year=year) for kind, fund in funds.items()}
    day = today(now) if closed else last
    fees = [_fee(mine[kind], fee, Cause(f"{CAUSE}{contract}", day)) for contract, kind in contracts]
    ids = await post(connection, [msgspec.structs.replace(item, benefit_year=last.year) for item in fees])
    await connection.execute(_KEEP, {"cause": CAUSE, "period": period, "ids": list(ids)})
    return len(ids)


def _fund(book: PolicyBook, area_code: str, day: date, insurance_type: str) -> str:
    """The basic fund of an insurance type: funds are never mixed. Residents' where no pack of the area has the type."""
    try:
        return book.on(day, area_code, insurance_type).fund("basic", insurance_type)
    except Refused:
        return FUNDS["basic"]


def _fee(purse: Purse, amount: int, cause: Cause) -> Posting:
    """What the fund owes the hospital for one contract and month."""
    owed = posting(purse, "family_doctor", debit=purse.expense, credit=purse.payable, amount=amount, cause=cause)
    return msgspec.structs.replace(owed, tier=TIER, clr_type=CLR_TYPE)
