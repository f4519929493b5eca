"""The figures that a synthetic year is drawn from: ``figures.yaml``, with a source and a status each."""

from functools import cache
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

FILE: Final = Path(__file__).with_name("figures.yaml")
Status = Literal["read", "recalled", "assumed"]


class SourcedFigure(Struct, frozen=True, forbid_unknown_fields=True):
    """A number, or numbers by name: what it is, where it is from, and whether that was looked up."""

    title: str
    value: float | dict[str, float]
    status: Status
    source: str


@cache
def figures() -> dict[str, SourcedFigure]:
    """All figures by name."""
    return msgspec.yaml.decode(FILE.read_bytes(), type=dict[str, SourcedFigure])


def number(name: str) -> float:
    """A figure that is one number."""
    value = figures()[name].value
    if isinstance(value, dict):
        raise TypeError(f"{name} is more than one number")
    return value


def several(name: str) -> dict[str, float]:
    """A figure of several numbers, by name, in the file's order."""
    value = figures()[name].value
    if not isinstance(value, dict):
        raise TypeError(f"{name} is one number")
    return value
