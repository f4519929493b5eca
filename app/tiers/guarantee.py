"""Rule kinds ``floor`` 补足 and ``own_cap`` 自付封顶, and ``ended`` 已终止 (calculation.md 4.4). Pure."""

from app.money import share
from app.tiers.packfile import Rule
from app.tiers.state import Inputs, State


def apply_floor(rule: Rule, state: State) -> None:
    """Top up what the funds pay to ``rate`` of the base, at most to all that nobody pays yet."""
    rate = state.figure(rule, "rate")
    if rate is None or rate.value is None:
        state.step(rule, 0, {"reason": "no_rate"}, (rate,))
        return
    base = state.base(rule.options["base"])
    paid_before = state.paid
    target = share(base, rate.value)
    top, unpaid = max(0, target - paid_before), state.remaining_total
    inputs: Inputs = {
        "base": base,
        "base_name": rule.options["base"],
        "rate": rate.value,
        "target": target,
        "paid_before": paid_before,
    }
    if top > unpaid:
        inputs["unpaid"] = top = unpaid
    _pay(rule, state, top)
    state.step(rule, top, inputs, (rate,))


def apply_own_cap(rule: Rule, state: State) -> None:
    """Pay whatever the patient's own spending of the year would exceed the cap by, at most this bill's own share."""
    cap = state.figure(rule, "cap")
    if cap is None or cap.value is None:
        state.step(rule, 0, {"reason": "no_cap"}, (cap,))
        return
    own = state.remaining_total
    before = state.accumulators["compliant_own"]
    amount = min(max(0, before + own - cap.value), own)
    _pay(rule, state, amount)
    inputs = {"own": own, "own_before": before, "cap": cap.value}
    state.step(rule, amount, inputs, (cap,), {"own_cap": max(0, cap.value - before - own + amount)})


def apply_ended(rule: Rule, state: State) -> None:
    """Pay nothing, and name the document that ended the tier."""
    reason = state.figure(rule, "reason")
    state.step(rule, 0, {"reason": "ended"}, (reason,))


def _pay(rule: Rule, state: State, amount: int) -> None:
    state.pay(rule.tier, amount)
    state.count(rule.options.get("counts_paid"), amount)
