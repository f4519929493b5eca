"""Who tries what is forbidden: at least one move of each kind that is possible as things stand."""

from collections.abc import Callable, Iterator
from typing import Final

from app.simulation.model.reasons import SILENT
from app.simulation.stage import Stage, StagedAct
from app.simulation.trespass import audits, balances, claims, closings, declarations, payments, releases

ATTEMPTS: Final = 5
Proposals = Callable[[Stage], Iterator[StagedAct]]

PROPOSED: Final[tuple[Proposals, ...]] = (
    declarations.proposed,
    audits.proposed,
    payments.proposed,
    claims.proposed,
    releases.proposed,
    balances.proposed,
    closings.proposed,
)


class Trespasser:
    """Remembers what was tried, so that a kind that the service refuses for another reason isn't tried for ever."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.tried: dict[str, int] = {}

    def day(self) -> None:
        """Try each kind that wasn't met yet, once, where some object allows it."""
        for propose in PROPOSED:
            for act in propose(self.stage):
                kind = _kind(act)
                if kind is not None and self._unmet(kind):
                    self.tried[kind] = self.tried.get(kind, 0) + 1
                    self.stage.perform(act)

    def _unmet(self, kind: str) -> bool:
        return kind not in self.stage.kinds and self.tried.get(kind, 0) < ATTEMPTS


def _kind(act: StagedAct) -> str | None:
    """The one reason against a move; None where there is none or another one, or the contract is silent."""
    whys = {one.why for one in act.reasons}
    return f"{act.name}: {whys.pop()}" if len(whys) == 1 and SILENT not in act.reasons else None
