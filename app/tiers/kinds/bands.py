"""Rule kind ``bands`` 分段: marginal bands over a base that accumulates during the year
(docs/specification/calculation.md, sections 4.2 and 4.3). Pure."""

from collections.abc import Iterator
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
    rounding_of,
    within,
)
from app.tiers.kinds.reading import DERIVED, LIMITED, PERCENT, YUAN, ZERO, Reading
from app.tiers.pack import Rule
from app.tiers.policy import Figure
from app.tiers.roles import BANDS_OF, CAPS, DEDUCTIBLE, RATE_OF
from app.tiers.state import State
from app.tiers.units import Bands
from app.tiers.yamltext import Map


def benefit(base: int, deductible: int, bands: Bands) -> int:
    """``f(x) = Σ rate × max(0, min(x, upper) − max(lower, deductible))`` in fen times ten-thousandths: exact,
    unrounded."""
    total = lower = 0
    for upper, band_rate in bands:
        top = base if upper is None else least(base, upper)
        total += band_rate * most(0, top - most(lower, deductible))
        lower = upper or 0
    return total


def paid_of(uncapped: int, base: int, room: int, unpaid: int) -> tuple[int, int]:
    """What the rule would pay of a base within its room, and what of it is left unpaid for it, fen."""
    wanted = least(within(uncapped, room), base)
    return wanted, least(wanted, unpaid)


def _apply(rule: Rule, state: State) -> None:
    """Pay ``r(f(x1) − f(x0))`` within the caps, where the base of the year grows from x0 to x1 by this bill's base.

    The base accumulates even when nothing is paid. One flat ``rate`` above the deductible is a single open band.
    """
    deductible = state.figure(rule, DEDUCTIBLE)
    banded = state.figure(rule, BANDS_OF)
    rate = state.figure(rule, RATE_OF)
    bands = _bands(banded, rate)
    if deductible is None or deductible.value is None or bands is None:
        refuse(rule, state, "no_rate", deductible, rate if banded is None else banded)
        return
    base_name = rule.options["base"]
    base = state.base(base_name)
    counter = state.counter(rule, "counts_base")
    start = state.counted(rule, "counts_base")
    state.count(counter, base)
    threshold = state.amount(deductible)
    if rule.options.get("bands_from") == "deductible":
        bands = tuple((None if upper is None else upper + threshold, band_rate) for upper, band_rate in bands)
    exact = benefit(start + base, threshold, bands) - benefit(start, threshold, bands)
    rounding = rounding_of(rule)
    uncapped = rounding.of(exact)
    limits = limits_of(rule, state)
    wanted, paid = paid_of(uncapped, base, limits.room, limits.unpaid)
    inputs: Inputs = {
        "base": base,
        "base_before": start,
        "base_after": start + base,
        "deductible": threshold,
        "bands": [[upper, band_rate] for upper, band_rate in bands],
        "uncapped": uncapped,
        **rounding.inputs,
        **state.derivation(deductible),
    }
    if uncapped > base:
        inputs["base_left"] = base
    pay(rule, state, limits, Payout(base_name, paid, wanted, inputs, (deductible, banded, rate)))


def _bands(banded: Figure[Bands] | None, rate: Figure[int] | None) -> Bands | None:
    """The bands of a rule, one open band where it has a flat rate; None when its figure is none."""
    if banded is not None:
        return banded.value
    return None if rate is None or rate.value is None else ((None, rate.value),)


def _check(data: Map) -> Iterator[str]:
    if len(data.keys() & {"bands", "rate"}) != 1:
        yield "要有 bands（分段）或 rate（单一比例），只写其中一个。"


def _sentence(i: Given, amount: int) -> str:
    start, end, deductible = i["base_before"], i["base_after"], i["deductible"]
    head = (
        f"年度累计 {yuan(start)} + 本次 {yuan(i['base'])} = {yuan(end)}，起付线 {yuan(deductible)}{derivation_text(i)}"
    )
    parts, exact, lower = [], 0, deductible
    for upper, rate in i.bounds("bands"):
        top = end if upper is None else min(end, upper)
        part = top - max(lower, start)
        if part > 0:
            bounds = f"{yuan(lower)} 以上" if upper is None else f"{yuan(lower)} 至 {yuan(upper)}"
            parts.append(f"{bounds}的 {yuan(part)} × {percent_text(rate)}")
            exact += part * rate
        lower = lower if upper is None else max(lower, upper)
    if not parts:
        return f"{head}，没有超过起付线的新增费用，支付 {yuan(amount)}"
    return f"{head}；本次新增部分：{' + '.join(parts)} = {limited_text(i, i['uncapped'], exact, amount)}"


_BAND: Final = rf"(?P<lower>{YUAN}) (?:至 (?P<upper>{YUAN})|以上)的 (?P<part>{YUAN}) × (?P<rate>{PERCENT})%"


def _redo(given: Reading) -> Fraction:
    given.holds(given["end"] == given["start"] + given["base"])
    given.derived(given["threshold"])
    parts = given.texts["parts"]
    if parts is None:
        given.holds(given["end"] <= given["threshold"] or given["base"] == 0)
        return ZERO
    exact, covered = ZERO, ZERO
    for text in parts.split(" + "):
        band = given.matched(_BAND, text)
        top = min(given["end"], band.get("upper", given["end"]))
        given.holds(band["part"] == top - max(given["start"], band["lower"]))
        covered += band["part"]
        exact += band["part"] * band["rate"] / 100
    given.holds(covered == given["end"] - max(given["start"], given["threshold"]))
    return given.within_rooms(given.product(exact))


def _told(i: Given, amount: int, chinese: bool) -> str:
    if amount or not i["base"] or i["base_after"] > i["deductible"]:
        return ""
    year, deductible = yuan(i["base_after"]), yuan(i["deductible"])
    if chinese:
        return f"年度累计 {year} 元，未超过起付线 {deductible} 元"
    return f"starts above {deductible} yuan in a year, and the year has {year}"


BANDS: Final = Kind(
    name="bands",
    apply=_apply,
    needs=(DEDUCTIBLE,),
    may=(BANDS_OF, RATE_OF, *CAPS),
    options=("base", "bands_from", "counts_base", "ceiling_base", "round_to", "rounding"),
    check=_check,
    words="{base}{counts_base}，全年超过起付线 {deductible_name}{from}的部分按 {rates} 支付",
    told=_told,
    uncapped=lambda i: i["uncapped"],
    explained=Explained(
        sentence=_sentence,
        inputs=INPUTS
        | {
            "base": "计算基数",
            "base_before": "本次前年度累计",
            "base_after": "本次后年度累计",
            "deductible": "起付线",
            "bands": "分段",
            "uncapped": "限额前支付",
        },
        pattern=rf"年度累计 (?P<start>{YUAN}) \+ 本次 (?P<base>{YUAN}) = (?P<end>{YUAN})"
        rf"，起付线 (?P<threshold>{YUAN}){DERIVED}"
        rf"(?:，没有超过起付线的新增费用，支付 0\.00|；本次新增部分：(?P<parts>[^=]+) = {LIMITED})",
        redo=_redo,
    ),
)
