"""What a run takes: time, processor time, and the memory of all its processes together."""

import os
import resource
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

EVERY_SECONDS: Final = 0.1
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Meter:
    """Measures from its making to its end, in a thread of its own."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._cpu = _cpu_seconds()
        self._over = threading.Event()
        self._peak = _resident(os.getpid())
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            self._peak = max(self._peak, _family(os.getpid()))

    def stop(self) -> None:
        """End it."""
        self._over.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        """How long it has been."""
        return time.monotonic() - self._began

    @property
    def cpu_seconds(self) -> float:
        """The processor time of this process and of all that it began, ended or not."""
        return _cpu_seconds() - self._cpu

    @property
    def peak_mib(self) -> float:
        """The highest sum of the memory of all processes; at least the highest of this one."""
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return max(self._peak, own) / (1 << 20)


def _cpu_seconds() -> float:
    times = os.times()
    ended = times.user + times.system + times.children_user + times.children_system
    return ended + sum(_used(child) for child in _children(os.getpid())) / _TICKS


def _used(process: int) -> int:
    """Ticks of a process and all below it; those of one that has just ended are its parent's."""
    try:
        numbers = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, numbers[11:15])) + sum(_used(child) for child in _children(process))


def _family(process: int) -> int:
    """Bytes in memory of a process and all below it; one that has just ended has none."""
    return _resident(process) + sum(_family(child) for child in _children(process))


def _children(process: int) -> list[int]:
    """The processes that a process began and that haven't ended, whichever of its threads it was."""
    found: list[int] = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, task.read_text().split())
    return found


def _resident(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0
