"""Closings of months and years, exceptions from the floor, and the monthly report."""

from collections.abc import Iterator
from typing import Final

from msgspec import convert

from app.simulation.answers import Answer, BelowFloorSeen
from app.simulation.model import closings
from app.simulation.model.amounts import yuan
from app.simulation.model.reasons import SILENT, Reason, Reasons
from app.simulation.model.state import ModelState
from app.simulation.office import CHECKER, MAKER
from app.simulation.stage import Stage, StagedAct

WHY: Final = {"reason": "模拟"}
FLOORED: Final = "390100"
BY_MAKER: Final = Reason(403, "maker_is_checker", "by the maker")


class ClosingDesk:
    """What ends a month or a year."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def close_month(self, area: str, period: str, mode: str) -> bool:
        """Close a month, again perhaps, or too early."""
        state = self.stage.state
        reasons = closings.may_close_month(state, area, period, mode)

        def done(_: Answer) -> Iterator[str]:
            state.months[(area, period)] = (mode, MAKER)
            return iter(())

        body = {"area_code": area, "mode": mode}
        return self.stage.perform(
            StagedAct("close month", MAKER, f"/fiscal-months/{period}/closing", body, reasons, done)
        )

    def reopen_month(self, area: str, period: str) -> bool:
        """Open a month again, by either person."""
        state, who = self.stage.state, self.stage.random.choice((MAKER, CHECKER))
        reasons = closings.may_reopen_month(state, area, period, who)

        def done(_: Answer) -> Iterator[str]:
            del state.months[(area, period)]
            return iter(())

        body = WHY | {"area_code": area}
        return self.stage.perform(
            StagedAct("reopen month", who, f"/fiscal-months/{period}/reopening", body, reasons, done)
        )

    def close_year(self, area: str, year: int) -> bool:
        """Close a year; whether it was accepted."""
        state = self.stage.state
        reasons = closings.may_close_year(state, area, year)

        def done(_: Answer) -> Iterator[str]:
            state.closed_years[(area, year)] = state.today
            return iter(())

        def told(answer: Answer) -> Iterator[str]:
            return _below(state, area, year, answer)

        path = f"/fiscal-years/{year}/closing"
        return self.stage.perform(StagedAct("close year", MAKER, path, {"area_code": area}, reasons, done, told=told))

    def excuse(self, area: str, year: int) -> None:
        """An exception of two; the first can't approve it, and it isn't approved twice."""
        state = self.stage.state
        body = WHY | {"area_code": area, "fund": FLOORED}
        reasons: Reasons = [] if closings.below_floor(state, area, year) else [SILENT]

        def done(answer: Answer) -> Iterator[str]:
            state.exceptions[str(answer["exception_id"])] = (area, year, MAKER, False)
            return iter(())

        path = f"/fiscal-years/{year}/exceptions"
        if self.stage.perform(StagedAct("draft exception", MAKER, path, body, reasons, done)):
            for who in (MAKER, CHECKER, CHECKER):
                self._approve(list(state.exceptions)[-1], who)

    def _approve(self, shown: str, who: str) -> None:
        state = self.stage.state
        reasons = closings.may_approve_exception(state, shown, who)

        def done(_: Answer) -> Iterator[str]:
            area, year, maker, _approved = state.exceptions[shown]
            state.exceptions[shown] = (area, year, maker, True)
            return iter(())

        self.stage.perform(StagedAct("approve exception", who, f"/exceptions/{shown}/approval", {}, reasons, done))

    def report(self, area: str, period: str) -> None:
        """Submit the month's report and have it signed off by another."""
        path, body = f"/reports/monthly/{period}", {"area_code": area}
        self.stage.office.do(MAKER, "POST", f"/v1{path}/submission", body)
        self.stage.refused("approve report", MAKER, f"{path}/approval", body, BY_MAKER)
        self.stage.office.do(CHECKER, "POST", f"/v1{path}/approval", body)


def _below(state: ModelState, area: str, year: int, answer: Answer) -> Iterator[str]:
    """The funds below their floor, what is missing, and the claims of persons that weren't paid."""
    if answer["code"] != "payout_below_floor":
        return
    short = convert(answer, BelowFloorSeen).funds
    got = {one.fund: one.shortfall for one in short}
    missing = {fund: yuan(amount) for fund, amount in closings.below_floor(state, area, year).items()}
    if got != missing:
        yield f"shortfalls expected {missing}, got {got}"
    for one in short:
        unpaid = {row.claim_id: row.amount for row in one.unpaid if row.claim_id is not None}
        wanted = closings.unpaid_claims(state, area, one.fund, year)
        if unpaid != {shown: yuan(amount) for shown, amount in wanted.items()}:
            yield f"unpaid claims of fund {one.fund} expected {wanted}, got {unpaid}"
