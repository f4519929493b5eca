"""A reader with a pocket calculator: redoes a step from the numbers in its sentence alone, with fractions."""

import re
from collections.abc import Callable
from fractions import Fraction

from app.tiers.explain import sentence
from app.tiers.model import Step

YUAN = r"-?\d+\.\d\d"
PERCENT = r"\d+(?:\.\d+)?"
NOTE = "（四舍五入到分）"
DERIVED = rf"(?:（人均可支配收入 (?P<income>{YUAN}) × (?P<part>{PERCENT})%(?:{NOTE})?）"
DERIVED += rf"|（\D+ (?P<share_of>{YUAN}) × (?P<share>{PERCENT})%(?:{NOTE})?(?:，最低 (?P<least>{YUAN}))?(?:，最高 (?P<highest>{YUAN}))?）)?"
ROOMS = (
    rf"(?:，年度限额剩余 (?P<year>{YUAN})（(?P<cap>{YUAN}) − 此前已支付 (?P<spent>{YUAN})）|，年度限额 {YUAN} (?P<empty>已用完)，剩余 0\.00)?"
    rf"(?:，单次限额 (?P<stay>{YUAN}))?"
    rf"(?:，合计支付上限剩余 (?P<ceiling>{YUAN})（\D+ (?P<of>{YUAN}) × (?P<most_rate>{PERCENT})%(?:{NOTE})?"
    rf" − 已支付 (?P<paid>{YUAN})，不低于 0）)?"
    rf"(?:，剩余费用 (?P<unpaid>{YUAN}))?"
)
LIMITED = rf"(?P<product>{YUAN})(?P<rounded>{NOTE})?{ROOMS}(?:，支付 (?P<result>{YUAN}))?"

PATTERNS = {
    "scope": rf"总费用 (?P<a>{YUAN}) − 全自费 (?P<b>{YUAN}) − 超限价自费 (?P<c>{YUAN}) − 先行自付 (?P<d>{YUAN}) = {YUAN}",
    "share": rf"（\D+ (?P<base>{YUAN})(?:（最多计入 (?P<base_cap>{YUAN})）)?(?: − 起付线 (?P<deductible>{YUAN})"
    rf"(?:（标准 (?P<full>{YUAN})，此前已付 (?P<before>{YUAN})(?:，以费用为限)?）)?{DERIVED})?）× (?P<rate>{PERCENT})%"
    rf"(?:（(?P<full_rate>{PERCENT})% 因未按规定转诊降低 (?P<cut>{PERCENT}) 个百分点）)? = {LIMITED}"
    rf"(?:；按 {PERCENT}% 应支付 (?P<uncut>{YUAN})，少支付 (?P<less>{YUAN})，由个人负担)?",
    "bands": rf"年度累计 (?P<start>{YUAN}) \+ 本次 (?P<base>{YUAN}) = (?P<end>{YUAN})，起付线 (?P<threshold>{YUAN}){DERIVED}"
    rf"(?:，没有超过起付线的新增费用，支付 0\.00|；本次新增部分：(?P<parts>[^=]+) = {LIMITED})",
    "floor": rf"\D+ (?P<base>{YUAN}) × (?P<rate>{PERCENT})% = (?P<product>{YUAN})(?P<rounded>{NOTE})?"
    rf"，已支付 (?P<before>{YUAN}){ROOMS}，补足 {YUAN}",
    "own_cap": rf"年度自付 (?P<before>{YUAN}) \+ 本次[^0-9]+ (?P<own>{YUAN}) = (?P<sum>{YUAN})，超过封顶 (?P<most>{YUAN}){DERIVED}"
    rf" 的部分(?:（以本次为限）)?由基金支付{ROOMS} = {YUAN}",
    "package": rf"定额包干 (?P<sum>{YUAN})，总费用 (?P<total>{YUAN})：基金支付 {YUAN}，医院承担 (?P<hospital>{YUAN})"
    rf"，基金另付医院结余 (?P<surplus>{YUAN})，个人 0\.00",
    "fixed_payment": rf"定额支付 (?P<sum>{YUAN})，剩余费用 (?P<left>{YUAN})，取小者 = {YUAN}",
    "disease_price": rf"政策范围内 (?P<base>{YUAN})，病种定价 (?P<price>{YUAN})，超出部分由医院承担 {YUAN}",
    "out_of_catalogue": rf"全自费 (?P<own>{YUAN}) 超过总费用 (?P<total>{YUAN}) × (?P<rate>{PERCENT})% 的部分(?:{NOTE})?由医院承担 {YUAN}",
    "patient": rf"总费用 (?P<a>{YUAN}) − 医院 (?P<b>{YUAN}) − 基本医保 (?P<c>{YUAN}) − 大病保险 (?P<d>{YUAN})"
    rf" − 医疗救助 (?P<e>{YUAN}) − 兜底保障 (?P<f>{YUAN}) = {YUAN}",
}
BAND = rf"(?P<lower>{YUAN}) (?:至 (?P<upper>{YUAN})|以上)的 (?P<part>{YUAN}) × (?P<rate>{PERCENT})%"

Read = dict[str, Fraction]


def checked(step: Step) -> str:
    """Which kind of step was redone. AssertionError unless the sentence's last number, redone from the others, is its amount."""
    text = sentence(step)
    if "reason" in step.inputs:
        assert (text.rpartition("支付 ")[2], step.amount) == ("0.00", 0), text
        return str(step.inputs["reason"])
    match = re.fullmatch(PATTERNS[step.kind], text)
    assert match is not None, text
    given = {name: Fraction(value) for name, value in match.groupdict().items() if value and _number(value)}
    rounds = match.groupdict().get("rounded") is not None
    assert REDO[step.kind](given, match.groupdict(), rounds) == Fraction(step.amount, 100), text
    return step.kind


def _number(text: str) -> bool:
    return re.fullmatch(rf"{YUAN}|{PERCENT}", text) is not None


def rounded(amount: Fraction) -> Fraction:
    """Yuan to the fen, half up."""
    return Fraction((amount * 200 + 1) // 2, 100)


def _product(given: Read, exact: Fraction, rounds: bool) -> Fraction:
    assert given["product"] == rounded(exact)
    assert rounds == (exact != rounded(exact)), "rounding is noted where it happens, and nowhere else"
    return given["product"]


def _limits(given: Read, texts: dict[str, str | None]) -> list[Fraction]:
    if "year" in given:
        assert given["year"] == given["cap"] - given["spent"]
    if "ceiling" in given:
        assert given["ceiling"] == max(Fraction(0), rounded(given["of"] * given["most_rate"] / 100) - given["paid"])
    empty = [Fraction(0)] if texts.get("empty") else []
    return empty + [given[name] for name in ("year", "stay", "ceiling", "unpaid") if name in given]


def _derived(given: Read, amount: Fraction) -> None:
    """A sum that is a share of an income, of the bill or of the year."""
    if "income" in given:
        assert amount == rounded(given["income"] * given["part"] / 100)
    if "share_of" in given:
        exact = max(given.get("least", Fraction(0)), rounded(given["share_of"] * given["share"] / 100))
        assert amount == min(exact, given.get("highest", exact))


def _share(given: Read, texts: dict[str, str | None], rounds: bool) -> Fraction:
    base = min(given["base"], given.get("base_cap", given["base"]))
    used = given.get("deductible", Fraction(0))
    full = given.get("full", used)
    if "full" in given:
        assert used == min(max(Fraction(0), full - given["before"]), base)
    _derived(given, full)
    limits = _limits(given, texts)
    paid = min([_product(given, (base - used) * given["rate"] / 100, rounds), *limits])
    if "cut" in given:
        assert given["rate"] == max(Fraction(0), given["full_rate"] - given["cut"])
        assert given["uncut"] == min([rounded((base - used) * given["full_rate"] / 100), *limits])
        assert given["less"] == given["uncut"] - paid
    assert given.get("result", paid) == paid
    return paid


def _bands(given: Read, texts: dict[str, str | None], rounds: bool) -> Fraction:
    assert given["end"] == given["start"] + given["base"]
    _derived(given, given["threshold"])
    if not texts["parts"]:
        assert given["end"] <= given["threshold"] or given["base"] == 0
        return Fraction(0)
    exact, covered = Fraction(0), Fraction(0)
    for text in (texts["parts"] or "").split(" + "):
        match = re.fullmatch(BAND, text)
        assert match is not None, text
        top = min(given["end"], Fraction(match["upper"] or given["end"]))
        part = top - max(given["start"], Fraction(match["lower"]))
        assert part == Fraction(match["part"])
        covered += part
        exact += part * Fraction(match["rate"]) / 100
    assert covered == given["end"] - max(given["start"], given["threshold"])
    return min([_product(given, exact, rounds), *_limits(given, texts)])


def _floor(given: Read, texts: dict[str, str | None], rounds: bool) -> Fraction:
    target = _product(given, given["base"] * given["rate"] / 100, rounds)
    return min([max(Fraction(0), target - given["before"]), *_limits(given, texts)])


def _own_cap(given: Read, texts: dict[str, str | None], rounds: bool) -> Fraction:
    assert given["sum"] == given["before"] + given["own"]
    _derived(given, given["most"])
    return min([max(Fraction(0), given["sum"] - given["most"]), given["own"], *_limits(given, texts)])


def _package(given: Read, texts: dict[str, str | None], rounds: bool) -> Fraction:
    paid = min(given["sum"], given["total"])
    assert (given["hospital"], given["surplus"]) == (given["total"] - paid, given["sum"] - paid)
    return paid


REDO: dict[str, Callable[[Read, dict[str, str | None], bool], Fraction]] = {
    "scope": lambda given, _, __: given["a"] - given["b"] - given["c"] - given["d"],
    "share": _share,
    "bands": _bands,
    "floor": _floor,
    "own_cap": _own_cap,
    "package": _package,
    "fixed_payment": lambda given, _, __: min(given["sum"], given["left"]),
    "disease_price": lambda given, _, __: max(Fraction(0), given["base"] - given["price"]),
    "out_of_catalogue": lambda given, _, __: rounded(
        max(Fraction(0), given["own"] - given["total"] * given["rate"] / 100)
    ),
    "patient": lambda given, _, __: given["a"] - sum(given[name] for name in "bcdef"),
}
