"""Background loops: nothing that a round raises ends one, and one that hangs is begun anew."""

import asyncio

import asyncpg
import pytest

from app.basics.errors import Unavailable
from app.service import loops
from app.service.loops import Beat, Loop, keep

ERRORS = [
    Unavailable("database_unavailable"),
    asyncpg.exceptions.InvalidPasswordError("wrong password"),
    asyncpg.exceptions.InternalClientError("unexpected message"),
    asyncpg.exceptions.ProtocolError("lost in the protocol"),
    ValueError("a defect"),
    OSError(28, "No space left on device"),
    ExceptionGroup("several", [RuntimeError("one")]),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_no_error_ends_a_loop(error: Exception) -> None:
    """The round after a failed one takes place, whatever was raised."""
    rounds, enough = 0, asyncio.Event()

    async def turn(_: Beat) -> None:
        nonlocal rounds
        rounds += 1
        if rounds < 3:
            raise error
        enough.set()

    kept = asyncio.create_task(keep([Loop("test", turn, pause=0.01, hangs=60)], ready=bool))
    await asyncio.wait_for(enough.wait(), 30)
    kept.cancel()
    with pytest.raises(asyncio.CancelledError):
        await kept


async def test_a_hanging_loop_is_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round that waits for ever is cancelled, and the loop goes on with the next one."""
    monkeypatch.setattr(loops, "LOOK_SECONDS", 0.02)
    rounds, enough = 0, asyncio.Event()

    async def turn(_: Beat) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            await asyncio.Event().wait()
        enough.set()

    loop = Loop("test", turn, pause=0.01, hangs=0.1)
    kept = asyncio.create_task(keep([loop], ready=bool))
    await asyncio.wait_for(enough.wait(), 30)
    assert loop.age < 60
    kept.cancel()
    with pytest.raises(asyncio.CancelledError):
        await kept


async def test_a_stop_is_heard_while_a_loop_is_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled in the moment in which it waits for a hanging round to end, keeping the loops ends too."""
    monkeypatch.setattr(loops, "LOOK_SECONDS", 0.2)
    ending = asyncio.Event()

    async def turn(_: Beat) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ending.set()
            await asyncio.sleep(0.1)
            raise

    kept = asyncio.create_task(keep([Loop("test", turn, pause=0.01, hangs=0.1)], ready=bool))
    await asyncio.wait_for(ending.wait(), 30)
    kept.cancel()
    done, _ = await asyncio.wait([kept], timeout=10)
    assert kept in done
    assert kept.cancelled()


@pytest.mark.parametrize("error", [None, Unavailable("database_unavailable"), ValueError("a defect")])
async def test_a_stop_is_heard_that_a_round_has_swallowed(error: Exception | None) -> None:
    """A round that is cancelled and ends as if it hadn't been, or with another error, was the last one."""
    begun = asyncio.Event()

    async def turn(_: Beat) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if error is not None:
                raise error from None

    kept = asyncio.create_task(keep([Loop("test", turn, pause=0.01, hangs=60)], ready=bool))
    await asyncio.wait_for(begun.wait(), 30)
    kept.cancel()
    done, _ = await asyncio.wait([kept], timeout=10)
    assert kept in done
