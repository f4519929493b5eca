"""Employees' insurance over HTTP: a retired person's bill, from other funds, in a year of its own."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.policies import SHIPPED
from tests.conftest import ADMIN_TOKEN, start_service
from tests.tiers.packs import pack_text
from tests.world import World, key

pytestmark = pytest.mark.thorough

RULE = (
    "rule: basic, title: 基本, tier: basic, kind: share, base: in_scope, rate: rate, cap_year: cap, "
    "counts_paid: basic_paid, applies: {retirement: [RETIRED]}"
)
HEAD = 'areas: ["530127"]\ninsurance_types: ["310"]\nfunds: {"310": {basic: "310100"}}\n'


@pytest.fixture
def employees_url(database_url: str, tmp_path: Path) -> Iterator[str]:
    """A service with a pack of employees' insurance beside the shipped ones."""
    rules = [
        RULE.replace("RETIRED", "retired"),
        RULE.replace("RETIRED", "not_retired").replace("basic,", "working,", 1),
    ]
    text = pack_text(rules, {"rate": ("rate", '"0.9"'), "cap": ("yuan", "1000")})
    text = text.replace('areas: ["99"]\n', HEAD).replace("pack: words", "pack: employees")
    folder = tmp_path / "packs"
    folder.mkdir()
    for path in SHIPPED.glob("*.yaml"):
        if not path.name.endswith(".cases.yaml"):
            (folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "employees.yaml").write_text(text, encoding="utf-8")
    process, base_url = start_service(database_url, tmp_path, ONESTOP_POLICY_DIR=str(folder))
    yield base_url
    process.terminate()
    process.wait(30)


async def test_a_retired_employee_is_settled_from_the_employees_funds(employees_url: str) -> None:
    """Its own fund, its own year, a replay that matches, a reversal that gives everything back to that fund."""
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    async with httpx.AsyncClient(verify=False, base_url=employees_url, headers=headers, timeout=60) as client:
        world = await World(client).build([], insurance_type="310", retired_from="2018-05-02")
        known = (await client.get(f"/v1/persons/{world.person}")).json()
        assert (known["insurance_type"], known["retired_from"]) == ("310", "2018-05-02")
        refused = await world.settle(world.bill("2000.00"))
        assert (refused.status_code, refused.json()["code"]) == (422, "not_insured")
        settled = await world.settled(world.bill("1000.00", insurance_type="310"))
        assert settled["payables"] == [{"fund": "310100", "tier": "basic", "amount": "900.00"}]
        assert settled["trace"][1]["rule"] == "basic"
        again = await world.settled(world.bill("1000.00", insurance_type="310"))
        assert (again["portions"]["basic"], again["portions"]["patient"]) == ("100.00", "900.00")
        path = f"/v1/persons/{world.person}/years/2018"
        own = (await client.get(path, params={"insurance_type": "310"})).json()
        assert (own["basic_paid"], own["inpatient_count"], own["room"]) == ("1000.00", 2, {"basic_paid": "0.00"})
        assert (await client.get(path)).json()["basic_paid"] == "0.00"
        replayed = (await client.post(f"/v1/settlements/{again['settlement_id']}/replay")).json()
        assert (replayed["digest_matches"], replayed["result_matches"]) == (True, True)
        back = await client.post(
            f"/v1/settlements/{again['settlement_id']}/reversal", json={"reason": "重复"}, headers=key()
        )
        assert back.status_code == 201, back.text
        assert back.json()["payables"] == [{"fund": "310100", "tier": "basic", "amount": "-100.00"}]
        replayed = (await client.post(f"/v1/settlements/{back.json()['settlement_id']}/replay")).json()
        assert (replayed["digest_matches"], replayed["result_matches"]) == (True, True)
        own = (await client.get(path, params={"insurance_type": "310"})).json()
        assert (own["basic_paid"], own["inpatient_count"]) == ("900.00", 1)
