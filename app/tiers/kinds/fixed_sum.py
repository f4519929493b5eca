"""Rule kinds with a sum fixed beforehand, ``package`` 定额包干 and ``fixed_payment`` 定额支付, and what a pack puts on
the hospital: ``disease_price`` 病种定价 and ``out_of_catalogue`` 目录外占比 (docs/specification/calculation.md,
sections 4.0 and 4.1). Pure."""

from fractions import Fraction
from typing import Final

from app.basics.money import RATE_ONE, divide_half_up, least, most, percent_text, yuan
from app.tiers.inputs import Given, Inputs
from app.tiers.kinds.kind import Explained, Kind
from app.tiers.kinds.limits import rooms_text, rounded_note
from app.tiers.kinds.reading import NOTE, PERCENT, ROOMS, YUAN, ZERO, Reading, rounded
from app.tiers.pack import Rule
from app.tiers.roles import LIMIT, PRICE, SUMS
from app.tiers.state import State
from app.tiers.units import FUNDED


def excess_of(own_expense: int, limit: int, total: int) -> int:
    """Own expense above a share (ten-thousandths) of the bill, fen."""
    return divide_half_up(most(0, own_expense * RATE_ONE - limit * total), RATE_ONE)


def _apply_package(rule: Rule, state: State) -> None:
    """The fund owes the hospital the sum whatever the bill; the patient pays nothing, the hospital bears any excess."""
    sums = state.figure(rule, SUMS)
    if sums is None or sums.value is None:
        return
    amount, unpaid = state.amount(sums), state.remaining_total
    paid = least(unpaid, amount)
    state.charge_hospital(unpaid - paid)
    state.pay(rule, paid)
    state.adjustment += amount - paid
    payable = "total" if unpaid == state.total else "unpaid"
    inputs: Inputs = {"sum": amount, payable: unpaid, "hospital": unpaid - paid, "adjustment": amount - paid}
    state.step(rule, paid, inputs, (sums,))


def _apply_fixed_payment(rule: Rule, state: State) -> None:
    """The fund pays the sum, at most the bill; the patient pays the rest."""
    sums = state.figure(rule, SUMS)
    if sums is None or sums.value is None:
        return
    amount, unpaid = state.amount(sums), state.remaining_total
    paid = least(unpaid, amount)
    state.pay(rule, paid)
    state.step(rule, paid, {"sum": amount, "unpaid": unpaid}, (sums,))


def _apply_disease_price(rule: Rule, state: State) -> None:
    """The hospital bears what the in-scope total exceeds its disease's price by, if it has one; the tiers work with the
    rest."""
    prices = state.figure(rule, PRICE)
    price = None if prices is None or prices.value is None else prices.value.get(state.bill.disease_code or "")
    if price is None:
        return
    in_scope = state.base("in_scope")
    inputs: Inputs = {"base": in_scope, "price": price}
    excess = _left_for_hospital(most(0, in_scope - price), state.base("remaining_in_scope"), inputs)
    state.charge_hospital(excess, "in_scope")
    state.step(rule, excess, inputs, (prices,))


def _apply_out_of_catalogue(rule: Rule, state: State) -> None:
    """The hospital bears own expense above a share of the bill. No limit: no step."""
    limit = state.figure(rule, LIMIT)
    if limit is None or limit.value is None:
        return
    own = state.scope.own_expense
    inputs: Inputs = {"own_expense": own, "rate": limit.value, "total": state.total}
    left = state.base("remaining_out_of_catalogue")
    excess = _left_for_hospital(excess_of(own, limit.value, state.total), left, inputs)
    state.charge_hospital(excess, "out_of_catalogue")
    state.step(rule, excess, inputs, (limit,))


def _left_for_hospital(excess: int, unpaid: int, inputs: Inputs) -> int:
    """An excess, at most what rules before this one have left of it; one that they have cut says so, fen."""
    if excess > unpaid:
        inputs["unpaid"] = unpaid
    return least(excess, unpaid)


def _package_sentence(i: Given, amount: int) -> str:
    payable = f"总费用 {yuan(i['total'])}" if "total" in i else f"剩余费用 {yuan(i['unpaid'])}"
    return (
        f"定额包干 {yuan(i['sum'])}，{payable}：基金支付 {yuan(amount)}，医院承担"
        f" {yuan(i['hospital'])}，基金另付医院结余 {yuan(i['adjustment'])}，个人 0.00"
    )


def _redo_package(given: Reading) -> Fraction:
    paid = min(given["sum"], given["total"])
    given.holds((given["hospital"], given["surplus"]) == (given["total"] - paid, given["sum"] - paid))
    return paid


def _out_of_catalogue_sentence(i: Given, amount: int) -> str:
    return (
        f"全自费 {yuan(i['own_expense'])} 超过总费用 {yuan(i['total'])} × {percent_text(i['rate'])} 的部分"
        f"{rounded_note(i['total'] * i['rate'])}{rooms_text(i)}由医院承担 {yuan(amount)}"
    )


def _told(i: Given, amount: int, chinese: bool) -> str:
    return f"定额 {yuan(i['sum'])} 元" if chinese else f"pays a fixed sum of {yuan(i['sum'])} yuan"


PACKAGE: Final = Kind(
    name="package",
    apply=_apply_package,
    tiers=("basic",),
    needs=(SUMS,),
    words="基金按定额 {sums} 付给医院，个人不付",
    told=_told,
    explained=Explained(
        sentence=_package_sentence,
        inputs={
            "sum": "定额",
            "total": "总费用",
            "unpaid": "剩余费用",
            "hospital": "医院承担",
            "adjustment": "定额结余",
        },
        pattern=rf"定额包干 (?P<sum>{YUAN})，(?:总|剩余)费用 (?P<total>{YUAN})：基金支付 {YUAN}，医院承担 "
        rf"(?P<hospital>{YUAN})"
        rf"，基金另付医院结余 (?P<surplus>{YUAN})，个人 0\.00",
        redo=_redo_package,
    ),
)
FIXED_PAYMENT: Final = Kind(
    name="fixed_payment",
    apply=_apply_fixed_payment,
    tiers=FUNDED,
    needs=(SUMS,),
    words="基金最多支付定额 {sums}，其余由个人负担",
    told=_told,
    explained=Explained(
        sentence=lambda i, amount: f"定额支付 {yuan(i['sum'])}，剩余费用 {yuan(i['unpaid'])}，取小者 = {yuan(amount)}",
        inputs={"sum": "定额", "unpaid": "剩余费用"},
        pattern=rf"定额支付 (?P<sum>{YUAN})，剩余费用 (?P<left>{YUAN})，取小者 = {YUAN}",
        redo=lambda given: min(given["sum"], given["left"]),
    ),
)
DISEASE_PRICE: Final = Kind(
    name="disease_price",
    apply=_apply_disease_price,
    tiers=("hospital",),
    needs=(PRICE,),
    words="政策范围内超过病种定价 {price} 的部分由医院承担",
    explained=Explained(
        sentence=lambda i, amount: (
            f"政策范围内 {yuan(i['base'])}，病种定价 {yuan(i['price'])}，超出部分{rooms_text(i)}由医院承担 "
            f"{yuan(amount)}"
        ),
        inputs={"base": "计算基数", "price": "病种定价", "unpaid": "剩余费用"},
        pattern=rf"政策范围内 (?P<base>{YUAN})，病种定价 (?P<price>{YUAN})，超出部分{ROOMS}由医院承担 {YUAN}",
        redo=lambda given: given.within_rooms(max(ZERO, given["base"] - given["price"])),
    ),
)
OUT_OF_CATALOGUE: Final = Kind(
    name="out_of_catalogue",
    apply=_apply_out_of_catalogue,
    tiers=("hospital",),
    needs=(LIMIT,),
    words="全自费超过总费用 × {limit} 的部分由医院承担",
    explained=Explained(
        sentence=_out_of_catalogue_sentence,
        inputs={"own_expense": "全自费", "rate": "支付比例", "total": "总费用", "unpaid": "剩余费用"},
        pattern=rf"全自费 (?P<own>{YUAN}) 超过总费用 (?P<total>{YUAN}) × (?P<rate>{PERCENT})%"
        rf" 的部分(?:{NOTE})?{ROOMS}由医院承担 {YUAN}",
        redo=lambda given: given.within_rooms(rounded(max(ZERO, given["own"] - given["total"] * given["rate"] / 100))),
    ),
)
