"""What a request works with: the service's parts and the caller."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Literal

from app.basics.areas import area_prefix
from app.basics.errors import Language
from app.config import Settings
from app.database.engine import Database
from app.service.rates import Rates
from app.service.security import Keys, Principal
from app.tiers.policy import PolicyBook

Profile = Literal["A", "B", "none"]


@dataclass(frozen=True, slots=True)
class Credential:
    """How a hospital proves at the national door who it is; ``none`` has neither key nor secret. ``change_id``: the
    change by which it holds, None for the default profile."""

    profile: Profile
    key_id: str = ""
    secret: str = ""
    change_id: int | None = None


@dataclass(slots=True)
class Service:
    """The parts of the running service, made once by ``create_app`` and its lifespan.

    ``prepared`` says whether the database holds what serving needs; until then a request is told to come again.
    """

    settings: Settings
    database: Database
    book: PolicyBook
    keys: Keys
    manual_clock: bool
    rates: Rates = field(default_factory=lambda: Rates(0))
    prepared: bool = False
    quoted: set[tuple[str, str]] = field(default_factory=set)
    """Hospitals and persons for whom they quoted, until that is written down (registry/person_reads.py)."""
    admin_token_id: int = 0
    """The number of ``ONESTOP_ADMIN_TOKEN``, once the service is prepared."""
    tokens: dict[bytes, tuple[float, Principal]] = field(default_factory=dict)
    credentials: dict[str, tuple[float, Credential]] = field(default_factory=dict)
    """By hospital, when it was looked up how it signs, and what was found."""
    former_books: dict[str, tuple[PolicyBook, str]] = field(default_factory=dict)
    """Packs that are no longer in use, by digest: their book and name, kept for corrections and replays."""


class OpenState(StrEnum):
    """What the database found when a transaction opened: of the token, of the key, of the thing asked for."""

    NEW = "new"
    REPLAYED = "replayed"
    REUSED = "reused"
    IN_PROGRESS = "in_progress"
    TOKEN_ENDED = "token_ended"
    NOT_FOUND = "not_found"
    BUSY = "busy"
    """Somebody else holds what the request needs, and it isn't waited for."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """The idempotency key of a writing request, and the hash of what it asks for."""

    key: str
    request_hash: bytes


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, under which request id, in which language, and on which condition."""

    principal: Principal
    request_id: str
    language: Language
    if_match: tuple[str, ...] | None = None
    """The versions that a PUT may replace, None for any (``app/service/conditions.py``)."""

    @property
    def reach(self) -> tuple[str, str, str]:
        """What the database lets this caller see: kind of reach, hospital code, area prefix."""
        if self.principal.hospital_code is not None:
            return "hospital", self.principal.hospital_code, ""
        if self.principal.area_code is not None:
            return "area", "", area_prefix(self.principal.area_code)
        return "all", "", ""

    def opening(self, keyed: Keyed | None = None, wait: float = 0) -> tuple[object, ...]:
        """The arguments of the database's ``request_open``; ``wait`` (seconds) is for a request under the same key."""
        principal = self.principal
        key, request_hash = (None, None) if keyed is None else (keyed.key, keyed.request_hash)
        identity = (principal.token_id, principal.subject, self.request_id)
        return (*identity, *self.reach, key, request_hash, timedelta(seconds=wait))
