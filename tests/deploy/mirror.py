"""A mirror of the packages that the image is made of, on this machine, with a certificate that no system knows."""

import hashlib
import json
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from tests.conftest import ROOT
from tests.database.pgbouncer import certificate

LOCKS: Final = (ROOT / "requirements.lock", ROOT / "assets/requirements.lock")
_PACKAGES: Final = json.loads((ROOT / "assets/package-lock.json").read_text(encoding="utf-8"))["packages"]
NPM: Final = {
    name.removeprefix("node_modules/"): one for name, one in _PACKAGES.items() if name and not one.get("dev", False)
}
FONT: Final = "fonts-babelstone-han"


@dataclass(slots=True)
class Mirror:
    """``url`` is of both indexes, ``authority`` the file of its certificate, ``font`` Debian's package; ``asked``: the
    paths that were answered."""

    url: str
    authority: Path
    font: Path
    asked: set[str] = field(default_factory=set)


def _fetched(folder: Path) -> None:
    """Take every pinned package with the machine's own clients, which mostly have them from setting up."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--only-binary", ":all:", "--dest"]
    for lock in LOCKS:
        subprocess.run([*pip, str(folder), "--requirement", str(lock)], check=True, capture_output=True)
    specs = [f"{name}@{one['version']}" for name, one in NPM.items()]
    pack = ["npm", "pack", "--silent", "--prefer-offline", "--pack-destination", str(folder), *specs]
    subprocess.run(pack, check=True, capture_output=True)
    subprocess.run(["apt-get", "download", "-qq", FONT], cwd=folder, check=True, capture_output=True)


def _tarball(name: str, version: str) -> str:
    return f"{name.removeprefix('@').replace('/', '-')}-{version}.tgz"


def _index(folder: Path, name: str) -> bytes:
    """The page of one Python package."""
    links = [
        f'<a href="/files/{path.name}#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}">{path.name}</a>'
        for path in folder.glob("*.whl")
        if re.sub(r"[-_.]+", "-", path.name.partition("-")[0]).lower() == name
    ]
    return "\n".join(links).encode()


def _package(url: str, name: str) -> bytes:
    """What npm is told of a package."""
    one = NPM[name]
    dist = {"tarball": f"{url}/files/{_tarball(name, one['version'])}", "integrity": one["integrity"]}
    version = {"name": name, "version": one["version"], "dist": dist, "dependencies": one.get("dependencies", {})}
    told = {"name": name, "dist-tags": {"latest": one["version"]}, "versions": {one["version"]: version}}
    return json.dumps(told).encode()


def _answer(url: str, folder: Path, path: str) -> bytes | None:
    kind, _, rest = path.lstrip("/").partition("/")
    if kind == "simple":
        return _index(folder, rest.strip("/"))
    if kind == "npm":
        return _package(url, rest) if rest in NPM else None
    return (folder / rest).read_bytes() if kind == "files" and (folder / rest).is_file() else None


@contextmanager
def mirror(folder: Path) -> Iterator[Mirror]:
    """Fill a folder and serve it by HTTPS, as long as the block lasts."""
    _fetched(folder)
    certificate(folder)
    (font,) = folder.glob(f"{FONT}_*.deb")
    made = Mirror("", folder / "cert", font)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(self.path.partition("?")[0])
            content = _answer(made.url, folder, path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.send_header("Content-Type", "text/html" if path.startswith("/simple") else "application/octet-stream")
            self.end_headers()
            if content is not None:
                made.asked.add(path)
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert", folder / "key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made.url = f"https://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
