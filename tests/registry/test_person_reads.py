"""Whom a hospital reads: its own patients without limit, others so many an hour, written down and counted."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from tests.conftest import ADMIN_TOKEN, migrated_database, start_service
from tests.nhsa.national import Hospital
from tests.world import World, id_number, key

LIMIT = 3


class Desk:
    """A service of its own that lets a hospital read three strangers an hour, its world, and a hospital's token."""

    def __init__(self, client: httpx.AsyncClient, world: World, owner: Any, headers: dict[str, str]) -> None:
        self.client, self.world, self.owner, self.headers = client, world, owner, headers

    async def stranger(self) -> str:
        """Somebody who was never here."""
        number = f"P{secrets.token_hex(5).upper()}"
        body = {"name": "赵某", "id_number": id_number(), "area_code": "530127", "insurance_type": "390"}
        await self.world.put(f"/v1/persons/{number}", body | {"identities": []})
        return number

    async def read(self, person: str, path: str = "") -> int:
        """The status of the hospital's read of a person."""
        return (await self.client.get(f"/v1/persons/{person}{path}", headers=self.headers)).status_code

    async def others(self) -> int:
        """How many reads of strangers are written down."""
        count: int = await self.owner.fetchval("SELECT count(*) FROM audit_event WHERE other_person AND status <> 429")
        return count


@pytest.fixture
async def desk(database_server: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk of its own."""
    url = await migrated_database(database_server)
    process, base_url = await asyncio.to_thread(start_service, url, tmp_path, ONESTOP_PERSON_READS=str(LIMIT))
    owner = await asyncpg.connect(url)
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Accept-Language": "en"}
    async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=60) as client:
        world = await World(client).build()
        body = {"subject": "cashier", "scopes": ["hospital"], "hospital_code": world.township}
        token = (await client.post("/v1/tokens", json=body, headers=key())).json()["token"]
        yield Desk(client, world, owner, {"Authorization": f"Bearer {token}"})
    await owner.close()
    process.terminate()
    assert process.wait(30) == 0


async def test_a_hospital_reads_so_many_strangers_an_hour(desk: Desk) -> None:
    """Each read of a stranger counts, also of nobody and of a year; above the limit 429 with Retry-After, while its own
    patients, other hospitals and the office are read as ever."""
    one = await desk.stranger()
    assert await desk.read(one) == 200
    assert await desk.read(one, "/years/2018") == 200
    assert await desk.read("P-NOBODY") == 404
    assert await desk.others() == LIMIT
    answer = await desk.client.get(f"/v1/persons/{one}", headers=desk.headers)
    assert (answer.status_code, answer.json()["code"]) == (429, "person_reads_exceeded")
    assert answer.headers["retry-after"]
    settled = await desk.world.settled(desk.world.bill("25.00"))
    assert settled["person_id"] == desk.world.person
    assert await desk.read(desk.world.person) == 200
    assert (await desk.client.get(f"/v1/persons/{one}")).status_code == 200
    other = Hospital(desk.world, desk.world.county)
    asked = {"psn_no": one, "insutype": "390", "med_type": "21", "begntime": "2018-05-02"}
    assert (await other.send("2001", {"data": asked | {"fixmedins_code": desk.world.county}}))["infcode"] == 0
    metrics = (await desk.client.get("/metrics")).text
    assert re.search(r'onestop_person_reads_total\{kind="refused"\} 1\.0', metrics)
    assert re.search(rf'onestop_person_reads_total\{{kind="other"\}} {LIMIT + 1}\.0', metrics)


async def test_whom_a_hospital_quoted_or_identified_is_its_own(desk: Desk) -> None:
    """A quote, an identification by certificate and a settlement each make a person the hospital's own for 30 days; the
    quote is kept beyond the process that made it."""
    quoted = await desk.stranger()
    bill = desk.world.bill("25.00", person_id=quoted)
    assert (await desk.client.post("/v1/quotes", json=bill, headers=desk.headers)).status_code == 200
    assert await desk.read(quoted) == 200
    hospital = Hospital(desk.world)
    row = {"mdtrt_cert_type": "02", "mdtrt_cert_no": desk.world.id_number}
    await hospital.done("1101", {"data": row})
    assert await desk.read(desk.world.person) == 200
    assert await desk.others() == 0
    for _ in range(100):
        if await desk.owner.fetchval("SELECT count(*) FROM quoted_person WHERE person_id = $1", quoted):
            break
        await asyncio.sleep(0.1)
    await desk.owner.execute("UPDATE quoted_person SET quoted_at = quoted_at - interval '31 days'")
    await desk.owner.execute("UPDATE nhsa_identification SET identified_at = identified_at - interval '31 days'")
    assert await desk.read(quoted) == 200
    assert await desk.read(desk.world.person) == 200
    assert await desk.others() == 2


async def test_the_national_doors_reads_count_as_well(desk: Desk) -> None:
    """2001, 5201, 5206 and 5301 of strangers count for the hospital that sends them, then the door answers HTTP 429."""
    hospital = Hospital(desk.world)
    one = await desk.stranger()
    asked = {"psn_no": one, "begntime": "2018-01-01", "endtime": "2018-12-31", "med_type": "21"}
    for infno, row in (("5201", asked), ("5206", {"psn_no": one}), ("5301", {"psn_no": one})):
        assert (await hospital.send(infno, {"data": row}))["infcode"] == 0, infno
    assert await desk.others() == LIMIT
    answer = await hospital.sender.post(hospital.sender.envelope("5206", {"data": {"psn_no": one}}))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "600")
    assert "person_reads_exceeded" in answer.json()["message"]
