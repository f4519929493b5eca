"""A real PostgreSQL and a real server for the tests that concern them, started once per test process."""

import asyncio
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from app.database import embedded
from app.database.engine import APP_ROLE
from app.database.schema import let_in, migrate
from tests import budget, invariants
from tests.invariants import MOST_SHOWN, PROVER
from tests.seeded import found_in, found_in_file
from tests.served import Served

ADMIN_TOKEN = "admin-" + secrets.token_urlsafe(24)
SECRET = "ab" * 32  # of every service on a database that others may serve on
CLOCK = "2027-06-30T10:00:00+08:00"
ROOT = Path(__file__).parent.parent
START_SECONDS = 120
MEMORY_BYTES = 8 * 2**30

# The tests start the service again and again: compiling it each time would be half of their work.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

SERVICE_FILES: Final = Path(tempfile.mkdtemp(prefix="onestop-test-files-"))
SERVICE_LOG: Final = Path(tempfile.mkstemp(prefix="onestop-test-log-")[1])
"""What every service of this test process says: nothing that the tests invented of a person may stand in it."""

Running = Served | subprocess.Popen[bytes]
TokenFactory = Callable[..., Awaitable[dict[str, str]]]


@pytest.fixture(scope="session")
def database_server() -> Iterator[str]:
    """The URL of a PostgreSQL server that the tests may fill: the configured one, or an embedded one."""
    configured = os.environ.get("ONESTOP_TEST_DATABASE_URL")
    if configured:
        yield configured
        return
    folder = Path(tempfile.mkdtemp(prefix="onestop-test-", dir=roomy_memory()))
    folder.chmod(0o755)
    try:
        with embedded.start(folder / "data", options={"max_connections": "100"}) as server:
            yield server.url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def roomy_memory() -> Path | None:
    """Linux's folder in memory, when it has room for hundreds of test databases: nothing has to reach a disk there.
    None: the usual temporary folder."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > MEMORY_BYTES else None


def database_named(url: str, name: str) -> str:
    """The same server's URL with another database."""
    head, _, tail = url.partition("?")
    return head.rsplit("/", 1)[0] + f"/{name}" + (f"?{tail}" if tail else "")


async def new_database(url: str, template: str = "template1") -> str:
    """Create a database on the server: an empty one, or a copy of another that nobody is connected to."""
    name = f"onestop_test_{secrets.token_hex(6)}"
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    finally:
        await connection.close()
    return database_named(url, name)


APP_PASSWORD: Final = "of-the-tests"


def of_app(url: str) -> str:
    """The URL of the service's login to a database of the tests."""
    place = url.rpartition("@")[2]
    return f"postgresql://{APP_ROLE}:{APP_PASSWORD}@{place}"


async def drop_database(url: str) -> None:
    """Give a test database's room back, its ledger proven before; whoever is connected is thrown out."""
    broken = PROVER.look(of_app(url), seals=True)
    PROVER.forget(of_app(url))
    connection = await asyncpg.connect(database_named(url, "postgres"))
    try:
        await connection.execute(f"DROP DATABASE {urlsplit(url).path.removeprefix('/')} WITH (FORCE)")
    finally:
        await connection.close()
    if broken:
        pytest.fail(f"a database that was dropped had a broken ledger: {'; '.join(broken[:MOST_SHOWN])}", pytrace=False)


TEMPLATES: Final[dict[str, str]] = {}
"""By server, the name of a migrated database that nobody is connected to."""


async def migrated_database(url: str) -> str:
    """Create a database with today's schema on the server."""
    if url not in TEMPLATES:
        first = await new_database(url)
        await migrate(first)
        await let_in(first, APP_PASSWORD)
        TEMPLATES[url] = urlsplit(first).path.removeprefix("/")
    made = await new_database(url, TEMPLATES[url])
    PROVER.made(of_app(made))
    return made


@pytest.fixture(scope="session")
def database_url(database_server: str) -> str:
    """A migrated database that the tests of one process share; tests use names of their own."""
    return asyncio.run(migrated_database(database_server))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_service(url: str, data_dir: Path, *, workers: int = 1, **environment: str) -> tuple[Running, str]:
    """Start ``onestop serve`` on a free port and wait until it is ready; without a URL on an embedded database."""
    port = free_port()
    variables = {
        "ONESTOP_DATABASE_URL": of_app(url) if url else "",
        "ONESTOP_SECRET_KEY": SECRET if url else "",
        "ONESTOP_ADMIN_TOKEN": ADMIN_TOKEN,
        "ONESTOP_CLOCK": f"manual:{CLOCK}",
        "ONESTOP_LOG_LEVEL": "info",
        "ONESTOP_RATE_LIMIT": "0",
    }
    words = ("--port", str(port), "--workers", str(workers), "--data-dir", str(data_dir))
    if url:
        variables["TMPDIR"] = str(SERVICE_FILES)
    variables = os.environ | variables | environment
    with SERVICE_LOG.open("ab") as log:
        command = [sys.executable, "-m", "app.cli", "serve", *words]
        process: Running = (
            Served(words, variables, SERVICE_LOG)
            if workers == 1
            else subprocess.Popen(command, env=variables, cwd=ROOT, stderr=log)
        )
    base_url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + START_SECONDS
    with httpx.Client(base_url=base_url, verify=False) as probe:
        while time.monotonic() < deadline:
            assert process.poll() is None, f"the service did not start: {_said()}"
            with suppress(httpx.HTTPError):
                if probe.get("/readyz").status_code == 200:
                    return process, base_url
            time.sleep(0.1)
    raise AssertionError(f"the service did not become ready: {_said()}")


def _said() -> str:
    """The last that the services of this test process said."""
    return SERVICE_LOG.read_text(encoding="utf-8", errors="replace")[-2000:]


def pytest_configure(config: pytest.Config) -> None:
    """Every test ends with ledgers that hold. As a plugin it is told of fixtures of the session, too."""
    config.pluginmanager.register(invariants)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Beside a failure stands what the services said last."""
    report = yield
    if report.failed and SERVICE_LOG.exists():
        report.sections.append(("What the services said last", _said()))
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A failure is named when it happens: a run that is broken off has no summary."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        print(f"\n{report.when} of {report.nodeid} failed", flush=True)  # noqa: T201


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """At the end stand the tables that tests gave with ``record_property("table", …)``, also those that ran beside, and
    in continuous integration the time that each part took (``CI_TIMES``: the file that its runs share)."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, text in report.user_properties:
                if name == "table":
                    terminalreporter.write_line(f"{report.nodeid}\n{text}")
    times = os.environ.get("CI_TIMES")
    if times and "PYTEST_XDIST_WORKER" not in os.environ:
        reports = [report for kind in ("passed", "failed", "") for report in terminalreporter.getreports(kind)]
        timed = [report for report in reports if isinstance(report, pytest.TestReport)]
        workers = config.getoption("numprocesses", None) or 1
        terminalreporter.write_line(budget.longest(timed, workers))
        terminalreporter.write_line(budget.table(budget.kept(Path(times), budget.spent(timed, workers))))


@pytest.fixture(scope="session", autouse=True)
def nothing_personal_is_left() -> Iterator[None]:
    """No service that a test of this process starts leaves an invented id number or name in its log, or in a temporary
    file that it forgot."""
    yield
    found = {str(path): seen for path in (SERVICE_LOG, *SERVICE_FILES.rglob("*")) if (seen := found_in_file(path))}
    shutil.rmtree(SERVICE_FILES)
    SERVICE_LOG.unlink()
    assert found == {}


async def nothing_personal_in_refusals(response: httpx.Response) -> None:
    """No refusal tells an invented id number or name back to its reader."""
    if response.status_code >= 400:
        assert found_in((await response.aread()).decode(errors="replace")) == []


@pytest.fixture(scope="session")
def service_url(database_url: str) -> Iterator[str]:
    """A running service over the shared database."""
    with tempfile.TemporaryDirectory() as folder:
        process, base_url = start_service(database_url, Path(folder))
        yield base_url
        assert found_in(httpx.get(f"{base_url}/metrics").text) == []
        process.terminate()
        assert process.wait(30) == 0


@pytest.fixture
async def client(service_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client with the bootstrap admin's token, asking for English messages."""
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Accept-Language": "en"}
    async with httpx.AsyncClient(verify=False, base_url=service_url, headers=headers, timeout=60) as opened:
        opened.event_hooks["response"].append(nothing_personal_in_refusals)
        yield opened


@pytest.fixture(scope="session")
def real_service_url(database_server: str) -> Iterator[str]:
    """A running service on the real clock, over a database of its own (its secret is another one): instants have
    microseconds and time passes."""
    url = asyncio.run(migrated_database(database_server))
    with tempfile.TemporaryDirectory() as folder:
        process, base_url = start_service(url, Path(folder), ONESTOP_CLOCK="real")
        yield base_url
        process.terminate()
        assert process.wait(30) == 0


@pytest.fixture(params=["service_url", "real_service_url"], ids=["manual", "real"])
def either_url(request: pytest.FixtureRequest) -> str:
    """A running service, once on the manual clock and once on the real one."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture
async def either_clock(either_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """``client``, once of a service on the manual clock and once on the real one."""
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Accept-Language": "en"}
    async with httpx.AsyncClient(verify=False, base_url=either_url, headers=headers, timeout=60) as opened:
        yield opened


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Any]:
    """A connection as the database's owner, to look behind the service."""
    opened = await asyncpg.connect(database_url)
    yield opened
    await opened.close()


async def known_hospital(client: httpx.AsyncClient, code: str | None) -> None:
    """Register a hospital of no further interest, unless it is."""
    path = f"/v1/hospitals/{code}"
    if code is not None and (await client.get(path)).status_code == 404:
        facts = {"name": f"医院{code}", "level": 1, "rank": "township", "area_code": "530127"}
        answer = await client.put(path, json=facts)
        assert answer.status_code == 200, answer.text


@pytest.fixture
def token(client: httpx.AsyncClient) -> TokenFactory:
    """Issues tokens: ``await token(scopes=["hospital"], hospital_code="H1")`` gives request headers. A hospital that
    isn't registered yet is before."""

    async def issue(**wanted: Any) -> dict[str, str]:
        await known_hospital(client, wanted.get("hospital_code"))
        body = {"subject": f"subject-{secrets.token_hex(4)}"} | wanted
        answer = await client.post("/v1/tokens", json=body, headers={"Idempotency-Key": secrets.token_hex(16)})
        assert answer.status_code == 201, answer.text
        return {"Authorization": f"Bearer {answer.json()['token']}"}

    return issue
