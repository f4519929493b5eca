"""Who acts in a simulated year: officers and hospitals with tokens of their own, the clock, and the auditor who reads along."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import httpx

from app.simulation.auditor import Auditor

TIMEOUT_SECONDS: Final = 120
MORNING: Final = "T09:00:00+08:00"
ADMIN, MAKER, CHECKER = "admin", "li.hua", "wang.min"
OWNERS: Final = {
    "390100": "fund.390100",
    "390200": "fund.390200",
    "620101": "fund.620101",
    "610100": "fund.610100",
    "640100": "fund.640100",
}

Body = dict[str, Any]


class SimulationError(Exception):
    """The service answered what the simulation didn't count on."""


@dataclass
class Office:
    """A service on the manual clock, driven over HTTP. Everything accepted goes to the auditor, in order."""

    base_url: str
    admin_token: str
    auditor: Auditor
    seed: int
    day: date
    clients: dict[str, httpx.Client] = field(default_factory=dict)
    calls: int = 0
    refusals: int = 0

    def open(self) -> None:
        """Give the officers and fund owners their tokens, and set the clock."""
        self.clients[ADMIN] = self._client(self.admin_token)
        for name in (MAKER, CHECKER):
            self.hire(name, scopes=["finance"])
        for fund, name in OWNERS.items():
            self.hire(name, scopes=["finance"], funds=[fund])
        self.on(self.day)

    def close(self) -> None:
        """Close every connection."""
        for client in self.clients.values():
            client.close()

    def hire(self, subject: str, **token: Any) -> None:
        """Give somebody a token."""
        answer = self.do(ADMIN, "POST", "/v1/tokens", {"subject": subject} | token)
        self.clients[subject] = self._client(answer["token"])

    def on(self, day: date) -> None:
        """Move the clock forward to the morning of a day."""
        self.day = day
        self.do(ADMIN, "PUT", "/v1/clock", {"now": f"{day}{MORNING}"})

    def post(self, who: str, path: str, body: Mapping[str, Any] | None = None) -> Body:
        """POST that must be accepted."""
        return self.do(who, "POST", f"/v1{path}", body or {})

    def do(self, who: str, method: str, path: str, body: Mapping[str, Any]) -> Body:
        """A request that must be accepted."""
        status, answer = self._send(who, method, path, body)
        if status >= httpx.codes.BAD_REQUEST:
            raise SimulationError(
                f"{self.day} {who} {method} {path}: {status} {answer.get('code')}: {answer.get('errors')}"
            )
        return answer

    def attempt(self, who: str, path: str, body: Mapping[str, Any], *codes: str) -> Body | None:
        """POST that is accepted, or refused with one of these codes: then None."""
        status, answer = self._send(who, "POST", f"/v1{path}", body)
        if status < httpx.codes.BAD_REQUEST:
            return answer
        if answer.get("code") in codes:
            return None
        raise SimulationError(f"{self.day} {who} POST {path}: {status} {answer.get('code')}, not one of {codes}")

    def refused(self, who: str, path: str, body: Mapping[str, Any], code: str) -> None:
        """POST that must be refused with this code."""
        if self.attempt(who, path, body, code) is not None:
            raise SimulationError(f"{self.day} {who} POST {path}: accepted, must be {code}")

    def get(self, path: str, **query: str | int) -> Body:
        """GET that must succeed."""
        self.calls += 1
        answer = self.clients[ADMIN].get(f"/v1{path}", params=query)
        if not answer.is_success:
            raise SimulationError(f"GET {path}: {answer.status_code} {answer.text}")
        result: Body = answer.json()
        return result

    def _send(self, who: str, method: str, path: str, body: Mapping[str, Any]) -> tuple[int, Body]:
        self.calls += 1
        headers = {"Idempotency-Key": f"simulated-{self.seed}-{self.calls:08d}"} if method == "POST" else {}
        answer = self.clients[who].request(method, path, json=dict(body), headers=headers)
        result: Body = answer.json()
        if answer.is_success:
            self.auditor.read(str(self.day), method, path, body, result)
        else:
            self.refusals += 1
        return answer.status_code, result

    def _client(self, token: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en"}
        return httpx.Client(base_url=self.base_url, headers=headers, timeout=TIMEOUT_SECONDS)
