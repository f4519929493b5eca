"""Sums of what was posted: right at any moment, whether a pass has taken everything, a part, or nothing."""

from typing import Any

import asyncpg
import pytest

from tests.clearing.office import Office, office
from tests.conftest import of_app

OPEN = "SELECT service_open('30s')"
FOUND = """
SELECT day, fund, event, debit_account, credit_account, sum(postings) AS postings, sum(amount) AS amount
  FROM posted((SELECT since FROM last_roll()), '0001-01-01', '9999-12-31')
 GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"""
FOLD = """
SELECT business_date, fund, event, debit_account, credit_account, count(*), sum(amount) FROM transfer
 GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"""
MONTHS = """
SELECT month_end(day), sum(postings), sum(amount)
  FROM posted((SELECT since FROM last_roll()), '9999-12-31', '9999-12-31') GROUP BY 1 ORDER BY 1"""
FOLDED_MONTHS = "SELECT month_end(business_date), count(*), sum(amount) FROM transfer GROUP BY 1 ORDER BY 1"
AGAIN = """
INSERT INTO transfer (event, debit_account, credit_account, amount, area_code, fund, tier, hospital_code, hospital_area,
  clr_type, business_date, period, benefit_year, fiscal_year, subject, request_id)
SELECT event, debit_account, credit_account, amount, area_code, fund, tier, hospital_code, hospital_area, clr_type,
       business_date, period, benefit_year, fiscal_year, 'test', 'test'
  FROM transfer WHERE event = 'settlement' LIMIT 1"""


@pytest.fixture(scope="module")
async def desk(database_server: str) -> Any:
    """An office with two months of bills, one of them declared."""
    async with office(database_server, "2018-05-20T10:00:00+08:00") as opened:
        await opened.settled("1000.00", "2018-05-20")
        await opened.at("2018-06-10")
        await opened.approved("2018-05")
        await opened.settled("800.00", "2018-06-05")
        yield opened


async def summed(url: str) -> None:
    """What ``posted()`` gives is what all transfers come to, by day and by month."""
    app = await asyncpg.connect(of_app(url))
    try:
        async with app.transaction():
            await app.execute(OPEN)
            assert [tuple(row) for row in await app.fetch(FOUND)] == [tuple(row) for row in await app.fetch(FOLD)]
            months = [tuple(row) for row in await app.fetch(MONTHS)]
            assert months == [tuple(row) for row in await app.fetch(FOLDED_MONTHS)]
    finally:
        await app.close()


async def rolled(url: str) -> int:
    """A pass, as the service makes it; how many transfers it took."""
    app = await asyncpg.connect(of_app(url))
    try:
        return int(await app.fetchval("SELECT postings_roll()"))
    finally:
        await app.close()


@pytest.mark.damages("posts the same transfer again behind the service")
async def test_a_posting_is_summed_once_whenever_it_commits(desk: Office) -> None:
    """A transaction that posts and stays open while two passes are made is in neither; then it is in the tail, then in
    the sums, and at each moment everything counts once."""
    owner, other = await asyncpg.connect(desk.url), await asyncpg.connect(desk.url)
    try:
        await summed(desk.url)
        assert await rolled(desk.url) > 0
        await summed(desk.url)
        late = owner.transaction()
        await late.start()
        await owner.execute(AGAIN)
        await other.execute(AGAIN)  # a younger one that commits first
        await rolled(desk.url)
        await summed(desk.url)
        assert await rolled(desk.url) == 0
        await late.commit()
        await summed(desk.url)
        assert await rolled(desk.url) == 2
        await summed(desk.url)
    finally:
        await owner.execute("DELETE FROM posting_roll")
        await owner.close()
        await other.close()


async def test_sums_of_another_cluster_count_for_nothing(desk: Office) -> None:
    """A restored database is another cluster, which counts transactions anew: everything is read, then summed again."""
    owner = await asyncpg.connect(desk.url)
    try:
        await owner.execute("DELETE FROM posting_sum; DELETE FROM posting_roll")
        await rolled(desk.url)
        await owner.execute("UPDATE posting_roll SET cluster = 1; UPDATE posting_sum SET amount = amount + 1")
        await summed(desk.url)
        assert await rolled(desk.url) == await owner.fetchval("SELECT count(*) FROM transfer")
        await summed(desk.url)
    finally:
        await owner.close()
