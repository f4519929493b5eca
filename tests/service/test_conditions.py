"""Conditional writes: whoever sends back the version that they read doesn't overwrite what another wrote meanwhile."""

import asyncio
import secrets
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import yaml

from app.service.conditions import ANY, tags_of
from tests.registry.test_enrolments import person_body
from tests.world import World

DESCRIBED = yaml.safe_load((Path(__file__).parents[2] / "openapi.yaml").read_text(encoding="utf-8"))["paths"]
WITHOUT = "/v1/clock"
"""A clock only moves forward: whoever is late is refused anyway."""


class Thing(NamedTuple):
    """Something that is put: its path, and two states of it that differ."""

    path: str
    one: dict[str, Any]
    other: dict[str, Any]


def things(world: World) -> dict[str, Thing]:
    """One of every kind of thing that can be put, by its path in the description."""
    own, code = secrets.token_hex(5).upper(), world.county
    item = {"name": "阿莫西林", "kind": "drug", "class": "A", "first_pay_ratio": "0.0000", "restricted": False}
    hospital = {"level": 2, "rank": "county", "area_code": "530127"}
    contract = {"person_id": world.person, "hospital_code": code, "from": "2018-01-01"}
    account = {"account_name": "李某", "bank_name": "农信社", "account_number": "62284800000000001"}
    return {
        "/v1/hospitals/{code}": Thing(
            f"/v1/hospitals/H{own}", hospital | {"name": "甲医院"}, hospital | {"name": "乙医院"}
        ),
        "/v1/hospitals/{code}/gateway": Thing(
            f"/v1/hospitals/{code}/gateway",
            {"profile": "none"},
            {"profile": "A", "key_id": "k" * 8, "secret": "s" * 32},
        ),
        "/v1/hospitals/{code}/item-codes/{hospital_item_code}": Thing(
            f"/v1/hospitals/{code}/item-codes/Y{own}", {"item_code": world.item("A")}, {"item_code": world.item("B")}
        ),
        "/v1/persons/{person_id}": Thing(
            f"/v1/persons/{world.person}", person_body(world), person_body(world, name="李四")
        ),
        "/v1/persons/{person_id}/bank-account": Thing(
            f"/v1/persons/{world.person}/bank-account",
            {"bank_account": account},
            {"bank_account": account | {"bank_name": "工商银行"}},
        ),
        "/v1/persons/{person_id}/chronic-registrations/{disease_code}": Thing(
            f"/v1/persons/{world.person}/chronic-registrations/M{own}", {"from": "2018-01-01"}, {"from": "2018-02-01"}
        ),
        "/v1/catalogue/{item_code}": Thing(
            f"/v1/catalogue/X{own}",
            item | {"valid_from": "2017-01-01"},
            item | {"valid_from": "2017-01-01", "name": "乙"},
        ),
        "/v1/areas/{area_code}": Thing(
            f"/v1/areas/53{secrets.randbelow(10_000):04}", {"name": "甲县"}, {"name": "乙县"}
        ),
        "/v1/family-doctor/contracts/{contract_id}": Thing(
            f"/v1/family-doctor/contracts/F{own}", contract, contract | {"from": "2018-02-01"}
        ),
    }


PATHS = sorted(path for path, operations in DESCRIBED.items() if "put" in operations and path != WITHOUT)


@pytest.fixture
async def world(client: httpx.AsyncClient) -> World:
    """A registered poor person, three hospitals and four items of its own."""
    return await World(client).build()


@pytest.mark.parametrize("path", PATHS)
def test_every_put_takes_the_version_that_its_read_answers(path: str) -> None:
    """The description names If-Match at each PUT and ETag at the GET beside it."""
    assert "If-Match" in [one["name"] for one in DESCRIBED[path]["put"]["parameters"]]
    assert "ETag" in DESCRIBED[path]["get"]["responses"]["200"]["headers"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_put_of_what_was_read_before_another_wrote_is_refused(world: World, path: str) -> None:
    """With a former version's tag nothing is written; with the present one's, with ``*`` and without any it is."""
    client, thing = world.client, things(world)[path]
    (await client.put(thing.path, json=thing.one)).raise_for_status()
    read = await client.get(thing.path)
    former = read.headers["etag"]
    held = await client.put(thing.path, json=thing.other, headers={"If-Match": f'"another", {former}'})
    assert held.status_code == 200
    now = await client.get(thing.path)
    assert now.headers["etag"] != former
    late = await client.put(thing.path, json=thing.one, headers={"If-Match": former})
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    weak = await client.put(thing.path, json=thing.one, headers={"If-Match": f"W/{now.headers['etag']}"})
    assert weak.status_code == 412
    assert (await client.get(thing.path)).json() == now.json()
    assert (await client.put(thing.path, json=thing.one, headers={"If-Match": "*"})).status_code == 200


async def test_nothing_is_made_where_a_version_was_expected(world: World) -> None:
    """``If-Match`` of what isn't there is 412, whatever it names, and makes nothing."""
    thing = things(world)["/v1/hospitals/{code}"]
    for tag in ("*", '"0123"'):
        assert (await world.client.put(thing.path, json=thing.one, headers={"If-Match": tag})).status_code == 412
    assert (await world.client.get(thing.path)).status_code == 404


async def test_of_many_who_read_the_same_version_one_writes(world: World) -> None:
    """Eight PUTs at once from one version: one is kept, the others are told that they come late."""
    thing = things(world)["/v1/hospitals/{code}"]
    (await world.client.put(thing.path, json=thing.one)).raise_for_status()
    tag = (await world.client.get(thing.path)).headers["etag"]
    puts = [
        world.client.put(thing.path, json=thing.one | {"name": f"第{number}"}, headers={"If-Match": tag})
        for number in range(8)
    ]
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*puts))
    assert statuses == [200] + [412] * 7


async def test_a_tag_that_cant_be_read_is_said(world: World) -> None:
    """Without its quotes a tag is no tag: 400 that names the header."""
    thing = things(world)["/v1/hospitals/{code}"]
    answer = await world.client.put(thing.path, json=thing.one, headers={"If-Match": "0123"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert "If-Match" in answer.json()["detail"]


def test_tags_of_several_lines_are_one_list() -> None:
    """A header may be sent in several lines; ``*`` stands alone."""
    assert tags_of([]) is None
    assert tags_of(['"a" , W/"b"', '"c"']) == ('"a"', 'W/"b"', '"c"')
    assert tags_of([" * "]) == ANY
