"""Rule kinds ``floor`` 补足, ``own_cap`` 自付封顶 and ``ended`` 已终止: what the safety net is made of
(docs/specification/calculation.md, section 4.4). Pure."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from app.basics.money import least, most, percent_text, share, yuan
from app.tiers.inputs import Given, Inputs
from app.tiers.kinds.kind import Explained, Kind
from app.tiers.kinds.limits import (
    INPUTS,
    Payout,
    derivation_text,
    limits_of,
    pay,
    refuse,
    rooms_text,
    rounded_note,
    within,
)
from app.tiers.kinds.reading import DERIVED, NOTE, PERCENT, ROOMS, YUAN, ZERO, Reading
from app.tiers.pack import Rule
from app.tiers.roles import CAPS, OWN_CAP, RATE_OF, REASON
from app.tiers.state import State
from app.tiers.units import FUNDED
from app.tiers.vocabulary import BASES, WHOLE_BASES
from app.tiers.yamltext import Map


def top_up_of(target: int, paid_before: int, room: int, unpaid: int) -> tuple[int, int]:
    """What is missing to a target within its room, and what of it is left unpaid for it, fen."""
    wanted = within(most(0, target - paid_before), room)
    return wanted, least(wanted, unpaid)


def above_cap_of(own: int, before: int, cap: int, room: int, unpaid: int) -> tuple[int, int]:
    """What of this bill's own spending lies above a yearly cap, within its room, and what of it is left unpaid, fen."""
    wanted = within(least(most(0, before + own - cap), own), room)
    return wanted, least(wanted, unpaid)


def _apply_floor(rule: Rule, state: State) -> None:
    """Top up what the funds pay of the base to ``rate`` of it, within the caps, at most to all that nobody pays yet."""
    rate = state.figure(rule, RATE_OF)
    if rate is None or rate.value is None:
        refuse(rule, state, "no_rate", rate)
        return
    base_name = rule.options["base"]
    base, paid_before = state.base(base_name), state.paid_of(base_name)
    target = share(base, rate.value)
    limits = limits_of(rule, state)
    wanted, paid = top_up_of(target, paid_before, limits.room, limits.unpaid)
    inputs: Inputs = {
        "base": base,
        "base_name": base_name,
        "rate": rate.value,
        "target": target,
        "paid_before": paid_before,
    }
    pay(rule, state, limits, Payout(base_name, paid, wanted, inputs, (rate,)))


def _apply_own_cap(rule: Rule, state: State) -> None:
    """Pay what own spending of the year would exceed the cap by, within the other caps, at most this bill's own share.

    Own spending is ``own_of_year``, an accumulator of the pack's own, and of this bill what that one grows by; without
    it, ``compliant_own`` and all that nobody pays yet.
    """
    cap = state.figure(rule, OWN_CAP)
    if cap is None or cap.value is None:
        refuse(rule, state, "no_cap", cap)
        return
    counter = rule.options.get("own_of_year", "compliant_own")
    accumulator = state.policy.version.accumulators.get(counter)
    base_name = "remaining_total" if accumulator is None else accumulator.grows_by or ""
    own, bound = state.base(base_name), state.amount(cap)
    before = state.counted(rule, "own_of_year") if accumulator is not None else state.accumulators[counter]
    limits = limits_of(rule, state)
    wanted, paid = above_cap_of(own, before, bound, limits.room, limits.unpaid)
    inputs: Inputs = {"own": own, "own_before": before, "cap": bound, "base_name": base_name, **state.derivation(cap)}
    left = most(0, bound - before - own + paid)
    pay(rule, state, limits, Payout(base_name, paid, wanted, inputs, (cap,)), own_cap=left)


def _apply_ended(rule: Rule, state: State) -> None:
    """Pay nothing, and name the document that ended the tier."""
    refuse(rule, state, "ended", state.figure(rule, REASON))


def _check_floor(data: Map) -> Iterator[str]:
    if data.get("base") not in (None, *WHOLE_BASES):
        yield f"补足的是已支付的部分，base 不能写剩余费用，可选：{'、'.join(WHOLE_BASES)}。"


def _floor_sentence(i: Given, amount: int) -> str:
    note = rounded_note(i["base"] * i["rate"])
    return (
        f"{BASES[i.word('base_name')]} {yuan(i['base'])} × {percent_text(i['rate'])} = {yuan(i['target'])}{note}"
        f"，已支付 {yuan(i['paid_before'])}{rooms_text(i)}，补足 {yuan(amount)}"
    )


def _own_cap_sentence(i: Given, amount: int) -> str:
    own = i["own_before"] + i["own"]
    most = "（以本次为限）" if i["own_before"] > i["cap"] else ""
    return (
        f"年度自付 {yuan(i['own_before'])} + 本次{BASES[i.word('base_name')]} {yuan(i['own'])} = {yuan(own)}，超过封顶"
        f" {yuan(i['cap'])}{derivation_text(i)} 的部分{most}由基金支付{rooms_text(i)} = {yuan(amount)}"
    )


def _redo_floor(given: Reading) -> Fraction:
    target = given.product(given["base"] * given["rate"] / 100)
    return given.within_rooms(max(ZERO, target - given["before"]))


def _redo_own_cap(given: Reading) -> Fraction:
    given.holds(given["sum"] == given["before"] + given["own"])
    given.derived(given["most"])
    return given.within_rooms(max(ZERO, given["sum"] - given["most"]), given["own"])


def _floor_told(i: Given, amount: int, chinese: bool) -> str:
    if not amount:
        return ""
    rate = percent_text(i["rate"])
    return f"补足到{BASES[i.word('base_name')]}的 {rate}" if chinese else f"tops up what is paid to {rate}"


def _own_cap_told(i: Given, amount: int, chinese: bool) -> str:
    if not amount:
        return ""
    cap = yuan(i["cap"])
    return f"支付年度自付超过 {cap} 元的部分" if chinese else f"pays your own spending above {cap} yuan in a year"


def _ended_sentence(i: Given, amount: int) -> str:
    """Never read: a step without a payment is told by its reason."""
    return f"支付 {yuan(amount)}"


FLOOR: Final = Kind(
    name="floor",
    apply=_apply_floor,
    tiers=FUNDED,
    needs=(RATE_OF,),
    may=CAPS,
    options=("base", "ceiling_base"),
    check=_check_floor,
    words="各基金合计补足到{base} × {rate}",
    told=_floor_told,
    explained=Explained(
        sentence=_floor_sentence,
        inputs=INPUTS
        | {
            "base": "计算基数",
            "base_name": "基数名称",
            "rate": "支付比例",
            "target": "应达到的支付",
            "paid_before": "此前各项支付",
        },
        pattern=rf"\D+ (?P<base>{YUAN}) × (?P<rate>{PERCENT})% = (?P<product>{YUAN})(?P<rounded>{NOTE})?"
        rf"，已支付 (?P<before>{YUAN}){ROOMS}，补足 {YUAN}",
        redo=_redo_floor,
    ),
)
OWN_SPENDING_CAP: Final = Kind(
    name="own_cap",
    apply=_apply_own_cap,
    tiers=FUNDED,
    needs=(OWN_CAP,),
    may=CAPS,
    options=("own_of_year", "ceiling_base"),
    words="年度自付（{own_of_year}）超过 {cap} 的部分由基金支付",
    told=_own_cap_told,
    explained=Explained(
        sentence=_own_cap_sentence,
        inputs=INPUTS | {"own": "本次自付", "own_before": "此前年度自付", "cap": "自付封顶", "base_name": "基数名称"},
        pattern=rf"年度自付 (?P<before>{YUAN}) \+ 本次[^0-9]+ (?P<own>{YUAN}) = (?P<sum>{YUAN})"
        rf"，超过封顶 (?P<most>{YUAN}){DERIVED} 的部分(?:（以本次为限）)?由基金支付{ROOMS} = {YUAN}",
        redo=_redo_own_cap,
    ),
)
ENDED: Final = Kind(
    name="ended",
    apply=_apply_ended,
    needs=(REASON,),
    words="已终止，不支付，依据见 {reason}",
    explained=Explained(sentence=_ended_sentence, inputs={}, pattern=rf"支付 {YUAN}", redo=lambda given: ZERO),
)
