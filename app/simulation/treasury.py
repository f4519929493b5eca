"""What the finance office does once a year or a month: prepayments, reports, closings, the release of deposits."""

from datetime import date
from random import Random
from typing import Any, Final

from app.simulation.office import CHECKER, MAKER, Office
from app.simulation.paymaster import WHY, Paymaster
from app.simulation.world import World, cents, yuan

PREPAID, GIVEN_BACK = 0.8, 0.2
PREPAID_FUNDS: Final = ("390100", "610100")
ASSESSED: Final = ("1.0000", "0.9500", "0.8000")
DUE_BACK: Final = ("return_exceeds_payment", "invalid_move")

Body = dict[str, Any]


class Treasury:
    """Beside the statements; its orders are paid by the paymaster."""

    def __init__(self, office: Office, world: World, paymaster: Paymaster, random: Random) -> None:
        self.office, self.world, self.paymaster, self.random = office, world, paymaster, random
        self.agenda = paymaster.agenda

    def prepay(self, year: int) -> None:
        """Give some hospitals money in advance."""
        for hospital, area in self.world.hospitals.items():
            if self.random.random() < PREPAID:
                amount = yuan(self.random.randrange(10_000, 1_000_000))
                body = {"hospital_code": hospital, "area_code": area, "amount": amount, "year": year}
                self._prepay(body | {"fund": self.random.choice(PREPAID_FUNDS)})

    def _prepay(self, body: Body) -> None:
        shown = self.office.post(MAKER, "/prepayments", body)["prepayment_id"]
        path, amount = f"/prepayments/{shown}", cents(body["amount"])
        if self.random.random() < GIVEN_BACK:
            self.office.post(MAKER, f"{path}/cancellation", WHY)
            return
        self.office.refused(MAKER, f"{path}/approval", {}, "maker_is_checker")
        self.office.post(CHECKER, f"{path}/approval")
        self.office.post(MAKER, f"{path}/sending")
        first = amount // self.random.randrange(1, 3)
        for part in (first, amount - first):
            if part:
                payment = {"amount": yuan(part), "paid_on": str(self.office.day)}
                self.office.post(MAKER, f"{path}/payments", payment | {"bank_reference": self.paymaster.reference()})
        if self.random.random() < GIVEN_BACK:
            self.agenda.at(self.paymaster.later(self.random.randrange(30, 200)), lambda: self._give_back(shown))

    def _give_back(self, shown: str) -> None:
        """The hospital gives back a half of what no order has taken yet."""
        outstanding = cents(self.office.get(f"/prepayments/{shown}")["outstanding"])
        if outstanding > 1:
            body = {"amount": yuan(outstanding // 2), "returned_on": str(self.office.day)}
            body |= WHY | {"bank_reference": self.paymaster.reference()}
            self.office.attempt(MAKER, f"/prepayments/{shown}/returns", body, *DUE_BACK)

    def report(self, area: str, period: str) -> None:
        """Submit the month's report and have it signed off."""
        path, body = f"/reports/monthly/{period}", {"area_code": area}
        self.office.post(MAKER, f"{path}/submission", body)
        self.office.refused(MAKER, f"{path}/approval", body, "maker_is_checker")
        self.office.post(CHECKER, f"{path}/approval", body)

    def close_month(self, area: str, period: str) -> None:
        """Close a month softly; sometimes another person opens it again, and it is closed hard."""
        path, body = f"/fiscal-months/{period}", {"area_code": area}
        self.office.post(MAKER, f"{path}/closing", body | {"mode": "soft"})
        if self.random.random() < GIVEN_BACK:
            self.office.refused(MAKER, f"{path}/reopening", body | WHY, "maker_is_checker")
            self.office.post(CHECKER, f"{path}/reopening", body | WHY)
            self.office.post(MAKER, f"{path}/closing", body | {"mode": "hard"})

    def close_year(self, area: str, year: int) -> None:
        """Close a year; below the floor only with an exception of two."""
        path, body = f"/fiscal-years/{year}", {"area_code": area}
        if self.office.attempt(MAKER, f"{path}/closing", body, "payout_below_floor") is None:
            exception = self.office.post(MAKER, f"{path}/exceptions", body | WHY | {"fund": "390100"})["exception_id"]
            self.office.refused(MAKER, f"/exceptions/{exception}/approval", {}, "maker_is_checker")
            self.office.post(CHECKER, f"/exceptions/{exception}/approval")
            self.office.post(MAKER, f"{path}/closing", body)
        self.office.refused(MAKER, f"{path}/closing", body, "already_closed")

    def release(self, year: int, as_of: date) -> None:
        """Settle the year's deposits, hospital by hospital, and pay what is released."""
        rows = self.office.get("/payout-rates", year=year, as_of=str(as_of), group_by="fund,area_code,hospital_code")[
            "data"
        ]
        for row in sorted(rows, key=lambda one: (one["area_code"], one["hospital_code"], one["fund"])):
            if cents(row["deposit"]) > 0:
                body = {name: row[name] for name in ("hospital_code", "area_code", "fund")}
                self._release(body | WHY | {"year": year, "assessed_ratio": self.random.choice(ASSESSED)})

    def _release(self, body: Body) -> None:
        shown = self.office.post(MAKER, "/deposit-releases", body)["release_id"]
        released = self.office.post(CHECKER, f"/deposit-releases/{shown}/approval")
        if released["disbursement_id"] is not None:
            order = {"disbursement_id": released["disbursement_id"], "amount": released["amount"]}
            self.office.post(MAKER, f"/disbursements/{order['disbursement_id']}/sending")
            self.agenda.at(self.paymaster.later(2), lambda: self.paymaster.pay(order))
