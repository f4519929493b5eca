"""A plain model of what corrections do to a person's years, over the slow oracle of one bill.

It keeps the settlements in the order of settling and nothing else. After every operation it computes all of them again
from nothing; what came out differently is what the corrections must carry. Money is an integer number of fen.
"""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from tests.tiers import oracle
from tests.tiers.oracle import Refused
from tests.tiers.random_bills import ACCUMULATORS

Visit = tuple[str, str]
Amounts = dict[str, int]

PORTIONS = ("basic", "serious_illness", "supplement", "medical_assistance", "safety_net", "hospital", "patient")
SCOPE = ("own_expense", "over_limit", "first_pay", "in_scope")
NOTHING: Amounts = dict.fromkeys(("total", *SCOPE, *PORTIONS, "payable_adjustment"), 0)
FUNDS = {"basic": "390100", "serious_illness": "390200", "medical_assistance": "610100", "safety_net": "640100"}
CLR_TYPES = {"11": "11", "14": "14", "21": "21", "52": "99949"}


@dataclass
class Entry:
    """One settlement: its bill and the person's facts as last computed with; `result` is in effect while `live`."""

    bill: dict[str, Any]
    person: dict[str, Any]
    lines: list[dict[str, Any]]  # as settled, net of the bill's own refund lines
    deductible_elsewhere: int  # of the episode in other benefit years, when this was settled
    refunded: Counter[int] = field(default_factory=Counter)  # line_no -> ten-thousandths of a unit
    live: bool = True
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def visit(self) -> Visit:
        return self.bill["hospital_code"], self.bill["visit_id"]

    @property
    def year(self) -> int:
        return int(self.bill["discharged_on"][:4])

    @property
    def inpatient(self) -> bool:
        return bool(self.bill["medical_type"] == "21")

    def amounts(self) -> Amounts:
        """What the settlement and its adjustments come to; nothing after a reversal."""
        if not self.live:
            return NOTHING
        scope, portions = (
            self.result["scope"],
            {"supplement": 0} | self.result["portions"],
        )  # the Yunnan packs have none
        total = sum(portions.values())
        return {"total": total, **scope, **portions, "payable_adjustment": self.result["payable_adjustment"]}

    def remaining(self, line: dict[str, Any]) -> int:
        """What is left of a line's quantity, in ten-thousandths."""
        return int(line["quantity"] * 10000) - self.refunded[line["line_no"]]

    def remaining_lines(self) -> list[dict[str, Any]]:
        """The lines with what was refunded after settling taken off."""
        lines = []
        for line in self.lines:
            if self.refunded[line["line_no"]]:
                quantity = Fraction(self.remaining(line), 10000)
                line = {**line, "quantity": quantity, "amount": oracle.r(line["amount"] * quantity / line["quantity"])}
            lines.append(line)
        return lines


@dataclass
class PersonModel:
    """One person's settlements in the order of settling. Corrections answer {number of the settlement: difference}."""

    person: dict[str, Any]
    hospitals: dict[str, Any]
    catalogue: dict[str, Any]
    entries: list[Entry] = field(default_factory=list)
    sources: dict[Visit, Visit] = field(default_factory=dict)  # where a visit was transferred from
    balances: list[tuple[str, int, str]] = field(default_factory=list)  # hospital, amount, state

    # ------------------------------------------------------------ operations

    def settle(self, bill: dict[str, Any]) -> dict[str, Any]:
        """Append a settlement and return its result."""
        visit = (bill["hospital_code"], bill["visit_id"])
        if bill["transfer_from"] is not None:
            self.sources[visit] = (bill["transfer_from"]["hospital_code"], bill["transfer_from"]["visit_id"])
        entry = Entry(bill, self.person, oracle.net_lines(bill["lines"]), 0)
        others = [other for other in self.entries if other.live and other.year != entry.year]
        entry.deductible_elsewhere = self._deductible(entry, others)
        self.entries.append(entry)
        assert self._computed_again().keys() == {len(self.entries) - 1}
        return entry.result

    def reverse(self, number: int, cascade: bool) -> dict[int, Amounts]:
        """Take a settlement back. Raises Refused."""
        self._check_correctable(number)
        self._check_later(number, cascade)
        before = self._amounts()
        self.entries[number].live = False
        return self._corrected(before, number)

    def refund(self, number: int, quantities: dict[int, int], cascade: bool) -> dict[int, Amounts]:
        """Take ten-thousandths of units of lines back; the settlement itself is always in the answer. Raises
        Refused."""
        self._check_correctable(number)
        entry = self.entries[number]
        left = {line["line_no"]: entry.remaining(line) for line in entry.lines}
        if any(quantity > left[line_no] for line_no, quantity in quantities.items()):
            raise Refused("refund_exceeds_line")
        self._check_later(number, cascade)
        before = self._amounts()
        entry.refunded.update(quantities)
        return {number: NOTHING} | self._corrected(before, number)

    def identify(self, identities: list[dict[str, Any]]) -> None:
        """Correct the person's identities; by itself this changes no settlement."""
        self.person = {**self.person, "identities": identities}
        assert self._computed_again() == {}

    def readjudicate(self, year: int, dry_run: bool) -> dict[int, Amounts]:
        """Compute a year with the identities known now; a dry run answers the same and changes nothing."""
        if dry_run:
            return deepcopy(self).readjudicate(year, dry_run=False)
        before = self._amounts()
        for entry in self.entries:
            if entry.live and entry.year == year:
                entry.person = self.person
        return self._corrected(before, None)

    # ------------------------------------------------------------ what must be true now

    def accumulators(self, year: int) -> dict[str, int]:
        """The year to date."""
        live = [entry for entry in self.entries if entry.live and entry.year == year]
        return live[-1].result["after"] if live else dict.fromkeys(ACCUMULATORS, 0)

    def payables(self) -> dict[tuple[str, str, str, str], int]:
        """(account, hospital, fund, clr_type) -> what is owed; so also the sums of the statements to come."""
        owed: Counter[tuple[str, str, str, str]] = Counter()
        for entry in self.entries:
            bill, amounts = entry.bill, entry.amounts()
            by_patient = bill["paid_by"] == "patient"
            creditor = "claim" if by_patient else f"hospital:{bill['hospital_code']}"
            for tier, fund in FUNDS.items():
                account = f"area:{entry.result['paying_area']}/fund:{fund}/payable/{creditor}"
                key = (account, bill["hospital_code"], fund, CLR_TYPES[bill["medical_type"]])
                owed[key] += amounts[tier] + (amounts["payable_adjustment"] if tier == "basic" else 0)
        return {key: amount for key, amount in owed.items() if amount}

    # ------------------------------------------------------------ how

    def _check_correctable(self, number: int) -> None:
        if not self.entries[number].live:
            raise Refused("already_reversed")

    def _check_later(self, number: int, cascade: bool) -> None:
        year = self.entries[number].year
        if not cascade and any(entry.live and entry.year == year for entry in self.entries[number + 1 :]):
            raise Refused("later_settlements_exist")

    def _amounts(self) -> list[Amounts]:
        return [entry.amounts() for entry in self.entries]

    def _corrected(self, before: list[Amounts], cause: int | None) -> dict[int, Amounts]:
        """What differs from `before`, booked as patient balances; `cause` is the settlement corrected on purpose."""
        self._computed_again()
        differences = {}
        for number, (then, now) in enumerate(zip(before, self._amounts(), strict=True)):
            if then == now:
                continue
            difference = differences[number] = {name: now[name] - then[name] for name in then}
            hospital, patient = self.entries[number].bill["hospital_code"], difference["patient"]
            own = cause is not None and self.entries[cause].bill["hospital_code"] == hospital
            if patient and self.entries[number].bill["paid_by"] == "hospital":
                self.balances.append((hospital, patient, "waived" if patient > 0 and not own else "open"))
        return differences

    def _computed_again(self) -> dict[int, dict[str, Any]]:
        """Compute every live settlement from nothing; the results that are not what they were."""
        changed = {}
        for number, entry in enumerate(self.entries):
            earlier = [one for one in self.entries[:number] if one.live and one.year == entry.year]
            if entry.live and (result := self._result(entry, earlier)) != entry.result:
                changed[number] = entry.result = result
        return changed

    def _result(self, entry: Entry, earlier: list[Entry]) -> dict[str, Any]:
        root = self._episode(entry.visit)[-1]
        result = oracle.compute(
            bill=entry.bill,
            net=entry.remaining_lines(),
            person=entry.person,
            hospital=self.hospitals[entry.bill["hospital_code"]],
            catalogue=self.catalogue,
            acc=earlier[-1].result["after"] if earlier else dict.fromkeys(ACCUMULATORS, 0),
            episode=oracle.Episode(
                deductible_paid=entry.deductible_elsewhere + self._deductible(entry, earlier),
                is_new_in_year=all(self._episode(one.visit)[-1] != root for one in earlier if one.inpatient),
            ),
        )
        return _in_cash(entry.bill, result) if entry.bill["paid_by"] == "patient" else result

    def _deductible(self, entry: Entry, others: list[Entry]) -> int:
        """What the episode of a settlement paid of the deductible in these others."""
        episode = self._episode(entry.visit)
        return sum(one.result["deductible"] for one in others if one.inpatient and one.visit in episode)

    def _episode(self, visit: Visit) -> list[Visit]:
        """The visit and those it was transferred from, the first stay last."""
        episode = [visit]
        while episode[-1] in self.sources:
            episode.append(self.sources[episode[-1]])
        return episode


def _in_cash(bill: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """A bill that the person paid (docs/specification/clearing.md, claims of persons): no fund pays more than the
    bill, and what the hospital would bear falls to the person, whose own spending is the greater by it."""
    portions, after = dict(result["portions"]), dict(result["after"])
    waived = portions.pop("hospital")
    after["own_total"] += waived
    if bill["referral"] != "missing" and bill["medical_type"] in ("21", "14"):
        after["compliant_own"] += waived
    portions |= {"hospital": 0, "patient": portions["patient"] + waived}
    return result | {"portions": portions, "payable_adjustment": 0, "after": after}
