"""Whose an entry of the catalogue is: what holds everywhere, and what an area says above it."""

from datetime import date
from typing import Any

import httpx
import pytest

from app.settlement.computing import by_item
from app.tiers.model import CatalogueEntry
from tests.conftest import TokenFactory
from tests.registry.test_catalogue_import import HEADINGS, line
from tests.registry.test_poverty_list import csv_file, ended
from tests.world import World, key


@pytest.fixture
async def world(client: httpx.AsyncClient) -> World:
    """A registered poor person of 530127, three hospitals and four items of its own."""
    return await World(client).build()


def entry(**changes: Any) -> dict[str, Any]:
    """A version of an item."""
    body = {"name": "某药", "kind": "drug", "class": "C", "first_pay_ratio": "1", "valid_from": "2018-05-01"}
    return body | changes


async def test_an_areas_entry_stands_above_everybodys_for_its_persons_only(world: World, token: TokenFactory) -> None:
    """What an area's token writes changes the area's bills from its first day on, and nobody else's."""
    path = f"/v1/catalogue/{world.item('A')}"
    area = await token(scopes=["registry"], area_code="530127")
    other = await token(scopes=["registry"], area_code="530300")
    before = await world.settled(world.bill("25.00"))
    written = await world.client.put(path, json=entry(), headers=area)
    assert (written.status_code, written.json()["area_code"]) == (200, "530100")
    for on, headers, class_, owner in (
        ("2018-05-02", area, "C", "530100"),
        ("2018-04-30", area, "A", None),
        ("2018-05-02", other, "A", None),
        ("2018-05-02", {}, "A", None),
    ):
        seen = (await world.client.get(path, params={"on": on}, headers=headers)).json()
        assert (seen["class"], seen["area_code"]) == (class_, owner)
    named = (await world.client.get(path, params={"on": "2018-05-02", "area_code": "530102"})).json()
    assert named["area_code"] == "530100"
    stay = {"admitted_on": "2018-04-28", "discharged_on": "2018-05-12"}
    lines = [world.line("10.00", line_no=1, day="2018-05-02"), world.line("15.00", line_no=2, day="2018-04-29")]
    after = await world.settled(world.bill("25.00", **stay, lines=lines))
    assert before["scope"]["own_expense"] == "0.00"
    assert after["scope"]["own_expense"] == "10.00"
    replayed = await world.client.post(f"/v1/settlements/{after['settlement_id']}/replay")
    assert replayed.json()["result_matches"]


async def test_an_area_does_not_rewrite_what_holds_everywhere(world: World, token: TokenFactory) -> None:
    """The version that begins on the same day stays as it was for the others; a hospital writes none."""
    path = f"/v1/catalogue/{world.item('A')}"
    area = await token(scopes=["registry"], area_code="530300")
    assert (await world.client.put(path, json=entry(valid_from="2017-01-01"), headers=area)).status_code == 200
    seen = (await world.client.get(path, params={"on": "2018-05-02"})).json()
    assert (seen["class"], seen["area_code"]) == ("A", None)
    hospital = await token(scopes=["registry"], hospital_code=world.township)
    assert (await world.client.put(path, json=entry(), headers=hospital)).status_code == 404


async def test_an_areas_file_is_about_the_areas_entries(world: World, token: TokenFactory) -> None:
    """A complete file of an area ends what the area owns and it doesn't name, and nothing else."""
    area = await token(scopes=["registry"], area_code="530400")
    ours, gone = f"XO{world.tag}", f"XG{world.tag}"
    sent = await world.client.put(f"/v1/catalogue/{gone}", json=entry(valid_from="2017-02-01"), headers=area)
    assert sent.status_code == 200
    query = {"complete": "true", "effective_on": "2019-01-01"}
    content = csv_file([line(ours), line(world.item("A"))], headings=HEADINGS)
    sent = await world.client.post(
        "/v1/catalogue/imports", params=query, content=content, headers=key() | area | {"Content-Type": "text/csv"}
    )
    job = await ended(world.client, sent)
    assert job["summary"] == {"added": 2, "ended": 1}
    stranger = await token(scopes=["registry"], area_code="530100")
    path = f"/v1/jobs/{job['job_id']}/acceptance"
    assert (await world.client.post(path, headers=key() | stranger)).status_code == 404
    assert (await world.client.post(path, headers=key() | area)).status_code == 200
    for code, headers, status in ((ours, area, 200), (ours, {}, 404), (gone, area, 404), (world.item("B"), {}, 200)):
        seen = await world.client.get(f"/v1/catalogue/{code}", params={"on": "2019-02-01"}, headers=headers)
        assert seen.status_code == status, code


def test_of_versions_that_hold_on_one_day_the_first_counts() -> None:
    """A later version is cut to the days that the ones before it leave open, whatever the order of the lines."""

    def version(class_: Any, since: date, until: date | None) -> CatalogueEntry:
        return CatalogueEntry("X", class_, 0, (None, None, None), False, since, until)

    new_year, march, may = date(2018, 1, 1), date(2018, 3, 1), date(2018, 5, 1)
    cut = by_item([version("B", march, may), version("A", new_year, None)])["X"]
    assert cut == [version("B", march, may), version("A", new_year, march), version("A", may, None)]
    assert by_item([version("B", new_year, None), version("A", march, may)])["X"] == [version("B", new_year, None)]
    apart = [version("B", march, may), version("A", new_year, march), version("C", may, None)]
    assert by_item(apart)["X"] == apart
