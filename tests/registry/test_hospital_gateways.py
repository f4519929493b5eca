"""How a hospital's system signs: kept encrypted, never answered, changed by two people, every change kept."""

import secrets
from typing import Any

import asyncpg
import httpx
import pytest

from tests.conftest import TokenFactory
from tests.nhsa.national import Hospital, signing
from tests.nhsa.test_gateway import failed
from tests.nhsa.test_stay import visit_id
from tests.registry.test_hospitals import body, faults, fresh, put
from tests.world import World, key


def gateway() -> dict[str, str]:
    """A new key and secret."""
    return {"profile": "A", "key_id": f"his-{secrets.token_hex(4)}", "secret": secrets.token_hex(16)}


def shown(code: str, wanted: dict[str, str]) -> dict[str, str | None]:
    """A gateway as it is answered, without its secret."""
    return {"hospital_code": code, "profile": wanted["profile"], "key_id": wanted.get("key_id")}


async def approved(client: httpx.AsyncClient, change_id: str, who: dict[str, str]) -> tuple[int, str | None]:
    """Status and code of an attempt to approve a change."""
    answer = await client.post(f"/v1/gateway-changes/{change_id}/approval", headers=who | key())
    return answer.status_code, answer.json().get("code")


async def test_a_gateways_secret_is_never_answered(
    client: httpx.AsyncClient, connection: Any, token: TokenFactory
) -> None:
    """The profile and the key id are shown, the secret is kept encrypted; a profile that signs needs both."""
    code, wanted = fresh(), gateway()
    path = f"/v1/hospitals/{code}/gateway"
    assert (await client.put(path, json=wanted)).status_code == 404
    await put(client, f"/v1/hospitals/{code}", body())
    assert (await client.get(path)).status_code == 404
    assert await put(client, path, wanted) == shown(code, wanted)
    assert (await client.get(path)).json() == shown(code, wanted)
    kept = await connection.fetchval("SELECT secret FROM hospital_gateway WHERE hospital_code = $1", code)
    assert wanted["secret"].encode() not in kept
    assert faults(await client.put(path, json={"profile": "B"})) == [("/key_id", "missing"), ("/secret", "missing")]
    hospital = await token(scopes=["hospital"], hospital_code=code)
    assert (await client.get(path, headers=hospital)).status_code == 403
    assert (await client.put(path, json=wanted, headers=hospital)).status_code == 403
    elsewhere = await token(scopes=["registry"], area_code="532600")
    assert (await client.put(path, json=wanted, headers=elsewhere)).status_code == 404
    assert (await client.get(path, headers=elsewhere)).status_code == 404


async def test_how_a_hospital_signs_changes_by_two_people(client: httpx.AsyncClient, token: TokenFactory) -> None:
    """The first holds at once; a later one waits, is shown beside what holds, and holds when another subject within
    reach has approved it, whose approval is good once."""
    code, first, second = fresh(), gateway(), gateway()
    path = f"/v1/hospitals/{code}/gateway"
    await put(client, f"/v1/hospitals/{code}", body())
    asker, other = await token(scopes=["registry"]), await token(scopes=["registry"])
    await put(client, path, first, asker)
    asked = await put(client, path, second, asker)
    change = asked.pop("gateway_change")
    assert (asked, change["state"]) == (shown(code, first), "pending")
    assert (await client.get(path)).json() == shown(code, first) | {"gateway_change": change}
    assert await approved(client, change["change_id"], asker) == (403, "maker_is_checker")
    for limits, status in (
        ({"scopes": ["registry"], "area_code": "532600"}, 404),
        ({"scopes": ["registry"], "hospital_code": code}, 404),
        ({"scopes": ["hospital"], "hospital_code": code}, 403),
        ({"scopes": ["auditor"]}, 403),
    ):
        assert (await approved(client, change["change_id"], await token(**limits)))[0] == status, limits
    assert await approved(client, change["change_id"], other) == (200, None)
    assert await approved(client, change["change_id"], other) == (409, "invalid_move")
    assert (await client.get(path)).json() == shown(code, second)


async def test_asking_for_what_holds_changes_nothing(client: httpx.AsyncClient, token: TokenFactory) -> None:
    """The same again makes no change and withdraws one that waits; a later wish replaces one that waits; another secret
    alone, and no more signing, are changes."""
    code, first = fresh(), gateway()
    path = f"/v1/hospitals/{code}/gateway"
    await put(client, f"/v1/hospitals/{code}", body())
    assert await put(client, path, first) == await put(client, path, first) == shown(code, first)
    asker, clerk = await token(scopes=["registry"]), await token(scopes=["finance"])
    changes = [
        (await put(client, path, wanted, asker))["gateway_change"]["change_id"]
        for wanted in (first | {"secret": secrets.token_hex(16)}, gateway(), {"profile": "none"})
    ]
    for change in changes[:2]:
        assert await approved(client, change, clerk) == (409, "invalid_move")
    assert await put(client, path, first) == shown(code, first)
    assert await approved(client, changes[2], clerk) == (409, "invalid_move")
    none = (await put(client, path, {"profile": "none"}, asker))["gateway_change"]["change_id"]
    assert await approved(client, none, clerk) == (200, None)
    assert (await client.get(path)).json() == shown(code, {"profile": "none"})


async def test_only_the_secret_that_holds_opens_the_door(client: httpx.AsyncClient, token: TokenFactory) -> None:
    """A secret that waits opens nothing; from its approval on the former one opens nothing."""
    world = World(client)
    await world.build()
    former = await signing(world, "A")
    credential = former.sender.credential
    path = f"/v1/hospitals/{world.township}/gateway"
    wanted = {"profile": "A", "key_id": credential.key_id, "secret": "another-secret"}
    asked = await put(client, path, wanted, await token(scopes=["registry"]))
    later = Hospital(world, credential=type(credential)("A", credential.key_id, "another-secret"))
    await failed(later, "nhsa_signature_wrong")
    await former.admitted(visit_id())
    change = asked["gateway_change"]["change_id"]
    assert await approved(client, change, await token(scopes=["registry"])) == (200, None)
    await failed(former, "nhsa_signature_wrong")
    await later.admitted(visit_id())


async def test_the_database_lets_no_key_hold_without_two_people(client: httpx.AsyncClient, connection: Any) -> None:
    """A second key isn't inserted as approved, and none is approved by who asked, or nobody; every change stays."""
    code = fresh()
    await put(client, f"/v1/hospitals/{code}", body())
    for _ in range(2):
        await put(client, f"/v1/hospitals/{code}/gateway", gateway())
    for statement in (
        "INSERT INTO hospital_gateway (hospital_code, profile, state, approved_by, subject, request_id)"
        " VALUES ($1, 'none', 'approved', 'y', 'x', 'x')",
        "UPDATE hospital_gateway SET state = 'approved' WHERE hospital_code = $1 AND state = 'pending'",
        "UPDATE hospital_gateway SET key_id = 'x' WHERE hospital_code = $1",
        "DELETE FROM hospital_gateway WHERE hospital_code = $1",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute(statement, code)
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(
            "UPDATE hospital_gateway SET state = 'approved', approved_by = subject WHERE hospital_code = $1"
            " AND state = 'pending'",
            code,
        )
    states = await connection.fetch("SELECT state FROM hospital_gateway WHERE hospital_code = $1 ORDER BY 1", code)
    assert [row["state"] for row in states] == ["approved", "pending"]
