"""Who acts in a simulated year: officers and hospitals with tokens of their own, and the clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import httpx

from app.simulation.answers import Answer

TIMEOUT_SECONDS: Final = 300
MORNING: Final = "T09:00:00+08:00"
ADMIN, MAKER, CHECKER, READER, REGISTRAR = "admin", "li.hua", "wang.min", "zhao.lin", "chen.yu"
OWNERS: Final = {
    "390100": "fund.390100",
    "390200": "fund.390200",
    "620101": "fund.620101",
    "610100": "fund.610100",
    "640100": "fund.640100",
}

Body = Mapping[str, object]


class SimulationError(Exception):
    """The service answered what the simulation didn't count on."""


@dataclass
class Office:
    """A service on the manual clock, driven over HTTP."""

    base_url: str
    admin_token: str
    seed: int
    day: date
    clients: dict[str, httpx.Client] = field(default_factory=dict)
    calls: int = 0

    def open(self) -> None:
        """Give the officers and fund owners their tokens, and set the clock."""
        self.clients[ADMIN] = self._client(self.admin_token)
        for name in (MAKER, CHECKER):
            self.hire(name, scopes=["finance"])
        self.hire(READER, scopes=["auditor"])
        self.hire(REGISTRAR, scopes=["registry"])
        for fund, name in OWNERS.items():
            self.hire(name, scopes=["finance"], funds=[fund])
        self.on(self.day)

    def close(self) -> None:
        """Close every connection."""
        for client in self.clients.values():
            client.close()

    def hire(self, subject: str, **token: object) -> None:
        """Give somebody a token."""
        answer = self.do(ADMIN, "POST", "/v1/tokens", {"subject": subject} | token)
        self.clients[subject] = self._client(answer["token"])

    def on(self, day: date) -> None:
        """Move the clock forward to the morning of a day."""
        self.day = day
        self.do(ADMIN, "PUT", "/v1/clock", {"now": f"{day}{MORNING}"})

    def do(self, who: str, method: str, path: str, body: Body) -> Answer:
        """A request that must be accepted."""
        status, answer = self.send(who, method, path, body)
        if status >= httpx.codes.BAD_REQUEST:
            code, errors = answer.get("code"), answer.get("errors")
            raise SimulationError(f"{self.day} {who} {method} {path}: {status} {code}: {errors}")
        return answer

    def send(self, who: str, method: str, path: str, body: Body) -> tuple[int, Answer]:
        """A request and its answer, whatever it is."""
        self.calls += 1
        return self._answer(who, method, path, body)

    def send_again(self, who: str, path: str, body: Body) -> tuple[int, Answer]:
        """The last POST once more, under the same key."""
        return self._answer(who, "POST", path, body)

    def _answer(self, who: str, method: str, path: str, body: Body) -> tuple[int, Answer]:
        headers = {"Idempotency-Key": f"simulated-{self.seed}-{self.calls:08d}"} if method == "POST" else {}
        answer = self.clients[who].request(method, path, json=dict(body), headers=headers)
        result: Answer = answer.json()
        return answer.status_code, result

    def get(self, path: str, **query: str | int) -> Answer:
        """GET that must succeed."""
        self.calls += 1
        answer = self.clients[ADMIN].get(f"/v1{path}", params=query)
        if not answer.is_success:
            raise SimulationError(f"{self.day} GET {path}: {answer.status_code} {answer.text}")
        result: Answer = answer.json()
        return result

    def every(self, path: str, **query: str | int) -> list[Answer]:
        """All rows of a list, page by page."""
        rows: list[Answer] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.get(path, **query, limit=100, **cursor)
            rows += page["data"]
            if not page["has_more"]:
                return rows
            cursor = {"cursor": page["next_cursor"]}

    def _client(self, token: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en"}
        return httpx.Client(base_url=self.base_url, headers=headers, timeout=TIMEOUT_SECONDS)
