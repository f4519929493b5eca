"""What a request works with: the service's parts and the caller."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from app.basics.areas import area_prefix
from app.basics.errors import Language
from app.config import Settings
from app.database.engine import Database
from app.service.security import Keys, Principal
from app.tiers.policy import PolicyBook


@dataclass(slots=True)
class Service:
    """The parts of the running service, made once by ``create_app`` and its lifespan."""

    settings: Settings
    database: Database
    book: PolicyBook
    keys: Keys
    manual_clock: bool
    tokens: dict[bytes, tuple[float, Principal]] = field(default_factory=dict)
    former_books: dict[str, tuple[PolicyBook, str]] = field(default_factory=dict)
    """Packs that are no longer in use, by digest: their book and name, kept for corrections and replays."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, under which request id, in which language."""

    principal: Principal
    request_id: str
    language: Language

    @property
    def reach(self) -> tuple[str, str, str]:
        """What the database lets this caller see: kind of reach, hospital code, area prefix."""
        if self.principal.hospital_code is not None:
            return "hospital", self.principal.hospital_code, ""
        if self.principal.area_code is not None:
            return "area", "", area_prefix(self.principal.area_code)
        return "all", "", ""

    def opening(self, key: str | None, request_hash: bytes | None, wait: float) -> tuple[Any, ...]:
        """The arguments of the database's ``request_open``."""
        reach, hospital, area = self.reach
        principal = self.principal
        wait_for = timedelta(seconds=wait)
        return (
            principal.token_id,
            principal.subject,
            self.request_id,
            reach,
            hospital,
            area,
            key,
            request_hash,
            wait_for,
        )
