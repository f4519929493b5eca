"""A real PgBouncer before the database of the tests, with TLS, and its own password for the service's login."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import pytest

from app.database.engine import APP_ROLE
from tests.conftest import APP_PASSWORD, free_port
from tests.programs import found

PROGRAM: Final = found("pgbouncer")
needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="PgBouncer isn't installed")
PASSWORD: Final = "p@ss:w/o#rd%41"
CONFIGURATION: Final = """
[databases]
* = host={socket} port=5432 user={role} password={server_password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = plain
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 200
client_tls_sslmode = require
client_tls_key_file = {folder}/key
client_tls_cert_file = {folder}/cert
"""


def certificate(folder: Path) -> None:
    """Files ``key`` and ``cert`` of localhost in a folder."""
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    made += [
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout",
        f"{folder}/key",
        "-out",
        f"{folder}/cert",
    ]
    subprocess.run(made, check=True, capture_output=True)


@contextmanager
def pgbouncer(url: str, mode: str, *, size: int) -> Iterator[str]:
    """The URL of the service's login, without its password, by a PgBouncer that pools so many connections."""
    parts = urlsplit(url)
    behind = Path(parse_qs(parts.query)["host"][0])
    with tempfile.TemporaryDirectory(prefix="onestop-pgbouncer-") as made:
        folder, port = Path(made), free_port()
        certificate(folder)
        words = {"socket": behind, "role": APP_ROLE, "server_password": APP_PASSWORD, "port": port, "mode": mode}
        (folder / "ini").write_text(CONFIGURATION.format(folder=folder, size=size, **words))
        (folder / "users").write_text(f'"{APP_ROLE}" "{PASSWORD}"\n')
        owner = behind.stat()
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, owner.st_uid, owner.st_gid)
        log = (folder / "log").open("wb")
        command = [str(PROGRAM), str(folder / "ini")]
        process = subprocess.Popen(
            command, stdout=log, stderr=log, user=owner.st_uid, group=owner.st_gid, extra_groups=[]
        )
        try:
            _await(port, folder / "log")
            yield f"postgresql://{APP_ROLE}@localhost:{port}{parts.path}?sslmode=verify-full&sslrootcert={folder}/cert"
        finally:
            process.terminate()
            process.wait(20)
            log.close()


def _await(port: int, log: Path) -> None:
    for _ in range(100):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise AssertionError(f"PgBouncer doesn't listen: {log.read_text()}")
