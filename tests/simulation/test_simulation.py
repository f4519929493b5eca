"""Simulated years through the real service, against the auditor.

``ONESTOP_SIMULATION_SEED`` runs one year again. ``make soak`` runs many: ``tests/simulation/soak.py``.
"""

import os
from contextlib import suppress
from datetime import date
from pathlib import Path
from random import Random

import msgspec
import pytest
from click.testing import CliRunner

from app.cli.main import main
from app.simulation.comparison import Comparison
from app.simulation.model.state import ModelState
from app.simulation.office import Office, SimulationError
from app.simulation.stage import Diverged, Stage
from app.simulation.world import AREAS, World
from app.simulation.year import START, YearRequest
from tests.conftest import ADMIN_TOKEN
from tests.simulation import soak
from tests.simulation.kinds import unmet
from tests.simulation.service import new_service, play, run

pytestmark = pytest.mark.thorough

SEED = int(os.environ.get("ONESTOP_SIMULATION_SEED", "21"))
YEAR = YearRequest(seed=SEED, hospitals=4, months=13)
SMALL = YearRequest(seed=1, hospitals=1, months=1, bills=3)


def test_every_move_account_and_figure_is_what_the_auditor_says(database_server: str) -> None:
    """Through 52 hospital-months with every kind of legal and illegal move nothing differs by a fen, what is refused
    changes nothing, and the ledger proves itself from its source rows."""
    outcome, findings = play(database_server, YEAR)
    assert outcome.differences == []
    assert findings == ""
    assert unmet(outcome.moves, outcome.kinds) == set()


def test_a_seed_gives_the_same_months_again_on_a_new_database_only(database_server: str) -> None:
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
    """An auditor who knows of nothing finds accounts and payout figures that were moved."""
    with new_service(database_server) as (base_url, _):
        run(base_url, SMALL)
        office = Office(base_url, ADMIN_TOKEN, seed=2, day=date(START.year + 1, 12, 1))
        office.open()
        stage = Stage(office, ModelState(str(office.day)), World.__new__(World), Random(1))
        with suppress(Diverged):  # more differences than it has patience for
            Comparison(stage).everything(AREAS, (START.year,), f"{START.year}-12-31", all_objects=False)
        office.close()
    assert any("/payable/hospital:" in difference for difference in stage.differences)
    assert any("incurred expected 0.00" in difference for difference in stage.differences)


def test_the_command_says_what_was_simulated_and_that_nothing_differs() -> None:
    """``onestop simulate-year`` brings its own service and database and ends with status 0."""
    size = ["--hospitals", "1", "--months", "1", "--bills", "2"]
    result = CliRunner().invoke(main, ["simulate-year", "--seed", "3", *size])
    assert result.exit_code == 0, result.output
    assert "1 个机构月" in result.output
    assert "差异 0" in result.output


def test_a_soak_goes_on_where_it_stopped(database_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finished seed is not run again, and a seed that differed makes the command end with 1."""
    monkeypatch.setattr(soak, "HOSPITALS", 1)
    monkeypatch.setattr(soak, "MONTHS", 1)
    assert soak.soak(database_server, tmp_path, months=1, minutes=0, workers=1) == soak.UNFINISHED
    assert soak.soak(database_server, tmp_path, months=1, minutes=5, workers=1) == soak.CLEAN
    kept = tmp_path / "seed-00001.json"
    before = kept.stat().st_mtime_ns
    assert soak.soak(database_server, tmp_path, months=1, minutes=5, workers=1) == soak.CLEAN
    assert kept.stat().st_mtime_ns == before
    piece = msgspec.json.decode(kept.read_bytes(), type=soak.Piece)
    piece.differences = ["seed 1 …"]
    kept.write_bytes(msgspec.json.encode(piece))
    assert soak.soak(database_server, tmp_path, months=1, minutes=5, workers=1) == soak.DIFFERENT
