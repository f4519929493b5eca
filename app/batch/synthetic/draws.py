"""Drawing from distributions, fast and in whole numbers: every distribution is a table of 65,536 values, each as
likely as any other, and a draw is a place in it."""

from collections.abc import Sequence
from functools import cache
from statistics import NormalDist
from typing import Any, Final, cast

import numpy as np
import pyarrow as pa

PLACES: Final = 1 << 16
PARTS: Final = 1_000_000
"""Shares are whole numbers of millionths."""
Numbers = np.ndarray[Any, np.dtype[np.int64]]
Codes = np.ndarray[Any, np.dtype[np.int64]]
Draws = np.random.Generator


def places(draws: Draws, count: int) -> Numbers:
    """Places of a table, each as likely as any other."""
    return draws.integers(0, PLACES, count, dtype=np.uint16).astype(np.int64)


def happens(draws: Draws, count: int, share: float) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Of each of ``count`` whether something happens that happens to a share of all."""
    return cast("np.ndarray[Any, np.dtype[np.bool_]]", draws.random(count) < share)


@cache
def chosen(*weights: float) -> Codes:
    """The table of a choice between ``len(weights)`` things."""
    ends = np.cumsum(np.array(weights))
    at = (np.arange(PLACES) + 0.5) / PLACES
    return cast(Codes, np.searchsorted(ends / ends[-1], at, side="right").astype(np.int64))


@cache
def amounts(mean: float, spread: float, least: int = 1) -> Numbers:
    """The table of a log-normal distribution of a mean, with the standard deviation of its logarithm."""
    normal = NormalDist()
    at = np.array([normal.inv_cdf((place + 0.5) / PLACES) for place in range(PLACES)])
    shape = np.exp(spread * at)
    return cast(Numbers, np.maximum(np.rint(shape * (mean / shape.mean())), least).astype(np.int64))


@cache
def fractions(mean: float, most: float) -> Numbers:
    """The table of a share between 0 and ``most`` of a mean, in millionths; small ones are likelier."""
    at = (np.arange(PLACES) + 0.5) / PLACES
    return np.rint(PARTS * most * (1 - (1 - at) ** (1 / (most / mean - 1)))).astype(np.int64)


def spelt(prefix: str, parts: Sequence[tuple[Numbers, int]], between: str = "-") -> pa.StringArray:
    """Texts made of a prefix and numbers of so many digits, e.g. ``P1-000000042-003``."""
    count = len(parts[0][0])
    width = len(prefix) + sum(digits for _, digits in parts) + len(parts) - 1
    text = np.empty((count, width), np.uint8)
    text[:, : len(prefix)] = np.frombuffer(prefix.encode("ascii"), np.uint8)
    start = len(prefix)
    for at, (values, digits) in enumerate(parts):
        if at:
            text[:, start] = ord(between)
            start += 1
        rest = values.astype(np.uint32)
        for column in range(start + digits - 1, start - 1, -1):
            higher = rest // np.uint32(10)
            text[:, column] = rest - higher * np.uint32(10) + np.uint32(ord("0"))
            rest = higher
        start += digits
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text))


def named(codes: Codes, words: Sequence[str | None]) -> pa.DictionaryArray:
    """Few words by their numbers; where the word is None there is none."""
    there = [word for word in words if word is not None]
    if len(there) == len(words):
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), there)
    own = np.array([there.index(word) if word is not None else 0 for word in words], np.int32)
    empty = np.array([word is None for word in words])
    return pa.DictionaryArray.from_arrays(pa.array(own[codes], mask=empty[codes]), there)
