"""Random corrections, sensible and senseless, between the bills of random person-years."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from typing import Any

from tests.settlement.correction_oracle import PersonModel
from tests.tiers.random_bills import chance, person_year, some_identities, without_overlaps

Operation = tuple[str, dict[str, Any]]


def person_years(rng: random.Random) -> dict[str, Any]:
    """A person-year; or two of one person, mostly of different years, perhaps with a stay that leads into the other."""
    chain = person_year(rng)
    if chance(rng, 40):
        chain = joined(rng, chain, person_year(rng))
    bills = [bill | {"paid_by": "patient"} if chance(rng, 6) else bill for bill in chain["bills"]]
    person = chain["person"] | {"identities": without_overlaps(chain["person"]["identities"])}
    return chain | {"person": person, "bills": bills}


def joined(rng: random.Random, one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    """Both chains as the first one's person, each in its own order."""
    turns = [0] * len(one["bills"]) + [1] * len(two["bills"])
    rng.shuffle(turns)
    remaining = (iter(one["bills"]), iter(two["bills"]))
    bills = [next(remaining[turn]) | {"person_id": one["person"]["person_id"]} for turn in turns]
    connect(rng, turns, bills)
    return {
        "person": one["person"],
        "catalogue": one["catalogue"] | two["catalogue"],
        "hospitals": one["hospitals"] | two["hospitals"],
        "bills": bills,
    }


def connect(rng: random.Random, turns: list[int], bills: list[dict[str, Any]]) -> None:
    """Let a stay of the second chain be transferred from one of the first that was settled before, or go on with it."""
    taken = [bill["transfer_from"] for bill in bills]
    sources: list[dict[str, Any]] = []
    for turn, bill in zip(turns, bills, strict=True):
        if bill["medical_type"] != "21":
            continue
        if turn == 0 and visit_of(bill) not in taken:
            sources.append(bill)
        elif turn == 1 and sources and bill["settle_seq"] == 1 and bill["transfer_from"] is None and chance(rng, 60):
            source, visit = rng.choice(sources), visit_of(bill)
            goes_on = chance(rng, 30)
            for other in bills:
                if goes_on and other["transfer_from"] == visit:
                    other["transfer_from"] = visit_of(source)
                if visit_of(other) == visit and goes_on:
                    other.update(visit_of(source), transfer_from=source["transfer_from"])
                elif visit_of(other) == visit:
                    other["transfer_from"] = visit_of(source)
            return


def visit_of(bill: dict[str, Any]) -> dict[str, str]:
    """Hospital and visit, as a transfer names them."""
    return {name: bill[name] for name in ("hospital_code", "visit_id")}


def operations(rng: random.Random, bills: list[dict[str, Any]], model: PersonModel) -> Iterator[Operation]:
    """The bills in order with corrections between and after them, chosen by what `model` holds when each is due."""
    steps: list[dict[str, Any] | None] = list(bills)
    for _ in range(rng.randint(1, 7)):
        steps.insert(rng.randint(1, len(steps)), None)
    for bill in steps:
        if bill is not None:
            yield "settle", {"bill": next_of_visit(bill, model)}
            continue
        name, arguments = some_correction(rng, model)
        yield name, arguments
        if name == "identify" and chance(rng, 80):
            yield "readjudicate", {"year": rng.choice(model.entries).year, "dry_run": chance(rng, 20)}


def next_of_visit(bill: dict[str, Any], model: PersonModel) -> dict[str, Any]:
    """The bill with the next settle_seq of its visit."""
    visit = (bill["hospital_code"], bill["visit_id"])
    return bill | {"settle_seq": 1 + sum(entry.visit == visit for entry in model.entries)}


def some_correction(rng: random.Random, model: PersonModel) -> Operation:
    """One operation on what is there; now and then one that must be refused."""
    kind = rng.choice(("reverse",) * 3 + ("refund",) * 4 + ("identify",) * 3 + ("readjudicate", "again", "again"))
    number = rng.randrange(len(model.entries))
    if not model.entries[number].live or chance(rng, 40):  # rather something early and live
        number = rng.randrange(number + 1)
    if kind == "again":
        reversed_bills = [one.bill for one in model.entries if not one.live]
        if reversed_bills:
            return "settle", {"bill": next_of_visit(rng.choice(reversed_bills), model)}
        kind = "reverse"
    if kind == "reverse":
        return "reverse", {"number": number, "cascade": chance(rng, 80)}
    if kind == "refund":
        return some_refund(rng, model, number)
    if kind == "identify":
        days = [day for one in model.entries for day in (one.bill["admitted_on"], one.bill["discharged_on"])]
        identities = some_identities(rng, [date.fromisoformat(day) for day in days])
        return "identify", {"identities": without_overlaps(identities)}
    return "readjudicate", {"year": model.entries[number].year, "dry_run": chance(rng, 30)}


def some_refund(rng: random.Random, model: PersonModel, number: int) -> Operation:
    """Some or all of some or all lines; a refund of more than remains is otherwise in order."""
    entry = model.entries[number]
    lines = {line["line_no"]: entry.remaining(line) for line in entry.lines}
    cascade = chance(rng, 80)
    if chance(rng, 20):
        quantities = {line_no: left for line_no, left in lines.items() if left}
    else:
        chosen = rng.sample(sorted(lines), rng.randint(1, min(3, len(lines))))
        quantities = {line_no: rng.choice((lines[line_no], rng.randint(0, lines[line_no]))) for line_no in chosen}
        quantities = {line_no: quantity for line_no, quantity in quantities.items() if quantity}
    if not quantities or chance(rng, 8):
        line_no = rng.choice(sorted(lines))
        quantities, cascade = quantities | {line_no: lines[line_no] + rng.randint(1, 20000)}, True
    return "refund", {"number": number, "quantities": quantities, "cascade": cascade}
