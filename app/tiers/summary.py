"""What a settlement means for the patient: at most eight lines of plain Chinese or English. Pure, and made when it is
read.

Everything comes from scope, portions and trace, so a stored settlement is summarised from what was stored. Amounts are
exact; nothing is rounded or guessed here.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from app.basics.classes import BASE_CLASSES, ClassWords, class_name
from app.basics.errors import Language
from app.basics.money import percent_text, yuan
from app.basics.names import MEDICAL_TYPE_NAMES, SCOPE_NAMES, TIER_NAMES, Words
from app.tiers.inputs import Given
from app.tiers.kinds import KINDS
from app.tiers.model import FUND_TIERS, Portions, Scope, Step
from app.tiers.vocabulary import ALSO

CAP_NAMES: Final[Words] = {
    "zh": {
        "cap_year": "年度限额",
        **dict(ALSO.values()),
        "cap_stay": "单次限额",
        "ceiling": "合计支付上限",
    },
    "en": {
        "cap_year": "yearly limit",
        "cap_also": "second limit",
        "cap_also_2": "third limit",
        "cap_also_3": "fourth limit",
        "cap_stay": "limit per stay",
        "ceiling": "limit of all funds together",
    },
}


def summarized(
    scope: Scope,
    portions: Portions,
    trace: Sequence[Step],
    *,
    benefit_class: str,
    medical_type: str,
    language: Language,
    classes: Mapping[str, ClassWords] = BASE_CLASSES,
) -> list[str]:
    """Bill, funds, patient, and why: what is out of scope, how each fund pays, referral, caps, assumed figures.

    A line that has nothing to say is left out. For settlements and quotes; a correction has differences, not reasons.
    """
    chinese = language == "zh"
    lines = [
        _bill(scope, class_name(benefit_class, language, classes), medical_type, language),
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


def _bill(scope: Scope, name: str, medical_type: str, language: Language) -> str:
    total = yuan(scope.own_expense + scope.over_limit + scope.first_pay + scope.in_scope)
    kind = MEDICAL_TYPE_NAMES[language][medical_type]
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
    if "reason" in step.inputs or step.kind not in KINDS:
        return ""
    return KINDS[step.kind].told(Given.of(step.inputs), step.amount, chinese)


def _referral(trace: Sequence[Step], language: Language) -> Iterator[str]:
    """What a missing referral cost: the cut of a rate, and the rules that pay nothing."""
    for step in trace:
        i = Given.of(step.inputs)
        tier = TIER_NAMES[language].get(step.tier, "")
        if "cut_rate" in i:
            full, cut, less = percent_text(i["rate"]), percent_text(i["cut_rate"]), yuan(i["reduction"])
            if language == "zh":
                yield f"{tier}支付比例由 {full} 降为 {cut}，少支付 {less} 元，由个人负担"
            else:
                yield f"{tier} pays {cut} instead of {full}, {less} yuan less, which you bear"
        elif step.inputs.get("reason") == "referral_missing":
            yield f"不享受“{step.name}”" if language == "zh" else f"“{step.name}” of {tier} isn't granted"


def _caps(trace: Sequence[Step], language: Language) -> Iterator[str]:
    """Each cap that cut a payment, and by how much."""
    for step in trace:
        i = Given.of(step.inputs)
        rooms = {name: i[f"room_{name}"] for name in CAP_NAMES["zh"] if f"room_{name}" in i}
        uncapped = KINDS[step.kind].uncapped if step.kind in KINDS else None
        if uncapped is None or not rooms:
            continue
        cap = min(rooms, key=lambda name: rooms[name])
        less = uncapped(i) - rooms[cap]
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
        return f"计算用到 {count} 项暂定（待核实）参数，合理但未经文件核实。"
    return f"Assumed figures used: {count} (plausible, not verified)."
