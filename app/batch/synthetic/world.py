"""The areas, classes and hospitals of a synthetic year."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.batch.synthetic.draws import Numbers
from app.batch.synthetic.figures import several

CAPITAL: Final = "530100"
RANKS: Final = ("township", "county", "prefecture", "province")
PROVINCIAL: Final = 4
"""The kind of hospital beyond levels 1, 2 and 3: a level 3 hospital of the province."""


@dataclass(frozen=True, slots=True)
class InventedHospital:
    """A hospital as a bill names it."""

    code: str
    area: str
    rank: str
    level: int


@dataclass(frozen=True, slots=True)
class InventedWorld:
    """Where persons live, with weights, and all hospitals; ``first`` and ``count`` say by area and kind (levels 1 to 3,
    and provincial) which of them are near."""

    areas: tuple[str, ...]
    weights: tuple[float, ...]
    hospitals: tuple[InventedHospital, ...]
    first: Numbers
    count: Numbers


def world_of(areas: Sequence[str] = ()) -> InventedWorld:
    """The world of some areas, or of the province."""
    weights = several("population.areas") if not areas else dict.fromkeys(areas, 1.0)
    number = {name: int(value) for name, value in several("hospitals.number").items()}
    hospitals: list[InventedHospital] = []
    first = np.zeros((len(weights), PROVINCIAL + 1), np.int64)
    count = np.zeros_like(first)
    found: dict[tuple[str, int], int] = {}
    for row, area in enumerate(weights):
        near = [(1, area), (2, area), (3, f"{area[:4]}00"), (PROVINCIAL, CAPITAL)]
        for kind, where in near:
            many = number["province" if kind == PROVINCIAL else str(kind)]
            if (where, kind) not in found:
                found[where, kind] = len(hospitals)
                hospitals += [_hospital(where, kind, at) for at in range(1, many + 1)]
            first[row, kind], count[row, kind] = found[where, kind], many
    return InventedWorld(tuple(weights), tuple(weights.values()), tuple(hospitals), first, count)


def _hospital(area: str, kind: int, number: int) -> InventedHospital:
    return InventedHospital(f"H{area}{kind}{number:04d}", area, RANKS[kind - 1], min(kind, 3))
