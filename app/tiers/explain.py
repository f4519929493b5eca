"""The sentence of a step, made when it is read: one line of Chinese with its numbers filled in. Pure.

From the sentences alone a person with a pocket calculator can redo the settlement: what is multiplied, where it is
rounded, which room limits it. Only intermediate results are computed here, from a step's inputs; its amount is never.
The sentences of rules stand with their kinds; here are those of the steps that no rule makes.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from app.basics.money import rate_text, yuan
from app.basics.names import PORTION_NAMES, SCOPE_NAMES
from app.tiers.inputs import Given, Input, Inputs
from app.tiers.kinds import KINDS
from app.tiers.kinds.kind import Explained
from app.tiers.kinds.reading import NOTE, YUAN, ZERO, Reading, Unexplained, read
from app.tiers.model import FUND_TIERS, Step
from app.tiers.vocabulary import WORDS

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
    "class_unknown_to_pack": "参保人有一个身份类别，出院日的政策配置不认识，没有按它计算",
    "out_of_date_order": "本年度已有出院日期更晚的结算，本次按现有累计计算",
    "transfer_source_discharged_later": "转出医院的出院日期晚于本次入院日期，请核对",
    "later_year_affected": "以后年度的住院已经用过本次改动的起付线，该人员年度已列入待重算清单",
}

REASONS: Final[Mapping[str, str]] = {
    "no_rate": "该类别没有此项待遇，支付 0.00",
    "no_cap": "没有封顶线，支付 0.00",
    "referral_missing": "未按规定转诊，不享受此项，支付 0.00",
    "not_exceeded": "没有超过规定的费用，支付 0.00",
    "paid_this_stay": "本次住院已支付过，支付 0.00",
    "paid_this_year": "本年度已支付过，支付 0.00",
    "paid_last_year": "本次住院上年的部分已支付过，支付 0.00",
    "class_not_covered": "该类别不在此项保障范围，支付 0.00",
}

_FUNDS: Final = {tier: PORTION_NAMES["zh"][tier] for tier in FUND_TIERS}


def sentence(step: Step) -> str:
    """The formula line of a step."""
    reason = step.inputs.get("reason")
    if reason == "ended":
        basis = step.basis[0]
        return f"{step.name}（依据{basis.document}{basis.clause}），支付 0.00"
    if isinstance(reason, str):
        return REASONS[reason]
    given = Given.of(step.inputs)
    alone = given.get("shared_wanted", step.amount)
    return _history(given) + explained(step.kind).sentence(given, alone) + _shared(given, step.amount)


def _shared(i: Given, amount: int) -> str:
    """How a payment came about that shares with another one in proportion, "" for any other."""
    if "shared_sum" not in i:
        return ""
    left, wanted, total = i["shared_left"], i["shared_wanted"], i["shared_sum"]
    how = f"按比例分担 {yuan(left)} × {yuan(wanted)} ÷ {yuan(total)}"
    if "shared_first" in i:
        how = f"前一项按比例分担后余下 {yuan(left)} − {yuan(i['shared_first'])}"
    elif left * wanted % total:
        return f"；两项合计 {yuan(total)} 超过剩余 {yuan(left)}，{how} = {yuan(amount)}{NOTE}"
    return f"；两项合计 {yuan(total)} 超过剩余 {yuan(left)}，{how} = {yuan(amount)}"


def _history(i: Given) -> str:
    """The condition on the year that let a rule run, "" for none."""
    if "history" not in i:
        return ""
    relation = WORDS["history_is"][i.word("history_is")]
    return f"{i.word('history_title')} {yuan(i['history'])} {relation} {yuan(i['bound'])}；"


def redone(step: Step) -> str:
    """The kind of a step, or the reason why it pays nothing, after redoing it from its sentence as a reader would.

    Unexplained when the numbers of the sentence don't lead to the step's amount.
    """
    text = sentence(step)
    reason = step.inputs.get("reason")
    if isinstance(reason, str):
        if (text.rpartition("支付 ")[2], step.amount) != ("0.00", 0):
            raise Unexplained(text)
        return reason
    if "history" in step.inputs:
        text = _after_condition(text)
    how = explained(step.kind)
    alone, _, shared = text.partition("；两项合计 ")
    amount = how.redo(read(how.pattern, alone))
    if (_redo_shared(shared, amount) if shared else amount) != Fraction(step.amount, 100):
        raise Unexplained(text)
    return step.kind


def _redo_shared(text: str, wanted: Fraction) -> Fraction:
    """What a payment comes to that shares in proportion, from the end of its sentence and what it would be alone."""
    given = read(
        rf"(?P<total>{YUAN}) 超过剩余 (?P<left>{YUAN})，"
        rf"(?:按比例分担 (?P<of>{YUAN}) × (?P<wanted>{YUAN}) ÷ (?P<sum>{YUAN})"
        rf"|前一项按比例分担后余下 (?P<rest>{YUAN}) − (?P<first>{YUAN})) = (?P<product>{YUAN})(?P<rounded>{NOTE})?",
        text,
    )
    given.holds(given["total"] > given["left"])
    if "first" in given:
        given.holds(given["rest"] == given["left"])
        return given["rest"] - given["first"]
    given.holds((given["of"], given["wanted"], given["sum"]) == (given["left"], wanted, given["total"]))
    return given.product(Fraction(given["of"] * given["wanted"], given["sum"]))


def _after_condition(text: str) -> str:
    """A sentence without the condition that stands before it, which must hold by its own numbers."""
    condition, _, rest = text.partition("；")
    given = read(rf".+? (?P<year>{YUAN}) (?P<relation>\D+) (?P<bound>{YUAN})", condition)
    year, bound = given["year"], given["bound"]
    holds = {"已超过": year > bound, "已达到": year >= bound, "未超过": year <= bound, "未达到": year < bound}
    given.holds(holds[given.texts["relation"] or ""])
    return rest


def explained(kind: str) -> Explained:
    """How steps of a kind are explained, those of rules and those that no rule makes."""
    return STEPS[kind] if kind in STEPS else KINDS[kind].explained


def _scope(i: Given, amount: int) -> str:
    columns = "".join(f" − {name} {yuan(i[column])}" for column, name in SCOPE_NAMES["zh"].items())
    return f"总费用 {yuan(i['total'])}{columns} = {yuan(amount)}"


def _patient(i: Given, amount: int) -> str:
    funds = "".join(f" − {name} {yuan(i[tier])}" for tier, name in _FUNDS.items() if tier in i)
    return f"总费用 {yuan(i['total'])} − 医院 {yuan(i['hospital'])}{funds} = {yuan(amount)}"


def _less(given: Reading) -> Fraction:
    """The first number of a sentence less all the others."""
    return given["total"] - sum((value for name, value in given.numbers.items() if name != "total"), ZERO)


def _subtracted(names: Mapping[str, str]) -> str:
    return "".join(rf"(?: − {name} (?P<{key}>{YUAN}))?" for key, name in names.items())


STEPS: Final[Mapping[str, Explained]] = {
    "scope": Explained(
        sentence=_scope,
        inputs={"total": "总费用", **SCOPE_NAMES["zh"]},
        pattern=rf"总费用 (?P<total>{YUAN}){_subtracted(SCOPE_NAMES['zh'])} = {YUAN}",
        redo=_less,
    ),
    "patient": Explained(
        sentence=_patient,
        inputs={"total": "总费用", "hospital": "医院承担", **_FUNDS},
        pattern=rf"总费用 (?P<total>{YUAN}){_subtracted({'hospital': '医院', **_FUNDS})} = {YUAN}",
        redo=_less,
    ),
    "paid_by_patient": Explained(
        sentence=lambda i, amount: f"费用已由个人付清，医院负担 {yuan(i['paid'])} 改由个人负担，医院 {yuan(amount)}",
        inputs={"paid": "改由个人负担"},
        pattern=rf"费用已由个人付清，医院负担 (?P<paid>{YUAN}) 改由个人负担，医院 (?P<hospital>-?{YUAN})",
        redo=lambda given: -given["paid"],
    ),
    "reversal": Explained(
        sentence=lambda i, amount: f"冲回原结算的全部金额，总费用 {yuan(i['total'])}，个人 {yuan(amount)}",
        inputs={"total": "总费用"},
        pattern=rf"冲回原结算的全部金额，总费用 (?P<total>{YUAN})，个人 (?P<patient>{YUAN})",
        redo=lambda given: given["patient"],
    ),
}


def input_names() -> dict[str, str]:
    """The Chinese name of every input that a step of any kind can have."""
    names = {
        "reason": "原因",
        "history": "年度累计",
        "history_title": "累计名称",
        "history_is": "关系",
        "bound": "界限",
        "shared_sum": "两项合计",
        "shared_left": "两项可分担的剩余",
        "shared_wanted": "单独计算的支付",
        "shared_first": "前一项分担",
    }
    for how in (*STEPS.values(), *(kind.explained for kind in KINDS.values())):
        names |= how.inputs
    return names


RATES: Final = frozenset({"rate", "cut", "cut_rate", "share_rate", "ceiling_rate"})


def shown_inputs(inputs: Inputs) -> dict[str, object]:
    """A step's inputs in the outside form: rates with four decimals, amounts as yuan, bands as rows of both."""
    return {
        key: rate_text(value) if key in RATES and isinstance(value, int) else _amount(value)
        for key, value in inputs.items()
    }


def _amount(value: Input) -> object:
    if isinstance(value, int):
        return yuan(value)
    if isinstance(value, list):
        return [
            {"up_to": None if upper is None else yuan(upper), "rate": rate_text(rate or 0)} for upper, rate in value
        ]
    return value
