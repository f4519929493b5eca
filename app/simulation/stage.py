"""One move of a simulated year: what the auditor says of it beforehand, what the service answers, and what differs."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final

import httpx
from msgspec import Struct

from app.simulation.answers import Answer, compared
from app.simulation.model.reasons import SILENT, Reason, Reasons, binding, explained, kind
from app.simulation.model.state import ModelState
from app.simulation.office import Body, Office
from app.simulation.world import World

PATIENCE: Final = 40
ASKED_AGAIN: Final = 0.02

Done = Callable[[Answer], Iterator[str]]
Look = tuple[str, Callable[[], Struct]]


class Diverged(Exception):
    """The service did what the contract refuses: from here on auditor and service can't be compared."""


@dataclass(frozen=True)
class StagedAct:
    """A POST with the auditor's reasons against it. ``done`` books it when it was accepted and tells differences of
    the answer; ``look`` is where its object can be read and what is expected there, to see that a refusal changed
    nothing; ``told`` tells differences of what a refusal says."""

    name: str
    who: str
    path: str
    body: Body
    reasons: Reasons
    done: Done
    look: Look | None = None
    told: Done | None = None


@dataclass
class Stage:
    """Where the moves are made: the service, the auditor's state, the dice, and the record of what differed."""

    office: Office
    state: ModelState
    world: World
    random: Random
    differences: list[str] = field(default_factory=list)
    comparisons: int = 0
    moves: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    references: int = 0

    def perform(self, act: StagedAct) -> bool:
        """Make a move and compare; whether it was accepted."""
        status, answer = self.office.send(act.who, "POST", f"/v1{act.path}", act.body)
        self.comparisons += 1
        if self.chance(ASKED_AGAIN):
            self._ask_again(act, status, answer)
        accepted = status < httpx.codes.BAD_REQUEST
        self.moves[f"{act.name} {'accepted' if accepted else 'refused'}"] += 1
        if accepted:
            self._accepted(act, answer)
        else:
            self._refused(act, status, answer)
        return accepted

    def refused(self, name: str, who: str, path: str, body: Body, reason: Reason) -> None:
        """A move that no state of things allows."""
        self.perform(StagedAct(name, who, path, body, [reason], _booked_nothing))

    def _ask_again(self, act: StagedAct, status: int, answer: Answer) -> None:
        """The same request under the same key moves nothing a second time: what was accepted answers as before."""
        again, same = self.office.send_again(act.who, f"/v1{act.path}", act.body)
        self.comparisons += 1
        self.moves["asked again"] += 1
        if status < httpx.codes.BAD_REQUEST and (again, same) != (status, answer):
            self.differs(act.name, f"asked again {act.path}", f"{status} as before", f"{again} {_short(same)}")

    def _accepted(self, act: StagedAct, answer: Answer) -> None:
        if binding(act.reasons):
            wanted = " or ".join(f"{one.status} {one.code or ''}".strip() for one in act.reasons if one != SILENT)
            self.differs(act.name, f"{act.who} {act.path} {dict(act.body)}", wanted, f"accepted: {_short(answer)}")
            raise Diverged
        for difference in act.done(answer):
            self.differs(act.name, f"{act.path} {dict(act.body)}", "", difference)

    def _refused(self, act: StagedAct, status: int, answer: Answer) -> None:
        code = str(answer.get("code"))
        why = kind(act.reasons, status, code)
        if why is not None:
            self.kinds[f"{act.name}: {why}"] += 1
        if not explained(act.reasons, status, code):
            wanted = " or ".join(f"{one.status} {one.code or ''}".strip() for one in act.reasons) or "accepted"
            self.differs(act.name, f"{act.who} {act.path} {dict(act.body)}", wanted, f"{status} {code}")
        for difference in act.told(answer) if act.told is not None and explained(act.reasons, status, code) else ():
            self.differs(act.name, f"refused {act.path}", "", difference)
        if act.look is not None:
            path, expected = act.look
            for difference in self.seen(path, expected()):
                self.differs(act.name, f"refused, yet {path}", "", difference)

    def seen(self, path: str, expected: Struct) -> Iterator[str]:
        """What a resource shows other than expected."""
        self.comparisons += 1
        return compared(self.office.get(path), expected)

    def differs(self, move: str, where: str, expected: str, got: str) -> None:
        """Record a difference; too many end the seed."""
        wanted = f" expected {expected}," if expected else ""
        words = f"got {got}" if expected else got
        line = f"seed {self.office.seed} {self.office.day} {move} {where}:{wanted} {words}"
        self.differences.append(line)
        if len(self.differences) >= PATIENCE:
            raise Diverged

    def reference(self) -> str:
        """A bank reference that was never used."""
        self.references += 1
        return f"BANK{self.references:08d}"

    def chance(self, probability: float) -> bool:
        """Whether something that happens now and then happens now."""
        return self.random.random() < probability


def _booked_nothing(_: Answer) -> Iterator[str]:
    return iter(())


def _short(answer: Answer) -> str:
    shown = {key: value for key, value in answer.items() if isinstance(value, (str, int))}
    return str(shown)[:400]
