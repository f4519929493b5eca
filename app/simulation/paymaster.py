"""What the finance office does in a simulated year, statement by statement: declare, compare, audit, approve, order,
pay."""

from datetime import date, timedelta
from functools import partial
from random import Random
from typing import Any, Final

from app.simulation.agenda import Agenda
from app.simulation.office import CHECKER, MAKER, OWNERS, Office
from app.simulation.world import World, cents, yuan

DECLARED_BY_HOSPITAL, WITHDRAWN, COMPARED, WRONG, AUDITED, BY_OWNERS = 0.6, 0.05, 0.8, 0.15, 0.3, 0.4
CANCELLED, IN_PARTS, RETURNED, MISTAKE = 0.05, 0.2, 0.05, 0.04
DEPOSITS: Final = ((None, "0.0000", "0.1000", "0.1500"), (70, 15, 10, 5))
UNDEDUCTIBLE: Final = (
    "already_reversed",
    "deduction_exceeds_payable",
    "settlement_not_in_statement",
    "amount_not_positive",
)
WHY: Final = {"reason": "模拟"}

Body = dict[str, Any]


class Paymaster:
    """Statements and their orders. Nobody checks what they made themselves; now and then somebody tries, and is
    refused."""

    def __init__(self, office: Office, world: World, agenda: Agenda, random: Random) -> None:
        self.office, self.world, self.agenda, self.random = office, world, agenda, random
        self.references = 0

    def later(self, days: int) -> date:
        """A day from today."""
        return self.office.day + timedelta(days=days)

    def chance(self, probability: float) -> bool:
        """Whether something that happens now and then happens now."""
        return self.random.random() < probability

    # ------------------------------------------------------------ statements

    def declare(self, hospital: str, area: str, period: str) -> None:
        """Declare a month, sometimes twice; then compare it."""
        who = hospital if self.chance(DECLARED_BY_HOSPITAL) else MAKER
        body = {"hospital_code": hospital, "period": period, "area_code": area}
        statement = self.office.post(who, "/clearing/statements", body)
        if self.chance(MISTAKE):
            self.office.refused(who, "/clearing/statements", body, "already_declared")
        if self.chance(WITHDRAWN):
            self.office.post(who, f"/clearing/statements/{statement['statement_id']}/withdrawal", WHY)
            self.agenda.at(self.later(1), lambda: self.declare(hospital, area, period))
        else:
            self.agenda.at(self.later(1), lambda: self._compare(statement, who))

    def _compare(self, statement: Body, declarer: str) -> None:
        shown = statement["statement_id"]
        if self.chance(COMPARED):
            totals = [{name: fund[name] for name in ("fund", "count", "amount")} for fund in statement["funds"]]
            if totals and self.chance(WRONG):
                totals[0] = totals[0] | {"amount": "0.01", "count": 1}
            answer = self.office.post(
                statement["hospital_code"], "/clearing/reconciliations", {"statement_id": shown, "totals": totals}
            )
            for difference in answer["differences"]:
                self.office.post(MAKER, f"/clearing/differences/{difference['difference_id']}/resolution", WHY)
        deductions = self._audit(statement) if self.chance(AUDITED) else 0
        self.agenda.at(
            self.later(17 if deductions else self.random.randrange(1, 6)), lambda: self._approve(statement, declarer)
        )

    def _audit(self, statement: Body) -> int:
        """Propose a few deductions and plan what becomes of them; how many there are."""
        shown = statement["statement_id"]
        items = self.office.get(f"/clearing/statements/{shown}/items", limit=100)["data"]
        seen = {shown: number for number, shown in enumerate(self.office.auditor.known)}
        bills = [item for item in items if item["event"] == "settlement" and cents(item["amount"]) > 0]
        bills.sort(key=lambda item: (seen[item["settlement_id"]], item["fund"], item["tier"]))
        made = 0
        for item in self.random.sample(bills, min(2, len(bills))):
            amount = yuan(max(1, cents(item["amount"]) // self.random.randrange(1, 20)))
            body = WHY | {
                "settlement_id": item["settlement_id"],
                "fund": item["fund"],
                "amount": amount,
                "reason_code": "R01",
            }
            answer = self.office.attempt(MAKER, f"/clearing/statements/{shown}/deductions", body, *UNDEDUCTIBLE)
            if answer is not None:
                made += 1
                self._argue(answer, statement["hospital_code"])
        return made

    def _argue(self, deduction: Body, hospital: str) -> None:
        """The hospital accepts, appeals, or says nothing."""
        path, fate = f"/clearing/deductions/{deduction['deduction_id']}", self.random.randrange(3)
        day = self.later(self.random.randrange(1, 6))
        if fate == 0:
            self.agenda.at(day, lambda: self._answered(hospital, f"{path}/acceptance", {}))
        elif fate == 1:
            self.agenda.at(day, lambda: self._answered(hospital, f"{path}/appeal", WHY))
            outcome = self.random.choice(("upheld", "reduced", "dismissed"))
            body: Body = WHY | {"outcome": outcome}
            if outcome == "reduced":
                body["amount"] = yuan(max(1, cents(deduction["amount"]) // 2))
                body["outcome"] = outcome if cents(deduction["amount"]) > 1 else "upheld"
            self.agenda.at(day + timedelta(days=1), lambda: self._decide(path, body))

    def _answered(self, who: str, path: str, body: Body) -> None:
        """A move of a deduction; its settlement may have been reversed meanwhile."""
        self.office.attempt(who, path, body, "invalid_move")

    def _decide(self, path: str, body: Body) -> None:
        if self.chance(MISTAKE):
            self.office.attempt(MAKER, f"{path}/decision", body, "maker_is_checker", "invalid_move")
        self._answered(CHECKER, f"{path}/decision", body)

    def _approve(self, statement: Body, declarer: str) -> None:
        """Approve all funds at once, or each by its owner; then order."""
        path = f"/clearing/statements/{statement['statement_id']}/approval"
        if declarer == MAKER and self.chance(MISTAKE):
            self.office.refused(MAKER, path, {}, "maker_is_checker")
        funds = [fund["fund"] for fund in statement["funds"]]
        if funds and self.chance(BY_OWNERS):
            for fund in funds:
                self.office.post(OWNERS[fund], path, {"funds": [fund]})
        else:
            self.office.post(CHECKER, path, {})
        for fund in funds:
            self.agenda.at(self.later(1), partial(self._order, statement["statement_id"], fund))

    # ------------------------------------------------------------ orders

    def _order(self, statement: str, fund: str) -> None:
        body: Body = {"statement_id": statement, "fund": fund}
        if self.chance(MISTAKE):
            self.office.refused(MAKER, "/disbursements", body | {"deposit_rate": "0.2000"}, "deposit_too_high")
        rate = self.random.choices(*DEPOSITS)[0]
        chosen = body if rate is None else body | {"deposit_rate": rate}
        made = self.office.attempt(MAKER, "/disbursements", chosen, "payout_floor")
        if made is None:
            made = self.office.post(MAKER, "/disbursements", body | {"deposit_rate": "0.0000"})
        for order in [made, *made["others"]]:
            if order["state"] == "draft":
                self.agenda.at(self.later(1), partial(self._sign, order))

    def _sign(self, order: Body) -> None:
        """Approve and send, or cancel at some stage and order anew."""
        path = f"/disbursements/{order['disbursement_id']}"
        cancelled = self.random.choice(("draft", "approved", "sent")) if self.chance(CANCELLED) else None
        if self.chance(MISTAKE):
            self.office.refused(MAKER, f"{path}/approval", {}, "maker_is_checker")
            self.office.refused(MAKER, f"{path}/payments", self._payment(1), "invalid_move")
        if cancelled == "draft":
            return self._cancel(order)
        state = self.office.post(CHECKER, f"{path}/approval")["state"]
        if state == "paid":
            return None
        if cancelled == "approved":
            return self._cancel(order)
        self.office.post(MAKER, f"{path}/sending")
        if cancelled == "sent":
            return self._cancel(order)
        return self.agenda.at(self.later(self.random.randrange(1, 9)), lambda: self.pay(order))

    def _cancel(self, order: Body) -> None:
        self.office.post(MAKER, f"/disbursements/{order['disbursement_id']}/cancellation", WHY)
        self.agenda.at(self.later(1), lambda: self._order(order["statement_id"], order["fund"]))

    def pay(self, order: Body) -> None:
        """The bank confirms the order, whole or in parts; now and then it gives money back, which is then paid
        again."""
        path, amount = f"/disbursements/{order['disbursement_id']}", cents(order["amount"])
        if self.chance(MISTAKE):
            self.office.refused(MAKER, f"{path}/payments", self._payment(amount + 1), "payment_exceeds_order")
        first = self.random.randrange(1, amount) if amount > 1 and self.chance(IN_PARTS) else amount
        payment = self._payment(first)
        self.office.post(MAKER, f"{path}/payments", payment)
        if first < amount:
            if self.chance(MISTAKE):
                again = payment | {"amount": yuan(amount - first)}
                self.office.refused(MAKER, f"{path}/payments", again, "bank_reference_used")
            self.agenda.at(self.later(3), lambda: self._pay_rest(path, amount - first))
        elif self.chance(RETURNED):
            back = self.random.randrange(1, amount + 1)
            self.agenda.at(self.later(2), lambda: self._return(path, back))
            self.agenda.at(self.later(5), lambda: self._pay_rest(path, back))

    def _pay_rest(self, path: str, amount: int) -> None:
        self.office.post(MAKER, f"{path}/payments", self._payment(amount))

    def _return(self, path: str, amount: int) -> None:
        body = {"amount": yuan(amount), "returned_on": str(self.office.day), "bank_reference": self.reference()}
        self.office.post(MAKER, f"{path}/returns", body | WHY)

    def _payment(self, amount: int) -> Body:
        return {"amount": yuan(amount), "paid_on": str(self.office.day), "bank_reference": self.reference()}

    def reference(self) -> str:
        """A bank reference that was never used."""
        self.references += 1
        return f"BANK{self.references:08d}"
