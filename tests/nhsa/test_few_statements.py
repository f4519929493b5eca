"""Settling at the national door asks the database little."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event

from app.config import Settings
from app.database.engine import Database
from app.main import create_app
from tests.conftest import ADMIN_TOKEN, CLOCK, drop_database, migrated_database
from tests.nhsa.national import Hospital, signing
from tests.world import World

MOST: Final = 8
_asking: Final[ContextVar[list[str] | None]] = ContextVar("asking", default=None)


@pytest.fixture
async def application(database_server: str, tmp_path: Path) -> AsyncIterator[FastAPI]:
    """A service in this very process, whose statements can be heard."""
    url = await migrated_database(database_server)
    settings = Settings(admin_token=ADMIN_TOKEN, clock=f"manual:{CLOCK}", data_dir=tmp_path, log_level="warning")
    made = create_app(settings, url)
    async with made.api.router.lifespan_context(made.api):
        yield made
    await drop_database(url)


@contextmanager
def _listening() -> Iterator[list[str]]:
    """Every statement that is sent in it, transactions' ends and looks at a connection included."""
    found: list[str] = []
    token = _asking.set(found)
    try:
        yield found
    finally:
        _asking.reset(token)


LEARNING: Final = ("typeinfo_tree", "set_config('jit'")
"""How a new connection learns the database's types, once: which connection of the pool answers isn't promised."""


def _note(statement: str) -> None:
    asked = _asking.get()
    if asked is not None and not any(words in statement for words in LEARNING):
        asked.append(statement)


async def _listen(database: Database) -> None:
    """Hear every statement of both pools, also what goes past SQLAlchemy on its connections."""

    def hear(connection: Any, record: Any) -> None:
        connection.driver_connection.add_query_logger(lambda query: _note(query.query))

    def sent(connection: Any, cursor: Any, statement: str, *further: Any) -> None:
        _note(statement)

    event.listen(database.engine.sync_engine, "connect", hear)
    event.listen(database.engine.sync_engine, "before_cursor_execute", sent)
    await database.engine.dispose()
    async with AsyncExitStack() as stack:
        for _ in range(database.pool.get_max_size()):  # all there can be, so that none begins later, unheard
            one = await stack.enter_async_context(database.pool.acquire())
            one.add_query_logger(lambda query: _note(query.query))


async def _stay(hospital: Hospital, number: int) -> dict[str, Any]:
    """A discharged stay of twenty lines: what settles it."""
    mdtrt_id = await hospital.admitted(f"ZY{number}")
    rows = [hospital.line(mdtrt_id, f"{line}") for line in range(20)]
    await hospital.charged(mdtrt_id, *rows)
    await hospital.discharged(mdtrt_id)
    return hospital.settling("2304", mdtrt_id, "500.00")


async def _bill(hospital: Hospital, number: int) -> dict[str, Any]:
    """An outpatient's lines: what settles them."""
    mdtrt_id = await hospital.registered(f"MZ{number}")
    rows = [hospital.outpatient_line(mdtrt_id, f"{line}") for line in range(20)]
    await hospital.done("2204", {"feedetail": rows})
    return hospital.settling("2207", mdtrt_id, "500.00")


@pytest.mark.parametrize("profile", ["A", "B"])
async def test_settling_asks_the_database_at_most_eight_times(application: FastAPI, profile: str) -> None:
    """A hospital whose way of signing is known settles with at most eight statements, its nonce, the transaction's
    beginning and its end included."""
    transport, headers = httpx.ASGITransport(application.served), {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        hospital = await signing(await World(client).build(), profile)
        await hospital.done("2304", await _stay(hospital, 1))
        await _listen(application.api.state.service.database)
        for infno, ready in (("2304", _stay), ("2207", _bill)):
            await hospital.done(infno, await ready(hospital, 2))
            wanted = await ready(hospital, 3)
            with _listening() as statements:
                await hospital.done(infno, wanted)
            shown = "\n".join(" ".join(statement.split())[:90] for statement in statements)
            assert 3 < len(statements) <= MOST, shown
