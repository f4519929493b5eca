"""What the elected process shows of readjudication, from the database. Sees all areas."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clearing.metrics import Figured

_WAITING: Final = text("SELECT count(*) FROM readjudication_candidate")
_RUNS: Final = text("""
SELECT state, count(*) AS number FROM readjudication_run WHERE state NOT IN ('done', 'cancelled') GROUP BY state""")
_LEFT: Final = text("""
SELECT coalesce(sum((r.summary ->> 'person_years')::bigint
                    - (SELECT count(*) FROM readjudication_outcome o WHERE o.run_id = r.run_id)), 0)::bigint
  FROM readjudication_run r WHERE r.state IN ('approved', 'running', 'stopped')""")
_STATES: Final = ("computing", "computed", "approved", "running", "stopped")


async def readjudication_figures(connection: AsyncConnection) -> bytes:
    """How much waits to be readjudicated, and how far runs are, in a transaction that sees everything."""
    figured = Figured()
    waiting = figured.gauge("readjudication_candidates", "Person-years settled under facts that have changed since.")
    waiting.set((await connection.execute(_WAITING)).scalar_one())
    counted = {row.state: row.number for row in await connection.execute(_RUNS)}
    runs = figured.gauge("readjudication_runs", "Runs of readjudication that have not ended.", ("state",))
    for state in _STATES:
        runs.labels(state).set(counted.get(state, 0))
    left = figured.gauge("readjudication_left", "Person-years that were approved and are not posted yet.")
    left.set((await connection.execute(_LEFT)).scalar_one())
    return figured.text()
