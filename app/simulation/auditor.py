"""An auditor of clearing: reads what was asked and answered, and says what every account and payout figure must be.

Written from the contract and docs/decisions/0013-clearing.md; shares no code with the services. Money is fen. What an answer
of settling says the funds owe is taken as given; all that follows from it is computed here.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

FLOORS: Final = {"390100": 8500}
DEPOSIT_RATE, PAY_BY_DAY, APPEAL_DAYS = 500, 25, 15
OWED: Final = ("entry", "fee")
DEDUCTED: Final = ("deduction", "deduction_reversed", "forfeited")
OWN: Final = ("payable", "deposit", "prepaid", "carry", "ordered")
Body = Mapping[str, Any]
Purse = tuple[str, str, str]  # hospital, paying area, fund


def fen(text: str) -> int:
    """Yuan as fen."""
    return int(text.replace(".", ""))


def share(amount: int, rate: int) -> int:
    """A share in ten-thousandths, half-up."""
    return (2 * amount * rate + 10_000) // 20_000


def following(period: str, day: int) -> str:
    """A day of the month after."""
    year, month = divmod(int(period[:4]) * 12 + int(period[5:7]), 12)
    return f"{year}-{month + 1:02d}-{day:02d}"


@dataclass(slots=True)
class Posting:
    """An amount from the debit to the credit account of a purse, in a fiscal year; once declared, of a statement."""

    day: str
    year: int
    event: str
    purse: Purse
    debit: str
    credit: str
    amount: int
    statement: str | None = None
    settlement: str | None = None

    def into(self, kind: str) -> int:
        """What it adds to the hospital's account of a kind, positive on the credit side."""
        account = f"{kind}/hospital:{self.purse[0]}"
        return self.amount * ((self.credit == account) - (self.debit == account))


@dataclass
class Auditor:
    """The books as they must be; ``differences`` collects answers that are not what the rules make of the earlier ones."""

    fee: int | None = None
    postings: dict[Purse, list[Posting]] = field(default_factory=lambda: defaultdict(list))
    known: dict[str, dict[str, Any]] = field(default_factory=lambda: defaultdict(lambda: {"deductions": []}))
    homes: dict[str, str] = field(default_factory=dict)
    contracts: dict[str, Body] = field(default_factory=dict)
    charged: set[tuple[str, str]] = field(default_factory=set)
    closed: set[tuple[str, int]] = field(default_factory=set)
    prepaid: Counter[tuple[Purse, int]] = field(default_factory=Counter)
    carriers: dict[Purse, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    differences: list[str] = field(default_factory=list)

    def read(self, day: str, method: str, path: str, asked: Body, answered: Body) -> None:
        """Take note of an accepted request of a business day."""
        for pattern, note in NOTES:
            if found := re.fullmatch(pattern, f"{method} {path}"):
                note(self, day, found[1], asked, answered)

    def expect(self, what: str, wanted: int, shown: str) -> None:
        """Compare an answer's amount with what it must be."""
        if wanted != fen(shown):
            self.differences.append(f"{what}: {shown}, must be {wanted} fen")

    def post(
        self, day: str, year: int, event: str, purse: Purse, debit: str, credit: str, amount: int, **of: str | None
    ) -> None:
        """Book an amount; a negative one goes the other way."""
        names = [f"{name}/hospital:{purse[0]}" if name in OWN else name for name in (debit, credit)]
        debit, credit = names if amount > 0 else names[::-1]
        if amount:
            self.postings[purse].append(Posting(day, year, event, purse, debit, credit, abs(amount), **of))

    def fiscal(self, area: str, year: int, day: str) -> int:
        """The benefit year while it is open, else the day's year."""
        return int(day[:4]) if (area, year) in self.closed else year

    def settled(self, _: str, __: str, asked: Body, answered: Body) -> None:
        """A settlement, or a correction with its adjustments."""
        for entry in [answered] * ("payables" in answered) + answered.get("adjustments", []):
            of = self.known[entry.get("of_settlement_id") or entry["settlement_id"]]
            person = of.setdefault("person", asked.get("paid_by") == "patient")
            party = f"payable/person:{entry['person_id']}" if person else "payable"
            day, area = entry["settled_at"][:10], entry["paying_area"]
            year = self.fiscal(area, entry["benefit_year"], day)
            for owed in entry["payables"]:
                purse = (entry["hospital_code"], area, owed["fund"])
                amount = fen(owed["amount"])
                self.post(day, year, "entry", purse, "expense", party, amount, settlement=entry["settlement_id"])
            for deduction in of["deductions"] if entry["kind"] == "reversal" else []:
                self._uphold(day, deduction, -deduction["upheld"], "deduction_reversed", None)
                deduction["state"] = "lapsed"

    def declared(self, day: str, _: str, asked: Body, answered: Body) -> None:
        """All that is owed and not declared up to the month's end; its family doctors first."""
        hospital, area, period = answered["hospital_code"], answered["area_code"], answered["period"]
        self._charge(hospital, area, period, day)
        mine = [item for purse, items in self.postings.items() if purse[:2] == (hospital, area) for item in items]
        events = (*OWED, "deduction_reversed")
        free = [p for p in mine if p.event in events and not p.statement and p.day[:7] <= period and p.into("payable")]
        for posting in free:
            posting.statement = answered["statement_id"]
        self.known[answered["statement_id"]].update(
            of=(hospital, area), pay_by=following(period, PAY_BY_DAY), items=free
        )
        self.expect(answered["statement_id"], sum(posting.into("payable") for posting in free), answered["amount"])

    def _charge(self, hospital: str, area: str, period: str, day: str) -> None:
        """One fee for each person whose last contract of the month is the hospital's."""
        year, last = int(period[:4]), str(date.fromisoformat(following(period, 1)) - timedelta(days=1))
        mine: dict[str, Body] = {}
        for contract in sorted(self.contracts.values(), key=lambda one: str(one["from"])):
            if contract["from"] <= last and (contract.get("until") or "9999") > f"{period}-01":
                mine[contract["person_id"]] = contract
        for person, contract in mine.items():
            here = contract["hospital_code"] == hospital and self.homes[person][:4] + "00" == area
            if here and self.fee and (person, period) not in self.charged:
                self.charged.add((person, period))
                purse, open_year = (hospital, area, "390100"), self.fiscal(area, year, day)
                when = last if open_year == year and (area, year) not in self.closed else day
                self.post(when, open_year, "fee", purse, "expense", "payable", self.fee)

    def withdrawn(self, _: str, shown: str, __: Body, ___: Body) -> None:
        """Its postings are free for the next statement."""
        for posting in self.known[shown]["items"]:
            posting.statement = None

    def approved(self, day: str, shown: str, asked: Body, _: Body) -> None:
        """Who didn't appeal in time has lost."""
        for deduction in self.known[shown]["deductions"]:
            mine = deduction["purse"][2] in asked.get("funds", [deduction["purse"][2]])
            if mine and deduction["state"] == "proposed" and deduction["appeal_by"] < day:
                self._decide(day, deduction, deduction["amount"])

    def proposed(self, day: str, shown: str, asked: Body, answered: Body) -> None:
        """A deduction is proposed: nothing moves yet."""
        fund, settlement, of = asked["fund"], asked["settlement_id"], self.known[shown]
        year = next(p.year for p in of["items"] if p.settlement == settlement and p.purse[2] == fund)
        appeal_by = str(date.fromisoformat(day) + timedelta(days=APPEAL_DAYS))
        deduction = self.known[answered["deduction_id"]]
        deduction.update(state="proposed", amount=fen(asked["amount"]), upheld=0, appeal_by=appeal_by, year=year)
        deduction.update(purse=(*of["of"], fund), statement=shown)
        of["deductions"].append(deduction)
        self.known[settlement]["deductions"].append(deduction)

    def appealed(self, _: str, shown: str, __: Body, ___: Body) -> None:
        """It waits for its decision."""
        self.known[shown]["state"] = "appealed"

    def decided(self, day: str, shown: str, asked: Body, _: Body) -> None:
        """Accepted, or decided after an appeal."""
        deduction, outcome = self.known[shown], asked.get("outcome", "upheld")
        whole = {"upheld": deduction["amount"], "dismissed": 0}
        self._decide(day, deduction, whole[outcome] if outcome in whole else fen(asked["amount"]))

    def _decide(self, day: str, deduction: dict[str, Any], upheld: int) -> None:
        deduction.update(state="decided", upheld=upheld)
        self._uphold(day, deduction, upheld, "deduction", deduction["statement"])

    def _uphold(self, day: str, deduction: Body, amount: int, event: str, statement: str | None) -> None:
        year = self.fiscal(deduction["purse"][1], deduction["year"], day)
        self.post(day, year, event, deduction["purse"], "payable", "expense", amount, statement=statement)

    def ordered(self, day: str, _: str, asked: Body, answered: Body) -> None:
        """Approved − deposit − what was carried − prepayments, for each fiscal year that has no order yet."""
        shown, purse = asked["statement_id"], (*self.known[asked["statement_id"]]["of"], asked["fund"])
        part = [p for p in self.postings[purse] if p.statement == shown and p.event in (*OWED, *DEDUCTED)]
        for order in [answered, *answered.get("others", [])]:
            gross = sum(posting.into("payable") for posting in part if posting.year == order["fiscal_year"])
            takes = [one for one in self.carriers[purse] if not one["taken"]]
            net = gross + sum(one["amount"] for one in takes)
            rate = fen(asked["deposit_rate"]) if asked.get("deposit_rate") else DEPOSIT_RATE
            deposit = min(share(gross, rate), net) if net > 0 else 0
            offset = min(self.prepaid[purse, order["fiscal_year"]], net - deposit) if net > 0 else 0
            mine = self.known[order["disbursement_id"]]
            mine.update(purse=purse, year=order["fiscal_year"], amount=net - deposit - offset, deposit=deposit)
            mine.update(
                offset=offset, takes=takes, statement=shown, taken=False, state="draft" if net > 0 else "carried"
            )
            self.expect(order["disbursement_id"], mine["amount"], order["amount"])
            for one in takes:
                one["taken"] = True
            self.prepaid[purse, order["fiscal_year"]] -= offset
            if net <= 0:
                self.carriers[purse].append(mine)
                self._carry(day, mine, 1)

    def _carry(self, day: str, order: Body, sign: int) -> None:
        """What another fiscal year carried forward moves to the order's."""
        for one in order["takes"]:
            if one["year"] != order["year"]:
                amount, purse = -one["amount"] * sign, order["purse"]
                self.post(day, one["year"], "carried", purse, "carry", "payable", amount, statement=one["statement"])
                self.post(
                    day, order["year"], "carried", purse, "payable", "carry", amount, statement=order["statement"]
                )

    def _hold(self, day: str, order: Body, sign: int) -> None:
        """Deposit, offset and what was carried leave the payable account, or come back to it."""
        for event, account, name in (("withheld", "deposit", "deposit"), ("offset", "prepaid", "offset")):
            of = {"statement": order["statement"]}
            self.post(day, order["year"], event, order["purse"], "payable", account, sign * order[name], **of)
        self._carry(day, order, sign)
