"""Running the service: the embedded database if there is no other, migrations, then uvicorn with one or several workers."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

import uvicorn
from pydantic import SecretStr
from starlette.types import ASGIApp

from app.config import Settings
from app.database import embedded
from app.database.schema import check, migrate
from app.jobs.worker import die_with
from app.main import create_app
from app.service.metrics import forget_dead_workers, prepare_multiprocess
from app.service.security import load_secret

GRACEFUL_SECONDS: Final = 20
PARENT_VARIABLE: Final = "ONESTOP_PARENT"


@contextmanager
def database_url(settings: Settings, data_dir: Path) -> Iterator[str]:
    """The configured database, or an embedded one for as long as the context lasts."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
    else:
        with embedded.start(data_dir) as server:
            yield server.url


async def prepare(url: str, *, started: bool) -> None:
    """Migrate an embedded database that was started here. Another one is only looked at, since others may be working on it:
    SchemaUnfit until `onestop migrate` was run."""
    await (migrate(url) if started else check(url))


def serve(settings: Settings, *, host: str, port: int, data_dir: Path, workers: int) -> None:
    """Serve until told to stop. SIGTERM and SIGINT finish what is in flight, then stop the database."""
    signal.signal(signal.SIGTERM, _leave)
    with database_url(settings, data_dir) as url, tempfile.TemporaryDirectory(prefix="onestop-metrics-") as metrics:
        asyncio.run(prepare(url, started=settings.database_url is None))
        os.environ |= {
            "ONESTOP_DATABASE_URL": url,
            "ONESTOP_DATA_DIR": str(data_dir),
            "ONESTOP_SECRET_KEY": load_secret(settings, data_dir).hex(),
            PARENT_VARIABLE: str(os.getpid()),
        }
        if workers > 1:  # with one, prometheus_client counts in this very process
            prepare_multiprocess(Path(metrics))
        uvicorn.run(
            "app.server:application",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACEFUL_SECONDS,
            timeout_worker_healthcheck=60,
        )


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    """uvicorn raises its signal again when it has shut down; leave in good order then."""
    raise SystemExit(0)


def application() -> ASGIApp:
    """The application of one worker process, built from the environment."""
    parent = int(os.environ.get(PARENT_VARIABLE, "0"))
    if parent and parent != os.getpid():
        die_with(parent)
        forget_dead_workers()
    return create_app(Settings(), _url_of(Settings())).served


def _url_of(settings: Settings) -> str:
    url: SecretStr | None = settings.database_url
    if url is None:
        raise RuntimeError("ONESTOP_DATABASE_URL is not set; start the service with `onestop serve`")
    return url.get_secret_value()
