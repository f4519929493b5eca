"""The database: connections, and the only begin, commit and rollback.

One request or job is one transaction. Raising inside rolls back, returning commits. Connections log in as
``onestop_app``, which owns nothing; that they do, and what a request may reach, is seen to by ``request_open`` in the
database for each transaction, since a pooler may drop what a connection asks for.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, quote, urlsplit

import asyncpg
from sqlalchemy import Column, DateTime, MetaData, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.basics.errors import OnestopError, Unavailable
from app.config import Settings
from app.tracing import step

METADATA: Final = MetaData()
RETRY_SECONDS: Final = "2"
APP_ROLE: Final = "onestop_app"

BUSY_STATES: Final = frozenset(
    {"55P03", "57014", "40001", "40P01"}
)  # lock or statement timeout, serialization, deadlock
# Connection, login, database, resources, server shutting down, files of the server; a standby that only reads, and a
# transaction that was idle for too long.
LOST_CLASSES: Final = ("08", "28", "3D", "53", "57P", "58", "25006", "25P03")
LOGIN_CLASSES: Final = ("28", "3D")  # which somebody has to put right
LOST: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
LIMITS: Final = {"statement_timeout": 30.0, "lock_timeout": 15.0}  # seconds; of the login, see roles.sql
UNFIT_STATE: Final = "OS001"  # connection_checked(): not our login, or without its limits
LOGGER: Final = logging.getLogger("onestop.database")

# Statements without a name: a pooler that gives each transaction another connection mixes up named ones.
UNNAMED: Final = {"prepared_statement_cache_size": 0, "prepared_statement_name_func": str}

# What the locks and the order of reading are made for, whatever the server or the login has for a default.
ISOLATION: Final = "READ COMMITTED"

T = TypeVar("T")
HotConnection = Any  # an asyncpg connection of the pool; asyncpg ships no types
HotRecord = Any  # a row that it reads: a mapping of columns


def recorded() -> Column[object]:
    """The column that says when a row was written, by the database's clock."""
    return Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()"))


def plain_url(url: str) -> str:
    """A SQLAlchemy or libpq URL as asyncpg reads it. Of several ``@`` the last stands before the host."""
    plain = url.replace("postgresql+asyncpg://", "postgresql://", 1).replace("postgres://", "postgresql://", 1)
    head, slashes, rest = plain.partition("//")
    login, at, place = rest.rpartition("@")
    return f"{head}{slashes}{login.replace('@', '%40')}{at}{place}"


class Commit:
    """The end of one transaction. From the moment that it is asked for until the answer is there nobody knows whether
    it was done: whoever loses the connection meanwhile is told so (``outcome_unknown``).

    No limit of the server's ends a commit that waits for a standby, so this process closes the connection after
    ``seconds``. A server that is told to wait no longer answers with a warning and *done*: the standby may not have it,
    so that counts as lost too."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._asked = False
        self._warned = False

    async def made(self, connection: Any, committing: Awaitable[T]) -> T:
        """Commit on an asyncpg connection, listening to what the server says meanwhile. The answer of what commits."""
        connection.add_log_listener(self._hear)
        self._asked = True
        end = asyncio.get_running_loop().call_later(self._seconds, connection.terminate)
        try:
            answer = await committing
        finally:
            end.cancel()
            if not connection.is_closed():
                connection.remove_log_listener(self._hear)
        if self._warned:
            raise _unknown()
        return answer

    def _hear(self, _connection: Any, message: Any) -> None:
        self._warned |= message.severity_en == "WARNING"

    def translated(self, error: BaseException) -> BaseException:
        """As ``translated`` of what came before; a connection lost while committing is an unknown outcome. A task that
        is told to end is told that, whatever its cancelling did to the connection: it would go on otherwise."""
        if is_cancelled():
            return asyncio.CancelledError()
        told = translated(error)
        lost = isinstance(told, Unavailable) and told.code == "database_unavailable"
        return _unknown() if self._asked and lost else told


def is_cancelled() -> bool:
    """Whether the running task is told to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _taken_back(begun: Any) -> None:
    """Roll back; where that fails the connection is lost, and what ended the transaction is the better answer."""
    try:
        await begun.rollback()
    except (DBAPIError, *LOST) as error:
        LOGGER.info(
            "a transaction's connection was lost before it was rolled back (%s); it is rolled back by that", error
        )


def _unknown() -> Unavailable:
    """Whether it was done isn't known: the same key tells."""
    return Unavailable("outcome_unknown", headers={"Retry-After": RETRY_SECONDS}, extra={"outcome_unknown": True})


class Database:
    """The two pools of a process: ``transaction`` for everything, ``hot`` for the settling path on bare asyncpg."""

    def __init__(self, engine: AsyncEngine, pool: Any, settings: Settings) -> None:
        self.engine = engine
        self.pool = pool
        self.settings = settings
        self._ordinary = asyncio.Semaphore(ordinary_share(settings.pool_size))
        self._ordinary_hot = asyncio.Semaphore(ordinary_share(settings.hot_pool_size))
        self.timeouts = 0
        """How often somebody waited for a connection in vain."""

    def in_use(self) -> dict[str, tuple[int, int]]:
        """Of each pool, by its name, how many connections are in use just now, and how many there may be."""
        ordinary: Any = self.engine.pool
        hot = self.pool.get_size() - self.pool.get_idle_size()
        return {
            "ordinary": (ordinary.checkedout(), self.settings.pool_size),
            "hot": (hot, self.settings.hot_pool_size),
        }

    @asynccontextmanager
    async def transaction(self, *, reserved: bool = False) -> AsyncIterator[AsyncConnection]:
        """One transaction on a SQLAlchemy connection, ``reserved`` for the cashier's window: with the connections that
        nothing else takes. Unavailable when the database can't be had or was too busy."""
        commit = Commit(self.settings.statement_timeout)
        try:
            async with self._admitted(self._ordinary, reserved), self.engine.connect() as connection:
                begun = await connection.begin()
                try:
                    yield connection
                except BaseException:
                    await _taken_back(begun)
                    raise
                await commit.made((await connection.get_raw_connection()).driver_connection, begun.commit())
        except (DBAPIError, PoolTimeout, *LOST) as error:
            self.timeouts += isinstance(error, PoolTimeout)
            raise commit.translated(error) from error

    @asynccontextmanager
    async def hot(self, *, reserved: bool = False) -> AsyncIterator[HotConnection]:
        """One transaction on an asyncpg connection, for the settling path; ``reserved`` as in ``transaction``."""
        commit = Commit(self.settings.statement_timeout)
        try:
            async with (
                self._admitted(self._ordinary_hot, reserved),
                self.pool.acquire(timeout=self.settings.pool_timeout) as connection,
            ):
                begun = connection.transaction(isolation=ISOLATION.lower().replace(" ", "_"))
                await begun.start()
                try:
                    yield connection
                except BaseException:
                    await _taken_back(begun)
                    raise
                await commit.made(connection, begun.commit())
        except LOST as error:
            self.timeouts += isinstance(error, TimeoutError)
            raise commit.translated(error) from error

    async def at_once(self, statement: str, *values: object) -> Any:
        """The value of one statement that is a transaction by itself, in one trip, with the reserved connections.

        Behind a pooler, which may give each trip another connection, it has a beginning and an end like any other.
        """
        if self.settings.database_pooler == "transaction":
            async with self.hot(reserved=True) as connection:
                return await connection.fetchval(statement, *values)
        commit = Commit(self.settings.statement_timeout)
        try:
            async with self.pool.acquire(timeout=self.settings.pool_timeout) as connection:
                return await commit.made(connection, connection.fetchval(statement, *values))
        except LOST as error:
            self.timeouts += isinstance(error, TimeoutError)
            raise commit.translated(error) from error

    @asynccontextmanager
    async def _admitted(self, ordinary: asyncio.Semaphore, reserved: bool) -> AsyncIterator[None]:
        """Wait for one of the connections that ordinary work may have at once; what is reserved doesn't wait."""
        with step("transaction"):
            if reserved:
                yield
                return
            try:
                async with asyncio.timeout(self.settings.pool_timeout):
                    await ordinary.acquire()
            except TimeoutError:
                self.timeouts += 1
                raise Unavailable("busy", headers={"Retry-After": RETRY_SECONDS}) from None
            try:
                yield
            finally:
                ordinary.release()

    async def close(self) -> None:
        """Close both pools; requests in flight are finished first."""
        await self.pool.close()
        await self.engine.dispose()


def login_of(url: str) -> str | None:
    """The role that a URL logs in as, None when it doesn't say."""
    parts = urlsplit(plain_url(url))
    return parts.username or next(iter(parse_qs(parts.query).get("user", ())), None)


def ordinary_share(size: int) -> int:
    """How many connections of a pool reports, lists and jobs may have at once: a quarter, and at least one of two, is
    kept for settling."""
    return max(1, size - max(1, size // 4))


def server_settings(settings: Settings, url: str) -> dict[str, str]:
    """What a connection of the service asks for. The login ``onestop_app`` has role and limits by itself: only limits
    that are set otherwise are asked for. Another login, of a trial, asks for all of it."""
    ours = login_of(url) == APP_ROLE
    wanted = {"statement_timeout": settings.statement_timeout, "lock_timeout": settings.person_lock_timeout}
    asked = {name: f"{int(wanted[name] * 1000)}" for name, usual in LIMITS.items() if not ours or wanted[name] != usual}
    if not ours:
        asked |= {"role": APP_ROLE, "jit": "off", "idle_in_transaction_session_timeout": "60000"}
    return {"application_name": "onestop", **asked}


def login_url(url: str, settings: Settings) -> str:
    """The URL as asyncpg reads it, with the password that ``ONESTOP_DATABASE_PASSWORD_FILE`` holds just now."""
    plain, path = plain_url(url), settings.database_password_file
    if path is None:
        return plain
    parts = urlsplit(plain)
    who, _, place = parts.netloc.rpartition("@")
    password = quote(path.read_text(encoding="utf-8").strip(), safe="")
    return parts._replace(netloc=f"{who.partition(':')[0]}:{password}@{place}").geturl()


async def one_connection(url: str) -> Any:
    """A connection for transactions one after the other, which works behind every pooler."""
    return await asyncpg.connect(plain_url(url), statement_cache_size=0)


async def open_database(url: str, settings: Settings) -> Database:
    """Both pools, which connect when they are first used. The database must be migrated by then."""
    options: dict[str, Any] = {"server_settings": server_settings(settings, url)}
    of_dialect: dict[str, Any] = {}
    if settings.database_pooler == "transaction":
        options |= {"statement_cache_size": 0}
        of_dialect |= UNNAMED

    async def connect(*_: object, **__: object) -> Any:
        return await asyncpg.connect(login_url(url, settings), **options)

    engine = create_async_engine(
        "postgresql+asyncpg://",
        connect_args={"async_creator_fn": connect, **of_dialect},
        isolation_level=ISOLATION,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.pool_timeout,
        pool_pre_ping=True,
    )
    pool = await asyncpg.create_pool(
        connect=connect,
        min_size=0,  # nothing is connected before somebody asks, so a database that is away ends nothing
        max_size=settings.hot_pool_size,
        reset=_nothing_to_reset,
    )
    return Database(engine, pool, settings)


async def _nothing_to_reset(connection: Any) -> None:
    """Everything a request sets is local to its transaction, so a returned connection is clean."""


def sqlstate(error: BaseException) -> str | None:
    """The PostgreSQL error code of a driver's or SQLAlchemy's error."""
    origin = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    state = getattr(origin, "sqlstate", None) or getattr(origin, "pgcode", None)
    return state if isinstance(state, str) else None


def constraint(error: BaseException) -> str | None:
    """The name of the violated constraint."""
    origin = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    source = origin.__cause__ if getattr(origin, "constraint_name", None) is None and origin.__cause__ else origin
    name = getattr(source, "constraint_name", None)
    return name if isinstance(name, str) else None


def translated(error: BaseException) -> BaseException:
    """A database failure that the caller may repeat as ``Unavailable``; anything else as it is (a bug of ours)."""
    if isinstance(error, OnestopError):
        return error
    state = sqlstate(error)
    headers = {"Retry-After": RETRY_SECONDS}
    if state in BUSY_STATES:
        return Unavailable("busy", headers=headers)
    if state == UNFIT_STATE:
        LOGGER.error(
            "ONESTOP_DATABASE_URL, or what stands before the database, is unfit: %s", getattr(error, "orig", error)
        )
        return Unavailable("database_unavailable", headers=headers)
    ours = isinstance(error, ValueError)  # the driver could not encode what we gave it
    if not ours and (state is None or state.startswith(LOST_CLASSES)):
        if state is not None and state.startswith(LOGIN_CLASSES):
            LOGGER.error("the database doesn't let the service in; check login, password and name: %s", error)
        return Unavailable("database_unavailable", headers=headers)
    return error
