"""The shipped reverse proxy, with a real nginx."""

import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.conftest import ADMIN_TOKEN, ROOT, free_port
from tests.database.pgbouncer import certificate
from tests.programs import found

PROGRAM: Final = found("nginx")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="nginx isn't installed")


@pytest.fixture
def proxy(service_url: str, tmp_path: Path) -> Iterator[httpx.Client]:
    """nginx with the shipped file, with ports and paths of the test's own, before the service."""
    certificate(tmp_path)
    tmp_path.chmod(0o755)
    port = free_port()
    text = (ROOT / "deploy/nginx/onestop.conf").read_text(encoding="utf-8")
    for shipped, ours in (
        ("listen 443 ", f"listen 127.0.0.1:{port} "),
        ("    listen [::]:443 ssl http2;\n", ""),
        ("127.0.0.1:8000", service_url.removeprefix("http://")),
        ("/etc/nginx/onestop.crt", f"{tmp_path}/cert"),
        ("/etc/nginx/onestop.key", f"{tmp_path}/key"),
    ):
        assert shipped in text
        text = text.replace(shipped, ours)
    (tmp_path / "onestop.conf").write_text(text, encoding="utf-8")
    folders = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    around = f"pid {tmp_path}/pid; error_log {tmp_path}/log; events {{}}\nhttp {{ access_log off; {folders}\n"
    (tmp_path / "nginx.conf").write_text(f"{around}include {tmp_path}/onestop.conf; }}\n", encoding="utf-8")
    command = [str(PROGRAM), "-c", f"{tmp_path}/nginx.conf"]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert (checked.returncode, "warn" in checked.stderr) == (0, False), checked.stderr
    process = subprocess.Popen([*command, "-g", "daemon off;"])
    trusting = ssl.create_default_context(cafile=f"{tmp_path}/cert")
    try:
        with httpx.Client(base_url=f"https://localhost:{port}", verify=trusting, timeout=20) as client:
            _await(client)
            yield client
    finally:
        process.terminate()
        process.wait(20)


def _await(client: httpx.Client) -> None:
    for _ in range(100):
        with suppress(httpx.ConnectError):
            client.get("/livez")
            return
        time.sleep(0.05)
    raise AssertionError("nginx doesn't answer")


def test_the_shipped_proxy_passes_requests_by_tls(proxy: httpx.Client) -> None:
    """`nginx -t` has no complaint; a request comes through by TLS, whose scheme the service believes; too large a body
    ends at the proxy."""
    answer = proxy.get("/v1/policies", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
    assert answer.status_code == 200, answer.text
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    assert proxy.get("/metrics").status_code == 200  # this machine may; others are denied
    assert proxy.post("/v1/quotes", content=b"x" * (9 * 2**20)).status_code == 413
