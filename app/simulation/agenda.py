"""What is still to be done in a simulated year, by day; acts of one day run in the order they were planned."""

import heapq
from collections.abc import Callable
from datetime import date


class Agenda:
    """Acts with their days. An act may plan further ones, of its own day or later."""

    def __init__(self) -> None:
        self._acts: list[tuple[date, int, Callable[[], None]]] = []
        self._planned = 0

    def at(self, day: date, act: Callable[[], None]) -> None:
        """Plan an act."""
        self._planned += 1
        heapq.heappush(self._acts, (day, self._planned, act))

    def run(self, arrive: Callable[[date], None]) -> None:
        """Do everything, day by day; ``arrive`` is told each new day first."""
        today = date.min
        while self._acts:
            day, _, act = heapq.heappop(self._acts)
            if day > today:
                today = day
                arrive(today)
            act()
