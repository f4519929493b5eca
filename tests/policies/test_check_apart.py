"""Checking a pack's text takes nothing from anybody else, and has bounds."""

import asyncio
from time import monotonic

import httpx
import pytest

from app.policies import SHIPPED, checking
from app.policies.checking import checked_apart


async def test_a_text_of_many_wrong_keys_blocks_nobody(client: httpx.AsyncClient) -> None:
    """190 KB of keys that no pack has are checked in seconds, and the service answers others meanwhile."""
    text = "".join(f"k{number:06d}: x\n" for number in range(19_000))
    checking_ = asyncio.create_task(client.post("/v1/policies/yunnan/check", json={"text": text}))
    slowest = 0.0
    while not checking_.done():
        started = monotonic()
        assert (await client.get("/livez")).status_code == 200
        slowest = max(slowest, monotonic() - started)
        await asyncio.sleep(0.02)
    answer = await checking_
    assert (answer.status_code, answer.json()["ok"], len(answer.json()["findings"])) == (200, False, 200)
    assert answer.elapsed.total_seconds() < 20
    assert slowest < 2


async def test_a_sound_text_is_told_its_digest(client: httpx.AsyncClient) -> None:
    """What the process found comes back whole."""
    text = (SHIPPED / "yunnan.yaml").read_text(encoding="utf-8")
    answer = (await client.post("/v1/policies/yunnan/check", json={"text": text})).json()
    known = (await client.get("/v1/policies/yunnan", params={"on": "2018-05-12"})).json()
    assert (answer["ok"], answer["digest"]) == (True, known["digest"])


async def test_what_goes_beyond_its_bounds_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that isn't done in time is ended, and said to be too much."""
    monkeypatch.setattr(checking, "MOST_WAITED_SECONDS", 0.01)
    found = await checked_apart({"x": "title: x\n"}, "x")
    assert (found.ok, found.findings) == (False, [checking.TOO_MUCH.format(pack="x")])
