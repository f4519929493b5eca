"""Golden cases beside a pack: bills with the amounts that policy people expect, computed by the whole engine. Pure.

A case is one bill, or the bills of one person in their order. Its amounts become real lines, the rules are those of the
person's area on the day, and what the year held is carried from bill to bill. Amounts that a case doesn't name are 0.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, cast

from msgspec import structs

from app.basics.errors import PolicyError, Refused
from app.basics.money import RATE_ONE, fen, yuan
from app.basics.names import PORTION_NAMES
from app.tiers.episode import AskedOfStays, Place, Stay, episode_of, moved_by, visit_name
from app.tiers.explain import sentence
from app.tiers.figurefile import check_value
from app.tiers.model import (
    CLASSES,
    INPATIENT,
    LEVELS,
    MEDICAL_TYPES,
    RANKS,
    REFERRALS,
    RESIDENTS,
    Bill,
    CatalogueClass,
    CatalogueEntry,
    DeliveryMode,
    Episode,
    Facts,
    Line,
    MedicalType,
    Outcome,
    Rank,
    Referral,
    empty_year,
)
from app.tiers.policy import PolicyBook
from app.tiers.split import KnownBefore, compute_split, last_day_before
from app.tiers.typed import number_advice
from app.tiers.units import RATE
from app.tiers.vocabulary import FACTS, LINE_FACTS
from app.tiers.waterfall import compute, of_type, splits, typed
from app.tiers.yamltext import Map, Reader, compose, text_of

PORTIONS: Final = PORTION_NAMES["zh"]
COLUMNS: Final = ("own_expense", "over_limit", "first_pay", "in_scope")
BILL_KEYS: Final = frozenset(
    {
        "day",
        "admitted",
        "person",
        "hospital",
        "medical_type",
        "referral",
        "disease",
        "delivery_mode",
        "amounts",
        "items",
    }
    | {"continues", "expect", "payable_adjustment", "steps", "after", "refused"}
    | {"amounts_last_year", "years", "after_last_year", "out_of_order"}
)
PERSON_KEYS: Final = frozenset({"class", "registered", "insurance_type", "retired"})
CASE_KEYS: Final = BILL_KEYS | {"before", "bills"}
COUNTS: Final = frozenset({"inpatient_count"})
_FOREVER: Final = date(1900, 1, 1)
_CATALOGUE: Final = {
    # one item for each column: whatever its line costs lies in that column alone
    "own_expense": [CatalogueEntry("own_expense", "C", 0, (None, None, None), False, _FOREVER, None)],
    "over_limit": [CatalogueEntry("over_limit", "A", 0, (0, 0, 0), False, _FOREVER, None)],
    "first_pay": [CatalogueEntry("first_pay", "B", RATE_ONE, (None, None, None), False, _FOREVER, None)],
    "in_scope": [CatalogueEntry("in_scope", "A", 0, (None, None, None), False, _FOREVER, None)],
}


@dataclass(frozen=True, slots=True)
class CaseBill:
    """One bill and what is expected of it, fen; ``continues``: it belongs to the episode of the bill before it."""

    line: int
    bill: Bill
    facts: Facts
    continues: bool
    expect: Mapping[str, int]
    adjustment: int
    steps: Mapping[str, int]
    after: Mapping[str, int]
    refused: str | None
    catalogue: Mapping[str, list[CatalogueEntry]] = field(default_factory=dict)
    years: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    after_last_year: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """The bills of a person, and the first year's accumulators before them."""

    file: str
    title: str
    before: Mapping[str, int]
    bills: tuple[CaseBill, ...]


def parse_cases(file: str, text: str, classes: Sequence[str] = CLASSES) -> tuple[Case, ...]:
    """The cases of a file, whose persons may be of these classes. PolicyError with every finding (file, line, remedy)
    when it is wrong."""
    reader = Reader(file, classes=classes)
    root = compose(text, reader)
    cases: list[Case] = []
    if isinstance(root, Map):
        reader.keys(root, "算例文件", frozenset({"cases"}), frozenset())
        items = root.get("cases")
        if not isinstance(items, list) or not items:
            if "cases" in root:
                reader.find(root.lines["cases"], "“cases”应是算例的列表，每个以“- title: 说明”开始。")
            items = []
        for item in items:
            if isinstance(item, Map):
                cases.append(_case(item, reader))
            else:
                reader.find(root.line, "cases 里每一项应是键和值（title、day、amounts、expect …）。")
    if reader.findings:
        raise PolicyError(reader.findings)
    return tuple(cases)


def _case(data: Map, reader: Reader) -> Case:
    title = reader.word(data, "title", "算例")
    where = f"算例“{title}”"
    reader.keys(data, where, frozenset({"title"}), CASE_KEYS)
    shared = {key: value for key, value in data.items() if key in BILL_KEYS}
    bills = reader.parts(data, "bills", where) if "bills" in data else [Map(data.line)]
    if not bills:
        reader.find(data.line, f"{where} 的 bills 应是账单的列表。")
    parsed = []
    for number, own in enumerate(bills, 1):
        place = where if "bills" not in data else f"{where}第 {number} 张账单"
        reader.keys(own, place, frozenset(), BILL_KEYS)
        merged = Map(own.line)
        merged.lines = data.lines | own.lines
        merged.update(shared | own)
        for key in ("person", "hospital"):
            general, special = shared.get(key), merged.get(key)
            if isinstance(general, Map) and isinstance(special, Map):
                special.update({name: value for name, value in general.items() if name not in special})
        parsed.append(_bill(merged, place, reader))
        if len(parsed) > 1 and not _in_order(parsed[-2], parsed[-1]) and merged.get("out_of_order") is not True:
            reader.find(
                own.line,
                f"{place} 的日期 {parsed[-1].bill.discharged_on} 早于前一张的 {parsed[-2].bill.discharged_on}。"
                "同一个人的账单按结算先后写，累计按这个顺序算；确实后结算的，写 out_of_order: true。",
            )
    return Case(reader.file, title, _amounts(data, "before", where, None, reader), tuple(parsed))


def _in_order(earlier: CaseBill, later: CaseBill) -> bool:
    """Whether a bill's day isn't before that of the bill settled before it."""
    return earlier.bill.discharged_on <= later.bill.discharged_on


def _bill(data: Map, where: str, reader: Reader) -> CaseBill:
    listed = data.keys() & {"items", "amounts_last_year"}
    needed = frozenset({"day", "person", "hospital"} | (set() if listed else {"amounts"}))
    reader.keys(data, where, needed, BILL_KEYS)
    day = reader.day(data, "day", where) or date.max
    admitted = reader.day(data, "admitted", where) or day
    person, hospital = (reader.part(data, key, where) for key in ("person", "hospital"))
    reader.keys(
        person,
        f"{where} 的 person",
        frozenset({"area"}),
        frozenset({"class", "registered", "insurance_type", "retired"}),
    )
    reader.keys(hospital, f"{where} 的 hospital", frozenset({"level", "rank"}), frozenset({"area", "code"}))
    entries, lines = _items(data, day, where, reader)
    for key, charged_on in (("amounts_last_year", _year_end_before(day)), ("amounts", day)):
        amounts = _amounts(data, key, where, COLUMNS, reader)
        lines += [
            Line(len(lines) + number, column, 10_000, amount * 10_000, amount, charged_on, False, None)
            for number, (column, amount) in enumerate(amounts.items(), 1)
        ]
    total = sum(line.amount for line in lines)
    expect = _amounts(data, "expect", where, tuple(PORTIONS), reader)
    if "refused" not in data and sum(expect.values()) != total:
        written, billed = yuan(sum(expect.values())), yuan(total)
        reader.find(
            data.lines.get("expect", data.line),
            f"{where} 的 expect 合计 {written}，账单总额是 {billed}，应相等；个人负担写 patient。",
        )
    bill = Bill(
        medical_type=cast(MedicalType, _fact(data, "medical_type", where, MEDICAL_TYPES, INPATIENT, reader)),
        admitted_on=admitted,
        discharged_on=day,
        disease_code=text_of(data.get("disease")) or None,
        delivery_mode=cast(
            "DeliveryMode | None",
            _fact(data, "delivery_mode", where, tuple(FACTS["delivery_mode"]), "", reader) or None,
        ),
        referral=cast(Referral, _fact(data, "referral", where, REFERRALS, "compliant", reader)),
        work_injury="none",
        total=total,
        lines=tuple(lines),
    )
    facts = _facts(person, hospital, where, reader)
    return CaseBill(
        line=data.line,
        bill=bill,
        facts=facts,
        continues=data.get("continues") is True,
        expect=expect,
        adjustment=_money(data, "payable_adjustment", where, reader) if "payable_adjustment" in data else 0,
        steps=_amounts(data, "steps", where, None, reader),
        after=_amounts(data, "after", where, None, reader),
        refused=reader.word(data, "refused", where) if "refused" in data else None,
        catalogue=entries,
        years={
            year: _amounts(part, year, f"{where} 的 years", tuple(PORTIONS), reader)
            for part in [reader.part(data, "years", where)]
            for year in part
        },
        after_last_year=_amounts(data, "after_last_year", where, None, reader),
    )


def _facts(person: Map, hospital: Map, where: str, reader: Reader) -> Facts:
    """What a case says of its person and hospital."""
    area = text_of(person.get("area"))
    return Facts(
        person_id="算例",
        area_code=area,
        benefit_class=_fact(person, "class", where, tuple(reader.classes), "ordinary", reader),
        hospital_code=text_of(hospital.get("code")) or "算例",
        hospital_level=int(_fact(hospital, "level", where, LEVELS, "1", reader)),
        hospital_rank=cast(Rank, _fact(hospital, "rank", where, RANKS, "county", reader)),
        hospital_area_code=text_of(hospital.get("area")) or area,
        insurance_type=_fact(person, "insurance_type", where, tuple(FACTS["insurance_type"]), RESIDENTS, reader),
        retired=_flag(person, "retired", where, default=False, reader=reader),
        disease_registered=_flag(person, "registered", where, default=True, reader=reader),
    )


def _year_end_before(day: date) -> date:
    return date(day.year - 1, 12, 31) if day.year > 1 else day


def _items(data: Map, day: date, where: str, reader: Reader) -> tuple[dict[str, list[CatalogueEntry]], list[Line]]:
    """The lines that a bill gives item by item, and a catalogue entry for each."""
    entries: dict[str, list[CatalogueEntry]] = {}
    lines: list[Line] = []
    for number, item in enumerate(reader.parts(data, "items", where) if "items" in data else [], 1):
        place = f"{where} 的第 {number} 项"
        reader.keys(item, place, frozenset({"kind", "class", "amount"}), frozenset({"first_pay", "day"}))
        kind = _fact(item, "kind", place, tuple(LINE_FACTS["item_kind"]), "service", reader)
        class_ = cast(CatalogueClass, _fact(item, "class", place, ("A", "B", "C"), "A", reader))
        first_pay = 0
        if "first_pay" in item:
            check_value(item["first_pay"], "rate", f"{place} 的 first_pay", item.line, reader)
            first_pay = RATE.read(item["first_pay"]) if not reader.findings else 0
        code, amount = f"item{number}", _money(item, "amount", place, reader) if "amount" in item else 0
        entries[code] = [CatalogueEntry(code, class_, first_pay, (None, None, None), False, _FOREVER, None, kind)]
        charged_on = reader.day(item, "day", place) or day
        lines.append(Line(number, code, 10_000, amount * 10_000, amount, charged_on, False, None))
    return entries, lines


def _fact(data: Map, key: str, where: str, allowed: tuple[str, ...], default: str, reader: Reader) -> str:
    if key not in data:
        return default
    value = text_of(data[key])
    if value not in allowed:
        reader.unknown(data.lines.get(key, data.line), f"{where} 的“{key}”", data[key], allowed)
        return default
    return value


def _flag(data: Map, key: str, where: str, *, default: bool, reader: Reader) -> bool:
    value = data.get(key, default)
    if isinstance(value, bool):
        return value
    reader.find(data.lines.get(key, data.line), f"{where} 的“{key}”应是 true 或 false。")
    return default


def _amounts(data: Map, key: str, where: str, allowed: tuple[str, ...] | None, reader: Reader) -> dict[str, int]:
    """Amounts by name in fen; ``inpatient_count`` is a plain number."""
    part = reader.part(data, key, where)
    if allowed is not None:
        reader.keys(part, f"{where} 的 {key}", frozenset(), frozenset(allowed))
    place = f"{where} 的 {key}"
    return {name: _money(part, name, place, reader) for name in part}


def _money(data: Map, key: str, where: str, reader: Reader) -> int:
    value = data[key]
    if key in COUNTS and isinstance(value, int):
        return value
    try:
        return fen(text_of(value))
    except ValueError:
        advice = number_advice(text_of(value))
        reader.find(
            data.lines.get(key, data.line), f'{where} 的“{key}”应是金额：{advice}整数元，或加引号的 "1234.50"。'
        )
        return 0


def failures(case: Case, book: PolicyBook) -> list[str]:
    """What came out otherwise than expected: a block of lines per bill, the steps of a differing tier with it."""
    found = []
    for number, (item, outcome, refusal) in enumerate(outcomes(case, book), 1):
        lines = list(_differences(item, outcome, refusal))
        if lines:
            name = f"“{case.title}”" + (f"第 {number} 张账单" if len(case.bills) > 1 else "")
            found.append("\n".join([f"{case.file}:{item.line}: {name}", *(f"    {line}" for line in lines)]))
    return found


def outcomes(case: Case, book: PolicyBook) -> Iterator[tuple[CaseBill, Outcome | None, str | None]]:
    """Each bill of a case, computed after those before it: with its outcome, or the code that it was refused with."""
    years: dict[int, dict[str, int]] = {}
    paid, counted, episode = 0, set[int](), ""  # the episode's deductible, and the years that count it
    stays: list[Stay] = []
    versions = (version for pack in book.packs.values() for version in pack.versions)
    by_stay = frozenset().union(*(version.counted_by_stay for version in versions))
    for number, item in enumerate(case.bills):
        year = item.bill.discharged_on.year
        first = dict(case.before if not years else {})
        kind = item.facts.insurance_type
        before = years.get(year) or empty_year() | (first if kind == RESIDENTS else typed(first, kind))
        if not item.continues:
            paid, counted, episode = 0, set(), str(number)
        own = of_type(before, item.facts.insurance_type)[1]
        admission = own["inpatient_count"] + (0 if year in counted else 1)
        place = Place(item.facts.hospital_code, item.facts.hospital_level)
        visit = visit_name(place.hospital_code, episode)
        asked = AskedOfStays(place, by_stay, kind)
        there = episode_of(stays, (visit, episode), benefit_year=year, asked=asked)
        there = structs.replace(there, deductible_paid=paid, deductible_other_years=0, admission=admission)
        last_year = years.get(year - 1) or empty_year()
        numbered = of_type(last_year, kind)[1]["inpatient_count"] + (0 if year - 1 in counted else 1)
        older = structs.replace(there, admission=numbered)
        outcome, refusal = _computed(item, (before, there), (last_year, older), book)
        years[year] = before if outcome is None else outcome.after
        if outcome is not None:
            years |= {part.benefit_year: part.after for part in outcome.years}
            paid += outcome.deductible
            counted.add(outcome.years[0].benefit_year if outcome.years else year)
            bill = item.bill
            stays.append(
                Stay(
                    *(number, year, number, visit, bill.medical_type, bill.admitted_on, bill.discharged_on, True, 0),
                    (visit, episode),
                    place.level,
                    None,
                    moved_by(outcome),
                )
            )
        yield item, outcome, refusal


def _computed(
    item: CaseBill, newer: tuple[dict[str, int], Episode], older: tuple[dict[str, int], Episode], book: PolicyBook
) -> tuple[Outcome | None, str | None]:
    """A bill after what the discharge's year held; one that is split also after what the year before held."""
    catalogue, bill, facts = {**_CATALOGUE, **item.catalogue}, item.bill, item.facts
    try:
        policy = book.on(bill.discharged_on, facts.area_code, facts.insurance_type)
        if not splits(bill, policy):
            return compute(bill, catalogue, facts, *newer, policy).outcome, None
        former = book.on(last_day_before(bill), facts.area_code, facts.insurance_type)
        parts = KnownBefore(*older, former, facts), KnownBefore(*newer, policy, facts)
        return compute_split(bill, catalogue, *parts).outcome, None
    except Refused as refused:
        return None, refused.code


def _differences(item: CaseBill, outcome: Outcome | None, refusal: str | None) -> Iterator[str]:
    if outcome is None or item.refused is not None:
        if refusal != item.refused:
            yield f"应为：{item.refused or '结算成功'}，算得：{refusal or '结算成功'}"
        return
    yield from _portion_differences(item, outcome)
    if item.adjustment != outcome.payable_adjustment:
        yield f"定额结余（payable_adjustment）：应为 {yuan(item.adjustment)}，算得 {yuan(outcome.payable_adjustment)}"
    yield from _step_differences(item, outcome)
    after = of_type(outcome.after, item.facts.insurance_type)[1]
    yield from _accumulator_differences(item.after, after)
    yield from _year_differences(item, outcome)


def _year_differences(item: CaseBill, outcome: Outcome) -> Iterator[str]:
    """What of the parts of a split bill isn't as expected."""
    parts = {str(part.benefit_year): part for part in outcome.years}
    for year, expected in item.years.items():
        if year not in parts:
            yield f"年度 {year}：这张账单没有分到这一年，分到的有 {'、'.join(parts) or '无（没有跨年分开）'}"
            continue
        for name, title in PORTIONS.items():
            wanted, got = expected.get(name, 0), getattr(parts[year].portions, name)
            if wanted != got:
                yield f"{year} 年部分{title}（{name}）：应为 {yuan(wanted)}，算得 {yuan(got)}"
    if item.after_last_year and not parts:
        yield "after_last_year：这张账单没有跨年分开。"
    elif item.after_last_year:
        last_year = of_type(outcome.years[0].after, item.facts.insurance_type)[1]
        yield from _accumulator_differences(item.after_last_year, last_year)


def _portion_differences(item: CaseBill, outcome: Outcome) -> Iterator[str]:
    """Portions that aren't as expected, each with the steps that made it."""
    for name, title in PORTIONS.items():
        wanted, got = item.expect.get(name, 0), getattr(outcome.portions, name)
        if wanted != got:
            yield f"{title}（{name}）：应为 {yuan(wanted)}，算得 {yuan(got)}"
            yield from (
                f"  {step.name}（{step.rule}）：{sentence(step)}" for step in outcome.trace if step.tier == name
            )


def _step_differences(item: CaseBill, outcome: Outcome) -> Iterator[str]:
    steps = {step.rule: step for step in outcome.trace}
    for name, wanted in item.steps.items():
        if name not in steps:
            yield f"步骤 {name}：没有算到这一步，算到的有 {'、'.join(steps)}"
        elif steps[name].amount != wanted:
            yield f"步骤 {name}：应为 {yuan(wanted)}，算得 {yuan(steps[name].amount)}：{sentence(steps[name])}"


def _accumulator_differences(expected: Mapping[str, int], after: Mapping[str, int]) -> Iterator[str]:
    for name, wanted in expected.items():
        if name not in after:
            yield f"累计 {name}：没有这个累计，有的是 {'、'.join(after)}"
        elif after[name] != wanted:
            yield f"累计 {name}：应为 {_shown(name, wanted)}，算得 {_shown(name, after[name])}"


def _shown(name: str, value: int) -> str:
    return str(value) if name in COUNTS else yuan(value)
