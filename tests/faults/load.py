"""Clients that settle all the time, each request with its key, and remember what they were told.

A client repeats a request with the same key until it is answered for good. What isn't answered when the load ends is
repeated then: nothing may stay open.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from app.basics.errors import OnestopError
from app.basics.ids import SETTLEMENT, number_of
from app.config import Settings
from app.database.engine import open_database
from app.ledger import proof, seal
from tests.faults.ground import HEADERS, Ground
from tests.world import World, id_number, key

CLIENTS: Final = 5
PERSONS: Final = 4  # fewer than clients, so that they meet
PAUSE_SECONDS: Final = 0.03
ANSWER_SECONDS: Final = 5.0  # then a client asks again
CONVERGE_SECONDS: Final = 60.0
MAY_BE_REPEATED: Final = frozenset({"busy", "database_unavailable", "outcome_unknown", "idempotency_in_progress"})
SETTLED: Final = "SELECT visit_id, array_agg(settlement_id) AS ids FROM settlement GROUP BY visit_id"


@dataclass
class Sent:
    """One bill with its key, how often it was sent, and the settlement that its sender was told."""

    bill: dict[str, Any]
    key: dict[str, str]
    tries: int = 0
    told: int | None = None


@dataclass
class Found:
    """What stood in the database in the end. Numbers of bills; ``broken`` are invariants and seals."""

    acknowledged: int
    repeated: int
    lost: int
    doubled: int
    strange: int
    broken: dict[str, int]

    @property
    def is_right(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.doubled or self.strange or self.broken)


@dataclass
class Load:
    """The clients of one service and what they sent. ``answers``: by status and code, how many came."""

    ground: Ground
    dice: random.Random
    sent: list[Sent] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    checked: int = 0
    _world: World = field(init=False)
    _persons: list[str] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def prepare(self) -> None:
        """Put hospitals and persons there."""
        self._world = await World(self.ground.client).build()
        self._persons.append(self._world.person)
        for number in range(1, PERSONS):
            facts = {"name": "赵某", "id_number": id_number(), "area_code": "530127", "insurance_type": "390"}
            self._persons.append(f"{self._world.person}-{number}")
            await self._world.put(f"/v1/persons/{self._persons[-1]}", facts | {"identities": []})

    def bill(self) -> Sent:
        """A new bill, noted as sent."""
        amount = f"{self.dice.randint(100, 99_999) / 100:.2f}"
        one = Sent(self._world.bill(amount, person_id=self.dice.choice(self._persons)), key())
        self.sent.append(one)
        return one

    def begin(self) -> None:
        """Let the clients work."""
        self._tasks = [asyncio.create_task(self._client()) for _ in range(CLIENTS)]

    async def end(self) -> None:
        """Stop the clients where they are."""
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        for one in ended:
            if isinstance(one, Exception):
                raise one

    async def _client(self) -> None:
        async with self._connected() as client:
            while True:
                await self.until_told(client, self.bill())
                await asyncio.sleep(PAUSE_SECONDS)

    def _connected(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(verify=False, base_url=self.ground.base_url, headers=HEADERS, timeout=ANSWER_SECONDS)

    async def until_told(self, client: httpx.AsyncClient, one: Sent) -> None:
        """Send a bill until it is settled."""
        while one.told is None:
            if not await self.try_once(client, one):
                await asyncio.sleep(0.1)

    async def try_once(self, client: httpx.AsyncClient, one: Sent) -> bool:
        """Send a bill once; whether it is settled. AssertionError for an answer that a client can't go on from."""
        one.tries += 1
        try:
            answer = await client.post("/v1/settlements", json=one.bill, headers=one.key)
        except httpx.TransportError as error:
            self.answers[type(error).__name__] += 1
            return False
        code = "" if answer.status_code == 201 else answer.json()["code"]
        self.answers[f"{answer.status_code} {code}".strip()] += 1
        if answer.status_code == 201:
            one.told = number_of(SETTLEMENT, answer.json()["settlement_id"])
            return True
        assert code in MAY_BE_REPEATED, f"{answer.status_code} {answer.text}"
        assert answer.headers["Retry-After"]
        return False

    async def probe(self) -> None:
        """Settle a bill on a new connection."""
        async with self._connected() as client:
            await self.until_told(client, self.bill())

    async def converge(self) -> None:
        """Repeat what has no answer until it has; TimeoutError."""
        open_ones = [one for one in self.sent if one.told is None]
        async with asyncio.timeout(CONVERGE_SECONDS), self._connected() as client:
            await asyncio.gather(*(self.until_told(client, one) for one in open_ones))

    async def repeat(self, number: int) -> int:
        """Repeat some bills that were settled; how many got another answer than before."""
        some = self.dice.sample(self.sent, min(number, len(self.sent)))
        async with self._connected() as client:
            before = [one.told for one in some]
            for one in some:
                one.told = None
                await self.until_told(client, one)
        return sum(one.told != told for one, told in zip(some, before, strict=True))

    async def found(self) -> Found:
        """Compare what was told with what is there, and prove everything; the clients rest meanwhile."""
        others = await self.repeat(3)
        async with self.ground.owner() as owner:
            there = {row["visit_id"]: row["ids"] for row in await owner.fetch(SETTLED)}
        own = [(one, there.pop(one.bill["visit_id"], [])) for one in self.sent]
        new, self.checked = own[self.checked :], len(own)
        return Found(
            acknowledged=len(new),
            repeated=sum(one.tries > 1 for one, _ in new),
            lost=sum(one.told not in ids for one, ids in own),
            doubled=sum(len(ids) > 1 for _, ids in own),
            strange=len(there) + others,
            broken=await broken(self.ground.owner_url()),
        )


async def broken(url: str) -> dict[str, int]:
    """The invariants of the ledger and the kinds of seals that don't hold, as ``onestop check`` finds them."""
    database = await open_database(url, Settings(pool_size=1, hot_pool_size=1))
    try:
        async with database.transaction() as connection:
            checked = await proof.check_all(connection)
            verified = await seal.verify(connection)
    except OnestopError as error:
        return {error.code: 1}
    finally:
        await database.close()
    found = {result.check: result.count for result in checked if result.count}
    return found | {finding.kind: finding.count for finding in verified.findings}
