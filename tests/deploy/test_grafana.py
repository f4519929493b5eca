"""The dashboards show metrics that there are, by expressions that Prometheus reads, with Chinese titles first."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from prometheus_client import REGISTRY, generate_latest

from app.clearing.metrics import (
    clearing_figures,
    ledger_figures,
    liveness,
    money_figures,
    seal_figures,
    service_figures,
)
from app.config import Settings
from app.database.engine import open_database
from app.jobs.store import JobFigures
from app.policies import shipped_book
from app.service.caller import Service
from app.service.security import derive_keys
from tests.conftest import ROOT, migrated_database, of_app

FOLDER: Final = ROOT / "deploy" / "grafana"
DASHBOARDS: Final = ("operations", "money")
NAME: Final = re.compile(r"\bonestop_\w+")


def dashboard(name: str) -> dict[str, Any]:
    """A dashboard as Grafana reads it."""
    read: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return read


def expressions(name: str) -> list[str]:
    """Every expression of a dashboard."""
    return [target["expr"] for panel in dashboard(name)["panels"] for target in panel["targets"]]


async def exported(database_server: str) -> set[str]:
    """The names of all samples that the service shows, its elected process's too."""
    settings = Settings()
    database = await open_database(of_app(await migrated_database(database_server)), settings)
    try:
        service = Service(settings, database, shipped_book(), derive_keys(b"s" * 32), False)
        async with database.transaction() as connection:
            shown = [await clearing_figures(service, connection, seconds=60)]
    finally:
        await database.close()
    shown += [generate_latest(REGISTRY), ledger_figures({}, [], 0, 0), seal_figures({}, 0), money_figures([])]
    shown += [service_figures(0, None, JobFigures(0, 0)), liveness(0)]
    names = set()
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", b"".join(shown).decode(), re.MULTILINE):
        names |= {f"{name}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return names


async def test_every_metric_of_the_dashboards_is_exported(database_server: str) -> None:
    """No panel stays empty because nothing has its metric's name."""
    names = await exported(database_server)
    for name in DASHBOARDS:
        asked = {metric for expression in expressions(name) for metric in NAME.findall(expression)}
        assert len(asked) > 10
        assert asked - names == set()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is missing")
def test_prometheus_reads_every_expression(tmp_path: Path) -> None:
    """promtool takes each expression as that of a recording rule."""
    every = [expression for name in DASHBOARDS for expression in expressions(name)]
    rules = [{"record": f"checked_{number}", "expr": expression} for number, expression in enumerate(every)]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))
    command = ["promtool", "check", "rules", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(every)} rules found" in done.stdout


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_can_be_provisioned(name: str) -> None:
    """It has an id of its own and panels that don't lie on each other, whose titles begin in Chinese."""
    read = dashboard(name)
    assert read["uid"] == f"onestop-{name}"
    panels = read["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert [panel["title"] for panel in panels if not re.match(r"[\u4e00-\u9fff]", panel["title"])] == []
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in panels):
        columns, rows = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        cells = {(x, y) for x in columns for y in rows}
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_the_provisioning_file_names_where_dashboards_lie() -> None:
    """Grafana is told of one folder, which its image mounts."""
    path = FOLDER / "provisioning" / "dashboards" / "onestop.yaml"
    (provider,) = yaml.safe_load(path.read_text(encoding="utf-8"))["providers"]
    assert provider["type"] == "file"
    assert provider["options"]["path"].endswith("/onestop")
