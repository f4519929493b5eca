"""Random but valid bills: whole person-years for comparing two implementations of the settlement arithmetic.

Everything is made from integers (fen, millionths of a yuan, ten-thousandths of a unit), so that no amount ever passes
through a binary float, and the same `random.Random` gives the same chain for ever.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

Settle = Callable[..., dict[str, Any]]

ACCUMULATORS = (
    *("inpatient_count", "deductible_paid", "basic_paid", "outpatient_paid", "chronic_deductible_paid"),
    *("serious_base", "serious_paid", "assistance_deductible_paid", "assistance_paid", "tilt_base"),
    *("safety_net_paid", "compliant_own", "own_total"),
)
SHANGHAI = timezone(timedelta(hours=8))
DAY = timedelta(days=1)
FIRST_DAY, LAST_DAY = date(2017, 11, 3), date(2026, 6, 30)
BOUNDARIES = (
    FIRST_DAY,
    date(2019, 12, 1),
    date(2021, 12, 31),
    date(2022, 1, 1),
    date(2025, 1, 1),
    LAST_DAY,
    *(date(year, 4, 1) for year in range(2018, 2027)),
)
YEARS = (2017, *(2018,) * 3, *(2019,) * 3, *(2020,) * 2, *(2021,) * 3, *(2022,) * 3, 2023, 2024, *(2025,) * 3, 2026)
PERSON_AREAS = ("530102", "530102", "530381", "532503", "532601", "532601", "532622")
HOSPITAL_AREAS = ("530102", "530102", "530381", "532601", "532622", "510104")
RANKS = ("village", "township", "county", "prefecture", "province")
CLASSES = (
    *("destitute", "low_income", "returned_poverty", "registered_poor"),
    *("monitored", "low_income_edge", "illness_poverty"),
)
REFERRALS = ("compliant",) * 5 + ("not_required",) * 2 + ("emergency",) * 2 + ("missing",) * 3
DISEASES = ("M03900", "M01600", "M07800", "M02200", "YN01", "YN12", "YN24")


def chance(rng: random.Random, percent: int) -> bool:
    return rng.randrange(100) < percent


def decimal(value: int, places: int, least: int = 0) -> str:
    """An integer count of 10^-places as plain decimal text, with at least `least` decimals."""
    sign, digits = ("-" if value < 0 else ""), str(abs(value)).rjust(places + 1, "0")
    whole, fraction = digits[: len(digits) - places], digits[len(digits) - places :].rstrip("0")
    fraction = fraction.ljust(least, "0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def money(value: int) -> str:
    return decimal(value, 2, least=2)


def some_hospital(rng: random.Random) -> dict[str, Any]:
    """The code says level, rank and area: the same code is the same hospital in every chain."""
    area, level, rank = rng.choice(HOSPITAL_AREAS), rng.randint(1, 3), rng.randrange(5)
    return {"code": f"H{area}{level}{rank}001", "level": level, "rank": RANKS[rank], "area_code": area}


def some_item(rng: random.Random, kind: str, anchors: list[date]) -> list[dict[str, Any]]:
    """One or two versions; the second begins on a day that matters, perhaps after a gap."""

    def version(valid_from: date, valid_until: date | None) -> dict[str, Any]:
        ratio = {"A": 0, "C": 10000, "B": rng.choice((0, 500, 1000, 1000, 1500, 3333, rng.randint(0, 10000)))}[kind]
        ceilings = None
        if chance(rng, 35):
            base = rng.randint(1, 999) * 10 ** rng.randint(3, 7)  # 0.001 to 9990 yuan
            base = 0 if chance(rng, 8) else base
            ceilings = {str(level): decimal(base * (10 + level) // 10, 6, least=2) for level in (1, 2, 3)}
        return {
            "class": kind,
            "first_pay_ratio": f"{ratio // 10000}.{ratio % 10000:04d}",
            "ceilings": ceilings,
            "restricted": chance(rng, 20),
            "valid_from": valid_from.isoformat(),
            "valid_until": valid_until.isoformat() if valid_until else None,
        }

    start = date(2010, 1, 1)
    if chance(rng, 60):
        return [version(start, None)]
    turn = rng.choice(anchors) + DAY * rng.randint(-1, 3)
    again = turn + DAY * (rng.randint(1, 20) if chance(rng, 30) else 0)
    return [version(start, turn), version(again, again + DAY * rng.randint(1, 90) if chance(rng, 25) else None)]


def some_identities(rng: random.Random, anchors: list[date]) -> list[dict[str, Any]]:
    """Up to four classes; intervals begin and end around admissions and discharges, never twice the same class."""
    identities = []
    for name in rng.sample(CLASSES, rng.choice((0, 1, 1, 1, 2, 2, 3, 4))):
        begin = date(2015, 1, 1) if chance(rng, 60) else rng.choice(anchors) + DAY * rng.randint(-1, 1)
        until = None if chance(rng, 60) else rng.choice(anchors) + DAY * rng.randint(-1, 1)
        if until is not None and until <= begin:
            begin, until = until, begin + DAY
        identities.append(
            {"class": name, "from": begin.isoformat(), "until": until.isoformat() if until is not None else None}
        )
    return identities


def plan_stays(rng: random.Random) -> list[dict[str, Any]]:
    """Who goes where and when: 1–8 bills of one benefit year as (visit, seq, days), in the order of settling."""
    year = rng.choice(YEARS)
    first, last = max(FIRST_DAY, date(year, 1, 1)), min(LAST_DAY, date(year, 12, 31))
    special = [day + DAY * shift for day in BOUNDARIES for shift in (-1, 0, 1)]
    special = [day for day in special if first <= day <= last]
    stays: list[dict[str, Any]] = []
    count, visit = rng.randint(1, 8), 0
    while len(stays) < count:
        kind = rng.choice(("21",) * 13 + ("14",) * 3 + ("11",) * 2 + ("52",) * 2)
        seqs = rng.choice((1, 1, 1, 2, 3)) if kind == "21" else 1
        end = rng.choice(special) if special and chance(rng, 35) else first + DAY * rng.randint(0, (last - first).days)
        parts = []
        for seq in range(min(seqs, count - len(stays)), 0, -1):  # backwards from the discharge
            begin = end - DAY * rng.choice((0, 1, rng.randint(0, 9), rng.randint(0, 40)))
            begin = end if kind in ("11", "14") else begin
            parts.append({"visit": visit, "seq": seq, "medical_type": kind, "admitted": begin, "discharged": end})
            end = begin - DAY
            if end < first:  # an earlier part would belong to another benefit year
                break
        for seq, part in enumerate(reversed(parts), 1):
            stays.append({**part, "seq": seq, "last": seq == len(parts)})
        visit += 1
    stays.sort(key=lambda stay: (stay["discharged"], stay["visit"], stay["seq"]))
    if chance(rng, 20):  # out of date order, but never the parts of one visit
        at = rng.randrange(len(stays))
        if at and stays[at]["visit"] != stays[at - 1]["visit"]:
            stays[at - 1], stays[at] = stays[at], stays[at - 1]
    return stays


def link_transfers(rng: random.Random, stays: list[dict[str, Any]]) -> dict[int, int]:
    """visit -> the visit it was transferred from: settled before at least in part, each the source of one at most."""
    parents: dict[int, int] = {}
    seen: list[int] = []
    for stay in stays:
        if stay["medical_type"] == "21" and stay["visit"] not in seen:
            free = [visit for visit in seen if visit not in parents.values()]
            if free and chance(rng, 40):
                parents[stay["visit"]] = free[-1] if chance(rng, 70) else rng.choice(free)
            seen.append(stay["visit"])
    return parents


def bill_size(rng: random.Random, kind: str, rich: bool) -> int:
    """What the bill should roughly come to, in fen."""
    if kind == "11":
        return rng.randint(1, 99) * 10 ** rng.choice((1, 2, 3, 3, 4))
    if kind == "52":
        return rng.randint(500, 6000) * 100 + rng.randint(0, 99)
    if kind == "14":
        return rng.randint(1, 99) * 10 ** rng.choice((3, 4, 4, 5, 6 if rich else 5))
    if rich:
        return rng.randint(1, 120) * 10 ** rng.choice((5, 6, 6, 7, 7 if chance(rng, 70) else 4)) // 4
    return rng.randint(1, 99) * 10 ** rng.choice((1, 2, 3, 4, 4, 5, 5, 5, 6))


def exact(quantity: int, price: int) -> int:
    """Ten-thousandths of a unit times millionths of a yuan, half-up to the fen."""
    return (2 * quantity * price + 10**8) // (2 * 10**8)


def price_and_quantity(rng: random.Random, target: int, entry: dict[str, Any] | None, level: int) -> tuple[int, int]:
    ceilings = (entry or {}).get("ceilings")
    if ceilings and ceilings["1"] != "0.00" and chance(rng, 60):
        whole, _, fraction = ceilings[str(level)].partition(".")
        ceiling = int(whole + fraction.ljust(6, "0"))
        price = rng.choice((ceiling, ceiling + 1, max(1, ceiling - 1), max(1, ceiling * rng.randint(60, 180) // 100)))
        return max(1, min(target * 10**8 // price, 10**9)), price
    places = 0 if target > 10**7 else rng.choice((0, 0, 0, 1, 2, 4))
    quantity = rng.randint(1, 50 * 10**places) * 10 ** (4 - places)
    step = 10 ** (6 - rng.choice((2, 2, 2, 4, 6)))
    price = min(target * 10**8 // quantity, 3 * 10**12) // step * step
    return quantity, price or step


def some_lines(
    rng: random.Random, stay: dict[str, Any], catalogue: dict[str, Any], level: int, size: int, unknown: str
) -> list[dict[str, Any]]:
    count = 30 if chance(rng, 2) else rng.randint(1, 6)
    lines: list[dict[str, Any]] = []

    def charged_at() -> str:
        day = stay["admitted"] + DAY * rng.randint(0, (stay["discharged"] - stay["admitted"]).days)
        if chance(rng, 20):
            day = rng.choice((stay["admitted"], stay["discharged"]))
        clock = rng.choice((0, 5, 7 * 3600 + 3599, 8 * 3600, 86399, rng.randrange(86400)))
        instant = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI) + timedelta(seconds=clock)
        return instant.isoformat() if chance(rng, 90) else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")

    def add(code: str, quantity: int, price: int, amount: int, approved: bool | str, refund_of: int | None) -> int:
        lines.append(
            {
                "line_no": len(lines) + 1,
                "item_code": code,
                "hospital_item_code": f"Y{len(lines) + 1:03d}",
                "name": "项目",
                "quantity": decimal(quantity, 4),
                "unit_price": decimal(price, 6, least=2),
                "amount": money(amount),
                "charged_at": charged_at(),
                "approved": approved,
                "refund_of_line_no": refund_of,
            }
        )
        return len(lines)

    for _ in range(count):
        code = unknown if chance(rng, 4) else rng.choice(list(catalogue))
        versions = catalogue.get(code, [])
        entry = rng.choice(versions) if versions else None
        target = max(1, size * rng.randint(20, 180) // (100 * count))
        quantity, price = price_and_quantity(rng, target, entry, level)
        exact_amount = exact(quantity, price)
        amount = max(0, exact_amount + (rng.choice((-1, 1)) if chance(rng, 15) else 0))
        approved: bool | str = chance(rng, 80 if any(version["restricted"] for version in versions) else 4)
        approved = "refused" if chance(rng, 4) else approved
        number = add(code, quantity, price, amount, approved, None)
        if quantity > 1 and chance(rng, 14):
            back = quantity if chance(rng, 30) else rng.randint(1, quantity - 1)
            off = rng.choice((-1, 1)) if chance(rng, 30) else 0
            left = max(0, exact(quantity - back, price) + off) if back < quantity else 0
            parts = [(back, amount - left)]
            if back > 1 and amount - left > 1 and chance(rng, 25):  # in two goes
                one, fen = rng.randint(1, back - 1), rng.randint(1, amount - left - 1)
                parts = [(one, fen), (back - one, amount - left - fen)]
            if amount > left:
                for some, fen in parts:
                    add(code, -some, price, -fen, approved if chance(rng, 50) else False, number)
    if chance(rng, 10):  # a refund need not follow its line
        rng.shuffle(lines)
    return lines


def person_year(rng: random.Random) -> dict[str, Any]:
    """{"person", "catalogue", "hospitals": {code: hospital}, "bills": [bill, …]}: one person, one benefit year."""
    nonce = rng.randrange(10**10)
    stays = plan_stays(rng)
    parents = link_transfers(rng, stays)
    anchors = [day for stay in stays for day in (stay["admitted"], stay["admitted"], stay["discharged"])]
    area, rich = rng.choice(PERSON_AREAS), chance(rng, 45)
    person = {
        "person_id": f"{area}{nonce:014d}",
        "area_code": area,
        "identities": some_identities(rng, anchors),
    }
    kinds = ("A", "A", "A", "B", "B", "B", "C")
    catalogue = {f"T{nonce:010d}{at:02d}": some_item(rng, kind, anchors) for at, kind in enumerate(kinds)}
    hospitals: dict[str, Any] = {}
    visits: dict[int, dict[str, Any]] = {}
    bills = []
    for stay in stays:
        kind, number = stay["medical_type"], stay["visit"]
        if number not in visits:
            hospital = some_hospital(rng)
            hospitals[hospital["code"]] = hospital
            parent = visits[parents[number]] if number in parents else None
            visits[number] = {
                "hospital_code": hospital["code"],
                "visit_id": f"ZY{nonce:010d}{number:02d}",
                "referral": rng.choice(REFERRALS),
                "transfer_from": {name: parent[name] for name in ("hospital_code", "visit_id")} if parent else None,
            }
        visit = visits[number]
        level = hospitals[visit["hospital_code"]]["level"]
        lines = some_lines(rng, stay, catalogue, level, bill_size(rng, kind, rich), f"T{nonce:010d}99")
        total = sum(int(line["amount"].replace(".", "")) for line in lines)
        bills.append(
            {
                "hospital_code": visit["hospital_code"],
                "visit_id": visit["visit_id"],
                "settle_seq": stay["seq"],
                "interim": not stay["last"],
                "person_id": person["person_id"],
                "insurance_type": "390",
                "medical_type": kind,
                "admitted_on": stay["admitted"].isoformat(),
                "discharged_on": stay["discharged"].isoformat(),
                "diagnoses": [{"code": "I63.900", "name": "脑梗死", "main": True}],
                "disease_code": rng.choice(DISEASES) if kind == "14" else None,
                "delivery_mode": rng.choice(("vaginal", "caesarean")) if kind == "52" else None,
                "referral": visit["referral"] if chance(rng, 90) else rng.choice(REFERRALS),
                "transfer_from": visit["transfer_from"],
                "work_injury": "undeterminable" if chance(rng, 10) else "none",
                "paid_by": "hospital",
                "lines": lines,
                "total": money(total),
                "quote_id": None,
                "expected_patient": None,
            }
        )
    return {"person": person, "catalogue": catalogue, "hospitals": hospitals, "bills": bills}


def without_overlaps(identities: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same facts without overlaps of one class, which the registry refuses."""
    result: list[dict[str, Any]] = []
    for item in sorted(identities, key=lambda entry: (entry["class"], entry["from"])):
        last = result[-1] if result and result[-1]["class"] == item["class"] else None
        if last is not None and (last.get("until") is None or item["from"] <= last["until"]):
            ends = (last.get("until"), item.get("until"))
            last["until"] = None if None in ends else max(str(end) for end in ends)
        else:
            result.append(dict(item))
    return result


def own_names(chain: dict[str, Any]) -> dict[str, Any]:
    """The chain with fresh person, hospital and item codes."""
    tag = secrets.token_hex(4)
    hospitals = {f"{code}{tag}": hospital | {"code": f"{code}{tag}"} for code, hospital in chain["hospitals"].items()}
    catalogue = {f"{code}{tag}": versions for code, versions in chain["catalogue"].items()}
    person = chain["person"] | {"person_id": f"{chain['person']['person_id']}{tag}"}
    bills = []
    for bill in chain["bills"]:
        source = bill["transfer_from"]
        bills.append(
            bill
            | {
                "hospital_code": f"{bill['hospital_code']}{tag}",
                "person_id": person["person_id"],
                "lines": [line | {"item_code": f"{line['item_code']}{tag}"} for line in bill["lines"]],
                "transfer_from": source and source | {"hospital_code": f"{source['hospital_code']}{tag}"},
            }
        )
    return {"person": person, "catalogue": catalogue, "hospitals": hospitals, "bills": bills}


def walk_chain(chain: dict[str, Any], settle: Settle) -> Iterator[dict[str, Any]]:
    """Settle the bills in order; per bill everything that went in (`settle(**inputs)`) and what came out."""
    years: dict[str, dict[str, int]] = {}
    parents: dict[tuple[str, str], tuple[str, str]] = {}
    deductibles: dict[tuple[str, str], int] = {}
    counted: dict[str, set[tuple[str, str]]] = {}
    for bill in chain["bills"]:
        visit = (bill["hospital_code"], bill["visit_id"])
        if bill["transfer_from"] is not None:
            parents[visit] = (bill["transfer_from"]["hospital_code"], bill["transfer_from"]["visit_id"])
        episode = [visit]  # the visit and its ancestors, not what it was transferred to
        while episode[-1] in parents:
            episode.append(parents[episode[-1]])
        year = bill["discharged_on"][:4]
        acc = years.get(year, dict.fromkeys(ACCUMULATORS, 0))
        inputs = {
            "bill": bill,
            "person": chain["person"],
            "hospital": chain["hospitals"][bill["hospital_code"]],
            "catalogue": chain["catalogue"],
            "acc": dict(acc),
            "episode_deductible_paid": sum(deductibles.get(member, 0) for member in episode),
            "episode_is_new_in_year": episode[-1] not in counted.setdefault(year, set()),
        }
        result = settle(**inputs)
        if bill["medical_type"] == "21":
            counted[year].add(episode[-1])
            deductibles[visit] = deductibles.get(visit, 0) + result["deductible"]
        years[year] = result["after"]
        yield {"inputs": inputs, "result": result}


def run_chain(chain: dict[str, Any], settle: Settle) -> list[dict[str, Any]]:
    return [step["result"] for step in walk_chain(chain, settle)]
