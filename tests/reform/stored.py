"""Stored settlements to simulate over: random person-years put through HTTP, a reform, a simulation until it is
done."""

import asyncio
import random
from typing import Any

from tests.clearing.office import Office
from tests.settlement.test_chains import load
from tests.tiers import oracle
from tests.tiers.random_bills import own_names, person_year, walk_chain
from tests.world import key

HEAD = """pack: reform
title: 住院比例提高五个百分点
inherits: yunnan
areas: ["53"]
"""
HIGHER = (
    HEAD
    + """parameters:
  basic.inpatient.rate:
    title: 住院支付比例
    unit: rate
    by: [level]
    rows:
      - {class: standard, from: 2017-11-03, value: {1: "0.90", 2: "0.80", 3: "0.65"}, status: assumed,
         source: {document: assumption, clause: 方案}}
"""
)
HIGHER_RATE = {"yunnan": oracle.rates("0.90 0.80 0.65")}
DAYS = {"from": "2026-01-01", "to": "2026-12-31"}


def chains_of(seeds: range) -> list[dict[str, Any]]:
    """Random person-years of areas that Yunnan's own pack rules."""
    found = [own_names(person_year(random.Random(seed))) for seed in seeds]
    return [chain for chain in found if not chain["person"]["area_code"].startswith("5326")]


async def settle_chain(desk: Office, chain: dict[str, Any]) -> list[str]:
    """Settle a person-year's bills; the ids."""
    await load(desk.client, chain)
    ids = []
    for step in walk_chain(chain, oracle.settle):
        answer = await desk.client.post("/v1/settlements", json=step["inputs"]["bill"], headers=key())
        assert answer.status_code == 201, answer.text
        ids.append(answer.json()["settlement_id"])
    return ids


async def finished(desk: Office, job_id: str, who: str = "li") -> dict[str, Any]:
    """A job once it has ended."""
    for _ in range(1200):
        found = await desk.get(f"/jobs/{job_id}", who)
        if found["state"] not in ("queued", "running"):
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(found)


async def simulated(desk: Office, reform: str, who: str = "li", **changes: Any) -> dict[str, Any]:
    """The answer of a simulation."""
    made = await desk.do(who, "/simulations", {"pack": "yunnan", "reform": reform} | DAYS | changes)
    job = await finished(desk, made["job_id"], who)
    assert job["state"] == "done", job
    answer: dict[str, Any] = job["result"]
    return answer
