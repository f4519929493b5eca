"""Names and id numbers stay where they belong: not in logs, metrics, errors, results of jobs or files left over."""

import asyncio
import io
import secrets
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from tests.conftest import ADMIN_TOKEN, SERVICE_LOG, migrated_database, start_service
from tests.nhsa.national import Hospital
from tests.registry.test_poverty_list import csv_file, ended, uploaded
from tests.seeded import found_in, found_in_file
from tests.world import World, id_number, key

NAME = "欧阳试某"


@dataclass
class Watched:
    """A service of its own with its temporary files, and every refusal that it answered."""

    client: httpx.AsyncClient
    owner: Any
    folder: Path
    refusals: list[str] = field(default_factory=list)

    async def note(self, response: httpx.Response) -> None:
        """Keep the body of a refusal."""
        if response.status_code >= 400:
            self.refusals.append((await response.aread()).decode())


@pytest.fixture
async def watched(database_server: str, tmp_path: Path) -> AsyncIterator[Watched]:
    """The service, with a folder of its own for temporary files."""
    url = await migrated_database(database_server)
    folder = tmp_path / "temporary"
    folder.mkdir()
    process, base_url = await asyncio.to_thread(
        start_service, url, tmp_path / "data", TMPDIR=str(folder), ONESTOP_LOG_LEVEL="debug"
    )
    owner = await asyncpg.connect(url)
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=60) as client:
        found = Watched(client, owner, folder)
        client.event_hooks["response"].append(found.note)
        yield found
    await owner.close()
    process.terminate()
    assert process.wait(30) == 0


async def refused_in_every_way(watched: Watched, world: World) -> None:
    """Requests that hold the person's name and id number, and can't be accepted."""
    client, person = watched.client, f"/v1/persons/{world.person}"
    body: dict[str, Any] = {"name": NAME, "id_number": world.id_number, "area_code": "530127", "insurance_type": "390"}
    await client.put(person, json=body)
    await client.put(person, json=body | {"identities": [{"class": NAME, "from": world.id_number}], world.id_number: 1})
    await client.put(f"/v1/persons/{world.id_number}", json=body | {"identities": []})
    await client.put(f"/v1/persons/P{secrets.token_hex(4)}", json=body | {"identities": []})
    await client.get(f"/v1/persons/{world.id_number}")
    await client.get(f"/v1/{world.id_number}/{NAME}", params={NAME: world.id_number})
    await client.get("/v1/settlements", params={"from": NAME, "cursor": world.id_number})
    await client.post("/v1/settlements", json=world.bill("25.00", person_id=world.id_number), headers=key())
    await client.post("/v1/settlements", json=world.bill("25.00", visit_id=f"{NAME}\u200b"), headers=key())
    await client.post("/v1/settlements", content=f'{{"{NAME}": {world.id_number}'.encode(), headers=key())
    hospital = Hospital(world)
    for row in ({"psn_name": "王某"}, {"mdtrt_cert_type": NAME}, {"psn_cert_type": "16"}):
        sent = {"mdtrt_cert_type": "02", "mdtrt_cert_no": world.id_number, "psn_name": NAME} | row
        await hospital.send("1101", {"data": sent})
    wrong = hospital.admission("ZY-1", certno=id_number(), psn_name=NAME)
    assert (await hospital.send("2401", wrong))["infcode"] == -1


async def broken(watched: Watched, world: World) -> None:
    """Defects while a person is read and written: the tables are out of the service's hands for a moment."""
    person = f"/v1/persons/{world.person}"
    body = {"name": NAME, "id_number": id_number(), "area_code": "530127", "insurance_type": "390", "identities": []}
    await watched.owner.execute("REVOKE INSERT, UPDATE ON person FROM onestop_app")
    await watched.owner.execute("REVOKE SELECT ON identity FROM onestop_app")
    for sent in (None, body):
        once = {"headers": dict(watched.client.headers) | {"Connection": "close"}}
        async with httpx.AsyncClient(
            verify=False, base_url=watched.client.base_url, **once
        ) as client:  # a defect ends a connection
            answer = await (client.get(person) if sent is None else client.put(person, json=sent))
            assert answer.status_code == 500, answer.text
            await watched.note(answer)
    await watched.owner.execute("GRANT INSERT ON person TO onestop_app")
    await watched.owner.execute("GRANT SELECT ON identity TO onestop_app")


@pytest.mark.thorough
async def test_no_name_or_id_number_leaves_its_place(watched: Watched) -> None:
    """After everything that a day brings, refusals and a defect with them, neither stands in the log, the metrics, an
    error's body, a job's result or a temporary file."""
    client, owner = watched.client, watched.owner
    world = await World(client).build(name=NAME)
    settled = await world.settled(world.bill("25.00"))
    for path in (
        f"/v1/persons/{world.person}",
        f"/v1/persons/{world.person}?purpose=%E6%A0%B8%E5%AF%B9",
        f"/v1/settlements/{settled['settlement_id']}/slip",
        f"/v1/settlements?person_id={world.person}",
        "/v1/exports/settlements",
    ):
        assert (await client.get(path)).status_code == 200
    rows: list[tuple[object, ...]] = [
        (world.id_number, NAME, "低保", "2018-01-01"),
        (id_number(), NAME, "富裕", ""),
        (world.id_number[:-1], NAME, "低保", ""),
        (world.id_number, "王某", "特困", "昨天"),
    ]
    job = await ended(client, await uploaded(client, csv_file(rows)))
    result = await client.get(f"/v1/jobs/{job['job_id']}/result")
    await refused_in_every_way(watched, world)
    await broken(watched, world)

    assert len(watched.refusals) > 10
    workbook = zipfile.ZipFile(io.BytesIO(result.content))
    places = {
        "log": SERVICE_LOG.read_text(encoding="utf-8"),
        "metrics": (await client.get("/metrics")).text,
        "refusals": "\n".join(watched.refusals),
        "job": str(job) + "".join(workbook.read(name).decode() for name in workbook.namelist()),
        "files": str([found_in_file(path) for path in watched.folder.rglob("*")]),
        "audit": str(await owner.fetch("SELECT * FROM audit_event")),
    }
    assert "Traceback" in places["log"]
    assert world.person in places["audit"]
    assert {place: found for place, text in places.items() if (found := found_in(text))} == {}


def test_what_was_invented_is_found_wherever_it_stands() -> None:
    """A number within other digits, one with a small x, and a name; a number that nobody invented isn't."""
    number = id_number()
    assert found_in(f"7{number.lower()}") == [number]
    assert found_in(f"a{number}b 李某") == [number, "李某"]
    assert found_in(f"{number[:17]} {number[17:]}") == []
