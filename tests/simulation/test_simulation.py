"""Simulated years through the real service, against the auditor.

``ONESTOP_SIMULATED_MONTHS`` says how many hospital-months (``make soak`` takes 1,000); ``ONESTOP_SIMULATION_SEED`` runs one year again.
"""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli.main import main
from app.database.schema import migrate
from app.simulation.auditor import Auditor
from app.simulation.comparison import compared
from app.simulation.office import Office, SimulationError
from app.simulation.show import FEE_FEN, SIMULATED
from app.simulation.year import START, Outcome, Wanted, simulate
from tests.conftest import ADMIN_TOKEN, new_database, start_service

HOSPITALS, MONTHS = 4, 13
SIMULATED_MONTHS = int(os.environ.get("ONESTOP_SIMULATED_MONTHS", "50"))
SEED = os.environ.get("ONESTOP_SIMULATION_SEED")
YEARS = -(-SIMULATED_MONTHS // (HOSPITALS * MONTHS))
SEEDS = [int(SEED)] if SEED else list(range(1, YEARS + 1))
SMALL = Wanted(seed=1, hospitals=1, months=1, bills=3)
MONEY_MOVES = ("owed", "deducted", "withheld", "sent", "paid", "released", "forfeited")


@contextmanager
def new_service(database_server: str) -> Iterator[tuple[str, str]]:
    """A service on a new database, as a simulation needs it, and the database."""

    async def prepare() -> str:
        url = await new_database(database_server)
        await migrate(url)
        return url

    database = asyncio.run(prepare())
    with tempfile.TemporaryDirectory() as folder:
        process, base_url = start_service(database, Path(folder), **SIMULATED)
        try:
            yield base_url, database
        finally:
            process.terminate()
            assert process.wait(30) == 0


def run(base_url: str, wanted: Wanted) -> Outcome:
    """A simulation without a picture."""
    return simulate(base_url, ADMIN_TOKEN, wanted, fee_fen=FEE_FEN, progress=lambda _: None)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_account_and_payout_figure_is_what_the_auditor_predicts(database_server: str, seed: int) -> None:
    """Through declarations, audits, orders, returns, closings and releases, month after month, nothing differs by a fen, and
    the ledger proves itself from its source rows."""
    with new_service(database_server) as (base_url, database):
        outcome = run(base_url, Wanted(seed=seed, hospitals=HOSPITALS, months=MONTHS))
        proof = CliRunner(env={"ONESTOP_DATABASE_URL": database}).invoke(main, ["ledger", "check"])
    assert proof.exit_code == 0, proof.output
    assert outcome.differences == []
    assert all(outcome.events.get(event) for event in MONEY_MOVES), outcome.events
    assert outcome.hospital_months == HOSPITALS * MONTHS


def test_a_seed_gives_the_same_year_again_on_a_new_database_only(database_server: str) -> None:
    """Two runs ask and answer the same; a database that has a later day already is refused in words."""
    outcomes = []
    for _attempt in range(2):
        with new_service(database_server) as (base_url, _):
            outcomes.append(run(base_url, SMALL))
            if len(outcomes) == 2:
                with pytest.raises(SimulationError, match="clock_backwards"):
                    run(base_url, SMALL)
    assert outcomes[0] == outcomes[1]
    assert outcomes[0].settlements > 0


def test_money_that_the_auditor_did_not_see_is_found(database_server: str) -> None:
    """An auditor who knows of nothing finds every account that was moved, and the payout figures beside them."""
    with new_service(database_server) as (base_url, _):
        outcome = run(base_url, SMALL)
        office = Office(base_url, ADMIN_TOKEN, Auditor(), seed=2, day=date(START.year + 1, 12, 1))
        office.open()
        found = compared(office, ("530100", "532600"), (START.year,), date(START.year, 12, 31))
        office.close()
    assert len([difference for difference in found if "debit, credit" in difference]) == outcome.accounts
    assert any("incurred is" in difference for difference in found)


def test_the_command_says_what_was_simulated_and_that_nothing_differs() -> None:
    """``onestop simulate-year`` brings its own service and database and ends with status 0."""
    size = ["--hospitals", "1", "--months", "1", "--bills", "2"]
    result = CliRunner().invoke(main, ["simulate-year", "--seed", "3", *size])
    assert result.exit_code == 0, result.output
    assert "1 个机构月" in result.output
    assert "差异 0" in result.output
