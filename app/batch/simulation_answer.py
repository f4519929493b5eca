"""What a reform would have cost, and whom: the answer, made of counts and sums alone. Pure.

What is of too few persons is kept back (``suppression.py``).
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from msgspec import Struct

from app.basics.money import RATE_ONE, share, yuan
from app.batch.compared import FUND_YEAR, Burden, Cell, Tally, payout_ratio
from app.batch.suppression import LEAST_PERSONS, suppressed
from app.tiers.policy import PolicyBook

BY: Final = ("fund", "area", "class", "hospital_level", "month")
DECILES: Final = 10
MOST_WORST: Final = 10
HEAVY: Final = (1000, 4000)
"""Shares of the income in force above which a burden is counted, ten-thousandths."""
COARSE: Final = 10_000
"""Amounts of single cases are shown to the next 100 yuan (in fen)."""


class SimulationCell(Struct):
    """Money of one kind of bills, yuan; null where it is kept back."""

    by: str
    key: str
    persons: int
    bills: int
    baseline: str | None
    reform: str | None
    difference: str | None
    suppressed: bool


class Group(Struct, rename={"class_": "class"}):
    """Persons whose burden changes: how many person-years, and by how much together, yuan."""

    class_: str
    persons: int
    amount: str | None
    suppressed: bool


class Decile(Struct):
    """A tenth of the person-years by their burden under the pack: what they bear together, yuan."""

    decile: int
    persons: int
    baseline: str | None
    reform: str | None
    difference: str | None
    suppressed: bool


class Heavy(Struct):
    """The part of the person-years whose burden is above a share of the income in force, ten-thousandths."""

    above: str
    persons: int
    baseline: int | None
    reform: int | None
    suppressed: bool


class WorstCase(Struct, rename={"class_": "class"}):
    """A person-year that loses much, without a trace of whose it is: amounts to the next 100 yuan."""

    class_: str | None
    year: int
    baseline: str
    reform: str
    difference: str


class FloorEffect(Struct):
    """What a fund must have paid by 31 December, yuan."""

    fund: str
    year: int
    ratio: str
    baseline: str | None
    reform: str | None
    difference: str | None
    suppressed: bool


class BudgetEffect(Struct):
    """The funds' cost against a budget, yuan; null where the total is kept back."""

    budget: str
    baseline_left: str | None
    reform_left: str | None


class StoredDiffers(Struct):
    """Settlements that the unchanged pack computes otherwise than they stand: how many, and by how much more the funds
    would pay for them, yuan; null where the total is kept back."""

    bills: int
    amount: str | None


class Simulation(Struct):
    """The answer of a simulation. ``refused``: bills that a law refuses, which count nowhere else. ``stored_differs``
    is there when settlements were simulated."""

    pack: str
    reform: str
    persons: int
    bills: int
    refused: dict[str, int]
    total: SimulationCell
    cells: list[SimulationCell]
    deciles: list[Decile]
    heavy: list[Heavy]
    gainers: list[Group]
    losers: list[Group]
    worst: list[WorstCase]
    floor: list[FloorEffect]
    budget: BudgetEffect | None = None
    stored_differs: StoredDiffers | None = None


def answer_of(
    tally: Tally, names: tuple[str, str], book: PolicyBook, budget: int | None, *, stored: bool = False
) -> Simulation:
    """What was counted, as the answer; ``stored``: of settlements."""
    lists = {by: {key: cell for (kind, key), cell in sorted(tally.cells.items()) if kind == by} for by in BY}
    hidden = {by: _hidden(cells, overlapping=by == "fund") for by, cells in lists.items()}
    # what a class costs more is what those bear less who gain in it: kept back there, it isn't shown here
    hidden["class"] = _hidden(lists["class"], besides=_few_moved(tally.burdens))
    whole = Cell(tally.persons, tally.bills)
    for cell in lists["month"].values():
        whole.add(Cell(0, 0, cell.baseline, cell.reform))
    # a list of which nothing is left to show tells nothing beside its total, which then says what the cells say
    total_hidden = 0 < tally.persons < LEAST_PERSONS
    if total_hidden:
        hidden = {by: set(cells) for by, cells in lists.items()}
    gainers, losers = _moved(tally.burdens, hidden["class"])
    return Simulation(
        *names,
        tally.persons,
        tally.bills,
        {side: tally.refused.get(side, 0) for side in ("baseline", "reform")},
        _shown("total", "", whole, hidden=total_hidden),
        [_shown(by, key, cell, hidden=key in hidden[by]) for by in BY for key, cell in lists[by].items()],
        _deciles(tally.burdens),
        _heavy(tally.burdens),
        gainers,
        losers,
        _worst(tally.burdens, hidden["class"]),
        _floor(tally, hidden["fund"], book),
        None if budget is None else _budget(budget, whole, hidden=total_hidden),
        _stored_differs(tally, hidden=total_hidden) if stored else None,
    )


def _stored_differs(tally: Tally, *, hidden: bool) -> StoredDiffers:
    return StoredDiffers(tally.differing, None if hidden and tally.differing else yuan(tally.difference))


def _hidden(cells: dict[str, Cell], *, overlapping: bool = False, besides: Collection[str] = ()) -> set[str]:
    return suppressed({key: cell.persons for key, cell in cells.items()}, overlapping=overlapping, besides=besides)


def _money(baseline: int, reform: int, *, hidden: bool) -> tuple[str | None, str | None, str | None, bool]:
    """Baseline, reform, difference, and whether they are kept back."""
    if hidden:
        return None, None, None, True
    return yuan(baseline), yuan(reform), yuan(reform - baseline), False


def _shown(by: str, key: str, cell: Cell, *, hidden: bool) -> SimulationCell:
    return SimulationCell(by, key, cell.persons, cell.bills, *_money(cell.baseline, cell.reform, hidden=hidden))


def _deciles(burdens: Sequence[Burden]) -> list[Decile]:
    """The tenths of the person-years, the least burdened first."""
    ordered = sorted(burdens, key=lambda one: (one.baseline, one.reform))
    tenths = [
        ordered[len(ordered) * number // DECILES : len(ordered) * (number + 1) // DECILES] for number in range(DECILES)
    ]
    hidden = suppressed({number: len(tenth) for number, tenth in enumerate(tenths)})
    return [
        Decile(
            number + 1,
            len(tenth),
            *_money(*_sums(tenth), hidden=number in hidden or not tenth),
        )
        for number, tenth in enumerate(tenths)
    ]


def _sums(burdens: Iterable[Burden]) -> tuple[int, int]:
    listed = list(burdens)
    return sum(one.baseline for one in listed), sum(one.reform for one in listed)


def _heavy(burdens: Sequence[Burden]) -> list[Heavy]:
    known = [one for one in burdens if one.income]
    rows = []
    for above in HEAVY:
        counts = [
            sum(amount > share(one.income or 0, above) for one, amount in pairs)
            for pairs in ([(one, one.baseline) for one in known], [(one, one.reform) for one in known])
        ]
        few = any(0 < count < LEAST_PERSONS or 0 < len(known) - count < LEAST_PERSONS for count in counts)
        parts = [None if few or not known else count * RATE_ONE // len(known) for count in counts]
        rows.append(Heavy(f"{above // 100}%", len(known), parts[0], parts[1], few))
    return rows


def _moved(burdens: Sequence[Burden], hidden: set[str]) -> tuple[list[Group], list[Group]]:
    """Those who bear less and those who bear more, by class. Both of a class are kept back together, since their
    difference is that of the class."""
    counts, kept = _counts_moved(burdens), hidden | _few_moved(burdens)
    rows: tuple[list[Group], list[Group]] = [], []
    for (class_, loses), (count, amount) in sorted(counts.items()):
        rows[loses].append(Group(class_, count, None if class_ in kept else yuan(amount), class_ in kept))
    return rows


def _counts_moved(burdens: Sequence[Burden]) -> dict[tuple[str, bool], list[int]]:
    """By class, and whether they lose: how many person-years, and by how much together, fen."""
    counts: dict[tuple[str, bool], list[int]] = {}
    for one in burdens:
        if one.loss:
            found = counts.setdefault((one.class_, one.loss > 0), [0, 0])
            found[0] += 1
            found[1] += abs(one.loss)
    return counts


def _few_moved(burdens: Sequence[Burden]) -> set[str]:
    """The classes of which too few gain or lose."""
    few = suppressed({key: count for key, (count, _) in _counts_moved(burdens).items()})
    return {class_ for class_, _ in few}


def _worst(burdens: Sequence[Burden], hidden: set[str]) -> list[WorstCase]:
    losing = sorted((one for one in burdens if one.loss > 0), key=lambda one: (-one.loss, -one.baseline))
    if len(losing) < LEAST_PERSONS:
        return []
    return [
        WorstCase(
            None if one.class_ in hidden else one.class_,
            one.year,
            *(_coarse(amount) for amount in (one.baseline, one.reform, one.loss)),
        )
        for one in losing[:MOST_WORST]
    ]


def _coarse(amount: int) -> str:
    return yuan((amount + COARSE // 2) // COARSE * COARSE)


def _floor(tally: Tally, hidden: set[str], book: PolicyBook) -> list[FloorEffect]:
    by_fund: dict[str, dict[str, Cell]] = {}
    for (kind, key), cell in sorted(tally.cells.items()):
        if kind == FUND_YEAR:
            fund, _, year = key.partition(" ")
            by_fund.setdefault(fund, {})[year] = cell
    rows = []
    for fund, years in by_fund.items():
        few = set(years) if fund in hidden else _hidden(years, overlapping=True)
        for year, cell in years.items():
            ratio = payout_ratio(book, fund, int(year))
            if ratio is not None:
                owed = share(cell.baseline, ratio), share(cell.reform, ratio)
                rows.append(FloorEffect(fund, int(year), f"{ratio // 100}%", *_money(*owed, hidden=year in few)))
    return rows


def _budget(budget: int, whole: Cell, *, hidden: bool) -> BudgetEffect:
    left = [None if hidden else yuan(budget - amount) for amount in (whole.baseline, whole.reform)]
    return BudgetEffect(yuan(budget), left[0], left[1])
