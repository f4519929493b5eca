"""The cluster of ``deploy/cluster`` on one machine: its leader is killed under load, and the gap is measured.

``python -m tests.faults.cluster --rounds 4`` runs the shipped files, with other addresses and folders, as three nodes
on addresses of 127.0.0.0/8: etcd, Patroni with PostgreSQL and PgBouncer on each, HAProxy before them, the service.
Needs Debian's patroni, etcd-server, pgbouncer, haproxy and postgresql-15.
"""

import argparse
import asyncio
import os
import pwd
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

import asyncpg
import click
import httpx

from app.database.schema import let_in, migrate
from tests.conftest import ADMIN_TOKEN, ROOT, start_service
from tests.faults.ground import HEADERS, until
from tests.faults.load import Found, Load
from tests.faults.run import leave_cleanly
from tests.service.test_operations import children

SHIPPED: Final = ROOT / "deploy/cluster"
BINARIES: Final = Path("/usr/lib/postgresql/15/bin")
PROGRAMS: Final = ("etcd", "patroni", "pgbouncer", "haproxy")
PACKAGES: Final = "patroni etcd-server pgbouncer haproxy postgresql-15"
HERE: Final = "127.0.77."
PASSWORD: Final = "change-this-of-the-service"
SUPERUSER: Final = "change-this-of-the-superuser"
BEGIN_SECONDS: Final = 300.0
FOLDERS: Final = {
    "/var/lib/postgresql/15": "",
    "/var/lib/postgresql": "",
    "/var/lib/etcd": "etcd-",
    "/etc/pgbouncer": "",
    "/var/log/postgresql": "",
    "/var/run/postgresql": "",
}
"""The shipped folders, and what a name in them begins with in the folder of a node."""
COLUMNS: Final = (
    "| leader | tries | bills | repeated | lost | doubled | gap median | longest |\n|---|--:|--:|--:|--:|--:|--:|--:|"
)


@dataclass
class Node:
    """One machine of the three."""

    number: int
    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where it is reached."""
        return f"{HERE}1{self.number}"

    def configure(self) -> None:
        """Write its files: the shipped ones with its name, its address and its folders."""
        self.folder.mkdir()
        for name in ("patroni.yml", "etcd", "pgbouncer.ini"):
            lines = (SHIPPED / name).read_text(encoding="utf-8").splitlines()
            (self.folder / name).write_text("\n".join(map(self._own, lines)) + "\n", encoding="utf-8")
        # Three servers of one port can't share the folder of their sockets.
        text = (self.folder / "patroni.yml").read_text()
        own = f"  parameters: {{unix_socket_directories: {self.folder}}}\n  authentication:"
        (self.folder / "patroni.yml").write_text(text.replace("  authentication:", own, 1))
        (self.folder / "users.txt").write_text(f'"onestop_app" "{PASSWORD}"\n')

    def _own(self, line: str) -> str:
        if "# of the node" in line or re.match(r"ETCD_(NAME|LISTEN|INITIAL_ADVERTISE|ADVERTISE)", line):
            line = line.replace("10.0.0.11", self.address).replace("pg1", f"pg{self.number}")
        if re.match(r"onestop = |listen_addr", line):
            line = line.replace("10.0.0.11", self.address)
        line = line.replace("10.0.0.0/24", "127.0.0.0/8").replace("10.0.0.", HERE)
        for shipped, ours in FOLDERS.items():
            line = line.replace(f"{shipped}/", f"{self.folder}/{ours}")
        return line

    def begin(self, *names: str) -> None:
        """Start its programs, as the machine does when it boots."""
        etcd = dict(line.split("=", 1) for line in (self.folder / "etcd").read_text().splitlines() if line[:1] == "E")
        commands = {
            "etcd": (["etcd"], etcd),
            "patroni": (["patroni", f"{self.folder}/patroni.yml"], {}),
            "pgbouncer": (["pgbouncer", f"{self.folder}/pgbouncer.ini"], {}),
        }
        for name in names or commands:
            command, variables = commands[name]
            self.processes[name] = started(command, self.folder, variables)

    def pids(self) -> list[int]:
        """Every process of the machine."""
        own = [process.pid for process in self.processes.values() if process.poll() is None]
        below = [pid for parent in own for pid in children(parent)]
        server = self.postmaster()
        return [*own, *below, *([server, *children(server)] if server else [])]

    def postmaster(self) -> int:
        """The first process of its PostgreSQL; 0 without one."""
        with suppress(OSError, ValueError, IndexError):
            return int((self.folder / "onestop/postmaster.pid").read_text().split()[0])
        return 0

    def kill(self) -> None:
        """The machine goes: everything at once."""
        everything = self.pids()
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in everything:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
        for process in self.processes.values():
            process.wait()

    def kill_server(self) -> None:
        """The first process of its PostgreSQL goes."""
        os.kill(self.postmaster(), signal.SIGKILL)


def started(command: list[str], folder: Path, variables: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a program as the user postgres, with a log of its own."""
    who = pwd.getpwnam("postgres")
    path = f"{os.environ['PATH']}:/usr/sbin"
    user = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with (folder / f"{command[0]}.out").open("ab") as log:
        plain = {"PATH": path, "LC_ALL": "C.UTF-8", "HOME": str(folder)}
        return subprocess.Popen(command, cwd=folder, env=plain | variables, stdout=log, stderr=log, **user)


@dataclass
class Cluster:
    """Three nodes and what stands before them. What ``Load`` needs of a service is here too."""

    folder: Path
    nodes: list[Node]
    base_url: str = ""
    client: httpx.AsyncClient = field(init=False)
    before: subprocess.Popen[bytes] | None = None
    leader: Node = field(init=False)

    async def whole(self) -> bool:
        """Whether there are a leader, a synchronous standby and a replica, all running; notes the leader."""
        for node in self.nodes:
            with suppress(httpx.HTTPError, ValueError):
                async with httpx.AsyncClient(timeout=2) as asking:
                    members = (await asking.get(f"http://{node.address}:8008/cluster")).json()["members"]
                roles = sorted(member["role"] for member in members if member["state"] in ("running", "streaming"))
                if roles == ["leader", "replica", "sync_standby"]:
                    name = next(member["name"] for member in members if member["role"] == "leader")
                    self.leader = self.nodes[int(name.removeprefix("pg")) - 1]
                    return True
        return False

    def owner_url(self, name: str = "onestop") -> str:
        """The superuser's login on the leader."""
        return f"postgresql://postgres:{SUPERUSER}@{self.leader.address}/{name}"

    @asynccontextmanager
    async def owner(self) -> AsyncIterator[Any]:
        """A connection as the superuser on the leader, whichever that is now."""
        await until(self._led, BEGIN_SECONDS)
        connection = await asyncpg.connect(self.owner_url())
        try:
            yield connection
        finally:
            await connection.close()

    async def _led(self) -> bool:
        for node in self.nodes:
            with suppress(httpx.HTTPError):
                async with httpx.AsyncClient(timeout=2) as asking:
                    if (await asking.get(f"http://{node.address}:8008/primary")).status_code == 200:
                        self.leader = node
                        return True
        return False

    async def prepare(self) -> None:
        """Make database, schema and the service's password, by the steps of the recipe."""
        server = await asyncpg.connect(self.owner_url("postgres"))
        await server.execute("CREATE DATABASE onestop")
        await server.close()
        await migrate(self.owner_url())
        await let_in(self.owner_url(), PASSWORD)

    def lead(self) -> str:
        """Start HAProxy; the URL of the service's database."""
        text = (SHIPPED / "haproxy.cfg").read_text(encoding="utf-8")
        text = text.replace("127.0.0.1:5000", f"{HERE}1:5000").replace("10.0.0.", HERE)
        (self.folder / "haproxy.cfg").write_text(text, encoding="utf-8")
        self.before = started(["haproxy", "-f", f"{self.folder}/haproxy.cfg"], self.folder, {})
        return f"postgresql://onestop_app:{PASSWORD}@{HERE}1:5000/onestop"


@asynccontextmanager
async def cluster() -> AsyncIterator[Cluster]:
    """The cluster with its service, for as long as the context lasts."""
    folder = Path(tempfile.mkdtemp(prefix="onestop-cluster-"))
    made = Cluster(folder, [Node(number, folder / f"pg{number}") for number in (1, 2, 3)])
    for node in made.nodes:
        node.configure()
    who = pwd.getpwnam("postgres")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, who.pw_uid, who.pw_gid)
    service = None
    try:
        for node in made.nodes:
            node.begin()
        await until(made.whole, BEGIN_SECONDS)
        await made.prepare()
        url = await asyncio.to_thread(made.lead)
        settings = {"ONESTOP_DATABASE_URL": url, "ONESTOP_DATABASE_POOLER": "transaction", "ONESTOP_CLOCK": "real"}
        settings |= {"ONESTOP_SECRET_KEY": "ab" * 32, "ONESTOP_ADMIN_TOKEN": ADMIN_TOKEN}
        service, made.base_url = await asyncio.to_thread(start_service, "", folder / "none", **settings)
        async with httpx.AsyncClient(verify=False, base_url=made.base_url, headers=HEADERS, timeout=30) as made.client:
            yield made
    finally:
        if service is not None:
            service.terminate()
            service.wait(60)
        await asyncio.to_thread(_ended, made)
    shutil.rmtree(folder, ignore_errors=True)


def _ended(made: Cluster) -> None:
    """End everything."""
    for node in made.nodes:
        node.kill()
    if made.before is not None:
        made.before.kill()
        made.before.wait()


Killing = Callable[[Cluster], Node]


def server_killed(made: Cluster) -> Node:
    """Its postmaster; Patroni lives."""
    made.leader.kill_server()
    return made.leader


def machine_killed(made: Cluster) -> Node:
    """Every process of its machine, etcd and PgBouncer too."""
    made.leader.kill()
    return made.leader


KILLINGS: Final = {"server killed": server_killed, "machine killed": machine_killed}


async def killed(made: Cluster, load: Load, kill: Killing) -> tuple[float, Found]:
    """Kill the leader under load; seconds until a bill is settled again, and what is there in the end."""
    load.begin()
    await asyncio.sleep(3)
    node = kill(made)
    since = time.monotonic()
    await load.probe()
    gap = time.monotonic() - since
    await load.end()
    await load.converge()
    found = await load.found()
    if node.processes["patroni"].poll() is not None:
        node.begin()  # the machine boots
    await until(made.whole, BEGIN_SECONDS)
    return gap, found


async def soak(rounds: int) -> bool:
    """Kill the leader so many times, in turn each way; whether nothing was lost, doubled or broken."""
    done: dict[str, list[tuple[float, Found]]] = {name: [] for name in KILLINGS}
    async with cluster() as made:
        load = Load(made, random.Random(1))
        await load.prepare()
        for turn in range(rounds):
            name = list(KILLINGS)[turn % len(KILLINGS)]
            gap, found = await killed(made, load, KILLINGS[name])
            done[name].append((gap, found))
            click.echo(f"{name}: settled again after {gap:.1f} s, {found}")
    click.echo(COLUMNS)
    for name, tries in ((name, tries) for name, tries in done.items() if tries):
        sums = [
            sum(getattr(found, what) for _, found in tries) for what in ("acknowledged", "repeated", "lost", "doubled")
        ]
        gaps = [gap for gap, _ in tries]
        click.echo(
            f"| {name} | {len(tries)} | {' | '.join(map(str, sums))} | {median(gaps):.1f} s | {max(gaps):.1f} s |"
        )
    return all(found.is_right for tries in done.values() for _, found in tries)


def main() -> int:
    """Read the command line and run."""
    leave_cleanly()
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--rounds", type=int, default=4)
    chosen = wanted.parse_args()
    missing = [name for name in PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    if missing or not BINARIES.is_dir():
        click.echo(f"{', '.join(missing) or BINARIES} isn't installed: apt-get install {PACKAGES}")
        return 2
    return 0 if asyncio.run(soak(chosen.rounds)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
