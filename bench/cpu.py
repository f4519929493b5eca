"""Processor time of processes, from ``/proc`` (Linux): on a shared machine the only reading that isn't noise."""

import os
import resource
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> set[int]:
    """A process and all that descend from it now."""
    parents = {int(path.name): parent for path in Path("/proc").glob("[0-9]*") if (parent := _parent(path)) is not None}
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _fields(path: Path) -> list[str]:
    """The fields of a process behind its name; none when it is gone."""
    try:
        return (path / "stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
    except OSError:
        return []


def _parent(path: Path) -> int | None:
    fields = _fields(path)
    return int(fields[1]) if fields else None


def seconds(pid: int) -> float:
    """Processor seconds of a process and its family so far, ended children included."""
    ticks = 0
    for one in family(pid):
        if fields := _fields(Path(f"/proc/{one}")):
            ticks += sum(int(fields[number]) for number in (11, 12, 13, 14))
    return ticks / TICKS


def of_children() -> float:
    """Processor seconds of this process's children that ended so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
