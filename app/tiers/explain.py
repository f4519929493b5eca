"""The sentence of a step, made when it is read: one line of Chinese with its numbers filled in. Pure.

From the sentences alone a person with a pocket calculator can redo the settlement: what is multiplied, where it is rounded,
which room limits it. Only intermediate results are computed here, from a step's inputs; its amount is never.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from app.basics.money import RATE_ONE, percent_text, rate_text, share, yuan
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
    "visit_days_settled_before": "本次就诊在这些日期已有结算，请核对是否重复；中途结算的下一段应从次日开始",
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

ROUNDED: Final = "（四舍五入到分）"
ROOMS: Final = ("cap_year", "cap_stay", "ceiling")

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


def _times(i: Inputs) -> int:
    """What a share's rate, cut or not, is multiplied with, fen."""
    return int(min(i["base"], i.get("base_cap", i["base"])) - i["deductible"])


def uncapped(i: Inputs) -> int:
    """What a step of kind share or bands would pay without any cap, fen."""
    return int(i["uncapped"]) if "uncapped" in i else share(_times(i), i.get("cut_rate", i["rate"]))


def _share(i: Inputs, amount: int) -> str:
    base = f"{BASES[i['base_name']]} {yuan(i['base'])}"
    if "base_cap" in i:
        base += f"（最多计入 {yuan(i['base_cap'])}）"
    if "deductible_full" in i:
        base += f" − 起付线 {yuan(i['deductible'])}{_consumed(i)}"
    base += _derivation(i)
    full = percent_text(i["rate"])
    rate, cost = full, ""
    if "cut_rate" in i:
        cut = percent_text(i["cut"]).rstrip("%")
        rate = f"{percent_text(i['cut_rate'])}（{full} 因未按规定转诊降低 {cut} 个百分点）"
        cost = f"；按 {full} 应支付 {yuan(amount + i['reduction'])}，少支付 {yuan(i['reduction'])}，由个人负担"
    exact = _times(i) * i.get("cut_rate", i["rate"])
    return f"（{base}）× {rate} = {_limited(i, exact, amount)}{cost}"


def _consumed(i: Inputs) -> str:
    full, before, used = i["deductible_full"], i["deductible_before"], i["deductible"]
    if used == full:
        return ""
    most = "，以费用为限" if used < full - before else ""
    return f"（标准 {yuan(full)}，此前已付 {yuan(before)}{most}）"


def _derivation(i: Inputs) -> str:
    """How a sum came about: a share of an income figure, of the bill or of the year."""
    if "income" in i:
        rounded = _rounded(i["income"] * i["share_rate"])
        return f"（人均可支配收入 {yuan(i['income'])} × {percent_text(i['share_rate'])}{rounded}）"
    if "share_of" not in i:
        return ""
    bounds = _rounded(i["share_of"] * i["share_rate"])
    bounds += f"，最低 {yuan(i['share_least'])}" if i["share_least"] else ""
    bounds += "" if i["share_most"] is None else f"，最高 {yuan(i['share_most'])}"
    return f"（{i['share_of_title']} {yuan(i['share_of'])} × {percent_text(i['share_rate'])}{bounds}）"


def _rounded(exact: int) -> str:
    """The note of a product, in fen times ten-thousandths, that isn't whole fen."""
    return ROUNDED if exact % RATE_ONE else ""


def _limited(i: Inputs, exact: int, amount: int) -> str:
    """An exact product, rounded, within the rooms: what is paid."""
    result = f"{yuan(uncapped(i))}{_rounded(exact)}{_room(i)}"
    return f"{result}，支付 {yuan(amount)}" if _room(i) else result


def _room(i: Inputs) -> str:
    """Each limit of a payment and how it came about."""
    text = "".join(f"，{_ROOM_TEXTS[name](i)}" for name in ROOMS if f"room_{name}" in i)
    return text + (f"，剩余费用 {yuan(i['unpaid'])}" if "unpaid" in i else "")


def _room_of_year(i: Inputs) -> str:
    cap, room = i["cap_year"], i["room_cap_year"]
    if room == 0:
        return f"年度限额 {yuan(cap)} 已用完，剩余 0.00"
    return f"年度限额剩余 {yuan(room)}（{yuan(cap)} − 此前已支付 {yuan(cap - room)}）"


def _room_of_ceiling(i: Inputs) -> str:
    base, rate, paid = i["ceiling_base"], i["ceiling_rate"], i["ceiling_paid"]
    rounded = _rounded(base * rate)
    return (
        f"合计支付上限剩余 {yuan(i['room_ceiling'])}（{BASES[i['ceiling_base_name']]} {yuan(base)} × {percent_text(rate)}"
        f"{rounded} − 已支付 {yuan(paid)}，不低于 0）"
    )


_ROOM_TEXTS: Final[Mapping[str, Callable[[Inputs], str]]] = {
    "cap_year": _room_of_year,
    "cap_stay": lambda i: f"单次限额 {yuan(i['room_cap_stay'])}",
    "ceiling": _room_of_ceiling,
}


def _bands(i: Inputs, amount: int) -> str:
    start, end, deductible = i["base_before"], i["base_after"], i["deductible"]
    head = f"年度累计 {yuan(start)} + 本次 {yuan(i['base'])} = {yuan(end)}，起付线 {yuan(deductible)}{_derivation(i)}"
    parts, exact, lower = [], 0, deductible
    for upper, rate in i["bands"]:
        top = end if upper is None else min(end, upper)
        part = top - max(lower, start)
        if part > 0:
            bounds = f"{yuan(lower)} 以上" if upper is None else f"{yuan(lower)} 至 {yuan(upper)}"
            parts.append(f"{bounds}的 {yuan(part)} × {percent_text(rate)}")
            exact += part * rate
        lower = lower if upper is None else max(lower, upper)
    if not parts:
        return f"{head}，没有超过起付线的新增费用，支付 {yuan(amount)}"
    return f"{head}；本次新增部分：{' + '.join(parts)} = {_limited(i, exact, amount)}"


def _floor(i: Inputs, amount: int) -> str:
    return (
        f"{BASES[i['base_name']]} {yuan(i['base'])} × {percent_text(i['rate'])} = {yuan(i['target'])}"
        f"{_rounded(i['base'] * i['rate'])}，已支付 {yuan(i['paid_before'])}{_room(i)}，补足 {yuan(amount)}"
    )


def _own_cap(i: Inputs, amount: int) -> str:
    own = i["own_before"] + i["own"]
    most = "（以本次为限）" if i["own_before"] > i["cap"] else ""
    return (
        f"年度自付 {yuan(i['own_before'])} + 本次{BASES[i['base_name']]} {yuan(i['own'])} = {yuan(own)}，超过封顶"
        f" {yuan(i['cap'])}{_derivation(i)} 的部分{most}由基金支付{_room(i)} = {yuan(amount)}"
    )


def _package(i: Inputs, amount: int) -> str:
    return (
        f"定额包干 {yuan(i['sum'])}，总费用 {yuan(i['total'])}：基金支付 {yuan(amount)}，医院承担"
        f" {yuan(i['hospital'])}，基金另付医院结余 {yuan(i['adjustment'])}，个人 0.00"
    )


def _fixed_payment(i: Inputs, amount: int) -> str:
    return f"定额支付 {yuan(i['sum'])}，剩余费用 {yuan(i['unpaid'])}，取小者 = {yuan(amount)}"


def _disease_price(i: Inputs, amount: int) -> str:
    return f"政策范围内 {yuan(i['base'])}，病种定价 {yuan(i['price'])}，超出部分由医院承担 {yuan(amount)}"


def _out_of_catalogue(i: Inputs, amount: int) -> str:
    return (
        f"全自费 {yuan(i['own_expense'])} 超过总费用 {yuan(i['total'])} × {percent_text(i['rate'])} 的部分"
        f"{_rounded(i['total'] * i['rate'])}由医院承担 {yuan(amount)}"
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

RATES: Final = frozenset({"rate", "cut", "cut_rate", "share_rate", "ceiling_rate"})

INPUT_NAMES: Final[Mapping[str, str]] = {
    "total": "总费用",
    "own_expense": "全自费",
    "over_limit": "超限价自费",
    "first_pay": "先行自付",
    "base": "计算基数",
    "base_name": "基数名称",
    "base_cap": "最多计入",
    "base_before": "本次前年度累计",
    "base_after": "本次后年度累计",
    "rate": "支付比例",
    "cut": "未转诊降低",
    "cut_rate": "降低后的支付比例",
    "reduction": "未转诊扣减",
    "deductible": "起付线",
    "deductible_full": "起付线标准",
    "deductible_before": "此前已付起付线",
    "income": "人均可支配收入",
    "share_rate": "所占比例",
    "share_of": "比例的基数",
    "share_of_title": "比例的基数名称",
    "share_least": "最低",
    "share_most": "最高",
    "bands": "分段",
    "uncapped": "限额前支付",
    "unpaid": "剩余费用",
    "cap_year": "年度限额",
    "room_cap_year": "年度限额剩余",
    "room_cap_stay": "单次限额",
    "room_ceiling": "合计支付上限剩余",
    "ceiling_base": "支付上限基数",
    "ceiling_base_name": "支付上限基数名称",
    "ceiling_rate": "支付上限比例",
    "ceiling_paid": "支付上限内已支付",
    "target": "应达到的支付",
    "paid_before": "此前各项支付",
    "own": "本次自付",
    "own_before": "此前年度自付",
    "cap": "自付封顶",
    "sum": "定额",
    "hospital": "医院承担",
    "adjustment": "定额结余",
    "price": "病种定价",
    "basic": "基本医保",
    "serious_illness": "大病保险",
    "medical_assistance": "医疗救助",
    "safety_net": "兜底保障",
    "reason": "原因",
}


def shown_inputs(inputs: Inputs) -> dict[str, Any]:
    """A step's inputs in the outside form: rates with four decimals, amounts as yuan, bands as rows of both."""
    return {key: rate_text(value) if key in RATES else _amount(value) for key, value in inputs.items()}


def _amount(value: Any) -> Any:
    if isinstance(value, int):
        return yuan(value)
    if isinstance(value, list):
        return [{"up_to": None if upper is None else yuan(upper), "rate": rate_text(rate)} for upper, rate in value]
    return value
