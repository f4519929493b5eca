"""The primary dies under load and its synchronous standby takes over: nothing acknowledged is lost or there twice."""

import asyncio
import random
import time
from collections.abc import Callable

import pytest

from tests.database.pair import STATEMENT_SECONDS, Pair, pair
from tests.faults.load import Load

pytestmark = pytest.mark.thorough

UNKNOWN = "503 outcome_unknown"
WAITING = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@pytest.mark.parametrize("frozen", [False, True], ids=["standby in step", "standby stopped before"])
async def test_a_standby_takes_over_without_loss(frozen: bool, record_property: Callable[[str, object], None]) -> None:
    """Clients settle while the primary is killed; the standby is promoted, and the same service goes on with it,
    without a hand. Where the standby had stopped before, and somebody cancelled what waited for it, nobody was told
    that anything was settled, not even by the same key sent again."""
    async with pair() as both:
        load = Load(both, random.Random(1))
        await load.prepare()
        load.begin()
        await asyncio.sleep(1.5)
        if frozen:
            await _stop_standby(both, load)
        both.kill_primary()
        both.thaw()
        since = time.monotonic()
        await both.promote()
        await load.probe()
        seconds = time.monotonic() - since
        await load.end()
        await load.converge()
        found = await load.found()
    assert found.is_right, found
    assert found.acknowledged > 5
    told = f"{found.acknowledged} bills, {found.repeated} repeated, 0 lost, 0 doubled, settled {seconds:.1f} s after"
    record_property("table", told)


async def _stop_standby(both: Pair, load: Load) -> None:
    """Stop the standby, and see that no bill is acknowledged from then on, though commits that wait are cancelled."""
    both.freeze()
    await asyncio.sleep(1)  # answers that were on their way
    told = sum(one.told is not None for one in load.sent)
    async with both.primary_owner() as owner:
        for _ in range(2 * STATEMENT_SECONDS):
            await asyncio.sleep(0.5)
            await owner.execute(WAITING)
    assert sum(one.told is not None for one in load.sent) == told
    assert load.answers[UNKNOWN] > 0
    assert any(one.tries > 2 for one in load.sent)
