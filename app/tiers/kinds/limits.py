"""The common end of every rule that pays: its rooms, what nobody pays yet, the payment, the step; and how it is said.
Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any, Final

from app.basics.money import RATE_ONE, UNITS_OF_ROUNDING, least, most, percent_text, rounded_to, share, yuan
from app.tiers.inputs import Given, Inputs
from app.tiers.kinds.reading import NOTE
from app.tiers.pack import Rule
from app.tiers.policy import Figure
from app.tiers.roles import CAP_STAY, CAP_YEAR, CAPS, CEILING, FURTHER_CAPS
from app.tiers.state import Deferred, State
from app.tiers.vocabulary import ADMISSIONS, ALSO, BASES, IN_PROPORTION, WORDS

UNLIMITED: Final = 1 << 62
CAP_NAMES: Final = frozenset(role.name for role in CAPS)
Used = tuple[Figure[Any] | None, ...]


@dataclass(slots=True)
class Limits:
    """What limits a payment, fen: the room under each cap that the rule has, and ``unpaid``, what nobody pays yet."""

    unpaid: int
    rooms: dict[str, int]
    inputs: Inputs
    figures: Used

    @property
    def room(self) -> int:
        """The smallest of the rooms, UNLIMITED when there is no cap."""
        return reduce(least, self.rooms.values(), UNLIMITED)


def limits_of(rule: Rule, state: State) -> Limits:
    """The limits of a rule's payment as things stand.

    ``cap_year`` by the accumulator that the rule counts, which rules may share; ``cap_stay`` for this bill alone;
    ``ceiling``: all funds together pay at most this share of ``ceiling_base``.
    """
    limits = Limits(state.remaining_total, {}, {}, ())
    if not CAP_NAMES.isdisjoint(rule.parameters):
        _add_rooms(limits, rule, state)
    return limits


def _add_rooms(limits: Limits, rule: Rule, state: State) -> None:
    year, stay, ceiling = state.figure(rule, CAP_YEAR), state.figure(rule, CAP_STAY), state.figure(rule, CEILING)
    rooms, inputs = limits.rooms, limits.inputs
    further = _further_rooms(limits, rule, state) if "also_counts" in rule.options else ()
    if year is not None and year.value is not None:
        cap = inputs["cap_year"] = state.amount(year)
        rooms["cap_year"] = most(0, cap - state.counted(rule, "counts_paid"))
    if stay is not None and stay.value is not None:
        paid_before = state.earlier_of(rule).paid
        rooms["cap_stay"] = most(0, state.amount(stay) - paid_before)
        if paid_before:
            inputs["stay_paid_before"] = paid_before
    if ceiling is not None and ceiling.value is not None:
        name = rule.options["ceiling_base"]
        base, paid = state.base(name), state.paid_of(name)
        rooms["ceiling"] = most(0, share(base, ceiling.value) - paid)
        inputs |= {
            "ceiling_base": base,
            "ceiling_base_name": name,
            "ceiling_rate": ceiling.value,
            "ceiling_paid": paid,
        }
    inputs.update({f"room_{name}": amount for name, amount in rooms.items()})
    limits.figures = (year, *further, stay, ceiling)


def _further_rooms(limits: Limits, rule: Rule, state: State) -> Used:
    """Add the rooms of the further accumulators that a payment counts into; returns their figures."""
    found = []
    for role, option in zip(FURTHER_CAPS, ALSO, strict=True):
        figure = state.figure(rule, role)
        if figure is not None and figure.value is not None:
            cap = limits.inputs[role.name] = state.amount(figure)
            limits.rooms[role.name] = most(0, cap - state.counted(rule, option))
        found.append(figure)
    return tuple(found)


@dataclass(slots=True)
class Payout:
    """What a rule pays of a base, fen. ``wanted`` is what it would pay if enough were left unpaid; ``inputs`` and
    ``figures`` explain it; ``rooms`` are further ones to show."""

    base_name: str
    paid: int
    wanted: int
    inputs: Inputs
    figures: Used


def pay(rule: Rule, state: State, limits: Limits, payment: Payout, **further_rooms: int) -> None:
    """Make a payment and write its step; one that shares in proportion waits for the other. A payment that ``unpaid``
    has cut says so."""
    if payment.wanted > limits.unpaid:
        payment.inputs["unpaid"] = limits.unpaid
    if limits.rooms:
        payment.inputs |= limits.inputs
    if IN_PROPORTION in rule.options:

        def made(paid: int, shared: Inputs) -> None:
            payment.inputs |= shared
            _made(rule, state, limits, payment, paid, further_rooms)

        state.waiting.append(Deferred(rule, payment.base_name, payment.paid, made))
    else:
        _made(rule, state, limits, payment, payment.paid, further_rooms)


def _made(rule: Rule, state: State, limits: Limits, payment: Payout, paid: int, further: dict[str, int]) -> None:
    state.pay(rule, paid, payment.base_name)
    if limits.rooms:
        further = {name: amount - paid for name, amount in limits.rooms.items()} | further
    state.step(rule, paid, payment.inputs, payment.figures + limits.figures, further)


def refuse(rule: Rule, state: State, reason: str, *figures: Figure[Any] | None) -> None:
    """Write a step that pays nothing, and why."""
    state.step(rule, 0, {"reason": reason}, figures)


# The arithmetic of the common end, plain integers: fen, and ten-thousandths.


def within(amount: int, room: int) -> int:
    """An amount within a room, never negative."""
    return most(0, least(amount, room))


@dataclass(frozen=True, slots=True)
class Rounding:
    """How a rule rounds what it pays: to a unit in fen, in a direction."""

    unit: int
    direction: str
    inputs: Inputs

    def of(self, exact: int) -> int:
        """A product of fen and ten-thousandths, rounded."""
        return share(exact, 1) if self is TO_FEN else rounded_to(exact, self.unit, self.direction)


TO_FEN: Final = Rounding(1, "half_up", {})


def rounding_of(rule: Rule) -> Rounding:
    """How a rule says that its portion is rounded; half-up to the fen where it says nothing."""
    if "round_to" not in rule.options:
        return TO_FEN
    unit, direction = rule.options["round_to"], rule.options.get("rounding", "half_up")
    return Rounding(UNITS_OF_ROUNDING[unit], direction, {"round_to": unit, "rounding": direction})


def rounding_in(i: Given) -> Rounding:
    """How a step was rounded, by its inputs."""
    return Rounding(UNITS_OF_ROUNDING[i.word("round_to")], i.word("rounding"), {}) if "round_to" in i else TO_FEN


# The words of the common end.

INPUTS: Final[dict[str, str]] = {
    "cap_year": "年度限额",
    "room_cap_year": "年度限额剩余",
    **dict(ALSO.values()),
    **{f"room_{cap}": f"{name}剩余" for cap, name in ALSO.values()},
    "base_left": "以基数为限",
    "round_to": "取整单位",
    "rounding": "取整办法",
    "room_cap_stay": "单次限额",
    "stay_paid_before": "本次住院上年部分已支付",
    "room_ceiling": "合计支付上限剩余",
    "ceiling_base": "支付上限基数",
    "ceiling_base_name": "支付上限基数名称",
    "ceiling_rate": "支付上限比例",
    "ceiling_paid": "支付上限内已支付",
    "unpaid": "剩余费用",
    "income": "人均可支配收入",
    "share_rate": "所占比例",
    "share_of": "比例的基数",
    "share_of_title": "比例的基数名称",
    "share_least": "最低",
    "share_most": "最高",
    "admission": "第几次住院",
    "admission_at": "住院次数的范围",
    "admission_last": "此前一次的金额",
    "admission_less": "每次递减",
    "admission_least": "最低",
    "admission_over": "递减次数",
}


def rounded_note(exact: int) -> str:
    """The note of a product, in fen times ten-thousandths, that isn't whole fen."""
    return NOTE if exact % RATE_ONE else ""


def _unit_note(i: Given, exact: int) -> str:
    """The note of a product that isn't whole units of what its step rounds to."""
    if "round_to" not in i:
        return rounded_note(exact)
    unit, direction = i.word("round_to"), i.word("rounding")
    return (
        f"（{WORDS['rounding'][direction]}到{WORDS['round_to'][unit]}）"
        if exact % (RATE_ONE * UNITS_OF_ROUNDING[unit])
        else ""
    )


def derivation_text(i: Given) -> str:
    """How a sum came about: a share of an income figure, of the bill or of the year, or by admission."""
    if "admission" in i:
        return _admission_text(i)
    if "income" in i:
        note = rounded_note(i["income"] * i["share_rate"])
        return f"（人均可支配收入 {yuan(i['income'])} × {percent_text(i['share_rate'])}{note}）"
    if "share_of" not in i:
        return ""
    bounds = rounded_note(i["share_of"] * i["share_rate"])
    bounds += f"，最低 {yuan(i['share_least'])}" if i["share_least"] else ""
    most = i.most("share_most")
    bounds += "" if most is None else f"，最高 {yuan(most)}"
    return f"（{i.word('share_of_title')} {yuan(i['share_of'])} × {percent_text(i['share_rate'])}{bounds}）"


def _admission_text(i: Given) -> str:
    which = f"{ADMISSIONS[i.word('admission_at')]}第 {i.word('admission')} 次住院"
    if "admission_over" not in i:
        return f"（{which}）"
    least = f"，最低 {yuan(i['admission_least'])}" if i["admission_least"] else ""
    less = f"{yuan(i['admission_last'])} − {yuan(i['admission_less'])} × {i.word('admission_over')}"
    return f"（{which}：{less}{least}）"


def limited_text(i: Given, uncapped: int, exact: int, amount: int) -> str:
    """An exact product, rounded, within the rooms: what is paid."""
    rooms = rooms_text(i)
    result = f"{yuan(uncapped)}{_unit_note(i, exact)}{rooms}"
    return f"{result}，支付 {yuan(amount)}" if rooms else result


def rooms_text(i: Given) -> str:
    """Each limit of a payment and how it came about."""
    text = "".join(f"，{words(i)}" for name, words in _ROOM_TEXTS.items() if f"room_{name}" in i)
    text += f"，以基数 {yuan(i['base_left'])} 为限" if "base_left" in i else ""
    return text + (f"，剩余费用 {yuan(i['unpaid'])}" if "unpaid" in i else "")


def _room_of_year(i: Given) -> str:
    room = i["room_cap_year"]
    if "cap_year" not in i:  # a step that was kept before the cap was
        return f"年度限额剩余 {yuan(room)}"
    cap = i["cap_year"]
    if room == 0:
        return f"年度限额 {yuan(cap)} 已用完，剩余 0.00"
    return f"年度限额剩余 {yuan(room)}（{yuan(cap)} − 此前已支付 {yuan(cap - room)}）"


def _room_of_also(i: Given, name: str, title: str) -> str:
    cap, room = i[name], i[f"room_{name}"]
    return f"{title}剩余 {yuan(room)}（{yuan(cap)} − 已记入 {yuan(cap - room) if room else '不少于限额'}）"


def _room_of_stay(i: Given) -> str:
    before = f"（已减去上年部分支付的 {yuan(i['stay_paid_before'])}）" if "stay_paid_before" in i else ""
    return f"单次限额 {yuan(i['room_cap_stay'])}{before}"


def _room_of_ceiling(i: Given) -> str:
    base, rate, paid = i["ceiling_base"], i["ceiling_rate"], i["ceiling_paid"]
    product = f"{BASES[i.word('ceiling_base_name')]} {yuan(base)} × {percent_text(rate)}{rounded_note(base * rate)}"
    return f"合计支付上限剩余 {yuan(i['room_ceiling'])}（{product} − 已支付 {yuan(paid)}，不低于 0）"


_ROOM_TEXTS: Final[Mapping[str, Callable[[Given], str]]] = {
    "cap_year": _room_of_year,
    **{cap: partial(_room_of_also, name=cap, title=title) for cap, title in ALSO.values()},
    "cap_stay": _room_of_stay,
    "ceiling": _room_of_ceiling,
}
