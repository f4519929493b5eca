"""Bills compared under two laws by column, against the same bills compared person by person."""

import random
from datetime import date, timedelta
from itertools import groupby

import pytest
from msgspec import structs

from app.batch.chain import Law, own_faults
from app.batch.compared import INCOMES, ComputedTwice, Laws, StandsAt, Tally, compare_person
from app.batch.law import BatchLaw
from app.batch.sent import Sent
from app.batch.twofold import tally_of, twofold
from app.batch.twofold_settled import tally_of_chains
from app.reform.job import one_by_one
from app.tiers.model import OwnFigure, Portions
from app.tiers.policy import Policy
from tests.batch.files import bill, rows_of_year
from tests.batch.test_waves import BOOK, NAMES, SIZE, Row, clones, pack_book, random_rows, sents, spread
from tests.employees import FIGURES, HEAD, LARGE, POOLED, RULES
from tests.tiers.packs import book_of, pack_text


def later(law: Law, days: int) -> Law:
    """The same law some days before it is one: other figures, and bills that only one of both refuses."""

    def found(day: date, area_code: str, insurance_type: str) -> tuple[Policy | None, tuple[str, ...]]:
        return law(day + timedelta(days), area_code, insurance_type)

    return found


def compared(rows: list[Row], laws: Laws) -> Tally:
    """What bills come to that are counted by column, however few together, where it is what it is person by person."""
    bills, expected = spread(rows), Tally()
    listed = zip(bills.column("person_id").to_pylist(), sents(bills), strict=True)
    for _, chain in groupby(listed, key=lambda one: one[0]):
        compare_person([ComputedTwice(sent, laws) for _, sent in chain], expected)
    for few in (0, 5):
        assert tally_of(twofold(bills, laws), few) == expected
    return expected


@pytest.mark.parametrize("name", NAMES)
def test_two_laws_are_counted_by_column_as_person_by_person(name: str) -> None:
    """Every pack against itself some years later: cells, burdens and refusals, in the order of the persons."""
    rng = random.Random(f"twofold {name}")
    book = pack_book(name)
    law = BatchLaw(book)
    rows = random_rows(rng, book.packs[name], SIZE)
    rows += clones(rng, rows[:4], 12)
    tally = compared(rows, (law, later(law, rng.choice((200, 700, 1500)))))
    assert tally.bills + tally.refused.get("baseline", 0) > SIZE


def test_lines_transfers_and_interim_bills_are_counted() -> None:
    """Random person-years of every kind under Yunnan's law of their days and of three years later."""
    rows = [row | {"person_id": f"{row['person_id']}-{seed}"} for seed in range(60) for row in rows_of_year(seed)]
    tally = compared(rows, (BatchLaw(BOOK), later(BatchLaw(BOOK), 1000)))
    assert tally.persons > 30
    assert any(burden.loss for burden in tally.burdens)


def test_nobody_is_counted_of_no_bills() -> None:
    """Bills that both laws refuse are refusals and nothing else."""
    rows = [row | {"area_code": "110101"} for row in rows_of_year(1)]
    tally = compared(rows, (BatchLaw(BOOK), BatchLaw(BOOK)))
    assert (tally.persons, tally.cells, tally.refused) == (0, {}, {"baseline": len(rows), "reform": len(rows)})


def test_employees_bills_of_files_are_paid_by_their_own_funds() -> None:
    """Files say the insurance type, the pack its funds: of residents' and employees' bills together each fund has its
    own, by column and person by person."""
    both = HEAD.replace('["310"]', '["390", "310"]')
    book = book_of(pack_text(RULES, FIGURES).replace('areas: ["99"]\n', both))
    rows = [
        bill(bill_id=f"B{number}", person_id=f"P{number}", total=400_000, in_scope=400_000, insurance_type=kind)
        for number, kind in enumerate([None, "310", "310"])
    ]
    tally = compared(rows, (BatchLaw(book), BatchLaw(book)))
    paid = {fund: cell.baseline for (by, fund), cell in tally.cells.items() if by == "fund"}
    assert paid == {"390100": 200_000, "390200": 100_000, POOLED: 400_000, LARGE: 200_000}


def stood(rng: random.Random, sent: Sent, laws: Laws) -> ComputedTwice:
    """A bill as if it had been settled, with amounts of its own."""
    portions = Portions(*(rng.choice((0, rng.randrange(10**6))) for _ in Portions.__struct_fields__))
    known = sent._replace(episode=(sent.visit,))
    return ComputedTwice(known, laws, rng.random() < 0.9, StandsAt(rng.randrange(10**6), portions))


@pytest.mark.parametrize("name", NAMES)
def test_settlements_are_counted_by_column_as_person_by_person(name: str) -> None:
    """Every pack: chains of settlements, of which some don't count, some have own figures and some were paid by the
    person first."""
    rng = random.Random(f"settled {name}")
    book = pack_book(name)
    laws = BatchLaw(book), later(BatchLaw(book), 700)
    rows = random_rows(rng, book.packs[name], SIZE)
    chains: dict[str, list[ComputedTwice]] = {}
    for sent in sents(spread(rows + clones(rng, rows[:3], 8))):
        if sent.codes or own_faults(sent):
            continue
        if rng.random() < 0.1:
            sent = sent._replace(bill=structs.replace(sent.bill, paid_by_patient=True))
        if rng.random() < 0.3:
            own = OwnFigure(rng.choice(INCOMES), 1_000_00, "county", "1", "enacted")
            sent = sent._replace(facts=structs.replace(sent.facts, own_figures=(own,)))
        chains.setdefault(sent.facts.person_id, []).append(stood(rng, sent, laws))
    expected = one_by_one(list(chains.values()))
    assert tally_of_chains(list(chains.values())) == expected
    assert expected.differing > SIZE // 3


def test_nothing_settled_is_nothing_counted() -> None:
    """Of no chains there is an empty tally."""
    assert tally_of_chains([]) == Tally()
