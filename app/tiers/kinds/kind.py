"""What a rule kind is: one object with its computation, its check, its words and its reader's arithmetic. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.tiers.inputs import Given
from app.tiers.kinds.reading import Redo
from app.tiers.pack import Rule
from app.tiers.roles import OF_EVERY_RULE, Role
from app.tiers.state import State
from app.tiers.units import TIERS
from app.tiers.vocabulary import ALSO, IN_PROPORTION
from app.tiers.yamltext import Map

OPTIONS_OF_EVERY_RULE = ("referral_missing", "counts_paid", *ALSO, "history", "history_is", IN_PROPORTION)
AnyRole = Role[Any]


@dataclass(frozen=True, slots=True)
class Explained:
    """How a step is explained: its sentence, the names of its inputs, and how a reader redoes it.

    ``pattern`` finds the numbers of the sentence; ``redo`` makes the step's amount of them, in yuan.
    """

    sentence: Callable[[Given, int], str]
    inputs: Mapping[str, str]
    pattern: str
    redo: Redo


def _nothing_wrong(data: Map) -> Iterator[str]:
    """No further findings."""
    yield from ()


def _untold(given: Given, amount: int, chinese: bool) -> str:
    """Nothing that a patient would ask about."""
    return ""


@dataclass(frozen=True, slots=True)
class Kind:
    """A rule kind.

    ``needs``, ``may`` and ``options`` are the figures that a rule must have, those that it may have, and the words that
    it may use. ``apply`` runs the rule for a bill. ``check`` finds what is wrong with a rule as written, in Chinese.
    ``words`` is what a rule does, with its parameters' names filled in. ``told`` is how the patient's summary tells a
    step, "" if it doesn't; its last argument is whether in Chinese, else in English. ``uncapped`` is what a step would
    pay without its caps, fen, where the summary says what a cap cost.
    """

    name: str
    apply: Callable[[Rule, State], None]
    explained: Explained
    words: str
    needs: tuple[AnyRole, ...]
    may: tuple[AnyRole, ...] = ()
    options: tuple[str, ...] = ()
    tiers: tuple[str, ...] = TIERS
    check: Callable[[Map], Iterator[str]] = _nothing_wrong
    told: Callable[[Given, int, bool], str] = _untold
    uncapped: Callable[[Given], int] | None = None

    @property
    def roles(self) -> dict[str, AnyRole]:
        """Every role that a figure can have in a rule of this kind, by name."""
        return {role.name: role for role in (*self.needs, *self.may, *OF_EVERY_RULE)}

    @property
    def words_allowed(self) -> frozenset[str]:
        """Every option that a rule of this kind can have."""
        return frozenset({*self.options, *OPTIONS_OF_EVERY_RULE})
