"""The world that ``onestop demo`` makes, over real HTTP, simulated with the unchanged pack."""

import asyncio
from typing import Any

import pytest
from rich.console import Console

from app.demo.run import run_demo
from app.demo.world import PERSONS
from app.demo.year import load_demo_year
from tests.clearing.office import Office, office
from tests.conftest import ADMIN_TOKEN
from tests.reform.stored import HEAD, simulated
from tests.reform.test_simulations import over_new_year

CLOCK = "2018-05-12T10:00:00+08:00"
REFUND = {"lines": [{"line_no": 1, "quantity": "1"}], "reason": "退药", "cascade": True}


async def unchanged(desk: Office) -> dict[str, Any]:
    """What a simulation under the unchanged pack, which changes nothing anywhere, says of the books."""
    answer = await simulated(desk, HEAD, **{"from": "2018-01-01", "to": "2018-12-31"})
    shown = [answer["total"], *answer["cells"], *answer["deciles"], *answer["floor"]]
    assert {cell["difference"] for cell in shown if not cell["suppressed"]} == {"0.00"}
    assert (answer["gainers"], answer["losers"], answer["worst"]) == ([], [], [])
    assert answer["refused"] == {"baseline": 0, "reform": 0}
    return {"bills": answer["bills"], "differ": answer["stored_differs"]["bills"]}


@pytest.mark.thorough
async def test_the_demos_settlements_differ_only_where_a_correction_explains_it(database_server: str) -> None:
    """Nothing differs of what the demo settles, nor after a refund and a reversal that reach all they touch; only the
    later year does that relied on a deductible which a correction gave back, until it is reversed itself."""
    async with office(database_server, CLOCK) as desk:
        address = str(desk.client.base_url)
        others = await asyncio.to_thread(load_demo_year, address, ADMIN_TOKEN, Console(quiet=True))
        await asyncio.to_thread(run_demo, address, ADMIN_TOKEN, Console(quiet=True))
        assert others > 50
        assert await unchanged(desk) == {"bills": others + 1, "differ": 0}

        patient, *_, ordinary = PERSONS
        december, january = [await over_new_year(desk, ordinary, seq, 2018) for seq in (1, 2)]
        again = [await over_new_year(desk, patient, seq, 2018) for seq in (1, 2)]
        await desk.do(None, f"/settlements/{again[1]}/refunds", REFUND)
        assert await unchanged(desk) == {"bills": others + 5, "differ": 0}
        await desk.do(None, f"/settlements/{again[1]}/reversal", {"reason": "x"})
        assert await unchanged(desk) == {"bills": others + 4, "differ": 0}

        await desk.do(None, f"/settlements/{december}/refunds", REFUND)  # its deductible was 200 yuan
        assert await unchanged(desk) == {"bills": others + 4, "differ": 1}
        await desk.do(None, f"/settlements/{january}/reversal", {"reason": "x"})
        assert await unchanged(desk) == {"bills": others + 3, "differ": 0}
        await desk.balanced()
