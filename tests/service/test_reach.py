"""Who reaches what: not yours does not exist, and odd input stays a 4xx."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import httpx
import pytest

from tests.conftest import ADMIN_TOKEN, TokenFactory, start_service
from tests.world import World, key


@pytest.fixture
async def world(client: httpx.AsyncClient) -> World:
    """A registered poor person, three hospitals and four items of its own."""
    return await World(client).build()


async def test_another_areas_bill_can_be_neither_quoted_nor_settled(world: World, token: TokenFactory) -> None:
    """A token of an area that neither pays nor treats gets 404, and learns nothing of the person."""
    other = await token(scopes=["hospital"], area_code="532600")
    own = await token(scopes=["hospital"], area_code="530100")
    bill = world.bill()
    for path in ("/v1/quotes", "/v1/settlements"):
        refused = await world.client.post(path, json=bill, headers=key() | other)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert (await world.client.post("/v1/settlements", json=bill, headers=key() | own)).status_code == 201


async def test_a_hospital_can_not_reverse_a_claim_in_cash(world: World, token: TokenFactory) -> None:
    """What only finance may enter, only finance takes back."""
    claim = await world.settled(world.bill(paid_by="patient"))
    path = f"/v1/settlements/{claim['settlement_id']}/reversal"
    hospital = await token(scopes=["hospital"], hospital_code=world.township)
    refused = await world.client.post(path, json={"reason": "x"}, headers=key() | hospital)
    assert (refused.status_code, refused.json()["code"]) == (403, "paid_by_needs_finance")
    finance = await token(scopes=["finance"], area_code="530100")
    assert (await world.client.post(path, json={"reason": "x"}, headers=key() | finance)).status_code == 201


async def test_a_restricted_admin_issues_no_tokens(world: World, token: TokenFactory) -> None:
    """An admin of one area can't make an unrestricted token."""
    restricted = await token(scopes=["admin"], area_code="530100")
    body = {"subject": "x", "scopes": ["admin"]}
    assert (await world.client.post("/v1/tokens", json=body, headers=key() | restricted)).status_code == 403


async def test_an_expired_token_reads_nothing_anywhere(client: httpx.AsyncClient, token: TokenFactory) -> None:
    """Also where no data is read, a token that has ended is 401."""
    ended = await token(scopes=["auditor"], expires_at="2020-01-01T00:00:00+08:00")
    for path in ("/v1/policies", "/v1/policies/yunnan?on=2018-01-01", "/v1/clock"):
        answer = await client.get(path, headers=ended)
        assert (answer.status_code, answer.json()["code"]) == (401, "token_expired")


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/settlements?hospital_code=%00", 422), ("/v1/settlements/by-visit/%00/x/1", 404), ("/v1/persons/a%00b", 404)],
)
async def test_nul_in_an_address_is_a_4xx(client: httpx.AsyncClient, path: str, status: int) -> None:
    """A character that no database stores is refused before it gets there."""
    assert (await client.get(path)).status_code == status


async def test_a_used_key_with_a_faulty_body_is_a_reused_key(world: World) -> None:
    """A key stands for its first body, whether the second is right or wrong."""
    header, bill = key(), world.bill()
    assert (await world.client.post("/v1/settlements", json=bill, headers=header)).status_code == 201
    second = await world.client.post("/v1/settlements", json=bill | {"total": "1.00"}, headers=header)
    assert (second.status_code, second.json()["code"]) == (422, "idempotency_key_reused")


async def test_metrics_of_a_single_worker_count(world: World) -> None:
    """The default service, one process, has its numbers too."""
    await world.settled(world.bill())
    text = (await world.client.get("/metrics")).text
    assert 'onestop_settlements_total{kind="settlement",medical_type="21",paid_by="hospital"}' in text
    assert "onestop_build_info{" in text


async def test_production_runs_on_the_embedded_database_with_a_secret_elsewhere() -> None:
    """In production the secret comes from outside the data folder, and none is made there."""
    folder = Path(tempfile.mkdtemp(prefix="onestop-production-"))
    folder.chmod(0o755)
    try:
        (folder / "secret").write_text("ab" * 32)
        production = {"ONESTOP_ENV": "production", "ONESTOP_SECRET_KEY_FILE": str(folder / "secret")}
        process, base_url = start_service("", folder / "data", ONESTOP_CLOCK="real", **production)
        async with httpx.AsyncClient(
            base_url=base_url, headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}, timeout=30
        ) as client:
            world = await World(client).build()
            await world.settled(world.bill())
        process.terminate()
        assert process.wait(30) == 0
        assert not (folder / "data/secret.key").exists()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_the_readmes_commands_are_targets_of_make() -> None:
    """``make`` alone lists every target that the README names."""
    root = Path(__file__).parent.parent.parent
    listed = subprocess.run(["make"], cwd=root, capture_output=True, text=True, check=True, env=dict(os.environ)).stdout
    for name in ("setup", "demo", "serve", "test", "check", "bench", "soak"):
        assert f"make {name}" in listed
