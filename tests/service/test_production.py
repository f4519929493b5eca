"""What production insists on, and what every answer bears."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.config import ConfigurationError, read_settings
from tests.conftest import ADMIN_TOKEN, ROOT, start_service
from tests.world import World


@pytest.fixture
async def named(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A service that is asked by two kinds of names only."""
    settings = {"ONESTOP_HOSTS": "onestop.example, *.yibao.example", "ONESTOP_TRUSTED_PROXIES": "127.0.0.1"}
    with tempfile.TemporaryDirectory() as folder:
        process, base_url = start_service(database_url, Path(folder), **settings)
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=60) as client:
            yield client
        process.terminate()
        process.wait(30)


async def test_other_hosts_are_refused(named: httpx.AsyncClient) -> None:
    """A name of ours is answered, with and without a port; another is 400; probes ask by address."""
    for host, status in (
        ("onestop.example", 200),
        ("ONESTOP.example:8000", 200),
        ("km.yibao.example", 200),
        ("yibao.example", 400),
        ("evil.example", 400),
        ("onestop.example.evil.example", 400),
    ):
        answer = await named.get("/v1/clock", headers={"Host": host})
        assert answer.status_code == status, host
    assert (await named.get("/livez")).status_code == 200


async def test_a_head_of_tls_insists_on_tls(named: httpx.AsyncClient) -> None:
    """HSTS stands on every answer that a proxy gave by TLS, and on none by plain HTTP."""
    for path in ("/v1/clock", "/v1/nothing", "/finance/login"):
        for scheme, told in (("https", True), ("http", False)):
            asked = {"Host": "onestop.example", "Forwarded": f"for=192.0.2.1;proto={scheme}"}
            head = (await named.get(path, headers=asked)).headers
            assert (head.get("strict-transport-security") == "max-age=31536000") is told, (path, scheme)


async def test_a_slash_at_the_end_leads_nowhere_else(client: httpx.AsyncClient) -> None:
    """The address is the one without it; no answer sends the caller to the host that they named."""
    evil = {"Host": "evil.example"}
    assert (await client.get("/v1/clock/", headers=evil)).status_code == 200
    assert (await client.get("/v1/nothing/", headers=evil)).status_code == 404
    page = await client.get("/finance/", headers=evil)
    assert "evil" not in page.headers.get("location", "")


async def test_every_head_keeps_answers_out_of_caches(client: httpx.AsyncClient) -> None:
    """API, refusal, slip and page: nosniff and no-store; the slip with a policy that lets nothing in."""
    world = await World(client).build()
    settled = await world.settled(world.bill())
    slip = f"/v1/settlements/{settled['settlement_id']}/slip"
    for path in ("/v1/clock", "/v1/nothing", f"/v1/persons/{world.person}", slip, "/finance/login"):
        head = (await client.get(path)).headers
        assert (head["x-content-type-options"], head["cache-control"]) == ("nosniff", "no-store"), path
    policy = (await client.get(slip)).headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    style = await client.get("/finance/static/vendor/tabler.min.css")
    assert "no-store" not in style.headers["cache-control"]


def test_a_short_bootstrap_token_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """In production it has 32 characters or more; elsewhere any will do."""
    monkeypatch.setenv("ONESTOP_ADMIN_TOKEN", "secret")
    read_settings()
    monkeypatch.setenv("ONESTOP_ENV", "production")
    with pytest.raises(ConfigurationError, match="ONESTOP_ADMIN_TOKEN: in production at least 32"):
        read_settings()
    monkeypatch.setenv("ONESTOP_ADMIN_TOKEN", "x" * 32)
    assert read_settings().asks_second_factor


def test_the_second_factor_stays_on_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere it is off unless asked for."""
    assert not read_settings().asks_second_factor
    monkeypatch.setenv("ONESTOP_SECOND_FACTOR", "off")
    monkeypatch.setenv("ONESTOP_ENV", "production")
    with pytest.raises(ConfigurationError, match="ONESTOP_SECOND_FACTOR"):
        read_settings()


def test_the_image_is_production() -> None:
    """Nothing in it has to be remembered to be switched on."""
    assert "ONESTOP_ENV=production" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
