"""The value of a dated figure in Chinese words, as a lawyer reads it. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from app.basics.classes import class_name
from app.basics.money import percent_text, scaled
from app.basics.names import ACCUMULATOR_NAMES, ITEM_KIND_NAMES, TIER_NAMES
from app.tiers.pack import Pack, Row
from app.tiers.units import shown
from app.tiers.vocabulary import ADMISSIONS, WORDS


def value_words(pack: Pack, row: Row, unit: str) -> str:
    """What a row of a parameter comes to: amounts in yuan, rates in per cent, a derived value as its rule."""
    if row.value == "none":
        return "无"
    derived = row.derivation()
    for key, words in _DERIVED.items():
        if key in derived:
            return words(pack, derived)
    value: Any = shown(row.value, unit)
    if unit == "classes":
        return "、".join(class_name(name, classes=pack.classes) for name in value) or "无"
    plain = _UNITS.get(unit)
    return str(value) if plain is None else plain(value)


def _sum(value: object) -> str:
    return f"{value} 元"


def _rate(value: object) -> str:
    return percent_text(scaled(str(value), 4))


def _of_ordinary(_pack: Pack, value: Mapping[str, Any]) -> str:
    words = "普通居民的数字"
    if "times" in value:
        words += f" × {value['times']}"
    if "plus" in value:
        words += f" + {_rate(value['plus'])}"
    if "at_least" in value:
        words += f"，不低于 {_rate(value['at_least'])}"
    if "round_to" in value:
        unit, direction = str(value["round_to"]), str(value.get("rounding", "half_up"))
        words += f"，{WORDS['rounding'][direction]}到{WORDS['round_to'][unit]}"
    return words


def _share(pack: Pack, value: Mapping[str, Any]) -> str:
    if "of_parameter" in value:
        return f"{pack.parameters[value['of_parameter']].title}的 {_rate(value['share'])}"
    named = value.get("of_accumulator")
    if named is None:
        base, rate = "本次医疗总费用", value["share_of_bill"]
    else:
        base, rate = f"年度累计“{accumulator_title(pack, str(named))}”", value["share"]
    least = f"，不低于 {_sum(value['at_least'])}" if "at_least" in value else ""
    most = f"，不高于 {_sum(value['at_most'])}" if "at_most" in value else ""
    return f"{base}的 {_rate(rate)}{least}{most}"


def _by_admission(_pack: Pack, value: Mapping[str, Any]) -> str:
    where = ADMISSIONS[str(value.get("counted_at", "year"))]
    listed = value.get("by_admission") or [value["first_admission"]]
    sums = "，".join(f"第 {number} 次 {_sum(amount)}" for number, amount in enumerate(listed, 1))
    less = f"，以后每次减 {_sum(value['each_later_less'])}" if "each_later_less" in value else "，以后不变"
    least = f"，不低于 {_sum(value['at_least'])}" if "at_least" in value else ""
    return f"{where}住院：{sums}{less}{least}"


def accumulator_title(pack: Pack, name: str) -> str:
    """The Chinese name of a yearly sum, of the pack's own too."""
    own = [version.accumulators[name].title for version in pack.versions if name in version.accumulators]
    return own[0] if own else ACCUMULATOR_NAMES.get(name, name)


def _bands(value: list[Mapping[str, str | None]]) -> str:
    words, lower = [], "0"
    for band in value:
        upper = band["up_to"]
        place = f"{lower} 元以上" if upper is None else f"{lower}–{upper} 元"
        words.append(f"{place} {_rate(band['rate'])}")
        lower = str(upper)
    return "；".join(words)


def _diseases(value: Mapping[str, Mapping[str, str]]) -> str:
    return "、".join(f"{item['name']}（{code}）" for code, item in value.items())


_DERIVED: Final[dict[str, Callable[[Pack, Mapping[str, Any]], str]]] = {
    "by_admission": _by_admission,
    "first_admission": _by_admission,
    "share_of_bill": _share,
    "share": _share,
    "of": _of_ordinary,
}
_UNITS: Final[dict[str, Callable[[Any], str]]] = {
    "yuan": _sum,
    "rate": _rate,
    "days": lambda value: f"{value}",
    "flag": lambda value: "是" if value else "否",
    "text": str,
    "bands": _bands,
    "diseases": _diseases,
    "tiers": lambda value: "、".join(TIER_NAMES["zh"].get(name, name) for name in value) or "无",
    "kinds": lambda value: "、".join(ITEM_KIND_NAMES["zh"][name] for name in value) or "无",
    "dates": "、".join,
    "prices": lambda value: "、".join(f"{code} {_sum(price)}" for code, price in value.items()),
}
