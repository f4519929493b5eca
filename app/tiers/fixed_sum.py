"""Rule kinds with a sum fixed beforehand: ``package`` 定额包干, ``fixed_payment`` 定额支付 (docs/specification/calculation.md,
section 4.1), and what a pack puts on the hospital: ``disease_price`` 病种定价 and ``out_of_catalogue`` 目录外占比 (4.0).
Pure."""

from app.basics.money import RATE_ONE, divide_half_up
from app.tiers.packfile import Rule
from app.tiers.state import State


def apply_package(rule: Rule, state: State) -> None:
    """The fund owes the hospital the sum whatever the bill; the patient pays nothing, the hospital bears any excess."""
    sums = state.figure(rule, "sums")
    if sums is None or sums.value is None:
        return
    paid = min(state.total, sums.value)
    state.charge_hospital(state.total - paid)
    state.pay(rule, paid)
    state.adjustment += sums.value - paid
    inputs = {"sum": sums.value, "total": state.total, "hospital": state.total - paid, "adjustment": sums.value - paid}
    state.step(rule, paid, inputs, (sums,))


def apply_fixed_payment(rule: Rule, state: State) -> None:
    """The fund pays the sum, at most the bill; the patient pays the rest."""
    sums = state.figure(rule, "sums")
    if sums is None or sums.value is None:
        return
    unpaid = state.remaining_total
    paid = min(unpaid, sums.value)
    state.pay(rule, paid)
    state.step(rule, paid, {"sum": sums.value, "unpaid": unpaid}, (sums,))


def apply_disease_price(rule: Rule, state: State) -> None:
    """The hospital bears what the in-scope total exceeds its disease's price by, if it has one; the tiers work with
    ``min(S, price)``."""
    prices = state.figure(rule, "price")
    price = None if prices is None or prices.value is None else prices.value.get(state.bill.disease_code)
    if price is None:
        return
    in_scope = state.base("in_scope")
    excess = max(0, in_scope - price)
    inputs = {"base": in_scope, "price": price}
    state.charge_hospital(excess, "in_scope")
    state.step(rule, excess, inputs, (prices,))


def apply_out_of_catalogue(rule: Rule, state: State) -> None:
    """The hospital bears own expense above a share of the bill. No limit: no step."""
    limit = state.figure(rule, "limit")
    if limit is None or limit.value is None:
        return
    own = state.scope.own_expense
    excess = divide_half_up(max(0, own * RATE_ONE - limit.value * state.total), RATE_ONE)
    state.charge_hospital(excess, "out_of_catalogue")
    state.step(rule, excess, {"own_expense": own, "rate": limit.value, "total": state.total}, (limit,))
