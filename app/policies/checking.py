"""Checking a pack's text in a process of its own: ``python -m app.policies.checking``, started by the service.

A text is somebody's, and may be made to take the processor and the memory for long. In a process of its own it takes
them from nobody, has a bound of each, and its end harms nothing. The process has no secret in its environment.
"""

import asyncio
import os
import resource
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from app.basics.errors import PolicyError, Unavailable
from app.tiers.load import load_book
from app.tiers.pack import Pack

MOST_SECONDS: Final = 10
MOST_BYTES: Final = 1 << 30
MOST_WAITED_SECONDS: Final = 30.0
MOST_AT_ONCE: Final = 2
NEEDED: Final = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL")
TOO_MUCH: Final = (
    f"{{pack}}.yaml:1: 检查用的时间或内存超过上限（{MOST_SECONDS} 秒，{MOST_BYTES >> 20} MB），没有完成。"
    "请检查是否有大量重复的内容，或分成几个政策配置（inherits）。"
)

_running: set[object] = set()


class CheckAnswer(Struct):
    """What the checker found: sentences that name file, parameter and day, and the remedy."""

    ok: bool
    findings: list[str]
    digest: str | None = None
    assumed: int | None = None


def assumed_rows(pack: Pack) -> int:
    """How many dated figures of a pack are assumed."""
    return sum(row.status == "assumed" for parameter in pack.parameters.values() for row in parameter.rows)


def checked(texts: Mapping[str, str], pack: str, drafts: Collection[str] = ()) -> CheckAnswer:
    """What is found in a pack's text beside those of other packs; drafts may have the areas of others."""
    try:
        found = load_book(texts, drafts).packs[pack]
    except PolicyError as error:
        return CheckAnswer(False, list(error.findings))
    return CheckAnswer(True, [], found.digest, assumed_rows(found))


async def checked_apart(texts: Mapping[str, str], pack: str, drafts: Sequence[str] = ()) -> CheckAnswer:
    """``checked`` in a process with bounds of time and memory; what goes beyond them is a finding. Unavailable while
    this process of the service has two such checks running."""
    if len(_running) >= MOST_AT_ONCE:
        raise Unavailable("busy", headers={"Retry-After": str(MOST_SECONDS)})
    mine = object()
    _running.add(mine)
    try:
        environment = {name: os.environ[name] for name in NEEDED if name in os.environ}
        command = (sys.executable, "-m", "app.policies.checking")
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment
        )
        found = await _answered(process, msgspec.json.encode((texts, pack, drafts)))
        return CheckAnswer(False, [TOO_MUCH.format(pack=pack)]) if found is None else found
    finally:
        _running.discard(mine)


async def _answered(process: Process, sent: bytes) -> CheckAnswer | None:
    """What the process answers; None when it went beyond its bounds. It is gone afterwards, whatever happens."""
    try:
        async with asyncio.timeout(MOST_WAITED_SECONDS):
            content, _ = await process.communicate(sent)
        return msgspec.json.decode(content, type=CheckAnswer) if process.returncode == 0 else None
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    sent = msgspec.json.decode(sys.stdin.buffer.read(), type=tuple[dict[str, str], str, list[str]])
    sys.stdout.buffer.write(msgspec.json.encode(checked(*sent)))
