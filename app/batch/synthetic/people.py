"""The persons of a block: age, class, home and chronic disease."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from app.batch.synthetic.draws import Codes, Draws, chosen, happens, places
from app.batch.synthetic.figures import number, several
from app.batch.synthetic.world import InventedWorld


@dataclass(slots=True)
class People:
    """Columns over the persons of a block. Ages and classes are places in the figures' order; ``disease`` is one in
    ``chronic.diseases``, -1 without; ``usual`` is a number that says which hospital of a kind a person usually goes
    to."""

    age: Codes
    class_: Codes
    area: Codes
    disease: Codes
    frail: "np.ndarray[Any, np.dtype[np.bool_]]"
    usual: Codes

    def __len__(self) -> int:
        return len(self.age)


def people(draws: Draws, count: int, world: InventedWorld) -> People:
    """Draw persons."""
    age = chosen(*several("population.ages").values())[places(draws, count)]
    chronic = draws.random(count) < np.array(list(several("chronic.share").values()))[age]
    disease = chosen(*several("chronic.diseases").values())[places(draws, count)]
    return People(
        age,
        chosen(*several("population.classes").values())[places(draws, count)],
        chosen(*world.weights)[places(draws, count)],
        np.where(chronic, disease, -1),
        happens(draws, count, several("stays.frail")["share"]),
        draws.integers(0, 1 << 30, count),
    )


def stay_rates(persons: People) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """How many stays each person is expected to have before transfers, so that all persons come to the rate."""
    ages, by_age = several("population.ages"), several("stays.by_age")
    chronic, times = several("chronic.share"), number("stays.chronic_times")
    frail = several("stays.frail")
    usual = {name: by_age[name] * (1 + chronic[name] * (times - 1)) for name in ages}
    mean = sum(ages[name] * usual[name] for name in ages) / sum(ages.values())
    mean *= 1 + frail["share"] * (frail["times"] - 1)
    levels = several("stays.levels")
    further = number("stays.transferred") * (levels["1"] + levels["2"])
    rates = np.array([by_age[name] for name in ages])[persons.age]
    rates *= np.where(persons.disease >= 0, times, 1) * np.where(persons.frail, frail["times"], 1)
    return rates * (number("stays.rate") / mean / (1 + further))
