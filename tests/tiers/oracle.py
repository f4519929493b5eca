"""A second, deliberately plain implementation of the settlement arithmetic, written from the specification alone.

It shares no code with the engine and reads no policy pack: every figure of the packs `yunnan` and `wenshan` is copied
here by hand. Money is an integer number of fen, everything that is not yet rounded is a Fraction of fen, and days are
ISO strings (which compare like dates). Clarity goes before speed.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from fractions import Fraction
from typing import Any, NamedTuple

SHANGHAI = timezone(timedelta(hours=8))
ONE_STOP_BEGINS = "2017-11-03"  # version four-guarantees
THREE_SYSTEMS_BEGINS = "2022-01-01"  # version three-systems

PRECEDENCE = "destitute low_income returned_poverty registered_poor monitored low_income_edge illness_poverty ordinary"
# Classes with the better rows of basic insurance and serious illness.
TILTED = {
    "four-guarantees": "destitute low_income registered_poor",
    "three-systems": "destitute low_income returned_poverty",
}


class Refused(Exception):
    """The bill cannot be settled; `code` is that of the HTTP interface."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def yuan(amount: int) -> int:
    """Whole yuan, as the tables state them, in fen."""
    return amount * 100


def fen(text: str) -> int:
    value = Fraction(text) * 100
    assert value.denominator == 1, text
    return int(value)


def r(value: Fraction | int) -> int:
    """Half-up to the fen."""
    value = Fraction(value)
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def rates(text: str) -> list[Fraction]:
    return [Fraction(value) for value in text.split()]


def april(figures: Any) -> list[tuple[str, int]]:
    """Yearly figures, each in force from its publication on 1 April of the year named."""
    return [(f"{year}-04-01", figure) for year, figure in figures]


# ---------------------------------------------------------------- the figures

# Ordinary inpatient deductible by level 1, 2, 3, in yuan: (in force from, figures), latest first.
ORDINARY_DEDUCTIBLE = {
    "yunnan": (("2025-01-01", (200, 550, 880)), ("2019-12-01", (400, 550, 880)), ("2017-11-03", (200, 500, 1000))),
    "wenshan": (("2017-11-03", (100, 400, 800)),),
}
ORDINARY_RATE = {"yunnan": rates("0.85 0.75 0.60"), "wenshan": rates("0.90 0.80 0.60")}
TILTED_RATE = rates("0.95 0.85 0.70")
MISSING_REFERRAL_CUT = Fraction("0.20")
BASIC_CAP_YEAR = yuan(60000)

CHRONIC_SEVERE = ["M07800", "M02200"]
CHRONIC_GENERAL = ["M03900", "M01600"] + [f"YN{number:02d}" for number in range(1, 25)]
CHRONIC_DEDUCTIBLE_ORDINARY = yuan(550)
CHRONIC_RATE_ORDINARY = Fraction("0.60")
CHRONIC_RATE_TILTED = Fraction("0.80")
CHRONIC_RATE_TILTED_SEVERE = Fraction("0.90")

OUTPATIENT_RATE = rates("0.50 0.25 0.25")
OUTPATIENT_CAP_YEAR = yuan(400)

# Childbirth: delivery mode -> hospital rank -> sum.
PACKAGE = {
    "vaginal": {"village": yuan(1200), "township": yuan(1200), "county": yuan(1800)},
    "caesarean": {"village": yuan(2000), "township": yuan(2000), "county": yuan(3000)},
}
FIXED_PAYMENT = {
    "vaginal": {"prefecture": yuan(1800), "province": yuan(2000)},
    "caesarean": {"prefecture": yuan(3000), "province": yuan(3500)},
}

SERIOUS_BOUNDS = ((0, yuan(50000)), (yuan(50000), yuan(100000)), (yuan(100000), None))
SERIOUS_DEDUCTIBLE_ORDINARY = yuan(12000)
SERIOUS_DEDUCTIBLE_TILTED = yuan(6000)
SERIOUS_RATES_ORDINARY = rates("0.60 0.70 0.80")
SERIOUS_RATES_TILTED = {
    "four-guarantees": rates("0.70 0.70 0.80"),  # at least 0.70 in every band
    "three-systems": rates("0.65 0.75 0.85"),  # the ordinary rate + 0.05
}
SERIOUS_CAP_ORDINARY = yuan(300000)
SERIOUS_CAP_TILTED = {"four-guarantees": yuan(450000), "three-systems": None}

ASSISTANCE_RATE = {
    "four-guarantees": {"destitute": "1.00", "low_income": "0.70", "registered_poor": "0.70"},
    "three-systems": {
        **{"destitute": "1.00", "low_income": "0.70", "returned_poverty": "0.70"},
        **{"monitored": "0.60", "low_income_edge": "0.60", "illness_poverty": "0.50"},
    },
}
ASSISTANCE_DEDUCTIBLE_SHARE: dict[str, dict[str, str]] = {
    "four-guarantees": {},
    "three-systems": {"monitored": "0.10", "low_income_edge": "0.10", "illness_poverty": "0.25"},
}
ASSISTANCE_CAP_YEAR = yuan(100000)
TILT_CLASSES = {"four-guarantees": "", "three-systems": "destitute low_income returned_poverty monitored"}
TILT_THRESHOLD = yuan(8000)
TILT_RATE = Fraction("0.50")
# Per-capita disposable income of all residents in yuan, by publication day, latest first.
INCOME = april(((2025, 29932), (2024, 28421), (2023, 26937), (2022, 25666), (2021, 23295)))

SAFETY_NET_CLASSES = {"four-guarantees": "destitute low_income registered_poor", "three-systems": ""}
FLOOR = Fraction("0.90")
# Rural per-capita disposable income in yuan, by publication day, latest first.
OWN_CAP = april(((2021, 12842), (2020, 11902), (2019, 10768), (2018, 9862), (2017, 9020)))


def in_force(rows: Any, day: str) -> Any:
    for since, figure in rows:
        if since <= day:
            return figure
    raise Refused("policy_gap")


def china_day(instant: str) -> str:
    return datetime.fromisoformat(instant).astimezone(SHANGHAI).date().isoformat()


def net_lines(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The ordinary lines, with quantity and amount after their refund lines."""
    numbers = [line["line_no"] for line in lines]
    if len(set(numbers)) != len(numbers):
        raise Refused("duplicate_line_no")
    net = {}
    for line in lines:
        if line.get("refund_of_line_no") is None:
            quantity, amount = Fraction(line["quantity"]), fen(line["amount"])
            if quantity <= 0 or amount < 0:
                raise Refused("line_sign_wrong")
            price = Fraction(line["unit_price"])
            net[line["line_no"]] = {**line, "quantity": quantity, "amount": amount, "price": price}
    for line in lines:
        if line.get("refund_of_line_no") is not None:
            target = net.get(line["refund_of_line_no"])
            quantity, amount = Fraction(line["quantity"]), fen(line["amount"])
            if target is None or target["item_code"] != line["item_code"] or quantity >= 0 or amount > 0:
                raise Refused("refund_line_wrong")
            if target["price"] != Fraction(line["unit_price"]):
                raise Refused("refund_line_wrong")
            target["quantity"] += quantity
            target["amount"] += amount
    return list(net.values())


def catalogue_entry(catalogue: dict[str, Any], code: str, day: str) -> dict[str, Any] | None:
    for version in catalogue.get(code, ()):
        if version["valid_from"] <= day and (version.get("valid_until") is None or day < version["valid_until"]):
            return dict(version)
    return None


def tolerance(quantity: Fraction, price: Fraction) -> int:
    """What the amount of a line may differ by, fen: more than one where the price was divided to three decimals."""
    decimals = next(d for d in range(7) if (price * 10**d).denominator == 1)
    return max(1, r(quantity * Fraction(100, 2 * 10**decimals))) if decimals >= 3 else 1


def check_line(line: dict[str, Any]) -> None:
    """Whether a net line's amount is that of its quantity and price."""
    quantity, amount, price = line["quantity"], line["amount"], line["price"]
    if quantity < 0:
        raise Refused("refund_exceeds_line")
    if quantity == 0 and amount != 0:
        raise Refused("refund_amount_mismatch")
    if amount < 0 or abs(amount - r(quantity * price * 100)) > tolerance(quantity, price):
        raise Refused("line_amount_mismatch")


def line_scope(line: dict[str, Any], catalogue: dict[str, Any], level: int) -> dict[str, int]:
    quantity, amount, price = line["quantity"], line["amount"], line["price"]
    result = {"line_no": line["line_no"], "own_expense": 0, "over_limit": 0, "first_pay": 0, "in_scope": 0}
    entry = catalogue_entry(catalogue, line["item_code"], china_day(line["charged_at"]))
    approved = line.get("approved", False)
    refused = approved == "refused"
    if entry is None or entry["class"] == "C" or refused or (entry["restricted"] and approved is not True):
        result["own_expense"] = amount
        return result
    ceiling = (entry.get("ceilings") or {}).get(str(level))
    if ceiling is not None:
        over = r(max(Fraction(0), price - Fraction(ceiling)) * quantity * 100)
        result["over_limit"] = min(over, amount)
    first_pay_ratio = Fraction(0) if entry["class"] == "A" else Fraction(entry["first_pay_ratio"])
    result["first_pay"] = r((amount - result["over_limit"]) * first_pay_ratio)
    result["in_scope"] = amount - result["over_limit"] - result["first_pay"]
    return result


def class_on(person: dict[str, Any], day: str) -> str:
    for name in PRECEDENCE.split():
        for identity in person["identities"]:
            until = identity.get("until")
            if identity["class"] == name and identity["from"] <= day and (until is None or day < until):
                return name
    return "ordinary"


def serious_benefit(x: int, deductible: int, band_rates: list[Fraction]) -> Fraction:
    """f(x): bands counted from zero, the first starting at the deductible."""
    total = Fraction(0)
    for (lower, upper), rate in zip(SERIOUS_BOUNDS, band_rates, strict=True):
        end = x if upper is None else min(x, upper)
        total += rate * max(0, end - max(lower, deductible))
    return total


class Episode(NamedTuple):
    """What came before a bill in its episode: the deductible paid there, fen, and whether the year has none of it."""

    deductible_paid: int
    is_new_in_year: bool


def settle(
    bill: dict[str, Any],
    person: dict[str, Any],
    hospital: dict[str, Any],
    catalogue: dict[str, Any],
    acc: dict[str, int],
    episode_deductible_paid: int,
    episode_is_new_in_year: bool,
) -> dict[str, Any]:
    """Settle one bill after the accumulators `acc`; all amounts in fen."""
    admitted, day = bill["admitted_on"], bill["discharged_on"]
    if bill["insurance_type"] != "390":
        raise Refused("insurance_type_unsupported")
    if day < admitted:
        raise Refused("discharge_before_admission")
    if bill.get("work_injury", "none") == "determined":
        raise Refused("work_injury_not_covered")
    if bill["medical_type"] == "52" and bill.get("delivery_mode") is None:
        raise Refused("delivery_mode_missing")
    for line in bill["lines"]:
        if not admitted <= china_day(line["charged_at"]) <= day:
            raise Refused("charged_outside_stay")
    lines = net_lines(bill["lines"])
    for line in lines:
        check_line(line)
    if sum(line["amount"] for line in lines) != fen(bill["total"]):
        raise Refused("total_mismatch")
    episode = Episode(episode_deductible_paid, episode_is_new_in_year)
    return compute(bill, lines, person, hospital, catalogue, acc, episode)


def compute(
    bill: dict[str, Any],
    net: list[dict[str, Any]],
    person: dict[str, Any],
    hospital: dict[str, Any],
    catalogue: dict[str, Any],
    acc: dict[str, int],
    episode: Episode,
) -> dict[str, Any]:
    """The amounts of a bill whose net lines are `net`, whatever lines it was sent with; all in fen."""
    kind, admitted, day = bill["medical_type"], bill["admitted_on"], bill["discharged_on"]
    paying_area = person["area_code"][:4] + "00"
    pack = "wenshan" if paying_area.startswith("5326") else "yunnan"
    if not paying_area.startswith("53") or day < ONE_STOP_BEGINS:
        raise Refused("policy_gap")
    version = "four-guarantees" if day < THREE_SYSTEMS_BEGINS else "three-systems"
    disease = bill.get("disease_code")
    if kind == "14" and disease not in CHRONIC_GENERAL and disease not in CHRONIC_SEVERE:
        raise Refused("disease_not_listed")

    # Scope.
    level: int = hospital["level"]
    lines = [line_scope(line, catalogue, level) for line in net]
    scope = {name: sum(line[name] for line in lines) for name in ("own_expense", "over_limit", "first_pay", "in_scope")}
    total = sum(line["amount"] for line in net)
    in_scope = scope["in_scope"]

    # Classes.
    own_class = class_on(person, admitted)
    missing = bill["referral"] == "missing"
    used_class = "ordinary" if missing else own_class  # of basic insurance and serious illness
    tilted = used_class in TILTED[version].split()

    # 4.0, 4.1 hospital portion and basic insurance
    basic = reduction = hospital_portion = payable_adjustment = deductible = chronic_deductible = 0
    if kind in ("21", "14"):
        if kind == "21":
            level_deductible = yuan(in_force(ORDINARY_DEDUCTIBLE[pack], day)[level - 1])
            level_deductible = 0 if tilted and level == 1 else level_deductible
            deductible = min(max(0, level_deductible - episode.deductible_paid), in_scope)
            full_rate = TILTED_RATE[level - 1] if tilted else ORDINARY_RATE[pack][level - 1]
        else:
            year_deductible = 0 if tilted else CHRONIC_DEDUCTIBLE_ORDINARY
            chronic_deductible = min(max(0, year_deductible - acc["chronic_deductible_paid"]), in_scope)
            group_rate = CHRONIC_RATE_TILTED_SEVERE if disease in CHRONIC_SEVERE else CHRONIC_RATE_TILTED
            full_rate = group_rate if tilted else CHRONIC_RATE_ORDINARY
        payable_base = in_scope - deductible - chronic_deductible
        room = BASIC_CAP_YEAR - acc["basic_paid"]
        rate = max(Fraction(0), full_rate - MISSING_REFERRAL_CUT) if missing else full_rate
        full_pay = max(0, min(r(payable_base * full_rate), room))
        basic = max(0, min(r(payable_base * rate), room))
        reduction = full_pay - basic
    elif kind == "11":
        room = OUTPATIENT_CAP_YEAR - acc["outpatient_paid"]
        basic = max(0, min(r(in_scope * OUTPATIENT_RATE[level - 1]), room))
    elif kind == "52" and hospital["rank"] in ("village", "township", "county"):
        package = PACKAGE[bill["delivery_mode"]][hospital["rank"]]
        basic = min(total, package)
        hospital_portion = total - basic
        payable_adjustment = package - basic
    else:
        basic = min(total, FIXED_PAYMENT[bill["delivery_mode"]][hospital["rank"]])

    serious = ma = tilt = safety_net = base = assistance_deductible = 0
    tilt_base = acc["tilt_base"]
    if kind in ("21", "14"):
        # 4.2 serious illness
        base = in_scope - basic - reduction
        x0, x1 = acc["serious_base"], acc["serious_base"] + base
        serious_deductible = SERIOUS_DEDUCTIBLE_TILTED if tilted else SERIOUS_DEDUCTIBLE_ORDINARY
        band_rates = SERIOUS_RATES_TILTED[version] if tilted else SERIOUS_RATES_ORDINARY
        cap = SERIOUS_CAP_TILTED[version] if tilted else SERIOUS_CAP_ORDINARY
        before, after = (serious_benefit(x, serious_deductible, band_rates) for x in (x0, x1))
        serious = r(after - before)
        if cap is not None:
            serious = min(serious, max(0, cap - acc["serious_paid"]))
        serious = max(0, min(serious, base))

        # 4.3 medical assistance: the person's own class, whatever the referral
        remaining = in_scope - basic - serious - reduction
        assistance_room = ASSISTANCE_CAP_YEAR - acc["assistance_paid"]
        if own_class in ASSISTANCE_RATE[version]:
            share = ASSISTANCE_DEDUCTIBLE_SHARE[version].get(own_class)
            year_deductible = 0 if share is None else r(Fraction(share) * yuan(in_force(INCOME, day)))
            assistance_deductible = min(max(0, year_deductible - acc["assistance_deductible_paid"]), remaining)
            rate = Fraction(ASSISTANCE_RATE[version][own_class])
            ma = max(0, min(r((remaining - assistance_deductible) * rate), assistance_room))
        if own_class in TILT_CLASSES[version].split() and not missing:
            t0, t1 = acc["tilt_base"], acc["tilt_base"] + remaining - ma
            above = max(0, t1 - TILT_THRESHOLD) - max(0, t0 - TILT_THRESHOLD)
            tilt = max(0, min(r(above * TILT_RATE), assistance_room - ma))
            tilt_base = t1

    # 4.4 safety net
    if kind == "21" and not missing and own_class in SAFETY_NET_CLASSES[version].split():
        rest = total - hospital_portion
        paid = basic + serious + ma + tilt
        top = min(max(0, r(FLOOR * rest) - paid), rest - paid)
        own = rest - paid - top
        safety_net = top + min(max(0, acc["compliant_own"] + own - yuan(in_force(OWN_CAP, day))), own)

    # 4.5 patient
    patient = total - hospital_portion - basic - serious - ma - tilt - safety_net
    assert patient >= 0, "a negative patient portion is a bug"

    portions = {"basic": basic, "serious_illness": serious, "medical_assistance": ma + tilt}
    portions |= {"safety_net": safety_net, "hospital": hospital_portion, "patient": patient}
    counts = kind in ("21", "14")
    return {
        "benefit_class": own_class,
        "benefit_year": int(day[:4]),
        "paying_area": paying_area,
        "scope": scope,
        "portions": portions,
        "payable_adjustment": payable_adjustment,
        "recoverable": bill.get("work_injury", "none") == "undeterminable",
        "reduction": reduction,
        "deductible": deductible,
        "lines": lines,
        "after": {
            "inpatient_count": acc["inpatient_count"] + (1 if kind == "21" and episode.is_new_in_year else 0),
            "deductible_paid": acc["deductible_paid"] + deductible,
            "basic_paid": acc["basic_paid"] + (basic if counts else 0),
            "outpatient_paid": acc["outpatient_paid"] + (basic if kind == "11" else 0),
            "chronic_deductible_paid": acc["chronic_deductible_paid"] + chronic_deductible,
            "serious_base": acc["serious_base"] + base,
            "serious_paid": acc["serious_paid"] + serious,
            "assistance_deductible_paid": acc["assistance_deductible_paid"] + assistance_deductible,
            "assistance_paid": acc["assistance_paid"] + ma + tilt,
            "tilt_base": tilt_base,
            "safety_net_paid": acc["safety_net_paid"] + safety_net,
            "compliant_own": acc["compliant_own"] + (patient if counts and not missing else 0),
            "own_total": acc["own_total"] + patient,
        },
    }
