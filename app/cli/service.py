"""Running the service, bringing its database up to date, and describing its interface."""

import asyncio
import signal
from pathlib import Path

import click
import yaml

from app.basics.errors import PolicyError
from app.cli.config import data_dir_option, folder_of, serving, serving_options, with_place
from app.cli.database import CANNOT_RUN, UNREACHABLE, unreachable
from app.cli.output import fail, out
from app.database.schema import migrate as migrate_database
from app.main import describe_app
from app.server import PortTaken, check_secret, owned
from app.server import serve as serve_service


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


@click.command()
@click.option("--check", is_flag=True, help="Only compare; status 1 when they differ.")
@click.option("--file", "path", type=click.Path(path_type=Path), default=Path("openapi.yaml"), show_default=True)
def openapi(check: bool, path: Path) -> None:
    """Write the application's OpenAPI document, or compare it with the committed one."""
    current = yaml.safe_dump(describe_app().openapi(), allow_unicode=True, sort_keys=False, width=120)
    if not check:
        path.write_text(current, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != current:
        fail(f"{path} 与应用不一致，请运行 make openapi。")
