"""Why the contract refuses a move. A move without a reason is allowed; one with several may be refused for any of
them."""

from typing import Final, NamedTuple


class Reason(NamedTuple):
    """A status, and the code where the contract names one. Status 0: the contract is silent, both answers will do."""

    status: int
    code: str | None = None

    def explains(self, status: int, code: str) -> bool:
        """Whether a refusal is this one."""
        return status == self.status and self.code in (None, code)


Reasons = list[Reason]

SILENT: Final = Reason(0)
INVALID_MOVE: Final = Reason(409)
MAKER_IS_CHECKER: Final = Reason(403, "maker_is_checker")
NOT_YOURS: Final = (Reason(403), Reason(404))
NOT_THERE: Final = Reason(404)
UNACCEPTABLE: Final = Reason(422)


def because(*cases: tuple[bool, Reason]) -> Reasons:
    """The reasons whose case holds."""
    return [reason for holds, reason in cases if holds]


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
