"""Why the contract refuses a move. A move without a reason is allowed; one with several may be refused for any of
them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Reason:
    """A status, and the code where the contract names one. Status 0: the contract is silent, both answers will do.

    ``why`` names the kind of illegal move; it is counted, never compared.
    """

    status: int
    code: str | None = None
    why: str = field(default="", compare=False)

    def explains(self, status: int, code: str) -> bool:
        """Whether a refusal is this one."""
        return status == self.status and self.code in (None, code)


Reasons = list[Reason]
Case = tuple[bool, Reason, str]

SILENT: Final = Reason(0)
INVALID_MOVE: Final = Reason(409)
MAKER_IS_CHECKER: Final = Reason(403, "maker_is_checker")
NOT_YOURS: Final = (Reason(403, why="a stranger"), Reason(404, why="a stranger"))
NOT_THERE: Final = Reason(404)
UNACCEPTABLE: Final = Reason(422)


def because(*cases: Case) -> Reasons:
    """The reasons whose case holds, each with the name of its kind."""
    return [Reason(reason.status, reason.code, why) for holds, reason, why in cases if holds]


def binding(reasons: Reasons) -> bool:
    """Whether the move must be refused."""
    return any(reason != SILENT for reason in reasons)


def allowed(reasons: Reasons) -> bool:
    """Whether the move must be accepted."""
    return not reasons


def explained(reasons: Reasons, status: int, code: str) -> bool:
    """Whether a refusal has one of these reasons; a silent contract explains every refusal of a state or of content."""
    if SILENT in reasons and status in (403, 404, 409, 422):
        return True
    return any(reason.explains(status, code) for reason in reasons)


def kind(reasons: Iterable[Reason], status: int, code: str) -> str | None:
    """The kind of an illegal move that was refused, where a single one explains the refusal."""
    found = {one.why for one in reasons if one.why and one.explains(status, code)}
    return found.pop() if len(found) == 1 else None
