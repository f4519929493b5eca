"""A lump sum once per stay: an episode's interim bills and transfers get it once, whatever is corrected later.

Half of what is in scope is paid, and 60.00 more for each stay, at most what is left. The amounts were reckoned by hand.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.policies import SHIPPED
from tests.conftest import migrated_database
from tests.settlement.test_corrections import on_worklist
from tests.tiers.packs import AREA, pack_text
from tests.within import within
from tests.world import World, key

RULES = [
    "rule: basic, title: 基本, tier: basic, kind: share, base: in_scope, rate: rate, counts_paid: basic_paid",
    "rule: once, title: 定额, tier: safety_net, kind: lump_sum, base: remaining_total, sums: sum, once_per: stay, "
    'counts_paid: safety_net_paid, applies: {medical_type: ["21", "52"]}',
]
TEXT = pack_text(RULES, {"rate": ("rate", '"0.5"'), "sum": ("yuan", "60")}, "    over_new_year: split\n")


def packs(folder: Path) -> Path:
    """The shipped packs, and that of this law."""
    folder.mkdir()
    for path in SHIPPED.glob("*.yaml"):
        if not path.name.endswith(".cases.yaml"):
            (folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "words.yaml").write_text(TEXT, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
async def client(database_server: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """A service with this law."""
    folder = tmp_path_factory.mktemp("stays")
    url = await migrated_database(database_server)
    async with within(url, folder, "manual:2021-06-01T10:00:00+08:00", policy_dir=packs(folder / "packs")) as opened:
        yield opened


@pytest.fixture
async def world(client: httpx.AsyncClient) -> World:
    """A person whom this law covers."""
    return await World(client).build([], area_code=AREA)


async def lump(world: World, amount: str, day: str, **changes: Any) -> tuple[str, str]:
    """What a bill of one day gets as a lump sum, and its number."""
    days = {"admitted_on": day, "discharged_on": day, "lines": [world.line(amount, day=day)]}
    answer = await world.settled(world.bill(amount, **days | changes))
    return answer["portions"]["safety_net"], answer["settlement_id"]


async def correct(world: World, settlement_id: str, what: str, **body: Any) -> dict[str, Any]:
    """A correction that must be accepted."""
    path = f"/v1/settlements/{settlement_id}/{what}"
    answer = await world.client.post(path, json={"reason": "x"} | body, headers=key())
    assert answer.is_success, answer.text
    return dict(answer.json())


async def paid_of_year(world: World, year: int = 2020) -> str:
    """The year's safety net so far."""
    answer = await world.client.get(f"/v1/persons/{world.person}/years/{year}")
    return str(answer.json()["safety_net_paid"])


async def test_the_bills_of_a_stay_get_it_once(world: World) -> None:
    """An interim bill whose rest is smaller gets that rest, the next one of the stay nothing more, another stay its
    own, and the stay that it was transferred to none."""
    stay = {"visit_id": "V1", "interim": True}
    assert (await lump(world, "100.00", "2020-03-01", **stay))[0] == "50.00"
    assert (await lump(world, "300.00", "2020-03-05", **stay, settle_seq=2))[0] == "0.00"
    assert (await lump(world, "300.00", "2020-04-01", visit_id="V2"))[0] == "60.00"
    onward = {"hospital_code": world.county, "visit_id": "V3"}
    from_there = {"hospital_code": world.township, "visit_id": "V2"}
    assert (await lump(world, "500.00", "2020-04-02", **onward, transfer_from=from_there))[0] == "0.00"
    assert await paid_of_year(world) == "110.00"


async def test_the_next_bill_gets_it_when_the_first_is_taken_back(world: World) -> None:
    """A reversal, and a refund that leaves nothing to pay, hand the lump sum on to the next bill of the stay; the
    readjudication of the year then finds nothing to change, and a replay agrees."""
    stay = {"visit_id": "V1", "interim": True}
    first = (await lump(world, "300.00", "2020-03-01", **stay))[1]
    second = (await lump(world, "200.00", "2020-03-05", **stay, settle_seq=2))[1]
    third = (await lump(world, "400.00", "2020-03-08", **stay, settle_seq=3))[1]
    await correct(world, first, "reversal", cascade=True)
    assert await paid_of_year(world) == "60.00"
    whole = (await world.client.get(f"/v1/settlements/{second}")).json()
    assert [one["portions"]["safety_net"] for one in (await entries(world, second))] == ["0.00", "60.00"]
    assert whole["status"] != "reversed"
    await correct(world, second, "refunds", cascade=True, lines=[{"line_no": 1, "quantity": "1"}])
    assert await paid_of_year(world) == "60.00"
    assert [one["portions"]["safety_net"] for one in (await entries(world, third))] == ["0.00", "60.00"]
    path = f"/v1/persons/{world.person}/years/2020/readjudication"
    dry = await world.client.post(path, json={"reason": "x", "dry_run": True}, headers=key())
    assert dry.json()["changes"] == []


async def entries(world: World, settlement_id: str) -> list[dict[str, Any]]:
    """A settlement and its adjustments."""
    found = (await world.client.get("/v1/settlements", params={"person_id": world.person, "limit": 100})).json()["data"]
    of_it = [one for one in found if settlement_id in (one["settlement_id"], one.get("of_settlement_id"))]
    return sorted(of_it, key=lambda one: one["kind"] != "settlement")  # ids don't tell what came first


async def test_a_stay_over_the_turn_of_the_year_gets_it_once(world: World) -> None:
    """The older part has it; neither the newer part nor the stay's next bill in the new year gets it again."""
    lines = [world.line("300.00", day="2019-12-30"), world.line("300.00", day="2020-01-02", line_no=2)]
    stay = {"visit_id": "V1", "interim": True, "admitted_on": "2019-12-30"}
    split = {"discharged_on": "2020-01-02", "lines": lines}
    assert (await lump(world, "600.00", "2019-12-30", **stay | split))[0] == "60.00"
    next_ = {"visit_id": "V1", "settle_seq": 2}
    assert (await lump(world, "300.00", "2020-01-05", **next_))[0] == "0.00"
    assert (await paid_of_year(world, 2019), await paid_of_year(world)) == ("60.00", "0.00")


async def test_a_later_year_that_relied_on_it_is_told_and_gets_it(world: World) -> None:
    """When the old year's bill is taken back, the correction warns of the new year, which waits to be computed again
    and then has the lump sum. A refund that leaves the lump sum as it is says nothing."""
    first = (await lump(world, "300.00", "2019-12-20", visit_id="V1", interim=True))[1]
    second = {"visit_id": "V1", "settle_seq": 2}
    assert (await lump(world, "300.00", "2020-01-05", **second))[0] == "0.00"
    less = await correct(world, first, "refunds", lines=[{"line_no": 1, "quantity": "0.1"}])
    assert less["warnings"] == []
    taken = await correct(world, first, "reversal")
    assert [warning["code"] for warning in taken["warnings"]] == ["later_year_affected"]
    (waiting,) = await on_worklist(world.client, world.person)
    assert (waiting["year"], waiting["reason"], waiting["amount"]) == (2020, "earlier_year_corrected", "60.00")
    body = {"reason": "x", "dry_run": False}
    path = f"/v1/persons/{world.person}/years/2020/readjudication"
    answer = await world.client.post(path, json=body, headers=key())
    assert answer.is_success, answer.text
    assert (await paid_of_year(world, 2019), await paid_of_year(world)) == ("0.00", "60.00")
