"""A real Prometheus with the shipped rules sees an alert of a real service fire, and go out again."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.conftest import ROOT, Running, free_port, start_service

PROGRAM: Final = shutil.which("prometheus")
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(PROGRAM is None, reason="prometheus (Debian: prometheus) is missing"),
]
CONFIGURATION: Final = """
global: {{scrape_interval: 500ms, scrape_timeout: 400ms, evaluation_interval: 500ms}}
rule_files: [{folder}/rules.yaml]
scrape_configs:
  - {{job_name: onestop, static_configs: [{{targets: ["{target}"]}}]}}
"""


@pytest.fixture
def service(database_url: str, tmp_path: Path) -> Iterator[tuple[Running, str]]:
    """A service of its own, which may be stopped for a while."""
    process, base_url = start_service(database_url, tmp_path)
    yield process, base_url
    os.kill(process.pid, signal.SIGCONT)
    process.terminate()
    assert process.wait(30) == 0


@pytest.fixture
def prometheus(service: tuple[Running, str], tmp_path: Path) -> Iterator[httpx.Client]:
    """Prometheus with the shipped rules, which waits seconds where they wait minutes."""
    rules = (ROOT / "deploy/prometheus/onestop.rules.yaml").read_text(encoding="utf-8")
    (tmp_path / "rules.yaml").write_text(rules.replace("for: 1m", "for: 1s"), encoding="utf-8")
    target = service[1].removeprefix("http://")
    (tmp_path / "prometheus.yaml").write_text(CONFIGURATION.format(folder=tmp_path, target=target))
    port = free_port()
    command = [str(PROGRAM), f"--config.file={tmp_path}/prometheus.yaml", f"--storage.tsdb.path={tmp_path}/data"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        with httpx.Client(verify=False, base_url=f"http://127.0.0.1:{port}", timeout=5) as client:
            yield client
    finally:
        process.terminate()
        process.wait(30)


def _firing(prometheus: httpx.Client) -> set[str] | None:
    """The names of the alerts that fire; None while Prometheus doesn't answer yet."""
    with suppress(httpx.HTTPError):
        answer = prometheus.get("/api/v1/alerts")
        if answer.is_success:  # 503 while it reads its files
            alerts = answer.json()["data"]["alerts"]
            return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}
    return None


def _becomes(prometheus: httpx.Client, fires: bool) -> bool:
    for _ in range(150):
        found = _firing(prometheus)
        if found is not None and ("ServiceDown" in found) == fires and _scraped(prometheus):
            return True
        time.sleep(0.1)
    return False


def _scraped(prometheus: httpx.Client) -> bool:
    found = prometheus.get("/api/v1/query", params={"query": 'up{job="onestop"}'}).json()["data"]["result"]
    return bool(found)


def test_a_service_that_stands_still_is_alerted_of(prometheus: httpx.Client, service: tuple[Running, str]) -> None:
    """ServiceDown is silent while the service answers, fires when it doesn't, and goes out when it does again."""
    process, _ = service
    assert _becomes(prometheus, fires=False)
    os.kill(process.pid, signal.SIGSTOP)
    assert _becomes(prometheus, fires=True)
    os.kill(process.pid, signal.SIGCONT)
    assert _becomes(prometheus, fires=False)
