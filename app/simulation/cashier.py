"""What hospitals do in a simulated year: bills, late bills, reversals, refunds; and lists that come late."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Final

from msgspec import convert

from app.simulation.agenda import Agenda
from app.simulation.answers import Answer, ClaimSeen, SettlementSeen, claim_expected, compared, settlement_of
from app.simulation.auditor import Auditor
from app.simulation.model.amounts import yuan
from app.simulation.model.reasons import Reason
from app.simulation.office import CHECKER, MAKER
from app.simulation.stage import Stage

LATE_BILL, PAID_BY_PATIENT, REVERSED, REFUNDED, TWICE, INJURED = 0.06, 0.12, 0.08, 0.10, 0.03, 0.04
REASON: Final = {"reason": "模拟更正"}
SETTLED_ALREADY: Final = Reason(409, "already_settled", "settled already")
REVERSED_ALREADY: Final = Reason(409, "already_reversed", "reversed already")
CLAIM_REVERSED: Final = 0.2
GONE: Final = ("already_reversed", "nothing_to_refund", "refund_exceeds_line")


@dataclass
class Cashier:
    """Bills of a month at a time, and what becomes of them later."""

    stage: Stage
    auditor: Auditor
    agenda: Agenda
    single_line: set[str] = field(default_factory=set)
    settled: int = 0

    def month(self, hospital: str, first: date, days: int, bills: int) -> None:
        """Plan a month's bills of a hospital: about as many as ``bills``, some of them settled late."""
        random = self.stage.random
        for _ in range(random.randrange(max(0, bills - 2), bills + 3)):
            day = first + timedelta(days=random.randrange(days))
            late = random.randrange(10, 70) if random.random() < LATE_BILL else random.randrange(3)
            self.agenda.at(day + timedelta(days=late), partial(self._settle, hospital, day))

    def _settle(self, hospital: str, discharged: date) -> None:
        bill = self.stage.world.bill(hospital, discharged)
        who = hospital
        if self.stage.chance(PAID_BY_PATIENT):
            bill, who = bill | {"paid_by": "patient"}, self.stage.random.choice((MAKER, CHECKER))
        elif bill["medical_type"] == "21" and self.stage.chance(INJURED):
            bill = bill | {"work_injury": "undeterminable"}
        seen = settlement_of(self.stage.office.do(who, "POST", "/v1/settlements", bill))
        self.auditor.settled(seen)
        self.settled += 1
        self._claims(who)
        if len(bill["lines"]) == 1:
            self.single_line.add(seen.settlement_id)
        if self.stage.chance(TWICE):
            self.stage.refused("settle", who, "/settlements", bill, SETTLED_ALREADY)
        self._correct_later(seen, [line["line_no"] for line in bill["lines"]])

    def _claims(self, who: str) -> None:
        """Look at the claims that a settlement opened or a correction changed: one for each fund that owes."""
        auditor, state = self.auditor, self.stage.state
        settlements = {settlement for settlement, _ in auditor.unopened}
        settlements |= {state.claims[one].settlement for one in auditor.corrected_claims}
        for person in sorted({auditor.bills[one].person for one in settlements}):
            for row in self.stage.office.every("/claims", person_id=person):
                self._claim(row, convert(row, ClaimSeen), who)
        for (settlement, fund), amount in auditor.unopened.items():
            self.stage.differs("claims", settlement, f"a claim of fund {fund} for {yuan(amount)}", "none")
        auditor.unopened.clear()
        auditor.corrected_claims.clear()

    def _claim(self, row: Answer, seen: ClaimSeen, who: str) -> None:
        claim = self.stage.state.claims.get(seen.claim_id) or self.auditor.claimed(seen, who)
        if claim is None:
            self.stage.differs("claims", seen.claim_id, "no such claim", f"{row}")
            return
        allowed = self.auditor.corrected_claims.get(claim.shown, ())
        claim.state = next((one for one in allowed if one == seen.state), claim.state if not allowed else allowed[0])
        self.stage.comparisons += 1
        for difference in compared(row, claim_expected(claim)):
            self.stage.differs("claims", claim.shown, "", difference)

    def _correct_later(self, seen: SettlementSeen, lines: list[int]) -> None:
        random = self.stage.random
        later = self.stage.office.day + timedelta(days=random.randrange(1, 90))
        fate = random.random()
        if seen.recoverable:
            self.agenda.at(later, lambda: self._recover(seen.settlement_id))
        elif fate < (CLAIM_REVERSED if seen.paid_by == "patient" else REVERSED):
            self.agenda.at(later, lambda: self.reverse(seen.settlement_id))
        elif fate < REVERSED + REFUNDED:
            chosen = random.sample(lines, random.randrange(1, len(lines) + 1))
            self.agenda.at(later, lambda: self.refund(seen.settlement_id, chosen))

    def reverse(self, settlement: str) -> None:
        """Take a settlement back, with whatever later ones are different without it; a second time is refused."""
        if not self.auditor.bills[settlement].reversed:
            path = f"/v1/settlements/{settlement}/reversal"
            answer = self.stage.office.do(MAKER, "POST", path, REASON | {"cascade": True})
            self._book(settlement, "reversal", answer, liable=False)
        self.stage.refused("reverse", MAKER, f"/settlements/{settlement}/reversal", REASON, REVERSED_ALREADY)

    def _recover(self, settlement: str) -> None:
        """The injury was recognised: another party is liable for the bill."""
        if not self.auditor.bills[settlement].reversed:
            body = REASON | {"document": "工伤认定书", "cascade": True}
            answer = self.stage.office.do(MAKER, "POST", f"/v1/settlements/{settlement}/recovery", body)
            self._book(settlement, "recovery", answer, liable=True)

    def _book(self, settlement: str, move: str, answer: Answer, *, liable: bool) -> None:
        for difference in self.auditor.took_back(settlement_of(answer), liable=liable):
            self.stage.differs(move, settlement, "", difference)
        self._claims(MAKER)

    def refund(self, settlement: str, lines: list[int]) -> None:
        """Take lines of a bill back, if they are still there."""
        body = REASON | {"lines": [{"line_no": line, "quantity": "1"} for line in lines], "cascade": True}
        status, answer = self.stage.office.send(MAKER, "POST", f"/v1/settlements/{settlement}/refunds", body)
        if status < 400:
            self.auditor.adjusted(settlement_of(answer))
            self._claims(MAKER)
        elif answer["code"] not in GONE:
            self.stage.differs("refund", settlement, "accepted", f"{status} {answer['code']}")

    def late_list(self, person: str, year: int) -> None:
        """A person turns out to have been poor, or not, since the year began: the year is computed again."""
        body = self.stage.world.persons[person]
        others = [name for name in ("registered_poor", "low_income", "ordinary") if name != _class(body)]
        chosen = self.stage.random.choice(others)
        identities = [] if chosen == "ordinary" else [{"class": chosen, "from": f"{year}-01-01"}]
        self.stage.world.put_person(person, body | {"identities": identities})
        path = f"/v1/persons/{person}/years/{year}/readjudication"
        answer = self.stage.office.do(MAKER, "POST", path, {"reason": "名单迟到", "dry_run": False})
        for one in answer["adjustments"]:
            self.auditor.adjusted(settlement_of(one))
        self._claims(MAKER)


def _class(body: Answer) -> str:
    return str(body["identities"][0]["class"]) if body["identities"] else "ordinary"
