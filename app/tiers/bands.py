"""Rule kind ``bands`` 分段: marginal bands over a base that accumulates during the year
(docs/specification/calculation.md, sections 4.2 and 4.3). Pure."""

from app.basics.money import RATE_ONE, divide_half_up
from app.tiers.packfile import Rule
from app.tiers.state import Inputs, State, limited, narrowest

Bands = tuple[tuple[int | None, int], ...]


def apply(rule: Rule, state: State) -> None:
    """Pay ``r(f(x1) − f(x0))`` within the yearly cap, where the base of the year grows from x0 to x1 by this bill's
    base.

    The base accumulates even when nothing is paid. One flat ``rate`` above the deductible is a single open band.
    """
    deductible = state.figure(rule, "deductible")
    bands_figure = state.figure(rule, "bands")
    rate = state.figure(rule, "rate")
    if deductible is None or deductible.value is None or (rate is not None and rate.value is None):
        state.step(rule, 0, {"reason": "no_rate"}, (deductible, rate))
        return
    bands: Bands = bands_figure.value if bands_figure is not None else ((None, rate.value if rate else 0),)
    base_name = rule.options["base"]
    base = state.base(base_name)
    counter = rule.options.get("counts_base")
    start = state.accumulators[counter] if counter is not None else 0
    state.count(counter, base)
    threshold = state.amount(deductible)
    shift = threshold if rule.options.get("bands_from") == "deductible" else 0
    shifted = tuple((None if upper is None else upper + shift, band_rate) for upper, band_rate in bands)
    exact = benefit(start + base, threshold, shifted) - benefit(start, threshold, shifted)
    rooms, shown, caps = state.rooms(rule)
    uncapped = divide_half_up(exact, RATE_ONE)
    paid, unpaid = min(limited(uncapped, narrowest(rooms)), base), state.remaining_total
    inputs: Inputs = {
        "base": base,
        "base_before": start,
        "base_after": start + base,
        "deductible": threshold,
        "bands": [[upper, band_rate] for upper, band_rate in shifted],
        "uncapped": uncapped,
    }
    if paid > unpaid:
        inputs["unpaid"] = paid = unpaid
    state.pay(rule, paid, base_name)
    inputs.update(state.derivation(deductible))
    left = {name: amount - paid for name, amount in rooms.items()}
    state.step(rule, paid, inputs | shown, (deductible, bands_figure, rate, *caps), left)


def benefit(base: int, deductible: int, bands: Bands) -> int:
    """``f(x) = Σ rate × max(0, min(x, upper) − max(lower, deductible))`` in fen times ten-thousandths: exact,
    unrounded."""
    total = lower = 0
    for upper, band_rate in bands:
        top = base if upper is None or upper > base else upper
        start = lower if lower > deductible else deductible
        if top > start:
            total += band_rate * (top - start)
        if upper is None or upper >= base:
            break
        lower = upper
    return total
