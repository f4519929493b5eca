"""How many days pass from a settlement to its money: of what was paid whole lately, weighted by the amounts. Days are
business days of the calendar, from the posting's day to the day of the last payment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

LOOKED_BACK: Final = timedelta(days=90)
QUANTILES: Final = ((50, "0.5"), (95, "0.95"))
"""Shares in percent, as Prometheus names them."""

_DAYS: Final = text("""
SELECT area_code, fund, payee, days, sum(amount)::bigint AS amount FROM (
  SELECT o.area_code, o.fund, 'hospital' AS payee, greatest(0, o.paid_on - t.business_date) AS days, t.amount
    FROM disbursement o
    JOIN statement_item i ON i.statement_id = o.statement_id AND NOT i.withdrawn
    JOIN transfer t ON t.transfer_id = i.transfer_id AND t.fund = o.fund AND t.fiscal_year = o.fiscal_year
    JOIN account a ON a.account_id = t.credit_account AND a.kind = 'payable'
   WHERE o.state = 'paid' AND o.paid_on > :since AND o.part_id IS NOT NULL
  UNION ALL
  SELECT c.area_code, c.fund, 'person', greatest(0, c.paid_on - c.created_on), c.amount
    FROM claim c WHERE c.state = 'paid' AND c.paid_on > :since) paid
 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4""")


@dataclass(frozen=True, slots=True)
class ToMoney:
    """The least number of days within which a share of a fund's money (a text for Prometheus) was paid, to hospitals or
    to persons."""

    area_code: str
    fund: str
    payee: str
    quantile: str
    days: int


async def days_to_money(connection: AsyncConnection, day: date) -> list[ToMoney]:
    """Look at what was paid whole within 90 days before a business day. The transaction reaches everything already."""
    rows = (await connection.execute(_DAYS, {"since": day - LOOKED_BACK})).all()
    found = []
    for (area_code, fund, payee), of_fund in groupby(rows, key=lambda row: (row[0], row[1], row[2])):
        passed = [(row[3], row[4]) for row in of_fund]
        found += [
            ToMoney(area_code, fund, payee, shown, within(passed, percent=percent)) for percent, shown in QUANTILES
        ]
    return found


def within(passed: Sequence[tuple[int, int]], *, percent: int) -> int:
    """The least number of days within which this share of the amounts was paid. ``passed``: days and amounts in fen, by
    days."""
    left = sum(amount for _, amount in passed) * percent
    for days, amount in passed:
        left -= amount * 100
        if left <= 0:
            return days
    return passed[-1][0]
