"""A benefit class that a pack declares, from the registry to the settlement and the lists."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.policies import SHIPPED
from tests.conftest import ADMIN_TOKEN, start_service
from tests.tiers.test_classes import written
from tests.world import World

AREA = "990101"


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A world beside a pack with a class of its own, which rules another area."""
    for path in SHIPPED.glob("*.yaml"):
        if not path.name.endswith(".cases.yaml"):
            (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "words.yaml").write_text(written(), encoding="utf-8")
    process, base_url = start_service(database_url, tmp_path, ONESTOP_POLICY_DIR=str(tmp_path))
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=60) as client:
        yield World(client)
    process.terminate()
    process.wait(30)


async def test_a_person_of_a_declared_class_is_settled_by_its_own_rate(world: World) -> None:
    """Registered, settled with the figure of the class, said in the summary in both languages, replayed."""
    await world.build([{"class": "deep_poverty", "from": "2016-01-01"}], area_code=AREA)
    settled = await world.settled(world.bill("1000.00"))
    assert (settled["benefit_class"], settled["portions"]["basic"]) == ("deep_poverty", "900.00")
    assert settled["warnings"] == []
    path = f"/v1/settlements/{settled['settlement_id']}"
    english = (await world.client.get(path, headers={"Accept-Language": "en"})).json()
    assert "深度贫困人口" in settled["summary"][0]
    assert "deep poverty" in english["summary"][0]
    slip = await world.client.get(f"{path}/slip")
    assert "深度贫困人口" in slip.text
    for language, words in (("zh", "深度贫困人口"), ("en", "deep poverty")):
        asked = {"person_id": world.person, "format": "csv"}
        listed = await world.client.get("/v1/exports/settlements", params=asked, headers={"Accept-Language": language})
        assert words in listed.text
        assert "deep_poverty" not in listed.text
    pdf = await world.client.get(f"{path}/slip", headers={"Accept": "application/pdf"})
    assert pdf.status_code == 200
    replayed = (await world.client.post(f"{path}/replay")).json()
    assert (replayed["digest_matches"], replayed["result_matches"]) == (True, True)


async def test_where_the_pack_doesnt_know_the_class_its_person_is_ordinary(world: World) -> None:
    """In Yunnan, with a warning that says so."""
    await world.build([{"class": "deep_poverty", "from": "2016-01-01"}])
    settled = await world.settled(world.bill("1000.00"))
    assert settled["benefit_class"] == "ordinary"
    assert [warning["code"] for warning in settled["warnings"]] == ["class_unknown_to_pack"]


async def test_a_class_that_no_pack_knows_is_refused(world: World) -> None:
    """With those that there are."""
    await world.build()
    person = (await world.client.get(f"/v1/persons/{world.person}")).json()
    body = {"name": "李某", "id_number": world.id_number, "area_code": "530127", "insurance_type": "390"}
    body |= {"identities": [{"class": "very_poor", "from": "2016-01-01"}]}
    refused = await world.client.put(f"/v1/persons/{person['person_id']}", json=body)
    fault = refused.json()["errors"][0]
    assert (refused.status_code, fault["pointer"], fault["code"]) == (422, "/identities/0/class", "not_in_list")
    assert "deep_poverty" in fault["message"]
