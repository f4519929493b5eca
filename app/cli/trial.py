"""Trying the product on a service of its own: the demo, and a simulated year with its auditor."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import click
import httpx

from app.cli.config import data_dir_option
from app.cli.output import fail, out
from app.database.embedded import default_data_dir
from app.demo.follow import ImportRefused
from app.demo.run import run_demo
from app.policies import SHIPPED
from app.simulation.show import SIMULATED, show_simulation
from app.simulation.year import YearRequest

DEMO_CLOCK: Final = "manual:2018-05-12T10:00:00+08:00"
READY_SECONDS: Final = 120


@click.command()
@click.option("--port", default=8000, show_default=True)
@click.option("--once", is_flag=True, help="Stop the service after the bill was shown.")
@data_dir_option
def demo(port: int, once: bool, data_dir: Path | None) -> None:
    """Start a service, load a small world, settle its bills, explain one."""
    folder = (data_dir or default_data_dir().with_name("onestop-demo")).absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    token = os.environ.get("ONESTOP_ADMIN_TOKEN") or secrets.token_urlsafe(24)
    if once or not _port_is_free(port):
        port = _free_port()
    with (
        suppress(KeyboardInterrupt),
        _own_service(port, folder, token, ONESTOP_CLOCK=DEMO_CLOCK) as (base_url, service),
    ):
        _load_others(base_url, token)
        run_demo(base_url, token, out)
        if not once:
            out.print(f"服务继续运行在 {base_url} ，按 Ctrl-C 停止。")
            service.wait()


def _load_others(base_url: str, token: str) -> None:
    """Settle what the demo's other patients were treated for, where what batches need is installed."""
    try:
        from app.demo.year import load_demo_year
    except ModuleNotFoundError as error:
        if error.name not in ("numpy", "pyarrow"):
            raise
        return
    try:
        settled = load_demo_year(base_url, token, out)
    except (ImportRefused, httpx.HTTPError) as error:
        fail(f"演示数据未能载入：{error}")
    out.print(f"县里此前结算的账单：{settled} 张（合成数据）。")


@click.command("simulate-year")
@click.option("--seed", type=int, required=True, help="Any seed gives the same year again.")
@click.option("--hospitals", type=click.IntRange(1, 1000), default=4, show_default=True)
@click.option(
    "--months", type=click.IntRange(1, 24), default=16, show_default=True, help="Months with bills, from January 2018."
)
@click.option(
    "--bills", type=click.IntRange(1, 1000), default=4, show_default=True, help="Per hospital and month, about."
)
@click.option(
    "--data-dir", type=click.Path(path_type=Path), default=None, help="Keep the simulated data in this new folder."
)
def simulate_year(seed: int, hospitals: int, months: int, bills: int, data_dir: Path | None) -> None:
    """Run a year of clearing on a service of its own. An auditor predicts every balance; status 1 on a difference."""
    wanted = YearRequest(seed=seed, hospitals=hospitals, months=months, bills=bills)
    token = secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory(prefix="onestop-simulation-") as scratch:
        Path(scratch).chmod(0o755)
        folder = (data_dir or Path(scratch) / "data").absolute()
        with _own_service(_free_port(), folder, token, **SIMULATED) as (base_url, _):
            clean = show_simulation(base_url, token, wanted, out)
    if not clean:
        raise SystemExit(1)


@contextmanager
def _own_service(
    port: int, folder: Path, token: str, **environment: str
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A service with an embedded database, ready, on the manual clock; stopped at the end."""
    inherited = {name: value for name, value in os.environ.items() if not name.endswith("DATABASE_URL")}
    settings = {"ONESTOP_ADMIN_TOKEN": token, "ONESTOP_LOG_LEVEL": "warning"} | environment
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port), "--data-dir", str(folder)]
    with subprocess.Popen(command, env=inherited | settings, cwd=SHIPPED.parent.parent) as service:
        try:
            with out.status("正在启动数据库和服务 …"):
                _until_ready(f"http://127.0.0.1:{port}", service)
            yield f"http://127.0.0.1:{port}", service
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait()


def _until_ready(base_url: str, service: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        if service.poll() is not None:
            fail("服务没有启动，原因见上。")
        try:
            if httpx.get(f"{base_url}/readyz", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    fail(f"服务在 {READY_SECONDS} 秒内没有就绪。")


def _port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
