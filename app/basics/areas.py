"""Administrative area codes (行政区划代码, six digits) and what they mean for settling. Pure."""

from typing import Final

PLACES: Final = ("county", "prefecture", "province", "elsewhere")


def pooling_area(area_code: str) -> str:
    """The pooling area 统筹区 that rules and pays: four digits plus ``00``, so a county is read as its prefecture."""
    return area_code[:4] + "00"


EVERYWHERE: Final = "000000"
"""Where an area owns something: what no area owns holds in all of them."""


def owner_area(area_code: str | None) -> str:
    """The code under which a caller of an area owns entries of the catalogue: the pooling area's, or the province's.
    Without an area it is ``EVERYWHERE``."""
    return EVERYWHERE if area_code is None else area_prefix(area_code).ljust(6, "0")


def area_prefix(area_code: str) -> str:
    """The prefix that everything in the area shares: ``530000`` is a province (``53``), others their pooling area."""
    return area_code[:2] if area_code.endswith("0000") else area_code[:4]


def place(hospital_area: str, person_area: str) -> str:
    """Where a hospital lies for a person: in the county (six digits alike), prefecture (four) or province (two)."""
    if hospital_area == person_area:
        return "county"
    if hospital_area[:4] == person_area[:4]:
        return "prefecture"
    return "province" if hospital_area[:2] == person_area[:2] else "elsewhere"
