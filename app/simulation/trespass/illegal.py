"""How an illegal move is put."""

from collections.abc import Iterator, Mapping
from typing import Final

from app.simulation.answers import Answer
from app.simulation.model.reasons import NOT_YOURS, Reasons
from app.simulation.office import READER
from app.simulation.stage import Look, StagedAct

WHY: Final[Mapping[str, object]] = {"reason": "模拟"}


def illegal(
    name: str, who: str, path: str, reasons: Reasons, *, body: Mapping[str, object] = WHY, look: Look | None = None
) -> StagedAct:
    """A move that books nothing: it must be refused."""
    return StagedAct(name, who, path, body, reasons, _nothing, look)


def by_stranger(act: StagedAct, who: str = READER) -> StagedAct:
    """The same move by somebody who may not."""
    return StagedAct(act.name, who, act.path, act.body, [*act.reasons, *NOT_YOURS], _nothing, act.look)


def _nothing(_: Answer) -> Iterator[str]:
    return iter(())
