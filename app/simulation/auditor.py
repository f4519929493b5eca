"""The auditor: reads bills, corrections and declarations as the service answers them, and keeps its own books of what
they mean.

It was written from the clearing contract alone. Everything it expects stands in ``app.simulation.model``; here the
service's answers become postings and claims. Amounts of bills are taken as answered: the tiers have an oracle of
their own.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from app.simulation.answers import ClaimSeen, SettlementSeen
from app.simulation.model import claims
from app.simulation.model.amounts import day_after, fen, following, yuan
from app.simulation.model.books import ModelPosting, ModelPurse
from app.simulation.model.deductions import corrected
from app.simulation.model.state import ModelPayment, ModelState, Way
from app.simulation.office import MAKER

BASIC: Final = "390100"
CORRECTIONS: Final = ("reversal", "adjustment")


@dataclass
class AuditedBill:
    """A settlement as the auditor knows it."""

    shown: str
    hospital: str
    area: str
    benefit_year: int
    person: str
    by_patient: bool
    reversed: bool = False


@dataclass
class FamilyDoctor:
    """A contract of a person with a hospital, in [since, until)."""

    person: str
    hospital: str
    area: str
    since: str
    until: str


@dataclass
class Auditor:
    """What the service was asked and answered, as books.

    ``unopened`` is what funds owe persons by settlement and fund and no claim was seen for yet; ``corrected_claims``
    are claims that a correction changed, with the states that they may have now.
    """

    state: ModelState
    fee: int = 0
    bills: dict[str, AuditedBill] = field(default_factory=dict)
    contracts: list[FamilyDoctor] = field(default_factory=list)
    paid_fees: set[tuple[str, str]] = field(default_factory=set)
    unopened: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    corrected_claims: dict[str, tuple[Way, ...]] = field(default_factory=dict)

    def settled(self, seen: SettlementSeen) -> None:
        """Book a new settlement; what funds owe a person waits for its claims."""
        by_patient = seen.paid_by == "patient"
        where = (seen.hospital_code, seen.paying_area, seen.benefit_year, seen.person_id)
        bill = AuditedBill(seen.settlement_id, *where, by_patient)
        self.bills[bill.shown] = bill
        if by_patient:
            self._claim(bill, seen)
        else:
            self._owe(bill, seen)

    def claimed(self, seen: ClaimSeen, maker: str) -> ModelPayment | None:
        """Book a claim that a settlement or a correction opened; None when nothing was owed that it could ask for."""
        amount = self.unopened.pop((seen.settlement_id, seen.fund), 0)
        if amount <= 0:
            return None
        bill = self.bills[seen.settlement_id]
        year = self.state.fiscal_year(bill.area, bill.benefit_year)
        new = claims.OpenedClaim(seen.claim_id, bill.area, seen.fund, year, bill.shown, amount)
        return claims.opened(self.state, new, maker, bill.person)

    def took_back(self, seen: SettlementSeen, *, liable: bool) -> Iterator[str]:
        """Book a reversal, and what it changed for later settlements; a liable party's money takes the payable's
        place."""
        bill = self.bills[seen.of_settlement_id or ""]
        yield from self._nothing_left(bill, seen)
        bill.reversed = True
        self._correct(bill, seen)
        if liable:
            for fund, amount in _per_fund(seen).items():
                self._post(bill, fund, "recovered", -amount)
        self._after(bill, reversed_=not liable)
        for one in seen.adjustments or ():
            self.adjusted(one)

    def adjusted(self, seen: SettlementSeen) -> None:
        """Book an adjustment, and those that it made necessary."""
        bill = self.bills[seen.of_settlement_id or ""]
        self._correct(bill, seen)
        self._after(bill, reversed_=False)
        for one in seen.adjustments or ():
            self.adjusted(one)

    def declared(self, hospital: str, area: str, period: str) -> None:
        """Book the family doctors' fees of a month that is declared: one a person, of the month's last contract."""
        closed = (area, period) in self.state.months or (area, int(period[:4])) in self.state.closed_years
        day = self.state.today if closed else _last_day(period)
        persons = [one for one in self.last_contracts(period) if (one.hospital, one.area) == (hospital, area)]
        for one in persons:
            if (one.person, period) not in self.paid_fees:
                self.paid_fees.add((one.person, period))
                year = self.state.fiscal_year(area, int(period[:4]))
                purse = ModelPurse(f"hospital:{hospital}", area, BASIC)
                self.state.books.post(ModelPosting(purse, day, year, "owed", self.fee))

    def last_contracts(self, period: str) -> Iterable[FamilyDoctor]:
        """The contract that each person had last in a month."""
        first, end = f"{period}-01", following(period, 1)
        last: dict[str, FamilyDoctor] = {}
        for one in sorted(self.contracts, key=lambda one: one.since):
            if one.since < end and one.until > first:
                last[one.person] = one
        return last.values()

    def _after(self, bill: AuditedBill, *, reversed_: bool) -> None:
        """Deductions that became excessive are given back; claims follow. All corrections are by one officer."""
        of_bill = claims.of_settlement(self.state, bill.shown)
        taken = [self.state.taken(claim.purse, bill.shown) for claim in of_bill]
        corrected(self.state, bill.shown, reversed_=reversed_)
        for claim, before in zip(of_bill, taken, strict=True):
            if self.state.taken(claim.purse, bill.shown) < before:
                claim.raised_by.add(MAKER)
            self.corrected_claims[claim.shown] = claims.follow(self.state, claim)

    def _correct(self, bill: AuditedBill, seen: SettlementSeen) -> None:
        if bill.by_patient:
            self._correct_claims(bill, seen, reversed_=seen.kind == "reversal")
        else:
            self._owe(bill, seen)

    def _correct_claims(self, bill: AuditedBill, seen: SettlementSeen, *, reversed_: bool) -> None:
        if reversed_:
            for claim in claims.of_settlement(self.state, bill.shown):
                claims.reversed_(self.state, claim)
            return
        year = self.state.fiscal_year(bill.area, bill.benefit_year)
        for fund, amount in _per_fund(seen).items():
            of_fund = [one for one in claims.of_settlement(self.state, bill.shown) if one.purse.fund == fund]
            of_year = next((one for one in of_fund if one.year == year), None)
            if amount < 0:
                claims.lowered(self.state, of_fund, -amount)
            elif amount and of_year:
                claims.raised(self.state, of_year, amount, MAKER)
            elif amount:
                self.unopened[(bill.shown, fund)] += amount

    def _claim(self, bill: AuditedBill, seen: SettlementSeen) -> None:
        for fund, amount in _per_fund(seen).items():
            if amount:
                self.unopened[(bill.shown, fund)] += amount

    def _owe(self, bill: AuditedBill, seen: SettlementSeen) -> None:
        for fund, amount in _per_fund(seen).items():
            self._post(bill, fund, "owed", amount)

    def _post(self, bill: AuditedBill, fund: str, event: str, amount: int) -> None:
        purse = ModelPurse(f"hospital:{bill.hospital}", bill.area, fund)
        year = self.state.fiscal_year(bill.area, bill.benefit_year)
        self.state.books.post(ModelPosting(purse, self.state.today, year, event, amount, bill.shown))

    def _nothing_left(self, bill: AuditedBill, seen: SettlementSeen) -> Iterator[str]:
        """A reversal is the sum of the settlement and its adjustments, negative."""
        for fund, amount in _per_fund(seen).items():
            parties = (
                [one.purse.party for one in claims.of_settlement(self.state, bill.shown) if one.purse.fund == fund]
                if bill.by_patient
                else [f"hospital:{bill.hospital}"]
            )
            before = sum(self.state.owed(ModelPurse(party, bill.area, fund), bill.shown) for party in parties)
            if before != -amount:
                yield f"the reversal moves {yuan(amount)} of fund {fund}, expected {yuan(-before)}"


def _per_fund(seen: SettlementSeen) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for one in seen.payables:
        sums[one.fund] += fen(one.amount)
    return dict(sums)


def _last_day(period: str) -> str:
    return day_after(following(period, 1), -1)
