"""What a settlement means for the patient: at most eight lines of plain Chinese or English. Pure, and made when it is read.

Everything comes from scope, portions and trace, so a stored settlement is summarised from what was stored. Amounts are exact;
nothing is rounded or guessed here.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from app.basics.errors import Language
from app.basics.money import percent_text, yuan
from app.tiers.explain import BASES, Inputs, uncapped
from app.tiers.model import FUND_TIERS, Portions, Scope, Step

Words = Mapping[str, Mapping[str, str]]

CLASS_NAMES: Final[Words] = {
    "zh": {
        "destitute": "特困人员",
        "low_income": "低保对象",
        "returned_poverty": "返贫致贫人口",
        "registered_poor": "建档立卡贫困人口",
        "monitored": "监测对象",
        "low_income_edge": "低保边缘家庭成员",
        "illness_poverty": "因病致贫重病患者",
        "ordinary": "普通居民",
    },
    "en": {
        "destitute": "destitute",
        "low_income": "low income",
        "returned_poverty": "returned to poverty",
        "registered_poor": "registered poor",
        "monitored": "monitored",
        "low_income_edge": "edge of low income",
        "illness_poverty": "poor through illness",
        "ordinary": "ordinary resident",
    },
}
MEDICAL_TYPE_NAMES: Final[Words] = {
    "zh": {"11": "普通门诊", "14": "门诊慢特病", "21": "住院", "52": "生育住院"},
    "en": {"11": "outpatient", "14": "chronic outpatient", "21": "inpatient", "52": "childbirth inpatient"},
}
TIER_NAMES: Final[Words] = {
    "zh": {
        "scope": "费用范围",
        "basic": "基本医保",
        "serious_illness": "大病保险",
        "medical_assistance": "医疗救助",
        "safety_net": "兜底保障",
        "hospital": "医院承担",
        "patient": "个人负担",
        "reversal": "撤销",
    },
    "en": {
        "basic": "basic insurance",
        "serious_illness": "serious-illness insurance",
        "medical_assistance": "medical assistance",
        "safety_net": "the safety net",
    },
}
SCOPE_NAMES: Final[Words] = {
    "zh": {"own_expense": "全自费", "over_limit": "超限价自费", "first_pay": "先行自付"},
    "en": {"own_expense": "own expense", "over_limit": "over the price limit", "first_pay": "first pay"},
}
CAP_NAMES: Final[Words] = {
    "zh": {"cap_year": "年度限额", "cap_stay": "单次限额", "ceiling": "合计支付上限"},
    "en": {"cap_year": "yearly limit", "cap_stay": "limit per stay", "ceiling": "limit of all funds together"},
}


def summarized(
    scope: Scope,
    portions: Portions,
    trace: Sequence[Step],
    *,
    benefit_class: str,
    medical_type: str,
    language: Language,
) -> list[str]:
    """Bill, funds, patient, and why: what is out of scope, how each fund pays, referral, caps, assumed figures.

    A line that has nothing to say is left out. For settlements and quotes; a correction has differences, not reasons.
    """
    chinese = language == "zh"
    lines = [
        _bill(scope, benefit_class, medical_type, language),
        _funds(portions, language),
        _borne(portions, trace, chinese),
        _out_of_scope(scope, language),
        _listed("支付办法", "How it is paid", _ways(trace, language), chinese),
        _listed("因未按规定转诊", "Because the referral is missing", _referral(trace, language), chinese),
        _listed("达到限额", "Limits reached", _caps(trace, language), chinese),
        _assumed(trace, chinese),
    ]
    return [line for line in lines if line]


def _listed(chinese_title: str, english_title: str, parts: Iterator[str], chinese: bool) -> str:
    text = ("；" if chinese else "; ").join(parts)
    if not text:
        return ""
    return f"{chinese_title}：{text}。" if chinese else f"{english_title}: {text}."


def _amounts(names: Mapping[str, str], amounts: Mapping[str, int], language: Language) -> str:
    """Names with their amounts, those of 0 left out."""
    shown = [(name, yuan(amounts[key])) for key, name in names.items() if amounts.get(key)]
    if language == "zh":
        return "，".join(f"{name} {amount} 元" for name, amount in shown)
    return ", ".join(f"{name} {amount} yuan" for name, amount in shown)


def _bill(scope: Scope, benefit_class: str, medical_type: str, language: Language) -> str:
    total = yuan(scope.own_expense + scope.over_limit + scope.first_pay + scope.in_scope)
    kind, name = MEDICAL_TYPE_NAMES[language][medical_type], CLASS_NAMES[language][benefit_class]
    if language == "zh":
        return f"本次{kind}医疗费总额 {total} 元，人员类别：{name}。"
    return f"This {kind} bill comes to {total} yuan; benefit class: {name}."


def _funds(portions: Portions, language: Language) -> str:
    paid = {tier: getattr(portions, tier) for tier in FUND_TIERS}
    total = yuan(sum(paid.values()))
    if not any(paid.values()):
        return "基金支付 0.00 元。" if language == "zh" else "The funds pay 0.00 yuan."
    parts = _amounts(TIER_NAMES[language], paid, language)
    return f"基金支付 {total} 元：{parts}。" if language == "zh" else f"The funds pay {total} yuan: {parts}."


def _borne(portions: Portions, trace: Sequence[Step], chinese: bool) -> str:
    """The hospital's portion, if it has one, and the patient's."""
    hospital, patient = yuan(portions.hospital), yuan(portions.patient)
    package = any(step.kind == "package" for step in trace)
    if chinese:
        bears = f"医院承担 {hospital} 元，" if portions.hospital else ""
        return f"{bears}个人负担 {patient} 元{'（定额包干）' if package else ''}。"
    bears = f"The hospital bears {hospital} yuan. " if portions.hospital else ""
    return f"{bears}You pay {patient} yuan{' (the price is a package)' if package else ''}."


def _out_of_scope(scope: Scope, language: Language) -> str:
    columns = {key: getattr(scope, key) for key in SCOPE_NAMES[language]}
    if not any(columns.values()):
        return ""
    total, parts = yuan(sum(columns.values())), _amounts(SCOPE_NAMES[language], columns, language)
    if language == "zh":
        return f"不在政策范围内的费用 {total} 元：{parts}。"
    return f"Outside the scope of the policy are {total} yuan: {parts}."


def _ways(trace: Sequence[Step], language: Language) -> Iterator[str]:
    """How each fund's rules pay, of those that the patient would ask about."""
    told = set()
    for step in trace:
        text = _way(step, language == "zh")
        if text and (step.amount or step.tier not in told):
            told.add(step.tier)
            tier = TIER_NAMES[language][step.tier]
            yield f"{tier}{text}" if language == "zh" else f"{tier} {text}"


def _way(step: Step, chinese: bool) -> str:
    i = step.inputs
    if "reason" in i:
        return ""
    match step.kind:
        case "share" if i["deductible"] or step.amount:
            return _shared(i, chinese)
        case "bands" if not step.amount and i["base"] and _int(i, "base_after") <= _int(i, "deductible"):
            year, deductible = yuan(_int(i, "base_after")), yuan(_int(i, "deductible"))
            if chinese:
                return f"年度累计 {year} 元，未超过起付线 {deductible} 元"
            return f"starts above {deductible} yuan in a year, and the year has {year}"
        case "floor" if step.amount:
            rate = percent_text(_int(i, "rate"))
            return f"补足到{BASES[str(i['base_name'])]}的 {rate}" if chinese else f"tops up what is paid to {rate}"
        case "own_cap" if step.amount:
            cap = yuan(_int(i, "cap"))
            return (
                f"支付年度自付超过 {cap} 元的部分" if chinese else f"pays your own spending above {cap} yuan in a year"
            )
        case "package" | "fixed_payment":
            amount = yuan(_int(i, "sum"))
            return f"定额 {amount} 元" if chinese else f"pays a fixed sum of {amount} yuan"
    return ""


def _int(i: Inputs, name: str) -> int:
    return int(i[name])


def _shared(i: Inputs, chinese: bool) -> str:
    rate, deductible = percent_text(i.get("cut_rate", i["rate"])), yuan(i["deductible"])
    if not i["deductible"]:
        return f"按 {rate} 支付" if chinese else f"pays {rate}"
    if chinese:
        return f"起付线 {deductible} 元由个人先负担，其余按 {rate} 支付"
    return f"pays {rate} after a deductible of {deductible} yuan"


def _referral(trace: Sequence[Step], language: Language) -> Iterator[str]:
    """What a missing referral cost: the cut of a rate, and the rules that pay nothing."""
    for step in trace:
        i = step.inputs
        tier = TIER_NAMES[language].get(step.tier, "")
        if "cut_rate" in i:
            full, cut, less = (
                percent_text(_int(i, "rate")),
                percent_text(_int(i, "cut_rate")),
                yuan(_int(i, "reduction")),
            )
            if language == "zh":
                yield f"{tier}支付比例由 {full} 降为 {cut}，少支付 {less} 元，由个人负担"
            else:
                yield f"{tier} pays {cut} instead of {full}, {less} yuan less, which you bear"
        elif i.get("reason") == "referral_missing":
            yield f"不享受“{step.name}”" if language == "zh" else f"“{step.name}” of {tier} isn't granted"


def _caps(trace: Sequence[Step], language: Language) -> Iterator[str]:
    """Each cap that cut a payment, and by how much."""
    for step in trace:
        rooms = {name: _int(step.inputs, f"room_{name}") for name in CAP_NAMES["zh"] if f"room_{name}" in step.inputs}
        if step.kind not in ("share", "bands") or not rooms:
            continue
        cap = min(rooms, key=lambda name: rooms[name])
        less = uncapped(step.inputs) - rooms[cap]
        if less > 0:
            tier, name = TIER_NAMES[language][step.tier], CAP_NAMES[language][cap]
            yield (
                f"{tier}{name}，少支付 {yuan(less)} 元"
                if language == "zh"
                else f"{name} of {tier}, {yuan(less)} yuan less"
            )


def _assumed(trace: Sequence[Step], chinese: bool) -> str:
    count = len({basis.parameter for step in trace for basis in step.basis if basis.status == "assumed"})
    if not count:
        return ""
    if chinese:
        return f"计算用到 {count} 项假设数字，合理但未经文件核实。"
    return f"Assumed figures used: {count} (plausible, not verified)."
