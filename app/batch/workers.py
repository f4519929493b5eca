"""Processes that compute buckets side by side, each told over a pipe what to do next.

A worker whose parent is gone ends by itself: its pipe is closed.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Protocol, TypeVar, cast

from app.batch.law import BatchLaw, book_of, law_digest, records_of
from app.batch.source import Rejected

L_co = TypeVar("L_co", covariant=True)
L = TypeVar("L")
T = TypeVar("T")


class Findable(Protocol[L_co]):
    """What a worker finds for itself before it begins."""

    def found(self) -> L_co:
        """Find it."""
        ...


@dataclass(frozen=True, slots=True)
class LawNamed:
    """The law of a run as a worker finds it again, and its digest."""

    packs: tuple[str, ...]
    extra: Path | None
    figures: Path | None
    digest: str = ""

    def found(self) -> BatchLaw:
        """The law. Rejected when it can't be used, or isn't what it was."""
        book, records = book_of(self.packs, self.extra), records_of(self.figures)
        if self.digest and law_digest(book, records) != self.digest:
            raise Rejected("政策配置在计算中被改动，请重新运行。")
        return BatchLaw(book, records)


def computed(work: Callable[[int, L], T], numbers: list[int], law: Findable[L], workers: int) -> Iterator[T]:
    """Do the work of buckets in any order; what comes of those that are done. Rejected as soon as one is."""
    if workers == 1 or len(numbers) < 2:
        found = law.found()
        yield from (work(number, found) for number in numbers)
        return
    context = get_context("spawn")
    waiting = list(reversed(numbers))
    pipes: list[Connection] = []
    processes = []
    try:
        for _ in range(min(workers, len(numbers))):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, work, law), daemon=True)
            process.start()
            theirs.close()
            processes.append(process)
            pipes.append(ours)
            ours.send(waiting.pop())
        busy = set(pipes)
        while busy:
            for pipe in wait(list(busy)):
                assert isinstance(pipe, Connection)
                yield cast(T, _answer(pipe))
                if waiting:
                    pipe.send(waiting.pop())
                else:
                    pipe.send(None)
                    busy.discard(pipe)
        for process in processes:
            process.join()
    finally:
        for process in processes:
            if process.is_alive():
                process.terminate()
            process.join()


def _answer(pipe: Connection) -> object:
    try:
        answer = pipe.recv()
    except EOFError:
        raise RuntimeError("a worker ended before its bucket was finished") from None
    if isinstance(answer, Exception):
        raise answer
    return cast(object, answer)


def _work(pipe: Connection, work: Callable[[int, L], T], law: Findable[L]) -> None:
    """The life of a worker."""
    with suppress(EOFError, KeyboardInterrupt, BrokenPipeError):
        try:
            found = law.found()
            while (number := pipe.recv()) is not None:
                pipe.send(work(number, found))
        except Rejected as error:
            pipe.send(error)
