"""Illegal closings and reopenings of months and years, and approvals of exceptions."""

from collections.abc import Iterator

from app.simulation.model import closings
from app.simulation.office import CHECKER, MAKER
from app.simulation.stage import Stage, StagedAct
from app.simulation.trespass.illegal import WHY, by_stranger, illegal
from app.simulation.world import AREAS


def proposed(stage: Stage) -> Iterator[StagedAct]:
    """Everything about closings that may be refused."""
    state = stage.state
    periods = [state.today[:7], *sorted({period for _, period in state.months})]
    for area in AREAS:
        for period in periods:
            yield from _month(stage, area, period)
        for year in range(int(state.today[:4]) - 1, int(state.today[:4]) + 1):
            reasons = closings.may_close_year(state, area, year)
            body = {"area_code": area}
            close = illegal("close year", MAKER, f"/fiscal-years/{year}/closing", reasons, body=body)
            yield from (close, by_stranger(close))
    for shown in state.exceptions:
        for who in (MAKER, CHECKER):
            reasons = closings.may_approve_exception(state, shown, who)
            approve = illegal("approve exception", who, f"/exceptions/{shown}/approval", reasons, body={})
            yield from (approve, by_stranger(approve))


def _month(stage: Stage, area: str, period: str) -> Iterator[StagedAct]:
    state = stage.state
    for mode in ("soft", "hard"):
        reasons = closings.may_close_month(state, area, period, mode)
        body = {"area_code": area, "mode": mode}
        close = illegal("close month", MAKER, f"/fiscal-months/{period}/closing", reasons, body=body)
        yield from (close, by_stranger(close))
    for who in (MAKER, CHECKER):
        reasons = closings.may_reopen_month(state, area, period, who)
        opening = {**WHY, "area_code": area}
        reopen = illegal("reopen month", who, f"/fiscal-months/{period}/reopening", reasons, body=opening)
        yield from (reopen, by_stranger(reopen))
