"""The names of benefit classes, medical types, portions and columns of scope, in Chinese and English: each literal
once. Pure."""

from collections.abc import Mapping
from typing import Final

from app.basics.classes import BASE_CLASSES

Words = Mapping[str, Mapping[str, str]]

CLASS_NAMES: Final[Words] = {
    "zh": {name: words.zh for name, words in BASE_CLASSES.items()},
    "en": {name: words.en for name, words in BASE_CLASSES.items()},
}
MEDICAL_TYPE_NAMES: Final[Words] = {
    "zh": {"11": "普通门诊", "14": "门诊慢特病", "21": "住院", "52": "生育住院"},
    "en": {"11": "outpatient", "14": "chronic outpatient", "21": "inpatient", "52": "childbirth inpatient"},
}
INSURANCE_NAMES: Final[Words] = {
    "zh": {"390": "居民医保", "310": "职工医保"},
    "en": {"390": "residents' insurance", "310": "employees' insurance"},
}
ITEM_KIND_NAMES: Final[Words] = {
    "zh": {
        "drug": "药品",
        "material": "材料",
        "imported_material": "进口材料",
        "examination": "检查",
        "bed": "床位",
        "service": "诊疗服务",
    },
    "en": {
        "drug": "drug",
        "material": "material",
        "imported_material": "imported material",
        "examination": "examination",
        "bed": "bed",
        "service": "service",
    },
}
FUND_NAMES: Final[Words] = {
    # the portions that a fund pays, by tier
    "zh": {
        "basic": "基本医保",
        "serious_illness": "大病保险",
        "supplement": "补充保险",
        "medical_assistance": "医疗救助",
        "safety_net": "兜底保障",
    },
    "en": {
        "basic": "basic insurance",
        "serious_illness": "serious-illness insurance",
        "supplement": "supplementary insurance",
        "medical_assistance": "medical assistance",
        "safety_net": "the safety net",
    },
}
PORTION_NAMES: Final[Words] = {
    "zh": {**FUND_NAMES["zh"], "hospital": "医院承担", "patient": "个人负担"},
    "en": {**FUND_NAMES["en"], "hospital": "the hospital", "patient": "the patient"},
}
TIER_NAMES: Final[Words] = {
    # what a step of a trace can belong to
    "zh": {**PORTION_NAMES["zh"], "scope": "费用范围", "reversal": "撤销"},
    "en": {**PORTION_NAMES["en"], "scope": "scope", "reversal": "reversal"},
}
SCOPE_NAMES: Final[Words] = {
    "zh": {"own_expense": "全自费", "over_limit": "超限价自费", "first_pay": "先行自付"},
    "en": {"own_expense": "own expense", "over_limit": "over the price limit", "first_pay": "first pay"},
}
ACCUMULATOR_NAMES: Final[dict[str, str]] = {
    "inpatient_count": "住院次数",
    "deductible_paid": "住院起付线已付",
    "basic_paid": "基本医保已支付（住院、慢特病）",
    "outpatient_paid": "普通门诊已支付",
    "chronic_deductible_paid": "慢特病起付线已付",
    "serious_base": "大病保险累计合规费用",
    "serious_paid": "大病保险已支付",
    "assistance_deductible_paid": "医疗救助起付线已付",
    "assistance_paid": "医疗救助已支付",
    "tilt_base": "倾斜救助累计基数",
    "safety_net_paid": "兜底保障已支付",
    "compliant_own": "合规转诊个人自付",
    "own_total": "个人负担合计",
    "supplement_paid": "补充保险已支付",
}
