"""Which figures are kept back, so that nobody's money can be read off or worked out. Pure.

A cell of fewer than five persons is suppressed. The cells of one list add up to a total that is shown, so one
suppressed cell alone would be that total less the others: further cells, the smallest first, are suppressed until those
kept back are at least two and have at least five persons.
"""

from collections.abc import Collection, Hashable, Mapping
from typing import Final, TypeVar

LEAST_PERSONS: Final = 5
LEAST_CELLS: Final = 2

Key = TypeVar("Key", bound=Hashable)


def suppressed(persons: Mapping[Key, int], *, overlapping: bool = False, besides: Collection[Key] = ()) -> set[Key]:
    """The cells of a list to suppress, by their persons; ``overlapping``: a person may be in several; ``besides``:
    those that would tell what another list keeps back.

    When all of them had to be, the total says as much as a cell: then the caller keeps it back too.
    """
    hidden = {key for key, count in persons.items() if 0 < count < LEAST_PERSONS or key in besides}
    if not hidden:
        return hidden
    left = sorted(persons.keys() - hidden, key=lambda key: (persons[key], str(key)))
    while left and not _safe([persons[key] for key in hidden], overlapping=overlapping):
        hidden.add(left.pop(0))
    return hidden


def _safe(counts: list[int], *, overlapping: bool) -> bool:
    return len(counts) >= LEAST_CELLS and (max(counts) if overlapping else sum(counts)) >= LEAST_PERSONS
