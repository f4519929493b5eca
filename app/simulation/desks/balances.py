"""What corrections leave between patients and hospitals: closed once, on a day that may be, never before it was
opened."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from msgspec import Struct, convert

from app.simulation.answers import Answer
from app.simulation.model.reasons import INVALID_MOVE, UNACCEPTABLE, Reasons, because
from app.simulation.office import MAKER
from app.simulation.stage import Stage, StagedAct

LONG_AGO: Final = "2001-01-01"
CLOSED_BY: Final = {"refund": "refunded", "collect": "collected"}


class BalanceSeen(Struct):
    """A patient balance."""

    balance_id: str
    state: str
    direction: str
    opened_at: str


def may_close(balance: BalanceSeen, day: str, today: str) -> Reasons:
    """An open one, not before its opening nor after today."""
    return because(
        (balance.state != "open", INVALID_MOVE, "closed already"),
        (day < balance.opened_at[:10], UNACCEPTABLE, "before its opening"),
        (day > today, UNACCEPTABLE, "in the future"),
    )


class BalanceDesk:
    """Close balances, on right and on wrong days."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def close(self) -> None:
        """Close some balance; a closed one, and a day before its opening or after today, are refused."""
        rows = self.stage.office.get("/patient-balances", limit=20)["data"]
        if not rows:
            return
        balance = convert(self.stage.random.choice(rows), BalanceSeen)
        today = self.stage.office.day
        day = self.stage.random.choice((str(today), str(today), LONG_AGO, str(today + timedelta(days=1))))
        reasons = may_close(balance, day, str(today))
        wanted = CLOSED_BY[balance.direction]

        def done(answer: Answer) -> Iterator[str]:
            if answer["state"] != wanted:
                yield f"state expected {wanted}, got {answer['state']}"

        body = {"state": wanted, "paid_on": day, "reference": self.stage.reference()}
        path = f"/patient-balances/{balance.balance_id}/closing"
        self.stage.perform(StagedAct("close balance", MAKER, path, body, reasons, done))
