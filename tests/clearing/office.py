"""A finance office for tests: a service of its own on the manual clock, two officers who check each other, a world to
settle in."""

import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from app.config import Settings
from app.database.engine import open_database
from app.ledger.proof import check_all
from tests.conftest import ADMIN_TOKEN, drop_database, migrated_database, start_service
from tests.world import World, key


@dataclass
class Office:
    """Officers ``li`` and ``wang``, and whoever else is needed, over HTTP."""

    client: httpx.AsyncClient
    url: str
    world: World = field(init=False)
    day: str = "2018-05-20"
    tokens: dict[str, dict[str, str]] = field(default_factory=dict)

    async def hire(self, name: str, **token: Any) -> None:
        """Give somebody a token: ``await office.hire("zhao", scopes=["finance"], funds=["610100"])``."""
        answer = await self.client.post("/v1/tokens", json={"subject": name} | token, headers=key())
        assert answer.status_code == 201, answer.text
        self.tokens[name] = {"Authorization": f"Bearer {answer.json()['token']}"}

    async def at(self, instant: str) -> None:
        """Move the clock forward; a day is its ten o'clock."""
        now = instant if "T" in instant else f"{instant}T10:00:00+08:00"
        self.day = now[:10]
        answer = await self.client.put("/v1/clock", json={"now": now})
        assert answer.status_code == 200, answer.text

    def _headers(self, who: str | None) -> dict[str, str]:
        return self.tokens[who] if who is not None else {}

    async def send(self, who: str | None, path: str, body: Any = None) -> httpx.Response:
        """POST as somebody, with a fresh key; None is the admin."""
        return await self.client.post(f"/v1{path}", json=body, headers=key() | self._headers(who))

    async def do(self, who: str | None, path: str, body: Any = None) -> dict[str, Any]:
        """POST that must be accepted."""
        answer = await self.send(who, path, body)
        assert answer.is_success, answer.text
        result: dict[str, Any] = answer.json()
        return result

    async def refused(self, who: str | None, path: str, body: Any = None) -> tuple[int, str]:
        """Status and code of a POST that must be refused."""
        answer = await self.send(who, path, body)
        assert answer.is_client_error, answer.text
        return answer.status_code, answer.json()["code"]

    async def get(self, path: str, who: str | None = None, **query: Any) -> dict[str, Any]:
        """GET that must succeed."""
        answer = await self.client.get(f"/v1{path}", params=query, headers=self._headers(who))
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()
        return result

    async def settled(self, amount: str, day: str, **changes: Any) -> dict[str, Any]:
        """Settle an inpatient bill of one day."""
        changes = {"admitted_on": day, "discharged_on": day, "lines": [self.world.line(amount, day=day)]} | changes
        return await self.world.settled(self.world.bill(amount, **changes))

    async def declared(self, period: str, **changes: Any) -> dict[str, Any]:
        """Declare a month of the township hospital as ``li``."""
        return await self.do(
            "li", "/clearing/statements", {"hospital_code": self.world.township, "period": period} | changes
        )

    async def approved(self, period: str) -> dict[str, Any]:
        """A declared month, approved by ``wang``."""
        statement = await self.declared(period)
        return await self.do("wang", f"/clearing/statements/{statement['statement_id']}/approval", {})

    async def ordered(self, statement: dict[str, Any], fund: str = "390100", **body: Any) -> dict[str, Any]:
        """An order made by ``li``."""
        return await self.do("li", "/disbursements", {"statement_id": statement["statement_id"], "fund": fund} | body)

    async def sent(self, order: dict[str, Any]) -> dict[str, Any]:
        """The order approved by ``wang`` and sent by ``li``."""
        await self.do("wang", f"/disbursements/{order['disbursement_id']}/approval")
        return await self.do("li", f"/disbursements/{order['disbursement_id']}/sending")

    async def paid(self, order: dict[str, Any], paid_on: str, amount: str | None = None) -> dict[str, Any]:
        """The bank's confirmation, whole unless told otherwise."""
        body = {"amount": amount or order["amount"], "paid_on": paid_on, "bank_reference": secrets.token_hex(8)}
        return await self.do("li", f"/disbursements/{order['disbursement_id']}/payments", body)

    async def balanced(self) -> None:
        """The ledger's fold: debits equal credits, account by account, and the payable accounts equal their source
        rows."""
        book = await self.get("/ledger/trial-balance")
        assert book["difference"] == "0.00"
        assert sum(Decimal(account["balance"]) for account in book["accounts"]) == 0
        assert await violations(self.url) == {}


async def violations(url: str) -> dict[str, int]:
    """Which invariants of the ledger are broken, and how often."""
    database = await open_database(url, Settings(pool_size=1, hot_pool_size=1))
    try:
        async with database.transaction() as connection:
            return {result.check: result.count for result in await check_all(connection) if result.count}
    finally:
        await database.close()


@asynccontextmanager
async def office(server: str, start: str = "2018-05-20T10:00:00+08:00", **environment: str) -> AsyncIterator[Office]:
    """An office on a new database, its service started for it alone."""
    url = await migrated_database(server)
    with tempfile.TemporaryDirectory() as folder:
        process, base_url = start_service(url, Path(folder), **({"ONESTOP_CLOCK": f"manual:{start}"} | environment))
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Accept-Language": "en"}
        try:
            async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=60) as client:
                opened = Office(client, url)
                opened.world = await World(client).build()
                for name in ("li", "wang"):
                    await opened.hire(name, scopes=["finance"])
                await opened.hire("hospital", scopes=["hospital"], hospital_code=opened.world.township)
                yield opened
        finally:
            process.terminate()
            process.wait(30)
            await drop_database(url)
