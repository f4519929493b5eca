"""The sentence of a step, made when it is read: one line of Chinese with its numbers filled in. Pure.

From the sentences alone a person with a pocket calculator can redo the settlement. Nothing is computed here.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from app.money import percent_text, yuan
from app.tiers.model import Step

LINE_NOTES: Final[Mapping[str, str]] = {
    "refused": "医院审批不通过，全额自费",
    "unknown_item": "目录中没有此编码，全额自费",
    "class_c": "丙类，全额自费",
    "restricted_not_approved": "限制使用项目未经审批，全额自费",
    "over_ceiling": "单价超过最高限价，超出部分由个人负担",
}

WARNINGS: Final[Mapping[str, str]] = {
    "overlapping_stay": "与该人员另一次住院的日期重叠，请核对住院日期",
    "out_of_date_order": "本年度已有出院日期更晚的结算，本次按现有累计计算",
    "transfer_source_discharged_later": "转出医院的出院日期晚于本次入院日期，请核对",
}

REASONS: Final[Mapping[str, str]] = {
    "no_rate": "该类别没有此项待遇，支付 0.00",
    "no_cap": "没有封顶线，支付 0.00",
    "referral_missing": "未按规定转诊，不享受此项，支付 0.00",
    "class_not_covered": "该类别不在此项保障范围，支付 0.00",
}

BASES: Final[Mapping[str, str]] = {
    "total": "总费用",
    "total_less_hospital": "总费用（扣除医院承担）",
    "in_catalogue": "目录内费用",
    "in_scope": "政策范围内费用",
    "out_of_scope": "政策范围外费用",
    "out_of_catalogue": "目录外费用",
    "remaining_total": "剩余费用",
    "remaining_in_catalogue": "目录内剩余费用",
    "remaining_in_scope": "政策范围内剩余费用",
    "remaining_out_of_scope": "政策范围外剩余费用",
    "remaining_out_of_catalogue": "目录外剩余费用",
}

Inputs = Mapping[str, Any]


def sentence(step: Step) -> str:
    """The formula line of a step."""
    reason = step.inputs.get("reason")
    if reason == "ended":
        basis = step.basis[0]
        return f"{step.name}（依据{basis.document}{basis.clause}），支付 0.00"
    if isinstance(reason, str):
        return REASONS[reason]
    return SENTENCES[step.kind](step.inputs, step.amount)


def _scope(i: Inputs, amount: int) -> str:
    return (
        f"总费用 {yuan(i['total'])} − 全自费 {yuan(i['own_expense'])} − 超限价自费 {yuan(i['over_limit'])}"
        f" − 先行自付 {yuan(i['first_pay'])} = {yuan(amount)}"
    )


def _share(i: Inputs, amount: int) -> str:
    base = f"{BASES[i['base_name']]} {yuan(i['base'])}"
    if "base_cap" in i:
        base += f"（最多计入 {yuan(i['base_cap'])}）"
    if "deductible_full" in i:
        base += f" − 起付线 {yuan(i['deductible'])}"
        if i["deductible"] != i["deductible_full"]:
            base += f"（标准 {yuan(i['deductible_full'])}，此前已付 {yuan(i['deductible_before'])}）"
    base += _derivation(i)
    rate = percent_text(i["rate"])
    if "cut_rate" in i:
        rate = f"{percent_text(i['cut_rate'])}（{rate} 因未按规定转诊降低，少支付 {yuan(i['reduction'])}，由个人负担）"
    return f"（{base}）× {rate}{_room(i)} = {yuan(amount)}"


def _derivation(i: Inputs) -> str:
    """How a sum came about: a share of an income figure, of the bill or of the year."""
    if "income" in i:
        return f"（人均可支配收入 {yuan(i['income'])} × {percent_text(i['share_rate'])}）"
    if "share_of" not in i:
        return ""
    bounds = f"，最低 {yuan(i['share_least'])}" if i["share_least"] else ""
    bounds += "" if i["share_most"] is None else f"，最高 {yuan(i['share_most'])}"
    return f"（{i['share_of_title']} {yuan(i['share_of'])} × {percent_text(i['share_rate'])}{bounds}）"


ROOMS: Final = {"cap_year": "年度限额剩余", "cap_stay": "单次限额", "ceiling": "合计支付上限剩余"}


def _room(i: Inputs) -> str:
    return "".join(f"，{title} {yuan(i[f'room_{name}'])}" for name, title in ROOMS.items() if f"room_{name}" in i)


def _bands(i: Inputs, amount: int) -> str:
    lower, parts = 0, []
    for upper, rate in i["bands"]:
        top = "以上" if upper is None else f"至 {yuan(upper)}"
        parts.append(f"{yuan(max(lower, i['deductible']))} {top} {percent_text(rate)}")
        lower = upper or 0
    return (
        f"年度累计 {yuan(i['base_before'])} + 本次 {yuan(i['base'])} = {yuan(i['base_after'])}，起付线"
        f" {yuan(i['deductible'])}{_derivation(i)}，分段 {'；'.join(parts)}，本次新增 {yuan(i['uncapped'])}{_room(i)} = {yuan(amount)}"
    )


def _floor(i: Inputs, amount: int) -> str:
    return (
        f"{BASES[i['base_name']]} {yuan(i['base'])} × {percent_text(i['rate'])} = {yuan(i['target'])}，已支付"
        f" {yuan(i['paid_before'])}{_room(i)}，补足 {yuan(amount)}"
    )


def _own_cap(i: Inputs, amount: int) -> str:
    return (
        f"年度自付 {yuan(i['own_before'])} + 本次{BASES[i['base_name']]} {yuan(i['own'])}，超过封顶 {yuan(i['cap'])}"
        f"{_derivation(i)} 的部分由基金支付{_room(i)} = {yuan(amount)}"
    )


def _package(i: Inputs, amount: int) -> str:
    return (
        f"定额包干 {yuan(i['sum'])}，总费用 {yuan(i['total'])}：基金支付 {yuan(amount)}，医院承担"
        f" {yuan(i['hospital'])}，基金另付医院结余 {yuan(i['adjustment'])}，个人 0.00"
    )


def _fixed_payment(i: Inputs, amount: int) -> str:
    return f"定额支付 {yuan(i['sum'])}，总费用 {yuan(i['total'])}，取小者 = {yuan(amount)}"


def _disease_price(i: Inputs, amount: int) -> str:
    return f"政策范围内 {yuan(i['base'])}，病种定价 {yuan(i['price'])}，超出部分由医院承担 {yuan(amount)}"


def _out_of_catalogue(i: Inputs, amount: int) -> str:
    return (
        f"全自费 {yuan(i['own_expense'])} 超过总费用 {yuan(i['total'])} × {percent_text(i['rate'])} 的部分由医院承担"
        f" {yuan(amount)}"
    )


def _patient(i: Inputs, amount: int) -> str:
    return (
        f"总费用 {yuan(i['total'])} − 医院 {yuan(i['hospital'])} − 基本医保 {yuan(i['basic'])} − 大病保险"
        f" {yuan(i['serious_illness'])} − 医疗救助 {yuan(i['medical_assistance'])} − 兜底保障 {yuan(i['safety_net'])}"
        f" = {yuan(amount)}"
    )


def _reversal(i: Inputs, amount: int) -> str:
    return f"冲回原结算的全部金额，总费用 {yuan(i['total'])}，个人 {yuan(amount)}"


SENTENCES: Final[Mapping[str, Callable[[Inputs, int], str]]] = {
    "scope": _scope,
    "share": _share,
    "bands": _bands,
    "floor": _floor,
    "own_cap": _own_cap,
    "package": _package,
    "fixed_payment": _fixed_payment,
    "disease_price": _disease_price,
    "out_of_catalogue": _out_of_catalogue,
    "patient": _patient,
    "reversal": _reversal,
}

RATES: Final = frozenset({"rate", "cut", "cut_rate", "share_rate"})


def shown_inputs(inputs: Inputs) -> dict[str, Any]:
    """A step's inputs in the outside form: rates with four decimals, amounts as yuan, bands as rows of both."""
    from_rates = {key: _rate(value) for key, value in inputs.items() if key in RATES}
    return {key: from_rates.get(key) or _amount(value) for key, value in inputs.items()}


def _rate(value: Any) -> str:
    return f"{value // 10_000}.{value % 10_000:04d}"


def _amount(value: Any) -> Any:
    if isinstance(value, int):
        return yuan(value)
    if isinstance(value, list):
        return [{"up_to": None if upper is None else yuan(upper), "rate": _rate(rate)} for upper, rate in value]
    return value
