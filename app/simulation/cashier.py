"""What hospitals do in a simulated year: bills, late bills, reversals, refunds; and lists that come late."""

from datetime import date, timedelta
from functools import partial
from random import Random
from typing import Any, Final

from app.simulation.agenda import Agenda
from app.simulation.office import MAKER, Office
from app.simulation.world import World

LATE_BILL, PAID_BY_PATIENT, REVERSED, REFUNDED, TWICE, INJURED = 0.06, 0.03, 0.07, 0.05, 0.03, 0.04
REASON: Final = {"reason": "模拟更正"}
GONE: Final = ("already_reversed", "nothing_to_refund", "refund_exceeds_line", "later_settlements_exist")

Body = dict[str, Any]


class Cashier:
    """Bills of a month at a time, and what becomes of them later."""

    def __init__(self, office: Office, world: World, agenda: Agenda, random: Random) -> None:
        self.office, self.world, self.agenda, self.random = office, world, agenda, random
        self.reversed: set[str] = set()
        self.settled = 0

    def month(self, hospital: str, first: date, days: int, bills: int) -> None:
        """Plan a month's bills of a hospital: about as many as ``bills``, some of them settled late."""
        for _ in range(self.random.randrange(max(0, bills - 2), bills + 3)):
            day = first + timedelta(days=self.random.randrange(days))
            late = self.random.randrange(10, 70) if self.random.random() < LATE_BILL else self.random.randrange(3)
            self.agenda.at(day + timedelta(days=late), partial(self._settle, hospital, day))

    def _settle(self, hospital: str, discharged: date) -> None:
        bill = self.world.bill(hospital, discharged)
        who = hospital
        if self.random.random() < PAID_BY_PATIENT:
            bill, who = bill | {"paid_by": "patient"}, MAKER
        elif bill["medical_type"] == "21" and self.random.random() < INJURED:
            bill = bill | {"work_injury": "undeterminable"}
        answer = self.office.post(who, "/settlements", bill)
        self.settled += 1
        if self.random.random() < TWICE:
            self.office.refused(who, "/settlements", bill, "already_settled")
        self._correct_later(answer, bill)

    def _correct_later(self, answer: Body, bill: Body) -> None:
        later = self.office.day + timedelta(days=self.random.randrange(1, 90))
        fate = self.random.random()
        if answer["recoverable"]:
            self.agenda.at(later, lambda: self._recover(answer["settlement_id"]))
        elif fate < REVERSED:
            self.agenda.at(later, lambda: self.reverse(answer["settlement_id"]))
        elif fate < REVERSED + REFUNDED:
            line = self.random.choice(bill["lines"])["line_no"]
            self.agenda.at(later, lambda: self._refund(answer["settlement_id"], line))

    def reverse(self, settlement: str) -> None:
        """Take a settlement back, with whatever later ones are different without it."""
        if settlement not in self.reversed:
            self.reversed.add(settlement)
            self.office.post(MAKER, f"/settlements/{settlement}/reversal", REASON | {"cascade": True})
        self.office.refused(MAKER, f"/settlements/{settlement}/reversal", REASON, "already_reversed")

    def _recover(self, settlement: str) -> None:
        """The injury was recognised: another party is liable for the bill."""
        if settlement not in self.reversed:
            self.reversed.add(settlement)
            body = REASON | {"document": "工伤认定书", "cascade": True}
            self.office.post(MAKER, f"/settlements/{settlement}/recovery", body)

    def _refund(self, settlement: str, line: int) -> None:
        body = REASON | {"lines": [{"line_no": line, "quantity": "1"}], "cascade": True}
        self.office.attempt(MAKER, f"/settlements/{settlement}/refunds", body, *GONE)

    def late_list(self, person: str, year: int) -> None:
        """A person turns out to have been poor, or not, since the year began: the year is computed again."""
        body = self.world.persons[person]
        others = [name for name in ("registered_poor", "low_income", "ordinary") if name != _class(body)]
        chosen = self.random.choice(others)
        identities = [] if chosen == "ordinary" else [{"class": chosen, "from": f"{year}-01-01"}]
        self.world.put_person(person, body | {"identities": identities})
        path = f"/persons/{person}/years/{year}/readjudication"
        self.office.post(MAKER, path, {"reason": "名单迟到", "dry_run": False})


def _class(body: Body) -> str:
    return str(body["identities"][0]["class"]) if body["identities"] else "ordinary"
