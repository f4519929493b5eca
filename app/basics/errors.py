"""The error tree. Pure: codes, statuses and fault lists; the HTTP shape is made in ``app/service/problem.py``.

    Exception
    ├── OnestopError              500  never raised itself
    │   ├── Malformed             400  the request itself can't be read
    │   ├── Unauthorized          401  nobody, or a token that isn't valid
    │   ├── Forbidden             403  somebody who may not do this
    │   ├── NotFound              404  not there, or not theirs
    │   ├── Conflict              409  the present state doesn't allow it
    │   ├── PreconditionFailed    412  somebody wrote since the version that the request names
    │   ├── TooLarge              413  more bytes than are read
    │   ├── UnsupportedMedia      415  a type of content that isn't read
    │   ├── Refused               422  unacceptable content; carries every fault found
    │   ├── Unacceptable          422  the request as a whole, such as a key used for another one; without faults
    │   ├── TooMany               429  wait as long as Retry-After says
    │   └── Unavailable           503  not now; repeat with the same key
    └── PolicyError                    a pack that can't be loaded

A ``PolicyError`` is for policy authors and not for a request: it has no code, but every finding.

Each code has its message in both languages in ``app/service/messages/``. No input value, name or id number is
ever put into an error: ``values`` holds only what is ours (amounts computed, limits, counts, days of a policy).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

Language = Literal["zh", "en"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, its place in the request (an RFC 6901 pointer) and our own figures for the message."""

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
    """The request itself can't be read: its JSON, its encoding, its headers."""

    status = 400


class Unauthorized(OnestopError):
    """There is no token, or one that isn't valid."""

    status = 401


class Forbidden(OnestopError):
    """The caller is known and may not do this."""

    status = 403


class NotFound(OnestopError):
    """What is asked for isn't there, or is somebody else's: the two are not told apart."""

    status = 404


class Conflict(OnestopError):
    """The present state doesn't allow what is asked for."""

    status = 409


class PreconditionFailed(OnestopError):
    """What is there isn't the version that ``If-Match`` names."""

    status = 412


class Unacceptable(OnestopError):
    """422 for a request as a whole (an idempotency key used for something else), without faults in its body."""

    status = 422


class TooLarge(OnestopError):
    """The body is longer than what is read."""

    status = 413


class UnsupportedMedia(OnestopError):
    """The body has a type that isn't read."""

    status = 415


class TooMany(OnestopError):
    """The caller asks too often; ``Retry-After`` says how long to wait."""

    status = 429
    retryable = True


class Unavailable(OnestopError):
    """The service can't do it now. Nothing was written, or with ``outcome_unknown`` nobody knows; the same key may be
    used again."""

    status = 503
    retryable = True


class PolicyError(Exception):
    """A policy pack that can't be used. ``findings`` are sentences: file, parameter and day, and the remedy."""

    def __init__(self, findings: Sequence[str]) -> None:
        super().__init__("\n".join(findings))
        self.findings = tuple(findings)
