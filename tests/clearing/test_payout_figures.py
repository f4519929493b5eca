"""Payout figures from sums and from raw rows, over random histories."""

import random
from datetime import date, timedelta
from typing import Any

import pytest

from tests.clearing.figures import figures_hold, month_ends
from tests.clearing.payout_history import DECLARED, History, fresh_area
from tests.clearing.test_payout_rates import FUND, OTHER, random_history

pytestmark = pytest.mark.damages("writes a history of transfers without their bills")


async def withdraw(history: History, draw: random.Random) -> None:
    """Some statements that nobody ordered are withdrawn, some weeks after they were declared; what they took is in none
    again."""
    for number, statement in history.statements.items():
        if statement.ordered or draw.random() < 0.3:
            continue
        day = statement.declared_on + timedelta(days=draw.randint(0, 60))
        await history.connection.execute("UPDATE statement SET withdrawn_on = $2 WHERE statement_id = $1", number, day)
        for item in history.events:
            if item.statement == number and item.event in DECLARED:
                item.statement = None


@pytest.mark.parametrize(
    "seed",
    [pytest.param(1, marks=pytest.mark.thorough), *(pytest.param(n, marks=pytest.mark.soak) for n in range(2, 6))],
)
async def test_figures_are_those_of_the_raw_rows(connection: Any, database_url: str, seed: int) -> None:
    """On month ends, at years' ends and on days between, whatever was summed before: with withdrawn statements, late
    bills, reversals, returns, deposits and prepayments of two years."""
    draw, history = random.Random(seed), History(connection, fresh_area())
    await random_history(history, draw)
    await withdraw(history, draw)
    for number, hospital in ((1, "H1"), (2, "H2")):
        await history.post("settlement", FUND, hospital, 700 + number, date(2020, 11, 20 + number))
    await history.declare("H1", "2021-01", date(2021, 2, 9))
    days = month_ends(date(2019, 12, 1), date(2021, 1, 1))
    days += [date(2019, 12, 20) + timedelta(days=draw.randint(0, 500)) for _ in range(6)]
    for _ in range(2):
        assert await figures_hold(database_url, history.area, (2019, 2020), sorted(days)) > 200
        await history.roll()
    await history.post("settlement", OTHER, "H1", 31, date(2021, 6, 2))
    await figures_hold(database_url, history.area, (2020,), [date(2021, 6, 1), date(2021, 6, 2)])
