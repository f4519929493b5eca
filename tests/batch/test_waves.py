"""Bills computed together, against the same bills computed one by one, to the fen and to the fault."""

import os
import random
from datetime import date, timedelta
from functools import cache
from typing import Any

import pyarrow as pa
import pytest

from app.basics.errors import PolicyError
from app.batch.alike import FACTS
from app.batch.chain import Chain, settled
from app.batch.columns import AMOUNTS, SPREAD
from app.batch.law import BatchLaw, book_of
from app.batch.ready import few_values, looked_at
from app.batch.results import BucketResults, empty_results, put
from app.batch.sent_rows import sent_bills
from app.batch.waves import computed
from app.policies import SCHEMES, SHIPPED, pack_files, shipped_book
from app.tiers.load import load_book
from app.tiers.policy import PolicyBook
from tests.batch.files import bill, line, rows_of_year, table
from tests.tiers.random_packs import DISEASES, random_pack

BOOK = shipped_book(None)
PACKS = int(os.environ.get("ONESTOP_RANDOM_PACKS", "2000")) // 5
NAMES = sorted(path.stem for path in pack_files(SCHEMES, SHIPPED))
CLASSES = ("ordinary", "destitute", "low_income", "registered_poor", "monitored", "low_income_edge")
Row = dict[str, Any]
SIZE = int(os.environ.get("ONESTOP_BATCH_PERSONS", "15"))
"""Of each pack so many persons with random bills."""


@cache
def pack_book(name: str) -> PolicyBook:
    """The book of a published pack."""
    return book_of([name], None)


def spread(rows: list[Row]) -> pa.Table:
    """Rows as a bucket has them: sorted by person and order."""
    ordered = sorted(rows, key=lambda row: (row["person_id"], row["settle_order"]))
    made = table([row | {"person_type": row.get("person_type")} for row in ordered])
    columns = {name: made.column(name) if name in made.schema.names else pa.nulls(len(made), SPREAD.field(name).type)
               for name in SPREAD.names}  # fmt: skip
    return pa.table(columns, schema=SPREAD)


def one_by_one(bills: pa.Table, law: BatchLaw) -> BucketResults:
    """What the chains of the persons come to."""
    results, chains = empty_results(len(bills)), {}
    for row, (person, sent) in enumerate(zip(bills.column("person_id").to_pylist(), sents(bills), strict=True)):
        put(results, row, settled(chains.setdefault(person, Chain()), sent, law))
    return results


def sents(bills: pa.Table) -> list[Any]:
    """All bills of a table."""
    return [sent for batch in bills.combine_chunks().to_batches() for sent in sent_bills(batch)]


def rows_said(results: BucketResults) -> list[tuple[Any, ...]]:
    """BucketResults row by row, words as words."""
    words = [*results.words, None]
    return [
        (*(int(results.amounts[name][at]) for name in AMOUNTS), words[results.version[at]], words[fault])
        if fault < 0
        else (words[fault],)
        for at, fault in enumerate(results.fault.tolist())
    ]


def compared(rows: list[Row], law: BatchLaw, plain: float = 0.6) -> list[tuple[Any, ...]]:
    """Rows computed together, however few, where they agree with those computed one by one."""
    bills = spread(rows)
    alone = rows_said(one_by_one(bills, law))
    assert looked_at(bills, few_values(bills, FACTS)).sound.mean() > plain
    for few in (0, 5):
        together = rows_said(computed(bills, law, few))
        for row, ours, theirs in zip(bills.to_pylist(), together, alone, strict=True):
            assert ours == theirs, row
    return alone


def random_row(rng: random.Random, person: Row, order: int, first: date, days: int) -> Row:
    """A bill of a person with whatever it may have, mostly sound."""
    admitted = first + timedelta(rng.randrange(days))
    kind = rng.choice(("11", "11", "21", "21", "14", "52"))
    scope = [rng.choice((0, rng.randrange(200_000))) for _ in range(3)] + [rng.choice((0, rng.randrange(30_000_000)))]
    level = rng.choice((1, 2, 3))
    return person | {
        "bill_id": f"{person['person_id']}-{order}",
        "hospital_code": f"H{level}{rng.choice('ab')}",
        "hospital_level": level,
        "hospital_rank": rng.choice(("township", "county", "prefecture", "province")),
        "hospital_area": rng.choice((person["area_code"], person["area_code"][:4] + "99", "110101")),
        "medical_type": kind,
        "referral": rng.choice(("compliant", "compliant", "not_required", "emergency", "missing")),
        "visit_id": f"V{order}" if rng.random() < 0.97 else "V1",
        "settle_order": order,
        "admitted_on": admitted,
        "discharged_on": admitted + timedelta(rng.randrange(30) if kind in ("21", "52") else 0),
        "disease_code": rng.choice(("M05900", "M03900", "X") if kind == "14" else (None, "I10", "M05900", "X")),
        "delivery_mode": rng.choice(("vaginal", "caesarean")) if kind == "52" else None,
        "work_injury": rng.choice(("none",) * 9 + ("determined",)),
        "disease_registered": rng.random() < 0.9,
        "total": sum(scope) + (rng.random() < 0.02),
        **dict(zip(("own_expense", "over_limit", "first_pay", "in_scope"), scope, strict=True)),
    }  # fmt: skip


def random_rows(rng: random.Random, pack: Any, persons: int) -> list[Row]:
    """Bills of persons whom a pack rules, over two years of its law."""
    version = rng.choice(pack.versions)
    first = max(version.since, date(2015, 1, 1))
    rows = []
    for number in range(persons):
        area = rng.choice(pack.areas)
        person = bill(
            person_id=f"P{number}",
            area_code=f"{area}0102"[:6] if len(area) < 6 else area,
            benefit_class=rng.choice(CLASSES),
            insurance_type=rng.choice(pack.insurance_types),
            person_type=rng.choice(("active", "retired")),
        )
        rows += [random_row(rng, person, order, first, 730) for order in range(1, rng.randrange(2, 9))]
    return rows


@pytest.mark.parametrize("name", NAMES)
def test_bills_together_come_to_what_they_come_to_alone(name: str) -> None:
    """Every pack: random persons with random bills, whose amounts and faults are the same either way."""
    rng = random.Random(name)
    book = pack_book(name)
    said = compared(random_rows(rng, book.packs[name], SIZE), BatchLaw(book))
    assert sum(len(row) > 1 for row in said) > SIZE // 3


def clones(rng: random.Random, models: list[Row], times: int) -> list[Row]:
    """Bills with the facts of others but amounts of their own, each the first of a person."""
    made = []
    for model in models:
        for number in range(times):
            whole = int(10 ** rng.uniform(0, 9))
            amounts = {"own_expense": rng.randrange(whole), "over_limit": 0, "first_pay": 0, "in_scope": whole}
            person = f"{model['bill_id']}/{number}"
            made.append(model | amounts | {"person_id": person, "bill_id": person, "total": sum(amounts.values())})
    return made


@pytest.mark.parametrize("name", NAMES)
def test_bills_alike_take_every_way_through_the_rules(name: str) -> None:
    """Every pack: bills with the same facts but other amounts, which deductibles, bands and caps part again and
    again."""
    rng = random.Random(name)
    book = pack_book(name)
    rows = clones(rng, random_rows(rng, book.packs[name], 6), SIZE)
    rows += [
        row | {"bill_id": f"{row['bill_id']}+", "visit_id": f"{row['visit_id']}+", "settle_order": 99} for row in rows
    ]
    said = compared(rows, BatchLaw(book))
    assert sum(len(row) > 1 for row in said) > 5 * SIZE


@pytest.mark.thorough
@pytest.mark.parametrize("shard", range(4))
def test_any_law_comes_to_the_same_either_way(shard: int) -> None:
    """Random packs of the whole vocabulary: random persons, and bills alike."""
    done = 0
    for seed in range(shard, PACKS, 4):
        rng = random.Random(seed)
        try:
            book = load_book({"random": random_pack(rng)})
        except PolicyError:
            continue
        person = bill(area_code="990101", insurance_type=rng.choice(book.packs["random"].insurance_types))
        rows = []
        for number in range(12):
            who = person | {"person_id": f"P{number}", "person_type": rng.choice(("active", "retired"))}
            who["benefit_class"] = rng.choice(CLASSES)
            days = (date(2019, 1, 1), 1400)
            rows += [random_row(rng, who, order, *days) | _disease(rng) for order in range(1, rng.randrange(2, 7))]
        rows += clones(rng, rng.sample(rows, 4), 12)
        compared(rows, BatchLaw(book), plain=0.3)
        done += 1
    assert done > PACKS // 16


def _disease(rng: random.Random) -> Row:
    return {"disease_code": rng.choice(DISEASES)}


def test_lines_together_come_to_what_they_come_to_alone() -> None:
    """Random person-years with refunds, transfers, interim bills and lines of every kind."""
    rows = [row | {"person_id": f"{row['person_id']}-{seed}"} for seed in range(60) for row in rows_of_year(seed)]
    assert len(compared(rows, BatchLaw(BOOK), plain=0.3)) > 150


def test_odd_lines_come_to_what_they_come_to_alone() -> None:
    """Lines that aren't plain: prices of three decimals, approvals, ceilings, unknown classes, numbers out of order."""
    rng = random.Random(7)
    rows = []
    for number in range(300):
        lines = []
        for at in range(rng.randrange(1, 6)):
            quantity, price = rng.choice((10_000, 5_000, 30_000)), rng.choice((12_500_000, 333_333, 1_005_000))
            amount = (price * quantity + 50_000_000) // 100_000_000
            lines.append(
                line(
                    line_no=rng.choice((at + 1, at + 1, at + 1, 9 - at)),
                    **{"class": rng.choice(("A", "B", "C", None, "A", "B", "D" if rng.random() < 0.1 else "A"))},
                    first_pay_ratio=rng.choice((0, 1000, 2000, None if rng.random() < 0.1 else 0)),
                    ceiling=rng.choice((None, 10_000_000, 1_000_000)),
                    restricted=rng.choice((True, False, None)),
                    approved=rng.choice(("true", "false", "refused", None)),
                    quantity=quantity,
                    unit_price=price,
                    amount=amount + rng.choice((0, 0, 0, 0, 1, -1, 3)) if amount > 3 else amount,
                    charged_on=rng.choice((None, None, date(2018, 5, 3), date(2018, 5, 30) if at > 3 else None)),
                )
            )
        total = sum(one["amount"] for one in lines)
        rows.append(bill(bill_id=f"B{number}", person_id=f"P{number}", lines=lines, total=total))
    said = compared(rows, BatchLaw(BOOK), plain=0.3)
    assert 100 < sum(len(row) > 1 for row in said) < 300


def test_amounts_that_arrays_cannot_hold_are_computed_alone() -> None:
    """A bill of more than twenty million yuan, and a year that comes to more, are what they are alone."""
    rows = [
        bill(bill_id=f"P{at}-{order}", visit_id=f"V{order}", settle_order=order, person_id=f"P{at}")
        | {"total": amount, "in_scope": amount}
        for at, amounts in enumerate([(10**15, 10**6), (1_900_000_000, 1_900_000_000, 500_000), (5, 6)] * 4)
        for order, amount in enumerate(amounts, 1)
    ]  # fmt: skip
    assert all(len(row) > 1 for row in compared(rows, BatchLaw(BOOK)))
