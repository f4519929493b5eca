"""From one release to the next: what the former one left is read, and it goes on serving while the next one arrives."""

import asyncio
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest

from tests.conftest import ADMIN_TOKEN, ROOT, SECRET, free_port, new_database, of_app, start_service
from tests.faults.ground import HEADERS
from tests.faults.load import Load
from tests.upgrade.record import ANSWERS, BACKUP, RELEASES, Release, command, record
from tests.world import key

pytestmark = pytest.mark.thorough

LATER = '''"""A later change, as the next release may bring one: a column, a table, an index."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE settlement ADD COLUMN later text")
    op.execute("ALTER TABLE person_year ADD COLUMN later integer NOT NULL DEFAULT 0")
    op.execute("CREATE INDEX settlement_later ON settlement (later)")
'''


@dataclass
class Restored:
    """A release's database, brought back, and what the release had answered. What ``Load`` needs is here too."""

    url: str
    release: Release
    base_url: str
    client: httpx.AsyncClient

    def owner_url(self) -> str:
        """The superuser's login."""
        return self.url

    @asynccontextmanager
    async def owner(self) -> AsyncIterator[Any]:
        """A connection as the superuser."""
        connection = await asyncpg.connect(self.url)
        yield connection
        await connection.close()


def recorded() -> list[Path | None]:
    """The folder of each release; None for the present code as long as nothing is released."""
    return sorted(path for path in RELEASES.glob("*") if path.is_dir()) or [None]


@pytest.fixture(scope="module", params=recorded(), ids=lambda path: path.name if path else "unreleased")
async def restored(
    request: pytest.FixtureRequest, database_server: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Restored]:
    """A release's backup, restored and so brought to this code's schema, with this code serving on it."""
    folder = request.param
    if folder is None:
        folder = tmp_path_factory.mktemp("release")
        await record(database_server, folder)
    release = msgspec.json.decode((folder / ANSWERS).read_bytes(), type=Release)
    url = await new_database(database_server, "template0")
    await asyncio.to_thread(command, "restore", str(folder / BACKUP), url=url)
    process, base_url = await asyncio.to_thread(
        start_service, url, tmp_path_factory.mktemp("data"), ONESTOP_CLOCK=f"manual:{release.clock}"
    )
    async with httpx.AsyncClient(verify=False, base_url=base_url, headers=HEADERS, timeout=60) as client:
        yield Restored(url, release, base_url, client)
    process.terminate()
    assert process.wait(30) == 0


async def test_what_the_former_release_wrote_is_read(restored: Restored) -> None:
    """Every settlement, statement, order, year and account answers as it did, whatever members came since."""
    for path, before in restored.release.answers.items():
        answer = await restored.client.get(f"/v1{path}")
        assert answer.status_code == 200, (path, answer.text)
        assert missing(before, answer.json()) == [], path


def missing(before: Any, now: Any, place: str = "") -> list[str]:
    """Where something that was answered before isn't any more, or is something else."""
    if isinstance(before, dict) and isinstance(now, dict):
        return [
            fault
            for name, value in before.items()
            if name not in ("next_cursor",)
            for fault in (missing(value, now[name], f"{place}/{name}") if name in now else [f"{place}/{name}"])
        ]
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = enumerate(zip(before, now, strict=True))
        return [fault for number, (old, new) in pairs for fault in missing(old, new, f"{place}/{number}")]
    return [] if before == now else [f"{place}: {before!r} is now {now!r}"]


async def test_what_the_former_release_settled_goes_on(restored: Restored) -> None:
    """Its requests are answered again by their key, and its settlements are taken back by this code."""
    release = restored.release
    again = await restored.client.post("/v1/settlements", json=release.sent, headers=release.key)
    assert (again.status_code, again.json()["settlement_id"]) == (201, release.settlement_id), again.text
    back = f"/v1/settlements/{release.settlement_id}/reversal"
    answer = await restored.client.post(back, json={"reason": "重复结算"}, headers=key())
    assert answer.status_code == 201, answer.text


async def test_this_code_serves_while_the_next_release_arrives(restored: Restored, tmp_path: Path) -> None:
    """The next release migrates under the load of this one, which goes on serving on the later schema; both serve
    beside each other, and each reads what the other settled."""
    folder = next_release(tmp_path / "next")
    load = Load(restored, random.Random(1))
    await load.prepare()
    load.begin()
    await asyncio.sleep(1)
    await asyncio.to_thread(command, "migrate", url=restored.url, folder=folder)
    told = sum(one.told is not None for one in load.sent)
    await asyncio.sleep(1)
    await load.probe()
    await load.end()
    await load.converge()
    assert sum(one.told is not None for one in load.sent) > told > 0
    assert (await restored.client.get("/readyz")).status_code == 200
    with serving(folder, restored) as base_url:
        async with httpx.AsyncClient(verify=False, base_url=base_url, headers=HEADERS, timeout=60) as later:
            for one, other in ((restored.client, later), (later, restored.client)):
                sent = load.bill()
                await load.until_told(one, sent)
                answers = [
                    (await client.get("/v1/settlements", params={"visit_id": sent.bill["visit_id"]})).json()
                    for client in (one, other)
                ]
                assert answers[0]["data"] == answers[1]["data"] != []
    async with restored.owner() as owner:
        assert tuple(await owner.fetchrow("SELECT schema_version, oldest_code FROM schema_state")) == (2, 1)
        there = {row[0] for row in await owner.fetch("SELECT visit_id FROM settlement")}
    assert {one.bill["visit_id"] for one in load.sent} <= there


def next_release(folder: Path) -> Path:
    """This code with a later schema version and one migration more."""
    for name in ("app", "migrations"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "migrations/versions/0002_later.py").write_text(LATER)
    schema = folder / "app/database/schema.py"
    text, changed = re.subn(r"^SCHEMA_VERSION: Final = 1$", "SCHEMA_VERSION: Final = 2", schema.read_text(), flags=re.M)
    assert changed == 1
    schema.write_text(text)
    return folder


@contextmanager
def serving(folder: Path, beside: Restored) -> Iterator[str]:
    """The code of a folder serves on the same database."""
    port = free_port()
    variables = {
        "ONESTOP_DATABASE_URL": of_app(beside.url),
        "ONESTOP_SECRET_KEY": SECRET,
        "ONESTOP_ADMIN_TOKEN": ADMIN_TOKEN,
        "ONESTOP_CLOCK": f"manual:{beside.release.clock}",
        "ONESTOP_LOG_LEVEL": "warning",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve", "--port", str(port)], cwd=folder, env=os.environ | variables
    )
    base_url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while True:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{base_url}/readyz").status_code == 200:
                    break
            assert process.poll() is None
            assert time.monotonic() < deadline, "the next release doesn't become ready"
            time.sleep(0.1)
        yield base_url
    finally:
        process.terminate()
        process.wait(60)
