"""The invariants of the ledger, proven at the end of every test that settled or moved money.

After each test every database that tests of this process made is looked at: whether a settlement, a transfer or an
answer of the bank came, or a payment batch moved, since the last look, and if so whether all invariants hold. A
database that a test drops is looked at before; then, and at the end of a file, what is sealed is compared as well. A
test that damages a ledger on purpose says so and why: ``pytest.mark.damages("…")``; what it breaks isn't held against
the tests after it.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Coroutine, Generator
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import asyncpg
import pytest

from app.database.engine import plain_url
from app.ledger.proof import CHECKS
from app.ledger.seal import SEAL_CHECKS

CONNECT_SECONDS: Final = 10
MOST_SHOWN: Final = 10
_OPEN: Final = "SELECT service_open('0')"  # without it the service's login sees no row
_MOVED: Final = """
SELECT coalesce((SELECT max(settlement_id) FROM settlement), 0)
     + coalesce((SELECT max(transfer_id) FROM transfer), 0)
     + coalesce((SELECT max(receipt_id) FROM bank_receipt), 0)
     + coalesce((SELECT sum(files + length(state)) FROM payment_batch), 0)::bigint"""
_BROKEN: Final = " UNION ALL ".join(
    f"SELECT '{name}' AS check, place, (found - expected)::bigint AS off FROM ({query}) v"
    for name, query in CHECKS.items()
)
_SEALED: Final = " UNION ALL ".join(
    f"SELECT 'seal {kind}' AS check, concat_ws(' ', v.block_no, v.source, v.row_id) AS place, 1::bigint AS off"
    f" FROM ({query.replace(':blocks', 'NULL')}) v"
    for kind, query in SEAL_CHECKS.items()
)
_AS_SEALED: Final = "SELECT set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO, YMD', true)"
_GONE: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)

T = TypeVar("T")
Broken = Counter[tuple[str, str, int]]
"""Which invariant, where, by how much; and how often."""


@dataclass(slots=True)
class Ledger:
    """A database of the tests as it was at the last look. ``scope``: of the fixture that made it."""

    scope: str
    moved: int = 0
    planned: int = 0
    """What had moved when the query was planned: that takes longer than to ask it, until there is much more."""
    query: Any = None
    broken: Broken = field(default_factory=Counter)
    damaged: bool = False
    """A test changed it otherwise than the service does: what it sealed may be unlike."""


@dataclass(slots=True)
class Prover:
    """What this test process proves, on a loop in a thread of its own: tests of any kind can wait for that."""

    ledgers: dict[str, Ledger] = field(default_factory=dict)
    """By URL of the service's login."""
    scopes: list[str] = field(default_factory=list)
    """Of the fixtures that are being made, the innermost last."""
    excused: bool = False
    """The test that runs damages a ledger on purpose."""
    proofs: int = 0
    seconds: float = 0.0
    _connections: dict[str, Any] = field(default_factory=dict)
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None

    def made(self, url: str) -> None:
        """Remember a database: as long as the fixture lives that makes it, or else the test."""
        self.ledgers[url] = Ledger(self.scopes[-1] if self.scopes else "function")

    def after(self, *, file_ends: bool) -> list[str]:
        """What the test that ends now broke, in words. Forgets what goes with the test, or with its file."""
        gone = {"function", "class"} | ({"module"} if file_ends else set())
        found = []
        for url, ledger in list(self.ledgers.items()):
            found += self.look(url, seals=file_ends or ledger.scope in gone)
        for url in [url for url, ledger in self.ledgers.items() if ledger.scope in gone]:
            self.forget(url)
        return found

    def look(self, url: str, *, seals: bool = False) -> list[str]:
        """What was broken in a database since the last look, in words, with ``seals`` what isn't as it was sealed as
        well; nothing in one whose server is gone, or that isn't known."""
        if url not in self.ledgers:
            return []
        began = time.monotonic()
        try:
            new = self._run(self._looked(url, self.ledgers[url], seals=seals))
        finally:
            self.seconds += time.monotonic() - began
        return [] if self.excused else [f"{check} at {place}: off by {off}" for check, place, off in new]

    def forget(self, url: str) -> None:
        """Look no more at a database."""
        self.ledgers.pop(url, None)
        if url in self._connections:
            self._run(self._close(url))

    async def _looked(self, url: str, ledger: Ledger, *, seals: bool) -> Broken:
        for _ in range(2):  # a connection may have been cut since the last look
            try:
                connection = await self._connected(url)
                new = await self._changed(connection, ledger)
                if seals and not ledger.damaged and not self.excused:
                    unlike = await self._unlike(connection)
                    new, ledger.damaged = new + unlike, bool(unlike)
                return new
            except (*_GONE, TimeoutError):
                await self._close(url)
                ledger.query = None
        return Counter()

    async def _changed(self, connection: Any, ledger: Ledger) -> Broken:
        async with connection.transaction():
            await connection.execute(_OPEN)
            moved = await connection.fetchval(_MOVED)
            if moved == ledger.moved:
                return Counter()
            if ledger.query is None or moved > 2 * ledger.planned:
                ledger.query, ledger.planned = await connection.prepare(_BROKEN), moved
            rows = await ledger.query.fetch()
        broken = Counter((row["check"], row["place"], row["off"]) for row in rows)
        new, ledger.moved, ledger.broken = broken - ledger.broken, moved, broken
        ledger.damaged = ledger.damaged or self.excused or bool(new)
        self.proofs += 1
        return new

    async def _unlike(self, connection: Any) -> Broken:
        async with connection.transaction():
            await connection.execute(_OPEN)
            await connection.execute(_AS_SEALED)
            return Counter((row["check"], row["place"], row["off"]) for row in await connection.fetch(_SEALED))

    async def _connected(self, url: str) -> Any:
        if url not in self._connections:
            self._connections[url] = await asyncpg.connect(plain_url(url), timeout=CONNECT_SECONDS)
        return self._connections[url]

    async def _close(self, url: str) -> None:
        if (connection := self._connections.pop(url, None)) is not None:
            connection.terminate()

    def _run(self, wanted: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="prover", daemon=True)
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(wanted, self._loop).result()

    def end(self) -> None:
        """Close what was opened."""
        for url in list(self.ledgers):
            self.forget(url)
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self._loop = None


PROVER: Final = Prover()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
    """A database lives as long as the fixture that makes it."""
    PROVER.scopes.append(fixturedef.scope)
    try:
        return (yield)
    finally:
        PROVER.scopes.pop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """What a test breaks on purpose it is excused for."""
    PROVER.excused = item.get_closest_marker("damages") is not None
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    """Look before the fixtures go, and fail the test if a ledger no longer holds."""
    broken = PROVER.after(file_ends=nextitem is None or nextitem.path != item.path)
    if nextitem is None:  # the server waits for connections when it ends
        PROVER.end()
    yield
    if broken:
        pytest.fail(f"{item.nodeid} broke the ledger: {'; '.join(broken[:MOST_SHOWN])}", pytrace=False)
