"""The guard that proves ledgers after each test, tried on tests that break one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

BREAKS = """
import asyncpg
import pytest

from tests.conftest import drop_database, migrated_database
from tests.world import World


async def broken(url, statement="UPDATE transfer SET amount = amount + 1"):
    connection = await asyncpg.connect(url)
    await connection.execute("SET session_replication_role = replica")
    await connection.execute(statement)
    await connection.close()


async def settled(client):
    world = await World(client).build()
    await world.settled(world.bill("25.00"))


async def test_holds(client):
    await settled(client)


async def test_breaks_the_shared_ledger(client, database_url):
    await settled(client)
    await broken(database_url)


async def test_after_it(client):
    await settled(client)


@pytest.mark.damages("tries the guard")
async def test_is_excused(client, database_url):
    await settled(client)
    await broken(database_url)


async def test_after_the_excused(client):
    await settled(client)


async def test_breaks_one_that_it_drops(database_server):
    url = await migrated_database(database_server)
    await broken(
        url,
        "INSERT INTO transfer (event, debit_account, credit_account, amount, area_code, fund, tier, hospital_code,"
        " hospital_area, clr_type, business_date, period, benefit_year, fiscal_year, subject, request_id)"
        " VALUES ('family_doctor', 1, 2, 7, '530100', '390100', 'basic', 'H1', '530127', '21', '2018-06-20', '2018-06',"
        " 2018, 2018, 'x', 'r')",
    )
    await drop_database(url)


async def test_forges_what_is_sealed(database_server):
    url = await migrated_database(database_server)
    connection = await asyncpg.connect(url)
    await connection.execute(
        "INSERT INTO seal_block (block_no, form, previous, digest, members) VALUES (1, 2, '', '', 1)"
    )
    await connection.close()
    await drop_database(url)
"""


def test_a_test_that_breaks_a_ledger_fails_and_no_other(tmp_path: Path, database_server: str) -> None:
    """In the shared database or in one of its own; a test that says so is excused, and those after it aren't blamed."""
    (tmp_path / "test_breaking.py").write_text(BREAKS, encoding="utf-8")
    words = (
        "-p",
        "tests.conftest",
        "-c",
        str(ROOT / "pyproject.toml"),
        "--rootdir",
        str(tmp_path),
        "-rA",
        "-p",
        "no:xdist",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, str(tmp_path / "test_breaking.py")],
        cwd=ROOT,
        env=os.environ | {"ONESTOP_TEST_DATABASE_URL": database_server},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    summary = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    named = [(line.partition(" ")[0], line.partition("::")[2].partition(" ")[0]) for line in summary]
    assert named == [
        ("ERROR", "test_breaks_the_shared_ledger"),
        ("FAILED", "test_breaks_one_that_it_drops"),
        ("FAILED", "test_forges_what_is_sealed"),
    ], done.stdout
    assert "seal chain at 1" in done.stdout
    assert "broke the ledger" in done.stdout


def test_a_mark_of_damage_has_a_reason(request: pytest.FixtureRequest) -> None:
    """Every ``damages`` of the suite says why."""
    marks = [mark for item in request.session.items for mark in item.iter_markers("damages")]
    assert [mark for mark in marks if len(mark.args) != 1 or len(str(mark.args[0])) < 10] == []
