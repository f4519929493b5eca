"""The faults: each begins its cause, lets it last, and ends it. None of them lends the service a hand afterwards."""

import asyncio
import csv
import io
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx

from tests.faults.ground import Ground, NotHere
from tests.faults.load import Load
from tests.service.test_operations import children
from tests.world import id_number, key

FIND_SECONDS: Final = 60.0
MOST_CONNECTIONS: Final = 400
SLOW_CLIENTS: Final = 40
LIST_ROWS: Final = 40
FROZEN_TIMES: Final = 3  # so that some clients have asked again meanwhile


@dataclass
class Doing:
    """What a fault works with. ``seconds``: how long its cause lasts where that can be chosen."""

    ground: Ground
    load: Load
    dice: random.Random
    seconds: float

    async def last(self) -> None:
        """Let the cause last."""
        await asyncio.sleep(self.seconds)


REFUSING: Final = """
CREATE FUNCTION refusing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF random() < 0.3 THEN
    RAISE EXCEPTION 'could not serialize access' USING ERRCODE = 'serialization_failure';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER refusing_written AFTER INSERT ON settlement FOR EACH ROW EXECUTE FUNCTION refusing();
CREATE CONSTRAINT TRIGGER refusing_commit AFTER INSERT ON settlement DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION refusing();
"""

Whole = Callable[[], Awaitable[bool]]
Cause = Callable[[Doing], Awaitable[Whole | None]]
"""Does a fault; returns when its cause is gone, with what has to be true besides the service being whole."""


def kill(*pids: int) -> None:
    """SIGKILL; one that is gone already is dead enough."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def found(find: Callable[[], int]) -> int:
    """The process that a function finds, once there is one."""
    deadline = time.monotonic() + FIND_SECONDS
    while True:
        try:
            return find()
        except (ProcessLookupError, FileNotFoundError, IndexError):
            assert time.monotonic() < deadline, "no such process"
            await asyncio.sleep(0.02)


async def service_killed(doing: Doing) -> None:
    """The first process of the service."""
    kill(doing.ground.service.pid)


async def worker_killed(doing: Doing) -> None:
    """One worker."""
    kill(await found(lambda: doing.dice.choice(sorted(doing.ground.workers()))))


async def workers_killed(doing: Doing) -> None:
    """All workers at once."""
    kill(*doing.ground.workers())


async def postmaster_killed(doing: Doing) -> None:
    """The first process of the database; its backends find out by themselves."""
    kill(await found(doing.ground.postmaster))


async def backend_killed(doing: Doing) -> None:
    """One backend, whereupon PostgreSQL ends all others and recovers."""
    kill(await found(lambda: doing.dice.choice(sorted(doing.ground.backends()))))


async def supervisor_killed(doing: Doing) -> None:
    """What looks after the database."""
    kill(await found(doing.ground.supervisor))


async def everything_killed(doing: Doing) -> None:
    """The service and everything below it at once, as when the machine's power goes."""
    everything = [doing.ground.service.pid, *children(doing.ground.service.pid)]
    for pid in everything:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)  # so that none of them sees another die
    kill(*everything)


async def elected_killed(doing: Doing) -> Whole:
    """The worker that seals and watches; another has to take over."""
    dead = await found(doing.ground.elected)
    kill(dead)

    async def another() -> bool:
        try:
            return doing.ground.elected() != dead
        except ProcessLookupError:
            return False

    return another


async def job_killed(doing: Doing) -> Whole:
    """The process of an import; the job has to be done all the same, once."""
    text = io.StringIO()
    rows = [(id_number(), "赵某", "低保", "2018-01-01") for _ in range(LIST_ROWS)]
    csv.writer(text).writerows([("身份证号", "姓名", "人员类别", "认定日期"), *rows])
    headers = key() | {"Content-Type": "text/csv"}
    answer = await doing.ground.client.post(
        "/v1/registry/imports", params={"area_code": "530000"}, content=text.getvalue().encode(), headers=headers
    )
    assert answer.status_code == 202, answer.text
    pid = await found(lambda: doing.ground.jobs()[0])
    await asyncio.sleep(doing.dice.uniform(0, 1))
    kill(pid)

    async def is_done() -> bool:
        try:
            job = (await doing.ground.client.get(answer.headers["Location"])).json()
        except httpx.TransportError:
            return False
        assert job.get("state") != "failed", job
        return job.get("state") == "done" and job["done"] == job["total"] == LIST_ROWS

    return is_done


async def database_frozen(doing: Doing) -> None:
    """Every process of the database stops, as on a storage that hangs."""
    postmaster = await found(doing.ground.postmaster)
    frozen = [postmaster, *children(postmaster)]
    for pid in frozen:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(FROZEN_TIMES * doing.seconds)
    for pid in reversed(frozen):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


async def disk_full(doing: Doing) -> None:
    """Not one free byte on the database's disk, with a new WAL file needed at once or later."""
    if doing.ground.small_disk:
        raise NotHere(doing.ground.small_disk)
    ballast = doing.ground.data / "ballast"
    _fill(ballast)
    if doing.dice.random() < 0.5:
        with suppress(asyncpg.PostgresError, OSError, asyncpg.InterfaceError):
            async with doing.ground.owner() as owner, asyncio.timeout(2):
                await owner.execute("SELECT pg_switch_wal()")
    await doing.last()
    ballast.unlink()


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        for size in (2**24, 2**20, 4096):
            with suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass


async def connections_used_up(doing: Doing) -> None:
    """Somebody else holds every connection that the server gives, those of the service too."""
    url = doing.ground.owner_url()
    async with doing.ground.owner() as owner:
        held = await _held(url)
        await owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'onestop_app'")
        held += await _held(url)
        await doing.last()
        held += await _held(url)
        for connection in held:
            connection.terminate()


async def _held(url: str) -> list[Any]:
    """As many connections as there are to be had."""
    held: list[Any] = []
    while len(held) < MOST_CONNECTIONS:
        tried = await asyncio.gather(*(asyncpg.connect(url) for _ in range(20)), return_exceptions=True)
        got = [one for one in tried if not isinstance(one, BaseException)]
        held += got
        if len(got) < len(tried):
            return held
    raise AssertionError("the server gives connections without end")


async def slow_and_cancelled(doing: Doing) -> None:
    """Clients that send a byte now and then, and clients that leave before they are answered."""
    slow = [asyncio.create_task(_dawdle(doing.ground.port, body=bool(number % 2))) for number in range(SLOW_CLIENTS)]
    end = time.monotonic() + doing.seconds
    while time.monotonic() < end:
        await asyncio.gather(*(_leave(doing) for _ in range(5)))
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)


async def _dawdle(port: int, *, body: bool) -> None:
    """Send the head, or the body, of a request byte by byte until somebody loses patience."""
    head = b"POST /v1/settlements HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\nX-Slow: "
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(head + b"1\r\n\r\n" if body else head)
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.2)
    finally:
        writer.close()


async def _leave(doing: Doing) -> None:
    """Send a bill and close the connection soon, wherever it is by then. It is repeated later."""
    one = doing.load.bill()
    async with httpx.AsyncClient(
        verify=False, base_url=doing.ground.base_url, headers=doing.ground.client.headers
    ) as client:
        with suppress(TimeoutError):
            async with asyncio.timeout(doing.dice.uniform(0.005, 0.15)):
                await doing.load.try_once(client, one)


async def serialization(doing: Doing) -> None:
    """PostgreSQL refuses every second settlement (40001), when it is written or not before its commit; meanwhile the
    login's own isolation is another one, which the service doesn't go by."""
    level = doing.dice.choice(["repeatable read", "serializable"])
    async with doing.ground.owner() as owner:
        await owner.execute(REFUSING)
        for change in (f"SET default_transaction_isolation = '{level}'", "RESET default_transaction_isolation"):
            await owner.execute(f"ALTER ROLE onestop_app {change}")
            await owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'onestop_app'")
            if change.startswith("SET"):
                await doing.last()
        await owner.execute("DROP FUNCTION refusing() CASCADE")


async def table_locked(doing: Doing) -> None:
    """Somebody else's transaction holds a table that settling writes."""
    async with doing.ground.owner() as owner, owner.transaction():
        await owner.execute("LOCK TABLE person_year IN EXCLUSIVE MODE")
        await doing.last()


CAUSES: Final[dict[str, Cause]] = {
    cause.__name__: cause
    for cause in (
        service_killed,
        worker_killed,
        workers_killed,
        elected_killed,
        job_killed,
        postmaster_killed,
        backend_killed,
        supervisor_killed,
        everything_killed,
        database_frozen,
        disk_full,
        connections_used_up,
        slow_and_cancelled,
        serialization,
        table_locked,
    )
}


def planned(seed: int, number: int) -> list[tuple[str, float, float]]:
    """The faults of a seed: which, after how many seconds of load, and how long it lasts. Each kind once before any
    comes again."""
    dice = random.Random(seed)
    kinds: list[str] = []
    while len(kinds) < number:
        kinds += dice.sample(list(CAUSES), len(CAUSES))
    return [(kind, dice.uniform(0.2, 1.2), dice.uniform(1.0, 3.0)) for kind in kinds[:number]]
