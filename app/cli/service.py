"""Running the service, and bringing its database up to date."""

import asyncio
import signal
from pathlib import Path

import click

from app.basics.errors import PolicyError
from app.cli.config import data_dir_option, folder_of, serving, serving_options, with_place
from app.cli.database import CANNOT_RUN, UNREACHABLE, unreachable
from app.cli.output import fail, out
from app.database.schema import migrate as migrate_database
from app.serving.server import PortTaken, check_secret, owned
from app.serving.server import serve as serve_service


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@serving_options
def serve(host: str, port: int, workers: int, data_dir: Path | None) -> None:
    """Run the service (and the embedded database, unless ONESTOP_DATABASE_URL is set)."""
    # A loop that doesn't recover interrupts its process. Begun in the background of a shell, the process would ignore
    # that behind the server's back and end with 0.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    settings = serving(data_dir, port=port, workers=workers)
    try:
        serve_service(settings, host=host, port=port, data_dir=folder_of(settings, data_dir), workers=workers)
    except (*CANNOT_RUN, PortTaken, ValueError, PolicyError) as error:
        fail(str(error))
    except UNREACHABLE as error:
        unreachable(error)


@click.command()
@data_dir_option
def migrate(data_dir: Path | None) -> None:
    """Bring the database to this release's schema."""
    settings = with_place(data_dir)
    try:
        with owned(settings, folder_of(settings, data_dir)) as url:
            if settings.owner_database_url is None:  # the owner of a database elsewhere needn't know the secret
                asyncio.run(check_secret(settings, folder_of(settings, data_dir), url))
            out.print(f"migrated to {asyncio.run(migrate_database(url))}")
    except (*CANNOT_RUN, ValueError) as error:
        fail(str(error))
    except UNREACHABLE as error:
        unreachable(error)
