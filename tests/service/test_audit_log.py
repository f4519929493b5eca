"""The audit log: who saw or did what, when and why; nothing of a person is answered where it can't be written."""

import asyncio
import re
import secrets
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi.routing import iter_route_contexts

from app.main import describe_app
from app.service.audit import EXPORTS, LOGINS, OWN_RECORD, PERSONAL
from tests.conftest import ADMIN_TOKEN, TokenFactory, migrated_database, start_service
from tests.nhsa.national import Hospital
from tests.world import World, key

PLAIN = (
    *("/v1/clearing", "/v1/fiscal", "/v1/disbursements", "/v1/prepayments", "/v1/deposit-releases", "/v1/payout-rates"),
    *("/v1/reports", "/v1/ledger", "/v1/catalogue", "/v1/registry/lists", "/v1/hospitals", "/v1/areas", "/v1/policies"),
    *("/v1/bank-checks", "/v1/tokens", "/v1/readjudications"),
    *("/v1/clock", "/v1/exports", "/livez", "/readyz", "/version", "/metrics", "/openapi.json", "/finance"),
)
"""Beginnings of addresses whose reads answer nothing of persons, as far as ``PERSONAL`` doesn't name them."""
OF_PERSONS = re.compile(
    r"person|settlement|claim|balance|account|slip|audit-log|search|samples|items|payer-file|/jobs/"
)


async def logged(connection: asyncpg.Connection, operation: str, subject: str) -> list[asyncpg.Record]:
    """The rows of an operation of a subject, oldest first; what is written after its answer may take a moment."""
    found: list[asyncpg.Record] = []
    for _ in range(40):
        found = await connection.fetch(
            "SELECT * FROM audit_event WHERE operation = $1 AND subject = $2 ORDER BY event_id", operation, subject
        )
        if found:
            break
        await asyncio.sleep(0.05)
    return found


async def test_every_read_is_known_as_personal_or_plain() -> None:
    """A new route whose address speaks of persons has to be put among the personal ones or be named here."""
    routes = {
        context.path
        for context in iter_route_contexts(list(describe_app().routes))
        if "GET" in (getattr(context.original_route, "methods", None) or ())
    }
    personal = {one.removeprefix("GET ") for one in PERSONAL if one.startswith("GET ")}
    assert personal <= routes
    plain = routes - personal
    assert all(path.startswith(PLAIN) for path in plain), plain
    doubtful = {path for path in plain if OF_PERSONS.search(path)}
    assert doubtful == {"/finance/exports/jobs/{job_id}", "/v1/ledger/accounts", "/v1/ledger/trial-balance"}
    assert {one.partition(" ")[2] for one in EXPORTS | LOGINS} <= {
        str(context.path) for context in iter_route_contexts(list(describe_app().routes))
    }


async def test_a_read_of_a_person_is_written_down(
    client: httpx.AsyncClient, connection: asyncpg.Connection, token: TokenFactory
) -> None:
    """Who, which operation, about whom, with which result and request id; a list with the persons in its rows."""
    world = await World(client).build()
    await world.settled(world.bill("25.00"))
    subject = f"auditor-{secrets.token_hex(4)}"
    headers = await token(scopes=["auditor"], subject=subject) | {"X-Request-Id": f"rid-{secrets.token_hex(8)}"}
    assert (await client.get(f"/v1/persons/{world.person}", headers=headers)).status_code == 200
    (row,) = await logged(connection, "GET /v1/persons/{person_id}", subject)
    assert (row["kind"], row["status"], row["ids"]) == ("read", 200, [world.person])
    assert row["request_id"] == headers["X-Request-Id"]
    assert (await client.get("/v1/persons/nobody", headers=headers)).status_code == 404
    assert [one["status"] for one in await logged(connection, "GET /v1/persons/{person_id}", subject)] == [200, 404]
    query = {"person_id": world.person, "limit": "5"}
    assert (await client.get("/v1/settlements", params=query, headers=headers)).status_code == 200
    (listed,) = await logged(connection, "GET /v1/settlements", subject)
    assert (listed["count"], listed["ids"], listed["query"]) == (
        1,
        [world.person],
        '{"limit": "5", "person_id": "' + world.person + '"}',
    )


async def test_an_id_number_is_whole_only_for_a_purpose_that_is_logged(
    client: httpx.AsyncClient, connection: asyncpg.Connection, token: TokenFactory
) -> None:
    """Masked without a purpose; whole for an office with one, which stands in the log; never for a hospital."""
    world = await World(client).build()
    subject = f"officer-{secrets.token_hex(4)}"
    headers = await token(scopes=["finance"], subject=subject)
    path = f"/v1/persons/{world.person}"
    masked = (await client.get(path, headers=headers)).json()["id_number"]
    assert "********" in masked
    whole = await client.get(path, params={"purpose": "核对零星报销的收款人"}, headers=headers)
    assert whole.json()["id_number"] == world.id_number
    rows = await logged(connection, "GET /v1/persons/{person_id}", subject)
    assert [row["reason"] for row in rows] == [None, "核对零星报销的收款人"]
    assert "purpose" not in rows[1]["query"]
    hospital = await token(scopes=["hospital"], hospital_code=world.township)
    assert (await client.get(path, params={"purpose": "想看看"}, headers=hospital)).status_code == 403
    assert "********" in (await client.get(path, headers=hospital)).json()["id_number"]


async def test_an_act_is_written_down_with_its_reason(
    client: httpx.AsyncClient, connection: asyncpg.Connection, token: TokenFactory
) -> None:
    """A reversal, a token's issue and an export each leave a row; a quote and a settlement are their own record."""
    world = await World(client).build()
    subject = f"clerk-{secrets.token_hex(4)}"
    headers = await token(scopes=["admin"], subject=subject)
    assert (await client.post("/v1/quotes", json=world.bill("25.00"), headers=headers)).status_code == 200
    settled = (await client.post("/v1/settlements", json=world.bill("25.00"), headers=headers | key())).json()
    path = f"/v1/settlements/{settled['settlement_id']}/reversal"
    done = await client.post(path, json={"reason": "录错病人"}, headers=headers | key())
    assert done.status_code == 201
    (row,) = await logged(connection, "POST /v1/settlements/{settlement_id}/reversal", subject)
    assert (row["kind"], row["reason"], row["ids"]) == ("act", "录错病人", [settled["settlement_id"]])
    body = {"subject": "somebody", "scopes": ["auditor"]}
    assert (await client.post("/v1/tokens", json=body, headers=headers | key())).status_code == 201
    assert [row["kind"] for row in await logged(connection, "POST /v1/tokens", subject)] == ["act"]
    exported = await client.get("/v1/exports/settlements", params={"person_id": world.person}, headers=headers)
    assert exported.status_code == 200
    (row,) = await logged(connection, "GET /v1/exports/{list}", subject)
    assert (row["kind"], row["count"], set(row["ids"])) == ("export", 2, {world.person})
    own = await connection.fetchval(
        "SELECT count(*) FROM audit_event WHERE subject = $1 AND operation = ANY ($2)", subject, list(OWN_RECORD)
    )
    assert own == 0


async def test_the_national_door_is_written_down(client: httpx.AsyncClient, connection: asyncpg.Connection) -> None:
    """A message is one row by its transaction; 1101 and 5201 are reads, 2401 an act, 2303 and 2304 their own record."""
    hospital = Hospital(await World(client).build())
    mdtrt_id = await hospital.stay(f"ZY{secrets.token_hex(4)}", "25.00")
    await hospital.done("2303", hospital.settling("2303", mdtrt_id, "25.00"))
    await hospital.settled(mdtrt_id, "25.00")
    subject = f"nhsa:{hospital.world.township}:op01"
    asked = {"psn_no": hospital.world.person, "begntime": "2018-01-01", "endtime": "2018-12-31", "med_type": "21"}
    await hospital.done("5201", {"data": asked})
    (read,) = await logged(connection, "nhsa 5201", subject)
    assert (read["kind"], read["hospital_code"]) == ("read", hospital.world.township)
    rows = await connection.fetch("SELECT operation, kind FROM audit_event WHERE subject = $1", subject)
    assert {tuple(row) for row in rows} == {
        *(("nhsa 2401", "act"), ("nhsa 2301", "act"), ("nhsa 2402", "act"), ("nhsa 5201", "read"))
    }


async def test_logins_are_written_down(client: httpx.AsyncClient, connection: asyncpg.Connection) -> None:
    """A login and a failed one name the user; a name that nobody has is not written, it may be a password. So are a new
    user and a reset."""
    name, password = f"user-{secrets.token_hex(4)}", secrets.token_urlsafe(18)
    body = {"name": name, "password": password, "scopes": ["finance"]}
    assert (await client.post("/v1/users", json=body, headers=key())).status_code == 201
    for typed, given in ((name, password), (name, "wrong-" + password), (password, password)):
        async with httpx.AsyncClient(verify=False, base_url=str(client.base_url)) as browser:
            page = (await browser.get("/finance/login")).text
            csrf = re.search(r'name="csrf" value="([^"]+)"', page)
            assert csrf is not None
            await browser.post("/finance/login", data={"name": typed, "password": given, "csrf": csrf[1]})
    rows = await logged(connection, "POST /finance/login", name)
    assert [(row["kind"], row["status"]) for row in rows] == [("login", 303), ("login", 401)]
    assert await connection.fetchval("SELECT count(*) FROM audit_event WHERE subject = $1", password) == 0
    fresh = {"password": secrets.token_urlsafe(18)}
    assert (await client.post(f"/v1/users/{name}/password", json=fresh, headers=key())).status_code == 200
    for operation in ("POST /v1/users", "POST /v1/users/{name}/password"):
        assert await logged(connection, operation, "admin")
    reset = "SELECT query FROM audit_event WHERE operation = 'POST /v1/users/{name}/password' AND query ->> 'name' = $1"
    assert await connection.fetchval(reset, name) == f'{{"name": "{name}"}}'
    assert await connection.fetchval("SELECT count(*) FROM audit_event WHERE query::text LIKE '%password%'") == 0


async def test_the_log_cant_be_changed(connection: asyncpg.Connection, client: httpx.AsyncClient) -> None:
    """Not even the database's owner updates or deletes a row."""
    await client.get("/v1/persons/nobody")
    for statement in ("UPDATE audit_event SET subject = 'x'", "DELETE FROM audit_event", "TRUNCATE audit_event"):
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute(statement)


async def test_an_auditor_reads_and_exports_the_log(client: httpx.AsyncClient, token: TokenFactory) -> None:
    """By subject and about whom; an area's auditor sees the area's callers only; others are refused."""
    world = await World(client).build()
    subject = f"officer-{secrets.token_hex(4)}"
    headers = await token(scopes=["finance"], subject=subject, area_code="530100")
    assert (await client.get(f"/v1/persons/{world.person}", headers=headers)).status_code == 200
    query = {"subject": subject, "about": world.person, "kind": "read"}
    for area, count in ((None, 1), ("530100", 1), ("532600", 0)):
        auditor = await token(scopes=["auditor"], **({} if area is None else {"area_code": area}))
        found = (await client.get("/v1/audit-log", params=query, headers=auditor)).json()["data"]
        assert len(found) == count
    assert found == []
    row = (await client.get("/v1/audit-log", params=query)).json()["data"][0]
    assert (row["operation"], row["about"]) == ("GET /v1/persons/{person_id}", [world.person])
    exported = await client.get("/v1/exports/audit-log", params={**query, "format": "csv"})
    assert exported.status_code == 200, exported.text
    assert world.person in exported.text
    assert (await client.get("/v1/audit-log", headers=headers)).status_code == 403


async def test_without_the_log_nothing_of_a_person_is_answered(database_server: str, tmp_path: Path) -> None:
    """Where a row can't be written, reads of persons are 503 at every door; quoting, settling and the rest go on."""
    url = await migrated_database(database_server)
    process, base_url = await asyncio.to_thread(start_service, url, tmp_path)
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    owner = await asyncpg.connect(url)
    try:
        async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=60) as client:
            world = await World(client).build()
            hospital = Hospital(world)
            await owner.execute("REVOKE INSERT ON audit_event FROM onestop_app")
            settled = await world.settled(world.bill("25.00"))
            assert (await client.post("/v1/quotes", json=world.bill("25.00"))).status_code == 200
            await hospital.admitted("ZY-1")
            assert (await client.get(f"/v1/catalogue/{world.item('A')}")).status_code == 200
            assert (await client.get("/v1/payout-rates", params={"year": "2018"})).status_code == 200
            for path in (
                *(f"/v1/persons/{world.person}", "/v1/settlements", f"/v1/settlements/{settled['settlement_id']}/slip"),
                f"/v1/settlements/{settled['settlement_id']}",
            ):
                answer = await client.get(path)
                assert (answer.status_code, answer.json()["code"]) == (503, "audit_unavailable"), path
                assert answer.headers["retry-after"]
                assert world.person not in answer.text
            asked: dict[str, Any] = {"psn_no": world.person, "begntime": "2018-01-01", "endtime": "2018-12-31"}
            body = hospital.sender.envelope("5201", {"data": asked | {"med_type": "21"}})
            assert (await hospital.sender.post(body)).status_code == 503
            failures = re.search(
                r"^onestop_audit_errors_total (\S+)", (await client.get("/metrics")).text, re.MULTILINE
            )
            assert failures is not None
            assert float(failures[1]) > 0
            await owner.execute("GRANT INSERT ON audit_event TO onestop_app")
            assert (await client.get(f"/v1/persons/{world.person}")).status_code == 200
    finally:
        await owner.close()
        process.terminate()
        assert process.wait(30) == 0
