"""How often a token, a gateway hospital or an address without a valid token may ask: so many requests a minute.

The counts lie in memory that all workers of a host share. They are counted without a lock: now and then one is missed,
never one invented. Several hosts count each for itself.
"""

import os
import struct
from dataclasses import dataclass
from hashlib import blake2b
from mmap import mmap
from pathlib import Path
from time import time
from typing import Final

from app.basics.errors import TooMany

FILE_VARIABLE: Final = "ONESTOP_RATES"
WINDOW_SECONDS: Final = 60
PLACES: Final = 1 << 20
_PLACE: Final = struct.Struct("=II")  # the minute, and the requests in it
BYTES: Final = PLACES * _PLACE.size


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a minute's requests, and in how many seconds the next minute begins. Below 0 it is spent."""

    limit: int
    left: int
    seconds: int

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The allowance as the RateLimit fields of the IETF's draft."""
        return [
            (b"ratelimit-limit", b"%d" % self.limit),
            (b"ratelimit-policy", b"%d;w=%d" % (self.limit, WINDOW_SECONDS)),
            (b"ratelimit-remaining", b"%d" % max(0, self.left)),
            (b"ratelimit-reset", b"%d" % self.seconds),
        ]

    def check(self) -> None:
        """TooMany ``too_many_requests`` when it is spent."""
        if self.left < 0:
            raise TooMany("too_many_requests", headers={"Retry-After": str(self.seconds)})


def _memory() -> mmap:
    """The file that the parent of the workers made, else memory of this process alone."""
    path = os.environ.get(FILE_VARIABLE)
    if not path:
        return mmap(-1, BYTES)
    with Path(path).open("r+b") as file:
        return mmap(file.fileno(), BYTES)


def prepare(path: Path) -> None:
    """Make the file that the workers share, and name it to them."""
    with path.open("wb") as file:
        file.truncate(BYTES)
    os.environ[FILE_VARIABLE] = str(path)


class Rates:
    """The requests of this minute by who sends them; a limit of 0 is none. Two share a place by chance, rarely: then
    they share a limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._memory = _memory() if limit else None

    def spent(self, who: str) -> Allowance | None:
        """What is left to somebody after one request more; None without a limit."""
        if self._memory is None:
            return None
        minute, second = divmod(int(time()), WINDOW_SECONDS)
        place = int.from_bytes(blake2b(who.encode(), digest_size=8).digest()) % PLACES * _PLACE.size
        of, count = _PLACE.unpack_from(self._memory, place)
        count = count + 1 if of == minute else 1
        _PLACE.pack_into(self._memory, place, minute, min(count, 1 << 31))
        return Allowance(self._limit, self._limit - count, WINDOW_SECONDS - second)
