"""Whether the payout figures of a database are those of its raw rows, on any day and by any group, with all of it
summed, a part or nothing, and whether the curves are these figures."""

from calendar import monthrange
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from app.clearing.payout_base import Wanted
from app.clearing.payout_curve import curve
from app.clearing.payout_months import MonthOfGroup, months_of
from app.clearing.payout_query import Figures, all_figures, required_of
from app.policies import shipped_book

BOOK = shipped_book(None)
GROUPINGS = (
    ("fund",),
    ("hospital_code",),
    ("fund", "area_code"),
    ("fund", "period"),
    ("hospital_code", "period"),
    ("fund", "area_code", "hospital_code", "period"),
)
BY_DAY = text("""
SELECT p.fiscal_year, p.event, p.debit_account, p.credit_account, sum(p.postings), sum(p.amount)
  FROM posted((SELECT since FROM last_roll()), '9999-12-31', :day) p GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4""")
FOLDED = text("""
SELECT fiscal_year, event, debit_account, credit_account, count(*), sum(amount) FROM transfer
 WHERE business_date <= :day GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4""")


async def figures_hold(url: str, area: str | None, years: Iterable[int], days: Sequence[date]) -> int:
    """Fail unless they are, of some fiscal years as of some days, in ascending order. How many rows were compared; the
    sums are left as they were."""
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    try:
        async with engine.connect() as connection, connection.begin() as transaction:
            summed = await _all(connection, area, years, days)
            for day in days:
                of_day = {"day": day}
                found = (await connection.execute(BY_DAY, of_day)).all()
                assert found == (await connection.execute(FOLDED, of_day)).all(), day
            await _curves(connection, area, years, days)
            await connection.execute(text("DELETE FROM posting_roll"))  # nothing counts as summed
            raw = await _all(connection, area, years, days)
            assert summed == raw
            await transaction.rollback()
    finally:
        await engine.dispose()
    return sum(map(len, summed))


async def figures_hold_until(url: str, last: date) -> None:
    """``figures_hold`` for the office of tests: all month ends since May 2018, and some days between, with the sums as
    they are and after a pass."""
    ends = month_ends(date(2018, 5, 1), last)
    days = sorted({*ends, *(day - timedelta(days=day.day * 7 % 23) for day in ends), last})
    years = range(2018, last.year + 1)
    await figures_hold(url, "530100", years, days)
    owner = await asyncpg.connect(url)
    try:
        await owner.execute("SELECT postings_roll()")
    finally:
        await owner.close()
    assert await figures_hold(url, "530100", years, days) > 0


async def _all(
    connection: AsyncConnection, area: str | None, years: Iterable[int], days: Sequence[date]
) -> list[list[Figures]]:
    """The figures of every grouping, each looked up by itself and all at once, which is the same."""
    found = []
    for year in years:
        for day in days:
            asked = [Wanted(year=year, as_of=day, area_code=area, group_by=one) for one in GROUPINGS]
            together = await all_figures(connection, BOOK, asked)
            number = day.toordinal() % len(asked)
            assert together[number] == (await all_figures(connection, BOOK, [asked[number]]))[0]
            found += together
            months = await months_of(connection, BOOK, asked[0], ("fund", "hospital_code"))
            needed = {row.fund: row.required for row in together[0] if row.floor is not None and row.required}
            assert await required_of(connection, BOOK, asked[0]) == needed, (year, day)
            assert [_moved(one) for one in months] == [_moved(one) for one in together[3:5]], (year, day)
    return found


def _moved(
    rows: Sequence[Figures] | Sequence[MonthOfGroup],
) -> list[tuple[str | None, str | None, str | None, int, int]]:
    """What the comparison of months shows of figures; a month that only waits for something has none there."""
    shown = [(one.fund, one.hospital_code, one.period, one.payable, one.disbursed) for one in rows]
    return [one for one in shown if one[3] or one[4]]


async def _curves(connection: AsyncConnection, area: str | None, years: Iterable[int], days: Sequence[date]) -> None:
    """The curve through every day of the year has the figures of each day that was asked for."""
    for year in years:
        wanted = Wanted(year=year, as_of=days[-1], area_code=area)
        every = [date(year, 1, 1) + timedelta(days=number) for number in range(365)] + [date(year, 12, 31)]
        through = {(one.as_of, one.fund): one for one in await curve(connection, BOOK, wanted, sorted(set(every)))}
        for day in (one for one in days if one.year == year):
            (rows,) = await all_figures(connection, BOOK, [Wanted(year=year, as_of=day, area_code=area)])
            # What is only expected of the rest of the year has a row, but no curve yet.
            seen = {one.fund: (one.payable, one.due, one.disbursed) for one in rows}
            known = dict.fromkeys(seen, (0, 0, 0))
            points = {fund: (one.payable, one.due, one.disbursed) for (at, fund), one in through.items() if at == day}
            assert known | points == seen, (year, day)


def month_ends(first: date, last: date) -> list[date]:
    """The last days of the months from one to another."""
    found, day = [], first
    while day <= last:
        end = day.replace(day=monthrange(day.year, day.month)[1])
        found.append(end)
        day = end + timedelta(days=1)
    return found
