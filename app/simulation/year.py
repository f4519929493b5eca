"""A year of clearing, invented from a seed and driven through a real service on the manual clock; any seed replays."""

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from random import Random
from typing import Final

from msgspec import Struct

from app.simulation.agenda import Agenda
from app.simulation.auditor import Auditor
from app.simulation.books import following
from app.simulation.cashier import Cashier
from app.simulation.comparison import compared
from app.simulation.office import Office
from app.simulation.paymaster import Paymaster
from app.simulation.treasury import Treasury
from app.simulation.world import AREAS, World

START: Final = date(2018, 1, 2)
LATE_LISTS: Final = 0.5
CLOSED_ON, RELEASED_ON, LATE_REVERSALS, LATE_REVERSED_ON = (3, 5), (4, 10), 3, (3, 12)


class Wanted(Struct, frozen=True):
    """The size of a simulation: months in which bills are settled, bills per hospital and month about as many as ``bills``."""

    seed: int
    hospitals: int = 4
    months: int = 13
    bills: int = 4


class Outcome(Struct):
    """What a simulation was, and every difference between the service and the auditor."""

    hospital_months: int
    settlements: int
    calls: int
    refusals: int
    accounts: int
    comparisons: int
    events: dict[str, int]
    differences: list[str]


def simulate(
    base_url: str, admin_token: str, wanted: Wanted, *, fee_fen: int | None, progress: Callable[[date], None]
) -> Outcome:
    """Run a simulation on a service whose database is new. ``fee_fen`` is the family doctors' fee that it was started with;
    ``progress`` is told each day. SimulationError when the service refuses what it must accept, or accepts what it must refuse."""
    office = Office(base_url, admin_token, Auditor(fee=fee_fen), wanted.seed, START)
    try:
        office.open()
        return _Year(office, wanted).run(progress)
    finally:
        office.close()


class _Year:
    def __init__(self, office: Office, wanted: Wanted) -> None:
        self.office, self.wanted, self.random = office, wanted, Random(wanted.seed)
        self.agenda = Agenda()
        self.world = World(office, self.random, wanted.hospitals)
        self.cashier = Cashier(office, self.world, self.agenda, self.random)
        self.paymaster = Paymaster(office, self.world, self.agenda, self.random)
        self.treasury = Treasury(office, self.world, self.paymaster, self.random)
        self.differences: list[str] = []
        self.comparisons = 0

    def run(self, progress: Callable[[date], None]) -> Outcome:
        """Plan the months and do them."""
        self.world.contracts(START)
        self.agenda.at(START, lambda: self.treasury.prepay(START.year))
        period = f"{START:%Y-%m}"
        for _ in range(self.wanted.months):
            self._plan(period)
            period = following(period, 1)[:7]
        if period > f"{START.year + 1}-01":
            self._plan_year_end(START.year)

        def arrive(day: date) -> None:
            self.office.on(day)
            progress(day)

        self.agenda.run(arrive)
        self._compare(self.office.day)
        auditor = self.office.auditor
        return Outcome(
            hospital_months=self.wanted.hospitals * self.wanted.months,
            settlements=self.cashier.settled,
            calls=self.office.calls,
            refusals=self.office.refusals,
            accounts=len(auditor.books.balances()),
            comparisons=self.comparisons,
            events=_events(auditor),
            differences=auditor.differences + self.differences,
        )

    def _plan(self, period: str) -> None:
        first, end = date.fromisoformat(f"{period}-01"), date.fromisoformat(following(period, 1))
        since = max(first, START)
        for hospital in self.world.hospitals:
            self.cashier.month(hospital, since, (end - since).days, self.wanted.bills)
            for area in AREAS:
                day = end + timedelta(days=self.random.randrange(1, 10))
                self.agenda.at(day, partial(self.paymaster.declare, hospital, area, period))
        if self.random.random() < LATE_LISTS:
            person = self.random.choice(list(self.world.persons))
            self.agenda.at(end + timedelta(days=3), lambda: self.cashier.late_list(person, since.year))
        for area in AREAS:
            self.agenda.at(end + timedelta(days=12), partial(self.treasury.report, area, period))
            self.agenda.at(end + timedelta(days=27), partial(self.treasury.close_month, area, period))
        self.agenda.at(end + timedelta(days=26), lambda: self._compare(self.office.day))

    def _plan_year_end(self, year: int) -> None:
        after = year + 1
        for area in AREAS:
            self.agenda.at(date(after, *CLOSED_ON), partial(self.treasury.close_year, area, year))
        self.agenda.at(date(after, *CLOSED_ON), lambda: self._compare(date(year, 12, 31)))
        self.agenda.at(date(after, *LATE_REVERSED_ON), self._reverse_late)
        self.agenda.at(date(after, *RELEASED_ON), lambda: self.treasury.release(year, self.office.day))

    def _reverse_late(self) -> None:
        """Settlements of the closed year are taken back in the next one."""
        known = [
            shown
            for shown in self.office.auditor.known
            if shown.startswith("set_") and shown not in self.cashier.reversed
        ]
        for shown in known[:LATE_REVERSALS]:
            self.cashier.reverse(shown)

    def _compare(self, as_of: date) -> None:
        years = tuple(range(START.year, self.office.day.year + 1))
        self.differences += compared(self.office, AREAS, years, as_of)
        self.comparisons += 1


def _events(auditor: Auditor) -> dict[str, int]:
    """How often each event was posted; ``-`` before those that go the other way."""
    names = [f"{'-' * (one.amount < 0)}{one.event}" for book in auditor.books.values() for one in book]
    return dict(sorted(Counter(names).items()))
