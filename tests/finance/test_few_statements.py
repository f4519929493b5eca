"""A page asks the database little: at most twenty statements, however much there is."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from sqlalchemy import event

from app.config import Settings
from app.database.engine import Database
from app.main import create_app
from tests.clearing.office import Office
from tests.conftest import ADMIN_TOKEN, drop_database, migrated_database
from tests.finance.conftest import _bills
from tests.people import person
from tests.world import World

pytestmark = pytest.mark.thorough
MOST: Final = 20
FRAME: Final = re.compile(r"\A\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)\b", re.IGNORECASE)
PATHS: Final = (
    *("/finance/overdue?year=2018", "/finance/statements", "/finance/settlements", "/finance/claims", "/finance/audit"),
    *("/finance/prepayments", "/finance/balances", "/finance/reconciliation", "/finance/payment-batches"),
    *("/finance/bank-receipts", "/finance/jobs", "/finance/lists", "/finance/accounts", "/finance/policies"),
    *("/finance/reports?area_code=530100", "/finance/search", "/finance/orders"),
    *("/finance?year=2018", "/finance?year=2018&area_code=530100", "/finance?year=2017&area_code=530102"),
    *(
        "/finance/waiting",
        "/finance/waiting?area_code=530100",
        "/finance/closings",
        "/finance/closings?area_code=530100",
    ),
    *("/finance/months?period=2018-05", "/finance/months?period=2018-05&area_code=530100&fund=390100"),
    *("/finance/figures?year=2018&fund=390100", "/finance/figures?year=2018&fund=390100&area_code=530100"),
)
_asking: Final[ContextVar[list[str] | None]] = ContextVar("asking", default=None)
"""Where the statements of the request that is looked at are noted. What the service does by itself meanwhile (jobs, the
election, the watch of its health) began before and has another context."""


@dataclass
class Pages:
    """An office in this very process, somebody who is logged in to its pages, and what the database was asked."""

    office: Office
    browser: httpx.AsyncClient


@contextmanager
def _listening() -> Iterator[list[str]]:
    """The statements that are sent in it, and by what is begun in it; whole once the database's loggers had their
    turn."""
    found: list[str] = []
    token = _asking.set(found)
    try:
        yield found
    finally:
        _asking.reset(token)


@pytest.fixture
async def pages(database_server: str, tmp_path: Path) -> AsyncIterator[Pages]:
    """Two months of clearing, and an officer's login."""
    url = await migrated_database(database_server)
    clock = "manual:2018-03-20T10:00:00+08:00"
    settings = Settings(admin_token=ADMIN_TOKEN, clock=clock, data_dir=tmp_path, log_level="warning")
    application = create_app(settings, url)
    transport, base = httpx.ASGITransport(application.served), "http://127.0.0.1"
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    async with (
        application.api.router.lifespan_context(application.api),
        httpx.AsyncClient(transport=transport, base_url=base, headers=headers) as client,
        httpx.AsyncClient(transport=transport, base_url=base) as browser,
    ):
        office = Office(client, url)
        office.world = await World(client).build()
        for name in ("li", "wang"):
            await office.hire(name, scopes=["finance"])
        for period, after in (("2018-04", "2018-05"), ("2018-05", "2018-06")):
            await _bills(office, f"{period}-20")
            await office.at(f"{after}-05")
            await office.ordered(await office.approved(period))
        await person(client, browser, scopes=["finance"])
        await _listen(application.api.state.service.database)
        yield Pages(office, browser)
    await drop_database(url)


def _note(statement: str) -> None:
    asked = _asking.get()
    if asked is not None and not FRAME.match(statement):
        asked.append(statement)


async def _listen(database: Database) -> None:
    """Note every statement of both pools."""

    def note(query: Any) -> None:
        _note(query.query)

    def sent(connection: Any, cursor: Any, statement: str, *further: Any) -> None:
        _note(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", sent)
    async with AsyncExitStack() as stack:
        for _ in range(database.pool.get_size()):
            one = await stack.enter_async_context(database.pool.acquire())
            one.add_query_logger(note)


async def test_pages_ask_the_database_little(pages: Pages) -> None:
    """At most twenty statements each, transactions' ends aside; the counts are printed."""
    counts = {}
    for path in PATHS:
        with _listening() as statements:
            answer = await pages.browser.get(path)
        await asyncio.sleep(0)
        assert answer.status_code == 200, (path, answer.status_code)
        counts[path] = len(statements)
    print("\n".join(f"{count:3} {path}" for path, count in counts.items()))  # noqa: T201
    assert min(counts.values()) > 3  # the login's, what opens the transaction, what waits
    assert {path: count for path, count in counts.items() if count > MOST} == {}
