"""Rule kinds ``floor`` 补足 and ``own_cap`` 自付封顶, and ``ended`` 已终止 (docs/specification/calculation.md, section 4.4).
Pure."""

from app.basics.money import share
from app.tiers.packfile import Rule
from app.tiers.state import Inputs, State, limited, narrowest


def apply_floor(rule: Rule, state: State) -> None:
    """Top up what the funds pay of the base to ``rate`` of it, within the caps, at most to all that nobody pays yet."""
    rate = state.figure(rule, "rate")
    if rate is None or rate.value is None:
        state.step(rule, 0, {"reason": "no_rate"}, (rate,))
        return
    base_name = rule.options["base"]
    base, paid_before = state.base(base_name), state.paid_of(base_name)
    target = share(base, rate.value)
    rooms, shown, caps = state.rooms(rule)
    top, unpaid = limited(max(0, target - paid_before), narrowest(rooms)), state.remaining_total
    inputs: Inputs = {
        "base": base,
        "base_name": base_name,
        "rate": rate.value,
        "target": target,
        "paid_before": paid_before,
    }
    if top > unpaid:
        inputs["unpaid"] = top = unpaid
    state.pay(rule, top, base_name)
    left = {name: amount - top for name, amount in rooms.items()}
    state.step(rule, top, inputs | shown, (rate, *caps), left)


def apply_own_cap(rule: Rule, state: State) -> None:
    """Pay what own spending of the year would exceed the cap by, within the other caps, at most this bill's own share.

    Own spending is ``own_of_year``, an accumulator of the pack's own, and of this bill what that one grows by; without
    it, ``compliant_own`` and all that nobody pays yet.
    """
    cap = state.figure(rule, "cap")
    if cap is None or cap.value is None:
        state.step(rule, 0, {"reason": "no_cap"}, (cap,))
        return
    counter = rule.options.get("own_of_year", "compliant_own")
    accumulator = state.policy.version.accumulators.get(counter)
    base_name = "remaining_total" if accumulator is None else accumulator.grows_by or ""
    own, before, most = state.base(base_name), state.accumulators[counter], state.amount(cap)
    rooms, shown, caps = state.rooms(rule)
    amount = limited(min(max(0, before + own - most), own), narrowest(rooms))
    state.pay(rule, amount, base_name)
    inputs: Inputs = {"own": own, "own_before": before, "cap": most, "base_name": base_name}
    inputs.update(state.derivation(cap))
    left = {name: room - amount for name, room in rooms.items()} | {"own_cap": max(0, most - before - own + amount)}
    state.step(rule, amount, inputs | shown, (cap, *caps), left)


def apply_ended(rule: Rule, state: State) -> None:
    """Pay nothing, and name the document that ended the tier."""
    reason = state.figure(rule, "reason")
    state.step(rule, 0, {"reason": "ended"}, (reason,))
