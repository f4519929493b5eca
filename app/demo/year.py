"""What else was settled in the demo's county: the beginning of a synthetic year, so that lists, pages and simulations
have something to show."""

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import httpx
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.console import Console

from app.batch.synthetic.bills import Year
from app.batch.synthetic.write import write_year
from app.demo.load import load_year
from app.demo.world import AREA

YEAR: Final = Year(persons=100, seed=1, year=2018, lines=4, faults=0.0, areas=(AREA,))
UNTIL: Final = date(2018, 5, 11)
"""The last day whose bills are settled: the demo's clock stands on the next."""


def load_demo_year(base_url: str, admin_token: str, console: Console) -> int:
    """Settle the bills of the demo's other patients; how many there are. ImportRefused when the service refuses."""
    with TemporaryDirectory(prefix="onestop-demo-") as folder:
        made, source = Path(folder) / "year.parquet", Path(folder) / "bills.parquet"
        write_year(YEAR, made, 1, _silent)
        bills = pq.read_table(made)
        pq.write_table(bills.filter(pc.less_equal(bills.column("discharged_on"), UNTIL)), source)
        headers = {"Authorization": f"Bearer {admin_token}", "Accept-Language": "zh"}
        with httpx.Client(base_url=base_url, headers=headers, timeout=60) as client:
            return load_year(client, source, console)


def _silent(stage: str, done: int, total: int) -> None:
    del stage, done, total
