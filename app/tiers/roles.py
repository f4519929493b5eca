"""The roles that a figure can have in a rule, each with its unit and how a rule in words names it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from app.tiers.units import (
    BANDS,
    CLASS_LIST,
    DISEASES,
    KIND_LIST,
    PRICES,
    RATE,
    TEXT,
    TIER_LIST,
    YUAN,
    Bands,
    Diseases,
    Sum,
    Unit,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Role(Generic[T]):
    """What a figure is to a rule. ``clause`` is what a rule in words says of it, ``{}`` the parameter's name; empty
    where the sentence of the kind names it itself."""

    name: str
    unit: Unit[T]
    clause: str = ""


RATE_OF: Final = Role[int]("rate", RATE)
BANDS_OF: Final = Role[Bands]("bands", BANDS)
DEDUCTIBLE: Final = Role[Sum]("deductible", YUAN)
BASE_CAP: Final = Role[Sum]("base_cap", YUAN)
CUT: Final = Role[int]("missing_referral_cut", RATE, "未按规定转诊降低 {}")
CAP_YEAR: Final = Role[Sum]("cap_year", YUAN, "年度限额 {}")
CAP_STAY: Final = Role[Sum]("cap_stay", YUAN, "单次限额 {}")
CAP_ALSO: Final = Role[Sum]("cap_also", YUAN, "另一限额 {}")
CAP_ALSO_2: Final = Role[Sum]("cap_also_2", YUAN, "第三限额 {}")
CAP_ALSO_3: Final = Role[Sum]("cap_also_3", YUAN, "第四限额 {}")
BOUND: Final = Role[Sum]("bound", YUAN)
CEILING: Final = Role[int]("ceiling", RATE)
OWN_CAP: Final = Role[Sum]("cap", YUAN)
SUMS: Final = Role[Sum]("sums", YUAN)
EXCEEDS: Final = Role[Sum]("exceeds", YUAN, "只在超过 {} 时")
PRICE: Final = Role[Mapping[str, int]]("price", PRICES)
LIMIT: Final = Role[int]("limit", RATE)
REASON: Final = Role[str]("reason", TEXT)
DISEASE_LIST: Final = Role[Diseases]("diseases", DISEASES, "病种名单 {}")
CLASSES: Final = Role[frozenset[str]]("classes", CLASS_LIST, "只限 {} 的类别")
ITEMS: Final = Role[frozenset[str]]("items", KIND_LIST, "只算 {} 的项目")
LATER_TIERS: Final = Role[frozenset[str]]("later_tiers", TIER_LIST, "生育费用还进入 {}")

FURTHER_CAPS: Final = (CAP_ALSO, CAP_ALSO_2, CAP_ALSO_3)
CAPS: Final = (CAP_YEAR, *FURTHER_CAPS, CAP_STAY, CEILING)
OF_EVERY_RULE: Final = (CLASSES, LATER_TIERS, BOUND, DISEASE_LIST)
