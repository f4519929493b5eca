"""The service stays there: dead workers, a dead supervisor of the database, a database that is away at the start."""

import asyncio
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from app.database.embedded import start
from app.database.schema import migrate
from app.service import elected
from app.serving.server import _counting
from tests.conftest import ADMIN_TOKEN, ROOT, SECRET, free_port, of_app, start_service
from tests.service.test_operations import children

pytestmark = pytest.mark.thorough


def serving(port: int, folder: Path, *words: str, **environment: str) -> subprocess.Popen[bytes]:
    """``onestop serve``, just begun."""
    variables = {name: value for name, value in os.environ.items() if name != "ONESTOP_DATABASE_URL"}
    variables |= {"ONESTOP_ADMIN_TOKEN": ADMIN_TOKEN, "ONESTOP_LOG_LEVEL": "warning"} | environment
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port), "--data-dir", str(folder), *words]
    return subprocess.Popen(command, env=variables, cwd=ROOT)


def status(port: int, path: str = "/readyz") -> int:
    """The status of an answer, 0 when there is none."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5).status_code
    except httpx.HTTPError:
        return 0


def eventually(check: Callable[[], object], seconds: float = 240.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "not within the time allowed"
        time.sleep(0.05)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the embedded database's user may enter."""
    path = Path(tempfile.mkdtemp(prefix="onestop-always-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def workers_of(pid: int) -> list[int]:
    """The worker processes of a service, without the one that they are forked from."""
    forking = forking_of(pid)
    return [child for child in children(pid) if child != forking and b"forkserver" in command_of(child)]


def forking_of(pid: int) -> int:
    """The process that a service's workers are forked from, 0 while there is none."""
    return next((child for child in children(pid) if b"forkserver" in command_of(child)), 0)


def command_of(pid: int) -> bytes:
    """The command line of a process; empty when it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def begun_at(pid: int) -> float:
    """When a process was started, in seconds since the machine's start."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")


def test_a_dead_worker_is_replaced_within_three_seconds(database_url: str, folder: Path) -> None:
    """Another process takes the place of each killed worker, of all of them at once too, and the service answers."""
    process, base_url = start_service(database_url, folder, workers=2, ONESTOP_SECRET_KEY="ab" * 32)
    try:
        for count in (1, 2):
            gone = set(workers_of(process.pid)[:count])
            killed_at = time.clock_gettime(time.CLOCK_BOOTTIME)
            for pid in gone:
                os.kill(pid, signal.SIGKILL)
            eventually(lambda gone=gone: len(set(workers_of(process.pid)) - gone) == 2)
            assert max(map(begun_at, workers_of(process.pid))) - killed_at < 3
            eventually(lambda: status(int(base_url.rpartition(":")[2])) == 200)
    finally:
        process.terminate()
        assert process.wait(120) == 0


def test_the_process_that_workers_are_forked_from_is_replaced_too(database_url: str, folder: Path) -> None:
    """It doesn't hear when all processes are told to end, since it says how the workers ended; when it is killed, its
    workers end, and another one and other workers take their places."""
    process, base_url = start_service(database_url, folder, workers=2, ONESTOP_SECRET_KEY="ab" * 32)
    port = int(base_url.rpartition(":")[2])
    try:
        forking, gone = forking_of(process.pid), workers_of(process.pid)
        os.kill(forking, signal.SIGTERM)
        os.kill(gone[0], signal.SIGKILL)
        eventually(lambda: len(set(workers_of(process.pid)) - {gone[0]}) == 2)
        assert forking_of(process.pid) == forking
        gone += workers_of(process.pid)
        os.kill(forking, signal.SIGKILL)
        eventually(lambda: len(set(workers_of(process.pid)) - set(gone)) == 2)
        assert forking_of(process.pid) != forking
        eventually(lambda: status(port) == 200)
        assert not {pid for pid in gone if command_of(pid)}
    finally:
        process.terminate()
        assert process.wait(120) == 0


FALLING = """
import time
from pathlib import Path

from uvicorn import Config

from app.serving import workers

def main():
    workers.load("falls")
    below = workers.Workers(Config("falls:application", workers=1), [])
    below.processes = [None]
    place = below._places[0]
    below._start_again(0, place)
    assert below.processes == [None] and place.not_before > time.monotonic()

if __name__ == "__main__":
    main()
"""


def test_a_worker_that_cannot_be_forked_is_tried_again(tmp_path: Path) -> None:
    """The service doesn't end with the process that it asks for a worker."""
    (tmp_path / "falls.py").write_text("import os\n\nos._exit(3)\n", encoding="utf-8")
    (tmp_path / "begun.py").write_text(FALLING, encoding="utf-8")
    variables = os.environ | {"PYTHONPATH": f"{ROOT}:{tmp_path}"}
    done = subprocess.run([sys.executable, tmp_path / "begun.py"], env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "no worker could be forked" in done.stderr


def test_no_process_below_is_told_the_owners_login(database_url: str, folder: Path) -> None:
    """Neither workers nor the process that they are forked from know the login that migrates, not even at their
    start."""
    owner = {"ONESTOP_OWNER_DATABASE_URL": database_url}
    process, _ = start_service(database_url, folder, workers=2, ONESTOP_SECRET_KEY="ab" * 32, **owner)
    try:
        below = [forking_of(process.pid), *workers_of(process.pid)]
        assert len(below) == 3
        told = [Path(f"/proc/{pid}/environ").read_bytes() for pid in below]
        assert [b"ONESTOP_OWNER_DATABASE_URL" in one for one in told] == [False] * 3
        assert b"ONESTOP_OWNER_DATABASE_URL" in Path(f"/proc/{process.pid}/environ").read_bytes()
    finally:
        process.terminate()
        assert process.wait(120) == 0


def test_a_pack_that_breaks_while_it_serves_does_not_end_the_service(
    database_url: str, folder: Path, tmp_path: Path
) -> None:
    """Workers that can't read the packs are tried again, also when the process that they are forked from has to read
    them anew; with the pack mended they serve."""
    secret, packs = "ab" * 32, str(tmp_path)
    process, base_url = start_service(
        database_url, folder, workers=2, ONESTOP_SECRET_KEY=secret, ONESTOP_POLICY_DIR=packs
    )
    try:
        time.sleep(3)  # until the parent knows that its workers served; before, a wrong pack ends a start
        (tmp_path / "half.yaml").write_text("pack: half\n", encoding="utf-8")
        forking = forking_of(process.pid)
        os.kill(forking, signal.SIGKILL)
        eventually(lambda: process.poll() is not None or forking_of(process.pid) not in (0, forking))
        time.sleep(5)
        assert process.poll() is None
        (tmp_path / "half.yaml").unlink()
        eventually(lambda: status(int(base_url.rpartition(":")[2])) == 200)
    finally:
        process.terminate()
        assert process.wait(120) == 0


def test_a_hang_up_replaces_the_workers_by_ready_ones(database_url: str, folder: Path) -> None:
    """After a SIGHUP other processes serve, and at no moment nobody did."""
    process, base_url = start_service(database_url, folder, workers=2, ONESTOP_SECRET_KEY="ab" * 32)
    port = int(base_url.rpartition(":")[2])
    try:
        before = set(workers_of(process.pid))
        os.kill(process.pid, signal.SIGHUP)
        answers = []

        def replaced() -> bool:
            answers.append(status(port, "/livez"))
            return not before & set(workers_of(process.pid))

        eventually(replaced)
        assert set(answers) == {200}
        assert len(workers_of(process.pid)) == 2
        assert status(port) == 200
    finally:
        process.terminate()
        assert process.wait(120) == 0


@pytest.mark.parametrize("workers", [pytest.param("1", marks=pytest.mark.soak), "2"])
def test_the_start_waits_for_the_database(folder: Path, workers: str) -> None:
    """A service that is begun before its database is there waits, and is ready once the database is."""
    with start(folder / "data") as server:
        url = server.url
        asyncio.run(migrate(url))
    port = free_port()
    key = {"ONESTOP_DATABASE_URL": url, "ONESTOP_SECRET_KEY": "ab" * 32}
    process = serving(port, folder / "data", "--workers", workers, **key)
    try:
        time.sleep(3)
        assert process.poll() is None
        with start(folder / "data"):
            eventually(lambda: status(port) == 200)
        eventually(lambda: status(port) == 503)
        assert status(port, "/livez") == 200
        for pid in workers_of(process.pid):  # those that start now find no database
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: status(port, "/livez") == 200)
        answer = httpx.get(f"http://127.0.0.1:{port}/v1/clock", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
        with start(folder / "data"):
            eventually(lambda: status(port) == 200)
        assert process.poll() is None
    finally:
        process.terminate()
        assert process.wait(120) == 0


def test_the_service_survives_its_database(folder: Path) -> None:
    """Supervisor and postmaster of the embedded database are killed: the same service is ready again without a hand."""
    port = free_port()
    process = serving(port, folder / "data")
    try:
        eventually(lambda: status(port) == 200, 120)
        supervisor = next(pid for pid in children(process.pid) if b"embedded.py" in command_of(pid))
        postmaster = int((folder / "data/pg/postmaster.pid").read_text().split()[0])
        for pid in (supervisor, postmaster):
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: status(port) == 503 or children(process.pid))
        eventually(lambda: status(port) == 200)
        assert process.poll() is None
    finally:
        process.terminate()
        assert process.wait(120) == 0


def test_a_port_that_is_taken_is_said_before_anything_starts(folder: Path) -> None:
    """One line names the port, the status isn't 0, and no database was made."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "app.cli", "serve", "--port", port]
        command += ["--data-dir", str(folder / "data")]
        variables = {name: value for name, value in os.environ.items() if name != "ONESTOP_DATABASE_URL"}
        done = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert port in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (folder / "data").exists()


def test_what_killed_services_counted_is_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The folder of metrics of a service that was killed goes at the next start; that of a living one, and one that is
    just being made, stay."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    names = ("onestop-metrics-killed", "onestop-metrics-new", "onestop-metrics-living")
    killed, new, living = (tmp_path / name for name in names)
    for folder in (killed, new, living):
        folder.mkdir()
        (folder / "held").touch()
        if folder != new:
            os.utime(folder / "held", (0, 0))
    with (living / "held").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with _counting() as mine:
            assert sorted(tmp_path.iterdir()) == sorted([living, new, mine])
    assert sorted(tmp_path.iterdir()) == sorted([living, new])


def test_of_two_elected_processes_the_last_one_to_show_something_is_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One that hangs and was outvoted lives, but its figures are old; those of a dead process are removed."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    dead = subprocess.Popen(["true"])
    dead.wait()
    for number, (pid, instant) in enumerate(((os.getpid(), 1_000), (os.getppid(), 2_000), (dead.pid, 3_000))):
        path = tmp_path / f"elected_{pid}.prom"
        path.write_text(f"figure {number}\n")
        os.utime(path, (instant, instant))
    assert elected.published() == b"figure 1\n"
    assert not (tmp_path / f"elected_{dead.pid}.prom").exists()


def test_a_process_whose_loop_does_not_recover_ends_with_a_status(database_url: str, tmp_path: Path) -> None:
    """SIGINT, which such a loop sends to its own process, is an end in good order with a status that isn't 0, so that
    whoever watches the process starts it again."""
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in the background of a shell
    try:
        process = serving(
            port := free_port(), tmp_path, ONESTOP_DATABASE_URL=of_app(database_url), ONESTOP_SECRET_KEY=SECRET
        )
    finally:
        signal.signal(signal.SIGINT, former)
    eventually(lambda: status(port) == 200)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(60) not in (0, -signal.SIGINT)
