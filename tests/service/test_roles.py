"""Roles that may not meet in one person: who claims doesn't approve, who audits doesn't act."""

import asyncio
import secrets
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from tests.conftest import SERVICE_LOG, of_app, start_service
from tests.world import key

PASSWORD = "an-unusual-passphrase"
APART = (
    ("hospital", "finance"),
    ("hospital", "registry"),
    ("hospital", "admin"),
    ("auditor", "hospital"),
    ("auditor", "finance"),
    ("auditor", "registry"),
    ("auditor", "admin"),
)


@pytest.fixture(scope="module")
async def stern(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A service in production, asked by its administrator."""
    admin = secrets.token_hex(32)
    production = {"ONESTOP_ENV": "production", "ONESTOP_CLOCK": "real", "ONESTOP_ADMIN_TOKEN": admin}
    with tempfile.TemporaryDirectory() as folder:
        process, base_url = start_service(database_url, Path(folder), **production)
        headers = {"Authorization": f"Bearer {admin}", "Accept-Language": "en"}
        async with httpx.AsyncClient(verify=False, base_url=base_url, headers=headers, timeout=60) as client:
            yield client
        process.terminate()
        process.wait(30)


def fresh() -> str:
    """A subject that no other test has."""
    return f"role-{secrets.token_hex(6)}"


async def token(client: httpx.AsyncClient, subject: str, *scopes: str) -> httpx.Response:
    """An attempt to issue a token."""
    return await client.post("/v1/tokens", json={"subject": subject, "scopes": scopes}, headers=key())


async def user(client: httpx.AsyncClient, subject: str, *scopes: str) -> httpx.Response:
    """An attempt to add a user."""
    body = {"name": subject, "scopes": scopes, "password": PASSWORD}
    return await client.post("/v1/users", json=body, headers=key())


def refused(answer: httpx.Response, one: str, other: str) -> bool:
    """Whether the answer refuses these two roles, by their names."""
    body: dict[str, Any] = answer.json()
    names = (answer.status_code, body["code"]) == (409, "roles_may_not_meet")
    return names and one in body["detail"] and other in body["detail"]


async def test_in_production_roles_that_may_not_meet_are_refused(stern: httpx.AsyncClient) -> None:
    """In one token, in two tokens of one subject in whatever spelling, as user and token; other roles meet."""
    for one, other in APART:
        assert refused(await token(stern, fresh(), one, other), one, other)
        subject = fresh()
        assert (await token(stern, subject, one)).status_code == 201
        assert refused(await token(stern, subject.upper(), other), one, other)
        assert refused(await user(stern, subject, other), one, other)
    subject = fresh()
    assert (await user(stern, subject, "auditor")).status_code == 201
    assert refused(await token(stern, subject, "finance"), "auditor", "finance")
    assert (await token(stern, fresh(), "finance", "registry", "policy", "admin")).status_code == 201
    assert (await token(stern, fresh(), "auditor", "policy")).status_code == 201
    assert refused(await token(stern, "admin", "hospital"), "hospital", "admin")


async def test_what_has_ended_counts_no_more(stern: httpx.AsyncClient) -> None:
    """A revoked token and a disabled user leave their subject free for other roles; then the user stays out."""
    subject = fresh()
    made = (await token(stern, subject, "auditor")).json()
    assert (await stern.delete(f"/v1/tokens/{made['token_id']}")).status_code == 204
    assert (await user(stern, subject, "registry")).status_code == 201
    assert (await stern.post(f"/v1/users/{subject}/disabling", headers=key())).status_code == 200
    assert (await token(stern, subject, "auditor")).status_code == 201
    again = await stern.post(f"/v1/users/{subject}/password", json={"password": PASSWORD}, headers=key())
    assert refused(again, "auditor", "registry")


async def test_elsewhere_they_meet_with_a_warning(client: httpx.AsyncClient, stern: httpx.AsyncClient) -> None:
    """A trial is one person with one token; production doesn't renew it."""
    made = await token(client, fresh(), "hospital", "finance", "auditor")
    assert made.status_code == 201
    assert "the roles hospital and finance meet in one subject" in SERVICE_LOG.read_text(encoding="utf-8")
    path = f"/v1/tokens/{made.json()['token_id']}/rotation"
    assert refused(await stern.post(path, json={"overlap_hours": 1}, headers=key()), "hospital", "finance")
    assert (await client.post(path, json={"overlap_hours": 1}, headers=key())).status_code == 201


async def test_two_at_once_do_not_meet_either(stern: httpx.AsyncClient) -> None:
    """Of two tokens that are issued at the same moment the second sees the first."""
    for _ in range(5):
        subject = fresh()
        both = await asyncio.gather(token(stern, subject, "hospital"), token(stern, subject, "finance"))
        assert sorted(one.status_code for one in both) == [201, 409]


async def test_the_database_refuses_them_too(database_url: str) -> None:
    """Whatever door issues a token or adds a user strictly."""
    connection = await asyncpg.connect(of_app(database_url))
    try:
        for statement in (
            "SELECT token_issue('x', $1, ARRAY['hospital', 'finance'], NULL, NULL, NULL, now(), 'x', 'x', true)",
            "SELECT user_add($1, 'x', ARRAY['auditor', 'admin'], NULL, NULL, NULL, 'x', 'x', true)",
        ):
            with pytest.raises(asyncpg.RestrictViolationError):
                await connection.execute(statement, fresh())
    finally:
        await connection.close()
