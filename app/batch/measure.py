"""What a run takes: time, processor time, and the memory of all its processes together."""

import os
import resource
import threading
import time
from pathlib import Path
from typing import Final

EVERY_SECONDS: Final = 0.1
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
        """The processor time of this process and of those that it began and that have ended."""
        return _cpu_seconds() - self._cpu

    @property
    def peak_mib(self) -> float:
        """The highest sum of the memory of all processes; at least the highest of this one."""
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return max(self._peak, own) / (1 << 20)


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _family(process: int) -> int:
    """Bytes in memory of a process and all below it; one that has just ended has none."""
    total = _resident(process)
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        children = []
    return total + sum(_family(int(child)) for child in children)


def _resident(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0
