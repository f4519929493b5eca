"""Rule kind ``share`` 比例: a deductible, then a rate, within a yearly cap (docs/specification/calculation.md, sections
4.1 and 4.3). Pure."""

from app.tiers.packfile import Rule
from app.tiers.policy import Figure
from app.tiers.state import Inputs, State, narrowest, part


def apply(rule: Rule, state: State) -> None:
    """Pay ``rate`` of what is left of the base after the deductible.

    A missing referral cuts the rate by ``missing_referral_cut`` (points, never below 0). What the cut really cost, caps
    included, is the reduction: it stays with the patient and enters no later tier. No rate for the class: the rule pays
    0.
    """
    rate = state.figure(rule, "rate")
    if rate is None or rate.value is None:
        state.step(rule, 0, {"reason": "no_rate"}, (rate,))
        return
    base_name = rule.options["base"]
    base = state.base(base_name)
    inputs: Inputs = {"base": base, "base_name": base_name}
    base_cap = state.figure(rule, "base_cap")
    if base_cap is not None and base_cap.value is not None and base_cap.value < base:
        base = base_cap.value
        inputs["base_cap"] = base
    deductible_figure, used = _deductible(rule, state, base, inputs)
    rooms, shown, caps = state.rooms(rule)
    room, unpaid = narrowest(rooms), state.remaining_total
    full = part(base - used, rate.value, room)
    inputs |= {"deductible": used, "rate": rate.value}
    if full > unpaid:
        inputs["unpaid"] = full = unpaid
    cut = state.figure(rule, "missing_referral_cut") if state.referral_missing else None
    paid = full
    if cut is not None:
        cut_rate = max(0, rate.value - cut.value)
        paid = min(full, part(base - used, cut_rate, room))
        state.reduce(full - paid)
        inputs |= {"cut": cut.value, "cut_rate": cut_rate, "reduction": full - paid}
    state.pay(rule, paid, base_name)
    left = {name: amount - paid for name, amount in rooms.items()}
    state.step(rule, paid, inputs | shown, (base_cap, deductible_figure, rate, cut, *caps), left)


def _deductible(rule: Rule, state: State, base: int, inputs: Inputs) -> tuple[Figure | None, int]:
    """The deductible's figure and what of it this bill consumes, fen; counted where the rule says."""
    figure = state.figure(rule, "deductible")
    if figure is None or figure.value is None:
        return figure, 0
    counter = rule.options.get("counts_deductible")
    before = 0
    match rule.options.get("deductible_per", "stay"):
        case "episode":
            before = state.episode.deductible_paid
        case "year" if counter is not None:
            before = state.accumulators[counter]
    full = state.amount(figure)
    used = min(max(0, full - before), base)
    state.count(counter, used)
    if rule.tier == "basic" and state.bill.medical_type == "21":
        state.deductible += used
    inputs |= {"deductible_full": full, "deductible_before": before}
    inputs.update(state.derivation(figure))
    return figure, used
