"""Tokens: shown once, ended after a year, replaced by another, and no token is an administrator by its number."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from app.service.security import token_digest
from tests.conftest import ADMIN_TOKEN, TokenFactory, of_app
from tests.people import FIRST
from tests.world import key

HOSPITAL = {"scopes": ["hospital"]}


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


async def issued(client: httpx.AsyncClient, **wanted: Any) -> dict[str, Any]:
    body = {"subject": f"token-{secrets.token_hex(4)}", "scopes": ["auditor"]} | wanted
    answer = await client.post("/v1/tokens", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def row(connection: Any, token_id: str) -> Any:
    return await connection.fetchrow("SELECT * FROM token WHERE token_id = $1", int(token_id.removeprefix("tok_")))


async def test_a_tokens_text_is_answered_once_and_kept_nowhere(client: httpx.AsyncClient) -> None:
    """A repeated request is answered 201 with the same token_id and no text."""
    again, body = key(), {"subject": f"token-{secrets.token_hex(4)}", "scopes": ["auditor"]}
    first = await client.post("/v1/tokens", json=body, headers=again)
    second = await client.post("/v1/tokens", json=body, headers=again)
    assert second.status_code == 201
    assert second.headers["idempotency-replayed"] == "true"
    assert second.json() == {"token_id": first.json()["token_id"], "token": None}


@pytest.mark.parametrize("path", ["tokens", "users"])
async def test_nobody_is_let_to_what_there_is_not(client: httpx.AsyncClient, path: str) -> None:
    """Funds that there aren't are refused; places are taken, which may be registered afterwards. Commands look at them
    too."""
    who: dict[str, Any] = {"subject": "nowhere"} if path == "tokens" else {"name": "nowhere", "password": FIRST}
    who |= {"scopes": ["finance"]}
    wrong = {"hospital_code": "H53010299999", "area_code": "999900", "funds": ["390100", "390999"]}
    refused = await client.post(f"/v1/{path}", json=who | wrong, headers=key())
    found = [(error["pointer"], error["code"]) for error in refused.json()["errors"]]
    assert (refused.status_code, found) == (422, [("/funds/1", "not_in_list")])
    for number, area in enumerate(("530000", "530127", "532601")):
        mine = {name: f"{text}-{number}" for name, text in who.items() if name in ("subject", "name")}
        taken = await client.post(f"/v1/{path}", json=who | mine | {"area_code": area}, headers=key())
        assert taken.status_code == 201, taken.text


async def test_a_token_ends_after_a_year_of_real_time(client: httpx.AsyncClient, connection: Any) -> None:
    """Without an end asked for it is 365 days from now, not from the business clock."""
    found = await row(connection, (await issued(client))["token_id"])
    assert abs(found["expires_at"] - datetime.now(UTC) - timedelta(days=365)) < timedelta(minutes=5)


async def test_only_a_hospitals_token_has_no_end(client: httpx.AsyncClient, connection: Any) -> None:
    """Null is taken for the scope hospital alone."""
    found = await row(connection, (await issued(client, **HOSPITAL, expires_at=None))["token_id"])
    assert found["expires_at"] is None
    for scopes in (["finance"], ["hospital", "registry"]):
        body = {"subject": "x", "scopes": scopes, "expires_at": None}
        refused = await client.post("/v1/tokens", json=body, headers=key())
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == "/expires_at"
        assert refused.json()["errors"][0]["code"] == "token_needs_end"


async def test_a_token_shows_its_last_use(client: httpx.AsyncClient, connection: Any) -> None:
    """The first request with a token is noted."""
    made = await issued(client)
    assert (await row(connection, made["token_id"]))["last_used_at"] is None
    assert (await client.get("/v1/policies", headers=bearer(made["token"]))).status_code == 200
    assert (await row(connection, made["token_id"]))["last_used_at"] is not None


async def test_administrators_see_all_tokens(client: httpx.AsyncClient, token: TokenFactory) -> None:
    """Whose, what for, by whom, when used last and when they end, page by page; never a text or digest; an area's
    administrator sees none."""
    subject = f"token-{secrets.token_hex(4)}"
    made = [await issued(client, subject=subject, scopes=["registry"], area_code="530100") for _ in range(2)]
    await client.get("/v1/policies", headers=bearer(made[1]["token"]))
    await client.delete(f"/v1/tokens/{made[0]['token_id']}")
    first = (await client.get("/v1/tokens", params={"subject": subject.upper(), "limit": 1})).json()
    (used,) = first["data"]
    more = {"subject": subject, "limit": 1, "cursor": first["next_cursor"]}
    second = (await client.get("/v1/tokens", params=more)).json()
    (revoked,) = second["data"]
    assert [first["has_more"], second["has_more"]] == [True, False]
    assert [used["token_id"], revoked["token_id"]] == [made[1]["token_id"], made[0]["token_id"]]
    assert (used["scopes"], used["area_code"], used["issued_by"]) == (["registry"], "530100", "admin")
    assert (used["last_used_at"] is None, used["expires_at"] is None, used["revoked_at"]) == (False, False, None)
    assert (revoked["last_used_at"], revoked["revoked_at"] is None, revoked["revoked_by"]) == (None, False, "admin")
    assert not {"token", "digest"} & used.keys()
    for who in (await token(scopes=["admin"], area_code="530100"), await token(scopes=["auditor"])):
        assert (await client.get("/v1/tokens", headers=who)).status_code == 403


async def test_a_rotated_token_goes_on_for_the_overlap(client: httpx.AsyncClient, connection: Any) -> None:
    """Both work meanwhile; the new one has the former one's rights; the former one can't be rotated twice."""
    made = await issued(client, scopes=["registry"], area_code="530100")
    path = f"/v1/tokens/{made['token_id']}/rotation"
    again = key()
    first = await client.post(path, json={"overlap_hours": 24}, headers=again)
    assert first.status_code == 201, first.text
    assert first.json().keys() == {"token_id", "token", "expires_at", "former_until"}
    replayed = await client.post(path, json={"overlap_hours": 24}, headers=again)
    assert replayed.json() == first.json() | {"token": None}
    for text in (made["token"], first.json()["token"]):
        assert (await client.get("/v1/policies", headers=bearer(text))).status_code == 200
    former, new = await row(connection, made["token_id"]), await row(connection, first.json()["token_id"])
    for name in ("subject", "scopes", "hospital_code", "area_code", "funds"):
        assert former[name] == new[name]
    refused = await client.post(path, json={"overlap_hours": 24}, headers=key())
    assert (refused.status_code, refused.json()["code"]) == (409, "token_has_ended")


async def test_a_rotation_without_overlap_ends_the_former_at_once(client: httpx.AsyncClient) -> None:
    """Whoever holds a token may replace it; nobody else but an unrestricted administrator may."""
    made, other = await issued(client), await issued(client)
    path = f"/v1/tokens/{made['token_id']}/rotation"
    refused = await client.post(path, json={"overlap_hours": 0}, headers=key() | bearer(other["token"]))
    assert refused.status_code == 403
    assert (await client.get("/v1/policies", headers=bearer(made["token"]))).status_code == 200
    new = await client.post(path, json={"overlap_hours": 0}, headers=key() | bearer(made["token"]))
    assert new.status_code == 201, new.text
    assert (await client.get("/v1/settlements", headers=bearer(made["token"]))).status_code == 401
    assert (await client.get("/v1/settlements", headers=bearer(new.json()["token"]))).status_code == 200


async def test_the_environments_token_is_a_row_that_its_text_does_not_find(
    client: httpx.AsyncClient, connection: Any
) -> None:
    """What is stored of it needs the secret: whoever reads the database can't guess it."""
    assert (await client.get("/v1/policies")).status_code == 200
    found = await connection.fetchrow("SELECT * FROM token WHERE created_by = 'environment'")
    assert found["scopes"] == ["admin"]
    assert found["digest"] != token_digest(ADMIN_TOKEN)


async def test_no_number_makes_an_administrator(database_url: str) -> None:
    """A transaction that was opened without a token, as a hospital at the national door does, is not of finance."""
    connection = await asyncpg.connect(of_app(database_url))
    try:
        async with connection.transaction():
            opened = await connection.fetchrow(
                "SELECT * FROM request_open(0, 'nhsa:H1', 'r', 'hospital', 'H1', '', NULL, NULL, '0')"
            )
            assert opened["state"] == "new"
            for name in ("finance", "admin"):
                assert await connection.fetchval("SELECT current_setting($1)", f"onestop.{name}") == "false"
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(
                    "SELECT token_issue('x', 'x', ARRAY['admin'], NULL, NULL, NULL, now() + '1 day', 'x', 'x', false)"
                )
    finally:
        await connection.close()


async def test_a_token_can_only_be_issued_and_ended(database_url: str, token: TokenFactory) -> None:
    """The service's login can't write tokens, users' rights or sessions itself."""
    await token(scopes=["auditor"])
    connection = await asyncpg.connect(of_app(database_url))
    try:
        for statement in (
            "UPDATE token SET scopes = ARRAY['admin']",
            "UPDATE token SET revoked_at = NULL",
            "UPDATE token SET expires_at = NULL",
            "DELETE FROM token",
            "INSERT INTO token (digest, subject, scopes, created_by, request_id) VALUES ('x', 'x', '{}', 'x', 'x')",
            "UPDATE app_user SET scopes = ARRAY['admin']",
            "INSERT INTO app_user (name, password_hash, scopes, must_change, created_by, request_id)"
            " VALUES ('x', 'x', '{}', false, 'x', 'x')",
            "DELETE FROM app_user",
            "INSERT INTO user_session (digest, token_id, name) VALUES ('x', 1, 'x')",
            "UPDATE user_session SET token_id = 1",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()
