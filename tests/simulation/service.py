"""A service with a database of its own, as a simulated year needs it, and the year that is run on it."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from app.simulation.show import FEE_FEN, SIMULATED
from app.simulation.year import YearOutcome, YearRequest, simulate
from tests.conftest import ADMIN_TOKEN, migrated_database, start_service
from tests.served import commanded

STOP_SECONDS = 30


class Played(NamedTuple):
    """What a seed came to, and what the ledger's own proof says of it afterwards ("" when it finds nothing)."""

    outcome: YearOutcome
    findings: str


@contextmanager
def new_service(database_server: str) -> Iterator[tuple[str, str]]:
    """A service on a new database of a server, and the database."""
    database = asyncio.run(migrated_database(database_server))
    with tempfile.TemporaryDirectory() as folder:
        process, base_url = start_service(database, Path(folder), **SIMULATED)
        try:
            yield base_url, database
        finally:
            process.terminate()
            assert process.wait(STOP_SECONDS) == 0


def run(base_url: str, wanted: YearRequest) -> YearOutcome:
    """A simulation without a picture."""
    return simulate(base_url, ADMIN_TOKEN, wanted, fee_fen=FEE_FEN, progress=lambda _: None)


def play(database_server: str, wanted: YearRequest) -> Played:
    """Simulate a seed on a new database, then let the ledger prove itself."""
    with new_service(database_server) as (base_url, database):
        outcome = run(base_url, wanted)
        proof = commanded(("ledger", "check"), os.environ | {"ONESTOP_DATABASE_URL": database})
    return Played(outcome, "" if proof.returncode == 0 else proof.stdout + proof.stderr)
