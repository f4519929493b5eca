"""An auditor of clearing: reads what was asked and answered, and says what every account and payout figure must be.

Written from the contract and docs/decisions/0013-clearing.md; shares no code with the services. Money is fen. What an answer
of settling says the funds owe is taken as given; all that follows from it is computed here.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

FLOORS: Final = {"390100": 8500}
DEPOSIT_RATE, PAY_BY_DAY, APPEAL_DAYS = 500, 25, 15
ACCOUNTS: Final = {  # event: debit, credit; a negative amount goes the other way
    "owed": ("expense", "payable"),
    "claim": ("expense", "person"),
    "deducted": ("payable", "expense"),
    "undeducted": ("expense", "payable"),
    "withheld": ("payable", "deposit"),
    "released": ("deposit", "payable"),
    "forfeited": ("deposit", "expense"),
    "offset": ("payable", "prepaid"),
    "carried": ("payable", "carry"),
    "sent": ("committed", "ordered"),
    "paid": ("payable", "cash"),
    "prepaid": ("prepaid", "cash"),
}
OWN: Final = ("payable", "deposit", "prepaid", "carry", "ordered")
Body = Mapping[str, Any]
Purse = tuple[str, str, str]  # hospital, paying area, fund


def fen(text: str) -> int:
    """Yuan, or a rate, as an integer of its last decimal."""
    return int(text.replace(".", ""))


def share(amount: int, rate: int) -> int:
    """A share in ten-thousandths, half-up."""
    return (2 * amount * rate + 10_000) // 20_000


def following(period: str, day: int) -> str:
    """A day of the month after."""
    year, month = divmod(int(period[:4]) * 12 + int(period[5:7]), 12)
    return f"{year}-{month + 1:02d}-{day:02d}"


class Posting(NamedTuple):
    """An amount in a purse, on a day, of a fiscal year, with the statement or order part that it belongs to."""

    day: str
    year: int
    event: str
    amount: int
    of: str | None = None  # the statement
    settlement: str | None = None
    person: str | None = None


@dataclass
class Auditor:
    """The books as they must be; ``differences`` collects answers that are not what the rules make of the earlier ones."""

    fee: int | None = None
    books: dict[Purse, list[Posting]] = field(default_factory=lambda: defaultdict(list))
    known: dict[str, dict[str, Any]] = field(default_factory=lambda: defaultdict(lambda: {"deductions": []}))
    charged: set[tuple[str, str]] = field(default_factory=set)
    closed: set[tuple[str, int]] = field(default_factory=set)
    prepaid: Counter[tuple[Purse, int]] = field(default_factory=Counter)
    carriers: dict[Purse, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    contracts: dict[str, Body] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=dict)
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

    def post(self, purse: Purse, day: str, year: int, event: str, amount: int, *of: str | None) -> None:
        """Book an amount in a fiscal year: the one meant while it is open, else the day's."""
        if amount:
            self.books[purse].append(Posting(day, year, event, amount, *of))

    def fiscal(self, area: str, year: int, day: str) -> int:
        """The benefit year while it is open, else the day's year."""
        return int(day[:4]) if (area, year) in self.closed else year

    def settled(self, _: str, __: str, asked: Body, answered: Body) -> None:
        """A settlement, or a correction with its adjustments."""
        for entry in [answered] * ("payables" in answered) + answered.get("adjustments", []):
            of = self.known[entry.get("of_settlement_id") or entry["settlement_id"]]
            event = of.setdefault("event", "claim" if asked.get("paid_by") == "patient" else "owed")
            day, area = entry["settled_at"][:10], entry["paying_area"]
            for owed in entry["payables"]:
                purse, year = (
                    (entry["hospital_code"], area, owed["fund"]),
                    self.fiscal(area, entry["benefit_year"], day),
                )
                self.post(
                    purse, day, year, event, fen(owed["amount"]), None, entry["settlement_id"], entry["person_id"]
                )
            for deduction in of["deductions"] if entry["kind"] == "reversal" else []:
                self._uphold(day, deduction, "undeducted", deduction["upheld"], None)
                deduction["state"] = "lapsed"

    def declared(self, day: str, _: str, asked: Body, answered: Body) -> None:
        """All that is owed and not declared up to the month's end; its family doctors first."""
        hospital, area, period = answered["hospital_code"], answered["area_code"], answered["period"]
        shown, total = answered["statement_id"], 0
        self._charge(hospital, area, period, day)
        self.known[shown].update(of=(hospital, area), pay_by=following(period, PAY_BY_DAY))
        for purse in [purse for purse in self.books if purse[:2] == (hospital, area)]:
            for index, one in enumerate(self.books[purse]):
                if one.event in ("owed", "undeducted") and one.of is None and one.day[:7] <= period:
                    self.books[purse][index] = one._replace(of=shown)
                    total += one.amount
        self.expect(shown, total, answered["amount"])

    def withdrawn(self, _: str, shown: str, __: Body, ___: Body) -> None:
        """Its postings are free for the next statement."""
        for purse, book in self.books.items():
            self.books[purse] = [one._replace(of=None) if one.of == shown else one for one in book]

    def _charge(self, hospital: str, area: str, period: str, day: str) -> None:
        """One fee for each person whose last contract of the month is the hospital's, dated the month's last day."""
        last, mine = str(date.fromisoformat(following(period, 1)) - timedelta(days=1)), {}
        for contract in sorted(self.contracts.values(), key=lambda one: str(one["from"])):
            if contract["from"] <= last and (contract.get("until") or "9999") > f"{period}-01":
                mine[contract["person_id"]] = contract["hospital_code"]
        year = self.fiscal(area, int(period[:4]), day)
        for person in [one for one, by in mine.items() if by == hospital and self.homes[one][:4] + "00" == area]:
            if self.fee and (person, period) not in self.charged:
                self.charged.add((person, period))
                when = day if (area, int(period[:4])) in self.closed else last
                self.post((hospital, area, "390100"), when, year, "owed", self.fee)

    def proposed(self, day: str, shown: str, asked: Body, answered: Body) -> None:
        """A deduction is proposed: nothing moves yet."""
        purse, settlement = (*self.known[shown]["of"], asked["fund"]), asked["settlement_id"]
        year = next(one.year for one in self.books[purse] if one.settlement == settlement and one.of == shown)
        appeal_by = str(date.fromisoformat(day) + timedelta(days=APPEAL_DAYS))
        deduction = self.known[answered["deduction_id"]]
        deduction.update(state="proposed", amount=fen(asked["amount"]), upheld=0, appeal_by=appeal_by)
        deduction.update(purse=purse, year=year, of=shown)
        for owner in (shown, settlement):
            self.known[owner]["deductions"].append(deduction)

    def appealed(self, _: str, shown: str, __: Body, ___: Body) -> None:
        """It waits for its decision."""
        self.known[shown]["state"] = "appealed"

    def decided(self, day: str, shown: str, asked: Body, _: Body) -> None:
        """Accepted, or decided after an appeal."""
        deduction, outcome = self.known[shown], asked.get("outcome", "upheld")
        whole = {"upheld": deduction["amount"], "dismissed": 0}
        upheld = whole[outcome] if outcome in whole else fen(asked["amount"])
        deduction.update(state="decided", upheld=upheld)
        self._uphold(day, deduction, "deducted", upheld, deduction["of"])

    def approved(self, day: str, shown: str, asked: Body, _: Body) -> None:
        """Who didn't appeal in time has lost."""
        for one in self.known[shown]["deductions"]:
            mine = one["purse"][2] in (asked.get("funds") or [one["purse"][2]])
            if mine and one["state"] == "proposed" and one["appeal_by"] < day:
                one.update(state="decided", upheld=one["amount"])
                self._uphold(day, one, "deducted", one["amount"], shown)

    def _uphold(self, day: str, deduction: Body, event: str, amount: int, of: str | None) -> None:
        purse = deduction["purse"]
        self.post(purse, day, self.fiscal(purse[1], deduction["year"], day), event, amount, of)

    def ordered(self, day: str, _: str, asked: Body, answered: Body) -> None:
        """Approved − deposit − what was carried − prepayments, for each fiscal year that has no order yet."""
        of, purse = asked["statement_id"], (*self.known[asked["statement_id"]]["of"], asked["fund"])
        part = [one for one in self.books[purse] if one.of == of]
        signs = {"owed": 1, "undeducted": 1, "deducted": -1}
        for order in [answered, *answered.get("others", [])]:
            year, mine = order["fiscal_year"], self.known[order["disbursement_id"]]
            gross = sum(one.amount * signs.get(one.event, 0) for one in part if one.year == year)
            takes = [one for one in self.carriers[purse] if not one["taken"]]
            net = gross + sum(one["amount"] for one in takes)
            rate = fen(asked["deposit_rate"]) if asked.get("deposit_rate") else DEPOSIT_RATE
            deposit = max(0, min(share(gross, rate), net))
            offset = max(0, min(self.prepaid[purse, year], net - deposit))
            mine.update(purse=purse, year=year, amount=net - deposit - offset, deposit=deposit, offset=offset)
            mine.update(of=of, takes=takes, taken=False, held=False, sent=False)
            self.expect(order["disbursement_id"], mine["amount"], order["amount"])
            for one in takes:
                one["taken"] = True
            self.prepaid[purse, year] -= offset
            if net <= 0:
                self.carriers[purse].append(mine)
                self._carry(day, mine, 1)

    def _carry(self, day: str, order: Body, sign: int) -> None:
        """What another fiscal year carried forward moves to the order's."""
        for one in order["takes"]:
            if one["year"] != order["year"]:
                self.post(order["purse"], day, one["year"], "carried", sign * one["amount"], one["of"])
                self.post(order["purse"], day, order["year"], "carried", -sign * one["amount"], order["of"])

    def _hold(self, day: str, order: dict[str, Any], sign: int) -> None:
        """Deposit, offset and what was carried leave the payable account, or come back to it."""
        self.post(order["purse"], day, order["year"], "withheld", sign * order["deposit"], order["of"])
        self.post(order["purse"], day, order["year"], "offset", sign * order["offset"], order["of"])
        self._carry(day, order, sign)
        order["held"] = sign > 0

    def moved(self, day: str, shown: str, move: str, asked: Body) -> None:
        """An order or a prepayment is approved, sent, paid, returned or cancelled."""
        one, prepaid = self.known[shown], shown.startswith("pre_")
        purse, year = one["purse"], one["year"]
        amount = fen(asked["amount"]) if "amount" in asked else 0
        sign, when = (1, asked.get("paid_on")) if move == "payments" else (-1, asked.get("returned_on"))
        if move in ("payments", "returns"):
            self.post(purse, when or day, year, "prepaid" if prepaid else "paid", sign * amount, one["of"])
            self.prepaid[purse, year] += sign * amount if prepaid else 0
        if prepaid:
            return
        if move in ("payments", "returns"):
            self.post(purse, when or day, year, "sent", -sign * amount, one["of"])
        elif move == "approval":
            self._hold(day, one, 1)
        elif move == "sending":
            self.post(purse, day, year, "sent", one["amount"], one["of"])
            one["sent"] = True
        else:
            if one["held"]:
                self._hold(day, one, -1)
            self.post(purse, day, year, "sent", -one["amount"] if one["sent"] else 0, one["of"])
            self.prepaid[purse, year] += one["offset"]
            for other in one["takes"]:
                other["taken"] = False

    def drafted(self, day: str, _: str, asked: Body, answered: Body) -> None:
        """A prepayment, or the release of a year's deposits."""
        purse = (asked["hospital_code"], answered["area_code"], asked["fund"])
        shown = answered.get("prepayment_id") or answered["release_id"]
        self.known[shown].update(purse=purse, year=asked["year"], of=None, ratio=asked.get("assessed_ratio"))

    def released(self, day: str, shown: str, _: Body, answered: Body) -> None:
        """Of what is withheld for the year the assessed share is owed again and ordered, the rest is lost."""
        purse, year = self.known[shown]["purse"], self.known[shown]["year"]
        held = self.total(self.books[purse], year, {"withheld": 1, "released": -1, "forfeited": -1}, day)
        amount = share(held, fen(self.known[shown]["ratio"]))
        self.post(purse, day, year, "released", amount)
        self.post(purse, day, year, "forfeited", held - amount)
        self.expect(shown, amount, answered["amount"])
        order = self.known[answered["disbursement_id"] or ""]
        order.update(
            purse=purse, year=year, amount=amount, deposit=0, offset=0, of=None, takes=[], held=True, sent=False
        )

    def balances(self) -> dict[str, tuple[int, int]]:
        """Debits and credits of every account."""
        sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for purse, book in self.books.items():
            for one in book:
                for side, kind in enumerate(ACCOUNTS[one.event]):
                    owner = (
                        f"/hospital:{purse[0]}" if kind in OWN else f"/person:{one.person}" if kind == "person" else ""
                    )
                    path = f"area:{purse[1]}/fund:{purse[2]}/{'payable' if kind == 'person' else kind}{owner}"
                    sums[path][side if one.amount > 0 else 1 - side] += abs(one.amount)
        return {path: (debit, credit) for path, (debit, credit) in sums.items()}

    def total(self, book: list[Posting], year: int, signs: Mapping[str, int], until: str, due: str = "9999") -> int:
        """The signed sum of some events of a year, dated until a day; ``due``: only what is to be paid by a day."""
        return sum(
            one.amount * signs[one.event]
            for one in book
            if one.year == year and one.event in signs and one.day <= until and self._pay_by(one) <= due
        )

    def _pay_by(self, one: Posting) -> str:
        return str(self.known[one.of]["pay_by"]) if one.of else following(one.day[:7], PAY_BY_DAY)

    def figures(self, area: str, fund: str, year: int, as_of: str, hospital: str | None = None) -> dict[str, int]:
        """The payout figures of an area's fund as of a day, of one hospital or of all."""
        books = [
            book for purse, book in self.books.items() if purse[1:] == (area, fund) and hospital in (None, purse[0])
        ]
        end = f"{year}-12-31"
        lasting = min(as_of, end)

        def sums(signs: Mapping[str, int], until: str, due: str = "9999") -> int:
            return sum(self.total(book, year, signs, until, due) for book in books)

        owed = {"owed": 1, "deducted": -1, "undeducted": 1, "forfeited": -1}
        settled = {"paid": 1, "carried": 1, "offset": 1}
        held = {"withheld": 1, "released": -1, "forfeited": -1}
        at_end = sum(
            max(
                0,
                min(
                    self.total(book, year, {"prepaid": 1, "offset": -1}, end),
                    self.total(book, year, owed, end) - self.total(book, year, settled, end),
                ),
            )
            for book in books
        )
        of_due = 0  # of each hospital's due no more than that
        for book in books:
            due = self.total(book, year, owed, as_of, as_of) - self.total(book, year, held, as_of, as_of)
            of_due += min(due, self.total(book, year, settled, as_of, as_of))
        figures = {
            "incurred": sums({"owed": 1}, lasting),
            "deductions": sums({"deducted": 1, "undeducted": -1, "forfeited": 1}, lasting),
            "payable": sums(owed, lasting),
            "cash": sums({"paid": 1, "carried": 1}, lasting),
            "offset": sums({"offset": 1}, lasting),
            "year_end_offset": at_end if as_of >= end else 0,
            "due": sums(owed, as_of, as_of) - sums(held, as_of, as_of),
            "deposit": sums(held, as_of),
            "disbursed_of_due": of_due,
            "final_paid": sums(settled, as_of),
            "final_payable": sums(owed, as_of),
        }
        figures["disbursed"] = figures["cash"] + figures["offset"] + figures["year_end_offset"]
        figures["required"] = max(0, -(-figures["payable"] * FLOORS.get(fund, 0) // 10_000) - figures["disbursed"])
        return figures


def _move(auditor: Auditor, day: str, found: str, asked: Body, __: Body) -> None:
    shown, _, move = found.partition("/")
    auditor.moved(day, shown, move, asked)


NOTES: Final[dict[str, Callable[[Auditor, str, str, Body, Body], None]]] = {
    r"PUT /v1/persons/([^/]+)": lambda a, _, person, asked, __: a.homes.update({person: asked["area_code"]}),
    r"PUT /v1/family-doctor/contracts/(.+)": lambda a, _, shown, asked, __: a.contracts.update({shown: asked}),
    r"POST /v1/(settlements)": Auditor.settled,
    r"POST /v1/settlements/([^/]+)/(?:reversal|refunds)": Auditor.settled,
    r"POST /v1/persons/([^/]+)/years/\d+/readjudication": Auditor.settled,
    r"POST /v1/clearing/(statements)": Auditor.declared,
    r"POST /v1/clearing/statements/([^/]+)/withdrawal": Auditor.withdrawn,
    r"POST /v1/clearing/statements/([^/]+)/approval": Auditor.approved,
    r"POST /v1/clearing/statements/([^/]+)/deductions": Auditor.proposed,
    r"POST /v1/clearing/deductions/([^/]+)/appeal": Auditor.appealed,
    r"POST /v1/clearing/deductions/([^/]+)/(?:decision|acceptance)": Auditor.decided,
    r"POST /v1/(disbursements)": Auditor.ordered,
    r"POST /v1/(prepayments|deposit-releases)": Auditor.drafted,
    r"POST /v1/deposit-releases/([^/]+)/approval": Auditor.released,
    r"POST /v1/(?:disbursements|prepayments)/([^/]+/[^/]+)": _move,
    r"POST /v1/fiscal-years/(\d+)/closing": lambda a, _, year, asked, __: a.closed.add((asked["area_code"], int(year))),
}
