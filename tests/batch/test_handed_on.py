"""What persons bring along and hand on, by column, against the same bills computed one by one after the same start."""

import random
from typing import Any

import pyarrow as pa
import pytest

from app.batch.chain import Chain, settled
from app.batch.columns import EPISODE, VISIT
from app.batch.handed_on import Brought, gone_on, handed_on, nothing_brought, odd_persons
from app.batch.law import BatchLaw
from app.batch.results import empty_results, put
from app.batch.state import start_chains, tables_of
from app.tiers.load import load_book
from tests.batch.files import bill, rows_of_year
from tests.batch.test_waves import BOOK, NAMES, SIZE, Row, clones, pack_book, random_rows, rows_said, sents, spread

Tables = dict[str, pa.Table]


def said(tables: Tables) -> dict[str, list[str]]:
    """All rows of what is handed on, without an order."""
    return {name: sorted(map(str, table.to_pylist())) for name, table in tables.items()}


def one_by_one(bills: pa.Table, law: BatchLaw, start: Tables) -> tuple[list[Any], Tables]:
    """What bills come to in chains that begin with a start, and what the chains hand on."""
    results, chains = empty_results(len(bills)), start_chains(start)
    for row, (person, sent) in enumerate(zip(bills.column("person_id").to_pylist(), sents(bills), strict=True)):
        put(results, row, settled(chains.setdefault(person, Chain()), sent, law))
    return rows_said(results), tables_of(chains)


def compared(rows: list[Row], law: BatchLaw, start: Brought) -> Brought:
    """Bills computed together after a start, however few, where they and what they hand on agree with the same one by
    one."""
    bills = spread(rows)
    alone, left = one_by_one(bills, law, start.tables)
    for few in (0, 5):
        gone = gone_on(bills, law, start, few)
        for row, ours, theirs in zip(bills.to_pylist(), rows_said(gone.computed.results), alone, strict=True):
            assert ours == theirs, row
        handed = handed_on(gone)
        assert {name: table.schema for name, table in handed.items()} == {n: t.schema for n, t in left.items()}
        assert said(handed) == said(left)
    return Brought(**left)


def halves(rows: list[Row], law: BatchLaw, cut: int) -> Brought:
    """Two runs, the second of which goes on after the first."""
    first = compared([row for row in rows if row["settle_order"] <= cut], law, nothing_brought())
    compared([row for row in rows if row["settle_order"] > cut], law, first)
    return first


def admissions(rng: random.Random, model: Row, number: int) -> list[Row]:
    """A person's many stays of one year, at a few hospitals of a few levels: some laws number them so."""
    person = model | {"person_id": f"R{number}", "medical_type": "21", "delivery_mode": None, "work_injury": "none"}
    person |= {"own_expense": 0, "over_limit": 0, "first_pay": 0, "in_scope": 900_000, "total": 900_000}
    return [
        person
        | {"bill_id": f"R{number}/{order}", "visit_id": f"R{number}/{order}", "settle_order": order}
        | {"hospital_code": f"H{rng.choice('ab')}", "hospital_level": rng.choice((1, 2))}
        for order in range(1, 7)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_bills_go_on_by_columns_as_they_do_one_by_one(name: str) -> None:
    """Every pack: random persons and bills alike, cut somewhere; some persons have no bill in the second run, some
    none in the first."""
    rng = random.Random(f"handed on {name}")
    book = pack_book(name)
    rows = random_rows(rng, book.packs[name], SIZE)
    more = clones(rng, rows[:4], 12)
    rows += [row | {"settle_order": order, "visit_id": f"{row['visit_id']}/{order}",
                    "bill_id": f"{row['bill_id']}/{order}"} for row in more for order in (2, 4)]  # fmt: skip
    rows += [row for number, model in enumerate(rows[:6]) for row in admissions(rng, model, number)]
    first = halves(rows, BatchLaw(book), rng.choice((2, 3)))
    assert len(first.years) > len(odd_persons(first))


def test_admissions_go_on_that_are_counted_by_level() -> None:
    """A law like Hulunbuir's whose deductible falls with each admission at a level."""
    text = pack_book("hulunbuir").packs["hulunbuir"].texts["hulunbuir"]
    book = load_book({"hulunbuir": text.replace("counted_at: hospital", "counted_at: level")})
    rng = random.Random(3)
    models = random_rows(rng, book.packs["hulunbuir"], 6)
    rows = [row for number, model in enumerate(models) for row in admissions(rng, model, number)]
    halves(rows, BatchLaw(book), 2)


def test_lines_transfers_and_interim_bills_go_on() -> None:
    """Random person-years of every kind, cut after each of their first bills."""
    rows = [row | {"person_id": f"{row['person_id']}-{seed}"} for seed in range(40) for row in rows_of_year(seed)]
    assert [len(odd_persons(halves(rows, BatchLaw(BOOK), cut))) > 0 for cut in (1, 2, 3)] == [False, True, True]


def pairs(number: int, **changes: Any) -> list[Row]:
    """Two stays of a person, the second in the next run."""
    who = {"person_id": f"P{number}"} | changes
    return [bill(bill_id=f"P{number}-{order}", visit_id=f"V{order}", settle_order=order, **who) for order in (1, 2)]


ODD = ("unknown episode", "episode of two", "episode of another name", "stay without its episode", "large year")


@pytest.mark.parametrize("odd", ODD)
def test_what_columns_do_not_tell_goes_on_one_by_one(odd: str) -> None:
    """A start that no run of ours wrote so: the persons concerned are computed in chains, with the same amounts."""
    rows = [row for number in range(8) for row in pairs(number)]
    start = compared([row for row in rows if row["settle_order"] == 1], BatchLaw(BOOK), nothing_brought())
    years, episodes, visits = (start.tables[name].to_pylist() for name in ("years", "episodes", "visits"))
    if odd == "unknown episode":
        episodes[0]["episode"] = []
    elif odd == "episode of two":
        episodes[0]["episode"] = ["H1/V1", "H1/V2"]
    elif odd == "episode of another name":
        visits[0]["episode"] = ["H2/V1"]
    elif odd == "stay without its episode":
        del episodes[0]
    else:
        years[0]["basic_paid"] = 2**62
    changed = Brought(
        pa.Table.from_pylist(years, start.years.schema),
        pa.Table.from_pylist(episodes, EPISODE),
        pa.Table.from_pylist(visits, VISIT),
    )
    assert odd_persons(changed).to_pylist() == ["P0"]
    compared([row for row in rows if row["settle_order"] == 2], BatchLaw(BOOK), changed)


def test_the_file_of_visits_may_be_missing() -> None:
    """With years and episodes alone bills go on by columns as they do one by one."""
    rows = [row for number in range(8) for row in pairs(number)]
    start = compared([row for row in rows if row["settle_order"] == 1], BatchLaw(BOOK), nothing_brought())
    bare = Brought(start.years, start.episodes, VISIT.empty_table())
    assert not len(odd_persons(bare))
    compared([row for row in rows if row["settle_order"] == 2], BatchLaw(BOOK), bare)
    again = [row | {"settle_seq": 2} for row in rows if row["settle_order"] == 1]
    compared(again, BatchLaw(BOOK), bare)


def test_a_person_without_bills_hands_on_what_they_brought() -> None:
    """Years, episodes and visits of whom nothing is computed stay as they were."""
    rows = [row for number in range(8) for row in pairs(number)]
    start = compared(rows, BatchLaw(BOOK), nothing_brought())
    left = compared(pairs(99), BatchLaw(BOOK), start)
    assert len(left.years) == len(start.years) + 1
