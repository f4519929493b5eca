"""Illegal closings of patient balances."""

from collections.abc import Iterator
from datetime import timedelta

from msgspec import convert

from app.simulation.desks.balances import CLOSED_BY, LONG_AGO, BalanceSeen, may_close
from app.simulation.office import MAKER
from app.simulation.stage import Stage, StagedAct
from app.simulation.trespass.illegal import by_stranger, illegal


def proposed(stage: Stage) -> Iterator[StagedAct]:
    """Everything about balances that may be refused."""
    today, tomorrow = str(stage.office.day), str(stage.office.day + timedelta(days=1))
    for row in stage.office.get("/patient-balances", limit=50)["data"]:
        balance = convert(row, BalanceSeen)
        for day in (today, LONG_AGO, tomorrow):
            reasons = may_close(balance, day, today)
            body = {"state": CLOSED_BY[balance.direction], "paid_on": day, "reference": "NOT"}
            path = f"/patient-balances/{balance.balance_id}/closing"
            close = illegal("close balance", MAKER, path, reasons, body=body)
            yield from (close, by_stranger(close))
