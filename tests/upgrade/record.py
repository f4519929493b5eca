"""What a release leaves behind, recorded: its database as a backup, and what it answered about it.

``python -m tests.upgrade.record`` is run once, with the code of a release, when it is made; it writes a folder of that
version in ``tests/upgrade/releases``, which is never changed again. Until the first release the baseline still moves,
and the test records the present code's work into a temporary folder instead.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import msgspec

from app.database import embedded
from app.database.schema import SCHEMA_VERSION
from app.version import VERSION
from tests.clearing.office import Office, office
from tests.conftest import ROOT, SECRET
from tests.ledger.test_ledger import busy_months
from tests.world import key

RELEASES: Final = ROOT / "tests/upgrade/releases"
BACKUP: Final = "database.backup"
ANSWERS: Final = "answers.json"
LISTS: Final = ("/settlements", "/clearing/statements", "/disbursements", "/prepayments", "/ledger/accounts")


class Release(msgspec.Struct):
    """What a release answered: by path, each answer; a request that was sent with its key; the present clock."""

    version: str
    schema_version: int
    clock: str
    answers: dict[str, Any]
    sent: dict[str, Any]
    key: dict[str, str]
    settlement_id: str


def command(*words: str, url: str, folder: Path = ROOT) -> None:
    """Run the command of the code in a folder, as the database's owner."""
    environment = os.environ | {"ONESTOP_OWNER_DATABASE_URL": url, "ONESTOP_SECRET_KEY": SECRET}
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def record(database_server: str, folder: Path) -> None:
    """Work for two months as this code does, and write what it leaves into a folder."""
    async with office(database_server) as desk:
        await desk.hire("audit", scopes=["auditor"], area_code="530100")
        await busy_months(desk)
        sent, with_key = desk.world.bill("321.00"), key()
        answer = await desk.client.post("/v1/settlements", json=sent, headers=with_key)
        assert answer.status_code == 201, answer.text
        answers = await _answered(desk)
        now = (await desk.get("/clock"))["now"]
        release = Release(VERSION, SCHEMA_VERSION, now, answers, sent, with_key, answer.json()["settlement_id"])
        (folder / ANSWERS).write_bytes(msgspec.json.format(msgspec.json.encode(release)))
        await asyncio.to_thread(command, "backup", str(folder / BACKUP), url=desk.url)


async def _answered(desk: Office) -> dict[str, Any]:
    """Lists, each settlement by itself, the person's year and the books."""
    answers = {path: await desk.get(path) for path in LISTS}
    for row in answers["/settlements"]["data"]:
        path = f"/settlements/{row['settlement_id']}"
        answers[path] = await desk.get(path)
    for path in (f"/persons/{desk.world.person}/years/2018", "/ledger/trial-balance"):
        answers[path] = await desk.get(path)
    return answers


def main() -> None:
    """Record the release that this code is."""
    folder = RELEASES / VERSION
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="onestop-release-") as made:
        Path(made).chmod(0o755)
        with embedded.start(Path(made) / "data") as server:
            asyncio.run(record(server.url, folder))


if __name__ == "__main__":
    main()
