"""What operators rely on: health, version, metrics over several workers, shutdown, the OpenAPI document."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import httpx
import pytest
import yaml
from openapi_spec_validator import validate

from app.main import describe_app
from tests.conftest import ADMIN_TOKEN, ROOT, Running, free_port, start_service
from tests.world import World, key

WORKERS = 2


@pytest.fixture
def two_workers(database_url: str) -> Iterator[tuple[Running, str]]:
    """A service of two workers over the shared database."""
    with tempfile.TemporaryDirectory() as folder:
        process, base_url = start_service(database_url, Path(folder), workers=WORKERS, ONESTOP_SECRET_KEY="ab" * 32)
        yield process, base_url
        process.terminate()
        process.wait(30)


async def test_health_and_version(client: httpx.AsyncClient) -> None:
    """Alive, ready with each check named, and the version, without a token."""
    bare = {"Authorization": ""}
    assert (await client.get("/livez", headers=bare)).json() == {"status": "ok"}
    ready = (await client.get("/readyz", headers=bare)).json()
    assert ready == {
        "status": "ok",
        "checks": {"database": "ok", "migrations": "ok", "key": "ok", "write": "ok"},
        "degraded": {},
    }
    assert set((await client.get("/version", headers=bare)).json()) == {"version", "engine_version", "migration"}


async def ready_with(client: httpx.AsyncClient, status: int) -> httpx.Response:
    """The answer of ``/readyz`` once it has this status: its last probe is at most ten seconds old."""
    for _ in range(600):
        answer = await client.get("/readyz")
        if answer.status_code == status:
            return answer
        await asyncio.sleep(0.05)
    raise AssertionError(f"/readyz doesn't become {status}")


async def test_a_schema_that_does_not_fit_is_not_ready(
    client: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    """Once a later release needs later code, this one says at /readyz that it may not serve, and which release may."""
    stored = await connection.fetchrow("SELECT schema_version, oldest_code FROM schema_state")
    move = "UPDATE schema_state SET schema_version = $1, oldest_code = $2"
    await connection.execute(move, stored["schema_version"] + 3, stored["schema_version"] + 2)
    try:
        answer = await ready_with(client, 503)
    finally:
        await connection.execute(move, *stored)
        await ready_with(client, 200)
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert f"schema version {stored['schema_version'] + 2} or later" in answer.json()["checks"]["migrations"]


def metric(text: str, name: str, *labels: str) -> float:
    """The sum of a metric's samples that have all the labels."""
    rows = [row for row in text.splitlines() if row.startswith(name) and all(label in row for label in labels)]
    return sum(float(row.rsplit(" ", 1)[1]) for row in rows)


@pytest.mark.thorough
async def test_metrics_are_right_with_several_workers(two_workers: tuple[Running, str]) -> None:
    """Whichever worker answers, /metrics counts what all of them settled, replayed and refused, money included."""
    _, base_url = two_workers
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=30) as shared:
        world = await World(shared).build()
    seen = set()
    for _ in range(12):
        async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=30) as fresh:
            world.client = fresh
            await world.settled(world.bill())
            assert (await world.settle(world.bill(total="1.00"))).status_code == 422
            text = (await fresh.get("/metrics")).text
            seen.add(metric(text, "onestop_settlements_total", 'kind="settlement"'))
            assert metric(text, "onestop_portion_yuan_total", 'portion="basic"') >= 23.75 * len(seen)
    assert seen == {float(count) for count in range(1, 13)}
    assert metric(text, "onestop_rejections_total", 'code="total_mismatch"', 'route="/v1/settlements"') == 12
    assert metric(text, "onestop_http_requests_total", 'route="/v1/settlements"', 'status="201"') == 12
    assert metric(text, "onestop_engine_seconds_count") == 12
    assert metric(text, "onestop_lock_wait_seconds_count") >= 12
    assert world.person not in text


def children(pid: int) -> list[int]:
    """The processes below a process."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    direct = [child for child, parent in parents.items() if parent == pid]
    return direct + [grandchild for child in direct for grandchild in children(child)]


@pytest.mark.thorough
def test_workers_do_not_outlive_their_parent(two_workers: tuple[Running, str]) -> None:
    """When the parent is killed, its workers leave the port free."""
    process, base_url = two_workers
    below = children(process.pid)
    assert len(below) >= WORKERS
    process.kill()
    process.wait()
    for _ in range(100):
        try:
            httpx.get(f"{base_url}/livez", timeout=1)
        except httpx.ConnectError:
            break
        except httpx.TransportError:
            pass  # it was leaving in the middle of this request
        time.sleep(0.1)
    else:
        pytest.fail("a worker still answers")


@pytest.mark.thorough
def test_the_service_recovers_after_everything_was_killed() -> None:
    """Service and embedded database killed at once: the same command on the same port and folder is ready again."""
    folder = Path(tempfile.mkdtemp(prefix="onestop-kill-"))
    folder.chmod(0o755)
    port = free_port()
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port), "--data-dir", str(folder / "data")]
    environment = {name: value for name, value in os.environ.items() if name != "ONESTOP_DATABASE_URL"}
    environment |= {"ONESTOP_ADMIN_TOKEN": ADMIN_TOKEN, "ONESTOP_LOG_LEVEL": "warning"}
    for last in (False, True):
        process = subprocess.Popen(command, env=environment, cwd=ROOT)
        for _ in range(600):
            assert process.poll() is None
            try:
                if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.05)
        else:
            pytest.fail("not ready")
        below = children(process.pid)
        if last:
            process.terminate()
            assert process.wait(30) == 0
        else:
            for pid in [process.pid, *below]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()
    assert not [pid for pid in below if Path(f"/proc/{pid}").exists()]
    shutil.rmtree(folder)


def test_a_manual_clock_is_refused_in_production(database_url: str) -> None:
    """The service does not start, and says why."""
    environment = os.environ | {
        "ONESTOP_DATABASE_URL": database_url,
        "ONESTOP_CLOCK": "manual:2018-05-12T10:00:00+08:00",
        "ONESTOP_ENV": "production",
        "ONESTOP_SECRET_KEY": "ab" * 32,
    }
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(free_port())]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "ONESTOP_CLOCK" in done.stderr + done.stdout


def test_openapi_yaml_is_the_running_application() -> None:
    """The committed document equals the application's, and is valid OpenAPI."""
    committed = yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))
    assert committed == json.loads(json.dumps(describe_app().openapi()))
    validate(committed)


async def test_requests_carry_their_id(client: httpx.AsyncClient) -> None:
    """A request id is answered, the caller's own if it is one; a problem bears it too."""
    answer = await client.get("/v1/settlements/none", headers={"X-Request-Id": "mine-12345678"})
    assert answer.headers["X-Request-Id"] == "mine-12345678" == answer.json()["request_id"]
    assert len((await client.get("/livez")).headers["X-Request-Id"]) >= 8


async def test_a_policy_is_read_and_checked_over_http(client: httpx.AsyncClient) -> None:
    """Every parameter of a day with value, dates, source and status; a wrong text gets findings."""
    packs = (await client.get("/v1/policies")).json()["data"]
    assert {pack["pack"] for pack in packs} == {"yunnan", "wenshan"}
    day = (await client.get("/v1/policies/yunnan", params={"on": "2018-05-12"})).json()
    assert day["version"] == "four-guarantees"
    own_cap = next(item for item in day["parameters"] if item["name"] == "safety_net.own_cap")
    assert own_cap["figures"][0]["value"] == "9862.00"
    assert {"from", "until", "status", "document", "clause"} <= own_cap["figures"][0].keys()
    gap = await client.get("/v1/policies/yunnan", params={"on": "2010-01-01"})
    assert (gap.status_code, gap.json()["code"]) == (422, "policy_gap")
    assert (await client.get("/v1/policies/nowhere")).status_code == 404
    checked = await client.post("/v1/policies/new/check", json={"text": "pack: ["})
    assert checked.json()["ok"] is False
    assert checked.json()["findings"]


async def test_tokens_are_issued_once_per_key(client: httpx.AsyncClient) -> None:
    """A repeated issue answers the same token_id without the text, marked as a replay."""
    header, body = key(), {"subject": "li.hua", "scopes": ["finance"], "funds": ["390200"], "area_code": "530100"}
    first = await client.post("/v1/tokens", json=body, headers=header)
    again = await client.post("/v1/tokens", json=body, headers=header)
    assert first.status_code == 201
    assert again.json() == first.json() | {"token": None}
    assert again.headers["Idempotency-Replayed"] == "true"
    wrong = await client.post("/v1/tokens", json=body | {"scopes": ["king"]}, headers=key())
    assert wrong.json()["code"] == "not_in_list"


def test_routes_are_looked_through_before_a_worker_is_forked() -> None:
    """A process that has only loaded what workers serve has looked through the routes already."""
    looked = "import app.serving.worker; from app.main import described; print(described.cache_info().currsize)"
    said = subprocess.run([sys.executable, "-c", looked], capture_output=True, text=True, check=True, cwd=ROOT)
    assert said.stdout == "1\n"
