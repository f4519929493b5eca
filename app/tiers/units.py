"""What a written value of a pack means in the core, unit by unit: how it is read, shown and advised about. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Generic, TypeAlias, TypeVar, cast

from app.basics.money import RATE_ONE, fen, least, most, rate, rate_text, share, yuan
from app.basics.names import ITEM_KIND_NAMES
from app.tiers.model import FUND_TIERS

T = TypeVar("T")
Bands: TypeAlias = tuple[tuple[int | None, int], ...]
Diseases: TypeAlias = Mapping[str, tuple[str, str]]
Outside: TypeAlias = object
FUNDED: Final = FUND_TIERS
TIERS: Final = ("hospital", *FUNDED)
DERIVED: Final = frozenset({"of", "share", "share_of_bill", "by_admission", "first_admission"})


@dataclass(frozen=True, slots=True)
class ShareOf:
    """A sum that depends on the bill: a share (ten-thousandths) of its total, or of one of the year's accumulators with
    this bill in it, within a floor and a ceiling (fen; None: no ceiling)."""

    rate: int
    accumulator: str | None
    least: int
    most: int | None

    def of(self, amount: int) -> int:
        """The sum for this total or accumulator, fen."""
        result = most(self.least, share(amount, self.rate))
        return result if self.most is None else least(self.most, result)


@dataclass(frozen=True, slots=True)
class ByAdmission:
    """A sum that depends on which admission of the year a bill belongs to, fen: ``sums`` for the first ones, the last
    of them less ``less`` for each later one, never below ``least``. ``at`` says which admissions count."""

    at: str
    sums: tuple[int, ...]
    less: int
    least: int

    def of(self, number: int) -> int:
        """The sum of the admission with this number (the first is 1), fen."""
        if number <= len(self.sums):
            return self.sums[number - 1]
        return max(self.least, self.sums[-1] - self.less * (number - len(self.sums)))


Sum: TypeAlias = int | ShareOf | ByAdmission


@dataclass(frozen=True)
class Unit(Generic[T]):
    """A unit of figures. ``read`` makes of a written value what the core uses and raises ValueError, TypeError,
    KeyError or AttributeError for what doesn't fit; ``show`` gives its outside form; ``remedy`` says in Chinese how it
    is written."""

    name: str
    remedy: str
    read: Callable[[object], T]
    show: Callable[[T], Outside]


class WrongBand(ValueError):
    """A band that can't be, and which one, in Chinese, for the author of the pack."""


def _yuan(value: object) -> int:
    amount = fen(_digits(value))
    if amount < 0:
        raise ValueError("negative")
    return amount


def _sum(value: object) -> Sum:
    return _yuan(value)


def _rate(value: object) -> int:
    result = rate(_digits(value))
    if not 0 <= result <= RATE_ONE:
        raise ValueError("not a share")
    return result


def _digits(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError("neither a number nor a text")
    return str(value)


def _bands(value: object) -> Bands:
    rows = _list(value)
    bands: list[tuple[int | None, int]] = []
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or set(row) != {"up_to", "rate"}:
            raise WrongBand(f"第 {number} 段要有 up_to 和 rate，不能有别的")
        upper = None if row["up_to"] == "none" else _in_band(number, "up_to", row["up_to"], _yuan)
        if row["rate"] == "none" or (upper is None) != (number == len(rows)):
            raise WrongBand(f"第 {number} 段：只有最后一段的上限、也必须是最后一段的上限写 none")
        band_rate = _in_band(number, "rate", row["rate"], _rate)
        if bands and upper is not None and upper <= (bands[-1][0] or 0):
            raise WrongBand(f"第 {number} 段的上限 {row['up_to']} 不高于前一段的 {rows[number - 2]['up_to']}")
        bands.append((upper, band_rate))
    if not bands:
        raise WrongBand("一段也没有")
    return tuple(bands)


def _in_band(number: int, key: str, value: object, read: Callable[[object], int]) -> int:
    try:
        return read(value)
    except ValueError:
        raise WrongBand(f"第 {number} 段的 {key} 写了“{value}”") from None


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")
    return value


def _days(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("no number of days")
    return value


def _dates(value: object) -> frozenset[date]:
    days = _list(value)
    if not all(isinstance(day, date) for day in days):
        raise ValueError("not all days")
    return frozenset(days)


def _diseases(value: object) -> Diseases:
    return {code: (str(item["name"]), str(item["group"])) for code, item in _table(value).items()}


def _prices(value: object) -> Mapping[str, int]:
    return {code: _yuan(price) for code, price in _table(value).items()}


def _words(allowed: tuple[str, ...]) -> Callable[[object], frozenset[str]]:
    def read(value: object) -> frozenset[str]:
        words = frozenset(_list(value))
        if not words <= frozenset(allowed):
            raise ValueError("unknown word")
        return words

    return read


def _names(value: object) -> frozenset[str]:
    """Names of benefit classes; which there are is known when the whole pack is."""
    words = _list(value)
    if not all(isinstance(word, str) for word in words):
        raise ValueError("no name")
    return frozenset(words)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("no text")
    return value


def _list(value: object) -> list:  # type: ignore[type-arg]
    if not isinstance(value, list):
        raise ValueError("no list")
    return value


def _table(value: object) -> dict:  # type: ignore[type-arg]
    if not isinstance(value, dict):
        raise ValueError("no table")
    return value


def _shown_bands(bands: Bands) -> Outside:
    return [
        {"up_to": None if upper is None else yuan(upper), "rate": rate_text(band_rate)} for upper, band_rate in bands
    ]


YUAN: Final = Unit[Sum]("yuan", '金额写整数元，或加引号的 "1234.50"', _sum, lambda value: yuan(cast(int, value)))
RATE: Final = Unit[int]("rate", '比例写 0 到 1 之间、加引号的小数，如 "0.70"（不是 70）', _rate, rate_text)
BANDS: Final = Unit[Bands](
    "bands",
    '分段写列表 [{up_to: 50000, rate: "0.60"}, …, {up_to: none, rate: "0.80"}]，上限递增，最后一段 none',
    _bands,
    _shown_bands,
)
FLAG: Final = Unit[bool]("flag", "写 true 或 false", _flag, lambda value: value)
DAYS: Final = Unit[int]("days", "写整数", _days, lambda value: value)
DATES: Final = Unit[frozenset[date]](
    "dates",
    "写日期的列表，如 [2018-02-15, 2018-02-16]",
    _dates,
    lambda value: [day.isoformat() for day in sorted(value)],
)
DISEASES: Final = Unit[Diseases](
    "diseases",
    "写 代码: {name: 名称, group: general} 的表",
    _diseases,
    lambda value: {code: {"name": name, "group": group} for code, (name, group) in value.items()},
)
PRICES: Final = Unit[Mapping[str, int]](
    "prices", "写 病种代码: 元 的表", _prices, lambda value: {code: yuan(price) for code, price in value.items()}
)
CLASS_LIST: Final = Unit[frozenset[str]]("classes", "写类别的列表", _names, sorted)
TIER_LIST: Final = Unit[frozenset[str]]("tiers", "写层级的列表", _words(TIERS), sorted)
KIND_LIST: Final = Unit[frozenset[str]]("kinds", "写项目种类的列表", _words(tuple(ITEM_KIND_NAMES["zh"])), sorted)
TEXT: Final = Unit[str]("text", "写文字", _text, lambda value: value)

_ALL: Final = (YUAN, RATE, BANDS, FLAG, DAYS, DATES, DISEASES, PRICES, CLASS_LIST, TIER_LIST, KIND_LIST, TEXT)
UNITS: Final[Mapping[str, Unit]] = {unit.name: unit for unit in _ALL}  # type: ignore[type-arg]


def converted(value: object, unit: Unit[T]) -> T | None:
    """A written value as the core uses it; ``none`` is a value (there is no such cap, rate or sum). ValueError
    otherwise."""
    return None if value == "none" else unit.read(value)


def shown(value: object, unit: str) -> Outside:
    """A written value in the outside form (yuan and rates as text); derived values are shown as the rule that they
    are."""
    if isinstance(value, dict) and value.keys() & DERIVED:
        return dict(value)
    if value == "none":
        return None
    known = UNITS[unit]
    return known.show(known.read(value))
