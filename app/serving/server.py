"""Running the service: the embedded database if there is no other, then uvicorn with one or several workers."""

import asyncio
import fcntl
import logging
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

import asyncpg
import uvicorn
from uvicorn.config import STARTUP_FAILURE

from app.basics.errors import Unavailable
from app.config import Settings
from app.database import embedded
from app.database.embedded import Logins
from app.database.engine import LOGIN_CLASSES, login_url, plain_url, sqlstate, translated
from app.database.schema import SCHEMA_VERSION, SchemaUnfit, check, let_in, migrate
from app.service import key_check, rates
from app.service.logs import configure_logging
from app.service.metrics import prepare_multiprocess
from app.service.security import lies_beside_data, load_keys, load_secret
from app.serving.workers import Workers, load
from app.version import VERSION

GRACEFUL_SECONDS: Final = 20
LONGEST_PAUSE: Final = 5.0
WORKER: Final = "app.serving.worker"
OWNER_VARIABLE: Final = "ONESTOP_OWNER_DATABASE_URL"
SECRET_FILE_VARIABLE: Final = "ONESTOP_SECRET_KEY_FILE"
METRICS_FOLDER: Final = "onestop-metrics-"
HELD: Final = "held"  # the file that a living service has locked
BEGINNING_SECONDS: Final = 60.0  # a folder that is younger may be about to be locked
LOGGER: Final = logging.getLogger("onestop.server")


class PortTaken(RuntimeError):
    """Nobody can be served on the address; the message says why."""


@dataclass(frozen=True, slots=True)
class Reachable:
    """A database that can be worked on: the URL of the service's login, and the logins of one that was started here."""

    url: str = field(repr=False)
    started: Logins | None = None


@contextmanager
def reachable(settings: Settings, data_dir: Path) -> Iterator[Reachable]:
    """The configured database, or an embedded one for as long as the context lasts."""
    if settings.database_url is not None:
        yield Reachable(settings.database_url.get_secret_value())
    else:
        with embedded.start(data_dir) as server:
            yield Reachable(server.logins.app, server.logins)


@contextmanager
def owned(settings: Settings, data_dir: Path) -> Iterator[str]:
    """The URL of the login that migrates: the configured one, or that of an embedded database for as long as the
    context lasts. SchemaUnfit where only the service's login is known."""
    if settings.owner_database_url is not None:
        yield settings.owner_database_url.get_secret_value()
    elif settings.database_url is not None:
        raise SchemaUnfit(
            f"{OWNER_VARIABLE} is missing: the database is migrated, saved and restored by its owner, onestop_owner; "
            "the service's login may not"
        )
    else:
        with embedded.start(data_dir) as server:
            yield server.logins.owner


@contextmanager
def _kept(settings: Settings, data_dir: Path) -> Iterator[Reachable]:
    """As ``reachable``, with an embedded database that is started again whenever it ends."""
    if settings.database_url is not None:
        yield Reachable(settings.database_url.get_secret_value())
    else:
        with embedded.kept(data_dir) as logins:
            yield Reachable(logins.app, logins)


async def check_secret(settings: Settings, data_dir: Path, url: str) -> None:
    """ValueError, with the remedy, unless the secret is the one that the database was written with. Where nothing was
    written yet, one is made if there is none."""
    values = await key_check.known(url)
    key_check.refuse_other(values, load_keys(settings, data_dir, create=not values))


async def prepare(settings: Settings, database: Reachable, data_dir: Path) -> None:
    """Migrate an embedded database that was started here. Another one is only looked at, since others may be working
    on it: SchemaUnfit until `onestop migrate` was run, and in production for a login that may do too much."""
    if database.started is None:
        await check(login_url(database.url, settings), strict=settings.production)
    else:
        await check_secret(settings, data_dir, database.started.owner)
        await migrate(database.started.owner)
        await let_in(database.started.owner, database.started.app_password)


async def _prepare_to_serve(settings: Settings, database: Reachable, data_dir: Path) -> None:
    """``prepare``, and see that the secret is the database's before anything is written, and is noted then."""
    url = login_url(database.url, settings)
    if database.started is None:
        await check_secret(settings, data_dir, url)
    await prepare(settings, database, data_dir)
    await key_check.note(url, load_keys(settings, data_dir))


def _until_prepared(settings: Settings, database: Reachable, data_dir: Path) -> None:
    """Prepare the database, and wait for it as long as it is away or busy. What waiting can't mend is raised."""
    pause = 0.25
    while True:
        try:
            asyncio.run(_prepare_to_serve(settings, database, data_dir))
            return
        except (SchemaUnfit, ValueError):
            raise  # somebody has to migrate it, or to give the right secret
        except Exception as error:
            if isinstance(error, asyncpg.PostgresError) and (sqlstate(error) or "").startswith(LOGIN_CLASSES):
                raise  # somebody has to put login, password or name right
            if not isinstance(translated(error), Unavailable):
                raise
            pause = min(LONGEST_PAUSE, 2 * pause)
            LOGGER.warning("the database can't be used yet and is tried again in %.1f s: %s", pause, error)
        time.sleep(pause)


def serve(settings: Settings, *, host: str, port: int, data_dir: Path, workers: int) -> None:
    """Serve until told to stop. SIGTERM and SIGINT finish what is in flight, then stop the database. PortTaken."""
    signal.signal(signal.SIGTERM, _leave)
    configure_logging(settings.log_level)
    for name in (OWNER_VARIABLE, SECRET_FILE_VARIABLE):  # no process below needs them; the settings have them here
        os.environ.pop(name, None)
    with _bound(host, port) as listening, _counting() as metrics:
        _begin_loading(metrics, workers)
        with _kept(settings, data_dir) as database:
            _until_prepared(settings, database, data_dir)
            _tell_workers(settings, database, data_dir)
            where = "embedded" if settings.database_url is None else _shown(database.url)
            words = "onestop %s serves on %s port %s with %s workers; database %s, schema %s"
            LOGGER.info(words, VERSION, host, port, workers, where, SCHEMA_VERSION)
            _run(listening, settings, workers)


def _begin_loading(metrics: Path, workers: int) -> None:
    """Load the code that serves while the database starts, which takes as long."""
    rates.prepare(metrics / "rates")
    if workers > 1:  # with one, prometheus_client counts in this very process
        prepare_multiprocess(metrics)
        load(WORKER)
    else:
        threading.Thread(target=import_module, args=(WORKER,), daemon=True).start()


def _tell_workers(settings: Settings, database: Reachable, data_dir: Path) -> None:
    """Put what the workers have to know into the environment."""
    if lies_beside_data(settings, data_dir):
        LOGGER.warning("the secret lies beside the data, in %s: whoever copies one has both", data_dir)
    os.environ |= {
        "ONESTOP_DATABASE_URL": database.url,
        "ONESTOP_DATA_DIR": str(data_dir),
        "ONESTOP_SECRET_KEY": load_secret(settings, data_dir).hex(),
    }


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """The socket that is served on, bound before anything else is begun. It listens only when a worker is ready."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family)
    except OSError as error:
        raise PortTaken(f"地址 {host} 不能使用：{error}。请检查 --host。") from None
    with listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(address)
        except OSError as error:
            raise PortTaken(f"端口 {port} 不能使用：{error.strerror}。请停止占用它的程序，或换一个 --port。") from None
        listening.set_inheritable(True)
        yield listening


@contextmanager
def _counting() -> Iterator[Path]:
    """A folder for what the workers count, held for as long as this process lives. Folders of services that were killed
    are removed."""
    with tempfile.TemporaryDirectory(prefix=METRICS_FOLDER) as made, (Path(made) / HELD).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for folder in Path(made).parent.glob(f"{METRICS_FOLDER}*"):
            with suppress(OSError), (folder / HELD).open() as left:
                fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if time.time() - os.fstat(left.fileno()).st_mtime > BEGINNING_SECONDS:
                    shutil.rmtree(folder)
        yield Path(made)


def _shown(url: str) -> str:
    """A database's URL without its login."""
    return plain_url(url).rpartition("@")[2].rpartition("//")[2].partition("?")[0]


def _run(listening: socket.socket, settings: Settings, workers: int) -> None:
    """Serve in this process, or in several below it. Leaves with a status that isn't 0 when none can start."""
    config = uvicorn.Config(
        f"{WORKER}:application",
        factory=True,
        workers=workers,
        log_config=None,
        access_log=False,
        server_header=False,
        http="app.service.connections:BoundedProtocol",
        ws="none",
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=settings.proxies,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    if workers > 1:
        below = Workers(config, [listening])
        below.run()
        started = not below.failed
    else:
        server = uvicorn.Server(config)
        server.run([listening])
        started = server.started
    if not started:
        raise SystemExit(STARTUP_FAILURE)


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    """uvicorn raises its signal again when it has shut down; leave in good order then."""
    raise SystemExit(0)
