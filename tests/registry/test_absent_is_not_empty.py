"""A member that a PUT doesn't send stays as it is known; only null, or an empty list, takes it away."""

from typing import Any

import httpx
import pytest

from tests.world import World


async def put(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer to a PUT that must be accepted."""
    answer = await client.put(path, json=body)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def test_a_catalogue_entry_keeps_its_ceilings(client: httpx.AsyncClient) -> None:
    """Ceilings, last day and restriction of a version stay when they aren't sent; null and false take them away."""
    world = await World(client).build()
    path = f"/v1/catalogue/{world.item('R')}2"
    whole = {"name": "甲", "kind": "drug", "class": "A", "first_pay_ratio": "0", "valid_from": "2018-01-01"}
    more = {"ceilings": {"1": "50.00"}, "valid_until": "2019-01-01", "restricted": True}
    first = await put(client, path, whole | more)
    renamed = await put(client, path, whole | {"name": "乙"})
    assert renamed == first | {"name": "乙"}
    opened = await put(client, path, whole | {"ceilings": None, "valid_until": None, "restricted": False})
    assert (opened["ceilings"], opened["valid_until"], opened["restricted"]) == (None, None, False)


async def test_an_area_keeps_its_record(client: httpx.AsyncClient) -> None:
    """Pooling area and figures of its own stay when they aren't sent."""
    path = "/v1/areas/530899"
    income = {"parameter": "safety_net.own_cap", "amount": "9862.00", "from": "2018-01-01", "document": "县统计公报"}
    first = await put(client, path, {"name": "某区", "pooling_area": "530800", "incomes": [income]})
    assert await put(client, path, {"name": "某新区"}) == first | {"name": "某新区"}
    bare = await put(client, path, {"name": "某新区", "pooling_area": None, "incomes": []})
    assert (bare["pooling_area"], bare["incomes"]) == (None, [])


async def test_a_registration_and_a_contract_keep_their_end(client: httpx.AsyncClient) -> None:
    """Who was taken off isn't put on again for ever by a request that doesn't say until when; null opens it."""
    world = await World(client).build()
    registration = f"/v1/persons/{world.person}/chronic-registrations/M00500"
    contract = f"/v1/family-doctor/contracts/C{world.tag}"
    parties = {"person_id": world.person, "hospital_code": world.township}
    for path, about in ((registration, {}), (contract, parties)):
        await put(client, path, about | {"from": "2018-01-01", "until": "2019-01-01"})
        assert (await put(client, path, about | {"from": "2018-02-01"}))["until"] == "2019-01-01"
        assert (await client.put(path, json=about | {"from": "2019-02-01"})).status_code == 422
        assert (await put(client, path, about | {"from": "2018-02-01", "until": None}))["until"] is None


@pytest.mark.parametrize("last", ["9999-12-31", "2999-12-31"])
async def test_the_end_of_time_is_no_end(client: httpx.AsyncClient, last: str) -> None:
    """9999-12-31 and 2999-12-31 mean no end in bodies and as the last day of a filter."""
    world = await World(client).build([{"class": "destitute", "from": "2016-01-01", "until": last}], insured_until=last)
    shown = (await client.get(f"/v1/persons/{world.person}")).json()
    assert (shown["insured_until"], shown["identities"][0]["until"]) == (None, None)
    settled = await world.settled(world.bill("25.00"))
    for path in ("/v1/settlements", "/v1/exports/settlements"):
        found = await client.get(
            path, params={"person_id": world.person, "to": last} | ({"format": "csv"} if "ex" in path else {})
        )
        assert found.status_code == 200, found.text
        assert settled["settlement_id"] in found.text
