"""Months of clearing, invented from a seed and driven through a real service on the manual clock; any seed replays."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from random import Random
from typing import Final

from msgspec import Struct

from app.simulation.agenda import Agenda
from app.simulation.auditor import Auditor
from app.simulation.cashier import Cashier
from app.simulation.comparison import Comparison
from app.simulation.desks.closings import ClosingDesk
from app.simulation.model.amounts import following
from app.simulation.model.state import ModelState
from app.simulation.office import Office, SimulationError
from app.simulation.stage import Diverged, Stage
from app.simulation.trespass.trespasser import Trespasser
from app.simulation.walk import Walk
from app.simulation.world import AREAS, World

START: Final = date(2018, 1, 2)
LATE_LISTS, SLOPPY, CLOSED_EARLY = 0.5, 0.15, 0.2
TRESPASSED_ON: Final = (2, 8, 14, 20)
CLOSED_ON, RELEASED_ON, LATE_REVERSALS, LATE_REVERSED_ON = (3, 5), (2, 26), 3, (3, 12)
AFTERWARDS: Final = 40


class YearRequest(Struct, frozen=True):
    """The size of a simulation: months in which bills are settled, bills per hospital and month about as many as
    ``bills``."""

    seed: int
    hospitals: int = 4
    months: int = 16
    bills: int = 4


class YearOutcome(Struct):
    """What a simulation was, and every difference between the service and the auditor. ``kinds`` counts illegal moves
    by what was illegal."""

    hospital_months: int
    settlements: int
    calls: int
    comparisons: int
    moves: dict[str, int]
    kinds: dict[str, int]
    differences: list[str]


def simulate(
    base_url: str, admin_token: str, wanted: YearRequest, *, fee_fen: int, progress: Callable[[date], None]
) -> YearOutcome:
    """Run a simulation on a service whose database is new. ``fee_fen`` is the family doctors' fee that it was started
    with; ``progress`` is told each day. SimulationError when the service breaks down or refuses a bill."""
    office = Office(base_url, admin_token, wanted.seed, START)
    try:
        office.open()
        return _Year(office, wanted, fee_fen).run(progress)
    finally:
        office.close()


class _Year:
    def __init__(self, office: Office, wanted: YearRequest, fee_fen: int) -> None:
        self.wanted, self.random, self.agenda = wanted, Random(wanted.seed), Agenda()
        world = World(office, self.random, wanted.hospitals)
        self.stage = Stage(office, ModelState(str(START)), world, self.random)
        self.auditor = Auditor(self.stage.state, fee_fen)
        self.cashier = Cashier(self.stage, self.auditor, self.agenda)
        self.walk = Walk(self.stage, self.auditor)
        self.closing = ClosingDesk(self.stage)
        self.comparison, self.trespasser = Comparison(self.stage), Trespasser(self.stage)

    def run(self, progress: Callable[[date], None]) -> YearOutcome:
        """Plan the months and do them, day by day; what diverges ends the seed."""
        self.stage.world.contracts(START)
        self.auditor.contracts = self.stage.world.doctors
        self._plan_all()
        try:
            self.agenda.run(lambda day: self._arrive(day, progress))
        except Diverged:
            pass
        except SimulationError as error:
            self.stage.differences.append(f"seed {self.wanted.seed} {error}")
        return YearOutcome(
            hospital_months=self.wanted.hospitals * self.wanted.months,
            settlements=self.cashier.settled,
            calls=self.stage.office.calls,
            comparisons=self.stage.comparisons,
            moves=dict(sorted(self.stage.moves.items())),
            kinds=dict(sorted(self.stage.kinds.items())),
            differences=self.stage.differences,
        )

    def _arrive(self, day: date, progress: Callable[[date], None]) -> None:
        self.stage.office.on(day)
        self.stage.state.today = str(day)
        progress(day)

    def _plan_all(self) -> None:
        period = f"{START:%Y-%m}"
        for _ in range(self.wanted.months):
            self._plan(period)
            period = following(period, 1)[:7]
        for year in range(START.year, int(period[:4])):
            self._plan_year_end(year)
        end = date.fromisoformat(f"{period}-01") + timedelta(days=AFTERWARDS)
        day = START
        while day <= end:
            self.agenda.at(day, self.walk.day)
            day += timedelta(days=self.random.randrange(1, 4))
        self.agenda.at(end, self.trespasser.day)
        self.agenda.at(end, lambda: self._compare(str(end), all_objects=True))

    def _plan(self, period: str) -> None:
        first, end = date.fromisoformat(f"{period}-01"), date.fromisoformat(following(period, 1))
        since = max(first, START)
        for hospital in self.stage.world.hospitals:
            self.cashier.month(hospital, since, (end - since).days, self.wanted.bills)
            for area in AREAS:
                day = end + timedelta(days=self.random.randrange(1, 40 if self.random.random() < SLOPPY else 10))
                self.agenda.at(day, partial(self.walk.declare, hospital, area, period))
        if self.random.random() < LATE_LISTS:
            person = self.random.choice(list(self.stage.world.persons))
            self.agenda.at(end + timedelta(days=3), lambda: self.cashier.late_list(person, since.year))
        for area in AREAS:
            self.agenda.at(end + timedelta(days=12), partial(self.closing.report, area, period))
            self.agenda.at(end + timedelta(days=34), partial(self.walk.close_month, area, period))
            if self.random.random() < CLOSED_EARLY:
                self.agenda.at(end + timedelta(days=1), partial(self.walk.close_month, area, period, hard=0))
        for days in TRESPASSED_ON:
            self.agenda.at(end + timedelta(days=days), self.trespasser.day)
        self.agenda.at(end + timedelta(days=26), lambda: self._compare(self.stage.state.today, all_objects=False))

    def _plan_year_end(self, year: int) -> None:
        for area in AREAS:
            self.agenda.at(date(year + 1, *CLOSED_ON), partial(self._close_year, area, year))
        closed = date(year + 1, *CLOSED_ON)
        self.agenda.at(closed, lambda: self._compare(f"{year}-12-31", all_objects=True))
        self.agenda.at(date(year + 1, *RELEASED_ON), partial(self.walk.release, year))
        self.agenda.at(date(year + 1, *LATE_REVERSED_ON), partial(self._reverse_late, year))

    def _close_year(self, area: str, year: int) -> None:
        """Close a year, with an exception where it is below the floor; a second time is refused."""
        if not self.closing.close_year(area, year):
            self.closing.excuse(area, year)
            self.closing.close_year(area, year)
        self.closing.close_year(area, year)

    def _reverse_late(self, year: int) -> None:
        """Settlements of the closed year are taken back in the next one."""
        known = [one for one in self.auditor.bills.values() if one.benefit_year == year and not one.reversed]
        for one in known[:LATE_REVERSALS]:
            self.cashier.reverse(one.shown)

    def _compare(self, as_of: str, *, all_objects: bool) -> None:
        years = tuple(range(START.year, int(self.stage.state.today[:4]) + 1))
        self.comparison.everything(AREAS, years, as_of, all_objects=all_objects)
