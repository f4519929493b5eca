"""The application in the process of a test, for thousands of requests or a look inside."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from app.config import Settings
from app.main import create_app
from tests.conftest import ADMIN_TOKEN


@asynccontextmanager
async def within(url: str, folder: Path, clock: str, **given: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application in this very process."""
    application = create_app(
        Settings(admin_token=ADMIN_TOKEN, clock=clock, data_dir=folder, log_level="warning", **given), url
    )
    transport, headers = httpx.ASGITransport(application.served), {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    async with (
        application.api.router.lifespan_context(application.api),
        httpx.AsyncClient(transport=transport, base_url="http://in", headers=headers) as opened,
    ):
        yield opened
