"""What was payable and paid by month, for the comparison of months (docs/specification/clearing.md, section 7): the
``payable`` and ``disbursed`` of ``payout_figures``, without what those look up besides. Amounts in fen."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clearing.payout_base import PERIOD, FigureQuery, Wanted, looked_up
from app.clearing.payout_query import PLANNED, YEAR_END
from app.tiers.policy import PolicyBook

_MONTHS: Final = (
    PLANNED
    + YEAR_END
    + """, counted AS (
  SELECT g.n, b.fund, b.hospital_code, b.period, b.incurred - b.deductions AS payable, b.cash + b.offset_ AS paid
    FROM bucket b JOIN grouped g ON NOT (g.by_hospital AND b.person)
  UNION ALL SELECT y.n, y.fund, y.hospital_code, y.period, 0, y.amount FROM year_end y
)
SELECT g.n, CASE WHEN g.by_fund THEN c.fund END AS fund, CASE WHEN g.by_hospital THEN c.hospital_code END
         AS hospital_code, c.period, sum(c.payable)::bigint AS payable, sum(c.paid)::bigint AS disbursed
  FROM counted c JOIN grouped g USING (n) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"""
)


class MonthOfGroup(Struct, frozen=True):
    """What a fund or a hospital was owed and paid of a month."""

    fund: str | None
    hospital_code: str | None
    period: str
    payable: int
    disbursed: int


async def months_of(
    connection: AsyncConnection, book: PolicyBook, wanted: Wanted, groups: Sequence[str]
) -> list[list[MonthOfGroup]]:
    """The months of a fiscal year as of ``wanted.as_of``, for each group (``fund``, ``hospital_code``) one list;
    ``wanted.group_by`` doesn't count. Claims of persons are no hospital's."""
    look = FigureQuery(wanted, _MONTHS, [wanted.as_of], [(group, PERIOD) for group in groups], late=False)
    (rows,) = await looked_up(connection, book, [look])
    return [[msgspec.convert(dict(row), MonthOfGroup) for row in rows if row["n"] == n] for n in range(len(groups))]
