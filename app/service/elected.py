"""Figures that one process of the whole service shows, so that workers and replicas never multiply money.

The elected process publishes them as Prometheus text; ``/metrics`` of its host, whichever worker answers, adds it to
its own. Other hosts show nothing of it. A process that died, or was outvoted, shows nothing any more either.
"""

import os
from pathlib import Path
from typing import Final

from app.service.metrics import MULTIPROCESS_VARIABLE

PATTERN: Final = "elected_*.prom"
_own: Final[list[bytes]] = []  # with one process there are no files


def publish(content: bytes) -> None:
    """Replace what this process shows. Whole or not at all for a reader."""
    path = _path()
    if path is None:
        _own[:] = [content]
        return
    draft = path.with_suffix(".draft")
    draft.write_bytes(content)
    draft.replace(path)


def withdraw() -> None:
    """Show nothing any more: another process may be elected now."""
    _own.clear()
    path = _path()
    if path is not None:
        path.unlink(missing_ok=True)


def published() -> bytes:
    """What the elected process of this host shows; empty when there is none on this host. Of several, of which one
    hangs and was outvoted, that of the last one to show something."""
    directory = os.environ.get(MULTIPROCESS_VARIABLE)
    if not directory:
        return b"".join(_own)
    found, shown = b"", 0
    for path in Path(directory).glob(PATTERN):
        try:
            os.kill(int(path.stem.rpartition("_")[2]), 0)
            if (instant := path.stat().st_mtime_ns) >= shown:
                found, shown = path.read_bytes(), instant
        except ProcessLookupError:
            path.unlink(missing_ok=True)
        except FileNotFoundError:
            continue
    return found


def _path() -> Path | None:
    directory = os.environ.get(MULTIPROCESS_VARIABLE)
    return Path(directory) / f"elected_{os.getpid()}.prom" if directory else None
