"""The image built by buildah on a base of this machine's own Debian packages, and run as an engine would: its
filesystem read-only, its own user, no capability, process 1 of its own namespace."""

import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from tests.conftest import ROOT
from tests.deploy.mirror import Mirror

PROGRAMS: Final = ("buildah", "dpkg-query", "apt-cache", "apt-get", "npm", "openssl", "unshare", "setpriv")
SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
WANTED: Final = ("apt", "passwd", "python3", "python3-venv", "ca-certificates")
LEFT_OUT: Final = ("/usr/share/doc/", "/usr/share/man/", "/usr/share/locale/", "/usr/share/info/")
ALSO: Final = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/ld.so.cache")
START_SECONDS: Final = 120
# Mounts are of the namespace: nothing of them is left behind. What an engine does for --read-only, --tmpfs /tmp, -v,
# --cap-drop ALL and no-new-privileges.
CONTAINED: Final = """
root=$1 volume=$2 user=$3; shift 3
mount --bind "$root" "$root" && mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" && mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --bind "$volume" "$root/var/lib/onestop"
exec chroot "$root" setpriv --reuid "${user%:*}" --regid "${user#*:}" --clear-groups --bounding-set=-all \
  --inh-caps=-all --ambient-caps=-all --no-new-privs -- "$@"
"""


def why_not() -> str:
    """Why the image can't be built on this machine; "" if it can."""
    if os.geteuid() != 0:
        return "building and running the image needs root"
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing or not Path("/usr/bin/python3").exists():
        return f"the image isn't built: {', '.join(missing) or 'Debian python3'} is missing (apt-get install buildah)"
    mounted = subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False)
    return "" if mounted.returncode == 0 else f"no namespaces here: {mounted.stderr.decode().strip()}"


def _said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _packages() -> list[str]:
    """Debian's essential packages and those that the base needs, with what they depend on, as far as installed."""
    every = [
        line.split() for line in _said("dpkg-query", "-W", "-f=${Package} ${Essential} ${Priority}\n").splitlines()
    ]
    first = [name for name, *marks in every if "yes" in marks or "required" in marks]
    kinds = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    options = ["--recurse", "--installed", *(f"--no-{kind}" for kind in kinds)]
    needed = _said("apt-cache", "depends", *options, *first, *WANTED)
    names = {line.partition(":")[0] for line in needed.splitlines() if line[:1].isalnum()}
    return sorted(names & {name for name, *_ in every})


def base(folder: Path, mirror: Mirror) -> None:
    """Lay a Debian with Python into a folder, from the files of installed packages: nothing is fetched. It trusts the
    mirror's authority as docs/operators.md says, and takes the font from a folder of its own."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (folder / "usr" / name).mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(f"usr/{name}")
    files = {line for line in _said("dpkg", "-L", *_packages()).splitlines() if line.startswith("/")}
    for name in (*sorted(files), *ALSO):
        if not name.startswith(LEFT_OUT):
            _copy(Path(name), folder)
    (folder / "tmp").chmod(0o1777)
    shutil.copy(mirror.authority, folder / "etc/ssl/certs/mirror.pem")
    (folder / "etc/pip.conf").write_text("[global]\ncert = /etc/ssl/certs/mirror.pem\n")
    _archive(folder, mirror.font)


def _copy(source: Path, folder: Path) -> None:
    target = folder / str(source).lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        if not target.is_symlink():
            target.symlink_to(source.readlink())
    elif source.is_dir():
        target.mkdir(exist_ok=True)
    elif source.is_file():
        shutil.copy2(source, target)


def _archive(folder: Path, package: Path) -> None:
    """A Debian archive of one package, in the base itself; its index has the digest that apt checks."""
    place = folder / "srv/debian"
    place.mkdir(parents=True)
    shutil.copy(package, place)
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    entry = f"Filename: ./{package.name}\nSize: {package.stat().st_size}\nSHA256: {digest}\n"
    (place / "Packages").write_text(f"{_said('dpkg-deb', '--field', str(package)).rstrip()}\n{entry}")
    sources = folder / "etc/apt"
    shutil.rmtree(sources / "sources.list.d", ignore_errors=True)
    (sources / "sources.list").write_text("deb [trusted=yes] file:/srv/debian ./\n")


@dataclass(frozen=True, slots=True)
class Image:
    """A built image: ``root`` is where its filesystem is mounted, ``config`` what an engine reads."""

    root: Path
    config: dict[str, Any]

    def environment(self, **more: str) -> dict[str, str]:
        """The image's variables, and nothing of the test's own but these."""
        return dict(one.partition("=")[::2] for one in self.config["Env"]) | more

    def command(self, volume: Path, *words: str) -> list[str]:
        """The command that runs words inside."""
        inside = ["sh", "-ec", CONTAINED, "sh", str(self.root), str(volume), self.config["User"], *words]
        return [str(shutil.which("unshare")), "--mount", "--pid", "--fork", *inside]

    @contextmanager
    def served(self, volume: Path, port: int, **variables: str) -> Iterator[int]:
        """The image's own entry point and command with a port, until ready; the number of its process 1, seen from
        outside. It is ended by SIGTERM and has to end well."""
        words = (*self.config["Entrypoint"], *self.config["Cmd"], "--port", str(port))
        environment = self.environment(**variables) | {"PATH": f"{self.environment()['PATH']}:{SYSTEM_PATH}"}
        outside = subprocess.Popen(self.command(volume, *words), env=environment)
        try:
            _await(outside, port)
            children = Path(f"/proc/{outside.pid}/task/{outside.pid}/children").read_text().split()
            yield int(children[0])
            os.kill(int(children[0]), 15)
            assert outside.wait(60) == 0
        finally:
            outside.kill()
            outside.wait(20)


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "the image's service ended"
        with suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200:
                return
        time.sleep(0.2)
    raise AssertionError("the image's service isn't ready")


@contextmanager
def built(folder: Path, mirror: Mirror) -> Iterator[Image]:
    """The image, built from the Dockerfile with the mirror for both kinds of packages."""
    base(folder / "base", mirror)
    buildah = _Buildah(folder / "store")
    try:
        buildah.base(folder / "base", {"NODE_EXTRA_CA_CERTS": "/etc/ssl/certs/mirror.pem", "PATH": SYSTEM_PATH})
        arguments = {
            "BASE_IMAGE": "localhost/base",
            "PIP_INDEX_URL": f"{mirror.url}/simple",
            "NPM_CONFIG_REGISTRY": f"{mirror.url}/npm/",
            "VERSION": "0.0.0-test",
            "REVISION": "of-the-test",
        }
        named = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        buildah("bud", "--layers=false", "--pull-never", *named, "--tag", "localhost/onestop", str(ROOT))
        config = json.loads(buildah("inspect", "--type", "image", "localhost/onestop"))["Docker"]["config"]
        container = buildah("from", "--pull-never", "localhost/onestop")
        yield Image(Path(buildah("mount", container)), config)
    finally:
        buildah("umount", "--all")
        buildah("rm", "--all")


class _Buildah:
    """buildah with a store of its own: layers by the kernel's overlay where it has one, else as copies."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.driver = "overlay"

    def __call__(self, *words: str) -> str:
        places = ("--root", str(self.store / self.driver), "--runroot", str(self.store / "run"))
        chosen = {"STORAGE_DRIVER": self.driver, "BUILDAH_ISOLATION": "chroot", "BUILDAH_FORMAT": "docker"}
        command = ["buildah", *places, *words]
        done = subprocess.run(command, env=os.environ | chosen, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words[0]}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout.strip()

    def base(self, folder: Path, variables: Mapping[str, str]) -> None:
        """Make ``localhost/base`` of a folder."""
        try:
            container = self("from", "scratch")
        except AssertionError:
            self.driver = "vfs"
            container = self("from", "scratch")
        self("copy", "--quiet", container, str(folder), "/")
        self("config", *(word for name, value in variables.items() for word in ("--env", f"{name}={value}")), container)
        self("commit", "--rm", "--quiet", container, "localhost/base")
