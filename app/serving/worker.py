"""What one process of the service serves. With several workers, this is loaded by the process they are forked from."""

import os

from pydantic import SecretStr
from starlette.types import ASGIApp

from app.config import Settings
from app.main import create_app, described
from app.service.metrics import forget_dead_workers

described()


def application() -> ASGIApp:
    """The application of one process, built from its environment."""
    forget_dead_workers(besides=os.getppid())
    settings = Settings()
    url: SecretStr | None = settings.database_url
    if url is None:
        raise RuntimeError("ONESTOP_DATABASE_URL is not set; start the service with `onestop serve`")
    return create_app(settings, url.get_secret_value()).served
