"""How requests are gathered: nobody waits for company, what fails fails alone, and nothing waits for ever."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from app.basics.errors import Unavailable
from app.service import gathering
from app.service.gathering import Company, Gathering, Left, SharedWork

Outcome = str | Exception | Left


@dataclass
class Bench:
    """Work that notes how it was done. Requests are ``lane:name``; what ``outcomes`` says of one is its outcome.
    ``gate`` holds everything up while it is closed."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    failing: Exception | None = None
    alone_done: list[str] = field(default_factory=list)
    batches: list[list[str]] = field(default_factory=list)
    lanes: list[list[str]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def alone(self, item: str) -> str:
        self.alone_done.append(item)
        await self.gate.wait()
        return f"alone {item}"

    async def together(self, items: Sequence[str], patient: bool) -> Sequence[Outcome]:
        (self.lanes if patient else self.batches).append(list(items))
        await self.gate.wait()
        if self.failing is not None:
            raise self.failing
        return [f"patient {item}" if patient else self.outcomes.get(item, f"together {item}") for item in items]

    def gathering(self, company: Company = "auto", seconds: float = 60) -> Gathering[str, str]:
        """What gathers for it."""
        return Gathering(SharedWork(self.alone, self.together, lambda item: item.partition(":")[0]), company, seconds)


async def begun(bench: Gathering[str, str], *items: str) -> list[asyncio.Task[str]]:
    """Requests that came at once."""
    tasks = [asyncio.create_task(bench.done(item)) for item in items]
    await asyncio.sleep(0.01)
    return tasks


async def test_a_lone_request_is_done_alone_at_once() -> None:
    """With nothing beside it nothing is gathered."""
    bench = Bench()
    bench.gate.set()
    gathered = bench.gathering()
    assert [await gathered.done(name) for name in "abc"] == ["alone a", "alone b", "alone c"]
    assert bench.batches == []


async def test_what_comes_while_others_are_done_is_taken_together() -> None:
    """Two are done at once; the rest is one batch, in its order, while they still run."""
    bench = Bench()
    tasks = await begun(bench.gathering(), *"abcdef")
    assert (bench.alone_done, bench.batches) == (["a", "b"], [["c", "d", "e", "f"]])
    bench.gate.set()
    assert await asyncio.gather(*tasks) == ["alone a", "alone b", *(f"together {name}" for name in "cdef")]


async def test_a_batch_that_hangs_leaves_room_for_another() -> None:
    """As many as hang in a batch make another one beside it; a third waits."""
    bench = Bench()
    gathered = bench.gathering("always")
    tasks = await begun(gathered, *"ab")
    tasks += await begun(gathered, "c")
    assert bench.batches == [["a", "b"]]
    tasks += await begun(gathered, *"def")
    assert bench.batches == [["a", "b"], ["c", "d", "e", "f"]]
    tasks += await begun(gathered, *"ghi")
    assert len(bench.batches) == 2
    bench.gate.set()
    assert len(await asyncio.gather(*tasks)) == 9


async def test_each_ends_with_its_own_outcome() -> None:
    """An error is one request's; what is left is done alone, or in its lane by others who wait for nobody."""
    wrong = ValueError("mine")
    bench = Bench({"b": wrong, "c": Left.ALONE, "p:1": Left.LATER, "p:2": Left.LATER})
    bench.gate.set()
    answers = await asyncio.gather(
        *await begun(bench.gathering("always"), "a", "b", "c", "p:1", "p:2"), return_exceptions=True
    )
    assert list(answers) == ["together a", wrong, "alone c", "patient p:1", "patient p:2"]
    assert bench.lanes == [["p:1", "p:2"]]


async def test_a_busy_lane_takes_what_comes_for_it() -> None:
    """While a lane waits, further requests of it join it, and others go on."""
    bench = Bench({"p:1": Left.LATER})
    gathered = bench.gathering("always")
    bench.gate.set()
    first = await begun(gathered, "a")
    bench.gate.clear()
    hanging = asyncio.create_task(gathered.done("p:1"))
    await asyncio.sleep(0)
    bench.gate.set()
    assert await asyncio.gather(*first, hanging) == ["together a", "patient p:1"]
    assert gathered._lanes == {}


async def test_what_fails_as_a_whole_is_done_alone() -> None:
    """Each gets its own answer; a commit of which nobody knows whether it was done is tried again by nobody."""
    bench = Bench(failing=RuntimeError("poison"))
    bench.gate.set()
    answers = await asyncio.gather(*await begun(bench.gathering("always"), "a", "b"))
    assert answers == ["alone a", "alone b"]
    unknown = Bench(failing=Unavailable("outcome_unknown", extra={"outcome_unknown": True}))
    unknown.gate.set()
    refused = await asyncio.gather(*await begun(unknown.gathering("always"), "a", "b"), return_exceptions=True)
    assert [getattr(one, "code", None) for one in refused] == ["outcome_unknown"] * 2
    assert refused[0] is not refused[1]
    assert unknown.alone_done == []


async def test_nothing_waits_for_ever_and_not_too_much_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What isn't begun in time is told to come again; so is what comes to a full queue."""
    monkeypatch.setattr(gathering, "MOST_WAITING", 3)
    bench = Bench()
    gathered = bench.gathering(seconds=0.05)
    tasks = await begun(gathered, *"abcd")
    tasks += await begun(gathered, *"ef")
    assert [len(bench.alone_done), *map(len, bench.batches)] == [2, 2, 2]
    late = await begun(gathered, *"ghij")
    assert late[3].done(), "a full queue is told at once"
    codes = [getattr(one, "code", None) for one in await asyncio.gather(*late, return_exceptions=True)]
    assert codes == ["busy"] * 4
    bench.gate.set()
    assert len(await asyncio.gather(*tasks)) == 6


async def test_whoever_goes_away_leaves_the_others_alone() -> None:
    """A cancelled request ends neither its batch nor its neighbours."""
    bench = Bench()
    tasks = await begun(bench.gathering("always"), *"abc")
    tasks[1].cancel()
    await asyncio.sleep(0)
    bench.gate.set()
    assert [await tasks[0], await tasks[2]] == ["together a", "together c"]


async def test_never_means_never() -> None:
    """Switched off, each request is done alone, however many there are."""
    bench = Bench()
    bench.gate.set()
    gathered = bench.gathering("never")
    assert await asyncio.gather(*(gathered.done(name) for name in "abcd")) == [f"alone {name}" for name in "abcd"]
    assert bench.batches == []
