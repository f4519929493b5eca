"""The words of pack files that are facts, bases and options, each with its Chinese name. Pure.

Rule kinds bring their own words (``kinds``), units theirs (``units``); the roles of figures stand in ``roles``.
"""

from collections.abc import Mapping
from typing import Final

from app.basics.areas import PLACES
from app.basics.names import CLASS_NAMES, INSURANCE_NAMES, ITEM_KIND_NAMES, MEDICAL_TYPE_NAMES
from app.tiers.model import LEVELS, MEDICAL_TYPES, RANKS, REFERRALS

STATUSES: Final = ("enacted", "assumed")


def _named(codes: tuple[str, ...], *names: str) -> dict[str, str]:
    return dict(zip(codes, names, strict=True))


FACTS: Final[Mapping[str, Mapping[str, str]]] = {
    "medical_type": {code: MEDICAL_TYPE_NAMES["zh"][code] for code in MEDICAL_TYPES},
    "class": CLASS_NAMES["zh"],
    "level": _named(LEVELS, "一级医院", "二级医院", "三级医院"),
    "rank": _named(RANKS, "村级", "乡镇级", "县级", "州市级", "省级"),
    "place": _named(PLACES, "县内", "市内", "省内", "省外"),
    "referral": _named(REFERRALS, "无需转诊", "合规转诊", "急诊", "未按规定转诊"),
    "delivery_mode": {"vaginal": "顺产", "caesarean": "剖宫产"},
    "crosses_year": {"within": "不跨年的", "across": "跨年的"},
    "admission": {"1": "第一次住院", "2": "第二次住院", "3": "第三次及以后住院"},
    "admission_at_hospital": {"1": "同一医院第一次住院", "2": "同一医院第二次住院", "3": "同一医院第三次及以后住院"},
    "insurance_type": INSURANCE_NAMES["zh"],
    "retirement": {"retired": "已退休", "not_retired": "未退休"},
    "admission_at_level": {"1": "同级医院第一次住院", "2": "同级医院第二次住院", "3": "同级医院第三次及以后住院"},
}
NUMBERED: Final[Mapping[str, str]] = {"admission_at_hospital": "hospital", "admission_at_level": "level"}
# where the admissions of a year are counted
ADMISSIONS: Final[Mapping[str, str]] = {"year": "本年度", "hospital": "同一医院", "level": "同级医院"}
LINE_FACTS: Final[Mapping[str, Mapping[str, str]]] = {
    # facts of a line, for what a line's first pay is
    "item_kind": ITEM_KIND_NAMES["zh"],
    "catalogue_class": {"A": "甲类", "B": "乙类"},
}
SELECTORS: Final = (*FACTS, *LINE_FACTS, "disease_group", "fund")

REGIONS: Final[Mapping[str, str]] = {
    "total": "总费用",
    "in_catalogue": "目录内费用",
    "in_scope": "政策范围内费用",
    "out_of_scope": "政策范围外费用",
    "out_of_catalogue": "目录外费用",
}
WHOLE_BASES: Final[Mapping[str, str]] = {**REGIONS, "total_less_hospital": "总费用（扣除医院承担）"}
BASES: Final[Mapping[str, str]] = {
    **WHOLE_BASES,
    "remaining_total": "剩余费用",
    "remaining_in_catalogue": "目录内剩余费用",
    "remaining_in_scope": "政策范围内剩余费用",
    "remaining_out_of_scope": "政策范围外剩余费用",
    "remaining_out_of_catalogue": "目录外剩余费用",
}

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    # the options that are one of a few words
    "base": BASES,
    "ceiling_base": WHOLE_BASES,
    "deductible_per": {"stay": "每次", "episode": "每次连续就诊", "year": "每年"},
    "bands_from": {"zero": "", "deductible": "（各段从起付线起算）"},
    "round_to": {"fen": "分", "jiao": "角", "yuan": "元"},
    "rounding": {"half_up": "四舍五入", "up": "进位", "down": "舍尾"},
    "cut_cost": {"patient": "", "later_tiers": "，降低的部分仍可进入以后各项"},
    "once_per": {"bill": "每张账单", "stay": "每次住院", "year": "每年"},
    "history_is": {"above": "已超过", "at_least": "已达到", "up_to": "未超过", "below": "未达到"},
    "referral_missing": {
        "own_class": "未按规定转诊仍按本人类别",
        "as_ordinary": "未按规定转诊按普通居民",
        "pays_nothing": "未按规定转诊不支付",
    },
}
OVER_NEW_YEAR: Final[Mapping[str, str]] = {
    # the year of a stay over the turn of the year
    "together": "跨年住院的全部费用计入出院年度",
    "split": "跨年住院在 12 月 31 日分开，各计入当年累计，起付线只付一次",
}
PER: Final[Mapping[str, str]] = {"disease_group": "按病种组分别累计"}
ALSO: Final[Mapping[str, tuple[str, str]]] = {
    # further accumulators of a payment: the limit of each, and its name in Chinese
    "also_counts": ("cap_also", "另一限额"),
    "also_counts_2": ("cap_also_2", "第三限额"),
    "also_counts_3": ("cap_also_3", "第四限额"),
}
COUNTERS: Final = ("counts_deductible", "counts_base", "counts_paid", *ALSO, "own_of_year", "history")
IN_PROPORTION: Final = "in_proportion"
OPTIONS: Final = (*WORDS, *COUNTERS, IN_PROPORTION)
