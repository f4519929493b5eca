"""Rule kinds ``bracket`` 全额分段, the rate of the bracket that the whole sum falls into, and ``lump_sum`` 定额补助
(docs/specification/calculation.md, section 7). Pure."""

from fractions import Fraction
from typing import Final

from app.basics.money import least, percent_text, yuan
from app.tiers.inputs import Given, Inputs
from app.tiers.kinds.kind import Explained, Kind
from app.tiers.kinds.limits import (
    INPUTS,
    Payout,
    limited_text,
    limits_of,
    pay,
    refuse,
    rooms_text,
    rounding_in,
    rounding_of,
    within,
)
from app.tiers.kinds.reading import LIMITED, PERCENT, ROOMS, YUAN, Reading
from app.tiers.pack import Rule
from app.tiers.roles import BANDS_OF, CAPS, EXCEEDS, SUMS
from app.tiers.state import State
from app.tiers.units import Bands
from app.tiers.vocabulary import BASES


def bracket_of(amount: int, bands: Bands) -> tuple[int, int | None, int]:
    """The bracket that an amount falls into, its upper bound included: lower bound, upper bound (None: open), rate."""
    lower = 0
    for upper, rate in bands:
        if upper is None or amount <= upper:
            return lower, upper, rate
        lower = upper
    raise ValueError("the last band is open")


def _apply_bracket(rule: Rule, state: State) -> None:
    """Pay the rate of the bracket that the base falls into, for all of it."""
    bands = state.figure(rule, BANDS_OF)
    if bands is None or bands.value is None:
        refuse(rule, state, "no_rate", bands)
        return
    base_name = rule.options["base"]
    base = state.base(base_name)
    lower, upper, rate = bracket_of(base, bands.value)
    limits, rounding = limits_of(rule, state), rounding_of(rule)
    rounded = rounding.of(base * rate)
    wanted = within(least(rounded, base), limits.room)
    inputs: Inputs = {"base": base, "base_name": base_name, "lower": lower, "upper": upper, "rate": rate}
    inputs |= rounding.inputs
    if rounded > base:
        inputs["base_left"] = base
    pay(rule, state, limits, Payout(base_name, least(wanted, limits.unpaid), wanted, inputs, (bands,)))


def _apply_lump_sum(rule: Rule, state: State) -> None:
    """Pay a fixed sum, at most what is left of the base: once per bill, or once a stay or a year by the accumulator
    that it counts."""
    sums = state.figure(rule, SUMS)
    if sums is None or sums.value is None:
        refuse(rule, state, "no_rate", sums)
        return
    once = rule.options.get("once_per", "bill")
    if once == "year" and state.counted(rule, "counts_paid") > 0:
        refuse(rule, state, "paid_this_year", sums)
        return
    if once == "stay" and state.episode.counted_into(state.counter(rule, "counts_paid")) > 0:
        refuse(rule, state, "paid_this_stay", sums)
        return
    if state.earlier_of(rule).paid and once != "year":
        refuse(rule, state, "paid_last_year", sums)
        return
    base_name, amount = rule.options["base"], state.amount(sums)
    base, limits = state.base(base_name), limits_of(rule, state)
    exceeds = state.figure(rule, EXCEEDS)
    if exceeds is not None and exceeds.value is not None and base <= state.amount(exceeds):
        refuse(rule, state, "not_exceeded", exceeds)
        return
    wanted = within(least(amount, base), limits.room)
    inputs: Inputs = {"sum": amount, "base": base, "base_name": base_name}
    pay(rule, state, limits, Payout(base_name, least(wanted, limits.unpaid), wanted, inputs, (sums, exceeds)))


def _bracket_sentence(i: Given, amount: int) -> str:
    upper = i.most("upper")
    bracket = f"{yuan(i['lower'])} 以上" if upper is None else f"{yuan(i['lower'])} 至 {yuan(upper)}"
    exact = i["base"] * i["rate"]
    base = f"{BASES[i.word('base_name')]} {yuan(i['base'])}"
    paid = limited_text(i, rounding_in(i).of(exact), exact, amount)
    return f"{base} 落在 {bracket} 一段，全额 × {percent_text(i['rate'])} = {paid}"


def _redo_bracket(given: Reading) -> Fraction:
    given.holds(given["base"] == 0 or given["lower"] < given["base"])
    given.holds(given["base"] <= given.get("upper", given["base"]))
    return given.within_rooms(given.product(given["base"] * given["rate"] / 100))


def _bracket_told(i: Given, amount: int, chinese: bool) -> str:
    if not amount:
        return ""
    rate = percent_text(i["rate"])
    return f"按所在分段全额支付 {rate}" if chinese else f"pays {rate} of the whole sum"


BRACKET: Final = Kind(
    name="bracket",
    apply=_apply_bracket,
    needs=(BANDS_OF,),
    may=CAPS,
    options=("base", "ceiling_base", "round_to", "rounding"),
    words="{base}落在 {rates} 的哪一段，就全额按那一段的比例支付",
    told=_bracket_told,
    explained=Explained(
        sentence=_bracket_sentence,
        inputs=INPUTS
        | {"base": "计算基数", "base_name": "基数名称", "lower": "分段下限", "upper": "分段上限", "rate": "支付比例"},
        pattern=rf"\D+ (?P<base>{YUAN}) 落在 (?P<lower>{YUAN}) (?:至 (?P<upper>{YUAN})|以上) 一段"
        rf"，全额 × (?P<rate>{PERCENT})% = {LIMITED}",
        redo=_redo_bracket,
    ),
)
LUMP_SUM: Final = Kind(
    name="lump_sum",
    apply=_apply_lump_sum,
    needs=(SUMS,),
    may=(EXCEEDS, *CAPS),
    options=("base", "ceiling_base", "once_per"),
    words="定额补助 {sums}（{once_per}一次），以{base}为限",
    told=lambda i, amount, chinese: (
        ""
        if not amount
        else f"定额补助 {yuan(i['sum'])} 元"
        if chinese
        else f"pays a fixed sum of {yuan(i['sum'])} yuan"
    ),
    explained=Explained(
        sentence=lambda i, amount: (
            f"定额补助 {yuan(i['sum'])}，{BASES[i.word('base_name')]} {yuan(i['base'])}，取小者{rooms_text(i)}"
            f"，支付 {yuan(amount)}"
        ),
        inputs=INPUTS | {"sum": "定额", "base": "计算基数", "base_name": "基数名称"},
        pattern=rf"定额补助 (?P<sum>{YUAN})，\D+ (?P<base>{YUAN})，取小者{ROOMS}，支付 {YUAN}",
        redo=lambda given: given.within_rooms(given["sum"], given["base"]),
    ),
)
