"""An auditor of clearing: reads what was asked and answered, and says what every account and payout figure must be.

Written from docs/specification/clearing.md and docs/decisions/0013-clearing.md; shares no code with the services. Money
is fen. What an answer of settling says the funds owe is taken as given; all that follows from it is computed here.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from app.simulation.books import DECLARED, HELD, PAY_BY_DAY, Books, Purse, fen, following, share

DEPOSIT_RATE, APPEAL_DAYS = 500, 15
Body = Mapping[str, Any]


@dataclass
class Auditor:
    """The books as they must be; ``differences`` collects answers that are not what the rules make of the earlier
    ones."""

    fee: int | None = None
    books: Books = field(default_factory=Books)
    known: dict[str, dict[str, Any]] = field(
        default_factory=lambda: defaultdict(lambda: {"deductions": [], "of": None})
    )
    carriers: dict[Purse, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    prepaid: Counter[tuple[Purse, int]] = field(default_factory=Counter)
    charged: set[tuple[str, str]] = field(default_factory=set)
    closed: set[tuple[str, str]] = field(default_factory=set)
    differences: list[str] = field(default_factory=list)

    def read(self, day: str, method: str, path: str, asked: Body, answered: Body) -> None:
        """Take note of an accepted request of a business day."""
        for pattern, note in NOTES.items():
            if found := re.fullmatch(pattern, f"{method} {path}"):
                note(self, day, found[1], asked, answered)

    def expect(self, what: str, wanted: int, shown: str) -> None:
        """Compare an answer's amount with what it must be."""
        if wanted != fen(shown):
            self.differences.append(f"{what}: {shown}, must be {wanted} fen")

    def fiscal(self, area: str, year: int, day: str) -> int:
        """The benefit year while it is open, else the day's year."""
        return int(day[:4]) if (area, str(year)) in self.closed else year

    def settled(self, _: str, __: str, asked: Body, answered: Body) -> None:
        """A settlement, or a correction with its adjustments. A reversal takes back what was deducted."""
        for entry in [answered] * ("payables" in answered) + answered.get("adjustments", []):
            of = self.known[entry.get("of_settlement_id") or entry["settlement_id"]]
            event = of.setdefault("event", "claim" if asked.get("paid_by") == "patient" else "owed")
            day, area = entry["settled_at"][:10], entry["paying_area"]
            year, ids = self.fiscal(area, entry["benefit_year"], day), (entry["settlement_id"], entry["person_id"])
            for owed in entry["payables"]:
                purse, amount = (entry["hospital_code"], area, owed["fund"]), fen(owed["amount"])
                self.books.post(purse, day, year, event, amount, None, *ids)
                if "document" in asked and entry["kind"] == "reversal":  # a recovery: who is liable owes it now
                    self.books.post(purse, day, year, "recovered", -amount, None, entry["of_settlement_id"])
            for one in of["deductions"] if entry["kind"] == "reversal" else []:
                year = self.fiscal(area, one["year"], day)
                self.books.post(one["purse"], day, year, "undeducted", one["upheld"])
                one["state"] = "lapsed"

    def declared(self, day: str, _: str, __: Body, answered: Body) -> None:
        """All that is owed and not declared up to the month's end; its family doctors first."""
        hospital, area, period = answered["hospital_code"], answered["area_code"], answered["period"]
        shown, total = answered["statement_id"], 0
        self._charge(hospital, area, period, day)
        self.known[shown]["of"], self.books.pay_by[shown] = (hospital, area), following(period, PAY_BY_DAY)
        for book in [book for purse, book in self.books.items() if purse[:2] == (hospital, area)]:
            for index, one in enumerate(book):
                if one.event in DECLARED and one.of is None and one.day[:7] <= period:
                    book[index] = one._replace(of=shown)
                    total += one.amount
        self.expect(shown, total, answered["amount"])

    def _charge(self, hospital: str, area: str, period: str, day: str) -> None:
        """One fee for each person whose last contract of the month is the hospital's, dated the month's last day."""
        last, year = str(date.fromisoformat(following(period, 1)) - timedelta(days=1)), int(period[:4])
        contracts = [one["contract"] for one in list(self.known.values()) if "contract" in one]
        active = [one for one in contracts if one["from"] <= last and (one.get("until") or "9999") > f"{period}-01"]
        doctors = {one["person_id"]: one["hospital_code"] for one in sorted(active, key=lambda one: str(one["from"]))}
        for person in [
            person for person, by in doctors.items() if by == hospital and (person, period) not in self.charged
        ]:
            if self.fee and self.known[person]["home"][:4] + "00" == area:
                self.charged.add((person, period))
                when = day if {(area, period), (area, period[:4])} & self.closed else last
                self.books.post((hospital, area, "390100"), when, self.fiscal(area, year, day), "owed", self.fee)

    def withdrawn(self, _: str, shown: str, __: Body, ___: Body) -> None:
        """Its postings are free for the next statement."""
        for purse, book in self.books.items():
            self.books[purse] = [one._replace(of=None) if one.of == shown else one for one in book]

    def proposed(self, day: str, shown: str, asked: Body, answered: Body) -> None:
        """A deduction is proposed: nothing moves yet."""
        purse, settlement = (*self.known[shown]["of"], asked["fund"]), asked["settlement_id"]
        year = next(one.year for one in self.books[purse] if one.settlement == settlement and one.of == shown)
        deduction = self.known[answered["deduction_id"]]
        deduction.update(purse=purse, year=year, of=shown, state="proposed", amount=fen(asked["amount"]), upheld=0)
        deduction["appeal_by"] = str(date.fromisoformat(day) + timedelta(days=APPEAL_DAYS))
        for owner in (shown, settlement):
            self.known[owner]["deductions"].append(deduction)

    def decided(self, day: str, shown: str, asked: Body, _: Body) -> None:
        """Accepted, or decided after an appeal, or not appealed in time: it is upheld, whole or in part."""
        one, outcome = self.known[shown], asked.get("outcome", "upheld")
        part = fen(asked["amount"]) if outcome == "reduced" else one["amount"] * (outcome == "upheld")
        one.update(state="decided", upheld=part, booked=self.fiscal(one["purse"][1], one["year"], day))
        self.books.post(one["purse"], day, one["booked"], "deducted", part, one["of"])

    def approved(self, day: str, shown: str, asked: Body, _: Body) -> None:
        """Who didn't appeal in time has lost."""
        for key, one in list(self.known.items()):
            open_ = one["of"] == shown and one.get("state") == "proposed" and one["appeal_by"] < day
            if open_ and one["purse"][2] in (asked.get("funds") or [one["purse"][2]]):
                self.decided(day, key, {}, {})

    def ordered(self, day: str, _: str, asked: Body, answered: Body) -> None:
        """Approved − deposit − what was carried − prepayments, for each fiscal year that has no order yet."""
        of, purse = asked["statement_id"], (*self.known[asked["statement_id"]]["of"], asked["fund"])
        for made in [answered, *answered.get("others", [])]:
            year, order = made["fiscal_year"], self.known[made["disbursement_id"]]
            own = [one for one in self.known[of]["deductions"] if one["purse"] == purse and one["year"] == year]
            late = [one for one in own if one["upheld"] and one["booked"] != year]
            owed = sum(one.into(DECLARED) for one in self.books[purse] if one.of == of and one.year == year)
            gross = owed - sum(one["upheld"] for one in own)
            takes = [one for one in self.carriers[purse] if not one["taken"]]
            net = gross + sum(one["amount"] for one in takes)
            rate = fen(asked["deposit_rate"]) if asked.get("deposit_rate") else DEPOSIT_RATE
            deposit = max(0, min(share(gross, rate), net))
            offset = max(0, min(self.prepaid[purse, year], net - deposit))
            order.update(purse=purse, year=year, of=of, amount=net - deposit - offset, deposit=deposit, offset=offset)
            order.update(takes=takes, late=late, taken=False, held=False, sent=False)
            self.expect(made["disbursement_id"], order["amount"], made["amount"])
            self.prepaid[purse, year] -= offset
            for one in takes:
                one["taken"] = True
            if net <= 0:
                self.carriers[purse].append(order)
                self._hold(day, order, 1)

    def _hold(self, day: str, order: dict[str, Any], sign: int) -> None:
        """Deposit and offset leave the payable account, what another fiscal year carried comes in; or the other way."""
        purse, year, order["held"] = order["purse"], order["year"], sign > 0
        self.books.post(purse, day, year, "withheld", sign * order["deposit"], order["of"])
        self.books.post(purse, day, year, "offset", sign * order["offset"], order["of"])
        moves = [(one["year"], one["amount"], one["of"]) for one in order["takes"] if one["year"] != year]
        for other, amount, of in moves + [(one["booked"], -one["upheld"], one["of"]) for one in order["late"]]:
            self.books.post(purse, day, other, "carried", sign * amount, of)
            self.books.post(purse, day, year, "carried", -sign * amount, order["of"])

    def moved(self, day: str, path: str, asked: Body, _: Body) -> None:
        """An order or a prepayment is approved, sent, paid, returned or cancelled."""
        shown, move = path.split("/")
        one, event = self.known[shown], "prepaid" if shown.startswith("pre_") else "paid"
        purse, year, of = one["purse"], one["year"], one["of"]
        if move in ("payments", "returns"):
            amount, when = (
                fen(asked["amount"]) * (-1 if move == "returns" else 1),
                asked.get("paid_on") or asked["returned_on"],
            )
            self.books.post(purse, when, year, event, amount, of)
            self.books.post(purse, when, year, "sent", -amount * (event == "paid"), of)
            self.prepaid[purse, year] += amount * (event == "prepaid")
        elif event == "paid" and move == "approval":
            self._hold(day, one, 1)
        elif event == "paid" and move == "sending":
            self.books.post(purse, day, year, "sent", one["amount"], of)
            one["sent"] = True
        elif event == "paid":
            self.books.post(purse, day, year, "sent", -one["amount"] * one["sent"], of)
            self._hold(day, one, -1) if one["held"] else None
            self.prepaid[purse, year] += one["offset"]
            for other in one["takes"]:
                other["taken"] = False

    def drafted(self, _: str, __: str, asked: Body, answered: Body) -> None:
        """A prepayment, or the release of a year's deposits."""
        shown = self.known[answered.get("prepayment_id") or answered["release_id"]]
        shown.update(purse=(asked["hospital_code"], answered["area_code"], asked["fund"]), year=asked["year"])
        shown["ratio"] = asked.get("assessed_ratio")

    def released(self, day: str, shown: str, _: Body, answered: Body) -> None:
        """Of what is withheld for the year the assessed share is owed again and ordered, the rest is lost."""
        purse, year, ratio = (self.known[shown][name] for name in ("purse", "year", "ratio"))
        held = self.books.total([purse], year, HELD, day)
        amount = share(held, fen(ratio))
        self.books.post(purse, day, year, "released", amount)
        self.books.post(purse, day, year, "forfeited", held - amount)
        self.expect(shown, amount, answered["amount"])
        order = self.known[answered["disbursement_id"] or ""]
        order.update(
            purse=purse, year=year, amount=amount, deposit=0, offset=0, takes=[], late=[], held=True, sent=False
        )


NOTES: Final[dict[str, Callable[[Auditor, str, str, Body, Body], object]]] = {
    r"PUT /v1/persons/([^/]+)": lambda a, _, person, asked, __: a.known[person].update(home=asked["area_code"]),
    r"PUT /v1/family-doctor/contracts/(.+)": lambda a, _, shown, asked, __: a.known[shown].update(contract=asked),
    r"POST /v1/(settlements|settlements/[^/]+/(?:reversal|refunds|recovery)|persons/.+/readjudication)": Auditor.settled,
    r"POST /v1/clearing/(statements)": Auditor.declared,
    r"POST /v1/clearing/statements/([^/]+)/withdrawal": Auditor.withdrawn,
    r"POST /v1/clearing/statements/([^/]+)/approval": Auditor.approved,
    r"POST /v1/clearing/statements/([^/]+)/deductions": Auditor.proposed,
    r"POST /v1/clearing/deductions/([^/]+)/appeal": lambda a, _, shown, *__: a.known[shown].update(state="appealed"),
    r"POST /v1/clearing/deductions/([^/]+)/(?:decision|acceptance)": Auditor.decided,
    r"POST /v1/(disbursements)": Auditor.ordered,
    r"POST /v1/(prepayments|deposit-releases)": Auditor.drafted,
    r"POST /v1/deposit-releases/([^/]+)/approval": Auditor.released,
    r"POST /v1/(?:disbursements|prepayments)/([^/]+/[^/]+)": Auditor.moved,
    r"POST /v1/fiscal-(?:years|months)/([^/]+)/closing": lambda a, _, of, asked, __: a.closed.add(
        (asked["area_code"], of)
    ),
    r"POST /v1/fiscal-months/([^/]+)/reopening": lambda a, _, of, asked, __: a.closed.discard((asked["area_code"], of)),
}
