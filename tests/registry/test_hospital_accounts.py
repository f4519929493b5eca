"""The account to which a hospital's money goes: two people change it, and every change is kept."""

import secrets
from typing import Any

import asyncpg
import httpx
import pytest

from tests.conftest import TokenFactory
from tests.registry.test_hospitals import ACCOUNT, body, fresh, put
from tests.world import key

OTHER = {"bank_name": "工商银行", "account_name": "县人民医院", "account_number": "6222020200112233445"}


async def approved(client: httpx.AsyncClient, change_id: str, who: dict[str, str]) -> httpx.Response:
    """An attempt to approve a change."""
    return await client.post(f"/v1/bank-account-changes/{change_id}/approval", headers=who | key())


def shown(account: dict[str, str]) -> dict[str, str]:
    """An account as it is answered."""
    number = account["account_number"]
    return account | {"account_number": "*" * (len(number) - 4) + number[-4:]}


async def test_a_hospitals_account_changes_by_two_people(client: httpx.AsyncClient, token: TokenFactory) -> None:
    """That of a new hospital holds at once; a later change waits, and so does its removal, until another subject with
    the scope finance approves it. Without the member nothing changes."""
    path = f"/v1/hospitals/{fresh()}"
    asker = await token(subject=f"asker-{secrets.token_hex(4)}", scopes=["registry", "finance"])
    clerk, other = await token(scopes=["finance"]), await token(scopes=["finance"])
    made = await put(client, path, body(bank_account=ACCOUNT))
    assert (made["bank_account"], "bank_account_change" in made) == (shown(ACCOUNT), False)
    asked = await put(client, path, body(bank_account=OTHER), asker)
    change = asked["bank_account_change"]
    assert (asked["bank_account"], change["state"]) == (shown(ACCOUNT), "pending")
    assert await put(client, path, body()) == asked
    assert (await client.get(path)).json() == asked
    assert (await approved(client, change["change_id"], asker)).status_code == 403
    assert (await approved(client, change["change_id"], clerk)).json() == change | {"state": "approved"}
    assert (await approved(client, change["change_id"], other)).status_code == 409
    now = (await client.get(path)).json()
    assert (now["bank_account"], "bank_account_change" in now) == (shown(OTHER), False)
    removal = (await put(client, path, body(bank_account=None), asker))["bank_account_change"]
    assert (await client.get(path)).json()["bank_account"] == shown(OTHER)
    assert (await approved(client, removal["change_id"], clerk)).status_code == 200
    assert "bank_account" not in (await client.get(path)).json()


async def test_the_first_account_of_a_known_hospital_waits_too(client: httpx.AsyncClient, token: TokenFactory) -> None:
    """A later wish replaces one that waits; whoever doesn't reach the hospital finds no change."""
    path = f"/v1/hospitals/{fresh()}"
    await put(client, path, body())
    asker = await token(scopes=["registry"])
    first = (await put(client, path, body(bank_account=ACCOUNT), asker))["bank_account_change"]
    second = (await put(client, path, body(bank_account=OTHER), asker))["bank_account_change"]
    clerk = await token(scopes=["finance"])
    assert (await approved(client, first["change_id"], clerk)).status_code == 409
    elsewhere = await token(scopes=["finance"], area_code="532600")
    assert (await approved(client, second["change_id"], elsewhere)).status_code == 404
    assert (await approved(client, second["change_id"], clerk)).status_code == 200
    assert (await client.get(path)).json()["bank_account"] == shown(OTHER)


async def test_asking_for_the_account_that_holds_withdraws_a_change(
    client: httpx.AsyncClient, token: TokenFactory
) -> None:
    """Whoever puts back what holds withdraws the change that waits: nobody approves it any more."""
    path = f"/v1/hospitals/{fresh()}"
    await put(client, path, body(bank_account=ACCOUNT))
    asker = await token(scopes=["registry"])
    change = (await put(client, path, body(bank_account=OTHER), asker))["bank_account_change"]["change_id"]
    assert "bank_account_change" not in await put(client, path, body(bank_account=ACCOUNT), asker)
    assert (await approved(client, change, await token(scopes=["finance"]))).status_code == 409
    assert (await client.get(path)).json()["bank_account"] == shown(ACCOUNT)


async def test_the_database_lets_no_account_hold_without_two_people(client: httpx.AsyncClient, connection: Any) -> None:
    """An account of a hospital that exists isn't inserted as approved, and none is approved by who asked, or nobody;
    every change stays, with who asked and who approved."""
    code = fresh()
    await put(client, f"/v1/hospitals/{code}", body(bank_account=ACCOUNT))
    await put(client, f"/v1/hospitals/{code}", body(bank_account=OTHER))
    for statement in (
        "INSERT INTO hospital_account (hospital_code, state, subject, request_id) VALUES ($1, 'approved', 'x', 'x')",
        "UPDATE hospital_account SET state = 'approved' WHERE hospital_code = $1 AND state = 'pending'",
        "DELETE FROM hospital_account WHERE hospital_code = $1",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute(statement, code)
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(
            "UPDATE hospital_account SET state = 'approved', approved_by = subject WHERE hospital_code = $1"
            " AND state = 'pending'",
            code,
        )
    states = await connection.fetch("SELECT state FROM hospital_account WHERE hospital_code = $1 ORDER BY 1", code)
    assert [row["state"] for row in states] == ["approved", "pending"]
