"""Nothing is declared twice and nothing is lost, however declaring, withdrawing, settling and correcting interleave."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.clearing.office import Office, office
from tests.world import World

pytestmark = pytest.mark.thorough

ROUNDS = int(os.environ.get("ONESTOP_STATEMENT_ROUNDS", "6"))

LOST = """
SELECT count(*) FROM transfer t JOIN account a ON a.account_id IN (t.debit_account, t.credit_account)
 WHERE a.kind = 'payable' AND a.party LIKE 'hospital:%' AND t.statement_id IS NULL
   AND (SELECT count(*) FROM statement_item i WHERE i.transfer_id = t.transfer_id AND NOT i.withdrawn) <> 1"""
WRONG_TOTALS = """
SELECT count(*) FROM (
  SELECT i.statement_id, t.fund, t.tier, t.clr_type, t.fiscal_year, count(*) AS postings,
         sum(CASE WHEN c.kind = 'payable' THEN t.amount ELSE -t.amount END)::bigint AS amount
    FROM statement_item i JOIN transfer t USING (transfer_id) JOIN account c ON c.account_id = t.credit_account
   GROUP BY 1, 2, 3, 4, 5) folded
  FULL JOIN statement_total s USING (statement_id, fund, tier, clr_type, fiscal_year)
 WHERE folded.postings IS DISTINCT FROM s.postings OR folded.amount IS DISTINCT FROM s.amount"""
MISPLACED = """
SELECT count(*) FROM statement_item i JOIN transfer t USING (transfer_id)
  JOIN statement s ON s.statement_id = i.statement_id
 WHERE t.hospital_code <> s.hospital_code OR t.area_code <> s.area_code OR t.period > s.period"""


@pytest.fixture
async def desk(database_server: str) -> AsyncIterator[Office]:
    """An office on 2 January 2018."""
    async with office(database_server, "2018-01-02T10:00:00+08:00") as opened:
        yield opened


async def _settle(chance: random.Random, desk: Office, world: World, settled: list[str], day: str) -> None:
    hospital = chance.choice([world.township, world.county, world.province])
    amount = f"{chance.randint(100, 90000)}.{chance.randint(0, 99):02d}"
    bill = world.bill(
        amount, hospital_code=hospital, admitted_on=day, discharged_on=day, lines=[world.line(amount, day=day)]
    )
    settled.append((await world.settled(bill))["settlement_id"])


async def _correct(chance: random.Random, desk: Office, settled: list[str]) -> None:
    if settled:
        shown = settled[chance.randrange(len(settled))]
        body = {"reason": "更正", "cascade": True}
        answer = await desk.send(None, f"/settlements/{shown}/reversal", body)
        assert answer.status_code in (201, 409), answer.text


async def _declare(chance: random.Random, desk: Office, world: World, months: list[str]) -> None:
    body = {
        "hospital_code": chance.choice([world.township, world.county, world.province]),
        "period": chance.choice(months),
    }
    answer = await desk.send("li", "/clearing/statements", body)
    assert answer.status_code in (201, 409), answer.text
    if answer.status_code == 201 and chance.random() < 0.4:
        path = f"/clearing/statements/{answer.json()['statement_id']}/withdrawal"
        assert (await desk.send("li", path, {"reason": "重报"})).status_code in (200, 409)


async def test_every_posting_is_in_exactly_one_statement(desk: Office) -> None:
    """Random months of settling, reversing with cascades, declaring and withdrawing at once; at the end all is
    declared."""
    chance = random.Random(20181126)
    worlds = [desk.world, await World(desk.client).build(), await World(desk.client).build(area_code="532601")]
    settled: list[str] = []
    months = ["2017-12"]
    for month in range(1, 1 + ROUNDS):
        day = f"2018-{month:02d}-15"
        await desk.at(f"2018-{month:02d}-15")
        acts: list[Any] = []
        for _ in range(12):
            world = chance.choice(worlds)
            acts.append(_settle(chance, desk, world, settled, day))
            acts.append(_declare(chance, desk, world, months))
            if chance.random() < 0.5:
                acts.append(_correct(chance, desk, settled))
        chance.shuffle(acts)
        await asyncio.gather(*acts)
        months.append(f"2018-{month:02d}")
    await desk.at("2019-01-02")
    for world in worlds:
        for hospital in (world.township, world.county, world.province):
            for area in ("530100", "532600"):
                body = {"hospital_code": hospital, "period": "2018-12", "area_code": area}
                await desk.do("li", "/clearing/statements", body)
    connection = await asyncpg.connect(desk.url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM statement_item WHERE NOT withdrawn") > 20 * ROUNDS
        for query in (LOST, WRONG_TOTALS, MISPLACED):
            assert await connection.fetchval(query) == 0, query
    finally:
        await connection.close()
    await desk.balanced()
