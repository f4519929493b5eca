"""The error tree. Pure: codes, statuses and fault lists; the HTTP shape is made in ``app/service/problem.py``.

    OnestopError
    ├── Malformed          400  the request itself can't be read
    ├── Unauthorized       401
    ├── Forbidden          403
    ├── NotFound           404  also "not yours"
    ├── Conflict           409  the present state doesn't allow it
    ├── TooLarge           413
    ├── UnsupportedMedia   415
    ├── Refused            422  unacceptable content; carries every fault found
    ├── Unacceptable       422  the request as a whole, such as a key used for another one; without faults in its body
    ├── TooMany            429  wait as long as Retry-After says
    └── Unavailable        503  nothing was written, repeat with the same key

``PolicyError`` stands apart: a pack that can't be loaded, with every finding, for policy authors and not for a request.

Each code has its message in both languages in ``app/service/messages/``. No input value, name or id number is ever put into
an error: ``values`` holds only what is ours (amounts computed, limits, counts, days of a policy).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

Language = Literal["zh", "en"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, with where it stands in the request (RFC 6901 pointer) and our own figures for the message."""

    pointer: str
    code: str
    values: Mapping[str, str] = field(default_factory=dict)


class OnestopError(Exception):
    """A refusal with a code, a status and its faults. Raising one inside a transaction rolls it back."""

    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        code: str,
        faults: Sequence[Fault] = (),
        *,
        values: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.faults = tuple(faults)
        self.values = dict(values or {})
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})


class Refused(OnestopError):
    """422. The code is that of the first fault, in the order of the request."""

    status = 422

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(faults[0].code, faults, values=faults[0].values)


class Malformed(OnestopError):
    status = 400


class Unauthorized(OnestopError):
    status = 401


class Forbidden(OnestopError):
    status = 403


class NotFound(OnestopError):
    status = 404


class Conflict(OnestopError):
    status = 409


class Unacceptable(OnestopError):
    """422 for a request as a whole (an idempotency key used for something else), without faults in its body."""

    status = 422


class TooLarge(OnestopError):
    status = 413


class UnsupportedMedia(OnestopError):
    status = 415


class TooMany(OnestopError):
    status = 429
    retryable = True


class Unavailable(OnestopError):
    status = 503
    retryable = True


class PolicyError(Exception):
    """A policy pack that can't be used. ``findings`` are sentences that name file, parameter and day, and the remedy."""

    def __init__(self, findings: Sequence[str]) -> None:
        super().__init__("\n".join(findings))
        self.findings = tuple(findings)
