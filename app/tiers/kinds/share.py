"""Rule kind ``share`` 比例: a deductible, then a rate, within caps (docs/specification/calculation.md, sections 4.1
and 4.3). Pure."""

from fractions import Fraction
from typing import Final

from app.basics.money import least, most, percent_text, yuan
from app.tiers.inputs import Given, Inputs
from app.tiers.kinds.kind import Explained, Kind
from app.tiers.kinds.limits import (
    INPUTS,
    Payout,
    derivation_text,
    limited_text,
    limits_of,
    pay,
    refuse,
    rounding_in,
    rounding_of,
    within,
)
from app.tiers.kinds.reading import DERIVED, LIMITED, PERCENT, YUAN, ZERO, Reading, rounded
from app.tiers.model import INPATIENT
from app.tiers.pack import Rule
from app.tiers.policy import Figure
from app.tiers.roles import BASE_CAP, CAPS, CUT, DEDUCTIBLE, ITEMS, RATE_OF
from app.tiers.state import State
from app.tiers.units import Sum
from app.tiers.vocabulary import BASES, LINE_FACTS

KINDS_OF_ITEM: Final = LINE_FACTS["item_kind"]


def used_of(deductible: int, before: int, counted: int) -> int:
    """What of a deductible a bill consumes of which ``before`` was paid earlier: at most what is counted, fen."""
    return least(most(0, deductible - before), counted)


def paid_of(whole: int, cut: int, above: int, room: int, unpaid: int) -> tuple[int, int, int]:
    """What the rule would pay at the full rate, what of it is left unpaid for it, and what it pays at the cut rate,
    fen.

    ``whole`` and ``cut`` are the rounded products of both rates with what is ``above`` the deductible.
    """
    wanted = within(least(whole, above), room)
    full = least(wanted, unpaid)
    return wanted, full, least(full, within(least(cut, above), room))


def _apply(rule: Rule, state: State) -> None:
    """Pay ``rate`` of what is left of the base after the deductible.

    A missing referral cuts the rate by ``missing_referral_cut`` (points, never below 0). What the cut really cost, caps
    included, is the reduction: it stays with the patient and enters no later tier. No rate for the class: the rule pays
    0.
    """
    rate = state.figure(rule, RATE_OF)
    if rate is None or rate.value is None:
        refuse(rule, state, "no_rate", rate)
        return
    base_name = rule.options["base"]
    base = state.base_of(rule)
    inputs: Inputs = {"base": base, "base_name": base_name}
    items = state.figure(rule, ITEMS)
    if items is not None and items.value is not None:
        inputs["items"] = "、".join(KINDS_OF_ITEM[kind] for kind in sorted(items.value))
    cap = state.figure(rule, BASE_CAP)
    counted = base if cap is None or cap.value is None else least(base, state.amount(cap))
    if counted < base:
        inputs["base_cap"] = counted
    deductible, used = _deductible(rule, state, counted, inputs)
    limits = limits_of(rule, state)
    cut = state.figure(rule, CUT) if state.referral_missing else None
    points = None if cut is None else cut.value
    cut_rate = max(0, rate.value - (points or 0))
    rounding, above = rounding_of(rule), counted - used
    whole = rounding.of(above * rate.value)
    less = whole if cut_rate == rate.value else rounding.of(above * cut_rate)
    wanted, full, paid = paid_of(whole, less, above, limits.room, limits.unpaid)
    inputs |= {"deductible": used, "rate": rate.value, **rounding.inputs}
    if whole > above:
        inputs["base_left"] = above
    if points is not None:
        if rule.options.get("cut_cost") != "later_tiers":
            state.reduce(full - paid)
        inputs |= {"cut": points, "cut_rate": cut_rate, "reduction": full - paid}
    pay(rule, state, limits, Payout(base_name, paid, wanted, inputs, (cap, items, deductible, rate, cut)))


def _deductible(rule: Rule, state: State, counted: int, inputs: Inputs) -> tuple[Figure[Sum] | None, int]:
    """The deductible's figure and what of it this bill consumes, fen; counted where the rule says."""
    figure = state.figure(rule, DEDUCTIBLE)
    if figure is None or figure.value is None:
        return figure, 0
    counter = state.counter(rule, "counts_deductible")
    before = 0
    match rule.options.get("deductible_per", "stay"):
        case "stay":
            before = state.earlier_of(rule).deductible
        case "episode":
            before = state.episode.deductible_paid
        case "year" if counter is not None:
            before = state.counted(rule, "counts_deductible")
    full = state.amount(figure)
    used = used_of(full, before, counted)
    state.count(counter, used)
    if rule.tier == "basic" and state.bill.medical_type == INPATIENT:
        state.deductible += used
    inputs |= {"deductible_full": full, "deductible_before": before}
    inputs.update(state.derivation(figure))
    return figure, used


def _times(i: Given) -> int:
    """What a share's rate, cut or not, is multiplied with, fen."""
    return min(i["base"], i.get("base_cap", i["base"])) - i["deductible"]


def uncapped(i: Given) -> int:
    """What a step would pay without any cap, fen."""
    return rounding_in(i).of(_times(i) * i.get("cut_rate", i["rate"]))


def _sentence(i: Given, amount: int) -> str:
    kinds = f"（{i.word('items')}）" if "items" in i else ""
    base = f"{BASES[i.word('base_name')]}{kinds} {yuan(i['base'])}"
    if "base_cap" in i:
        base += f"（最多计入 {yuan(i['base_cap'])}）"
    if "deductible_full" in i:
        base += f" − 起付线 {yuan(i['deductible'])}{_consumed(i)}"
    base += derivation_text(i)
    full = percent_text(i["rate"])
    rate, cost = full, ""
    if "cut_rate" in i:
        cut = percent_text(i["cut"]).rstrip("%")
        rate = f"{percent_text(i['cut_rate'])}（{full} 因未按规定转诊降低 {cut} 个百分点）"
        cost = f"；按 {full} 应支付 {yuan(amount + i['reduction'])}，少支付 {yuan(i['reduction'])}，由个人负担"
    exact = _times(i) * i.get("cut_rate", i["rate"])
    return f"（{base}）× {rate} = {limited_text(i, uncapped(i), exact, amount)}{cost}"


def _consumed(i: Given) -> str:
    full, before, used = i["deductible_full"], i["deductible_before"], i["deductible"]
    if used == full:
        return ""
    most = "，以费用为限" if used < full - before else ""
    return f"（标准 {yuan(full)}，此前已付 {yuan(before)}{most}）"


def _redo(given: Reading) -> Fraction:
    base = min(given["base"], given.get("base_cap", given["base"]))
    used = given.get("deductible")
    full = given.get("full", used)
    if "full" in given:
        given.holds(used == min(max(ZERO, full - given["before"]), base))
    given.derived(full)
    paid = given.within_rooms(given.product((base - used) * given["rate"] / 100))
    if "cut" in given:
        given.holds(given["rate"] == max(ZERO, given["full_rate"] - given["cut"]))
        given.holds(given["uncut"] == given.within_rooms(rounded((base - used) * given["full_rate"] / 100)))
        given.holds(given["less"] == given["uncut"] - paid)
    given.holds(given.get("result", paid) == paid)
    return paid


def _told(i: Given, amount: int, chinese: bool) -> str:
    if not i["deductible"] and not amount:
        return ""
    rate, deductible = percent_text(i.get("cut_rate", i["rate"])), yuan(i["deductible"])
    if not i["deductible"]:
        return f"按 {rate} 支付" if chinese else f"pays {rate}"
    if chinese:
        return f"起付线 {deductible} 元由个人先负担，其余按 {rate} 支付"
    return f"pays {rate} after a deductible of {deductible} yuan"


SHARE: Final = Kind(
    name="share",
    apply=_apply,
    needs=(RATE_OF,),
    may=(DEDUCTIBLE, CUT, BASE_CAP, ITEMS, *CAPS),
    options=(*("base", "deductible_per", "counts_deductible", "ceiling_base", "round_to", "rounding", "cut_cost"),),
    words="支付（{base}{base_cap}{deductible}）× {rate}",
    told=_told,
    uncapped=uncapped,
    explained=Explained(
        sentence=_sentence,
        inputs=INPUTS
        | {
            "base": "计算基数",
            "base_name": "基数名称",
            "base_cap": "最多计入",
            "items": "项目种类",
            "deductible": "起付线",
            "deductible_full": "起付线标准",
            "deductible_before": "此前已付起付线",
            "rate": "支付比例",
            "cut": "未转诊降低",
            "cut_rate": "降低后的支付比例",
            "reduction": "未转诊扣减",
        },
        pattern=rf"（\D+ (?P<base>{YUAN})(?:（最多计入 (?P<base_cap>{YUAN})）)?(?: − 起付线 (?P<deductible>{YUAN})"
        rf"(?:（标准 (?P<full>{YUAN})，此前已付 (?P<before>{YUAN})(?:，以费用为限)?）)?{DERIVED})?）"
        rf"× (?P<rate>{PERCENT})%"
        rf"(?:（(?P<full_rate>{PERCENT})% 因未按规定转诊降低 (?P<cut>{PERCENT}) 个百分点）)? = {LIMITED}"
        rf"(?:；按 {PERCENT}% 应支付 (?P<uncut>{YUAN})，少支付 (?P<less>{YUAN})，由个人负担)?",
        redo=_redo,
    ),
)
