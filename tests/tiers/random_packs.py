"""Random policy packs made from the vocabulary itself: every kind, role, unit, option, fact and base may occur."""

from random import Random

from app.tiers.kinds import KINDS
from app.tiers.kinds.kind import Kind
from app.tiers.model import ACCUMULATORS, CLASSES, KEPT_BY_ENGINE
from app.tiers.roles import BANDS_OF, ITEMS, RATE_OF
from app.tiers.units import TIERS
from app.tiers.vocabulary import ALSO, BASES, COUNTERS, FACTS, IN_PROPORTION, LINE_FACTS, WHOLE_BASES, WORDS

DAYS = ("2018-01-01", "2019-07-01", "2021-01-01")
OWN_CLASS = "own_class"
PER_GROUP = ("by_group", "grown_by_group")
OWN = {"own_scope": "remaining_in_scope", "own_all": "remaining_total", "year_scope": "in_scope", "counted": None}
DISEASES = ("X1", "X2", "X9")


def random_pack(rng: Random) -> str:
    """The text of a pack; most are right, some the checker refuses. A third of them declare a class of their own."""
    classes = (*CLASSES, OWN_CLASS) if rng.random() < 0.3 else CLASSES
    parameters: dict[str, str] = {}
    rules = [_first_rule(parameters, rng)]
    rules += [_rule(number, parameters, rng) for number in range(rng.randint(1, 7))]
    rng.shuffle(rules)
    if rng.random() < 0.3:
        place = rng.randint(0, len(rules))
        rules[place:place] = _two_in_proportion(parameters, rng)
    own = "".join(
        f"      {name}: {{title: 累计{name}{'' if base is None else f', grows_by: {base}'}}}\n"
        for name, base in OWN.items()
    )
    parameters["p_list"] = _parameter("p_list", "diseases", rng)
    own += "      by_group: {title: 分组, per: disease_group}\n"
    own += "      grown_by_group: {title: 分组, per: disease_group, grows_by: in_scope, diseases: p_list}\n"
    poor = (*CLASSES[:4], *classes[len(CLASSES) :])
    declared = f"classes:\n  {OWN_CLASS}: {{zh: 自定, en: own}}\n" if OWN_CLASS in classes else ""
    return (
        f'pack: random\ntitle: 随机\nareas: ["99"]\n{declared}{_insurance_types(rng)}'
        "documents:\n  d: {title: 文件}\nversions:\n  all:\n    title: 一\n"
        f"    from: {DAYS[0]}\n    precedence: [{', '.join(classes)}]\n"
        f"    groups:\n      poor: [{', '.join(poor)}]\n      others: [{', '.join(CLASSES[4:])}]\n"
        f"    accumulators:\n{own}{_first_pay(parameters, rng)}{_over_new_year(rng)}    rules:\n"
        + "".join(rules)
        + "parameters:\n"
        + "".join(parameters.values())
    )


def _first_pay(parameters: dict[str, str], rng: Random) -> str:
    """First pay by the kind of an item, or none."""
    if rng.random() < 0.7:
        return ""
    parameters["p_pay"] = _parameter("p_pay", "rate", rng, fact="item_kind")
    return "    first_pay: p_pay\n"


def _over_new_year(rng: Random) -> str:
    """Where a stay over the turn of the year counts, or nothing said."""
    return rng.choice(["", "", "", "    over_new_year: together\n", "    over_new_year: split\n"])


def _insurance_types(rng: Random) -> str:
    """Residents' insurance alone, or employees' beside it with funds of its own."""
    if rng.random() < 0.6:
        return ""
    funds = 'funds: {"310": {basic: "310100", serious_illness: "330100"}}'
    return f'insurance_types: ["390", "310"]\n{funds}\n'


def _first_rule(parameters: dict[str, str], rng: Random) -> str:
    """Basic insurance for every bill, so that the pack covers all."""
    parameters["p_first"] = _parameter("p_first", "rate", rng)
    return "      - {rule: first, title: 首条, tier: basic, kind: share, base: in_scope, rate: p_first}\n"


def _two_in_proportion(parameters: dict[str, str], rng: Random) -> list[str]:
    """Two rules that share what is left of a base."""
    base, found = rng.choice([*BASES]), []
    for number in (80, 81):
        kind = rng.choice([KINDS["share"], KINDS["bracket"]])
        role, unit = ("rate", "rate") if kind.name == "share" else ("bands", "bands")
        parameters[f"p{number}"] = _parameter(f"p{number}", unit, rng)
        words = f"rule: r{number}, title: 规则{number}, tier: {rng.choice(TIERS)}, kind: {kind.name}, base: {base}"
        if rng.random() < 0.4:
            parameters[f"p{number}_cap"] = _parameter(f"p{number}_cap", "yuan", rng)
            words += f", cap_year: p{number}_cap, counts_paid: counted"
        if rng.random() < 0.2:
            parameters[f"p{number}_bound"] = _parameter(f"p{number}_bound", "yuan", rng)
            words += f", history: counted, bound: p{number}_bound"
        found.append(f"      - {{{words}, {role}: p{number}, in_proportion: both}}\n")
    return found


def _rule(number: int, parameters: dict[str, str], rng: Random) -> str:
    kind = KINDS[rng.choice(list(KINDS))]
    tier = rng.choice(kind.tiers if rng.random() < 0.95 else TIERS)
    words = {"rule": f"r{number}", "title": f"规则{number}", "tier": tier, "kind": kind.name}
    may = [role for role in kind.may if rng.random() < 0.4]
    if kind.name == "bands":
        may = [role for role in may if role.name not in ("bands", "rate")] + [rng.choice([BANDS_OF, RATE_OF])]
    if ITEMS in may:
        may.remove(ITEMS)
    for role in (*kind.needs, *may):
        name = words[role.name] = f"p{number}_{role.name}"
        parameters[name] = _parameter(name, role.unit.name, rng)
    if rng.random() < 0.2:
        name = words["classes"] = f"p{number}_classes"
        parameters[name] = _parameter(name, "classes", rng)
    if rng.random() < 0.1:
        name = words["later_tiers"] = f"p{number}_later"
        parameters[name] = _parameter(name, "tiers", rng)
    if rng.random() < 0.2:
        name = words["bound"] = f"p{number}_bound"
        parameters[name] = _parameter(name, "yuan", rng)
    if rng.random() < 0.3:
        name = words["diseases"] = f"p{number}_diseases"
        parameters[name] = _parameter(name, "diseases", rng)
    words |= _options(kind, words.keys(), rng)
    for option, (cap, _) in ALSO.items():
        if option not in words:
            words.pop(cap, None)
    if ITEMS in kind.may and words["base"] in ("in_scope", "remaining_in_scope") and rng.random() < 0.4:
        name = words["items"] = f"p{number}_items"
        parameters[name] = _parameter(name, "kinds", rng)
    if rng.random() < 0.5:
        fact = rng.choice(list(FACTS))
        values = rng.sample(list(FACTS[fact]), rng.randint(1, len(FACTS[fact])))
        words["applies"] = f"{{{fact}: [{', '.join(repr(value) for value in values)}]}}"
    if words.get("once_per") == "stay":
        words["applies"] = "{medical_type: ['21', '52']}"
    return f"      - {{{', '.join(f'{key}: {value}' for key, value in words.items())}}}\n"


def _options(kind: Kind, written: object, rng: Random) -> dict[str, str]:
    roles = set(written)  # type: ignore[call-overload]
    found: dict[str, str] = {}
    for option in sorted(kind.words_allowed - {IN_PROPORTION}):
        needed = (
            option == "base"
            or (option == "ceiling_base" and "ceiling" in roles)
            or (option == "counts_paid" and "cap_year" in roles)
            or (option in ALSO and ALSO[option][0] in roles)
            or (option == "history" and "bound" in roles)
            or (option == "counts_deductible" and "deductible" in roles)
        )
        wanted = rng.random() < 0.3 and option != "history" and (option != "history_is" or "bound" in roles)
        if needed or wanted:
            found[option] = rng.choice(_words(option, kind, per_group="diseases" in roles))
    if "round_to" not in found or "missing_referral_cut" in roles:
        found.pop("rounding", None)
    if "missing_referral_cut" in roles:
        found.pop("round_to", None)
    counters = [option for option in ("counts_paid", *ALSO) if option in found]
    if "also_counts" not in found or len({found[option] for option in counters}) < len(counters):
        for option in ALSO if rng.random() < 0.95 else ():
            found.pop(option, None)
    if found.get("once_per") in ("stay", "year") and "counts_paid" not in found:
        del found["once_per"]
    if found.get("deductible_per") == "year" and "counts_deductible" not in found:
        del found["deductible_per"]
    return found


def _words(option: str, kind: Kind, *, per_group: bool) -> list[str]:
    grouped = ["by_group"] * 4 if per_group else []
    if option == "history":
        return [*ACCUMULATORS, *OWN, *grouped, "grown_by_group"]
    if option == "own_of_year":
        return ["compliant_own", "grown_by_group", *(name for name, base in OWN.items() if base is not None)]
    if option in COUNTERS:
        return [*(name for name in ACCUMULATORS if name not in KEPT_BY_ENGINE), "counted", *grouped]
    if option == "base":
        return list(WHOLE_BASES if kind.name == "floor" else BASES)
    return list(WORDS[option])


def _parameter(name: str, unit: str, rng: Random, *, fact: str | None = None) -> str:
    """One or two rows by date, by a fact or for all."""
    facts = [fact for fact in FACTS if fact != "delivery_mode" or rng.random() < 0.2]
    if fact is None:
        fact = rng.choice([*facts, *[""] * len(FACTS)]) if unit in ("yuan", "rate", "bands") else ""
    by = f"    by: [{fact}]\n" if fact else ""
    days = [DAYS[0], rng.choice(DAYS[1:])] if rng.random() < 0.3 else [DAYS[0]]
    rows = ""
    for number, day in enumerate(days):
        until = f", until: {days[number + 1]}" if number + 1 < len(days) else ""
        value = _value(unit, rng)
        if fact == "class":
            value = _by_class(unit, rng)
        elif fact:
            value = "{" + ", ".join(f"{item}: {_value(unit, rng)}" for item in {**FACTS, **LINE_FACTS}[fact]) + "}"
        source = 'source: {document: d, clause: "1"}'
        rows += (
            f"      - {{from: {day}{until}, value: {value}, status: {rng.choice(['enacted', 'assumed'])}, {source}}}\n"
        )
    return f"  {name}:\n    title: {name}\n    unit: {unit}\n{by}    rows:\n{rows}"


def _by_class(unit: str, rng: Random) -> str:
    derived = {"yuan": '{of: ordinary, times: "0.5"}', "rate": '{of: ordinary, plus: "0.05"}'}
    derived["bands"] = '{of: ordinary, at_least: "0.6"}'
    poor = derived[unit] if rng.random() < 0.5 else _value(unit, rng)
    others = ", ".join(f"{name}: {_value(unit, rng, shares=poor != derived['yuan'])}" for name in CLASSES[4:])
    return f"{{poor: {poor}, {others}}}"


def _value(unit: str, rng: Random, *, shares: bool = True) -> str:
    if rng.random() < 0.12:
        return "none"
    match unit:
        case "yuan":
            written = [f'"{rng.randint(0, 9000)}.{rng.randint(0, 99):02d}"'] * 6
            if shares:
                written += ['{share_of_bill: "0.2", at_least: 100, at_most: 3000}']
                written += ['{share: "0.1", of_accumulator: year_scope}']
                at = rng.choice(["", ", counted_at: hospital", ", counted_at: level", ", counted_at: year"])
                written += [f"{{by_admission: [900, 400, 150]{at}}}"]
                written += [f"{{first_admission: 900, each_later_less: 250, at_least: 100{at}}}"]
            return rng.choice(written)
        case "rate":
            return f'"0.{rng.randint(0, 9999):04d}"' if rng.random() < 0.9 else '"1"'
        case "bands":
            low = rng.randint(1, 5000)
            return (
                f'[{{up_to: {low}, rate: "0.5"}}, {{up_to: {low + 3000}, rate: "0.65"}}, {{up_to: none, rate: "0.8"}}]'
            )
        case "diseases":
            return "{X1: {name: 甲, group: one}, X2: {name: 乙, group: two}}"
        case "prices":
            return f"{{X1: {rng.randint(0, 9000)}, X9: {rng.randint(0, 900)}}}"
        case "classes":
            return f"[{', '.join(rng.sample(CLASSES, rng.randint(1, 8)))}]"
        case "kinds":
            kinds = list(LINE_FACTS["item_kind"])
            return f"[{', '.join(rng.sample(kinds, rng.randint(1, len(kinds))))}]"
        case "tiers":
            return f"[{', '.join(rng.sample(TIERS, 2))}]"
    return "说明"
